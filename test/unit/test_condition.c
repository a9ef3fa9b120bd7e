/*
 * test_condition.c -- conditions: the cases in cases/condition_*.test, limits, truth.
 *
 * A case: condition; the truth expected and the value of input as JSON; the
 * path and its variables as JSON, or "error OFFSET: message".  The truth is
 * for test/t/016_conditions.pl, which lets a server decide the same cases.
 */
#include "expr/condition.h"
#include "scope.h"
#include "shim.h"
#include "tap.h"

/* Value that a variable is bound to, as the engine does it; NULL and *error if it has none. */
static const CnJson *
bound(const CnConditionVar *var, const CnScope *scope, CnExprError *error)
{
	const CnJson *value = cn_expr_eval(var->expr, scope, error);

	if (value == NULL && !error->missing)
		return NULL;
	if (var->truthy)
		return cn_json_bool(cn_json_truthy(value));
	return value == NULL ? cn_json_null() : value;
}

static char *
outcome(const char *text, int len, const CnJson *input)
{
	char	   *copy = palloc(len);
	CnScope		scope = test_scope(input, 0);
	CnExprError error;
	CnCondition *condition;
	StringInfoData buf;

	memcpy(copy, text, len);
	condition = cn_condition_parse(copy, len, &error);
	pfree(copy);
	if (condition == NULL)
		return psprintf("error %d: %s", error.offset, error.message);
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s%s with {", condition->whole ? "whole " : "", condition->path);
	for (int i = 0; i < condition->nvars; i++)
	{
		const CnConditionVar *var = &condition->vars[i];
		const CnJson *value = bound(var, &scope, &error);

		if (value == NULL)
			return psprintf("value error %d: %s", var->offset + error.offset, error.message);
		appendStringInfo(&buf, "%s\"%s\":", i > 0 ? "," : "", var->name);
		cn_json_write(&buf, value);
	}
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

static char *
run_case(const char *program, const char *input)
{
	const char *json = strchr(input, ' ');
	CnJson	   *value = NULL;

	if (json != NULL && (strncmp(input, "true ", 5) == 0 || strncmp(input, "false ", 6) == 0 ||
						 strncmp(input, "- ", 2) == 0))
		value = cn_json_parse(json + 1, strlen(json + 1), NULL, NULL);
	if (value == NULL)
		return pstrdup("the second line is not true, false or - and JSON");
	return outcome(program, strlen(program), value);
}

/* ---- what a line cannot say ---- */

static char *
repeated(const char *before, const char *unit, int count, const char *behind)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, before);
	for (int i = 0; i < count; i++)
		appendStringInfoString(&buf, unit);
	appendStringInfoString(&buf, behind);
	return buf.data;
}

/* "ok", or the error. */
static char *
parse_outcome(const char *text, int len)
{
	CnExprError error;

	return cn_condition_parse(text, len, &error) != NULL ? pstrdup("ok")
		: psprintf("error %d: %s", error.offset, error.message);
}

static char *
parse_text(const char *text)
{
	return parse_outcome(text, strlen(text));
}

static void
test_bytes(void)
{
	tap_is(parse_outcome("", 0), "error 0: the condition is empty", "nothing");
	tap_is(parse_outcome(" \t\r\n", 4), "error 0: the condition is empty", "white space");
	tap_is(parse_outcome("a\0b", 3), "error 1: not valid UTF-8", "NUL");
	tap_is(parse_outcome("a == '\xFF'", 9), "error 6: not valid UTF-8", "wrong byte in a string");
	tap_is(parse_outcome("$.a == \"\xC3\"", 10), "error 8: not valid UTF-8",
		   "wrong byte in a path");
	tap_is(parse_text("a \x01"), "error 2: expected an operator, found a byte 0x01", "a control");
	tap_is(parse_text("a\n\r\t==\n1\n"), "ok", "all white space");
	tap_is(parse_text(repeated("a ", "\xC3\xA4", 30, "")),
		   repeated("error 2: expected an operator, found \"", "\xC3\xA4", 20, "...\""),
		   "a long word");
	tap_is(parse_text(repeated("a x", "\xC3\xA4", 30, "")),
		   repeated("error 2: expected an operator, found \"x", "\xC3\xA4", 19, "...\""),
		   "is not cut within a character");
}

