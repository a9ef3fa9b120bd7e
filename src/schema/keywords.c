/*
 * keywords.c -- the keywords of JSON Schema: what each may hold, and what it becomes.  Pure.
 *
 * One row of a table each.  What the metaschema demands of a keyword's value is
 * checked where it is compiled, so that the message can say it.
 */
#include "core/pure.h"

#include "schema/pattern.h"
#include "schema/schema_tree.h"

/* Values of an enum from which looking by hash is worth it. */
#define HASH_FROM 16

#define BITS_NUMBER TYPE_BIT(CN_JSON_NUMBER)
#define BITS_STRING TYPE_BIT(CN_JSON_STRING)
#define BITS_ARRAY TYPE_BIT(CN_JSON_ARRAY)
#define BITS_OBJECT TYPE_BIT(CN_JSON_OBJECT)

typedef void CompileKeyword(Compiler *c, SchemaNode *node, const char *keyword,
							const CnJson *value);

static CompileKeyword compile_nothing, compile_string, compile_boolean, compile_array,
			compile_map, compile_vocabulary, compile_id, compile_anchor,
			compile_ref, compile_type, compile_enum, compile_const, compile_number,
			compile_count, compile_pattern, compile_format, compile_unique, compile_required,
			compile_dependent_required, compile_items, compile_contains, compile_properties,
			compile_property_names, compile_dependent_schemas, compile_combination, compile_not,
			compile_if, compile_unevaluated;

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
	{"additionalProperties", SHAPE_SCHEMA, compile_properties},
	{"allOf", SHAPE_LIST, compile_combination},
	{"anyOf", SHAPE_LIST, compile_combination},
	{"const", SHAPE_VALUE, compile_const},
	{"contains", SHAPE_SCHEMA, compile_contains},
	{"contentEncoding", SHAPE_VALUE, compile_string},
	{"contentMediaType", SHAPE_VALUE, compile_string},
	{"contentSchema", SHAPE_SCHEMA, compile_nothing},
	{"definitions", SHAPE_MAP, compile_map},
	{"dependentRequired", SHAPE_VALUE, compile_dependent_required},
	{"dependentSchemas", SHAPE_MAP, compile_dependent_schemas},
	{"deprecated", SHAPE_VALUE, compile_boolean},
	{"description", SHAPE_VALUE, compile_string},
	{"else", SHAPE_SCHEMA, compile_nothing},
	{"enum", SHAPE_VALUE, compile_enum},
	{"examples", SHAPE_VALUE, compile_array},
	{"exclusiveMaximum", SHAPE_VALUE, compile_number},
	{"exclusiveMinimum", SHAPE_VALUE, compile_number},
	{"format", SHAPE_VALUE, compile_format},
	{"if", SHAPE_SCHEMA, compile_if},
	{"items", SHAPE_SCHEMA, compile_items},
	{"maxContains", SHAPE_VALUE, compile_count},
	{"maxItems", SHAPE_VALUE, compile_count},
	{"maxLength", SHAPE_VALUE, compile_count},
	{"maxProperties", SHAPE_VALUE, compile_count},
	{"maximum", SHAPE_VALUE, compile_number},
	{"minContains", SHAPE_VALUE, compile_count},
	{"minItems", SHAPE_VALUE, compile_count},
	{"minLength", SHAPE_VALUE, compile_count},
	{"minProperties", SHAPE_VALUE, compile_count},
	{"minimum", SHAPE_VALUE, compile_number},
	{"multipleOf", SHAPE_VALUE, compile_number},
	{"not", SHAPE_SCHEMA, compile_not},
	{"oneOf", SHAPE_LIST, compile_combination},
	{"pattern", SHAPE_VALUE, compile_pattern},
	{"patternProperties", SHAPE_MAP, compile_properties},
	{"prefixItems", SHAPE_LIST, compile_items},
	{"properties", SHAPE_MAP, compile_properties},
	{"propertyNames", SHAPE_SCHEMA, compile_property_names},
	{"readOnly", SHAPE_VALUE, compile_boolean},
	{"required", SHAPE_VALUE, compile_required},
	{"then", SHAPE_SCHEMA, compile_nothing},
	{"title", SHAPE_VALUE, compile_string},
	{"type", SHAPE_VALUE, compile_type},
	{"unevaluatedItems", SHAPE_SCHEMA, compile_unevaluated},
	{"unevaluatedProperties", SHAPE_SCHEMA, compile_unevaluated},
	{"uniqueItems", SHAPE_VALUE, compile_unique},
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

