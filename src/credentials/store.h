/*
 * store.h -- credentials of a workspace: stored, found, opened, rotated.
 *
 * Plaintext lives in wiped memory (crypto/secret.h) and leaves only towards
 * auth.  Nothing here logs or formats a secret.
 */
#ifndef CN_CREDENTIALS_STORE_H
#define CN_CREDENTIALS_STORE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/errors.h"
#include "core/json.h"
#include "credentials/field.h"

/* A secret has a handful of fields; more is a mistake. */
#define CN_SECRET_MAX_FIELDS 16

/* Bytes of all fields together: a PEM key with its chain fits, a file does not. */
#define CN_SECRET_MAX_LEN 65536

/* An opened credential; all of it goes with the context it was opened in. */
typedef struct CnCredential
{
	pg_uuid_t	id;
	char	   *service;
	char	   *label;
	char	   *kind;
	CnJson	   *parameters;		/* public */
	int			host_count;
	char	  **hosts;
	int			field_count;
	CnSecretField fields[CN_SECRET_MAX_FIELDS];

	/* of kinds with a token that is renewed (token_store.h) */
	pg_uuid_t	workspace;
	bool		renewable;		/* somebody can get a new one */
	int64		generation;		/* of the token */
	TimestampTz token_expires_at;	/* DT_NOEND: nobody knows, or never */
	TimestampTz renew_at;		/* from then on a new one is asked for; DT_NOEND: never */
	char	   *refused;		/* why it has to be connected anew; NULL: it has not */
} CnCredential;

/* What is stored about one, still closed. */
typedef struct CnCredentialRow
{
	pg_uuid_t	workspace;
	pg_uuid_t	id;
	char	   *service;
	char	   *label;
	char	   *scope;
	char	   *kind;
	char	   *key_id;
	Jsonb	   *parameters;
	int			host_count;
	char	  **hosts;
	TimestampTz expires_at;		/* DT_NOEND: never */
	bytea	   *secret;
	bool		renewable;
	int64		generation;
	TimestampTz token_expires_at;	/* DT_NOEND: none is known */
	TimestampTz renew_at;
	char	   *refused;
} CnCredentialRow;

/*
 * The credential that identity uses for service and label: its own (scope
 * user) before the workspace's; NULL if there is neither.  Cached; valid until the
 * next call.  owner may be NULL (no identity).
 */
extern const CnCredentialRow *cn_credential_find(const pg_uuid_t *workspace, const char *service,
												 const char *label, const char *owner);

/*
 * The credential of that id, its row locked against changes until the end of the transaction;
 * false if there is none.  wait: for somebody else's lock; else that raises 55P03.  Not cached: *row is
 * the current context's.
 */
extern bool cn_credential_lock(const pg_uuid_t *workspace, const pg_uuid_t *id, bool wait,
							   CnCredentialRow *row);

/*
 * Decrypt into context.  NULL and *failure (credential_missing) if the row is
 * expired, its key is unknown, or the ciphertext is not this row's.
 */
extern CnCredential *cn_credential_open(const CnCredentialRow *row, MemoryContext context,
										CnFailure *failure);

/*
 * Find it and open it into context; NULL and *failure (credential_missing) if there is none or
 * it cannot be opened.
 */
extern CnCredential *cn_credential_for(const pg_uuid_t *workspace, const char *service,
									   const char *label, const char *owner,
									   MemoryContext context, CnFailure *failure);

/* Value of a secret field, or NULL. */
extern const CnSecretField *cn_credential_field(const CnCredential *credential, const char *name);

/* What connector_credential_set got, checked; the secret still as jsonb. */
typedef struct CnCredentialInput
{
	pg_uuid_t	workspace;
	const char *service;
	const char *label;
	const char *scope;			/* "workspace" or "user" */
	const char *owner;			/* "" for the workspace's */
	const char *kind;
	Jsonb	   *secret;			/* or, where that is NULL, */
	const CnSecretField *fields;
	int			field_count;
	Jsonb	   *parameters;
	Datum		hosts;			/* text[] */
	bool		expires;
	TimestampTz expires_at;
	const char *created_by;

	/* of a token that is renewed; all zero: there is none */
	Jsonb	   *grant;			/* oauth2.h; NULL: nobody can renew it */
	TimestampTz token_expires_at;	/* 0: nobody knows */
	TimestampTz renew_at;		/* 0: never */
} CnCredentialInput;

/* Encrypt and store, replacing what had the same service, label and owner. */
extern void cn_credential_store(const CnCredentialInput *input, pg_uuid_t *id);

extern bool cn_credential_remove(const pg_uuid_t *workspace, const char *service,
								 const char *label, const char *owner);

/*
 * The service was asked whether it takes the credential, and took it (problem NULL), or did not:
 * into its status, unless it was replaced meanwhile, or the status is that of a token
 * which could not be renewed.
 */
extern void cn_credential_tested(const CnCredential *credential, const char *problem);

/* Re-encrypt up to limit rows that are not under the current key; how many. */
extern int	cn_credential_rotate(int limit);

#endif							/* CN_CREDENTIALS_STORE_H */
