/*
 * test_lanes.c -- whose turn it is: shares, priorities, waits, and what is remembered.
 *
 * The queue behind a directory is a small model: each lane has rows by number, ready or in
 * flight.  A turn picks, claims what the model has, and says so.
 */
#include "queue/lanes.h"
#include "queue/wait_heap.h"

#include "tap.h"

#define SPACES 12
#define CONNECTORS 4
#define PRIORITIES 3
#define MAX_ROWS 400
#define PICKS 128

#define MS INT64CONST(1000)

typedef struct ModelLane
{
	bool		ready[MAX_ROWS];	/* of row i; claimed ones are not */
	int			rows;			/* ever made */
	int			room;			/* of the callback; -1: any number */
	int64		wait_us;		/* where room is 0 */
	int			in_flight;
	CnLaneState *state;
} ModelLane;

/* Room and shares that the callbacks give, by workspace and lane. */
static ModelLane lane_of[SPACES][CONNECTORS][PRIORITIES];
static int	weight_of[SPACES];
static int	cap_of[SPACES];
static int	asked;
static int	claimed_of[SPACES];
static int64 clock_us;

static pg_uuid_t
number_id(int n)
{
	pg_uuid_t	id;

	memset(&id, 0, sizeof(id));
	for (int i = 0; i < 4; i++)
		id.data[UUID_LEN - 1 - i] = (n >> (8 * i)) & 0xff;
	return id;
}

static int
id_number(const pg_uuid_t *id)
{
	int			n = 0;

	for (int i = 0; i < 4; i++)
		n = (n << 8) | id->data[UUID_LEN - 4 + i];
	return n;
}

static CnLane
make_lane(int space, int connector, int priority)
{
	CnLane		lane;

	memset(&lane, 0, sizeof(lane));
	lane.workspace = number_id(space + 1);
	lane.connector = number_id(connector + 1);
	lane.priority = priority;
	return lane;
}

static ModelLane *
model_of(const CnLane *lane)
{
	return &lane_of[id_number(&lane->workspace) - 1][id_number(&lane->connector) - 1][lane->priority];
}

static int
room(const CnLane *lane, int wanted, int64 *wait_us, void *arg)
{
	ModelLane  *model = model_of(lane);

	asked++;
	*wait_us = model->wait_us;
	return model->room < 0 ? wanted : Min(wanted, model->room);
}

static void
share(const pg_uuid_t *workspace, int *weight, int *cap, void *arg)
{
	int			space = id_number(workspace) - 1;

	*weight = weight_of[space];
	*cap = cap_of[space];
}

static CnLanes *
start(void)
{
	memset(lane_of, 0, sizeof(lane_of));
	memset(claimed_of, 0, sizeof(claimed_of));
	for (int s = 0; s < SPACES; s++)
	{
		weight_of[s] = 1;
		cap_of[s] = 0;
		for (int c = 0; c < CONNECTORS; c++)
			for (int p = 0; p < PRIORITIES; p++)
				lane_of[s][c][p].room = -1;
	}
	asked = 0;
	clock_us = 1000 * MS;
	return cn_lanes_create();
}

/* count rows more, and the note of them. */
static void
queue(CnLanes *lanes, int space, int connector, int priority, int count)
{
	ModelLane  *model = &lane_of[space][connector][priority];
	CnLane		lane = make_lane(space, connector, priority);
	pg_uuid_t	first = number_id(model->rows + 1);

	for (int i = 0; i < count; i++)
		model->ready[model->rows++] = true;
	cn_lanes_note(lanes, &lane, &first);
}

/* Claim what a pick is for, as the queue would. */
static int
claim(CnLanes *lanes, const CnLanePick *pick)
{
	ModelLane  *model = model_of(&pick->lane);
	pg_uuid_t	last = pick->after;
	int			got = 0;

	for (int row = id_number(&pick->after); row < model->rows && got < pick->wanted; row++)
	{
		if (!model->ready[row])
			continue;
		model->ready[row] = false;
		last = number_id(row + 1);
		got++;
	}
	model->in_flight += got;
	model->state = pick->state;
	claimed_of[id_number(&pick->lane.workspace) - 1] += got;
	cn_lanes_claimed(lanes, pick, got, &last);
	return got;
}

