/*
 * execute.c -- connector_execute, connector_try_execute and connector_test.
 *
 * A synchronous execution runs in its caller's transaction: the engine makes
 * the call while the backend waits on the mux and its latch, then the outcome
 * is recorded and counted, and returned or raised.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

#include "catalog/cache.h"
#include "core/identity.h"
#include "core/jsonb.h"
#include "core/report.h"
#include "engine/engine.h"
#include "queue/history.h"
#include "sqlapi/args.h"
#include "stats/stats.h"

CN_FUNCTION(connector_execute);
CN_FUNCTION(connector_try_execute);
CN_FUNCTION(connector_test);

/* Who runs what; the execution and all it needs live in context. */
typedef struct Call
{
	MemoryContext context;
	CnWorkspace workspace;
	const char *identity;
	CnConnector *connector;		/* NULL: a definition that is not saved */
	Jsonb	   *input;
	CnCredential *credential;
	CnExecution *execution;
} Call;

/* ---- running ---- */

/* The credential the definition names, opened; false and *failure if there is none to use. */
static bool
open_credential(Call *call, const CnDefinition *definition, CnFailure *failure)
{
	const CnCredentialRow *row;

	if (definition->service == NULL)
		return true;
	row = cn_credential_find(&call->workspace.id, definition->service, definition->label,
							 call->identity);
	if (row == NULL)
	{
		cn_fail(failure, CN_CREDENTIAL_MISSING, "there is no credential \"%s/%s\"",
				definition->service, definition->label);
		return false;
	}
	call->credential = cn_credential_open(row, call->context, failure);
	return call->credential != NULL;
}

/* Run definition to its end, waiting on the latch.  An interrupt ends it with the context. */
static const CnOutcome *
run(Call *call, CnDefinition *definition, int timeout_ms, bool keep_details)
{
	MemoryContext old = MemoryContextSwitchTo(call->context);
	CnHttpMux  *mux = cn_http_process_mux();
	CnFailure	failure = {CN_OK};
	bool		ready = open_credential(call, definition, &failure);
	CnExecInput given = {
		.workspace = call->workspace.id,
		.definition = definition,
		.credential = call->credential,
		.input = call->input,
		.timeout_ms = timeout_ms,
	};

	call->execution = cn_exec_create(&given, call->context);
	if (keep_details)
		cn_exec_keep_details(call->execution);
	if (!ready)
		cn_exec_refuse(call->execution, &failure);
	else
		cn_exec_start(call->execution, mux, NULL, NULL);
	while (cn_exec_state(call->execution) != CN_EXEC_DONE)
	{
		cn_http_wait(mux, -1);
		cn_http_mux_turn(mux);
	}
	MemoryContextSwitchTo(old);
	return cn_exec_outcome(call->execution);
}

/* Everything that must not outlive the call goes into a context of its own. */
static void
begin_call(Call *call, FunctionCallInfo fcinfo, const char *function, CnRight right)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	memset(call, 0, sizeof(*call));
	call->workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), right);
	call->context = AllocSetContextCreate(CurrentMemoryContext, "connector execution",
										  ALLOCSET_DEFAULT_SIZES);
	call->identity = cn_identity_name();
	call->input = cn_arg_jsonb(fcinfo, 1);
}

static void
find_connector(Call *call, const char *name)
{
	call->connector = cn_cache_get(&call->workspace.id, name, call->context);
	if (call->connector == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("connector \"%s\" does not exist in workspace \"%s\"", name,
						call->workspace.slug)));
	if (!call->connector->enabled)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connector \"%s\" is disabled", call->connector->name),
				 errhint("Set connectors.enabled to true to run it.")));
}

/* Run a saved connector, record and count it. */
static const CnOutcome *
execute(Call *call, FunctionCallInfo fcinfo, const char *function)
{
	const CnOutcome *outcome;

	begin_call(call, fcinfo, function, CN_RIGHT_EXECUTE);
	find_connector(call, cn_arg_required(fcinfo, 0, "connector"));
	outcome = run(call, call->connector->definition, call->connector->timeout_ms, false);

	cn_history_write(call->execution, call->connector, call->input, "sql", call->identity);
	cn_stats_count(&call->workspace.id, &call->connector->id,
				   call->credential ? &call->credential->id : NULL,
				   outcome->failure.code == CN_OK, outcome->started_at);
	return outcome;
}

/* ---- results ---- */

