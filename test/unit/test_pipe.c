/*
 * test_pipe.c -- filters behind a SQL/JSON path: the cases in cases/pipe.test.
 *
 * A case: the text; the value the path is taken to find; the path in brackets, and
 * behind it, if there are filters, "=>" and the value as JSON or "error OFFSET: message".
 */
#include "expr/expr_pipe.h"
#include "scope.h"
#include "tap.h"

static char *
filtered(const char *text, int pipe, const CnJson *value)
{
	CnScope		scope = test_scope(cn_json_string("of input", -1), 0);
	int64		budget = cn_scope_limit(&scope);
	CnExprError error;
	CnExpr	   *filters = cn_expr_parse_filters(text, strlen(text), pipe, &error);
	const CnJson *result = NULL;
	StringInfoData buf;

	if (filters != NULL)
		result = cn_expr_apply(filters, value, &scope, &budget, &error);
	if (result == NULL)
		return psprintf("%s %d: %s", filters == NULL ? "error" : "failed", error.offset, error.message);
	initStringInfo(&buf);
	cn_json_write(&buf, result);
	return buf.data;
}

static char *
run_case(const char *program, const char *input)
{
	int			len = strlen(program);
	int			pipe = cn_expr_pipe(program, len);
	char	   *path = pnstrdup(program, pipe);

	if (cn_expr_pipe_variable(program, pipe))
		path = psprintf("variable in %s", path);
	if (pipe == len)
		return psprintf("[%s]", path);
	return psprintf("[%s] => %s", path,
					filtered(program, pipe, cn_json_parse(input, strlen(input), NULL, NULL)));
}

static void
test_budget(void)
{
	CnScope		scope = test_scope(NULL, 0);
	int64		budget = 5;
	CnExprError error;
	CnExpr	   *filters = cn_expr_parse_filters("$|trim", 6, 1, &error);
	bool		right = cn_expr_apply(filters, cn_json_string("abc", 3), &scope, &budget, &error) != NULL &&
		budget == 2 &&
		cn_expr_apply(filters, cn_json_string("abc", 3), &scope, &budget, &error) == NULL &&
		error.limit;

	tap_ok(right, "filters take from the budget until it is used up");
}

int
main(void)
{
	tap_run_cases("cases/pipe.test", run_case);
	test_budget();
	return tap_done();
}
