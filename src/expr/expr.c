/*
 * expr.c -- evaluating expressions.  Pure.
 *
 * A CnExpr is immutable and may be evaluated any number of times; the value it
 * gives may share parts with the scope's and with literals of the expression.
 *
 * One evaluation has one budget of bytes, CnScope.output_limit.  It stands in
 * the CnFilterCall that goes from filter to filter; each takes from it what it
 * is about to allocate.
 */
#include "core/pure.h"

#include "expr/expr_tree.h"
#include "expr/filters.h"

static const CnJson *follow(const Path *path, const CnScope *scope, CnExprError *error);
static const CnJson *take_step(const CnJson *value, const PathStep *step);
static const CnJson *missing(const Path *path, int reached, const CnJson *value,
							 CnExprError *error);
static const CnJson *apply(const CnExpr *expr, const FilterUse *use, const CnScope *scope,
						   CnFilterCall *call);
static bool evaluate_arguments(const FilterUse *use, const CnScope *scope, CnFilterCall *call);

const char *
cn_expr_root(const CnExpr *expr)
{
	return expr->path.root;
}

const char *
cn_expr_path(const CnExpr *expr)
{
	return expr->path.text;
}

int
cn_expr_filter_count(const CnExpr *expr)
{
	return expr->nfilters;
}

const char *
cn_expr_filter_name(const CnExpr *expr, int i)
{
	return expr->filters[i].filter->name;
}

void
cn_expr_each_path(const CnExpr *expr,
				  void (*fn) (void *arg, const char *path, const char *root), void *arg)
{
	int			i;
	int			j;

	fn(arg, expr->path.text, expr->path.root);
	for (i = 0; i < expr->nfilters; i++)
	{
		for (j = 0; j < expr->filters[i].nargs; j++)
		{
			const Argument *a = &expr->filters[i].args[j];

			if (a->literal == NULL)
				fn(arg, a->path.text, a->path.root);
		}
	}
}

char *
cn_expr_path_text(const char *root, const PathStep *steps, int nsteps)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	appendStringInfoString(&buf, root);
	for (i = 0; i < nsteps; i++)
	{
		const char *key = steps[i].key;

		if (key == NULL)
		{
			appendStringInfo(&buf, "[%d]", steps[i].index);
			continue;
		}
		while (cn_expr_is_key_byte((unsigned char) *key))
			key++;
		if (*key == '\0' && key != steps[i].key)
			appendStringInfo(&buf, ".%s", steps[i].key);
		else
		{
			appendStringInfoChar(&buf, '[');
			cn_json_write_string(&buf, steps[i].key, -1);
			appendStringInfoChar(&buf, ']');
		}
	}
	return buf.data;
}

int64
cn_scope_limit(const CnScope *scope)
{
	if (scope->output_limit <= 0)
		return CN_OUTPUT_LIMIT_DEFAULT;
	return Min(scope->output_limit, CN_OUTPUT_LIMIT_MAX);
}

/*
 * cn_expr_eval -- value of the expression.
 *
 * Returns NULL and *error on failure; see expr.h.
 *
 * A missing value passes along the chain as NULL as long as default() follows;
 * a default() whose own argument is missing may be followed by another one.
 */
const CnJson *
cn_expr_eval(const CnExpr *expr, const CnScope *scope, CnExprError *error)
{
	int64		budget = cn_scope_limit(scope);

	return cn_expr_eval_within(expr, scope, &budget, error);
}

const CnJson *
cn_expr_eval_within(const CnExpr *expr, const CnScope *scope, int64 *budget, CnExprError *error)
{
	int64		limit = Min(cn_scope_limit(scope), *budget);
	CnFilterCall call = {0};
	int			i;

	memset(error, 0, sizeof(*error));
	call.output_limit = limit;
	call.error = error;
	call.value = follow(&expr->path, scope, error);
	for (i = 0; i < expr->nfilters; i++)
	{
		const FilterUse *use = &expr->filters[i];

		if (call.value == NULL && !(error->missing && (use->filter->flags & CN_FALLBACK)))
			break;
		if (call.value != NULL && cn_filter_passes_by(use->filter, call.value))
			continue;
		call.value = apply(expr, use, scope, &call);
	}
	*budget -= limit - call.output_limit;
	return call.value;
}

