/*
 * definition.c -- a connector's definition, checked and compiled.
 */
#include "catalog/compile.h"

#include <ctype.h>

#include "http/url.h"

/* Timeouts of a step, as DESIGN's limits: 1 to 60 seconds. */
#define MIN_TIMEOUT_MS 1000
#define MAX_TIMEOUT_MS 60000

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", NULL};

/* Keys of a definition, with those under which other documents know them. */
static const char *const known_keys[] = {
	"type", "name", "description", "method", "url", "credential", "query", "headers", "body",
	"body_type", "bodyType", "output", "response", "timeout_ms", "timeoutMs", NULL
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

/* JSON keys are told apart by case. */
bool
cn_compile_listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
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
char *
cn_compile_child(const char *path, const char *key)
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
	CnCompiler   *c = arg;

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
	CnCompiler   *c = arg;

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
	CnCompiler   *c = arg;
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
	CnCompiler   *c = arg;

	c->path = json_path;
	check_expr(c, expr, offset);
}

/* ---- templates ---- */

CnTemplate *
cn_compile_text(CnCompiler *c, const char *text, int len, CnPlace place, const char *path,
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
	CnCompiler   *c = arg;

	cn_problem(c->problems, json_path, "%s (at byte %d)", error->message, error->offset);
}

CnJsonTemplate *
cn_compile_json(CnCompiler *c, const CnJson *value, const char *path)
{
	CnJsonTemplate *tmpl = cn_json_template_compile(value, path, template_problem, c);

	if (tmpl)
		cn_json_template_each_expr(tmpl, check_json_expr, c);
	return tmpl;
}

/* A member that must be a string template, or NULL if absent. */
CnTemplate *
cn_compile_member(CnCompiler *c, const CnJson *object, const char *key, const char *path,
			   bool no_secrets)
{
	const CnJson *value = cn_json_get(object, key);
	char	   *where = cn_compile_child(path, key);

	if (value == NULL)
		return NULL;
	if (value->type != CN_JSON_STRING)
	{
		cn_problem(c->problems, where, "expected a string, found %s",
				   cn_json_type_name(value->type));
		return NULL;
	}
	return cn_compile_text(c, value->u.text, value->len, CN_PLACE_TEXT, where, no_secrets);
}

bool
cn_compile_count(CnCompiler *c, const CnJson *value, const char *path)
{
	if (value->len > CN_DEFINITION_MAX_ITEMS)
	{
		cn_problem(c->problems, path, "more than %d items", CN_DEFINITION_MAX_ITEMS);
		return false;
	}
	return true;
}

/* ---- reply ---- */

static void
compile_output(CnCompiler *c, const char *key, const CnJson *value, const char *path)
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
compile_outputs(CnCompiler *c, const CnJson *value)
{
	CnDefinition *def = c->def;

	def->has_output = true;
	if (value->type == CN_JSON_STRING)
	{
		def->outputs = palloc0(sizeof(CnOutputDef));
		compile_output(c, NULL, value, "$.output");
	}
	else if (value->type == CN_JSON_OBJECT && cn_compile_count(c, value, "$.output"))
	{
		def->outputs = palloc0(sizeof(CnOutputDef) * (value->len + 1));
		for (int i = 0; i < value->len; i++)
			compile_output(c, value->u.members[i].key, value->u.members[i].value,
						   cn_compile_child("$.output", value->u.members[i].key));
	}
	else if (value->type != CN_JSON_OBJECT)
		cn_problem(c->problems, "$.output", "expected a path or an object of paths, found %s",
				   cn_json_type_name(value->type));
}

static void
compile_reply_kind(CnCompiler *c, const CnJson *value)
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
compile_credential(CnCompiler *c, const CnJson *value)
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

/* What can be said of the URL before its references are known. */
static void
check_url(CnCompiler *c, const char *text)
{
	const char *reference = strstr(text, "{{");
	const char *problem;
	CnUrl		url;

	if (reference == text)
		return;
	if (reference == NULL)
	{
		if (!cn_url_parse(text, &url, &problem))
			cn_problem(c->problems, "$.url", "it is not one to call: %s", problem);
	}
	else if (pg_strncasecmp(text, "http://", Min(7, reference - text)) != 0 &&
			 pg_strncasecmp(text, "https://", Min(8, reference - text)) != 0)
		cn_problem(c->problems, "$.url", "it does not begin with http:// or https://");
}

static void
compile_method_and_url(CnCompiler *c, const CnJson *config)
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
	{
		c->def->url = cn_compile_text(c, url->u.text, url->len, CN_PLACE_URL, "$.url", false);
		if (c->def->url)
			check_url(c, url->u.text);
	}
}

static void
compile_timeout(CnCompiler *c, const CnJson *value)
{
	double		ms = value->type == CN_JSON_NUMBER ? strtod(value->u.text, NULL) : 0;

	if (ms < MIN_TIMEOUT_MS || ms > MAX_TIMEOUT_MS || ms != (int) ms)
		cn_problem(c->problems, "$.timeout_ms", "expected a whole number from %d to %d",
				   MIN_TIMEOUT_MS, MAX_TIMEOUT_MS);
	else
		c->def->timeout_ms = (int) ms;
}

static void
check_keys(CnCompiler *c, const CnJson *config)
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

		if (!cn_compile_listed(known_keys, key) && strcmp(key, "steps") != 0)
			cn_problem(c->problems, cn_compile_child("$", key), "unknown key");
	}
}

CnDefinition *
cn_definition_compile(const CnJson *config, CnPathCheck check_path, CnProblems *problems)
{
	CnCompiler	c = {.problems = problems,.check_path = check_path};
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
		cn_compile_query(&c, value);
	if ((value = cn_json_get(config, "headers")) != NULL)
		cn_compile_headers(&c, value);
	cn_compile_body(&c, config);
	if ((value = cn_json_get(config, "output")) != NULL)
		compile_outputs(&c, value);
	if ((value = cn_json_get(config, "response")) != NULL)
		compile_reply_kind(&c, value);
	if ((value = cn_json_get(config, "timeout_ms")) != NULL ||
		(value = cn_json_get(config, "timeoutMs")) != NULL)
		compile_timeout(&c, value);
	return problems->count == 0 ? c.def : NULL;
}
