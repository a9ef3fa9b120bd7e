/*
 * errand.c -- have something done in another database of this cluster.
 *
 * The request lies in a dynamic shared memory segment of which the worker gets the handle;
 * the answer comes back through a message queue behind it.  An answer is a
 * letter and text: 'A' and what was asked for, or 'E' and a JSON array that describes
 * the error.  If the worker dies, the queue says so.
 *
 * The worker cannot outlive its use: it waits for no lock longer than MAX_LOCK_TIMEOUT_MS, or
 * the caller's lock_timeout if that is less, and a caller that loses patience terminates it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/json.h"
#include "credentials/oauth_state.h"
#include "worker/cron.h"
#include "worker/errand.h"

/* Longer than a process needs to start on a busy machine, shorter than people wait. */
#define PATIENCE_MS 30000
#define MAX_LOCK_TIMEOUT_MS 5000

/* An answer may be larger than the queue: it is read while it is written. */
#define QUEUE_SIZE 65536

typedef struct ErrandSegment
{
	CnErrand	what;
	char		database[NAMEDATALEN];
	int			lock_timeout_ms;
	Size		queue_at;		/* offset of the shm_mq */
	Size		request_len;
	char		request[FLEXIBLE_ARRAY_MEMBER];
} ErrandSegment;

PGDLLEXPORT void connector_errand_main(Datum arg);

/* ---- requests and answers ---- */

void
cn_errand_write(StringInfo out, const char *text)
{
	if (out->data[out->len - 1] != '[')
		appendStringInfoChar(out, ',');
	if (text)
	{
		char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);

		cn_json_write_string(out, utf8, strlen(utf8));
	}
	else
		appendStringInfoString(out, "null");
}

char *
cn_errand_read(const CnJson *list, int i)
{
	const CnJson *item = i < list->len ? list->u.items[i] : NULL;

	if (item == NULL || item->type != CN_JSON_STRING)
		return NULL;
	return pg_any_to_server(item->u.text, item->len, PG_UTF8);
}

void
cn_errand_write_error(StringInfo out, const ErrorData *error)
{
	cn_errand_write(out, unpack_sql_state(error->sqlerrcode));
	cn_errand_write(out, error->message);
	cn_errand_write(out, error->detail);
	cn_errand_write(out, error->hint);
}

ErrorData *
cn_errand_read_error(const CnJson *list, int first)
{
	const char *state = cn_errand_read(list, first);
	ErrorData  *error = palloc0(sizeof(ErrorData));

	error->message = cn_errand_read(list, first + 1);
	error->detail = cn_errand_read(list, first + 2);
	error->hint = cn_errand_read(list, first + 3);
	if (state == NULL || strlen(state) != 5 || error->message == NULL)
		elog(ERROR, "unreadable answer of a background worker");
	error->sqlerrcode = MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]);
	return error;
}

void
cn_errand_raise(const ErrorData *error, const char *where)
{
	ereport(ERROR,
			(errcode(error->sqlerrcode),
			 errmsg_internal("%s", error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0,
			 where ? errcontext("%s", where) : 0));
}

/* ---- who asks ---- */

static shm_mq *
queue_of(ErrandSegment *segment)
{
	return (shm_mq *) ((char *) segment + segment->queue_at);
}

static dsm_segment *
make_segment(const char *database, CnErrand what, const char *request)
{
	Size		len = strlen(request);
	Size		queue_at = MAXALIGN(offsetof(ErrandSegment, request) + len + 1);
	dsm_segment *memory = dsm_create(queue_at + QUEUE_SIZE, 0);
	ErrandSegment *segment = dsm_segment_address(memory);

	segment->what = what;
	strlcpy(segment->database, database, sizeof(segment->database));
	segment->lock_timeout_ms = LockTimeout > 0 ? Min(LockTimeout, MAX_LOCK_TIMEOUT_MS)
		: MAX_LOCK_TIMEOUT_MS;
	segment->queue_at = queue_at;
	segment->request_len = len;
	memcpy(segment->request, request, len + 1);
	shm_mq_set_receiver(shm_mq_create(queue_of(segment), QUEUE_SIZE), MyProc);
	return memory;
}

static BackgroundWorkerHandle *
start_worker(dsm_segment *memory)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_name = "connector errand",
		.bgw_type = "connector errand",
		.bgw_library_name = "connector",
		.bgw_function_name = "connector_errand_main",
		.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(memory)),
		.bgw_notify_pid = MyProcPid,
	};
	BackgroundWorkerHandle *handle;

	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start a background worker"),
				 errhint("All places are taken. Try again, or increase max_worker_processes.")));
	return handle;
}

