/*
 * token_wait.h -- who wants a new token, and the process that gets it, in shared memory.
 *
 * All who want a newer token of a credential find one entry; the token process of the
 * database takes it, asks the provider once, stores what came, and says in the entry
 * how it went.  Entries are only hints: the row of the credential is the truth, and whoever finds
 * no entry asks again.  Nothing here waits: who waits polls, for as long as it has time.
 */
#ifndef CN_AUTH_TOKEN_WAIT_H
#define CN_AUTH_TOKEN_WAIT_H

#include "postgres.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#define CN_TOKEN_WHY_LEN 400

/* How long those who wait let pass until they look again; a token request takes longer. */
#define CN_TOKEN_POLL_MS 20

typedef enum CnTokenWait
{
	CN_TOKEN_PENDING,			/* look again in a moment */
	CN_TOKEN_NEWER,				/* the row has a later generation, committed */
	CN_TOKEN_FAILED				/* why says why not */
} CnTokenWait;

extern void cn_token_wait_init(void);	/* from _PG_init */

/*
 * Ask for a later token than generation, or look how that goes.  first: not asked before; a
 * failure then counts only as long as nobody may try again.  Starts the process if
 * there is none.  Needs no transaction.  why: CN_TOKEN_WHY_LEN bytes, or NULL.
 */
extern CnTokenWait cn_token_ask(const pg_uuid_t *workspace, const pg_uuid_t *credential,
								int64 generation, bool first, char *why);

/* ---- the process ---- */

typedef struct CnTokenTask
{
	pg_uuid_t	workspace;
	pg_uuid_t	credential;
	int64		generation;		/* a later one is wanted */
} CnTokenTask;

/* This process gets the tokens of a database, whose place it has (core/place.h). */
extern void cn_token_process_begin(Oid database);

/* Take what is asked for; returns how many, at most most. */
extern int	cn_token_take(CnTokenTask *tasks, int most);

/* A task is over: the row has that generation now.  why NULL: a later one; else the failure. */
extern void cn_token_done(const CnTokenTask *task, int64 generation, const char *why,
						  TimestampTz retry_at);

#endif							/* CN_AUTH_TOKEN_WAIT_H */
