/*
 * pairs.c -- the names and values of a query or form, in the order that signatures want.
 */
#include "auth/pairs.h"

#include "core/chars.h"
#include "core/escape.h"
#include "crypto/aead.h"

static char *
encode(const char *text, size_t len)
{
	StringInfoData out;

	initStringInfo(&out);
	enlargeStringInfo(&out, (int) cn_percent_encoded_size(text, (int) len) + 1);
	cn_percent_encode(&out, text, (int) len);
	return out.data;
}

/* Percent-encoding undone in place; what is none stays.  Returns the length. */
static size_t
decode(char *text, size_t len, bool form)
{
	size_t		to = 0;

	for (size_t from = 0; from < len; from++, to++)
	{
		bool		escape = text[from] == '%' && from + 2 < len &&
			cn_hex_value(text[from + 1]) >= 0 && cn_hex_value(text[from + 2]) >= 0;

		if (escape)
		{
			text[to] = (char) (cn_hex_value(text[from + 1]) << 4 | cn_hex_value(text[from + 2]));
			from += 2;
		}
		else
			text[to] = form && text[from] == '+' ? ' ' : text[from];
	}
	return to;
}

static char *
recode(const char *text, size_t len, bool form)
{
	char	   *copy = palloc(len + 1);
	char	   *result;

	memcpy(copy, text, len);
	result = encode(copy, decode(copy, len, form));
	cn_wipe(copy, len);
	return result;
}

static CnEncodedPair *
next_pair(CnPairs *pairs)
{
	if (pairs->count == pairs->capacity)
	{
		CnEncodedPair *list;

		pairs->capacity = Max(2 * pairs->capacity, 16);
		list = palloc(sizeof(CnEncodedPair) * pairs->capacity);
		if (pairs->count > 0)
			memcpy(list, pairs->list, sizeof(CnEncodedPair) * pairs->count);
		pairs->list = list;
	}
	return &pairs->list[pairs->count++];
}

void
cn_pairs_add(CnPairs *pairs, const char *name, const char *value)
{
	CnEncodedPair *pair = next_pair(pairs);

	pair->name = encode(name, strlen(name));
	pair->value = encode(value, strlen(value));
}

void
cn_pairs_parse(CnPairs *pairs, const char *text, size_t len, bool form)
{
	const char *end = text + len;

	while (text < end)
	{
		const char *stop = memchr(text, '&', end - text);
		const char *equals;

		if (stop == NULL)
			stop = end;
		equals = memchr(text, '=', stop - text);
		if (stop > text)
		{
			CnEncodedPair *pair = next_pair(pairs);
			const char *name_end = equals ? equals : stop;

			pair->name = recode(text, name_end - text, form);
			pair->value = equals ? recode(equals + 1, stop - equals - 1, form) : pstrdup("");
		}
		text = stop + 1;
	}
}

static int
compare(const void *a, const void *b)
{
	const CnEncodedPair *left = a;
	const CnEncodedPair *right = b;
	int			order = strcmp(left->name, right->name);

	return order ? order : strcmp(left->value, right->value);
}

void
cn_pairs_sort(CnPairs *pairs)
{
	if (pairs->count > 1)
		qsort(pairs->list, pairs->count, sizeof(CnEncodedPair), compare);
}

void
cn_pairs_write(StringInfo out, const CnPairs *pairs)
{
	for (int i = 0; i < pairs->count; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, '&');
		appendStringInfoString(out, pairs->list[i].name);
		appendStringInfoChar(out, '=');
		appendStringInfoString(out, pairs->list[i].value);
	}
}

size_t
cn_pairs_size(const CnPairs *pairs)
{
	size_t		size = 0;

	for (int i = 0; i < pairs->count; i++)
		size += strlen(pairs->list[i].name) + strlen(pairs->list[i].value) + 2;
	return size;
}

void
cn_pairs_wipe(CnPairs *pairs)
{
	for (int i = 0; i < pairs->count; i++)
	{
		cn_wipe(pairs->list[i].name, strlen(pairs->list[i].name));
		cn_wipe(pairs->list[i].value, strlen(pairs->list[i].value));
	}
}