/* A copy for the caller, whose context is current. */
static Jsonb *
copy_jsonb(Jsonb *value)
{
	Jsonb	   *copy = palloc(VARSIZE(value));

	memcpy(copy, value, VARSIZE(value));
	return copy;
}

Datum
connector_execute(PG_FUNCTION_ARGS)
{
	Call		call;
	const CnOutcome *outcome = execute(&call, fcinfo, "connector_execute()");
	Jsonb	   *output;

	if (outcome->failure.code != CN_OK)
		cn_report_failure(call.connector->name, outcome->step.id, &outcome->failure);
	output = copy_jsonb(outcome->output);
	MemoryContextDelete(call.context);
	PG_RETURN_JSONB_P(output);
}

/* One value of a result row; null where there is none. */
typedef struct Fields
{
	Datum		values[9];
	bool		nulls[9];
} Fields;

static void
set_field(Fields *fields, int i, bool present, Datum value)
{
	fields->nulls[i] = !present;
	fields->values[i] = value;
}

static Datum
text_or_zero(const char *value)
{
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

static char *
full_message(const CnFailure *failure)
{
	if (failure->code == CN_OK)
		return NULL;
	if (failure->remote_message)
		return psprintf("%s: %s", failure->message, failure->remote_message);
	return failure->message;
}

static const char *
code_name(const CnFailure *failure)
{
	return failure->code == CN_OK ? NULL : cn_code_info(failure->code)->name;
}

static TupleDesc
result_row_type(FunctionCallInfo fcinfo)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return BlessTupleDesc(desc);
}

Datum
connector_try_execute(PG_FUNCTION_ARGS)
{
	Call		call;
	const CnOutcome *outcome = execute(&call, fcinfo, "connector_try_execute()");
	const CnFailure *failure = &outcome->failure;
	const char *code = code_name(failure);
	const char *message = full_message(failure);
	Fields		f;
	Datum		result;

	set_field(&f, 0, true, UUIDPGetDatum(cn_exec_id(call.execution)));
	set_field(&f, 1, true, CStringGetTextDatum(cn_status_name(failure)));
	set_field(&f, 2, outcome->output != NULL, PointerGetDatum(outcome->output));
	set_field(&f, 3, code != NULL, text_or_zero(code));
	set_field(&f, 4, message != NULL, text_or_zero(message));
	set_field(&f, 5, outcome->step.http_status != 0, Int32GetDatum(outcome->step.http_status));
	set_field(&f, 6, true, JsonbPGetDatum(cn_history_steps(outcome)));
	set_field(&f, 7, true, Float8GetDatum(outcome->execution_time_ms));
	result = HeapTupleGetDatum(heap_form_tuple(result_row_type(fcinfo), f.values, f.nulls));
	MemoryContextDelete(call.context);
	return result;
}

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

static void
put_test_row(ReturnSetInfo *rsinfo, const CnOutcome *outcome)
{
	const CnFailure *failure = &outcome->failure;
	const char *code = code_name(failure);
	const char *message = full_message(failure);
	Jsonb	   *request = request_of(&outcome->step);
	Fields		f;

	set_field(&f, 0, true, CStringGetTextDatum(outcome->step.id));
	set_field(&f, 1, true, CStringGetTextDatum(cn_status_name(failure)));
	set_field(&f, 2, outcome->output != NULL, PointerGetDatum(outcome->output));
	set_field(&f, 3, code != NULL, text_or_zero(code));
	set_field(&f, 4, message != NULL, text_or_zero(message));
	set_field(&f, 5, outcome->step.http_status != 0, Int32GetDatum(outcome->step.http_status));
	set_field(&f, 6, request != NULL, PointerGetDatum(request));
	set_field(&f, 7, outcome->reply != NULL, PointerGetDatum(outcome->reply));
	set_field(&f, 8, true, Float8GetDatum(outcome->step.duration_ms));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, f.values, f.nulls);
}

Datum
connector_test(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Call		call;
	CnProblems	problems;
	CnDefinition *definition;
	MemoryContext old;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"config\" must not be null")));
	begin_call(&call, fcinfo, "connector_test()", CN_RIGHT_WRITE);
	old = MemoryContextSwitchTo(call.context);
	definition = cn_cache_compile(PG_GETARG_JSONB_P(0), &problems);
	MemoryContextSwitchTo(old);
	if (definition == NULL)
		cn_cache_refuse("(test)", &problems);

	InitMaterializedSRF(fcinfo, 0);
	put_test_row(rsinfo, run(&call, definition, 30000, true));
	MemoryContextDelete(call.context);
	return (Datum) 0;
}
