/*
 * filters_list.c -- filters about arrays: taking apart, putting together, counting.  Pure.
 */
#include "core/pure.h"

#include "core/json_build.h"
#include "core/utf8.h"
#include "expr/filters.h"

static const CnJson *one_character(CnFilterCall *call, bool last);
static int	part_length(const char *text, int len, const char *separator, int separator_len);

/* What an element costs beside its content: the node, its place in the array, the allocator. */
#define ELEMENT_COST ((int64) (sizeof(CnJson) + sizeof(CnJson *) + 16))

const CnJson *
cn_filter_first(CnFilterCall *call)
{
	if (call->value->type != CN_JSON_ARRAY)
		return one_character(call, false);
	return call->value->len > 0 ? call->value->u.items[0] : cn_json_null();
}

const CnJson *
cn_filter_last(CnFilterCall *call)
{
	if (call->value->type != CN_JSON_ARRAY)
		return one_character(call, true);
	return call->value->len > 0 ? call->value->u.items[call->value->len - 1] : cn_json_null();
}

static const CnJson *
one_character(CnFilterCall *call, bool last)
{
	const char *text;
	int			len;
	int			from = 0;

	if (call->value->type != CN_JSON_STRING)
		return cn_filter_fail(call, "needs an array or text, not %s",
							  cn_filter_type_phrase(call->value));
	if (!cn_filter_text(call, &text, &len))
		return NULL;
	if (len == 0)
		return cn_json_null();
	if (last)
	{
		for (from = len - 1; CN_UTF8_IS_TAIL((unsigned char) text[from]); from--)
			;
	}
	return cn_json_string(text + from, cn_utf8_width((unsigned char) text[from]));
}

const CnJson *
cn_filter_length(CnFilterCall *call)
{
	const CnJson *value = call->value;

	switch (value->type)
	{
		case CN_JSON_ARRAY:
		case CN_JSON_OBJECT:
			return cn_json_int(value->len);
		case CN_JSON_STRING:
			return cn_json_int(cn_utf8_count(value->u.text, value->len));
		default:
			return cn_filter_fail(call, "needs an array, object or text, not %s",
								  cn_filter_type_phrase(value));
	}
}

const CnJson *
cn_filter_join(CnFilterCall *call)
{
	const CnJson *array = call->value;
	const char *separator = ",";
	int			separator_len = 1;
	StringInfoData buf;
	int			i;

	if (array->type != CN_JSON_ARRAY)
		return cn_filter_fail(call, "needs an array, not %s", cn_filter_type_phrase(array));
	if (call->nargs > 0 && !cn_filter_text_arg(call, 0, &separator, &separator_len))
		return NULL;
	initStringInfo(&buf);
	for (i = 0; i < array->len; i++)
	{
		const char *text;
		int			len;

		if (!cn_filter_any_text(call, array->u.items[i], &text, &len) ||
			!cn_filter_charge(call, (int64) len + separator_len))
			return NULL;
		if (i > 0)
			appendBinaryStringInfo(&buf, separator, separator_len);
		appendBinaryStringInfo(&buf, text, len);
	}
	return cn_json_string(buf.data, buf.len);
}

const CnJson *
cn_filter_split(CnFilterCall *call)
{
	const char *text;
	const char *separator;
	const char *p;
	int			len;
	int			separator_len;
	int			count = 0;
	int			i;
	CnJson	  **items;

	if (!cn_filter_text(call, &text, &len) ||
		!cn_filter_text_arg(call, 0, &separator, &separator_len))
		return NULL;

	/* the first pass counts, the second one cuts */
	for (p = text; p != NULL; count++)
	{
		p += part_length(p, text + len - p, separator, separator_len);
		p = p < text + len ? p + separator_len : NULL;
	}
	if (separator_len == 0 && len == 0)
		count = 0;
	if (!cn_filter_charge(call, len + count * ELEMENT_COST))
		return NULL;

	items = (CnJson **) palloc(sizeof(CnJson *) * Max(count, 1));
	for (p = text, i = 0; i < count; i++)
	{
		int			part = part_length(p, text + len - p, separator, separator_len);

		items[i] = cn_json_string(p, part);
		p += part + separator_len;
	}
	return cn_json_array(items, count);
}

/* Bytes up to the next separator or the end; one character if the separator is empty. */
static int
part_length(const char *text, int len, const char *separator, int separator_len)
{
	const char *hit;

	if (separator_len == 0)
		return len == 0 ? 0 : cn_utf8_width((unsigned char) text[0]);
	hit = cn_filter_search(text, text + len, separator, separator_len);
	return hit == NULL ? len : hit - text;
}
