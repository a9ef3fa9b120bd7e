/*
 * record.c -- what became of executions, written down.
 *
 * One transaction records many: it deletes their rows from the queue, and of those that
 * were there and its own it writes the history, the statistics and the dead letters.  A row
 * that somebody else has locked is left for later; one that has gone, or that
 * another worker has taken over, is dropped without a trace.
 * Executions with field mappings are recorded one at a time (mapped.c).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "core/errors.h"
#include "core/jsonb.h"
#include "core/testpoint.h"
#include "core/uuid.h"
#include "queue/dead_letters.h"
#include "queue/execution.h"
#include "queue/history.h"
#include "queue/notify.h"
#include "queue/waiters.h"
#include "stats/counters.h"
#include "stats/log.h"
#include "stats/stats.h"
#include "worker/run.h"

/* A commit serves so many at most: they wait for each other. */
#define MAX_BATCH 500

/*
 * What is done is recorded at once when nothing else happens, else after so long, or when so
 * many are.
 */
#define GATHER_US 4000
#define GATHER_COUNT 200

/* After a locked row, and after an error that says nothing about the execution (disk full). */
#define LOCKED_DELAY_US 50000
#define TROUBLE_DELAY_US 1000000

typedef enum RecordKind
{
	RECORD_FINISH,
	RECORD_CHECKPOINT,
	RECORD_RELEASE,
	RECORD_KINDS
} RecordKind;

/* What the transaction under way writes. */
typedef struct Batch
{
	int			count;
	CnRun	   *runs[MAX_BATCH];
	CnRowRef	refs[MAX_BATCH];
} Batch;

static Batch batches[RECORD_KINDS];

/* ---- what is due ---- */

/* Does the engine have the outcome that is to be recorded? */
static bool
is_told_by_engine(const CnRun *run)
{
	return run->spoiled.code == CN_OK && run->execution &&
		cn_exec_state(run->execution) == CN_EXEC_DONE;
}

static TimestampTz
parked_until(const CnRun *run)
{
	return is_told_by_engine(run) ? cn_exec_outcome(run->execution)->park_until : 0;
}

bool
cn_record_has_mappings(const CnRun *run)
{
	return cn_run_failure(run)->code == CN_OK && parked_until(run) == 0 &&
		run->connector->compiled.mappings != NULL;
}

/* Until one of the list may be written; -1: it is empty. */
static int64
least_wait_us(dlist_head *list, int64 now_us)
{
	dlist_iter	iter;
	int64		wait_us = -1;

	dlist_foreach(iter, list)
	{
		CnRun	   *run = dlist_container(CnRun, node, iter.cur);
		int64		left = Max(run->not_before_us - now_us, 0);

		if (wait_us < 0 || left < wait_us)
			wait_us = left;
		if (left == 0)
			break;
	}
	return wait_us;
}

bool
cn_record_due(CnWorker *worker, int64 now_us, bool idle)
{
	dlist_iter	iter;

	if (least_wait_us(&worker->holding, now_us) == 0)
		return true;
	if (worker->done_count >= GATHER_COUNT)
		idle = true;
	dlist_foreach(iter, &worker->done)
	{
		CnRun	   *run = dlist_container(CnRun, node, iter.cur);

		if (run->not_before_us > now_us || cn_record_has_mappings(run))
			continue;
		return idle || now_us - run->done_us >= GATHER_US;
	}
	return false;
}

int64
cn_record_wait_us(CnWorker *worker, int64 now_us)
{
	int64		holding_us = least_wait_us(&worker->holding, now_us);
	int64		done_us = least_wait_us(&worker->done, now_us);

	if (holding_us < 0 || done_us < 0)
		return Max(holding_us, done_us);
	return Min(holding_us, done_us);
}

/* ---- one execution's rows ---- */

static void
history_of(const CnRun *run, CnHistoryExtra *extra)
{
	const CnClaimed *row = &run->row;

	memset(extra, 0, sizeof(*extra));
	extra->created_at = row->created_at;
	extra->attempt = row->attempt;
	extra->trigger = row->trigger;
	extra->executed_by = row->identity;
	extra->correlation_id = row->correlation_id;
	extra->idempotency_key = row->idempotency_key;
}

