/*
 * lanes.c -- whose turn it is: a worker's directory of lanes.
 *
 * A lane is idle (its rows are all claimed), going (it may be chosen) or waiting (not before some
 * time).  Workspaces with going lanes stand in a ring; waiting lanes are in a heap, so that
 * neither choosing nor asking whether anything can be chosen costs more for all that wait.
 * An idle lane of which nothing is in flight is forgotten, so the directory is
 * bounded by what there is to do.
 *
 * Workspaces take turns.  In its turn a workspace may take as many rows as its weight, times the same
 * for all; one whose turn is cut short, for the budget is used up, goes on with it the next time.
 */
#include "core/pure.h"

#include "common/hashfn.h"
#ifdef FRONTEND
#include "common/logging.h"		/* for simplehash.h */
#endif
#include "lib/ilist.h"

#include "queue/lanes.h"
#include "queue/wait_heap.h"

#define PRIORITIES 10

/* A lane that has to wait is not asked again sooner. */
#define LEAST_WAIT_US 1000

/*
 * Lanes that are asked for their room in one choice, times the picks that are wanted: when very
 * many have to wait that is found out bit by bit.
 */
#define ASK_FACTOR 4

typedef enum LanePlace
{
	LANE_IDLE,
	LANE_GOING,					/* in space->going */
	LANE_WAITING				/* in lanes->waiting */
} LanePlace;

typedef struct LaneSpace
{
	pg_uuid_t	workspace;
	dlist_node	ring_node;		/* in lanes->ring while any lane is going */
	dlist_head	going[PRIORITIES];	/* those that were served last behind */
	int			going_count[PRIORITIES];
	int			going_sum;
	int			lane_count;		/* all it has */
	int			in_flight;
	int64		credit;			/* rows left of its turn; 0: it has none yet */
	uint64		full_at;		/* no room for it while lanes->moment is that */
} LaneSpace;

struct CnLaneState
{
	CnLane		lane;
	LaneSpace  *space;
	LanePlace	place;
	dlist_node	node;			/* in space->going */
	CnWaitNode	wait;			/* in lanes->waiting; PG_INT64_MAX: until something is announced */
	pg_uuid_t	after;
	int			in_flight;
};

typedef struct LaneEntry
{
	CnLane		key;
	CnLaneState *state;
	char		status;
} LaneEntry;

typedef struct SpaceEntry
{
	pg_uuid_t	key;
	LaneSpace  *space;
	char		status;
} SpaceEntry;

static uint32
hash_lane(CnLane lane)
{
	uint32		hash = hash_bytes(lane.workspace.data, UUID_LEN);

	hash = hash_combine(hash, hash_bytes(lane.connector.data, UUID_LEN));
	return hash_combine(hash, (uint32) lane.priority);
}

/* Outside the server there are no contexts. */
#ifdef FRONTEND
#define SH_RAW_ALLOCATOR palloc0
#define create_table(prefix) prefix##_create(64, NULL)
#define allocate(lanes, size) palloc0(size)
#else
#define create_table(prefix) prefix##_create(CurrentMemoryContext, 64, NULL)
#define allocate(lanes, size) MemoryContextAllocZero((lanes)->context, size)
#endif

#define SH_PREFIX lane_table
#define SH_ELEMENT_TYPE LaneEntry
#define SH_KEY_TYPE CnLane
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_lane(key)
#define SH_EQUAL(table, a, b) cn_lane_equal(&(a), &(b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#ifdef FRONTEND
#define SH_RAW_ALLOCATOR palloc0
#endif
#define SH_PREFIX space_table
#define SH_ELEMENT_TYPE SpaceEntry
#define SH_KEY_TYPE pg_uuid_t
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_bytes((key).data, UUID_LEN)
#define SH_EQUAL(table, a, b) (memcmp((a).data, (b).data, UUID_LEN) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct CnLanes
{
#ifndef FRONTEND
	MemoryContext context;
#endif
	lane_table_hash *lanes;
	space_table_hash *spaces;
	dlist_head	ring;			/* spaces with going lanes, whose turn is next first */
	CnWaitHeap	waiting;
	int			in_flight;
	uint64		moment;			/* goes on whenever there may be more room */
};

