/*
 * definition.c -- a connector's definition, checked and compiled.
 */
#include "catalog/definition.h"

#include <ctype.h>

/* Timeouts of a step, as DESIGN's limits: 1 to 60 seconds. */
#define MIN_TIMEOUT_MS 1000
#define MAX_TIMEOUT_MS 60000

/* State of one compilation. */
typedef struct Compiler
{
	CnDefinition *def;
	CnProblems *problems;
	CnPathCheck check_path;
	const char *path;			/* of the template whose references are being checked */
	bool		no_secrets;		/* it may not refer to the credential */
} Compiler;

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", NULL};

/* Keys of a definition, with those under which other documents know them. */
static const char *const known_keys[] = {
	"type", "name", "description", "method", "url", "credential", "query", "headers", "body",
	"body_type", "bodyType", "output", "response", "timeout_ms", "timeoutMs", NULL
};

/* What libcurl or the protocol sets; a definition that did would break framing or routing. */
static const char *const reserved_headers[] = {
	"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
	"upgrade", "expect", "proxy-authorization", "proxy-connection", NULL
};

void
cn_problem(CnProblems *problems, const char *path, const char *fmt,...)
{
	StringInfoData buf;
	CnProblem  *problem;

	initStringInfo(&buf);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&buf, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&buf, needed);
	}

	if (problems->list == NULL)
		problems->list = palloc(sizeof(CnProblem));
	else
		problems->list = repalloc(problems->list, sizeof(CnProblem) * (problems->count + 1));
	problem = &problems->list[problems->count++];
	problem->path = pstrdup(path);
	problem->message = buf.data;
}

static bool
listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (pg_strcasecmp(*names, name) == 0)
			return true;
	return false;
}

const char *
cn_method_name(const char *name)
{
	for (const char *const *method = methods; *method; method++)
		if (pg_strcasecmp(*method, name) == 0)
			return *method;
	return NULL;
}

/* "$.headers" and "x-y" give $.headers."x-y". */
static char *
child_path(const char *path, const char *key)
{
	bool		plain = key[0] != '\0' && !isdigit((unsigned char) key[0]);

	for (const char *at = key; *at; at++)
		plain = plain && (isalnum((unsigned char) *at) || *at == '_');
	return plain ? psprintf("%s.%s", path, key) : psprintf("%s.\"%s\"", path, key);
}

/* ---- references ---- */

/* Is the text "workspace.<one name>"? */
static bool
is_credential_field(const char *path)
{
	const char *name = path + strlen("workspace");

	return name[0] == '.' && name[1] != '\0' && strpbrk(name + 1, ".[") == NULL;
}

static void
check_path_root(void *arg, const char *path, const char *root)
{
	Compiler   *c = arg;

	if (strcmp(root, "workspace") == 0)
	{
		c->def->uses_workspace = true;
		if (!is_credential_field(path))
			cn_problem(c->problems, c->path,
					   "\"%s\" is not workspace.<field of the credential>", path);
		else if (c->no_secrets)
			cn_problem(c->problems, c->path, "\"%s\" cannot be used here", path);
		else if (c->def->service == NULL)
			cn_problem(c->problems, c->path,
					   "\"%s\" needs a credential, and the definition names none", path);
	}
	else if (strcmp(root, "input") != 0 && strcmp(root, "execution") != 0 && strcmp(root, "now") != 0)
		cn_problem(c->problems, c->path,
				   "\"%s\" refers to nothing: a reference begins with input, workspace, execution or now",
				   path);
	else if (strcmp(root, "execution") == 0 && strcmp(path, "execution.id") != 0)
		cn_problem(c->problems, c->path, "\"%s\" refers to nothing: execution has only id", path);
	else if (strcmp(root, "now") == 0 && strcmp(path, "now") != 0)
		cn_problem(c->problems, c->path, "\"%s\" refers to nothing: now has no members", path);
}

static void
refuse_workspace_argument(void *arg, const char *path, const char *root)
{
	Compiler   *c = arg;

	if (strcmp(root, "workspace") == 0)
		cn_problem(c->problems, c->path, "\"%s\" cannot be the argument of a filter", path);
}

