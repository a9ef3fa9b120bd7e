/*
 * digest.h -- digests and keyed digests of bytes, by the server's own code.  Pure.
 *
 * For filters and others that compile outside the server; what protects
 * secrets or checks signatures is in crypto/.
 */
#ifndef CN_CORE_DIGEST_H
#define CN_CORE_DIGEST_H

#include "core/pure.h"

#define CN_DIGEST_MAX 64		/* bytes of the longest */

typedef enum CnDigestKind
{
	CN_DIGEST_MD5,
	CN_DIGEST_SHA1,
	CN_DIGEST_SHA256,
	CN_DIGEST_SHA512
} CnDigestKind;

/* The kind of a name ("sha256"); false if there is none. */
extern bool cn_digest_kind(const char *name, CnDigestKind *kind);
extern int	cn_digest_size(CnDigestKind kind);

/*
 * Fill out, which has room for cn_digest_size(kind) bytes.  False if the
 * library refuses, as a FIPS build does with MD5.
 */
extern bool cn_digest(CnDigestKind kind, const void *data, size_t len, uint8 *out);

/* The same with a key: HMAC, RFC 2104. */
extern bool cn_hmac(CnDigestKind kind, const void *key, size_t key_len,
					const void *data, size_t len, uint8 *out);

#endif							/* CN_CORE_DIGEST_H */
