/*
 * json.c -- CnJson: constructors, look-up, comparison, writing.  Pure.
 *
 * A tree is built by cn_json_parse (json_parse.c) or by the constructors here
 * and never changed afterwards, so subtrees are shared freely.  Functions that
 * walk a tree recurse: a tree is as deep as the documents and templates it was
 * made of, and those are bounded when they are parsed.
 */
#include "core/pure.h"

#include "core/decimal.h"
#include "core/json.h"
#include "core/json_build.h"
#include "core/sort.h"

/* Members an object may have before looking for repeated keys is worth sorting them. */
#define SORT_FROM 16

static bool array_equal(const CnJson *a, const CnJson *b);
static bool object_equal(const CnJson *a, const CnJson *b);
static CnJsonMember **sorted_members(const CnJson *object);
static int	drop_repeated_sorted(CnJsonMember *members, int count);

/* ---- constructors ---- */

CnJson *
cn_json_null(void)
{
	return (CnJson *) palloc0(sizeof(CnJson));
}

CnJson *
cn_json_bool(bool value)
{
	CnJson	   *json = (CnJson *) palloc0(sizeof(CnJson));

	json->type = CN_JSON_BOOL;
	json->boolean = value;
	return json;
}

/*
 * cn_json_new_text -- a string or number with room for len bytes behind it.
 *
 * room: gets where to write them; the NUL stands already
 */
CnJson *
cn_json_new_text(CnJsonType type, int len, char **room)
{
	CnJson	   *json = (CnJson *) palloc(sizeof(CnJson) + len + 1);

	json->type = type;
	json->boolean = false;
	json->len = len;
	*room = (char *) (json + 1);
	(*room)[len] = '\0';
	json->u.text = *room;
	return json;
}

/* literal: a JSON number, which is not checked again; len -1 for strlen. */
CnJson *
cn_json_number(const char *literal, int len)
{
	CnJson	   *json;
	char	   *room;

	if (len < 0)
		len = strlen(literal);
	json = cn_json_new_text(CN_JSON_NUMBER, len, &room);
	memcpy(room, literal, len);
	return json;
}

CnJson *
cn_json_int(int64 value)
{
	char		buf[32];
	int			len = snprintf(buf, sizeof(buf), INT64_FORMAT, value);

	return cn_json_number(buf, len);
}

/* text: valid UTF-8 without NUL, which is not checked again; len -1 for strlen. */
CnJson *
cn_json_string(const char *text, int len)
{
	CnJson	   *json;
	char	   *room;

	if (len < 0)
		len = strlen(text);
	json = cn_json_new_text(CN_JSON_STRING, len, &room);
	memcpy(room, text, len);
	return json;
}

/* items is copied, what it points to is shared. */
CnJson *
cn_json_array(CnJson **items, int count)
{
	CnJson	   *json = (CnJson *) palloc0(sizeof(CnJson));

	json->type = CN_JSON_ARRAY;
	json->len = count;
	json->u.items = (CnJson **) palloc(sizeof(CnJson *) * Max(count, 1));
	if (count > 0)
		memcpy(json->u.items, items, sizeof(CnJson *) * count);
	return json;
}

/*
 * cn_json_object -- an object of these members.
 *
 * members is copied, keys and values are shared.  Of members with one key the
 * last value counts and stands where the key was first seen.
 */
CnJson *
cn_json_object(CnJsonMember *members, int count)
{
	CnJson	   *json = (CnJson *) palloc0(sizeof(CnJson));

	json->type = CN_JSON_OBJECT;
	json->u.members = (CnJsonMember *) palloc(sizeof(CnJsonMember) * Max(count, 1));
	if (count > 0)
		memcpy(json->u.members, members, sizeof(CnJsonMember) * count);
	json->len = cn_json_drop_repeated(json->u.members, count);
	return json;
}

