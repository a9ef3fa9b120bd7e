/*
 * slots.h -- the workers that run, in shared memory.
 *
 * A worker takes a slot when it starts and has it until it exits.  The slot's lease is the
 * worker's incarnation: what it has claimed carries it, and is its own as long as
 * the slot says so and the worker's heartbeat is young enough.
 */
#ifndef CN_WORKER_SLOTS_H
#define CN_WORKER_SLOTS_H

#include "postgres.h"

#include "port/atomics.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* Workers in all databases together. */
#define CN_MAX_WORKERS 64

typedef enum CnWorkerState
{
	CN_WORKER_STARTING,
	CN_WORKER_IDLE,				/* nothing to do */
	CN_WORKER_RUNNING,			/* executions are under way */
	CN_WORKER_FENCED,			/* this cluster may not call out: connector_acknowledge_clone() */
	CN_WORKER_HELD,				/* cannot record, or is short of memory: claims nothing */
	CN_WORKER_STOPPING
} CnWorkerState;

/* What a worker counts; written by it alone, read by all. */
typedef enum CnWorkerCounter
{
	CN_COUNT_CLAIMED,
	CN_COUNT_SUCCEEDED,
	CN_COUNT_FAILED,
	CN_COUNT_PARKED,			/* put back, to be continued later */
	CN_COUNT_RETRIES,			/* attempts of steps beyond the first */
	CN_COUNT_TAKEN_OVER,		/* from a worker that died */
	CN_COUNT_LOST,				/* results dropped, for the row had gone or changed hands */
	CN_COUNT_COMMITS,
	CN_COUNT_TURNS,
	CN_COUNT_ERRORS,			/* unexpected ones, of the worker itself */
	CN_COUNT_IN_FLIGHT,			/* now */
	CN_COUNT_DEFERRED,			/* finished, and not recorded yet; now */
	CN_COUNT_MEMORY,			/* bytes of executions, now */
	CN_COUNT_CLAIM_US,			/* time spent claiming */
	CN_COUNT_RECORD_US,			/* time spent recording */
	CN_COUNTERS
} CnWorkerCounter;

typedef struct CnWorkerSlot
{
	/* CN_LOCK_WORKERS guards these; only cn_slot_take and cn_slot_release change them. */
	bool		used;
	Oid			database;
	int			number;			/* 0 and up in its database */
	int			pid;
	pg_uuid_t	lease;
	TimestampTz started_at;

	/* atomics */
	pg_atomic_uint64 heartbeat; /* TimestampTz of its last turn */
	pg_atomic_uint32 state;		/* CnWorkerState */
	pg_atomic_uint32 stop;		/* it is asked to leave: its database or extension is going */
	pg_atomic_uint64 counters[CN_COUNTERS];
} CnWorkerSlot;

extern void cn_slots_init(void);	/* from _PG_init */

/* Has the server crashed since it was last shut down, or a process of it, which is the same? */
extern bool cn_slots_after_crash(void);

/* For a worker: take a slot, until the process exits.  NULL: all are taken, or that number runs. */
extern CnWorkerSlot *cn_slot_take(Oid database, int number, const pg_uuid_t *lease);

/* Copy the slots in use; returns how many, at most CN_MAX_WORKERS. */
extern int	cn_slots_read(CnWorkerSlot *slots);

/*
 * Ask the workers of a database (InvalidOid: all) to leave, and cancel the statement
 * that each runs; returns how many still run.
 */
extern int	cn_slots_stop(Oid database);

/* The same for those of that number and above. */
extern void cn_slots_stop_from(Oid database, int from);
extern int	cn_slots_running(Oid database);

/* The leases of the calling worker's database that are alive; count of them. */
extern int	cn_slots_leases(Oid database, pg_uuid_t *leases, int64 timeout_us);

static inline void
cn_slot_add(CnWorkerSlot *slot, CnWorkerCounter counter, int64 by)
{
	/* one writer: no atomic addition is needed, only that nobody reads half of it */
	pg_atomic_write_u64(&slot->counters[counter],
						pg_atomic_read_u64(&slot->counters[counter]) + by);
}

static inline void
cn_slot_set(CnWorkerSlot *slot, CnWorkerCounter counter, int64 value)
{
	pg_atomic_write_u64(&slot->counters[counter], value);
}

#endif							/* CN_WORKER_SLOTS_H */
