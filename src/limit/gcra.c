/*
 * gcra.c -- "N requests in a window", kept exactly.  Pure.
 *
 * With b requests at once and one every T after them, b + ceil(W/T) - 1 requests can fall
 * into a half-open window of length W.  The usual T = W/N lets N + b - 1 pass,
 * which is what providers complain of; so T is W/(N - b + 1), rounded up, and the sum
 * is N.  The price is the pace between bursts: with b = N/10 it is nine tenths of the
 * limit, and b = 1 would keep all of the pace and lose all of the bursts.
 */
#include "limit/gcra.h"

#include <math.h>

/* Of the limit, how much may go at once. */
#define BURST_PART 10

int
cn_gcra_burst(int limit)
{
	return Max(1, limit / BURST_PART);
}

int64
cn_gcra_interval(int limit, int64 window_us)
{
	int64		steps = limit - cn_gcra_burst(limit) + 1;

	return (window_us + steps - 1) / steps;
}

/*
 * debt -- how far the theoretical arrival time is ahead of now.
 *
 * If the limit has changed since, what was used is carried over: as many requests as
 * it stood for, at the new pace, and never more than a whole burst.
 */
static int64
debt(const CnGcra *rate, int limit, int64 window_us, int64 now_us)
{
	int64		ahead = rate->tat_us - now_us;
	int64		interval;
	double		requests;

	if (rate->limit == 0 || ahead <= 0)
		return 0;
	if (rate->limit == limit)
		return ahead;
	interval = cn_gcra_interval(limit, window_us);
	requests = (double) ahead / cn_gcra_interval(rate->limit, window_us);
	if (requests >= cn_gcra_burst(limit))
		return cn_gcra_burst(limit) * interval;
	return (int64) ceil(requests * interval);
}

/* Negative: it has been idle for so long. */
static int64
ahead_of(const CnGcra *rate, int limit, int64 window_us, int64 now_us)
{
	if (rate->tat_us > now_us)
		return debt(rate, limit, window_us, now_us);
	return rate->tat_us - now_us;
}

/*
 * With units up to the burst b the debt is at most b T afterwards.  With more than that, n, the
 * rate has to have been idle for (n - b) T before: what could have gone in that time, and did
 * not, is what goes now.  So a window that has the request in its midst, or at either end, sees
 * no more than without it.
 */
int64
cn_gcra_wait(const CnGcra *rate, int limit, int64 window_us, int units, int64 now_us)
{
	int64		interval = cn_gcra_interval(limit, window_us);
	int64		most = (cn_gcra_burst(limit) - Min(units, limit)) * interval;

	if (rate->limit == 0)
		return 0;
	return Max(0, ahead_of(rate, limit, window_us, now_us) - most);
}

int
cn_gcra_room(const CnGcra *rate, int limit, int64 window_us, int units, int64 now_us)
{
	int64		interval = cn_gcra_interval(limit, window_us);
	int64		whole = cn_gcra_burst(limit) * interval;

	if (units > cn_gcra_burst(limit))
		return cn_gcra_wait(rate, limit, window_us, units, now_us) == 0;
	return (int) Max(0, (whole - debt(rate, limit, window_us, now_us)) / interval / units);
}

void
cn_gcra_take(CnGcra *rate, int limit, int64 window_us, int units, int64 now_us)
{
	rate->tat_us = now_us + debt(rate, limit, window_us, now_us) +
		Min(units, limit) * cn_gcra_interval(limit, window_us);
	rate->limit = limit;
}

bool
cn_gcra_is_idle(const CnGcra *rate, int64 now_us)
{
	return rate->limit == 0 || rate->tat_us <= now_us;
}
