/*
 * secrets.h -- a credential's values inside one request.
 *
 * Templates never see a secret: {{workspace.token}} renders to a stand-in,
 * random for each execution and made of characters that no escaping touches.
 * The rendered request can thus be recorded as it is; sealing puts the values in
 * at the very end, escaped for their place, into memory that is wiped.
 * On the way back every occurrence of a value in the reply is blanked before
 * anything else looks at it.
 */
#ifndef CN_ENGINE_SECRETS_H
#define CN_ENGINE_SECRETS_H

#include "postgres.h"

#include "auth/auth.h"
#include "core/json.h"
#include "credentials/store.h"

typedef enum CnSealPlace
{
	CN_SEAL_RAW,				/* header, text, part */
	CN_SEAL_URL,				/* percent-encoded */
	CN_SEAL_JSON				/* inside a JSON string */
} CnSealPlace;

typedef struct CnSecrets
{
	MemoryContext context;
	const CnCredential *credential;
	CnAuthAddition addition;
	int			count;			/* fields of the credential */
	char	  **stand_ins;		/* one for each, then one for each inside JSON, see cn_secrets_quote */
	CnJson	   *scope;			/* what {{workspace...}} reads: stand-ins and public parameters */
} CnSecrets;

/* Prepare for one execution; false and *failure if the credential cannot be used. */
extern bool cn_secrets_init(CnSecrets *secrets, const CnCredential *credential,
							MemoryContext context, CnFailure *failure);

/*
 * text is JSON inside a body that is none as a whole: mark its stand-ins, so
 * that sealing escapes their values for a JSON string.  The length stays.
 */
extern void cn_secrets_quote(const CnSecrets *secrets, char *text, int64 len);

/* Does text hold a stand-in? */
extern bool cn_secrets_in(const CnSecrets *secrets, const char *text, int64 len);

/*
 * text with values in place of the stand-ins; text itself if it has none.
 * *len is that of the result.
 */
extern const char *cn_secrets_seal(CnSecrets *secrets, CnSealPlace place,
								   const char *text, int64 *len);

/* Three texts in a row, in wiped memory. */
extern const char *cn_secrets_join(CnSecrets *secrets, const char *a, const char *b, const char *c);

/* A copy of text in the current context with the stand-ins replaced by "[redacted]". */
extern char *cn_secrets_hide(const CnSecrets *secrets, const char *text, int64 len);

/*
 * Blank the credential's values, also percent-encoded or with JSON's escapes, in
 * what a remote sent.  Returns text itself if there is none, else a copy; *len may change.
 */
extern const char *cn_secrets_redact(const CnSecrets *secrets, const char *text, int64 *len);

/* The same for every key and string of a value; value itself if there is no credential. */
extern Jsonb *cn_secrets_redact_jsonb(const CnSecrets *secrets, Jsonb *value);

#endif							/* CN_ENGINE_SECRETS_H */
