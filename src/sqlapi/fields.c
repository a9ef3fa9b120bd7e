/*
 * fields.c -- a connector, or changes of one, written as a JSON object.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "catalog/cache.h"
#include "catalog/compile.h"
#include "sqlapi/fields.h"

#define NAME_RULE \
	"1 to 128 letters, digits, \"_\", \".\", blanks and \"-\", beginning with a letter or digit"

typedef enum FieldKind
{
	FIELD_NAME,
	FIELD_TEXT,
	FIELD_DEFINITION,
	FIELD_JSON,					/* what cn_fields_expected says */
	FIELD_INTEGER,
	FIELD_BOOLEAN
} FieldKind;

/* A column; min and max are those of its CHECK constraint. */
typedef struct Field
{
	FieldKind	kind;
	bool		required;		/* in a new connector */
	bool		nullable;
	int			min;
	int			max;
} Field;

const char *const cn_field_names[] = {
	"name", "description", "icon", "category", "config", "input_schema", "field_mappings",
	"timeout_ms", "max_retries", "continue_on_error", "log_response_data", "enabled", NULL
};

/* In the order of their names. */
static const Field fields[] = {
	{FIELD_NAME, true, false},
	{FIELD_TEXT, false, true},
	{FIELD_TEXT, false, true},
	{FIELD_TEXT, false, true},
	{FIELD_DEFINITION, true, false},
	{FIELD_JSON, false, true},
	{FIELD_JSON, false, true},
	{FIELD_INTEGER, false, false, 1000, 60000},
	{FIELD_INTEGER, false, false, 0, 5},
	{FIELD_BOOLEAN, false, false},
	{FIELD_BOOLEAN, false, false},
	{FIELD_BOOLEAN, false, false},
};

StaticAssertDecl(lengthof(fields) == lengthof(cn_field_names) - 1, "a field for each name");

static JsonbValue *
member(Jsonb *object, const char *key, JsonbValue *buffer)
{
	if (!JB_ROOT_IS_OBJECT(object))
		return NULL;
	return getKeyJsonValueFromContainer(&object->root, key, strlen(key), buffer);
}

bool
cn_fields_has(Jsonb *object, const char *key)
{
	JsonbValue	buffer;

	return member(object, key, &buffer) != NULL;
}

char *
cn_fields_text(Jsonb *object, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *value = member(object, key, &buffer);

	if (value == NULL || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* ---- values ---- */

/* As the CHECK constraint of the table. */
static bool
name_is_valid(const char *name)
{
	size_t		allowed = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
								 "0123456789_. -");

	return strchr("_. -", name[0]) == NULL && allowed == strlen(name) &&
		allowed <= CN_CONNECTOR_NAME_MAX;
}

void
cn_fields_check_name(const char *text)
{
	if (!name_is_valid(text))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be the name of a connector", text),
				 errhint("A name has " NAME_RULE ".")));
}

static bool
is_object_or_list_of_objects(Jsonb *value)
{
	if (JB_ROOT_IS_OBJECT(value))
		return true;
	if (JB_ROOT_IS_SCALAR(value))
		return false;
	for (uint32 i = 0; i < JB_ROOT_COUNT(value); i++)
	{
		JsonbValue *item = getIthJsonbValueFromContainer(&value->root, i);

		if (item->type != jbvBinary || !JsonContainerIsObject(item->val.binary.data))
			return false;
	}
	return true;
}

const char *
cn_fields_expected(const char *column, Jsonb *value)
{
	if (strcmp(column, "field_mappings") == 0)
		return is_object_or_list_of_objects(value) ? NULL : "an object or an array of objects";
	if (strcmp(column, "config") == 0)
		return NULL;			/* its own check says more */
	return JB_ROOT_IS_OBJECT(value) ? NULL : "a JSON object";
}

static const char *
type_name(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "string";
		case jbvNumeric:
			return "number";
		case jbvBool:
			return "boolean";
		default:
			return JsonContainerIsObject(value->val.binary.data) ? "object" : "array";
	}
}

/* Whole numbers only, and written as such: SQL would refuse 1000.0, and round 1000.5. */
static bool
integer_in_range(Numeric number, int min, int max)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	int			value;

	if (strlen(text) > 10 || strspn(text, "-0123456789") != strlen(text))
		return false;
	value = strtol(text, NULL, 10);
	return value >= min && value <= max;
}

