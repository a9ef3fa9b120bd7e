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

/* The same in milliseconds since 1970, as protocols have it. */
static inline int64
cn_unix_ms(void)
{
	return cn_now() / 1000 +
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * 1000;
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
