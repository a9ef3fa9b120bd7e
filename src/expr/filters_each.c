/*
 * filters_each.c -- filters that look into the elements of an array.  Pure.
 */
#include "core/pure.h"

#include "core/sort.h"
#include "expr/expr_tree.h"
#include "expr/filters.h"

static const CnJson *keep(CnFilterCall *call, bool wanted);
static bool matches(CnFilterCall *call, const CnJson *item);
static bool key_of(CnFilterCall *call, const CnJson *item, CnJsonMember *member);
static CnJsonMember *keyed_items(CnFilterCall *call, int *count);
static CnJsonMember **in_groups(CnJsonMember *members, int count);

/* The member of each element, null where there is none. */
const CnJson *
cn_filter_map(CnFilterCall *call)
{
	const CnJson *array = cn_filter_array(call);
	const Path *path = (const Path *) call->prepared[0];
	CnJson	   *result;
	int			i;

	if (array == NULL)
		return NULL;
	result = cn_filter_new_array(call, array->len);
	for (i = 0; result != NULL && i < array->len; i++)
	{
		const CnJson *found = cn_expr_follow_relative(array->u.items[i], path);

		if (found == NULL && !cn_filter_charge(call, CN_ELEMENT_COST))
			return NULL;
		result->u.items[i] = found != NULL ? (CnJson *) found : cn_json_null();
	}
	return result;
}

/*
 * Another filter applied to each element.
 *
 * It gets the arguments behind its name, and the same budget.  each nests, as
 * deep as there are arguments.  What comes out is charged as if it were
 * written: it may be one large argument over and over, and whoever works
 * through the array afterwards relies on its size being bounded.
 */
const CnJson *
cn_filter_each(CnFilterCall *call)
{
	const CnJson *array = cn_filter_array(call);
	const CnFilter *filter = (const CnFilter *) call->prepared[0];
	CnFilterCall inner = *call;
	CnJson	   *result;
	int			i;

	if (array == NULL)
		return NULL;
	result = cn_filter_new_array(call, array->len);
	if (result == NULL)
		return NULL;
	inner.args++;
	inner.prepared++;
	inner.nargs--;
	inner.output_limit = call->output_limit;
	for (i = 0; i < array->len; i++)
	{
		const CnJson *value = array->u.items[i];

		if (!cn_filter_passes_by(filter, value))
		{
			inner.value = value;
			value = filter->fn(&inner);
		}
		if (value == NULL ||
			!cn_filter_charge(&inner, CN_ELEMENT_COST + cn_json_size(value, inner.output_limit)))
			return cn_filter_fail(call, "element %d: %s: %s", i, filter->name,
								  call->error->message);
		result->u.items[i] = (CnJson *) value;
	}
	call->output_limit = inner.output_limit;
	return result;
}

/* ---- some of them ---- */

const CnJson *
cn_filter_filter(CnFilterCall *call)
{
	return keep(call, true);
}

const CnJson *
cn_filter_reject(CnFilterCall *call)
{
	return keep(call, false);
}

static const CnJson *
keep(CnFilterCall *call, bool wanted)
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
		if (matches(call, array->u.items[i]) == wanted)
			result->u.items[result->len++] = array->u.items[i];
	}
	return result;
}

/* Is the element's member the second argument; or, without one, there and not false? */
static bool
matches(CnFilterCall *call, const CnJson *item)
{
	const CnJson *found = cn_expr_follow_relative(item, (const Path *) call->prepared[0]);

	if (call->nargs > 1)
		return found != NULL ? cn_json_equal(found, call->args[1])
			: call->args[1]->type == CN_JSON_NULL;
	return found != NULL && found->type != CN_JSON_NULL &&
		!(found->type == CN_JSON_BOOL && !found->boolean);
}

/* ---- sums and groups ---- */

const CnJson *
cn_filter_sum_by(CnFilterCall *call)
{
	CnFilterCall sum = *call;
	const CnJson *result;

	sum.value = cn_filter_map(call);
	if (sum.value == NULL)
		return NULL;
	sum.output_limit = call->output_limit;
	result = cn_filter_sum(&sum);
	call->output_limit = sum.output_limit;
	return result;
}

/* The last element with a key counts. */
const CnJson *
cn_filter_index_by(CnFilterCall *call)
{
	int			count;
	CnJsonMember *members = keyed_items(call, &count);

	return members != NULL ? cn_json_object(members, count) : NULL;
}

/* Groups stand where their first element did. */
const CnJson *
cn_filter_group_by(CnFilterCall *call)
{
	int			count;
	CnJsonMember *members = keyed_items(call, &count);
	CnJsonMember **order;
	int			ngroups = 0;
	int			first;
	int			end;
	int			i;

	if (members == NULL || !cn_filter_charge(call, count * (CN_ELEMENT_COST + CN_MEMBER_COST)))
		return NULL;
	order = in_groups(members, count);
	for (first = 0; first < count; first = end)
	{
		CnJson	   *group;

		for (end = first + 1; end < count && strcmp(order[end]->key, order[first]->key) == 0; end++)
			;
		group = cn_filter_new_array(call, end - first);
		if (group == NULL)
			return NULL;
		for (i = first; i < end; i++)
		{
			group->u.items[i - first] = order[i]->value;
			if (i > first)
				order[i]->key = NULL;
		}
		order[first]->value = group;
	}
	for (i = 0; i < count; i++)
	{
		if (members[i].key != NULL)
			members[ngroups++] = members[i];
	}
	return cn_json_object(members, ngroups);
}

/* The elements with what their path leads to as their key; NULL and an error. */
static CnJsonMember *
keyed_items(CnFilterCall *call, int *count)
{
	const CnJson *array = cn_filter_array(call);
	CnJsonMember *members;
	int			i;

	if (array == NULL || !cn_filter_charge(call, array->len * CN_MEMBER_COST))
		return NULL;
	members = (CnJsonMember *) palloc(sizeof(CnJsonMember) * Max(array->len, 1));
	for (i = 0; i < array->len; i++)
	{
		if (!key_of(call, array->u.items[i], &members[i]))
			return NULL;
	}
	*count = array->len;
	return members;
}

static bool
key_of(CnFilterCall *call, const CnJson *item, CnJsonMember *member)
{
	const CnJson *key = cn_expr_follow_relative(item, (const Path *) call->prepared[0]);

	if (key == NULL || key->type == CN_JSON_ARRAY || key->type == CN_JSON_OBJECT)
	{
		cn_filter_fail(call, "an element has no text or number at %s", call->args[0]->u.text);
		return false;
	}
	member->key = cn_expr_text(key, &member->key_len);
	member->value = (CnJson *) item;
	return true;
}

static int
compare_keys(const void *left, const void *right, void *arg)
{
	return strcmp(((const CnJsonMember *) left)->key, ((const CnJsonMember *) right)->key);
}

/* Those with one key stand together, in the order of the array. */
static CnJsonMember **
in_groups(CnJsonMember *members, int count)
{
	CnJsonMember **order = (CnJsonMember **) palloc(sizeof(CnJsonMember *) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		order[i] = &members[i];
	cn_sort((void **) order, count, compare_keys, NULL);
	return order;
}
