/*
 * test_literal_secrets.c -- secrets written into definitions, and what only looks like one.
 */
#include "catalog/literal_secrets.h"

#include "tap.h"

static void
add_finding(void *arg, const char *path, const char *what)
{
	StringInfo	buf = arg;

	appendStringInfo(buf, "%s%s: %s", buf->len ? " ; " : "", path, what);
}

/* "path: what ; path: what", or "none". */
static char *
findings(const char *text, bool definition)
{
	CnJsonError error;
	CnJson	   *tree = cn_json_parse(text, strlen(text), NULL, &error);
	StringInfoData buf;

	if (tree == NULL)
		return psprintf("not JSON: %s", error.message);
	initStringInfo(&buf);
	if (definition)
		cn_literal_secrets(tree, add_finding, &buf);
	else
		cn_literal_secrets_in(tree, "$.x", add_finding, &buf);
	return buf.len ? buf.data : pstrdup("none");
}

/* The program's first word says what is done with the input; the rest is for the reader. */
static char *
run_case(const char *program, const char *input)
{
	const char *shape;

	if (strncmp(program, "definition", 10) == 0)
		return findings(input, true);
	if (strncmp(program, "other", 5) == 0)
		return findings(input, false);
	if (strncmp(program, "name", 4) == 0)
		return pstrdup(cn_secret_name(input) ? "secret" : "harmless");
	if (strncmp(program, "shape", 5) != 0)
		return pstrdup("no such program");
	shape = cn_secret_shape(input, strlen(input));
	return pstrdup(shape ? shape : "none");
}

/* No finding may show what it found, not even in a path. */
static void
test_nothing_is_shown(void)
{
	char	   *found = findings("{\"body\": {\"sk_live_abcdef0123456789\": {\"a\": 1}},"
								 " \"output\": {\"xoxb-1234567890-abcdef\": \"$.a\"},"
								 " \"headers\": {\"x-api-key\": \"hunter2hunter2\"}}", true);

	tap_ok(strstr(found, "sk_live") == NULL && strstr(found, "xoxb") == NULL &&
		   strstr(found, "hunter2") == NULL, "no finding shows a secret");
	found = findings("{\"body\": {\"sk_live_abcdef0123456789\": {\"a\": 1}}}", true);
	tap_is(found, "$.body: it looks like a Stripe secret key", "a secret as a key");
}

/* A text ends where its length says. */
static void
test_length(void)
{
	tap_ok(cn_secret_shape("ghp_abcdefghij0123456789", 15) == NULL &&
		   cn_secret_shape("ghp_abcdefghij0123456789", 24) != NULL,
		   "no byte behind the text is looked at");
}

int
main(void)
{
	tap_run_cases("cases/literal_secrets.test", run_case);
	test_nothing_is_shown();
	test_length();
	return tap_done();
}
