/*
 * filters_regex.c -- filters by regular expression.  Pure.
 *
 * Patterns are compiled when the expression is, where they are literals
 * (CN_ARG_REGEX).
 */
#include "core/pure.h"

#include "core/json_build.h"
#include "core/regex.h"
#include "core/utf8.h"
#include "expr/filters.h"

/* The match and \1 to \9. */
#define SPANS 10

static bool search(CnFilterCall *call, const char *text, int len, int start, CnRegexSpan *spans,
				   bool *found);
static bool append_replacement(CnFilterCall *call, StringInfo out, const char *text,
							   const CnRegexSpan *spans);
static bool append(CnFilterCall *call, StringInfo out, const char *text, int len);

const CnJson *
cn_filter_regex_match(CnFilterCall *call)
{
	const char *text;
	int			len;
	bool		found;

	if (!cn_filter_text(call, &text, &len) || !search(call, text, len, 0, NULL, &found))
		return NULL;
	return cn_json_bool(found);
}

/* The first match, or one parenthesis of it; null if there is none. */
const CnJson *
cn_filter_regex_extract(CnFilterCall *call)
{
	const CnRegex *regex = (const CnRegex *) call->prepared[0];
	int			groups = cn_regex_groups(regex);
	int			group = cn_filter_int_arg(call, 1, groups > 0 ? 1 : 0);
	CnRegexSpan spans[SPANS];
	const char *text;
	int			len;
	bool		found;

	if (group > Min(groups, SPANS - 1))
		return cn_filter_fail(call, "argument 2 is beyond the parentheses of the pattern");
	if (!cn_filter_text(call, &text, &len) || !search(call, text, len, 0, spans, &found))
		return NULL;
	if (!found || spans[group].start < 0)
		return cn_json_null();
	return cn_filter_string(call, text + spans[group].start, spans[group].end - spans[group].start);
}

/* Every match, empty ones too, as the server's regexp_replace does with the flag g. */
const CnJson *
cn_filter_regex_replace(CnFilterCall *call)
{
	CnRegexSpan spans[SPANS];
	const char *text;
	int			len;
	int			pos = 0;		/* where to look */
	int			copied = 0;		/* what is in out already */
	bool		found;
	StringInfoData buf;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	initStringInfo(&buf);
	while (pos <= len)
	{
		if (!search(call, text, len, pos, spans, &found))
			return NULL;
		if (!found)
			break;
		if (!append(call, &buf, text + copied, spans[0].start - copied) ||
			!append_replacement(call, &buf, text, spans))
			return NULL;
		copied = pos = spans[0].end;
		/* behind an empty match the next character stays as it is */
		if (spans[0].end == spans[0].start)
			pos += pos < len ? cn_utf8_width((unsigned char) text[pos]) : 1;
	}
	if (!append(call, &buf, text + copied, len - copied))
		return NULL;
	return cn_filter_finished(&buf);
}

static bool
search(CnFilterCall *call, const char *text, int len, int start, CnRegexSpan *spans, bool *found)
{
	const CnRegex *regex = (const CnRegex *) call->prepared[0];
	int			count = spans == NULL ? 0 : Min(cn_regex_groups(regex) + 1, SPANS);
	const char *problem;
	int			i;

	for (i = 0; spans != NULL && i < SPANS; i++)
		spans[i].start = spans[i].end = -1;
	*found = cn_regex_search(regex, text, len, start, spans, count, &problem);
	if (problem == NULL)
		return true;
	cn_filter_fail(call, "%s", problem);
	return false;
}

/* Argument 2, where \1 to \9 stand for parentheses, \& for the match and \\ for a backslash. */
static bool
append_replacement(CnFilterCall *call, StringInfo out, const char *text, const CnRegexSpan *spans)
{
	int			len;
	const char *p = cn_filter_text_arg(call, 1, &len);
	const char *end = p + len;

	while (p < end)
	{
		const char *plain = p;

		while (p < end && *p != '\\')
			p++;
		if (!append(call, out, plain, p - plain))
			return false;
		if (p == end)
			break;
		p++;
		if (p < end && (*p == '&' || (*p >= '1' && *p <= '9')))
		{
			const CnRegexSpan *part = &spans[*p == '&' ? 0 : *p - '0'];

			p++;
			if (part->start >= 0 &&
				!append(call, out, text + part->start, part->end - part->start))
				return false;
			continue;
		}
		if (p < end && *p == '\\')
			p++;
		if (!append(call, out, "\\", 1))
			return false;
	}
	return true;
}

static bool
append(CnFilterCall *call, StringInfo out, const char *text, int len)
{
	if (!cn_filter_charge(call, len))
		return false;
	appendBinaryStringInfo(out, text, len);
	return true;
}
