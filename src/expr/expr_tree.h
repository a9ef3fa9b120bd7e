/*
 * expr_tree.h -- a parsed expression, between expr_parse.c and expr.c.  Pure.
 */
#ifndef CN_EXPR_EXPR_TREE_H
#define CN_EXPR_EXPR_TREE_H

#include "expr/expr.h"

typedef struct PathStep
{
	const char *key;			/* NULL: index counts */
	int			index;
} PathStep;

typedef struct Path
{
	const char *root;
	const char *text;			/* canonical: input.a["odd key"][0] */
	int			offset;			/* of the root, in the expression's text */
	int			nsteps;
	PathStep   *steps;
} Path;

typedef struct Argument
{
	const CnJson *literal;		/* NULL: path counts */
	Path		path;
} Argument;

typedef struct FilterUse
{
	const CnFilter *filter;
	int			offset;			/* of its name */
	int			nargs;
	Argument   *args;
} FilterUse;

struct CnExpr
{
	Path		path;
	int			nfilters;
	FilterUse  *filters;
};

/* Text of the first nsteps steps of a path. */
extern char *cn_expr_path_text(const char *root, const PathStep *steps, int nsteps);

/* May the byte stand in a key without quotes? */
extern bool cn_expr_is_key_byte(unsigned char byte);

/*
 * Read the string or number that begins at *pos, with a quote, a digit or
 * '-', and leave *pos behind it.  false and *error on failure.
 */
extern bool cn_expr_read_scalar(const char *text, int len, int *pos, const CnJson **value,
								CnExprError *error);

#endif							/* CN_EXPR_EXPR_TREE_H */
