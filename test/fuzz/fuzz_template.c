/*
 * fuzz_template.c -- src/template: text in every place, and JSON.
 *
 * The first byte chooses the place.  Up to the first line end the rest is a
 * template, behind it the JSON document that is its "input" (null if none).
 */
#include "fuzz.h"
#include "shim.h"
#include "template/template.h"

#define LIMIT 10000

static bool
is_unreserved(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		(byte >= '0' && byte <= '9') || strchr("-._~", byte) != NULL;
}

/* Bytes of one kind in text. */
static int
count_of(char wanted, const char *text, int len)
{
	int			count = 0;
	int			i;

	for (i = 0; i < len; i++)
		count += text[i] == wanted;
	return count;
}

static void
note_first(void *arg, const CnExpr *expr, int offset)
{
	int		   *first = (int *) arg;

	if (*first < 0)
		*first = offset - 2;
}

/*
 * The shape of a URL is its template's: the same number of '/' and '?', unless
 * a base URL brought some; no '#', no '@' in the authority.
 */
static void
check_url(const char *out, int len, const char *text, const CnTemplate *tmpl)
{
	const char *authority = strstr(out, "://");
	const char *end;
	int			first = -1;

	require(memchr(out, '#', len) == NULL && memchr(out, ' ', len) == NULL &&
			memchr(out, '\\', len) == NULL);
	cn_template_each_expr(tmpl, note_first, &first);
	if (authority != NULL && strcspn(out, "/?") > authority - out)
	{
		authority += 3;
		end = authority + strcspn(authority, "/?");
		require(memchr(authority, '@', end - authority) == NULL);
	}
	/* with quoted strings about, text has '/' and '?' inside references */
	if (first != 0 && strpbrk(text, "\"'") == NULL)
	{
		require(count_of('/', out, len) == count_of('/', text, strlen(text)));
		require(count_of('?', out, len) == count_of('?', text, strlen(text)));
	}
}

static void
check_output(CnPlace place, const char *out, int len, const char *text, const CnTemplate *tmpl)
{
	int			i;

	require(len <= LIMIT);
	require(cn_utf8_valid(out, len, NULL));
	if (place == CN_PLACE_TEXT)
		return;
	for (i = 0; i < len; i++)
	{
		unsigned char byte = (unsigned char) out[i];

		require(byte != '\0' && byte != '\r' && byte != '\n' && byte != 0x7F);
		require(byte >= ' ' || (byte == '\t' && place == CN_PLACE_HEADER));
		require(place != CN_PLACE_QUERY || is_unreserved(byte) || byte == '%');
	}
	if (place == CN_PLACE_URL)
		check_url(out, len, text, tmpl);
}

static void
test_text(CnPlace place, const char *text, int len, const CnScope *scope)
{
	CnTemplateError error;
	CnTemplate *tmpl = cn_template_parse(fuzz_copy(text, len), len, place, &error);
	StringInfoData out;
	const char *constant;
	int			constant_len;

	if (tmpl == NULL)
	{
		require(error.message != NULL && error.offset >= 0 && error.offset <= len);
		return;
	}
	initStringInfo(&out);
	if (!cn_template_render(tmpl, scope, &out, &error))
	{
		require(error.message != NULL && error.offset >= 0 && error.offset < len);
		return;
	}
	check_output(place, out.data, out.len, pnstrdup(text, len), tmpl);
	if (cn_template_is_constant(tmpl, &constant, &constant_len))
		require(constant_len == out.len && memcmp(constant, out.data, out.len) == 0);
}

static void
count_problem(void *arg, const char *json_path, const CnTemplateError *error)
{
	require(json_path[0] == '$' && error->message != NULL);
	(*(int *) arg)++;
}

/* Evaluating and rendering come to the same, or fail with the same. */
static void
compare_runs(const CnJsonTemplate *tmpl, const CnScope *scope)
{
	CnTemplateError eval_error;
	CnTemplateError render_error;
	const char *path = NULL;
	const CnJson *value = cn_json_template_eval(tmpl, scope, &eval_error, &path);
	StringInfoData rendered;
	StringInfoData written;
	CnJsonLimits limits = {CN_JSON_DEPTH_MAX, 0};

	require(value != NULL || (path[0] == '$' && eval_error.message != NULL));
	initStringInfo(&rendered);
	if (!cn_json_template_render(tmpl, scope, &rendered, &render_error, &path))
	{
		require(value == NULL && strcmp(eval_error.message, render_error.message) == 0);
		return;
	}
	require(rendered.len <= LIMIT);
	require(cn_json_check(rendered.data, rendered.len, &limits, NULL));
	require(value != NULL);
	initStringInfo(&written);
	cn_json_write(&written, value);
	require(strcmp(written.data, rendered.data) == 0);
}

static void
test_json(const char *text, int len, const CnScope *scope)
{
	CnJson	   *source = cn_json_parse(text, len, NULL, NULL);
	CnJsonTemplate *tmpl;
	int			problems = 0;

	if (source == NULL)
		return;
	tmpl = cn_json_template_compile(source, "$", count_problem, &problems);
	require((tmpl == NULL) == (problems > 0));
	if (tmpl != NULL)
		compare_runs(tmpl, scope);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data + 1;
	const char *line_end;
	int			len;
	CnJson	   *input = NULL;
	CnScope		scope;

	if (size < 1)
		return 0;
	line_end = memchr(text, '\n', size - 1);
	len = line_end == NULL ? (int) size - 1 : (int) (line_end - text);
	if (line_end != NULL)
		input = cn_json_parse(line_end + 1, size - 1 - len - 1, NULL, NULL);
	if (input == NULL)
		input = cn_json_null();
	scope = fuzz_scope(input, LIMIT);
	if (data[0] % 5 == 4)
		test_json(text, len, &scope);
	else
		test_text((CnPlace) (data[0] % 5), text, len, &scope);
	shim_reset();
	return 0;
}
