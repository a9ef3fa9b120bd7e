/*
 * operation.c -- an operation becomes an action.
 *
 * Each parameter is one property of the input, under its name made plain ("page[size]" is
 * page_size).  The members of a JSON or form body are properties beside them, unless a name
 * is taken or the body is no plain object: then it is the property "body".
 */
#include "openapi/internal.h"

#include "expr/filters.h"

/* RFC 9110: these are the client's, and a description that lists them is to be ignored. */
static const char *const own_headers[] = {
	"accept", "content-type", "authorization", "content-length", "host", "user-agent", NULL
};

static bool add_parameters(CnOpenapiOperation *operation);
static bool add_body(CnOpenapiOperation *operation);

bool
cn_openapi_request(CnOpenapiOperation *operation)
{
	return add_parameters(operation) && add_body(operation);
}

static bool
refuse(CnOpenapiOperation *operation, const char *why)
{
	operation->refused = why;
	return false;
}

/* ---- input ---- */

static void
require(CnOpenapiOperation *operation, const char *property)
{
	cn_json_append(&operation->required, cn_json_string(property, -1));
}

/* The property for a parameter: its name made plain, or that with its place if it is taken. */
static const char *
add_property(CnOpenapiOperation *operation, const CnJson *parameter, const char *name,
			 const char *in)
{
	CnOpenapi  *import = operation->import;
	const char *property = cn_openapi_name(name);
	const CnJson *schema = cn_json_get(parameter, "schema");
	CnJsonMembers described = {0};
	CnJson	   *converted;

	if (cn_json_added(&operation->properties, property))
		property = psprintf("%s_%s", in, property);
	converted = schema ? cn_openapi_schema(import, schema) : cn_json_object(NULL, 0);
	for (int i = 0; i < converted->len; i++)
		cn_json_add(&described, converted->u.members[i].key, converted->u.members[i].value);
	cn_json_add(&described, "description", cn_json_get(parameter, "description"));
	cn_json_add(&operation->properties, property, cn_json_members(&described));
	cn_json_append(&operation->parameters, cn_json_string(property, -1));
	return property;
}

/* ---- parameters ---- */

static bool
is_required(const CnJson *parameter)
{
	const CnJson *required = cn_json_get(parameter, "required");

	return required && required->type == CN_JSON_BOOL && required->boolean;
}

/* Queries repeat the name of an array, which is form with explode; other styles are written out by few. */
static bool
is_deep(const CnOpenapiOperation *operation, const CnJson *parameter)
{
	const char *style = cn_json_get_string(parameter, "style");

	return (style && strcmp(style, "deepObject") == 0) ||
		cn_openapi_is(operation->import, cn_json_get(parameter, "schema"), "object");
}

static bool
is_joined(const CnOpenapiOperation *operation, const CnJson *parameter)
{
	const CnJson *explode = cn_json_get(parameter, "explode");

	return explode && explode->type == CN_JSON_BOOL && !explode->boolean &&
		cn_openapi_is(operation->import, cn_json_get(parameter, "schema"), "array");
}

static void
add_pair(CnJsonItems *list, const char *name, const char *property, bool optional)
{
	CnJsonMembers pair = {0};

	cn_json_add_text(&pair, "name", name);
	cn_json_add_text(&pair, "input", property);
	if (optional)
		cn_json_add(&pair, "optional", cn_json_bool(true));
	cn_json_append(list, cn_json_members(&pair));
}

static bool
add_query(CnOpenapiOperation *operation, const CnJson *parameter, const char *name)
{
	CnOpenapi  *import = operation->import;
	const char *property;

	if (is_deep(operation, parameter) || is_joined(operation, parameter))
	{
		if (is_required(parameter))
			return refuse(operation, psprintf("parameter %s is written in a form that is not supported", name));
		cn_openapi_note(import, "%s: parameter %s is left out, its form is not supported",
						operation->where, name);
		return true;
	}
	property = add_property(operation, parameter, name, "query");
	add_pair(&operation->query, name, property, !is_required(parameter));
	if (is_required(parameter))
		require(operation, property);
	return true;
}

static void
add_header(CnOpenapiOperation *operation, const CnJson *parameter, const char *name)
{
	const char *property;

	for (int i = 0; own_headers[i]; i++)
		if (pg_strcasecmp(name, own_headers[i]) == 0)
			return;
	if (!is_required(parameter))
		return;
	property = add_property(operation, parameter, name, "header");
	require(operation, property);
	cn_json_add_text(&operation->headers, name, psprintf("{{input.%s}}", property));
}

