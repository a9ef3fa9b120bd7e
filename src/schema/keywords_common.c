/*
 * keywords_common.c -- assertions of a node, and what several keywords check.  Pure.
 */
#include "core/pure.h"

#include "schema/keywords.h"
#include "schema/pattern.h"

/* Keywords that one function compiles for several: what they assert. */
static const struct
{
	const char *keyword;
	AssertionKind kind;
	unsigned	types;
	Evaluate   *evaluate;
}			asserted[] = {
	{"minimum", ASSERT_MINIMUM, BITS_NUMBER, schema_assert_number},
	{"exclusiveMinimum", ASSERT_EXCLUSIVE_MINIMUM, BITS_NUMBER, schema_assert_number},
	{"maximum", ASSERT_MAXIMUM, BITS_NUMBER, schema_assert_number},
	{"exclusiveMaximum", ASSERT_EXCLUSIVE_MAXIMUM, BITS_NUMBER, schema_assert_number},
	{"multipleOf", ASSERT_MULTIPLE_OF, BITS_NUMBER, schema_assert_number},
	{"minLength", ASSERT_MIN_LENGTH, BITS_STRING, schema_assert_length},
	{"maxLength", ASSERT_MAX_LENGTH, BITS_STRING, schema_assert_length},
	{"minItems", ASSERT_MIN_ITEMS, BITS_ARRAY, schema_assert_size},
	{"maxItems", ASSERT_MAX_ITEMS, BITS_ARRAY, schema_assert_size},
	{"minProperties", ASSERT_MIN_PROPERTIES, BITS_OBJECT, schema_assert_size},
	{"maxProperties", ASSERT_MAX_PROPERTIES, BITS_OBJECT, schema_assert_size},
	{"$ref", ASSERT_REF, TYPES_ANY, schema_apply_ref},
	{"$dynamicRef", ASSERT_DYNAMIC_REF, TYPES_ANY, schema_apply_dynamic_ref},
	{"allOf", ASSERT_ALL_OF, TYPES_ANY, schema_apply_all_of},
	{"anyOf", ASSERT_ANY_OF, TYPES_ANY, schema_apply_any_of},
	{"oneOf", ASSERT_ONE_OF, TYPES_ANY, schema_apply_one_of},
	{"unevaluatedItems", ASSERT_UNEVALUATED_ITEMS, BITS_ARRAY, schema_apply_unevaluated},
	{"unevaluatedProperties", ASSERT_UNEVALUATED_PROPERTIES, BITS_OBJECT,
	schema_apply_unevaluated},
};

Assertion *
schema_add_assertion(SchemaNode *node, AssertionKind kind, const char *keyword, unsigned types,
					 Evaluate *evaluate, const CnJson *value)
{
	Assertion  *a;

	if (node->nassertions == node->room)
	{
		node->room = node->room == 0 ? 4 : node->room * 2;
		node->assertions = node->assertions == NULL
			? (Assertion *) palloc(sizeof(Assertion) * node->room)
			: (Assertion *) repalloc(node->assertions, sizeof(Assertion) * node->room);
	}
	a = &node->assertions[node->nassertions++];
	memset(a, 0, sizeof(*a));
	a->kind = kind;
	a->keyword = keyword;
	a->types = types;
	a->evaluate = evaluate;
	a->value = value;
	return a;
}

Assertion *
schema_add_asserted(SchemaNode *node, const char *keyword, const CnJson *value)
{
	for (int i = 0; i < lengthof(asserted); i++)
	{
		if (strcmp(asserted[i].keyword, keyword) == 0)
			return schema_add_assertion(node, asserted[i].kind, keyword, asserted[i].types,
										asserted[i].evaluate, value);
	}
	return NULL;
}

Assertion *
schema_common_assertion(SchemaNode *node, AssertionKind kind, const char *keyword, unsigned types,
						Evaluate *evaluate)
{
	for (int i = 0; i < node->nassertions; i++)
	{
		if (node->assertions[i].kind == kind)
			return &node->assertions[i];
	}
	return schema_add_assertion(node, kind, keyword, types, evaluate, NULL);
}

bool
schema_is_a(Compiler *c, SchemaNode *node, const char *keyword, const char *name, int index,
			const CnJson *value, CnJsonType type)
{
	if (value->type == type)
		return true;
	schema_problem(c, node, keyword, name, index, "is %s, has to be %s",
				   cn_json_type_phrase(value->type), cn_json_type_phrase(type));
	return false;
}

SchemaNode *
schema_child(Compiler *c, const CnJson *json)
{
	return json != NULL ? schema_node_of(c, json) : NULL;
}

CnRegex *
schema_regex_of(Compiler *c, SchemaNode *node, const char *keyword, const char *name,
				const char *pattern, int len)
{
	StringInfoData translated;
	const char *problem;
	CnRegex    *regex;

	initStringInfo(&translated);
	switch (cn_pattern_translate(pattern, len, &translated, &problem))
	{
		case CN_PATTERN_OK:
			regex = cn_regex_compile(translated.data, translated.len, CN_REGEX_SPELLED_OUT,
									 &problem);
			pfree(translated.data);
			if (regex != NULL)
				return regex;
			/* FALLTHROUGH */
		case CN_PATTERN_INEXPRESSIBLE:
			schema_problem(c, node, keyword, name, -1, "is a pattern that cannot be used here: %s",
						   problem);
			break;
		case CN_PATTERN_INVALID:
			schema_problem(c, node, keyword, name, -1, "is not a regular expression: %s", problem);
			break;
	}
	return NULL;
}
