/*
 * sign.h -- signatures with private keys and with shared secrets.  Pure.
 *
 * A private key is PEM text: PKCS#8 or the traditional forms, RSA or EC on the
 * curve P-256, encrypted or not.  It is read for each signature and wiped
 * after it, so that nothing here outlives a call.
 */
#ifndef CN_CRYPTO_SIGN_H
#define CN_CRYPTO_SIGN_H

#include "core/digest.h"

/* The names are those of RFC 7518, section 3.1. */
typedef enum CnSignAlgorithm
{
	CN_SIGN_HS256,				/* HMAC with SHA-256; the key is any text */
	CN_SIGN_RS256,				/* RSA, PKCS#1 v1.5, SHA-256 */
	CN_SIGN_PS256,				/* RSA, PSS, SHA-256 */
	CN_SIGN_ES256				/* ECDSA on P-256, SHA-256; the signature is r || s, 64 bytes */
} CnSignAlgorithm;

/* Bytes of the longest signature: RSA with 16384 bits, the most that OpenSSL checks. */
#define CN_SIGN_MAX 2048

/* What signs; the texts are the caller's, who wipes them. */
typedef struct CnSignKey
{
	CnSignAlgorithm algorithm;
	const char *text;			/* PEM, or the secret of HS256 */
	size_t		len;
	const char *passphrase;		/* NULL: none */
} CnSignKey;

/* The algorithm of a name ("RS256"); false if there is none. */
extern bool cn_sign_algorithm(const char *name, CnSignAlgorithm *algorithm);
extern const char *cn_sign_algorithm_name(CnSignAlgorithm algorithm);

/*
 * Can key be used for its algorithm?  NULL, or static text, "it is not a private
 * key in PEM form", which never holds anything of the key.
 */
extern const char *cn_sign_key_problem(const CnSignKey *key);

/*
 * Sign data into out, which has room for CN_SIGN_MAX bytes.  NULL and *out_len, or
 * static text as above.  Never throws.  RFC 7518, sections 3.2 to 3.5.
 */
extern const char *cn_sign(const CnSignKey *key, const void *data, size_t len,
						   uint8 *out, size_t *out_len);

/*
 * SHA-256 of the DER form of the key's public half (SubjectPublicKeyInfo, RFC 5280,
 * section 4.1), 32 bytes: what Snowflake and others call its fingerprint.
 */
extern const char *cn_sign_fingerprint(const CnSignKey *key, uint8 *out);

/*
 * A digest of what holds a secret, or a keyed one (HMAC, RFC 2104): as those of
 * core/digest.h, by OpenSSL, which wipes its copies.  False if it refuses, as a
 * FIPS build does with MD5.
 */
extern bool cn_secret_digest(CnDigestKind kind, const void *data, size_t len, uint8 *out);
extern bool cn_secret_hmac(CnDigestKind kind, const void *key, size_t key_len,
						   const void *data, size_t len, uint8 *out);

#endif							/* CN_CRYPTO_SIGN_H */
