/*
 * seal.c -- a secret's plaintext and ciphertext, in bytes.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"

#include "credentials/seal.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

#define SEAL_FORMAT 1
#define SEAL_OVERHEAD (1 + CN_AEAD_NONCE_LEN + CN_AEAD_TAG_LEN)
#define MAX_NAME_LEN 63

static void
refuse(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the secret is malformed"),
			 errdetail("%s", detail),
			 errhint("A secret is an object of strings, for example {\"api_key\": \"...\"}.")));
}

/* Bytes that encoding takes; refuses what cannot be encoded. */
static int
encoded_len(Jsonb *secret)
{
	JsonbIterator *it = JsonbIteratorInit(&secret->root);
	JsonbValue	value;
	JsonbIteratorToken token;
	int64		total = 0;

	if (!JB_ROOT_IS_OBJECT(secret))
		refuse("It is not an object.");
	if (JB_ROOT_COUNT(secret) == 0 || JB_ROOT_COUNT(secret) > CN_SECRET_MAX_FIELDS)
		refuse("It has no field, or more than 16.");
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY && (value.val.string.len == 0 || value.val.string.len > MAX_NAME_LEN))
			refuse("A field's name has 1 to 63 bytes.");
		if (token == WJB_VALUE && value.type != jbvString)
			refuse("A field is not a string.");
		if (token == WJB_VALUE && value.val.string.len == 0)
			refuse("A field is empty.");
		if (token == WJB_KEY)
			total += 1 + value.val.string.len;
		if (token == WJB_VALUE)
			total += 4 + value.val.string.len + 1;
	}
	if (total > CN_SECRET_MAX_LEN)
		refuse("It is longer than 64 kB.");
	return (int) total;
}

char *
cn_seal_encode(Jsonb *secret, MemoryContext context, int *len)
{
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *plain,
			   *at;

	*len = encoded_len(secret);
	plain = at = cn_secret_alloc(context, *len);
	it = JsonbIteratorInit(&secret->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		int			n = value.val.string.len;
		uint32		n32 = pg_hton32((uint32) n);

		if (token == WJB_KEY)
			*at++ = (char) n;
		else if (token == WJB_VALUE)
		{
			memcpy(at, &n32, 4);
			at += 4;
		}
		else
			continue;
		memcpy(at, value.val.string.val, n);
		at += n;
		if (token == WJB_VALUE)
			*at++ = '\0';
	}
	return plain;
}

char *
cn_seal_encode_fields(const CnSecretField *fields, int count, MemoryContext context, int *len)
{
	int64		total = 0;
	char	   *plain,
			   *at;

	for (int i = 0; i < count; i++)
		total += 1 + strlen(fields[i].name) + 4 + fields[i].len + 1;
	*len = count > 0 && count <= CN_SECRET_MAX_FIELDS && total <= CN_SECRET_MAX_LEN ? (int) total : -1;
	if (*len < 0)
		return NULL;
	plain = at = cn_secret_alloc(context, *len);
	for (int i = 0; i < count; i++)
	{
		int			name_len = strlen(fields[i].name);
		uint32		n32 = pg_hton32((uint32) fields[i].len);

		*at++ = (char) name_len;
		memcpy(at, fields[i].name, name_len);
		memcpy(at + name_len, &n32, 4);
		memcpy(at + name_len + 4, fields[i].value, fields[i].len);
		at += name_len + 4 + fields[i].len;
		*at++ = '\0';
	}
	return plain;
}

bool
cn_seal_decode(char *plain, int len, CnCredential *credential)
{
	char	   *at = plain;
	char	   *end = plain + len;

	credential->field_count = 0;
	while (at < end)
	{
		CnSecretField *field;
		int			name_len = (unsigned char) *at++;
		uint32		value_len;

		if (credential->field_count == CN_SECRET_MAX_FIELDS || end - at < name_len + 5)
			return false;
		field = &credential->fields[credential->field_count++];
		field->name = at;
		at += name_len;
		memcpy(&value_len, at, 4);
		value_len = pg_ntoh32(value_len);
		*at = '\0';				/* ends the name; the length has been read */
		at += 4;
		if (end - at < (int64) value_len + 1)
			return false;
		field->value = at;
		field->len = value_len;
		at += value_len + 1;
	}
	return true;
}

static void
add_part(StringInfo aad, const void *data, int len)
{
	pq_sendint32(aad, len);
	pq_sendbytes(aad, data, len);
}

static void
make_aad(StringInfo aad, const CnMasterKey *key, const pg_uuid_t *workspace, const char *service,
		 const pg_uuid_t *id)
{
	initStringInfo(aad);
	add_part(aad, workspace->data, UUID_LEN);
	add_part(aad, service, strlen(service));
	add_part(aad, id->data, UUID_LEN);
	add_part(aad, key->id, strlen(key->id));
}

bytea *
cn_seal(const CnMasterKey *key, const pg_uuid_t *workspace, const char *service,
		const pg_uuid_t *id, const char *plain, int len)
{
	StringInfoData aad;
	bytea	   *sealed = palloc(VARHDRSZ + SEAL_OVERHEAD + len);
	unsigned char *out = (unsigned char *) VARDATA(sealed);

	SET_VARSIZE(sealed, VARHDRSZ + SEAL_OVERHEAD + len);
	make_aad(&aad, key, workspace, service, id);
	out[0] = SEAL_FORMAT;
	if (!cn_random_bytes(out + 1, CN_AEAD_NONCE_LEN) ||
		!cn_aead_seal(key->bytes, out + 1, aad.data, aad.len, plain, len,
					  out + 1 + CN_AEAD_NONCE_LEN))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not encrypt the credential")));
	pfree(aad.data);
	return sealed;
}

char *
cn_unseal(const CnMasterKey *key, const pg_uuid_t *workspace, const char *service,
		  const pg_uuid_t *id, const bytea *sealed, MemoryContext context, int *len)
{
	const unsigned char *data = (const unsigned char *) VARDATA_ANY(sealed);
	int			sealed_len = VARSIZE_ANY_EXHDR(sealed);
	StringInfoData aad;
	char	   *plain;
	bool		ok;

	if (sealed_len < SEAL_OVERHEAD || data[0] != SEAL_FORMAT)
		return NULL;
	*len = sealed_len - SEAL_OVERHEAD;
	plain = cn_secret_alloc(context, *len + 1);
	make_aad(&aad, key, workspace, service, id);
	ok = cn_aead_open(key->bytes, data + 1, aad.data, aad.len, data + 1 + CN_AEAD_NONCE_LEN,
					  sealed_len - 1 - CN_AEAD_NONCE_LEN, plain);
	pfree(aad.data);
	return ok ? plain : NULL;
}
