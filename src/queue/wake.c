/*
 * wake.c -- how workers hear at once of what others have committed.
 *
 * What a transaction notes is merged by lane, so queueing many rows costs the same at the
 * end as at the start.  A subtransaction that is undone leaves its notes: they
 * are hints, and one too many only makes a worker look in vain.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "core/compat.h"
#include "core/shmem.h"
#include "queue/wake.h"
#include "stats/stats.h"

/* Entries a worker may be behind before it has to look everywhere. */
#define RING_SIZE 4096

/* Lanes a transaction notes one by one; with more, workers are told to look everywhere. */
#define MAX_NOTES 256

/* Processes that listen: workers of all databases. */
#define MAX_LISTENERS 64

typedef struct RingEntry
{
	Oid			database;
	CnWakeEntry entry;
} RingEntry;

typedef struct Listener
{
	Oid			database;		/* InvalidOid: the place is free */
	int			procno;			/* of its latch, in ProcGlobal */
} Listener;

typedef struct WakeShared
{
	/* CN_LOCK_WAKE guards all of it. */
	uint64		written;		/* entries ever; the next goes to written % RING_SIZE */
	Listener	listeners[MAX_LISTENERS];
	RingEntry	ring[RING_SIZE];
} WakeShared;

static WakeShared *shared = NULL;
static int	own_place = -1;		/* in listeners */
static uint64 read_to = 0;		/* entries this process has taken */

/* Notes of the transaction, in TopTransactionContext; NULL: none. */
static CnWakeEntry *notes = NULL;
static int	note_count = 0;
static bool notes_overflow = false;
static bool committed = false;	/* and to be published */

/* ---- the ring ---- */

/* With the lock held. */
static void
put(const CnWakeEntry *entry)
{
	RingEntry  *place = &shared->ring[shared->written++ % RING_SIZE];

	place->database = MyDatabaseId;
	place->entry = *entry;
}

void
cn_wake_latches(Oid database)
{
	int			procnos[MAX_LISTENERS];
	int			count = 0;

	LWLockAcquire(cn_shmem_lock(CN_LOCK_WAKE), LW_SHARED);
	for (int i = 0; i < MAX_LISTENERS; i++)
	{
		const Listener *listener = &shared->listeners[i];

		if (OidIsValid(listener->database) &&
			(!OidIsValid(database) || listener->database == database))
			procnos[count++] = listener->procno;
	}
	LWLockRelease(cn_shmem_lock(CN_LOCK_WAKE));
	for (int i = 0; i < count; i++)
		SetLatch(&ProcGlobal->allProcs[procnos[i]].procLatch);
}

void
cn_wake_now(const CnWakeEntry *entry)
{
	LWLockAcquire(cn_shmem_lock(CN_LOCK_WAKE), LW_EXCLUSIVE);
	put(entry);
	LWLockRelease(cn_shmem_lock(CN_LOCK_WAKE));
	cn_wake_latches(MyDatabaseId);
}

/* ---- listening ---- */

static void
stop_listening(int code, Datum arg)
{
	LWLockAcquire(cn_shmem_lock(CN_LOCK_WAKE), LW_EXCLUSIVE);
	if (own_place >= 0)
		shared->listeners[own_place].database = InvalidOid;
	own_place = -1;
	LWLockRelease(cn_shmem_lock(CN_LOCK_WAKE));
}

void
cn_wake_listen(void)
{
	Assert(own_place < 0);
	LWLockAcquire(cn_shmem_lock(CN_LOCK_WAKE), LW_EXCLUSIVE);
	for (int i = 0; i < MAX_LISTENERS && own_place < 0; i++)
	{
		if (OidIsValid(shared->listeners[i].database))
			continue;
		shared->listeners[i].database = MyDatabaseId;
		shared->listeners[i].procno = cn_my_procno();
		own_place = i;
	}
	read_to = shared->written;
	LWLockRelease(cn_shmem_lock(CN_LOCK_WAKE));
	if (own_place < 0)
		elog(ERROR, "too many workers listen");
	before_shmem_exit(stop_listening, (Datum) 0);
}

