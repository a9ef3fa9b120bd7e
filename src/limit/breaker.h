/*
 * breaker.h -- is a service well enough to be called?  Pure.
 *
 *   CLOSED ---too many failures---> OPEN ---its time is over---> HALF_OPEN
 *      ^                             ^                              |
 *      |                             \---------- it fails ----------|
 *      \-------------------- the probe succeeds --------------------/
 *
 * HALF_OPEN lets one request through, the probe.  A probe of which nothing is heard is
 * given up after a while, and one that says nothing of the service, for it was
 * cancelled, makes room for the next at once.  Zeros are a breaker that is closed and has
 * seen nothing.  Time is any clock that does not go back, in microseconds.
 */
#ifndef CN_LIMIT_BREAKER_H
#define CN_LIMIT_BREAKER_H

#include "core/pure.h"

/* Parts of the rolling window: it is that exact. */
#define CN_BREAKER_PARTS 6

typedef struct CnBreakerPolicy
{
	int			min_requests;	/* in the window, before it may open; 0: it never does */
	int			failure_share;	/* percent of them that open it */
	int64		window_us;
	int64		open_us;		/* how long the first time; twice that the next, and so on */
	int64		max_open_us;
	int64		probe_us;		/* after which a probe is given up */
} CnBreakerPolicy;

typedef enum CnBreakerState
{
	CN_BREAKER_CLOSED,
	CN_BREAKER_OPEN,
	CN_BREAKER_HALF_OPEN
} CnBreakerState;

typedef struct CnBreaker
{
	int32		state;			/* CnBreakerState; OPEN also when its time is over */
	int32		trips;			/* times it opened, one soon after the other */
	uint32		probe;			/* the number of the last probe */
	uint32		unused;
	int64		opened_us;
	int64		until_us;		/* of OPEN; HALF_OPEN: when the probe is given up */
	int64		closed_us;		/* when it closed the last time */
	struct
	{
		int64		number;		/* of the part of time it counts */
		int32		requests;
		int32		failures;
	}			parts[CN_BREAKER_PARTS];
} CnBreaker;

typedef enum CnBreakerResult
{
	CN_BREAKER_NOTHING,			/* it says nothing of the service */
	CN_BREAKER_SUCCESS,
	CN_BREAKER_FAILURE
} CnBreakerResult;

typedef enum CnBreakerAnswer
{
	CN_BREAKER_PASS,
	CN_BREAKER_PROBE,			/* one may go */
	CN_BREAKER_REFUSE			/* none; ask again after *wait_us */
} CnBreakerAnswer;

/* May a request go?  Changes nothing. */
extern CnBreakerAnswer cn_breaker_ask(const CnBreaker *breaker, const CnBreakerPolicy *policy,
									  int64 now_us, int64 *wait_us);

/*
 * One goes, after cn_breaker_ask did not refuse.  Returns what cn_breaker_end wants: the number of
 * the probe if it is one, else 0.
 */
extern uint32 cn_breaker_begin(CnBreaker *breaker, const CnBreakerPolicy *policy, int64 now_us);

extern void cn_breaker_end(CnBreaker *breaker, const CnBreakerPolicy *policy, uint32 probe,
						   CnBreakerResult result, int64 now_us);

/* Close it and forget all it has seen. */
extern void cn_breaker_reset(CnBreaker *breaker);

/* What it is now: HALF_OPEN as soon as a probe may go. */
extern CnBreakerState cn_breaker_state(const CnBreaker *breaker, int64 now_us);

/* What it has counted within the window. */
extern void cn_breaker_counts(const CnBreaker *breaker, const CnBreakerPolicy *policy, int64 now_us,
							  int *requests, int *failures);

/* May it be forgotten?  It is closed and saw no failure lately, or nobody has asked for long. */
extern bool cn_breaker_is_idle(const CnBreaker *breaker, const CnBreakerPolicy *policy,
							   int64 now_us);

#endif							/* CN_LIMIT_BREAKER_H */