static void
test_limits(void)
{
	static const char too_deep[] = "parentheses and negations nest deeper than 50";

	tap_is(parse_text(repeated("a", " ", CN_CONDITION_MAX_LEN, "")),
		   "error 4096: the condition is longer than 4096 bytes", "too long");
	tap_is(parse_text(repeated("a", " ", CN_CONDITION_MAX_LEN - 1, "")), "ok",
		   "as long as it may be");
	tap_is(parse_text(repeated("", "(", 51, "a")), psprintf("error 50: %s", too_deep),
		   "51 parentheses");
	tap_is(parse_text(repeated("", "!", 51, "a")), psprintf("error 50: %s", too_deep), "51 !");
	tap_is(parse_text(repeated("", "not ", 51, "a")), psprintf("error 200: %s", too_deep),
		   "51 not");
	tap_is(parse_text(repeated("(a)||", "!", 51, "a")), psprintf("error 55: %s", too_deep),
		   "51 behind others");
	tap_is(parse_text(repeated("", "(", 50, repeated("a", ")", 50, ""))), "ok", "50 parentheses");
	tap_is(parse_text(repeated("", "!", 50, "a")), "ok", "50 !");
	tap_is(parse_text(repeated("(a)", "||(a)", 800, "")), "ok", "many beside each other");
	tap_is(parse_text(repeated("!a", "&&!a", 1000, "")), "ok", "a long chain");
	tap_is(parse_text(repeated("a in [1", ",1", 2000, "]")), "ok", "a long list");
}

/* Negating does not double the text at each level. */
static void
test_growth(void)
{
	char	   *text = repeated("", "!(a == 1 || ", 25, repeated("b < 2", ")", 25, ""));
	CnExprError error;
	CnCondition *condition = cn_condition_parse(text, strlen(text), &error);

	tap_ok(condition != NULL && condition->nvars == 26 && strlen(condition->path) < 2000,
		   "nested negations stay short");
	text = repeated("!(a in [1", ",1", 1000, "])");
	condition = cn_condition_parse(text, strlen(text), &error);
	tap_ok(condition != NULL && condition->nvars == 1, "one operand is one variable");
}

/* Where a variable's expression begins, so that its errors can be found. */
static void
test_offsets(void)
{
	static const char text[] = "  {{ input.a }} === input.b && !{{void|default(1)}}.length";
	CnExprError error;
	CnCondition *c = cn_condition_parse(text, strlen(text), &error);

	tap_ok(c != NULL && c->nvars == 3 && c->vars[0].offset == 4 && c->vars[1].offset == 20 &&
		   c->vars[2].offset == 34 && !c->vars[0].truthy && !c->vars[1].truthy &&
		   c->vars[2].truthy &&
		   strcmp(cn_expr_path(c->vars[0].expr), "input.a") == 0 &&
		   strcmp(cn_expr_root(c->vars[2].expr), "void") == 0 &&
		   cn_expr_filter_count(c->vars[2].expr) == 2, "variables");
	c = cn_condition_parse("  $.a > 1", 9, &error);
	tap_ok(c != NULL && c->whole && c->nvars == 0 && strcmp(c->path, "$.a > 1") == 0, "a path");
}

static void
test_truth(void)
{
	tap_ok(!cn_json_truthy(NULL), "nothing is false");
	tap_ok(!cn_json_truthy(cn_json_null()), "null is false");
	tap_ok(!cn_json_truthy(cn_json_bool(false)), "false is false");
	tap_ok(!cn_json_truthy(cn_json_int(0)), "0 is false");
	tap_ok(!cn_json_truthy(cn_json_number("-0.00e5", -1)), "-0.00e5 is false");
	tap_ok(!cn_json_truthy(cn_json_string("", 0)), "an empty text is false");
	tap_ok(cn_json_truthy(cn_json_bool(true)), "true is true");
	tap_ok(cn_json_truthy(cn_json_number("-0.1", -1)), "-0.1 is true");
	tap_ok(cn_json_truthy(cn_json_number("1e-1000", -1)), "1e-1000 is true");
	tap_ok(cn_json_truthy(cn_json_string("0", -1)), "\"0\" is true");
	tap_ok(cn_json_truthy(cn_json_string("false", -1)), "\"false\" is true");
	tap_ok(cn_json_truthy(cn_json_array(NULL, 0)), "an empty array is true");
	tap_ok(cn_json_truthy(cn_json_object(NULL, 0)), "an empty object is true");
}

int
main(void)
{
	test_bytes();
	tap_run_cases("cases/condition_errors.test", run_case);
	test_limits();
	test_growth();
	test_offsets();
	test_truth();
	tap_run_cases("cases/condition_values.test", run_case);
	return tap_done();
}
