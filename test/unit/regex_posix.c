/*
 * regex_posix.c -- core/regex.h by the C library, for programs outside the server.
 *
 * A stand-in: POSIX extended regular expressions in the locale C.UTF-8, with
 * "(?:" taken for a parenthesis that does not capture, and \d, \y and \Y
 * for what the server means by them.  Of escapes in a bracket expression it knows
 * those of punctuation; lookahead, lookbehind and many repetitions are refused.  What depends on
 * the server's engine is tested in the server.
 *
 * What the library allocated is freed with everything else, by shim_reset().
 */
#include "core/pure.h"

#include <ctype.h>
#include <locale.h>
#include <regex.h>

#include "core/chars.h"
#include "core/regex.h"

#include "shim.h"

/* Parentheses that are told apart. */
#define GROUPS_MAX 100

/* Product of all counts of repetitions: the library spells them out, and takes its time. */
#define REPEAT_MAX 1000

/* What the library made, in a list of all. */
typedef struct Compiled
{
	regex_t		re;
	struct Compiled *next;
} Compiled;

struct CnRegex
{
	Compiled   *compiled;
	int			groups;
	int			posix_group[GROUPS_MAX];	/* the library's number of each that captures */
};

static Compiled *all_compiled = NULL;

static const char *translate(const char *pattern, int len, CnRegex *regex, StringInfo out);
static void use_utf8(void);
static Compiled *compile_kept(const char *pattern, int cflags);
static void free_all(void);

CnRegex *
cn_regex_compile(const char *pattern, int len, int flags, const char **problem)
{
	CnRegex    *regex = palloc0(sizeof(CnRegex));
	StringInfoData posix;

	*problem = NULL;
	if (len > (flags & CN_REGEX_SPELLED_OUT ? CN_REGEX_MAX_SPELLED_OUT : CN_REGEX_MAX_PATTERN))
	{
		*problem = "regular expression is too long";
		return NULL;
	}
	initStringInfo(&posix);
	*problem = translate(pattern, len, regex, &posix);
	if (*problem != NULL)
		return NULL;
	use_utf8();
	regex->compiled = compile_kept(posix.data,
								   REG_EXTENDED | (flags & CN_REGEX_ICASE ? REG_ICASE : 0) |
								   (flags & CN_REGEX_NEWLINE ? REG_NEWLINE : 0));
	if (regex->compiled == NULL)
	{
		*problem = "invalid regular expression";
		return NULL;
	}
	return regex;
}

/* The pattern for regcomp; a problem, or NULL. */
static const char *
translate(const char *pattern, int len, CnRegex *regex, StringInfo out)
{
	int			parens = 0;
	int			bracket = -1;	/* where it began */
	int64		repeats = 1;

	for (int i = 0; i < len; i++)
	{
		char		c = pattern[i];
		char		next = i + 1 < len ? pattern[i + 1] : '\0';

		if (bracket >= 0)
		{
			if (c == ']' && i > bracket + 1 + (pattern[bracket + 1] == '^'))
				bracket = -1;
			if (c == '\\' && ispunct((unsigned char) next))
				appendStringInfo(out, "[.%c.]", pattern[++i]);
			else
				appendStringInfoChar(out, c);
			continue;
		}
		if (c == '[')
			bracket = i;
		if (c == '{' && (repeats *= Max(atoi(pattern + i + 1), 1)) > REPEAT_MAX)
			return "so many repetitions are the server's";
		if (c == ',' && (repeats *= Max(atoi(pattern + i + 1), 1)) > REPEAT_MAX)
			return "so many repetitions are the server's";
		if (c == '(')
		{
			if (++parens >= GROUPS_MAX)
				return "too many parentheses";
			if (next != '?')
				regex->posix_group[++regex->groups] = parens;
			else if (i + 2 < len && pattern[i + 2] == ':')
				i += 2;
			else
				return "lookahead is the server's";
		}
		if (c == '\\' && next == 'd')
			appendStringInfoString(out, "[0-9]"), i++;
		else if (c == '\\' && (next == 'y' || next == 'Y'))
			appendStringInfoString(out, next == 'y' ? "\\b" : "\\B"), i++;
		else if (c == '\\' && next >= '1' && next <= '9')
			return "back-references are the server's";
		else if (c == '\\' && next != '\0')
			appendBinaryStringInfo(out, pattern + i++, 2);
		else
			appendStringInfoChar(out, c);
	}
	return NULL;
}

static void
use_utf8(void)
{
	static bool done = false;

	if (!done)
		setlocale(LC_CTYPE, "C.UTF-8");
	done = true;
}

static Compiled *
compile_kept(const char *pattern, int cflags)
{
	Compiled   *compiled = malloc(sizeof(Compiled));

	if (compiled == NULL)
		abort();
	if (regcomp(&compiled->re, pattern, cflags) != 0)
	{
		free(compiled);
		return NULL;
	}
	compiled->next = all_compiled;
	all_compiled = compiled;
	shim_at_reset(free_all);
	return compiled;
}

static void
free_all(void)
{
	while (all_compiled != NULL)
	{
		Compiled   *next = all_compiled->next;

		regfree(&all_compiled->re);
		free(all_compiled);
		all_compiled = next;
	}
}

int
cn_regex_groups(const CnRegex *regex)
{
	return regex->groups;
}

bool
cn_regex_search(const CnRegex *regex, const char *text, int len, int start,
				CnRegexSpan *spans, int nspans, const char **problem)
{
	regmatch_t	matches[GROUPS_MAX + 1];
	int			code;

	*problem = NULL;
	matches[0].rm_so = start;
	matches[0].rm_eo = len;
	code = regexec(&regex->compiled->re, text, lengthof(matches), matches, REG_STARTEND);
	if (code != 0 && code != REG_NOMATCH)
		*problem = "text is too long for a regular expression";
	if (code != 0)
		return false;
	for (int i = 0; i < nspans; i++)
	{
		bool		there = i <= regex->groups;

		spans[i].start = there ? matches[regex->posix_group[i]].rm_so : -1;
		spans[i].end = there ? matches[regex->posix_group[i]].rm_eo : -1;
	}
	return true;
}
