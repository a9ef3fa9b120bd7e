/*
 * transformations.c -- the table of transformations, and connector_render.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/fmgrprotos.h"

#include "core/jsonb.h"
#include "engine/settings.h"
#include "sqlapi/args.h"
#include "template/template.h"

CN_FUNCTION(connector_transformations);
CN_FUNCTION(connector_render);

static Datum
jsonb_datum(const char *text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

Datum
connector_transformations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			count;
	const CnFilter *filters = cn_filter_table(&count);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < count; i++)
	{
		const CnFilter *f = &filters[i];
		Datum		values[8] = {
			CStringGetTextDatum(f->name),
			CStringGetTextDatum(f->category),
			CStringGetTextDatum(f->arguments),
			BoolGetDatum((f->flags & CN_TAKES_NULL) != 0),
			CStringGetTextDatum(f->doc),
			CStringGetTextDatum(f->example),
			jsonb_datum(f->example_input),
			jsonb_datum(f->example_output)
		};
		bool		nulls[8] = {false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- connector_render ---- */

/* Problems of a template, a line for each. */
typedef struct Problems
{
	StringInfoData lines;
	int			count;
} Problems;

static char *
problem_text(const char *json_path, const CnTemplateError *error)
{
	return psprintf("%s: %s (at byte %d)", json_path, error->message, error->offset);
}

static void
note_problem(void *arg, const char *json_path, const CnTemplateError *error)
{
	Problems   *problems = arg;

	appendStringInfo(&problems->lines, "%s%s", problems->count++ > 0 ? "\n" : "",
					 problem_text(json_path, error));
}

static CnJsonTemplate *
compile(const CnJson *source)
{
	Problems	problems = {.count = 0};
	CnJsonTemplate *tmpl;

	initStringInfo(&problems.lines);
	tmpl = cn_json_template_compile(source, "$", note_problem, &problems);
	if (problems.count == 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", problems.lines.data)));
	if (tmpl == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the template has %d problems", problems.count),
				 errdetail_internal("%s", problems.lines.data)));
	return tmpl;
}

static const CnJson *
member_of_context(void *arg, const char *name)
{
	return cn_json_get((const CnJson *) arg, name);
}

/* The limit is that of a request, which is what templates are for. */
static const CnJson *
evaluate(const CnJsonTemplate *tmpl, const CnJson *context)
{
	CnScope		scope = {
		.root = member_of_context,
		.arg = unconstify(CnJson *, context),
		.output_limit = (int64) cn_engine_max_request_size * 1024
	};
	CnTemplateError error;
	const char *path;
	const CnJson *value = cn_json_template_eval(tmpl, &scope, &error, &path);

	if (value == NULL)
		ereport(ERROR,
				(errcode(error.limit ? ERRCODE_PROGRAM_LIMIT_EXCEEDED
						 : ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", problem_text(path, &error)),
				 error.limit ? errhint("The limit is connector.max_request_size.") : 0));
	return value;
}

Datum
connector_render(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext mine = AllocSetContextCreate(caller, "connector render", ALLOCSET_DEFAULT_SIZES);
	CnJson	   *source;
	CnJson	   *context;
	const CnJson *value;
	Jsonb	   *result;

	MemoryContextSwitchTo(mine);
	source = cn_json_from_jsonb(PG_GETARG_JSONB_P(0));
	context = cn_json_from_jsonb(PG_GETARG_JSONB_P(1));
	if (context->type != CN_JSON_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the context must be an object, not %s",
						cn_json_type_name(context->type))));
	value = evaluate(compile(source), context);
	MemoryContextSwitchTo(caller);
	result = cn_jsonb_from_json(value);
	MemoryContextDelete(mine);
	PG_RETURN_JSONB_P(result);
}
