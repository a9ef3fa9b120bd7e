/*
 * assert.c -- keywords that look at one value and apply no other schema.  Pure.
 */
#include "core/pure.h"

#include "core/utf8.h"
#include "schema/schema_tree.h"

/* Values of an enum or names that a message lists. */
#define LISTED_MAX 10

static bool is_integer(const CnJson *value);
static bool is_one_of(Evaluation *e, const Assertion *a, const CnJson *value);
static bool equal(Evaluation *e, const CnJson *a, const CnJson *b);
static const char *quoted_list(const CnJson *array);
static bool require(Evaluation *e, const Assertion *a, const Place *place, const NameList *list);

bool
schema_assert_type(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const CnJson *value = place->instance;

	if (a->u.types & TYPE_BIT(value->type))
		return true;
	if ((a->u.types & TYPE_INTEGER) && is_integer(value))
		return true;
	if (e->quiet)
		return false;
	return schema_violation(e, place, a->keyword, "is %s, has to be %s",
							value->type == CN_JSON_NUMBER ? schema_quote(value)
							: cn_json_type_phrase(value->type), schema_types_phrase(a->u.types));
}

static bool
is_integer(const CnJson *value)
{
	CnNumber	number;

	if (value->type != CN_JSON_NUMBER)
		return false;
	cn_number_read(value, &number);
	return cn_number_is_integer(&number);
}

/* ---- equality ---- */

bool
schema_assert_enum(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	if (is_one_of(e, a, place->instance))
		return true;
	if (e->quiet || over(e))
		return false;
	return schema_violation(e, place, a->keyword, "is %s, has to be one of %s",
							schema_quote(place->instance), quoted_list(a->value));
}

static bool
is_one_of(Evaluation *e, const Assertion *a, const CnJson *value)
{
	const CnJson *values = a->value;
	HashedValue wanted;
	int64		work = 0;
	int			low = 0;
	int			high = values->len;

	if (a->u.hashed == NULL)
	{
		for (int i = 0; i < values->len; i++)
		{
			if (equal(e, values->u.items[i], value))
				return true;
		}
		return false;
	}
	wanted.hash = schema_hash(value, &work);
	if (!schema_charge(e, work))
		return false;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (a->u.hashed[middle].hash < wanted.hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < values->len && a->u.hashed[low].hash == wanted.hash; low++)
	{
		if (equal(e, values->u.items[a->u.hashed[low].index], value))
			return true;
	}
	return false;
}

/* Compares only what the work that is left allows. */
static bool
equal(Evaluation *e, const CnJson *a, const CnJson *b)
{
	if (a->type != b->type || (a->len != b->len && a->type != CN_JSON_NUMBER))
		return false;
	return schema_charge(e, schema_weight(a, e->work + 1)) && cn_json_equal(a, b);
}

static const char *
quoted_list(const CnJson *array)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < array->len && i < LISTED_MAX; i++)
		appendStringInfo(&out, "%s%s", i > 0 ? ", " : "", schema_quote(array->u.items[i]));
	if (array->len > LISTED_MAX)
		appendStringInfo(&out, ", ... (%d values)", array->len);
	return array->len > 0 ? out.data : "no values";
}

bool
schema_assert_const(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	if (equal(e, a->value, place->instance))
		return true;
	if (e->quiet || over(e))
		return false;
	return schema_violation(e, place, a->keyword, "is %s, has to be %s",
							schema_quote(place->instance), schema_quote(a->value));
}

/*
 * Items are sorted by hash, and compared with those that have the same one.
 * An attacker may find values with equal hashes: their comparisons are work.
 */
bool
schema_assert_unique(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const CnJson *array = place->instance;
	HashedValue *hashed;
	int64		work = 0;
	bool		unique = true;

	if (array->len < 2)
		return true;
	hashed = (HashedValue *) palloc(sizeof(HashedValue) * array->len);
	for (int i = 0; i < array->len && schema_charge(e, work); i++)
	{
		work = 0;
		hashed[i].hash = schema_hash(array->u.items[i], &work);
		hashed[i].index = i;
	}
	if (over(e))
		return false;
	qsort(hashed, array->len, sizeof(HashedValue), schema_compare_hashed);
	for (int i = 0; i < array->len && unique; i++)
	{
		for (int j = i + 1; j < array->len && hashed[j].hash == hashed[i].hash && unique; j++)
		{
			if (equal(e, array->u.items[hashed[i].index], array->u.items[hashed[j].index]))
				unique = schema_violation(e, place, a->keyword, "items %d and %d are equal",
										  hashed[i].index, hashed[j].index);
			if (over(e))
				unique = false;
		}
	}
	pfree(hashed);
	return unique;
}

/* ---- numbers ---- */