static int
pick(CnLanes *lanes, int budget, int capacity, CnLanePick *picks, int max)
{
	return cn_lanes_pick(lanes, budget, capacity, clock_us, room, share, NULL, picks, max);
}

/* Pick and claim once; returns how many rows. */
static int
turn(CnLanes *lanes, int budget, int capacity)
{
	CnLanePick	picks[PICKS];
	int			count = pick(lanes, budget, capacity, picks, PICKS);
	int			sum = 0;

	for (int i = 0; i < count; i++)
		sum += claim(lanes, &picks[i]);
	return sum;
}

/* Some of a lane that are in flight end. */
static void
end(CnLanes *lanes, int space, int connector, int priority, int count)
{
	ModelLane  *model = &lane_of[space][connector][priority];

	for (int i = 0; i < count && model->in_flight > 0; i++)
	{
		model->in_flight--;
		cn_lanes_ended(lanes, model->state);
	}
}

static void
end_all(CnLanes *lanes)
{
	for (int s = 0; s < SPACES; s++)
		for (int c = 0; c < CONNECTORS; c++)
			for (int p = 0; p < PRIORITIES; p++)
				end(lanes, s, c, p, lane_of[s][c][p].in_flight);
}

static bool
ready(CnLanes *lanes)
{
	int64		wait_us;

	return cn_lanes_ready(lanes, clock_us, &wait_us);
}

/* ---- nothing, and one ---- */

static void
test_empty(void)
{
	CnLanes    *lanes = start();
	CnLanePick	picks[PICKS];
	int64		wait_us = 7;

	tap_ok(!cn_lanes_ready(lanes, clock_us, &wait_us) && wait_us == -1, "an empty directory has nothing");
	lanes = start();
	tap_is_int(pick(lanes, 10, 10, picks, PICKS), 0, "and nothing to pick");
	lanes = start();
	cn_lanes_end_waits(lanes);
	tap_is_int(cn_lanes_in_flight(lanes), 0, "nothing in flight");
}

static void
test_bounds(void)
{
	CnLanes    *lanes = start();
	CnLanePick	picks[PICKS + 1];
	int			count;
	bool		within;

	queue(lanes, 0, 0, 0, 50);
	tap_is_int(turn(lanes, 0, 100), 0, "no budget, no rows");
	lanes = start();
	queue(lanes, 0, 0, 0, 50);
	tap_is_int(turn(lanes, 10, 0), 0, "no capacity, no rows");
	lanes = start();
	queue(lanes, 0, 0, 0, 50);
	tap_is_int(turn(lanes, 10, -5), 0, "nor with one that was lowered");

	lanes = start();
	for (int s = 0; s < SPACES; s++)
		for (int c = 0; c < CONNECTORS; c++)
			queue(lanes, s, c, 0, 5);
	memset(picks, 0, sizeof(picks));
	count = pick(lanes, 1000, 10000, picks, 7);
	within = picks[7].state == NULL;
	tap_ok(count == 7 && within, "never more picks than there is room for");

	lanes = start();
	lane_of[0][0][0].room = 1000;
	queue(lanes, 0, 0, 0, 50);
	(void) pick(lanes, 10, 1000, picks, PICKS);
	tap_is_int(picks[0].wanted, 10, "nor more rows than asked for");
}

static void
test_one_place(void)
{
	CnLanes    *lanes = start();

	queue(lanes, 0, 0, 0, 3);
	tap_ok(turn(lanes, 5, 1) == 1 && turn(lanes, 5, 1) == 0, "with one place one runs");
	lanes = start();
	queue(lanes, 0, 0, 0, 3);
	(void) turn(lanes, 5, 1);
	end_all(lanes);
	tap_is_int(turn(lanes, 5, 1), 1, "and then the next");
}

/* ---- shares ---- */