/* ---- helpers ---- */

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

/* A new assertion of node, zero but for this; valid until the next is added. */
static Assertion *
add_assertion(SchemaNode *node, AssertionKind kind, const char *keyword, unsigned types,
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

/* The assertion of a keyword that is in the table; NULL: it is not. */
static Assertion *
add_asserted(SchemaNode *node, const char *keyword, const CnJson *value)
{
	for (int i = 0; i < lengthof(asserted); i++)
	{
		if (strcmp(asserted[i].keyword, keyword) == 0)
			return add_assertion(node, asserted[i].kind, keyword, asserted[i].types,
								 asserted[i].evaluate, value);
	}
	return NULL;
}

/* The assertion of that kind, which several keywords make together; a new one if there is none. */
static Assertion *
common_assertion(SchemaNode *node, AssertionKind kind, const char *keyword, unsigned types,
				 Evaluate *evaluate)
{
	for (int i = 0; i < node->nassertions; i++)
	{
		if (node->assertions[i].kind == kind)
			return &node->assertions[i];
	}
	return add_assertion(node, kind, keyword, types, evaluate, NULL);
}

/* Is value, or what is below it by name or index, of that type?  A problem if not. */
static bool
is_a(Compiler *c, SchemaNode *node, const char *keyword, const char *name, int index,
	 const CnJson *value, CnJsonType type)
{
	if (value->type == type)
		return true;
	schema_problem(c, node, keyword, name, index, "is %s, has to be %s",
				   cn_json_type_phrase(value->type), cn_json_type_phrase(type));
	return false;
}

/* The node of a subschema; NULL if it has a problem, which has been reported. */
static SchemaNode *
child(Compiler *c, const CnJson *json)
{
	return json != NULL ? schema_node_of(c, json) : NULL;
}

static CnRegex *
regex_of(Compiler *c, SchemaNode *node, const char *keyword, const char *name,
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

/* ---- keywords that assert nothing ---- */

static void
compile_nothing(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
}

static void
compile_string(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	(void) is_a(c, node, keyword, NULL, -1, value, CN_JSON_STRING);
}

static void
compile_boolean(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	(void) is_a(c, node, keyword, NULL, -1, value, CN_JSON_BOOL);
}

static void
compile_array(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	(void) is_a(c, node, keyword, NULL, -1, value, CN_JSON_ARRAY);
}

static void
compile_map(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	(void) is_a(c, node, keyword, NULL, -1, value, CN_JSON_OBJECT);
}

static void
compile_vocabulary(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_OBJECT))
		return;
	for (int i = 0; i < value->len; i++)
		(void) is_a(c, node, keyword, value->u.members[i].key, -1, value->u.members[i].value,
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

	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_STRING))
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

	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_STRING))
		return;
	target = schema_resolve(c, node, keyword, value->u.text, &anchor);
	if (target == NULL)
		return;
	a = add_asserted(node, keyword, value);
	a->u.dynamic.node = target;
	a->u.dynamic.anchor = anchor;
}

/* ---- assertions about one value ---- */

