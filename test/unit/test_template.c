/*
 * test_template.c -- templates in text, URLs, queries, headers and JSON.
 *
 * A case of cases/template_*.test: place and template ("url https://x/{{input}}"), value of input as
 * JSON, result.  A template or result that begins with '"' is a JSON string.  Failures read
 * "parse OFFSET: message" and "error OFFSET: message", with "missing" or "limit" for "error" where
 * that is set; in JSON the path stands before the offset, and all problems are given.
 */
#include "scope.h"
#include "shim.h"
#include "tap.h"
#include "template/template.h"

static char *run_text(const char *text, int len, CnPlace place, const CnScope *scope);
static char *run_json(const char *text, const CnScope *scope);

static const char *const places[] = {"text ", "url ", "query ", "header "};

static const char *
failure(const CnTemplateError *error)
{
	return error->missing ? "missing" : error->limit ? "limit" : "error";
}

static char *
run_case(const char *program, const char *input)
{
	CnJson	   *value = cn_json_parse(input, strlen(input), NULL, NULL);
	CnScope		scope = test_scope(value, 0);
	int			i;

	if (value == NULL)
		return pstrdup("input of the case is not JSON");
	if (strncmp(program, "json ", 5) == 0)
		return run_json(program + 5, &scope);
	for (i = 0; i < lengthof(places); i++)
	{
		const char *text = program + strlen(places[i]);
		CnJson	   *quoted;

		if (strncmp(program, places[i], strlen(places[i])) != 0)
			continue;
		if (*text != '"')
			return run_text(text, strlen(text), (CnPlace) i, &scope);
		quoted = cn_json_parse(text, strlen(text), NULL, NULL);
		return quoted == NULL ? pstrdup("template of the case is not JSON")
			: run_text(quoted->u.text, quoted->len, (CnPlace) i, &scope);
	}
	return pstrdup("place of the case is unknown");
}

/* Text as a case file can hold it: in quotes if it could be mistaken or has line ends. */
static char *
result_text(const char *text, int len)
{
	StringInfoData buf;

	if (len > 0 && text[0] != '"' && memchr(text, '\n', len) == NULL && memchr(text, '\r', len) == NULL)
		return pstrdup(text);
	initStringInfo(&buf);
	cn_json_write_string(&buf, text, len);
	return buf.data;
}

static char *
run_text(const char *text, int len, CnPlace place, const CnScope *scope)
{
	char	   *copy = palloc(len);
	CnTemplateError error;
	CnTemplate *tmpl;
	StringInfoData out;

	memcpy(copy, text, len);
	tmpl = cn_template_parse(copy, len, place, &error);
	pfree(copy);
	if (tmpl == NULL)
		return psprintf("parse %d: %s", error.offset, error.message);
	initStringInfo(&out);
	appendStringInfoString(&out, "http://before/../");	/* rendering appends */
	if (!cn_template_render(tmpl, scope, &out, &error))
		return psprintf("%s %d: %s", failure(&error), error.offset, error.message);
	return result_text(out.data + 17, out.len - 17);
}

static void
note_problem(void *arg, const char *json_path, const CnTemplateError *error)
{
	StringInfo	out = (StringInfo) arg;

	appendStringInfo(out, "%s%s %d: %s", out->len > 0 ? "; " : "parse ", json_path, error->offset,
					 error->message);
}

/* Evaluated and rendered, which must come to the same. */
static char *
run_json(const char *text, const CnScope *scope)
{
	CnJson	   *source = cn_json_parse(text, strlen(text), NULL, NULL);
	StringInfoData problems;
	CnJsonTemplate *tmpl;
	CnTemplateError error;
	const char *path = NULL;
	const CnJson *value;
	StringInfoData out;

	if (source == NULL)
		return pstrdup("template of the case is not JSON");
	initStringInfo(&problems);
	tmpl = cn_json_template_compile(source, "$", note_problem, &problems);
	if (tmpl == NULL)
		return problems.data;
	value = cn_json_template_eval(tmpl, scope, &error, &path);
	initStringInfo(&out);
	if (value == NULL)
		appendStringInfo(&out, "%s %s %d: %s", failure(&error), path, error.offset, error.message);
	else
		cn_json_write(&out, value);

	initStringInfo(&problems);
	if (!cn_json_template_render(tmpl, scope, &problems, &error, &path))
	{
		resetStringInfo(&problems);
		appendStringInfo(&problems, "%s %s %d: %s", failure(&error), path, error.offset, error.message);
	}
	if (strcmp(out.data, problems.data) != 0)
		return psprintf("evaluated %s, rendered %s", out.data, problems.data);
	return out.data;
}

