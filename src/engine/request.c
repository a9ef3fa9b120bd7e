/*
 * request.c -- the request of a step: rendered, checked, sealed.
 *
 * In this order: templates are rendered with stand-ins for secrets; the URL is
 * taken apart, and the credential's hosts are asked whether it may go there; only
 * then are the secrets put in.
 */
#include "postgres.h"

#include "common/base64.h"

#include "auth/auth.h"
#include "core/clock.h"
#include "core/jsonb.h"
#include "core/uuid.h"
#include "crypto/aead.h"
#include "crypto/secret.h"
#include "engine/request.h"
#include "engine/settings.h"
#include "http/url.h"

/* Servers take 8 kB or so; this only keeps a runaway template in check. */
#define MAX_URL_LEN 65536

/* A longer body is not kept for the history, which would cut it anyway. */
#define MAX_SHOWN_BODY (1024 * 1024)

/* Those we add to the definition's: Accept, Content-Type, idempotency key, and the credential's. */
#define EXTRA_HEADERS (3 + CN_AUTH_MAX_HEADERS)

/* Random bytes of a nonce. */
#define NONCE_LEN 16

/* ---- failures ---- */

/* How the step ended that path refers to, if it left nothing to refer to; else NULL. */
static const char *
why_no_output(const CnExecution *execution, const char *path)
{
	char	   *id = pnstrdup(path, strcspn(path, ".["));
	const CnStepDef *def = cn_definition_step(execution->given.definition, id);

	if (def == NULL)
		return NULL;
	switch (execution->steps[def->index].record.status)
	{
		case CN_STEP_SUCCESS:
			break;
		case CN_STEP_SKIPPED:
			return psprintf("step \"%s\" was skipped", id);
		case CN_STEP_FAILED:
			return psprintf("step \"%s\" failed", id);
		case CN_STEP_NOT_REACHED:
			return psprintf("step \"%s\" did not run", id);
	}
	return NULL;
}

static void
reference_failed(const CnExecution *execution, CnFailure *failure, const char *path,
				 const CnTemplateError *error)
{
	const char *reason = error->path ? why_no_output(execution, error->path) : NULL;

	if (reason)
		cn_fail(failure, CN_INPUT_INVALID, "%s: %s is missing: %s", path, error->path, reason);
	else
		cn_fail(failure, CN_INPUT_INVALID, "%s: %s", path, error->message);
	if (error->path && strncmp(error->path, "input", 5) == 0)
		failure->hint = "Pass it in the input, or give the reference a default(...) filter.";
	else
		failure->hint = "An earlier step gave no such value, or did not run; give the reference a default(...) filter, or the step a condition.";
}

void
cn_template_failed(const CnExecution *execution, CnFailure *failure, const char *path,
				   const CnTemplateError *error)
{
	if (error->limit)
	{
		cn_fail(failure, CN_LIMIT_EXCEEDED, "%s: %s", path, error->message);
		failure->hint = "What a template renders to is limited by connector.max_request_size.";
	}
	else if (error->missing && error->path && strncmp(error->path, "workspace", 9) == 0)
	{
		cn_fail(failure, CN_CREDENTIAL_MISSING, "%s: %s", path, error->message);
		failure->hint = "The credential has no such field or parameter: store it with one, by connector_credential_set().";
	}
	else if (error->missing)
		reference_failed(execution, failure, path, error);
	else
		cn_fail(failure, CN_INPUT_INVALID, "%s: %s", path, error->message);
}

/* The whole of a path that is one below the step's if it begins with '.'. */
static const char *
whole_path(const CnStep *step, const char *path)
{
	return path[0] == '.' ? psprintf("%s%s", step->def->request_path, path) : path;
}

static bool
template_failed(CnStep *step, const char *path, const CnTemplateError *error)
{
	CnFailure  *failure = &step->record.failure;

	cn_template_failed(step->execution, failure, whole_path(step, path), error);
	if (step->def->use && error->missing && failure->code == CN_INPUT_INVALID)
		failure->hint = "The input of an action is what \"with\" says in the step that uses it.";
	return false;
}

bool
cn_request_text(CnStep *step, const CnTemplate *tmpl, const char *path, StringInfo out)
{
	CnTemplateError error;

	if (cn_template_render(tmpl, &step->scope, out, &error))
		return true;
	return template_failed(step, path, &error);
}

