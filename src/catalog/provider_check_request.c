/*
 * provider_check_request.c -- an action or stream of a provider: as a definition, its input, its
 * templates.
 *
 * The definition is what the action was expanded into; the places of its problems are translated
 * back to where the author wrote what is wrong, and those of the provider's own parts, which
 * every action has, are reported once.
 */
#include "catalog/provider_checker.h"

#include "catalog/compile.h"
#include "catalog/provider_expand.h"

/* ---- where a problem stands ---- */

/* The rest of path behind prefix, or NULL: "$.query" of "$.query[0].value" gives "[0].value". */
static const char *
behind(const char *path, const char *prefix)
{
	size_t		len = strlen(prefix);

	if (strncmp(path, prefix, len) != 0 || (path[len] != '\0' && path[len] != '.' && path[len] != '['))
		return NULL;
	return path + len;
}

/* "[12].x" gives 12, and *rest ".x"; -1 if it does not begin so. */
static int
read_index(const char *text, const char **rest)
{
	int			index = -1;
	int			end = 0;

	if (sscanf(text, "[%d]%n", &index, &end) != 1 || end == 0)
		return -1;
	*rest = text + end;
	return index;
}

static int
length(const CnJson *value)
{
	return value && (value->type == CN_JSON_ARRAY || value->type == CN_JSON_OBJECT) ? value->len : 0;
}

/*
 * Parameters of an object became a list: [i].value was the member itself.  NULL if the i-th is none
 * of own.
 */
static char *
pair_place(const CnJson *own, const char *rest, const char *path)
{
	const char *inner;
	int			i = read_index(rest, &inner);

	if (i < 0)
		return psprintf("%s.query%s", path, rest);
	if (i >= length(own))
		return NULL;
	if (own->type == CN_JSON_ARRAY)
		return psprintf("%s.query%s", path, rest);
	if (behind(inner, ".value"))
		inner = behind(inner, ".value");
	return psprintf("%s%s", cn_compile_child(psprintf("%s.query", path), own->u.members[i].key), inner);
}

/* Headers are told apart by what stands behind "$.headers". */
static char *
header_place(const CnJson *own, const char *rest, const char *path)
{
	for (int i = 0; own && own->type == CN_JSON_OBJECT && i < own->len; i++)
		if (strcmp(cn_compile_child("", own->u.members[i].key), rest) == 0)
			return psprintf("%s.headers%s", path, rest);
	return rest[0] == '\0' ? psprintf("%s.headers", path) : NULL;
}

static char *
rule_place(const CnJson *own, const char *rest, const char *path)
{
	const char *inner;
	int			i = read_index(rest, &inner);

	return i >= length(own) ? NULL : psprintf("%s.error_rules%s", path, rest);
}

/*
 * Where in the provider a problem at found in the definition of action is, which stands at path;
 * NULL: in a part of the provider that all actions have.
 */
static char *
own_place(const CnJson *action, const char *path, const char *found)
{
	const char *rest;

	if (behind(found, "$.url"))
		return cn_compile_child(path, "path");
	if (behind(found, "$.credential"))
		return NULL;
	if ((rest = behind(found, "$.query")) != NULL)
		return pair_place(cn_json_get(action, "query"), rest, path);
	if ((rest = behind(found, "$.headers")) != NULL)
		return header_place(cn_json_get(action, "headers"), rest, path);
	if ((rest = behind(found, "$.error_rules")) != NULL)
		return rule_place(cn_json_get(action, "error_rules"), rest, path);
	if (behind(found, "$.error_message") && cn_json_get(action, "error_message") == NULL)
		return NULL;
	return psprintf("%s%s", path, found + 1);
}

/* ---- as a definition ---- */