static void pg_attribute_noreturn()
give_up(const char *database, BackgroundWorkerHandle *handle, const char *why)
{
	TerminateBackgroundWorker(handle);
	ereport(ERROR,
			(errcode(ERRCODE_SYSTEM_ERROR),
			 errmsg("a background worker in database \"%s\" %s", database, why),
			 errhint("The server's log may say more.")));
}

/* What the worker sends, a copy. */
static char *
receive(shm_mq_handle *queue, const char *database, BackgroundWorkerHandle *handle)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PATIENCE_MS);

	for (;;)
	{
		Size		len;
		void	   *message;
		shm_mq_result result = shm_mq_receive(queue, &len, &message, true);
		long		left;

		if (result == SHM_MQ_SUCCESS)
			return pnstrdup(message, len);
		if (result == SHM_MQ_DETACHED)
			give_up(database, handle, "ended without an answer");
		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
		if (left <= 0)
			give_up(database, handle, "took too long");
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
						 cn_wait_event_errand());
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Raise again what was raised there. */
static void
rethrow(const char *database, const char *description)
{
	CnJsonError problem;
	const CnJson *list = cn_json_parse(description, strlen(description), NULL, &problem);

	if (list == NULL)
		elog(ERROR, "unreadable answer of a background worker: %s", problem.message);
	cn_errand_raise(cn_errand_read_error(list, 0),
					psprintf("background worker in database \"%s\"", database));
}

char *
cn_errand_run(const char *database, CnErrand what, const char *request)
{
	dsm_segment *memory;
	BackgroundWorkerHandle *handle;
	char	   *answer;

	(void) get_database_oid(database, false);
	memory = make_segment(database, what, request);
	handle = start_worker(memory);
	answer = receive(shm_mq_attach(queue_of(dsm_segment_address(memory)), memory, handle),
					 database, handle);
	dsm_detach(memory);
	if (answer[0] == 'E')
		rethrow(database, answer + 1);
	return answer + 1;
}

/* ---- who does it ---- */

static char *
perform(CnErrand what, const char *request)
{
	switch (what)
	{
		case CN_ERRAND_CRON:
			return cn_cron_answer(request);
		case CN_ERRAND_OAUTH_STATE:
			return cn_oauth_state_answer(request);
	}
	elog(ERROR, "unknown errand %d", what);
}

/* 'E' and the error as a JSON array. */
static char *
describe(const ErrorData *error)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "E[");
	cn_errand_write_error(&out, error);
	appendStringInfoChar(&out, ']');
	return out.data;
}

/* The answer, in context; the transaction has ended then. */
static char *
perform_in_transaction(CnErrand what, const char *request, MemoryContext context)
{
	char	   *volatile answer = NULL;

	PG_TRY();
	{
		char	   *result;

		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		result = perform(what, request);
		answer = MemoryContextStrdup(context, psprintf("A%s", result));
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		answer = describe(error);
	}
	PG_END_TRY();
	return answer;
}

static void
set_option(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

void
connector_errand_main(Datum arg)
{
	MemoryContext context = TopMemoryContext;
	dsm_segment *memory;
	ErrandSegment *segment;
	shm_mq_handle *queue;
	char	   *answer;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	memory = dsm_attach(DatumGetUInt32(arg));
	if (memory == NULL)
		proc_exit(0);			/* whoever asked has gone */
	segment = dsm_segment_address(memory);
	shm_mq_set_sender(queue_of(segment), MyProc);
	queue = shm_mq_attach(queue_of(segment), memory, NULL);

	BackgroundWorkerInitializeConnection(segment->database, NULL, 0);
	set_option("search_path", "pg_catalog, pg_temp");
	set_option("lock_timeout", psprintf("%d", segment->lock_timeout_ms));
	pgstat_report_activity(STATE_RUNNING, "connector errand");
	answer = perform_in_transaction(segment->what, segment->request, context);
	(void) shm_mq_send(queue, strlen(answer), answer, false, true);
	proc_exit(0);
}
