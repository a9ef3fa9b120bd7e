/*
 * compile_step.c -- one step: what it sends, when it runs, what becomes of a failure.
 */
#include "catalog/compile.h"

#include "core/chars.h"
#include "http/url.h"

/* Timeouts of an attempt, and retries: the limits of docs/connectors.md. */
#define MIN_TIMEOUT_MS 1000
#define MAX_TIMEOUT_MS 60000
#define MAX_RETRIES 5

/* Requests that one may count for. */
#define MAX_WEIGHT 1000

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", NULL};

const char *const cn_compile_step_keys[] = {
	"id", "name", "description", "type", "credential", "condition", "method", "url", "query",
	"headers", "body", "body_type", "bodyType", "output", "response", "timeout_ms", "timeoutMs",
	"retries", "max_retries", "maxRetries", "continue_on_error", "continueOnError", "idempotent",
	"idempotency_header", "idempotencyHeader", "error_rules", "errorRules", "error_message",
	"errorMessage", "weight", "budget", NULL
};

const char *
cn_method_name(const char *name)
{
	for (const char *const *method = methods; *method; method++)
		if (pg_strcasecmp(*method, name) == 0)
			return *method;
	return NULL;
}

/* ---- credential ---- */

static int
credential_place(CnDefinition *def, const char *service, const char *label)
{
	for (int i = 0; i < def->credential_count; i++)
		if (strcmp(def->credentials[i].service, service) == 0 &&
			strcmp(def->credentials[i].label, label) == 0)
			return i;
	if (def->credentials == NULL)
		def->credentials = palloc(sizeof(CnCredentialRef));
	else
		def->credentials = repalloc(def->credentials,
									sizeof(CnCredentialRef) * (def->credential_count + 1));
	memset(&def->credentials[def->credential_count], 0, sizeof(CnCredentialRef));
	def->credentials[def->credential_count].service = service;
	def->credentials[def->credential_count].label = label;
	return def->credential_count++;
}

int
cn_compile_credential(CnCompiler *c, const CnJson *value, const char *path)
{
	static const char *const keys[] = {"service", "label", NULL};
	const char *service = NULL;
	const char *label = "default";

	if (value->type == CN_JSON_STRING)
	{
		const char *slash = strchr(value->u.text, '/');

		service = slash ? pnstrdup(value->u.text, slash - value->u.text) : value->u.text;
		if (slash)
			label = slash + 1;
	}
	else if (value->type == CN_JSON_OBJECT)
	{
		cn_compile_keys(c, value, path, keys, NULL);
		service = cn_json_get_string(value, "service");
		if (cn_json_get(value, "label"))
			label = cn_json_get_string(value, "label");
	}
	if (service && service[0] && label && label[0])
		return credential_place(c->def, service, label);
	cn_problem(c->problems, path,
			   "expected \"service\", \"service/label\" or {\"service\": ..., \"label\": ...}");
	return -1;
}

/* ---- method and URL ---- */

/* What can be said of the URL before its references are known. */
static void
check_url(CnCompiler *c, const char *text, const char *path)
{
	const char *reference = strstr(text, "{{");
	const char *problem;
	CnUrl		url;

	if (reference == text)
		return;
	if (reference == NULL)
	{
		if (!cn_url_parse(text, &url, &problem))
			cn_problem(c->problems, path, "it is not one to call: %s", problem);
	}
	else if (pg_strncasecmp(text, "http://", Min(7, reference - text)) != 0 &&
			 pg_strncasecmp(text, "https://", Min(8, reference - text)) != 0)
		cn_problem(c->problems, path, "it does not begin with http:// or https://");
}

/* Host and port of a URL whose template begins with them, or NULL. */
static const char *
literal_host(const char *text)
{
	const char *at = strstr(text, "://");
	int			len;
	CnUrl		url;
	const char *problem;

	if (at == NULL)
		return NULL;
	at += strlen("://");
	len = at - text + strcspn(at, "/?");
	text = pnstrdup(text, len);
	if (strchr(text, '{') || !cn_url_parse(text, &url, &problem))
		return NULL;
	return cn_url_authority(&url);
}

