/*
 * gcra.h -- "N requests in a window", kept exactly.  Pure.
 *
 * The generic cell rate algorithm: of a rate only the moment is kept at which it will have
 * been idle long enough, so a state is one number, whatever the limit.  Zeros are
 * a rate that was never used.  Time is any clock that does not go back, in microseconds.
 *
 * A request may count for several (units).  One that is heavier than the burst goes after a
 * pause that is as much longer; one that is heavier than the limit counts for all of it.
 */
#ifndef CN_LIMIT_GCRA_H
#define CN_LIMIT_GCRA_H

#include "core/pure.h"

typedef struct CnGcra
{
	int64		tat_us;			/* theoretical arrival time: paid off by then */
	int32		limit;			/* under which that was computed; 0: never used */
	int32		unused;
} CnGcra;

/* How many may go at once after a pause. */
extern int	cn_gcra_burst(int limit);

/* Between two requests, once the burst is used up. */
extern int64 cn_gcra_interval(int limit, int64 window_us);

/* Microseconds until one of so many units may go; 0: now. */
extern int64 cn_gcra_wait(const CnGcra *rate, int limit, int64 window_us, int units,
						  int64 now_us);

/* How many of so many units may go now, one behind the other. */
extern int	cn_gcra_room(const CnGcra *rate, int limit, int64 window_us, int units, int64 now_us);

/* One goes.  Only after cn_gcra_wait has said 0 for the same arguments. */
extern void cn_gcra_take(CnGcra *rate, int limit, int64 window_us, int units, int64 now_us);

/* Is it as if it had never been used? */
extern bool cn_gcra_is_idle(const CnGcra *rate, int64 now_us);

#endif							/* CN_LIMIT_GCRA_H */
