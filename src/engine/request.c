/*
 * request.c -- the request of an execution: rendered, checked, sealed.
 *
 * In this order: templates are rendered with stand-ins for secrets; the URL is
 * taken apart, and the credential's hosts are asked whether it may go there; only
 * then are the secrets put in.
 */
#include "postgres.h"

#include "common/base64.h"

#include "auth/auth.h"
#include "core/jsonb.h"
#include "engine/request.h"
#include "engine/settings.h"
#include "http/url.h"

/* Servers take 8 kB or so; this only keeps a runaway template in check. */
#define MAX_URL_LEN 65536

/* Auth header, Accept, Content-Type and the definition's own. */
#define EXTRA_HEADERS 3

/* ---- failures ---- */

static bool
template_failed(CnExecution *execution, const char *path, const CnTemplateError *error)
{
	CnFailure  *failure = &execution->outcome.failure;

	if (error->limit)
	{
		cn_fail(failure, CN_LIMIT_EXCEEDED, "%s: %s", path, error->message);
		failure->hint = "What a template renders to is limited by connector.max_request_size.";
	}
	else if (error->missing && error->path && strncmp(error->path, "input", 5) != 0)
		cn_fail(failure, CN_CREDENTIAL_MISSING, "%s: %s", path, error->message);
	else
	{
		cn_fail(failure, CN_INPUT_INVALID, "%s: %s", path, error->message);
		if (error->missing)
			failure->hint = "Pass it in the input, or give the reference a default(...) filter.";
	}
	return false;
}

bool
cn_request_text(CnExecution *execution, const CnTemplate *tmpl, const char *path, StringInfo out)
{
	CnTemplateError error;

	if (cn_template_render(tmpl, &execution->scope, out, &error))
		return true;
	return template_failed(execution, path, &error);
}

bool
cn_request_json(CnExecution *execution, const CnJsonTemplate *tmpl, StringInfo out)
{
	CnTemplateError error;
	const char *path = NULL;

	if (cn_json_template_render(tmpl, &execution->scope, out, &error, &path))
		return true;
	return template_failed(execution, path, &error);
}

bool
cn_request_base64(CnExecution *execution, const CnTemplate *tmpl, const char *path, StringInfo out)
{
	StringInfoData text;
	int			max;
	int			len;

	initStringInfo(&text);
	if (!cn_request_text(execution, tmpl, path, &text))
		return false;
	max = pg_b64_dec_len(text.len);
	enlargeStringInfo(out, max + 1);
	len = pg_b64_decode(text.data, text.len, out->data + out->len, max);
	if (len < 0)
	{
		cn_fail(&execution->outcome.failure, CN_INPUT_INVALID, "%s: the text is not base64", path);
		return false;
	}
	out->len += len;
	out->data[out->len] = '\0';
	return true;
}

/* ---- query and form ---- */

static void
append_pair(StringInfo out, char *separator, const char *name, const CnJson *value)
{
	int			len;
	const char *text = cn_expr_text(value, &len);

	if (*separator)
		appendStringInfoChar(out, *separator);
	*separator = '&';
	cn_escape_component(out, name, strlen(name));
	appendStringInfoChar(out, '=');
	cn_escape_component(out, text, len);
}

/* name=value&...; null is left out, an array repeats the name. */
static bool
render_pairs(CnExecution *execution, const CnPair *pairs, int count, StringInfo out, char separator)
{
	for (int i = 0; i < count; i++)
	{
		const CnJson *value = pairs[i].fixed;
		CnTemplateError error;
		const char *path = NULL;

		if (value == NULL)
			value = cn_json_template_eval(pairs[i].value, &execution->scope, &error, &path);
		if (value == NULL && error.missing && pairs[i].optional)
			continue;
		if (value == NULL)
			return template_failed(execution, path, &error);
		if (value->type == CN_JSON_NULL)
			continue;
		if (value->type != CN_JSON_ARRAY)
		{
			append_pair(out, &separator, pairs[i].name, value);
			continue;
		}
		for (int j = 0; j < value->len; j++)
			append_pair(out, &separator, pairs[i].name, value->u.items[j]);
	}
	return true;
}

/* ---- URL ---- */