/* The member of object as jsonb, if it is there and of the kind it has to be; else NULL. */
static Jsonb *
json_member(Jsonb *object, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *value = member(object, key, &buffer);
	Jsonb	   *json;

	if (value == NULL || value->type == jbvNull)
		return NULL;
	json = JsonbValueToJsonb(value);
	return cn_fields_expected(key, json) ? NULL : json;
}

/*
 * The definition, and what refers to it.  Their problems have paths of their own: those of
 * the definition begin with "$", the others with "$.<column>".  Without a
 * definition the others are checked when they are saved.
 */
static void
check_parts(Jsonb *object, const char *path, const pg_uuid_t *workspace, CnProblems *problems)
{
	CnParts		parts = {
		.config = json_member(object, "config"),
		.input_schema = json_member(object, "input_schema"),
		.field_mappings = json_member(object, "field_mappings"),
		.workspace = workspace,
	};
	CnCompiledParts compiled;
	CnProblems	found;

	if (parts.config == NULL || cn_cache_compile(&parts, &compiled, &found))
		return;
	for (int i = 0; i < found.count; i++)
		cn_problem(problems,
				   psprintf("%s%s%s", path, i < compiled.definition_problems ? ".config" : "",
							found.list[i].path + 1),
				   "%s", found.list[i].message);
}

static void
check_json(const char *name, JsonbValue *value, const char *path, CnProblems *problems)
{
	const char *expected = cn_fields_expected(name, JsonbValueToJsonb(value));

	if (expected)
		cn_problem(problems, path, "expected %s, found %s", expected, type_name(value));
}

static void
check_name(const JsonbValue *value, const char *path, CnProblems *problems)
{
	if (!name_is_valid(pnstrdup(value->val.string.val, value->val.string.len)))
		cn_problem(problems, path, "a name has " NAME_RULE);
}

static void
check_value(const Field *field, const char *name, JsonbValue *value, const char *path,
			CnProblems *problems)
{
	const char *expected = field->kind == FIELD_BOOLEAN ? "true or false" : "a string";

	if (value->type == jbvNull)
	{
		if (!field->nullable)
			cn_problem(problems, path, "it must not be null");
	}
	else if (field->kind == FIELD_DEFINITION)
		return;					/* check_parts */
	else if (field->kind == FIELD_JSON)
		check_json(name, value, path, problems);
	else if (field->kind == FIELD_INTEGER)
	{
		if (value->type != jbvNumeric ||
			!integer_in_range(value->val.numeric, field->min, field->max))
			cn_problem(problems, path, "expected a whole number from %d to %d", field->min,
					   field->max);
	}
	else if (value->type != (field->kind == FIELD_BOOLEAN ? jbvBool : jbvString))
		cn_problem(problems, path, "expected %s, found %s", expected, type_name(value));
	else if (field->kind == FIELD_NAME)
		check_name(value, path, problems);
}

/* ---- objects ---- */

void
cn_fields_check_keys(Jsonb *object, const char *path, const char *const *keys, const char *also,
					 CnProblems *problems)
{
	JsonbIterator *it = JsonbIteratorInit(&object->root);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		char	   *key;

		if (token != WJB_KEY)
			continue;
		key = pnstrdup(value.val.string.val, value.val.string.len);
		if (!cn_compile_listed(keys, key) && (also == NULL || strcmp(key, also) != 0))
			cn_problem(problems, cn_compile_child(path, key), "unknown key");
	}
}

void
cn_fields_check(Jsonb *object, const char *path, CnFieldsUse use, const pg_uuid_t *workspace,
				CnProblems *problems)
{
	if (!JB_ROOT_IS_OBJECT(object))
	{
		cn_problem(problems, path, "expected an object");
		return;
	}
	cn_fields_check_keys(object, path, cn_field_names,
						 use == CN_FIELDS_IMPORT ? "credentials" : NULL, problems);
	for (int i = 0; i < lengthof(fields); i++)
	{
		const char *name = cn_field_names[i];
		JsonbValue	buffer;
		JsonbValue *value = member(object, name, &buffer);

		if (value && fields[i].kind == FIELD_DEFINITION)
			check_parts(object, path, workspace, problems);
		if (value)
			check_value(&fields[i], name, value, cn_compile_child(path, name), problems);
		else if (fields[i].required && use != CN_FIELDS_CHANGE)
			cn_problem(problems, path, "\"%s\" is missing", name);
	}
}

void
cn_fields_refuse(const char *what, const CnProblems *problems)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_plural("%s: %d problem", "%s: %d problems", problems->count,
						   what, problems->count),
			 errdetail_internal("%s", cn_problems_text(problems)),
			 errhint("docs/managing.md describes what a connector has, docs/connectors.md its definition.")));
}
