/*
 * test_sign.c -- private keys, signatures and JSON Web Tokens.
 *
 * Vectors: RFC 7515, appendices A.1 to A.3 (a token each; ECDSA is not
 * deterministic, so there the signature is verified), RFC 4231 and RFC 2202 (HMAC).
 */
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "auth/jwt.h"
#include "crypto/sign.h"

#include "keys.h"
#include "tap.h"

#define PAYLOAD "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
#define PAYLOAD_ENCODED \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt" \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static CnSignKey
make_key(CnSignAlgorithm algorithm, const char *text, const char *passphrase)
{
	CnSignKey	key = {algorithm, text, strlen(text), passphrase};

	return key;
}

/* ---- keys that cannot be used ---- */

typedef struct BadKey
{
	const char *name;
	CnSignAlgorithm algorithm;
	const char *text;
	const char *passphrase;
	const char *problem;
} BadKey;

static const BadKey bad_keys[] = {
	{"nothing", CN_SIGN_RS256, "", NULL, "it is not a private key in PEM form"},
	{"some text", CN_SIGN_RS256, "secret", NULL, "it is not a private key in PEM form"},
	{"PEM in one line", CN_SIGN_RS256, "-----BEGIN PRIVATE KEY----- MIIB -----END PRIVATE KEY-----", NULL,
	"it is not a private key in PEM form"},
	{"PEM of garbage", CN_SIGN_RS256, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	NULL, "it is not a private key in PEM form"},
	{"a public key", CN_SIGN_ES256, EC_PUBLIC_KEY, NULL, "it is not a private key in PEM form"},
	{"no passphrase", CN_SIGN_RS256, RSA_KEY_ENCRYPTED, NULL, "it is encrypted, and there is no passphrase"},
	{"another passphrase", CN_SIGN_RS256, RSA_KEY_ENCRYPTED, "wrong horse",
	"it cannot be decrypted with the passphrase"},
	{"no passphrase, old form", CN_SIGN_ES256, EC_KEY_ENCRYPTED, NULL,
	"it is encrypted, and there is no passphrase"},
	{"an empty passphrase", CN_SIGN_RS256, RSA_KEY_ENCRYPTED, "", "it cannot be decrypted with the passphrase"},
	{"EC for RS256", CN_SIGN_RS256, EC_KEY, NULL, "RS256 and PS256 need an RSA key"},
	{"EC for PS256", CN_SIGN_PS256, EC_KEY, NULL, "RS256 and PS256 need an RSA key"},
	{"RSA for ES256", CN_SIGN_ES256, RSA_KEY, NULL, "ES256 needs an EC key on the curve P-256"},
	{"P-384 for ES256", CN_SIGN_ES256, EC_KEY_P384, NULL, "ES256 needs an EC key on the curve P-256"},
	{"secp256k1 for ES256", CN_SIGN_ES256, EC_KEY_K256, NULL, "ES256 needs an EC key on the curve P-256"},
	{"a short RSA key", CN_SIGN_RS256, RSA_KEY_SHORT, NULL, "an RSA key needs 2048 bits at least"},
	{"an empty secret", CN_SIGN_HS256, "", NULL, "it is empty"},
};

static void
test_bad_keys(void)
{
	for (int i = 0; i < lengthof(bad_keys); i++)
	{
		const BadKey *bad = &bad_keys[i];
		CnSignKey	key = make_key(bad->algorithm, bad->text, bad->passphrase);
		uint8		out[CN_SIGN_MAX];
		size_t		len;

		tap_is(cn_sign_key_problem(&key), bad->problem, "%s is refused", bad->name);
		if (bad->algorithm != CN_SIGN_HS256)
			tap_is(cn_sign(&key, "x", 1, out, &len), bad->problem, "%s signs nothing", bad->name);
	}
}

static void
test_good_keys(void)
{
	static const BadKey good[] = {
		{"PKCS#8, RSA", CN_SIGN_RS256, RSA_KEY, NULL, NULL},
		{"traditional RSA", CN_SIGN_RS256, RSA_KEY_TRADITIONAL, NULL, NULL},
		{"encrypted PKCS#8", CN_SIGN_PS256, RSA_KEY_ENCRYPTED, PASSPHRASE, NULL},
		{"PKCS#8, EC", CN_SIGN_ES256, EC_KEY, NULL, NULL},
		{"traditional EC", CN_SIGN_ES256, EC_KEY_TRADITIONAL, NULL, NULL},
		{"encrypted traditional EC", CN_SIGN_ES256, EC_KEY_ENCRYPTED, PASSPHRASE, NULL},
		{"a passphrase that is not needed", CN_SIGN_ES256, EC_KEY, PASSPHRASE, NULL},
		{"text before the key", CN_SIGN_ES256, "Bag Attributes\n" EC_KEY, NULL, NULL},
	};

	for (int i = 0; i < lengthof(good); i++)
	{
		CnSignKey	key = make_key(good[i].algorithm, good[i].text, good[i].passphrase);

		tap_is(cn_sign_key_problem(&key), NULL, "%s can be used", good[i].name);
	}
}

