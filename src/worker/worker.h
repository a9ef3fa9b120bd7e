/*
 * worker.h -- the launcher and the workers.
 *
 *   launcher.c   finds the databases that have the extension, keeps their workers running
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
 * A worker's work, after main.c has connected to the database and found the extension:
 * returns when it is asked to stop (ShutdownRequestPending, slot->stop), or when the extension is gone.
 */
extern void cn_worker_run(CnWorkerSlot *slot);

/*
 * fence.c: may this cluster call out?  In a transaction.  NULL if so; else the reason, palloc'ed: "the
 * database was restored or cloned: ...".
 */
extern char *cn_fence_closed(void);

#endif							/* CN_WORKER_WORKER_H */