bool
cn_request_json(CnStep *step, const CnJsonTemplate *tmpl, StringInfo out)
{
	CnTemplateError error;
	const char *path = NULL;

	if (cn_json_template_render(tmpl, &step->scope, out, &error, &path))
		return true;
	return template_failed(step, path, &error);
}

bool
cn_request_base64(CnStep *step, const CnTemplate *tmpl, const char *path, StringInfo out)
{
	StringInfoData text;
	int			max;
	int			len;

	initStringInfo(&text);
	if (!cn_request_text(step, tmpl, path, &text))
		return false;
	max = pg_b64_dec_len(text.len);
	enlargeStringInfo(out, max + 1);
	len = pg_b64_decode(text.data, text.len, out->data + out->len, max);
	if (len < 0)
	{
		cn_fail(&step->record.failure, CN_INPUT_INVALID, "%s: the text is not base64",
				whole_path(step, path));
		return false;
	}
	out->len += len;
	out->data[out->len] = '\0';
	return true;
}

/* ---- query and form ---- */

void
cn_request_append_pair(StringInfo out, char *separator, const char *name, const CnJson *value)
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

bool
cn_request_pair(CnStep *step, const CnPair *pair, const CnJson **value)
{
	CnTemplateError error;
	const char *path = NULL;

	*value = pair->fixed;
	if (*value == NULL)
	{
		*value = cn_json_template_eval(pair->value, &step->scope, &error, &path);
		if (*value == NULL && !(error.missing && pair->optional))
			return template_failed(step, path, &error);
	}
	if (*value && (*value)->type == CN_JSON_NULL)
		*value = NULL;
	return true;
}

/* One value, or each of an array's. */
static void
append_values(StringInfo out, char *separator, const char *name, const CnJson *value)
{
	if (value->type != CN_JSON_ARRAY)
		cn_request_append_pair(out, separator, name, value);
	else
		for (int i = 0; i < value->len; i++)
			cn_request_append_pair(out, separator, name, value->u.items[i]);
}

/* name=value&...; an array repeats the name.  What a page says itself comes last. */
static bool
render_pairs(CnStep *step, const CnPair *pairs, int count, bool in_body, StringInfo out,
			 char separator)
{
	const CnPageAsk *ask = step->execution->given.ask;

	for (int i = 0; i < count; i++)
	{
		const CnJson *value;

		if (cn_page_has(step, pairs[i].name, in_body))
			continue;
		if (!cn_request_pair(step, &pairs[i], &value))
			return false;
		if (value)
			append_values(out, &separator, pairs[i].name, value);
	}
	for (int i = 0; ask && i < ask->count; i++)
		if (ask->parameters[i].in_body == in_body)
			cn_request_append_pair(out, &separator, ask->parameters[i].name,
								   ask->parameters[i].value);
	return true;
}

/* ---- URL ---- */

static bool
render_url(CnStep *step, StringInfo url)
{
	const CnStepDef *def = step->def;

	initStringInfo(url);
	if (cn_page_has_url(step))
	{
		if (!cn_page_url(step, url))
			return false;
	}
	else if (!cn_request_text(step, def->url, ".url", url) ||
			 !render_pairs(step, def->query, def->query_count, false, url,
						   strchr(url->data, '?') ? '&' : '?'))
		return false;
	if (url->len > MAX_URL_LEN)
	{
		cn_fail(&step->record.failure, CN_LIMIT_EXCEEDED,
				"the URL is longer than %d bytes", MAX_URL_LEN);
		return false;
	}
	return true;
}

/* May the step's credential be sent to url? */
static bool
check_credential_host(CnStep *step, const CnUrl *url)
{
	const CnCredential *credential = step->secrets.credential;

	if (credential == NULL)
		return true;
	for (int i = 0; i < credential->host_count; i++)
		if (cn_url_host_matches(url, credential->hosts[i]))
			return true;
	cn_fail(&step->record.failure, CN_PERMISSION_DENIED,
			"credential \"%s/%s\" may not be sent to %s", credential->service, credential->label,
			cn_url_origin(url));
	step->record.failure.hint =
		"A credential is bound to its allowed_hosts; an administrator of the workspace can change them with connector_credential_set.";
	return false;
}

