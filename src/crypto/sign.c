/*
 * sign.c -- signatures with private keys and with shared secrets.
 *
 * Whatever OpenSSL makes here is freed before a function returns, and nothing
 * in between can throw, so no memory context has to know of it.
 */
#include "crypto/sign.h"

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* RFC 7518, sections 3.3 and 3.5: not less. */
#define MIN_RSA_BITS 2048

/* Each half of an ES256 signature.  RFC 7518, section 3.4. */
#define P256_BYTES 32

/* The SEC name, and the only one of the two that OpenSSL gives. */
#define P256_NAME "prime256v1"

static const char *const algorithm_names[] = {
	[CN_SIGN_HS256] = "HS256",
	[CN_SIGN_RS256] = "RS256",
	[CN_SIGN_PS256] = "PS256",
	[CN_SIGN_ES256] = "ES256",
};

static const char could_not[] = "the cryptographic library could not use it";

bool
cn_sign_algorithm(const char *name, CnSignAlgorithm *algorithm)
{
	for (int i = 0; i < lengthof(algorithm_names); i++)
	{
		if (strcmp(algorithm_names[i], name) == 0)
		{
			*algorithm = (CnSignAlgorithm) i;
			return true;
		}
	}
	return false;
}

const char *
cn_sign_algorithm_name(CnSignAlgorithm algorithm)
{
	return algorithm_names[algorithm];
}

/* ---- reading a key ---- */

/* What the callback for the passphrase has and learns. */
typedef struct Passphrase
{
	const char *text;			/* NULL: none */
	bool		asked;
} Passphrase;

/* Without a callback OpenSSL would ask at the terminal. */
static int
give_passphrase(char *out, int size, int writing, void *arg)
{
	Passphrase *passphrase = arg;
	size_t		len = passphrase->text ? strlen(passphrase->text) : 0;

	passphrase->asked = true;
	if (passphrase->text == NULL || len > (size_t) size)
		return -1;
	memcpy(out, passphrase->text, len);
	return (int) len;
}

/* The private key in PEM form; NULL and *problem. */
static EVP_PKEY *
read_key(const CnSignKey *key, const char **problem)
{
	Passphrase	passphrase = {key->passphrase, false};
	BIO		   *bio = BIO_new_mem_buf(key->text, (int) key->len);
	EVP_PKEY   *pkey = NULL;

	*problem = could_not;
	if (bio == NULL)
		return NULL;
	pkey = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &passphrase);
	BIO_free(bio);
	if (pkey)
		return pkey;
	if (!passphrase.asked)
		*problem = "it is not a private key in PEM form";
	else if (key->passphrase == NULL)
		*problem = "it is encrypted, and there is no passphrase";
	else
		*problem = "it cannot be decrypted with the passphrase";
	return NULL;
}

static bool
is_p256(const EVP_PKEY *pkey)
{
	char		name[80];

	return EVP_PKEY_is_a(pkey, "EC") &&
		EVP_PKEY_get_group_name(pkey, name, sizeof(name), NULL) == 1 &&
		strcmp(name, P256_NAME) == 0;
}

/* Why the key does not fit the algorithm, or NULL. */
static const char *
misfit(CnSignAlgorithm algorithm, const EVP_PKEY *pkey)
{
	if (algorithm == CN_SIGN_ES256)
		return is_p256(pkey) ? NULL : "ES256 needs an EC key on the curve P-256";
	if (!EVP_PKEY_is_a(pkey, "RSA"))
		return "RS256 and PS256 need an RSA key";
	if (EVP_PKEY_get_bits(pkey) < MIN_RSA_BITS)
		return "an RSA key needs 2048 bits at least";
	if (EVP_PKEY_get_size(pkey) > CN_SIGN_MAX)
		return "the RSA key is longer than 16384 bits";
	return NULL;
}

