/*
 * apply.c -- keywords that apply subschemas.  Pure.
 *
 * Either to the same value (references, combinations, conditions), or to a
 * member or item of it.
 */
#include "core/pure.h"

#include "schema/schema_tree.h"

static Place step_into(const Place *place, const CnJson *value, Step *instance_step,
					   Step *schema_step);
static bool apply_here(Evaluation *e, const SchemaNode *node, const Place *place,
					   const char *keyword, const char *name, int index, Seen *seen);
static bool apply_branch(Evaluation *e, const SchemaNode *node, const Place *place, Seen *seen);
static bool apply_to_member(Evaluation *e, const Assertion *a, const Place *place, int index,
							Seen *seen);
static const NamedNode *find_named(const NamedNode *named, int count, const char *name, int len);

/* ---- where we are ---- */

/*
 * step_into -- the place of a member or item of the value at place.
 *
 * Both steps are the caller's, whose frame outlives the place; up is filled in
 * here.
 */
static Place
step_into(const Place *place, const CnJson *value, Step *instance_step, Step *schema_step)
{
	Place		inside = {value, instance_step, schema_step};

	instance_step->up = place->instance_step;
	schema_step->up = place->schema_step;
	return inside;
}

/* Apply node to the value at place itself, by way of a keyword and what is below it. */
static bool
apply_here(Evaluation *e, const SchemaNode *node, const Place *place, const char *keyword,
		   const char *name, int index, Seen *seen)
{
	Step		step = {place->schema_step, keyword, name, index};
	Place		here = {place->instance, place->instance_step, &step};

	return schema_apply(e, node, &here, seen);
}

/* Quietly; what it sees counts only if it holds. */
static bool
apply_branch(Evaluation *e, const SchemaNode *node, const Place *place, Seen *seen)
{
	Seen		own;
	bool		valid;

	if (seen == NULL)
		return schema_apply_quietly(e, node, place, NULL);
	if (!schema_charge(e, seen->count / 64))
		return false;
	schema_seen_init(&own, place->instance);
	valid = schema_apply_quietly(e, node, place, &own);
	if (valid)
		schema_seen_merge(seen, &own);
	pfree(own.marks);
	return valid;
}

/* ---- references ---- */

bool
schema_apply_ref(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	return apply_here(e, a->u.dynamic.node, place, a->keyword, NULL, -1, seen);
}

/* The outermost resource we came through that has the anchor decides. */
bool
schema_apply_dynamic_ref(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const SchemaNode *node = a->u.dynamic.node;

	if (a->u.dynamic.anchor != NULL)
	{
		for (const Scope *scope = e->scope; scope != NULL; scope = scope->up)
		{
			const Anchor *anchor;

			if (!schema_charge(e, 1 + scope->resource->nanchors / 8))
				return false;
			anchor = schema_find_anchor(scope->resource, a->u.dynamic.anchor);
			if (anchor != NULL && anchor->dynamic)
				node = anchor->node;
		}
	}
	return apply_here(e, node, place, a->keyword, NULL, -1, seen);
}

/* ---- combinations ---- */

bool
schema_apply_all_of(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	bool		valid = true;

	for (int i = 0; i < a->u.list.count && !(e->quiet && !valid) && !over(e); i++)
		valid &= apply_here(e, a->u.list.nodes[i], place, a->keyword, NULL, i, seen);
	return valid;
}

/* Why no branch holds: every branch again, this time for its violations. */
static bool
explain(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	if (e->quiet || over(e))
		return false;
	(void) schema_violation(e, place, a->keyword, "matches none of the %d alternatives of %s",
							a->u.list.count, a->keyword);
	for (int i = 0; i < a->u.list.count && !over(e); i++)
		(void) apply_here(e, a->u.list.nodes[i], place, a->keyword, NULL, i, NULL);
	/* or unevaluated... would complain of what a branch was there for */
	schema_seen_mark_all(seen);
	return false;
}