static bool
render_url(CnExecution *execution, StringInfo url)
{
	const CnDefinition *def = execution->given.definition;

	initStringInfo(url);
	if (!cn_request_text(execution, def->url, "$.url", url))
		return false;
	if (!render_pairs(execution, def->query, def->query_count, url,
					  strchr(url->data, '?') ? '&' : '?'))
		return false;
	if (url->len > MAX_URL_LEN)
	{
		cn_fail(&execution->outcome.failure, CN_LIMIT_EXCEEDED,
				"the URL is longer than %d bytes", MAX_URL_LEN);
		return false;
	}
	return true;
}

/* May the execution's credential be sent to url? */
static bool
check_credential_host(CnExecution *execution, const CnUrl *url)
{
	const CnCredential *credential = execution->given.credential;

	if (credential == NULL)
		return true;
	for (int i = 0; i < credential->host_count; i++)
		if (cn_url_host_matches(url, credential->hosts[i]))
			return true;
	cn_fail(&execution->outcome.failure, CN_PERMISSION_DENIED,
			"credential \"%s/%s\" may not be sent to %s", credential->service, credential->label,
			cn_url_origin(url));
	execution->outcome.failure.hint =
		"A credential is bound to its allowed_hosts; an administrator of the workspace can change them with connector_credential_set.";
	return false;
}

static bool
check_url(CnExecution *execution, const char *text)
{
	CnFailure  *failure = &execution->outcome.failure;
	CnUrl		url;
	const char *problem;

	if (!cn_url_parse(text, &url, &problem))
	{
		cn_fail(failure, CN_CONFIG_INVALID, "the URL is not one to call: %s", problem);
		return false;
	}
	if (cn_secrets_in(&execution->secrets, url.host, strlen(url.host)))
	{
		cn_fail(failure, CN_CONFIG_INVALID, "the host of the URL holds a credential's value");
		return false;
	}
	return check_credential_host(execution, &url);
}

/* ---- headers ---- */

static bool
has_header(const CnExecution *execution, const char *name)
{
	const CnDefinition *def = execution->given.definition;

	for (int i = 0; i < def->header_count; i++)
		if (pg_strcasecmp(def->headers[i].name, name) == 0)
			return true;
	return false;
}

static void
add_header(CnExecution *execution, const char *name, const char *value, bool secret)
{
	CnHttpHeader *headers = unconstify(CnHttpHeader *, execution->request.headers);
	CnHttpHeader *header = &headers[execution->request.header_count++];

	header->name = name;
	header->value = value;
	header->secret = secret;
}

static bool
render_header(CnExecution *execution, const CnHeaderDef *def)
{
	CnSecrets  *secrets = &execution->secrets;
	StringInfoData value;
	int64		len;

	/* The credential's own header is the one that counts. */
	if (secrets->addition.header.name &&
		pg_strcasecmp(def->name, secrets->addition.header.name) == 0)
		return true;
	initStringInfo(&value);
	if (!cn_request_text(execution, def->value, psprintf("$.headers.%s", def->name), &value))
		return false;
	len = value.len;
	add_header(execution, def->name, cn_secrets_seal(secrets, CN_SEAL_RAW, value.data, &len),
			   cn_secrets_in(secrets, value.data, value.len));
	return true;
}

static bool
render_headers(CnExecution *execution, const char *content_type)
{
	const CnDefinition *def = execution->given.definition;
	const CnHttpHeader *auth = &execution->secrets.addition.header;

	execution->request.headers = palloc0(sizeof(CnHttpHeader) * (def->header_count + EXTRA_HEADERS));
	for (int i = 0; i < def->header_count; i++)
		if (!render_header(execution, &def->headers[i]))
			return false;
	if (!has_header(execution, "accept"))
		add_header(execution, "Accept", "application/json, */*;q=0.5", false);
	if (content_type && !has_header(execution, "content-type"))
		add_header(execution, "Content-Type", content_type, false);
	if (auth->name)
		add_header(execution, auth->name, auth->value, true);
	return true;
}

/* ---- body ---- */