static bool
add_parameter(CnOpenapiOperation *operation, const CnJson *parameter)
{
	const char *in = cn_json_get_string(parameter, "in");
	const char *name = cn_json_get_string(parameter, "name");

	if (in == NULL || name == NULL || *name == '\0')
		return refuse(operation, "a parameter has no name or place, or its reference leads nowhere");
	if (strcmp(in, "path") == 0)
		require(operation, add_property(operation, parameter, name, in));
	else if (strcmp(in, "query") == 0)
		return add_query(operation, parameter, name);
	else if (strcmp(in, "header") == 0)
		add_header(operation, parameter, name);
	else if (is_required(parameter))
		return refuse(operation, psprintf("parameter %s is a cookie", name));
	else if (strcmp(in, "cookie") == 0)
		cn_openapi_note(operation->import, "%s: parameter %s is left out, it is a cookie",
						operation->where, name);
	return true;
}

static bool
is_same_parameter(const CnJson *a, const CnJson *b)
{
	return cn_json_get(a, "name") && cn_json_get(b, "name") &&
		cn_json_equal(cn_json_get(a, "name"), cn_json_get(b, "name")) &&
		cn_json_get(a, "in") && cn_json_get(b, "in") &&
		cn_json_equal(cn_json_get(a, "in"), cn_json_get(b, "in"));
}

/* Does the operation say of itself what the path says of all its operations? */
static bool
is_overridden(const CnOpenapiOperation *operation, const CnJson *parameter)
{
	const CnJson *own = cn_json_get(operation->source, "parameters");

	for (int i = 0; own && own->type == CN_JSON_ARRAY && i < own->len; i++)
		if (is_same_parameter(cn_openapi_follow(operation->import, own->u.items[i]), parameter))
			return true;
	return false;
}

static bool
add_parameter_list(CnOpenapiOperation *operation, const CnJson *list, bool shared)
{
	for (int i = 0; list && list->type == CN_JSON_ARRAY && i < list->len; i++)
	{
		const CnJson *parameter = cn_openapi_follow(operation->import, list->u.items[i]);

		if (shared && is_overridden(operation, parameter))
			continue;
		if (!add_parameter(operation, parameter))
			return false;
	}
	return true;
}

/* Parameters that only the path itself names; some descriptions forget to describe them. */
static void
add_undescribed(CnOpenapiOperation *operation)
{
	for (const char *at = strchr(operation->path, '{'); at; at = strchr(at + 1, '{'))
	{
		char	   *name = pnstrdup(at + 1, strcspn(at + 1, "}"));
		CnJsonMembers schema = {0};

		if (cn_json_added(&operation->properties, cn_openapi_name(name)))
			continue;
		cn_json_add_text(&schema, "type", "string");
		cn_json_add(&operation->properties, cn_openapi_name(name), cn_json_members(&schema));
		cn_json_append(&operation->parameters, cn_json_string(cn_openapi_name(name), -1));
		require(operation, cn_openapi_name(name));
	}
}

static bool
add_parameters(CnOpenapiOperation *operation)
{
	if (!add_parameter_list(operation, cn_json_get(operation->path_item, "parameters"), true) ||
		!add_parameter_list(operation, cn_json_get(operation->source, "parameters"), false))
		return false;
	add_undescribed(operation);
	return true;
}

/* ---- body ---- */

static bool
starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool
is_json_type(const char *type)
{
	return starts_with(type, "application/json") || strstr(type, "+json") != NULL ||
		strcmp(type, "*/*") == 0;
}

static bool
is_form_type(const char *type)
{
	return starts_with(type, "application/x-www-form-urlencoded");
}

static bool
is_text_type(const char *type)
{
	return starts_with(type, "text/") || starts_with(type, "application/xml");
}

static bool
is_binary_type(const char *type)
{
	return starts_with(type, "application/octet-stream");
}

/* The first media type of that kind, or NULL. */
static const CnJsonMember *
find_content(const CnJson *content, bool (*fits) (const char *type))
{
	for (int i = 0; content && content->type == CN_JSON_OBJECT && i < content->len; i++)
		if (fits(content->u.members[i].key))
			return &content->u.members[i];
	return NULL;
}

