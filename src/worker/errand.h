/*
 * errand.h -- have something done in another database of this cluster.
 *
 * A backend reaches no database but its own.  For the little that has to be done in
 * another one, a background worker is started that connects there as the
 * superuser, does one thing in one transaction, answers and exits.  What can be done is fixed in
 * errand.c; a request holds values only.
 *
 * It is a transaction of its own: what it did stays when the caller's is rolled back.
 */
#ifndef CN_WORKER_ERRAND_H
#define CN_WORKER_ERRAND_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "core/json.h"

typedef enum CnErrand
{
	CN_ERRAND_CRON,				/* worker/cron.c: calls of pg_cron */
	CN_ERRAND_OAUTH_STATE		/* credentials/oauth_state.c: a state is used up */
} CnErrand;

/*
 * Do what in database and return the answer, palloc'ed; both are text in UTF-8, whatever
 * encoding the database has.  The caller has checked the rights of whoever asks for it.  Raises
 * what was raised there; 3D000 if there is no such database, 53400 if no worker can be
 * started, 58000 if it ended without an answer or took too long.  Can be cancelled; then what it
 * does may be done all the same.
 */
extern char *cn_errand_run(const char *database, CnErrand what, const char *request);

/*
 * What requests and answers are made of: JSON arrays of text and null.  Text is in the encoding of
 * the database of whoever writes or reads it, and in UTF-8 on its way.
 */
extern void cn_errand_write(StringInfo out, const char *text);	/* NULL: null */
extern char *cn_errand_read(const CnJson *list, int i);	/* NULL: null, or no such item */

/* The same of an error: SQLSTATE, message, detail and hint, four items; the rest of it is lost. */
extern void cn_errand_write_error(StringInfo out, const ErrorData *error);
extern ErrorData *cn_errand_read_error(const CnJson *list, int first);

/* Raise an error that was read; where: what was going on, for its context, or NULL. */
extern void cn_errand_raise(const ErrorData *error, const char *where) pg_attribute_noreturn();

#endif							/* CN_WORKER_ERRAND_H */
