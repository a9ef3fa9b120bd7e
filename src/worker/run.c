/*
 * run.c -- an execution in a worker: made, started, held, over.
 *
 * Everything a run needs is in its own context, so ending it, whatever it does, is
 * deleting that.  What raises in the course of one execution ends that one.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"

#include "core/behalf.h"
#include "core/clock.h"
#include "core/jsonb.h"
#include "core/testpoint.h"
#include "core/uuid.h"
#include "engine/input.h"
#include "queue/execution.h"
#include "worker/run.h"

/* Time that one turn of the mux, or a start, may take before what it is busy with is ended. */
#define TURN_LIMIT_MS 10000

/* Workers that may die with an execution before nobody tries it again. */
#define MAX_CRASHES 3

/* Well before others would take it for dead. */
static int
turn_limit_ms(void)
{
	return Min(TURN_LIMIT_MS, cn_worker_lease_timeout / 2);
}

/* ---- lists ---- */

static void
move_to(CnRun *run, dlist_head *list)
{
	dlist_delete(&run->node);
	dlist_push_tail(list, &run->node);
}

/* The caller puts it into another list. */
static void
stop_holding(CnRun *run)
{
	if (run->holding)
		run->worker->holding_count--;
	run->holding = run->progress = false;
	run->not_before_us = 0;
}

static void
finish(CnRun *run)
{
	CnWorker   *worker = run->worker;

	if (run->over)
		return;
	stop_holding(run);
	run->over = true;
	run->done_us = cn_monotonic_us();
	move_to(run, &worker->done);
	worker->done_count++;
}

/* ---- callbacks of the engine ---- */

static void
on_done(CnExecution *execution, void *arg)
{
	finish(arg);
}

static bool
on_hold(CnExecution *execution, CnHoldReason reason, void *arg)
{
	CnRun	   *run = arg;
	CnWorker   *worker = run->worker;

	if (run->over)
		return true;			/* aborting it failed: it stands still until it is forgotten */
	if (!run->holding)
	{
		move_to(run, &worker->holding);
		worker->holding_count++;
	}
	run->holding = true;
	run->progress = reason == CN_HOLD_PROGRESS;
	return true;
}

/* No transaction is open here: the loop reads what has come. */
static CnRenewal
on_renew(CnExecution *execution, int i, CnRenewReason reason, CnFailure *failure, void *arg)
{
	CnRun	   *run = arg;
	CnRenewal	renewal = cn_execution_renew(run->credentials, i, reason, failure);

	if (renewal != CN_RENEWAL_READY || reason == CN_RENEW_EARLY)
		return renewal;
	run->stale = run->worker->stale = true;
	return CN_RENEWAL_WAIT;
}

/* ---- what it needs ---- */

/* An execution that is refused is one that never began. */
static void
refuse(CnRun *run, CnCode code, const char *message, const char *hint)
{
	cn_fail(&run->refusal, code, "%s", message);
	run->refusal.hint = hint ? pstrdup(hint) : NULL;
}

static bool
may_run(CnRun *run)
{
	const CnClaimed *row = &run->row;

	if (row->cancel_requested)
		refuse(run, CN_CANCELLED, "the execution was cancelled", NULL);
	else if (row->crashes >= MAX_CRASHES)
		refuse(run, CN_INTERNAL,
			   psprintf("%d workers died while they ran this execution", row->crashes),
			   "Look into the server log for what killed them before it is redriven.");
	else if (run->connector == NULL)
		refuse(run, CN_CONFIG_INVALID, "the connector was deleted while the execution was queued",
			   NULL);
	else if (run->connector->problems)
		refuse(run, CN_CONFIG_INVALID,
			   psprintf("the definition of connector \"%s\" cannot be used: %s",
						run->connector->name, run->connector->problems),
			   "Save it again, then redrive the execution.");
	else if ((int) cn_behalf_role(row->identity, &row->workspace) < (int) CN_RIGHT_EXECUTE)
		refuse(run, CN_PERMISSION_DENIED,
			   psprintf("%s queued the execution and may not execute in the workspace any more",
						row->identity ? row->identity : "an unknown member"),
			   "Add the member again, or have somebody else redrive it.");
	else
		return true;
	return false;
}

static char *
copy_text(const char *text)
{
	return text ? pstrdup(text) : NULL;
}

static void
copy_row(CnClaimed *to, const CnClaimed *from)
{
	*to = *from;
	to->trigger = copy_text(from->trigger);
	to->identity = copy_text(from->identity);
	to->run_as = copy_text(from->run_as);
	to->claims = copy_text(from->claims);
	to->correlation_id = copy_text(from->correlation_id);
	to->idempotency_key = copy_text(from->idempotency_key);
	to->input = cn_jsonb_copy(from->input);
	to->checkpoint = cn_jsonb_copy(from->checkpoint);
}

