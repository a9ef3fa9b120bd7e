/*
 * filters_object.c -- filters about objects and JSON text.  Pure.
 */
#include "core/pure.h"

#include "expr/expr_tree.h"
#include "expr/filters.h"

static const CnJson *some_members(CnFilterCall *call, bool named);

/* ---- members ---- */

/* What the path leads to, else the second argument, else null. */
const CnJson *
cn_filter_get(CnFilterCall *call)
{
	const CnJson *found = cn_expr_follow_relative(call->value, (const Path *) call->prepared[0]);

	if (found != NULL)
		return found;
	return call->nargs > 1 ? call->args[1] : cn_json_null();
}

const CnJson *
cn_filter_keys(CnFilterCall *call)
{
	const CnJson *object = cn_filter_object(call);
	CnJson	   *result;
	int			i;

	if (object == NULL)
		return NULL;
	result = cn_filter_new_array(call, object->len);
	for (i = 0; result != NULL && i < object->len; i++)
	{
		const CnJsonMember *member = &object->u.members[i];

		if (!cn_filter_charge(call, CN_ELEMENT_COST + member->key_len))
			return NULL;
		result->u.items[i] = cn_json_string(member->key, member->key_len);
	}
	return result;
}

const CnJson *
cn_filter_values(CnFilterCall *call)
{
	const CnJson *object = cn_filter_object(call);
	CnJson	   *result;
	int			i;

	if (object == NULL)
		return NULL;
	result = cn_filter_new_array(call, object->len);
	for (i = 0; result != NULL && i < object->len; i++)
		result->u.items[i] = object->u.members[i].value;
	return result;
}

/* [{"key": ..., "value": ...}, ...] */
const CnJson *
cn_filter_entries(CnFilterCall *call)
{
	const CnJson *object = cn_filter_object(call);
	CnJson	   *result;
	int			i;

	if (object == NULL)
		return NULL;
	result = cn_filter_new_array(call, object->len);
	for (i = 0; result != NULL && i < object->len; i++)
	{
		const CnJsonMember *member = &object->u.members[i];
		CnJsonMember pair[2] = {{"key", 3, NULL}, {"value", 5, member->value}};

		if (!cn_filter_charge(call, 2 * (CN_ELEMENT_COST + CN_MEMBER_COST) + member->key_len))
			return NULL;
		pair[0].value = cn_json_string(member->key, member->key_len);
		result->u.items[i] = cn_json_object(pair, 2);
	}
	return result;
}

const CnJson *
cn_filter_pick(CnFilterCall *call)
{
	return some_members(call, true);
}

const CnJson *
cn_filter_omit(CnFilterCall *call)
{
	return some_members(call, false);
}

/* Those named by the arguments, or the others. */
static const CnJson *
some_members(CnFilterCall *call, bool named)
{
	const CnJson *object = cn_filter_object(call);
	CnJsonMember *members;
	int			count = 0;
	int			i;
	int			j;

	if (object == NULL || !cn_filter_charge(call, object->len * CN_MEMBER_COST))
		return NULL;
	members = (CnJsonMember *) palloc(sizeof(CnJsonMember) * Max(object->len, 1));
	for (i = 0; i < object->len; i++)
	{
		const CnJsonMember *member = &object->u.members[i];
		bool		found = false;

		for (j = 0; j < call->nargs && !found; j++)
		{
			int			len;
			const char *name = cn_filter_text_arg(call, j, &len);

			found = len == member->key_len && memcmp(name, member->key, len) == 0;
		}
		if (found == named)
			members[count++] = *member;
	}
	return cn_json_object(members, count);
}

/* Members of the arguments, of which later ones count. */
const CnJson *
cn_filter_merge(CnFilterCall *call)
{
	const CnJson *object = cn_filter_object(call);
	int64		count;
	CnJsonMember *members;
	int			i;

	if (object == NULL)
		return NULL;
	count = object->len;
	for (i = 0; i < call->nargs; i++)
		count += call->args[i]->len;
	/* beside the members, what finding repeated ones takes */
	if (!cn_filter_charge(call, count * (2 * CN_MEMBER_COST + (int64) sizeof(void *))))
		return NULL;
	members = (CnJsonMember *) palloc(sizeof(CnJsonMember) * Max(count, 1));
	memcpy(members, object->u.members, sizeof(CnJsonMember) * object->len);
	count = object->len;
	for (i = 0; i < call->nargs; i++)
	{
		const CnJson *more = call->args[i];

		memcpy(members + count, more->u.members, sizeof(CnJsonMember) * more->len);
		count += more->len;
	}
	return cn_json_object(members, count);
}

/* {"old": "new"}: members get new keys; others stay. */
const CnJson *
cn_filter_rename(CnFilterCall *call)
{
	const CnJson *object = cn_filter_object(call);
	const CnJson *names = call->args[0];
	CnJsonMember *members;
	int			i;

	if (object == NULL ||
		!cn_filter_charge(call, object->len * (2 * CN_MEMBER_COST + (int64) names->len)))
		return NULL;
	members = (CnJsonMember *) palloc(sizeof(CnJsonMember) * Max(object->len, 1));
	for (i = 0; i < object->len; i++)
	{
		const CnJson *name = cn_json_get(names, object->u.members[i].key);

		members[i] = object->u.members[i];
		if (name != NULL)
		{
			members[i].key = name->u.text;
			members[i].key_len = name->len;
		}
	}
	return cn_json_object(members, object->len);
}

/* ---- JSON text ---- */

const CnJson *
cn_filter_to_json(CnFilterCall *call)
{
	StringInfoData buf;

	if (!cn_filter_charge(call, cn_json_size(call->value, call->output_limit)))
		return NULL;
	initStringInfo(&buf);
	cn_json_write(&buf, call->value);
	return cn_filter_finished(&buf);
}

const CnJson *
cn_filter_parse_json(CnFilterCall *call)
{
	CnJsonError error;
	const CnJson *value;

	if (call->value->type != CN_JSON_STRING)
		return cn_filter_fail(call, "needs text, not %s", cn_json_type_phrase(call->value->type));
	/* "[1,1,...": a value for every two bytes */
	if (!cn_filter_charge(call, call->value->len * CN_ELEMENT_COST / 2))
		return NULL;
	value = cn_json_parse(call->value->u.text, call->value->len, NULL, &error);
	if (value == NULL)
		return cn_filter_fail(call, "the text is not JSON: %s", error.message);
	return value;
}
