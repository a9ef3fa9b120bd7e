/*
 * regex_literal.c -- core/regex.h without regular expressions, for fuzz targets.
 *
 * A pattern is the text it is to find, parentheses around parts of it capture
 * the whole match.  The C library's regcomp, which regex_posix.c uses, needs
 * unbounded time and memory for some patterns that mutation finds, and is not
 * what the targets are about.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1			/* memmem */
#endif

#include "core/pure.h"

#include "core/regex.h"

struct CnRegex
{
	char	   *text;
	int			len;
	int			groups;
};

CnRegex *
cn_regex_compile(const char *pattern, int len, int flags, const char **problem)
{
	CnRegex    *regex = palloc0(sizeof(CnRegex));
	int			depth = 0;

	*problem = NULL;
	regex->text = palloc(len + 1);
	for (int i = 0; i < len && depth >= 0; i++)
	{
		if (pattern[i] == '(')
			depth++, regex->groups++;
		else if (pattern[i] == ')')
			depth--;
		else
			regex->text[regex->len++] = pattern[i];
	}
	if (depth != 0 || len > CN_REGEX_MAX_PATTERN)
		*problem = "parentheses () not balanced";
	return *problem == NULL ? regex : NULL;
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
	const char *found = memmem(text + start, len - start, regex->text, regex->len);

	*problem = NULL;
	for (int i = 0; i < nspans && found != NULL; i++)
	{
		spans[i].start = i <= regex->groups ? found - text : -1;
		spans[i].end = i <= regex->groups ? found - text + regex->len : -1;
	}
	return found != NULL;
}