/* ---- what cases cannot say ---- */

static char *
text_outcome(const char *text, int len, CnPlace place, int64 limit)
{
	CnScope		scope = test_scope(cn_json_string("aaaaaaaaaa", 10), limit);

	return run_text(text, len, place, &scope);
}

static char *
json_outcome(const char *text, int64 limit)
{
	CnScope		scope = test_scope(cn_json_string("aaaaaaaaaa", 10), limit);

	return run_json(text, &scope);
}

static void
test_bytes(void)
{
	tap_is(text_outcome("a\0b", 3, CN_PLACE_TEXT, 0), "parse 1: not valid UTF-8", "NUL in text");
	tap_is(text_outcome("a\0b", 3, CN_PLACE_HEADER, 0), "parse 1: not valid UTF-8", "NUL in a header");
	tap_is(text_outcome("a\xFF", 2, CN_PLACE_QUERY, 0), "parse 1: not valid UTF-8", "wrong byte");
	tap_is(text_outcome("{{input}}{{", 11, CN_PLACE_TEXT, 0), "parse 9: \"{{\" is not closed",
		   "cut behind {{");
	tap_is(text_outcome("{{input}", 8, CN_PLACE_TEXT, 0), "parse 0: \"{{\" is not closed", "cut before }");
	tap_is(text_outcome("{{{", 3, CN_PLACE_TEXT, 0), "parse 0: \"{{\" is not closed", "three braces");
	tap_is(text_outcome("", 0, CN_PLACE_TEXT, 0), "\"\"", "nothing");
}

#define TOO_LARGE "the result is larger than allowed"

static void
test_text_limits(void)
{
	tap_is(text_outcome("12345{{input}}", 14, CN_PLACE_TEXT, 14), "limit 5: " TOO_LARGE, "value");
	tap_is(text_outcome("{{input}}12345", 14, CN_PLACE_TEXT, 14), "limit 9: " TOO_LARGE, "literal text");
	tap_is(text_outcome("{{input}}{{input}}", 18, CN_PLACE_TEXT, 19), "limit 9: " TOO_LARGE, "two values");
	tap_is(text_outcome("{{input|concat(input)}}", 23, CN_PLACE_TEXT, 19),
		   "limit 8: input | concat: " TOO_LARGE, "in a filter");
	tap_is(text_outcome("\xE2\x82\xAC", 3, CN_PLACE_QUERY, 8), "limit 0: " TOO_LARGE, "encoded text");
	tap_is(text_outcome("{{now}}", 7, CN_PLACE_QUERY, 23), "limit 0: " TOO_LARGE, "encoded value");
	tap_is(text_outcome("{{input|split('')}}", 19, CN_PLACE_TEXT, 40),
		   "limit 8: input | split: " TOO_LARGE, "array made by a filter");
	tap_is(text_outcome("{{input}}", 9, CN_PLACE_TEXT, 10), "aaaaaaaaaa", "exactly the limit");
	tap_is(text_outcome("{{now}}", 7, CN_PLACE_QUERY, 24), "2026-01-02T03%3A04%3A05Z",
		   "exactly the limit, encoded");
}

