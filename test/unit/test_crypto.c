/*
 * test_crypto.c -- AES-256-GCM against published vectors, tampering, comparison, random bytes.
 *
 * Cases 13 to 16 are from McGrew and Viega, "The Galois/Counter Mode of
 * Operation", appendix B (submitted to NIST for SP 800-38D); the others are
 * the first of their groups in NIST's CAVP file gcmEncryptExtIV256.rsp.
 */
#include "crypto/aead.h"

#include "tap.h"

#define MAX_BYTES 128
#define FILLER 0xA5

typedef struct Vector
{
	const char *name;
	const char *key;
	const char *nonce;
	const char *aad;
	const char *plain;
	const char *cipher;
	const char *tag;
} Vector;

#define ZERO_KEY "0000000000000000000000000000000000000000000000000000000000000000"
#define GCM_KEY "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define GCM_PLAIN_60 \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_CIPHER_60 \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" \
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"

static const Vector vectors[] = {
	{"case 13", ZERO_KEY, "000000000000000000000000", "", "", "",
	"530f8afbc74536b9a963b4f1c4cb738b"},
	{"case 14", ZERO_KEY, "000000000000000000000000", "",
		"00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
	"d0d1c8a799996bf0265b98b5d48ab919"},
	{"case 15", GCM_KEY, "cafebabefacedbaddecaf888", "",
		GCM_PLAIN_60 "1aafd255", GCM_CIPHER_60 "898015ad",
	"b094dac5d93471bdec1a502270e3cc6c"},
	{"case 16", GCM_KEY, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		GCM_PLAIN_60, GCM_CIPHER_60,
	"76fc6ece0f4e1768cddf8853bb2d551b"},
	{"CAVP, nothing but a tag", "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
		"516c33929df5a3284ff463d7", "", "", "",
	"bdc1ac884d332457a1d2664f168c76f0"},
	{"CAVP, associated data alone",
		"78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223",
		"d79cf22d504cc793c3fb6c8a", "b96baa8c1c75a671bfb2d08d06be5f36", "", "",
	"3e5d486aa2e30b22e040b85723a06e76"},
	{"CAVP, one block", "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
		"0d18e06c7c725ac9e362e1ce", "", "2db5168e932556f8089a0622981d017d",
		"fa4362189661d163fcd6a56d8bf0405a",
	"d636ac1bbedd5cc3ee727dc2ab4a9489"},
};

/* A sealed message in bytes. */
typedef struct Message
{
	unsigned char key[CN_AEAD_KEY_LEN];
	unsigned char nonce[CN_AEAD_NONCE_LEN];
	unsigned char aad[MAX_BYTES];
	int			aad_len;
	unsigned char plain[MAX_BYTES];
	int			plain_len;
	unsigned char sealed[MAX_BYTES];	/* ciphertext, tag */
	int			sealed_len;
} Message;

static int
from_hex(const char *hex, unsigned char *out)
{
	int			len = strlen(hex) / 2;

	for (int i = 0; i < len; i++)
	{
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			abort();
		out[i] = byte;
	}
	return len;
}

static void
message_of(const Vector *v, Message *m)
{
	memset(m, 0, sizeof(*m));
	if (from_hex(v->key, m->key) != CN_AEAD_KEY_LEN || from_hex(v->nonce, m->nonce) != CN_AEAD_NONCE_LEN)
		abort();
	m->aad_len = from_hex(v->aad, m->aad);
	m->plain_len = from_hex(v->plain, m->plain);
	m->sealed_len = from_hex(v->cipher, m->sealed);
	if (m->sealed_len != m->plain_len ||
		from_hex(v->tag, m->sealed + m->sealed_len) != CN_AEAD_TAG_LEN)
		abort();
	m->sealed_len += CN_AEAD_TAG_LEN;
}

static bool
is_all(const unsigned char *data, int len, unsigned char byte)
{
	for (int i = 0; i < len; i++)
		if (data[i] != byte)
			return false;
	return true;
}

static bool
open_message(const Message *m, unsigned char *out)
{
	return cn_aead_open(m->key, m->nonce, m->aad, m->aad_len, m->sealed, m->sealed_len, out);
}

