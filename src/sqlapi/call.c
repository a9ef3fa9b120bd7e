/*
 * call.c -- executions on behalf of a session.
 *
 * A synchronous execution runs in its caller's transaction: the engine makes
 * the calls while the backend waits on the mux and its latch, then the outcome
 * is recorded and counted.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/ps_status.h"

#include "core/compat.h"
#include "core/jsonb.h"
#include "engine/input.h"
#include "engine/settings.h"
#include "queue/execution.h"
#include "queue/history.h"
#include "sqlapi/call.h"
#include "stats/counters.h"
#include "stats/stats.h"
#include "sync/field_mapping.h"
#include "worker/worker.h"

/* ---- who runs what ---- */

/*
 * Code of tenants runs in workers, too: triggers of tables that field mappings write.  If it
 * waited for the network there, the worker would turn everybody's executions within its
 * transaction, with its rights.
 */
void
cn_call_prevent_in_worker(const char *function)
{
	if (cn_worker_is_one())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot be called in a worker", function),
				 errhint("A trigger that a queued execution fires can queue others with connector_execute_async().")));
}

void
cn_call_begin(CnCall *call, const char *function, const char *workspace, CnRight right)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	cn_call_prevent_in_worker(function);
	memset(call, 0, sizeof(*call));
	call->workspace = cn_workspace_resolve(workspace, right);
	call->context = AllocSetContextCreate(CurrentMemoryContext, "connector call",
										  ALLOCSET_DEFAULT_SIZES);
	call->identity = cn_identity_name();
	call->history.context = call->context;
}

void
cn_call_prepare(CnCall *call)
{
	call->credentials = cn_execution_credentials(&call->workspace.id, call->definition,
												 call->identity, call->context);
	call->limits = cn_service_limit_set(&call->workspace.id, call->context);
}

CnConnector *
cn_call_find(const CnWorkspace *workspace, const char *name, MemoryContext context)
{
	CnConnector *connector = cn_cache_get(&workspace->id, name, context);

	if (connector == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("connector \"%s\" does not exist in workspace \"%s\"", name,
						workspace->slug)));
	if (!connector->enabled)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connector \"%s\" is disabled", connector->name),
				 errhint("Set connectors.enabled to true to run it.")));
	return connector;
}

void
cn_call_connector(CnCall *call, const char *name)
{
	call->connector = cn_call_find(&call->workspace, name, call->context);
	call->definition = call->connector->compiled.definition;
	cn_call_prepare(call);
}

void
cn_call_definition(CnCall *call, Jsonb *config)
{
	MemoryContext old = MemoryContextSwitchTo(call->context);
	CnParts		parts = {.config = config,.workspace = &call->workspace.id};
	CnCompiledParts compiled;
	CnProblems	problems;
	bool		fine = cn_cache_compile(&parts, &compiled, &problems);

	MemoryContextSwitchTo(old);
	if (!fine)
		cn_cache_refuse("(test)", &problems);
	call->definition = compiled.definition;
	cn_call_prepare(call);
}

/* ---- running ---- */

/* Timeout of an attempt where neither the definition nor a connector says. */
#define DEFAULT_TIMEOUT_MS 30000

/* In the caller's transaction, which sees what the token process has committed. */
static CnRenewal
renew(CnExecution *execution, int i, CnRenewReason reason, CnFailure *failure, void *arg)
{
	CnCall	   *call = arg;
	CnRenewal	renewal = cn_execution_renew(call->credentials, i, reason, failure);

	if (renewal != CN_RENEWAL_READY || reason == CN_RENEW_EARLY)
		return renewal;
	return cn_execution_reopen(call->credentials, i, call->definition, &call->workspace.id,
							   call->identity, call->context) ? CN_RENEWAL_READY : CN_RENEWAL_WAIT;
}

/* Of an action, "provider.action": neither name has a dot. */
static char *
schema_hint(const char *name)
{
	const char *dot = strchr(name, '.');

	return psprintf("What it takes: SELECT definition #> '{actions,%s,input_schema}' FROM connector_providers WHERE name = '%.*s'",
					dot + 1, (int) (dot - name), name);
}

CnExecution *
cn_call_start(CnCall *call, Jsonb *input, MemoryContext context, CnExecDone done, void *arg)
{
	const CnConnector *connector = call->connector;
	MemoryContext old = MemoryContextSwitchTo(context);
	CnExecInput given = {
		.workspace = call->workspace.id,
		.definition = call->definition,
		.credentials = call->credentials,
		.limits = call->limits,
		.input = input,
		.timeout_ms = DEFAULT_TIMEOUT_MS,
		.keep = CN_KEEP_ALL,	/* a test shows all there is */
		.renew = renew,
		.renew_arg = call,
	};
	CnExecution *execution;
	CnFailure	failure = {CN_OK};

	if (connector)
		cn_execution_describe(connector, &given);
	execution = cn_exec_create(&given, context);
	if (connector == NULL || connector->compiled.input_schema == NULL ||
		cn_input_check(connector->compiled.input_schema, input, &failure))
		cn_exec_start(execution, cn_http_process_mux(), done, arg);
	else
	{
		if (call->is_action && failure.code == CN_INPUT_INVALID)
			failure.hint = schema_hint(connector->name);
		cn_exec_refuse(execution, &failure, done, arg);
	}
	MemoryContextSwitchTo(old);
	return execution;
}