static void
write_history(CnHistoryRows *rows, CnRun *run)
{
	CnHistoryExtra extra;
	CnHistoryUnrun unrun = {{{0}}};

	history_of(run, &extra);
	if (is_told_by_engine(run))
	{
		cn_history_write(rows, run->execution, run->connector, run->row.input, &extra);
		return;
	}
	unrun.workspace = run->row.workspace;
	unrun.id = run->row.id;
	unrun.connector = run->row.connector;
	unrun.connector_name = run->connector ? run->connector->name : "(deleted)";
	unrun.connector_version = run->connector ? run->connector->version : 0;
	unrun.failure = *cn_run_failure(run);
	unrun.input = run->spoiled.code == CN_OK ? run->row.input : cn_jsonb_empty_object();
	if (run->execution)
		unrun.started_at = cn_exec_started_at(run->execution);
	cn_history_write_unrun(rows, &unrun, &extra);
}

static void
write_dead_letter(CnDeadLetters *letters, CnRun *run)
{
	const CnFailure *failure = cn_run_failure(run);
	const CnClaimed *row = &run->row;
	CnDeadLetter letter = {{{0}}};

	if (failure->code == CN_OK || failure->code == CN_CANCELLED)
		return;
	letter.workspace = row->workspace;
	letter.id = row->id;
	letter.connector = row->connector;
	letter.connector_name = run->connector ? run->connector->name : "(deleted)";
	letter.failure = *failure;
	letter.attempt = row->attempt;
	letter.priority = row->priority;
	letter.created_at = row->created_at;
	letter.identity = row->identity;
	letter.run_as = row->run_as;
	letter.claims = row->claims;
	letter.correlation_id = row->correlation_id;
	letter.input = row->input;
	letter.checkpoint = row->checkpoint;
	if (is_told_by_engine(run))
	{
		letter.failed_step = cn_exec_outcome(run->execution)->failed_step;
		letter.checkpoint = cn_exec_checkpoint(run->execution);
	}
	cn_dead_letter_add(letters, &letter);
}

static void
count(CnRun *run)
{
	bool		success = cn_run_failure(run)->code == CN_OK;

	if (is_told_by_engine(run))
		cn_execution_count(run->execution, run->connector, success);
	else
		cn_stats_count(&run->row.workspace, &run->row.connector, NULL, success,
					   run->execution ? cn_exec_started_at(run->execution) : cn_now());
}

static void
notify(const CnRun *run)
{
	if (run->row.notify)
		cn_notify_finished(&run->row.id, cn_status_name(cn_run_failure(run)));
}

static void
write_outcomes(Batch *batch)
{
	CnHistoryRows history = {.context = CurrentMemoryContext};
	CnDeadLetters letters = {.context = CurrentMemoryContext};

	for (int i = 0; i < batch->count; i++)
	{
		CnRun	   *run = batch->runs[i];

		if (batch->refs[i].fate != CN_ROW_DONE)
			continue;
		write_history(&history, run);
		write_dead_letter(&letters, run);
		count(run);
		notify(run);
	}
	cn_history_flush(&history);
	cn_dead_letters_flush(&letters);
}

/* ---- a transaction's work ---- */

static CnRowRef *
add_to(Batch *batch, CnRun *run)
{
	CnRowRef   *ref = &batch->refs[batch->count];

	memset(ref, 0, sizeof(*ref));
	ref->workspace = run->row.workspace;
	ref->id = run->row.id;
	batch->runs[batch->count++] = run;
	return ref;
}

/*
 * What it is to go on from, in the current context.  Without that it must not go on: whoever
 * took over would send again what is over.
 */
static Jsonb *
checkpoint_of(CnRun *run)
{
	Jsonb	   *checkpoint = cn_exec_checkpoint(run->execution);
	MemoryContext old;

	if (checkpoint || run->progress)
		return checkpoint;
	old = MemoryContextSwitchTo(run->context);
	cn_fail(&run->spoiled, CN_LIMIT_EXCEEDED, "what its steps have done is too large to be kept");
	MemoryContextSwitchTo(old);
	return NULL;
}

static void
gather_holding(CnWorker *worker, int most)
{
	Batch	   *batch = &batches[RECORD_CHECKPOINT];
	int64		now_us = cn_monotonic_us();
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &worker->holding)
	{
		CnRun	   *run = dlist_container(CnRun, node, iter.cur);
		Jsonb	   *checkpoint;
		CnRowRef   *ref;

		if (batch->count == most)
			break;
		if (run->not_before_us > now_us)
			continue;
		checkpoint = checkpoint_of(run);
		if (run->spoiled.code != CN_OK)
		{
			cn_run_abort(run, &run->spoiled);
			continue;
		}
		ref = add_to(batch, run);
		ref->checkpoint = checkpoint;
		ref->sending = run->progress ? run->row.sending
			: cn_exec_next_is_single_shot(run->execution);
	}
}

