/*
 * kinds.h -- the kinds that have files of their own.
 */
#ifndef CN_AUTH_KINDS_H
#define CN_AUTH_KINDS_H

#include "auth/auth.h"
#include "crypto/sign.h"

extern const CnAuthKind cn_auth_oauth1;
extern const CnAuthKind cn_auth_jwt;
extern const CnAuthKind cn_auth_aws_sigv4;
extern const CnAuthKind cn_auth_hmac;
extern const CnAuthKind cn_auth_digest;

/* What kinds say when OpenSSL refuses a digest, as a FIPS build does with MD5. */
#define CN_AUTH_NO_DIGEST "the cryptographic library refuses the digest"

/*
 * The text parameters and secret fields that a kind made of texts may name, in a
 * request that is made up: what is wrong with them is found when they are stored.
 */
extern const CnSignInput cn_auth_sample_input;

/* "it refers to {x}, which there is not" */
extern const char *cn_auth_unknown(const char *parameter, const char *name);

#endif							/* CN_AUTH_KINDS_H */
