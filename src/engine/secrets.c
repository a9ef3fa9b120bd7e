/*
 * secrets.c -- a credential's values inside one request.
 */
#include "postgres.h"

#include "core/jsonb.h"
#include "crypto/aead.h"
#include "crypto/secret.h"
#include "engine/secrets.h"
#include "template/template.h"

/*
 * Values shorter than this are not looked for in replies: blanking every "1"
 * would spoil the data and hide nothing.
 */
#define MIN_REDACTED_LEN 6

#define REDACTED "[redacted]"

/* Room for 64 random bits in hex behind the prefix, a number, a NUL. */
#define STAND_IN_LEN 40

/* ---- stand-ins ---- */

static void
make_stand_ins(CnSecrets *secrets)
{
	uint64		random;

	if (!cn_random_bytes(&random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	secrets->stand_ins = palloc(sizeof(char *) * (secrets->count + 1));
	for (int i = 0; i < secrets->count; i++)
	{
		secrets->stand_ins[i] = palloc(STAND_IN_LEN);
		snprintf(secrets->stand_ins[i], STAND_IN_LEN, "cn-" UINT64_FORMAT "-secret-%02d",
				 random, i);
	}
}

/* What {{workspace.<name>}} reads: the public parameters, and a stand-in a secret field. */
static CnJson *
make_scope(const CnSecrets *secrets)
{
	const CnJson *parameters = secrets->credential->parameters;
	int			count = parameters->len + secrets->count;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (count + 1));

	for (int i = 0; i < parameters->len; i++)
		members[i] = parameters->u.members[i];
	for (int i = 0; i < secrets->count; i++)
	{
		CnJsonMember *member = &members[parameters->len + i];

		member->key = secrets->credential->fields[i].name;
		member->key_len = strlen(member->key);
		member->value = cn_json_string(secrets->stand_ins[i], -1);
	}
	return cn_json_object(members, count);
}

bool
cn_secrets_init(CnSecrets *secrets, const CnCredential *credential, MemoryContext context,
				CnFailure *failure)
{
	MemoryContext old;

	memset(secrets, 0, sizeof(*secrets));
	secrets->context = context;
	secrets->credential = credential;
	if (credential == NULL)
		return true;

	old = MemoryContextSwitchTo(context);
	secrets->count = credential->field_count;
	make_stand_ins(secrets);
	secrets->scope = make_scope(secrets);
	MemoryContextSwitchTo(old);
	return cn_auth_apply(credential, context, &secrets->addition, failure);
}

/* ---- sealing ---- */

/* The first stand-in in text[0..len), and which; NULL if there is none. */
static const char *
find_stand_in(const CnSecrets *secrets, const char *text, int64 len, int *which)
{
	const char *first = NULL;

	for (int i = 0; i < secrets->count; i++)
	{
		const char *found = memmem(text, len, secrets->stand_ins[i], strlen(secrets->stand_ins[i]));

		if (found && (first == NULL || found < first))
		{
			first = found;
			*which = i;
		}
	}
	return first;
}

bool
cn_secrets_in(const CnSecrets *secrets, const char *text, int64 len)
{
	int			which;

	return secrets->count > 0 && find_stand_in(secrets, text, len, &which) != NULL;
}

/* A buffer that holds max bytes without growing and is wiped with the context. */
static void
init_wiped_buffer(const CnSecrets *secrets, StringInfo buf, int64 max)
{
	MemoryContext old = MemoryContextSwitchTo(secrets->context);

	initStringInfo(buf);
	enlargeStringInfo(buf, max + 1);
	cn_wipe_on_reset(secrets->context, buf->data, buf->maxlen);
	MemoryContextSwitchTo(old);
}

static void
append_value(StringInfo buf, CnSealPlace place, const CnSecretField *field)
{
	switch (place)
	{
		case CN_SEAL_RAW:
			appendBinaryStringInfo(buf, field->value, field->len);
			break;
		case CN_SEAL_URL:
			cn_escape_component(buf, field->value, field->len);
			break;
		case CN_SEAL_JSON:
			{
				int			start = buf->len;

				cn_json_write_string(buf, field->value, field->len);
				/* without the quotes around it */
				memmove(buf->data + start, buf->data + start + 1, buf->len - start - 2);
				buf->len -= 2;
				buf->data[buf->len] = '\0';
				break;
			}
	}
}

/* Bytes the result may have: each stand-in becomes at most six bytes a character. */
static int64
sealed_max(const CnSecrets *secrets, const char *text, int64 len)
{
	int64		max = len + 2;
	int			which;
	const char *end = text + len;

	while ((text = find_stand_in(secrets, text, end - text, &which)) != NULL)
	{
		max += (int64) secrets->credential->fields[which].len * 6 + 2;
		text += strlen(secrets->stand_ins[which]);
	}
	return max;
}

const char *
cn_secrets_seal(CnSecrets *secrets, CnSealPlace place, const char *text, int64 *len)
{
	const char *end = text + *len;
	const char *found;
	int			which;
	StringInfoData buf;

	if (!cn_secrets_in(secrets, text, *len))
		return text;
	init_wiped_buffer(secrets, &buf, sealed_max(secrets, text, *len));
	while ((found = find_stand_in(secrets, text, end - text, &which)) != NULL)
	{
		appendBinaryStringInfo(&buf, text, found - text);
		append_value(&buf, place, &secrets->credential->fields[which]);
		text = found + strlen(secrets->stand_ins[which]);
	}
	appendBinaryStringInfo(&buf, text, end - text);
	*len = buf.len;
	return buf.data;
}

const char *
cn_secrets_join(CnSecrets *secrets, const char *a, const char *b, const char *c)
{
	StringInfoData buf;

	init_wiped_buffer(secrets, &buf, (int64) strlen(a) + strlen(b) + strlen(c));
	appendStringInfoString(&buf, a);
	appendStringInfoString(&buf, b);
	appendStringInfoString(&buf, c);
	return buf.data;
}

char *
cn_secrets_hide(const CnSecrets *secrets, const char *text, int64 len)
{
	const char *end = text + len;
	const char *found;
	int			which;
	StringInfoData buf;

	initStringInfo(&buf);
	while (secrets->count > 0 &&
		   (found = find_stand_in(secrets, text, end - text, &which)) != NULL)
	{
		appendBinaryStringInfo(&buf, text, found - text);
		appendStringInfoString(&buf, REDACTED);
		text = found + strlen(secrets->stand_ins[which]);
	}
	appendBinaryStringInfo(&buf, text, end - text);
	return buf.data;
}

/* ---- redacting ---- */

typedef struct Needle
{
	const char *text;
	int			len;
} Needle;

/* A value raw, percent-encoded and JSON-escaped, and the kind's own encoding. */
#define MAX_NEEDLES (3 * CN_SECRET_MAX_FIELDS + 1)

static void
add_needle(Needle *needles, int *count, const char *text, int len)
{
	if (len < MIN_REDACTED_LEN)
		return;
	for (int i = 0; i < *count; i++)
		if (needles[i].len == len && memcmp(needles[i].text, text, len) == 0)
			return;
	needles[*count].text = text;
	needles[*count].len = len;
	(*count)++;
}

static int
make_needles(const CnSecrets *secrets, Needle *needles)
{
	int			count = 0;

	for (int i = 0; i < secrets->count; i++)
	{
		const CnSecretField *field = &secrets->credential->fields[i];

		if (cn_auth_field_is_visible(secrets->credential, field->name))
			continue;
		add_needle(needles, &count, field->value, field->len);
		for (CnSealPlace place = CN_SEAL_URL; place <= CN_SEAL_JSON; place++)
		{
			StringInfoData buf;

			init_wiped_buffer(secrets, &buf, (int64) field->len * 6 + 2);
			append_value(&buf, place, field);
			add_needle(needles, &count, buf.data, buf.len);
		}
	}
	if (secrets->addition.derived)
		add_needle(needles, &count, secrets->addition.derived, strlen(secrets->addition.derived));
	return count;
}

/* text with every needle replaced; text itself if it has none. */
static const char *
blank(const Needle *needle, const char *text, int64 *len)
{
	const char *end = text + *len;
	const char *found = memmem(text, *len, needle->text, needle->len);
	StringInfoData buf;

	if (found == NULL)
		return text;
	initStringInfo(&buf);
	for (; found; found = memmem(text, end - text, needle->text, needle->len))
	{
		appendBinaryStringInfo(&buf, text, found - text);
		appendStringInfoString(&buf, REDACTED);
		text = found + needle->len;
	}
	appendBinaryStringInfo(&buf, text, end - text);
	*len = buf.len;
	return buf.data;
}

const char *
cn_secrets_redact(const CnSecrets *secrets, const char *text, int64 *len)
{
	Needle		needles[MAX_NEEDLES];
	int			count;

	if (secrets->count == 0 || *len == 0)
		return text;
	count = make_needles(secrets, needles);
	for (int i = 0; i < count; i++)
		text = blank(&needles[i], text, len);
	return text;
}