static bool
check_url(CnStep *step, const char *text)
{
	CnFailure  *failure = &step->record.failure;
	CnUrl		url;
	const char *problem;

	if (!cn_url_parse(text, &url, &problem))
	{
		cn_fail(failure, CN_CONFIG_INVALID, "the URL is not one to call: %s", problem);
		return false;
	}
	if (cn_secrets_in(&step->secrets, url.host, strlen(url.host)))
	{
		cn_fail(failure, CN_CONFIG_INVALID, "the host of the URL holds a credential's value");
		return false;
	}
	step->service = step->secrets.credential ? step->secrets.credential->service
		: cn_url_authority(&url);
	return check_credential_host(step, &url);
}

/* ---- headers ---- */

static bool
has_header(const CnStep *step, const char *name)
{
	const CnStepDef *def = step->def;

	for (int i = 0; i < def->header_count; i++)
		if (pg_strcasecmp(def->headers[i].name, name) == 0)
			return true;
	return false;
}

static void
add_header(CnStep *step, const char *name, const char *value, bool secret)
{
	CnHttpHeader *headers = unconstify(CnHttpHeader *, step->request.headers);
	CnHttpHeader *header = &headers[step->request.header_count++];

	header->name = name;
	header->value = value;
	header->secret = secret;
}

/* Does the credential send a header of that name itself? */
static bool
is_replaced(const CnAuthAddition *addition, const char *name)
{
	for (int i = 0; i < addition->header_count; i++)
		if (pg_strcasecmp(addition->headers[i].name, name) == 0)
			return true;
	return false;
}

static bool
render_header(CnStep *step, const CnHeaderDef *def)
{
	CnSecrets  *secrets = &step->secrets;
	StringInfoData value;
	int64		len;

	/* The credential's own header is the one that counts. */
	if (is_replaced(&secrets->addition, def->name))
		return true;
	initStringInfo(&value);
	if (!cn_request_text(step, def->value, def->path, &value))
		return false;
	len = value.len;
	add_header(step, def->name, cn_secrets_seal(secrets, CN_SEAL_RAW, value.data, &len),
			   cn_secrets_in(secrets, value.data, value.len));
	return true;
}

/* "<execution>:<step>": the same on every attempt, and in every run. */
static char *
idempotency_key(const CnStep *step)
{
	char		id[CN_UUID_TEXT_LEN + 1];

	return psprintf("%s:%s", cn_uuid_text(&step->execution->key_id, id), step->def->id);
}

static bool
render_headers(CnStep *step, const char *content_type)
{
	const CnStepDef *def = step->def;

	step->request.headers = palloc0(sizeof(CnHttpHeader) * (def->header_count + EXTRA_HEADERS));
	for (int i = 0; i < def->header_count; i++)
		if (!render_header(step, &def->headers[i]))
			return false;
	if (!has_header(step, "accept"))
		add_header(step, "Accept", "application/json, */*;q=0.5", false);
	if (content_type && !has_header(step, "content-type"))
		add_header(step, "Content-Type", content_type, false);
	if (def->idempotency_header && !has_header(step, def->idempotency_header))
		add_header(step, def->idempotency_header, idempotency_key(step), false);
	return true;
}

/* ---- body ---- */

/* A JSON body, with what a page says in it. */
static bool
render_json_body(CnStep *step, StringInfo body)
{
	const CnStepDef *def = step->def;
	CnTemplateError error;
	const char *path = NULL;
	const CnJson *value = NULL;

	if (!cn_page_has_body(step))
		return cn_request_json(step, def->body_json, body);
	if (def->body_json)
	{
		value = cn_json_template_eval(def->body_json, &step->scope, &error, &path);
		if (value == NULL)
			return template_failed(step, path, &error);
	}
	value = cn_page_body(step, value);
	if (value)
		cn_json_write(body, value);
	return value != NULL;
}

static bool
render_body(CnStep *step, StringInfo body, char **content_type, CnSealPlace *place)
{
	const CnStepDef *def = step->def;

	*content_type = NULL;
	*place = CN_SEAL_RAW;
	switch (def->body_kind)
	{
		case CN_BODY_NONE:
			if (!cn_page_has_body(step))
				return true;
			/* FALLTHROUGH */
		case CN_BODY_JSON:
			*content_type = "application/json";
			*place = CN_SEAL_JSON;
			return render_json_body(step, body);
		case CN_BODY_FORM:
			*content_type = "application/x-www-form-urlencoded";
			*place = CN_SEAL_URL;
			return render_pairs(step, def->form, def->form_count, true, body, '\0');
		case CN_BODY_MULTIPART:
			return cn_multipart_render(step, body, content_type);
		case CN_BODY_TEXT:
			*content_type = "text/plain; charset=utf-8";
			return cn_request_text(step, def->body_text, ".body", body);
		case CN_BODY_BINARY:
			*content_type = "application/octet-stream";
			return cn_request_base64(step, def->body_text, ".body", body);
	}
	return false;				/* not reached */
}

