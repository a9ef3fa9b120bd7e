/*
 * test_regex.c -- the stand-in for core/regex.c keeps the promises of core/regex.h.
 */
#include "core/regex.h"

#include "tap.h"

/* The spans of the first match behind start, "a-b a-b"; "no", or the problem. */
static const char *
spans(const char *pattern, int flags, const char *text, int start)
{
	const char *problem;
	CnRegex    *regex = cn_regex_compile(pattern, strlen(pattern), flags, &problem);
	CnRegexSpan found[3];
	StringInfoData out;

	if (regex == NULL)
		return problem;
	if (!cn_regex_search(regex, text, strlen(text), start, found, lengthof(found), &problem))
		return problem != NULL ? problem : "no";
	initStringInfo(&out);
	for (int i = 0; i <= cn_regex_groups(regex); i++)
		appendStringInfo(&out, "%s%d-%d", i > 0 ? " " : "", found[i].start, found[i].end);
	return out.data;
}

static const struct
{
	const char *pattern;
	int			flags;
	const char *text;
	int			start;
	const char *spans;
}			cases[] = {
	{"(", 0, "", 0, "invalid regular expression"},
	{"a(?=b)", 0, "ab", 0, "lookahead is the server's"},
	{"(a)\\1", 0, "aa", 0, "back-references are the server's"},
	{"b", 0, "aaa", 0, "no"},
	{"a", 0, "abc", 1, "no"},
	{"^b", 0, "abc", 1, "no"},
	{"^b", 0, "a\nb", 2, "no"},
	{"^b", CN_REGEX_NEWLINE, "a\nb", 0, "2-3"},
	{"a.b", 0, "a\nb", 0, "0-3"},
	{"a.b", CN_REGEX_NEWLINE, "a\nb", 0, "no"},
	{"A", CN_REGEX_ICASE, "a", 0, "0-1"},
	{"", 0, "", 0, "0-0"},
	{"a", 0, "banana", 2, "3-4"},
	{"(a)|(b)", 0, "b", 0, "0-1 -1--1 0-1"},
	{"(?:x(y))+", 0, "xyxy", 0, "0-4 3-4"},
	{"[(](.)", 0, "\xc3\xa9(\xc3\xa9", 0, "2-5 3-5"},
	{"\\d+", 0, "ab123", 0, "2-5"},
};

int
main(void)
{
	const char *problem;
	char	   *longest = palloc(CN_REGEX_MAX_PATTERN + 2);

	memset(longest, 'a', CN_REGEX_MAX_PATTERN + 1);
	tap_ok(cn_regex_compile(longest, CN_REGEX_MAX_PATTERN + 1, 0, &problem) == NULL &&
		   problem != NULL, "a pattern over the limit");
	for (int i = 0; i < lengthof(cases); i++)
		tap_is(spans(cases[i].pattern, cases[i].flags, cases[i].text, cases[i].start),
			   cases[i].spans, "%s", cases[i].pattern);
	return tap_done();
}
