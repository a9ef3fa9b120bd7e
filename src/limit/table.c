/*
 * table.c -- the table of limits in shared memory.
 *
 * A hash table of a size fixed at the start of the server.  Entries that are as good
 * as absent are thrown out when others are made: a few at each turn of a hand that goes
 * round, so that making one costs the same whatever the table's size.
 *
 * A workspace gets a new entry only while it has fewer than are free.  One that
 * fills the table so ends at half of it, two at a third each, and some room is always
 * left for the others.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "core/shmem.h"
#include "limit/table.h"

/* Entries the hand passes when one is made, and at most if there is no room. */
#define SWEEP 8
#define SWEEP_MOST 64

#define WARN_EVERY_US INT64CONST(60000000)

/*
 * Counters of workspaces' entries, at least.  Workspaces whose ids hash alike are counted
 * together, which is to be rare in a small table, too.
 */
#define MIN_COUNTERS 4096

typedef struct Table
{
	int32		size;			/* entries */
	int32		bucket_count;	/* a power of two */
	int32		free;			/* the first free one; -1: none */
	int32		free_count;
	int32		hand;
	int64		warned_us;
	CnLimitEntry entries[FLEXIBLE_ARRAY_MEMBER];	/* behind them, int32: */
	/* chains: of each bucket the first entry; -1: it is empty */
	/* counters: the entries of workspaces */
} Table;

static Table *table = NULL;
static int	table_size;

static int
bucket_count(void)
{
	return pg_nextpower2_32(table_size);
}

static int
counter_count(void)
{
	return Max(bucket_count(), MIN_COUNTERS);
}

static int32 *
chains(Table *of)
{
	return (int32 *) &of->entries[of->size];
}

static void
make_table(void *memory)
{
	Table	   *new = memory;

	new->size = new->free_count = table_size;
	new->bucket_count = bucket_count();
	for (int i = 0; i < new->size; i++)
		new->entries[i].next = i + 1 < new->size ? i + 1 : -1;
	for (int i = 0; i < new->bucket_count; i++)
		chains(new)[i] = -1;
}

void
cn_limit_table_init(int max_entries)
{
	table_size = max_entries;
	cn_shmem_add("connector limits",
				 offsetof(Table, entries) + table_size * sizeof(CnLimitEntry) +
				 (bucket_count() + counter_count()) * sizeof(int32),
				 make_table, (void **) &table);
}

/* ---- keys ---- */

CnLimitKey
cn_limit_key(CnLimitKind kind, const pg_uuid_t *workspace, const pg_uuid_t *id)
{
	CnLimitKey	key = {MyDatabaseId, kind, *workspace, *id};

	return key;
}

/* Two names that hash alike share their limits; only a workspace's own can. */
CnLimitKey
cn_limit_service_key(const pg_uuid_t *workspace, const char *service)
{
	const unsigned char *name = (const unsigned char *) service;
	int			len = strlen(service);
	uint64		halves[2] = {
		hash_bytes_extended(name, len, 0), hash_bytes_extended(name, len, 1)
	};
	CnLimitKey	key = cn_limit_key(CN_LIMIT_OF_SERVICE, workspace, workspace);

	StaticAssertStmt(sizeof(halves) == sizeof(key.id), "a hash fills an id");
	memcpy(&key.id, halves, sizeof(halves));
	return key;
}

static int32 *
chain_of(const CnLimitKey *key)
{
	uint32		hash = hash_bytes((const unsigned char *) key, sizeof(*key));

	return &chains(table)[hash & (table->bucket_count - 1)];
}

/* How many entries the workspace has. */
static int32 *
held_by(const CnLimitKey *key)
{
	uint32		hash = hash_bytes(key->workspace.data, UUID_LEN) ^ key->database;

	return &chains(table)[table->bucket_count + (hash & (counter_count() - 1))];
}

/* ---- entries ---- */

CnLimitEntry *
cn_limit_find(const CnLimitKey *key)
{
	for (int32 i = *chain_of(key); i >= 0; i = table->entries[i].next)
		if (memcmp(&table->entries[i].key, key, sizeof(*key)) == 0)
			return &table->entries[i];
	return NULL;
}

static void
forget(CnLimitEntry *entry)
{
	int32	   *link = chain_of(&entry->key);

	while (*link != cn_limit_number(entry))
		link = &table->entries[*link].next;
	*link = entry->next;
	(*held_by(&entry->key))--;
	memset(entry, 0, sizeof(*entry));
	entry->next = table->free;
	table->free = cn_limit_number(entry);
	table->free_count++;
}

/* Throw out what is idle among the next count entries. */
static void
sweep(int count, int64 now_us)
{
	for (int i = 0; i < Min(count, table->size); i++)
	{
		CnLimitEntry *entry = &table->entries[table->hand];

		table->hand = (table->hand + 1) % table->size;
		/* whoever makes one may hold another */
		if (entry->key.kind != 0 && entry->asked_us != now_us && cn_limit_is_idle(entry, now_us))
			forget(entry);
	}
}

static bool
has_room(const CnLimitKey *key)
{
	return *held_by(key) < table->free_count;
}

CnLimitEntry *
cn_limit_make(const CnLimitKey *key, const char *name, int64 now_us)
{
	CnLimitEntry *entry = cn_limit_find(key);
	int32	   *chain;

	if (entry)
	{
		entry->asked_us = now_us;
		return entry;
	}
	sweep(SWEEP, now_us);
	if (!has_room(key))
		sweep(SWEEP_MOST, now_us);
	if (!has_room(key))
		return NULL;
	chain = chain_of(key);
	entry = &table->entries[table->free];
	table->free = entry->next;
	table->free_count--;
	(*held_by(key))++;
	entry->key = *key;
	entry->asked_us = now_us;
	entry->next = *chain;
	*chain = cn_limit_number(entry);
	memcpy(entry->name, name, pg_encoding_mbcliplen(PG_UTF8, name, strlen(name),
													CN_LIMIT_NAME_LEN - 1));
	return entry;
}

int
cn_limit_number(const CnLimitEntry *entry)
{
	return entry - table->entries;
}

CnLimitEntry *
cn_limit_entry(int number)
{
	return &table->entries[number];
}

CnLimitEntry *
cn_limit_next(int number)
{
	while (++number < table->size)
		if (table->entries[number].key.kind != 0)
			return &table->entries[number];
	return NULL;
}

int
cn_limit_used(void)
{
	return table->size - table->free_count;
}

bool
cn_limit_may_warn(int64 now_us)
{
	if (table->warned_us != 0 && now_us - table->warned_us < WARN_EVERY_US)
		return false;
	table->warned_us = now_us;
	return true;
}
