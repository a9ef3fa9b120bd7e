/*
 * mapping_value.c -- what a mapping's values are, in the types of their columns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "catalog/pick.h"
#include "core/jsonb.h"
#include "expr/expr_pipe.h"
#include "sync/mapping.h"

static const CnJson *evaluate(CnMappingRun *run, const CnMappedValue *value);

/* ---- what templates and filters read ---- */

static const CnJson *
run_root(void *arg, const char *name)
{
	CnMappingRun *run = arg;

	if (strcmp(name, CN_OUTPUT_ROOT) != 0 && strcmp(name, CN_OUTPUT_SIGN) != 0)
		return run->given->root(run->given->arg, name);
	if (run->output_tree == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(run->context);

		run->output_tree = cn_json_from_jsonb(run->output);
		MemoryContextSwitchTo(old);
	}
	return run->output_tree;
}

void
cn_mapping_start_values(CnMappingRun *run)
{
	run->scope.root = run_root;
	run->scope.arg = run;
	run->scope.output_limit = run->given->output_limit;
	run->budget = cn_scope_limit(run->given);
}

/* A reference to the output is not the caller's fault. */
static bool
refers_to_output(const char *path)
{
	return path != NULL && strncmp(path, CN_OUTPUT_ROOT, strlen(CN_OUTPUT_ROOT)) == 0;
}

static const CnJson *
evaluation_failed(CnMappingRun *run, const char *message, bool limit, bool of_output)
{
	(void) cn_mapping_fail(run, limit ? CN_LIMIT_EXCEEDED : of_output ? CN_BAD_RESPONSE
						   : CN_INPUT_INVALID, "%s", message);
	return NULL;
}

/* ---- paths ---- */

static const CnJson *
evaluate_path(CnMappingRun *run, const CnMappedValue *value)
{
	Jsonb	   *found = cn_path_pick(&value->path, run->output);
	const CnJson *result = found ? cn_json_from_jsonb(found) : cn_json_null();
	CnExprError error;

	if (value->filters == NULL)
		return result;
	result = cn_expr_apply(value->filters, result, &run->scope, &run->budget, &error);
	return result ? result : evaluation_failed(run, error.message, error.limit, true);
}

/* ---- the rest ---- */

static const CnJson *
evaluate_template(CnMappingRun *run, const CnMappedValue *value)
{
	CnTemplateError error;
	const char *path;
	const CnJson *result = cn_json_template_eval(value->tmpl, &run->scope, &error, &path);

	return result ? result
		: evaluation_failed(run, error.message, error.limit, refers_to_output(error.path));
}

static const CnJson *
evaluate_items(CnMappingRun *run, const CnMappedValue *value)
{
	CnJson	  **items = palloc(sizeof(CnJson *) * Max(value->count, 1));
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * Max(value->count, 1));

	for (int i = 0; i < value->count; i++)
	{
		items[i] = unconstify(CnJson *, evaluate(run, &value->items[i]));
		if (items[i] == NULL)
			return NULL;
		if (value->kind == CN_MAPPED_ARRAY)
			continue;
		members[i].key = value->keys[i];
		members[i].key_len = strlen(value->keys[i]);
		members[i].value = items[i];
	}
	return value->kind == CN_MAPPED_ARRAY ? cn_json_array(items, value->count)
		: cn_json_object(members, value->count);
}

static const CnJson *
evaluate(CnMappingRun *run, const CnMappedValue *value)
{
	switch (value->kind)
	{
		case CN_MAPPED_LITERAL:
			return value->literal;
		case CN_MAPPED_TEMPLATE:
			return evaluate_template(run, value);
		case CN_MAPPED_PATH:
			return evaluate_path(run, value);
		case CN_MAPPED_ARRAY:
		case CN_MAPPED_OBJECT:
			return evaluate_items(run, value);
	}
	elog(ERROR, "unexpected kind of value %d", (int) value->kind);
}

/* {"v": value}; NULL and the run's failure if there is no value. */
static Jsonb *
value_object(CnMappingRun *run, const CnMappedValue *value)
{
	CnJsonbBuilder object = {0};
	Jsonb	   *jb;

	/* the whole output is the most common value and may be large: no detour */
	if (value->kind == CN_MAPPED_PATH && value->filters == NULL)
		jb = cn_path_pick(&value->path, run->output);
	else
	{
		const CnJson *tree = evaluate(run, value);

		if (tree == NULL)
			return NULL;
		jb = cn_jsonb_from_json(tree);
	}
	cn_build_begin_object(&object);
	cn_build_key(&object, "v");
	cn_build_jsonb(&object, jb);
	cn_build_end_object(&object);
	return cn_build_done(&object);
}

/* ---- types ---- */

/*
 * jsonb_to_record, as SQL calls it for "AS t(v <type>)".  The server's own rules
 * hold then: arrays, composite types, domains with their checks, enums; a JSON
 * null is NULL for every type.
 */
static Datum
convert(Jsonb *object, Oid type, int32 typmod, bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 1);
	FmgrInfo	flinfo;
	ReturnSetInfo columns = {.type = T_ReturnSetInfo,.allowedModes = SFRM_ValuePerCall};
	HeapTupleData tuple = {0};
	HeapTupleHeader header;

	columns.expectedDesc = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(columns.expectedDesc, 1, "v", type, typmod, 0);
	fmgr_info(F_JSONB_TO_RECORD, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 1, InvalidOid, NULL, (Node *) &columns);
	fcinfo->args[0].value = JsonbPGetDatum(object);
	fcinfo->args[0].isnull = false;
	header = DatumGetHeapTupleHeader(FunctionCallInvoke(fcinfo));
	Assert(!fcinfo->isnull);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	tuple.t_data = header;
	return heap_getattr(&tuple, 1, columns.expectedDesc, isnull);
}

bool
cn_mapping_value(CnMappingRun *run, const CnMappingTarget *target, int i, Datum *value,
				 bool *isnull)
{
	const CnMappedColumn *column = &run->mapping->columns[i];
	Jsonb	   *object;

	run->column = column->name;
	object = value_object(run, &column->value);
	if (object == NULL)
		return false;
	*value = convert(object, target->types[i], target->typmods[i], isnull);
	if (*isnull && i < run->mapping->key_count)
		return cn_mapping_fail(run, CN_VALIDATION_FAILED, "a column of the key has no value");
	run->column = NULL;
	return true;
}