static void
test_names(void)
{
	CnSignAlgorithm algorithm;

	tap_ok(!cn_sign_algorithm("none", &algorithm), "none is no algorithm");
	tap_ok(!cn_sign_algorithm("rs256", &algorithm), "names are in capitals");
	for (int i = CN_SIGN_HS256; i <= CN_SIGN_ES256; i++)
		tap_ok(cn_sign_algorithm(cn_sign_algorithm_name(i), &algorithm) && algorithm == i,
			   "%s is known by its name", cn_sign_algorithm_name(i));
}

/* ---- verifying, by OpenSSL alone ---- */

static EVP_PKEY *
public_of(const char *pem)
{
	BIO		   *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY   *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, "");

	BIO_free(bio);
	return pkey;
}

static bool
verifies(const char *pem, bool pss, const void *data, size_t len, const uint8 *signature,
		 size_t signature_len)
{
	EVP_PKEY   *pkey = public_of(pem);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	EVP_PKEY_CTX *context;
	bool		good;

	good = EVP_DigestVerifyInit(digest, &context, EVP_sha256(), NULL, pkey) == 1;
	if (pss)
		good = good && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
			EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32) == 1;
	good = good && EVP_DigestVerify(digest, signature, signature_len, data, len) == 1;
	EVP_MD_CTX_free(digest);
	EVP_PKEY_free(pkey);
	return good;
}

/* The same for r || s. */
static bool
verifies_flat(const char *pem, const void *data, size_t len, const uint8 *flat)
{
	ECDSA_SIG  *signature = ECDSA_SIG_new();
	unsigned char *der = NULL;
	int			der_len;
	bool		good;

	ECDSA_SIG_set0(signature, BN_bin2bn(flat, 32, NULL), BN_bin2bn(flat + 32, 32, NULL));
	der_len = i2d_ECDSA_SIG(signature, &der);
	good = verifies(pem, false, data, len, der, der_len);
	OPENSSL_free(der);
	ECDSA_SIG_free(signature);
	return good;
}

static void
test_ecdsa(void)
{
	CnSignKey	key = make_key(CN_SIGN_ES256, EC_KEY, NULL);
	uint8		out[CN_SIGN_MAX];
	size_t		len;
	bool		good = true;

	/* many times: a half of the signature that begins with zeros must keep them */
	for (int i = 0; i < 600; i++)
		good = good && cn_sign(&key, &i, sizeof(i), out, &len) == NULL && len == 64 &&
			verifies_flat(EC_KEY, &i, sizeof(i), out);
	tap_ok(good, "ES256 makes 64 bytes that verify");
	out[40] ^= 1;
	tap_ok(!verifies_flat(EC_KEY, "", 0, out), "the verification can fail");
}

static void
test_pss(void)
{
	CnSignKey	key = make_key(CN_SIGN_PS256, RSA_KEY, NULL);
	uint8		out[CN_SIGN_MAX];
	size_t		len;

	tap_ok(cn_sign(&key, "message", 7, out, &len) == NULL && len == 256 &&
		   verifies(RSA_KEY, true, "message", 7, out, len), "PS256 makes a signature that verifies");
	tap_ok(!verifies(RSA_KEY, false, "message", 7, out, len), "which is none of PKCS#1 v1.5");
}

static void
test_fingerprint(void)
{
	static const uint8 wanted[32] = {
		0x6f, 0xd1, 0x3c, 0x24, 0x35, 0xa3, 0x61, 0xe7, 0xc5, 0x88, 0xcd, 0x17, 0xf5, 0x5f, 0x5a, 0xd3,
		0xdf, 0x01, 0x77, 0xa6, 0x6c, 0x17, 0x27, 0xa6, 0xa2, 0x00, 0x84, 0x5f, 0x4d, 0x7a, 0xb8, 0x8c
	};
	CnSignKey	key = make_key(CN_SIGN_RS256, RSA_KEY_ENCRYPTED, PASSPHRASE);
	CnSignKey	secret = make_key(CN_SIGN_HS256, "secret", NULL);
	uint8		out[32];

	tap_is(cn_sign_fingerprint(&secret, out), "HS256 has no public key", "a secret has no fingerprint");
	/* openssl pkey -pubout -outform DER | sha256sum */
	tap_ok(cn_sign_fingerprint(&key, out) == NULL && memcmp(out, wanted, 32) == 0,
		   "the fingerprint is that of the public key's DER form");
}

/* ---- HMAC ---- */

static char *
hex(const uint8 *bytes, int len)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < len; i++)
		appendStringInfo(&out, "%02x", bytes[i]);
	return out.data;
}

