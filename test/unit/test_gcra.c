/*
 * test_gcra.c -- no window ever sees more than its limit.
 */
#include "limit/gcra.h"

#include "tap.h"

/* A generator of our own, so that a failure comes again. */
static uint32 seed = 1;

static uint32
random_below(uint32 n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32) (((uint64) seed * n) >> 32);
}

/* One asks at now; true if it goes. */
static bool
try(CnGcra *rate, int limit, int64 window, int64 now)
{
	if (cn_gcra_wait(rate, limit, window, 1, now) > 0)
		return false;
	cn_gcra_take(rate, limit, window, 1, now);
	return true;
}

/* ---- the proof: what can fall into one window at most ---- */

/*
 * A state is how far the arrival time is ahead, 0 to b * T, and asking as often as possible is
 * the worst that can be done from it: a later request never lets more go.  So for each
 * window and limit all states are tried at its beginning.
 */
static int
most_in_window(int limit, int64 window)
{
	int64		whole = cn_gcra_burst(limit) * cn_gcra_interval(limit, window);
	int			most = 0;

	for (int64 ahead = 0; ahead <= whole; ahead++)
	{
		CnGcra		rate = {1000 + ahead, limit, 0};
		int			gone = 0;

		for (int64 now = 1000; now < 1000 + window; now++)
			while (try(&rate, limit, window, now))
				gone++;
		most = Max(most, gone);
	}
	return most;
}

static void
test_all_states(void)
{
	static const int64 windows[] = {1, 2, 7, 60, 97, 100};
	int			over = 0;
	int			less = 0;

	for (int w = 0; w < lengthof(windows); w++)
		for (int limit = 1; limit <= 130; limit++)
			over += most_in_window(limit, windows[w]) > limit;
	tap_is_int(over, 0, "from no state more than the limit go within a window");
	for (int limit = 1; limit <= 130; limit++)
		less += most_in_window(limit, 2 * (limit - cn_gcra_burst(limit) + 1)) != limit;
	tap_is_int(less, 0, "and just as many where nothing is rounded");
}

/* ---- the same by luck: sessions that come and go ---- */

#define MOST_GRANTS 20000

static bool
windows_are_kept(int limit, int64 window)
{
	static int64 grants[MOST_GRANTS];
	CnGcra		rate = {0, 0, 0};
	int			count = 0;
	int64		now = random_below(1000);

	while (count < 40 * limit && count < MOST_GRANTS)
	{
		/* a crowd, a trickle, a pause */
		uint32		kind = random_below(10);

		if (kind == 0)
			now += random_below((uint32) (2 * window));
		else if (kind < 4)
			now += random_below((uint32) (window / limit + 2));
		for (uint32 asks = 1 + random_below(kind == 9 ? 2 * limit : 3); asks > 0; asks--)
			if (count < MOST_GRANTS && try(&rate, limit, window, now))
				grants[count++] = now;
		now += random_below(3);
	}
	for (int i = 0; i + limit < count; i++)
		if (grants[i + limit] - grants[i] < window)
			return false;
	return true;
}

static void
test_random(void)
{
	static const int64 windows[] = {60000000, 3600000000, 1000, 997};
	int			broken = 0;

	for (int w = 0; w < lengthof(windows); w++)
		for (int limit = 1; limit <= 400; limit = limit * 3 / 2 + 1)
			for (int i = 0; i < 20; i++)
				broken += !windows_are_kept(limit, windows[w] > PG_INT32_MAX ? 2000000000 : windows[w]);
	tap_is_int(broken, 0, "no window of a random history has more than its limit");
}

/* ---- requests that count for several ---- */

typedef struct Grant
{
	int64		at;
	int			units;
} Grant;

