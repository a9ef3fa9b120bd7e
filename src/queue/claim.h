/*
 * claim.h -- taking executions from the queue, and putting down what became of them.
 *
 * All of it runs in a transaction of the worker's, as the extension's owner, and none of it
 * waits for a row that somebody else has locked: it is left for the next time.
 */
#ifndef CN_QUEUE_CLAIM_H
#define CN_QUEUE_CLAIM_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "queue/lanes.h"

/* Workers that died with an execution before it is run by itself. */
#define CN_SUSPECT_CRASHES 2

/* A row that was claimed, in the context that was current. */
typedef struct CnClaimed
{
	pg_uuid_t	workspace;
	pg_uuid_t	id;
	pg_uuid_t	connector;
	CnLaneState *lane;			/* NULL: claimed as a suspect */
	int			priority;
	TimestampTz created_at;
	int			attempt;
	int			crashes;		/* workers that died with it so far */
	bool		taken_over;		/* from one that died just now */
	bool		sending;		/* noted: a request that must not be repeated may be under way */
	bool		interrupted;	/* and whoever had it before may have sent that */
	bool		cancel_requested;
	bool		notify;
	char	   *trigger;
	char	   *identity;		/* the rest may be NULL */
	char	   *run_as;
	char	   *claims;
	char	   *correlation_id;
	char	   *idempotency_key;
	Jsonb	   *input;			/* not NULL */
	Jsonb	   *checkpoint;
} CnClaimed;

/* Note every lane that has rows.  Costs a descent of the index for each. */
extern void cn_claim_discover(CnLanes *lanes);

/*
 * Rows whose time has come become ready; their lanes are noted.  Returns when to do that
 * again: when the next one is due, or a moment later where somebody has locked one that is;
 * DT_NOEND: there is none.
 */
extern TimestampTz cn_claim_promote(CnLanes *lanes, TimestampTz now);

/* What a claim is made with. */
typedef struct CnClaimInput
{
	const pg_uuid_t *lease;		/* the claiming worker's */
	const pg_uuid_t *alive;		/* leases that are not to be taken over, its own too */
	int			alive_count;
	TimestampTz now;
	const CnLanePick *picks;
	const bool *single_shot;	/* of each pick: its executions begin with a request that must not be repeated */
	int			count;
	/* what each pick gave, for cn_lanes_claimed once it is committed */
	int		   *got;
	pg_uuid_t  *last;
} CnClaimInput;

/*
 * Claim rows of the picks; palloc'ed array of *count.  Not claimed are those that two
 * workers have died with: they are claimed one at a time.
 */
extern CnClaimed *cn_claim_rows(const CnClaimInput *input, int *count);

/* Claim one of those; false: there is none. */
extern bool cn_claim_suspect(const CnClaimInput *input, CnClaimed *claimed);

/* What became of one that was claimed. */
typedef enum CnRowFate
{
	CN_ROW_DONE,				/* what was asked for has been done */
	CN_ROW_LOCKED,				/* somebody holds the row: try again */
	CN_ROW_LOST					/* it has gone, or another worker has it: drop it */
} CnRowFate;

typedef struct CnRowRef
{
	pg_uuid_t	workspace;
	pg_uuid_t	id;
	/* for what keeps the row: */
	Jsonb	   *checkpoint;		/* NULL: as it is */
	bool		sending;
	TimestampTz due_at;			/* 0: ready at once */
	CnRowFate	fate;
} CnRowRef;

/* Delete the rows, for their history is written in this transaction. */
extern void cn_claim_finish(const pg_uuid_t *lease, CnRowRef *rows, int count);

/*
 * Of rows that are the caller's: those that somebody has asked to cancel get CN_ROW_DONE, others
 * CN_ROW_LOST.
 */
extern void cn_claim_cancelled(const pg_uuid_t *lease, CnRowRef *rows, int count);

/* Store checkpoint and sending; the lease stays. */
extern void cn_claim_checkpoint(const pg_uuid_t *lease, CnRowRef *rows, int count);

/* Give the rows back, to be claimed at due_at. */
extern void cn_claim_release(const pg_uuid_t *lease, CnRowRef *rows, int count);

#endif							/* CN_QUEUE_CLAIM_H */
