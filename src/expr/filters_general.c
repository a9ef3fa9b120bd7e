/*
 * filters_general.c -- filters that decide: what is there, yes or no, which of several.  Pure.
 */
#include "core/pure.h"

#include "expr/filters.h"

static bool compare_with(CnFilterCall *call, int *order);

/* ---- what is there ---- */

/* Reached with null or nothing only; the evaluation leaves other values alone. */
const CnJson *
cn_filter_default(CnFilterCall *call)
{
	return call->args[0];
}

/* The same; an argument that leads nowhere counts as null. */
const CnJson *
cn_filter_coalesce(CnFilterCall *call)
{
	int			i;

	for (i = 0; i < call->nargs; i++)
	{
		if (call->args[i] != NULL && call->args[i]->type != CN_JSON_NULL)
			return call->args[i];
	}
	return cn_json_null();
}

const CnJson *
cn_filter_is_empty(CnFilterCall *call)
{
	const CnJson *value = call->value;

	return cn_json_bool(value->type == CN_JSON_NULL ||
						(value->type >= CN_JSON_STRING && value->len == 0));
}

/* ---- yes or no ---- */

int
cn_filter_read_boolean(const CnJson *value)
{
	static const char *const words[][2] = {
		{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"n", "y"}, {"f", "t"}, {"0", "1"}
	};
	const char *text = value->u.text;
	int			len = value->len;
	int			i;
	int			j;

	if (value->type == CN_JSON_BOOL)
		return value->boolean;
	if (value->type == CN_JSON_NUMBER)
	{
		if (cn_decimal_equal(text, len, "0", 1))
			return 0;
		return cn_decimal_equal(text, len, "1", 1) ? 1 : -1;
	}
	if (value->type != CN_JSON_STRING)
		return -1;
	while (len > 0 && *text == ' ')
		text++, len--;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	for (i = 0; i < lengthof(words); i++)
	{
		for (j = 0; j < 2; j++)
		{
			if (strlen(words[i][j]) == len && pg_strncasecmp(words[i][j], text, len) == 0)
				return j;
		}
	}
	return -1;
}

/* The value of the call as 1 or 0; -1 and an error. */
static int
truth(CnFilterCall *call)
{
	int			yes = cn_filter_read_boolean(call->value);

	if (yes < 0 && call->value->type <= CN_JSON_STRING)
		cn_filter_fail(call, "the value is neither true nor false");
	else if (yes < 0)
		cn_filter_fail(call, "needs a boolean, not %s", cn_json_type_phrase(call->value->type));
	return yes;
}

const CnJson *
cn_filter_boolean(CnFilterCall *call)
{
	int			yes = truth(call);

	return yes < 0 ? NULL : cn_json_bool(yes);
}

const CnJson *
cn_filter_not(CnFilterCall *call)
{
	int			yes = truth(call);

	return yes < 0 ? NULL : cn_json_bool(!yes);
}

/* Null is no.  Only the argument that is taken has to lead somewhere. */
const CnJson *
cn_filter_if(CnFilterCall *call)
{
	int			yes = call->value->type == CN_JSON_NULL ? 0 : truth(call);
	int			taken = yes ? 0 : 1;

	if (yes < 0)
		return NULL;
	if (taken >= call->nargs)
		return cn_json_null();
	if (call->args[taken] != NULL)
		return call->args[taken];
	call->missing_arg = taken;
	call->error->missing = true;
	return cn_filter_fail(call, "argument %d is missing", taken + 1);
}

/* ---- comparing ---- */

const CnJson *
cn_filter_equals(CnFilterCall *call)
{
	return cn_json_bool(cn_json_equal(call->value, call->args[0]));
}

const CnJson *
cn_filter_in(CnFilterCall *call)
{
	const CnJson *list = call->args[0];
	int			i;

	if (!cn_filter_charge(call, list->len))
		return NULL;
	for (i = 0; i < list->len; i++)
	{
		if (cn_json_equal(list->u.items[i], call->value))
			return cn_json_bool(true);
	}
	return cn_json_bool(false);
}

const CnJson *
cn_filter_greater_than(CnFilterCall *call)
{
	int			order;

	return compare_with(call, &order) ? cn_json_bool(order > 0) : NULL;
}

const CnJson *
cn_filter_less_than(CnFilterCall *call)
{
	int			order;

	return compare_with(call, &order) ? cn_json_bool(order < 0) : NULL;
}

/* Numbers by value, texts by their characters; two timestamps in UTC are texts in order, too. */
static bool
compare_with(CnFilterCall *call, int *order)
{
	const CnJson *other = call->args[0];

	if (call->value->type != CN_JSON_NUMBER && call->value->type != CN_JSON_STRING)
		cn_filter_fail(call, "needs a number or text, not %s", cn_json_type_phrase(call->value->type));
	else if (other->type != call->value->type)
		cn_filter_fail(call, "cannot compare %s with %s", cn_json_type_phrase(call->value->type),
					   cn_json_type_phrase(other->type));
	else
	{
		*order = cn_filter_compare(call->value, other);
		return true;
	}
	return false;
}

/* ---- tables of values ---- */

/* The member whose key is the value as text, else the second argument, else null. */
const CnJson *
cn_filter_lookup(CnFilterCall *call)
{
	const CnJson *found;
	const char *text;
	int			len;

	if (call->value->type != CN_JSON_NULL)
	{
		if (!cn_filter_text(call, &text, &len) || !cn_filter_charge(call, call->args[0]->len))
			return NULL;
		found = cn_json_get(call->args[0], text);
		if (found != NULL)
			return found;
	}
	return call->nargs > 1 ? call->args[1] : cn_json_null();
}