static bool
render_body(CnExecution *execution, StringInfo body, char **content_type, CnSealPlace *place)
{
	const CnDefinition *def = execution->given.definition;

	*content_type = NULL;
	*place = CN_SEAL_RAW;
	switch (def->body_kind)
	{
		case CN_BODY_NONE:
			return true;
		case CN_BODY_JSON:
			*content_type = "application/json";
			*place = CN_SEAL_JSON;
			return cn_request_json(execution, def->body_json, body);
		case CN_BODY_FORM:
			*content_type = "application/x-www-form-urlencoded";
			*place = CN_SEAL_URL;
			return render_pairs(execution, def->form, def->form_count, body, '\0');
		case CN_BODY_MULTIPART:
			return cn_multipart_render(execution, body, content_type);
		case CN_BODY_TEXT:
			*content_type = "text/plain; charset=utf-8";
			return cn_request_text(execution, def->body_text, "$.body", body);
		case CN_BODY_BINARY:
			*content_type = "application/octet-stream";
			return cn_request_base64(execution, def->body_text, "$.body", body);
	}
	return false;				/* not reached */
}

static bool
check_body_size(CnExecution *execution, int64 len)
{
	if (len <= (int64) cn_engine_max_request_size * 1024)
		return true;
	cn_fail(&execution->outcome.failure, CN_LIMIT_EXCEEDED,
			"the body of the request has " INT64_FORMAT " bytes, more than connector.max_request_size allows",
			len);
	return false;
}

/* ---- all of it ---- */

/* What the history may show of it: no query string, no value of the credential. */
static void
record_request(CnExecution *execution, const StringInfo url, const StringInfo body)
{
	CnStepRecord *step = &execution->outcome.step;
	CnSecrets  *secrets = &execution->secrets;
	CnJsonbBuilder headers = {0};

	step->method = execution->request.method;
	step->request_bytes = body->len;
	step->url = cn_secrets_hide(secrets, url->data,
								execution->keep_details ? url->len : strcspn(url->data, "?"));
	if (!execution->keep_details)
		return;

	cn_build_begin_object(&headers);
	for (int i = 0; i < execution->request.header_count; i++)
	{
		const CnHttpHeader *header = &execution->request.headers[i];

		cn_build_key(&headers, header->name);
		cn_build_string(&headers, header->secret ? "[redacted]" : header->value);
	}
	cn_build_end_object(&headers);
	step->request_headers = cn_build_done(&headers);
	if (body->len > 0 && cn_utf8_valid(body->data, body->len, NULL))
	{
		char	   *hidden = cn_secrets_hide(secrets, body->data, body->len);

		step->request_body = cn_jsonb_string(hidden, strlen(hidden));
	}
}

/* Put the secrets in; from here on the request is not to be shown. */
static void
seal_request(CnExecution *execution, const StringInfo url, const StringInfo body,
			 CnSealPlace body_place)
{
	CnSecrets  *secrets = &execution->secrets;
	CnHttpRequest *request = &execution->request;
	const char *query = secrets->addition.query;
	int64		len = url->len;

	request->secret_url = cn_secrets_in(secrets, url->data, url->len);
	request->url = cn_secrets_seal(secrets, CN_SEAL_URL, url->data, &len);
	if (query)
	{
		request->secret_url = true;
		request->url = cn_secrets_join(secrets, request->url,
									   strchr(request->url, '?') ? "&" : "?", query);
	}
	if (execution->given.definition->body_kind == CN_BODY_NONE)
		return;
	len = body->len;
	request->secret_body = cn_secrets_in(secrets, body->data, body->len);
	request->body = cn_secrets_seal(secrets, body_place, body->data, &len);
	request->body_len = len;
}

static void
set_limits(CnExecution *execution)
{
	const CnDefinition *def = execution->given.definition;
	CnHttpRequest *request = &execution->request;
	int			timeout_ms = def->timeout_ms ? def->timeout_ms : execution->given.timeout_ms;

	request->method = def->method;
	request->timeout_ms = Min(timeout_ms, cn_engine_max_execution_time);
	request->max_redirects = cn_http_max_redirects;
	request->max_response = (int64) cn_http_max_response * 1024;
	memcpy(request->pool.workspace, execution->given.workspace.data, UUID_LEN);
	if (execution->given.credential)
		memcpy(request->pool.credential, execution->given.credential->id.data, UUID_LEN);
}

bool
cn_request_build(CnExecution *execution)
{
	StringInfoData url;
	StringInfoData body;
	char	   *content_type;
	CnSealPlace place;

	set_limits(execution);
	initStringInfo(&body);
	if (!render_url(execution, &url) ||
		!check_url(execution, url.data) ||
		!render_body(execution, &body, &content_type, &place) ||
		!check_body_size(execution, body.len) ||
		!render_headers(execution, content_type))
		return false;
	record_request(execution, &url, &body);
	seal_request(execution, &url, &body, place);
	return true;
}
