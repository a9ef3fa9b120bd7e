/*
 * filters_order.c -- filters that compare the elements of an array with each other.  Pure.
 *
 * Sorting and finding equals take n log n comparisons; what is compared is
 * prepared once for each element.
 */
#include "core/pure.h"

#include "core/sort.h"
#include "expr/expr_tree.h"
#include "expr/filters.h"

/* An element and what it is sorted by. */
typedef struct Entry
{
	CnJson	   *item;
	int			place;			/* in the array */
	const CnJson *key;			/* NULL: null or nothing, which comes last */
	CnDecimal	number;			/* if the key is one */
	const char *text;			/* unique: the element in a form in which equals are the same */
	int			start;			/* in the buffer that holds those of all */
	int			len;
} Entry;

static Entry **new_entries(CnFilterCall *call, const CnJson *array);
static Entry **keyed_entries(CnFilterCall *call, int *count);
static bool check_types(CnFilterCall *call, Entry *const *entries, int count);
static int	compare_entries(const void *left, const void *right, void *arg);
static int	compare_texts(const void *left, const void *right, void *arg);
static int	compare_places(const void *left, const void *right, void *arg);
static const CnJson *items_of(CnFilterCall *call, Entry *const *entries, int count);
static const CnJson *extreme(CnFilterCall *call, int sign);
static bool write_canonical(CnFilterCall *call, StringInfo out, const CnJson *value);
static bool write_members(CnFilterCall *call, StringInfo out, const CnJson *object);

/* Numbers by value, texts by code points, false before true; both are of one type. */
int
cn_filter_compare(const CnJson *a, const CnJson *b)
{
	CnDecimal	x;
	CnDecimal	y;

	if (a->type == CN_JSON_BOOL)
		return a->boolean - b->boolean;
	if (a->type == CN_JSON_STRING)
		return strcmp(a->u.text, b->u.text);
	cn_decimal_read(a->u.text, a->len, &x);
	cn_decimal_read(b->u.text, b->len, &y);
	return cn_decimal_compare(&x, &y);
}

/* ---- sort ---- */

/* By the elements themselves, or by what the path leads to; null and nothing last. */
const CnJson *
cn_filter_sort(CnFilterCall *call)
{
	CnOrder		order = call->nargs > 1 ? *(const CnOrder *) call->prepared[1] : CN_ORDER_ASC;
	int			sign = order == CN_ORDER_DESC ? -1 : 1;
	int			count;
	Entry	  **entries = keyed_entries(call, &count);

	if (entries == NULL || !check_types(call, entries, count))
		return NULL;
	cn_sort((void **) entries, count, compare_entries, &sign);
	return items_of(call, entries, count);
}

/* An entry for each element, with its place; NULL and an error. */
static Entry **
new_entries(CnFilterCall *call, const CnJson *array)
{
	Entry	   *entries;
	Entry	  **order;
	int			i;

	/* the order twice, for cn_sort needs as much */
	if (!cn_filter_charge(call, array->len * (int64) (sizeof(Entry) + 2 * sizeof(Entry *))))
		return NULL;
	entries = (Entry *) palloc0(sizeof(Entry) * Max(array->len, 1));
	order = (Entry **) palloc(sizeof(Entry *) * Max(array->len, 1));
	for (i = 0; i < array->len; i++)
	{
		entries[i].item = array->u.items[i];
		entries[i].place = i;
		order[i] = &entries[i];
	}
	return order;
}

/* The elements with the keys that the first argument leads to; NULL and an error. */
static Entry **
keyed_entries(CnFilterCall *call, int *count)
{
	const CnJson *array = cn_filter_array(call);
	const Path *path = call->nargs > 0 ? (const Path *) call->prepared[0] : NULL;
	Entry	  **entries = array != NULL ? new_entries(call, array) : NULL;
	int			i;

	if (entries == NULL)
		return NULL;
	for (i = 0; i < array->len; i++)
	{
		Entry	   *entry = entries[i];

		entry->key = path != NULL ? cn_expr_follow_relative(entry->item, path) : entry->item;
		if (entry->key != NULL && entry->key->type == CN_JSON_NULL)
			entry->key = NULL;
		if (entry->key != NULL && entry->key->type == CN_JSON_NUMBER &&
			!cn_filter_decimal(call, entry->key, &entry->number))
			return NULL;
	}
	*count = array->len;
	return entries;
}

/* Only scalars of one type have an order. */
static bool
check_types(CnFilterCall *call, Entry *const *entries, int count)
{
	const CnJson *first = NULL;
	int			i;

	for (i = 0; i < count; i++)
	{
		const CnJson *key = entries[i]->key;

		if (key == NULL)
			continue;
		if (key->type == CN_JSON_ARRAY || key->type == CN_JSON_OBJECT)
		{
			cn_filter_fail(call, "cannot order by %s", cn_json_type_phrase(key->type));
			return false;
		}
		if (first != NULL && first->type != key->type)
		{
			cn_filter_fail(call, "cannot compare %s with %s", cn_json_type_phrase(first->type),
						   cn_json_type_phrase(key->type));
			return false;
		}
		first = key;
	}
	return true;
}

static int
compare_keys(const Entry *a, const Entry *b)
{
	if (a->key->type == CN_JSON_NUMBER)
		return cn_decimal_compare(&a->number, &b->number);
	return cn_filter_compare(a->key, b->key);
}

