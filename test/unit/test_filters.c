/*
 * test_filters.c -- the library of filters: its table, the page made of it, and the cases in
 * cases/filters_*.test.
 *
 * A case: expression; value of input as JSON; value as JSON, or
 * "error OFFSET: message", with "missing" or "limit" for "error" where that is set.
 */
#include "expr/filters.h"
#include "scope.h"
#include "shim.h"
#include "tap.h"
#include "template/template.h"
#include "transformations_page.h"

static char *
json_text(const CnJson *value)
{
	StringInfoData buf;

	initStringInfo(&buf);
	cn_json_write(&buf, value);
	return buf.data;
}

static char *
run_case(const char *program, const char *input)
{
	CnJson	   *value = cn_json_parse(input, strlen(input), NULL, NULL);
	CnScope		scope = test_scope(value, 0);
	CnExprError error;
	CnExpr	   *expr = cn_expr_parse(program, strlen(program), &error);
	const CnJson *result = NULL;
	CnJsonLimits limits = {CN_JSON_DEPTH_MAX, 0};
	char	   *text;

	if (value == NULL)
		return pstrdup("input of the case is not JSON");
	if (expr != NULL)
		result = cn_expr_eval(expr, &scope, &error);
	if (result == NULL)
		return psprintf("%s %d: %s", error.missing ? "missing" : error.limit ? "limit" : "error",
						error.offset, error.message);
	text = json_text(result);
	if (!cn_json_check(text, strlen(text), &limits, NULL))
		return psprintf("not JSON: %s", text);
	return text;
}

/* ---- the table ---- */

static void
note_problem(void *arg, const char *json_path, const CnTemplateError *error)
{
	*(char **) arg = psprintf("%s at %d", error->message, error->offset);
}

/* What a row's example gives with its input, or what is wrong with it. */
static char *
evaluate_example(const CnFilter *f)
{
	CnJson	   *input = cn_json_parse(f->example_input, strlen(f->example_input), NULL, NULL);
	CnScope		scope = test_scope(input, 0);
	char	   *problem = NULL;
	CnJsonTemplate *tmpl = cn_json_template_compile(cn_json_string(f->example, -1), "$",
													note_problem, &problem);
	CnTemplateError error;
	const char *path;
	const CnJson *value;

	if (input == NULL)
		return pstrdup("its input is not JSON");
	if (tmpl == NULL)
		return problem;
	value = cn_json_template_eval(tmpl, &scope, &error, &path);
	return value != NULL ? json_text(value) : error.message;
}

/* The documented output in the form values are written in. */
static char *
expected_example(const CnFilter *f)
{
	CnJson	   *output = cn_json_parse(f->example_output, strlen(f->example_output), NULL, NULL);

	return output != NULL ? json_text(output) : NULL;
}

static void
test_row(const CnFilter *table, int i)
{
	static const char *const categories =
	" general text number boolean date array json encoding digest ";
	const CnFilter *f = &table[i];
	bool		in_order = i == 0 || strcmp(table[i - 1].category, f->category) != 0 ||
		strcmp(table[i - 1].name, f->name) < 0;

	tap_ok(cn_filter_find(f->name, strlen(f->name)) == f, "%s is found by name", f->name);
	tap_ok(strstr(categories, psprintf(" %s ", f->category)) != NULL && in_order,
		   "%s: category and place", f->name);
	tap_ok(f->doc[0] != '\0' && strchr(".?", f->doc[strlen(f->doc) - 1]) != NULL,
		   "%s: documentation is a sentence", f->name);
	tap_ok(f->min_args >= 0 && f->max_args >= f->min_args && f->max_args <= CN_FILTER_ARGS_MAX &&
		   (f->max_args == 0) == (f->arguments[0] == '\0'), "%s: arguments", f->name);
	tap_ok((strchr(f->arguments, '[') != NULL) ==
		   (f->max_args != f->min_args && f->max_args < CN_FILTER_ARGS_MAX),
		   "%s: arguments that may be left out are in brackets", f->name);
	tap_ok(strstr(f->example, psprintf("| %s", f->name)) != NULL, "%s: example uses it", f->name);
	tap_is(evaluate_example(f), expected_example(f), "%s: example gives what it says", f->name);
}

static void
test_table(void)
{
	int			count;
	const CnFilter *table = cn_filter_table(&count);
	int			i;

	tap_ok(count >= 60, "there are at least sixty filters");
	for (i = 0; i < count; i++)
		test_row(table, i);
	tap_ok(cn_filter_find("tri", 3) == NULL && cn_filter_find("trim", 3) == NULL &&
		   cn_filter_find("", 0) == NULL, "other names are not found");
}