static void
compile_method_and_url(CnCompiler *c, const CnJson *config)
{
	CnStepDef  *step = c->step;
	const CnJson *method = cn_json_get(config, "method");
	const CnJson *url = cn_json_get(config, "url");
	char	   *path = cn_compile_child(step->path, "url");

	if (method == NULL)
		step->method = "GET";
	else if (method->type == CN_JSON_STRING)
		step->method = cn_method_name(method->u.text);
	if (step->method == NULL)
		cn_problem(c->problems, cn_compile_child(step->path, "method"),
				   "it is none of GET, POST, PUT, PATCH, DELETE and HEAD");

	if (url == NULL)
		cn_problem(c->problems, path, "the URL is missing");
	else if (url->type != CN_JSON_STRING)
		cn_problem(c->problems, path, "expected a string, found %s", cn_json_type_name(url->type));
	else
	{
		step->url = cn_compile_text(c, url->u.text, url->len, CN_PLACE_URL, path, false);
		if (step->url)
			check_url(c, url->u.text, path);
		step->host = literal_host(url->u.text);
	}
}

/* ---- limits and failures ---- */

/* The member under the first of its spellings that is there. */
static const CnJson *
retries_member(const CnJson *config, const char *base, const char **path)
{
	const CnJson *value = cn_compile_either(config, base, "retries", "max_retries", path);

	return value ? value : cn_compile_either(config, base, "maxRetries", "retries", path);
}

void
cn_compile_limits(CnCompiler *c, const CnJson *config, const char *base, int *timeout_ms,
				  int *retries, int *continue_on_error)
{
	const char *path;
	const CnJson *value;

	if ((value = cn_compile_either(config, base, "timeout_ms", "timeoutMs", &path)) != NULL)
		cn_compile_int(c, value, path, MIN_TIMEOUT_MS, MAX_TIMEOUT_MS, timeout_ms);
	if ((value = retries_member(config, base, &path)) != NULL)
		cn_compile_int(c, value, path, 0, MAX_RETRIES, retries);
	if ((value = cn_compile_either(config, base, "continue_on_error", "continueOnError",
								   &path)) != NULL)
		cn_compile_bool(c, value, path, continue_on_error);
}

static void
compile_idempotency(CnCompiler *c, const CnJson *config)
{
	CnStepDef  *step = c->step;
	const CnJson *value = cn_json_get(config, "idempotent");
	const char *path;
	int			idempotent = 0;

	if (value)
		cn_compile_bool(c, value, cn_compile_child(step->path, "idempotent"), &idempotent);
	step->idempotent = idempotent;
	value = cn_compile_either(config, step->path, "idempotency_header", "idempotencyHeader", &path);
	if (value == NULL)
		return;
	if (value->type != CN_JSON_STRING || !cn_is_token(value->u.text))
		cn_problem(c->problems, path, "this is not the name of a header");
	else if (cn_is_reserved_header(value->u.text))
		cn_problem(c->problems, path, "header \"%s\" is set by the connection itself", value->u.text);
	else
		step->idempotency_header = value->u.text;
}

/* The step's own rules, then those of the definition. */
static void
compile_step_rules(CnCompiler *c, const CnJson *config)
{
	CnStepDef  *step = c->step;
	const char *path;
	const CnJson *value = cn_compile_either(config, step->path, "error_rules", "errorRules", &path);
	CnErrorRule *own = NULL;
	int			count = 0;

	if (value)
		cn_compile_rules(c, value, path, &own, &count);
	step->rule_count = count + c->rule_count;
	step->rules = palloc0(sizeof(CnErrorRule) * (step->rule_count + 1));
	if (count > 0)
		memcpy(step->rules, own, sizeof(CnErrorRule) * count);
	if (c->rule_count > 0)
		memcpy(step->rules + count, c->rules, sizeof(CnErrorRule) * c->rule_count);
}

/* Where a failed reply has the remote's own words. */
static void
compile_error_message(CnCompiler *c, const CnJson *config)
{
	const char *path;
	const CnJson *value = cn_compile_either(config, c->step->path, "error_message", "errorMessage",
											&path);

	if (value == NULL)
		return;
	if (value->type != CN_JSON_STRING || value->len == 0)
		cn_problem(c->problems, path, "expected a path, found %s",
				   value->type == CN_JSON_STRING ? "an empty text" : cn_json_type_name(value->type));
	else
		cn_compile_path(c, value->u.text, path, &c->step->error_message);
}

/* The name of a header, or NULL. */
static const char *
header_member(CnCompiler *c, const CnJson *object, const char *key, const char *path)
{
	const CnJson *value = cn_json_get(object, key);

	if (value == NULL || value->type == CN_JSON_NULL)
		return NULL;
	if (value->type == CN_JSON_STRING && cn_is_token(value->u.text))
		return value->u.text;
	cn_problem(c->problems, cn_compile_child(path, key), "this is not the name of a header");
	return NULL;
}

