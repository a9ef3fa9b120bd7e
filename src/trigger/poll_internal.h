/*
 * poll_internal.h -- what the files of a poll share; nobody else includes it.
 *
 *   poll.c         its life: OPEN, WALK, and the transactions
 *   poll_page.c    PAGE: executions and memory
 *   poll_end.c     END: the outcome, and when it is polled again
 *   poll_cursor.c  where the stream goes on
 */
#ifndef CN_TRIGGER_POLL_INTERNAL_H
#define CN_TRIGGER_POLL_INTERNAL_H

#include "postgres.h"

#include "engine/walk.h"
#include "trigger/poll.h"

/* A poll that takes longer ends, and goes on with the next one. */
#define CN_POLL_LONGEST_US INT64CONST(600000000)

/* What a first poll looks at to know what there is, where the rest is told by its time. */
#define CN_POLL_FIRST_LOOK_US USECS_PER_DAY

typedef enum CnPollState
{
	CN_POLL_STATE_OPEN,
	CN_POLL_STATE_WALK,
	CN_POLL_STATE_PAGE,
	CN_POLL_STATE_REFRESH,
	CN_POLL_STATE_END,
	CN_POLL_STATE_OVER
} CnPollState;

/* Why a poll ends before its stream does. */
typedef enum CnPollStop
{
	CN_POLL_STOP_NOT,
	CN_POLL_STOP_ENOUGH,		/* executions, or pages */
	CN_POLL_STOP_TIME,
	CN_POLL_STOP_QUEUE			/* too many wait already */
} CnPollStop;

/* What is known to be committed, or (pending) will be. */
typedef struct CnPollProgress
{
	CnPollState state;
	bool		leased;
	bool		primed;
	bool		moved;			/* the cursor has, in this poll */
	TimestampTz known_since;
	Jsonb	   *cursor;			/* in the poll's context */
	int64		started;		/* by this poll */
	int64		remembered;		/* by the trigger; -1: not counted yet */
	CnPollStop	stop;
	CnFailure	failure;		/* code CN_OK: none */
	bool		forbidden;		/* failure is that it may not run any more */
	bool		noted;			/* the outcome, in the row */
} CnPollProgress;

struct CnPoll
{
	CnTriggerId id;
	pg_uuid_t	lease;
	CnHttpMux  *mux;
	MemoryContext context;
	MemoryContext page_context; /* of one page, and what is made of it */
	pg_uuid_t	execution;		/* that its requests are of */
	int64		started_us;
	TimestampTz started_at;
	CnTrigger	row;
	CnTriggerPlan *plan;
	CnJson	   *bound;			/* that the stream was asked with; NULL: none */
	CnWalk	   *walk;
	CnWalkPage	page;
	bool		woken;
	CnPollProgress done;
	CnPollProgress pending;
};

/* ---- poll.c ---- */

/* End with failure, which is copied. */
extern void cn_poll_fail(CnPoll *poll, CnPollProgress *progress, const CnFailure *failure);

/* May whose rights it has still execute?  False: it ends with that failure. */
extern bool cn_poll_check_rights(CnPoll *poll, CnPollProgress *next);

/* Is it one that starts nothing, and only remembers what is there? */
extern bool cn_poll_is_priming(const CnPoll *poll);

/* ---- poll_page.c, poll_end.c: in a transaction that holds the trigger ---- */

extern void cn_poll_record_page(CnPoll *poll, CnPollProgress *next);
extern void cn_poll_end(CnPoll *poll, CnPollProgress *next);

/* May it forget the oldest records, if they are too many, without starting them once more? */
extern bool cn_poll_may_forget_many(const CnPoll *poll);

/* ---- poll_cursor.c ---- */

/* Is the stream's bound a moment? */
extern bool cn_poll_is_bounded(const CnStream *stream);

/* A cursor as a moment; false if it is none, or the stream's bound is none. */
extern bool cn_poll_cursor_moment(const CnStream *stream, const CnJson *cursor, TimestampTz *at);
extern CnJson *cn_poll_moment_text(TimestampTz at);

/* Behind what was walked so far, if a later poll may go on there. */
extern void cn_poll_move_cursor(CnPoll *poll, CnPollProgress *next);

#endif							/* CN_TRIGGER_POLL_INTERNAL_H */
