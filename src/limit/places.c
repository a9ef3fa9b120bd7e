/*
 * places.c -- how many requests are under way; see places.h.  Pure.
 */
#include "limit/places.h"

/* Let parts that are over lapse. */
static void
move_on(CnPlaces *places, int64 now_us)
{
	int64		part = now_us / CN_PLACES_PART_US;

	if (part == places->part)
		return;
	places->before = part == places->part + 1 ? places->now : 0;
	places->now = 0;
	places->part = part;
}

int
cn_places_taken(const CnPlaces *places, int64 now_us)
{
	CnPlaces	then = *places;

	move_on(&then, now_us);
	return then.now + then.before;
}

int64
cn_places_take(CnPlaces *places, int64 now_us)
{
	move_on(places, now_us);
	places->now++;
	return places->part;
}

bool
cn_places_leave(CnPlaces *places, int64 part, int64 now_us)
{
	move_on(places, now_us);
	if (part == places->part)
		places->now--;
	else if (part == places->part - 1)
		places->before--;
	else
		return false;
	return true;
}