static const CnJson *
follow(const Path *path, const CnScope *scope, CnExprError *error)
{
	const CnJson *value = scope->root(scope->arg, path->root);
	int			i;

	if (value == NULL)
		return missing(path, 0, NULL, error);
	for (i = 0; i < path->nsteps; i++)
	{
		const CnJson *next = take_step(value, &path->steps[i]);

		if (next == NULL)
			return missing(path, i, value, error);
		value = next;
	}
	return value;
}

const CnJson *
cn_expr_follow_relative(const CnJson *value, const Path *path)
{
	int			i;

	for (i = 0; i < path->nsteps && value != NULL; i++)
		value = take_step(value, &path->steps[i]);
	return value;
}

static const CnJson *
take_step(const CnJson *value, const PathStep *step)
{
	if (step->key != NULL)
		return cn_json_get(value, step->key);
	if (value->type != CN_JSON_ARRAY || step->index >= value->len)
		return NULL;
	return value->u.items[step->index];
}

/*
 * missing -- report that a path leads nowhere.
 *
 * reached: steps that led to value, which has no next one; value NULL: no root
 *
 * Returns NULL.
 */
static const CnJson *
missing(const Path *path, int reached, const CnJson *value, CnExprError *error)
{
	char	   *where = cn_expr_path_text(path->root, path->steps, reached);

	error->offset = path->offset;
	error->missing = true;
	if (value == NULL)
		error->message = psprintf("%s is missing: there is no %s", path->text, path->root);
	else if (value->type == CN_JSON_ARRAY && path->steps[reached].key == NULL)
		error->message = psprintf("%s is missing: %s has %d element%s", path->text, where,
								  value->len, value->len == 1 ? "" : "s");
	else if (value->type == CN_JSON_OBJECT && path->steps[reached].key != NULL)
		error->message = psprintf("%s is missing", path->text);
	else
		error->message = psprintf("%s is missing: %s is %s", path->text, where,
								  cn_json_type_phrase(value->type));
	return NULL;
}

/* Run one filter on call->value; adds to its message what it was applied to. */
static const CnJson *
apply(const CnExpr *expr, const FilterUse *use, const CnScope *scope, CnFilterCall *call)
{
	const CnJson *args[CN_FILTER_ARGS_MAX];
	const void *prepared[CN_FILTER_ARGS_MAX];
	const CnJson *result = NULL;

	memset(call->error, 0, sizeof(*call->error));
	call->args = args;
	call->prepared = prepared;
	call->nargs = use->nargs;
	call->missing_arg = -1;
	if (!evaluate_arguments(use, scope, call))
		return NULL;
	if (cn_filter_prepare_call(use->filter, call))
		result = use->filter->fn(call);
	if (result == NULL && call->missing_arg >= 0)
		return follow(&use->args[call->missing_arg].path, scope, call->error);
	if (result == NULL)
	{
		call->error->offset = use->offset;
		call->error->message = psprintf("%s | %s: %s", expr->path.text, use->filter->name,
										call->error->message);
	}
	return result;
}

static bool
evaluate_arguments(const FilterUse *use, const CnScope *scope, CnFilterCall *call)
{
	int			i;

	for (i = 0; i < use->nargs; i++)
	{
		const CnJson *value = use->args[i].literal;

		if (value == NULL)
			value = follow(&use->args[i].path, scope, call->error);
		if (value == NULL)
		{
			if (!(use->filter->flags & CN_MISSING_ARGS))
				return false;
			memset(call->error, 0, sizeof(*call->error));
		}
		call->args[i] = value;
		call->prepared[i] = use->prepared[i];
	}
	return true;
}

/*
 * cn_expr_text -- a value as it appears in text.
 *
 * Strings are not copied; an array or object is written out, so ask
 * cn_json_size first where the length matters.
 */
const char *
cn_expr_text(const CnJson *value, int *len)
{
	StringInfoData buf;

	switch (value->type)
	{
		case CN_JSON_NULL:
			*len = 0;
			return "";
		case CN_JSON_BOOL:
			*len = value->boolean ? 4 : 5;
			return value->boolean ? "true" : "false";
		case CN_JSON_NUMBER:
		case CN_JSON_STRING:
			*len = value->len;
			return value->u.text;
		default:
			initStringInfo(&buf);
			cn_json_write(&buf, value);
			*len = buf.len;
			return buf.data;
	}
}
