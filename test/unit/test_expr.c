/*
 * test_expr.c -- expressions: the cases in cases/expr_*.test, and what they cannot say.
 *
 * A case: expression; value of input as JSON; value as JSON, or
 * "error OFFSET: message", with "missing" or "limit" for "error" where that is set.
 */
#include "expr/expr.h"
#include "expr/filters.h"
#include "scope.h"
#include "shim.h"
#include "tap.h"

static char *
error_text(const CnExprError *error)
{
	return psprintf("%s %d: %s", error->missing ? "missing" : error->limit ? "limit" : "error",
					error->offset, error->message);
}

/* Value of an expression as JSON, or its error. */
static char *
evaluate(const char *text, int len, const CnJson *input, int64 limit)
{
	char	   *copy = palloc(len);
	CnScope		scope = test_scope(input, limit);
	CnExprError error;
	CnExpr	   *expr;
	const CnJson *value;
	StringInfoData buf;

	memcpy(copy, text, len);
	expr = cn_expr_parse(copy, len, &error);
	pfree(copy);
	if (expr == NULL)
		return error_text(&error);
	value = cn_expr_eval(expr, &scope, &error);
	if (value == NULL)
		return error_text(&error);
	initStringInfo(&buf);
	cn_json_write(&buf, value);
	if (!cn_json_check(buf.data, buf.len, NULL, NULL))
		return psprintf("not JSON: %s", buf.data);
	return buf.data;
}

static char *
run_case(const char *program, const char *input)
{
	CnJson	   *value = cn_json_parse(input, strlen(input), NULL, NULL);

	if (value == NULL)
		return pstrdup("input of the case is not JSON");
	return evaluate(program, strlen(program), value, 0);
}

static void
test_bytes(void)
{
	CnJson	   *one = cn_json_int(1);

	tap_is(evaluate("input\0", 6, one, 0), "error 5: not valid UTF-8", "NUL behind a path");
	one = cn_json_int(1);
	tap_is(evaluate("input|default('\0')", 18, one, 0), "error 15: not valid UTF-8", "NUL in a string");
	one = cn_json_int(1);
	tap_is(evaluate("input.\xFF", 7, one, 0), "error 6: not valid UTF-8", "wrong byte in a key");
	one = cn_json_int(1);
	tap_is(evaluate("", 0, one, 0), "error 0: expected a name, but the expression ends", "nothing");
	one = cn_json_int(1);
	tap_is(evaluate("void|default('a\nb')", 19, one, 0), "\"a\\nb\"", "line end in a string");
	one = cn_json_int(1);
	tap_is(evaluate("\r\n\tinput\r\n", 10, one, 0), "1", "all white space");
}

/* Unit repeated count times. */
static char *
repeated(const char *before, const char *unit, int count, const char *behind)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	appendStringInfoString(&buf, before);
	for (i = 0; i < count; i++)
		appendStringInfoString(&buf, unit);
	appendStringInfoString(&buf, behind);
	return buf.data;
}

static char *
parse_outcome(const char *text)
{
	CnExprError error;

	return cn_expr_parse(text, strlen(text), &error) != NULL ? pstrdup("ok") : error_text(&error);
}

static void
test_parser_limits(void)
{
	tap_is(parse_outcome(repeated("a", ".b", 129, "")), "error 257: more than 128 steps in a path",
		   "129 steps");
	tap_is(parse_outcome(repeated("a", "|trim", 65, "")), "error 322: more than 64 filters",
		   "65 filters");
	tap_is(parse_outcome(repeated("a|concat(1", ",1", 16, ")")), "error 41: more than 16 arguments",
		   "17 arguments");
	tap_is(parse_outcome(repeated("a|concat(1", ",1", 15, ")")), "ok", "16 arguments");
	tap_is(parse_outcome(repeated("a", ".b", 128, "")), "ok", "128 steps");
	tap_is(parse_outcome(repeated("a", "|trim", 64, "")), "ok", "64 filters");
	tap_is(parse_outcome(repeated("a|default('", "x", 100000, "')")), "ok", "a long string");
	tap_is(parse_outcome(repeated("", "a", 100000, "")), "ok", "a long name");
}

