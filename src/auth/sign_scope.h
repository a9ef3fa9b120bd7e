/*
 * sign_scope.h -- what the {names} stand for in the texts of a kind that signs.  Pure.
 *
 *   method, url, path, query, host     of the request as it is sent; query without "?"
 *   header:<name>                      of the request, empty if it has none
 *   body, body_<digest>_<encoding>     body_sha256_hex, body_md5_base64, ...
 *   timestamp, now, nonce              now in seconds, timestamp as the kind wants it
 *   signature                          where it is known
 *   fingerprint                        of the private key's public half: SHA-256, base64
 *   anything else                      a public parameter of the credential, or a field of its
 *                                      secret
 */
#ifndef CN_AUTH_SIGN_SCOPE_H
#define CN_AUTH_SIGN_SCOPE_H

#include "auth/signing.h"
#include "core/json.h"
#include "credentials/field.h"

typedef struct CnSignScope
{
	const CnSignInput *input;
	const CnJson *parameters;	/* an object */
	CnSignClock clock;			/* of {timestamp} */
	const char *signature;		/* NULL: not known */
	const char *fingerprint;	/* NULL: there is none */

	/* Secret fields that may be named: NULL or count of them. */
	const CnSecretField *fields;
	int			field_count;
	const char *const *hidden;	/* of those, the ones that may not; NULL ends.  NULL: all may */
	bool		veiled;			/* to measure: zeros in place of what is secret */
} CnSignScope;

/* Append text.  NULL, or the name there is not. */
extern const char *cn_sign_text(StringInfo out, const char *text, CnSignScope *scope);

/* The same into a string of the right size that has not moved, for the caller to wipe. */
extern const char *cn_sign_text_sealed(StringInfo out, const char *text, CnSignScope *scope);

/* value with every string in it rendered; NULL and *unknown if a name is not there. */
extern CnJson *cn_sign_json(const CnJson *value, CnSignScope *scope, const char **unknown);

#endif							/* CN_AUTH_SIGN_SCOPE_H */
