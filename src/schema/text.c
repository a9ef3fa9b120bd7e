/*
 * text.c -- words for messages about schemas.  Pure.
 *
 * A message never carries a long value: what is quoted is cut.
 */
#include "core/pure.h"

#include "core/utf8.h"
#include "schema/schema_tree.h"

/* Bytes of a value that a message quotes. */
#define QUOTE_MAX 60

/* Append one step of a JSON Pointer (RFC 6901). */
void
schema_pointer_step(StringInfo out, const char *token)
{
	appendStringInfoChar(out, '/');
	for (const char *p = token; *p != '\0'; p++)
	{
		if (*p == '~')
			appendStringInfoString(out, "~0");
		else if (*p == '/')
			appendStringInfoString(out, "~1");
		else
			appendStringInfoChar(out, *p);
	}
}

/* "a string, null or an integer" */
const char *
schema_types_phrase(unsigned types)
{
	const char *phrases[CN_JSON_OBJECT + 2];
	int			count = 0;
	StringInfoData out;

	for (int type = CN_JSON_NULL; type <= CN_JSON_OBJECT; type++)
	{
		if (types & TYPE_BIT(type))
			phrases[count++] = cn_json_type_phrase((CnJsonType) type);
	}
	if (types & TYPE_INTEGER)
		phrases[count++] = "an integer";
	initStringInfo(&out);
	for (int i = 0; i < count; i++)
		appendStringInfo(&out, "%s%s", i == 0 ? "" : i == count - 1 ? " or " : ", ", phrases[i]);
	return out.data;
}

/* text in quotes, cut behind a whole character. */
const char *
schema_quote_text(const char *text, int len)
{
	StringInfoData out;
	int			keep = Min(len, QUOTE_MAX);

	while (keep < len && keep > 0 && CN_UTF8_IS_TAIL((unsigned char) text[keep]))
		keep--;
	initStringInfo(&out);
	cn_json_write_string(&out, text, keep);
	if (keep < len)
		appendStringInfoString(&out, "...");
	return out.data;
}

/* A value, or what it is, if it would be long. */
const char *
schema_quote(const CnJson *value)
{
	switch (value->type)
	{
		case CN_JSON_NULL:
			return "null";
		case CN_JSON_BOOL:
			return value->boolean ? "true" : "false";
		case CN_JSON_NUMBER:
			if (value->len <= QUOTE_MAX)
				return value->u.text;
			return psprintf("%.*s...", QUOTE_MAX, value->u.text);
		case CN_JSON_STRING:
			return schema_quote_text(value->u.text, value->len);
		case CN_JSON_ARRAY:
		case CN_JSON_OBJECT:
			break;
	}
	if (cn_json_size(value, QUOTE_MAX + 1) <= QUOTE_MAX)
	{
		StringInfoData out;

		initStringInfo(&out);
		cn_json_write(&out, value);
		return out.data;
	}
	return value->type == CN_JSON_ARRAY ? psprintf("an array of %d items", value->len)
		: psprintf("an object of %d properties", value->len);
}