/* Fails, and what was decrypted on the way is gone; nothing is written behind the plaintext. */
static bool
is_refused(const Message *m)
{
	unsigned char out[MAX_BYTES];

	memset(out, FILLER, sizeof(out));
	return !open_message(m, out) &&
		is_all(out, m->plain_len, 0) &&
		is_all(out + m->plain_len, sizeof(out) - m->plain_len, FILLER);
}

static void
test_vector(const Vector *v)
{
	Message		m;
	unsigned char out[MAX_BYTES];

	message_of(v, &m);
	memset(out, FILLER, sizeof(out));
	tap_ok(cn_aead_seal(m.key, m.nonce, m.aad, m.aad_len, m.plain, m.plain_len, out) &&
		   memcmp(out, m.sealed, m.sealed_len) == 0, "%s: sealed as published", v->name);
	tap_ok(is_all(out + m.sealed_len, sizeof(out) - m.sealed_len, FILLER),
		   "%s: nothing behind the tag", v->name);
	memset(out, FILLER, sizeof(out));
	tap_ok(open_message(&m, out) && memcmp(out, m.plain, m.plain_len) == 0, "%s: opened", v->name);
	tap_ok(is_all(out + m.plain_len, sizeof(out) - m.plain_len, FILLER),
		   "%s: nothing behind the plaintext", v->name);
}

/* Every single bit of data[0..len), which lies in m, is flipped once. */
static void
test_flips(const Vector *v, Message *m, unsigned char *data, int len, const char *what)
{
	int			accepted = 0;

	for (int i = 0; i < len * 8; i++)
	{
		data[i / 8] ^= 1 << i % 8;
		accepted += !is_refused(m);
		data[i / 8] ^= 1 << i % 8;
	}
	tap_is_int(accepted, 0, "%s: no flipped bit of the %s passes", v->name, what);
}

static void
test_tampering(const Vector *v)
{
	Message		m;

	message_of(v, &m);
	test_flips(v, &m, m.sealed, m.plain_len, "ciphertext");
	test_flips(v, &m, m.sealed + m.plain_len, CN_AEAD_TAG_LEN, "tag");
	test_flips(v, &m, m.aad, m.aad_len, "associated data");
	test_flips(v, &m, m.nonce, CN_AEAD_NONCE_LEN, "nonce");
	test_flips(v, &m, m.key, CN_AEAD_KEY_LEN, "key");

	m.aad_len++;
	tap_ok(is_refused(&m), "%s: longer associated data", v->name);
	if (m.aad_len > 1)
	{
		m.aad_len -= 2;
		tap_ok(is_refused(&m), "%s: shorter associated data", v->name);
	}
}

/* Cut anywhere, also so short that no tag is left; and one byte more than there was. */
static void
test_lengths(const Vector *v)
{
	Message		whole;
	int			accepted = 0;

	message_of(v, &whole);
	for (int len = 0; len < whole.sealed_len; len++)
	{
		Message		m = whole;

		m.sealed_len = len;
		m.plain_len = Max(len - CN_AEAD_TAG_LEN, 0);
		accepted += !is_refused(&m);
	}
	tap_is_int(accepted, 0, "%s: cut anywhere", v->name);
	whole.sealed_len++;
	whole.plain_len++;
	tap_ok(is_refused(&whole), "%s: one byte more", v->name);
}

static void
test_null_pointers(void)
{
	Message		m;
	unsigned char out[CN_AEAD_TAG_LEN];
	unsigned char nothing = FILLER;

	message_of(&vectors[0], &m);
	tap_ok(cn_aead_seal(m.key, m.nonce, NULL, 0, NULL, 0, out) &&
		   memcmp(out, m.sealed, CN_AEAD_TAG_LEN) == 0, "no data at all, sealed");
	tap_ok(cn_aead_open(m.key, m.nonce, NULL, 0, out, CN_AEAD_TAG_LEN, &nothing) &&
		   nothing == FILLER, "no data at all, opened");
	tap_ok(!cn_aead_open(m.key, m.nonce, NULL, 0, out, 0, &nothing), "no bytes are not a message");
	tap_ok(!cn_aead_open(m.key, m.nonce, NULL, 0, out, -1, &nothing), "nor is a negative length");
}