/* A key that fits its algorithm, which is not HS256; NULL and *problem. */
static EVP_PKEY *
open_key(const CnSignKey *key, const char **problem)
{
	EVP_PKEY   *pkey;

	if (key->len > INT_MAX)
	{
		*problem = "it is too long";
		return NULL;
	}
	pkey = read_key(key, problem);
	if (pkey == NULL)
		return NULL;
	*problem = misfit(key->algorithm, pkey);
	if (*problem == NULL)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

const char *
cn_sign_key_problem(const CnSignKey *key)
{
	const char *problem;

	if (key->algorithm == CN_SIGN_HS256)
		return key->len > 0 ? NULL : "it is empty";
	ERR_clear_error();
	EVP_PKEY_free(open_key(key, &problem));
	ERR_clear_error();
	return problem;
}

/* ---- signing ---- */

static bool
set_padding(const CnSignKey *key, EVP_PKEY_CTX *context)
{
	if (key->algorithm != CN_SIGN_PS256)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool
sign_with(const CnSignKey *key, EVP_PKEY *pkey, const void *data, size_t len, uint8 *out,
		  size_t *out_len)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	EVP_PKEY_CTX *context;
	bool		done;

	*out_len = CN_SIGN_MAX;
	done = digest != NULL &&
		EVP_DigestSignInit(digest, &context, EVP_sha256(), NULL, pkey) == 1 &&
		set_padding(key, context) &&
		EVP_DigestSign(digest, out, out_len, data, len) == 1;
	EVP_MD_CTX_free(digest);
	return done;
}

/* OpenSSL gives an ECDSA signature as DER; here it becomes r || s. */
static bool
flatten(uint8 *out, size_t *out_len)
{
	const unsigned char *der = out;
	ECDSA_SIG  *signature = d2i_ECDSA_SIG(NULL, &der, (long) *out_len);
	uint8		flat[2 * P256_BYTES];
	bool		done;

	done = signature != NULL &&
		BN_bn2binpad(ECDSA_SIG_get0_r(signature), flat, P256_BYTES) == P256_BYTES &&
		BN_bn2binpad(ECDSA_SIG_get0_s(signature), flat + P256_BYTES, P256_BYTES) == P256_BYTES;
	ECDSA_SIG_free(signature);
	if (!done)
		return false;
	memcpy(out, flat, sizeof(flat));
	*out_len = sizeof(flat);
	return true;
}

const char *
cn_sign(const CnSignKey *key, const void *data, size_t len, uint8 *out, size_t *out_len)
{
	const char *problem = NULL;
	EVP_PKEY   *pkey;

	if (key->algorithm == CN_SIGN_HS256)
	{
		*out_len = cn_digest_size(CN_DIGEST_SHA256);
		return cn_secret_hmac(CN_DIGEST_SHA256, key->text, key->len, data, len, out) ? NULL
			: could_not;
	}
	ERR_clear_error();
	pkey = open_key(key, &problem);
	if (pkey && !(sign_with(key, pkey, data, len, out, out_len) &&
				  (key->algorithm != CN_SIGN_ES256 || flatten(out, out_len))))
		problem = could_not;
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return problem;
}

const char *
cn_sign_fingerprint(const CnSignKey *key, uint8 *out)
{
	const char *problem = NULL;
	unsigned char *der = NULL;
	EVP_PKEY   *pkey;
	int			len;

	if (key->algorithm == CN_SIGN_HS256)
		return "HS256 has no public key";
	ERR_clear_error();
	pkey = open_key(key, &problem);
	if (pkey)
	{
		len = i2d_PUBKEY(pkey, &der);
		if (len <= 0 || EVP_Digest(der, len, out, NULL, EVP_sha256(), NULL) != 1)
			problem = could_not;
		OPENSSL_free(der);
	}
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return problem;
}

/* ---- digests of secrets ---- */

static const EVP_MD *
digest_of(CnDigestKind kind)
{
	switch (kind)
	{
		case CN_DIGEST_MD5:
			return EVP_md5();
		case CN_DIGEST_SHA1:
			return EVP_sha1();
		case CN_DIGEST_SHA256:
			return EVP_sha256();
		case CN_DIGEST_SHA512:
			return EVP_sha512();
	}
	return NULL;				/* not reached */
}

bool
cn_secret_digest(CnDigestKind kind, const void *data, size_t len, uint8 *out)
{
	bool		done;

	ERR_clear_error();
	done = EVP_Digest(data, len, out, NULL, digest_of(kind), NULL) == 1;
	ERR_clear_error();
	return done;
}

bool
cn_secret_hmac(CnDigestKind kind, const void *key, size_t key_len, const void *data, size_t len,
			   uint8 *out)
{
	bool		done;

	if (key_len > INT_MAX)
		return false;
	ERR_clear_error();
	done = HMAC(digest_of(kind), key, (int) key_len, data, len, out, NULL) != NULL;
	ERR_clear_error();
	return done;
}
