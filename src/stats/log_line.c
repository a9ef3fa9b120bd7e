/*
 * log_line.c -- a line of key=value pairs for the server's log.  Pure.
 */
#include "stats/log_line.h"

/* What needs no quotes: ids, names, codes, numbers. */
static bool
is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '_' || c == '-' || c == '.' || c == ':' || c == '/' || c == '@' || c == '+';
}

static bool
is_plain_text(const char *value)
{
	if (*value == '\0' || strlen(value) > CN_LOG_VALUE_MAX)
		return false;
	for (const char *at = value; *at; at++)
		if (!is_plain(*at))
			return false;
	return true;
}

/*
 * Bytes of a character beyond ASCII that some readers of logs take for the end of a line, or that
 * turn text around: U+0080 to U+009F, U+2028 to U+202E, U+2066 to U+2069.  0: it is none.
 */
static int
odd_length(const unsigned char *at)
{
	if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
		return 2;
	if (at[0] == 0xe2 && at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae)
		return 3;
	if (at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9)
		return 3;
	return 0;
}

static void
append_hex(StringInfo line, const unsigned char *bytes, int count)
{
	for (int i = 0; i < count; i++)
		appendStringInfo(line, "\\x%02x", bytes[i]);
}

/* Whole characters only: a cut goes before the first byte of one. */
static int
cut_length(const char *value)
{
	int			len = strlen(value);

	if (len <= CN_LOG_VALUE_MAX)
		return len;
	len = CN_LOG_VALUE_MAX;
	while (len > 0 && ((unsigned char) value[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void
append_quoted(StringInfo line, const char *value)
{
	const unsigned char *at = (const unsigned char *) value;
	const unsigned char *end = at + cut_length(value);

	appendStringInfoChar(line, '"');
	while (at < end)
	{
		int			odd = *at < ' ' || *at == 0x7f ? 1 : odd_length(at);

		if (odd > 0)
		{
			append_hex(line, at, odd);
			at += odd;
			continue;
		}
		if (*at == '"' || *at == '\\')
			appendStringInfoChar(line, '\\');
		appendStringInfoChar(line, *at++);
	}
	if (*end)
		appendStringInfoString(line, "...");
	appendStringInfoChar(line, '"');
}

void
cn_log_pair(StringInfo line, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(line, " %s=", key);
	if (is_plain_text(value))
		appendStringInfoString(line, value);
	else
		append_quoted(line, value);
}
