/*
 * output.c -- what a definition's paths pick out of a reply.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"

#include "core/jsonb.h"
#include "engine/output.h"

/* The server's form of a path, kept beside the definition. */
static Datum
compiled_path(const CnDefinition *definition, CnOutputDef *output)
{
	if (output->compiled == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(unconstify(CnDefinition *, definition)));

		output->compiled = DatumGetPointer(DirectFunctionCall1(jsonpath_in,
															   CStringGetDatum(output->path)));
		MemoryContextSwitchTo(old);
	}
	return PointerGetDatum(output->compiled);
}

static Jsonb *
pick(const CnDefinition *definition, CnOutputDef *output, Jsonb *reply, Datum no_variables)
{
	Datum		found = DirectFunctionCall4(jsonb_path_query_array, JsonbPGetDatum(reply),
											compiled_path(definition, output), no_variables,
											BoolGetDatum(true));
	Jsonb	   *items = DatumGetJsonbP(found);
	JsonbValue *only;

	if (output->many || JB_ROOT_COUNT(items) > 1)
		return items;
	if (JB_ROOT_COUNT(items) == 0)
		return NULL;
	only = getIthJsonbValueFromContainer(&items->root, 0);
	return JsonbValueToJsonb(only);
}

Jsonb *
cn_output_pick(const CnDefinition *definition, Jsonb *reply)
{
	CnJsonbBuilder out = {0};
	Datum		no_variables;

	if (!definition->has_output)
		return reply;
	cn_build_begin_object(&out);
	cn_build_end_object(&out);
	no_variables = JsonbPGetDatum(cn_build_done(&out));

	if (definition->output_count == 1 && definition->outputs[0].key == NULL)
	{
		Jsonb	   *value = pick(definition, &definition->outputs[0], reply, no_variables);
		CnJson		null = {.type = CN_JSON_NULL};

		return value ? value : cn_jsonb_from_json(&null);
	}
	memset(&out, 0, sizeof(out));
	cn_build_begin_object(&out);
	for (int i = 0; i < definition->output_count; i++)
	{
		cn_build_key(&out, definition->outputs[i].key);
		cn_build_jsonb(&out, pick(definition, &definition->outputs[i], reply, no_variables));
	}
	cn_build_end_object(&out);
	return cn_build_done(&out);
}
