/*
 * fuzz_expr.c -- src/expr: the parser, and every filter on every type.
 *
 * Up to the first line end the input is an expression, behind it the JSON
 * document that is its "input" (null if it is none).
 */
#include "fuzz.h"
#include "shim.h"

/* Small enough to be reached, large enough for filters to work. */
#define LIMIT 10000

static void
count_path(void *arg, const char *path, const char *root)
{
	require(strncmp(path, root, strlen(root)) == 0);
	(*(int *) arg)++;
}

/* The canonical text of a path is an expression for the same path. */
static void
check_parsed(const CnExpr *expr)
{
	const char *path = cn_expr_path(expr);
	CnExprError error;
	CnExpr	   *again = cn_expr_parse(path, strlen(path), &error);
	int			count = 0;
	int			i;

	require(again != NULL && strcmp(cn_expr_path(again), path) == 0);
	require(cn_expr_filter_count(again) == 0);
	cn_expr_each_path(expr, count_path, &count);
	require(count >= 1);
	for (i = 0; i < cn_expr_filter_count(expr); i++)
	{
		const char *name = cn_expr_filter_name(expr, i);

		require(cn_filter_find(name, strlen(name)) != NULL);
	}
}

/* What filters make is JSON a jsonb can hold, and within the limit if it was made. */
static void
check_value(const CnExpr *expr, const CnJson *value)
{
	StringInfoData buf;
	CnJsonLimits limits = {CN_JSON_DEPTH_MAX, 0};
	const char *text;
	int			len;

	initStringInfo(&buf);
	cn_json_write(&buf, value);
	require(cn_json_check(buf.data, buf.len, &limits, NULL));
	text = cn_expr_text(value, &len);
	require(cn_utf8_valid(text, len, NULL));
	if (cn_expr_filter_count(expr) > 0 && value->type == CN_JSON_STRING)
	{
		const char *last = cn_expr_filter_name(expr, cn_expr_filter_count(expr) - 1);

		if (strcmp(last, "default") != 0 && strcmp(last, "first") != 0 && strcmp(last, "last") != 0)
			require(value->len <= LIMIT);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line_end = memchr(data, '\n', size);
	int			len = line_end == NULL ? (int) size : (int) (line_end - data);
	CnJson	   *input = NULL;
	CnExprError error;
	CnExpr	   *expr;

	if (line_end != NULL)
		input = cn_json_parse((const char *) line_end + 1, size - len - 1, NULL, NULL);
	if (input == NULL)
		input = cn_json_null();
	expr = cn_expr_parse(fuzz_copy(data, len), len, &error);
	if (expr == NULL)
		require(error.message != NULL && error.offset >= 0 && error.offset <= len);
	else
	{
		CnScope		scope = fuzz_scope(input, LIMIT);
		const CnJson *value;

		check_parsed(expr);
		value = cn_expr_eval(expr, &scope, &error);
		if (value != NULL)
			check_value(expr, value);
		else
			require(error.message != NULL && error.offset >= 0 && error.offset < len);
	}
	shim_reset();
	return 0;
}