/* What it takes of the service's limits, and what the remote says is left. */
static void
compile_cost(CnCompiler *c, const CnJson *config)
{
	static const char *const keys[] = {"remaining", "reset", "limit", NULL};
	CnStepDef  *step = c->step;
	const CnJson *weight = cn_json_get(config, "weight");
	const CnJson *budget = cn_json_get(config, "budget");
	char	   *path = cn_compile_child(step->path, "budget");

	step->weight = 1;
	if (weight)
		cn_compile_int(c, weight, cn_compile_child(step->path, "weight"), 1, MAX_WEIGHT,
					   &step->weight);
	if (budget == NULL)
		return;
	if (budget->type != CN_JSON_OBJECT)
	{
		cn_problem(c->problems, path, "expected an object, found %s",
				   cn_json_type_name(budget->type));
		return;
	}
	cn_compile_keys(c, budget, path, keys, NULL);
	step->budget.remaining = header_member(c, budget, "remaining", path);
	step->budget.reset = header_member(c, budget, "reset", path);
	(void) header_member(c, budget, "limit", path);
}

/* ---- flow ---- */

/* "expression", or {"enabled": ..., "expression": ...}; NULL if it is switched off. */
static const CnJson *
condition_text(CnCompiler *c, const CnJson *value, const char **path)
{
	static const char *const keys[] = {"enabled", "expression", NULL};
	const CnJson *enabled = cn_json_get(value, "enabled");
	int			on = true;

	if (value->type != CN_JSON_OBJECT)
		return value;
	cn_compile_keys(c, value, *path, keys, NULL);
	if (enabled)
		cn_compile_bool(c, enabled, cn_compile_child(*path, "enabled"), &on);
	*path = cn_compile_child(*path, "expression");
	value = cn_json_get(value, "expression");
	if (value == NULL && on)
		cn_problem(c->problems, *path, "the expression is missing");
	return on ? value : NULL;
}

static void
compile_condition(CnCompiler *c, const CnJson *value, const char *path)
{
	CnStepDef  *step = c->step;
	CnExprError error;
	const char *wrong;

	value = condition_text(c, value, &path);
	if (value == NULL)
		return;
	if (value->type != CN_JSON_STRING)
	{
		cn_problem(c->problems, path, "expected a condition, found %s",
				   cn_json_type_name(value->type));
		return;
	}
	step->condition = cn_condition_parse(value->u.text, value->len, &error);
	if (step->condition == NULL)
	{
		cn_problem(c->problems, path, "%s (at byte %d)", error.message, error.offset);
		return;
	}
	for (int i = 0; i < step->condition->nvars; i++)
		cn_compile_check_expr(c, step->condition->vars[i].expr, path);
	step->condition_path.text = step->condition->path;
	if (step->condition->whole)
		cn_compile_check_path(c, step->condition->path, path);
	else if (c->check_path && (wrong = c->check_path(step->condition->path)) != NULL)
		cn_problem(c->problems, path, "%s", wrong);
}

void
cn_compile_step_flow(CnCompiler *c, const CnJson *config)
{
	CnStepDef  *step = c->step;
	const CnJson *condition = cn_json_get(config, "condition");

	step->name = cn_json_get_string(config, "name");
	step->continue_on_error = step->group ? step->group->continue_on_error : c->continue_on_error;
	step->timeout_ms = c->timeout_ms;
	step->retries = c->retries;
	cn_compile_limits(c, config, step->path, &step->timeout_ms, &step->retries,
					  &step->continue_on_error);
	if (condition)
		compile_condition(c, condition, cn_compile_child(step->path, "condition"));
}

/* ---- all of a request ---- */

void
cn_compile_request(CnCompiler *c, const CnJson *config)
{
	const CnJson *value;

	compile_method_and_url(c, config);
	if ((value = cn_json_get(config, "query")) != NULL)
		cn_compile_query(c, value);
	if ((value = cn_json_get(config, "headers")) != NULL)
		cn_compile_headers(c, value);
	cn_compile_body(c, config);
	if ((value = cn_json_get(config, "output")) != NULL)
		cn_compile_outputs(c, value);
	if ((value = cn_json_get(config, "response")) != NULL)
		cn_compile_reply_kind(c, value);
	compile_idempotency(c, config);
	compile_step_rules(c, config);
	compile_error_message(c, config);
	compile_cost(c, config);
}

void
cn_compile_request_step(CnCompiler *c, const CnJson *config)
{
	CnStepDef  *step = c->step;
	const CnJson *value = cn_json_get(config, "credential");

	step->credential = c->credential;
	if (value && value->type == CN_JSON_NULL && c->def->multi)
		step->credential = -1;	/* not even the definition's */
	else if (value)
		step->credential = cn_compile_credential(c, value,
												 cn_compile_child(step->path, "credential"));
	cn_compile_request(c, config);
	cn_compile_step_flow(c, config);
}
