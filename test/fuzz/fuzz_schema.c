/*
 * fuzz_schema.c -- src/schema: compiling, validating, patterns, formats.
 *
 * The first line is a schema, the rest an instance; without one the schema is
 * its own.  As text the first line is also a pattern, the rest a value of every
 * format.
 */
#include "core/regex.h"
#include "fuzz.h"
#include "schema/formats.h"
#include "schema/pattern.h"
#include "schema/schema.h"
#include "shim.h"

/* Enough for the corpus; a mutation that needs more is cut off. */
#define MAX_WORK 20000

static void
note_problem(void *arg, const char *path, const char *message)
{
	require(path[0] == '\0' || path[0] == '/');
	require(cn_utf8_valid(message, strlen(message), NULL) && message[0] != '\0');
	++*(int *) arg;
}

static bool
note_violation(void *arg, const CnSchemaViolation *violation)
{
	require(violation->instance_path[0] == '\0' || violation->instance_path[0] == '/');
	require(violation->schema_path[0] == '\0' || violation->schema_path[0] == '/');
	require(cn_utf8_valid(violation->message, strlen(violation->message), NULL));
	++*(int *) arg;
	return true;
}

/* Whatever we compile, the metaschema allows. */
static void
check_metaschema(const CnJson *json)
{
	static const char text[] = "{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}";
	int			problems = 0;
	CnSchemaOptions options = {.max_work = MAX_WORK};
	CnSchema   *schema = cn_schema_compile(cn_json_parse(text, strlen(text), NULL, NULL), NULL,
										   note_problem, &problems);

	require(schema != NULL);
	require(cn_schema_validate(schema, json, &options, NULL, NULL, NULL) != CN_SCHEMA_INVALID);
}

static void
check_schema(const CnJson *json, const CnJson *instance, bool known)
{
	CnSchemaOptions options = {.assert_formats = true, .max_work = MAX_WORK};
	CnSchema   *schema;
	CnSchemaResult full;
	CnSchemaResult quick;
	int			problems = 0;
	int			violations = 0;
	const char *limit;

	schema = cn_schema_compile(json, NULL, note_problem, &problems);
	require((schema == NULL) == (problems > 0));
	if (schema == NULL)
		return;
	if (known)
		check_metaschema(json);
	full = cn_schema_validate(schema, instance, &options, note_violation, &violations, &limit);
	quick = cn_schema_validate(schema, instance, &options, NULL, NULL, NULL);
	require((full == CN_SCHEMA_LIMIT) == (limit != NULL));
	require(full == CN_SCHEMA_LIMIT || (full == CN_SCHEMA_INVALID) == (violations > 0));
	require(full == CN_SCHEMA_LIMIT || quick == full);
}

static void
check_text(const char *text, int len)
{
	static const char *const formats[] = {
		"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "json-pointer",
		"regex", "relative-json-pointer", "time", "uri", "uri-reference", "uuid"
	};

	for (int i = 0; i < lengthof(formats); i++)
		(void) cn_format_find(formats[i]) (text, len);
}

static void
check_pattern(const char *text, int len)
{
	StringInfoData out;
	const char *problem;
	CnPatternKind kind;

	initStringInfo(&out);
	kind = cn_pattern_translate(text, len, &out, &problem);
	require((kind == CN_PATTERN_OK) == (problem == NULL));
	require(kind != CN_PATTERN_OK || cn_utf8_valid(out.data, out.len, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t		first_len = newline != NULL ? newline - data : size;
	size_t		rest_len = newline != NULL ? size - first_len - 1 : 0;
	char	   *first = palloc0(first_len + 1);
	char	   *rest = palloc0(rest_len + 1);
	CnJson	   *json;
	CnJson	   *instance;
	bool		known;

	memcpy(first, data, first_len);
	if (rest_len > 0)
		memcpy(rest, newline + 1, rest_len);
	/* keywords of older drafts, which the metaschema knows and we do not */
	known = strstr(first, "dependencies") == NULL && strstr(first, "$recursive") == NULL &&
		strstr(first, "\\u") == NULL;
	json = cn_json_parse(first, first_len, NULL, NULL);
	instance = cn_json_parse(rest, rest_len, NULL, NULL);
	if (json != NULL)
		check_schema(json, instance != NULL ? instance : json, known);
	if (cn_utf8_valid(first, first_len, NULL))
		check_pattern(first, first_len);
	if (cn_utf8_valid(rest, rest_len, NULL))
		check_text(rest, rest_len);
	shim_reset();
	return 0;
}
