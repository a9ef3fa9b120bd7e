/*
 * oauth.h -- an account that a session connects: who, with which provider, by which grant.
 */
#ifndef CN_SQLAPI_OAUTH_H
#define CN_SQLAPI_OAUTH_H

#include "postgres.h"

#include "fmgr.h"

#include "auth/token_request.h"
#include "catalog/provider.h"
#include "core/identity.h"
#include "credentials/oauth_state.h"
#include "credentials/store.h"

typedef struct CnOauthAccount
{
	CnWorkspace workspace;
	const char *member;			/* the caller */
	const char *owner;			/* of the credential; "" for the workspace's */
	const char *provider;		/* canonical name */
	const CnProvider *source;	/* NULL: it is gone, and not needed any more */
	const char *label;
	const char *scope;
	const CnJson *parameters;	/* an object of strings */
	const CnJson *grant;		/* oauth2.h */
} CnOauthAccount;

/* Checks that every such function begins with; raises. */
extern void cn_oauth_begin(const char *function);

/* The provider, pinned for the current context; raises 42704. */
extern const CnProvider *cn_oauth_provider(const pg_uuid_t *workspace, const char *name);

/*
 * Applications and accounts of a provider share their labels: raises 22023 if one of the other
 * sort would be replaced.
 */
extern void cn_oauth_check_label(const pg_uuid_t *workspace, const char *provider,
								 const char *label, bool client);

/* Fill in all but the grant; raises. */
extern void cn_oauth_account(CnOauthAccount *account, const char *provider, const char *workspace,
							 const char *label, const char *scope, Jsonb *parameters);

/* The account that a state is for; raises unless the caller may still connect it. */
extern void cn_oauth_account_of_state(CnOauthAccount *account, const CnOauthState *state);

/*
 * The grant, by the provider's first entry of that kind and grant type; false if it has none.
 * scopes: text[], 0 for the default.  client: label of the application, or NULL.
 */
extern bool cn_oauth_account_grant(CnOauthAccount *account, const char *kind, const char *grant_type,
								   Datum scopes, const char *client);

/* The application; raises credential_missing with the way to store it. */
extern const CnCredential *cn_oauth_client(const CnOauthAccount *account, const char *label);

/* Send a request and wait for what comes; the transfer is the current context's. */
extern const CnHttpTransfer *cn_oauth_send(const CnTokenRequest *request);

/*
 * Store the account with its tokens.  own: what the secret holds besides (may be NULL); more:
 * further parameters (may be NULL).
 */
extern void cn_oauth_account_store(const CnOauthAccount *account, const CnOauth2Tokens *tokens,
								   const CnCredential *own, const CnJson *more, pg_uuid_t *id);

#endif							/* CN_SQLAPI_OAUTH_H */