void
cn_provider_check_common(CnProviderChecker *c)
{
	CnJsonMember path = {"path", 4, cn_json_string("", 0)};
	CnJson	   *config = cn_provider_expand_request(c->provider, cn_json_object(&path, 1), false, NULL);
	CnProblems	found = {NULL, 0};
	const CnJson *base = cn_json_get(c->provider, "base_url");
	bool		bad_base = !cn_provider_check_url(c, base, "$.base_url", true) || base == NULL;

	c->bad_base = bad_base;
	(void) cn_definition_compile_provided(config, false, c->rules->check_path, &found);
	for (int i = 0; i < found.count; i++)
	{
		const char *where = found.list[i].path;
		const char *rest;

		if (behind(where, "$.url"))
		{
			c->bad_base = true;
			if (bad_base)
				continue;
			where = "$.base_url";
		}
		else if ((rest = behind(where, "$.query")) != NULL)
			where = pair_place(cn_json_get(c->provider, "query"), rest, "$");
		else if (behind(where, "$.credential"))
			where = "$.name";
		cn_provider_say(c, where ? where : "$.query", "%s", found.list[i].message);
	}
}

static void
check_definition(CnProviderChecker *c, const CnJson *action, const char *path, bool is_stream)
{
	CnJson	   *config = cn_provider_expand_request(c->provider, action, is_stream, NULL);
	const CnJson *base = cn_json_get(action, "base_url");
	bool		has_base = base && base->type == CN_JSON_STRING;
	CnProblems	found = {NULL, 0};
	bool		bad_base = c->bad_base;

	if (has_base)
		bad_base = !cn_provider_check_url(c, base, cn_compile_child(path, "base_url"), true);
	if (config == NULL)
		return;					/* no object: the schema has said so */
	(void) cn_definition_compile_provided(config, is_stream, c->rules->check_path, &found);
	for (int i = 0; i < found.count; i++)
	{
		char	   *where = own_place(action, path, found.list[i].path);

		if (where && !(behind(found.list[i].path, "$.url") && bad_base))
			cn_provider_say(c, where, "%s", found.list[i].message);
	}
}

static void
check_path_member(CnProviderChecker *c, const CnJson *action, const char *path)
{
	const char *text = cn_json_get_string(action, "path");

	if (text && (pg_strncasecmp(text, "http://", 7) == 0 || pg_strncasecmp(text, "https://", 8) == 0))
		cn_provider_say(c, cn_compile_child(path, "path"),
						"it is a whole URL: write what stands before the path as \"base_url\"");
}

/* ---- input ---- */

/* Problems of one schema, which stands in the provider at path. */
typedef struct SchemaPlace
{
	CnProviderChecker *c;
	const CnJson *value;		/* that pointers lead into */
	const char *path;
} SchemaPlace;

static void
note_schema_problem(void *arg, const char *pointer, const char *message)
{
	SchemaPlace *place = arg;

	cn_provider_say(place->c, cn_provider_path(place->value, pointer, place->path), "%s", message);
}

static bool
note_violation(void *arg, const CnSchemaViolation *violation)
{
	note_schema_problem(arg, violation->instance_path, violation->message);
	return true;
}

static void
check_input_schema(CnProviderChecker *c, const CnJson *action, const char *path)
{
	const CnJson *schema = cn_json_get(action, "input_schema");
	SchemaPlace place = {c, schema, cn_compile_child(path, "input_schema")};

	if (schema)
		(void) cn_schema_compile(schema, c->rules->options, note_schema_problem, &place);
}

void
cn_provider_check_input(CnProviderChecker *c, const CnJson *action, const CnJson *input,
						const char *path)
{
	const CnJson *source = cn_json_get(action, "input_schema");
	SchemaPlace place = {c, input, path};
	CnSchema   *schema = source ? cn_schema_compile(source, c->rules->options, NULL, NULL) : NULL;

	if (schema)
		(void) cn_schema_validate(schema, input, c->rules->options, note_violation, &place, NULL);
}

/*
 * Where a schema says more than this looks at, or lets other members pass by its own words, any
 * name is declared; so it is without a schema.
 */
bool
cn_provider_declares(const CnJson *action, const char *name, int len)
{
	static const char *const more[] = {
		"$ref", "allOf", "anyOf", "oneOf", "patternProperties", "$dynamicRef"
	};
	const CnJson *schema = cn_json_get(action, "input_schema");
	const CnJson *others = cn_json_get(schema, "additionalProperties");

	if (schema == NULL || schema->type != CN_JSON_OBJECT)
		return true;
	for (int i = 0; i < lengthof(more); i++)
		if (cn_json_get(schema, more[i]))
			return true;
	if (others && !(others->type == CN_JSON_BOOL && !others->boolean))
		return true;
	return cn_json_get(cn_json_get(schema, "properties"), pnstrdup(name, len)) != NULL;
}

