/*
 * executions.c -- functions that are given the id of an execution: connector_await,
 * connector_cancel, and what the view of executions asks.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/identity.h"
#include "core/uuid.h"
#include "queue/cancel.h"
#include "queue/lookup.h"
#include "queue/payload.h"
#include "queue/waiters.h"
#include "sqlapi/args.h"
#include "sqlapi/call.h"
#include "sqlapi/executions.h"

CN_FUNCTION(connector_await);
CN_FUNCTION(connector_cancel);
CN_FUNCTION(connector_queue_input);

/* ---- which one ---- */

pg_uuid_t *
cn_arg_execution(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"execution_id\" must not be null")));
	return PG_GETARG_UUID_P(n);
}

void
cn_execution_unknown(const pg_uuid_t *id)
{
	char		text[CN_UUID_TEXT_LEN + 1];

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("execution %s does not exist", cn_uuid_text(id, text)),
			 errhint("You see only those of the workspaces you are a member of, and finished ones for connector.retention.")));
}

CnWorkspace
cn_execution_workspace(const pg_uuid_t *id, const char *argument, CnRight right)
{
	pg_uuid_t	workspace;
	char		text[CN_UUID_TEXT_LEN + 1];

	if (argument)
		return cn_workspace_resolve(argument, right);
	if (!cn_lookup_workspace(cn_workspaces_readable(), id, &workspace))
		cn_execution_unknown(id);
	return cn_workspace_resolve(cn_uuid_text(&workspace, text), right);
}

/* ---- connector_await ---- */

/* Where no signal comes: of workers of another server, or with all waiters' places taken. */
#define LOOK_AGAIN_MS 1000

/* Moment at which waiting ends, on the clock that never goes back; PG_INT64_MAX: never. */
static int64
deadline_of(FunctionCallInfo fcinfo, int n)
{
	Interval   *timeout = PG_ARGISNULL(n) ? NULL : PG_GETARG_INTERVAL_P(n);
	int64		now = cn_monotonic_us();
	double		us;

	if (timeout == NULL)
		return PG_INT64_MAX;
	us = ((double) timeout->month * DAYS_PER_MONTH + timeout->day) * USECS_PER_DAY + timeout->time;
	if (us < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout must not be negative")));
	return us >= (double) (PG_INT64_MAX - now) ? PG_INT64_MAX : now + (int64) us;
}

/* Sleep until the execution ends, an interrupt comes, or it is time to look again. */
static void
wait_for_end(int64 left_us)
{
	long		ms = Min(LOOK_AGAIN_MS, (left_us + 999) / 1000);

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 cn_wait_event_await());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Raises if it is not there, or cannot end while this transaction is open. */
static void
look(const pg_uuid_t *workspace, const pg_uuid_t *id, CnLookup *state)
{
	char		text[CN_UUID_TEXT_LEN + 1];

	if (!cn_lookup_state(workspace, id, state))
		cn_execution_unknown(id);
	if (state->uncommitted)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("execution %s cannot end before this transaction does",
						cn_uuid_text(id, text)),
				 errdetail("The transaction has queued or cancelled it; no worker sees that yet."),
				 errhint("Commit first, then wait for it.")));
}

Datum
connector_await(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = cn_arg_execution(fcinfo, 0);
	int64		deadline = deadline_of(fcinfo, 1);
	CnWorkspace workspace = cn_execution_workspace(id, cn_arg_text(fcinfo, 2), CN_RIGHT_READ);
	CnLookup	state;

	cn_call_prevent_in_worker("connector_await()");
	cn_waiter_begin(id);
	for (;;)
	{
		int64		left;

		look(&workspace.id, id, &state);
		left = deadline == PG_INT64_MAX ? PG_INT64_MAX / 2 : deadline - cn_monotonic_us();
		if (state.finished || left <= 0)
			break;
		pfree(DatumGetPointer(state.result));
		wait_for_end(left);
	}
	cn_waiter_end();
	PG_RETURN_DATUM(state.result);
}

/* ---- connector_cancel ---- */

Datum
connector_cancel(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = cn_arg_execution(fcinfo, 0);
	const char *by = cn_identity_name();
	CnWorkspace workspace;
	CnLookup	state;

	PreventCommandIfReadOnly("connector_cancel()");
	PreventCommandIfParallelMode("connector_cancel()");
	workspace = cn_execution_workspace(id, cn_arg_text(fcinfo, 1), CN_RIGHT_EXECUTE);
	if (cn_queue_cancel(&workspace.id, id, by) != CN_CANCEL_TOO_LATE)
		PG_RETURN_BOOL(true);
	if (!cn_lookup_state(&workspace.id, id, &state))
		cn_execution_unknown(id);
	PG_RETURN_BOOL(false);
}

/* ---- for the view ---- */

Datum
connector_queue_input(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *workspace = PG_GETARG_UUID_P(0);
	Jsonb	   *input = NULL;

	if (cn_workspace_role(workspace) >= CN_ROLE_VIEWER)
		input = cn_lookup_input(workspace, PG_GETARG_UUID_P(1));
	if (input == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(cn_payload_for_history(input));
}