static unsigned
type_of_name(const CnJson *name)
{
	static const struct
	{
		const char *name;
		unsigned	type;
	}			types[] = {
		{"null", TYPE_BIT(CN_JSON_NULL)},
		{"boolean", TYPE_BIT(CN_JSON_BOOL)},
		{"number", TYPE_BIT(CN_JSON_NUMBER)},
		{"integer", TYPE_INTEGER},
		{"string", TYPE_BIT(CN_JSON_STRING)},
		{"array", TYPE_BIT(CN_JSON_ARRAY)},
		{"object", TYPE_BIT(CN_JSON_OBJECT)},
	};

	for (int i = 0; name->type == CN_JSON_STRING && i < lengthof(types); i++)
	{
		if (strcmp(types[i].name, name->u.text) == 0)
			return types[i].type;
	}
	return 0;
}

static void
compile_type(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	bool		many = value->type == CN_JSON_ARRAY;
	unsigned	all = 0;

	if (many && value->len == 0)
		schema_problem(c, node, keyword, NULL, -1, "names no type");
	for (int i = 0; i < (many ? value->len : 1); i++)
	{
		const CnJson *name = many ? value->u.items[i] : value;
		unsigned	type = type_of_name(name);

		if (type == 0)
			schema_problem(c, node, keyword, NULL, many ? i : -1,
						   "is %s, has to be array, boolean, integer, null, number, object or "
						   "string", schema_quote(name));
		else if (all & type)
			schema_problem(c, node, keyword, NULL, i, "is there twice: %s", schema_quote(name));
		all |= type;
	}
	if (all & TYPE_BIT(CN_JSON_NUMBER))
		all &= ~TYPE_INTEGER;
	add_assertion(node, ASSERT_TYPE, keyword, TYPES_ANY, schema_assert_type, value)->u.types = all;
}

static void
compile_enum(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	HashedValue *hashed = NULL;
	Assertion  *a;
	int64		work = 0;

	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_ARRAY))
		return;
	if (value->len >= HASH_FROM)
	{
		hashed = (HashedValue *) palloc(sizeof(HashedValue) * value->len);
		for (int i = 0; i < value->len; i++)
		{
			hashed[i].hash = schema_hash(value->u.items[i], &work);
			hashed[i].index = i;
		}
		qsort(hashed, value->len, sizeof(HashedValue), schema_compare_hashed);
	}
	a = add_assertion(node, ASSERT_ENUM, keyword, TYPES_ANY, schema_assert_enum, value);
	a->u.hashed = hashed;
}

static void
compile_const(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	(void) add_assertion(node, ASSERT_CONST, keyword, TYPES_ANY, schema_assert_const, value);
}

static bool
is_divisor(const CnNumber *number)
{
	CnNumber	zero = {.is_small = true, .small = 0};

	return cn_number_compare(number, &zero) > 0;
}

static void
compile_number(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	bool		divisor = strcmp(keyword, "multipleOf") == 0;
	CnNumber	number;

	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_NUMBER))
		return;
	cn_number_read(value, &number);
	if (divisor && !is_divisor(&number))
	{
		schema_problem(c, node, keyword, NULL, -1, "is %s, has to be greater than 0",
					   schema_quote(value));
		return;
	}
	if (divisor && !number.is_small &&
		number.decimal.ndigits > CN_NUMBER_DIVISOR_DIGITS)
	{
		schema_problem(c, node, keyword, NULL, -1, "has more than %d digits",
					   CN_NUMBER_DIVISOR_DIGITS);
		return;
	}
	add_asserted(node, keyword, value)->u.number = number;
}

/* A whole number that is not negative; -1 after a problem. */
static int64
count_of(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	CnNumber	number;
	CnNumber	zero = {.is_small = true, .small = 0};

	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_NUMBER))
		return -1;
	cn_number_read(value, &number);
	if (cn_number_is_integer(&number) && cn_number_compare(&number, &zero) >= 0)
		return cn_number_count(&number);
	schema_problem(c, node, keyword, NULL, -1, "is %s, has to be a whole number of at least 0",
				   schema_quote(value));
	return -1;
}

/* minContains and maxContains are only checked: contains asks for them. */
static void
compile_count(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	int64		count = count_of(c, node, keyword, value);
	Assertion  *a = add_asserted(node, keyword, value);

	if (a != NULL)
		a->u.count = count;
}

