/*
 * pattern_parser.h -- what pattern.c and pattern_chars.c share.  Pure; for them only.
 */
#ifndef CN_SCHEMA_PATTERN_PARSER_H
#define CN_SCHEMA_PATTERN_PARSER_H

#include "schema/charset.h"
#include "schema/pattern.h"

typedef enum PatternGroupState
{
	GROUP_AHEAD,				/* not closed yet: a reference to it is empty */
	GROUP_SET,					/* has matched whenever we get here */
	GROUP_MAYBE					/* in another branch, or repeated perhaps no times */
} PatternGroupState;

typedef struct PatternGroup
{
	const char *name;			/* NULL: has none */
	int			name_len;
	bool		referenced;
	int			number;			/* in what is written; 0: does not capture */
	PatternGroupState state;
} PatternGroup;

/*
 * The functions that parse take what stands at p, move p behind it and return
 * true; or they set kind and problem and return false.
 */
typedef struct PatternParser
{
	const char *p;
	const char *end;
	StringInfo	out;
	PatternGroup *groups;		/* [0] is unused */
	int			ngroups;
	int			opened;			/* groups met so far, in the second pass */
	int			numbered;		/* of them, those that capture in what is written */
	int			depth;
	int			lookarounds;	/* open ones */
	CnPatternKind kind;
	const char *problem;
} PatternParser;

static inline bool
pattern_invalid(PatternParser *s, const char *problem)
{
	s->kind = CN_PATTERN_INVALID;
	s->problem = problem;
	return false;
}

static inline bool
pattern_inexpressible(PatternParser *s, const char *problem)
{
	s->kind = CN_PATTERN_INEXPRESSIBLE;
	s->problem = problem;
	return false;
}

static inline bool
pattern_looking_at(const PatternParser *s, const char *text)
{
	int			len = strlen(text);

	return s->end - s->p >= len && memcmp(s->p, text, len) == 0;
}

static inline bool
pattern_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- pattern_chars.c ---- */

/* Behind a backslash: one character. */
extern bool pattern_char_escape(PatternParser *s, bool in_class, uint32 *code);

/* Behind a backslash: *found, and set has the class, if it is one; else nothing is taken. */
extern bool pattern_class_escape(PatternParser *s, CnCharset *set, bool *found);

/* At a bracket expression, which is written to out. */
extern bool pattern_bracket(PatternParser *s);

#endif							/* CN_SCHEMA_PATTERN_PARSER_H */
