/*
 * sign_scope.c -- what the {names} stand for in the texts of a kind that signs.
 */
#include "auth/sign_scope.h"

#include "auth/text.h"
#include "crypto/sign.h"

/* Bytes that may be secret. */
static void
append_bytes(StringInfo out, const CnSignScope *scope, const char *bytes, size_t len)
{
	enlargeStringInfo(out, (int) Min(len + 1, PG_INT32_MAX));
	if (scope->veiled)
		memset(out->data + out->len, '0', len);
	else
		memcpy(out->data + out->len, bytes, len);
	out->len += (int) len;
	out->data[out->len] = '\0';
}

/* ---- of the request ---- */

/* "body_sha256_hex"; false if it is no such name. */
static bool
append_body_digest(StringInfo out, const char *name, const CnSignInput *input)
{
	const char *kind_name = name + strlen("body_");
	const char *encoding_name = strchr(kind_name, '_');
	CnSignEncoding encoding;
	CnDigestKind kind;
	uint8		digest[CN_DIGEST_MAX];

	if (encoding_name == NULL || !cn_sign_encoding(encoding_name + 1, &encoding) ||
		!cn_digest_kind(pnstrdup(kind_name, encoding_name - kind_name), &kind))
		return false;
	if (!cn_secret_digest(kind, input->body ? input->body : "", input->body_len, digest))
		return false;
	cn_sign_encode(out, encoding, digest, cn_digest_size(kind));
	return true;
}

static bool
append_of_url(StringInfo out, const char *name, const CnSignScope *scope)
{
	const CnUrl *url = scope->input->url;
	const char *query = url->target + strcspn(url->target, "?");

	if (strcmp(name, "url") == 0)
	{
		appendStringInfo(out, "%s://%s", url->https ? "https" : "http", cn_url_authority(url));
		append_bytes(out, scope, url->target, strlen(url->target));
	}
	else if (strcmp(name, "host") == 0)
		appendStringInfoString(out, cn_url_authority(url));
	else if (strcmp(name, "path") == 0)
		append_bytes(out, scope, url->target, query - url->target);
	else if (strcmp(name, "query") == 0)
		append_bytes(out, scope, query + (*query == '?'), strlen(query + (*query == '?')));
	else
		return false;
	return true;
}

static bool
append_of_request(StringInfo out, const char *name, const CnSignScope *scope)
{
	const CnSignInput *input = scope->input;

	if (strcmp(name, "method") == 0)
		appendStringInfoString(out, input->method);
	else if (strcmp(name, "body") == 0)
		append_bytes(out, scope, input->body ? input->body : "", input->body_len);
	else if (strncmp(name, "body_", strlen("body_")) == 0)
		return append_body_digest(out, name, input);
	else if (strncmp(name, "header:", strlen("header:")) == 0)
	{
		const char *value = cn_sign_header(input, name + strlen("header:"));

		append_bytes(out, scope, value ? value : "", value ? strlen(value) : 0);
	}
	else if (strcmp(name, "timestamp") == 0)
		cn_sign_timestamp(out, scope->clock, input->now_ms);
	else if (strcmp(name, "now") == 0)
		cn_sign_timestamp(out, CN_CLOCK_SECONDS, input->now_ms);
	else if (strcmp(name, "nonce") == 0)
		appendStringInfoString(out, input->nonce);
	else
		return append_of_url(out, name, scope);
	return true;
}

/* ---- of the credential ---- */

static bool
is_hidden(const CnSignScope *scope, const char *name)
{
	for (const char *const *hidden = scope->hidden; hidden && *hidden; hidden++)
		if (strcmp(*hidden, name) == 0)
			return true;
	return false;
}

static bool
append_field(StringInfo out, const char *name, const CnSignScope *scope)
{
	for (int i = 0; i < scope->field_count; i++)
	{
		const CnSecretField *field = &scope->fields[i];

		if (strcmp(field->name, name) != 0 || is_hidden(scope, name))
			continue;
		append_bytes(out, scope, field->value, field->len);
		return true;
	}
	return false;
}

static bool
append_named(const char *name, StringInfo out, void *arg)
{
	const CnSignScope *scope = arg;
	const char *known = NULL;

	if (append_of_request(out, name, scope))
		return true;
	if (strcmp(name, "signature") == 0)
		known = scope->signature;
	else if (strcmp(name, "fingerprint") == 0)
		known = scope->fingerprint;
	if (known == NULL)
		known = cn_json_get_string(scope->parameters, name);
	if (known == NULL)
		return append_field(out, name, scope);
	appendStringInfoString(out, known);
	return true;
}

/* ---- texts ---- */

const char *
cn_sign_text(StringInfo out, const char *text, CnSignScope *scope)
{
	return cn_text_render(out, text, append_named, scope);
}

const char *
cn_sign_text_sealed(StringInfo out, const char *text, CnSignScope *scope)
{
	StringInfoData measure;
	const char *unknown;

	initStringInfo(&measure);
	scope->veiled = true;
	unknown = cn_sign_text(&measure, text, scope);
	scope->veiled = false;
	cn_sign_buffer(out, measure.len);
	cn_sign_wipe(&measure);
	return unknown ? unknown : cn_sign_text(out, text, scope);
}

static CnJson *
render_array(const CnJson *value, CnSignScope *scope, const char **unknown)
{
	CnJson	  **items = palloc(sizeof(CnJson *) * Max(value->len, 1));

	for (int i = 0; i < value->len; i++)
	{
		items[i] = cn_sign_json(value->u.items[i], scope, unknown);
		if (items[i] == NULL)
			return NULL;
	}
	return cn_json_array(items, value->len);
}

static CnJson *
render_object(const CnJson *value, CnSignScope *scope, const char **unknown)
{
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * Max(value->len, 1));

	for (int i = 0; i < value->len; i++)
	{
		members[i] = value->u.members[i];
		members[i].value = cn_sign_json(members[i].value, scope, unknown);
		if (members[i].value == NULL)
			return NULL;
	}
	return cn_json_object(members, value->len);
}

/* The depth was limited where the value was read. */
CnJson *
cn_sign_json(const CnJson *value, CnSignScope *scope, const char **unknown)
{
	StringInfoData text;

	switch (value->type)
	{
		case CN_JSON_STRING:
			initStringInfo(&text);
			*unknown = cn_sign_text(&text, value->u.text, scope);
			return *unknown ? NULL : cn_json_string(text.data, text.len);
		case CN_JSON_ARRAY:
			return render_array(value, scope, unknown);
		case CN_JSON_OBJECT:
			return render_object(value, scope, unknown);
		default:
			return unconstify(CnJson *, value);
	}
}
