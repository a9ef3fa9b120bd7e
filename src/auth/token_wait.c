/*
 * token_wait.c -- who wants a new token, and the process that gets it, in shared memory.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"

#include "auth/token_wait.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/shmem.h"
#include "core/uuid.h"

/* Credentials that are renewed, or were a moment ago; more wait for a place. */
#define MAX_ENTRIES 256

/* Databases; no more can have workers either. */
#define MAX_PROCESSES 64

/* A process that was asked for and has not come by then will not come. */
#define START_PATIENCE_US INT64CONST(10000000)

typedef enum EntryState
{
	ENTRY_FREE,
	ENTRY_ASKED,
	ENTRY_BUSY,					/* the process has it */
	ENTRY_DONE,
	ENTRY_FAILED
} EntryState;

typedef struct Entry
{
	EntryState	state;
	Oid			database;
	pg_uuid_t	workspace;
	pg_uuid_t	credential;
	int64		generation;		/* DONE: of the row; else a later one is wanted */
	TimestampTz retry_at;		/* FAILED: until then nobody need ask again */
	int64		changed_us;
	char		why[CN_TOKEN_WHY_LEN];
} Entry;

typedef struct Process
{
	Oid			database;		/* InvalidOid: the place is free */
	int			pid;			/* 0: it was asked for, at started_us */
	int			procno;
	bool		stop;
	int64		started_us;
} Process;

typedef struct TokensShared
{
	/* CN_LOCK_TOKENS guards all of it. */
	Entry		entries[MAX_ENTRIES];
	Process		processes[MAX_PROCESSES];
} TokensShared;

static TokensShared *shared = NULL;
static Process *own = NULL;

static void
lock(LWLockMode mode)
{
	LWLockAcquire(cn_shmem_lock(CN_LOCK_TOKENS), mode);
}

static void
unlock(void)
{
	LWLockRelease(cn_shmem_lock(CN_LOCK_TOKENS));
}

/* ---- entries; with the lock held ---- */

static Entry *
find_entry(Oid database, const pg_uuid_t *credential)
{
	for (int i = 0; i < MAX_ENTRIES; i++)
	{
		Entry	   *entry = &shared->entries[i];

		if (entry->state != ENTRY_FREE && entry->database == database &&
			cn_uuid_equal(&entry->credential, credential))
			return entry;
	}
	return NULL;
}

/* A free place, or that of what ended longest ago; NULL if all are under way. */
static Entry *
free_entry(void)
{
	Entry	   *oldest = NULL;

	for (int i = 0; i < MAX_ENTRIES; i++)
	{
		Entry	   *entry = &shared->entries[i];

		if (entry->state == ENTRY_FREE)
			return entry;
		if (entry->state >= ENTRY_DONE && (oldest == NULL || entry->changed_us < oldest->changed_us))
			oldest = entry;
	}
	return oldest;
}

static void
set_state(Entry *entry, EntryState state)
{
	entry->state = state;
	entry->changed_us = cn_monotonic_us();
}

static CnTokenWait
ask(const pg_uuid_t *workspace, const pg_uuid_t *credential, int64 generation, bool first,
	char *why)
{
	Entry	   *entry = find_entry(MyDatabaseId, credential);

	if (entry && (entry->state == ENTRY_ASKED || entry->state == ENTRY_BUSY))
	{
		entry->generation = Max(entry->generation, generation);
		return CN_TOKEN_PENDING;
	}
	if (entry && entry->state == ENTRY_DONE && entry->generation > generation)
		return CN_TOKEN_NEWER;
	if (entry && entry->state == ENTRY_FAILED && entry->generation >= generation &&
		(!first || cn_now() < entry->retry_at))
	{
		if (why)
			strlcpy(why, entry->why, CN_TOKEN_WHY_LEN);
		return CN_TOKEN_FAILED;
	}
	if (entry == NULL)
		entry = free_entry();
	if (entry == NULL)
		return CN_TOKEN_PENDING;
	memset(entry, 0, sizeof(*entry));
	entry->database = MyDatabaseId;
	entry->workspace = *workspace;
	entry->credential = *credential;
	entry->generation = generation;
	set_state(entry, ENTRY_ASKED);
	return CN_TOKEN_PENDING;
}

/* ---- the process is started ---- */

/* With the lock held: the process' place, or a free one; NULL if all are taken. */
static Process *
place_of(Oid database)
{
	Process    *place = NULL;

	for (int i = 0; i < MAX_PROCESSES; i++)
	{
		if (shared->processes[i].database == database)
			return &shared->processes[i];
		if (!OidIsValid(shared->processes[i].database))
			place = &shared->processes[i];
	}
	return place;
}

/*
 * With the lock held: is a process to be started?  It then has its place.  *procno: whom to wake
 * instead; -1: nobody.
 */
static bool
needs_process(int *procno)
{
	Process    *process = place_of(MyDatabaseId);
	int64		now_us = cn_monotonic_us();

	*procno = -1;
	if (process == NULL)
		return false;
	if (process->database == MyDatabaseId && process->pid != 0)
	{
		*procno = process->procno;
		return false;
	}
	if (process->database == MyDatabaseId && now_us < process->started_us + START_PATIENCE_US)
		return false;
	memset(process, 0, sizeof(*process));
	process->database = MyDatabaseId;
	process->started_us = now_us;
	return true;
}