static bool
check_body_size(CnStep *step, int64 len)
{
	if (len <= (int64) cn_engine_max_request_size * 1024)
		return true;
	cn_fail(&step->record.failure, CN_LIMIT_EXCEEDED,
			"the body of the request has " INT64_FORMAT " bytes, more than connector.max_request_size allows",
			len);
	return false;
}

/* ---- what is shown, and what is sent ---- */

/* A form as {"name": value}, with stand-ins; the last of a name. */
static void
form_as_json(CnStep *step, StringInfo out)
{
	const CnStepDef *def = step->def;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (def->form_count + 1));
	int			count = 0;

	for (int i = 0; i < def->form_count; i++)
	{
		const CnJson *value;

		/* it was rendered before, so this does not fail */
		if (!cn_request_pair(step, &def->form[i], &value) || value == NULL)
			continue;
		members[count].key = def->form[i].name;
		members[count].key_len = strlen(members[count].key);
		members[count++].value = unconstify(CnJson *, value);
	}
	cn_json_write(out, cn_json_object(members, count));
}

/* Text as it may be shown: the value if it is JSON, else a string. */
static Jsonb *
shown_text(CnStep *step, const StringInfo text, bool json)
{
	CnJsonLimits limits = {.max_depth = cn_engine_max_json_depth};
	CnJsonError error;
	char	   *hidden = cn_secrets_hide(&step->secrets, text->data, text->len);
	Jsonb	   *value = NULL;

	if (json)
		value = cn_jsonb_from_text(hidden, strlen(hidden), &limits, &error);
	return value ? value : cn_jsonb_string(hidden, strlen(hidden));
}

/*
 * The body as it may be shown; NULL if it may not.  The history blanks secrets
 * by the names of members, so it gets a form as an object, and no parts.
 */
static Jsonb *
shown_body(CnStep *step, const StringInfo body)
{
	CnBodyKind	kind = step->def->body_kind;
	bool		all = step->execution->given.keep == CN_KEEP_ALL;
	StringInfoData form;

	if (body->len == 0 || !cn_utf8_valid(body->data, body->len, NULL))
		return NULL;
	if (all || kind == CN_BODY_JSON || kind == CN_BODY_TEXT)
		return shown_text(step, body, kind == CN_BODY_JSON);
	if (kind != CN_BODY_FORM)
		return NULL;
	initStringInfo(&form);
	form_as_json(step, &form);
	return shown_text(step, &form, true);
}

static Jsonb *
shown_headers(const CnStep *step)
{
	CnJsonbBuilder headers = {0};

	cn_build_begin_object(&headers);
	for (int i = 0; i < step->request.header_count; i++)
	{
		const CnHttpHeader *header = &step->request.headers[i];

		cn_build_key(&headers, header->name);
		cn_build_string(&headers, header->secret ? "[redacted]" : header->value);
	}
	cn_build_end_object(&headers);
	return cn_build_done(&headers);
}

/* What may be shown of it: no value of the credential, no query string in the history. */
static void
record_request(CnStep *step, const StringInfo url, const StringInfo body)
{
	CnStepRecord *record = &step->record;
	CnKeep		keep = step->execution->given.keep;

	record->method = step->request.method;
	record->request_bytes = body->len;
	record->url = cn_secrets_hide(&step->secrets, url->data,
								  keep == CN_KEEP_ALL ? url->len : strcspn(url->data, "?"));
	if (keep != CN_KEEP_NONE && body->len <= MAX_SHOWN_BODY)
		record->request_body = shown_body(step, body);
}

/* Put the secrets in; from here on the request is not to be shown. */
static void
seal_request(CnStep *step, const StringInfo url, const StringInfo body,
			 CnSealPlace body_place)
{
	CnSecrets  *secrets = &step->secrets;
	CnHttpRequest *request = &step->request;
	int64		len = url->len;

	request->secret_url = cn_secrets_in(secrets, url->data, url->len);
	request->url = cn_secrets_seal(secrets, CN_SEAL_URL, url->data, &len);
	if (step->def->body_kind == CN_BODY_NONE && body->len == 0)
		return;
	len = body->len;
	request->secret_body = cn_secrets_in(secrets, body->data, body->len);
	request->body = cn_secrets_seal(secrets, body_place, body->data, &len);
	request->body_len = len;
}

