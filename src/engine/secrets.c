/*
 * secrets.c -- a credential's values inside one request.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "core/chars.h"
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
	secrets->stand_ins = palloc(sizeof(char *) * (2 * secrets->count + 1));
	for (int i = 0; i < 2 * secrets->count; i++)
	{
		secrets->stand_ins[i] = palloc(STAND_IN_LEN);
		snprintf(secrets->stand_ins[i], STAND_IN_LEN, "cn-" UINT64_FORMAT "-%s-%02d", random,
				 i < secrets->count ? "secret" : "quoted", i % secrets->count);
	}
}

/* What {{workspace.<name>}} reads: the public parameters, and a stand-in a secret field. */
static CnJson *
make_scope(const CnSecrets *secrets)
{
	const CnJson *parameters = secrets->credential->parameters;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (parameters->len + secrets->count + 1));
	int			count = parameters->len;

	for (int i = 0; i < parameters->len; i++)
		members[i] = parameters->u.members[i];
	for (int i = 0; i < secrets->count; i++)
	{
		CnJsonMember *member = &members[count];

		if (!cn_auth_field_is_readable(secrets->credential, secrets->credential->fields[i].name))
			continue;
		count++;
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

/* The first stand-in in text[0..len), and its index in stand_ins; NULL if there is none. */
static const char *
find_stand_in(const CnSecrets *secrets, const char *text, int64 len, int *which)
{
	const char *first = NULL;

	for (int i = 0; i < 2 * secrets->count; i++)
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

void
cn_secrets_quote(const CnSecrets *secrets, char *text, int64 len)
{
	char	   *at = text;
	const char *found;
	int			which;

	while (secrets->count > 0 && (found = find_stand_in(secrets, at, text + len - at, &which)) != NULL)
	{
		const char *quoted = secrets->stand_ins[which % secrets->count + secrets->count];

		at = text + (found - text);
		memcpy(at, quoted, strlen(quoted));
		at += strlen(quoted);
	}
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
		max += (int64) secrets->credential->fields[which % secrets->count].len * 6 + 2;
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
		append_value(&buf, which < secrets->count ? place : CN_SEAL_JSON,
					 &secrets->credential->fields[which % secrets->count]);
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

/*
 * A value to be blanked.  A remote may send it back in other words than ours: "/"
 * as "\\/", "\u00fc" in any case, "%2f", "+" for a blank.  So the text is decoded
 * while it is compared, rather than the value encoded in every way there is.
 */
typedef struct Needle
{
	const char *text;
	int			len;
} Needle;

#define MAX_NEEDLES (CN_SECRET_MAX_FIELDS + 1)

typedef enum Encoding
{
	ENCODING_NONE,
	ENCODING_JSON,
	ENCODING_URL				/* also of forms */
} Encoding;

/* The number of n hexadecimal digits, or -1. */
static int
hex_number(const char *text, const char *end, int n)
{
	int			value = 0;

	if (end - text < n)
		return -1;
	for (int i = 0; i < n; i++)
	{
		int			digit = cn_hex_value(text[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* "\u00fc", or a pair of them; out gets the character in UTF-8.  Returns bytes read, 0: it is none. */
static int
decode_unicode(const char *text, const char *end, char *out, int *out_len)
{
	int			code = hex_number(text + 2, end, 4);
	int			read = 6;

	if (code < 0)
		return 0;
	if (code >= 0xD800 && code <= 0xDBFF && end - text >= 12 && text[6] == '\\' && text[7] == 'u')
	{
		int			low = hex_number(text + 8, end, 4);

		if (low >= 0xDC00 && low <= 0xDFFF)
		{
			code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
			read = 12;
		}
	}
	unicode_to_utf8(code, (unsigned char *) out);
	*out_len = pg_utf_mblen((unsigned char *) out);
	return read;
}

/* One unit of encoded text: a byte, or an escape.  Returns bytes read; out has room for 4. */
static int
decode_unit(Encoding encoding, const char *text, const char *end, char *out, int *out_len)
{
	static const char escapes[] = "bfnrt";
	static const char meant[] = "\b\f\n\r\t";

	*out = *text;
	*out_len = 1;
	if (encoding == ENCODING_JSON && *text == '\\' && end - text >= 2)
	{
		const char *escape;
		int			read = text[1] == 'u' ? decode_unicode(text, end, out, out_len) : 0;

		if (read > 0)
			return read;
		escape = text[1] != '\0' ? strchr(escapes, text[1]) : NULL;
		*out = escape ? meant[escape - escapes] : text[1];
		return 2;
	}
	if (encoding == ENCODING_URL && *text == '+')
		*out = ' ';
	if (encoding == ENCODING_URL && *text == '%' && hex_number(text + 1, end, 2) >= 0)
	{
		*out = (char) hex_number(text + 1, end, 2);
		return 3;
	}
	return 1;
}

/* Bytes of text that stand for the needle; 0: it does not begin with it. */
static int64
match(const Needle *needle, Encoding encoding, const char *text, const char *end)
{
	const char *at = text;
	int			matched = 0;

	while (matched < needle->len)
	{
		char		unit[4];
		int			len;
		int			read;

		if (at >= end)
			return 0;
		read = decode_unit(encoding, at, end, unit, &len);
		if (len > needle->len - matched || memcmp(unit, needle->text + matched, len) != 0)
			return 0;
		matched += len;
		at += read;
	}
	return at - text;
}

/* The next place from text on that stands for the needle, and its bytes; NULL if there is none. */
static const char *
find_needle(const Needle *needle, Encoding encoding, const char *text, const char *end, int64 *len)
{
	*len = needle->len;
	if (encoding == ENCODING_NONE)
		return memmem(text, end - text, needle->text, needle->len);
	while (text < end)
	{
		char		unit[4];
		int			unit_len;

		if (*text == needle->text[0] || strchr("\\%+", *text) != NULL)
		{
			CHECK_FOR_INTERRUPTS();	/* a long value and a reply made for it take long */
			*len = match(needle, encoding, text, end);
			if (*len > 0)
				return text;
			text += decode_unit(encoding, text, end, unit, &unit_len);
		}
		else
			text++;
	}
	return NULL;
}

static void
add_needle(Needle *needles, int *count, const char *text, int len)
{
	int			i = *count;

	if (len < MIN_REDACTED_LEN)
		return;
	/* the longest first: one may be part of another */
	for (; i > 0 && needles[i - 1].len < len; i--)
		needles[i] = needles[i - 1];
	needles[i].text = text;
	needles[i].len = len;
	(*count)++;
}

static int
make_needles(const CnSecrets *secrets, Needle *needles)
{
	int			count = 0;

	for (int i = 0; i < secrets->count; i++)
	{
		const CnSecretField *field = &secrets->credential->fields[i];

		if (!cn_auth_field_is_visible(secrets->credential, field->name))
			add_needle(needles, &count, field->value, field->len);
	}
	if (secrets->addition.derived)
		add_needle(needles, &count, secrets->addition.derived, strlen(secrets->addition.derived));
	return count;
}

/* text with every needle replaced; text itself if it has none. */
static const char *
blank(const Needle *needle, Encoding encoding, const char *text, int64 *len)
{
	const char *end = text + *len;
	int64		found_len;
	const char *found = find_needle(needle, encoding, text, end, &found_len);
	StringInfoData buf;

	if (found == NULL)
		return text;
	initStringInfo(&buf);
	for (; found; found = find_needle(needle, encoding, text, end, &found_len))
	{
		appendBinaryStringInfo(&buf, text, found - text);
		appendStringInfoString(&buf, REDACTED);
		text = found + found_len;
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
	{
		text = blank(&needles[i], ENCODING_NONE, text, len);
		if (memchr(text, '\\', *len))
			text = blank(&needles[i], ENCODING_JSON, text, len);
		if (memchr(text, '%', *len) || memchr(text, '+', *len))
			text = blank(&needles[i], ENCODING_URL, text, len);
	}
	return text;
}

/* JSON inside a string of JSON escapes a value twice; once parsed, it shows. */
Jsonb *
cn_secrets_redact_jsonb(const CnSecrets *secrets, Jsonb *value)
{
	JsonbIterator *it = JsonbIteratorInit(&value->root);
	bool		is_scalar = it->isScalar;
	JsonbParseState *state = NULL;
	JsonbValue *result = NULL;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (secrets->count == 0)
		return value;
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		bool		content = token == WJB_KEY || token == WJB_VALUE || token == WJB_ELEM;

		if (content && v.type == jbvString)
		{
			int64		len = v.val.string.len;

			v.val.string.val = unconstify(char *, cn_secrets_redact(secrets, v.val.string.val, &len));
			v.val.string.len = (int) len;
		}
		result = pushJsonbValue(&state, token, content ? &v : NULL);
	}
	if (result->type == jbvArray)
		result->val.array.rawScalar = is_scalar;
	return JsonbValueToJsonb(result);
}
