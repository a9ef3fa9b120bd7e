/*
 * provider_call.c -- connector_call and connector_try_call: a provider's action without a connector.
 *
 * An action is a definition of one step, so it runs as any other.  A connector that has no id
 * stands for it, with the settings of one that says nothing: it names the action in the history.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/memutils.h"

#include "catalog/provider_expand.h"
#include "catalog/provider_lookup.h"
#include "core/jsonb.h"
#include "core/report.h"
#include "sqlapi/args.h"
#include "sqlapi/call.h"

CN_FUNCTION(connector_call);
CN_FUNCTION(connector_try_call);

/* As a connector that does not say. */
#define ACTION_TIMEOUT_MS 30000

/* ---- finding it ---- */

/* The action's definition with the credential of that label. */
static CnDefinition *
definition_with_label(const CnProvider *provider, const CnProviderAction *action,
					  const char *label)
{
	CnProblems	problems = {NULL, 0};
	CnJson	   *config = cn_provider_expand_action(cn_provider_definition(provider), action->name,
												   label);
	CnDefinition *definition = cn_provider_compile(provider, config, false, &problems);

	/* it could be compiled with another label */
	if (definition == NULL)
		elog(ERROR, "cannot compile action \"%s\": %s", action->name,
			 cn_problems_text(&problems));
	return definition;
}

static CnConnector *
stand_in(const CnCall *call, const CnProviderAction *action)
{
	CnConnector *connector = palloc0(sizeof(CnConnector));

	connector->context = call->context;
	connector->workspace = call->workspace.id;
	connector->name = psprintf("%s.%s", action->provider, action->name);
	connector->enabled = true;
	connector->log_response_data = true;
	connector->timeout_ms = ACTION_TIMEOUT_MS;
	connector->compiled.input_schema = unconstify(CnSchema *, action->input_schema);
	return connector;
}

void
cn_call_action(CnCall *call, const char *provider, const char *action)
{
	MemoryContext old = MemoryContextSwitchTo(call->context);
	const char *label;
	char	   *name = cn_provider_split(provider, &label);
	const CnProvider *found = cn_provider_require(&call->workspace.id, name, call->context);
	const CnProviderAction *what = cn_provider_require_action(found, action);

	call->is_action = true;
	call->connector = stand_in(call, what);
	call->definition = label ? definition_with_label(found, what, label)
		: unconstify(CnDefinition *, what->definition);
	cn_call_prepare(call);
	MemoryContextSwitchTo(old);
}

/* ---- the functions ---- */

/* Run it, record and count it; raise: its failure will be raised. */
static CnExecution *
run_action(CnCall *call, FunctionCallInfo fcinfo, const char *function, bool raise)
{
	char	   *provider = cn_arg_required(fcinfo, 0, "provider");
	char	   *action = cn_arg_required(fcinfo, 1, "action");
	Jsonb	   *input = cn_arg_jsonb(fcinfo, 2);
	CnExecution *execution;
	MemoryContext old;

	cn_call_begin(call, function, cn_arg_text(fcinfo, 3), CN_RIGHT_EXECUTE);
	cn_call_action(call, provider, action);
	execution = cn_call_start(call, input, call->context, NULL, NULL);
	cn_call_wait(call, execution);
	old = MemoryContextSwitchTo(call->context);
	(void) cn_call_record(call, execution, input, raise);
	cn_call_flush(call);
	MemoryContextSwitchTo(old);
	return execution;
}

Datum
connector_call(PG_FUNCTION_ARGS)
{
	CnCall		call;
	const CnOutcome *outcome = cn_exec_outcome(run_action(&call, fcinfo, "connector_call()", true));
	Jsonb	   *output;

	if (outcome->failure.code != CN_OK)
		cn_report_action_failure(call.connector->name, &outcome->failure);
	output = cn_jsonb_copy(outcome->output);
	MemoryContextDelete(call.context);
	PG_RETURN_JSONB_P(output);
}

Datum
connector_try_call(PG_FUNCTION_ARGS)
{
	CnCall		call;
	CnExecution *execution = run_action(&call, fcinfo, "connector_try_call()", false);
	HeapTuple	row = cn_call_result(execution, NULL, cn_call_row_type(fcinfo));
	Datum		result = HeapTupleGetDatum(row);

	MemoryContextDelete(call.context);
	return result;
}
