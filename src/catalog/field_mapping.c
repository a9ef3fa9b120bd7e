/*
 * field_mapping.c -- a connector's field mappings, checked and compiled.
 */
#include "catalog/field_mapping.h"

#include <ctype.h>

#include "catalog/compile.h"
#include "expr/expr_pipe.h"

typedef struct MappingCompiler
{
	const char *const *roots;
	CnPathCheck check_path;
	CnProblems *problems;
	const char *path;			/* of the value whose references are being checked */
	bool		in_filters;		/* they stand behind a path */
	int			visited;		/* paths of the expression being checked */
} MappingCompiler;

static void compile_mapping(MappingCompiler *c, const CnJson *source, const char *path,
							CnFieldMapping *mapping);
static void check_keys(MappingCompiler *c, const CnJson *source, const char *path);
static void compile_table(MappingCompiler *c, const CnJson *value, const char *path,
						  CnFieldMapping *mapping);
static const char *take_name(const char **at, const char **wrong);
static void compile_mode(MappingCompiler *c, const CnJson *value, const char *path,
						 CnFieldMapping *mapping);
static bool check_columns(MappingCompiler *c, const CnJson *value, const char *path);
static void check_repeated(MappingCompiler *c, const CnJson *key, const CnJson *set,
						   const char *path);
static void compile_columns(MappingCompiler *c, const CnJson *value, const char *path,
							CnMappedColumn *columns);
static void compile_value(MappingCompiler *c, const CnJson *source, const char *path, int depth,
						  CnMappedValue *value);
static void compile_template(MappingCompiler *c, const CnJson *source, const char *path,
							 CnMappedValue *value);
static void compile_path(MappingCompiler *c, const CnJson *source, const char *path,
						 CnMappedValue *value);
static void compile_filters(MappingCompiler *c, const CnJson *source, int pipe, const char *path,
							CnMappedValue *value);
static void compile_items(MappingCompiler *c, const CnJson *source, const char *path, int depth,
						  CnMappedValue *value);

CnFieldMappings *
cn_field_mappings_compile(const CnJson *value, const char *base, const char *const *roots,
						  CnPathCheck check_path, CnProblems *problems)
{
	MappingCompiler c = {.roots = roots,.check_path = check_path,.problems = problems};
	CnFieldMappings *mappings = palloc0(sizeof(CnFieldMappings));
	int			before = problems->count;

	if (value->type != CN_JSON_OBJECT && value->type != CN_JSON_ARRAY)
		cn_problem(problems, base, "expected a mapping or an array of mappings, found %s",
				   cn_json_type_name(value->type));
	else if (value->len == 0)
		return mappings;
	else if (value->type == CN_JSON_OBJECT)
	{
		mappings->count = 1;
		mappings->list = palloc0(sizeof(CnFieldMapping));
		compile_mapping(&c, value, base, mappings->list);
	}
	else if (value->len > CN_FIELD_MAPPINGS_MAX)
		cn_problem(problems, base, "more than %d mappings", CN_FIELD_MAPPINGS_MAX);
	else
	{
		mappings->count = value->len;
		mappings->list = palloc0(sizeof(CnFieldMapping) * value->len);
		for (int i = 0; i < value->len; i++)
			compile_mapping(&c, value->u.items[i], psprintf("%s[%d]", base, i),
							&mappings->list[i]);
	}
	return problems->count == before ? mappings : NULL;
}

static void
compile_mapping(MappingCompiler *c, const CnJson *source, const char *path,
				CnFieldMapping *mapping)
{
	const CnJson *key = cn_json_get(source, "key");
	const CnJson *set = cn_json_get(source, "set");
	char	   *key_path = cn_compile_child(path, "key");
	char	   *set_path = cn_compile_child(path, "set");
	bool		sound;

	if (source->type != CN_JSON_OBJECT)
	{
		cn_problem(c->problems, path, "expected a mapping, found %s",
				   cn_json_type_name(source->type));
		return;
	}
	check_keys(c, source, path);
	compile_table(c, cn_json_get(source, "table"), cn_compile_child(path, "table"), mapping);
	compile_mode(c, cn_json_get(source, "mode"), cn_compile_child(path, "mode"), mapping);
	sound = check_columns(c, key, key_path);
	sound = check_columns(c, set, set_path) && sound;
	if (!sound)
		return;
	if (key->len + set->len > CN_DEFINITION_MAX_ITEMS)
	{
		cn_problem(c->problems, path, "more than %d columns", CN_DEFINITION_MAX_ITEMS);
		return;
	}
	check_repeated(c, key, set, set_path);
	mapping->key_count = key->len;
	mapping->column_count = key->len + set->len;
	mapping->columns = palloc0(sizeof(CnMappedColumn) * mapping->column_count);
	compile_columns(c, key, key_path, mapping->columns);
	compile_columns(c, set, set_path, mapping->columns + key->len);
}

