/*
 * oauth_state.h -- authorizations that were begun: who is to come back with what.
 *
 * A state is a random text that only the user's browser and the provider see; the table has its
 * digest. It is for one member of one workspace, for some minutes, and is used once.
 */
#ifndef CN_CREDENTIALS_OAUTH_STATE_H
#define CN_CREDENTIALS_OAUTH_STATE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* Characters of a state: 32 random bytes in base64url. */
#define CN_STATE_LEN 43

typedef struct CnOauthState
{
	pg_uuid_t	workspace;
	pg_uuid_t	id;
	const char *member;			/* who began it */
	bool		device;			/* a device's, which is asked for again and again */
	const char *provider;
	const char *label;
	const char *scope;			/* "workspace" or "user" */
	const char *client;			/* label of the application */
	const char *redirect_uri;	/* NULL: a device */
	Jsonb	   *grant;
	Jsonb	   *parameters;
	TimestampTz expires_at;
	const char *secret;			/* PKCE verifier or device code; wiped with its context */
} CnOauthState;

/* Make a state and store it; text gets CN_STATE_LEN characters and a NUL, *state its id. */
extern void cn_oauth_state_store(CnOauthState *state, char *text);

/*
 * The one of that text which member began and which has not run out, in the current context;
 * false if there is none, and then nobody learns why.
 */
extern bool cn_oauth_state_find(const char *text, const char *member, CnOauthState *state);

/* Remove it; false if somebody else has. */
extern bool cn_oauth_state_remove(const pg_uuid_t *workspace, const pg_uuid_t *id);

/* For a background worker (worker/errand.h): the same of a request, which is two ids. */
extern char *cn_oauth_state_answer(const char *request);

/* Remove those that have run out; how many. */
extern int	cn_oauth_state_prune(void);

#endif							/* CN_CREDENTIALS_OAUTH_STATE_H */
