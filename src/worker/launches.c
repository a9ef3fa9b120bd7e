/*
 * launches.c -- what launcher, workers and sessions tell each other, in shared memory.
 *
 * A process marks its launch as ended when it is out of the array of processes: whoever saw
 * none running in a database can drop or rename that at once.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/shmem.h"
#include "worker/launches.h"

/* With more, the launcher looks at all databases. */
#define MAX_NOTES 64

/* Sessions that hold a database; one more works without. */
#define MAX_HOLDS 64

typedef struct Hold
{
	Oid			database;		/* InvalidOid: the place is free */
	int			pid;
} Hold;

typedef struct LaunchesShared
{
	/* CN_LOCK_LAUNCHER guards all of it, but for terminating, which a signal handler sets. */
	bool		listening;
	int			procno;			/* of the launcher's latch, in ProcGlobal */
	bool		note_all;
	bool		note_list;
	int			note_count;
	Oid			notes[MAX_NOTES];
	Hold		holds[MAX_HOLDS];
	CnLaunch	launches[CN_MAX_LAUNCHES];
} LaunchesShared;

static LaunchesShared *shared = NULL;
static CnLaunch *own = NULL;	/* of this process, which was launched */
static bool holding = false;	/* this session has holds */

static void
lock(LWLockMode mode)
{
	LWLockAcquire(cn_shmem_lock(CN_LOCK_LAUNCHER), mode);
}

static void
unlock(void)
{
	LWLockRelease(cn_shmem_lock(CN_LOCK_LAUNCHER));
}

/* Release the lock and wake the launcher. */
static void
unlock_and_wake(void)
{
	int			procno = shared->listening ? shared->procno : -1;

	unlock();
	if (procno >= 0)
		SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}

/* ---- the launcher ---- */

static void
stop_listening(int code, Datum arg)
{
	lock(LW_EXCLUSIVE);
	shared->listening = false;
	unlock();
}

void
cn_launches_listen(void)
{
	lock(LW_EXCLUSIVE);
	shared->listening = true;
	shared->procno = cn_my_procno();
	/* What an earlier launcher asked for and has not come yet is not wanted any more. */
	for (int i = 0; i < CN_MAX_LAUNCHES; i++)
		if (shared->launches[i].used && shared->launches[i].pid == 0)
			shared->launches[i].used = false;
	unlock();
	before_shmem_exit(stop_listening, (Datum) 0);
}

/* With the lock held. */
static bool
is_held(Oid database)
{
	for (int i = 0; i < MAX_HOLDS; i++)
		if (shared->holds[i].database == database)
			return true;
	return false;
}

/* With the lock held: a free place for a worker, or for a probe; -1 if there is none. */
static int
find_place(int number)
{
	int			alike = 0;
	int			place = -1;

	for (int i = 0; i < CN_MAX_LAUNCHES; i++)
	{
		const CnLaunch *launch = &shared->launches[i];

		if (!launch->used)
			place = i;
		else if ((launch->number == CN_PROBE) == (number == CN_PROBE))
			alike++;
	}
	return alike < (number == CN_PROBE ? CN_MAX_PROBES : CN_MAX_WORKERS) ? place : -1;
}

CnLaunchClaim
cn_launch_claim(Oid database, int number, int *index, Datum *arg)
{
	CnLaunch   *launch;
	uint32		generation;

	lock(LW_EXCLUSIVE);
	*index = find_place(number);
	if (*index < 0 || is_held(database))
	{
		unlock();
		return *index < 0 ? CN_CLAIM_FULL : CN_CLAIM_HELD;
	}
	launch = &shared->launches[*index];
	generation = launch->generation + 1;
	memset(launch, 0, sizeof(*launch));
	launch->used = true;
	launch->generation = generation;
	launch->database = database;
	launch->number = number;
	launch->started_us = cn_monotonic_us();
	launch->end = CN_END_DIED;
	launch->workers = -1;
	unlock();
	*arg = UInt64GetDatum((uint64) generation << 32 | (uint32) *index);
	return CN_CLAIM_OK;
}

void
cn_launch_free(int index)
{
	lock(LW_EXCLUSIVE);
	shared->launches[index].used = false;
	unlock();
}

void
cn_launches_read(CnLaunch *launches)
{
	lock(LW_SHARED);
	memcpy(launches, shared->launches, sizeof(shared->launches));
	unlock();
}