/*
 * A secret stands in for itself until the request is sealed, so no filter may
 * look at it: what it would change is not the secret.
 */
static void
check_expr(void *arg, const CnExpr *expr, int offset)
{
	Compiler   *c = arg;
	bool		secret = strcmp(cn_expr_root(expr), "workspace") == 0;

	cn_expr_each_path(expr, check_path_root, c);
	if (secret && cn_expr_filter_count(expr) > 0)
		cn_problem(c->problems, c->path, "\"%s\" takes no filter", cn_expr_path(expr));
	else if (!secret)
		cn_expr_each_path(expr, refuse_workspace_argument, c);
}

static void
check_json_expr(void *arg, const char *json_path, const CnExpr *expr, int offset)
{
	Compiler   *c = arg;

	c->path = json_path;
	check_expr(c, expr, offset);
}

/* ---- templates ---- */

static CnTemplate *
compile_text(Compiler *c, const char *text, int len, CnPlace place, const char *path,
			 bool no_secrets)
{
	CnTemplateError error;
	CnTemplate *tmpl = cn_template_parse(text, len, place, &error);

	if (tmpl == NULL)
	{
		cn_problem(c->problems, path, "%s (at byte %d)", error.message, error.offset);
		return NULL;
	}
	c->path = path;
	c->no_secrets = no_secrets;
	cn_template_each_expr(tmpl, check_expr, c);
	c->no_secrets = false;
	return tmpl;
}

static void
template_problem(void *arg, const char *json_path, const CnTemplateError *error)
{
	Compiler   *c = arg;

	cn_problem(c->problems, json_path, "%s (at byte %d)", error->message, error->offset);
}

static CnJsonTemplate *
compile_json(Compiler *c, const CnJson *value, const char *path)
{
	CnJsonTemplate *tmpl = cn_json_template_compile(value, path, template_problem, c);

	if (tmpl)
		cn_json_template_each_expr(tmpl, check_json_expr, c);
	return tmpl;
}

/* A member that must be a string template, or NULL if absent. */
static CnTemplate *
compile_member(Compiler *c, const CnJson *object, const char *key, const char *path,
			   bool no_secrets)
{
	const CnJson *value = cn_json_get(object, key);
	char	   *where = child_path(path, key);

	if (value == NULL)
		return NULL;
	if (value->type != CN_JSON_STRING)
	{
		cn_problem(c->problems, where, "expected a string, found %s",
				   cn_json_type_name(value->type));
		return NULL;
	}
	return compile_text(c, value->u.text, value->len, CN_PLACE_TEXT, where, no_secrets);
}

/* ---- query and form ---- */

/* {"name": ..., "static": ...}, {"name": ..., "input": ...}, or the same with type and value. */
static void
compile_listed_pair(Compiler *c, const CnJson *item, const char *path, CnPair *pair)
{
	const char *type = cn_json_get_string(item, "type");
	const CnJson *fixed = cn_json_get(item, "static");
	const char *input = cn_json_get_string(item, "input");
	const CnJson *optional = cn_json_get(item, "optional");

	if (item->type != CN_JSON_OBJECT)
	{
		cn_problem(c->problems, path, "expected an object with name and static or input");
		return;
	}
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
		cn_problem(c->problems, child_path(path, "type"), "\"%s\" is neither static nor input", type);

	if (fixed)
		pair->fixed = fixed;
	else if (input)
	{
		char	   *text = psprintf("{{input.%s}}", input);

		pair->value = compile_json(c, cn_json_string(text, -1), child_path(path, "input"));
	}
	else
		cn_problem(c->problems, path, "it has neither \"static\" nor \"input\"");
}

static bool
check_count(Compiler *c, const CnJson *value, const char *path)
{
	if (value->len > CN_DEFINITION_MAX_ITEMS)
	{
		cn_problem(c->problems, path, "more than %d items", CN_DEFINITION_MAX_ITEMS);
		return false;
	}
	return true;
}

