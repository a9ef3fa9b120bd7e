/*
 * slots.c -- the workers that run, in shared memory.
 */
#include "postgres.h"

#include <signal.h>

#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "miscadmin.h"
#include "storage/ipc.h"

#include "core/clock.h"
#include "core/shmem.h"
#include "queue/wake.h"
#include "worker/slots.h"

typedef struct SlotsShared
{
	CnWorkerSlot slots[CN_MAX_WORKERS];
} SlotsShared;

static SlotsShared *shared = NULL;
static CnWorkerSlot *own = NULL;

/* Of the postmaster; its children inherit them. */
static bool unclean_start = false;
static int	times_made = 0;

static void
init_shared(void *memory)
{
	SlotsShared *fresh = memory;

	times_made++;
	for (int i = 0; i < CN_MAX_WORKERS; i++)
	{
		CnWorkerSlot *slot = &fresh->slots[i];

		pg_atomic_init_u64(&slot->heartbeat, 0);
		pg_atomic_init_u32(&slot->state, CN_WORKER_STARTING);
		pg_atomic_init_u32(&slot->stop, 0);
		for (int counter = 0; counter < CN_COUNTERS; counter++)
			pg_atomic_init_u64(&slot->counters[counter], 0);
	}
}

static void
release(int code, Datum arg)
{
	LWLockAcquire(cn_shmem_lock(CN_LOCK_WORKERS), LW_EXCLUSIVE);
	if (own)
		own->used = false;
	own = NULL;
	LWLockRelease(cn_shmem_lock(CN_LOCK_WORKERS));
}

/* With the lock held: a free slot; NULL if there is none, or that worker runs already. */
static CnWorkerSlot *
find_free(Oid database, int number)
{
	CnWorkerSlot *free_slot = NULL;

	for (int i = 0; i < CN_MAX_WORKERS; i++)
	{
		CnWorkerSlot *slot = &shared->slots[i];

		if (slot->used && slot->database == database && slot->number == number)
			return NULL;
		if (!slot->used && free_slot == NULL)
			free_slot = slot;
	}
	return free_slot;
}

CnWorkerSlot *
cn_slot_take(Oid database, int number, const pg_uuid_t *lease)
{
	CnWorkerSlot *slot;

	Assert(own == NULL);
	LWLockAcquire(cn_shmem_lock(CN_LOCK_WORKERS), LW_EXCLUSIVE);
	slot = find_free(database, number);
	if (slot)
	{
		slot->used = true;
		slot->database = database;
		slot->number = number;
		slot->pid = MyProcPid;
		slot->lease = *lease;
		slot->started_at = cn_now();
		pg_atomic_write_u64(&slot->heartbeat, slot->started_at);
		pg_atomic_write_u32(&slot->state, CN_WORKER_STARTING);
		pg_atomic_write_u32(&slot->stop, 0);
		for (int i = 0; i < CN_COUNTERS; i++)
			pg_atomic_write_u64(&slot->counters[i], 0);
		own = slot;
	}
	LWLockRelease(cn_shmem_lock(CN_LOCK_WORKERS));
	if (slot)
		before_shmem_exit(release, (Datum) 0);
	return slot;
}

int
cn_slots_read(CnWorkerSlot *slots)
{
	int			count = 0;

	LWLockAcquire(cn_shmem_lock(CN_LOCK_WORKERS), LW_SHARED);
	for (int i = 0; i < CN_MAX_WORKERS; i++)
		if (shared->slots[i].used)
			slots[count++] = shared->slots[i];
	LWLockRelease(cn_shmem_lock(CN_LOCK_WORKERS));
	return count;
}

int
cn_slots_running(Oid database)
{
	int			count = 0;

	LWLockAcquire(cn_shmem_lock(CN_LOCK_WORKERS), LW_SHARED);
	for (int i = 0; i < CN_MAX_WORKERS; i++)
		if (shared->slots[i].used && shared->slots[i].database == database)
			count++;
	LWLockRelease(cn_shmem_lock(CN_LOCK_WORKERS));
	return count;
}

/*
 * Whoever has a slot lives, for it gives it back under the lock: the signal reaches no
 * other process.
 */
static void
stop(Oid database, int from)
{
	LWLockAcquire(cn_shmem_lock(CN_LOCK_WORKERS), LW_SHARED);
	for (int i = 0; i < CN_MAX_WORKERS; i++)
	{
		CnWorkerSlot *slot = &shared->slots[i];

		if (slot->used && slot->number >= from &&
			(!OidIsValid(database) || slot->database == database) &&
			pg_atomic_exchange_u32(&slot->stop, 1) == 0)
			(void) kill(slot->pid, SIGINT);
	}
	LWLockRelease(cn_shmem_lock(CN_LOCK_WORKERS));
	cn_wake_latches(database);
}

int
cn_slots_stop(Oid database)
{
	stop(database, 0);
	return cn_slots_running(database);
}

void
cn_slots_stop_from(Oid database, int from)
{
	stop(database, from);
}

int
cn_slots_leases(Oid database, pg_uuid_t *leases, int64 timeout_us)
{
	TimestampTz oldest = cn_now() - timeout_us;
	int			count = 0;

	LWLockAcquire(cn_shmem_lock(CN_LOCK_WORKERS), LW_SHARED);
	for (int i = 0; i < CN_MAX_WORKERS; i++)
	{
		const CnWorkerSlot *slot = &shared->slots[i];

		if (slot->used && slot->database == database &&
			(slot == own || (TimestampTz) pg_atomic_read_u64(&shared->slots[i].heartbeat) >= oldest))
			leases[count++] = slot->lease;
	}
	LWLockRelease(cn_shmem_lock(CN_LOCK_WORKERS));
	return count;
}

bool
cn_slots_after_crash(void)
{
	return unclean_start || times_made > 1;
}

/* When the library is loaded pg_control says how the server was stopped. */
static bool
was_shut_down(void)
{
	bool		valid;
	ControlFileData *control = get_controlfile(DataDir, &valid);
	bool		clean = valid && (control->state == DB_SHUTDOWNED ||
								  control->state == DB_SHUTDOWNED_IN_RECOVERY);

	pfree(control);
	return clean;
}

void
cn_slots_init(void)
{
	unclean_start = !was_shut_down();
	cn_shmem_add("connector workers", sizeof(SlotsShared), init_shared, (void **) &shared);
}