/* Callers of all weights, some far heavier than the burst, who come in crowds and after pauses. */
static int
most_units_in_window(int limit, int64 window)
{
	static Grant grants[MOST_GRANTS];
	CnGcra		rate = {0, 0, 0};
	int			count = 0;
	int			most = 0;
	int64		now = random_below(1000);

	while (count < 20 * limit && count < MOST_GRANTS)
	{
		int			heaviest = 1 + random_below(limit + 3);

		if (random_below(3) == 0)
			now += random_below((uint32) (2 * window));
		for (uint32 asks = 1 + random_below(6); asks > 0 && count < MOST_GRANTS; asks--)
		{
			int			units = 1 + random_below(heaviest);

			/* as soon as it may, or not at all */
			if (random_below(2))
				now += cn_gcra_wait(&rate, limit, window, units, now);
			if (cn_gcra_wait(&rate, limit, window, units, now) > 0)
				continue;
			cn_gcra_take(&rate, limit, window, units, now);
			grants[count++] = (Grant) {now, Min(units, limit)};
		}
		now += random_below((uint32) (window / limit + 2));
	}
	for (int i = 0; i < count; i++)
	{
		int			units = 0;

		for (int j = i; j < count && grants[j].at < grants[i].at + window; j++)
			units += grants[j].units;
		most = Max(most, units);
	}
	return most;
}

static void
test_weights(void)
{
	static const int64 windows[] = {60000000, 1000, 997, 100};
	CnGcra		rate = {0, 0, 0};
	int			over = 0;

	for (int w = 0; w < lengthof(windows); w++)
		for (int limit = 1; limit <= 100; limit = limit * 3 / 2 + 1)
			for (int i = 0; i < 30; i++)
				over += most_units_in_window(limit, windows[w]) > limit;
	tap_is_int(over, 0, "no window has more units than its limit, whatever requests weigh");

	/* a burst of 6, one unit every 1090910 */
	tap_is_int(cn_gcra_room(&rate, 60, 60000000, 4, 5), 1, "room for one of four, not for two");
	tap_is_int(cn_gcra_room(&rate, 60, 60000000, 3, 5), 2, "for two of three");
	tap_is_int(cn_gcra_room(&rate, 60, 60000000, 10, 5), 1, "for one that is heavier than the burst");
	cn_gcra_take(&rate, 60, 60000000, 4, 0);
	tap_is_int(cn_gcra_wait(&rate, 60, 60000000, 2, 0), 0, "two more at once");
	tap_is_int(cn_gcra_wait(&rate, 60, 60000000, 3, 0), 1090910, "the third has to wait");
	tap_is_int(cn_gcra_wait(&rate, 60, 60000000, 8, 0), 6 * 1090910, "eight: until it was idle for two");
	tap_is_int(cn_gcra_room(&rate, 60, 60000000, 8, 6 * 1090910 - 1), 0, "not before");
	tap_is_int(cn_gcra_room(&rate, 60, 60000000, 8, 6 * 1090910), 1, "then");
	cn_gcra_take(&rate, 60, 60000000, 8, 6 * 1090910);
	tap_is_int(cn_gcra_wait(&rate, 60, 60000000, 1, 6 * 1090910), 3 * 1090910, "and is paid off as any");
	tap_is_int(cn_gcra_wait(&rate, 60, 60000000, 60, 0), cn_gcra_wait(&rate, 60, 60000000, 1000, 0),
			   "one that is heavier than the limit counts for all of it");
}

/* ---- both limits together ---- */

static void
test_two_limits(void)
{
	CnGcra		minute = {0, 0, 0};
	CnGcra		hour = {0, 0, 0};
	int64		grants[1000];
	int			count = 0;
	int			broken = 0;

	for (int64 now = 0; now < INT64CONST(7200000000); now += 50000)
	{
		if (cn_gcra_wait(&minute, 20, 60000000, 1, now) > 0 || cn_gcra_wait(&hour, 100, INT64CONST(3600000000), 1, now) > 0)
			continue;
		cn_gcra_take(&minute, 20, 60000000, 1, now);
		cn_gcra_take(&hour, 100, INT64CONST(3600000000), 1, now);
		grants[count++] = now;
	}
	for (int i = 0; i + 20 < count; i++)
		broken += grants[i + 20] - grants[i] < 60000000;
	for (int i = 0; i + 100 < count; i++)
		broken += grants[i + 100] - grants[i] < INT64CONST(3600000000);
	tap_is_int(broken, 0, "a minute's limit and an hour's are both kept");
	tap_ok(count >= 180 && count <= 200, "and used: %d in two hours", count);
}

