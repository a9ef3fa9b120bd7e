/*
 * token_wait.c -- who wants a new token, and the process that gets it, in shared memory.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"

#include "auth/token_wait.h"
#include "core/clock.h"
#include "core/place.h"
#include "core/shmem.h"
#include "core/uuid.h"

/* Credentials that are renewed, or were a moment ago; more wait for a place. */
#define MAX_ENTRIES 256

/*
 * Those of one workspace that are under way, and those of them that the process has: endpoints that hang
 * are to cost nobody else a token.
 */
#define MAX_ENTRIES_OF_WORKSPACE (MAX_ENTRIES / 4)
#define MAX_BUSY_OF_WORKSPACE 16

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

typedef struct TokensShared
{
	/* CN_LOCK_TOKENS guards all of it. */
	Entry		entries[MAX_ENTRIES];
} TokensShared;

static TokensShared *shared = NULL;
static Oid	own_database = InvalidOid;	/* the process: whose tokens it gets */

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

/* Has the workspace its share of what is under way, from the state first on? */
static bool
has_share(Oid database, const pg_uuid_t *workspace, EntryState first, int share)
{
	int			count = 0;

	for (int i = 0; i < MAX_ENTRIES && count < share; i++)
	{
		Entry	   *entry = &shared->entries[i];

		if (entry->state >= first && entry->state <= ENTRY_BUSY && entry->database == database &&
			cn_uuid_equal(&entry->workspace, workspace))
			count++;
	}
	return count == share;
}

/* A free place, or that of what ended longest ago; NULL if all, or the workspace's share, are under way. */
static Entry *
free_entry(const pg_uuid_t *workspace)
{
	Entry	   *oldest = NULL;

	if (has_share(MyDatabaseId, workspace, ENTRY_ASKED, MAX_ENTRIES_OF_WORKSPACE))
		return NULL;
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
		entry = free_entry(workspace);
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

/* Who waits asks again, so a process that cannot be started is no more than a delay. */
CnTokenWait
cn_token_ask(const pg_uuid_t *workspace, const pg_uuid_t *credential, int64 generation, bool first,
			 char *why)
{
	CnTokenWait result;

	lock(LW_EXCLUSIVE);
	result = ask(workspace, credential, generation, first, why);
	unlock();
	if (result == CN_TOKEN_PENDING)
		cn_place_call(CN_PLACE_TOKENS, first);
	return result;
}

/* ---- the process ---- */

/* What it had taken is asked for again: those who wait start another one. */
static void
leave(int code, Datum arg)
{
	lock(LW_EXCLUSIVE);
	for (int i = 0; i < MAX_ENTRIES; i++)
		if (shared->entries[i].state == ENTRY_BUSY && shared->entries[i].database == own_database)
			set_state(&shared->entries[i], ENTRY_ASKED);
	unlock();
}

void
cn_token_process_begin(Oid database)
{
	own_database = database;
	on_shmem_exit(leave, (Datum) 0);
}

int
cn_token_take(CnTokenTask *tasks, int most)
{
	int			count = 0;

	lock(LW_EXCLUSIVE);
	for (int i = 0; i < MAX_ENTRIES && count < most; i++)
	{
		Entry	   *entry = &shared->entries[i];

		if (entry->state != ENTRY_ASKED || entry->database != own_database ||
			has_share(own_database, &entry->workspace, ENTRY_BUSY, MAX_BUSY_OF_WORKSPACE))
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
	entry = find_entry(own_database, &task->credential);
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

void
cn_token_wait_init(void)
{
	cn_shmem_add("connector tokens", sizeof(TokensShared), NULL, (void **) &shared);
}
