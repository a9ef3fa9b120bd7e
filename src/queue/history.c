/*
 * history.c -- the record of finished executions: what a row says.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core/clock.h"
#include "core/jsonb.h"
#include "core/uuid.h"
#include "queue/history.h"
#include "queue/payload.h"

static void
build_member_int(CnJsonbBuilder *b, const char *key, int64 value)
{
	cn_build_key(b, key);
	cn_build_int(b, value);
}

static void
build_member_ms(CnJsonbBuilder *b, const char *key, double value)
{
	cn_build_key(b, key);
	cn_build_ms(b, value);
}

/* Left out if there is none. */
static void
build_member_text(CnJsonbBuilder *b, const char *key, const char *value)
{
	if (value == NULL)
		return;
	cn_build_key(b, key);
	cn_build_string(b, value);
}

static void
build_member_payload(CnJsonbBuilder *b, const char *key, Jsonb *value)
{
	if (value == NULL)
		return;
	cn_build_key(b, key);
	cn_build_jsonb(b, cn_payload_for_history(value));
}

static void
build_request(CnJsonbBuilder *b, const CnStepRecord *step)
{
	build_member_text(b, "method", step->method);
	build_member_text(b, "url", step->url);
	build_member_int(b, "request_bytes", step->request_bytes);
	if (step->http_status)
	{
		build_member_int(b, "http_status", step->http_status);
		build_member_int(b, "response_bytes", step->response_bytes);
	}
	if (step->redirects)
		build_member_int(b, "redirects", step->redirects);
}

static void
build_step(CnJsonbBuilder *b, const CnStepRecord *step)
{
	build_member_text(b, "id", step->def->id);
	build_member_text(b, "name", step->def->name);
	if (step->def->group)
		build_member_text(b, "group", step->def->group->id);
	build_member_text(b, "status", cn_step_status_name(step));
	if (step->status != CN_STEP_SKIPPED)
	{
		if (!step->def->is_group)
			build_member_int(b, "attempts", step->attempts);
		build_member_ms(b, "started_ms", step->started_ms);
		build_member_ms(b, "duration_ms", step->duration_ms);
	}
	if (step->method)
		build_request(b, step);
	if (step->failure.code != CN_OK)
	{
		build_member_text(b, "error_code", cn_code_info(step->failure.code)->name);
		build_member_text(b, "error_message", cn_failure_text(&step->failure));
	}
}

/* The reply is left out where it is the output, which the row has anyway. */
static Jsonb *
reply_payload(const CnStepRecord *step, const CnOutcome *outcome)
{
	return step->reply != outcome->output ? step->reply : NULL;
}

static void
build_payloads(CnJsonbBuilder *b, const CnStepRecord *step, const CnOutcome *outcome)
{
	build_member_payload(b, "request", step->request_body);
	build_member_payload(b, "response", reply_payload(step, outcome));
}

static bool
has_payloads(const CnExecution *execution)
{
	for (int i = 0; i < cn_exec_step_count(execution); i++)
	{
		const CnStepRecord *step = cn_exec_step(execution, i);

		if (step->request_body || reply_payload(step, cn_exec_outcome(execution)))
			return true;
	}
	return false;
}

