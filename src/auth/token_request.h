/*
 * token_request.h -- a request to a token endpoint, made of a credential.
 *
 * For the process that renews tokens and for sessions that connect an account.  Everything
 * lives in the context that is given; texts with secrets in them are wiped with it.  Nothing
 * here touches a table, so it runs outside of transactions.
 */
#ifndef CN_AUTH_TOKEN_REQUEST_H
#define CN_AUTH_TOKEN_REQUEST_H

#include "postgres.h"

#include "auth/oauth2.h"
#include "credentials/store.h"
#include "http/client.h"

typedef struct CnTokenRequest
{
	MemoryContext context;
	const CnJson *grant;
	const CnJson *reading;		/* how the reply is read: the grant, or what stands for a session's */
	CnOauth2Ask ask;
	CnHttpRequest http;
} CnTokenRequest;

/* connector.token_timeout, milliseconds. */
extern int	cn_token_timeout;

extern void cn_token_request_define_settings(void);

/* Begin one; grant outlives it.  workspace and id: whose connections it may use. */
extern void cn_token_request_init(CnTokenRequest *request, const CnJson *grant,
								  const pg_uuid_t *workspace, const pg_uuid_t *id,
								  MemoryContext context);

/*
 * Ask for a token with what credential holds: refresh token, client's secret, key, or login.
 * client: the application's credential, or NULL if the grant names none.  CN_TOKENS_GOT: it is
 * made; CN_TOKENS_REFUSED: there is nothing to ask with; CN_TOKENS_FAILED: it may work later.
 */
extern CnOauth2Verdict cn_token_request_renew(CnTokenRequest *request,
											  const CnCredential *credential,
											  const CnCredential *client, CnFailure *failure);

/* The same with request->ask as it is filled in; which: "token_url", "device_url", "revoke_url". */
extern bool cn_token_request_make(CnTokenRequest *request, const char *which,
								  const CnCredential *client, CnFailure *failure);

/*
 * What came.  The remote's bytes are wiped; *tokens is in the request's context.  A transfer
 * that failed is a failure like any other.
 */
extern CnOauth2Verdict cn_token_request_read(CnTokenRequest *request,
											 const CnHttpTransfer *transfer,
											 CnOauth2Tokens *tokens, CnFailure *failure);

/* The reply as it came; false and *failure if there is none. */
extern bool cn_token_request_reply(const CnTokenRequest *request, const CnHttpTransfer *transfer,
								   CnOauth2Reply *reply, CnFailure *failure);

/* When a token that lives so long ends and is to be renewed; DT_NOEND: nobody knows, never. */
extern void cn_token_times(const CnJson *grant, int64 expires_in, TimestampTz *expires_at,
						   TimestampTz *renew_at);

#endif							/* CN_AUTH_TOKEN_REQUEST_H */