CnLanes *
cn_lanes_create(void)
{
	CnLanes    *lanes = palloc0(sizeof(CnLanes));

#ifndef FRONTEND
	lanes->context = CurrentMemoryContext;
#endif
	lanes->lanes = create_table(lane_table);
	lanes->spaces = create_table(space_table);
	dlist_init(&lanes->ring);
	cn_wait_heap_init(&lanes->waiting);
	lanes->moment = 1;
	return lanes;
}

int
cn_lanes_in_flight(CnLanes *lanes)
{
	return lanes->in_flight;
}

int
cn_lanes_known(CnLanes *lanes)
{
	return lanes->lanes->members;
}

/* ---- where a lane is ---- */

static int
priority_of(const CnLaneState *state)
{
	return Max(0, Min(state->lane.priority, PRIORITIES - 1));
}

static void
start_going(CnLanes *lanes, CnLaneState *state)
{
	LaneSpace  *space = state->space;
	int			priority = priority_of(state);

	dlist_push_tail(&space->going[priority], &state->node);
	space->going_count[priority]++;
	if (space->going_sum++ == 0)
		dlist_push_tail(&lanes->ring, &space->ring_node);
}

static void
stop_going(CnLaneState *state)
{
	LaneSpace  *space = state->space;

	dlist_delete(&state->node);
	space->going_count[priority_of(state)]--;
	if (--space->going_sum > 0)
		return;
	dlist_delete(&space->ring_node);
	space->credit = 0;
}

/* until_us: for LANE_WAITING. */
static void
move_lane(CnLanes *lanes, CnLaneState *state, LanePlace place, int64 until_us)
{
	if (state->place == LANE_GOING)
		stop_going(state);
	else if (state->place == LANE_WAITING)
		cn_wait_heap_remove(&lanes->waiting, &state->wait);
	state->place = place;
	if (place == LANE_GOING)
		start_going(lanes, state);
	else if (place == LANE_WAITING)
		cn_wait_heap_add(&lanes->waiting, &state->wait, until_us);
}

static CnLaneState *
lane_of_wait(CnWaitNode *node)
{
	return (CnLaneState *) ((char *) node - offsetof(CnLaneState, wait));
}

/* What has waited until now goes again. */
static void
end_waits(CnLanes *lanes, int64 now_us)
{
	CnWaitNode *first;

	while ((first = cn_wait_heap_first(&lanes->waiting)) != NULL && first->until_us <= now_us)
		move_lane(lanes, lane_of_wait(first), LANE_GOING, 0);
}

/* ---- what is known ---- */

static LaneSpace *
get_space(CnLanes *lanes, const pg_uuid_t *workspace)
{
	bool		found;
	SpaceEntry *entry = space_table_insert(lanes->spaces, *workspace, &found);

	if (!found)
	{
		entry->space = allocate(lanes, sizeof(LaneSpace));
		entry->space->workspace = *workspace;
		for (int i = 0; i < PRIORITIES; i++)
			dlist_init(&entry->space->going[i]);
	}
	return entry->space;
}

static CnLaneState *
get_lane(CnLanes *lanes, const CnLane *lane, const pg_uuid_t *after)
{
	bool		found;
	LaneEntry  *entry = lane_table_insert(lanes->lanes, *lane, &found);

	if (!found)
	{
		CnLaneState *state = allocate(lanes, sizeof(CnLaneState));

		entry->state = state;
		state->lane = *lane;
		state->after = *after;
		state->space = get_space(lanes, &lane->workspace);
		state->space->lane_count++;
	}
	return entry->state;
}

/* Nothing is left that would have to be remembered. */
static void
forget_if_idle(CnLanes *lanes, CnLaneState *state)
{
	LaneSpace  *space = state->space;

	if (state->place != LANE_IDLE || state->in_flight > 0)
		return;
	lane_table_delete(lanes->lanes, state->lane);
	pfree(state);
	if (--space->lane_count > 0)
		return;
	space_table_delete(lanes->spaces, space->workspace);
	pfree(space);
}

/* The id before id; there is none before the first. */
static pg_uuid_t
before(const pg_uuid_t *id)
{
	pg_uuid_t	result = *id;

	for (int i = UUID_LEN - 1; i >= 0; i--)
		if (result.data[i]-- != 0)
			return result;
	return *id;
}