static void
test_order_of_workspaces(void)
{
	CnLanes    *lanes = start();

	queue(lanes, 0, 0, 0, 300);
	queue(lanes, 1, 0, 0, 1);
	(void) turn(lanes, 100, 1000);
	tap_is_int(claimed_of[1], 1, "a backlog does not keep a single one of another workspace back");

	lanes = start();
	for (int s = 0; s < SPACES; s++)
		queue(lanes, s, 0, 0, 5);
	for (int i = 0; i < SPACES; i++)
		(void) turn(lanes, 1, 1000);
	for (int s = 0; s < SPACES; s++)
		if (claimed_of[s] != 1)
			claimed_of[0] = -1;
	tap_is_int(claimed_of[0], 1, "one at a time, each workspace gets one in its turn");

	lanes = start();
	for (int c = 0; c < CONNECTORS; c++)
		queue(lanes, 0, c, 0, 300);
	queue(lanes, 1, 0, 0, 300);
	(void) turn(lanes, 100, 1000);
	tap_is_int(claimed_of[0], 50, "more connectors do not give a workspace more");
}

static void
test_many_lanes_of_one(void)
{
	CnLanes    *lanes = start();
	CnLanePick	picks[8];
	bool		other = false;

	for (int c = 0; c < CONNECTORS; c++)
		queue(lanes, 0, c, 0, 300);
	queue(lanes, 1, 0, 0, 300);
	for (int i = pick(lanes, 100, 1000, picks, 4) - 1; i >= 0; i--)
		other |= id_number(&picks[i].lane.workspace) == 2;
	tap_ok(other, "nor can its lanes take all the picks");
}

static void
test_weights(void)
{
	CnLanes    *lanes = start();

	weight_of[0] = 3;
	queue(lanes, 0, 0, 0, 300);
	queue(lanes, 1, 0, 0, 300);
	(void) turn(lanes, 100, 10000);
	tap_ok(claimed_of[0] == 75 && claimed_of[1] == 25, "by weight, in one choice");

	for (int budget = 1; budget <= 9; budget++)
	{
		lanes = start();
		weight_of[0] = 4;
		weight_of[1] = 2;
		for (int s = 0; s < 4; s++)
			queue(lanes, s, 0, 0, 399);
		while (claimed_of[0] + claimed_of[1] + claimed_of[2] + claimed_of[3] < 480)
			(void) turn(lanes, budget, 100000);
		tap_ok(abs(claimed_of[0] - 240) <= 8 && abs(claimed_of[1] - 120) <= 8 && abs(claimed_of[2] - 60) <= 8 &&
			   abs(claimed_of[3] - 60) <= 8, "and in many of %d", budget);
	}
	lanes = start();
	weight_of[0] = 0;
	weight_of[1] = -3;
	queue(lanes, 0, 0, 0, 300);
	queue(lanes, 1, 0, 0, 300);
	(void) turn(lanes, 100, 10000);
	tap_ok(claimed_of[0] == 50 && claimed_of[1] == 50, "one that is nothing counts as one");
}

static void
test_hanging(void)
{
	CnLanes    *lanes = start();
	int			most = 0;

	for (int i = 0; i < 30; i++)
	{
		queue(lanes, 0, 0, 0, 10);
		(void) turn(lanes, 50, 90);
		most = cn_lanes_in_flight(lanes);
	}
	tap_ok(most == 80, "one whose executions hang gets eight ninths: %d of 90", most);

	lanes = start();
	queue(lanes, 0, 0, 0, 300);
	queue(lanes, 1, 0, 0, 300);
	for (int i = 0; i < 30; i++)
		(void) turn(lanes, 50, 170);
	tap_ok(claimed_of[0] + claimed_of[1] == 160 && abs(claimed_of[0] - claimed_of[1]) <= 8,
		   "two share what one must leave: %d, %d", claimed_of[0], claimed_of[1]);

	lanes = start();
	queue(lanes, 0, 0, 0, 300);
	for (int i = 0; i < 30; i++)
		(void) turn(lanes, 50, 90);
	queue(lanes, 1, 0, 0, 1);
	(void) turn(lanes, 10, 90);
	tap_is_int(claimed_of[1], 1, "so another one finds a place");
}

