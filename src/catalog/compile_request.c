/*
 * compile_request.c -- query, headers and body of a definition.
 */
#include "catalog/compile.h"
#include "core/chars.h"

/* ---- query and form ---- */

static void
refuse_object(CnCompiler *c, const CnJson *value, const char *path)
{
	if (value->type == CN_JSON_OBJECT)
		cn_problem(c->problems, path, "an object cannot be a parameter's value");
}

/* {"name": ..., "static": ...}, with "input", with "value", or the first two with type and value. */
static void
compile_listed_pair(CnCompiler *c, const CnJson *item, const char *path, CnPair *pair)
{
	static const char *const keys[] = {
		"name", "key", "static", "input", "optional", "type", "value", NULL
	};
	const char *type = cn_json_get_string(item, "type");
	const CnJson *fixed = cn_json_get(item, "static");
	const char *input = cn_json_get_string(item, "input");
	const CnJson *optional = cn_json_get(item, "optional");
	const CnJson *value = cn_json_get(item, "value");

	if (item->type != CN_JSON_OBJECT)
	{
		cn_problem(c->problems, path, "expected an object with name and static or input");
		return;
	}
	cn_compile_keys(c, item, path, keys, NULL);
	pair->name = cn_json_get_string(item, "name");
	if (pair->name == NULL)
		pair->name = cn_json_get_string(item, "key");
	if (pair->name == NULL || pair->name[0] == '\0')
		cn_problem(c->problems, path, "\"name\" is missing");
	pair->optional = optional && optional->type == CN_JSON_BOOL && optional->boolean;

	if (type && strcmp(type, "static") == 0)
		fixed = cn_json_get(item, "value");
	else if (type && strcmp(type, "input") == 0)
		input = cn_json_get_string(item, "value");
	else if (type)
		cn_problem(c->problems, cn_compile_child(path, "type"), "\"%s\" is neither static nor input", type);

	if (fixed)
		pair->fixed = fixed;
	else if (input)
	{
		char	   *text = psprintf("{{input.%s}}", input);

		pair->value = cn_compile_json(c, cn_json_string(text, -1), cn_compile_child(path, "input"));
	}
	else if (type == NULL && value)
	{
		pair->value = cn_compile_json(c, value, cn_compile_child(path, "value"));
		refuse_object(c, value, cn_compile_child(path, "value"));
	}
	else
		cn_problem(c->problems, path, "it has neither \"static\" nor \"input\" nor \"value\"");
}

/* The pairs of a query or form; an object or a list. */
static void
compile_pairs(CnCompiler *c, const CnJson *value, const char *path, CnPair **pairs, int *count)
{
	if (value->type != CN_JSON_OBJECT && value->type != CN_JSON_ARRAY)
	{
		cn_problem(c->problems, path, "expected an object or a list, found %s",
				   cn_json_type_name(value->type));
		return;
	}
	if (!cn_compile_count(c, value, path))
		return;
	*pairs = palloc0(sizeof(CnPair) * (value->len + 1));
	*count = value->len;
	for (int i = 0; i < value->len; i++)
	{
		CnPair	   *pair = &(*pairs)[i];

		if (value->type == CN_JSON_ARRAY)
		{
			compile_listed_pair(c, value->u.items[i], psprintf("%s[%d]", path, i), pair);
			continue;
		}
		pair->name = value->u.members[i].key;
		pair->value = cn_compile_json(c, value->u.members[i].value, cn_compile_child(path, pair->name));
		refuse_object(c, value->u.members[i].value, cn_compile_child(path, pair->name));
	}
}

void
cn_compile_query(CnCompiler *c, const CnJson *value)
{
	compile_pairs(c, value, cn_compile_child(c->step->path, "query"), &c->step->query,
				  &c->step->query_count);
}

/* ---- headers ---- */

void
cn_compile_headers(CnCompiler *c, const CnJson *value)
{
	CnStepDef  *step = c->step;
	char	   *base = cn_compile_child(step->path, "headers");

	if (value->type != CN_JSON_OBJECT)
	{
		cn_problem(c->problems, base, "expected an object, found %s",
				   cn_json_type_name(value->type));
		return;
	}
	if (!cn_compile_count(c, value, base))
		return;
	step->headers = palloc0(sizeof(CnHeaderDef) * (value->len + 1));
	for (int i = 0; i < value->len; i++)
	{
		const CnJsonMember *member = &value->u.members[i];
		char	   *path = cn_compile_child(base, member->key);
		CnHeaderDef *header = &step->headers[step->header_count];
		const char *text;
		int			len;

		if (!cn_is_token(member->key))
			cn_problem(c->problems, path, "this is not the name of a header");
		else if (cn_is_reserved_header(member->key))
			cn_problem(c->problems, path, "header \"%s\" is set by the connection itself", member->key);
		if (member->value->type == CN_JSON_ARRAY || member->value->type == CN_JSON_OBJECT ||
			member->value->type == CN_JSON_NULL)
		{
			cn_problem(c->problems, path, "expected a string, found %s",
					   cn_json_type_name(member->value->type));
			continue;
		}
		text = cn_expr_text(member->value, &len);
		header->name = member->key;
		header->path = path;
		header->value = cn_compile_text(c, text, len, CN_PLACE_HEADER, path, false);
		step->header_count++;
	}
}

