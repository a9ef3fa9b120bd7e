/*
 * jwt.h -- JSON Web Tokens in the compact form of JWS.  Pure.
 *
 * RFC 7515 (JWS) and RFC 7519 (JWT).  Only making; nothing here believes one.
 */
#ifndef CN_AUTH_JWT_H
#define CN_AUTH_JWT_H

#include "core/json.h"
#include "crypto/sign.h"

/* The claims that differ from token to token.  Times are seconds since 1970. */
typedef struct CnJwtTimes
{
	int64		now;
	int			lifetime;		/* exp is so many seconds after now; 0: no exp */
	int			backdated;		/* iat (and nbf) so many seconds before now */
	bool		not_before;		/* nbf as well */
	const char *id;				/* jti; NULL: none */
} CnJwtTimes;

/*
 * claims (an object) with iat, exp, nbf and jti behind them.  A claim that is there
 * already stays as it is.
 */
extern CnJson *cn_jwt_claims(const CnJson *claims, const CnJwtTimes *times);

/* {"alg": ..., "typ": "JWT"} and the members of more (an object or NULL), which cannot change alg. */
extern CnJson *cn_jwt_header(CnSignAlgorithm algorithm, const CnJson *more);

/*
 * Append header.payload.signature to out.  The texts are signed as they are given.
 * NULL, or what is wrong with the key (see cn_sign).  The token is what a remote
 * takes for proof, so the caller wipes out's memory; it does not move once the
 * signature is in it.
 */
extern const char *cn_jwt_sign(StringInfo out, const CnSignKey *key, const char *header,
							   int header_len, const char *payload, int payload_len);

/* Both: the token of such a header and claims. */
extern const char *cn_jwt_make(StringInfo out, const CnSignKey *key, const CnJson *header,
							   const CnJson *claims);

/* Append base64url without padding.  RFC 7515, section 2. */
extern void cn_base64url(StringInfo out, const void *data, size_t len);

#endif							/* CN_AUTH_JWT_H */