bool
schema_assert_number(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const char *demand;
	CnNumber	number;
	int			order;

	if (!schema_charge(e, place->instance->len / 64))
		return false;
	cn_number_read(place->instance, &number);
	order = a->kind == ASSERT_MULTIPLE_OF ? 0 : cn_number_compare(&number, &a->u.number);
	switch (a->kind)
	{
		case ASSERT_MINIMUM:
			if (order >= 0)
				return true;
			demand = "at least";
			break;
		case ASSERT_EXCLUSIVE_MINIMUM:
			if (order > 0)
				return true;
			demand = "greater than";
			break;
		case ASSERT_MAXIMUM:
			if (order <= 0)
				return true;
			demand = "at most";
			break;
		case ASSERT_EXCLUSIVE_MAXIMUM:
			if (order < 0)
				return true;
			demand = "less than";
			break;
		default:
			if (cn_number_divides(&a->u.number, &number))
				return true;
			demand = "a multiple of";
	}
	if (e->quiet)
		return false;
	return schema_violation(e, place, a->keyword, "is %s, has to be %s %s",
							schema_quote(place->instance), demand, schema_quote(a->value));
}

/* ---- sizes ---- */

/* Report a size that is wrong; things: what is counted. */
static bool
check_size(Evaluation *e, const Assertion *a, const Place *place, bool at_least, int64 size,
		   const char *thing, const char *things)
{
	if (at_least ? size >= a->u.count : size <= a->u.count)
		return true;
	if (e->quiet)
		return false;
	return schema_violation(e, place, a->keyword, "has " INT64_FORMAT " %s, has to have at %s %s",
							size, size == 1 ? thing : things, at_least ? "least" : "most",
							schema_quote(a->value));
}

/* In code points.  A character has one to four bytes, so most texts need not be counted. */
bool
schema_assert_length(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const CnJson *text = place->instance;
	bool		at_least = a->kind == ASSERT_MIN_LENGTH;

	if (at_least ? text->len / CN_UTF8_MAX >= a->u.count : text->len <= a->u.count)
		return true;
	if (!schema_charge(e, text->len / 256))
		return false;
	return check_size(e, a, place, at_least, cn_utf8_count(text->u.text, text->len), "character",
					  "characters");
}

bool
schema_assert_size(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	bool		at_least = a->kind == ASSERT_MIN_ITEMS || a->kind == ASSERT_MIN_PROPERTIES;
	bool		array = place->instance->type == CN_JSON_ARRAY;

	return check_size(e, a, place, at_least, place->instance->len, array ? "item" : "property",
					  array ? "items" : "properties");
}

/* ---- strings ---- */

bool
schema_assert_pattern(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const CnJson *text = place->instance;
	const char *problem;

	if (!schema_charge(e, 5 + text->len / 8))
		return false;
	if (cn_regex_search(a->u.regex, text->u.text, text->len, 0, NULL, 0, &problem))
		return true;
	if (problem != NULL)
		return schema_limit(e, problem);
	if (e->quiet)
		return false;
	return schema_violation(e, place, a->keyword, "is %s, has to match the pattern %s",
							schema_quote(text), schema_quote(a->value));
}

bool
schema_assert_format(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const CnJson *text = place->instance;

	if (!e->assert_formats)
		return true;
	if (!schema_charge(e, 1 + text->len / 32))
		return false;
	if (a->u.format(text->u.text, text->len))
		return true;
	if (e->quiet)
		return false;
	return schema_violation(e, place, a->keyword, "is %s, has to have the format %s",
							schema_quote(text), schema_quote(a->value));
}

/* ---- names ---- */

bool
schema_assert_required(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	bool		valid = true;

	for (int i = 0; i < a->u.required.count && !over(e); i++)
	{
		const NameList *list = &a->u.required.lists[i];

		if (!schema_charge(e, list->trigger != NULL ? 1 + place->instance->len / 16 : 0))
			return false;
		if (list->trigger != NULL && cn_json_get(place->instance, list->trigger) == NULL)
			continue;
		valid &= require(e, a, place, list);
		if (!valid && e->quiet)
			break;
	}
	return valid && !over(e);
}

static bool
require(Evaluation *e, const Assertion *a, const Place *place, const NameList *list)
{
	bool		valid = true;

	for (int i = 0; i < list->count; i++)
	{
		const CnJson *name = list->names[i];

		if (!schema_charge(e, 1 + place->instance->len / 16))
			return false;
		if (cn_json_get(place->instance, name->u.text) != NULL)
			continue;
		valid = false;
		if (e->quiet)
			break;
		if (list->trigger == NULL)
			(void) schema_violation(e, place, a->keyword, "has no property %s", schema_quote(name));
		else
			(void) schema_violation(e, place, a->keyword, "has no property %s, needed beside %s",
									schema_quote(name),
									schema_quote_text(list->trigger, strlen(list->trigger)));
	}
	return valid;
}
