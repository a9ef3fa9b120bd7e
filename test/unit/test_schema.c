/*
 * test_schema.c -- JSON Schema: problems of schemas, violations, limits, patterns, formats.
 *
 * What the draft demands is tested by the official suite, in the server
 * (test/t/100_json_schema_suite.pl).  Here are messages and paths, and what
 * hostile schemas and values come to.
 */
#include "schema/formats.h"
#include "schema/pattern.h"
#include "schema/schema.h"

#include "shim.h"
#include "tap.h"

/* Plenty for the cases, and soon over where it is to be reached. */
#define MAX_WORK 2000000

static int	checks = 0;

static void
note_problem(void *arg, const char *path, const char *message)
{
	StringInfo	out = (StringInfo) arg;

	appendStringInfo(out, "%s#%s %s", out->len > 0 ? " | " : "", path, message);
}

static bool
note_violation(void *arg, const CnSchemaViolation *violation)
{
	StringInfo	out = (StringInfo) arg;

	appendStringInfo(out, "%s%s (%s %s) %s", out->len > 0 ? " | " : "", violation->instance_path,
					 violation->schema_path, violation->keyword, violation->message);
	return true;
}

static bool
stop_at_once(void *arg, const CnSchemaViolation *violation)
{
	++*(int *) arg;
	return false;
}

static void
count_check(void)
{
	checks++;
}

static const CnJson *
parse(const char *text)
{
	CnJsonLimits limits = {.max_depth = CN_JSON_DEPTH_MAX};
	CnJson	   *json = cn_json_parse(text, strlen(text), &limits, NULL);

	if (json == NULL)
	{
		fprintf(stderr, "no JSON: %s\n", text);
		exit(1);
	}
	return json;
}

/* "valid", the violations, the limit, or the problems of the schema. */
static char *
outcome(const char *schema_text, const char *instance_text)
{
	CnSchemaOptions options = {
		.assert_formats = true, .max_work = MAX_WORK, .check = count_check
	};
	StringInfoData out;
	CnSchema   *schema;
	const CnJson *instance = parse(instance_text);
	CnSchemaResult result;
	CnSchemaResult quick;
	const char *limit;

	initStringInfo(&out);
	schema = cn_schema_compile(parse(schema_text), &options, note_problem, &out);
	if (schema == NULL)
		return out.data;
	result = cn_schema_validate(schema, instance, &options, note_violation, &out, &limit);
	quick = cn_schema_validate(schema, instance, &options, NULL, NULL, NULL);
	if (quick != result)
		return psprintf("quick result %d, full result %d", quick, result);
	if ((result == CN_SCHEMA_INVALID) != (out.len > 0) && result != CN_SCHEMA_LIMIT)
		return psprintf("result %d with violations: %s", result, out.data);
	if (result == CN_SCHEMA_LIMIT)
		appendStringInfo(&out, "%slimit: %s", out.len > 0 ? " | " : "", limit);
	return result == CN_SCHEMA_VALID ? "valid" : out.data;
}

/* ---- limits ---- */

/* open repeated, middle, close repeated */
static char *
nested(const char *open, const char *middle, const char *close, int times)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < times; i++)
		appendStringInfoString(&out, open);
	appendStringInfoString(&out, middle);
	for (int i = 0; i < times; i++)
		appendStringInfoString(&out, close);
	return out.data;
}

/* [0,1,2,...] with the last item given */
static char *
numbers(int count, const char *last)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int i = 0; i < count; i++)
		appendStringInfo(&out, "%d,", i);
	appendStringInfo(&out, "%s]", last);
	return out.data;
}