static void
test_json_limits(void)
{
	tap_is(json_outcome("\"{{input}}\"", 11), "limit $ 0: " TOO_LARGE, "string");
	tap_is(json_outcome("[\"{{input}}\",\"x{{input}}\"]", 26), "limit $ 0: " TOO_LARGE, "brackets count");
	tap_is(json_outcome("{\"a\":[1,\"{{input}}{{input}}\"]}", 20), "limit $.a[1] 9: " TOO_LARGE, "text");
	tap_is(json_outcome("{\"a\":[1,\"{{input|trim}}{{input|url}}\"]}", 19), "limit $.a[1] 14: " TOO_LARGE,
		   "text of filters");
	tap_is(json_outcome("[1,2,3]", 6), "limit $ 0: " TOO_LARGE, "a constant");
	tap_is(json_outcome("\"{{input}}\"", 12), "\"aaaaaaaaaa\"", "exactly the limit");
	tap_is(json_outcome("[\"{{input}}\",1]", 16), "[\"aaaaaaaaaa\",1]", "exactly the limit, array");
	tap_is(json_outcome("{\"a\":1,\"b\":\"{{input}}\"}", 24), "{\"a\":1,\"b\":\"aaaaaaaaaa\"}",
		   "exactly the limit, object");
	tap_is(json_outcome("{\"{{input}}\":1}", 16), "{\"aaaaaaaaaa\":1}", "exactly the limit, key");
	tap_is(json_outcome("{\"{{input}}\":1}", 15), "limit $ 0: " TOO_LARGE, "key");
}

/* Many references whose filters allocate much and leave little. */
static void
test_work_limit(void)
{
	StringInfoData buf;
	char	   *got;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < 101; i++)
		appendStringInfoString(&buf, "{{input|concat(input,input,input)|length}}");
	got = text_outcome(buf.data, buf.len, CN_PLACE_TEXT, 1000);
	tap_is(got, "limit 4208: input | concat: " TOO_LARGE, "101st costly reference");
}

static void
note_expr(void *arg, const CnExpr *expr, int offset)
{
	appendStringInfo((StringInfo) arg, "%s at %d; ", cn_expr_path(expr), offset);
}

static void
note_json_expr(void *arg, const char *json_path, const CnExpr *expr, int offset)
{
	appendStringInfo((StringInfo) arg, "%s: %s at %d; ", json_path, cn_expr_path(expr), offset);
}

static char *
text_exprs(const char *text)
{
	CnTemplateError error;
	CnTemplate *tmpl = cn_template_parse(text, strlen(text), CN_PLACE_TEXT, &error);
	StringInfoData buf;

	initStringInfo(&buf);
	cn_template_each_expr(tmpl, note_expr, &buf);
	return buf.data;
}

static char *
json_exprs(const char *text)
{
	CnJsonTemplate *tmpl = cn_json_template_compile(cn_json_parse(text, strlen(text), NULL, NULL),
													"$.body", note_problem, NULL);
	StringInfoData buf;

	initStringInfo(&buf);
	cn_json_template_each_expr(tmpl, note_json_expr, &buf);
	return buf.data;
}

static void
test_each_expr(void)
{
	tap_is(text_exprs("no reference"), "", "expressions of constant text");
	tap_is(text_exprs("a {{ input.a }}{{now|trim}}"), "input.a at 4; now at 17; ", "expressions of text");
	tap_is(json_exprs("[1,\"a\",{}]"), "", "expressions of a constant");
	tap_is(json_exprs("{\"a\":[1,\"{{input.x}} {{now}}\"],\"{{input.k}}\":\"{{input.y}}\",\"b c\":\"{{now}}\"}"),
		   "$.body.a[1]: input.x at 2; $.body.a[1]: now at 14; $.body[\"{{input.k}}\"]: input.k at 2; "
		   "$.body[\"{{input.k}}\"]: input.y at 2; $.body[\"b c\"]: now at 2; ",
		   "expressions of JSON");
}

static void
test_constant(void)
{
	CnTemplateError error;
	const char *text = NULL;
	int			len = -1;
	int			offset = -1;
	bool		is;

	is = cn_template_is_constant(cn_template_parse("a{{{{b", 6, CN_PLACE_TEXT, &error), &text, &len);
	tap_is(is && len == 4 ? text : NULL, "a{{b", "constant text");
	is = cn_template_is_constant(cn_template_parse("a b", 3, CN_PLACE_QUERY, &error), &text, &len);
	tap_is(is && len == 5 ? text : NULL, "a%20b", "constant in a query");
	is = cn_template_is_constant(cn_template_parse("", 0, CN_PLACE_URL, &error), &text, &len);
	tap_is(is && len == 0 ? text : NULL, "", "empty is constant");
	is = cn_template_is_constant(cn_template_parse("a{{now}}", 8, CN_PLACE_TEXT, &error), &text, &len);
	tap_ok(!is, "not constant with a reference");
	is = cn_template_only_expr(cn_template_parse("{{now}}", 7, CN_PLACE_TEXT, &error), &offset) != NULL;
	tap_ok(is && offset == 2, "only a reference");
	is = cn_template_only_expr(cn_template_parse("{{now}} ", 8, CN_PLACE_TEXT, &error), &offset) != NULL;
	tap_ok(!is, "a reference and a space");
	is = cn_template_only_expr(cn_template_parse("{{now}}{{now}}", 14, CN_PLACE_TEXT, &error), &offset) != NULL;
	tap_ok(!is, "two references");
	is = cn_template_only_expr(cn_template_parse("", 0, CN_PLACE_TEXT, &error), &offset) != NULL;
	tap_ok(!is, "nothing");
}

