/*
 * regex.h -- regular expressions, for modules that compile outside the server.  Pure.
 *
 * Inside the server these are the server's own advanced regular expressions
 * (core/regex.c): its limits on size hold, and a long match or compilation ends
 * when the query is cancelled.  Outside, tests link test/unit/regex_posix.c.
 *
 * Text is UTF-8; offsets and lengths are bytes of it.
 */
#ifndef CN_CORE_REGEX_H
#define CN_CORE_REGEX_H

#include "core/pure.h"

/* Bytes of a pattern; more is an error. */
#define CN_REGEX_MAX_PATTERN 8192

/* The same for CN_REGEX_SPELLED_OUT: \p{L} as a set of characters is 5 kB. */
#define CN_REGEX_MAX_SPELLED_OUT 65536

/* Flags of cn_regex_compile. */
#define CN_REGEX_ICASE 0x01			/* letters match both cases */
#define CN_REGEX_NEWLINE 0x02		/* '.' does not match a line feed; ^ and $ match at lines */
#define CN_REGEX_SPELLED_OUT 0x08	/* our own code wrote the pattern, and may write a longer one */
#define CN_REGEX_UNICODE_CLASSES 0x04	/* \w, \d, [[:alpha:]] know all of Unicode, not just ASCII */

typedef struct CnRegex CnRegex;

/* A match or a parenthesis' part of it; start -1: it took no part. */
typedef struct CnRegexSpan
{
	int			start;
	int			end;			/* behind the last byte */
} CnRegexSpan;

/*
 * Compile pattern in the current context, with which it is freed.  NULL and
 * *problem (lower case, no full stop) if it is not a regular expression.
 */
extern CnRegex *cn_regex_compile(const char *pattern, int len, int flags, const char **problem);

/* Parentheses that capture. */
extern int	cn_regex_groups(const CnRegex *regex);

/*
 * The leftmost match at or behind byte start: true, and spans[0] is the match,
 * spans[i] the i-th parenthesis (as many as nspans; may be NULL with 0).
 * *problem is set, and false returned, if the matcher gave up; else it is NULL.
 */
extern bool cn_regex_search(const CnRegex *regex, const char *text, int len, int start,
							CnRegexSpan *spans, int nspans, const char **problem);

#endif							/* CN_CORE_REGEX_H */
