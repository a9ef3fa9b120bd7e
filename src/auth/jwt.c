/*
 * jwt.c -- JSON Web Tokens in the compact form of JWS.
 */
#include "auth/jwt.h"

#include "crypto/aead.h"

/* iat, exp, nbf, jti */
#define MAX_TIME_CLAIMS 4

/* ---- claims and header ---- */

/* An object in the making. */
typedef struct Members
{
	CnJsonMember *list;
	int			count;
} Members;

static void
add_member(Members *members, const char *key, CnJson *value)
{
	CnJsonMember *member = &members->list[members->count];

	for (int i = 0; i < members->count; i++)
		if (strcmp(members->list[i].key, key) == 0)
			return;
	member->key = key;
	member->key_len = strlen(key);
	member->value = value;
	members->count++;
}

static void
add_members(Members *members, const CnJson *object)
{
	for (int i = 0; object && i < object->len; i++)
		add_member(members, object->u.members[i].key, object->u.members[i].value);
}

/* None, with room for those of an object (or NULL) and so many more. */
static void
init_members(Members *members, const CnJson *object, int more)
{
	members->list = palloc(sizeof(CnJsonMember) * ((object ? object->len : 0) + more));
	members->count = 0;
}

CnJson *
cn_jwt_claims(const CnJson *claims, const CnJwtTimes *times)
{
	int64		issued = times->now - times->backdated;
	Members		members;

	init_members(&members, claims, MAX_TIME_CLAIMS);
	add_members(&members, claims);
	add_member(&members, "iat", cn_json_int(issued));
	if (times->lifetime > 0)
		add_member(&members, "exp", cn_json_int(times->now + times->lifetime));
	if (times->not_before)
		add_member(&members, "nbf", cn_json_int(issued));
	if (times->id)
		add_member(&members, "jti", cn_json_string(times->id, -1));
	return cn_json_object(members.list, members.count);
}

CnJson *
cn_jwt_header(CnSignAlgorithm algorithm, const CnJson *more)
{
	Members		members;

	init_members(&members, more, 2);
	add_member(&members, "alg", cn_json_string(cn_sign_algorithm_name(algorithm), -1));
	add_members(&members, more);
	add_member(&members, "typ", cn_json_string("JWT", -1));
	return cn_json_object(members.list, members.count);
}

/* ---- the compact form ---- */

void
cn_base64url(StringInfo out, const void *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const uint8 *at = data;

	enlargeStringInfo(out, (int) (len + 2) / 3 * 4 + 1);
	for (; len > 0; at += 3, len -= Min(len, 3))
	{
		uint32		bits = at[0] << 16 | (len > 1 ? at[1] << 8 : 0) | (len > 2 ? at[2] : 0);
		int			count = Min((int) len, 3) + 1;

		for (int i = 0; i < count; i++)
			out->data[out->len++] = digits[(bits >> (18 - 6 * i)) & 63];
	}
	out->data[out->len] = '\0';
}

const char *
cn_jwt_sign(StringInfo out, const CnSignKey *key, const char *header, int header_len,
			const char *payload, int payload_len)
{
	int			start = out->len;
	uint8		signature[CN_SIGN_MAX];
	size_t		len;
	const char *problem;

	cn_base64url(out, header, header_len);
	appendStringInfoChar(out, '.');
	cn_base64url(out, payload, payload_len);
	problem = cn_sign(key, out->data + start, out->len - start, signature, &len);
	if (problem)
		return problem;
	appendStringInfoChar(out, '.');
	cn_base64url(out, signature, len);
	cn_wipe(signature, sizeof(signature));
	return NULL;
}

const char *
cn_jwt_make(StringInfo out, const CnSignKey *key, const CnJson *header, const CnJson *claims)
{
	StringInfoData head;
	StringInfoData payload;

	initStringInfo(&head);
	initStringInfo(&payload);
	cn_json_write(&head, header);
	cn_json_write(&payload, claims);
	return cn_jwt_sign(out, key, head.data, head.len, payload.data, payload.len);
}
