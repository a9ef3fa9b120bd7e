/*
 * dead_letters.h -- executions that failed for good, kept so that they can be queued again.
 */
#ifndef CN_QUEUE_DEAD_LETTERS_H
#define CN_QUEUE_DEAD_LETTERS_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/errors.h"
#include "core/table.h"

typedef struct CnDeadLetter
{
	pg_uuid_t	workspace;
	pg_uuid_t	id;				/* the execution's */
	pg_uuid_t	connector;
	const char *connector_name;
	CnFailure	failure;
	const char *failed_step;	/* NULL: none */
	int			attempt;
	int			priority;
	TimestampTz created_at;		/* of the row in the queue; all below likewise, and not redacted */
	const char *identity;		/* NULL: none */
	const char *run_as;			/* NULL: none */
	const char *claims;			/* NULL: none */
	const char *correlation_id; /* NULL: none */
	Jsonb	   *input;
	Jsonb	   *checkpoint;		/* NULL: none */
} CnDeadLetter;

/* Letters on their way into the table; all zeros but for the context at first. */
typedef struct CnDeadLetters
{
	MemoryContext context;		/* must not go before the flush, but in error */
	CnTableWriter *writer;		/* NULL: none is open */
} CnDeadLetters;

/* Add a letter, which is copied; it has failed now. */
extern void cn_dead_letter_add(CnDeadLetters *letters, const CnDeadLetter *letter);

/* Write what is left, in the transaction that deletes the rows of the queue. */
extern void cn_dead_letters_flush(CnDeadLetters *letters);

#endif							/* CN_QUEUE_DEAD_LETTERS_H */