/* The error names the reference, also when a filter or the place refuses its value. */
static void
test_error_path(void)
{
	static const char *const texts[] = {"http://h/{{input.a.b}}", "http://h/{{input|number}}",
		"http://h:{{input}}/"};
	static const char *const paths[] = {"input.a.b", "input", "input"};
	int			i;

	for (i = 0; i < lengthof(texts); i++)
	{
		CnScope		scope = test_scope(cn_json_string("x", 1), 0);
		CnTemplateError error;
		CnTemplate *tmpl = cn_template_parse(texts[i], strlen(texts[i]), CN_PLACE_URL, &error);
		StringInfoData out;
		bool		fine;

		initStringInfo(&out);
		fine = tmpl != NULL && cn_template_render(tmpl, &scope, &out, &error);
		tap_is(fine ? NULL : error.path, paths[i], "path of the error of %s", texts[i]);
	}
}

/* Every byte in every place that escapes or refuses. */
static void
test_every_byte(void)
{
	int			byte;

	for (byte = 1; byte < 128; byte++)
	{
		char		one[2] = {(char) byte, '\0'};
		bool		unreserved = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
										"0123456789-._~", byte) != NULL;
		bool		control = (byte < 32 && byte != '\t') || byte == 127;
		const CnJson *value = cn_json_string(one, 1);
		CnScope		scope = test_scope(value, 0);
		char	   *encoded = unreserved ? pstrdup(one) : psprintf("%%%02X", byte);
		bool		query = strcmp(run_text("{{input}}", 9, CN_PLACE_QUERY, &scope), encoded) == 0;
		bool		path = strcmp(run_text("/a{{input}}", 11, CN_PLACE_URL, &scope),
								  psprintf("/a%s", encoded)) == 0;
		char	   *header = run_text("{{input}}", 9, CN_PLACE_HEADER, &scope);
		bool		refused = strncmp(header, "error ", 6) == 0;

		tap_ok(query && path && refused == control, "byte %d", byte);
	}
}

/* Depth of the result is that of template and value together; nothing overflows. */
static void
test_deep(void)
{
	CnJsonLimits limits = {1024, 0};
	StringInfoData buf;
	CnJson	   *deep;
	CnJsonTemplate *tmpl;
	CnTemplateError error;
	const char *path;
	CnScope		scope;
	StringInfoData out;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < 1000; i++)
		appendStringInfoChar(&buf, '[');
	appendStringInfoString(&buf, "\"{{input}}\"");
	for (i = 0; i < 1000; i++)
		appendStringInfoChar(&buf, ']');
	deep = cn_json_parse(buf.data, buf.len, &limits, NULL);
	tmpl = cn_json_template_compile(deep, "$", note_problem, NULL);
	scope = test_scope(deep, 0);
	initStringInfo(&out);
	tap_ok(cn_json_template_render(tmpl, &scope, &out, &error, &path) && out.len == 4011,
		   "1000 levels within 1000 levels");
}

int
main(void)
{
	tap_run_cases("cases/template_url.test", run_case);
	tap_run_cases("cases/template_text.test", run_case);
	tap_run_cases("cases/template_json.test", run_case);
	test_bytes();
	test_text_limits();
	test_json_limits();
	test_work_limit();
	test_every_byte();
	test_each_expr();
	test_constant();
	test_error_path();
	test_deep();
	return tap_done();
}
