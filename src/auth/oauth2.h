/*
 * oauth2.h -- what OAuth 2 puts on the wire, and what comes back.  Pure.
 *
 * RFC 6749 (grants, refresh, errors), 7009 (revocation), 7523 (JWT bearer), 7636 (PKCE),
 * 8628 (devices).  A *grant object* is what a credential keeps of its provider's auth entry
 * (oauth2_config.c makes it): JSON, without secrets, with every placeholder filled in, so
 * that nobody needs the provider again to renew a token.
 *
 *   oauth2_config.c   a provider's auth entry and parameters -> grant object, hosts
 *   oauth2_request.c  authorization URL, token and revocation requests, PKCE
 *   oauth2_reply.c    what a token endpoint answered -> tokens or failure
 *
 * Texts of *_request may hold secrets: the caller gives buffers that are large enough
 * (cn_oauth2_request_room) and wipes them.
 */
#ifndef CN_AUTH_OAUTH2_H
#define CN_AUTH_OAUTH2_H

#include "core/errors.h"
#include "core/json.h"

/* Longest access or refresh token that is taken, bytes: a credential holds 64 kB in all. */
#define CN_TOKEN_MAX_LEN 24576

/* A token that is said to live longer (ten years) lives so long; seconds. */
#define CN_TOKEN_MAX_LIFE (INT64CONST(10) * 366 * 86400)

/* ---- PKCE, RFC 7636 ---- */

/* Characters of a verifier made of 32 random bytes, and of its challenge. */
#define CN_PKCE_LEN 43

/* random: 32 bytes; verifier gets CN_PKCE_LEN characters and a NUL. */
extern void cn_pkce_verifier(const uint8 *random, char *verifier);

/* BASE64URL(SHA256(verifier)); false if there is no SHA-256. */
extern bool cn_pkce_challenge(const char *verifier, char *challenge);

/* ---- grant objects ---- */

typedef enum CnGrant
{
	CN_GRANT_CODE,				/* RFC 6749, section 4.1 */
	CN_GRANT_REFRESH,			/* section 6 */
	CN_GRANT_CLIENT,			/* section 4.4 */
	CN_GRANT_JWT,				/* RFC 7523, section 2.1 */
	CN_GRANT_DEVICE				/* RFC 8628, section 3.4 */
} CnGrant;

/*
 * The first auth entry of that kind in a provider's definition, and of that grant (NULL: any);
 * NULL if there is none.
 */
extern const CnJson *cn_oauth2_entry(const CnJson *provider, const char *kind, const char *grant);

/*
 * The grant object of an auth entry: placeholders like {subdomain} in its addresses and scopes
 * replaced by parameters.
 * scopes: an array of strings or NULL for the entry's default_scopes.  NULL and *problem
 * (palloc'ed, names what is missing) if it cannot be made.
 */
extern CnJson *cn_oauth2_config(const CnJson *provider, const CnJson *entry,
								const CnJson *parameters, const CnJson *scopes, char **problem);

/*
 * Entries for a credential's allowed hosts out of a list with placeholders: those of which a
 * parameter is missing are left out.  A parameter that is an URL stands for its origin.
 */
extern CnJson *cn_oauth2_hosts(const CnJson *hosts, const CnJson *parameters);

/* The host entry of an URL, to bind a client to its token endpoint; NULL if it is none. */
extern char *cn_oauth2_host_of(const char *url);

/* What a parameter is, a text or a number, as text; NULL if there is none. */
extern const char *cn_oauth2_value(const CnJson *values, const char *name);

/* text with {name} replaced; at its start raw, elsewhere percent-encoded.  NULL: *missing has no value. */
extern char *cn_oauth2_expand(const char *text, const CnJson *parameters, const char **missing);

/* The item at a plain path ("$.a.b[0]", "a.b"); NULL if there is none. */
extern const CnJson *cn_oauth2_at(const CnJson *tree, const char *path);

/* A number of the grant object, or the other value where it has none. */
extern int	cn_oauth2_number(const CnJson *config, const char *name, int otherwise);

/* ---- requests ---- */

