/*
 * keywords.c -- the keywords of JSON Schema: what each may hold, and what it becomes.  Pure.
 *
 * One row of a table each.  What the metaschema demands of a keyword's value is
 * checked where it is compiled, so that the message can say it.
 */
#include "core/pure.h"

#include "schema/keywords.h"

static CompileKeyword compile_nothing, compile_string, compile_boolean, compile_array,
			compile_map, compile_vocabulary, compile_id, compile_anchor, compile_ref;

/* In the order of strcmp. */
static const Keyword keywords[] = {
	{"$anchor", SHAPE_VALUE, compile_anchor},
	{"$comment", SHAPE_VALUE, compile_string},
	{"$defs", SHAPE_MAP, compile_map},
	{"$dynamicAnchor", SHAPE_VALUE, compile_anchor},
	{"$dynamicRef", SHAPE_VALUE, compile_ref},
	{"$id", SHAPE_VALUE, compile_id},
	{"$ref", SHAPE_VALUE, compile_ref},
	{"$schema", SHAPE_VALUE, compile_string},
	{"$vocabulary", SHAPE_VALUE, compile_vocabulary},
	{"additionalProperties", SHAPE_SCHEMA, schema_compile_properties},
	{"allOf", SHAPE_LIST, schema_compile_combination},
	{"anyOf", SHAPE_LIST, schema_compile_combination},
	{"const", SHAPE_VALUE, schema_compile_const},
	{"contains", SHAPE_SCHEMA, schema_compile_contains},
	{"contentEncoding", SHAPE_VALUE, compile_string},
	{"contentMediaType", SHAPE_VALUE, compile_string},
	{"contentSchema", SHAPE_SCHEMA, compile_nothing},
	{"definitions", SHAPE_MAP, compile_map},
	{"dependentRequired", SHAPE_VALUE, schema_compile_dependent_required},
	{"dependentSchemas", SHAPE_MAP, schema_compile_dependent_schemas},
	{"deprecated", SHAPE_VALUE, compile_boolean},
	{"description", SHAPE_VALUE, compile_string},
	{"else", SHAPE_SCHEMA, compile_nothing},
	{"enum", SHAPE_VALUE, schema_compile_enum},
	{"examples", SHAPE_VALUE, compile_array},
	{"exclusiveMaximum", SHAPE_VALUE, schema_compile_number},
	{"exclusiveMinimum", SHAPE_VALUE, schema_compile_number},
	{"format", SHAPE_VALUE, schema_compile_format},
	{"if", SHAPE_SCHEMA, schema_compile_if},
	{"items", SHAPE_SCHEMA, schema_compile_items},
	{"maxContains", SHAPE_VALUE, schema_compile_count},
	{"maxItems", SHAPE_VALUE, schema_compile_count},
	{"maxLength", SHAPE_VALUE, schema_compile_count},
	{"maxProperties", SHAPE_VALUE, schema_compile_count},
	{"maximum", SHAPE_VALUE, schema_compile_number},
	{"minContains", SHAPE_VALUE, schema_compile_count},
	{"minItems", SHAPE_VALUE, schema_compile_count},
	{"minLength", SHAPE_VALUE, schema_compile_count},
	{"minProperties", SHAPE_VALUE, schema_compile_count},
	{"minimum", SHAPE_VALUE, schema_compile_number},
	{"multipleOf", SHAPE_VALUE, schema_compile_number},
	{"not", SHAPE_SCHEMA, schema_compile_not},
	{"oneOf", SHAPE_LIST, schema_compile_combination},
	{"pattern", SHAPE_VALUE, schema_compile_pattern},
	{"patternProperties", SHAPE_MAP, schema_compile_properties},
	{"prefixItems", SHAPE_LIST, schema_compile_items},
	{"properties", SHAPE_MAP, schema_compile_properties},
	{"propertyNames", SHAPE_SCHEMA, schema_compile_property_names},
	{"readOnly", SHAPE_VALUE, compile_boolean},
	{"required", SHAPE_VALUE, schema_compile_required},
	{"then", SHAPE_SCHEMA, compile_nothing},
	{"title", SHAPE_VALUE, compile_string},
	{"type", SHAPE_VALUE, schema_compile_type},
	{"unevaluatedItems", SHAPE_SCHEMA, schema_compile_unevaluated},
	{"unevaluatedProperties", SHAPE_SCHEMA, schema_compile_unevaluated},
	{"uniqueItems", SHAPE_VALUE, schema_compile_unique},
	{"writeOnly", SHAPE_VALUE, compile_boolean},
};

static int
compare_keyword(const void *name, const void *keyword)
{
	return strcmp((const char *) name, ((const Keyword *) keyword)->name);
}

const Keyword *
schema_keyword(const char *name)
{
	return (const Keyword *) bsearch(name, keywords, lengthof(keywords), sizeof(Keyword),
									 compare_keyword);
}

static int
compare_assertions(const void *left, const void *right)
{
	const Assertion *a = (const Assertion *) left;
	const Assertion *b = (const Assertion *) right;

	return (a->kind > b->kind) - (a->kind < b->kind);
}

void
schema_compile_node(Compiler *c, SchemaNode *node)
{
	if (node->json->type != CN_JSON_OBJECT)
		return;
	for (int i = 0; i < node->json->len && !c->gave_up; i++)
	{
		const CnJsonMember *member = &node->json->u.members[i];
		const Keyword *keyword = schema_keyword(member->key);

		if (keyword != NULL)
			keyword->compile(c, node, keyword->name, member->value);
	}
	qsort(node->assertions, node->nassertions, sizeof(Assertion), compare_assertions);
}

/* ---- keywords that assert nothing ---- */

static void
compile_nothing(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
}

static void
compile_string(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	(void) schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_STRING);
}

static void
compile_boolean(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	(void) schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_BOOL);
}

static void
compile_array(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	(void) schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_ARRAY);
}

static void
compile_map(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	(void) schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_OBJECT);
}

static void
compile_vocabulary(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_OBJECT))
		return;
	for (int i = 0; i < value->len; i++)
		(void) schema_is_a(c, node, keyword, value->u.members[i].key, -1, value->u.members[i].value,
						   CN_JSON_BOOL);
}

/* ---- names and references ---- */

static void
compile_id(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	compile_string(c, node, keyword, value);
}

static void
compile_anchor(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	static const char letters[] = "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char all[] =
		"-.0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_STRING))
		return;
	if (value->len == 0 || strchr(letters, value->u.text[0]) == NULL ||
		(int) strspn(value->u.text, all) != value->len)
		schema_problem(c, node, keyword, NULL, -1,
					   "is %s, has to be a letter or _, then letters, digits, _, - and .",
					   schema_quote(value));
}

static void
compile_ref(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	const char *anchor;
	SchemaNode *target;
	Assertion  *a;

	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_STRING))
		return;
	target = schema_resolve(c, node, keyword, value->u.text, &anchor);
	if (target == NULL)
		return;
	a = schema_add_asserted(node, keyword, value);
	a->u.dynamic.node = target;
	a->u.dynamic.anchor = anchor;
}