static void
gather_done(CnWorker *worker, int most)
{
	int64		now_us = cn_monotonic_us();
	dlist_iter	iter;

	dlist_foreach(iter, &worker->done)
	{
		CnRun	   *run = dlist_container(CnRun, node, iter.cur);
		Jsonb	   *checkpoint = NULL;
		CnRowRef   *ref;

		if (batches[RECORD_FINISH].count + batches[RECORD_RELEASE].count >= most)
			break;
		if (run->not_before_us > now_us || cn_record_has_mappings(run))
			continue;
		if (parked_until(run))
			checkpoint = checkpoint_of(run);
		ref = add_to(&batches[checkpoint ? RECORD_RELEASE : RECORD_FINISH], run);
		ref->checkpoint = checkpoint;
		ref->due_at = parked_until(run);
	}
}

static void
forget_batches(void)
{
	for (int kind = 0; kind < RECORD_KINDS; kind++)
		batches[kind].count = 0;
}

static void
write_batches(CnWorker *worker)
{
	Batch	   *finish = &batches[RECORD_FINISH];

	cn_claim_checkpoint(&worker->lease, batches[RECORD_CHECKPOINT].refs,
						batches[RECORD_CHECKPOINT].count);
	cn_claim_release(&worker->lease, batches[RECORD_RELEASE].refs, batches[RECORD_RELEASE].count);
	cn_claim_finish(&worker->lease, finish->refs, finish->count);
	CN_TEST_POINT("deleted");
	if (finish->count > 0)
		write_outcomes(finish);
	CN_TEST_POINT("written");
}

void
cn_record_write(CnWorker *worker, int most)
{
	most = Min(most, MAX_BATCH);
	forget_batches();
	gather_holding(worker, most);
	/* one alone is one of either kind, so that what fails is known */
	gather_done(worker, Max(most - batches[RECORD_CHECKPOINT].count, most / 2));
	write_batches(worker);
}

bool
cn_record_alone(CnWorker *worker, CnRun *run, void (*before) (CnRun *run))
{
	Batch	   *batch = &batches[RECORD_FINISH];
	MemoryContext old;

	forget_batches();
	(void) add_to(batch, run);
	cn_claim_finish(&worker->lease, batch->refs, batch->count);
	if (batch->refs[0].fate != CN_ROW_DONE)
		return false;
	old = MemoryContextSwitchTo(run->context);
	before(run);
	MemoryContextSwitchTo(old);
	write_outcomes(batch);
	return true;
}

/* ---- after it ---- */

static void
tell_of(CnWorker *worker, const CnRun *run)
{
	const CnFailure *failure = cn_run_failure(run);
	CnLogExecution line = {
		.execution = &run->row.id,
		.workspace = &run->row.workspace,
		.connector = run->connector ? run->connector->name : NULL,
		.trigger = run->row.trigger,
		.status = cn_status_name(failure),
		.code = failure->code,
		.attempt = run->row.attempt,
		.correlation_id = run->row.correlation_id,
	};

	if (is_told_by_engine(run))
	{
		const CnOutcome *outcome = cn_exec_outcome(run->execution);

		line.http_status = outcome->http_status;
		line.failed_step = outcome->failed_step;
		line.ms = outcome->execution_time_ms;
		line.retries = cn_execution_retries(run->execution);
	}
	cn_slot_add(worker->slot,
				failure->code == CN_OK ? CN_COUNT_SUCCEEDED : CN_COUNT_FAILED, 1);
	cn_slot_add(worker->slot, CN_COUNT_RETRIES, line.retries);
	cn_counters_execution(CN_COUNTED_QUEUED, failure->code, line.ms, line.retries);
	cn_log_execution(&line);
}

/* What a finished or released row turned out to be. */
static void
settle(CnWorker *worker, CnRun *run, CnRowFate fate)
{
	switch (fate)
	{
		case CN_ROW_LOCKED:
			run->not_before_us = cn_monotonic_us() + LOCKED_DELAY_US;
			return;
		case CN_ROW_LOST:
			cn_slot_add(worker->slot, CN_COUNT_LOST, 1);
			break;
		case CN_ROW_DONE:
			if (parked_until(run))
			{
				cn_slot_add(worker->slot, CN_COUNT_PARKED, 1);
				worker->next_due = Min(worker->next_due, parked_until(run));
			}
			else
				tell_of(worker, run);
			break;
	}
	cn_run_forget(run);
}