CnLaunch
cn_launch_read(int index)
{
	CnLaunch	launch;

	lock(LW_SHARED);
	launch = shared->launches[index];
	unlock();
	return launch;
}

int
cn_launch_notes_take(Oid *databases, int max, bool *all, bool *list)
{
	int			count;

	lock(LW_EXCLUSIVE);
	count = Min(shared->note_count, max);
	memcpy(databases, shared->notes, sizeof(Oid) * count);
	*all = shared->note_all || count < shared->note_count;
	*list = shared->note_list;
	shared->note_count = 0;
	shared->note_all = false;
	shared->note_list = false;
	unlock();
	return count;
}

/* ---- its processes ---- */

static void
end_launch(int code, Datum arg)
{
	lock(LW_EXCLUSIVE);
	/* One that raised when it was asked to leave has not failed. */
	if (own->end == CN_END_DIED && ShutdownRequestPending)
		own->end = CN_END_TERMINATED;
	else if (own->end == CN_END_DIED && is_held(own->database))
		own->end = CN_END_STOPPED;
	own->ended = true;
	unlock_and_wake();
}

bool
cn_launch_begin(Datum arg, CnLaunch *launch)
{
	uint64		value = DatumGetUInt64(arg);
	uint32		index = (uint32) value;

	Assert(own == NULL && index < CN_MAX_LAUNCHES);
	lock(LW_EXCLUSIVE);
	if (shared->launches[index].used &&
		shared->launches[index].generation == (uint32) (value >> 32))
	{
		own = &shared->launches[index];
		own->pid = MyProcPid;
		own->end = is_held(own->database) ? CN_END_STOPPED : CN_END_DIED;
		*launch = *own;
	}
	unlock();
	if (own == NULL)
		return false;
	/* Callbacks are called in reverse order: this one after the process has left its database. */
	on_shmem_exit(end_launch, (Datum) 0);
	return launch->end == CN_END_DIED;
}

void
cn_launch_leave(CnLaunchEnd end, int workers)
{
	lock(LW_EXCLUSIVE);
	own->end = end;
	own->workers = workers;
	unlock();
}

void
cn_launch_terminating(void)
{
	if (own)
		own->terminating = true;
}

bool
cn_launch_held(Oid database)
{
	bool		held;

	lock(LW_SHARED);
	held = is_held(database);
	unlock();
	return held;
}

/* ---- sessions ---- */

static void
release_at_exit(int code, Datum arg)
{
	cn_launches_release();
}

bool
cn_launch_hold(Oid database)
{
	static bool registered = false;
	Hold	   *place = NULL;

	if (!registered)
		before_shmem_exit(release_at_exit, (Datum) 0);
	registered = true;
	lock(LW_EXCLUSIVE);
	for (int i = 0; i < MAX_HOLDS; i++)
	{
		Hold	   *one = &shared->holds[i];

		if (one->database == database && one->pid == MyProcPid)
			place = one;
		else if (!OidIsValid(one->database) && place == NULL)
			place = one;
	}
	if (place)
		*place = (Hold)
	{
		database, MyProcPid
	};
	unlock();
	holding = holding || place != NULL;
	return place != NULL;
}

void
cn_launches_release(void)
{
	if (!holding)
		return;
	holding = false;
	lock(LW_EXCLUSIVE);
	for (int i = 0; i < MAX_HOLDS; i++)
		if (shared->holds[i].pid == MyProcPid)
			memset(&shared->holds[i], 0, sizeof(Hold));
	unlock_and_wake();
}

int
cn_launches_running(Oid database)
{
	int			count = 0;

	lock(LW_SHARED);
	for (int i = 0; i < CN_MAX_LAUNCHES; i++)
		if (shared->launches[i].used && !shared->launches[i].ended &&
			shared->launches[i].database == database)
			count++;
	unlock();
	return count;
}

void
cn_launch_note(Oid database)
{
	lock(LW_EXCLUSIVE);
	if (!OidIsValid(database) || shared->note_count == MAX_NOTES)
		shared->note_all = true;
	else
		shared->notes[shared->note_count++] = database;
	unlock_and_wake();
}

void
cn_launch_note_list(void)
{
	lock(LW_EXCLUSIVE);
	shared->note_list = true;
	unlock_and_wake();
}

void
cn_launches_init(void)
{
	cn_shmem_add("connector launches", sizeof(LaunchesShared), NULL, (void **) &shared);
}
