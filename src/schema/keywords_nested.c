/*
 * keywords_nested.c -- keywords that hold subschemas.  Pure.
 */
#include "core/pure.h"

#include "schema/keywords.h"

static int
compare_named(const void *left, const void *right)
{
	const NamedNode *a = (const NamedNode *) left;
	const NamedNode *b = (const NamedNode *) right;

	return schema_compare_names(a->name, a->name_len, b->name, b->name_len);
}

/* The members of an object of schemas, sorted by name. */
static NamedNode *
named_nodes(Compiler *c, const CnJson *value)
{
	NamedNode  *named = (NamedNode *) palloc(sizeof(NamedNode) * Max(value->len, 1));

	for (int i = 0; i < value->len; i++)
	{
		named[i].name = value->u.members[i].key;
		named[i].name_len = value->u.members[i].key_len;
		named[i].node = schema_child(c, value->u.members[i].value);
	}
	qsort(named, value->len, sizeof(NamedNode), compare_named);
	return named;
}

/* The elements of an array of schemas; NULL after a problem. */
static SchemaNode **
listed_nodes(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	SchemaNode **nodes;

	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_ARRAY))
		return NULL;
	if (value->len == 0)
	{
		schema_problem(c, node, keyword, NULL, -1, "is empty, has to have at least one schema");
		return NULL;
	}
	nodes = (SchemaNode **) palloc(sizeof(SchemaNode *) * value->len);
	for (int i = 0; i < value->len; i++)
		nodes[i] = schema_child(c, value->u.items[i]);
	return nodes;
}

void
schema_compile_items(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	Assertion  *a;
	SchemaNode **prefix;

	if (strcmp(keyword, "items") == 0)
	{
		a = schema_common_assertion(node, ASSERT_ITEMS, "items", BITS_ARRAY, schema_apply_items);
		a->u.items.rest = schema_child(c, value);
		return;
	}
	prefix = listed_nodes(c, node, keyword, value);
	if (prefix == NULL)
		return;
	a = schema_common_assertion(node, ASSERT_ITEMS, "items", BITS_ARRAY, schema_apply_items);
	a->u.items.prefix = prefix;
	a->u.items.nprefix = value->len;
}

void
schema_compile_contains(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	const CnJson *min = cn_json_get(node->json, "minContains");
	const CnJson *max = cn_json_get(node->json, "maxContains");
	Assertion  *a = schema_add_assertion(node, ASSERT_CONTAINS, keyword, BITS_ARRAY,
										 schema_apply_contains, value);
	CnNumber	number;

	a->u.contains.node = schema_child(c, value);
	a->u.contains.min = 1;
	a->u.contains.max = PG_INT64_MAX;
	if (min != NULL && min->type == CN_JSON_NUMBER)
	{
		cn_number_read(min, &number);
		a->u.contains.min = cn_number_is_integer(&number) ? cn_number_count(&number) : 0;
	}
	if (max != NULL && max->type == CN_JSON_NUMBER)
	{
		cn_number_read(max, &number);
		a->u.contains.max = cn_number_is_integer(&number) ? cn_number_count(&number) : 0;
	}
}

static void
compile_pattern_properties(Compiler *c, SchemaNode *node, const CnJson *value, Assertion *a)
{
	PatternNode *patterns = (PatternNode *) palloc0(sizeof(PatternNode) * Max(value->len, 1));

	for (int i = 0; i < value->len; i++)
	{
		const CnJsonMember *member = &value->u.members[i];

		patterns[i].pattern = member->key;
		patterns[i].node = schema_child(c, member->value);
		patterns[i].regex = schema_regex_of(c, node, "patternProperties", member->key, member->key,
											member->key_len);
	}
	a->u.properties.patterns = patterns;
	a->u.properties.npatterns = value->len;
}

void
schema_compile_properties(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	Assertion  *a = schema_common_assertion(node, ASSERT_PROPERTIES, "properties", BITS_OBJECT,
											schema_apply_properties);

	if (strcmp(keyword, "additionalProperties") == 0)
		a->u.properties.additional = schema_child(c, value);
	else if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_OBJECT))
		return;
	else if (strcmp(keyword, "properties") == 0)
	{
		a->u.properties.named = named_nodes(c, value);
		a->u.properties.nnamed = value->len;
	}
	else
		compile_pattern_properties(c, node, value, a);
}

void
schema_compile_property_names(Compiler *c, SchemaNode *node, const char *keyword,
							  const CnJson *value)
{
	schema_add_assertion(node, ASSERT_PROPERTY_NAMES, keyword, BITS_OBJECT,
						 schema_apply_property_names, value)->u.node = schema_child(c, value);
}

void
schema_compile_dependent_schemas(Compiler *c, SchemaNode *node, const char *keyword,
								 const CnJson *value)
{
	Assertion  *a;

	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_OBJECT))
		return;
	a = schema_add_assertion(node, ASSERT_DEPENDENT_SCHEMAS, keyword, BITS_OBJECT,
							 schema_apply_dependent, value);
	a->u.dependent.named = named_nodes(c, value);
	a->u.dependent.count = value->len;
}

/* allOf, anyOf, oneOf */
void
schema_compile_combination(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	SchemaNode **nodes = listed_nodes(c, node, keyword, value);
	Assertion  *a;

	if (nodes == NULL)
		return;
	a = schema_add_asserted(node, keyword, value);
	a->u.list.nodes = nodes;
	a->u.list.count = value->len;
}

void
schema_compile_not(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	schema_add_assertion(node, ASSERT_NOT, keyword, TYPES_ANY, schema_apply_not, value)->u.node =
		schema_child(c, value);
}

void
schema_compile_if(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	Assertion  *a = schema_add_assertion(node, ASSERT_IF, keyword, TYPES_ANY, schema_apply_if,
										 value);

	a->u.conditional.condition = schema_child(c, value);
	a->u.conditional.then_node = schema_child(c, cn_json_get(node->json, "then"));
	a->u.conditional.else_node = schema_child(c, cn_json_get(node->json, "else"));
}

void
schema_compile_unevaluated(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	node->unevaluated = true;
	schema_add_asserted(node, keyword, value)->u.node = schema_child(c, value);
}
