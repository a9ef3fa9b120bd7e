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

Datum
cn_path_compiled(const CnPath *path)
{
	CnPath	   *kept = unconstify(CnPath *, path);

	if (kept->compiled == NULL)
	{
		/* the path's text was allocated with the definition */
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(unconstify(char *, path->text)));

		kept->compiled = DatumGetPointer(DirectFunctionCall1(jsonpath_in,
															 CStringGetDatum(path->text)));
		MemoryContextSwitchTo(old);
	}
	return PointerGetDatum(kept->compiled);
}

static Jsonb *
pick(const CnOutputDef *output, Jsonb *reply, Datum no_variables)
{
	Datum		found = DirectFunctionCall4(jsonb_path_query_array, JsonbPGetDatum(reply),
											cn_path_compiled(&output->path), no_variables,
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
cn_output_pick(const CnStepDef *step, Jsonb *reply)
{
	CnJsonbBuilder out = {0};
	Datum		no_variables;

	if (!step->has_output)
		return reply;
	no_variables = JsonbPGetDatum(cn_jsonb_empty_object());
	if (step->output_count == 1 && step->outputs[0].key == NULL)
	{
		Jsonb	   *value = pick(&step->outputs[0], reply, no_variables);
		CnJson		null = {.type = CN_JSON_NULL};

		return value ? value : cn_jsonb_from_json(&null);
	}
	cn_build_begin_object(&out);
	for (int i = 0; i < step->output_count; i++)
	{
		cn_build_key(&out, step->outputs[i].key);
		cn_build_jsonb(&out, pick(&step->outputs[i], reply, no_variables));
	}
	cn_build_end_object(&out);
	return cn_build_done(&out);
}
