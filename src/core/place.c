/*
 * place.c -- processes of a database that are started when somebody wants them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/place.h"
#include "core/shmem.h"

/* Databases, of each kind; no more can have workers either. */
#define MAX_PLACES (64 * CN_PLACE_KINDS)

/* A process that was asked for and has not come by then will not come. */
#define START_PATIENCE_US INT64CONST(10000000)

/* When no background worker could be started, that is tried again. */
#define START_PAUSE_US INT64CONST(500000)

typedef struct Place
{
	Oid			database;		/* InvalidOid: the place is free */
	CnPlaceKind kind;
	int			pid;			/* 0: it was asked for, at started_us */
	int			procno;
	bool		stop;
	bool		called;			/* since the process looked last */
	bool		retired;		/* it leaves, and another one may come */
	int64		started_us;
} Place;

typedef struct PlacesShared
{
	/* CN_LOCK_PLACES guards all of it. */
	Place		places[MAX_PLACES];
} PlacesShared;

static const struct
{
	const char *name;
	const char *function;
	const char *purpose;
}			kinds[CN_PLACE_KINDS] = {
	[CN_PLACE_TOKENS] = {"connector tokens", "connector_token_main", "to renew tokens"},
	[CN_PLACE_POLLS] = {"connector polls", "connector_poll_main", "to poll for triggers"},
};

static PlacesShared *shared = NULL;
static Place *own = NULL;

static void
lock(LWLockMode mode)
{
	LWLockAcquire(cn_shmem_lock(CN_LOCK_PLACES), mode);
}

static void
unlock(void)
{
	LWLockRelease(cn_shmem_lock(CN_LOCK_PLACES));
}

/* ---- calling ---- */

/* A process that was asked for and did not come leaves its place; its database may be gone. */
static bool
is_free(const Place *place, int64 now_us)
{
	return !OidIsValid(place->database) ||
		(place->pid == 0 && now_us >= place->started_us + START_PATIENCE_US);
}

/* With the lock held: the process' place, or a free one; NULL if all are taken. */
static Place *
find_place(CnPlaceKind kind, Oid database)
{
	int64		now_us = cn_monotonic_us();
	Place	   *found = NULL;

	for (int i = 0; i < MAX_PLACES; i++)
	{
		Place	   *place = &shared->places[i];

		if (place->database == database && place->kind == kind && !place->retired)
			return place;
		if (is_free(place, now_us))
			found = place;
	}
	return found;
}

/*
 * With the lock held: is a process to be started?  It then has its place.  *procno: whom to wake
 * instead; -1: nobody.
 */
static bool
needs_process(CnPlaceKind kind, int *procno)
{
	Place	   *place = find_place(kind, MyDatabaseId);
	int64		now_us = cn_monotonic_us();

	*procno = -1;
	if (place == NULL)
		return false;
	if (place->database == MyDatabaseId)
		place->called = true;
	if (place->database == MyDatabaseId && place->pid != 0)
	{
		*procno = place->procno;
		return false;
	}
	if (place->database == MyDatabaseId && now_us < place->started_us + START_PATIENCE_US)
		return false;
	memset(place, 0, sizeof(*place));
	place->database = MyDatabaseId;
	place->kind = kind;
	place->called = true;
	place->started_us = now_us;
	return true;
}

/* It could not be started: let somebody try soon. */
static void
note_refusal(CnPlaceKind kind)
{
	static int64 complained_us[CN_PLACE_KINDS];
	int64		now_us = cn_monotonic_us();
	Place	   *place;

	lock(LW_EXCLUSIVE);
	place = find_place(kind, MyDatabaseId);
	if (place && place->database == MyDatabaseId && place->pid == 0)
		place->started_us = now_us - START_PATIENCE_US + START_PAUSE_US;
	unlock();
	if (complained_us[kind] != 0 && now_us < complained_us[kind] + 6 * START_PATIENCE_US)
		return;
	complained_us[kind] = now_us;
	ereport(LOG,
			(errmsg("could not start a background worker %s", kinds[kind].purpose),
			 errhint("All places are taken. Increase max_worker_processes.")));
}

static void
start_process(CnPlaceKind kind)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "connector",
		.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId),
	};

	strlcpy(worker.bgw_name, kinds[kind].name, sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, kinds[kind].name, sizeof(worker.bgw_type));
	strlcpy(worker.bgw_function_name, kinds[kind].function, sizeof(worker.bgw_function_name));
	if (!RegisterDynamicBackgroundWorker(&worker, NULL))
		note_refusal(kind);
}

void
cn_place_call(CnPlaceKind kind, bool wake)
{
	int			procno;
	bool		start;

	lock(LW_EXCLUSIVE);
	start = needs_process(kind, &procno);
	unlock();
	if (start)
		start_process(kind);
	else if (procno >= 0 && wake)
		SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}

/* ---- the process ---- */

static void
leave(int code, Datum arg)
{
	lock(LW_EXCLUSIVE);
	if (own)
		memset(own, 0, sizeof(*own));
	own = NULL;
	unlock();
}

bool
cn_place_take(CnPlaceKind kind, Oid database)
{
	Place	   *place;

	lock(LW_EXCLUSIVE);
	place = find_place(kind, database);
	if (place && place->pid == 0)
	{
		place->database = database;
		place->kind = kind;
		place->pid = MyProcPid;
		place->procno = cn_my_procno();
		place->stop = false;
		own = place;
	}
	unlock();
	/* called after the process has left its database: who sees it gone can drop that at once */
	if (own)
		on_shmem_exit(leave, (Datum) 0);
	return own != NULL;
}

bool
cn_place_must_leave(void)
{
	bool		stop;

	lock(LW_SHARED);
	stop = own == NULL || own->stop;
	unlock();
	return stop;
}

bool
cn_place_was_called(void)
{
	bool		called;

	lock(LW_EXCLUSIVE);
	called = own->called;
	own->called = false;
	unlock();
	return called;
}

bool
cn_place_retire(void)
{
	lock(LW_EXCLUSIVE);
	own->retired = !own->called;
	unlock();
	return own->retired;
}

/* ---- sessions that need a database for themselves ---- */

void
cn_places_stop(Oid database)
{
	lock(LW_EXCLUSIVE);
	for (int i = 0; i < MAX_PLACES; i++)
	{
		Place	   *place = &shared->places[i];

		if (!OidIsValid(place->database) || place->pid == 0 ||
			(OidIsValid(database) && place->database != database))
			continue;
		place->stop = true;
		SetLatch(&ProcGlobal->allProcs[place->procno].procLatch);
	}
	unlock();
}

bool
cn_places_running(Oid database)
{
	bool		running = false;

	lock(LW_SHARED);
	for (int i = 0; i < MAX_PLACES; i++)
		if (shared->places[i].database == database && shared->places[i].pid != 0)
			running = true;
	unlock();
	return running;
}

void
cn_place_init(void)
{
	cn_shmem_add("connector places", sizeof(PlacesShared), NULL, (void **) &shared);
}
