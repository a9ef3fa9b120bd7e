/*
 * schema.c -- schemas of a description become JSON Schema without references.
 *
 * OpenAPI 3.0 has a dialect of its own (nullable, exclusiveMinimum as a boolean), 3.1 has JSON
 * Schema 2020-12.  References are resolved in place.  They may be recursive, and a schema of a
 * large API names hundreds of others, so that ends at a depth and at a number of schemas:
 * what is behind is accepted as it comes, and the remote checks it.
 */
#include "openapi/internal.h"

#include "schema/pattern.h"

#define MAX_DEPTH 6
#define MAX_SCHEMAS 400

/* Keywords that are taken over as they are. */
static const char *const plain_keywords[] = {
	"title", "description", "enum", "const", "default", "format", "multipleOf", "minLength",
	"maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", NULL
};

/* Keywords whose value is a list of schemas. */
static const char *const list_keywords[] = {"allOf", "anyOf", "oneOf", NULL};

typedef struct Conversion
{
	const CnOpenapi *import;
	int			schemas;		/* so far */
} Conversion;

static CnJson *convert(Conversion *c, const CnJson *schema, int depth);

static CnJson *
anything(void)
{
	return cn_json_object(NULL, 0);
}

static bool
is_true(const CnJson *schema, const char *key)
{
	const CnJson *value = cn_json_get(schema, key);

	return value && value->type == CN_JSON_BOOL && value->boolean;
}

/* ---- keywords ---- */

static void
add_type(const CnJson *schema, CnJsonMembers *out)
{
	const CnJson *type = cn_json_get(schema, "type");
	CnJsonItems types = {0};

	if (type == NULL || type->type != CN_JSON_STRING || !is_true(schema, "nullable"))
	{
		cn_json_add(out, "type", type);
		return;
	}
	cn_json_append(&types, type);
	cn_json_append(&types, cn_json_string("null", -1));
	cn_json_add(out, "type", cn_json_items(&types));
}

/* An enum that does not list null takes none, whatever nullable says.  We say what is meant. */
static void
add_null_to_enum(const CnJson *schema, CnJsonMembers *out)
{
	const CnJson *values = cn_json_get(schema, "enum");
	CnJsonItems with_null = {0};

	if (values == NULL || values->type != CN_JSON_ARRAY || !is_true(schema, "nullable"))
		return;
	for (int i = 0; i < values->len; i++)
	{
		if (values->u.items[i]->type == CN_JSON_NULL)
			return;
		cn_json_append(&with_null, values->u.items[i]);
	}
	cn_json_append(&with_null, cn_json_null());
	cn_json_add(out, "enum", cn_json_items(&with_null));
}

/* In 3.0 exclusiveMinimum is a boolean beside minimum. */
static void
add_bound(const CnJson *schema, CnJsonMembers *out, const char *bound, const char *exclusive)
{
	const CnJson *is_exclusive = cn_json_get(schema, exclusive);

	if (is_exclusive && is_exclusive->type == CN_JSON_NUMBER)
		cn_json_add(out, exclusive, is_exclusive);
	if (is_true(schema, exclusive))
		cn_json_add(out, exclusive, cn_json_get(schema, bound));
	else
		cn_json_add(out, bound, cn_json_get(schema, bound));
}

/* Patterns that are none, or that the server cannot express, are left to the remote. */
static void
add_pattern(const CnJson *schema, CnJsonMembers *out)
{
	const CnJson *pattern = cn_json_get(schema, "pattern");
	StringInfoData translated;
	const char *problem;

	if (pattern == NULL || pattern->type != CN_JSON_STRING)
		return;
	initStringInfo(&translated);
	if (cn_pattern_translate(pattern->u.text, pattern->len, &translated, &problem) == CN_PATTERN_OK)
		cn_json_add(out, "pattern", pattern);
}

static void
add_list(Conversion *c, const CnJson *schema, CnJsonMembers *out, const char *key, int depth)
{
	const CnJson *list = cn_json_get(schema, key);
	CnJsonItems converted = {0};

	if (list == NULL || list->type != CN_JSON_ARRAY || list->len == 0)
		return;
	for (int i = 0; i < list->len; i++)
		cn_json_append(&converted, convert(c, list->u.items[i], depth));
	cn_json_add(out, key, cn_json_items(&converted));
}

static void
add_properties(Conversion *c, const CnJson *schema, CnJsonMembers *out, int depth)
{
	const CnJson *properties = cn_json_get(schema, "properties");
	CnJsonMembers converted = {0};

	if (properties == NULL || properties->type != CN_JSON_OBJECT)
		return;
	for (int i = 0; i < properties->len; i++)
	{
		const CnJsonMember *property = &properties->u.members[i];

		if (!is_true(cn_openapi_follow(c->import, property->value), "readOnly"))
			cn_json_add(&converted, property->key, convert(c, property->value, depth));
	}
	cn_json_add(out, "properties", cn_json_members(&converted));
}