static void
check_keys(MappingCompiler *c, const CnJson *source, const char *path)
{
	static const char *const known[] = {"table", "key", "set", "mode", NULL};

	for (int i = 0; i < source->len; i++)
	{
		const char *key = source->u.members[i].key;

		if (!cn_compile_listed(known, key))
			cn_problem(c->problems, cn_compile_child(path, key), "unknown key");
	}
}

/* ---- table and mode ---- */

/*
 * "table" or "schema.table".  As in SQL, a name without quotes is turned into
 * small letters; in quotes anything goes, and "" is one quote.
 */
static void
compile_table(MappingCompiler *c, const CnJson *value, const char *path, CnFieldMapping *mapping)
{
	const char *wrong = NULL;
	const char *at;

	if (value == NULL)
		cn_problem(c->problems, path, "the table is missing");
	else if (value->type != CN_JSON_STRING)
		cn_problem(c->problems, path, "expected a table's name, found %s",
				   cn_json_type_name(value->type));
	else
	{
		at = value->u.text;
		mapping->table = take_name(&at, &wrong);
		if (wrong == NULL && *at == '.')
		{
			at++;
			mapping->schema = mapping->table;
			mapping->table = take_name(&at, &wrong);
		}
		if (wrong == NULL && *at != '\0')
			wrong = "it is not \"table\" or \"schema.table\"";
		if (wrong)
			cn_problem(c->problems, path, "not the name of a table: %s", wrong);
	}
}

/* One identifier at *at, which is left behind it; sets *wrong if there is none. */
static const char *
take_name(const char **at, const char **wrong)
{
	StringInfoData name;
	const char *from = *at;
	bool		quoted = *from == '"';

	initStringInfo(&name);
	if (quoted)
	{
		for (from++; *from && (*from != '"' || from[1] == '"'); from++)
		{
			appendStringInfoChar(&name, *from);
			if (*from == '"')
				from++;
		}
		if (*from++ != '"')
		{
			*wrong = "a quoted name is not closed";
			return NULL;
		}
	}
	else if (!isdigit((unsigned char) *from) && *from != '$')
	{
		for (; isalnum((unsigned char) *from) || *from == '_' || *from == '$' ||
			 (unsigned char) *from >= 0x80; from++)
			appendStringInfoChar(&name, pg_ascii_tolower(*from));
	}
	*at = from;
	if (name.len == 0)
		*wrong = quoted ? "a name is empty" : "it is not \"table\" or \"schema.table\"";
	else if (name.len >= NAMEDATALEN)
		*wrong = psprintf("a name is longer than %d bytes", NAMEDATALEN - 1);
	return name.data;
}

static void
compile_mode(MappingCompiler *c, const CnJson *value, const char *path, CnFieldMapping *mapping)
{
	if (value == NULL)
		return;
	if (value->type == CN_JSON_STRING && strcmp(value->u.text, "update") == 0)
		mapping->mode = CN_MAPPING_UPDATE;
	else if (value->type == CN_JSON_STRING && strcmp(value->u.text, "upsert") == 0)
		mapping->mode = CN_MAPPING_UPSERT;
	else
		cn_problem(c->problems, path, "it is neither update nor upsert");
}

/* ---- columns ---- */

static bool
check_columns(MappingCompiler *c, const CnJson *value, const char *path)
{
	if (value == NULL)
		cn_problem(c->problems, path, "it is missing");
	else if (value->type != CN_JSON_OBJECT)
		cn_problem(c->problems, path, "expected an object of columns, found %s",
				   cn_json_type_name(value->type));
	else if (value->len == 0)
		cn_problem(c->problems, path, "it names no column");
	else
		return true;
	return false;
}

static void
check_repeated(MappingCompiler *c, const CnJson *key, const CnJson *set, const char *path)
{
	for (int i = 0; i < set->len; i++)
	{
		const char *name = set->u.members[i].key;

		if (cn_json_get(key, name))
			cn_problem(c->problems, cn_compile_child(path, name), "the column is in the key, too");
	}
}

static void
compile_columns(MappingCompiler *c, const CnJson *value, const char *path,
				CnMappedColumn *columns)
{
	for (int i = 0; i < value->len; i++)
	{
		const CnJsonMember *member = &value->u.members[i];
		char	   *where = cn_compile_child(path, member->key);

		if (member->key_len == 0 || member->key_len >= NAMEDATALEN)
			cn_problem(c->problems, where, "a column's name has 1 to %d bytes", NAMEDATALEN - 1);
		columns[i].name = member->key;
		compile_value(c, member->value, where, 1, &columns[i].value);
	}
}

/* ---- values ---- */

static void
compile_value(MappingCompiler *c, const CnJson *source, const char *path, int depth,
			  CnMappedValue *value)
{
	if (depth > CN_FIELD_MAPPING_DEPTH_MAX)
		cn_problem(c->problems, path, "nested deeper than %d levels", CN_FIELD_MAPPING_DEPTH_MAX);
	else if (source->type == CN_JSON_ARRAY || source->type == CN_JSON_OBJECT)
		compile_items(c, source, path, depth, value);
	else if (source->type == CN_JSON_STRING && strstr(source->u.text, "{{"))
		compile_template(c, source, path, value);
	else if (source->type == CN_JSON_STRING && source->u.text[0] == '$')
		compile_path(c, source, path, value);
	else
		value->literal = source;
}

