/*
 * wake.h -- how workers hear at once of what others have committed.
 *
 * A transaction that queues, cancels or changes something notes it here; when it
 * commits, entries go into a ring in shared memory and the latches of the
 * database's workers are set, once.  A rollback leaves nothing.  The ring is a hint:
 * a worker that missed entries is told so and looks at everything, and it does that
 * every connector.poll_interval anyway, for what no signal covers (a prepared
 * transaction that is committed after a restart).
 */
#ifndef CN_QUEUE_WAKE_H
#define CN_QUEUE_WAKE_H

#include "postgres.h"

#include "utils/timestamp.h"

#include "queue/lane.h"

typedef enum CnWakeKind
{
	CN_WAKE_READY,				/* lane has rows, none of them before first */
	CN_WAKE_DUE,				/* a row will be due at due_at */
	CN_WAKE_CANCEL,				/* the execution first is to be cancelled */
	CN_WAKE_CHANGED				/* pauses, limits, the fence: look at everything */
} CnWakeKind;

typedef struct CnWakeEntry
{
	CnWakeKind	kind;
	CnLane		lane;
	pg_uuid_t	first;
	TimestampTz due_at;
} CnWakeEntry;

extern void cn_wake_init(void); /* from _PG_init */

/* In this transaction a row of lane was queued; due_at 0: it is ready.  Subtransactions count. */
extern void cn_wake_at_commit(const CnLane *lane, const pg_uuid_t *first, TimestampTz due_at);
extern void cn_wake_cancel_at_commit(const pg_uuid_t *execution);
extern void cn_wake_changed_at_commit(void);

/* The same at once, for who has committed already. */
extern void cn_wake_now(const CnWakeEntry *entry);

/* This process, a worker, wants to hear of its database; until it exits. */
extern void cn_wake_listen(void);

/*
 * Take up to max entries that came since the last time.  Returns how many; *lost: some were
 * overwritten before they were read.
 */
extern int	cn_wake_take(CnWakeEntry *entries, int max, bool *lost);

/* Set the latches of all that listen for a database; InvalidOid: of all. */
extern void cn_wake_latches(Oid database);

#endif							/* CN_QUEUE_WAKE_H */