static void
compile_pattern(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	CnRegex    *regex;

	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_STRING))
		return;
	regex = regex_of(c, node, keyword, NULL, value->u.text, value->len);
	if (regex != NULL)
		add_assertion(node, ASSERT_PATTERN, keyword, BITS_STRING, schema_assert_pattern,
					  value)->u.regex = regex;
}

static void
compile_format(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	CnFormatCheck format;

	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_STRING))
		return;
	format = cn_format_find(value->u.text);
	if (format != NULL)
		add_assertion(node, ASSERT_FORMAT, keyword, BITS_STRING, schema_assert_format,
					  value)->u.format = format;
}

static void
compile_unique(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	if (is_a(c, node, keyword, NULL, -1, value, CN_JSON_BOOL) && value->boolean)
		(void) add_assertion(node, ASSERT_UNIQUE_ITEMS, keyword, BITS_ARRAY, schema_assert_unique,
							 value);
}

/* ---- names that have to be there ---- */

static int
compare_strings(const void *left, const void *right)
{
	const CnJson *a = *(const CnJson *const *) left;
	const CnJson *b = *(const CnJson *const *) right;

	return strcmp(a->u.text, b->u.text);
}

/* Different strings; name: the member of the keyword's value they stand in, or NULL. */
static bool
name_list(Compiler *c, SchemaNode *node, const char *keyword, const char *name,
		  const CnJson *value, NameList *list)
{
	const CnJson **sorted;
	int			before = c->nproblems;

	if (!is_a(c, node, keyword, name, -1, value, CN_JSON_ARRAY))
		return false;
	for (int i = 0; i < value->len; i++)
		(void) is_a(c, node, keyword, name, name != NULL ? -1 : i, value->u.items[i],
					CN_JSON_STRING);
	if (c->nproblems > before)
		return false;
	sorted = (const CnJson **) palloc(sizeof(CnJson *) * Max(value->len, 1));
	for (int i = 0; i < value->len; i++)
		sorted[i] = value->u.items[i];
	qsort(sorted, value->len, sizeof(CnJson *), compare_strings);
	for (int i = 1; i < value->len; i++)
	{
		if (strcmp(sorted[i - 1]->u.text, sorted[i]->u.text) == 0)
			schema_problem(c, node, keyword, name, -1, "has a name twice: %s",
						   schema_quote(sorted[i]));
	}
	pfree(sorted);
	list->trigger = name;
	list->count = value->len;
	list->names = (const CnJson **) value->u.items;
	return true;
}

static void
compile_required(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	NameList   *list = (NameList *) palloc(sizeof(NameList));
	Assertion  *a;

	if (!name_list(c, node, keyword, NULL, value, list) || list->count == 0)
		return;
	a = add_assertion(node, ASSERT_REQUIRED, keyword, BITS_OBJECT, schema_assert_required, value);
	a->u.required.lists = list;
	a->u.required.count = 1;
}

static void
compile_dependent_required(Compiler *c, SchemaNode *node, const char *keyword,
						   const CnJson *value)
{
	NameList   *lists;
	Assertion  *a;
	int			count = 0;

	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_OBJECT))
		return;
	lists = (NameList *) palloc(sizeof(NameList) * Max(value->len, 1));
	for (int i = 0; i < value->len; i++)
		count += name_list(c, node, keyword, value->u.members[i].key, value->u.members[i].value,
						   &lists[count]);
	a = add_assertion(node, ASSERT_DEPENDENT_REQUIRED, keyword, BITS_OBJECT, schema_assert_required,
					  value);
	a->u.required.lists = lists;
	a->u.required.count = count;
}

/* ---- subschemas ---- */

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
		named[i].node = child(c, value->u.members[i].value);
	}
	qsort(named, value->len, sizeof(NamedNode), compare_named);
	return named;
}

