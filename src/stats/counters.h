/*
 * counters.h -- live counters of a database in shared memory, since the server started.
 *
 * They count what was executed, whether or not the transaction that recorded it has
 * committed: the exact counts are those of stats.h.  Every counter is an atomic, so nobody
 * waits for anybody.  A database gets a place when it first counts; those that find
 * none share the last one.
 */
#ifndef CN_STATS_COUNTERS_H
#define CN_STATS_COUNTERS_H

#include "postgres.h"

#include "core/errors.h"

/* Databases with a place of their own; no more can have workers either. */
#define CN_COUNTED_DATABASES 64

typedef enum CnCounterKind
{
	CN_COUNTED_SYNCHRONOUS,		/* ran in its caller's session */
	CN_COUNTED_QUEUED,			/* ran in a worker */
	CN_COUNTED_WRITEBACK,		/* wrote a changed row back to its source */
	CN_COUNTED_KINDS
} CnCounterKind;

typedef enum CnCounterEvent
{
	CN_EVENT_RECORDS_CREATED,	/* by syncs */
	CN_EVENT_RECORDS_UPDATED,
	CN_EVENT_REFRESH_FAILED,	/* of a token */
	CN_EVENT_POLL_STARTED,		/* an execution, by a trigger */
	CN_COUNTER_EVENTS
} CnCounterEvent;

/* Buckets of the histograms, beside the one of all that take longer. */
#define CN_LATENCY_BUCKETS 16

/* Upper bounds, in milliseconds. */
extern const double cn_latency_bounds[CN_LATENCY_BUCKETS];

/* All members are uint64: shared memory has an array of atomics of the same shape. */
typedef struct CnCounterValues
{
	uint64		outcomes[CN_COUNTED_KINDS][CN_CODE_COUNT];	/* CN_OK: successes */
	uint64		retries[CN_COUNTED_KINDS];	/* attempts of steps beyond the first */
	uint64		latency[CN_COUNTED_KINDS][CN_LATENCY_BUCKETS + 1];	/* not cumulative */
	uint64		latency_us[CN_COUNTED_KINDS];	/* the sum */
	uint64		events[CN_COUNTER_EVENTS];
	uint64		polls[CN_CODE_COUNT];	/* of triggers; CN_OK: successes */
} CnCounterValues;

extern void cn_counters_init(void); /* from _PG_init */

/* An execution has ended.  Never throws; may be called in any state of a transaction. */
extern void cn_counters_execution(CnCounterKind kind, CnCode code, double ms, int retries);

/* A poll of a trigger has ended. */
extern void cn_counters_poll(CnCode code);

extern void cn_counters_event(CnCounterEvent event, uint64 by);

/* Those of this database. */
extern void cn_counters_read(CnCounterValues *values);

/* The database is being dropped: its place becomes free. */
extern void cn_counters_forget(Oid database);

/*
 * Whether deltas of this database wait to be folded (stats.h).  cn_counters_mark_unfolded
 * returns true if it was not marked before, cn_counters_take_unfolded takes the mark away.
 */
extern bool cn_counters_mark_unfolded(void);
extern bool cn_counters_unfolded(void);
extern void cn_counters_take_unfolded(void);

#endif							/* CN_STATS_COUNTERS_H */
