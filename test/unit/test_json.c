/*
 * test_json.c -- the JSON checker, parser, writer and helpers of src/core.
 */
#include "core/decimal.h"
#include "core/json.h"
#include "shim.h"
#include "tap.h"

typedef struct Refused
{
	const char *text;
	int			len;			/* 0: strlen */
	CnJsonErrorKind kind;
	int			offset;			/* -1: any */
} Refused;

static const Refused refused[] = {
	/* nothing, or cut short */
	{"", 0, CN_JSON_SYNTAX, 0},
	{" ", 0, CN_JSON_SYNTAX, 1},
	{"\n\t\r ", 0, CN_JSON_SYNTAX, 4},
	{"\xEF\xBB\xBF", 0, CN_JSON_SYNTAX, 3},
	{"[", 0, CN_JSON_SYNTAX, 1},
	{"{", 0, CN_JSON_SYNTAX, 1},
	{"[1", 0, CN_JSON_SYNTAX, 2},
	{"[1,", 0, CN_JSON_SYNTAX, 3},
	{"[[", 0, CN_JSON_SYNTAX, 2},
	{"{\"a\"", 0, CN_JSON_SYNTAX, 4},
	{"{\"a\":", 0, CN_JSON_SYNTAX, 5},
	{"{\"a\":1", 0, CN_JSON_SYNTAX, 6},
	{"{\"a\":1,", 0, CN_JSON_SYNTAX, 7},
	{"\"", 0, CN_JSON_SYNTAX, 1},
	{"\"a", 0, CN_JSON_SYNTAX, 2},
	{"\"\\", 0, CN_JSON_SYNTAX, 2},
	{"\"\\u", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u00", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u0041", 0, CN_JSON_SYNTAX, 7},
	{"\"a\\\"", 0, CN_JSON_SYNTAX, 4},
	{"t", 0, CN_JSON_SYNTAX, 0},
	{"tru", 0, CN_JSON_SYNTAX, 0},
	{"fals", 0, CN_JSON_SYNTAX, 0},
	{"nul", 0, CN_JSON_SYNTAX, 0},
	{"-", 0, CN_JSON_SYNTAX, 1},

	/* brackets, commas, colons */
	{"]", 0, CN_JSON_SYNTAX, 0},
	{"}", 0, CN_JSON_SYNTAX, 0},
	{",", 0, CN_JSON_SYNTAX, 0},
	{":", 0, CN_JSON_SYNTAX, 0},
	{"[}", 0, CN_JSON_SYNTAX, 1},
	{"{]", 0, CN_JSON_SYNTAX, 1},
	{"[1}", 0, CN_JSON_SYNTAX, 2},
	{"{\"a\":1]", 0, CN_JSON_SYNTAX, 6},
	{"[1]]", 0, CN_JSON_SYNTAX, 3},
	{"{}}", 0, CN_JSON_SYNTAX, 2},
	{"[,]", 0, CN_JSON_SYNTAX, 1},
	{"[1,]", 0, CN_JSON_SYNTAX, 3},
	{"[,1]", 0, CN_JSON_SYNTAX, 1},
	{"[1,,2]", 0, CN_JSON_SYNTAX, 3},
	{"[1 2]", 0, CN_JSON_SYNTAX, 3},
	{"[1:2]", 0, CN_JSON_SYNTAX, 2},
	{"[\"a\" true]", 0, CN_JSON_SYNTAX, 5},
	{"[3[4]]", 0, CN_JSON_SYNTAX, 2},
	{"{,}", 0, CN_JSON_SYNTAX, 1},
	{"{\"a\"}", 0, CN_JSON_SYNTAX, 4},
	{"{\"a\":}", 0, CN_JSON_SYNTAX, 5},
	{"{\"a\",1}", 0, CN_JSON_SYNTAX, 4},
	{"{\"a\"::1}", 0, CN_JSON_SYNTAX, 5},
	{"{\"a\" 1}", 0, CN_JSON_SYNTAX, 5},
	{"{\"a\":1,}", 0, CN_JSON_SYNTAX, 7},
	{"{\"a\":1,,\"b\":2}", 0, CN_JSON_SYNTAX, 7},
	{"{\"a\":1 \"b\":2}", 0, CN_JSON_SYNTAX, 7},
	{"{\"a\":1:2}", 0, CN_JSON_SYNTAX, 6},
	{"{:1}", 0, CN_JSON_SYNTAX, 1},
	{"{1:1}", 0, CN_JSON_SYNTAX, 1},
	{"{a:1}", 0, CN_JSON_SYNTAX, 1},
	{"{'a':1}", 0, CN_JSON_SYNTAX, 1},
	{"{null:1}", 0, CN_JSON_SYNTAX, 1},
	{"{[1]:1}", 0, CN_JSON_SYNTAX, 1},
	{"1 2", 0, CN_JSON_SYNTAX, 2},
	{"1,2", 0, CN_JSON_SYNTAX, 1},
	{"{} {}", 0, CN_JSON_SYNTAX, 3},
	{"[] x", 0, CN_JSON_SYNTAX, 3},
	{"\"a\"b", 0, CN_JSON_SYNTAX, 3},
	{"\"a\"\"b\"", 0, CN_JSON_SYNTAX, 3},
	{"*", 0, CN_JSON_SYNTAX, 0},

	/* words */
	{"True", 0, CN_JSON_SYNTAX, 0},
	{"TRUE", 0, CN_JSON_SYNTAX, 0},
	{"truE", 0, CN_JSON_SYNTAX, 0},
	{"truee", 0, CN_JSON_SYNTAX, 4},
	{"nulll", 0, CN_JSON_SYNTAX, 4},
	{"false1", 0, CN_JSON_SYNTAX, 5},
	{"undefined", 0, CN_JSON_SYNTAX, 0},
	{"NaN", 0, CN_JSON_SYNTAX, 0},
	{"nan", 0, CN_JSON_SYNTAX, 0},
	{"Infinity", 0, CN_JSON_SYNTAX, 0},
	{"-Infinity", 0, CN_JSON_SYNTAX, 1},
	{"-inf", 0, CN_JSON_SYNTAX, 1},
	{"a", 0, CN_JSON_SYNTAX, 0},

	/* comments, other white space, other quotes */
	{"/* */ 1", 0, CN_JSON_SYNTAX, 0},
	{"1 // x", 0, CN_JSON_SYNTAX, 2},
	{"1 # x", 0, CN_JSON_SYNTAX, 2},
	{"\f1", 0, CN_JSON_SYNTAX, 0},
	{"\v1", 0, CN_JSON_SYNTAX, 0},
	{"\xC2\xA0""1", 0, CN_JSON_SYNTAX, 0},
	{"\xE2\x81\xA0[]", 0, CN_JSON_SYNTAX, 0},
	{"[\xEF\xBB\xBF]", 0, CN_JSON_SYNTAX, 1},
	{"\xEF\xBB\xBF\xEF\xBB\xBF[]", 0, CN_JSON_SYNTAX, 3},
	{" \xEF\xBB\xBF[]", 0, CN_JSON_SYNTAX, 1},
	{"\xEF\xBB{}", 0, CN_JSON_SYNTAX, 0},
	{"\xFF\xFE[\0]\0", 6, CN_JSON_SYNTAX, 0},
	{"'a'", 0, CN_JSON_SYNTAX, 0},
	{"`a`", 0, CN_JSON_SYNTAX, 0},
	{"\0", 1, CN_JSON_SYNTAX, 0},
	{"1\0", 2, CN_JSON_SYNTAX, 1},
	{"[1]\0", 4, CN_JSON_SYNTAX, 3},
	{"[\0]", 3, CN_JSON_SYNTAX, 1},
	{"\xFF", 0, CN_JSON_SYNTAX, 0},

	/* numbers that are none */
	{"+1", 0, CN_JSON_SYNTAX, 0},
	{"--1", 0, CN_JSON_SYNTAX, 1},
	{"- 1", 0, CN_JSON_SYNTAX, 1},
	{"-a", 0, CN_JSON_SYNTAX, 1},
	{"01", 0, CN_JSON_SYNTAX, 1},
	{"-01", 0, CN_JSON_SYNTAX, 2},
	{"00", 0, CN_JSON_SYNTAX, 1},
	{"-00", 0, CN_JSON_SYNTAX, 2},
	{"1.", 0, CN_JSON_SYNTAX, 2},
	{"1.e1", 0, CN_JSON_SYNTAX, 2},
	{"1..2", 0, CN_JSON_SYNTAX, 2},
	{"1.2.3", 0, CN_JSON_SYNTAX, 3},
	{".5", 0, CN_JSON_SYNTAX, 0},
	{"-.5", 0, CN_JSON_SYNTAX, 1},
	{"1e", 0, CN_JSON_SYNTAX, 2},
	{"1e+", 0, CN_JSON_SYNTAX, 3},
	{"1e-", 0, CN_JSON_SYNTAX, 3},
	{"1e+-1", 0, CN_JSON_SYNTAX, 3},
	{"1e1.5", 0, CN_JSON_SYNTAX, 3},
	{"1ee1", 0, CN_JSON_SYNTAX, 2},
	{"1eE1", 0, CN_JSON_SYNTAX, 2},
	{"e1", 0, CN_JSON_SYNTAX, 0},
	{"0x10", 0, CN_JSON_SYNTAX, 1},
	{"0b1", 0, CN_JSON_SYNTAX, 1},
	{"1_000", 0, CN_JSON_SYNTAX, 1},
	{"1a", 0, CN_JSON_SYNTAX, 1},
	{"1-2", 0, CN_JSON_SYNTAX, 1},
	{"1+2", 0, CN_JSON_SYNTAX, 1},
	{"\xEF\xBC\x91", 0, CN_JSON_SYNTAX, 0},
	{"[-2.]", 0, CN_JSON_SYNTAX, 4},
	{"[0.e1]", 0, CN_JSON_SYNTAX, 3},
	{"[1 000.0]", 0, CN_JSON_SYNTAX, 3},
	{"[0e]", 0, CN_JSON_SYNTAX, 3},
	{"[0.3e+]", 0, CN_JSON_SYNTAX, 6},

	/* numbers numeric does not hold */
	{"1e400000", 0, CN_JSON_NUMBER_RANGE, 0},
	{"[1,1e131072]", 0, CN_JSON_NUMBER_RANGE, 3},
	{"10e131071", 0, CN_JSON_NUMBER_RANGE, 0},
	{"-1E+131072", 0, CN_JSON_NUMBER_RANGE, 0},
	{"0.1e131073", 0, CN_JSON_NUMBER_RANGE, 0},
	{"0.001e131075", 0, CN_JSON_NUMBER_RANGE, 0},
	{"1e-20000", 0, CN_JSON_NUMBER_RANGE, 0},
	{"1e-16384", 0, CN_JSON_NUMBER_RANGE, 0},
	{"0.1e-16383", 0, CN_JSON_NUMBER_RANGE, 0},
	{"0e-16384", 0, CN_JSON_NUMBER_RANGE, 0},
	{"-0.0e-16383", 0, CN_JSON_NUMBER_RANGE, 0},
	{"0e1073741823", 0, CN_JSON_NUMBER_RANGE, 0},
	{"0e-1073741823", 0, CN_JSON_NUMBER_RANGE, 0},
	{"0e2147483648", 0, CN_JSON_NUMBER_RANGE, 0},
	{"0e9223372036854775808", 0, CN_JSON_NUMBER_RANGE, 0},
	{"0e99999999999999999999999999999999999999", 0, CN_JSON_NUMBER_RANGE, 0},
	{"1e-99999999999999999999999999999999999999", 0, CN_JSON_NUMBER_RANGE, 0},

	/* strings */
	{"\"\n\"", 0, CN_JSON_SYNTAX, 1},
	{"\"a\tb\"", 0, CN_JSON_SYNTAX, 2},
	{"\"\x1F\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\x01\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\0\"", 3, CN_JSON_ENCODING, 1},
	{"\"12345678\0\"", 11, CN_JSON_ENCODING, 9},
	{"\"1234567\n\"", 0, CN_JSON_SYNTAX, 8},
	{"\"\\a\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\x41\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\'\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\0\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\\n\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\U0041\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\N\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\\xC3\xA4\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u0\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u00\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u004\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u00g0\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u{41}\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u 041\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u-041\"", 0, CN_JSON_SYNTAX, 1},
	{"\"\\u0000\"", 0, CN_JSON_ENCODING, 1},
	{"\"a\\u0000b\"", 0, CN_JSON_ENCODING, 2},
	{"{\"\\u0000\":1}", 0, CN_JSON_ENCODING, 2},
	{"\"\\ud800\"", 0, CN_JSON_ENCODING, 1},
	{"\"\\uDBFF\"", 0, CN_JSON_ENCODING, 1},
	{"\"\\udc00\"", 0, CN_JSON_ENCODING, 1},
	{"\"\\uDFFF\"", 0, CN_JSON_ENCODING, 1},
	{"\"\\ud800a\"", 0, CN_JSON_ENCODING, 1},
	{"\"\\ud800\\n\"", 0, CN_JSON_ENCODING, 1},
	{"\"\\ud800\\ud800\"", 0, CN_JSON_ENCODING, 1},
	{"\"\\ud800\\u0041\"", 0, CN_JSON_ENCODING, 1},
	{"\"\\udc00\\ud800\"", 0, CN_JSON_ENCODING, 1},
	{"\"\\ud83d\\ude0\"", 0, CN_JSON_ENCODING, 1},
	{"\"\\ud800\\", 0, CN_JSON_ENCODING, 1},
	{"\"\\ud800\xED\xB0\x80\"", 0, CN_JSON_ENCODING, 1},
	{"\"\x80\"", 0, CN_JSON_ENCODING, 1},
	{"\"\xFF\"", 0, CN_JSON_ENCODING, 1},
	{"\"\xC0\xAF\"", 0, CN_JSON_ENCODING, 1},
	{"\"\xE0\x80\xAF\"", 0, CN_JSON_ENCODING, 1},
	{"\"\xED\xA0\x80\"", 0, CN_JSON_ENCODING, 1},
	{"\"\xF4\x90\x80\x80\"", 0, CN_JSON_ENCODING, 1},
	{"\"\xF0\x9F\x98\"", 0, CN_JSON_ENCODING, 1},
	{"\"\xE9\"", 0, CN_JSON_ENCODING, 1},
	{"\"\xC3", 0, CN_JSON_ENCODING, 1},
	{"{\"\xFF\":1}", 0, CN_JSON_ENCODING, 2},
	{"[\"a\",\"\xE2\x82\"]", 0, CN_JSON_ENCODING, 6},
};

