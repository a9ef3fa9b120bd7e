/*
 * fetch.c -- connector_fetch: the records of a provider's stream, as rows.
 *
 * The function returns a value per call, and the SQL function around it can be inlined, so that
 * in FROM, too, the server takes rows one by one (a ProjectSet) instead of collecting them all
 * first: LIMIT 5 fetches one page.  While rows are taken the mux is turned now and then, so the
 * next page arrives while the present one is used.
 *
 * All of a fetch is in the call's context and goes with it, in error, too.  A fetch that ends
 * early, by LIMIT or because its cursor is closed, is recorded by the callback of the expression
 * it stands in, which the server calls in success only.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/provider_lookup.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/jsonb.h"
#include "core/report.h"
#include "core/uuid.h"
#include "engine/settings.h"
#include "engine/walk.h"
#include "queue/history.h"
#include "queue/page_log.h"
#include "queue/stream_source.h"
#include "sqlapi/args.h"
#include "sqlapi/call.h"
#include "stats/counters.h"
#include "stats/stats.h"

CN_FUNCTION(_connector_fetch);

/* Rows between two turns of the mux while a page is under way; a turn takes a system call or two. */
#define ROWS_PER_TURN 32

typedef struct Fetch
{
	CnCall		call;
	pg_uuid_t	id;				/* of the execution it is recorded as */
	CnStreamSource *source;
	Jsonb	   *input;
	CnWalk	   *walk;
	CnPageLog  *log;
	TimestampTz started_at;
	int64		rows;			/* given out */
	bool		recorded;
} Fetch;

/* ---- beginning ---- */

static CnStreamSource *
open_source(const CnCall *call, const char *provider, const char *stream)
{
	CnFailure	failure = {CN_OK};
	const char *label;
	char	   *name = cn_provider_split(provider, &label);
	CnStreamSource *source;

	(void) cn_provider_require(&call->workspace.id, name, call->context);
	source = cn_stream_source_open(&call->workspace.id, call->identity, name, label, stream,
								   call->context, &failure);
	if (source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg_internal("%s", failure.message),
				 errhint("%s", failure.hint)));
	return source;
}

/* In the caller's transaction, which sees what the token process has committed. */
static CnRenewal
renew(CnExecution *execution, int i, CnRenewReason reason, CnFailure *failure, void *arg)
{
	Fetch	   *fetch = arg;

	return cn_stream_source_renew(fetch->source, i, reason, true, failure);
}

static void
on_page(const CnPageReport *report, void *arg)
{
	Fetch	   *fetch = arg;

	cn_page_log_add(report, fetch->log);
}

static int
max_pages_argument(FunctionCallInfo fcinfo, int n)
{
	int			max_pages = PG_ARGISNULL(n) ? 0 : PG_GETARG_INT32(n);

	if (!PG_ARGISNULL(n) && max_pages < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_pages must be at least 1, not %d", max_pages)));
	return max_pages;
}

static const CnJson *
input_object(Jsonb *input)
{
	if (!JB_ROOT_IS_OBJECT(input))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the input of a stream must be an object")));
	return cn_json_from_jsonb(input);
}

/* In the context of the whole call, which is current. */
static Fetch *
begin_fetch(FunctionCallInfo fcinfo)
{
	Fetch	   *fetch = palloc0(sizeof(Fetch));
	CnCall	   *call = &fetch->call;
	char	   *provider = cn_arg_required(fcinfo, 0, "provider");
	char	   *name = cn_arg_required(fcinfo, 1, "stream");
	CnWalkInput input = {.max_pages = max_pages_argument(fcinfo, 3)};

	cn_call_begin(call, "connector_fetch()", cn_arg_text(fcinfo, 4), CN_RIGHT_EXECUTE);
	fetch->input = DatumGetJsonbPCopy(JsonbPGetDatum(cn_arg_jsonb(fcinfo, 2)));
	fetch->source = open_source(call, provider, name);
	cn_uuid_v7(&fetch->id);
	fetch->started_at = cn_now();
	fetch->log = cn_page_log_create(call->context);
	input.workspace = call->workspace.id;
	input.id = &fetch->id;
	input.stream = fetch->source->stream;
	input.credentials = fetch->source->credentials;
	input.limits = fetch->source->limits;
	input.input = input_object(fetch->input);
	input.mux = cn_http_process_mux();
	input.cursor = fetch->source->stream->bound_input != NULL;
	input.renew = renew;
	input.page_done = on_page;
	input.arg = fetch;
	fetch->walk = cn_walk_begin(&input, call->context);
	return fetch;
}

/* ---- the end ---- */

/* What the history shows as output: how much there was and where to go on, not the records. */
static Jsonb *
summary(const Fetch *fetch)
{
	CnWalkCounts counts = cn_walk_counts(fetch->walk);
	const CnJson *cursor = cn_walk_cursor(fetch->walk);
	CnJsonbBuilder b = {0};

	cn_build_begin_object(&b);
	cn_build_key(&b, "rows");
	cn_build_int(&b, fetch->rows);
	cn_build_key(&b, "pages");
	cn_build_int(&b, counts.pages);
	cn_build_key(&b, "repeated");
	cn_build_int(&b, counts.repeated);
	cn_build_key(&b, "complete");
	cn_build_bool(&b, cn_walk_is_complete(fetch->walk));
	if (cursor)
	{
		cn_build_key(&b, "cursor");
		cn_build_jsonb(&b, cn_jsonb_from_json(cursor));
	}
	cn_build_end_object(&b);
	return cn_build_done(&b);
}

static void
note_credentials(const CnStreamSource *source)
{
	static const pg_uuid_t none = {{0}};

	for (int i = 0; i < source->stream->definition->credential_count; i++)
		if (source->credentials[i].opened)
			cn_stats_used(&source->workspace, &none, &source->credentials[i].opened->id, cn_now());
}

static void
write_history(Fetch *fetch)
{
	CnCall	   *call = &fetch->call;
	CnHistoryUnrun row = {
		.workspace = call->workspace.id,
		.id = fetch->id,
		.connector_name = fetch->source->name,
		.steps = cn_page_log_steps(fetch->log),
		.input = fetch->input,
		.output = summary(fetch),
		.http_status = cn_page_log_http_status(fetch->log),
		.started_at = fetch->started_at,
	};
	CnHistoryExtra extra = {
		.attempt = 1,
		.trigger = "sql",
		.executed_by = call->identity,
		.correlation_id = cn_engine_correlation_id,
	};

	cn_history_write_unrun(&call->history, &row, &extra);
	cn_call_flush(call);
}

/* Record and count it, once.  A failure is only counted: its row would go with the transaction. */
static void
end_fetch(Fetch *fetch, CnCode code)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->call.context);

	fetch->recorded = true;
	cn_counters_execution(CN_COUNTED_SYNCHRONOUS, code, cn_page_log_ms(fetch->log),
						  cn_page_log_retries(fetch->log));
	if (code == CN_OK)
	{
		note_credentials(fetch->source);
		write_history(fetch);
	}
	MemoryContextSwitchTo(old);
}