Jsonb *
cn_history_steps(const CnExecution *execution, bool payloads)
{
	CnJsonbBuilder b = {0};

	cn_build_begin_array(&b);
	for (int i = 0; i < cn_exec_step_count(execution); i++)
	{
		const CnStepRecord *step = cn_exec_step(execution, i);

		if (step->status == CN_STEP_NOT_REACHED)
			continue;
		cn_build_begin_object(&b);
		build_step(&b, step);
		if (payloads)
			build_payloads(&b, step, cn_exec_outcome(execution));
		cn_build_end_object(&b);
	}
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
set_time(CnHistoryRow *row, int col, TimestampTz at)
{
	set_value(row, col, TimestampTzGetDatum(at));
}

static void
fill_extra(CnHistoryRow *row, const CnHistoryExtra *extra, TimestampTz started_at)
{
	set_text(row, COL_TRIGGER, extra->trigger);
	set_value(row, COL_ATTEMPT, Int32GetDatum(extra->attempt));
	set_text(row, COL_EXECUTED_BY, extra->executed_by);
	set_time(row, COL_CREATED, extra->created_at ? extra->created_at : started_at);
	if (extra->correlation_id && extra->correlation_id[0])
		set_text(row, COL_CORRELATION, extra->correlation_id);
	set_text(row, COL_IDEMPOTENCY_KEY, extra->idempotency_key);
}

static void
fill_input(CnHistoryRow *row, Jsonb *input)
{
	set_jsonb(row, COL_INPUT, cn_payload_for_history(input));
	set_input_member(row, COL_CONTACT, input, "contact_id");
	set_input_member(row, COL_FLOW_RUN, input, "flow_run_id");
}

static void
fill_failure(CnHistoryRow *row, const CnFailure *failure, const char *failed_step)
{
	set_text(row, COL_STATUS, cn_status_name(failure));
	if (failure->code == CN_OK)
		return;
	set_text(row, COL_ERROR_CODE, cn_code_info(failure->code)->name);
	set_text(row, COL_ERROR_MESSAGE, cn_failure_text(failure));
	set_text(row, COL_CURRENT_STEP, failed_step);
}

static void
fill_outcome(CnHistoryRow *row, const CnExecution *execution, bool log_output)
{
	const CnOutcome *outcome = cn_exec_outcome(execution);

	fill_failure(row, &outcome->failure, outcome->failed_step);
	if (log_output)
		set_jsonb(row, COL_OUTPUT, cn_payload_for_history(outcome->output));
	if (outcome->http_status)
		set_value(row, COL_HTTP_STATUS, Int32GetDatum(outcome->http_status));
	set_value(row, COL_TIME, Float8GetDatum(outcome->execution_time_ms));
	set_time(row, COL_STARTED, outcome->started_at);
	set_time(row, COL_COMPLETED,
			 outcome->started_at + (int64) (outcome->execution_time_ms * 1000));
}

Jsonb *
cn_history_write(CnHistoryRows *rows, const CnExecution *execution, const CnConnector *connector,
				 Jsonb *input, const CnHistoryExtra *extra)
{
	bool		payloads = connector->log_response_data && has_payloads(execution);
	Jsonb	   *steps = cn_history_steps(execution, payloads);
	CnHistoryRow row;

	memset(row.nulls, true, sizeof(row.nulls));
	set_value(&row, COL_WORKSPACE, UUIDPGetDatum(&connector->workspace));
	set_value(&row, COL_ID, UUIDPGetDatum(cn_exec_id(execution)));
	set_text(&row, COL_NAME, connector->name);
	if (!cn_uuid_is_zero(&connector->id))
	{
		set_value(&row, COL_CONNECTOR, UUIDPGetDatum(&connector->id));
		set_value(&row, COL_VERSION, Int32GetDatum(connector->version));
	}
	fill_extra(&row, extra, cn_exec_outcome(execution)->started_at);
	fill_input(&row, input);
	set_jsonb(&row, COL_STEPS, steps);
	fill_outcome(&row, execution, connector->log_response_data);
	cn_history_add(rows, &row, cn_uuid_v7_time(cn_exec_id(execution)));
	return payloads ? NULL : steps;
}

void
cn_history_write_unrun(CnHistoryRows *rows, const CnHistoryUnrun *unrun,
					   const CnHistoryExtra *extra)
{
	TimestampTz now = cn_now();
	TimestampTz started_at = unrun->started_at ? unrun->started_at : now;
	CnHistoryRow row;

	memset(row.nulls, true, sizeof(row.nulls));
	set_value(&row, COL_WORKSPACE, UUIDPGetDatum(&unrun->workspace));
	set_value(&row, COL_ID, UUIDPGetDatum(&unrun->id));
	if (!cn_uuid_is_zero(&unrun->connector))
		set_value(&row, COL_CONNECTOR, UUIDPGetDatum(&unrun->connector));
	set_text(&row, COL_NAME, unrun->connector_name);
	if (unrun->connector_version)
		set_value(&row, COL_VERSION, Int32GetDatum(unrun->connector_version));
	fill_extra(&row, extra, started_at);
	fill_input(&row, unrun->input);
	set_jsonb(&row, COL_STEPS, unrun->steps);
	fill_failure(&row, &unrun->failure, unrun->failed_step);
	set_jsonb(&row, COL_OUTPUT, unrun->output);
	if (unrun->http_status)
		set_value(&row, COL_HTTP_STATUS, Int32GetDatum(unrun->http_status));
	set_value(&row, COL_TIME, Float8GetDatum((now - started_at) / 1000.0));
	set_time(&row, COL_STARTED, started_at);
	set_time(&row, COL_COMPLETED, now);
	cn_history_add(rows, &row, cn_uuid_v7_time(&unrun->id));
}