/* ---- references to the input ---- */

typedef struct Walk
{
	CnProviderChecker *c;
	const CnJson *action;
	const CnJson *more;			/* an object whose keys are input, too; or NULL */
	const char *path;			/* of the text being looked at */
} Walk;

static void
check_name(Walk *w, const char *name, int len)
{
	if (cn_provider_declares(w->action, name, len) ||
		(w->more && cn_json_get(w->more, pnstrdup(name, len))))
		return;
	cn_provider_say(w->c, w->path, "the input_schema has no property \"%.*s\"", len, name);
}

static void
check_reference(void *arg, const char *path, const char *root)
{
	const char *name = path + strlen("input");

	if (strcmp(root, "input") == 0 && name[0] == '.')
		check_name(arg, name + 1, strcspn(name + 1, ".["));
}

static void
check_expr(void *arg, const CnExpr *expr, int offset)
{
	cn_expr_each_path(expr, check_reference, arg);
}

static void walk_value(Walk *w, const CnJson *value, const char *path);

/* A listed parameter: "input" is a reference, "static" is none. */
static void
walk_pair(Walk *w, const CnJson *pair, const char *path)
{
	const char *type = cn_json_get_string(pair, "type");
	const char *key = type && strcmp(type, "input") == 0 ? "value" : "input";
	const char *input = cn_json_get_string(pair, key);

	w->path = cn_compile_child(path, key);
	if (input)
		check_name(w, input, strcspn(input, ".["));
	if (type == NULL && cn_json_get(pair, "value"))
		walk_value(w, cn_json_get(pair, "value"), cn_compile_child(path, "value"));
}

static void
walk_pairs(Walk *w, const CnJson *pairs, const char *path)
{
	if (pairs == NULL || pairs->type != CN_JSON_ARRAY)
	{
		walk_value(w, pairs, path);
		return;
	}
	for (int i = 0; i < pairs->len; i++)
		walk_pair(w, pairs->u.items[i], psprintf("%s[%d]", path, i));
}

static void
walk_value(Walk *w, const CnJson *value, const char *path)
{
	CnTemplateError error;
	CnTemplate *tmpl;

	if (value == NULL)
		return;
	if (value->type == CN_JSON_ARRAY)
		for (int i = 0; i < value->len; i++)
			walk_value(w, value->u.items[i], psprintf("%s[%d]", path, i));
	if (value->type == CN_JSON_OBJECT)
		for (int i = 0; i < value->len; i++)
			walk_value(w, value->u.members[i].value, cn_compile_child(path, value->u.members[i].key));
	if (value->type != CN_JSON_STRING)
		return;
	/* what is wrong with the template itself, the compiler says */
	tmpl = cn_template_parse(value->u.text, value->len, CN_PLACE_TEXT, &error);
	w->path = path;
	if (tmpl)
		cn_template_each_expr(tmpl, check_expr, w);
}

static void
check_references(CnProviderChecker *c, const CnJson *action, const char *path, const CnJson *more)
{
	Walk		w = {c, action, more, path};
	const char *body_type = cn_json_get_string(action, "body_type");
	char	   *body = cn_compile_child(path, "body");

	walk_value(&w, cn_json_get(action, "base_url"), cn_compile_child(path, "base_url"));
	walk_value(&w, cn_json_get(action, "path"), cn_compile_child(path, "path"));
	walk_value(&w, cn_json_get(action, "headers"), cn_compile_child(path, "headers"));
	walk_pairs(&w, cn_json_get(action, "query"), cn_compile_child(path, "query"));
	if (body_type && strcmp(body_type, "form") == 0)
		walk_pairs(&w, cn_json_get(action, "body"), body);
	else
		walk_value(&w, cn_json_get(action, "body"), body);
}

void
cn_provider_check_request(CnProviderChecker *c, const CnJson *action, const char *path,
						  bool is_stream, const CnJson *more)
{
	check_path_member(c, action, path);
	check_definition(c, action, path, is_stream);
	check_input_schema(c, action, path);
	check_references(c, action, path, more);
}