/* What a request is made of beside the grant object; NULL where the grant has no use for it. */
typedef struct CnOauth2Ask
{
	CnGrant		grant;
	const char *client_id;
	const char *client_secret;	/* NULL: a public client */
	const char *code;
	const char *redirect_uri;
	const char *code_verifier;
	const char *refresh_token;
	const char *assertion;
	const char *device_code;
	const char *token;			/* to be revoked */
	const char *token_hint;		/* "refresh_token" */
	const char *authorization;	/* value of that header, when it has been made */
	const char *const *others;	/* what else a failure must not show; NULL-terminated, or NULL */
} CnOauth2Ask;

typedef struct CnOauth2Request
{
	StringInfoData body;
	StringInfoData authorization;	/* value of that header; empty: none */
	const char *content_type;
} CnOauth2Request;

/* The address a user is sent to; palloc'ed.  challenge NULL: no PKCE. */
extern char *cn_oauth2_authorize_url(const CnJson *config, const char *client_id,
									 const char *redirect_uri, const char *state,
									 const char *challenge);

/* Bytes that either text of the request may need; buffers of that size do not move. */
extern int	cn_oauth2_request_room(const CnJson *config, const CnOauth2Ask *ask);

/* Append to both buffers of *request.  RFC 6749, section 4.1.3, 4.4.2, 6; 7523, 2.1; 8628, 3.4. */
extern void cn_oauth2_token_request(const CnJson *config, const CnOauth2Ask *ask,
									CnOauth2Request *request);

/* RFC 8628, section 3.1. */
extern void cn_oauth2_device_request(const CnJson *config, const CnOauth2Ask *ask,
									 CnOauth2Request *request);

/* RFC 7009, section 2.1. */
extern void cn_oauth2_revoke_request(const CnJson *config, const CnOauth2Ask *ask,
									 CnOauth2Request *request);

/*
 * The claims of a JWT bearer grant: config's, with {name} replaced by a value of values (an
 * object of strings); {scope} is the config's.  A claim with {name?} is left out where there is
 * no such value.  NULL and *missing.
 */
extern CnJson *cn_oauth2_claims(const CnJson *config, const CnJson *values, const char **missing);

/* ---- replies ---- */

/* What arrived, as it came. */
typedef struct CnOauth2Reply
{
	int			status;
	const char *content_type;
	const char *body;
	int64		len;
} CnOauth2Reply;

typedef enum CnOauth2Verdict
{
	CN_TOKENS_FAILED,			/* failure says why; it may work later */
	CN_TOKENS_REFUSED,			/* the grant is gone: somebody has to connect anew */
	CN_TOKENS_PENDING,			/* a device that nobody has allowed yet */
	CN_TOKENS_SLOW_DOWN,		/* likewise, and it asked too often */
	CN_TOKENS_GOT
} CnOauth2Verdict;

typedef struct CnOauth2Tokens
{
	const char *access_token;
	const char *refresh_token;	/* NULL: the one that was there stays */
	int64		expires_in;		/* seconds; -1: nobody knows */
	const char *scope;			/* what was granted; NULL: what was asked for */
	CnJson	   *parameters;		/* those of the grant object's "parameters" that the reply has */
	CnJson	   *tree;			/* all of it, to be wiped */
} CnOauth2Tokens;

/*
 * Never throws for what the reply holds.  ask: its secrets are kept out of the failure.  The
 * failure's code is auth_failed, whatever was wrong.
 */
extern CnOauth2Verdict cn_oauth2_read_tokens(const CnJson *config, const CnOauth2Ask *ask,
											 const CnOauth2Reply *reply, CnOauth2Tokens *tokens,
											 CnFailure *failure);

typedef struct CnOauth2Device
{
	const char *device_code;
	const char *user_code;
	const char *verification_uri;
	const char *verification_uri_complete;	/* NULL: none */
	int64		expires_in;
	int			interval;
} CnOauth2Device;

/* RFC 8628, section 3.2; false and *failure. */
extern bool cn_oauth2_read_device(const CnOauth2Ask *ask, const CnOauth2Reply *reply,
								  CnOauth2Device *device, CnFailure *failure);

/* RFC 7009, section 2.2: true if the token is gone (or never was); false and *failure. */
extern bool cn_oauth2_read_revoked(const CnOauth2Ask *ask, const CnOauth2Reply *reply,
								   CnFailure *failure);

/* Overwrite every string of a tree. */
extern void cn_oauth2_wipe(CnJson *tree);

#endif							/* CN_AUTH_OAUTH2_H */
