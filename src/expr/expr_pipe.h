/*
 * expr_pipe.h -- "path | filter | filter(argument)": filters behind a SQL/JSON path.  Pure.
 *
 * A path has its own grammar, in which '|' occurs, too.  These functions find
 * where the path ends, and treat what follows as filters of expr.h: the same
 * names, arguments and limits.
 */
#ifndef CN_EXPR_EXPR_PIPE_H
#define CN_EXPR_EXPR_PIPE_H

#include "expr/expr.h"

/* The name of the piped value where expr.h has the reference; messages show it. */
#define CN_PIPE_ROOT "$value"

/*
 * Offset of the '|' that begins the filters, or len if there are none: the
 * first single one outside of strings, comments, brackets, parentheses and
 * escapes of the SQL/JSON path before it.
 */
extern int	cn_expr_pipe(const char *text, int len);

/* Does the path refer to a variable ("$name")?  "$" alone is none. */
extern bool cn_expr_pipe_variable(const char *path, int len);

/*
 * Compile the filters of text[offset..len), where text[offset] is '|'.  NULL and
 * *error on failure; its offset counts from text.  cn_expr_each_path visits
 * CN_PIPE_ROOT first and then the paths among the arguments.
 */
extern CnExpr *cn_expr_parse_filters(const char *text, int len, int offset, CnExprError *error);

/*
 * Apply such filters to value; arguments are read from scope.  Otherwise as
 * cn_expr_eval_within, but error->offset is 0.
 */
extern const CnJson *cn_expr_apply(const CnExpr *filters, const CnJson *value,
								   const CnScope *scope, int64 *budget, CnExprError *error);

#endif							/* CN_EXPR_EXPR_PIPE_H */