bool
schema_apply_any_of(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	bool		valid = false;

	for (int i = 0; i < a->u.list.count && !over(e); i++)
	{
		valid |= apply_branch(e, a->u.list.nodes[i], place, seen);
		if (valid && seen == NULL)
			break;
	}
	return valid || explain(e, a, place, seen);
}

bool
schema_apply_one_of(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	int			first = -1;

	for (int i = 0; i < a->u.list.count && !over(e); i++)
	{
		if (!apply_branch(e, a->u.list.nodes[i], place, seen))
			continue;
		if (first >= 0)
		{
			schema_seen_mark_all(seen);
			return schema_violation(e, place, a->keyword,
									"matches alternatives %d and %d, has to match exactly one",
									first, i);
		}
		first = i;
	}
	return first >= 0 || explain(e, a, place, seen);
}

bool
schema_apply_not(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	if (!schema_apply_quietly(e, a->u.node, place, NULL))
		return !over(e);
	return schema_violation(e, place, a->keyword, "matches a schema that it must not match");
}

bool
schema_apply_if(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	bool		holds = apply_branch(e, a->u.conditional.condition, place, seen);
	const SchemaNode *node = holds ? a->u.conditional.then_node : a->u.conditional.else_node;

	if (node == NULL || over(e))
		return !over(e);
	return apply_here(e, node, place, holds ? "then" : "else", NULL, -1, seen);
}

bool
schema_apply_dependent(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	bool		valid = true;

	for (int i = 0; i < a->u.dependent.count && !(e->quiet && !valid) && !over(e); i++)
	{
		const NamedNode *named = &a->u.dependent.named[i];

		if (!schema_charge(e, 1 + place->instance->len / 16))
			return false;
		if (cn_json_get(place->instance, named->name) != NULL)
			valid &= apply_here(e, named->node, place, a->keyword, named->name, -1, seen);
	}
	return valid;
}

/* ---- items ---- */

bool
schema_apply_items(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const CnJson *array = place->instance;
	bool		valid = true;
	int			end = a->u.items.rest != NULL ? array->len : Min(array->len, a->u.items.nprefix);

	for (int i = 0; i < end && !(e->quiet && !valid) && !over(e); i++)
	{
		bool		prefix = i < a->u.items.nprefix;
		Step		at = {.name = NULL, .index = i};
		Step		by = {.keyword = prefix ? "prefixItems" : "items", .index = prefix ? i : -1};
		Place		item = step_into(place, array->u.items[i], &at, &by);

		valid &= schema_apply(e, prefix ? a->u.items.prefix[i] : a->u.items.rest, &item, NULL);
		schema_seen_mark(seen, i);
	}
	return valid;
}

bool
schema_apply_contains(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const CnJson *array = place->instance;
	int64		count = 0;

	for (int i = 0; i < array->len && !over(e); i++)
	{
		Step		at = {.name = NULL, .index = i};
		Step		by = {.keyword = a->keyword, .index = -1};
		Place		item = step_into(place, array->u.items[i], &at, &by);

		if (!schema_apply_quietly(e, a->u.contains.node, &item, NULL))
			continue;
		schema_seen_mark(seen, i);
		count++;
		if (seen == NULL && count >= a->u.contains.min && a->u.contains.max == PG_INT64_MAX)
			return true;
	}
	if (over(e))
		return false;
	if (count < a->u.contains.min)
		return schema_violation(e, place, a->u.contains.min == 1 ? a->keyword : "minContains",
								"has " INT64_FORMAT " items that match contains, "
								"has to have at least " INT64_FORMAT, count, a->u.contains.min);
	if (count > a->u.contains.max)
		return schema_violation(e, place, "maxContains",
								"has " INT64_FORMAT " items that match contains, "
								"has to have at most " INT64_FORMAT, count, a->u.contains.max);
	return true;
}

/* ---- members ---- */

