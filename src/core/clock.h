/*
 * clock.h -- the only place that asks for the time.
 *
 * Tests replace the wall clock by setting cn_clock_hook.
 */
#ifndef CN_CORE_CLOCK_H
#define CN_CORE_CLOCK_H

#include "postgres.h"

#include "portability/instr_time.h"
#include "utils/timestamp.h"

extern TimestampTz (*cn_clock_hook) (void);

/* Wall clock. */
static inline TimestampTz
cn_now(void)
{
	return cn_clock_hook ? cn_clock_hook() : GetCurrentTimestamp();
}

/* Microseconds of a clock that never goes back; for durations and deadlines. */
static inline int64
cn_monotonic_us(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

#endif							/* CN_CORE_CLOCK_H */