static void
test_full_is_not_ready(void)
{
	CnLanes    *lanes = start();
	bool		before;
	bool		after;

	queue(lanes, 0, 0, 0, 300);
	while (turn(lanes, 50, 90) > 0)
		continue;
	before = ready(lanes);
	end(lanes, 0, 0, 0, 2);
	after = ready(lanes);
	tap_ok(!before && after, "one that has its share is not ready before something ends");

	lanes = start();
	cap_of[0] = 3;
	queue(lanes, 0, 0, 0, 300);
	while (turn(lanes, 50, 90) > 0)
		continue;
	before = ready(lanes);
	cap_of[0] = 5;
	cn_lanes_end_waits(lanes);
	tap_ok(claimed_of[0] == 3 && !before && ready(lanes), "nor one at its cap before that is asked for again");

	lanes = start();
	queue(lanes, 0, 0, 0, 300);
	while (turn(lanes, 50, 90) > 0)
		continue;
	queue(lanes, 1, 0, 0, 1);
	tap_ok(ready(lanes), "others are");
}

static void
test_cap(void)
{
	CnLanes    *lanes = start();

	cap_of[0] = 3;
	queue(lanes, 0, 0, 0, 20);
	queue(lanes, 0, 1, 0, 20);
	queue(lanes, 1, 0, 0, 20);
	for (int i = 0; i < 5; i++)
		(void) turn(lanes, 20, 1000);
	tap_ok(claimed_of[0] == 3 && claimed_of[1] == 20, "a cap holds over all lanes");

	lanes = start();
	cap_of[0] = 3;
	queue(lanes, 0, 0, 0, 20);
	for (int i = 0; i < 5; i++)
		(void) turn(lanes, 20, 1000);
	end(lanes, 0, 0, 0, 2);
	tap_is_int(turn(lanes, 20, 1000), 2, "what ends makes room");

	lanes = start();
	queue(lanes, 0, 0, 0, 20);
	(void) turn(lanes, 10, 1000);
	cap_of[0] = 3;
	tap_is_int(turn(lanes, 10, 1000), 0, "one that was lowered below what runs gives none");
}

/* ---- within a workspace ---- */

static void
test_priorities(void)
{
	CnLanes    *lanes = start();
	CnLanePick	picks[PICKS];
	int			count;

	queue(lanes, 0, 0, 2, 50);
	queue(lanes, 0, 1, 0, 5);
	count = pick(lanes, 10, 1000, picks, PICKS);
	tap_ok(count == 1 && picks[0].lane.priority == 0, "the highest priority goes first");

	lanes = start();
	queue(lanes, 0, 0, 2, 50);
	queue(lanes, 0, 1, 0, 5);
	(void) turn(lanes, 10, 1000);
	(void) turn(lanes, 10, 1000);
	tap_ok(lane_of[0][1][0].in_flight == 5 && lane_of[0][0][2].in_flight == 10, "then the next");

	lanes = start();
	queue(lanes, 0, 0, 2, 50);
	queue(lanes, 0, 1, 0, 5);
	lane_of[0][1][0].room = 0;
	lane_of[0][1][0].wait_us = 50 * MS;
	(void) turn(lanes, 10, 1000);
	tap_is_int(lane_of[0][0][2].in_flight, 10, "at once if all of the higher has to wait");

	lanes = start();
	queue(lanes, 0, 0, 2, 50);
	(void) turn(lanes, 10, 1000);
	queue(lanes, 0, 1, 0, 5);
	(void) turn(lanes, 5, 1000);
	tap_is_int(lane_of[0][1][0].in_flight, 5, "what comes later and is higher overtakes");
}

static void
test_like_lanes(void)
{
	CnLanes    *lanes = start();
	bool		even = true;

	for (int c = 0; c < CONNECTORS; c++)
		queue(lanes, 0, c, 1, 100);
	for (int i = 0; i < 3 * CONNECTORS; i++)
		(void) turn(lanes, 1, 1000);
	for (int c = 0; c < CONNECTORS; c++)
		even &= lane_of[0][c][1].in_flight == 3;
	tap_ok(even, "lanes of one priority take turns");

	lanes = start();
	for (int c = 0; c < 3; c++)
		queue(lanes, 0, c, 1, 100);
	tap_ok(turn(lanes, 10, 1000) == 10 && lane_of[0][0][1].in_flight == 4 && lane_of[0][2][1].in_flight == 3,
		   "and share a larger budget, to its last row");
}