/* The pairs of a query or form; an object or a list. */
static void
compile_pairs(Compiler *c, const CnJson *value, const char *path, CnPair **pairs, int *count)
{
	if (value->type != CN_JSON_OBJECT && value->type != CN_JSON_ARRAY)
	{
		cn_problem(c->problems, path, "expected an object or a list, found %s",
				   cn_json_type_name(value->type));
		return;
	}
	if (!check_count(c, value, path))
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
		pair->value = compile_json(c, value->u.members[i].value, child_path(path, pair->name));
		if (value->u.members[i].value->type == CN_JSON_OBJECT)
			cn_problem(c->problems, child_path(path, pair->name), "an object cannot be a parameter's value");
	}
}

/* ---- headers ---- */

/* RFC 9110, 5.6.2: token. */
static bool
is_token(const char *text)
{
	return text[0] != '\0' &&
		strspn(text, "!#$%&'*+-.^_`|~0123456789"
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(text);
}

static void
compile_headers(Compiler *c, const CnJson *value)
{
	CnDefinition *def = c->def;

	if (value->type != CN_JSON_OBJECT)
	{
		cn_problem(c->problems, "$.headers", "expected an object, found %s",
				   cn_json_type_name(value->type));
		return;
	}
	if (!check_count(c, value, "$.headers"))
		return;
	def->headers = palloc0(sizeof(CnHeaderDef) * (value->len + 1));
	for (int i = 0; i < value->len; i++)
	{
		const CnJsonMember *member = &value->u.members[i];
		char	   *path = child_path("$.headers", member->key);
		CnHeaderDef *header = &def->headers[def->header_count];
		const char *text;
		int			len;

		if (!is_token(member->key))
			cn_problem(c->problems, path, "this is not the name of a header");
		else if (listed(reserved_headers, member->key))
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
		header->value = compile_text(c, text, len, CN_PLACE_HEADER, path, false);
		def->header_count++;
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
compile_part(Compiler *c, const CnJson *item, const char *path, CnPartDef *part)
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
	for (int i = 0; i < item->len; i++)
		if (!listed(keys, item->u.members[i].key))
			cn_problem(c->problems, child_path(path, item->u.members[i].key), "unknown key");
	part->name = compile_member(c, item, "name", path, true);
	part->filename = compile_member(c, item, "filename", path, true);
	part->content_type = compile_member(c, item, "content_type", path, true);
	part->text = compile_member(c, item, cn_json_get(item, "value") ? "value" : "text", path, false);
	part->base64 = compile_member(c, item, "base64", path, true);
	if (json)
		part->json = compile_json(c, json, child_path(path, "json"));
	if (cn_json_get(item, "name") == NULL)
		cn_problem(c->problems, path, "\"name\" is missing");
	contents = (cn_json_get(item, "value") != NULL) + (cn_json_get(item, "text") != NULL) +
		(cn_json_get(item, "base64") != NULL) + (json != NULL);
	if (contents != 1)
		cn_problem(c->problems, path, "a part has one of \"value\", \"text\", \"base64\" and \"json\"");
}

static void
compile_parts(Compiler *c, const CnJson *body)
{
	if (body->type != CN_JSON_ARRAY)
	{
		cn_problem(c->problems, "$.body", "a multipart body is a list of parts, found %s",
				   cn_json_type_name(body->type));
		return;
	}
	if (!check_count(c, body, "$.body"))
		return;
	c->def->parts = palloc0(sizeof(CnPartDef) * (body->len + 1));
	c->def->part_count = body->len;
	for (int i = 0; i < body->len; i++)
		compile_part(c, body->u.items[i], psprintf("$.body[%d]", i), &c->def->parts[i]);
}

static void
compile_text_body(Compiler *c, const CnJson *body, bool no_secrets)
{
	if (body->type != CN_JSON_STRING)
		cn_problem(c->problems, "$.body", "a body of this type is a string, found %s",
				   cn_json_type_name(body->type));
	else
		c->def->body_text = compile_text(c, body->u.text, body->len, CN_PLACE_TEXT, "$.body", no_secrets);
}

static void
compile_body(Compiler *c, const CnJson *config)
{
	CnDefinition *def = c->def;
	const CnJson *body = cn_json_get(config, "body");
	const CnJson *type = cn_json_get(config, "body_type");

	if (type == NULL)
		type = cn_json_get(config, "bodyType");
	def->body_kind = body ? CN_BODY_JSON : CN_BODY_NONE;
	if (type && (type->type != CN_JSON_STRING || !body_kind_of(type->u.text, &def->body_kind)))
		cn_problem(c->problems, "$.body_type",
				   "it is none of json, form, multipart, text, binary and none");
	if (def->body_kind != CN_BODY_NONE && body == NULL)
		cn_problem(c->problems, "$.body", "the body is missing");
	if (body == NULL)
		return;
	if (def->method && (strcmp(def->method, "HEAD") == 0 || strcmp(def->method, "GET") == 0))
		cn_problem(c->problems, "$.body", "a %s request has no body", def->method);

	switch (def->body_kind)
	{
		case CN_BODY_NONE:
			cn_problem(c->problems, "$.body", "there is a body, and its type is none");
			break;
		case CN_BODY_JSON:
			def->body_json = compile_json(c, body, "$.body");
			break;
		case CN_BODY_FORM:
			compile_pairs(c, body, "$.body", &def->form, &def->form_count);
			break;
		case CN_BODY_MULTIPART:
			compile_parts(c, body);
			break;
		case CN_BODY_TEXT:
			compile_text_body(c, body, false);
			break;
		case CN_BODY_BINARY:
			compile_text_body(c, body, true);
			break;
	}
}

/* ---- reply ---- */

static void
compile_output(Compiler *c, const char *key, const CnJson *value, const char *path)
{
	CnOutputDef *output = &c->def->outputs[c->def->output_count++];
	const char *wrong;

	if (value->type != CN_JSON_STRING)
	{
		cn_problem(c->problems, path, "expected a path, found %s", cn_json_type_name(value->type));
		return;
	}
	output->key = key;
	output->path = cn_path_text(value->u.text);
	output->many = cn_path_is_many(output->path);
	wrong = c->check_path ? c->check_path(output->path) : NULL;
	if (wrong)
		cn_problem(c->problems, path, "%s", wrong);
}

static void
compile_outputs(Compiler *c, const CnJson *value)
{
	CnDefinition *def = c->def;

	def->has_output = true;
	if (value->type == CN_JSON_STRING)
	{
		def->outputs = palloc0(sizeof(CnOutputDef));
		compile_output(c, NULL, value, "$.output");
	}
	else if (value->type == CN_JSON_OBJECT && check_count(c, value, "$.output"))
	{
		def->outputs = palloc0(sizeof(CnOutputDef) * (value->len + 1));
		for (int i = 0; i < value->len; i++)
			compile_output(c, value->u.members[i].key, value->u.members[i].value,
						   child_path("$.output", value->u.members[i].key));
	}
	else if (value->type != CN_JSON_OBJECT)
		cn_problem(c->problems, "$.output", "expected a path or an object of paths, found %s",
				   cn_json_type_name(value->type));
}

static void
compile_reply_kind(Compiler *c, const CnJson *value)
{
	static const char *const names[] = {"auto", "json", "text", "binary", "none"};

	for (int i = 0; value->type == CN_JSON_STRING && i < lengthof(names); i++)
	{
		if (strcmp(names[i], value->u.text) == 0)
		{
			c->def->reply_kind = (CnReplyKind) i;
			return;
		}
	}
	cn_problem(c->problems, "$.response", "it is none of auto, json, text, binary and none");
}

/* ---- the rest ---- */

static void
compile_credential(Compiler *c, const CnJson *value)
{
	CnDefinition *def = c->def;

	def->label = "default";
	if (value->type == CN_JSON_STRING)
	{
		const char *slash = strchr(value->u.text, '/');

		def->service = slash ? pnstrdup(value->u.text, slash - value->u.text) : value->u.text;
		if (slash)
			def->label = slash + 1;
	}
	else if (value->type == CN_JSON_OBJECT)
	{
		def->service = cn_json_get_string(value, "service");
		if (cn_json_get(value, "label"))
			def->label = cn_json_get_string(value, "label");
	}
	if (def->service == NULL || def->service[0] == '\0' ||
		def->label == NULL || def->label[0] == '\0')
		cn_problem(c->problems, "$.credential",
				   "expected \"service\", \"service/label\" or {\"service\": ..., \"label\": ...}");
}

static void
compile_method_and_url(Compiler *c, const CnJson *config)
{
	const CnJson *method = cn_json_get(config, "method");
	const CnJson *url = cn_json_get(config, "url");

	if (method == NULL)
		c->def->method = "GET";
	else if (method->type == CN_JSON_STRING)
		c->def->method = cn_method_name(method->u.text);
	if (c->def->method == NULL)
		cn_problem(c->problems, "$.method", "it is none of GET, POST, PUT, PATCH, DELETE and HEAD");

	if (url == NULL)
		cn_problem(c->problems, "$.url", "the URL is missing");
	else if (url->type != CN_JSON_STRING)
		cn_problem(c->problems, "$.url", "expected a string, found %s", cn_json_type_name(url->type));
	else
		c->def->url = compile_text(c, url->u.text, url->len, CN_PLACE_URL, "$.url", false);
}

static void
compile_timeout(Compiler *c, const CnJson *value)
{
	double		ms = value->type == CN_JSON_NUMBER ? strtod(value->u.text, NULL) : 0;

	if (ms < MIN_TIMEOUT_MS || ms > MAX_TIMEOUT_MS || ms != (int) ms)
		cn_problem(c->problems, "$.timeout_ms", "expected a whole number from %d to %d",
				   MIN_TIMEOUT_MS, MAX_TIMEOUT_MS);
	else
		c->def->timeout_ms = (int) ms;
}

static void
check_keys(Compiler *c, const CnJson *config)
{
	const char *type = cn_json_get_string(config, "type");

	if (cn_json_get(config, "steps"))
		cn_problem(c->problems, "$.steps", "connectors of several steps are not supported");
	else if (cn_json_get(config, "type") &&
			 (type == NULL || (strcmp(type, "single") != 0 && strcmp(type, "single-step") != 0)))
		cn_problem(c->problems, "$.type", "the only supported type is single");
	for (int i = 0; i < config->len; i++)
	{
		const char *key = config->u.members[i].key;

		if (!listed(known_keys, key) && strcmp(key, "steps") != 0)
			cn_problem(c->problems, child_path("$", key), "unknown key");
	}
}

CnDefinition *
cn_definition_compile(const CnJson *config, CnPathCheck check_path, CnProblems *problems)
{
	Compiler	c = {.problems = problems,.check_path = check_path};
	const CnJson *value;

	memset(problems, 0, sizeof(*problems));
	c.def = palloc0(sizeof(CnDefinition));
	if (config->type != CN_JSON_OBJECT)
	{
		cn_problem(problems, "$", "expected an object, found %s", cn_json_type_name(config->type));
		return NULL;
	}
	check_keys(&c, config);
	if ((value = cn_json_get(config, "credential")) != NULL)
		compile_credential(&c, value);
	compile_method_and_url(&c, config);
	if ((value = cn_json_get(config, "query")) != NULL)
		compile_pairs(&c, value, "$.query", &c.def->query, &c.def->query_count);
	if ((value = cn_json_get(config, "headers")) != NULL)
		compile_headers(&c, value);
	compile_body(&c, config);
	if ((value = cn_json_get(config, "output")) != NULL)
		compile_outputs(&c, value);
	if ((value = cn_json_get(config, "response")) != NULL)
		compile_reply_kind(&c, value);
	if ((value = cn_json_get(config, "timeout_ms")) != NULL ||
		(value = cn_json_get(config, "timeoutMs")) != NULL)
		compile_timeout(&c, value);
	return problems->count == 0 ? c.def : NULL;
}