static void
test_page(void)
{
	char	   *page = read_whole_file(TRANSFORMATIONS_PAGE);
	int			count;
	int			rows = 0;

	tap_ok(page != NULL, "docs/transformations.md can be read");
	page = read_whole_file(TRANSFORMATIONS_PAGE);
	cn_filter_table(&count);
	tap_ok(strcmp(transformations_page(page, &rows), page) == 0,
		   "docs/transformations.md is what the table gives; if not, run make transformations");
	tap_is_int(rows, count, "and has all filters");
}

/* ---- limits ---- */

/* The outcome of an expression on an array of count times item: its error, or "ok". */
static char *
on_list(const char *text, const char *item, int count, int64 limit)
{
	CnJson	   *element = cn_json_parse(item, strlen(item), NULL, NULL);
	CnJson	  **items = palloc(sizeof(CnJson *) * count);
	CnExprError error;
	CnExpr	   *expr = cn_expr_parse(text, strlen(text), &error);
	CnScope		scope;
	int			i;

	for (i = 0; i < count; i++)
		items[i] = element;
	scope = test_scope(cn_json_array(items, count), limit);
	if (expr == NULL)
		return error.message;
	if (cn_expr_eval(expr, &scope, &error) != NULL)
		return pstrdup("ok");
	return psprintf("%s: %s", error.limit ? "limit" : "error", error.message);
}

static void
test_limits(void)
{
	static const char *const over[][2] = {
		{"input | map('a')", "{}"},
		{"input | each('upper')", "\"abc\""},
		{"input | each('default', now)", "null"},
		{"input | each('if', now)", "true"},
		{"input | each('each', 'upper')", "[\"abc\"]"},
		{"input | sort", "1"},
		{"input | unique", "1"},
		{"input | filter('a')", "{\"a\":1}"},
		{"input | group_by('a')", "{\"a\":1}"},
		{"input | index_by('a')", "{\"a\":1}"},
		{"input | sum", "1"},
		{"input | flatten", "[1]"},
		{"input | reverse", "1"},
		{"input | compact", "1"},
		{"input | slice(0)", "1"},
		{"input | csv", "\"a\""},
		{"input | join", "\"a\""},
	};
	int			i;

	for (i = 0; i < lengthof(over); i++)
	{
		char	   *got = on_list(over[i][0], over[i][1], 1000, 1500);

		tap_ok(strncmp(got, "limit: ", 7) == 0, "%s is limited: %s", over[i][0], got);
		tap_is(on_list(over[i][0], over[i][1], 1000, 0), "ok", "%s in the limit", over[i][0]);
	}
	/* one large argument in each of many elements counts as if it were written */
	tap_ok(strncmp(on_list("input | each('pad_left', 10000) | each('length')", "\"k\"", 100000, 0),
				   "limit: ", 7) == 0,
		   "arrays cannot be blown up step by step");
}

static void
test_long_numbers(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '"');
	while (buf.len < 100001)
		appendStringInfoChar(&buf, '7');
	appendStringInfoChar(&buf, '"');
	tap_is(run_case("input | multiply(input)", buf.data),
		   "limit 8: input | multiply: the result is larger than allowed",
		   "numbers of a hundred thousand digits are not multiplied");
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '"');
	while (buf.len < 100001)
		appendStringInfoChar(&buf, '7');
	appendStringInfoChar(&buf, '"');
	tap_is(run_case("input | divide(7, 0) | to_json | length", buf.data), "100000",
		   "but divided by short ones");
}

int
main(void)
{
	tap_run_cases("cases/filters_arguments.test", run_case);
	test_limits();
	test_long_numbers();
	tap_run_cases("cases/filters_general.test", run_case);
	tap_run_cases("cases/filters_text.test", run_case);
	tap_run_cases("cases/filters_phrase.test", run_case);
	tap_run_cases("cases/filters_regex.test", run_case);
	tap_run_cases("cases/filters_contact.test", run_case);
	tap_run_cases("cases/filters_number.test", run_case);
	tap_run_cases("cases/filters_math.test", run_case);
	tap_run_cases("cases/filters_date.test", run_case);
	tap_run_cases("cases/filters_list.test", run_case);
	tap_run_cases("cases/filters_each.test", run_case);
	tap_run_cases("cases/filters_object.test", run_case);
	tap_run_cases("cases/filters_other.test", run_case);
	test_table();
	test_page();
	return tap_done();
}