/* ---- waits ---- */

static void
test_waits(void)
{
	CnLanes    *lanes = start();
	int64		wait_us = 0;
	bool		is_ready;

	queue(lanes, 0, 0, 0, 5);
	lane_of[0][0][0].room = 0;
	lane_of[0][0][0].wait_us = 50 * MS;
	(void) turn(lanes, 10, 100);
	is_ready = cn_lanes_ready(lanes, clock_us, &wait_us);
	tap_ok(!is_ready && wait_us == 50 * MS, "what has to wait says how long");

	lanes = start();
	queue(lanes, 0, 0, 0, 5);
	lane_of[0][0][0].room = 0;
	lane_of[0][0][0].wait_us = 50 * MS;
	(void) turn(lanes, 10, 100);
	clock_us += 49 * MS;
	(void) turn(lanes, 10, 100);
	tap_is_int(asked, 1, "it is not asked before");

	lanes = start();
	queue(lanes, 0, 0, 0, 5);
	lane_of[0][0][0].room = 0;
	lane_of[0][0][0].wait_us = 50 * MS;
	(void) turn(lanes, 10, 100);
	clock_us += 50 * MS;
	lane_of[0][0][0].room = 2;
	tap_is_int(turn(lanes, 10, 100), 2, "but then");

	lanes = start();
	queue(lanes, 0, 0, 0, 5);
	lane_of[0][0][0].room = 0;
	lane_of[0][0][0].wait_us = 0;
	(void) turn(lanes, 10, 100);
	(void) cn_lanes_ready(lanes, clock_us, &wait_us);
	tap_is_int(wait_us, 1 * MS, "a wait of nothing is one all the same");

	lanes = start();
	queue(lanes, 0, 0, 0, 5);
	lane_of[0][0][0].room = 0;
	lane_of[0][0][0].wait_us = -1;
	(void) turn(lanes, 10, 100);
	is_ready = cn_lanes_ready(lanes, clock_us, &wait_us);
	clock_us += 1000000 * MS;
	tap_ok(!is_ready && wait_us == -1 && !ready(lanes), "one may be for ever");

	lanes = start();
	queue(lanes, 0, 0, 0, 5);
	lane_of[0][0][0].room = 0;
	lane_of[0][0][0].wait_us = -1;
	(void) turn(lanes, 10, 100);
	queue(lanes, 0, 0, 0, 1);
	is_ready = ready(lanes);
	lane_of[0][0][0].room = -1;
	cn_lanes_end_waits(lanes);
	tap_ok(!is_ready && turn(lanes, 10, 100) == 6, "until it is announced, with what came meanwhile");
}

static void
test_postponed(void)
{
	CnLanes    *lanes = start();
	CnLanePick	picks[PICKS];
	int64		wait_us;

	queue(lanes, 0, 0, 0, 5);
	(void) pick(lanes, 1, 100, picks, PICKS);
	cn_lanes_postpone(lanes, picks[0].state, clock_us + 60 * MS);
	(void) cn_lanes_ready(lanes, clock_us, &wait_us);
	tap_is_int(wait_us, 60 * MS, "what is postponed waits");
}

/* 100,000 lanes that wait cost nothing but their memory. */
static void
test_many_waiting(void)
{
	CnLanes    *lanes = start();
	CnLane		lane = make_lane(0, 0, 0);
	pg_uuid_t	first = number_id(1);
	CnLanePick	picks[PICKS];
	int			most = 0;
	int			before;

	lane_of[0][0][0].room = 0;
	lane_of[0][0][0].wait_us = -1;
	for (int n = 0; n < 100000; n++)
	{
		/* the callbacks know only the last byte's workspaces: what is above makes them others */
		lane.connector.data[0] = n & 0xff;
		lane.connector.data[1] = (n >> 8) & 0xff;
		lane.workspace.data[0] = n >> 16;
		cn_lanes_note(lanes, &lane, &first);
	}
	while (ready(lanes))
	{
		before = asked;
		(void) pick(lanes, 500, 1000, picks, PICKS);
		most = Max(most, asked - before);
	}
	tap_ok(asked == 100000 && most <= PICKS * 4, "each is asked once, %d at a time at most", most);

	lanes = start();
	queue(lanes, 1, 1, 1, 10);
	asked = 0;
	(void) turn(lanes, 500, 1000);
	tap_is_int(asked, 1, "only what goes is asked");
}