/* "SELECT connector enrich-phone: step_2" */
static void
show_step(const CnCall *call, const char *title, const char *step)
{
	set_ps_display(psprintf("%s connector %s: %s", title,
							call->connector ? call->connector->name : "(test)", step));
}

void
cn_call_wait(const CnCall *call, CnExecution *execution)
{
	MemoryContext old = MemoryContextSwitchTo(call->context);
	CnHttpMux  *mux = cn_http_process_mux();
	char	   *title = NULL;
	const char *shown = NULL;

	while (cn_exec_state(execution) != CN_EXEC_DONE)
	{
		const char *step = cn_exec_current_step(execution);

		if (update_process_title && step != shown)
		{
			int			len;
			const char *now = get_ps_display(&len);

			if (title == NULL)
				title = pnstrdup(now, len);
			show_step(call, title, step);
			shown = step;
		}
		cn_http_wait(mux, -1, cn_wait_event_http());
		cn_http_mux_turn(mux);
	}
	if (title)
		set_ps_display(title);
	MemoryContextSwitchTo(old);
}

/* ---- the outcome ---- */

/* Put the output of a success where the connector maps it to; if that fails, so does it all. */
static void
map_output(CnCall *call, CnExecution *execution, bool raise)
{
	const CnOutcome *outcome = cn_exec_outcome(execution);
	CnFailure	failure = {CN_OK};
	int64		rows;

	if (outcome->failure.code != CN_OK || call->connector->compiled.mappings == NULL)
		return;
	if (!cn_field_mapping_apply(call->connector->compiled.mappings, cn_exec_scope(execution),
								outcome->output, raise ? call->connector->name : NULL,
								&failure, &rows))
		cn_exec_fail(execution, &failure);
}

/* In the live counters, which say what was done even if it is going to be rolled back. */
static void
count_live(const CnExecution *execution, CnCode code)
{
	cn_counters_execution(CN_COUNTED_SYNCHRONOUS, code,
						  cn_exec_outcome(execution)->execution_time_ms,
						  cn_execution_retries(execution));
}

/* The same, where a mapping that fails raises. */
static void
map_output_counted(CnCall *call, CnExecution *execution, bool raise)
{
	PG_TRY();
	{
		map_output(call, execution, raise);
	}
	PG_CATCH();
	{
		CnCode		code = cn_code_by_sqlstate(unpack_sql_state(geterrcode()));

		count_live(execution, code == CN_OK ? CN_INTERNAL : code);
		PG_RE_THROW();
	}
	PG_END_TRY();
	count_live(execution, cn_exec_outcome(execution)->failure.code);
}

Jsonb *
cn_call_record(CnCall *call, CnExecution *execution, Jsonb *input, bool raise)
{
	CnHistoryExtra extra = {
		.attempt = 1,
		.trigger = "sql",
		.executed_by = call->identity,
		.correlation_id = cn_engine_correlation_id,
	};
	Jsonb	   *steps;

	map_output_counted(call, execution, raise);
	steps = cn_history_write(&call->history, execution, call->connector, input, &extra);
	cn_execution_count(execution, call->connector,
					   cn_exec_outcome(execution)->failure.code == CN_OK);
	return steps;
}

void
cn_call_flush(CnCall *call)
{
	cn_history_flush(&call->history);
}

TupleDesc
cn_call_row_type(FunctionCallInfo fcinfo)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return BlessTupleDesc(desc);
}

void
cn_call_result_values(const CnExecution *execution, Jsonb *steps, Datum *values, bool *nulls)
{
	const CnOutcome *outcome = cn_exec_outcome(execution);
	const CnFailure *failure = &outcome->failure;

	values[0] = UUIDPGetDatum(cn_exec_id(execution));
	values[1] = CStringGetTextDatum(cn_status_name(failure));
	values[2] = PointerGetDatum(outcome->output);
	nulls[2] = outcome->output == NULL;
	nulls[3] = nulls[4] = failure->code == CN_OK;
	if (failure->code != CN_OK)
	{
		values[3] = CStringGetTextDatum(cn_code_info(failure->code)->name);
		values[4] = CStringGetTextDatum(cn_failure_text(failure));
	}
	values[5] = Int32GetDatum(outcome->http_status);
	nulls[5] = outcome->http_status == 0;
	values[6] = JsonbPGetDatum(steps ? steps : cn_history_steps(execution, false));
	values[7] = Float8GetDatum(outcome->execution_time_ms);
}

HeapTuple
cn_call_result(const CnExecution *execution, Jsonb *steps, TupleDesc desc)
{
	Datum		values[CN_CALL_RESULT_COLUMNS] = {0};
	bool		nulls[CN_CALL_RESULT_COLUMNS] = {false};

	cn_call_result_values(execution, steps, values, nulls);
	return heap_form_tuple(desc, values, nulls);
}
