/*
 * history.c -- the record of finished executions.
 *
 * One INSERT an execution.  It has no operators and names its columns, so it does
 * not depend on the search path, and it is not run through core/spi.c, whose
 * pinning of the path would cost more than the row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/install.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "engine/settings.h"
#include "queue/history.h"
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

/* The columns, in the order of the INSERT. */
enum
{
	COL_WORKSPACE, COL_ID, COL_CONNECTOR, COL_NAME, COL_VERSION, COL_STATUS, COL_TRIGGER,
	COL_ATTEMPT, COL_CURRENT_STEP, COL_STEPS, COL_INPUT, COL_OUTPUT, COL_ERROR_CODE,
	COL_ERROR_MESSAGE, COL_HTTP_STATUS, COL_TIME, COL_STARTED, COL_COMPLETED,
	COL_EXECUTED_BY, COL_CONTACT, COL_FLOW_RUN, COL_CORRELATION,
	COL_COUNT
};

static CnStatement insert_statement = {
	.sql = "INSERT INTO @.connector_history (workspace_id, id, connector_id, connector_name,"
	" connector_version, status, trigger, attempt, current_step, steps_executed, input_data,"
	" output_data, error_code, error_message, http_status, execution_time_ms, started_at,"
	" completed_at, executed_by, contact_id, flow_run_id, correlation_id, created_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
	" $19, $20, $21, $22, $17)",
	.write = true,
	.nargs = COL_COUNT,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, TEXTOID, INT4OID, TEXTOID, TEXTOID, INT4OID, TEXTOID,
		JSONBOID, JSONBOID, JSONBOID, TEXTOID, TEXTOID, INT4OID, FLOAT8OID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID},
};

typedef struct Row
{
	Datum		values[COL_COUNT];
	char		nulls[COL_COUNT + 1];
} Row;

static void
set_value(Row *row, int col, Datum value)
{
	row->values[col] = value;
	row->nulls[col] = ' ';
}

static void
set_text(Row *row, int col, const char *value)
{
	if (value)
		set_value(row, col, CStringGetTextDatum(value));
}

static void
set_jsonb(Row *row, int col, Jsonb *value)
{
	if (value)
		set_value(row, col, JsonbPGetDatum(value));
}

/* A string member of the input, which callers use to find their executions again. */
static void
set_input_member(Row *row, int col, Jsonb *input, const char *key)
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
fill_outcome(Row *row, const CnOutcome *outcome, bool log_output)
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
	set_value(row, COL_COMPLETED, TimestampTzGetDatum(outcome->started_at +
													  (int64) (outcome->execution_time_ms * 1000)));
}

static void
insert_row(Row *row)
{
	const CnInstall *install = cn_install();
	Oid			userid;
	int			sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(install->owner,
						   sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	(void) cn_spi_run(&insert_statement, row->values, row->nulls, 0);
	(void) SPI_finish();
	SetUserIdAndSecContext(userid, sec_context);
}

void
cn_history_write(const CnExecution *execution, const CnConnector *connector, Jsonb *input,
				 const char *trigger, const char *executed_by)
{
	Row			row;

	memset(row.nulls, 'n', COL_COUNT);
	row.nulls[COL_COUNT] = '\0';
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
	insert_row(&row);
}
