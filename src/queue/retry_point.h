/*
 * retry_point.h -- where a failed execution goes on when it is tried again.
 */
#ifndef CN_QUEUE_RETRY_POINT_H
#define CN_QUEUE_RETRY_POINT_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

typedef struct CnFailedRun
{
	pg_uuid_t	id;				/* of the execution that failed */
	Jsonb	   *checkpoint;		/* what it left; NULL: nothing */
	const char *failed_step;	/* NULL: no step's failure */
	bool		in_doubt;		/* a request of it may have taken effect */
} CnFailedRun;

/*
 * The checkpoint of the execution that tries again at now, in the current context; NULL: it begins
 * from nothing.  from_start: also steps that were over are done again.
 */
extern Jsonb *cn_retry_point(const CnFailedRun *failed, bool from_start, TimestampTz now);

#endif							/* CN_QUEUE_RETRY_POINT_H */
