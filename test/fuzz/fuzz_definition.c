/*
 * fuzz_definition.c -- src/catalog: definitions from any bytes.
 *
 * What cannot be compiled has problems, and each has a JSON path and a message
 * that can be shown; what has none is complete.
 */
#include "catalog/definition.h"
#include "core/utf8.h"
#include "fuzz.h"
#include "shim.h"

static void
check_problems(const CnProblems *problems)
{
	for (int i = 0; i < problems->count; i++)
	{
		const CnProblem *problem = &problems->list[i];

		require(problem->path[0] == '$');
		require(problem->message[0] != '\0');
		require(cn_utf8_valid(problem->path, strlen(problem->path), NULL));
		require(cn_utf8_valid(problem->message, strlen(problem->message), NULL));
	}
}

static void
check_pairs(const CnPair *pairs, int count)
{
	for (int i = 0; i < count; i++)
	{
		require(pairs[i].name != NULL);
		require((pairs[i].fixed != NULL) != (pairs[i].value != NULL));
	}
}

/* Has the body what its kind needs, and nothing else? */
static void
check_body(const CnDefinition *d)
{
	require((d->body_json != NULL) == (d->body_kind == CN_BODY_JSON));
	require((d->body_text != NULL) == (d->body_kind == CN_BODY_TEXT || d->body_kind == CN_BODY_BINARY));
	require(d->form_count == 0 || d->body_kind == CN_BODY_FORM);
	require(d->part_count == 0 || d->body_kind == CN_BODY_MULTIPART);
	check_pairs(d->form, d->form_count);
	for (int i = 0; i < d->part_count; i++)
	{
		const CnPartDef *part = &d->parts[i];

		require(part->name != NULL);
		require((part->text != NULL) + (part->base64 != NULL) + (part->json != NULL) == 1);
	}
}

static void
check_definition(const CnDefinition *d)
{
	require(cn_method_name(d->method) == d->method);
	require(d->url != NULL);
	require((d->service == NULL) == (d->label == NULL));
	require(d->service == NULL || (d->service[0] && d->label[0]));
	require(d->service != NULL || !d->uses_workspace);
	require(d->timeout_ms == 0 || (d->timeout_ms >= 1000 && d->timeout_ms <= 60000));
	check_pairs(d->query, d->query_count);
	for (int i = 0; i < d->header_count; i++)
		require(d->headers[i].name[0] && d->headers[i].value != NULL);
	check_body(d);
	require(d->has_output || d->output_count == 0);
	for (int i = 0; i < d->output_count; i++)
	{
		require(d->outputs[i].path[0] != '\0');
		/* a path that is one already stays as it is */
		require(strcmp(cn_path_text(d->outputs[i].path), d->outputs[i].path) == 0);
		require(d->outputs[i].many == cn_path_is_many(d->outputs[i].path));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CnJsonLimits limits = {.max_depth = 0};
	CnProblems	problems;
	CnDefinition *definition;
	CnJson	   *config = cn_json_parse(fuzz_copy(data, size), size, &limits, NULL);

	if (config)
	{
		definition = cn_definition_compile(config, NULL, &problems);
		require((definition == NULL) == (problems.count > 0));
		check_problems(&problems);
		if (definition)
			check_definition(definition);
	}
	shim_reset();
	return 0;
}
