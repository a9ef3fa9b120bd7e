/*
 * expr.h -- what stands inside {{...}}: a reference and its filters.  Pure.
 *
 *   expression := path ( '|' filter [ '(' argument ( ',' argument )* ')' ] )*
 *   path       := name ( '.' key | '[' index ']' | '[' "quoted key" ']' )*
 *   argument   := JSON value (strings in double or single quotes) or a path
 *
 * name is a root of the scope (input, workspace, execution, now); key is
 * letters, digits, '_', '-', '$', or any UTF-8 byte; index is a non-negative
 * integer.  White space around tokens is free.
 */
#ifndef CN_EXPR_EXPR_H
#define CN_EXPR_EXPR_H

#include "core/json.h"

typedef struct CnExpr CnExpr;

/* Where an expression is wrong, or why it gave no value. */
typedef struct CnExprError
{
	int			offset;			/* bytes into the text given to the parser */
	bool		missing;		/* evaluation: the reference leads to nothing */
	bool		limit;			/* evaluation: output_limit was reached */
	char	   *message;		/* lower case, no full stop; names path or filter */
} CnExprError;

/*
 * The values an expression may read.  root gives the value of a first name,
 * or NULL if it has none now; what it returns outlives the evaluation.
 * output_limit: bytes one evaluation may produce in all; more is an error
 * (0: CN_OUTPUT_LIMIT_DEFAULT; never more than CN_OUTPUT_LIMIT_MAX).
 */
#define CN_OUTPUT_LIMIT_DEFAULT (INT64CONST(64) * 1024 * 1024)
/* jsonb holds no longer string, and a StringInfo with that much to add has room still. */
#define CN_OUTPUT_LIMIT_MAX (INT64CONST(256) * 1024 * 1024)

typedef struct CnScope
{
	const CnJson *(*root) (void *arg, const char *name);
	void	   *arg;
	int64		output_limit;
} CnScope;

/* scope->output_limit with default and maximum applied. */
extern int64 cn_scope_limit(const CnScope *scope);

/* NULL and *error on failure; unknown filters and wrong argument counts are failures. */
extern CnExpr *cn_expr_parse(const char *text, int len, CnExprError *error);

/*
 * Offset of the "}}" that closes the expression beginning at start, or -1.
 * "}}" inside a quoted string does not count, nor does one of which the first
 * half closes an object among the arguments.  If strings or braces do not match,
 * the first "}}" does, and cn_expr_parse will say what is wrong.
 */
extern int	cn_expr_end(const char *text, int len, int start);

/* First name of the reference ("input"); its whole text ("input.a.b"); filters behind it. */
extern const char *cn_expr_root(const CnExpr *expr);
extern const char *cn_expr_path(const CnExpr *expr);
extern int	cn_expr_filter_count(const CnExpr *expr);

/* Name of the i-th filter; for checks that allow only some. */
extern const char *cn_expr_filter_name(const CnExpr *expr, int i);

/*
 * Calls fn(arg, path text, root name) for the reference and for each path
 * among the filters' arguments.
 */
extern void cn_expr_each_path(const CnExpr *expr,
							  void (*fn) (void *arg, const char *path, const char *root), void *arg);

/*
 * Value of the expression, or NULL and *error.  A reference that leads
 * nowhere is an error (missing = true) unless the first filter is default() or
 * coalesce(); a filter applied to null gives null, except for those whose
 * table row says they take null.
 */
extern const CnJson *cn_expr_eval(const CnExpr *expr, const CnScope *scope, CnExprError *error);

/*
 * The same for one of several expressions that have a budget together: what
 * its filters allocate is taken from *budget as well, and bounded by it.
 */
extern const CnJson *cn_expr_eval_within(const CnExpr *expr, const CnScope *scope, int64 *budget,
										 CnExprError *error);

/*
 * A scalar as text (string as is, number literal, true/false, null as "");
 * an array or object as compact JSON.  Does not copy strings.
 */
extern const char *cn_expr_text(const CnJson *value, int *len);

/* ---- the filter library: one table for engine, documentation and catalog view ---- */

typedef struct CnFilterCall
{
	const CnJson *value;		/* what the filter is applied to */
	const CnJson **args;		/* NULL where a missing argument is let through */
	const void **prepared;		/* what the arguments' kinds make of them, see filters.h */
	int			nargs;
	int			missing_arg;	/* set by a filter that fails for want of it; else -1 */
	int64		output_limit;	/* bytes left; filters take theirs with cn_filter_charge */
	CnExprError *error;			/* the filter fills message and returns NULL */
} CnFilterCall;

typedef const CnJson *(*CnFilterFn) (CnFilterCall *call);

/* What an argument has to be.  Literals are judged when the expression is parsed. */
typedef enum CnArgKind
{
	CN_ARG_ANY,
	CN_ARG_TEXT,
	CN_ARG_SEARCH,				/* text that is not empty */
	CN_ARG_INT,
	CN_ARG_COUNT,				/* a whole number, not negative */
	CN_ARG_NUMBER,				/* a number, or text that is one */
	CN_ARG_LIST,
	CN_ARG_OBJECT,
	CN_ARG_NAMES,				/* an object of texts */
	CN_ARG_PATH,				/* a path below the value, as text, or an index */
	CN_ARG_REGEX,
	CN_ARG_FILTER,				/* the name of a filter, whose arguments follow; a literal */
	CN_ARG_DATE,
	CN_ARG_DATE_PATTERN,
	CN_ARG_READ_PATTERN,
	CN_ARG_ZONE,
	CN_ARG_INTERVAL,
	CN_ARG_UNIT,
	CN_ARG_DIGEST,
	CN_ARG_ENCODING,
	CN_ARG_CAST,
	CN_ARG_ORDER,
	CN_ARG_COUNTRY
} CnArgKind;

/* Arguments behind the last kind are of that kind. */
#define CN_ARG_KINDS 4

/* CnFilter.flags */
#define CN_TAKES_NULL 0x01		/* is called for null, too */
#define CN_FALLBACK 0x02		/* is called for null and for nothing only */
#define CN_MISSING_ARGS 0x04	/* an argument may lead nowhere */

typedef struct CnFilter
{
	const char *name;
	const char *category;		/* general, text, number, ... as the documentation is divided */
	const char *arguments;		/* for the documentation: "pattern, replacement"; [optional] */
	int			min_args;
	int			max_args;
	CnArgKind	kinds[CN_ARG_KINDS];
	int			flags;
	CnFilterFn	fn;
	const char *doc;			/* one sentence */
	const char *example;		/* "{{input.name | trim}}" */
	const char *example_input;	/* JSON: the input it is evaluated with */
	const char *example_output; /* JSON: what it gives */
} CnFilter;

extern const CnFilter *cn_filter_find(const char *name, int len);
extern const CnFilter *cn_filter_table(int *count);

#endif							/* CN_EXPR_EXPR_H */