/* Document and what it is when written again; NULL: the same. */
static const char *const accepted[][2] = {
	{"null", NULL}, {"true", NULL}, {"false", NULL}, {"0", NULL}, {"-0", NULL}, {"1", NULL},
	{"-1", NULL}, {"0.0", NULL}, {"-0.0", NULL}, {"1.50", NULL}, {"1e5", NULL}, {"1E5", NULL},
	{"1e+5", NULL}, {"1e-5", NULL}, {"0e0", NULL}, {"0E+1", NULL}, {"1e0000000000000000000001", NULL},
	{"1.234567890123456789012345678901234567890", NULL}, {"123456789012345678901234567890", NULL},
	{"9007199254740993", NULL}, {"-9223372036854775809", NULL},
	{"1e131071", NULL}, {"9.99e131071", NULL}, {"0.1e131072", NULL}, {"0.001e131074", NULL},
	{"1e-16383", NULL}, {"0e-16383", NULL}, {"0.1e-16382", NULL}, {"0e1073741822", NULL},
	{"0.00e131080", NULL}, {"1e308", NULL}, {"1e-400", NULL},
	{"\"\"", NULL}, {"\"a\"", NULL}, {"\"\\\"\\\\\"", NULL}, {"\"\\/\"", "\"/\""}, {"\"/\"", NULL},
	{"\"\\b\\f\\n\\r\\t\"", NULL}, {"\"\\u0041\"", "\"A\""}, {"\"\\u0022\\u005c\"", "\"\\\"\\\\\""},
	{"\"\\u0001\\u001f\"", NULL}, {"\"\\u001F\"", "\"\\u001f\""}, {"\"\\u000a\"", "\"\\n\""},
	{"\"\\u007f\"", "\"\x7F\""}, {"\"\x7F\"", NULL}, {"\"\\u0080\"", "\"\xC2\x80\""},
	{"\"\\u00e4\\u00E4\"", "\"\xC3\xA4\xC3\xA4\""}, {"\"\\u20AC\"", "\"\xE2\x82\xAC\""},
	{"\"\\uffff\"", "\"\xEF\xBF\xBF\""}, {"\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\""},
	{"\"\\uD800\\uDC00\"", "\"\xF0\x90\x80\x80\""}, {"\"\\udbff\\udfff\"", "\"\xF4\x8F\xBF\xBF\""},
	{"\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"", NULL}, {"\"\xEF\xBB\xBF\"", NULL},
	{"\"\xE2\x80\xA8\xE2\x80\xA9\"", NULL}, {"\"// no comment /* */\"", NULL},
	{"\"1234567\"", NULL}, {"\"12345678\"", NULL}, {"\"123456789\"", NULL},
	{"\"1234567\\n12345678\\n\"", NULL}, {"\"\\\\u0000\"", NULL},
	{"[]", NULL}, {"{}", NULL}, {"[[]]", NULL}, {"[{}]", NULL}, {"{\"a\":[]}", NULL},
	{" [ ] ", "[]"}, {"\t{\n}\r", "{}"}, {"[1,2,3]", NULL}, {" [ 1 , 2 ] ", "[1,2]"},
	{"[[],[]]", NULL}, {"[[1],[2,[3]],{}]", NULL}, {"[null,true,false,\"\",0]", NULL},
	{"{\"a\":1,\"b\":[2,{\"c\":null}]}", NULL}, {" { \"a\" : 1 , \"b\" : { } } ", "{\"a\":1,\"b\":{}}"},
	{"{\"\":0}", NULL}, {"{\"\\u0061\":1}", "{\"a\":1}"}, {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
	{"{\"a\":1,\"b\":2,\"\\u0061\":{}}", "{\"a\":{},\"b\":2}"},
	{"{\"a\":1,\"b\":2,\"b\":3,\"a\":4,\"c\":5}", "{\"a\":4,\"b\":3,\"c\":5}"},
	{"\xEF\xBB\xBF{}", "{}"}, {"\xEF\xBB\xBF 1", "1"}, {"1 ", "1"}, {" true\n", "true"},
	{"\"a\" ", "\"a\""},
};

/* A copy of exactly len bytes, so that the sanitizer sees a read behind it. */
static char *
exact_copy(const char *text, int64 len)
{
	char	   *copy = palloc(len);

	memcpy(copy, text, len);
	return copy;
}

static const char *
kind_name(CnJsonErrorKind kind)
{
	static const char *const names[] = {"ok", "syntax", "encoding", "number range", "too deep", "too many"};

	return names[kind];
}

static void
test_refused(void)
{
	int			i;

	for (i = 0; i < lengthof(refused); i++)
	{
		const Refused *r = &refused[i];
		int			len = r->len > 0 ? r->len : strlen(r->text);
		const char *text = exact_copy(r->text, len);
		CnJsonError error = {0};
		CnJsonError parse_error = {0};
		bool		taken = cn_json_check(text, len, NULL, &error);
		bool		parsed = cn_json_parse(text, len, NULL, &parse_error) != NULL;

		tap_ok(!taken && !parsed && error.message != NULL, "refused: %s", r->text);
		tap_is(kind_name(error.kind), kind_name(r->kind), "kind: %s", r->text);
		if (r->offset >= 0)
			tap_is_int(error.offset, r->offset, "offset: %s", r->text);
		tap_ok(memcmp(&error, &parse_error, sizeof(error)) == 0, "same error from parse: %s", r->text);
	}
}

static char *
written(const CnJson *value)
{
	StringInfoData buf;

	initStringInfo(&buf);
	cn_json_write(&buf, value);
	return buf.data;
}

static void
test_accepted(void)
{
	int			i;

	for (i = 0; i < lengthof(accepted); i++)
	{
		const char *given = accepted[i][0];
		const char *text = exact_copy(given, strlen(given));
		CnJsonError error;
		CnJson	   *value;
		char	   *out;
		bool		same;

		tap_ok(cn_json_check(text, strlen(given), NULL, &error), "accepted: %s", given);
		text = exact_copy(given, strlen(given));
		value = cn_json_parse(text, strlen(given), NULL, &error);
		out = written(value);
		same = cn_json_size(value, PG_INT64_MAX) == strlen(out) &&
			cn_json_equal(value, cn_json_parse(out, strlen(out), NULL, &error));
		tap_is(out, accepted[i][1] != NULL ? accepted[i][1] : given, "written again: %s", given);
		tap_ok(same, "size, and equal when read again: %s", given);
	}
}

/* ---- limits ---- */

/* count times open, then inner, then count times close. */
static char *
nested(const char *open, const char *inner, const char *close, int count)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < count; i++)
		appendStringInfoString(&buf, open);
	appendStringInfoString(&buf, inner);
	for (i = 0; i < count; i++)
		appendStringInfoString(&buf, close);
	return buf.data;
}

