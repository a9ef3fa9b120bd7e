/*
 * waiters.h -- backends that wait for an execution to end.
 */
#ifndef CN_QUEUE_WAITERS_H
#define CN_QUEUE_WAITERS_H

#include "postgres.h"

#include "utils/uuid.h"

extern void cn_waiters_init(void);	/* from _PG_init */

/*
 * From now until cn_waiter_end, or the end of the (sub)transaction or process, the latch of this process
 * is set when execution ends.  To be called before it is looked up whether it has.  Where
 * all places are taken nothing is registered: whoever waits looks again every second anyway.
 */
extern void cn_waiter_begin(const pg_uuid_t *execution);
extern void cn_waiter_end(void);

/* These have ended, and that is committed. */
extern void cn_waiters_finished(const pg_uuid_t *executions, int count);

#endif							/* CN_QUEUE_WAITERS_H */
