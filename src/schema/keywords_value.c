/*
 * keywords_value.c -- keywords that say something of one value, or of the names in it.  Pure.
 */
#include "core/pure.h"

#include "schema/keywords.h"

/* Values of an enum from which looking by hash is worth it. */
#define HASH_FROM 16

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

void
schema_compile_type(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
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
	schema_add_assertion(node, ASSERT_TYPE, keyword, TYPES_ANY, schema_assert_type,
						 value)->u.types = all;
}

void
schema_compile_enum(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	HashedValue *hashed = NULL;
	Assertion  *a;
	int64		work = 0;

	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_ARRAY))
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
	a = schema_add_assertion(node, ASSERT_ENUM, keyword, TYPES_ANY, schema_assert_enum, value);
	a->u.hashed = hashed;
}

void
schema_compile_const(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	(void) schema_add_assertion(node, ASSERT_CONST, keyword, TYPES_ANY, schema_assert_const, value);
}

static bool
is_divisor(const CnNumber *number)
{
	CnNumber	zero = {.is_small = true, .small = 0};

	return cn_number_compare(number, &zero) > 0;
}

void
schema_compile_number(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	bool		divisor = strcmp(keyword, "multipleOf") == 0;
	CnNumber	number;

	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_NUMBER))
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
	schema_add_asserted(node, keyword, value)->u.number = number;
}

/* A whole number that is not negative; -1 after a problem. */
static int64
count_of(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	CnNumber	number;
	CnNumber	zero = {.is_small = true, .small = 0};

	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_NUMBER))
		return -1;
	cn_number_read(value, &number);
	if (cn_number_is_integer(&number) && cn_number_compare(&number, &zero) >= 0)
		return cn_number_count(&number);
	schema_problem(c, node, keyword, NULL, -1, "is %s, has to be a whole number of at least 0",
				   schema_quote(value));
	return -1;
}

/* minContains and maxContains are only checked: contains asks for them. */
void
schema_compile_count(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	int64		count = count_of(c, node, keyword, value);
	Assertion  *a = schema_add_asserted(node, keyword, value);

	if (a != NULL)
		a->u.count = count;
}

void
schema_compile_pattern(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	CnRegex    *regex;

	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_STRING))
		return;
	regex = schema_regex_of(c, node, keyword, NULL, value->u.text, value->len);
	if (regex != NULL)
		schema_add_assertion(node, ASSERT_PATTERN, keyword, BITS_STRING, schema_assert_pattern,
							 value)->u.regex = regex;
}

void
schema_compile_format(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	CnFormatCheck format;

	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_STRING))
		return;
	format = cn_format_find(value->u.text);
	if (format != NULL)
		schema_add_assertion(node, ASSERT_FORMAT, keyword, BITS_STRING, schema_assert_format,
							 value)->u.format = format;
}

void
schema_compile_unique(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	if (schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_BOOL) && value->boolean)
		(void) schema_add_assertion(node, ASSERT_UNIQUE_ITEMS, keyword, BITS_ARRAY,
									schema_assert_unique, value);
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

	if (!schema_is_a(c, node, keyword, name, -1, value, CN_JSON_ARRAY))
		return false;
	for (int i = 0; i < value->len; i++)
		(void) schema_is_a(c, node, keyword, name, name != NULL ? -1 : i, value->u.items[i],
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

void
schema_compile_required(Compiler *c, SchemaNode *node, const char *keyword, const CnJson *value)
{
	NameList   *list = (NameList *) palloc(sizeof(NameList));
	Assertion  *a;

	if (!name_list(c, node, keyword, NULL, value, list) || list->count == 0)
		return;
	a = schema_add_assertion(node, ASSERT_REQUIRED, keyword, BITS_OBJECT, schema_assert_required,
							 value);
	a->u.required.lists = list;
	a->u.required.count = 1;
}

void
schema_compile_dependent_required(Compiler *c, SchemaNode *node, const char *keyword,
								  const CnJson *value)
{
	NameList   *lists;
	Assertion  *a;
	int			count = 0;

	if (!schema_is_a(c, node, keyword, NULL, -1, value, CN_JSON_OBJECT))
		return;
	lists = (NameList *) palloc(sizeof(NameList) * Max(value->len, 1));
	for (int i = 0; i < value->len; i++)
		count += name_list(c, node, keyword, value->u.members[i].key, value->u.members[i].value,
						   &lists[count]);
	a = schema_add_assertion(node, ASSERT_DEPENDENT_REQUIRED, keyword, BITS_OBJECT,
							 schema_assert_required, value);
	a->u.required.lists = lists;
	a->u.required.count = count;
}