CnRun *
cn_run_create(CnWorker *worker, const CnClaimed *claimed)
{
	MemoryContext context = AllocSetContextCreate(worker->life, "connector execution",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CnRun	   *run = palloc0(sizeof(CnRun));

	run->worker = worker;
	run->context = context;
	dlist_push_tail(&worker->claimed, &run->node);
	copy_row(&run->row, claimed);
	run->connector = cn_cache_look(&run->row.workspace, &run->row.connector, context);
	if (may_run(run))
	{
		run->limits = cn_service_limit_set(&run->row.workspace, context);
		run->credentials = cn_execution_credentials(&run->row.workspace,
													run->connector->compiled.definition,
													run->row.identity, context);
	}
	MemoryContextSwitchTo(old);
	return run;
}

/* ---- running ---- */

static CnExecution *
create_execution(CnRun *run)
{
	const CnConnector *connector = run->connector;
	CnExecInput given = {
		.workspace = run->row.workspace,
		.definition = connector->compiled.definition,
		.credentials = run->credentials,
		.limits = run->limits,
		.input = run->row.input,
		.id = &run->row.id,
		.checkpoint = run->row.checkpoint,
		.interrupted = run->row.interrupted,
		.marked = run->row.sending && !run->row.interrupted,
		.renew = on_renew,
		.renew_arg = run,
		.may_park = true,
		.hold = on_hold,
		.hold_arg = run,
	};

	cn_execution_describe(connector, &given);
	return cn_exec_create(&given, run->context);
}

static void
begin_execution(CnRun *run)
{
	CnFailure	failure = run->refusal;

	run->execution = create_execution(run);
	if (failure.code == CN_OK && run->connector->compiled.input_schema)
		(void) cn_input_check(run->connector->compiled.input_schema, run->row.input, &failure);
	if (failure.code != CN_OK)
		cn_exec_refuse(run->execution, &failure, on_done, run);
	else
	{
		run->begun = true;
		cn_exec_start(run->execution, run->worker->mux, on_done, run);
	}
}

/*
 * What was raised, as a failure of the execution it was raised for.  A cancel is
 * that of the turn's time limit.
 */
static void
failure_of_error(CnFailure *failure, const ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		cn_fail(failure, CN_TIMEOUT, "the execution kept its worker busy for more than %d s",
				turn_limit_ms() / 1000);
	else
		cn_fail(failure, CN_INTERNAL, "%s", error->message);
}

/* In PG_CATCH: take the error back; returns a copy in the turn's context. */
static ErrorData *
catch_error(CnWorker *worker)
{
	ErrorData  *error;

	MemoryContextSwitchTo(worker->turn);
	error = CopyErrorData();
	FlushErrorState();
	LWLockReleaseAll();
	return error;
}

/* What an execution raised ends it, and nothing else. */
static void
blame(CnWorker *worker, CnRun *run, const ErrorData *error)
{
	CnFailure	failure = {CN_OK};

	cn_slot_add(worker->slot, CN_COUNT_ERRORS, 1);
	if (run == NULL)
	{
		ereport(LOG, (errmsg("connector worker: %s", error->message)));
		return;
	}
	failure_of_error(&failure, error);
	cn_run_abort(run, &failure);
}

typedef void (*RunAction) (CnRun *run);

/* Do action with a run; what raises is blamed on it. */
static void
guarded(CnRun *run, RunAction action)
{
	CnWorker   *worker = run->worker;
	MemoryContext old = MemoryContextSwitchTo(run->context);

	cn_worker_limit_time(turn_limit_ms());
	PG_TRY();
	{
		action(run);
	}
	PG_CATCH();
	{
		ErrorData  *error = catch_error(worker);

		cn_worker_unlimit_time();
		(void) cn_exec_interrupted();
		blame(worker, run, error);
	}
	PG_END_TRY();
	cn_worker_unlimit_time();
	MemoryContextSwitchTo(old);
}

void
cn_run_start(CnRun *run)
{
	CnWorker   *worker = run->worker;

	move_to(run, &worker->running);
	((CnRunEntry *) hash_search(worker->runs, &run->row.id, HASH_ENTER, NULL))->run = run;
	if (run->connector == NULL || run->connector->problems)
		finish(run);
	else
		guarded(run, begin_execution);
}

static void
continue_execution(CnRun *run)
{
	cn_exec_continue(run->execution);
}

void
cn_run_continue(CnRun *run)
{
	bool		progress = run->progress;

	stop_holding(run);
	move_to(run, &run->worker->running);
	if (!progress)
		guarded(run, continue_execution);
}

/*
 * An execution that cannot even be ended the usual way is over all the same: its failure
 * is recorded without what the engine knows.
 */
void
cn_run_abort(CnRun *run, const CnFailure *failure)
{
	MemoryContext old = MemoryContextSwitchTo(run->context);

	PG_TRY();
	{
		if (run->execution && cn_exec_state(run->execution) != CN_EXEC_DONE)
			cn_exec_abort(run->execution, failure);
		else if (!run->over)
			run->refusal = *failure;
	}
	PG_CATCH();
	{
		(void) catch_error(run->worker);
		(void) cn_exec_interrupted();
		MemoryContextSwitchTo(run->context);
		cn_fail(&run->spoiled, failure->code, "%s", failure->message);
	}
	PG_END_TRY();
	finish(run);
	MemoryContextSwitchTo(old);
}

void
cn_run_cancel(CnWorker *worker, const pg_uuid_t *id)
{
	CnRun	   *run = cn_run_find(worker, id);
	CnFailure	failure = {CN_OK};

	if (run == NULL || run->over)
		return;
	cn_fail(&failure, CN_CANCELLED, "the execution was cancelled while it ran");
	cn_run_abort(run, &failure);
}

void
cn_run_reopen(CnWorker *worker)
{
	dlist_iter	iter;

	worker->stale = false;
	dlist_foreach(iter, &worker->running)
	{
		CnRun	   *run = dlist_container(CnRun, node, iter.cur);
		const CnDefinition *definition;

		if (!run->stale)
			continue;
		run->stale = false;
		definition = run->connector->compiled.definition;
		for (int i = 0; i < definition->credential_count; i++)
			if (run->credentials[i].opened && run->credentials[i].opened->renewable)
				(void) cn_execution_reopen(run->credentials, i, definition, &run->row.workspace,
										   run->row.identity, run->context);
	}
}

/* Refer to the rows of a list; returns how many there are then. */
static int
refer_to(dlist_head *list, CnRowRef *refs, int count)
{
	dlist_iter	iter;

	dlist_foreach(iter, list)
	{
		CnRun	   *run = dlist_container(CnRun, node, iter.cur);

		refs[count].workspace = run->row.workspace;
		refs[count++].id = run->row.id;
	}
	return count;
}

void
cn_run_look_for_cancels(CnWorker *worker)
{
	int			most = hash_get_num_entries(worker->runs);
	CnRowRef   *refs = palloc0(sizeof(CnRowRef) * (most + 1));
	int			count = refer_to(&worker->running, refs, 0);

	count = refer_to(&worker->holding, refs, count);
	Assert(count <= most);
	cn_claim_cancelled(&worker->lease, refs, count);
	worker->cancels = palloc(sizeof(pg_uuid_t) * (count + 1));
	worker->cancel_count = 0;
	for (int i = 0; i < count; i++)
		if (refs[i].fate == CN_ROW_DONE)
			worker->cancels[worker->cancel_count++] = refs[i].id;
	pfree(refs);
}

void
cn_run_cancel_those_found(CnWorker *worker)
{
	for (int i = 0; i < worker->cancel_count; i++)
		cn_run_cancel(worker, &worker->cancels[i]);
	worker->cancel_count = 0;
}

static CnRun *
run_of(CnWorker *worker, const CnExecution *execution)
{
	return execution ? cn_run_find(worker, cn_exec_id(execution)) : NULL;
}

void
cn_run_turn(CnWorker *worker)
{
	MemoryContext old = CurrentMemoryContext;

	cn_worker_limit_time(turn_limit_ms());
	PG_TRY();
	{
		cn_http_mux_turn(worker->mux);
	}
	PG_CATCH();
	{
		ErrorData  *error = catch_error(worker);

		cn_worker_unlimit_time();
		blame(worker, run_of(worker, cn_exec_interrupted()), error);
	}
	PG_END_TRY();
	cn_worker_unlimit_time();
	MemoryContextSwitchTo(old);
	CN_TEST_POINT("turned");
}

/* ---- afterwards ---- */

const CnFailure *
cn_run_failure(const CnRun *run)
{
	if (run->spoiled.code != CN_OK)
		return &run->spoiled;
	if (run->execution == NULL || cn_exec_state(run->execution) != CN_EXEC_DONE)
		return &run->refusal;
	return &cn_exec_outcome(run->execution)->failure;
}

void
cn_run_forget(CnRun *run)
{
	CnWorker   *worker = run->worker;

	dlist_delete(&run->node);
	if (run->over)
		worker->done_count--;
	stop_holding(run);
	if (worker->suspect == run)
	{
		worker->suspect = NULL;
		worker->look_for_suspects = true;
	}
	(void) hash_search(worker->runs, &run->row.id, HASH_REMOVE, NULL);
	if (run->row.lane)
		cn_lanes_ended(worker->lanes, run->row.lane);
	MemoryContextDelete(run->context);
}

CnRun *
cn_run_find(CnWorker *worker, const pg_uuid_t *id)
{
	CnRunEntry *entry = hash_search(worker->runs, id, HASH_FIND, NULL);

	return entry ? entry->run : NULL;
}

static Size
list_memory(dlist_head *list)
{
	dlist_iter	iter;
	Size		sum = 0;

	dlist_foreach(iter, list)
	{
		CnRun	   *run = dlist_container(CnRun, node, iter.cur);

		sum += MemoryContextMemAllocated(run->context, true);
	}
	return sum;
}

Size
cn_run_memory(CnWorker *worker)
{
	return list_memory(&worker->running) + list_memory(&worker->holding) +
		list_memory(&worker->done) + cn_http_mux_memory(worker->mux);
}
