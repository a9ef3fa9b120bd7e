/*
 * worker.h -- the launcher and the workers.
 *
 *   launcher.c   finds the databases that have the extension, keeps their workers running
 *   launches.c   what launcher, workers and sessions tell each other, in shared memory
 *   utility.c    commands that concern the workers: DROP DATABASE, DROP EXTENSION and the like
 *   slots.c      the workers that run, in shared memory
 *   fence.c      may this cluster call out?
 *   main.c       a worker process: its life
 *   loop.c       a worker's turns: claim, run, record
 */
#ifndef CN_WORKER_WORKER_H
#define CN_WORKER_WORKER_H

#include "postgres.h"

#include "worker/slots.h"

/* Settings. */
extern int	cn_worker_count;	/* connector.workers, for each database */
extern int	cn_worker_max_in_flight;
extern int	cn_worker_memory_limit; /* kB */
extern int	cn_worker_poll_interval;	/* ms */
extern int	cn_worker_lease_timeout;	/* ms */
extern bool cn_worker_run_after_promotion;

extern void cn_worker_init(void);	/* settings, hooks, the launcher; from _PG_init */

/*
 * A worker's work, after main.c has connected to the database and found the extension, taken the slot and
 * begun to listen (queue/wake.h): returns when it is asked to stop (cn_worker_must_leave), or when
 * the extension is gone.  What it raises ends the process; the launcher starts another one.
 */
extern void cn_worker_run(CnWorkerSlot *slot);

/* ---- main.c, for the loop ---- */

/* SIGTERM, or slot->stop. */
extern bool cn_worker_must_leave(const CnWorkerSlot *slot);

/*
 * SIGTERM and SIGINT cancel the statement that runs if they come within a transaction.  One that came too
 * late for that must not hit what comes next: to be called after each transaction.
 */
extern void cn_worker_forget_cancel(void);

/* Does this process run as a worker? */
extern bool cn_worker_is_one(void);

/* Called by sqlapi: the extension was created in this transaction, look when it commits. */
extern void cn_worker_installed(void);

/*
 * fence.c: may this cluster call out?  In a transaction.  NULL if so; else the reason, palloc'ed: "a
 * backup was loaded into this database".  It says what is committed at that moment, and costs a look at a
 * table of one row.  Rows of a backup and its mark are committed together: who asks again behind a
 * claim knows that it claimed none.  A worker logs a change, and writes down what it found.
 */
extern char *cn_fence_closed(void);

#endif							/* CN_WORKER_WORKER_H */
