/*
 * place.h -- processes of a database that are started when somebody wants them.
 *
 * Of each kind a database has one at most.  Who has work for it calls it: it is started, or
 * woken.  It ends when it has had nothing to do for a while, and is started again at the next call;
 * a call that comes while it leaves is not lost.  All that is known of them is in shared memory,
 * and what they work on is in tables or in shared memory of its own.
 */
#ifndef CN_CORE_PLACE_H
#define CN_CORE_PLACE_H

#include "postgres.h"

typedef enum CnPlaceKind
{
	CN_PLACE_TOKENS,			/* worker/token_process.c */
	CN_PLACE_POLLS,				/* worker/poll_process.c */
	CN_PLACE_KINDS
} CnPlaceKind;

extern void cn_place_init(void);	/* from _PG_init */

/*
 * See to it that this database's process looks at what there is: start it, or (wake) set its
 * latch.  If no background worker can be started now, that is logged; who still wants something
 * calls again.  Needs no transaction; what the process is to find must have been committed.
 */
extern void cn_place_call(CnPlaceKind kind, bool wake);

/* ---- the process ---- */

/* Take the place, until the process exits; false: there is another one.  Before it connects. */
extern bool cn_place_take(CnPlaceKind kind, Oid database);

/* Asked to leave: the database or the extension is going. */
extern bool cn_place_must_leave(void);

/* Was it called since it was asked last? */
extern bool cn_place_was_called(void);

/* Nothing to do: from now on a call starts another one.  False if it was called meanwhile. */
extern bool cn_place_retire(void);

/* ---- sessions that need a database for themselves ---- */

/* Ask the processes of a database (InvalidOid: all) to leave. */
extern void cn_places_stop(Oid database);

/* Is one of them connected to it? */
extern bool cn_places_running(Oid database);

#endif							/* CN_CORE_PLACE_H */