/* ---- the rest of the interface ---- */

static void
test_figures(void)
{
	CnGcra		rate = {0, 0, 0};

	tap_is_int(cn_gcra_burst(1), 1, "one at once of one");
	tap_is_int(cn_gcra_burst(9), 1, "of nine");
	tap_is_int(cn_gcra_burst(1000), 100, "a tenth of many");
	tap_is_int(cn_gcra_interval(1, 60000000), 60000000, "one a minute");
	tap_is_int(cn_gcra_interval(60, 60000000), 1090910, "sixty: rounded up");
	tap_is_int(cn_gcra_interval(1000000, 60000000), 67, "a million");
	tap_is_int(cn_gcra_interval(1000000, 1), 1, "never nothing");

	tap_ok(cn_gcra_is_idle(&rate, 0), "a new one is idle");
	tap_is_int(cn_gcra_room(&rate, 60, 60000000, 1, 5), 6, "a burst of room");
	for (int i = 6; i > 0; i--)
	{
		tap_is_int(cn_gcra_room(&rate, 60, 60000000, 1, 5), i, "room for %d", i);
		tap_ok(try(&rate, 60, 60000000, 5), "one more");
	}
	tap_is_int(cn_gcra_room(&rate, 60, 60000000, 1, 5), 0, "no more room");
	tap_is_int(cn_gcra_wait(&rate, 60, 60000000, 1, 5), 1090910, "until the next");
	tap_is_int(cn_gcra_wait(&rate, 60, 60000000, 1, 1090915), 0, "which may go then");
	tap_is_int(cn_gcra_wait(&rate, 60, 60000000, 1, 1090914), 1, "and not before");
	tap_ok(!cn_gcra_is_idle(&rate, 6545464), "not idle until all is paid off");
	tap_ok(cn_gcra_is_idle(&rate, 6545465), "then idle");
}

static void
test_room_is_true(void)
{
	int			wrong = 0;

	for (int i = 0; i < 20000; i++)
	{
		int			limit = 1 + random_below(200);
		int64		window = 100 + random_below(10000);
		int64		whole = cn_gcra_burst(limit) * cn_gcra_interval(limit, window);
		CnGcra		rate = {1000 + random_below((uint32) whole + 1), limit, 0};
		int			room = cn_gcra_room(&rate, limit, window, 1, 1000);
		int64		wait = cn_gcra_wait(&rate, limit, window, 1, 1000);
		int			gone = 0;

		wrong += (room == 0) != (wait > 0);
		wrong += cn_gcra_wait(&rate, limit, window, 1, 1000 + wait) != 0;
		while (try(&rate, limit, window, 1000))
			gone++;
		wrong += room != gone;
	}
	tap_is_int(wrong, 0, "room and wait say what is so");
}

static void
test_changed_limit(void)
{
	CnGcra		rate = {0, 0, 0};

	(void) try(&rate, 1, 3600, 0);
	tap_is_int(cn_gcra_wait(&rate, 1, 3600, 1, 100), 3500, "one an hour: wait");
	tap_is_int(cn_gcra_wait(&rate, 10, 3600, 1, 100), 350, "ten an hour: what was used is one of ten");
	tap_is_int(cn_gcra_room(&rate, 100, 3600, 1, 100), 9, "a hundred: one of ten at once is used");
	tap_is_int(cn_gcra_wait(&rate, 1, 3600, 1, 100), 3500, "asking changes nothing");
	for (int i = 0; i < 9; i++)
		tap_ok(try(&rate, 100, 3600, 100), "taken at the new limit, %d", i);
	tap_ok(!try(&rate, 100, 3600, 100), "and no more");
	tap_is_int(cn_gcra_wait(&rate, 1, 3600, 1, 100), 3600, "back to one: never longer than one window");
	tap_is_int(cn_gcra_wait(&rate, 1000000, 3600, 1, 5000), 0, "long after, nothing is left of it");
}

int
main(void)
{
	test_figures();
	test_all_states();
	test_random();
	test_weights();
	test_two_limits();
	test_room_is_true();
	test_changed_limit();
	return tap_done();
}
