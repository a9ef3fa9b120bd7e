/*
 * pattern.h -- ECMA-262 regular expressions as the server writes them.  Pure.
 */
#ifndef CN_SCHEMA_PATTERN_H
#define CN_SCHEMA_PATTERN_H

#include "core/pure.h"

typedef enum CnPatternKind
{
	CN_PATTERN_OK,
	CN_PATTERN_INVALID,			/* not ECMA-262 */
	CN_PATTERN_INEXPRESSIBLE	/* ECMA-262, but nothing the server has means the same */
} CnPatternKind;

/*
 * Append to out what cn_regex_compile wants.  *problem (lower case, no full
 * stop) is set unless the result is CN_PATTERN_OK.  Only whether the result
 * matches is the same as for the pattern, not where, nor what its parentheses
 * hold.  Never throws.
 */
extern CnPatternKind cn_pattern_translate(const char *pattern, int len, StringInfo out,
										  const char **problem);

#endif							/* CN_SCHEMA_PATTERN_H */
