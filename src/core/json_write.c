/*
 * json_write.c -- CnJson as compact JSON text, and how long that would be.  Pure.
 *
 * The writer cannot refuse: a StringInfo that grows past 1 GB raises in the
 * server.  So whoever writes a value of unknown size into a bounded place asks
 * cn_json_size first; it walks the tree but copies nothing.
 */
#include "core/pure.h"

#include "core/json.h"

static const char *escape_of(unsigned char byte);
static void count_value(const CnJson *value, int64 stop, int64 *size);
static bool is_plain_name(const char *key);

static inline bool
needs_escape(unsigned char byte)
{
	return byte < 0x20 || byte == '"' || byte == '\\';
}

void
cn_json_write(StringInfo out, const CnJson *value)
{
	int			i;

	switch (value->type)
	{
		case CN_JSON_NULL:
			appendBinaryStringInfo(out, "null", 4);
			break;
		case CN_JSON_BOOL:
			appendStringInfoString(out, value->boolean ? "true" : "false");
			break;
		case CN_JSON_NUMBER:
			appendBinaryStringInfo(out, value->u.text, value->len);
			break;
		case CN_JSON_STRING:
			cn_json_write_string(out, value->u.text, value->len);
			break;
		case CN_JSON_ARRAY:
			appendStringInfoChar(out, '[');
			for (i = 0; i < value->len; i++)
			{
				if (i > 0)
					appendStringInfoChar(out, ',');
				cn_json_write(out, value->u.items[i]);
			}
			appendStringInfoChar(out, ']');
			break;
		case CN_JSON_OBJECT:
			appendStringInfoChar(out, '{');
			for (i = 0; i < value->len; i++)
			{
				const CnJsonMember *member = &value->u.members[i];

				if (i > 0)
					appendStringInfoChar(out, ',');
				cn_json_write_string(out, member->key, member->key_len);
				appendStringInfoChar(out, ':');
				cn_json_write(out, member->value);
			}
			appendStringInfoChar(out, '}');
			break;
	}
}

/* text with quotes around it; len -1 for strlen. */
void
cn_json_write_string(StringInfo out, const char *text, int len)
{
	int			done = 0;
	int			i;

	if (len < 0)
		len = strlen(text);
	appendStringInfoChar(out, '"');
	for (i = 0; i < len; i++)
	{
		if (!needs_escape((unsigned char) text[i]))
			continue;
		appendBinaryStringInfo(out, text + done, i - done);
		done = i + 1;
		if (escape_of((unsigned char) text[i]) != NULL)
			appendBinaryStringInfo(out, escape_of((unsigned char) text[i]), 2);
		else
			appendStringInfo(out, "\\u%04x", (unsigned char) text[i]);
	}
	appendBinaryStringInfo(out, text + done, len - done);
	appendStringInfoChar(out, '"');
}

/* Two-character escape of a byte, NULL if it has none. */
static const char *
escape_of(unsigned char byte)
{
	switch (byte)
	{
		case '"':
			return "\\\"";
		case '\\':
			return "\\\\";
		case '\b':
			return "\\b";
		case '\f':
			return "\\f";
		case '\n':
			return "\\n";
		case '\r':
			return "\\r";
		case '\t':
			return "\\t";
		default:
			return NULL;
	}
}

/*
 * cn_json_size -- bytes cn_json_write would append.
 *
 * stop: the walk ends early once the result is larger; it is then only a
 * number above stop
 */
int64
cn_json_size(const CnJson *value, int64 stop)
{
	int64		size = 0;

	count_value(value, stop, &size);
	return size;
}

/* Add the size of value to *size, unless that is past stop already. */
static void
count_value(const CnJson *value, int64 stop, int64 *size)
{
	int			i;

	switch (value->type)
	{
		case CN_JSON_NULL:
			*size += 4;
			break;
		case CN_JSON_BOOL:
			*size += value->boolean ? 4 : 5;
			break;
		case CN_JSON_NUMBER:
			*size += value->len;
			break;
		case CN_JSON_STRING:
			*size += cn_json_string_size(value->u.text, value->len);
			break;
		case CN_JSON_ARRAY:
			*size += 2 + Max(value->len - 1, 0);
			for (i = 0; i < value->len && *size <= stop; i++)
				count_value(value->u.items[i], stop, size);
			break;
		case CN_JSON_OBJECT:
			*size += 2 + Max(value->len - 1, 0);
			for (i = 0; i < value->len && *size <= stop; i++)
			{
				const CnJsonMember *member = &value->u.members[i];

				*size += cn_json_string_size(member->key, member->key_len) + 1;
				count_value(member->value, stop, size);
			}
			break;
	}
}

/* Bytes cn_json_write_string would append. */
int64
cn_json_string_size(const char *text, int len)
{
	int64		size = 2 + (int64) len;
	int			i;

	for (i = 0; i < len; i++)
	{
		if (needs_escape((unsigned char) text[i]))
			size += escape_of((unsigned char) text[i]) != NULL ? 1 : 5;
	}
	return size;
}

/* ---- JSON paths, as problems are reported with ---- */

void
cn_json_path_member(StringInfo out, const char *key)
{
	if (is_plain_name(key))
	{
		appendStringInfoChar(out, '.');
		appendStringInfoString(out, key);
		return;
	}
	appendStringInfoChar(out, '[');
	cn_json_write_string(out, key, -1);
	appendStringInfoChar(out, ']');
}

void
cn_json_path_index(StringInfo out, int index)
{
	appendStringInfo(out, "[%d]", index);
}

/* Letters, digits and '_', no digit first. */
static bool
is_plain_name(const char *key)
{
	const char *p;

	if (*key == '\0' || (*key >= '0' && *key <= '9'))
		return false;
	for (p = key; *p != '\0'; p++)
	{
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			  (*p >= '0' && *p <= '9') || *p == '_'))
			return false;
	}
	return true;
}
