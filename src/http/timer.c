/*
 * timer.c -- wake-ups for those who drive a mux: a moment, and what to call then.
 *
 * A timer is a deadline in the mux's memory like libcurl's own; it lives in its
 * owner's context and goes with it without being called.
 */
#include "postgres.h"

#include "core/clock.h"
#include "http/internal.h"
#include "utils/memutils.h"

struct CnHttpTimer
{
	MemoryContextCallback callback;
	pairingheap_node node;		/* in mux->timers while mux is not NULL */
	CnHttpMux  *mux;			/* NULL: has fired, was stopped, or the mux is gone */
	int64		at_us;			/* monotonic */
	CnHttpTimerFn fire;
	void	   *arg;
};

/* The earliest is first. */
int
http_timer_cmp(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	int64		left = pairingheap_const_container(CnHttpTimer, node, a)->at_us;
	int64		right = pairingheap_const_container(CnHttpTimer, node, b)->at_us;

	return left < right ? 1 : left > right ? -1 : 0;
}

static CnHttpTimer *
first_timer(CnHttpMux *mux)
{
	if (pairingheap_is_empty(&mux->timers))
		return NULL;
	return pairingheap_container(CnHttpTimer, node, pairingheap_first(&mux->timers));
}

/* timer_gone -- memory context callback. */
static void
timer_gone(void *arg)
{
	cn_http_timer_stop(arg);
}

CnHttpTimer *
cn_http_timer_start(CnHttpMux *mux, int64 at_us, MemoryContext context, CnHttpTimerFn fire,
					void *arg)
{
	CnHttpTimer *timer = MemoryContextAllocZero(context, sizeof(CnHttpTimer));

	timer->at_us = at_us;
	timer->fire = fire;
	timer->arg = arg;
	timer->callback.func = timer_gone;
	timer->callback.arg = timer;
	MemoryContextRegisterResetCallback(context, &timer->callback);
	timer->mux = mux;
	pairingheap_add(&mux->timers, &timer->node);
	return timer;
}

void
cn_http_timer_stop(CnHttpTimer *timer)
{
	if (timer->mux)
		pairingheap_remove(&timer->mux->timers, &timer->node);
	timer->mux = NULL;
}

/* http_next_timer -- when the earliest is due, or -1. */
int64
http_next_timer(CnHttpMux *mux)
{
	CnHttpTimer *timer = first_timer(mux);

	return timer ? timer->at_us : -1;
}

/*
 * http_fire_timers -- call those that are due now.
 *
 * Each is off the heap before it is called, so that one that throws is not
 * called again; one that is started meanwhile waits for the next turn at least.
 */
void
http_fire_timers(CnHttpMux *mux)
{
	CnHttpTimer *timer = first_timer(mux);
	int64		now;

	if (timer == NULL)
		return;
	now = cn_monotonic_us();
	while ((timer = first_timer(mux)) != NULL && timer->at_us <= now)
	{
		cn_http_timer_stop(timer);
		timer->fire(timer->arg);
	}
}

/* http_forget_timers -- the mux goes. */
void
http_forget_timers(CnHttpMux *mux)
{
	CnHttpTimer *timer;

	while ((timer = first_timer(mux)) != NULL)
		cn_http_timer_stop(timer);
}