/* A body as large as a secret may be, and the rest of it. */
static void
test_large(void)
{
	int			len = 100003;
	unsigned char *plain = palloc(len);
	unsigned char *sealed = palloc(len + CN_AEAD_TAG_LEN);
	unsigned char *opened = palloc(len);
	Message		m;

	message_of(&vectors[3], &m);
	for (int i = 0; i < len; i++)
		plain[i] = i * 7 + i / 256;
	tap_ok(cn_aead_seal(m.key, m.nonce, m.aad, m.aad_len, plain, len, sealed) &&
		   memcmp(plain, sealed, 64) != 0 &&
		   cn_aead_open(m.key, m.nonce, m.aad, m.aad_len, sealed, len + CN_AEAD_TAG_LEN, opened) &&
		   memcmp(plain, opened, len) == 0, "a large message and back");
}

static void
test_comparison(void)
{
	unsigned char a[33];
	unsigned char b[33];
	int			wrong = 0;

	for (int i = 0; i < 33; i++)
		a[i] = b[i] = i * 31;
	for (int bit = 0; bit < 32 * 8; bit++)
	{
		b[bit / 8] ^= 1 << bit % 8;
		wrong += cn_equal_constant_time(a, b, 32);
		b[bit / 8] ^= 1 << bit % 8;
	}
	tap_is_int(wrong, 0, "one different bit is a difference");
	tap_ok(cn_equal_constant_time(a, b, 32), "equal bytes are equal");
	tap_ok(cn_equal_constant_time(a, a, 32), "bytes are equal to themselves");
	b[32] ^= 1;
	tap_ok(cn_equal_constant_time(a, b, 32), "bytes behind the length do not count");
	tap_ok(cn_equal_constant_time(a, b + 1, 0), "nothing equals nothing");
	tap_ok(!cn_equal_constant_time("a\0b", "a\0c", 3), "a zero byte does not end it");
}

static int
compare_nonces(const void *a, const void *b)
{
	return memcmp(a, b, CN_AEAD_NONCE_LEN);
}

static void
test_random(void)
{
	static unsigned char nonces[2000][CN_AEAD_NONCE_LEN];
	unsigned char guarded[CN_AEAD_NONCE_LEN + 2];
	int			equal = 0;
	bool		ok = true;

	for (int i = 0; i < lengthof(nonces); i++)
		ok = cn_random_bytes(nonces[i], CN_AEAD_NONCE_LEN) && ok;
	tap_ok(ok, "random bytes are to be had");
	qsort(nonces, lengthof(nonces), CN_AEAD_NONCE_LEN, compare_nonces);
	for (int i = 1; i < lengthof(nonces); i++)
		equal += memcmp(nonces[i - 1], nonces[i], CN_AEAD_NONCE_LEN) == 0;
	tap_is_int(equal, 0, "no two of many nonces are the same");

	memset(guarded, FILLER, sizeof(guarded));
	tap_ok(cn_random_bytes(guarded + 1, CN_AEAD_NONCE_LEN) &&
		   guarded[0] == FILLER && guarded[sizeof(guarded) - 1] == FILLER, "as many as asked for");
	tap_ok(cn_random_bytes(guarded, 0), "none is possible too");
}

static void
test_wipe(void)
{
	unsigned char data[16];

	memset(data, FILLER, sizeof(data));
	cn_wipe(data + 1, 14);
	tap_ok(data[0] == FILLER && is_all(data + 1, 14, 0) && data[15] == FILLER, "wiped");
}

int
main(void)
{
	test_null_pointers();
	for (int i = 0; i < lengthof(vectors); i++)
	{
		test_lengths(&vectors[i]);
		test_tampering(&vectors[i]);
		test_vector(&vectors[i]);
	}
	test_large();
	test_comparison();
	test_random();
	test_wipe();
	return tap_done();
}
