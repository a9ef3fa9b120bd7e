/*
 * history.c -- the record of finished executions: what a row says.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core/jsonb.h"
#include "core/uuid.h"
#include "engine/settings.h"
#include "queue/history.h"
#include "queue/insert.h"
#include "queue/payload.h"

const char *
cn_status_name(const CnFailure *failure)
{
	switch (failure->code)
	{
		case CN_OK:
			return "success";
		case CN_TIMEOUT:
			return "timeout";
		case CN_CANCELLED:
			return "cancelled";
		default:
			return "failed";
	}
}

static void
build_number(CnJsonbBuilder *b, double value)
{
	JsonbValue	v;

	v.type = jbvNumeric;
	v.val.numeric = int64_div_fast_to_numeric((int64) (value * 1000), 3);
	b->result = pushJsonbValue(&b->state, WJB_VALUE, &v);
}

Jsonb *
cn_history_steps(const CnOutcome *outcome)
{
	const CnStepRecord *step = &outcome->step;
	CnJsonbBuilder b = {0};

	cn_build_begin_array(&b);
	cn_build_begin_object(&b);
	cn_build_key(&b, "id");
	cn_build_string(&b, step->id);
	cn_build_key(&b, "status");
	cn_build_string(&b, cn_status_name(&outcome->failure));
	cn_build_key(&b, "attempts");
	cn_build_int(&b, step->attempts);
	cn_build_key(&b, "duration_ms");
	build_number(&b, step->duration_ms);
	if (step->method)
	{
		cn_build_key(&b, "method");
		cn_build_string(&b, step->method);
		cn_build_key(&b, "url");
		cn_build_string(&b, step->url);
		cn_build_key(&b, "request_bytes");
		cn_build_int(&b, step->request_bytes);
	}
	if (step->http_status)
	{
		cn_build_key(&b, "http_status");
		cn_build_int(&b, step->http_status);
		cn_build_key(&b, "response_bytes");
		cn_build_int(&b, step->response_bytes);
	}
	if (step->redirects)
	{
		cn_build_key(&b, "redirects");
		cn_build_int(&b, step->redirects);
	}
	if (outcome->failure.code != CN_OK)
	{
		cn_build_key(&b, "error_code");
		cn_build_string(&b, cn_code_info(outcome->failure.code)->name);
	}
	cn_build_end_object(&b);
	cn_build_end_array(&b);
	return cn_build_done(&b);
}

static void
set_value(CnHistoryRow *row, int col, Datum value)
{
	row->values[col] = value;
	row->nulls[col] = false;
}

static void
set_text(CnHistoryRow *row, int col, const char *value)
{
	if (value)
		set_value(row, col, CStringGetTextDatum(value));
}

static void
set_jsonb(CnHistoryRow *row, int col, Jsonb *value)
{
	if (value)
		set_value(row, col, JsonbPGetDatum(value));
}

/* A string member of the input, which callers use to find their executions again. */
static void
set_input_member(CnHistoryRow *row, int col, Jsonb *input, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *found;

	if (!JB_ROOT_IS_OBJECT(input))
		return;
	found = getKeyJsonValueFromContainer(&input->root, key, strlen(key), &buffer);
	if (found && found->type == jbvString)
		set_value(row, col, PointerGetDatum(cstring_to_text_with_len(found->val.string.val,
																	 found->val.string.len)));
}

static void
fill_outcome(CnHistoryRow *row, const CnOutcome *outcome, bool log_output)
{
	const CnFailure *failure = &outcome->failure;

	set_text(row, COL_STATUS, cn_status_name(failure));
	set_value(row, COL_ATTEMPT, Int32GetDatum(1));
	set_jsonb(row, COL_STEPS, cn_history_steps(outcome));
	if (log_output)
		set_jsonb(row, COL_OUTPUT, cn_payload_for_history(outcome->output));
	if (failure->code != CN_OK)
	{
		set_text(row, COL_ERROR_CODE, cn_code_info(failure->code)->name);
		set_text(row, COL_ERROR_MESSAGE, failure->remote_message
				 ? psprintf("%s: %s", failure->message, failure->remote_message)
				 : failure->message);
		set_text(row, COL_CURRENT_STEP, outcome->step.id);
	}
	if (outcome->step.http_status)
		set_value(row, COL_HTTP_STATUS, Int32GetDatum(outcome->step.http_status));
	set_value(row, COL_TIME, Float8GetDatum(outcome->execution_time_ms));
	set_value(row, COL_STARTED, TimestampTzGetDatum(outcome->started_at));
	set_value(row, COL_CREATED, TimestampTzGetDatum(outcome->started_at));
	set_value(row, COL_COMPLETED, TimestampTzGetDatum(outcome->started_at +
													  (int64) (outcome->execution_time_ms * 1000)));
}

void
cn_history_write(const CnExecution *execution, const CnConnector *connector, Jsonb *input,
				 const char *trigger, const char *executed_by)
{
	CnHistoryRow row;

	memset(row.nulls, true, sizeof(row.nulls));
	set_value(&row, COL_WORKSPACE, UUIDPGetDatum(&connector->workspace));
	set_value(&row, COL_ID, UUIDPGetDatum(cn_exec_id(execution)));
	set_value(&row, COL_CONNECTOR, UUIDPGetDatum(&connector->id));
	set_text(&row, COL_NAME, connector->name);
	set_value(&row, COL_VERSION, Int32GetDatum(connector->version));
	set_text(&row, COL_TRIGGER, trigger);
	set_text(&row, COL_EXECUTED_BY, executed_by);
	set_jsonb(&row, COL_INPUT, cn_payload_for_history(input));
	set_input_member(&row, COL_CONTACT, input, "contact_id");
	set_input_member(&row, COL_FLOW_RUN, input, "flow_run_id");
	if (cn_engine_correlation_id[0])
		set_text(&row, COL_CORRELATION, cn_engine_correlation_id);
	fill_outcome(&row, cn_exec_outcome(execution), connector->log_response_data);
	cn_history_insert(&row, cn_uuid_v7_time(cn_exec_id(execution)));
}
