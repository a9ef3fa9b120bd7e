/*
 * async.c -- connector_execute_async and connector_execute_async_batch.
 *
 * What can be known at once is checked at once, so that what is accepted can
 * run: the connector, the input against its schema, sizes and times.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "core/jsonb.h"
#include "core/report.h"
#include "core/uuid.h"
#include "engine/input.h"
#include "engine/settings.h"
#include "queue/enqueue.h"
#include "queue/keys.h"
#include "sqlapi/args.h"
#include "sqlapi/call.h"

CN_FUNCTION(connector_execute_async);
CN_FUNCTION(connector_execute_async_batch);

#define LAST_PRIORITY 9

/* How far ahead an execution may be queued: its history has a partition for each day. */
#define MAX_DAYS_AHEAD 366

typedef struct AsyncCall
{
	MemoryContext context;		/* all that must not outlive the call */
	CnWorkspace workspace;
	CnConnector *connector;
	CnEnqueue	queue;
	CnQueueEntry entry;			/* but for id and input the same for all */
} AsyncCall;

/* ---- arguments ---- */

static int
priority_argument(FunctionCallInfo fcinfo, int n)
{
	int			priority = PG_ARGISNULL(n) ? 5 : PG_GETARG_INT32(n);

	if (priority < 0 || priority > LAST_PRIORITY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("priority must be between 0 (first) and %d (last), not %d", LAST_PRIORITY,
						priority)));
	return priority;
}

/* When it is due; 0: at once, which is also what a time in the past means. */
static TimestampTz
run_at_argument(FunctionCallInfo fcinfo, int n, TimestampTz now)
{
	TimestampTz at = PG_ARGISNULL(n) ? 0 : PG_GETARG_TIMESTAMPTZ(n);

	if (PG_ARGISNULL(n))
		return 0;
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("run_at must be a finite time")));
	if (at > now + MAX_DAYS_AHEAD * USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("run_at must be at most %d days ahead", MAX_DAYS_AHEAD),
				 errhint("What is further away is for a schedule, or for a table of your own.")));
	return at > now ? at : 0;
}

static char *
key_argument(FunctionCallInfo fcinfo, int n)
{
	char	   *key = cn_arg_text(fcinfo, n);

	if (key == NULL)
		return NULL;
	if (key[0] == '\0' || pg_mbstrlen(key) > CN_KEY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("idempotency_key must have 1 to %d characters", CN_KEY_MAX)));
	return key;
}

/* ---- one execution ---- */

static void
check_size(const CnConnector *connector, Jsonb *input)
{
	if (VARSIZE(input) > (int64) cn_engine_max_request_size * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the input of connector \"%s\" is too large to be queued", connector->name),
				 errdetail("It has %zu bytes; connector.max_request_size is %d kB.",
						   (size_t) VARSIZE(input), cn_engine_max_request_size)));
}

/* Raises unless the input may be queued; number counts the inputs of a batch, 0: there is one. */
static void
check_input(const CnConnector *connector, Jsonb *input, int64 number)
{
	CnFailure	failure = {CN_OK};

	check_size(connector, input);
	if (connector->compiled.input_schema == NULL ||
		cn_input_check(connector->compiled.input_schema, input, &failure))
		return;
	if (number > 0)
		failure.message = psprintf("input " INT64_FORMAT ": %s", number, failure.message);
	cn_report_failure(connector->name, NULL, &failure);
}

static void
begin_call(AsyncCall *call, const char *function, const char *connector, const char *workspace)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	memset(call, 0, sizeof(*call));
	call->workspace = cn_workspace_resolve(workspace, CN_RIGHT_EXECUTE);
	call->context = AllocSetContextCreate(CurrentMemoryContext, "connector call",
										  ALLOCSET_DEFAULT_SIZES);
	cn_enqueue_begin(&call->queue, call->context);
	call->connector = cn_call_find(&call->workspace, connector, call->context);
	call->entry.lane.workspace = call->workspace.id;
	call->entry.lane.connector = call->connector->id;
	call->entry.attempt = 1;
	call->entry.trigger = "async";
	call->entry.correlation_id = cn_engine_correlation_id;
}