static inline bool
same_key(const CnJsonMember *a, const CnJsonMember *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

/*
 * cn_json_drop_repeated -- make the keys of members[0..count) unique, in place.
 *
 * Returns how many remain.
 */
int
cn_json_drop_repeated(CnJsonMember *members, int count)
{
	int			kept = 0;
	int			i;
	int			j;

	if (count > SORT_FROM)
		return drop_repeated_sorted(members, count);
	for (i = 0; i < count; i++)
	{
		for (j = 0; j < kept && !same_key(&members[j], &members[i]); j++)
			;
		if (j < kept)
			members[j].value = members[i].value;
		else
			members[kept++] = members[i];
	}
	return kept;
}

/* Order by key; members with one key stay in document order. */
static int
compare_members(const void *left, const void *right, void *unused)
{
	const CnJsonMember *a = left;
	const CnJsonMember *b = right;
	int			order;

	if (a->key_len != b->key_len)
		return a->key_len < b->key_len ? -1 : 1;
	order = memcmp(a->key, b->key, a->key_len);
	return order != 0 ? order : (a > b) - (a < b);
}

/* The same with n log n comparisons: a remote may send any number of keys. */
static int
drop_repeated_sorted(CnJsonMember *members, int count)
{
	CnJsonMember **order = (CnJsonMember **) palloc(sizeof(CnJsonMember *) * count);
	int			kept = 0;
	int			first = 0;
	int			i;

	for (i = 0; i < count; i++)
		order[i] = &members[i];
	cn_sort((void **) order, count, compare_members, NULL);
	for (i = 1; i < count; i++)
	{
		if (same_key(order[first], order[i]))
		{
			order[first]->value = order[i]->value;
			order[i]->key = NULL;
		}
		else
			first = i;
	}
	for (i = 0; i < count; i++)
	{
		if (members[i].key != NULL)
			members[kept++] = members[i];
	}
	pfree(order);
	return kept;
}

/* ---- look-up ---- */

const CnJson *
cn_json_get(const CnJson *value, const char *key)
{
	int			len = strlen(key);
	int			i;

	if (value == NULL || value->type != CN_JSON_OBJECT)
		return NULL;
	for (i = 0; i < value->len; i++)
	{
		const CnJsonMember *member = &value->u.members[i];

		if (member->key_len == len && memcmp(member->key, key, len) == 0)
			return member->value;
	}
	return NULL;
}

const char *
cn_json_get_string(const CnJson *value, const char *key)
{
	const CnJson *found = cn_json_get(value, key);

	return found != NULL && found->type == CN_JSON_STRING ? found->u.text : NULL;
}

const char *
cn_json_type_phrase(CnJsonType type)
{
	switch (type)
	{
		case CN_JSON_NULL:
			return "null";
		case CN_JSON_BOOL:
			return "a boolean";
		case CN_JSON_NUMBER:
			return "a number";
		case CN_JSON_STRING:
			return "a string";
		case CN_JSON_ARRAY:
			return "an array";
		case CN_JSON_OBJECT:
			return "an object";
	}
	return "nothing";			/* not reached */
}

const char *
cn_json_type_name(CnJsonType type)
{
	switch (type)
	{
		case CN_JSON_NULL:
			return "null";
		case CN_JSON_BOOL:
			return "boolean";
		case CN_JSON_NUMBER:
			return "number";
		case CN_JSON_STRING:
			return "string";
		case CN_JSON_ARRAY:
			return "array";
		case CN_JSON_OBJECT:
			return "object";
	}
	return "unknown";
}

/* ---- comparison ---- */

/*
 * cn_json_equal -- same JSON value, as jsonb sees it?
 *
 * Numbers by value (1 = 1.0 = 10e-1), objects whatever the order of their keys.
 */
bool
cn_json_equal(const CnJson *a, const CnJson *b)
{
	if (a == b)
		return true;
	if (a->type != b->type)
		return false;
	switch (a->type)
	{
		case CN_JSON_NULL:
			return true;
		case CN_JSON_BOOL:
			return a->boolean == b->boolean;
		case CN_JSON_NUMBER:
			if (a->len == b->len && memcmp(a->u.text, b->u.text, a->len) == 0)
				return true;
			return cn_decimal_equal(a->u.text, a->len, b->u.text, b->len);
		case CN_JSON_STRING:
			return a->len == b->len && memcmp(a->u.text, b->u.text, a->len) == 0;
		case CN_JSON_ARRAY:
			return array_equal(a, b);
		case CN_JSON_OBJECT:
			return object_equal(a, b);
	}
	return false;
}

static bool
array_equal(const CnJson *a, const CnJson *b)
{
	int			i;

	if (a->len != b->len)
		return false;
	for (i = 0; i < a->len; i++)
	{
		if (!cn_json_equal(a->u.items[i], b->u.items[i]))
			return false;
	}
	return true;
}

static bool
object_equal(const CnJson *a, const CnJson *b)
{
	CnJsonMember **left;
	CnJsonMember **right;
	int			i;

	if (a->len != b->len)
		return false;
	left = sorted_members(a);
	right = sorted_members(b);
	for (i = 0; i < a->len; i++)
	{
		if (!same_key(left[i], right[i]) || !cn_json_equal(left[i]->value, right[i]->value))
			return false;
	}
	return true;
}

static CnJsonMember **
sorted_members(const CnJson *object)
{
	CnJsonMember **order = (CnJsonMember **) palloc(sizeof(CnJsonMember *) * Max(object->len, 1));
	int			i;

	for (i = 0; i < object->len; i++)
		order[i] = &object->u.members[i];
	cn_sort((void **) order, object->len, compare_members, NULL);
	return order;
}
