/*
 * token_store.h -- tokens of credentials: leased, replaced, given up.
 *
 * A token is renewed in two transactions.  The first leases the row, so that nobody else
 * asks for a new one meanwhile; the second stores what came, if the lease is still there.
 * Between them no transaction is open.  docs/internals/tokens.md has the states.
 */
#ifndef CN_CREDENTIALS_TOKEN_STORE_H
#define CN_CREDENTIALS_TOKEN_STORE_H

#include "postgres.h"

#include "core/json.h"
#include "credentials/store.h"

/* A credential's row, locked, and what it says of its token; all in one context. */
typedef struct CnTokenRow
{
	CnCredentialRow row;
	CnJson	   *grant;			/* oauth2.h; NULL: nobody can renew it */
	bool		leased;
	pg_uuid_t	lease;
	TimestampTz lease_until;
	int			failures;		/* in a row */
	TimestampTz retry_at;		/* DT_NOBEGIN: at once */
	char	   *message;		/* of the last failure; or NULL */
} CnTokenRow;

/* What a token endpoint gave. */
typedef struct CnTokenNews
{
	const char *access_token;
	const char *refresh_token;	/* NULL: the one that is there stays */
	const CnJson *parameters;	/* public ones that are new or changed; NULL: none */
	TimestampTz expires_at;		/* DT_NOEND: nobody knows */
	TimestampTz renew_at;		/* DT_NOEND: never */
} CnTokenNews;

/* Lock (wait: as cn_credential_lock) and read it; false if it is gone.  In a transaction. */
extern bool cn_token_lock(const pg_uuid_t *workspace, const pg_uuid_t *id, bool wait, CnTokenRow *row);

extern void cn_token_lease(const CnTokenRow *row, const pg_uuid_t *lease, int64 ms);

/*
 * Replace the token of a locked row: the next generation.  What the secret holds besides stays
 * as it is.  False and *failure if the secret cannot be opened, or would be too long.
 */
extern bool cn_token_replace(const CnTokenRow *row, const CnTokenNews *news, CnFailure *failure);

/*
 * It could not be renewed.  status: as the column; retry_at: no attempt before then; the lease
 * is given back.
 */
extern void cn_token_failed(const CnTokenRow *row, const char *status, const char *message,
							TimestampTz retry_at);

/*
 * Those of all workspaces whose token is to be renewed by now, at most that many, in the
 * current context; returns how many.
 */
typedef struct CnTokenDue
{
	pg_uuid_t	workspace;
	pg_uuid_t	id;
	int64		generation;
} CnTokenDue;

extern int	cn_token_due(CnTokenDue *due, int most);

/* Credentials whose token has ended without a new one get the status that says so; how many. */
extern int	cn_token_expire(void);

#endif							/* CN_CREDENTIALS_TOKEN_STORE_H */