/* Can the members of the body be properties of the input beside the parameters? */
static bool
fits_beside(const CnOpenapiOperation *operation, const CnJson *schema)
{
	const CnJson *properties = cn_json_get(schema, "properties");

	if (properties == NULL || properties->len == 0 || cn_json_get(schema, "allOf") ||
		cn_json_get(schema, "anyOf") || cn_json_get(schema, "oneOf"))
		return false;
	if (cn_json_get(schema, "additionalProperties") &&
		cn_json_get(schema, "additionalProperties")->type != CN_JSON_BOOL)
		return false;
	if (properties->len > CN_FILTER_ARGS_MAX && operation->parameters.count > CN_FILTER_ARGS_MAX)
		return false;
	for (int i = 0; i < properties->len; i++)
		if (cn_json_added(&operation->properties, properties->u.members[i].key) ||
			strpbrk(properties->u.members[i].key, "\"\\'{}"))
			return false;
	return true;
}

/* {{input | pick("a", "b")}}, or what is shorter: {{input | omit("id")}}. */
static const char *
choose_members(const CnOpenapiOperation *operation, const CnJson *properties)
{
	bool		pick = properties->len <= CN_FILTER_ARGS_MAX;
	int			count = pick ? properties->len : operation->parameters.count;
	StringInfoData text;

	if (count == 0)
		return "{{input}}";
	initStringInfo(&text);
	appendStringInfo(&text, "{{input | %s(", pick ? "pick" : "omit");
	for (int i = 0; i < count; i++)
		appendStringInfo(&text, "%s\"%s\"", i > 0 ? ", " : "",
						 pick ? properties->u.members[i].key : operation->parameters.list[i]->u.text);
	appendStringInfoString(&text, ")}}");
	return text.data;
}

static void
add_members(CnOpenapiOperation *operation, const CnJson *schema, bool required)
{
	const CnJson *properties = cn_json_get(schema, "properties");
	const CnJson *needed = cn_json_get(schema, "required");

	for (int i = 0; i < properties->len; i++)
		cn_json_add(&operation->properties, properties->u.members[i].key,
					properties->u.members[i].value);
	for (int i = 0; required && needed && i < needed->len; i++)
		if (cn_json_get(properties, needed->u.items[i]->u.text))
			cn_json_append(&operation->required, needed->u.items[i]);
}

static const char *
add_whole_body(CnOpenapiOperation *operation, const CnJson *schema)
{
	const char *property = cn_json_added(&operation->properties, "body") ? "request_body" : "body";

	cn_json_add(&operation->properties, property, schema);
	require(operation, property);
	return property;
}

static void
json_body(CnOpenapiOperation *operation, const CnJson *schema, bool required)
{
	CnJson	   *converted = cn_openapi_schema(operation->import, schema);

	operation->body_type = "json";
	if (fits_beside(operation, converted))
	{
		const CnJson *properties = cn_json_get(converted, "properties");

		operation->body = cn_json_string(choose_members(operation, properties), -1);
		add_members(operation, converted, required);
	}
	else
		operation->body = cn_json_string(psprintf("{{input.%s}}", add_whole_body(operation, converted)), -1);
}

static bool
form_body(CnOpenapiOperation *operation, const CnJson *schema, bool required)
{
	CnJson	   *converted = cn_openapi_schema(operation->import, schema);
	const CnJson *properties = cn_json_get(converted, "properties");
	CnJsonItems fields = {0};

	if (properties == NULL)
		return refuse(operation, "the fields of its form are not described");
	if (!fits_beside(operation, converted))
		return refuse(operation, "the fields of its form have names that parameters have, too");
	for (int i = 0; i < properties->len; i++)
		add_pair(&fields, properties->u.members[i].key, properties->u.members[i].key, true);
	add_members(operation, converted, required);
	operation->body_type = "form";
	operation->body = cn_json_items(&fields);
	return true;
}

static void
text_body(CnOpenapiOperation *operation, const char *kind, const char *type, const char *meaning)
{
	CnJsonMembers schema = {0};

	cn_json_add_text(&schema, "type", "string");
	cn_json_add_text(&schema, "description", meaning);
	operation->body_type = kind;
	operation->body = cn_json_string(psprintf("{{input.%s}}", add_whole_body(operation, cn_json_members(&schema))), -1);
	cn_json_add_text(&operation->headers, "content-type", type);
}