bool
schema_apply_property_names(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const CnJson *object = place->instance;
	bool		valid = true;

	for (int i = 0; i < object->len && !(e->quiet && !valid) && !over(e); i++)
	{
		const CnJsonMember *member = &object->u.members[i];
		CnJson		name = {.type = CN_JSON_STRING, .len = member->key_len, .u.text = member->key};
		Step		at = {.name = member->key, .index = -1};
		Step		by = {.keyword = a->keyword, .index = -1};
		Place		inside = step_into(place, &name, &at, &by);

		if (!schema_apply_quietly(e, a->u.node, &inside, NULL) && !over(e))
			valid = schema_violation(e, place, a->keyword,
									 "has a property with a name that is not allowed: %s",
									 e->quiet ? "" : schema_quote(&name));
	}
	return valid && !over(e);
}

bool
schema_apply_properties(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	bool		valid = true;

	for (int i = 0; i < place->instance->len && !(e->quiet && !valid) && !over(e); i++)
		valid &= apply_to_member(e, a, place, i, seen);
	return valid && e->limit == NULL;
}

/* All that properties, patternProperties and additionalProperties have to say of one member. */
static bool
apply_to_member(Evaluation *e, const Assertion *a, const Place *place, int index, Seen *seen)
{
	const CnJsonMember *member = &place->instance->u.members[index];
	const NamedNode *named = find_named(a->u.properties.named, a->u.properties.nnamed, member->key,
										member->key_len);
	Step		at = {.name = member->key, .index = -1};
	Step		by = {.index = -1};
	Place		inside = step_into(place, member->value, &at, &by);
	bool		known = named != NULL;
	bool		valid = true;

	if (!schema_charge(e, 1))
		return false;
	if (named != NULL)
	{
		by.keyword = "properties";
		by.name = named->name;
		valid = schema_apply(e, named->node, &inside, NULL);
	}
	for (int i = 0; i < a->u.properties.npatterns && !(e->quiet && !valid) && !over(e); i++)
	{
		const PatternNode *pattern = &a->u.properties.patterns[i];
		const char *problem;

		if (!schema_charge(e, 5 + member->key_len / 8))
			return false;
		if (cn_regex_search(pattern->regex, member->key, member->key_len, 0, NULL, 0, &problem))
		{
			by.keyword = "patternProperties";
			by.name = pattern->pattern;
			valid &= schema_apply(e, pattern->node, &inside, NULL);
			known = true;
		}
		else if (problem != NULL)
			return schema_limit(e, problem);
	}
	if (!known && a->u.properties.additional != NULL)
	{
		by.keyword = "additionalProperties";
		by.name = NULL;
		valid = schema_apply(e, a->u.properties.additional, &inside, NULL);
		known = true;
	}
	if (known)
		schema_seen_mark(seen, index);
	return valid;
}

/* In a list that is sorted. */
static const NamedNode *
find_named(const NamedNode *named, int count, const char *name, int len)
{
	int			low = 0;
	int			high = count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			order = schema_compare_names(named[middle].name, named[middle].name_len,
												 name, len);

		if (order == 0)
			return &named[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- what nothing else has evaluated ---- */

bool
schema_apply_unevaluated(Evaluation *e, const Assertion *a, const Place *place, Seen *seen)
{
	const CnJson *container = place->instance;
	bool		array = container->type == CN_JSON_ARRAY;
	bool		valid = true;

	for (int i = 0; i < container->len && !(e->quiet && !valid) && !over(e); i++)
	{
		Step		at = {.index = -1};
		Step		by = {.keyword = a->keyword, .index = -1};
		Place		inside = step_into(place, array ? container->u.items[i]
									   : container->u.members[i].value, &at, &by);

		if (schema_seen_has(seen, i))
			continue;
		if (array)
			at.index = i;
		else
			at.name = container->u.members[i].key;
		valid &= schema_apply(e, a->u.node, &inside, NULL);
	}
	schema_seen_mark_all(seen);
	return valid;
}