int
cn_wake_take(CnWakeEntry *entries, int max, bool *lost)
{
	int			count = 0;

	LWLockAcquire(cn_shmem_lock(CN_LOCK_WAKE), LW_SHARED);
	*lost = shared->written - read_to > RING_SIZE;
	if (*lost)
		read_to = shared->written - RING_SIZE;
	while (count < max && read_to < shared->written)
	{
		const RingEntry *place = &shared->ring[read_to++ % RING_SIZE];

		if (place->database == MyDatabaseId)
			entries[count++] = place->entry;
	}
	LWLockRelease(cn_shmem_lock(CN_LOCK_WAKE));
	return count;
}

/* ---- noting ---- */

static CnWakeEntry *
add_note(void)
{
	if (notes == NULL)
		notes = MemoryContextAlloc(TopTransactionContext, sizeof(CnWakeEntry) * MAX_NOTES);
	if (note_count == MAX_NOTES)
	{
		notes_overflow = true;
		return NULL;
	}
	memset(&notes[note_count], 0, sizeof(CnWakeEntry));
	return &notes[note_count++];
}

void
cn_wake_at_commit(const CnLane *lane, const pg_uuid_t *first, TimestampTz due_at)
{
	CnWakeKind	kind = due_at ? CN_WAKE_DUE : CN_WAKE_READY;
	CnWakeEntry *note;

	/* the newest first: a transaction usually queues for one lane many times */
	for (int i = note_count - 1; i >= 0; i--)
	{
		note = &notes[i];
		if (note->kind != kind || !cn_lane_equal(&note->lane, lane))
			continue;
		if (memcmp(first, &note->first, UUID_LEN) < 0)
			note->first = *first;
		note->due_at = Min(note->due_at, due_at);
		return;
	}
	note = add_note();
	if (note == NULL)
		return;
	note->kind = kind;
	note->lane = *lane;
	note->first = *first;
	note->due_at = due_at;
}

void
cn_wake_cancel_at_commit(const pg_uuid_t *execution)
{
	CnWakeEntry *note = add_note();

	if (note == NULL)
		return;
	note->kind = CN_WAKE_CANCEL;
	note->first = *execution;
}

void
cn_wake_changed_at_commit(void)
{
	CnWakeEntry *note;

	for (int i = 0; i < note_count; i++)
		if (notes[i].kind == CN_WAKE_CHANGED)
			return;
	note = add_note();
	if (note)
		note->kind = CN_WAKE_CHANGED;
}

/* ---- the end of the transaction ---- */

static void
publish_notes(void)
{
	CnWakeEntry everything = {.kind = CN_WAKE_CHANGED};

	LWLockAcquire(cn_shmem_lock(CN_LOCK_WAKE), LW_EXCLUSIVE);
	for (int i = 0; i < note_count; i++)
		put(&notes[i]);
	if (notes_overflow)
		put(&everything);
	LWLockRelease(cn_shmem_lock(CN_LOCK_WAKE));
	cn_wake_latches(MyDatabaseId);
}

static void
forget_notes(void)
{
	notes = NULL;
	note_count = 0;
	notes_overflow = committed = false;
}

/*
 * A transaction that is prepared wakes nobody: it is committed by another one, which
 * knows nothing of this.  The workers find its rows when they look at everything.
 */
static void
on_xact(XactEvent event, void *arg)
{
	if (notes == NULL)
		return;
	if (event == XACT_EVENT_COMMIT)
		committed = true;
	else if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		forget_notes();
}

/*
 * Workers are woken when the transaction's invalidations are out, which is after the event of its
 * commit: one that came before them would go by what its caches have, and nobody
 * would wake it again.
 */
static void
on_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *arg)
{
	if (!committed || !is_top_level || phase != RESOURCE_RELEASE_AFTER_LOCKS)
		return;
	publish_notes();
	forget_notes();
}

void
cn_wake_init(void)
{
	cn_shmem_add("connector wake", sizeof(WakeShared), NULL, (void **) &shared);
	cn_stats_unfolded_hook = cn_wake_latches;
	RegisterXactCallback(on_xact, NULL);
	RegisterResourceReleaseCallback(on_release, NULL);
}