/* Kind of error of text, which check and parse must agree about. */
static const char *
outcome(const char *text, int max_depth, int64 max_values)
{
	CnJsonLimits limits = {max_depth, max_values};
	CnJsonError error;
	CnJsonError parse_error;
	bool		taken = cn_json_check(text, strlen(text), &limits, &error);
	bool		parsed = cn_json_parse(text, strlen(text), &limits, &parse_error) != NULL;

	if (taken != parsed || error.kind != parse_error.kind || taken != (error.kind == CN_JSON_OK))
		return "check and parse disagree";
	return kind_name(error.kind);
}

static void
test_depth(void)
{
	tap_is(outcome(nested("[", "", "]", 65), 0, 0), "too deep", "65 arrays by default");
	tap_is(outcome(nested("{\"a\":", "1", "}", 65), 0, 0), "too deep", "65 objects by default");
	tap_is(outcome(nested("[", "", "", 100000), 0, 0), "too deep", "100000 opening brackets");
	tap_is(outcome(nested("[{\"a\":", "", "", 100000), 0, 0), "too deep", "100000 of both");
	tap_is(outcome(nested("[", "", "]", 1025), 100000, 0), "too deep", "more than 1024 is never allowed");
	tap_is(outcome("[[]]", 1, 0), "too deep", "two at depth 1");
	tap_is(outcome("[{}]", 1, 0), "too deep", "object in array at depth 1");
	tap_is(outcome(nested("[", "", "]", 64), 0, 0), "ok", "64 arrays by default");
	tap_is(outcome(nested("{\"a\":", "{}", "}", 63), 0, 0), "ok", "64 objects by default");
	tap_is(outcome(nested("[", "", "]", 1024), 100000, 0), "ok", "1024 arrays if asked for");
	tap_is(outcome("[[],[],{}]", 2, 0), "ok", "depth counts nesting, not brackets");
	tap_is(outcome("1", 1, 0), "ok", "a scalar has no depth");
	tap_is(outcome("[]", 1, 0), "ok", "depth 1");
	tap_is(outcome("[]", -1, -1), "ok", "negative limits are the defaults");
}