/* ---- body ---- */

static bool
body_kind_of(const char *name, CnBodyKind *kind)
{
	static const struct
	{
		const char *name;
		CnBodyKind	kind;
	}			kinds[] = {
		{"json", CN_BODY_JSON}, {"form", CN_BODY_FORM}, {"multipart", CN_BODY_MULTIPART},
		{"text", CN_BODY_TEXT}, {"binary", CN_BODY_BINARY}, {"none", CN_BODY_NONE},
	};

	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(kinds[i].name, name) == 0)
		{
			*kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

static void
compile_part(CnCompiler *c, const CnJson *item, const char *path, CnPartDef *part)
{
	static const char *const keys[] = {
		"name", "value", "text", "base64", "json", "filename", "content_type", NULL
	};
	const CnJson *json = cn_json_get(item, "json");
	int			contents;

	if (item->type != CN_JSON_OBJECT)
	{
		cn_problem(c->problems, path, "expected an object, found %s", cn_json_type_name(item->type));
		return;
	}
	cn_compile_keys(c, item, path, keys, NULL);
	part->path = path;
	part->name = cn_compile_member(c, item, "name", path, true);
	part->filename = cn_compile_member(c, item, "filename", path, true);
	part->content_type = cn_compile_member(c, item, "content_type", path, true);
	part->text = cn_compile_member(c, item, cn_json_get(item, "value") ? "value" : "text", path, false);
	part->base64 = cn_compile_member(c, item, "base64", path, true);
	if (json)
		part->json = cn_compile_json(c, json, cn_compile_child(path, "json"));
	if (cn_json_get(item, "name") == NULL)
		cn_problem(c->problems, path, "\"name\" is missing");
	contents = (cn_json_get(item, "value") != NULL) + (cn_json_get(item, "text") != NULL) +
		(cn_json_get(item, "base64") != NULL) + (json != NULL);
	if (contents != 1)
		cn_problem(c->problems, path, "a part has one of \"value\", \"text\", \"base64\" and \"json\"");
}

/* Only we know the boundary; a type without it would make the body unreadable. */
static void
refuse_content_type(CnCompiler *c)
{
	const CnStepDef *step = c->step;

	for (int i = 0; i < step->header_count; i++)
		if (pg_strcasecmp(step->headers[i].name, "content-type") == 0)
			cn_problem(c->problems,
					   cn_compile_child(cn_compile_child(step->path, "headers"),
										step->headers[i].name),
					   "a multipart body sets its type itself");
}

static void
compile_parts(CnCompiler *c, const CnJson *body, const char *path)
{
	if (body->type != CN_JSON_ARRAY)
	{
		cn_problem(c->problems, path, "a multipart body is a list of parts, found %s",
				   cn_json_type_name(body->type));
		return;
	}
	if (!cn_compile_count(c, body, path))
		return;
	refuse_content_type(c);
	c->step->parts = palloc0(sizeof(CnPartDef) * (body->len + 1));
	c->step->part_count = body->len;
	for (int i = 0; i < body->len; i++)
		compile_part(c, body->u.items[i], psprintf("%s[%d]", path, i), &c->step->parts[i]);
}

static void
compile_text_body(CnCompiler *c, const CnJson *body, const char *path, bool no_secrets)
{
	if (body->type != CN_JSON_STRING)
		cn_problem(c->problems, path, "a body of this type is a string, found %s",
				   cn_json_type_name(body->type));
	else
		c->step->body_text = cn_compile_text(c, body->u.text, body->len, CN_PLACE_TEXT, path, no_secrets);
}

void
cn_compile_body(CnCompiler *c, const CnJson *config)
{
	CnStepDef  *step = c->step;
	char	   *path = cn_compile_child(step->path, "body");
	const CnJson *body = cn_json_get(config, "body");
	const CnJson *type = cn_json_get(config, "body_type");

	if (type == NULL)
		type = cn_json_get(config, "bodyType");
	step->body_kind = body ? CN_BODY_JSON : CN_BODY_NONE;
	if (type && (type->type != CN_JSON_STRING || !body_kind_of(type->u.text, &step->body_kind)))
		cn_problem(c->problems, cn_compile_child(step->path, "body_type"),
				   "it is none of json, form, multipart, text, binary and none");
	if (step->body_kind != CN_BODY_NONE && body == NULL)
		cn_problem(c->problems, path, "the body is missing");
	if (body == NULL)
		return;
	if (step->method && (strcmp(step->method, "HEAD") == 0 || strcmp(step->method, "GET") == 0))
		cn_problem(c->problems, path, "a %s request has no body", step->method);

	switch (step->body_kind)
	{
		case CN_BODY_NONE:
			cn_problem(c->problems, path, "there is a body, and its type is none");
			break;
		case CN_BODY_JSON:
			step->body_json = cn_compile_json(c, body, path);
			break;
		case CN_BODY_FORM:
			compile_pairs(c, body, path, &step->form, &step->form_count);
			break;
		case CN_BODY_MULTIPART:
			compile_parts(c, body, path);
			break;
		case CN_BODY_TEXT:
			compile_text_body(c, body, path, false);
			break;
		case CN_BODY_BINARY:
			compile_text_body(c, body, path, true);
			break;
	}
}
