/*
 * rules.c -- which of a step's error rules fits a reply.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"

#include "catalog/pick.h"
#include "core/jsonb.h"
#include "engine/internal.h"

static bool
status_fits(const CnErrorRule *rule, int status)
{
	for (int i = 0; i < rule->status_count; i++)
		if (status >= rule->statuses[i].first && status <= rule->statuses[i].last)
			return true;
	return rule->status_count == 0;
}

/* Is the item what the rule asks for: its value, or anything but null and false? */
static bool
item_fits(const CnErrorRule *rule, Jsonb *wanted, JsonbValue *item)
{
	if (wanted == NULL)
		return item->type != jbvNull && !(item->type == jbvBool && !item->val.boolean);
	return DatumGetBool(DirectFunctionCall2(jsonb_eq, JsonbPGetDatum(JsonbValueToJsonb(item)),
											JsonbPGetDatum(wanted)));
}

static bool
path_fits(CnStep *step, const CnErrorRule *rule, CnReplyBody *body)
{
	Jsonb	   *value = cn_reply_value(step, body);
	Jsonb	   *wanted = rule->equals ? cn_jsonb_from_json(rule->equals) : NULL;
	Jsonb	   *found;

	if (value == NULL)
		return false;
	found = cn_path_find(&rule->path, value, NULL);
	for (int i = 0; i < JB_ROOT_COUNT(found); i++)
		if (item_fits(rule, wanted, getIthJsonbValueFromContainer(&found->root, i)))
			return true;
	return false;
}

static bool
rule_fits(CnStep *step, const CnErrorRule *rule, int status, CnReplyBody *body)
{
	bool		success = status >= 200 && status <= 299;

	if (!status_fits(rule, status))
		return false;
	/* a success is an error only by what it says, or by its status written out */
	if (success && rule->status_count == 0 && rule->path.text == NULL && rule->contains == NULL)
		return false;
	if (rule->contains &&
		(body->len == 0 ||
		 memmem(body->data, body->len, rule->contains, strlen(rule->contains)) == NULL))
		return false;
	return rule->path.text == NULL || path_fits(step, rule, body);
}

const CnErrorRule *
cn_rule_find(CnStep *step, int status, CnReplyBody *body)
{
	for (int i = 0; i < step->def->rule_count; i++)
		if (rule_fits(step, &step->def->rules[i], status, body))
			return &step->def->rules[i];
	return NULL;
}
