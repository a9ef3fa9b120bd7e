/*
 * test_connection.c -- connector_test_connection: does a provider take the workspace's credential?
 *
 * It calls the action that the provider names as its test, and keeps in the credential's row what
 * came of it, if that says anything about the credential: a service that cannot be reached
 * does not.
 */
#include "postgres.h"

#include "access/htup_details.h"

#include "catalog/provider.h"
#include "catalog/provider_lookup.h"
#include "core/json.h"
#include "core/jsonb.h"
#include "sqlapi/args.h"
#include "sqlapi/call.h"

CN_FUNCTION(connector_test_connection);

/* What is called; as in the definition of the provider. */
typedef struct Test
{
	const char *action;
	Jsonb	   *input;
} Test;

/* provider may have the label of a credential behind it. */
static Test
find_test(CnCall *call, const char *provider)
{
	const char *label;
	const char *name = cn_provider_split(provider, &label);
	const CnProvider *found = cn_provider_require(&call->workspace.id, name, call->context);
	const CnJson *definition;
	const CnJson *input;
	Test		test;

	definition = cn_json_get(cn_provider_definition(found), "test");
	test.action = definition ? cn_json_get_string(definition, "action") : NULL;
	if (test.action == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("provider \"%s\" has no test", cn_provider_name(found)),
				 errhint("Call one of its actions that changes nothing.")));
	input = cn_json_get(definition, "input");
	test.input = cn_jsonb_from_json(input ? input : cn_json_object(NULL, 0));
	return test;
}

/* A test has one credential, or none. */
static void
note_outcome(const CnCall *call, const CnFailure *failure)
{
	const CnCredential *credential = call->definition->credential_count > 0
		? call->credentials[0].opened : NULL;

	if (credential == NULL)
		return;
	if (failure->code == CN_OK)
		cn_credential_tested(credential, NULL);
	else if (failure->code == CN_AUTH_FAILED)
		cn_credential_tested(credential, cn_failure_text(failure));
}

/* A row of connector_result, and the hint. */
static HeapTuple
result_row(const CnExecution *execution, TupleDesc desc)
{
	const CnFailure *failure = &cn_exec_outcome(execution)->failure;
	Datum		values[CN_CALL_RESULT_COLUMNS + 1] = {0};
	bool		nulls[CN_CALL_RESULT_COLUMNS + 1] = {false};
	const char *hint = NULL;

	cn_call_result_values(execution, NULL, values, nulls);
	if (failure->code != CN_OK)
		hint = failure->hint ? failure->hint : cn_code_info(failure->code)->hint;
	nulls[CN_CALL_RESULT_COLUMNS] = hint == NULL;
	if (hint)
		values[CN_CALL_RESULT_COLUMNS] = CStringGetTextDatum(hint);
	return heap_form_tuple(desc, values, nulls);
}

Datum
connector_test_connection(PG_FUNCTION_ARGS)
{
	char	   *provider = cn_arg_required(fcinfo, 0, "provider");
	CnCall		call;
	Test		test;
	CnExecution *execution;
	MemoryContext old;
	HeapTuple	row;

	cn_call_begin(&call, "connector_test_connection()", cn_arg_text(fcinfo, 1), CN_RIGHT_EXECUTE);
	old = MemoryContextSwitchTo(call.context);
	test = find_test(&call, provider);
	cn_call_action(&call, provider, test.action);
	execution = cn_call_start(&call, test.input, call.context, NULL, NULL);
	cn_call_wait(&call, execution);
	(void) cn_call_record(&call, execution, test.input, false);
	cn_call_flush(&call);
	note_outcome(&call, &cn_exec_outcome(execution)->failure);
	MemoryContextSwitchTo(old);
	row = result_row(execution, cn_call_row_type(fcinfo));
	MemoryContextDelete(call.context);
	return HeapTupleGetDatum(row);
}