/* An expression on a string of so many 'a' under a limit: its error, or the length of its text. */
static char *
limited(const char *text, int input_len, int64 limit)
{
	char	   *input = palloc(input_len + 1);
	char	   *got;

	memset(input, 'a', input_len);
	input[input_len] = '\0';
	got = evaluate(text, strlen(text), cn_json_string(input, -1), limit);
	return strncmp(got, "limit", 5) == 0 || strncmp(got, "error", 5) == 0 ? got
		: psprintf("%d", (int) strlen(got));
}

#define TOO_LARGE(filter) "limit 8: input | " filter ": the result is larger than allowed"

static void
test_output_limits(void)
{
	tap_is(limited("input | replace('a', 'bbbbbbbbbb')", 100, 999), TOO_LARGE("replace"), "replace");
	tap_is(limited("input | replace('a', 'bbbbbbbbbb')", 100, 1000), "1002", "replace in the limit");
	tap_is(limited("input | concat(input)", 100, 199), TOO_LARGE("concat"), "concat");
	tap_is(limited("input | concat(input)", 100, 200), "202", "concat in the limit");
	tap_is(limited("input | split('')", 100, 3000), TOO_LARGE("split"), "split counts its elements");
	tap_is(limited("input | base64", 100, 135), TOO_LARGE("base64"), "base64");
	tap_is(limited("input | base64", 100, 136), "138", "base64 in the limit");
	tap_is(limited("input | to_json", 100, 101), TOO_LARGE("to_json"), "to_json");
	tap_is(limited("input | url", 100, 99), TOO_LARGE("url"), "url");
	tap_is(limited("input | upper", 100, 99), TOO_LARGE("upper"), "upper");
	tap_is(limited("input | trim", 100, 99), TOO_LARGE("trim"), "trim");
	tap_is(limited("input | substring(0)", 100, 99), TOO_LARGE("substring"), "substring");
	tap_is(limited("input | replace('aaa', 'b') | trim | trim", 30, 20),
		   "limit 37: input | trim: the result is larger than allowed", "filters share one budget");
	tap_is(limited("input", 100, 1), "102", "a reference makes nothing");
	tap_is(limited("input | length", 100, 1), "3", "length makes nothing");
	tap_is(limited(repeated("input", "|concat('b')|replace('b','bbbbbbbbbb')", 30, "|length"), 1, 0),
		   "limit 284: input | replace: the result is larger than allowed", "growth by powers of ten");
	tap_is(limited(repeated("input", "|concat('bb',input,input)|replace('a','aaaaaaaa')", 20, ""), 1, 1 << 20),
		   "limit 276: input | replace: the result is larger than allowed", "growth by powers of eight");
	tap_is(limited("input | number | integer", 1, 5), "error 8: input | number: the text is not a number",
		   "an error is no limit");
}

static void
test_number_limit(void)
{
	const char *text = "input | round";

	tap_is(evaluate(text, strlen(text), cn_json_number("1e1000", -1), 1000),
		   TOO_LARGE("round"), "digits written out are limited, too");
}

static void
note_path(void *arg, const char *path, const char *root)
{
	appendStringInfo((StringInfo) arg, "%s of %s; ", path, root);
}

static char *
paths(const char *text)
{
	CnExprError error;
	CnExpr	   *expr = cn_expr_parse(text, strlen(text), &error);
	StringInfoData buf;

	initStringInfo(&buf);
	if (expr == NULL)
		return error_text(&error);
	appendStringInfo(&buf, "%s, %s: ", cn_expr_root(expr), cn_expr_path(expr));
	cn_expr_each_path(expr, note_path, &buf);
	return buf.data;
}

