/*
 * lanes.h -- whose turn it is: a worker's directory of lanes.  Pure.
 *
 * A lane is the ready rows of one workspace, connector and priority.  The directory knows
 * which lanes have rows, up to where each was claimed, what is in flight, and which have
 * to wait; so what is chosen, and what that costs, does not depend on how many rows wait,
 * nor on how many lanes have to.
 *
 * Fairness: workspaces take turns, each with a share by its weight; no workspace may have
 * more in flight than CN_LANES_FACTOR times what is left free, so one whose remote
 * hangs leaves room for others.  Within a workspace the highest priority goes first, and
 * lanes of the same priority share.
 */
#ifndef CN_QUEUE_LANES_H
#define CN_QUEUE_LANES_H

#include "queue/lane.h"

/* In flight of a workspace <= factor * free: one alone gets 8/9 of all, two 8/17 each. */
#define CN_LANES_FACTOR 8

typedef struct CnLanes CnLanes;
typedef struct CnLaneState CnLaneState;

/* Rows to be claimed from a lane. */
typedef struct CnLanePick
{
	CnLaneState *state;
	CnLane		lane;
	pg_uuid_t	after;			/* rows with greater ids */
	int			wanted;
} CnLanePick;

/*
 * How many of wanted rows of a lane could start now; 0: none before *wait_us have
 * passed (-1: not until something is announced).
 */
typedef int (*CnLaneRoom) (const CnLane *lane, int wanted, int64 *wait_us, void *arg);

/* Weight (1 and up) and cap (0: none) of a workspace. */
typedef void (*CnLaneShare) (const pg_uuid_t *workspace, int *weight, int *cap, void *arg);

/* In the current context, where all its memory will be. */
extern CnLanes *cn_lanes_create(void);

/* The lane has rows, none of them with an id below first. */
extern void cn_lanes_note(CnLanes *lanes, const CnLane *lane, const pg_uuid_t *first);

/* Something has changed that lanes or workspaces may wait for: ask for their room again. */
extern void cn_lanes_end_waits(CnLanes *lanes);

/*
 * Choose up to max lanes and how many rows of each, budget rows in all.  capacity: how many may be
 * in flight.  0 although cn_lanes_ready: what there was has to wait, ask that again.
 */
extern int	cn_lanes_pick(CnLanes *lanes, int budget, int capacity, int64 now_us, CnLaneRoom room,
						  CnLaneShare share, void *arg, CnLanePick *picks, int max);

/* Of a pick, got rows were claimed, the last with that id. */
extern void cn_lanes_claimed(CnLanes *lanes, const CnLanePick *pick, int got, const pg_uuid_t *last);

/* Choose nothing of a lane before then. */
extern void cn_lanes_postpone(CnLanes *lanes, CnLaneState *state, int64 until_us);

/* One that was claimed is not under way any more. */
extern void cn_lanes_ended(CnLanes *lanes, CnLaneState *state);

/*
 * Is there a lane to pick from now?  Else *wait_us: until one may be; -1: not before something is
 * noted or has ended.
 */
extern bool cn_lanes_ready(CnLanes *lanes, int64 now_us, int64 *wait_us);

extern int	cn_lanes_in_flight(CnLanes *lanes);

/* Lanes that are remembered. */
extern int	cn_lanes_known(CnLanes *lanes);

#endif							/* CN_QUEUE_LANES_H */
