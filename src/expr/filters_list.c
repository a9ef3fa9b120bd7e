/*
 * filters_list.c -- filters about arrays: taking apart, putting together, counting.  Pure.
 *
 * Those that look into the elements are in filters_each.c, those that order
 * them in filters_order.c.
 */
#include "core/pure.h"

#include "core/json_build.h"
#include "core/utf8.h"
#include "expr/filters.h"

static const CnJson *one_character(CnFilterCall *call, bool last);
static const CnJson *reverse_text(CnFilterCall *call);
static bool is_empty(const CnJson *value);
static int64 flat_count(const CnJson *array, int depth, int64 stop);
static void flatten_into(const CnJson *array, int depth, CnJson **items, int *count);
static int	part_length(const char *text, int len, const char *separator, int separator_len);

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
							  cn_json_type_phrase(call->value->type));
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
								  cn_json_type_phrase(value->type));
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

	if (cn_filter_array(call) == NULL)
		return NULL;
	if (call->nargs > 0)
		separator = cn_filter_text_arg(call, 0, &separator_len);
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
	return cn_filter_finished(&buf);
}

const CnJson *
cn_filter_split(CnFilterCall *call)
{
	const char *text;
	int			separator_len;
	const char *separator = cn_filter_text_arg(call, 0, &separator_len);
	const char *p;
	int			len;
	int			count = 0;
	int			i;
	CnJson	  **items;

	if (!cn_filter_text(call, &text, &len))
		return NULL;

	/* the first pass counts, the second one cuts */
	for (p = text; p != NULL; count++)
	{
		p += part_length(p, text + len - p, separator, separator_len);
		p = p < text + len ? p + separator_len : NULL;
	}
	if (separator_len == 0 && len == 0)
		count = 0;
	if (!cn_filter_charge(call, len + count * CN_ELEMENT_COST))
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

/* ---- the whole list ---- */

const CnJson *
cn_filter_reverse(CnFilterCall *call)
{
	const CnJson *array = call->value;
	CnJson	   *result;
	int			i;

	if (array->type == CN_JSON_STRING)
		return reverse_text(call);
	if (array->type != CN_JSON_ARRAY)
		return cn_filter_fail(call, "needs an array or text, not %s", cn_json_type_phrase(array->type));
	result = cn_filter_new_array(call, array->len);
	for (i = 0; result != NULL && i < array->len; i++)
		result->u.items[i] = array->u.items[array->len - 1 - i];
	return result;
}

/* By characters; accents that are characters of their own end up before their letter. */
static const CnJson *
reverse_text(CnFilterCall *call)
{
	const char *text = call->value->u.text;
	int			len = call->value->len;
	CnJson	   *result;
	char	   *out;
	int			pos;

	if (!cn_filter_charge(call, len))
		return NULL;
	result = cn_json_new_text(CN_JSON_STRING, len, &out);
	for (pos = 0; pos < len;)
	{
		int			width = cn_utf8_width((unsigned char) text[pos]);

		memcpy(out + len - pos - width, text + pos, width);
		pos += width;
	}
	return result;
}

/* Elements from start, negative from the end, at most count. */
const CnJson *
cn_filter_slice(CnFilterCall *call)
{
	const CnJson *array = cn_filter_array(call);
	int			start = cn_filter_int_arg(call, 0, 0);
	int			count = cn_filter_int_arg(call, 1, PG_INT32_MAX);
	CnJson	   *result;

	if (array == NULL)
		return NULL;
	if (start < 0)
		start = Max((int64) array->len + start, 0);
	start = Min(start, array->len);
	count = Min(count, array->len - start);
	result = cn_filter_new_array(call, count);
	if (result != NULL)
		memcpy(result->u.items, array->u.items + start, sizeof(CnJson *) * count);
	return result;
}

const CnJson *
cn_filter_compact(CnFilterCall *call)
{
	const CnJson *array = cn_filter_array(call);
	CnJson	   *result;
	int			i;

	if (array == NULL)
		return NULL;
	result = cn_filter_new_array(call, array->len);
	if (result == NULL)
		return NULL;
	result->len = 0;
	for (i = 0; i < array->len; i++)
	{
		if (!is_empty(array->u.items[i]))
			result->u.items[result->len++] = array->u.items[i];
	}
	return result;
}

static bool
is_empty(const CnJson *value)
{
	return value->type == CN_JSON_NULL || (value->type == CN_JSON_STRING && value->len == 0);
}

const CnJson *
cn_filter_flatten(CnFilterCall *call)
{
	const CnJson *array = cn_filter_array(call);
	int			depth = cn_filter_int_arg(call, 0, 1);
	int64		count;
	CnJson	   *result;

	if (array == NULL)
		return NULL;
	count = flat_count(array, depth, PG_INT32_MAX);
	if (!cn_filter_charge(call, count * (int64) sizeof(CnJson *)))
		return NULL;
	result = cn_filter_new_array(call, count);
	if (result == NULL)
		return NULL;
	result->len = 0;
	flatten_into(array, depth, result->u.items, &result->len);
	return result;
}

/* Elements there will be; counting ends early above stop. */
static int64
flat_count(const CnJson *array, int depth, int64 stop)
{
	int64		count = 0;
	int			i;

	for (i = 0; i < array->len && count <= stop; i++)
	{
		if (depth > 0 && array->u.items[i]->type == CN_JSON_ARRAY)
			count += flat_count(array->u.items[i], depth - 1, stop);
		else
			count++;
	}
	return count;
}

static void
flatten_into(const CnJson *array, int depth, CnJson **items, int *count)
{
	int			i;

	for (i = 0; i < array->len; i++)
	{
		if (depth > 0 && array->u.items[i]->type == CN_JSON_ARRAY)
			flatten_into(array->u.items[i], depth - 1, items, count);
		else
			items[(*count)++] = array->u.items[i];
	}
}