static void
put(AsyncCall *call, Jsonb *input)
{
	call->entry.input = input;
	cn_enqueue_add(&call->queue, &call->entry);
}

/* ---- connector_execute_async ---- */

/* True if the key is new; else entry.id becomes the id of the execution it stands for. */
static bool
take_key(AsyncCall *call, const char *key, Jsonb *input)
{
	CnQueueEntry *entry = &call->entry;
	char		id[CN_UUID_TEXT_LEN + 1];

	switch (cn_key_take(&call->workspace.id, key, &call->connector->id, input, &entry->id))
	{
		case CN_KEY_NEW:
			return true;
		case CN_KEY_KNOWN:
			return false;
		case CN_KEY_DIFFERENT:
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("idempotency key \"%s\" was given with another connector or input", key),
			 errdetail("It stands for execution %s.", cn_uuid_text(&entry->id, id)),
			 errhint("Make a key of what it is for, like the id of an order, and use it for nothing else.")));
}

Datum
connector_execute_async(PG_FUNCTION_ARGS)
{
	Jsonb	   *input = cn_arg_jsonb(fcinfo, 1);
	char	   *key = key_argument(fcinfo, 5);
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	AsyncCall	call;
	MemoryContext old;

	begin_call(&call, "connector_execute_async()", cn_arg_required(fcinfo, 0, "connector"),
			   cn_arg_text(fcinfo, 2));
	old = MemoryContextSwitchTo(call.context);
	call.entry.due_at = run_at_argument(fcinfo, 3, call.queue.now);
	call.entry.lane.priority = priority_argument(fcinfo, 4);
	call.entry.idempotency_key = key;
	call.entry.notify = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);
	check_input(call.connector, input, 0);

	cn_enqueue_id(call.entry.due_at, &call.entry.id);
	if (key == NULL || take_key(&call, key, input))
		put(&call, input);
	cn_enqueue_flush(&call.queue);
	*id = call.entry.id;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(call.context);
	PG_RETURN_UUID_P(id);
}

/* ---- connector_execute_async_batch ---- */

/* The inputs one after the other, each in a context that is reset behind it. */
static void
put_all(AsyncCall *call, ArrayType *inputs, ReturnSetInfo *rsinfo)
{
	MemoryContext row_context = AllocSetContextCreate(call->context, "connector queue entry",
													  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(call->context);
	ArrayIterator iterator = array_create_iterator(inputs, 0, NULL);
	Datum		value;
	bool		isnull;

	MemoryContextSwitchTo(row_context);
	for (int64 number = 1; array_iterate(iterator, &value, &isnull); number++)
	{
		Jsonb	   *input = isnull ? cn_jsonb_empty_object() : DatumGetJsonbP(value);
		Datum		id = UUIDPGetDatum(&call->entry.id);
		bool		id_isnull = false;

		CHECK_FOR_INTERRUPTS();
		check_input(call->connector, input, number);
		cn_enqueue_id(call->entry.due_at, &call->entry.id);
		put(call, input);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &id, &id_isnull);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old);
}

Datum
connector_execute_async_batch(PG_FUNCTION_ARGS)
{
	AsyncCall	call;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"inputs\" must not be null")));
	begin_call(&call, "connector_execute_async_batch()", cn_arg_required(fcinfo, 0, "connector"),
			   cn_arg_text(fcinfo, 2));
	call.entry.due_at = run_at_argument(fcinfo, 3, call.queue.now);
	call.entry.lane.priority = priority_argument(fcinfo, 4);
	call.entry.notify = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	put_all(&call, PG_GETARG_ARRAYTYPE_P(1), (ReturnSetInfo *) fcinfo->resultinfo);
	cn_enqueue_flush(&call.queue);
	MemoryContextDelete(call.context);
	return (Datum) 0;
}