static void
test_limits(void)
{
	CnSchemaOptions options = {.max_work = 10};
	const char *limit = NULL;
	CnSchema   *schema;
	int			calls = 0;
	int			before;

	tap_is(outcome(nested("{\"not\":", "true", "}", CN_SCHEMA_NESTING_MAX - 1), "1"),
		   " (/not not) matches a schema that it must not match", "a schema as deep as allowed");
	tap_ok(strstr(outcome(nested("{\"not\":", "true", "}", CN_SCHEMA_NESTING_MAX + 1), "1"),
				  "schemas are nested too deeply") != NULL, "a schema that is too deep");
	tap_ok(strstr(outcome("{\"$ref\":\"#\"}", "1"), "limit: schemas are applied inside") != NULL,
		   "a reference to itself");
	tap_ok(strstr(outcome("{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"},{\"$ref\":\"#/$defs/b\"}]},"
						  "\"b\":{\"allOf\":[{\"$ref\":\"#/$defs/a\"},{\"$ref\":\"#/$defs/a\"}]}},\"$ref\":\"#/$defs/a\"}", "1"),
				  "limit: schemas are applied inside") != NULL, "a loop with branches");
	tap_ok(strstr(outcome("{\"items\":{\"$ref\":\"#\"}}", nested("[", "1", "]", 600)), "limit: ") != NULL,
		   "a value that is too deep");
	tap_is(outcome("{\"items\":{\"$ref\":\"#\"}}", nested("[", "1", "]", 400)), "valid", "a deep value");
	tap_ok(strstr(outcome("{\"allOf\":[{\"$ref\":\"#/$defs/0\"},{\"$ref\":\"#/$defs/0\"}],\"$defs\":{"
						  "\"0\":{\"allOf\":[{\"$ref\":\"#/$defs/1\"},{\"$ref\":\"#/$defs/1\"}]},"
						  "\"1\":{\"allOf\":[{\"$ref\":\"#/$defs/2\"},{\"$ref\":\"#/$defs/2\"}]},"
						  "\"2\":{\"allOf\":[{\"$ref\":\"#/$defs/3\"},{\"$ref\":\"#/$defs/3\"}]},"
						  "\"3\":{\"items\":{\"items\":{\"items\":{\"$ref\":\"#\"}}}}}}",
						  nested("[", "1", "]", 100)), "limit: validation takes too much work") != NULL,
		   "references that double each other");

	schema = cn_schema_compile(parse("{\"items\":true}"), NULL, note_problem, NULL);
	tap_ok(cn_schema_validate(schema, parse("[1,1,1,1,1,1,1,1,1,1,1,1]"), &options, NULL, NULL,
							  &limit) == CN_SCHEMA_LIMIT && limit != NULL, "work as the caller limits it");
	options.max_work = 0;
	options.max_depth = 2;
	schema = cn_schema_compile(parse("{\"items\":{\"$ref\":\"#\"}}"), NULL, note_problem, NULL);
	tap_ok(cn_schema_validate(schema, parse("[[[1]]]"), &options, NULL, NULL, &limit) == CN_SCHEMA_LIMIT,
		   "depth as the caller limits it");
	schema = cn_schema_compile(parse("{\"items\":false}"), NULL, note_problem, NULL);
	(void) cn_schema_validate(schema, parse("[1,2,3]"), NULL, stop_at_once, &calls, NULL);
	tap_is_int(calls, 1, "a sink that has had enough is left alone");

	before = checks;
	tap_is(outcome("{\"uniqueItems\":true}", numbers(100000, "\"x\"")), "valid", "100,001 different items");
	tap_ok(checks > before, "the check is called");
	tap_is(outcome("{\"uniqueItems\":true}", numbers(100000, "77e0")),
		   " (/uniqueItems uniqueItems) items 77 and 100000 are equal", "two of them equal");
	tap_is(outcome("{\"uniqueItems\":true,\"items\":{\"multipleOf\":0.5}}", "[1e131071, 1e131070]"), "valid",
		   "numbers as large as numeric");
	tap_is(outcome("{\"maxLength\":1e400}", "\"x\""), "valid", "a count that is no int64");
}

/* ---- patterns ---- */

static const char *
translated(const char *pattern)
{
	StringInfoData out;
	const char *problem;

	initStringInfo(&out);
	switch (cn_pattern_translate(pattern, strlen(pattern), &out, &problem))
	{
		case CN_PATTERN_OK:
			return out.data;
		case CN_PATTERN_INVALID:
			return psprintf("invalid: %s", problem);
		case CN_PATTERN_INEXPRESSIBLE:
			return psprintf("inexpressible: %s", problem);
	}
	return NULL;
}