static void
settle_finished(CnWorker *worker, Batch *batch)
{
	pg_uuid_t	ended[MAX_BATCH];
	int			n = 0;

	for (int i = 0; i < batch->count; i++)
		if (batch->refs[i].fate == CN_ROW_DONE)
			ended[n++] = batch->refs[i].id;
	cn_waiters_finished(ended, n);
	for (int i = 0; i < batch->count; i++)
		settle(worker, batch->runs[i], batch->refs[i].fate);
}

static void
settle_checkpoints(CnWorker *worker, Batch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		CnRun	   *run = batch->runs[i];

		/* what went on before may have ended it */
		if (!run->holding)
			continue;
		switch (batch->refs[i].fate)
		{
			case CN_ROW_DONE:
				run->row.sending = batch->refs[i].sending;
				cn_run_continue(run);
				break;
			case CN_ROW_LOCKED:
				run->not_before_us = cn_monotonic_us() + LOCKED_DELAY_US;
				break;
			case CN_ROW_LOST:
				cn_slot_add(worker->slot, CN_COUNT_LOST, 1);
				cn_run_forget(run);
				break;
		}
	}
}

void
cn_record_committed(CnWorker *worker)
{
	CN_TEST_POINT("recorded");
	settle_finished(worker, &batches[RECORD_FINISH]);
	for (int i = 0; i < batches[RECORD_RELEASE].count; i++)
		settle(worker, batches[RECORD_RELEASE].runs[i], batches[RECORD_RELEASE].refs[i].fate);
	settle_checkpoints(worker, &batches[RECORD_CHECKPOINT]);
	forget_batches();
}

void
cn_record_aborted(CnWorker *worker)
{
	forget_batches();
}

bool
cn_record_is_trouble(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_SYSTEM_ERROR:
			return true;
		default:
			return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
				sqlerrcode == ERRCODE_UNDEFINED_TABLE;
	}
}

/* The only run of the transaction that has failed; NULL: there was none. */
static CnRun *
only_run(void)
{
	for (int kind = 0; kind < RECORD_KINDS; kind++)
		if (batches[kind].count > 0)
			return batches[kind].runs[0];
	return NULL;
}

/*
 * What cannot be written although the server could write is recorded without what the
 * remote said; if not even that can be, it is tried again and again, and nothing is lost.
 */
void
cn_record_spoil(CnWorker *worker, const ErrorData *error)
{
	CnRun	   *run = only_run();
	MemoryContext old;

	if (run == NULL)
		return;
	run->not_before_us = cn_monotonic_us() + TROUBLE_DELAY_US;
	/* the queue of notifications is full: who listens will find it in the history */
	if (error->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED && run->row.notify)
	{
		run->row.notify = false;
		return;
	}
	if (cn_record_is_trouble(error->sqlerrcode) || run->spoiled.code != CN_OK)
		return;
	old = MemoryContextSwitchTo(run->context);
	cn_fail(&run->spoiled, CN_INTERNAL, "the outcome could not be recorded: %s", error->message);
	MemoryContextSwitchTo(old);
	run->not_before_us = 0;
	if (!run->over)
		cn_run_abort(run, &run->spoiled);
}

/* ---- leaving ---- */

/*
 * What waits to be recorded could not be, or not in time: it goes back with all it did, and
 * who goes on with it only has to record that.
 */
static void
release_list(dlist_head *list)
{
	Batch	   *batch = &batches[RECORD_RELEASE];
	dlist_iter	iter;

	dlist_foreach(iter, list)
	{
		CnRun	   *run = dlist_container(CnRun, node, iter.cur);
		CnRowRef   *ref;

		if (batch->count == MAX_BATCH)
			return;
		ref = add_to(batch, run);
		ref->sending = run->begun ? run->row.sending : run->row.interrupted;
		if (run->execution && (run->holding || run->over) && run->spoiled.code == CN_OK)
		{
			ref->checkpoint = cn_exec_checkpoint(run->execution);
			ref->sending = ref->checkpoint == NULL || (run->progress && run->row.sending);
		}
	}
}

/* In a transaction, until nothing is left; those released are forgotten. */
void
cn_record_release_all(CnWorker *worker)
{
	Batch	   *batch = &batches[RECORD_RELEASE];

	for (;;)
	{
		forget_batches();
		release_list(&worker->running);
		release_list(&worker->holding);
		release_list(&worker->done);
		if (batch->count == 0)
			break;
		cn_claim_release(&worker->lease, batch->refs, batch->count);
		for (int i = 0; i < batch->count; i++)
			cn_run_forget(batch->runs[i]);
	}
	forget_batches();
}
