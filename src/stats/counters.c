/*
 * counters.c -- live counters of a database in shared memory.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"

#include "core/shmem.h"
#include "stats/counters.h"

#define VALUES (sizeof(CnCounterValues) / sizeof(uint64))

/* The place of a member among the atomics. */
#define PLACE(member) (offsetof(CnCounterValues, member) / sizeof(uint64))

const double cn_latency_bounds[CN_LATENCY_BUCKETS] = {
	1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000
};

typedef struct Counters
{
	Oid			database;		/* CN_LOCK_METRICS guards it; InvalidOid: the place is free */
	pg_atomic_uint32 unfolded;
	pg_atomic_uint64 values[VALUES];
} Counters;

typedef struct CountersShared
{
	Counters	databases[CN_COUNTED_DATABASES];
	Counters	others;
} CountersShared;

static CountersShared *shared = NULL;

/* The place of this process' database, which never becomes another one; NULL: not looked up yet. */
static Counters *own = NULL;

/* ---- places ---- */

static void
init_counters(Counters *counters)
{
	/* what is left from before the server stopped is to be folded, too */
	pg_atomic_init_u32(&counters->unfolded, 1);
	for (int i = 0; i < VALUES; i++)
		pg_atomic_init_u64(&counters->values[i], 0);
}

static void
init_shared(void *memory)
{
	CountersShared *fresh = memory;

	for (int i = 0; i < CN_COUNTED_DATABASES; i++)
		init_counters(&fresh->databases[i]);
	init_counters(&fresh->others);
}

/* With the lock held; NULL if there is none. */
static Counters *
find_database(Oid database)
{
	for (int i = 0; i < CN_COUNTED_DATABASES; i++)
		if (shared->databases[i].database == database)
			return &shared->databases[i];
	return NULL;
}

static Counters *
own_counters(void)
{
	if (own)
		return own;
	if (!OidIsValid(MyDatabaseId))
		return &shared->others;
	LWLockAcquire(cn_shmem_lock(CN_LOCK_METRICS), LW_EXCLUSIVE);
	own = find_database(MyDatabaseId);
	if (own == NULL)
	{
		own = find_database(InvalidOid);
		if (own)
			own->database = MyDatabaseId;
		else
			own = &shared->others;
	}
	LWLockRelease(cn_shmem_lock(CN_LOCK_METRICS));
	return own;
}

void
cn_counters_forget(Oid database)
{
	Counters   *counters;

	LWLockAcquire(cn_shmem_lock(CN_LOCK_METRICS), LW_EXCLUSIVE);
	counters = find_database(database);
	if (counters)
	{
		counters->database = InvalidOid;
		pg_atomic_write_u32(&counters->unfolded, 1);
		for (int i = 0; i < VALUES; i++)
			pg_atomic_write_u64(&counters->values[i], 0);
	}
	LWLockRelease(cn_shmem_lock(CN_LOCK_METRICS));
}

/* ---- counting ---- */

static void
add(int place, uint64 by)
{
	pg_atomic_fetch_add_u64(&own_counters()->values[place], by);
}

static int
bucket_of(double ms)
{
	int			bucket = 0;

	while (bucket < CN_LATENCY_BUCKETS && ms > cn_latency_bounds[bucket])
		bucket++;
	return bucket;
}

void
cn_counters_execution(CnCounterKind kind, CnCode code, double ms, int retries)
{
	add(PLACE(outcomes[kind][code]), 1);
	add(PLACE(latency[kind][bucket_of(ms)]), 1);
	add(PLACE(latency_us[kind]), (uint64) (Max(ms, 0) * 1000));
	if (retries > 0)
		add(PLACE(retries[kind]), retries);
}

void
cn_counters_poll(CnCode code)
{
	add(PLACE(polls[code]), 1);
}

void
cn_counters_event(CnCounterEvent event, uint64 by)
{
	add(PLACE(events[event]), by);
}

void
cn_counters_read(CnCounterValues *values)
{
	Counters   *counters = own_counters();

	for (int i = 0; i < VALUES; i++)
		((uint64 *) values)[i] = pg_atomic_read_u64(&counters->values[i]);
}

/* ---- the mark of deltas ---- */

bool
cn_counters_mark_unfolded(void)
{
	Counters   *counters = own_counters();

	/* read first: under load it is set nearly always, and reading costs nobody else anything */
	return pg_atomic_read_u32(&counters->unfolded) == 0 &&
		pg_atomic_exchange_u32(&counters->unfolded, 1) == 0;
}

bool
cn_counters_unfolded(void)
{
	return pg_atomic_read_u32(&own_counters()->unfolded) != 0;
}

/*
 * Where databases share a place the mark is everybody's, so it stays: their workers fold in vain
 * once a second rather than miss something.
 */
void
cn_counters_take_unfolded(void)
{
	Counters   *counters = own_counters();

	if (counters != &shared->others)
		pg_atomic_exchange_u32(&counters->unfolded, 0);
}

void
cn_counters_init(void)
{
	cn_shmem_add("connector counters", sizeof(CountersShared), init_shared, (void **) &shared);
}