static const struct
{
	const char *pattern;
	const char *translated;
}			patterns[] = {
	{"(", "invalid: unmatched ( in a pattern"},
	{"(?", "invalid: unknown kind of group"},
	{"(?<", "invalid: group without a name"},
	{"(?<>a)", "invalid: group without a name"},
	{"(?<a>b)(?<a>c)", "invalid: two groups have one name"},
	{"(?i:a)", "invalid: unknown kind of group"},
	{")", "invalid: unmatched ) in a pattern"},
	{"[", "invalid: unmatched [ in a pattern"},
	{"[\\", "invalid: pattern ends with a backslash"},
	{"[b-a]", "invalid: range out of order in brackets"},
	{"\\", "invalid: pattern ends with a backslash"},
	{"\\a", "invalid: unknown escape in a pattern"},
	{"\\Z", "invalid: unknown escape in a pattern"},
	{"\\01", "invalid: unknown escape in a pattern"},
	{"\\x1", "invalid: unknown escape in a pattern"},
	{"\\u12", "invalid: \\u without hexadecimal digits"},
	{"\\u{110000}", "invalid: \\u{...} holds no code point"},
	{"\\u{}", "invalid: \\u{...} holds no code point"},
	{"\\p", "invalid: \\p without {...}"},
	{"\\p{Script=Greek}", "inexpressible: \\p{...} names no general category"},
	{"\\p{L Letter}", "inexpressible: \\p{...} names no general category"},
	{"\\1", "invalid: reference to a group that is not there"},
	{"\\k<a>", "invalid: reference to a group that is not there"},
	{"*", "invalid: nothing to repeat"},
	{"{1}", "invalid: nothing to repeat"},
	{"a**", "invalid: nothing to repeat"},
	{"a{2}{3}", "invalid: nothing to repeat"},
	{"a{3,2}", "invalid: numbers of repetitions are out of order"},
	{"(?=a)*", "invalid: lookahead and lookbehind cannot be repeated"},
	{"a{65026}", "inexpressible: number of repetitions is too high"},
	{"a{99999999999999999999}", "inexpressible: number of repetitions is too high"},
	{"(a)?\\1", "inexpressible: reference to a group that may not have matched"},
	{"(?:(a)|b)\\1", "inexpressible: reference to a group that may not have matched"},
	{"(?:(a)|\\1)", "inexpressible: reference to a group that may not have matched"},
	{"(?=(a))\\1", "inexpressible: reference to a group in lookahead or lookbehind"},
	{"(a)(?=\\1)", "inexpressible: reference to a group in lookahead or lookbehind"},
	{"((a)\\2){300}", "inexpressible: group with a reference to it is repeated too often"},

	{"", ""},
	{"a|b|", "a|b|"},
	{"^a$", "^a$"},
	{"a.c", "a[^\n\r\xe2\x80\xa8\xe2\x80\xa9]c"},
	{"\\d\\D", "[0-9][^0-9]"},
	{"\\w", "[0-9A-Z_a-z]"},
	{"[\\d\\-x]", "[\\-0-9x]"},
	{"[^]", "."},
	{"[]", "[^\\u0001-\\U0010FFFF]"},
	{"[\\x00-\\x1f]", "[\x01-\x1f]"},
	{"[\\ud800-\\udfff]", "[^\\u0001-\\U0010FFFF]"},
	{"[a\\]^-]", "[\\-\\]\\^a]"},
	{"[\\w-z]", "[\\-0-9A-Z_a-z]"},
	{"\\bx\\B", "\\yx\\Y"},
	{"[\\b]", "[\x08]"},
	{"\\cA\\t", "\x01\t"},
	{"\\u0041\\u{42}\\x43", "ABC"},
	{"\\ud83d\\udc32", "\xf0\x9f\x90\xb2"},
	{"\\/\\-\\.\\@", "/-\\.@"},
	{"{a}]", "\\{a\\}\\]"},
	{"(a)(?:b)(?<n>c)", "(?:a)(?:b)(?:c)"},
	{"(a)(b)\\2", "(?:a)(b)(?:\\1)"},
	{"(?<n>a)\\k<n>", "(a)(?:\\1)"},
	{"\\1(a)", "(?:)(a)"},
	{"a+?b*?c??", "a+b*c?"},
	{"a{2}b{2,}c{2,3}", "a{2,2}b{2,2}b*c{2,3}"},
	{"a{0}", "(?:)"},
	{"a{256}", "(?:a{255,255}){1}a{1,1}"},
	{"a{1,600}", "a{1,1}(?:a{0,255}){2}a{0,89}"},
	{"a{300,}", "(?:a{255,255}){1}a{45,45}a*"},
	{"(?<=a)b(?!c)", "(?<=a)b(?!c)"},
	{"(?<!a(b))", "(?<!a(?:b))"},
};

