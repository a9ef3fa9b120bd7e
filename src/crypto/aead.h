/*
 * aead.h -- AES-256-GCM, random bytes, comparison and wiping.  Pure.
 *
 * The only code that knows OpenSSL is in this directory.
 */
#ifndef CN_CRYPTO_AEAD_H
#define CN_CRYPTO_AEAD_H

#include "core/pure.h"

#define CN_AEAD_KEY_LEN 32
#define CN_AEAD_NONCE_LEN 12	/* NIST SP 800-38D, 8.2.2: random, 96 bits */
#define CN_AEAD_TAG_LEN 16

/*
 * Encrypt len bytes of plain into out, which gets len + CN_AEAD_TAG_LEN bytes
 * (ciphertext, tag).  aad is authenticated, not encrypted.  false if OpenSSL
 * failed; never throws.  NIST SP 800-38D.
 */
extern bool cn_aead_seal(const unsigned char *key, const unsigned char *nonce,
						 const void *aad, int aad_len,
						 const void *plain, int len, unsigned char *out);

/*
 * Decrypt len bytes (ciphertext and tag) into out, which gets
 * len - CN_AEAD_TAG_LEN bytes.  false if key, nonce, aad or a byte of the data is
 * not the one it was sealed with; out then holds nothing.
 */
extern bool cn_aead_open(const unsigned char *key, const unsigned char *nonce,
						 const void *aad, int aad_len,
						 const unsigned char *data, int len, void *out);

/* Cryptographically strong random bytes; false if there are none. */
extern bool cn_random_bytes(void *out, int len);

/* In time that depends on len alone. */
extern bool cn_equal_constant_time(const void *a, const void *b, int len);

/* Overwrite, also when the compiler thinks nobody will look. */
extern void cn_wipe(void *data, size_t len);

#endif							/* CN_CRYPTO_AEAD_H */