static void
test_values(void)
{
	tap_is(outcome("[1,2,3]", 0, 3), "too many", "an array counts itself and its elements");
	tap_is(outcome("{\"a\":1,\"a\":2}", 0, 2), "too many", "repeated keys count");
	tap_is(outcome("[1,2,3]", 0, 4), "ok", "as many as allowed");
	tap_is(outcome("{\"a\":{\"b\":1}}", 0, 3), "ok", "keys are no values");
	tap_is(outcome("1", 0, 1), "ok", "one value");
}

/* A number of so many digits; check and parse agree on it. */
static const char *
digits_outcome(int before, int behind)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < before; i++)
		appendStringInfoChar(&buf, '9');
	if (behind > 0)
		appendStringInfoChar(&buf, '.');
	for (i = 0; i < behind; i++)
		appendStringInfoChar(&buf, '0');
	return outcome(buf.data, 0, 0);
}

static void
test_long_numbers(void)
{
	tap_is(digits_outcome(131073, 0), "number range", "131073 digits");
	tap_is(digits_outcome(1, 16384), "number range", "16384 zeros behind the point");
	tap_is(digits_outcome(131072, 16384), "number range", "both");
	tap_is(digits_outcome(500000, 0), "number range", "500000 digits");
	tap_is(digits_outcome(131072, 0), "ok", "131072 digits");
	tap_is(digits_outcome(1, 16383), "ok", "16383 digits behind the point");
	tap_is(digits_outcome(131072, 16383), "ok", "as many as possible of both");
	tap_is(outcome(nested("0.", "1", "", 1), 0, 0), "ok", "0.1");
}

