/*
 * json_parse.c -- JSON text to CnJson.  Pure.
 *
 * Two passes: cn_json_check decides, then the tree is built from text that is
 * known to be well formed.  So the two can never disagree about what JSON is,
 * and the building code has no failures to handle.  The builder recurses as
 * deep as the document is nested, which the check has bounded.
 */
#include "core/pure.h"

#include "core/json.h"
#include "core/json_build.h"
#include "core/utf8.h"

typedef struct Builder
{
	const char *p;				/* next byte; skip_space only where something follows */
	const char *end;
	CnJsonMember *pending;		/* stack: members of all containers still open */
	int			npending;
	int			room;
} Builder;

static CnJson *build_value(Builder *b);
static CnJson *build_array(Builder *b);
static CnJson *build_object(Builder *b);
static CnJson *build_number(Builder *b);
static CnJson *build_string(Builder *b);
static int	decoded_length(const char *p);
static const char *decode_escape(const char *p, char **out);
static uint32 unicode_escape(const char *p);
static void push(Builder *b, const char *key, int key_len, CnJson *value);

static void
skip_space(Builder *b)
{
	while (*b->p == ' ' || *b->p == '\n' || *b->p == '\r' || *b->p == '\t')
		b->p++;
}

/*
 * cn_json_parse -- the value text[0..len) stands for.
 *
 * limits: NULL for the defaults
 * error: may be NULL
 *
 * Returns NULL and *error on failure; see json.h.  The result is in the current
 * context and does not point into text.
 */
CnJson *
cn_json_parse(const char *text, int64 len, const CnJsonLimits *limits, CnJsonError *error)
{
	Builder		b;
	CnJson	   *value;

	if (!cn_json_check(text, len, limits, error))
		return NULL;
	b.p = text;
	b.end = text + len;
	b.npending = 0;
	b.room = 32;
	b.pending = (CnJsonMember *) palloc(sizeof(CnJsonMember) * b.room);
	if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		b.p += 3;
	skip_space(&b);
	value = build_value(&b);
	pfree(b.pending);
	return value;
}

/* The value at b->p, up to the first byte behind it. */
static CnJson *
build_value(Builder *b)
{
	switch (*b->p)
	{
		case '{':
			return build_object(b);
		case '[':
			return build_array(b);
		case '"':
			return build_string(b);
		case 't':
			b->p += 4;
			return cn_json_bool(true);
		case 'f':
			b->p += 5;
			return cn_json_bool(false);
		case 'n':
			b->p += 4;
			return cn_json_null();
		default:
			return build_number(b);
	}
}

static CnJson *
build_array(Builder *b)
{
	CnJson	   *json = (CnJson *) palloc0(sizeof(CnJson));
	int			base = b->npending;
	int			i;

	b->p++;
	for (skip_space(b); *b->p != ']'; skip_space(b))
	{
		if (*b->p == ',')
		{
			b->p++;
			continue;
		}
		push(b, NULL, 0, build_value(b));
	}
	b->p++;

	json->type = CN_JSON_ARRAY;
	json->len = b->npending - base;
	json->u.items = (CnJson **) palloc(sizeof(CnJson *) * Max(json->len, 1));
	for (i = 0; i < json->len; i++)
		json->u.items[i] = b->pending[base + i].value;
	b->npending = base;
	return json;
}

static CnJson *
build_object(Builder *b)
{
	CnJson	   *json;
	int			base = b->npending;

	b->p++;
	for (skip_space(b); *b->p != '}'; skip_space(b))
	{
		CnJson	   *key;

		if (*b->p == ',')
		{
			b->p++;
			continue;
		}
		key = build_string(b);
		skip_space(b);
		b->p++;					/* the colon */
		skip_space(b);
		push(b, key->u.text, key->len, build_value(b));
	}
	b->p++;

	json = cn_json_object(b->pending + base, b->npending - base);
	b->npending = base;
	return json;
}

/*
 * push -- keep a member until its container is complete.
 *
 * One stack for all open containers, so that a container is allocated once and
 * in its final size.
 */
static void
push(Builder *b, const char *key, int key_len, CnJson *value)
{
	if (b->npending == b->room)
	{
		b->room *= 2;
		b->pending = (CnJsonMember *) repalloc(b->pending, sizeof(CnJsonMember) * b->room);
	}
	b->pending[b->npending].key = key;
	b->pending[b->npending].key_len = key_len;
	b->pending[b->npending].value = value;
	b->npending++;
}

/* Stops at the first byte no number has in it; the text may end with the number. */
static CnJson *
build_number(Builder *b)
{
	const char *first = b->p;

	while (b->p < b->end && strchr("0123456789+-.eE", *b->p) != NULL && *b->p != '\0')
		b->p++;
	return cn_json_number(first, b->p - first);
}

static CnJson *
build_string(Builder *b)
{
	const char *p = b->p + 1;
	CnJson	   *json;
	char	   *out;

	json = cn_json_new_text(CN_JSON_STRING, decoded_length(p), &out);
	while (*p != '"')
	{
		const char *plain = p;

		while (*p != '"' && *p != '\\')
			p++;
		memcpy(out, plain, p - plain);
		out += p - plain;
		if (*p == '\\')
			p = decode_escape(p, &out);
	}
	b->p = p + 1;
	return json;
}

/* Bytes of the string whose first character is at p, without its escapes. */
static int
decoded_length(const char *p)
{
	int			len = 0;

	while (*p != '"')
	{
		char		escaped[CN_UTF8_MAX];
		char	   *out = escaped;

		if (*p == '\\')
		{
			p = decode_escape(p, &out);
			len += out - escaped;
		}
		else
		{
			p++;
			len++;
		}
	}
	return len;
}

/* Decode the escape at p to *out, which moves on.  Returns what follows the escape. */
static const char *
decode_escape(const char *p, char **out)
{
	uint32		code;

	switch (p[1])
	{
		case 'b':
			code = '\b';
			break;
		case 'f':
			code = '\f';
			break;
		case 'n':
			code = '\n';
			break;
		case 'r':
			code = '\r';
			break;
		case 't':
			code = '\t';
			break;
		case 'u':
			code = unicode_escape(p);
			p += 4;
			if (code >= 0xD800 && code <= 0xDFFF)
			{
				code = 0x10000 + ((code - 0xD800) << 10) + (unicode_escape(p + 2) - 0xDC00);
				p += 6;
			}
			break;
		default:
			code = (unsigned char) p[1];
			break;
	}
	*out += cn_utf8_encode(*out, code);
	return p + 2;
}

static uint32
unicode_escape(const char *p)
{
	uint32		code = 0;
	int			i;

	for (i = 2; i < 6; i++)
		code = code * 16 + (p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	return code;
}
