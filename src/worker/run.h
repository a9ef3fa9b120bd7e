/*
 * run.h -- what the files of a worker share: its state, and the executions it runs.
 *
 *   loop.c       turns: signals, errands, the mux, waiting
 *   transact.c   a transaction: begun, committed, rolled back
 *   run.c        an execution in this worker: made, started, held, over
 *   claim_turn.c what to claim: rooms of lanes, shares of workspaces
 *   record.c     what became of executions, written down
 *   mapped.c     the same with rows of the tenant's
 *
 * A run is in exactly one of the worker's lists:
 *
 *   claimed --start--> running --hold--> holding --continue--> running
 *                         |                 |
 *                         +----- done ------+--> done --recorded--> gone
 *
 * The engine's callbacks only move runs between lists; everything else happens in the
 * loop, where no callback is on the stack.
 */
#ifndef CN_WORKER_RUN_H
#define CN_WORKER_RUN_H

#include "postgres.h"

#include "lib/ilist.h"
#include "utils/hsearch.h"

#include "catalog/cache.h"
#include "catalog/service_limits.h"
#include "engine/engine.h"
#include "http/client.h"
#include "limit/limit.h"
#include "queue/claim.h"
#include "worker/worker.h"

/* One execution that this worker has claimed; lives in context. */
typedef struct CnRun
{
	dlist_node	node;
	struct CnWorker *worker;
	MemoryContext context;
	CnClaimed	row;
	CnConnector *connector;		/* NULL: it is gone */
	CnExecCredential *credentials;
	const CnServiceLimitSet *limits;
	CnFailure	refusal;		/* code not CN_OK: it is not to be run */
	CnExecution *execution;		/* NULL: not started, or there was nothing to start */
	bool		over;			/* in the list of those that are done */
	bool		holding;		/* in the list of those that hold */
	bool		progress;		/* only to have its progress kept: it goes on meanwhile */
	bool		begun;			/* a request may have been sent */
	bool		stale;			/* a credential has a later token, which is to be read */
	CnFailure	spoiled;		/* code not CN_OK: its outcome could not be recorded; this is, instead */
	int64		not_before_us;	/* its recording is postponed: a row was locked, or the disk full */
	int64		done_us;
} CnRun;

typedef struct CnWorker
{
	CnWorkerSlot *slot;
	pg_uuid_t	lease;
	CnHttpMux  *mux;
	MemoryContext life;			/* as long as the process */
	MemoryContext turn;			/* reset every turn */
	CnLanes    *lanes;
	HTAB	   *runs;			/* id -> CnRun */
	HTAB	   *lane_facts;		/* what is known of connectors, claim_turn.c */

	dlist_head	claimed;
	dlist_head	running;
	dlist_head	holding;
	dlist_head	done;
	int			holding_count;
	int			done_count;
	CnRun	   *suspect;		/* the one under way, or NULL */
	pg_uuid_t  *cancels;		/* found in this turn, in its context */
	int			cancel_count;

	int64		next_fold_us;
	int64		next_show_us;
	bool		shown_busy;
	bool		look_everywhere;	/* something was missed, or it is time again */
	bool		look_for_suspects;
	bool		fenced;
	TimestampTz next_due;		/* a row becomes due; DT_NOEND: none */
	int64		next_poll_us;
	int64		pause_until_us; /* after an unexpected error */
	int64		durable_until_us;	/* claims wait for the disk */
	int			careful;		/* turns to go in which everything has a transaction of its own */
	int			failures;		/* unexpected errors in a row */
	bool		leaving;		/* claims nothing more */
	bool		stale;			/* one of those that run is */
} CnWorker;

typedef struct CnRunEntry
{
	pg_uuid_t	id;
	CnRun	   *run;
} CnRunEntry;

/* ---- loop.c ---- */

/* Have what runs cancelled after so long; what was limited is over. */
extern void cn_worker_limit_time(int ms);
extern void cn_worker_unlimit_time(void);

/* ---- transact.c ---- */

/*
 * Begin a transaction; the worker's turn is the current context.  False: the extension is gone.
 * *locked: somebody has locked the queue, so nothing can be done with it now.
 */
extern bool cn_worker_begin(CnWorker *worker, bool *locked);

/*
 * durable: wait for the disk.  A claim that is lost leaves a row nobody had, so it need not;
 * but one that notes a request that must not be repeated, and outcomes, must.
 */