/* unit repeated, within brackets; checked only, parsing it would take long. */
static const char *
big_outcome(char open, const char *unit, int count, char close)
{
	int			len = strlen(unit);
	int64		size = (int64) len * count + 1;
	char	   *text = malloc(size);
	CnJsonError error;
	int			i;

	text[0] = open;
	for (i = 0; i < count; i++)
		memcpy(text + 1 + (int64) i * len, unit, len);
	text[size - 1] = close;		/* instead of the last comma */
	cn_json_check(text, size, NULL, &error);
	free(text);
	return kind_name(error.kind);
}

static void
test_jsonb_limits(void)
{
	tap_is(big_outcome('[', "1,", 16777217, ']'), "too many", "more elements than an array can get");
	tap_is(big_outcome('[', "\"\",", 16777217, ']'), "too many", "the same with empty strings");
	tap_is(big_outcome('{', "\"\":1,", 8388609, '}'), "too many", "more pairs than an object can get");
	tap_is(big_outcome('[', "[1,2,3,4],", 8000000, ']'), "too many", "more bytes than jsonb can have");
	tap_is(big_outcome('[', "1,", 16777216, ']'), "ok", "as many elements as there can be");
	tap_is(big_outcome('{', "\"\":1,", 8388608, '}'), "ok", "as many pairs as there can be");
}