/* ---- formats ---- */

static const struct
{
	const char *format;
	const char *text;
	bool		valid;
}			formats[] = {
	{"date", "2024-02-29", true},
	{"date", "2023-02-29", false},
	{"date", "1900-02-29", false},
	{"date", "2024-13-01", false},
	{"date", "2024-1-01", false},
	{"time", "23:59:60Z", true},
	{"time", "15:59:60-08:00", true},
	{"time", "00:29:60+00:30", true},
	{"time", "22:59:60Z", false},
	{"time", "12:00:00", false},
	{"time", "12:00:00.Z", false},
	{"time", "24:00:00Z", false},
	{"time", "12:00:00+24:00", false},
	{"date-time", "2024-02-29t12:00:00.123z", true},
	{"date-time", "2024-02-29 12:00:00Z", false},
	{"duration", "P4DT12H30M5S", true},
	{"duration", "P1Y2D", false},
	{"duration", "PT", false},
	{"duration", "P", false},
	{"duration", "P1DT", false},
	{"duration", "P1Y1W", false},
	{"duration", "P2W", true},
	{"email", "", false},
	{"email", "@", false},
	{"email", "\"a\\\"@b\"@c.example", true},
	{"email", "\"a@c.example", false},
	{"email", "a@[IPv6:::1]", true},
	{"email", "a@[300.0.0.1]", false},
	{"hostname", "a..b", false},
	{"hostname", "a.", false},
	{"hostname", "xn--", false},
	{"hostname", "xn--X", false},
	{"hostname", "xn--bcher-kva.example", true},
	{"hostname", "xn--hello-txk", false},
	{"ipv4", "1.2.3", false},
	{"ipv4", "1.2.3.04", false},
	{"ipv4", "255.255.255.255", true},
	{"ipv6", "::", true},
	{"ipv6", "1::2::3", false},
	{"ipv6", ":1:2:3:4:5:6:7", false},
	{"ipv6", "1:2:3:4:5:6:7:8:", false},
	{"ipv6", "1:2:3:4:5:6:7::", true},
	{"ipv6", "1:2:3:4:5:6:7:8::", false},
	{"ipv6", "::ffff:1.2.3.4", true},
	{"ipv6", "1:2:3:4:5:6:7:1.2.3.4", false},
	{"ipv6", "fe80::1%eth0", false},
	{"json-pointer", "/a~1b~0", true},
	{"json-pointer", "/a~2", false},
	{"json-pointer", "a", false},
	{"relative-json-pointer", "0#", true},
	{"relative-json-pointer", "01/a", false},
	{"relative-json-pointer", "1/a", true},
	{"regex", "(?=a)*", false},
	{"regex", "\\p{Script=Greek}", true},
	{"uri", "http://[::1]:80/a?b#c", true},
	{"uri", "http://[::1/", false},
	{"uri", "http://h:8a/", false},
	{"uri", "//h/a", false},
	{"uri", "a:b%zz", false},
	{"uri", "urn:a:b", true},
	{"uri", "http://[v1.x]/", true},
	{"uri-reference", "a/b:c", true},
	{"uri-reference", "1a:b", false},
	{"uri-reference", "#a#b", false},
	{"uuid", "2eb8aa08-aa98-11ea-b4aa-73b441d16380", true},
	{"uuid", "2eb8aa08aa9811eab4aa73b441d163800000", false},
};

int
main(void)
{
	tap_run_cases("cases/schema.test", outcome);
	test_limits();
	for (int i = 0; i < lengthof(patterns); i++)
		tap_is(translated(patterns[i].pattern), patterns[i].translated, "%s", patterns[i].pattern);
	for (int i = 0; i < lengthof(formats); i++)
	{
		CnFormatCheck check = cn_format_find(formats[i].format);

		tap_ok(check(formats[i].text, strlen(formats[i].text)) == formats[i].valid, "%s: %s",
			   formats[i].format, formats[i].text);
	}
	tap_ok(cn_format_find("idn-email") == NULL, "idn-email is no format to check");
	return tap_done();
}
