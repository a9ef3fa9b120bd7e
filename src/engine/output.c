/*
 * output.c -- what a step's paths pick out of a reply.
 */
#include "postgres.h"

#include "catalog/pick.h"
#include "core/jsonb.h"
#include "engine/output.h"

Jsonb *
cn_output_pick(const CnStepDef *step, Jsonb *reply)
{
	CnJsonbBuilder out = {0};

	if (!step->has_output)
		return reply;
	if (step->output_count == 1 && step->outputs[0].key == NULL)
	{
		Jsonb	   *value = cn_path_pick(&step->outputs[0].path, reply);

		return value ? value : cn_jsonb_null();
	}
	cn_build_begin_object(&out);
	for (int i = 0; i < step->output_count; i++)
	{
		cn_build_key(&out, step->outputs[i].key);
		cn_build_jsonb(&out, cn_path_pick(&step->outputs[i].path, reply));
	}
	cn_build_end_object(&out);
	return cn_build_done(&out);
}