/* ---- cursors ---- */

static void
test_cursor(void)
{
	CnLanes    *lanes = start();
	CnLane		lane = make_lane(0, 0, 0);
	CnLanePick	picks[PICKS];
	pg_uuid_t	first;
	pg_uuid_t	zero;

	queue(lanes, 0, 0, 0, 10);
	(void) turn(lanes, 4, 1000);
	(void) pick(lanes, 4, 1000, picks, PICKS);
	tap_is_int(id_number(&picks[0].after), 4, "a lane goes on behind what was claimed");

	lanes = start();
	queue(lanes, 0, 0, 0, 10);
	(void) turn(lanes, 4, 1000);
	first = number_id(3);
	cn_lanes_note(lanes, &lane, &first);
	(void) pick(lanes, 4, 1000, picks, PICKS);
	tap_is_int(id_number(&picks[0].after), 2, "a note of an earlier row moves it back");

	lanes = start();
	queue(lanes, 0, 0, 0, 10);
	(void) turn(lanes, 4, 1000);
	first = number_id(8);
	cn_lanes_note(lanes, &lane, &first);
	(void) pick(lanes, 4, 1000, picks, PICKS);
	tap_is_int(id_number(&picks[0].after), 4, "one of a later row does not move it on");

	lanes = start();
	first = number_id(256);
	cn_lanes_note(lanes, &lane, &first);
	(void) pick(lanes, 4, 1000, picks, PICKS);
	tap_is_int(id_number(&picks[0].after), 255, "before a row is before it, over the bytes");

	lanes = start();
	first = zero = number_id(0);
	cn_lanes_note(lanes, &lane, &first);
	(void) pick(lanes, 4, 1000, picks, PICKS);
	tap_ok(memcmp(&picks[0].after, &zero, UUID_LEN) == 0, "before the first id there is none");
}

static void
test_forgetting(void)
{
	CnLanes    *lanes = start();
	int			at_most = 0;

	for (int n = 0; n < 3000; n++)
	{
		CnLane		lane = make_lane(n % SPACES, 0, 0);
		pg_uuid_t	first = number_id(1);
		CnLanePick	picks[PICKS];

		/* it has no row: somebody else was quicker */
		lane.connector.data[0] = n & 0xff;
		lane.connector.data[1] = (n >> 8) & 0xff;
		cn_lanes_note(lanes, &lane, &first);
		for (int i = pick(lanes, 10, 100, picks, PICKS) - 1; i >= 0; i--)
			cn_lanes_claimed(lanes, &picks[i], 0, &first);
		at_most = Max(at_most, cn_lanes_known(lanes));
	}
	tap_is_int(at_most, 0, "lanes without rows are forgotten");

	lanes = start();
	queue(lanes, 0, 0, 0, 3);
	(void) turn(lanes, 10, 100);
	at_most = cn_lanes_known(lanes);
	end_all(lanes);
	tap_ok(at_most == 1 && cn_lanes_known(lanes) == 0, "those whose rows are in flight when they have ended");

	lanes = start();
	queue(lanes, 0, 0, 0, 3);
	lane_of[0][0][0].room = 0;
	lane_of[0][0][0].wait_us = -1;
	(void) turn(lanes, 10, 100);
	tap_is_int(cn_lanes_known(lanes), 1, "those that wait are not");
}

/* ---- a model ---- */

static unsigned int seed;

