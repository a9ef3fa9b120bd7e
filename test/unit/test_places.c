/*
 * test_places.c -- places that are taken, given back, and lapse.
 */
#include "limit/places.h"

#include "tap.h"

#define S INT64CONST(1000000)

/* As if the clock had been running for a year. */
#define START (350400 * CN_PLACES_PART_US)

static void
test_use(void)
{
	CnPlaces	places = {0};
	int64		a;
	int64		b;

	tap_is_int(cn_places_taken(&places, START), 0, "none at first");
	a = cn_places_take(&places, START);
	b = cn_places_take(&places, START + 89 * S);
	tap_is_int(cn_places_taken(&places, START + 89 * S), 2, "two are taken");
	tap_ok(cn_places_leave(&places, a, START + 100 * S), "one is given back in the next part");
	tap_is_int(cn_places_taken(&places, START + 100 * S), 1, "one is left");
	tap_ok(cn_places_leave(&places, b, START + 179 * S), "the other at its end");
	tap_is_int(cn_places_taken(&places, START + 179 * S), 0, "none is left");
}

static void
test_lapse(void)
{
	CnPlaces	places = {0};
	int64		idle = cn_places_take(&places, START + 80 * S);
	int64		later;

	tap_is_int(cn_places_taken(&places, START + 171 * S), 1, "longer than an attempt can take, it is kept");
	tap_is_int(cn_places_taken(&places, START + 180 * S), 0, "then it lapses");
	later = cn_places_take(&places, START + 200 * S);
	tap_ok(!cn_places_leave(&places, idle, START + 200 * S), "it cannot be given back any more");
	tap_is_int(cn_places_taken(&places, START + 200 * S), 1, "in place of another");
	tap_ok(cn_places_leave(&places, later, START + 200 * S), "which can");

	idle = cn_places_take(&places, START + 300 * S);
	tap_ok(!cn_places_leave(&places, idle, START + 500 * S), "nor when nobody else has come meanwhile");
	tap_is_int(cn_places_taken(&places, START + 500 * S), 0, "none is left");
}

/* Against a list of them. */
static void
test_random(void)
{
	CnPlaces	places = {0};
	int64		now = START;
	int64		parts[64];
	int			held = 0;
	bool		fine = true;
	unsigned	seed = 7;

	for (int i = 0; i < 100000; i++)
	{
		int			live = 0;

		seed = seed * 1103515245 + 12345;
		now += (seed >> 16) % 8 * 5 * S;
		if (held < lengthof(parts) && (seed & 1024))
			parts[held++] = cn_places_take(&places, now);
		else if (held > 0)
		{
			int			which = (seed >> 8) % held;
			bool		lives = parts[which] >= now / CN_PLACES_PART_US - 1;

			fine &= cn_places_leave(&places, parts[which], now) == lives;
			parts[which] = parts[--held];
		}
		for (int j = 0; j < held; j++)
			live += parts[j] >= now / CN_PLACES_PART_US - 1;
		fine &= cn_places_taken(&places, now) == live;
	}
	tap_ok(fine, "the number is that of those not given back and not lapsed");
}

int
main(void)
{
	test_use();
	test_lapse();
	test_random();
	return tap_done();
}
