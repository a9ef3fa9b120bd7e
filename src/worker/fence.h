/*
 * fence.h -- may this cluster call out?
 *
 * worker.h has the question that workers ask, cn_fence_closed.
 */
#ifndef CN_WORKER_FENCE_H
#define CN_WORKER_FENCE_H

#include "postgres.h"

#include "utils/timestamp.h"

typedef struct CnFence
{
	bool		standby;
	char	   *closed;			/* why; NULL: it is open */
	TimestampTz since;			/* when that was found; 0: not yet, or it is open */
	TimestampTz marked_at;		/* the newest mark of this cluster; 0: there is none */
	char	   *marked_by;
} CnFence;

/* Read anew, palloc'ed; in a transaction. */
extern CnFence cn_fence_read(void);

/*
 * Put this cluster's mark in the place of all others; returns how many were not its own.  by: who
 * says so, for people.
 */
extern int	cn_fence_mark(const char *by);

/* Rows came from elsewhere: close it, unless it is closed for such a reason already. */
extern void cn_fence_close(const char *because);

/* The mark that is being inserted is cn_fence_mark's. */
extern bool cn_fence_is_marking(void);

#endif							/* CN_WORKER_FENCE_H */