/* The expression is evaluated no further: by LIMIT, a closed cursor, or for another row. */
static void
on_shutdown(Datum arg)
{
	Fetch	   *fetch = (Fetch *) DatumGetPointer(arg);
	bool		push = !ActiveSnapshotSet();

	if (fetch->recorded)
		return;
	if (push)
		PushActiveSnapshot(GetTransactionSnapshot());
	end_fetch(fetch, CN_OK);
	if (push)
		PopActiveSnapshot();
}

/* ---- rows ---- */

static void
wait_for_page(void)
{
	CnHttpMux  *mux = cn_http_process_mux();

	cn_http_wait(mux, -1, cn_wait_event_http());
	cn_http_mux_turn(mux);
}

/*
 * Let the page ahead come on while rows are taken: at once when it was asked for, so that the
 * request leaves, and then every so many rows.
 */
static void
turn_sometimes(Fetch *fetch, bool was_in_flight)
{
	fetch->rows++;
	if (cn_walk_in_flight(fetch->walk) && (!was_in_flight || fetch->rows % ROWS_PER_TURN == 0))
		cn_http_mux_turn(cn_http_process_mux());
}

/* The next record in the current context; NULL: there is none left. */
static Jsonb *
next_record(Fetch *fetch)
{
	Jsonb	   *record;

	for (;;)
	{
		bool		in_flight = cn_walk_in_flight(fetch->walk);

		switch (cn_walk_next(fetch->walk, &record))
		{
			case CN_WALK_RECORD:
				turn_sometimes(fetch, in_flight);
				return record;
			case CN_WALK_WAIT:
				wait_for_page();
				break;
			case CN_WALK_END:
				end_fetch(fetch, CN_OK);
				return NULL;
			case CN_WALK_FAILED:
				end_fetch(fetch, cn_walk_failure(fetch->walk)->code);
				cn_report_stream_failure(fetch->source->name, cn_walk_failure(fetch->walk));
		}
	}
}

static Fetch *
first_call(FunctionCallInfo fcinfo, FuncCallContext *context)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
	Fetch	   *fetch = begin_fetch(fcinfo);

	context->user_fctx = fetch;
	/* called before that of the context itself, which was registered first */
	RegisterExprContextCallback(rsinfo->econtext, on_shutdown, PointerGetDatum(fetch));
	MemoryContextSwitchTo(old);
	return fetch;
}

Datum
_connector_fetch(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	Fetch	   *fetch;
	Jsonb	   *record;

	if (SRF_IS_FIRSTCALL())
		(void) first_call(fcinfo, SRF_FIRSTCALL_INIT());
	context = SRF_PERCALL_SETUP();
	fetch = context->user_fctx;
	record = next_record(fetch);
	if (record)
		SRF_RETURN_NEXT(context, JsonbPGetDatum(record));
	UnregisterExprContextCallback(((ReturnSetInfo *) fcinfo->resultinfo)->econtext, on_shutdown,
								  PointerGetDatum(fetch));
	SRF_RETURN_DONE(context);
}
