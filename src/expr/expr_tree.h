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
	int			offset;			/* in the expression's text */
} Argument;

typedef struct FilterUse
{
	const CnFilter *filter;
	int			offset;			/* of its name */
	int			nargs;
	Argument   *args;
	const void **prepared;		/* of literal arguments, NULL for paths; see cn_filter_prepare */
} FilterUse;

struct CnExpr
{
	Path		path;
	int			nfilters;
	FilterUse  *filters;
};

/* Text of the first nsteps steps of a path. */
extern char *cn_expr_path_text(const char *root, const PathStep *steps, int nsteps);

/*
 * A path below a value, as filters take it in an argument: "a.b[0]".  NULL and
 * *problem if it is none.
 */
extern Path *cn_expr_parse_relative(const char *text, int len, const char **problem);

/* Where it leads from value; NULL: nowhere. */
extern const CnJson *cn_expr_follow_relative(const CnJson *value, const Path *path);

/* May the byte stand in a key without quotes? */
extern bool cn_expr_is_key_byte(unsigned char byte);

/*
 * Read the string or number that begins at *pos, with a quote, a digit or
 * '-', and leave *pos behind it.  false and *error on failure.
 */
extern bool cn_expr_read_scalar(const char *text, int len, int *pos, const CnJson **value,
								CnExprError *error);

#endif							/* CN_EXPR_EXPR_TREE_H */