static void
test_long_string(void)
{
	int64		len = 268435456;
	char	   *text = malloc(len + 2);
	CnJsonError error;

	memset(text, 'a', len + 2);
	text[0] = '"';
	text[len + 1] = '"';
	cn_json_check(text, len + 2, NULL, &error);
	tap_is(kind_name(error.kind), "too many", "a string one longer than jsonb can hold");
	text[len - 100] = '"';
	tap_ok(cn_json_check(text, len - 99, NULL, &error), "a string nearly as long as that");
	free(text);
}

/* ---- helpers ---- */

static CnJson *
parse(const char *text)
{
	CnJson	   *value = cn_json_parse(text, strlen(text), NULL, NULL);

	if (value == NULL)
		fprintf(stderr, "does not parse: %s\n", text);
	return value;
}

static const char *const unequal[][2] = {
	{"null", "false"}, {"true", "false"}, {"0", "false"}, {"\"\"", "null"}, {"1", "\"1\""},
	{"1", "2"}, {"1", "-1"}, {"1", "10"}, {"1", "0.1"}, {"1e5", "1e6"}, {"0.10", "0.01"},
	{"9007199254740992", "9007199254740993"}, {"[]", "{}"}, {"[1]", "[1,1]"}, {"[1,2]", "[2,1]"},
	{"{\"a\":1}", "{\"b\":1}"}, {"{\"a\":1}", "{\"a\":2}"}, {"{\"a\":1}", "{\"a\":1,\"b\":1}"},
	{"{\"a\":null}", "{}"}, {"\"a\"", "\"b\""}, {"\"a\"", "\"aa\""}, {"[[1]]", "[[2]]"},
};

