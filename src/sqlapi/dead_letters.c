/*
 * dead_letters.c -- connector_redrive, connector_retry, connector_dead_letter_discard.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/audit.h"
#include "core/uuid.h"
#include "queue/lookup.h"
#include "queue/redrive.h"
#include "sqlapi/args.h"
#include "sqlapi/call.h"
#include "sqlapi/executions.h"

CN_FUNCTION(connector_redrive);
CN_FUNCTION(connector_retry);
CN_FUNCTION(connector_dead_letter_discard);

#define MAX_COUNT 100000

static void
refuse_read_only(const char *function)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
}

/* ---- arguments ---- */

static char *
code_argument(FunctionCallInfo fcinfo, int n)
{
	char	   *code = cn_arg_text(fcinfo, n);

	if (code && cn_code_by_name(code) == CN_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown error code \"%s\"", code),
				 errhint("docs/errors.md lists the codes.")));
	return code;
}

static TimestampTz *
time_argument(FunctionCallInfo fcinfo, int n)
{
	TimestampTz *at;

	if (PG_ARGISNULL(n))
		return NULL;
	at = palloc(sizeof(TimestampTz));
	*at = PG_GETARG_TIMESTAMPTZ(n);
	return at;
}

static int
count_argument(FunctionCallInfo fcinfo, int n)
{
	int			count = PG_ARGISNULL(n) ? 1000 : PG_GETARG_INT32(n);

	if (count < 1 || count > MAX_COUNT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_count must be between 1 and %d, not %d", MAX_COUNT, count)));
	return count;
}

/* ---- queueing again ---- */

Datum
connector_redrive(PG_FUNCTION_ARGS)
{
	char	   *connector = cn_arg_text(fcinfo, 0);
	CnLetterFilter filter = {
		.error_code = code_argument(fcinfo, 1),
		.since = time_argument(fcinfo, 2),
		.until = time_argument(fcinfo, 3),
	};
	int			max_count = count_argument(fcinfo, 4);
	bool		from_start = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);
	CnWorkspace workspace;
	CnEnqueue	queue;
	pg_uuid_t	last;
	int64		count;

	refuse_read_only("connector_redrive()");
	workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 6), CN_RIGHT_EXECUTE);
	filter.workspace = workspace.id;
	if (connector)
		filter.connector = &cn_call_find(&workspace, connector, CurrentMemoryContext)->id;
	cn_enqueue_begin(&queue, CurrentMemoryContext);
	count = cn_redrive(&filter, &queue, max_count, from_start, &last);
	cn_enqueue_flush(&queue);
	PG_RETURN_INT64(count);
}

/* Raise what is to be said of an execution that is no dead letter. */
static void
no_dead_letter(const pg_uuid_t *workspace, const pg_uuid_t *id)
{
	char		text[CN_UUID_TEXT_LEN + 1];
	CnLookup	state;

	if (!cn_lookup_state(workspace, id, &state))
		cn_execution_unknown(id);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("execution %s is not a dead letter", cn_uuid_text(id, text)),
			 state.finished
			 ? errhint("Only queued executions that failed are kept to be tried again; queue a new one with connector_execute_async().")
			 : errhint("It has not ended; connector_await() waits for it.")));
}

/* Lock the dead letter; raises unless it can be queued again. */
static void
lock_letter(const pg_uuid_t *workspace, const pg_uuid_t *id, CnLetterState *letter)
{
	char		old_text[CN_UUID_TEXT_LEN + 1];
	char		new_text[CN_UUID_TEXT_LEN + 1];

	if (!cn_dead_letter_lock(workspace, id, letter))
		no_dead_letter(workspace, id);
	if (!cn_uuid_is_zero(&letter->redriven_as))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("execution %s was queued again already", cn_uuid_text(id, old_text)),
				 errhint("It went on as execution %s.",
						 cn_uuid_text(&letter->redriven_as, new_text))));
}

Datum
connector_retry(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = cn_arg_execution(fcinfo, 0);
	bool		from_start = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	pg_uuid_t  *new_id = palloc(sizeof(pg_uuid_t));
	CnLetterFilter filter = {.id = id};
	CnWorkspace workspace;
	CnLetterState letter;
	CnEnqueue	queue;
	char		text[CN_UUID_TEXT_LEN + 1];

	refuse_read_only("connector_retry()");
	workspace = cn_execution_workspace(id, cn_arg_text(fcinfo, 2), CN_RIGHT_EXECUTE);
	lock_letter(&workspace.id, id, &letter);
	(void) cn_call_find(&workspace, cn_uuid_text(&letter.connector, text), CurrentMemoryContext);
	filter.workspace = workspace.id;
	cn_enqueue_begin(&queue, CurrentMemoryContext);
	if (cn_redrive(&filter, &queue, 1, from_start, new_id) != 1)
		elog(ERROR, "a dead letter that was locked is gone");
	cn_enqueue_flush(&queue);
	PG_RETURN_UUID_P(new_id);
}

/* ---- giving up ---- */

/* By its id if there is such a connector, else by the name that deleted ones had. */
static void
filter_connector(CnLetterFilter *filter, const char *connector)
{
	CnConnector *found = cn_cache_get(&filter->workspace, connector, CurrentMemoryContext);

	if (found)
		filter->connector = &found->id;
	else
		filter->connector_name = connector;
}

Datum
connector_dead_letter_discard(PG_FUNCTION_ARGS)
{
	char	   *connector = cn_arg_text(fcinfo, 1);
	const char *by = cn_identity_name();
	CnLetterFilter filter = {
		.id = PG_ARGISNULL(0) ? NULL : PG_GETARG_UUID_P(0),
		.error_code = code_argument(fcinfo, 2),
		.since = time_argument(fcinfo, 3),
		.until = time_argument(fcinfo, 4),
	};
	CnWorkspace workspace;
	int64		count;

	refuse_read_only("connector_dead_letter_discard()");
	if (filter.id == NULL && connector == NULL && filter.error_code == NULL &&
		filter.since == NULL && filter.until == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("it is not said which dead letters are to be discarded"),
				 errhint("Name an execution, a connector, an error code or a time; until => now() means all.")));
	workspace = filter.id
		? cn_execution_workspace(filter.id, cn_arg_text(fcinfo, 5), CN_RIGHT_EXECUTE)
		: cn_workspace_resolve(cn_arg_text(fcinfo, 5), CN_RIGHT_EXECUTE);
	filter.workspace = workspace.id;
	if (connector)
		filter_connector(&filter, connector);
	count = cn_dead_letters_discard(&filter);
	if (count > 0)
		cn_audit(&workspace.id, by, "discard", "dead letters", connector ? connector : "any",
				 psprintf(INT64_FORMAT, count));
	PG_RETURN_INT64(count);
}