static void
compile_items(MappingCompiler *c, const CnJson *source, const char *path, int depth,
			  CnMappedValue *value)
{
	bool		object = source->type == CN_JSON_OBJECT;

	if (source->len > CN_DEFINITION_MAX_ITEMS)
	{
		cn_problem(c->problems, path, "more than %d items", CN_DEFINITION_MAX_ITEMS);
		return;
	}
	value->kind = object ? CN_MAPPED_OBJECT : CN_MAPPED_ARRAY;
	value->count = source->len;
	value->items = palloc0(sizeof(CnMappedValue) * Max(source->len, 1));
	value->keys = palloc0(sizeof(char *) * Max(source->len, 1));
	for (int i = 0; i < source->len; i++)
	{
		char	   *where;

		if (object)
		{
			value->keys[i] = source->u.members[i].key;
			where = cn_compile_child(path, value->keys[i]);
			if (strstr(value->keys[i], "{{"))
				cn_problem(c->problems, where, "a key cannot have references");
		}
		else
			where = psprintf("%s[%d]", path, i);
		compile_value(c, object ? source->u.members[i].value : source->u.items[i], where,
					  depth + 1, &value->items[i]);
	}
}

/* ---- references ---- */

static void
problem_root(MappingCompiler *c, const char *path, const char *root)
{
	StringInfoData list;

	if (strcmp(root, "workspace") == 0)
	{
		cn_problem(c->problems, c->path, "\"%s\" cannot be used here", path);
		return;
	}
	initStringInfo(&list);
	for (const char *const *name = c->roots; *name; name++)
		appendStringInfo(&list, "%s, ", *name);
	cn_problem(c->problems, c->path,
			   "\"%s\" refers to nothing: a reference begins with %s" CN_OUTPUT_ROOT, path,
			   list.data);
}

static void
check_reference(void *arg, const char *path, const char *root)
{
	MappingCompiler *c = arg;

	if (c->in_filters && (c->visited++ == 0 || strcmp(root, CN_OUTPUT_SIGN) == 0))
		return;
	if (strcmp(root, CN_OUTPUT_ROOT) == 0)
		return;
	if (!cn_compile_listed(c->roots, root))
		problem_root(c, path, root);
	else if (strcmp(root, "execution") == 0 && strcmp(path, "execution.id") != 0)
		cn_problem(c->problems, c->path, "\"%s\" refers to nothing: execution has only id", path);
	else if (strcmp(root, "now") == 0 && strcmp(path, "now") != 0)
		cn_problem(c->problems, c->path, "\"%s\" refers to nothing: now has no members", path);
}

static void
check_template_expr(void *arg, const char *json_path, const CnExpr *expr, int offset)
{
	MappingCompiler *c = arg;

	c->path = json_path;
	c->in_filters = false;
	cn_expr_each_path(expr, check_reference, c);
}

static void
template_problem(void *arg, const char *json_path, const CnTemplateError *error)
{
	MappingCompiler *c = arg;

	cn_problem(c->problems, json_path, "%s (at byte %d)", error->message, error->offset);
}

static void
compile_template(MappingCompiler *c, const CnJson *source, const char *path, CnMappedValue *value)
{
	value->kind = CN_MAPPED_TEMPLATE;
	value->tmpl = cn_json_template_compile(source, path, template_problem, c);
	if (value->tmpl)
		cn_json_template_each_expr(value->tmpl, check_template_expr, c);
}

/* ---- paths ---- */

static void
compile_path(MappingCompiler *c, const CnJson *source, const char *path, CnMappedValue *value)
{
	const char *text = source->u.text;
	int			pipe = cn_expr_pipe(text, source->len);
	int			len = pipe;
	const char *wrong;

	while (len > 0 && isspace((unsigned char) text[len - 1]))
		len--;
	value->kind = CN_MAPPED_PATH;
	value->path.text = pnstrdup(text, len);
	value->path.many = cn_path_is_many(value->path.text);
	wrong = c->check_path ? c->check_path(value->path.text) : NULL;
	if (wrong)
		cn_problem(c->problems, path, "%s", wrong);
	else if (cn_expr_pipe_variable(text, len))
		cn_problem(c->problems, path,
				   "a text that begins with \"$\" is a path, and a path has no variables");
	if (pipe < source->len)
		compile_filters(c, source, pipe, path, value);
}

static void
compile_filters(MappingCompiler *c, const CnJson *source, int pipe, const char *path,
				CnMappedValue *value)
{
	CnExprError error;

	value->filters = cn_expr_parse_filters(source->u.text, source->len, pipe, &error);
	if (value->filters == NULL)
	{
		cn_problem(c->problems, path, "%s (at byte %d)", error.message, error.offset);
		return;
	}
	c->path = path;
	c->in_filters = true;
	c->visited = 0;
	cn_expr_each_path(value->filters, check_reference, c);
}
