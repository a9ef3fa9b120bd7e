/*
 * oauth1.h -- signatures of OAuth 1.0a.  RFC 5849, section 3.  Pure.
 */
#ifndef CN_AUTH_OAUTH1_H
#define CN_AUTH_OAUTH1_H

#include "auth/signing.h"
#include "core/digest.h"

typedef struct CnOauth1
{
	const char *consumer_key;
	const char *consumer_secret;
	const char *token;			/* NULL: none yet */
	const char *token_secret;	/* NULL: none */
	const char *realm;			/* NULL: none; not part of what is signed */
	CnDigestKind digest;		/* CN_DIGEST_SHA1 or CN_DIGEST_SHA256 */
	bool		version;		/* send oauth_version */
	const char *timestamp;		/* seconds since 1970 */
	const char *nonce;
} CnOauth1;

/* What is signed.  RFC 5849, section 3.4.1.1. */
extern void cn_oauth1_base_string(StringInfo out, const CnOauth1 *oauth, const CnSignInput *input);

/*
 * The value of the Authorization header, appended to header, and the signature
 * alone, in base64, to signature.  False if the digest cannot be had.
 */
extern bool cn_oauth1_sign(StringInfo header, StringInfo signature, const CnOauth1 *oauth,
						   const CnSignInput *input);

#endif							/* CN_AUTH_OAUTH1_H */