/* Without those that are read-only: they are required of replies. */
static void
add_required(Conversion *c, const CnJson *schema, CnJsonMembers *out)
{
	const CnJson *required = cn_json_get(schema, "required");
	const CnJson *properties = cn_json_get(schema, "properties");
	CnJsonItems kept = {0};

	if (required == NULL || required->type != CN_JSON_ARRAY)
		return;
	for (int i = 0; i < required->len; i++)
	{
		const CnJson *name = required->u.items[i];

		if (name->type == CN_JSON_STRING &&
			!is_true(cn_openapi_follow(c->import, cn_json_get(properties, name->u.text)), "readOnly"))
			cn_json_append(&kept, name);
	}
	if (kept.count > 0)
		cn_json_add(out, "required", cn_json_items(&kept));
}

static void
add_additional(Conversion *c, const CnJson *schema, CnJsonMembers *out, int depth)
{
	const CnJson *additional = cn_json_get(schema, "additionalProperties");

	if (additional && additional->type == CN_JSON_OBJECT)
		additional = convert(c, additional, depth);
	cn_json_add(out, "additionalProperties", additional);
}

/* ---- a schema ---- */

static CnJson *
convert(Conversion *c, const CnJson *schema, int depth)
{
	CnJsonMembers out = {0};

	schema = cn_openapi_follow(c->import, schema);
	if (schema == NULL || schema->type != CN_JSON_OBJECT || depth > MAX_DEPTH ||
		c->schemas >= MAX_SCHEMAS)
		return anything();
	c->schemas++;
	add_type(schema, &out);
	for (int i = 0; plain_keywords[i]; i++)
		cn_json_add(&out, plain_keywords[i], cn_json_get(schema, plain_keywords[i]));
	add_null_to_enum(schema, &out);
	add_bound(schema, &out, "minimum", "exclusiveMinimum");
	add_bound(schema, &out, "maximum", "exclusiveMaximum");
	add_pattern(schema, &out);
	if (cn_json_get(schema, "items"))
		cn_json_add(&out, "items", convert(c, cn_json_get(schema, "items"), depth + 1));
	add_properties(c, schema, &out, depth + 1);
	add_required(c, schema, &out);
	add_additional(c, schema, &out, depth + 1);
	for (int i = 0; list_keywords[i]; i++)
		add_list(c, schema, &out, list_keywords[i], depth + 1);
	return cn_json_members(&out);
}

CnJson *
cn_openapi_schema(const CnOpenapi *import, const CnJson *schema)
{
	Conversion	c = {.import = import};

	return convert(&c, schema, 0);
}

/* ---- looking into a schema ---- */

/* budget: schemas that may still be looked at; lists of lists could name each other */
static const CnJson *
find_member(const CnOpenapi *import, const CnJson *schema, const char *name, int depth, int *budget)
{
	const CnJson *parts;
	const CnJson *found;

	schema = cn_openapi_follow(import, schema);
	found = cn_openapi_follow(import, cn_json_get(cn_json_get(schema, "properties"), name));
	parts = cn_json_get(schema, "allOf");
	if (found || depth >= MAX_DEPTH || parts == NULL || parts->type != CN_JSON_ARRAY)
		return found;
	for (int i = 0; i < parts->len && found == NULL && (*budget)-- > 0; i++)
		found = find_member(import, parts->u.items[i], name, depth + 1, budget);
	return found;
}

const CnJson *
cn_openapi_member(const CnOpenapi *import, const CnJson *schema, const char *name)
{
	int			budget = MAX_SCHEMAS;

	return find_member(import, schema, name, 0, &budget);
}

bool
cn_openapi_is(const CnOpenapi *import, const CnJson *schema, const char *type)
{
	const CnJson *said;

	schema = cn_openapi_follow(import, schema);
	said = cn_json_get(schema, "type");
	if (said && said->type == CN_JSON_STRING)
		return strcmp(said->u.text, type) == 0;
	for (int i = 0; said && said->type == CN_JSON_ARRAY && i < said->len; i++)
		if (said->u.items[i]->type == CN_JSON_STRING && strcmp(said->u.items[i]->u.text, type) == 0)
			return true;
	if (said)
		return false;
	return (strcmp(type, "array") == 0 && cn_json_get(schema, "items")) ||
		(strcmp(type, "object") == 0 &&
		 (cn_json_get(schema, "properties") || cn_json_get(schema, "allOf")));
}
