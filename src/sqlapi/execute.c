/*
 * execute.c -- connector_execute, connector_try_execute and connector_test.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/memutils.h"

#include "core/jsonb.h"
#include "core/report.h"
#include "queue/history.h"
#include "sqlapi/args.h"
#include "sqlapi/call.h"

CN_FUNCTION(connector_execute);
CN_FUNCTION(connector_try_execute);
CN_FUNCTION(connector_test);

/* Run a saved connector, record and count it; raise: its failure will be raised. */
static CnExecution *
execute(CnCall *call, FunctionCallInfo fcinfo, const char *function, bool raise)
{
	Jsonb	   *input = cn_arg_jsonb(fcinfo, 1);
	CnExecution *execution;
	MemoryContext old;

	cn_call_begin(call, function, cn_arg_text(fcinfo, 2), CN_RIGHT_EXECUTE);
	cn_call_connector(call, cn_arg_required(fcinfo, 0, "connector"));
	execution = cn_call_start(call, input, call->context, NULL, NULL);
	cn_call_wait(call, execution);
	old = MemoryContextSwitchTo(call->context);
	cn_call_record(call, execution, input, raise);
	cn_call_flush(call);
	MemoryContextSwitchTo(old);
	return execution;
}

Datum
connector_execute(PG_FUNCTION_ARGS)
{
	CnCall		call;
	const CnOutcome *outcome = cn_exec_outcome(execute(&call, fcinfo, "connector_execute()", true));
	Jsonb	   *output;

	if (outcome->failure.code != CN_OK)
		cn_report_failure(call.connector->name, outcome->failed_step, &outcome->failure);
	output = cn_jsonb_copy(outcome->output);
	MemoryContextDelete(call.context);
	PG_RETURN_JSONB_P(output);
}

Datum
connector_try_execute(PG_FUNCTION_ARGS)
{
	CnCall		call;
	CnExecution *execution = execute(&call, fcinfo, "connector_try_execute()", false);
	HeapTuple	row = cn_call_result(execution, NULL, cn_call_row_type(fcinfo));
	Datum		result = HeapTupleGetDatum(row);

	MemoryContextDelete(call.context);
	return result;
}

/* ---- connector_test ---- */

static Jsonb *
request_of(const CnStepRecord *step)
{
	CnJsonbBuilder b = {0};

	if (step->method == NULL)
		return NULL;
	cn_build_begin_object(&b);
	cn_build_key(&b, "method");
	cn_build_string(&b, step->method);
	cn_build_key(&b, "url");
	cn_build_string(&b, step->url);
	cn_build_key(&b, "headers");
	cn_build_jsonb(&b, step->request_headers);
	cn_build_key(&b, "body");
	cn_build_jsonb(&b, step->request_body);
	cn_build_end_object(&b);
	return cn_build_done(&b);
}

/* One value of a result row; null where there is none. */
typedef struct Fields
{
	Datum		values[10];
	bool		nulls[10];
} Fields;

static void
set_field(Fields *fields, int i, bool present, Datum value)
{
	fields->nulls[i] = !present;
	fields->values[i] = value;
}

static void
set_failure(Fields *f, const CnFailure *failure)
{
	bool		failed = failure->code != CN_OK;

	set_field(f, 3, failed, (Datum) 0);
	set_field(f, 4, failed, (Datum) 0);
	if (failed)
	{
		f->values[3] = CStringGetTextDatum(cn_code_info(failure->code)->name);
		f->values[4] = CStringGetTextDatum(cn_failure_text(failure));
	}
}

static void
put_step(ReturnSetInfo *rsinfo, const CnStepRecord *step)
{
	Jsonb	   *request = request_of(step);
	Fields		f;

	set_field(&f, 0, true, CStringGetTextDatum(step->def->id));
	set_field(&f, 1, true, CStringGetTextDatum(cn_step_status_name(step)));
	set_field(&f, 2, step->output != NULL, PointerGetDatum(step->output));
	set_failure(&f, &step->failure);
	set_field(&f, 5, step->http_status != 0, Int32GetDatum(step->http_status));
	set_field(&f, 6, request != NULL, PointerGetDatum(request));
	set_field(&f, 7, step->reply != NULL, PointerGetDatum(step->reply));
	set_field(&f, 8, true, Float8GetDatum(step->duration_ms));
	set_field(&f, 9, step->method != NULL, Int32GetDatum(step->attempts));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, f.values, f.nulls);
}

/* The result that a definition shapes, or why it could not: a row of its own. */
static void
put_result(ReturnSetInfo *rsinfo, const CnOutcome *outcome)
{
	Fields		f;

	memset(f.nulls, true, sizeof(f.nulls));
	set_field(&f, 0, true, CStringGetTextDatum("result"));
	set_field(&f, 1, true, CStringGetTextDatum(cn_status_name(&outcome->failure)));
	set_field(&f, 2, outcome->output != NULL, PointerGetDatum(outcome->output));
	set_failure(&f, &outcome->failure);
	set_field(&f, 8, true, Float8GetDatum(outcome->execution_time_ms));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, f.values, f.nulls);
}

Datum
connector_test(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Jsonb	   *input = cn_arg_jsonb(fcinfo, 1);
	CnCall		call;
	CnExecution *execution;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"config\" must not be null")));
	cn_call_begin(&call, "connector_test()", cn_arg_text(fcinfo, 2), CN_RIGHT_WRITE);
	cn_call_definition(&call, PG_GETARG_JSONB_P(0));
	InitMaterializedSRF(fcinfo, 0);
	execution = cn_call_start(&call, input, call.context, NULL, NULL);
	cn_call_wait(&call, execution);

	for (int i = 0; i < cn_exec_step_count(execution); i++)
	{
		const CnStepRecord *step = cn_exec_step(execution, i);

		if (step->status != CN_STEP_NOT_REACHED)
			put_step(rsinfo, step);
	}
	if (call.definition->multi || call.definition->result)
		put_result(rsinfo, cn_exec_outcome(execution));
	MemoryContextDelete(call.context);
	return (Datum) 0;
}
