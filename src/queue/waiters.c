/*
 * waiters.c -- backends that wait for an execution to end.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"

#include "core/compat.h"
#include "core/shmem.h"
#include "core/uuid.h"
#include "queue/waiters.h"

/* Who finds no place looks every second instead. */
#define MAX_WAITERS 512

typedef struct Waiter
{
	int			procno;			/* -1: free */
	pg_uuid_t	execution;
} Waiter;

typedef struct WaitersShared
{
	pg_atomic_uint32 count;		/* places taken; read without the lock */

	/* CN_LOCK_WAITERS guards the rest. */
	Waiter		waiters[MAX_WAITERS];
} WaitersShared;

static WaitersShared *shared = NULL;
static int	own_place = -1;
static bool exit_registered = false;

static void
init_shared(void *memory)
{
	WaitersShared *fresh = memory;

	pg_atomic_init_u32(&fresh->count, 0);
	for (int i = 0; i < MAX_WAITERS; i++)
		fresh->waiters[i].procno = -1;
}

void
cn_waiter_end(void)
{
	if (own_place < 0)
		return;
	LWLockAcquire(cn_shmem_lock(CN_LOCK_WAITERS), LW_EXCLUSIVE);
	shared->waiters[own_place].procno = -1;
	pg_atomic_fetch_sub_u32(&shared->count, 1);
	LWLockRelease(cn_shmem_lock(CN_LOCK_WAITERS));
	own_place = -1;
}

static void
on_exit_end(int code, Datum arg)
{
	cn_waiter_end();
}

void
cn_waiter_begin(const pg_uuid_t *execution)
{
	cn_waiter_end();
	if (!exit_registered)
		before_shmem_exit(on_exit_end, (Datum) 0);
	exit_registered = true;
	LWLockAcquire(cn_shmem_lock(CN_LOCK_WAITERS), LW_EXCLUSIVE);
	for (int i = 0; i < MAX_WAITERS && own_place < 0; i++)
	{
		if (shared->waiters[i].procno >= 0)
			continue;
		shared->waiters[i].procno = cn_my_procno();
		shared->waiters[i].execution = *execution;
		pg_atomic_fetch_add_u32(&shared->count, 1);
		own_place = i;
	}
	LWLockRelease(cn_shmem_lock(CN_LOCK_WAITERS));
}

static bool
is_among(const pg_uuid_t *id, const pg_uuid_t *list, int count)
{
	for (int i = 0; i < count; i++)
		if (cn_uuid_equal(id, &list[i]))
			return true;
	return false;
}

void
cn_waiters_finished(const pg_uuid_t *executions, int count)
{
	int			procnos[MAX_WAITERS];
	int			found = 0;

	if (count == 0 || pg_atomic_read_u32(&shared->count) == 0)
		return;
	LWLockAcquire(cn_shmem_lock(CN_LOCK_WAITERS), LW_SHARED);
	for (int i = 0; i < MAX_WAITERS; i++)
	{
		const Waiter *waiter = &shared->waiters[i];

		if (waiter->procno >= 0 && is_among(&waiter->execution, executions, count))
			procnos[found++] = waiter->procno;
	}
	LWLockRelease(cn_shmem_lock(CN_LOCK_WAITERS));
	for (int i = 0; i < found; i++)
		SetLatch(&ProcGlobal->allProcs[procnos[i]].procLatch);
}

/* An error or cancel leaves the wait without its end. */
static void
on_xact(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		cn_waiter_end();
}

static void
on_subxact(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		cn_waiter_end();
}

void
cn_waiters_init(void)
{
	cn_shmem_add("connector waiters", sizeof(WaitersShared), init_shared, (void **) &shared);
	RegisterXactCallback(on_xact, NULL);
	RegisterSubXactCallback(on_subxact, NULL);
}
