/*
 * places.h -- how many requests are under way, as far as anybody attends to them.  Pure.
 *
 * A session that is idle with a cursor open leaves its request alone, for hours maybe, and is not
 * there to give the place back.  So a place lapses after a while, which is longer than an attempt
 * can take.  Zeros are none.  Time is any clock that does not go back, in microseconds.
 */
#ifndef CN_LIMIT_PLACES_H
#define CN_LIMIT_PLACES_H

#include "core/pure.h"

/* Longer than an attempt can take (timeout_ms): a place lapses after one or two of these. */
#define CN_PLACES_PART_US (90 * INT64CONST(1000000))

/* They are counted by the part of time they were taken in. */
typedef struct CnPlaces
{
	int64		part;			/* the latest that one was taken in */
	int32		now;			/* taken in it, and not given back */
	int32		before;			/* likewise in the one before */
} CnPlaces;

/* How many are taken. */
extern int	cn_places_taken(const CnPlaces *places, int64 now_us);

/* Take one; what is returned gives it back. */
extern int64 cn_places_take(CnPlaces *places, int64 now_us);

/* Give one back; false if it has lapsed. */
extern bool cn_places_leave(CnPlaces *places, int64 part, int64 now_us);

#endif							/* CN_LIMIT_PLACES_H */
