/*
 * loop.c -- a worker's turns: claim, run, record.
 *
 * A turn: hear what others have committed; write down in one transaction what has ended or
 * holds, and claim what may run in its place; let those start or go on; wait for the
 * network, the latch or the next thing that is due; turn the mux.  No transaction is open
 * while the worker waits, and none waits for a row or table that somebody else has locked.
 *
 * Contexts: worker->life lives as long as the process, worker->turn for a turn, and each
 * execution has its own below life.
 *
 * docs/internals/worker.md has the life of an execution and what each crash leaves behind.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/testpoint.h"
#include "core/uuid.h"
#include "queue/wake.h"
#include "stats/counters.h"
#include "stats/stats.h"
#include "worker/run.h"

/* How long it waits after an error of its own: doubled each time, up to the second. */
#define FIRST_PAUSE_US 50000
#define LONGEST_PAUSE_US 1000000

/* Errors in a row after which a new process may do better. */
#define MAX_FAILURES 20

/* Turns after an error in which everything has a transaction of its own. */
#define CAREFUL_TURNS 50

/* Executions that such a turn records, each by itself. */
#define CAREFUL_RECORDS 20

/* A table that somebody has locked is asked for again after so long. */
#define LOCKED_PAUSE_US 20000

/*
 * After a crash a worker may follow one that an execution killed, and with it the claim, which had
 * not been written to disk.  Claims wait for the disk for so long then, or nobody would ever count that.
 */
#define DURABLE_US (30 * INT64CONST(1000000))

/* What a worker that leaves gives requests that must not be repeated to end. */
#define DRAIN_US 400000

#define FOLD_INTERVAL_US 1000000
#define SHOW_INTERVAL_US 1000000

/* Of a turn for what tenants' tables take. */
#define MAPPING_TURN_US 20000

/* What a transaction of the loop is for. */
typedef struct Errand
{
	bool		look;			/* at everything */
	bool		promote;		/* what is due */
	int			record;			/* executions to write down, at most */
	int			claim;			/* rows to claim, at most */
} Errand;

static TimeoutId busy_timeout;
static volatile bool busy_too_long = false;

/* ---- settling in ---- */

static void
on_busy_too_long(void)
{
	busy_too_long = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/*
 * A tenant's code may catch the cancel, in a loop even.  Behind the subtransaction that this
 * ends it gets the next one, where the same handler does not protect it.
 */
static void
on_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && busy_too_long)
		on_busy_too_long();
}

void
cn_worker_limit_time(int ms)
{
	busy_too_long = false;
	enable_timeout_after(busy_timeout, ms);
}

/* The limit may have come too late to hit what it was for. */
void
cn_worker_unlimit_time(void)
{
	disable_timeout(busy_timeout, false);
	busy_too_long = false;
	cn_worker_forget_cancel();
}