static void
test_hmac(void)
{
	static const struct
	{
		CnDigestKind kind;
		const char *mac;
	}			cases[] = {
		/* RFC 2202, test case 2 of each; RFC 4231, test case 2 */
		{CN_DIGEST_MD5, "750c783e6ab0b503eaa86e310a5db738"},
		{CN_DIGEST_SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{CN_DIGEST_SHA256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{CN_DIGEST_SHA512, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
		"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
	};
	uint8		out[CN_DIGEST_MAX];

	for (int i = 0; i < lengthof(cases); i++)
	{
		if (!cn_secret_hmac(cases[i].kind, "Jefe", 4, "what do ya want for nothing?", 28, out))
			memset(out, 0, sizeof(out));
		tap_is(hex(out, cn_digest_size(cases[i].kind)), cases[i].mac, "HMAC of kind %d", cases[i].kind);
	}
	tap_ok(cn_secret_digest(CN_DIGEST_MD5, "abc", 3, out), "MD5 can be had");
	tap_is(hex(out, 16), "900150983cd24fb0d6963f7d28e17f72", "MD5, RFC 1321");
}

/* ---- tokens ---- */

static void
test_base64url(void)
{
	static const char *const cases[][2] = {
		{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"},
		{"\xfb\xff\xbf", "-_-_"},
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		StringInfoData out;

		initStringInfo(&out);
		cn_base64url(&out, cases[i][0], strlen(cases[i][0]));
		tap_is(out.data, cases[i][1], "base64url of %d bytes", (int) strlen(cases[i][0]));
	}
}

static char *
token(const CnSignKey *key, const char *header)
{
	StringInfoData out;
	const char *problem;

	initStringInfo(&out);
	problem = cn_jwt_sign(&out, key, header, strlen(header), PAYLOAD, strlen(PAYLOAD));
	return problem ? pstrdup(problem) : out.data;
}

static void
test_rfc7515(void)
{
	static const uint8 secret[] = {
		3, 35, 53, 75, 43, 15, 165, 188, 131, 126, 6, 101, 119, 123, 166, 143, 90, 179, 40,
		230, 240, 84, 201, 40, 169, 15, 132, 178, 210, 80, 46, 191, 211, 251, 90, 146,
		210, 6, 71, 239, 150, 138, 180, 195, 119, 98, 61, 34, 61, 46, 33, 114, 5, 46, 79, 8,
		192, 205, 154, 245, 103, 208, 128, 163
	};
	CnSignKey	hmac = {CN_SIGN_HS256, (const char *) secret, sizeof(secret), NULL};
	CnSignKey	rsa = make_key(CN_SIGN_RS256, RSA_KEY, NULL);
	CnSignKey	ec = make_key(CN_SIGN_ES256, EC_KEY, NULL);
	const char *start = "eyJhbGciOiJFUzI1NiJ9." PAYLOAD_ENCODED ".";
	const char *made;

	tap_is(token(&hmac, "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"),
		   "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." PAYLOAD_ENCODED
		   ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "RFC 7515, A.1");
	tap_is(token(&rsa, "{\"alg\":\"RS256\"}"),
		   "eyJhbGciOiJSUzI1NiJ9." PAYLOAD_ENCODED
		   ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
		   "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
		   "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
		   "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
		   "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
		   "p0igcN_IoypGlUPQGe77Rw", "RFC 7515, A.2");
	made = token(&ec, "{\"alg\":\"ES256\"}");
	tap_ok(strncmp(made, start, strlen(start)) == 0 && strlen(made) == strlen(start) + 86,
		   "RFC 7515, A.3, but for the signature");
	rsa.text = "no key";
	rsa.len = 6;
	tap_is(token(&rsa, "{}"), "it is not a private key in PEM form", "no token without a key");
}

static const CnJson *
parse(const char *text)
{
	CnJsonLimits limits = {0};
	CnJsonError error;

	return cn_json_parse(text, strlen(text), &limits, &error);
}

static char *
write(const CnJson *value)
{
	StringInfoData out;

	initStringInfo(&out);
	cn_json_write(&out, value);
	return out.data;
}

static void
test_claims(void)
{
	CnJwtTimes	plain = {.now = 1700000000};
	CnJwtTimes	all = {.now = 1700000000, .lifetime = 300, .backdated = 60, .not_before = true, .id = "a\"b"};

	tap_is(write(cn_jwt_claims(parse("{}"), &plain)), "{\"iat\":1700000000}", "no lifetime, no exp");
	tap_is(write(cn_jwt_claims(parse("{\"iss\":\"joe\"}"), &all)),
		   "{\"iss\":\"joe\",\"iat\":1699999940,\"exp\":1700000300,\"nbf\":1699999940,\"jti\":\"a\\\"b\"}",
		   "all claims of times");
	tap_is(write(cn_jwt_claims(parse("{\"exp\":1,\"iat\":2}"), &all)),
		   "{\"exp\":1,\"iat\":2,\"nbf\":1699999940,\"jti\":\"a\\\"b\"}", "what is given stays");
	tap_is(write(cn_jwt_header(CN_SIGN_ES256, NULL)), "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", "a header");
	tap_is(write(cn_jwt_header(CN_SIGN_ES256, parse("{\"alg\":\"none\",\"kid\":\"1\",\"typ\":\"at\"}"))),
		   "{\"alg\":\"ES256\",\"kid\":\"1\",\"typ\":\"at\"}", "alg cannot be changed");
}

int
main(void)
{
	test_bad_keys();
	test_names();
	test_good_keys();
	test_ecdsa();
	test_pss();
	test_fingerprint();
	test_hmac();
	test_base64url();
	test_rfc7515();
	test_claims();
	return tap_done();
}
