/*
 * enqueue.h -- putting executions into the queue.
 */
#ifndef CN_QUEUE_ENQUEUE_H
#define CN_QUEUE_ENQUEUE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/table.h"
#include "queue/wake.h"

/* One execution to come. */
typedef struct CnQueueEntry
{
	pg_uuid_t	id;				/* of cn_enqueue_id */
	CnLane		lane;
	TimestampTz due_at;			/* 0: at once */
	int			attempt;		/* 1 the first time */
	bool		notify;			/* NOTIFY when it ends */
	const char *trigger;		/* "async", "schedule", "retry" */
	const char *correlation_id; /* NULL or empty: none */
	const char *idempotency_key;	/* NULL: none */
	Jsonb	   *input;
	Jsonb	   *checkpoint;		/* to go on behind; NULL: from the beginning */
} CnQueueEntry;

/* Executions of one caller on their way into the queue. */
typedef struct CnEnqueue
{
	MemoryContext context;
	TimestampTz now;
	const char *identity;		/* NULL: none */
	NameData	run_as;
	const char *claims;			/* NULL: none that are believed */
	CnTableWriter *writer;		/* NULL: none is open */
} CnEnqueue;

/*
 * Note who is asking: whoever is the current role, so to be called before anything runs as
 * the extension's owner.  context must not go before the flush, but in error.
 */
extern void cn_enqueue_begin(CnEnqueue *queue, MemoryContext context);

/* A new id; of one that is due later it has that time, so that ids are in order of what is due. */
extern void cn_enqueue_id(TimestampTz due_at, pg_uuid_t *id);

/* Add an entry, which is copied.  The workers hear of it when the transaction commits. */
extern void cn_enqueue_add(CnEnqueue *queue, const CnQueueEntry *entry);

/* Write what is left.  The current command does not see the rows, the next one does. */
extern void cn_enqueue_flush(CnEnqueue *queue);

#endif							/* CN_QUEUE_ENQUEUE_H */