/* Who waits asks again, so a failure is no more than a delay; the place says when to try. */
static void
start_process(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_name = "connector tokens",
		.bgw_type = "connector tokens",
		.bgw_library_name = "connector",
		.bgw_function_name = "connector_token_main",
		.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId),
	};
	static int64 complained_us = 0;
	int64		now_us = cn_monotonic_us();

	if (RegisterDynamicBackgroundWorker(&worker, NULL))
		return;
	lock(LW_EXCLUSIVE);
	for (int i = 0; i < MAX_PROCESSES; i++)
		if (shared->processes[i].database == MyDatabaseId && shared->processes[i].pid == 0)
			shared->processes[i].started_us = now_us - START_PATIENCE_US + 500000;
	unlock();
	if (complained_us != 0 && now_us < complained_us + 6 * START_PATIENCE_US)
		return;
	complained_us = now_us;
	ereport(LOG,
			(errmsg("could not start a background worker to renew tokens"),
			 errhint("All places are taken. Increase max_worker_processes.")));
}

CnTokenWait
cn_token_ask(const pg_uuid_t *workspace, const pg_uuid_t *credential, int64 generation, bool first,
			 char *why)
{
	CnTokenWait result;
	int			procno = -1;
	bool		start = false;

	lock(LW_EXCLUSIVE);
	result = ask(workspace, credential, generation, first, why);
	if (result == CN_TOKEN_PENDING)
		start = needs_process(&procno);
	unlock();
	if (start)
		start_process();
	else if (procno >= 0 && first)
		SetLatch(&ProcGlobal->allProcs[procno].procLatch);
	return result;
}

/* ---- the process ---- */

/* What it had taken is asked for again: those who wait start another one. */
static void
leave(int code, Datum arg)
{
	lock(LW_EXCLUSIVE);
	if (own)
	{
		for (int i = 0; i < MAX_ENTRIES; i++)
			if (shared->entries[i].state == ENTRY_BUSY && shared->entries[i].database == own->database)
				set_state(&shared->entries[i], ENTRY_ASKED);
		memset(own, 0, sizeof(*own));
	}
	own = NULL;
	unlock();
}

bool
cn_token_process_begin(Oid database)
{
	Process    *process;

	lock(LW_EXCLUSIVE);
	process = place_of(database);
	if (process && process->pid == 0)
	{
		process->database = database;
		process->pid = MyProcPid;
		process->procno = cn_my_procno();
		process->stop = false;
		own = process;
	}
	unlock();
	/* called after the process has left its database: who sees it gone can drop that at once */
	if (own)
		on_shmem_exit(leave, (Datum) 0);
	return own != NULL;
}

bool
cn_token_process_must_leave(void)
{
	bool		stop;

	lock(LW_SHARED);
	stop = own == NULL || own->stop;
	unlock();
	return stop;
}

bool
cn_token_process_retire(void)
{
	bool		idle = true;

	lock(LW_EXCLUSIVE);
	for (int i = 0; i < MAX_ENTRIES; i++)
		if (shared->entries[i].database == own->database &&
			(shared->entries[i].state == ENTRY_ASKED || shared->entries[i].state == ENTRY_BUSY))
			idle = false;
	unlock();
	return idle;
}

int
cn_token_take(CnTokenTask *tasks, int most)
{
	int			count = 0;

	lock(LW_EXCLUSIVE);
	for (int i = 0; i < MAX_ENTRIES && count < most; i++)
	{
		Entry	   *entry = &shared->entries[i];

		if (entry->state != ENTRY_ASKED || entry->database != own->database)
			continue;
		tasks[count].workspace = entry->workspace;
		tasks[count].credential = entry->credential;
		tasks[count++].generation = entry->generation;
		set_state(entry, ENTRY_BUSY);
	}
	unlock();
	return count;
}

void
cn_token_done(const CnTokenTask *task, int64 generation, const char *why, TimestampTz retry_at)
{
	Entry	   *entry;

	lock(LW_EXCLUSIVE);
	entry = find_entry(own->database, &task->credential);
	if (entry && entry->state == ENTRY_BUSY)
	{
		/* whoever asks for something later yet, asks again */
		entry->generation = generation;
		entry->retry_at = retry_at;
		strlcpy(entry->why, why ? why : "", sizeof(entry->why));
		set_state(entry, why ? ENTRY_FAILED : ENTRY_DONE);
	}
	unlock();
}

/* ---- sessions that need a database for themselves ---- */

void
cn_token_process_stop(Oid database)
{
	lock(LW_EXCLUSIVE);
	for (int i = 0; i < MAX_PROCESSES; i++)
	{
		Process    *process = &shared->processes[i];

		if (!OidIsValid(process->database) || process->pid == 0 ||
			(OidIsValid(database) && process->database != database))
			continue;
		process->stop = true;
		SetLatch(&ProcGlobal->allProcs[process->procno].procLatch);
	}
	unlock();
}

bool
cn_token_process_running(Oid database)
{
	bool		running = false;

	lock(LW_SHARED);
	for (int i = 0; i < MAX_PROCESSES; i++)
		if (shared->processes[i].database == database && shared->processes[i].pid != 0)
			running = true;
	unlock();
	return running;
}

void
cn_token_wait_init(void)
{
	cn_shmem_add("connector tokens", sizeof(TokensShared), NULL, (void **) &shared);
}