static void
test_paths(void)
{
	CnExprError error;
	CnExpr	   *expr = cn_expr_parse("a|trim|default(1)", 17, &error);
	bool		right = cn_expr_filter_count(expr) == 2 &&
		strcmp(cn_expr_filter_name(expr, 0), "trim") == 0 &&
		strcmp(cn_expr_filter_name(expr, 1), "default") == 0;

	tap_ok(right, "filter count and names");
	tap_is(paths("a"), "a, a: a of a; ", "a root alone");
	tap_is(paths(" a . b [ 2 ] [ 'c' ] [\"d e\"] "), "a, a.b[2].c[\"d e\"]: a.b[2].c[\"d e\"] of a; ",
		   "canonical form");
	tap_is(paths("a.b | default(c.d) | concat('x', e[0], 1, true, null)"),
		   "a, a.b: a.b of a; c.d of c; e[0] of e; ", "paths among arguments");
	tap_is(paths("a['\\u00e4\\n']"), "a, a[\"\xC3\xA4\\n\"]: a[\"\xC3\xA4\\n\"] of a; ", "escapes in a key");
	tap_is(paths("a['']"), "a, a[\"\"]: a[\"\"] of a; ", "an empty key");
	tap_is(paths("true.x"), "true, true.x: true.x of true; ", "words are names outside of arguments");
	tap_is(paths("a|default(true.x)"), "a, a: a of a; true.x of true; ", "and with steps behind");
}

/* An expression can be evaluated again, with another scope. */
static void
test_again(void)
{
	CnExprError error;
	CnExpr	   *expr = cn_expr_parse("input|default('x')", 18, &error);
	CnScope		null = test_scope(cn_json_null(), 0);
	CnScope		one = test_scope(cn_json_int(1), 0);
	const CnJson *first = cn_expr_eval(expr, &null, &error);
	const CnJson *second = cn_expr_eval(expr, &one, &error);
	const CnJson *third = cn_expr_eval(expr, &null, &error);

	tap_ok(first->type == CN_JSON_STRING && second->type == CN_JSON_NUMBER && first == third,
		   "evaluated three times");
}

static void
test_budget(void)
{
	CnExprError error;
	CnExpr	   *expr = cn_expr_parse("now|trim", 8, &error);	/* 20 bytes */
	CnScope		scope = test_scope(NULL, 0);
	int64		budget = 45;
	bool		fine = cn_expr_eval_within(expr, &scope, &budget, &error) != NULL && budget == 25 &&
		cn_expr_eval_within(expr, &scope, &budget, &error) != NULL && budget == 5;

	tap_ok(fine, "expressions take from one budget");
	expr = cn_expr_parse("now|trim", 8, &error);
	fine = cn_expr_eval_within(expr, &scope, &budget, &error) == NULL && error.limit;
	tap_ok(fine, "until it is used up");
}

static void
test_text(void)
{
	int			len;

	tap_is(cn_expr_text(cn_json_null(), &len), "", "null as text");
	tap_is(cn_expr_text(cn_json_bool(true), &len), "true", "true as text");
	tap_is(cn_expr_text(cn_json_bool(false), &len), "false", "false as text");
	tap_is(cn_expr_text(cn_json_number("1.50", -1), &len), "1.50", "number as text");
	tap_is(cn_expr_text(cn_json_string("\"", -1), &len), "\"", "string as text");
	tap_is(cn_expr_text(cn_json_array(NULL, 0), &len), "[]", "array as text");
	tap_is_int(len, 2, "and its length");
}

int
main(void)
{
	tap_run_cases("cases/expr_syntax.test", run_case);
	test_bytes();
	test_parser_limits();
	test_output_limits();
	test_number_limit();
	tap_run_cases("cases/expr_paths.test", run_case);
	test_paths();
	test_again();
	test_budget();
	test_text();
	return tap_done();
}