static const char *const equal[][2] = {
	{"null", "null"}, {"1", "1.0"}, {"1", "10e-1"}, {"100", "1E2"}, {"0", "-0"}, {"0.0", "0e5"},
	{"-1.50", "-15e-1"}, {"0.001", "1e-3"}, {"1e131071", "10e131070"},
	{"\"\\u0041\"", "\"A\""}, {"[1,[2.0]]", "[1.0,[2]]"}, {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
	{"{\"a\":1,\"a\":2}", "{\"a\":2}"}, {"{\"ab\":1,\"b\":{\"c\":[]}}", "{\"b\":{\"c\":[]},\"ab\":1}"},
};

static void
test_equal(void)
{
	int			i;

	for (i = 0; i < lengthof(unequal); i++)
	{
		tap_ok(!cn_json_equal(parse(unequal[i][0]), parse(unequal[i][1])), "%s is not %s",
			   unequal[i][0], unequal[i][1]);
		tap_ok(!cn_json_equal(parse(unequal[i][1]), parse(unequal[i][0])), "%s is not %s",
			   unequal[i][1], unequal[i][0]);
	}
	for (i = 0; i < lengthof(equal); i++)
	{
		tap_ok(cn_json_equal(parse(equal[i][0]), parse(equal[i][1])), "%s is %s", equal[i][0], equal[i][1]);
		tap_ok(cn_json_equal(parse(equal[i][1]), parse(equal[i][0])), "%s is %s", equal[i][1], equal[i][0]);
	}
}

static void
test_get(void)
{
	const char *text = "{\"a\":1,\"ab\":\"x\",\"\":\"e\",\"n\":null}";

	tap_ok(cn_json_get(NULL, "a") == NULL, "get from nothing");
	tap_ok(cn_json_get(parse("[1]"), "a") == NULL, "get from an array");
	tap_ok(cn_json_get(parse("\"a\""), "a") == NULL, "get from a string");
	tap_ok(cn_json_get(parse(text), "b") == NULL, "get what is not there");
	tap_ok(cn_json_get_string(parse(text), "a") == NULL, "get_string of a number");
	tap_ok(cn_json_get_string(parse(text), "n") == NULL, "get_string of null");
	tap_is(cn_json_get_string(parse(text), "ab"), "x", "get_string");
	tap_is(cn_json_get_string(parse(text), ""), "e", "get with an empty key");
	tap_is(cn_json_get(parse(text), "a")->u.text, "1", "get");
}

/* Enough keys for the sorting variant; the last of each counts, the order is that of the first. */
static void
test_many_keys(void)
{
	StringInfoData in;
	StringInfoData wanted;
	int			i;

	initStringInfo(&in);
	initStringInfo(&wanted);
	for (i = 0; i < 5000; i++)
		appendStringInfo(&in, "%c\"k%d\":%d", i == 0 ? '{' : ',', i * 7919 % 1000, i);
	appendStringInfoChar(&in, '}');
	for (i = 0; i < 1000; i++)
		appendStringInfo(&wanted, "%c\"k%d\":%d", i == 0 ? '{' : ',', i * 7919 % 1000, i + 4000);
	appendStringInfoChar(&wanted, '}');
	tap_is(written(parse(in.data)), wanted.data, "5000 members, 1000 keys");
}

static void
test_constructors(void)
{
	CnJson	   *items[2];
	CnJsonMember members[3] = {{"a", 1, NULL}, {"b", 1, NULL}, {"a", 1, NULL}};

	items[0] = cn_json_int(PG_INT64_MIN);
	items[1] = cn_json_string("x\"y", -1);
	tap_is(written(cn_json_array(items, 2)), "[-9223372036854775808,\"x\\\"y\"]", "array");
	tap_is(written(cn_json_array(NULL, 0)), "[]", "empty array");
	tap_is(written(cn_json_object(NULL, 0)), "{}", "empty object");
	members[0].value = cn_json_int(1);
	members[1].value = cn_json_bool(true);
	members[2].value = cn_json_null();
	tap_is(written(cn_json_object(members, 3)), "{\"a\":null,\"b\":true}", "object with a repeated key");
	tap_is(written(cn_json_number("12.50xx", 5)), "12.50", "number with a length");
	tap_is(written(cn_json_string("abc", 2)), "\"ab\"", "string with a length");
	tap_is(written(cn_json_bool(false)), "false", "boolean");
}

static void
test_size(void)
{
	const char *text = "{\"a\\n\\u0001\":[1,2.5,null,true,false,{\"b\":\"\\\"\"}],\"c\":{}}";
	CnJson	   *value = parse(text);
	bool		stops = cn_json_size(value, 5) > 5 && cn_json_size(value, 5) < strlen(text);

	tap_is_int(cn_json_size(value, PG_INT64_MAX), strlen(text), "size of what is written");
	tap_ok(stops, "counting stops early");
}

static char *
path_of(const char *key)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '$');
	cn_json_path_member(&buf, key);
	cn_json_path_index(&buf, 3);
	return buf.data;
}