static bool
add_body(CnOpenapiOperation *operation)
{
	const CnJson *body = cn_openapi_follow(operation->import, cn_json_get(operation->source, "requestBody"));
	const CnJson *content = cn_json_get(body, "content");
	const CnJsonMember *found;

	if (body == NULL || strcmp(operation->method, "get") == 0 || strcmp(operation->method, "head") == 0)
		return true;
	if ((found = find_content(content, is_json_type)) != NULL)
		json_body(operation, cn_json_get(found->value, "schema"), is_required(body));
	else if ((found = find_content(content, is_form_type)) != NULL)
		return form_body(operation, cn_json_get(found->value, "schema"), is_required(body));
	else if ((found = find_content(content, is_binary_type)) != NULL)
		text_body(operation, "binary", found->key, "The content, in base64.");
	else if ((found = find_content(content, is_text_type)) != NULL)
		text_body(operation, "text", found->key, "The content.");
	else
		return !is_required(body) || refuse(operation, "its body has no media type that is supported");
	return true;
}

/* ---- the action ---- */

/* "/repos/{owner}" gives "/repos/{{input.owner}}". */
static char *
path_template(const CnOpenapiOperation *operation)
{
	StringInfoData path;

	initStringInfo(&path);
	for (const char *at = operation->path; *at; at++)
	{
		const char *end = *at == '{' ? strchr(at, '}') : NULL;

		if (*at == '#')
			break;
		if (end == NULL)
		{
			appendStringInfoChar(&path, *at);
			continue;
		}
		appendStringInfo(&path, "{{input.%s}}", cn_openapi_name(pnstrdup(at + 1, end - at - 1)));
		at = end;
	}
	return path.data;
}

static CnJson *
input_schema(const CnOpenapiOperation *operation)
{
	CnJsonMembers schema = {0};

	cn_json_add_text(&schema, "type", "object");
	cn_json_add(&schema, "properties", cn_json_members(&operation->properties));
	if (operation->required.count > 0)
		cn_json_add(&schema, "required", cn_json_items(&operation->required));
	cn_json_add(&schema, "additionalProperties", cn_json_bool(false));
	return cn_json_members(&schema);
}

static const char *
title_of(const CnOpenapiOperation *operation)
{
	const char *title = cn_json_get_string(operation->source, "summary");

	if (title == NULL || *title == '\0')
		title = operation->where;
	return title;
}

void
cn_openapi_common(CnOpenapiOperation *operation, CnJsonMembers *object)
{
	const char *method = cn_method_name(operation->method);

	cn_json_add_text(object, "title", title_of(operation));
	cn_json_add_text(object, "documentation",
					 cn_json_get_string(cn_json_get(operation->source, "externalDocs"), "url"));
	cn_json_add_text(object, "method", method);
	cn_json_add_text(object, "path", path_template(operation));
	if (operation->query.count > 0)
		cn_json_add(object, "query", cn_json_items(&operation->query));
	if (operation->headers.count > 0)
		cn_json_add(object, "headers", cn_json_members(&operation->headers));
	if (operation->body_type)
	{
		cn_json_add_text(object, "body_type", operation->body_type);
		cn_json_add(object, "body", operation->body);
	}
	cn_json_add(object, "input_schema", input_schema(operation));
	cn_json_add(object, "scopes", cn_openapi_scopes(operation->import, operation->source));
}

CnJson *
cn_openapi_action(CnOpenapiOperation *operation)
{
	CnJsonMembers action = {0};

	cn_openapi_common(operation, &action);
	return cn_json_members(&action);
}

const CnJson *
cn_openapi_reply_schema(const CnOpenapiOperation *operation, const CnJson **reply)
{
	static const char *const statuses[] = {"200", "201", "2XX", "default", NULL};
	const CnJson *responses = cn_json_get(operation->source, "responses");

	for (int i = 0; statuses[i]; i++)
	{
		const CnJsonMember *found;

		*reply = cn_openapi_follow(operation->import, cn_json_get(responses, statuses[i]));
		found = find_content(cn_json_get(*reply, "content"), is_json_type);
		if (found)
			return cn_openapi_follow(operation->import, cn_json_get(found->value, "schema"));
	}
	return NULL;
}
