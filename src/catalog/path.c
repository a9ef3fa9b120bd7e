/*
 * path.c -- SQL/JSON paths as users write them.
 */
#include "catalog/definition.h"

#include <ctype.h>

/* May this byte stand in a jsonpath key without quotes? */
static bool
is_key_byte(unsigned char c)
{
	return isalnum(c) || c == '_' || c >= 128;
}

static bool
is_jsonpath(const char *text)
{
	return text[0] == '$' || strncmp(text, "lax ", 4) == 0 || strncmp(text, "strict ", 7) == 0;
}

/* Append one key of a dotted path, quoted if it must be. */
static void
append_key(StringInfo buf, const char *key, int len)
{
	bool		plain = len > 0 && !isdigit((unsigned char) key[0]);

	for (int i = 0; i < len; i++)
		plain = plain && is_key_byte(key[i]);
	appendStringInfoChar(buf, '.');
	if (plain)
		appendBinaryStringInfo(buf, key, len);
	else
		cn_json_write_string(buf, key, len);
}

char *
cn_path_text(const char *written)
{
	StringInfoData buf;
	const char *at = written;

	if (is_jsonpath(written))
		return pstrdup(written);

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '$');
	while (*at)
	{
		int			len = strcspn(at, ".[");

		if (*at == '[')
		{
			const char *close = strchr(at, ']');

			len = close ? close - at + 1 : (int) strlen(at);
			appendBinaryStringInfo(&buf, at, len);
			at += len;
			if (*at == '.')
				at++;
			continue;
		}
		append_key(&buf, at, len);
		at += len;
		if (*at == '.')
			at++;
	}
	return buf.data;
}

bool
cn_path_is_many(const char *path)
{
	bool		quoted = false;
	int			brackets = 0;
	char		last = '\0';	/* byte that was no white space */

	for (const char *at = path; *at; at++)
	{
		char		before = last;

		if (!isspace((unsigned char) *at))
			last = *at;
		if (quoted)
		{
			if (*at == '\\' && at[1])
				at++;
			else if (*at == '"')
				quoted = false;
			continue;
		}
		if (*at == '"')
			quoted = true;
		else if (*at == '[')
			brackets++;
		else if (*at == ']')
			brackets--;
		else if (*at == '?')
			return true;
		else if (*at == '*' && (before == '.' || before == '['))	/* else it multiplies */
			return true;
		else if (brackets > 0 && (*at == ',' || strncmp(at, " to ", 4) == 0))
			return true;
		else if (strncmp(at, ".keyvalue()", 11) == 0)
			return true;
	}
	return false;
}
