/*
 * redrive.h -- what becomes of dead letters: queued again, or given up.
 */
#ifndef CN_QUEUE_REDRIVE_H
#define CN_QUEUE_REDRIVE_H

#include "postgres.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "queue/enqueue.h"

/* Which dead letters of a workspace, of those nobody has decided on. */
typedef struct CnLetterFilter
{
	pg_uuid_t	workspace;
	const pg_uuid_t *id;		/* NULL: any; all below likewise */
	const pg_uuid_t *connector;
	const char *connector_name; /* as it was called then */
	const char *error_code;
	const TimestampTz *since;	/* failed then or later */
	const TimestampTz *until;	/* failed before */
} CnLetterFilter;

/*
 * Queue up to max_count of them again, oldest first, as the caller that queue was begun for;
 * the caller flushes it.  Those whose connector is gone or disabled stay, and those that
 * somebody else is deciding on at this moment.  from_start: finished steps are sent again, too.
 * Returns how many; *last is the new id of the last one.
 */
extern int64 cn_redrive(const CnLetterFilter *filter, CnEnqueue *queue, int64 max_count,
						bool from_start, pg_uuid_t *last);

/* What there is to say of one dead letter. */
typedef struct CnLetterState
{
	pg_uuid_t	connector;
	pg_uuid_t	redriven_as;	/* zeros: not yet */
} CnLetterState;

/* Lock it; false if there is none.  Waits for who is deciding on it. */
extern bool cn_dead_letter_lock(const pg_uuid_t *workspace, const pg_uuid_t *id,
								CnLetterState *state);

/* Delete them; returns how many. */
extern int64 cn_dead_letters_discard(const CnLetterFilter *filter);

#endif							/* CN_QUEUE_REDRIVE_H */
