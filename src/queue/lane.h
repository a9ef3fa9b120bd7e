/*
 * lane.h -- rows of the queue that are alike for the scheduler.  Pure.
 */
#ifndef CN_QUEUE_LANE_H
#define CN_QUEUE_LANE_H

#include "core/pure.h"

#ifdef FRONTEND
/* as in utils/uuid.h, which is the server's */
#define UUID_LEN 16
typedef struct pg_uuid_t
{
	unsigned char data[UUID_LEN];
} pg_uuid_t;
#else
#include "utils/uuid.h"
#endif

typedef struct CnLane
{
	pg_uuid_t	workspace;
	pg_uuid_t	connector;
	int16		priority;		/* 0 first, 9 last */
} CnLane;

static inline bool
cn_lane_equal(const CnLane *a, const CnLane *b)
{
	return a->priority == b->priority &&
		memcmp(a->connector.data, b->connector.data, UUID_LEN) == 0 &&
		memcmp(a->workspace.data, b->workspace.data, UUID_LEN) == 0;
}

#endif							/* CN_QUEUE_LANE_H */
