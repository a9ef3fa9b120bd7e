/*
 * clock.c -- the hook by which tests replace the wall clock.
 */
#include "core/clock.h"

TimestampTz (*cn_clock_hook) (void) = NULL;
