/*
 * fuzz_openapi.c -- src/openapi: provider definitions from any description.
 *
 * What cannot be imported has problems that can be shown; what can is JSON again, and the
 * schema of each action's input can be compiled.
 */
#include "core/utf8.h"
#include "fuzz.h"
#include "openapi/openapi.h"
#include "schema/schema.h"
#include "shim.h"

static void
no_problem(void *arg, const char *path, const char *message)
{
	/* enum, format and the like are taken over as they are; their values may be nonsense */
}

static void
check_action(const CnJson *action)
{
	CnSchemaOptions options = {0};
	const CnJson *schema = cn_json_get(action, "input_schema");

	require(cn_json_get_string(action, "path") != NULL);
	require(cn_json_get_string(action, "method") != NULL);
	require(cn_json_get(schema, "properties")->type == CN_JSON_OBJECT);
	(void) cn_schema_compile(schema, &options, no_problem, NULL);
}

static void
check_provider(const CnJson *provider)
{
	const CnJson *actions = cn_json_get(provider, "actions");
	StringInfoData text;

	require(cn_json_get_string(provider, "base_url") != NULL);
	require(actions->len > 0);
	for (int i = 0; i < actions->len; i++)
		check_action(actions->u.members[i].value);
	initStringInfo(&text);
	cn_json_write(&text, provider);
	require(cn_utf8_valid(text.data, text.len, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CnJsonLimits limits = {.max_depth = CN_JSON_DEPTH_MAX};
	CnProblems	problems = {NULL, 0};
	CnJson	   *spec = cn_json_parse(fuzz_copy(data, size), size, &limits, NULL);
	CnJson	   *provider;

	if (spec)
	{
		provider = cn_openapi_import(spec, NULL, &problems);
		require((provider == NULL) == (problems.count > 0));
		if (provider)
			check_provider(provider);
	}
	shim_reset();
	return 0;
}