static int
random_below(int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

static bool
counts_are_right(CnLanes *lanes)
{
	int			sum = 0;

	for (int s = 0; s < SPACES; s++)
		for (int c = 0; c < CONNECTORS; c++)
			for (int p = 0; p < PRIORITIES; p++)
				sum += lane_of[s][c][p].in_flight;
	return sum == cn_lanes_in_flight(lanes);
}

/* What of the model is neither claimed nor over. */
static int
left(void)
{
	int			sum = 0;

	for (int s = 0; s < SPACES; s++)
		for (int c = 0; c < CONNECTORS; c++)
			for (int p = 0; p < PRIORITIES; p++)
				for (int i = 0; i < lane_of[s][c][p].rows; i++)
					sum += lane_of[s][c][p].ready[i];
	return sum;
}

static void
random_step(CnLanes *lanes, int *queued, bool *capped)
{
	int			s = random_below(SPACES);
	int			c = random_below(CONNECTORS);
	int			p = random_below(PRIORITIES);
	ModelLane  *model = &lane_of[s][c][p];
	int			count = 1 + random_below(9);
	int			before;

	switch (random_below(10))
	{
		case 0:
		case 1:
		case 2:
			if (model->rows + count > lengthof(model->ready))
				break;
			queue(lanes, s, c, p, count);
			*queued += count;
			break;
		case 3:
			model->room = random_below(4) - 1;
			model->wait_us = random_below(3) == 0 ? -1 : random_below(20) * MS;
			break;
		case 4:
			weight_of[s] = random_below(5);
			cap_of[s] = random_below(3) * 5;
			break;
		case 5:
		case 6:
			end(lanes, s, c, p, 1 + random_below(5));
			break;
		case 7:
			clock_us += random_below(10) * MS;
			if (random_below(20) == 0)
				cn_lanes_end_waits(lanes);
			break;
		default:
			before = cn_lanes_in_flight(lanes);
			(void) turn(lanes, 1 + random_below(40), 60);
			*capped &= cn_lanes_in_flight(lanes) <= Max(60, before);
			break;
	}
}

/* Rows come, wait, run and end in any order; at last every one has been claimed once. */
static void
test_model(unsigned int number)
{
	CnLanes    *lanes = start();
	int			queued = 0;
	int			sum = 0;
	bool		right = true;
	bool		capped = true;

	seed = number;
	for (int i = 0; i < 20000; i++)
	{
		random_step(lanes, &queued, &capped);
		right &= counts_are_right(lanes);
	}
	for (int s = 0; s < SPACES; s++)
	{
		cap_of[s] = 0;
		for (int c = 0; c < CONNECTORS; c++)
			for (int p = 0; p < PRIORITIES; p++)
				lane_of[s][c][p].room = -1;
	}
	cn_lanes_end_waits(lanes);
	while (ready(lanes) || cn_lanes_in_flight(lanes) > 0)
	{
		(void) turn(lanes, 20, 60);
		end_all(lanes);
	}
	for (int s = 0; s < SPACES; s++)
		sum += claimed_of[s];
	tap_ok(queued > 10000 && sum == queued && left() == 0 && right && capped && cn_lanes_known(lanes) == 0,
		   "model %u: %d rows, each claimed once; never too many in flight; all forgotten", number, queued);
}

/* ---- the heap ---- */

static void
test_heap(void)
{
	CnWaitNode	nodes[500];
	bool		in[500];
	CnWaitHeap	heap;
	bool		right = true;

	seed = 4;
	cn_wait_heap_init(&heap);
	memset(in, 0, sizeof(in));
	for (int step = 0; step < 50000; step++)
	{
		int			n = random_below(lengthof(nodes));
		int64		least = PG_INT64_MAX;

		if (in[n])
			cn_wait_heap_remove(&heap, &nodes[n]);
		else
			cn_wait_heap_add(&heap, &nodes[n], random_below(1000));
		in[n] = !in[n];
		for (int i = 0; i < lengthof(nodes); i++)
			if (in[i])
				least = Min(least, nodes[i].until_us);
		right &= heap.count == 0 ? cn_wait_heap_first(&heap) == NULL
			: cn_wait_heap_first(&heap)->until_us == least;
	}
	tap_ok(right, "the first of a heap is the least, whatever comes and goes");
}

int
main(void)
{
	test_empty();
	test_bounds();
	test_one_place();
	test_order_of_workspaces();
	test_many_lanes_of_one();
	test_weights();
	test_hanging();
	test_full_is_not_ready();
	test_cap();
	test_priorities();
	test_like_lanes();
	test_waits();
	test_postponed();
	test_many_waiting();
	test_cursor();
	test_forgetting();
	for (unsigned int number = 1; number <= 8; number++)
		test_model(number);
	test_heap();
	return tap_done();
}
