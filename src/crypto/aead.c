/*
 * aead.c -- AES-256-GCM, random bytes, comparison and wiping.
 */
#include "crypto/aead.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

/* Set up ctx for one message; a NULL context means no memory. */
static bool
begin(EVP_CIPHER_CTX *ctx, bool seal, const unsigned char *key, const unsigned char *nonce,
	  const void *aad, int aad_len)
{
	int			n;

	ERR_clear_error();
	return ctx != NULL &&
		EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, seal) == 1 &&
		EVP_CipherUpdate(ctx, NULL, &n, aad, aad_len) == 1;
}

bool
cn_aead_seal(const unsigned char *key, const unsigned char *nonce, const void *aad, int aad_len,
			 const void *plain, int len, unsigned char *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int			n,
				rest;
	bool		ok;

	ok = begin(ctx, true, key, nonce, aad, aad_len) &&
		EVP_CipherUpdate(ctx, out, &n, plain, len) == 1 &&
		EVP_CipherFinal_ex(ctx, out + n, &rest) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, CN_AEAD_TAG_LEN, out + len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

bool
cn_aead_open(const unsigned char *key, const unsigned char *nonce, const void *aad, int aad_len,
			 const unsigned char *data, int len, void *out)
{
	EVP_CIPHER_CTX *ctx;
	int			plain_len = len - CN_AEAD_TAG_LEN;
	unsigned char tag[CN_AEAD_TAG_LEN];
	int			n = 0,
				rest;
	bool		ok;

	if (plain_len < 0)
		return false;
	memcpy(tag, data + plain_len, CN_AEAD_TAG_LEN);

	ctx = EVP_CIPHER_CTX_new();
	ok = begin(ctx, false, key, nonce, aad, aad_len) &&
		EVP_CipherUpdate(ctx, out, &n, data, plain_len) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, CN_AEAD_TAG_LEN, tag) == 1 &&
		EVP_CipherFinal_ex(ctx, (unsigned char *) out + n, &rest) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		cn_wipe(out, plain_len);
	return ok;
}

bool
cn_random_bytes(void *out, int len)
{
	ERR_clear_error();
	return RAND_bytes(out, len) == 1;
}

bool
cn_equal_constant_time(const void *a, const void *b, int len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
cn_wipe(void *data, size_t len)
{
	OPENSSL_cleanse(data, len);
}
