/*
 * poll.h -- one poll of a trigger, from its lease to its end.
 *
 *   OPEN --leased, committed--> WALK --a page is there--> PAGE --recorded, committed--> WALK
 *    |                           |  \__ a later token is there: REFRESH __/
 *    |                           '--> END --noted, committed--> OVER
 *    '--> OVER: nothing to do, or it may not run
 *
 * OPEN, PAGE, REFRESH and END are one transaction each; in WALK the remote is asked and none is
 * open.  A transaction that is rolled back changes nothing: what it was to do is done again, or
 * the poll is broken.  docs/internals/triggers.md says what a crash leaves.
 */
#ifndef CN_TRIGGER_POLL_H
#define CN_TRIGGER_POLL_H

#include "postgres.h"

#include "http/client.h"
#include "trigger/store.h"

typedef struct CnPoll CnPoll;

typedef enum CnPollNeed
{
	CN_POLL_WAIT,				/* turn the mux */
	CN_POLL_WRITE,				/* cn_poll_write in a transaction, then cn_poll_committed */
	CN_POLL_OVER
} CnPollNeed;

/* A new poll in context, which it lives and dies with. */
extern CnPoll *cn_poll_create(const CnTriggerId *id, const pg_uuid_t *lease, CnHttpMux *mux,
							  MemoryContext context);

/* Go on as far as that can be done now.  Not in a transaction; may raise. */
extern CnPollNeed cn_poll_step(CnPoll *poll);

/* Write what has to be: an action for a transaction of its own, in a context that goes with it. */
extern void cn_poll_write(void *poll);

/* Instead of that: give its lease back, and be over. */
extern void cn_poll_abandon(void *poll);

/* Either has been committed. */
extern void cn_poll_committed(CnPoll *poll);

/* Something was raised that will be raised again: it fails, which remains to be written down. */
extern void cn_poll_break(CnPoll *poll, const char *message);

/* Had it the lease of its trigger? */
extern bool cn_poll_was_leased(const CnPoll *poll);

/* Does it work on this trigger? */
extern bool cn_poll_is_of(const CnPoll *poll, const CnTriggerId *id);

#endif							/* CN_TRIGGER_POLL_H */