/* ---- authentication ---- */

/* What the credential adds, put into the sealed request. */
static void
add_authentication(CnStep *step)
{
	CnAuthAddition *addition = &step->secrets.addition;
	CnHttpRequest *request = &step->request;

	for (int i = 0; i < addition->header_count; i++)
		add_header(step, addition->headers[i].name, addition->headers[i].value,
				   addition->headers[i].secret);
	if (addition->query)
	{
		request->secret_url = true;
		request->url = cn_secrets_join(&step->secrets, request->url,
									   strchr(request->url, '?') ? "&" : "?", addition->query);
	}
	request->login = addition->login;
	request->for_this_url = addition->for_this_url;
	if (step->execution->given.keep == CN_KEEP_ALL)
		step->record.request_headers = shown_headers(step);
}

/* The headers of request that the addition does not replace, with room for its own. */
static void
copy_headers(CnHttpRequest *request, const CnHttpRequest *rendered,
			 const CnAuthAddition *addition)
{
	CnHttpHeader *headers = palloc(sizeof(CnHttpHeader) *
								   (rendered->header_count + CN_AUTH_MAX_HEADERS));

	request->headers = headers;
	request->header_count = 0;
	for (int i = 0; i < rendered->header_count; i++)
		if (!is_replaced(addition, rendered->headers[i].name))
			headers[request->header_count++] = rendered->headers[i];
}

/* 32 hexadecimal digits that nobody has seen before. */
static const char *
make_nonce(void)
{
	unsigned char bytes[NONCE_LEN];
	char	   *nonce = palloc(2 * NONCE_LEN + 1);

	if (!cn_random_bytes(bytes, sizeof(bytes)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	for (int i = 0; i < NONCE_LEN; i++)
		snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
	return nonce;
}

bool
cn_request_sign(CnStep *step)
{
	CnSecrets  *secrets = &step->secrets;
	const CnHttpRequest *rendered = &step->rendered;
	CnUrl		url;
	const char *problem;
	CnSignInput input = {
		.method = rendered->method,
		.url = &url,
		.headers = rendered->headers,
		.header_count = rendered->header_count,
		.body = rendered->body,
		.body_len = rendered->body_len,
	};

	if (secrets->credential == NULL || !cn_auth_signs(secrets->credential))
		return true;
	/* with secrets in it it is parsed as it was without */
	if (!cn_url_parse(rendered->url, &url, &problem))
		elog(ERROR, "the URL of step \"%s\" cannot be parsed any more", step->def->id);
	cn_wipe_on_reset(secrets->context, url.target, strlen(url.target));
	input.now_ms = cn_unix_ms();
	input.nonce = make_nonce();
	if (!cn_auth_sign(secrets->credential, secrets->context, &input, &secrets->addition,
					  &step->record.failure))
		return false;
	step->request = *rendered;
	copy_headers(&step->request, rendered, &secrets->addition);
	add_authentication(step);
	return true;
}

/* ---- all of it ---- */

/* The limits of each attempt; its time comes with it. */
static void
set_limits(CnStep *step)
{
	CnHttpRequest *request = &step->request;

	request->method = step->def->method;
	request->max_redirects = cn_http_max_redirects;
	request->max_response = (int64) cn_http_max_response * 1024;
	memcpy(request->pool.workspace, step->execution->given.workspace.data, UUID_LEN);
	if (step->secrets.credential)
		memcpy(request->pool.credential, step->secrets.credential->id.data, UUID_LEN);
}

bool
cn_request_build(CnStep *step)
{
	StringInfoData url;
	StringInfoData body;
	char	   *content_type;
	CnSealPlace place;

	set_limits(step);
	initStringInfo(&body);
	if (!render_url(step, &url) ||
		!check_url(step, url.data) ||
		!render_body(step, &body, &content_type, &place) ||
		!check_body_size(step, body.len) ||
		!render_headers(step, content_type))
		return false;
	record_request(step, &url, &body);
	seal_request(step, &url, &body, place);
	step->rendered = step->request;
	add_authentication(step);
	return true;
}