void
cn_lanes_note(CnLanes *lanes, const CnLane *lane, const pg_uuid_t *first)
{
	pg_uuid_t	after = before(first);
	CnLaneState *state = get_lane(lanes, lane, &after);

	if (memcmp(after.data, state->after.data, UUID_LEN) < 0)
		state->after = after;
	if (state->place == LANE_IDLE)
		move_lane(lanes, state, LANE_GOING, 0);
}

void
cn_lanes_end_waits(CnLanes *lanes)
{
	end_waits(lanes, PG_INT64_MAX);
	lanes->moment++;
}

/* ---- choosing ---- */

/* One choice under way. */
typedef struct Choice
{
	CnLanes    *lanes;
	int64		now_us;
	int			budget;
	int			capacity;
	int			promised;		/* rows chosen so far */
	int			turns;			/* workspaces that have not been served yet */
	int			asks;			/* lanes that may still be asked */
	CnLaneRoom	room;
	void	   *arg;
	CnLanePick *picks;
	int			count;
	int			max;
} Choice;

static bool
is_full(const CnLanes *lanes, const LaneSpace *space)
{
	return space->full_at == lanes->moment;
}

/* Rows a workspace may have in flight on top of what it has. */
static int
space_left(const Choice *choice, const LaneSpace *space, int cap)
{
	int			free_now = choice->capacity - choice->lanes->in_flight - choice->promised;
	int64		most = (int64) CN_LANES_FACTOR * Max(free_now, 0);

	/*
	 * in_flight + x <= factor * (free - x), solved for x; where nothing else runs, the last
	 * place is given, too, or a worker for one at a time would run none.
	 */
	int64		left = (most - space->in_flight) / (CN_LANES_FACTOR + 1);

	if (left <= 0 && space->in_flight == 0 && free_now > 0)
		left = 1;
	if (cap > 0)
		left = Min(left, cap - space->in_flight);
	return (int) Max(Min(left, free_now), 0);
}

/* Take up to wanted rows of a lane; returns how many, or 0 and it waits. */
static int
choose_lane(Choice *choice, CnLaneState *state, int wanted)
{
	int64		wait_us = -1;
	int			rows = choice->room(&state->lane, wanted, &wait_us, choice->arg);

	choice->asks--;
	if (rows <= 0)
	{
		move_lane(choice->lanes, state, LANE_WAITING,
				  wait_us < 0 ? PG_INT64_MAX : choice->now_us + Max(wait_us, LEAST_WAIT_US));
		return 0;
	}
	rows = Min(rows, wanted);
	choice->picks[choice->count++] = (CnLanePick)
	{
		state, state->lane, state->after, rows
	};
	choice->promised += rows;
	return rows;
}

/* Up to share rows from up to most lanes of one priority; whoever is served goes behind its like. */
static int
choose_from_priority(Choice *choice, LaneSpace *space, int priority, int share, int most)
{
	int			lanes = space->going_count[priority];
	int			chosen = 0;

	while (lanes > 0 && most > 0 && chosen < share && choice->asks > 0)
	{
		CnLaneState *state = dlist_head_element(CnLaneState, node, &space->going[priority]);
		int			among = Min(lanes, most);
		int			rows = choose_lane(choice, state, (share - chosen + among - 1) / among);

		lanes--;
		if (rows == 0)
			continue;
		dlist_delete(&state->node);
		dlist_push_tail(&space->going[priority], &state->node);
		chosen += rows;
		most--;
	}
	return chosen;
}

/*
 * Up to share rows of a workspace, from the highest priority that gives any: lower ones only
 * where all of the higher waits.
 */
static int
choose_from_space(Choice *choice, LaneSpace *space, int share)
{
	int			most = Max((choice->max - choice->count) / Max(choice->turns, 1), 1);

	for (int priority = 0; priority < PRIORITIES; priority++)
	{
		int			chosen;

		if (space->going_count[priority] == 0)
			continue;
		chosen = choose_from_priority(choice, space, priority, share, most);
		if (chosen > 0 || choice->asks <= 0)
			return chosen;
	}
	return 0;
}