extern void cn_worker_commit(CnWorker *worker, bool durable);

/* In PG_CATCH; returns the error, in the worker's turn.  report: write it to the log. */
extern ErrorData *cn_worker_roll_back(CnWorker *worker, bool report);

/* ---- run.c ---- */

/*
 * A run of a claimed row, in the worker's list claimed.  In the claim's transaction: connector,
 * rights and credentials are looked up; what is wrong with them becomes its refusal.
 */
extern CnRun *cn_run_create(CnWorker *worker, const CnClaimed *claimed);

/* Start it, or end it with its refusal.  Outside of transactions. */
extern void cn_run_start(CnRun *run);

/* Its checkpoint is kept: go on. */
extern void cn_run_continue(CnRun *run);

/* End it with failure, wherever it is. */
extern void cn_run_abort(CnRun *run, const CnFailure *failure);

/* End it, for somebody has cancelled it; nothing if it does not run here. */
extern void cn_run_cancel(CnWorker *worker, const pg_uuid_t *id);

/*
 * Signals of cancels may get lost, or were never given (a prepared transaction): look, in a
 * transaction, which rows say so; and end those when it is over.
 */
extern void cn_run_look_for_cancels(CnWorker *worker);
extern void cn_run_cancel_those_found(CnWorker *worker);

/* In a transaction: read later tokens for those that wait for them. */
extern void cn_run_reopen(CnWorker *worker);

/* Turn the mux; what raises ends the execution it was raised for. */
extern void cn_run_turn(CnWorker *worker);

/* It is recorded, or lost: forget it. */
extern void cn_run_forget(CnRun *run);

extern CnRun *cn_run_find(CnWorker *worker, const pg_uuid_t *id);

/* Bytes that executions and their replies take. */
extern Size cn_run_memory(CnWorker *worker);

/* The outcome that is to be recorded. */
extern const CnFailure *cn_run_failure(const CnRun *run);

/* ---- claim_turn.c ---- */
extern void cn_claim_turn_init(CnWorker *worker);

/*
 * In a transaction: claim what may run now, as runs in the list claimed.  budget: at most so
 * many.
 */
extern void cn_claim_turn(CnWorker *worker, int budget, bool *durable);

/* The transaction of the claim is over. */
extern void cn_claim_turn_committed(CnWorker *worker);
extern void cn_claim_turn_aborted(CnWorker *worker, bool careful);

/* How many could be claimed now. */
extern int	cn_claim_turn_budget(CnWorker *worker);

/* ---- record.c ---- */

/* Is there something to be written down that should not wait longer? */
extern bool cn_record_due(CnWorker *worker, int64 now_us, bool idle);

/* When there will be, at the latest; -1: nothing waits. */
extern int64 cn_record_wait_us(CnWorker *worker, int64 now_us);

/*
 * In a transaction: write down what holds and what is done, up to most of either, but for what
 * has a transaction of its own.  most 1: one of all.
 */
extern void cn_record_write(CnWorker *worker, int most);

/*
 * In a transaction: write down this one, which is done.  before is called, in its context,
 * when its row has been deleted and before its outcome is read.  False: it is not ours, or
 * locked.
 */
extern bool cn_record_alone(CnWorker *worker, CnRun *run, void (*before) (CnRun *run));

/* That transaction has been committed: let them go on, or forget them; or it has not. */
extern void cn_record_committed(CnWorker *worker);
extern void cn_record_aborted(CnWorker *worker);

/* Something could not be recorded even alone; error is of the current error. */
extern void cn_record_spoil(CnWorker *worker, const ErrorData *error);

/* Does an error speak of the server and not of what was to be written? */
extern bool cn_record_is_trouble(int sqlerrcode);

/* Is it to be recorded with rows of the tenant's (mapped.c)? */
extern bool cn_record_has_mappings(const CnRun *run);

/* Give everything back that is not recorded, for the worker leaves. */
extern void cn_record_release_all(CnWorker *worker);

/* ---- mapped.c ---- */
extern void cn_mapped_init(void);	/* settings */

/* Longest time that it gives a tenant's statements. */
extern int	cn_mapped_longest_ms(void);

/* Record those that write into tables of tenants, each in a transaction of its own. */
extern void cn_mapped_record(CnWorker *worker, int64 until_us);

#endif							/* CN_WORKER_RUN_H */