/* arg: 1 or -1, for the other way round */
static int
compare_entries(const void *left, const void *right, void *arg)
{
	const Entry *a = (const Entry *) left;
	const Entry *b = (const Entry *) right;

	if (a->key == NULL || b->key == NULL)
		return (a->key == NULL) - (b->key == NULL);
	return compare_keys(a, b) * *(const int *) arg;
}

static int
compare_places(const void *left, const void *right, void *arg)
{
	return ((const Entry *) left)->place - ((const Entry *) right)->place;
}

static const CnJson *
items_of(CnFilterCall *call, Entry *const *entries, int count)
{
	CnJson	   *result = cn_filter_new_array(call, count);
	int			i;

	for (i = 0; result != NULL && i < count; i++)
		result->u.items[i] = entries[i]->item;
	return result;
}

/* ---- smallest and largest ---- */

const CnJson *
cn_filter_min(CnFilterCall *call)
{
	return extreme(call, -1);
}

const CnJson *
cn_filter_max(CnFilterCall *call)
{
	return extreme(call, 1);
}

/* Null if there is none. */
static const CnJson *
extreme(CnFilterCall *call, int sign)
{
	int			count;
	Entry	  **entries = keyed_entries(call, &count);
	const Entry *best = NULL;
	int			i;

	if (entries == NULL || !check_types(call, entries, count))
		return NULL;
	for (i = 0; i < count; i++)
	{
		if (entries[i]->key != NULL &&
			(best == NULL || compare_keys(entries[i], best) * sign > 0))
			best = entries[i];
	}
	return best != NULL ? best->item : cn_json_null();
}

/* ---- unique ---- */

/* The first of those that are equal, or equal at the path, stays. */
const CnJson *
cn_filter_unique(CnFilterCall *call)
{
	const CnJson *array = cn_filter_array(call);
	const Path *path = call->nargs > 0 ? (const Path *) call->prepared[0] : NULL;
	Entry	  **entries = array != NULL ? new_entries(call, array) : NULL;
	int			kept = 0;
	int			i;
	StringInfoData buf;

	if (entries == NULL)
		return NULL;
	/* all in one buffer, which moves as it grows */
	initStringInfo(&buf);
	for (i = 0; i < array->len; i++)
	{
		const CnJson *key = entries[i]->item;

		entries[i]->start = buf.len;
		if (path != NULL)
			key = cn_expr_follow_relative(key, path);
		/* nothing is like null */
		if (key == NULL)
			appendStringInfoString(&buf, "null");
		else if (!write_canonical(call, &buf, key))
			return NULL;
		entries[i]->len = buf.len - entries[i]->start;
	}
	for (i = 0; i < array->len; i++)
		entries[i]->text = buf.data + entries[i]->start;
	cn_sort((void **) entries, array->len, compare_texts, NULL);
	for (i = 0; i < array->len; i++)
	{
		if (kept == 0 || compare_texts(entries[kept - 1], entries[i], NULL) != 0)
			entries[kept++] = entries[i];
	}
	cn_sort((void **) entries, kept, compare_places, NULL);
	return items_of(call, entries, kept);
}

static int
compare_texts(const void *left, const void *right, void *arg)
{
	const Entry *a = (const Entry *) left;
	const Entry *b = (const Entry *) right;

	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->text, b->text, a->len);
}

/* The same text for equal values: members in order, numbers as digits and exponent. */
static bool
write_canonical(CnFilterCall *call, StringInfo out, const CnJson *value)
{
	CnDecimal	number;
	int			i;

	switch (value->type)
	{
		case CN_JSON_NUMBER:
			if (!cn_filter_decimal(call, value, &number) || !cn_filter_charge(call, number.ndigits))
				return false;
			appendStringInfo(out, "%s", number.negative ? "-" : "");
			appendBinaryStringInfo(out, number.digits, number.ndigits);
			appendStringInfo(out, "e" INT64_FORMAT, number.exponent);
			return true;
		case CN_JSON_ARRAY:
			appendStringInfoChar(out, '[');
			for (i = 0; i < value->len; i++)
			{
				if (!write_canonical(call, out, value->u.items[i]))
					return false;
				appendStringInfoChar(out, ',');
			}
			appendStringInfoChar(out, ']');
			return true;
		case CN_JSON_OBJECT:
			return write_members(call, out, value);
		default:
			if (!cn_filter_charge(call, cn_json_size(value, call->output_limit)))
				return false;
			cn_json_write(out, value);
			return true;
	}
}

static int
compare_members(const void *left, const void *right, void *arg)
{
	return strcmp(((const CnJsonMember *) left)->key, ((const CnJsonMember *) right)->key);
}

static bool
write_members(CnFilterCall *call, StringInfo out, const CnJson *object)
{
	CnJsonMember **order;
	int			i;

	if (!cn_filter_charge(call, object->len * 2 * (int64) sizeof(CnJsonMember *)))
		return false;
	order = (CnJsonMember **) palloc(sizeof(CnJsonMember *) * Max(object->len, 1));
	for (i = 0; i < object->len; i++)
		order[i] = &object->u.members[i];
	cn_sort((void **) order, object->len, compare_members, NULL);
	appendStringInfoChar(out, '{');
	for (i = 0; i < object->len; i++)
	{
		if (!cn_filter_charge(call, cn_json_string_size(order[i]->key, order[i]->key_len)))
			return false;
		cn_json_write_string(out, order[i]->key, order[i]->key_len);
		appendStringInfoChar(out, ':');
		if (!write_canonical(call, out, order[i]->value))
			return false;
		appendStringInfoChar(out, ',');
	}
	appendStringInfoChar(out, '}');
	pfree(order);
	return true;
}