static void
test_path(void)
{
	tap_is(path_of("name_1"), "$.name_1[3]", "plain key");
	tap_is(path_of(""), "$[\"\"][3]", "empty key");
	tap_is(path_of("1a"), "$[\"1a\"][3]", "digit first");
	tap_is(path_of("a b"), "$[\"a b\"][3]", "space");
	tap_is(path_of("a\"]"), "$[\"a\\\"]\"][3]", "quote");
	tap_is(path_of("\xC3\xA4"), "$[\"\xC3\xA4\"][3]", "letter beyond ASCII");
}

static char *
rounded(const char *literal, int scale, bool truncate)
{
	CnDecimal	value;
	StringInfoData buf;

	initStringInfo(&buf);
	cn_decimal_read(literal, strlen(literal), &value);
	cn_decimal_round(&value, scale, truncate);
	cn_decimal_write(&buf, &value);
	return buf.len == cn_decimal_size(&value) ? buf.data : pstrdup("size is wrong");
}

static void
test_decimal(void)
{
	tap_is(rounded("0e99999", 0, false), "0", "zero with an exponent");
	tap_is(rounded("-0.000", 2, false), "0", "no minus zero");
	tap_is(rounded("-0.4", 0, false), "0", "no minus zero by rounding");
	tap_is(rounded("0.5", 0, false), "1", "half goes up");
	tap_is(rounded("-0.5", 0, false), "-1", "and down");
	tap_is(rounded("0.49999999999999999999", 0, false), "0", "less than half");
	tap_is(rounded("0.05", 0, false), "0", "far less than half");
	tap_is(rounded("2.5", 0, false), "3", "half is not rounded to even");
	tap_is(rounded("999.995", 2, false), "1000", "carry through all digits");
	tap_is(rounded("1.005", 2, false), "1.01", "what a double gets wrong");
	tap_is(rounded("1250", -2, false), "1300", "in front of the point");
	tap_is(rounded("49", -2, false), "0", "all digits go");
	tap_is(rounded("50", -2, false), "100", "all digits go, upwards");
	tap_is(rounded("5", -2, false), "0", "more than all digits go");
	tap_is(rounded("12.99", 0, true), "12", "truncated");
	tap_is(rounded("-12.99", 0, true), "-12", "truncated towards zero");
	tap_is(rounded("1e20", 0, true), "100000000000000000000", "written out");
	tap_is(rounded("1e-5", 7, false), "0.00001", "small one written out");
	tap_is(rounded("123.456e-2", 9, false), "1.23456", "exponent and fraction");
	tap_is(rounded("0.00120", 9, false), "0.0012", "zeros at the end go");
	tap_is(rounded("12345678901234567890.5", 0, false), "12345678901234567891", "no digit lost");
	tap_is(rounded("1.5", PG_INT32_MAX, false), "1.5", "largest scale");
	tap_is(rounded("1.5", PG_INT32_MIN, false), "0", "smallest scale");
}

int
main(void)
{
	test_refused();
	test_depth();
	test_values();
	test_long_numbers();
	test_jsonb_limits();
	test_long_string();
	test_accepted();
	test_equal();
	test_get();
	test_many_keys();
	test_constructors();
	test_size();
	test_path();
	test_decimal();
	tap_is(cn_json_type_name(CN_JSON_OBJECT), "object", "type name");
	return tap_done();
}
