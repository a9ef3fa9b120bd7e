/*
 * shmem.h -- the library's shared memory: parts that modules register, and their locks.
 *
 * Shared memory holds plain data: no pointers, descriptors or handles of one
 * process.  It is made anew, all zeros, whenever the postmaster starts or resets it after
 * a crash, so nothing in it has to survive a process that was killed.
 */
#ifndef CN_CORE_SHMEM_H
#define CN_CORE_SHMEM_H

#include "postgres.h"

#include "storage/lwlock.h"

/* Where two are held at once, the one that stands first here is taken first. */
typedef enum CnLock
{
	CN_LOCK_WORKERS,			/* worker/slots.c */
	CN_LOCK_WAKE,				/* queue/wake.c */
	CN_LOCK_WAITERS,			/* queue/waiters.c */
	CN_LOCK_LIMITS,				/* limit/ */
	CN_LOCK_LAUNCHER,			/* worker/launcher.c */
	CN_LOCK_METRICS,			/* stats/ */
	CN_LOCK_TOKENS,				/* auth/token_wait.c */
	CN_LOCK_PLACES,				/* core/place.c */
	CN_LOCK_COUNT
} CnLock;

/*
 * Register a part, from _PG_init.  *address gets its place before any process uses it;
 * init (may be NULL) is called once on the zeroed memory.
 */
extern void cn_shmem_add(const char *name, Size size, void (*init) (void *memory), void **address);

extern void cn_shmem_init(void);	/* from _PG_init, after all parts */

extern LWLock *cn_shmem_lock(CnLock lock);

#endif							/* CN_CORE_SHMEM_H */