/* The elements of an array of schemas; NULL after a problem. */
static SchemaNode **
listed_nodes(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	SchemaNode **nodes;

	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_ARRAY))
		return NULL;
	if (value->len == 0)
	{
		schema_problem(c, node, keyword, NULL, -1, "is empty, has to have at least one schema");
		return NULL;
	}
	nodes = (SchemaNode **) palloc(sizeof(SchemaNode *) * value->len);
	for (int i = 0; i < value->len; i++)
		nodes[i] = child(c, value->u.items[i]);
	return nodes;
}

static void
compile_items(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	Assertion  *a;
	SchemaNode **prefix;

	if (strcmp(keyword, "items") == 0)
	{
		a = common_assertion(node, ASSERT_ITEMS, "items", BITS_ARRAY, schema_apply_items);
		a->u.items.rest = child(c, value);
		return;
	}
	prefix = listed_nodes(c, node, keyword, value);
	if (prefix == NULL)
		return;
	a = common_assertion(node, ASSERT_ITEMS, "items", BITS_ARRAY, schema_apply_items);
	a->u.items.prefix = prefix;
	a->u.items.nprefix = value->len;
}

static void
compile_contains(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	const CnJson *min = cn_json_get(node->json, "minContains");
	const CnJson *max = cn_json_get(node->json, "maxContains");
	Assertion  *a = add_assertion(node, ASSERT_CONTAINS, keyword, BITS_ARRAY, schema_apply_contains,
								  value);
	CnNumber	number;

	a->u.contains.node = child(c, value);
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
		patterns[i].node = child(c, member->value);
		patterns[i].regex = regex_of(c, node, "patternProperties", member->key, member->key,
									 member->key_len);
	}
	a->u.properties.patterns = patterns;
	a->u.properties.npatterns = value->len;
}

static void
compile_properties(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	Assertion  *a = common_assertion(node, ASSERT_PROPERTIES, "properties", BITS_OBJECT,
									 schema_apply_properties);

	if (strcmp(keyword, "additionalProperties") == 0)
		a->u.properties.additional = child(c, value);
	else if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_OBJECT))
		return;
	else if (strcmp(keyword, "properties") == 0)
	{
		a->u.properties.named = named_nodes(c, value);
		a->u.properties.nnamed = value->len;
	}
	else
		compile_pattern_properties(c, node, value, a);
}

static void
compile_property_names(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	add_assertion(node, ASSERT_PROPERTY_NAMES, keyword, BITS_OBJECT, schema_apply_property_names,
				  value)->u.node = child(c, value);
}

static void
compile_dependent_schemas(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	Assertion  *a;

	if (!is_a(c, node, keyword, NULL, -1, value, CN_JSON_OBJECT))
		return;
	a = add_assertion(node, ASSERT_DEPENDENT_SCHEMAS, keyword, BITS_OBJECT, schema_apply_dependent,
					  value);
	a->u.dependent.named = named_nodes(c, value);
	a->u.dependent.count = value->len;
}

/* allOf, anyOf, oneOf */
static void
compile_combination(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	SchemaNode **nodes = listed_nodes(c, node, keyword, value);
	Assertion  *a;

	if (nodes == NULL)
		return;
	a = add_asserted(node, keyword, value);
	a->u.list.nodes = nodes;
	a->u.list.count = value->len;
}

static void
compile_not(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	add_assertion(node, ASSERT_NOT, keyword, TYPES_ANY, schema_apply_not, value)->u.node =
		child(c, value);
}

static void
compile_if(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	Assertion  *a = add_assertion(node, ASSERT_IF, keyword, TYPES_ANY, schema_apply_if, value);

	a->u.conditional.condition = child(c, value);
	a->u.conditional.then_node = child(c, cn_json_get(node->json, "then"));
	a->u.conditional.else_node = child(c, cn_json_get(node->json, "else"));
}

static void
compile_unevaluated(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	node->unevaluated = true;
	add_asserted(node, keyword, value)->u.node = child(c, value);
}
