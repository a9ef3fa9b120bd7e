/*
 * breaker.c -- is a service well enough to be called?  Pure.
 */
#include "limit/breaker.h"

/* A probe is under way, and most are over soon. */
#define ASK_AGAIN_US 500000

/* ---- the rolling window ---- */

static int64
part_of(const CnBreakerPolicy *policy, int64 now_us)
{
	return now_us / (policy->window_us / CN_BREAKER_PARTS);
}

static void
add(CnBreaker *breaker, const CnBreakerPolicy *policy, bool failed, int64 now_us)
{
	int64		number = part_of(policy, now_us);
	int			i = number % CN_BREAKER_PARTS;

	if (breaker->parts[i].number != number)
	{
		breaker->parts[i].number = number;
		breaker->parts[i].requests = breaker->parts[i].failures = 0;
	}
	breaker->parts[i].requests++;
	breaker->parts[i].failures += failed;
}

void
cn_breaker_counts(const CnBreaker *breaker, const CnBreakerPolicy *policy, int64 now_us,
				  int *requests, int *failures)
{
	int64		newest = part_of(policy, now_us);

	*requests = *failures = 0;
	for (int i = 0; i < CN_BREAKER_PARTS; i++)
	{
		if (breaker->parts[i].number <= newest - CN_BREAKER_PARTS)
			continue;
		*requests += breaker->parts[i].requests;
		*failures += breaker->parts[i].failures;
	}
}

/* ---- states ---- */

CnBreakerState
cn_breaker_state(const CnBreaker *breaker, int64 now_us)
{
	if (breaker->state == CN_BREAKER_OPEN && now_us >= breaker->until_us)
		return CN_BREAKER_HALF_OPEN;
	return (CnBreakerState) breaker->state;
}

/* How long it stays open this time. */
static int64
open_time(const CnBreaker *breaker, const CnBreakerPolicy *policy)
{
	int64		most = Max(policy->open_us, policy->max_open_us);
	int64		time = policy->open_us;

	for (int i = 1; i < breaker->trips && time < most; i++)
		time = time > most / 2 ? most : time * 2;
	return time;
}

static void
open_again(CnBreaker *breaker, const CnBreakerPolicy *policy, int64 now_us)
{
	if (breaker->trips < PG_INT32_MAX)
		breaker->trips++;
	breaker->state = CN_BREAKER_OPEN;
	breaker->opened_us = now_us;
	breaker->until_us = now_us + open_time(breaker, policy);
}

/* It closed so long ago that its next opening is a first one. */
static bool
has_recovered(const CnBreaker *breaker, const CnBreakerPolicy *policy, int64 now_us)
{
	return breaker->trips == 0 || now_us - breaker->closed_us > policy->window_us;
}

static void
count_in_closed(CnBreaker *breaker, const CnBreakerPolicy *policy, bool failed, int64 now_us)
{
	int			requests;
	int			failures;

	add(breaker, policy, failed, now_us);
	cn_breaker_counts(breaker, policy, now_us, &requests, &failures);
	if (!failed || requests < policy->min_requests ||
		(int64) failures * 100 < (int64) requests * policy->failure_share)
		return;
	if (has_recovered(breaker, policy, now_us))
		breaker->trips = 0;
	open_again(breaker, policy, now_us);
}

static void
end_probe(CnBreaker *breaker, const CnBreakerPolicy *policy, CnBreakerResult result,
		  int64 now_us)
{
	switch (result)
	{
		case CN_BREAKER_NOTHING:
			breaker->state = CN_BREAKER_OPEN;
			breaker->until_us = now_us;
			break;
		case CN_BREAKER_SUCCESS:
			breaker->state = CN_BREAKER_CLOSED;
			breaker->closed_us = now_us;
			memset(breaker->parts, 0, sizeof(breaker->parts));
			break;
		case CN_BREAKER_FAILURE:
			open_again(breaker, policy, now_us);
			break;
	}
}

CnBreakerAnswer
cn_breaker_ask(const CnBreaker *breaker, const CnBreakerPolicy *policy, int64 now_us,
			   int64 *wait_us)
{
	*wait_us = 0;
	if (policy->min_requests == 0 || breaker->state == CN_BREAKER_CLOSED)
		return CN_BREAKER_PASS;
	if (now_us >= breaker->until_us)
		return CN_BREAKER_PROBE;
	*wait_us = breaker->until_us - now_us;
	if (breaker->state == CN_BREAKER_HALF_OPEN)
		*wait_us = Min(*wait_us, ASK_AGAIN_US);
	return CN_BREAKER_REFUSE;
}

uint32
cn_breaker_begin(CnBreaker *breaker, const CnBreakerPolicy *policy, int64 now_us)
{
	if (policy->min_requests == 0 || breaker->state == CN_BREAKER_CLOSED)
		return 0;
	breaker->state = CN_BREAKER_HALF_OPEN;
	breaker->until_us = now_us + policy->probe_us;
	if (++breaker->probe == 0)
		breaker->probe = 1;
	return breaker->probe;
}

/*
 * cn_breaker_end -- a request is over.
 *
 * While it is not closed only the present probe counts: others were sent before it
 * opened, or were given up as probes.
 */
void
cn_breaker_end(CnBreaker *breaker, const CnBreakerPolicy *policy, uint32 probe,
			   CnBreakerResult result, int64 now_us)
{
	if (breaker->state == CN_BREAKER_CLOSED)
	{
		if (policy->min_requests > 0 && result != CN_BREAKER_NOTHING)
			count_in_closed(breaker, policy, result == CN_BREAKER_FAILURE, now_us);
	}
	else if (breaker->state == CN_BREAKER_HALF_OPEN && probe != 0 && probe == breaker->probe)
		end_probe(breaker, policy, result, now_us);
}

void
cn_breaker_reset(CnBreaker *breaker)
{
	uint32		probe = breaker->probe;

	memset(breaker, 0, sizeof(*breaker));
	breaker->probe = probe;		/* so that one under way is not taken for a later one */
}

bool
cn_breaker_is_idle(const CnBreaker *breaker, const CnBreakerPolicy *policy, int64 now_us)
{
	int			requests;
	int			failures;

	if (policy->min_requests == 0)
		return true;
	if (breaker->state != CN_BREAKER_CLOSED)
		return now_us - breaker->until_us > Max(policy->open_us, policy->max_open_us);
	cn_breaker_counts(breaker, policy, now_us, &requests, &failures);
	return failures == 0 && has_recovered(breaker, policy, now_us);
}