static HTAB *
create_run_table(MemoryContext context)
{
	HASHCTL		info = {0};

	info.keysize = sizeof(pg_uuid_t);
	info.entrysize = sizeof(CnRunEntry);
	info.hcxt = context;
	return hash_create("connector runs", 1024, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static CnWorker *
create_worker(CnWorkerSlot *slot)
{
	MemoryContext life = AllocSetContextCreate(TopMemoryContext, "connector worker",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(life);
	CnWorker   *worker = palloc0(sizeof(CnWorker));

	worker->slot = slot;
	worker->lease = slot->lease;
	worker->mux = cn_http_process_mux();
	cn_http_mux_expect(worker->mux, cn_worker_max_in_flight);
	worker->life = life;
	worker->turn = AllocSetContextCreate(life, "connector turn", ALLOCSET_DEFAULT_SIZES);
	worker->lanes = cn_lanes_create();
	worker->runs = create_run_table(life);
	cn_claim_turn_init(worker);
	dlist_init(&worker->claimed);
	dlist_init(&worker->running);
	dlist_init(&worker->holding);
	dlist_init(&worker->done);
	worker->look_everywhere = worker->look_for_suspects = true;
	worker->next_due = DT_NOEND;
	if (cn_slots_after_crash())
		worker->durable_until_us = cn_monotonic_us() + DURABLE_US;
	busy_timeout = RegisterTimeout(USER_TIMEOUT, on_busy_too_long);
	RegisterSubXactCallback(on_subtransaction, NULL);
	MemoryContextSwitchTo(old);
	return worker;
}

/* ---- what others say ---- */

static void
hear(CnWorker *worker, const CnWakeEntry *entry)
{
	switch (entry->kind)
	{
		case CN_WAKE_READY:
			cn_lanes_note(worker->lanes, &entry->lane, &entry->first);
			break;
		case CN_WAKE_DUE:
			worker->next_due = Min(worker->next_due, entry->due_at);
			break;
		case CN_WAKE_CANCEL:
			cn_run_cancel(worker, &entry->first);
			break;
		case CN_WAKE_CHANGED:
			worker->look_everywhere = true;
			break;
	}
}

static void
hear_all(CnWorker *worker)
{
	CnWakeEntry entries[64];
	bool		lost;
	int			count;

	do
	{
		count = cn_wake_take(entries, lengthof(entries), &lost);
		if (lost)
			worker->look_everywhere = true;
		for (int i = 0; i < count; i++)
			hear(worker, &entries[i]);
	} while (count == lengthof(entries));
}

static void
reload_if_asked(CnWorker *worker)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	cn_http_mux_expect(worker->mux, cn_worker_max_in_flight);
	/* connector.poll_interval, connector.run_after_promotion */
	worker->look_everywhere = true;
}

/* ---- transactions ---- */

/*
 * Look at everything: what is there, what is due, what is to be cancelled, whether we may call
 * out at all.
 */
static void
look_everywhere(CnWorker *worker)
{
	char	   *closed = cn_fence_closed();

	worker->fenced = closed != NULL;
	cn_run_look_for_cancels(worker);
	cn_lanes_end_waits(worker->lanes);
	if (!worker->fenced)
	{
		worker->next_due = cn_claim_promote(worker->lanes, cn_now());
		cn_claim_discover(worker->lanes);
	}
	worker->look_everywhere = false;
	worker->look_for_suspects = true;
	worker->next_poll_us = cn_monotonic_us() + (int64) cn_worker_poll_interval * 1000;
}

static void
do_errand(CnWorker *worker, const Errand *errand, bool *durable)
{
	int64		start_us = cn_monotonic_us();
	int64		middle_us;

	if (errand->look)
		look_everywhere(worker);
	else if (errand->promote)
		worker->next_due = cn_claim_promote(worker->lanes, cn_now());
	if (errand->record > 0)
		cn_record_write(worker, errand->record);
	middle_us = cn_monotonic_us();
	cn_slot_add(worker->slot, CN_COUNT_RECORD_US, middle_us - start_us);
	*durable = errand->record > 0 || errand->look;
	if (errand->claim > 0 && !worker->fenced)
		worker->fenced = cn_fence_closed() != NULL;
	if (errand->claim > 0 && !worker->fenced)
	{
		cn_claim_turn(worker, errand->claim, durable);
		if (cn_fence_closed() != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the fence was closed while rows were claimed")));
	}
	cn_slot_add(worker->slot, CN_COUNT_CLAIM_US, cn_monotonic_us() - middle_us);
}

static void
after_error(CnWorker *worker, const Errand *errand, const ErrorData *error)
{
	int64		pause_us = FIRST_PAUSE_US << Min(worker->failures, 10);

	cn_slot_add(worker->slot, CN_COUNT_ERRORS, 1);
	cn_claim_turn_aborted(worker, worker->careful > 0);
	worker->cancel_count = 0;
	if (worker->careful > 0 && errand->record == 1)
		cn_record_spoil(worker, error);
	cn_record_aborted(worker);
	worker->careful = CAREFUL_TURNS;
	if (worker->failures++ > 0)
		worker->pause_until_us = cn_monotonic_us() + Min(pause_us, LONGEST_PAUSE_US);
	if (worker->failures >= MAX_FAILURES && hash_get_num_entries(worker->runs) == 0)
		ereport(FATAL,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("connector worker gives up after %d errors in a row", worker->failures)));
}

static void
after_commit(CnWorker *worker, const Errand *errand)
{
	cn_slot_add(worker->slot, CN_COUNT_COMMITS, 1);
	/* what fails again and again may have others that succeed between: they forgive nothing */
	if (worker->careful > 0)
		worker->careful--;
	if (worker->careful == 0)
		worker->failures = 0;
	if (errand->record > 0)
		cn_record_committed(worker);
	cn_claim_turn_committed(worker);
	cn_run_cancel_those_found(worker);
}

/* Run a transaction; false: the extension is gone. */
static bool
run_errand(CnWorker *worker, const Errand *errand)
{
	volatile bool exists = true;
	volatile bool locked = false;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		bool		durable = false;
		bool		busy;

		exists = cn_worker_begin(worker, &busy);
		locked = busy;
		if (exists && !busy)
			do_errand(worker, errand, &durable);
		cn_worker_commit(worker, durable);
	}
	PG_CATCH();
	{
		error = cn_worker_roll_back(worker, true);
	}
	PG_END_TRY();
	if (error)
		after_error(worker, errand, error);
	else if (locked)
		worker->pause_until_us = cn_monotonic_us() + LOCKED_PAUSE_US;
	else if (exists)
		after_commit(worker, errand);
	return exists;
}

/* ---- what there is to do ---- */

static bool
may_claim(CnWorker *worker, int64 now_us)
{
	int64		wait_us;

	return !worker->fenced && !worker->leaving &&
		(worker->look_for_suspects || cn_lanes_ready(worker->lanes, now_us, &wait_us));
}

/* A claim by itself is worth a commit if it fills some of what may be in flight, or nothing is. */
static int
worthy_budget(CnWorker *worker, bool recording)
{
	int			budget = cn_claim_turn_budget(worker);
	int			in_flight = hash_get_num_entries(worker->runs);

	if (!recording && in_flight > 0 && budget < Min(cn_worker_max_in_flight / 8, 64))
		return budget == 0 ? 0 : (in_flight < cn_worker_max_in_flight / 2 ? budget : 0);
	return budget;
}

static Errand
choose_errand(CnWorker *worker, bool idle)
{
	int64		now_us = cn_monotonic_us();
	Errand		errand = {0};

	errand.look = worker->look_everywhere || now_us >= worker->next_poll_us;
	errand.promote = !worker->fenced && worker->next_due <= cn_now();
	if (cn_record_due(worker, now_us, idle))
		errand.record = INT_MAX;
	if (may_claim(worker, now_us))
		errand.claim = worthy_budget(worker, errand.record > 0);
	return errand;
}

/* One at a time, so that what fails is known. */
static bool
work_carefully(CnWorker *worker, const Errand *errand)
{
	Errand		one = {0};

	if (errand->look || errand->promote)
	{
		one = (Errand) {.look = errand->look, .promote = errand->promote};
		if (!run_errand(worker, &one))
			return false;
	}
	for (int i = 0; i < CAREFUL_RECORDS && errand->record > 0; i++)
	{
		if (!cn_record_due(worker, cn_monotonic_us(), true))
			break;
		one = (Errand) {.record = 1};
		if (!run_errand(worker, &one))
			return false;
	}
	if (errand->claim > 0)
	{
		one = (Errand) {.claim = 1};
		return run_errand(worker, &one);
	}
	return true;
}

static bool
work(CnWorker *worker, bool idle)
{
	Errand		errand;

	if (cn_monotonic_us() < worker->pause_until_us)
		return true;
	errand = choose_errand(worker, idle);
	if (!errand.look && !errand.promote && errand.record == 0 && errand.claim == 0)
		return true;
	if (worker->careful > 0)
		return work_carefully(worker, &errand);
	return run_errand(worker, &errand);
}

/* Tokens that have come, for those that wait; what cannot be read is asked for again. */
static void
reopen(CnWorker *worker)
{
	if (!worker->stale || cn_monotonic_us() < worker->pause_until_us)
		return;
	PG_TRY();
	{
		bool		locked;

		if (cn_worker_begin(worker, &locked))
			cn_run_reopen(worker);
		cn_worker_commit(worker, false);
	}
	PG_CATCH();
	{
		(void) cn_worker_roll_back(worker, true);
		worker->stale = false;
	}
	PG_END_TRY();
}

/* Statistics that wait to be folded, about once a second. */
static void
fold(CnWorker *worker)
{
	int64		now_us = cn_monotonic_us();

	if (now_us < worker->next_fold_us || !cn_counters_unfolded())
		return;
	worker->next_fold_us = now_us + FOLD_INTERVAL_US;
	PG_TRY();
	{
		bool		locked;

		if (cn_worker_begin(worker, &locked) && !locked)
			(void) cn_stats_fold();
		cn_worker_commit(worker, false);
	}
	PG_CATCH();
	{
		(void) cn_worker_roll_back(worker, true);
		worker->next_fold_us = now_us + 60 * FOLD_INTERVAL_US;
	}
	PG_END_TRY();
}

/* ---- waiting ---- */

static void
least(int64 *wait_us, int64 other_us)
{
	if (other_us >= 0 && other_us < *wait_us)
		*wait_us = other_us;
}

/* The same for what waits in the queue. */
static void
wait_for_queue(CnWorker *worker, int64 now_us, int64 *wait_us)
{
	int64		lanes_us;

	if (worker->next_due != DT_NOEND)
		least(wait_us, Max(worker->next_due - cn_now(), 0));
	if (worthy_budget(worker, false) == 0)
		return;					/* something has to end first */
	if (worker->look_for_suspects || cn_lanes_ready(worker->lanes, now_us, &lanes_us))
		lanes_us = 0;
	least(wait_us, lanes_us);
}

/* How long nothing has to be done, unless somebody says so; others must see that it lives. */
static int64
time_to_wait(CnWorker *worker)
{
	int64		longest_us = (int64) cn_worker_lease_timeout * 1000 / 4;
	int64		now_us = cn_monotonic_us();
	int64		wait_us = Min(Max(worker->next_poll_us - now_us, 0), longest_us);

	if (worker->pause_until_us > now_us)
		return Min(worker->pause_until_us - now_us, longest_us);
	if (worker->look_everywhere)
		return 0;
	least(&wait_us, cn_record_wait_us(worker, now_us));
	if (!worker->fenced)
		wait_for_queue(worker, now_us, &wait_us);
	if (cn_counters_unfolded())
		least(&wait_us, Max(worker->next_fold_us - now_us, 0));
	return wait_us;
}

static CnWorkerState
state_of(const CnWorker *worker, int in_flight)
{
	if (worker->fenced)
		return CN_WORKER_FENCED;
	if (worker->failures > 1)
		return CN_WORKER_HELD;
	return in_flight > 0 ? CN_WORKER_RUNNING : CN_WORKER_IDLE;
}

/* For pg_stat_activity and connector_worker_stats. */
static void
show(CnWorker *worker)
{
	int			in_flight = hash_get_num_entries(worker->runs);
	int64		now_us = cn_monotonic_us();
	char		text[64];

	cn_slot_set(worker->slot, CN_COUNT_IN_FLIGHT, in_flight);
	cn_slot_set(worker->slot, CN_COUNT_DEFERRED, worker->done_count);
	cn_slot_add(worker->slot, CN_COUNT_TURNS, 1);
	pg_atomic_write_u32(&worker->slot->state, state_of(worker, in_flight));
	pg_atomic_write_u64(&worker->slot->heartbeat, cn_now());
	if (now_us < worker->next_show_us && (in_flight > 0) == worker->shown_busy)
		return;
	worker->next_show_us = now_us + SHOW_INTERVAL_US;
	worker->shown_busy = in_flight > 0;
	snprintf(text, sizeof(text), "%d executions in flight", in_flight);
	pgstat_report_activity(in_flight > 0 ? STATE_RUNNING : STATE_IDLE, text);
	pgstat_report_stat(true);
}

/* Wait, and turn the mux; true: nothing came to its end. */
static bool
wait_and_turn(CnWorker *worker)
{
	int			done = worker->done_count;
	int64		wait_us = time_to_wait(worker);
	int			in_flight = hash_get_num_entries(worker->runs);
	int			wait_ms = (int) ((wait_us + 999) / 1000);

	cn_http_wait(worker->mux, wait_ms,
				 in_flight > 0 ? cn_wait_event_http() : cn_wait_event_worker_idle());
	cn_run_turn(worker);
	return worker->done_count == done;
}

/* ---- leaving ---- */

static bool
is_sending(CnWorker *worker)
{
	dlist_iter	iter;

	dlist_foreach(iter, &worker->running)
	{
		CnRun	   *run = dlist_container(CnRun, node, iter.cur);

		if (run->row.sending && run->begun)
			return true;
	}
	return false;
}

/* Requests that must not be repeated get a moment, or nobody will know what became of them. */
static void
drain(CnWorker *worker)
{
	int64		until_us = cn_monotonic_us() + DRAIN_US;

	while (is_sending(worker) && cn_monotonic_us() < until_us)
	{
		MemoryContextReset(worker->turn);
		cn_http_wait(worker->mux, 20, cn_wait_event_http());
		cn_run_turn(worker);
	}
}

/* What is still claimed after an error will be taken over, as from a worker that died. */
static void
release_all(CnWorker *worker)
{
	PG_TRY();
	{
		bool		locked;

		if (cn_worker_begin(worker, &locked) && !locked)
			cn_record_release_all(worker);
		cn_worker_commit(worker, true);
	}
	PG_CATCH();
	{
		(void) cn_worker_roll_back(worker, true);
	}
	PG_END_TRY();
}

static void
leave(CnWorker *worker)
{
	Errand		last = {.record = INT_MAX};

	worker->leaving = true;
	pg_atomic_write_u32(&worker->slot->state, CN_WORKER_STOPPING);
	drain(worker);
	if (run_errand(worker, &last))
		release_all(worker);
}

void
cn_worker_run(CnWorkerSlot *slot)
{
	CnWorker   *worker = create_worker(slot);
	bool		idle = true;

	while (!cn_worker_must_leave(slot))
	{
		MemoryContextReset(worker->turn);
		MemoryContextSwitchTo(worker->turn);
		reload_if_asked(worker);
		hear_all(worker);
		if (!work(worker, idle))
			return;
		reopen(worker);
		cn_mapped_record(worker, cn_monotonic_us() + MAPPING_TURN_US);
		fold(worker);
		show(worker);
		idle = wait_and_turn(worker);
	}
	leave(worker);
}