/* The first most workspaces of the ring that could be served, and their weights together. */
static int64
weigh_ring(CnLanes *lanes, CnLaneShare share, void *arg, int most, int *count)
{
	dlist_iter	iter;
	int64		sum = 0;

	*count = 0;
	dlist_foreach(iter, &lanes->ring)
	{
		LaneSpace  *space = dlist_container(LaneSpace, ring_node, iter.cur);
		int			weight = 1;
		int			cap = 0;

		if (is_full(lanes, space))
			continue;
		share(&space->workspace, &weight, &cap, arg);
		sum += Max(weight, 1);
		if (++*count == most)
			break;
	}
	return sum;
}

/* The end of a workspace's turn: behind all others, if it is in the ring at all. */
static void
end_turn(CnLanes *lanes, LaneSpace *space)
{
	space->credit = 0;
	if (space->going_sum == 0)
		return;
	dlist_delete(&space->ring_node);
	dlist_push_tail(&lanes->ring, &space->ring_node);
}

/* The turn of one workspace, or as much of it as the budget is for. */
static void
serve(Choice *choice, LaneSpace *space, int64 quantum, int weight, int cap)
{
	int			left = space_left(choice, space, cap);
	int			share;
	int			chosen;

	if (left == 0)
	{
		space->full_at = choice->lanes->moment;
		end_turn(choice->lanes, space);
		return;
	}
	if (space->credit <= 0)
		space->credit = quantum * Max(weight, 1);
	share = (int) Min(space->credit, Min(left, choice->budget - choice->promised));
	chosen = choose_from_space(choice, space, share);
	if (space->going_sum == 0)
		return;					/* all of it waits: it has left the ring, and its turn */
	space->credit -= chosen;
	if (space->credit <= 0 || chosen < share || share == left)
		end_turn(choice->lanes, space);
}

int
cn_lanes_pick(CnLanes *lanes, int budget, int capacity, int64 now_us, CnLaneRoom room,
			  CnLaneShare share, void *arg, CnLanePick *picks, int max)
{
	Choice		choice = {
		.lanes = lanes, .now_us = now_us, .budget = budget, .capacity = capacity,
		.room = room, .arg = arg, .picks = picks, .max = max, .asks = max * ASK_FACTOR
	};
	int64		weights;
	int64		quantum;

	end_waits(lanes, now_us);
	weights = weigh_ring(lanes, share, arg, max, &choice.turns);
	quantum = Max(budget / Max(weights, 1), 1);

	/* each once, in the order of the ring */
	while (choice.turns > 0 && choice.promised < budget && choice.count < max && choice.asks > 0)
	{
		LaneSpace  *space = dlist_head_element(LaneSpace, ring_node, &lanes->ring);
		int			weight = 1;
		int			cap = 0;

		if (is_full(lanes, space))
		{
			end_turn(lanes, space);
			continue;
		}
		share(&space->workspace, &weight, &cap, arg);
		serve(&choice, space, quantum, weight, cap);
		choice.turns--;
	}
	return choice.count;
}

void
cn_lanes_claimed(CnLanes *lanes, const CnLanePick *pick, int got, const pg_uuid_t *last)
{
	CnLaneState *state = pick->state;

	state->in_flight += got;
	state->space->in_flight += got;
	lanes->in_flight += got;
	if (got > 0)
		state->after = *last;
	if (got < pick->wanted)
		move_lane(lanes, state, LANE_IDLE, 0);
	forget_if_idle(lanes, state);
}

void
cn_lanes_postpone(CnLanes *lanes, CnLaneState *state, int64 until_us)
{
	move_lane(lanes, state, LANE_WAITING, until_us);
}

void
cn_lanes_ended(CnLanes *lanes, CnLaneState *state)
{
	Assert(state->in_flight > 0);
	state->in_flight--;
	state->space->in_flight--;
	lanes->in_flight--;
	lanes->moment++;
	forget_if_idle(lanes, state);
}

bool
cn_lanes_ready(CnLanes *lanes, int64 now_us, int64 *wait_us)
{
	dlist_iter	iter;
	CnWaitNode *first;

	*wait_us = -1;
	end_waits(lanes, now_us);
	dlist_foreach(iter, &lanes->ring)
	{
		if (!is_full(lanes, dlist_container(LaneSpace, ring_node, iter.cur)))
			return true;
	}
	first = cn_wait_heap_first(&lanes->waiting);
	if (first && first->until_us < PG_INT64_MAX)
		*wait_us = first->until_us - now_us;
	return false;
}
