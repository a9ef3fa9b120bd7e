/*
 * lanes.c -- whose turn it is: a worker's directory of lanes.
 *
 * Two tables (lanes and workspaces, by key) and a ring of the workspaces that have
 * something ready.  A lane that has nothing ready and nothing in flight is forgotten, so
 * the directory is bounded by what there is to do.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/ilist.h"

#include "core/uuid.h"
#include "queue/lanes.h"

typedef struct LaneSpace
{
	pg_uuid_t	workspace;
	dlist_head	lanes;			/* all of the workspace, by priority, those served last behind */
	dlist_node	ring_node;		/* in lanes->ring while ready > 0 */
	int			ready;			/* lanes that are ready */
	int			in_flight;
} LaneSpace;

struct CnLaneState
{
	CnLane		lane;
	LaneSpace  *space;
	dlist_node	node;			/* in space->lanes */
	pg_uuid_t	after;
	bool		ready;			/* there may be rows behind after */
	int64		wait_until_us;	/* not before then; 0: now; PG_INT64_MAX: until announced */
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

static bool
same_lane(CnLane a, CnLane b)
{
	return a.priority == b.priority && cn_uuid_equal(&a.connector, &b.connector) &&
		cn_uuid_equal(&a.workspace, &b.workspace);
}

#define SH_PREFIX lane_table
#define SH_ELEMENT_TYPE LaneEntry
#define SH_KEY_TYPE CnLane
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_lane(key)
#define SH_EQUAL(table, a, b) same_lane(a, b)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define SH_PREFIX space_table
#define SH_ELEMENT_TYPE SpaceEntry
#define SH_KEY_TYPE pg_uuid_t
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_bytes((key).data, UUID_LEN)
#define SH_EQUAL(table, a, b) cn_uuid_equal(&(a), &(b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct CnLanes
{
	MemoryContext context;
	lane_table_hash *lanes;
	space_table_hash *spaces;
	dlist_head	ring;			/* spaces with something ready, whose turn is next first */
	int			in_flight;
};

CnLanes *
cn_lanes_create(MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CnLanes    *lanes = palloc0(sizeof(CnLanes));

	lanes->context = context;
	lanes->lanes = lane_table_create(context, 64, NULL);
	lanes->spaces = space_table_create(context, 64, NULL);
	dlist_init(&lanes->ring);
	MemoryContextSwitchTo(old);
	return lanes;
}

int
cn_lanes_in_flight(CnLanes *lanes)
{
	return lanes->in_flight;
}

/* ---- what is known ---- */

static LaneSpace *
get_space(CnLanes *lanes, const pg_uuid_t *workspace)
{
	bool		found;
	SpaceEntry *entry = space_table_insert(lanes->spaces, *workspace, &found);

	if (!found)
	{
		entry->space = MemoryContextAllocZero(lanes->context, sizeof(LaneSpace));
		entry->space->workspace = *workspace;
		dlist_init(&entry->space->lanes);
	}
	return entry->space;
}

/* Behind those of the same and of higher priority. */
static void
place_in_space(CnLaneState *state)
{
	dlist_iter	iter;

	dlist_foreach(iter, &state->space->lanes)
	{
		CnLaneState *other = dlist_container(CnLaneState, node, iter.cur);

		if (other->lane.priority > state->lane.priority)
		{
			dlist_insert_before(&other->node, &state->node);
			return;
		}
	}
	dlist_push_tail(&state->space->lanes, &state->node);
}

static CnLaneState *
get_lane(CnLanes *lanes, const CnLane *lane, const pg_uuid_t *after)
{
	bool		found;
	LaneEntry  *entry = lane_table_insert(lanes->lanes, *lane, &found);

	if (!found)
	{
		CnLaneState *state = MemoryContextAllocZero(lanes->context, sizeof(CnLaneState));

		entry->state = state;
		state->lane = *lane;
		state->after = *after;
		state->space = get_space(lanes, &lane->workspace);
		place_in_space(state);
	}
	return entry->state;
}

/* Nothing is left that would have to be remembered. */
static void
forget_if_idle(CnLanes *lanes, CnLaneState *state)
{
	LaneSpace  *space = state->space;

	if (state->ready || state->in_flight > 0)
		return;
	dlist_delete(&state->node);
	lane_table_delete(lanes->lanes, state->lane);
	pfree(state);
	if (dlist_is_empty(&space->lanes))
	{
		space_table_delete(lanes->spaces, space->workspace);
		pfree(space);
	}
}

static void
set_ready(CnLanes *lanes, CnLaneState *state, bool ready)
{
	if (state->ready == ready)
		return;
	state->ready = ready;
	if (ready && state->space->ready++ == 0)
		dlist_push_tail(&lanes->ring, &state->space->ring_node);
	else if (!ready && --state->space->ready == 0)
		dlist_delete(&state->space->ring_node);
}

/* The id before id. */
static pg_uuid_t
before(const pg_uuid_t *id)
{
	pg_uuid_t	result = *id;

	for (int i = UUID_LEN - 1; i >= 0; i--)
		if (result.data[i]-- != 0)
			break;
	return result;
}

void
cn_lanes_note(CnLanes *lanes, const CnLane *lane, const pg_uuid_t *first)
{
	pg_uuid_t	after = before(first);
	CnLaneState *state = get_lane(lanes, lane, &after);

	if (memcmp(after.data, state->after.data, UUID_LEN) < 0)
		state->after = after;
	set_ready(lanes, state, true);
}

void
cn_lanes_end_waits(CnLanes *lanes)
{
	lane_table_iterator iterator;
	LaneEntry  *entry;

	lane_table_start_iterate(lanes->lanes, &iterator);
	while ((entry = lane_table_iterate(lanes->lanes, &iterator)) != NULL)
		entry->state->wait_until_us = 0;
}

/* ---- choosing ---- */

/* One choice under way. */
typedef struct Choice
{
	CnLanes    *lanes;
	int64		now_us;
	int			capacity;
	int			promised;		/* rows chosen so far */
	CnLaneRoom	room;
	void	   *arg;
	CnLanePick *picks;
	int			count;
	int			max;
} Choice;

/* Rows a workspace may have in flight on top of what it has. */
static int
space_left(const Choice *choice, LaneSpace *space, int cap)
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

static bool
is_waiting(const CnLaneState *state, int64 now_us)
{
	return state->wait_until_us > now_us;
}

/* Take up to wanted rows of a lane; returns how many, or 0 and it has to wait. */
static int
choose_lane(Choice *choice, CnLaneState *state, int wanted)
{
	int64		wait_us = -1;
	int			rows = choice->room(&state->lane, wanted, &wait_us, choice->arg);

	if (rows <= 0)
	{
		state->wait_until_us = wait_us < 0 ? PG_INT64_MAX
			: choice->now_us + Max(wait_us, 1000);
		return 0;
	}
	choice->picks[choice->count++] = (CnLanePick)
	{
		state, state->lane, state->after, rows
	};
	choice->promised += rows;
	return rows;
}

/* Lanes of the space that could be chosen from and have this priority. */
static int
count_lanes(LaneSpace *space, int priority, int64 now_us)
{
	dlist_iter	iter;
	int			count = 0;

	dlist_foreach(iter, &space->lanes)
	{
		CnLaneState *state = dlist_container(CnLaneState, node, iter.cur);

		if (state->ready && state->lane.priority == priority && !is_waiting(state, now_us))
			count++;
	}
	return count;
}

/* Up to share rows of a workspace, from the highest priority that has any. */
static void
choose_from_space(Choice *choice, LaneSpace *space, int share)
{
	dlist_mutable_iter iter;
	int			priority = -1;
	int			first = choice->count;
	int			of_lane = 0;

	dlist_foreach_modify(iter, &space->lanes)
	{
		CnLaneState *state = dlist_container(CnLaneState, node, iter.cur);

		if (share <= 0 || choice->count == choice->max)
			break;
		if (!state->ready || is_waiting(state, choice->now_us))
			continue;
		if (priority != state->lane.priority)
		{
			/* lower ones only where the higher gave nothing: all of it waits */
			if (choice->count > first)
				break;
			priority = state->lane.priority;
			of_lane = share / Max(count_lanes(space, priority, choice->now_us), 1);
		}
		share -= choose_lane(choice, state, Min(Max(of_lane, 1), share));
	}
	/* those that were served go behind their like */
	for (int i = first; i < choice->count; i++)
	{
		dlist_delete(&choice->picks[i].state->node);
		place_in_space(choice->picks[i].state);
	}
}

static bool
space_can_go(LaneSpace *space, int64 now_us)
{
	dlist_iter	iter;

	dlist_foreach(iter, &space->lanes)
	{
		CnLaneState *state = dlist_container(CnLaneState, node, iter.cur);

		if (state->ready && !is_waiting(state, now_us))
			return true;
	}
	return false;
}

/* The first most workspaces of the ring that could be served, and their weights together. */
static int64
weigh_ring(CnLanes *lanes, int64 now_us, CnLaneShare share, void *arg, int most, int *count)
{
	dlist_iter	iter;
	int64		sum = 0;

	*count = 0;
	dlist_foreach(iter, &lanes->ring)
	{
		LaneSpace *space = dlist_container(LaneSpace, ring_node, iter.cur);
		int			weight = 1;
		int			cap = 0;

		if (!space_can_go(space, now_us))
			continue;
		share(&space->workspace, &weight, &cap, arg);
		sum += Max(weight, 1);
		if (++*count == most)
			break;
	}
	return sum;
}

int
cn_lanes_pick(CnLanes *lanes, int budget, int capacity, int64 now_us, CnLaneRoom room,
			  CnLaneShare share, void *arg, CnLanePick *picks, int max)
{
	Choice		choice = {
		.lanes = lanes, .now_us = now_us, .capacity = capacity,
		.room = room, .arg = arg, .picks = picks, .max = max
	};
	int			turns;
	int64		weights = weigh_ring(lanes, now_us, share, arg, max, &turns);

	/* each once, in the order of the ring */
	for (int n = turns; n > 0 && choice.promised < budget && choice.count < max;)
	{
		LaneSpace  *space = dlist_head_element(LaneSpace, ring_node, &lanes->ring);
		int			weight = 1;
		int			cap = 0;
		int64		rows;

		dlist_delete(&space->ring_node);
		dlist_push_tail(&lanes->ring, &space->ring_node);
		if (!space_can_go(space, now_us))
			continue;
		n--;
		share(&space->workspace, &weight, &cap, arg);
		rows = Max((int64) budget * Max(weight, 1) / weights, 1);
		rows = Min(rows, budget - choice.promised);
		rows = Min(rows, space_left(&choice, space, cap));
		choose_from_space(&choice, space, (int) rows);
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
		set_ready(lanes, state, false);
	forget_if_idle(lanes, state);
}

void
cn_lanes_postpone(CnLaneState *state, int64 until_us)
{
	state->wait_until_us = until_us;
}

void
cn_lanes_ended(CnLanes *lanes, CnLaneState *state)
{
	Assert(state->in_flight > 0);
	state->in_flight--;
	state->space->in_flight--;
	lanes->in_flight--;
	forget_if_idle(lanes, state);
}

bool
cn_lanes_ready(CnLanes *lanes, int64 now_us, int64 *wait_us)
{
	dlist_iter	iter;

	*wait_us = -1;
	dlist_foreach(iter, &lanes->ring)
	{
		LaneSpace *space = dlist_container(LaneSpace, ring_node, iter.cur);
		dlist_iter	lane_iter;

		dlist_foreach(lane_iter, &space->lanes)
		{
			CnLaneState *state = dlist_container(CnLaneState, node, lane_iter.cur);

			if (!state->ready || state->wait_until_us == PG_INT64_MAX)
				continue;
			if (!is_waiting(state, now_us))
				return true;
			if (*wait_us < 0 || state->wait_until_us - now_us < *wait_us)
				*wait_us = state->wait_until_us - now_us;
		}
	}
	return false;
}
