/*
 * text.c -- texts with {names} in braces.
 */
#include "auth/text.h"

#define NAME_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.-|"

/* Bytes of what stands in braces at text, which begins with '{'; 0: nothing that is meant. */
static int
reference_len(const char *text)
{
	int			len = (int) strspn(text + 1, NAME_CHARS);
	bool		letter = pg_ascii_tolower((unsigned char) text[1]) >= 'a' &&
		pg_ascii_tolower((unsigned char) text[1]) <= 'z';

	return letter && text[1 + len] == '}' ? len : 0;
}

/* Change text[0..len) in place; false if there is no such change. */
static bool
change(const char *name, char *text, int len)
{
	bool		upper = strcmp(name, "upper") == 0;
	bool		lower = strcmp(name, "lower") == 0;
	bool		underscore = strcmp(name, "underscore") == 0;

	if (!upper && !lower && !underscore && strcmp(name, "hyphen") != 0)
		return false;
	for (int i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) text[i];

		if (upper)
			text[i] = (char) pg_ascii_toupper(c);
		else if (lower)
			text[i] = (char) pg_ascii_tolower(c);
		else if (underscore)
			text[i] = c == '-' ? '_' : (char) c;
		else
			text[i] = c == '_' ? '-' : (char) c;
	}
	return true;
}

/* One reference, name|change|...; false if there is no such name or change. */
static bool
append_reference(StringInfo out, char *reference, CnTextLookup lookup, void *arg)
{
	int			start = out->len;
	char	   *next = strchr(reference, '|');

	if (next)
		*next++ = '\0';
	if (!lookup(reference, out, arg))
		return false;
	while (next)
	{
		char	   *name = next;

		next = strchr(name, '|');
		if (next)
			*next++ = '\0';
		if (!change(name, out->data + start, out->len - start))
			return false;
	}
	return true;
}

const char *
cn_text_render(StringInfo out, const char *text, CnTextLookup lookup, void *arg)
{
	while (*text)
	{
		int			plain = (int) strcspn(text, "{");
		int			len;

		appendBinaryStringInfo(out, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		len = reference_len(text);
		if (len == 0)
		{
			appendStringInfoChar(out, *text++);
			continue;
		}
		if (!append_reference(out, pnstrdup(text + 1, len), lookup, arg))
			return pnstrdup(text + 1, len);
		text += len + 2;
	}
	return NULL;
}
