/*
 * oauth2_request.c -- authorization URL, token and revocation requests, PKCE.
 */
#include "auth/oauth2.h"

#include "common/base64.h"

#include "auth/jwt.h"
#include "core/digest.h"
#include "core/escape.h"

/* ---- PKCE ---- */

static void
base64url_32(const uint8 *bytes, char *out)
{
	StringInfoData text;

	initStringInfo(&text);
	cn_base64url(&text, bytes, 32);
	Assert(text.len == CN_PKCE_LEN);
	memcpy(out, text.data, CN_PKCE_LEN + 1);
	explicit_bzero(text.data, text.len);
}

void
cn_pkce_verifier(const uint8 *random, char *verifier)
{
	base64url_32(random, verifier);
}

bool
cn_pkce_challenge(const char *verifier, char *challenge)
{
	uint8		digest[CN_DIGEST_MAX];

	if (!cn_digest(CN_DIGEST_SHA256, verifier, strlen(verifier), digest))
		return false;
	base64url_32(digest, challenge);
	return true;
}

/* ---- parameters, as a form or as JSON ---- */

/* Writes name=value&... or {"name":"value",...}. */
typedef struct Writer
{
	StringInfo	out;
	bool		json;
	int			count;
} Writer;

static void
put(Writer *writer, const char *name, const char *value)
{
	if (value == NULL)
		return;
	if (writer->json)
	{
		appendStringInfoChar(writer->out, writer->count++ ? ',' : '{');
		cn_json_write_string(writer->out, name, strlen(name));
		appendStringInfoChar(writer->out, ':');
		cn_json_write_string(writer->out, value, strlen(value));
		return;
	}
	if (writer->count++)
		appendStringInfoChar(writer->out, '&');
	cn_percent_encode(writer->out, name, strlen(name));
	appendStringInfoChar(writer->out, '=');
	cn_percent_encode(writer->out, value, strlen(value));
}

static void
finish(Writer *writer)
{
	if (writer->json)
		appendStringInfoString(writer->out, writer->count ? "}" : "{}");
}

/* The literal extras of a grant object ("token_params"): strings, and what else has a text. */
static void
put_extras(Writer *writer, const CnJson *config, const char *list)
{
	const CnJson *extras = cn_json_get(config, list);

	for (int i = 0; extras && extras->type == CN_JSON_OBJECT && i < extras->len; i++)
	{
		const CnJson *value = extras->u.members[i].value;

		if (value->type == CN_JSON_STRING || value->type == CN_JSON_NUMBER)
			put(writer, extras->u.members[i].key, value->u.text);
		else if (value->type == CN_JSON_BOOL)
			put(writer, extras->u.members[i].key, value->boolean ? "true" : "false");
	}
}

/* A member that is there and not empty. */
static const char *
text_of(const CnJson *config, const char *name)
{
	const char *text = cn_json_get_string(config, name);

	return text && text[0] ? text : NULL;
}

char *
cn_oauth2_authorize_url(const CnJson *config, const char *client_id, const char *redirect_uri,
						const char *state, const char *challenge)
{
	const char *base = cn_json_get_string(config, "authorize_url");
	StringInfoData url;
	Writer		writer = {.out = &url};

	initStringInfo(&url);
	appendStringInfoString(&url, base);
	appendStringInfoChar(&url, strchr(base, '?') ? '&' : '?');
	put(&writer, "response_type", "code");
	put(&writer, "client_id", client_id);
	put(&writer, "redirect_uri", redirect_uri);
	put(&writer, "scope", text_of(config, "scope"));
	put(&writer, "state", state);
	put(&writer, "code_challenge", challenge);
	put(&writer, "code_challenge_method", challenge ? "S256" : NULL);
	put_extras(&writer, config, "authorize_params");
	return url.data;
}

/* ---- the client says who it is ---- */

/*
 * RFC 6749, section 2.3.1: both are encoded as in a form before they are joined, so that a
 * colon in the id does not end it.
 */
static void
put_basic(CnOauth2Request *request, const CnOauth2Ask *ask)
{
	StringInfoData pair;
	int			room = 3 * (strlen(ask->client_id) + strlen(ask->client_secret)) + 2;
	int			max = pg_b64_enc_len(room);
	StringInfo	out = &request->authorization;
	int			n;

	initStringInfo(&pair);
	enlargeStringInfo(&pair, room);
	cn_percent_encode(&pair, ask->client_id, strlen(ask->client_id));
	appendStringInfoChar(&pair, ':');
	cn_percent_encode(&pair, ask->client_secret, strlen(ask->client_secret));
	appendStringInfoString(out, "Basic ");
	enlargeStringInfo(out, max + 1);
	n = pg_b64_encode(pair.data, pair.len, out->data + out->len, max);
	out->len += Max(n, 0);
	out->data[out->len] = '\0';
	explicit_bzero(pair.data, pair.len);
}

/* Is "client_auth" of the grant object that?  Without it, it is "basic". */
static bool
client_auth_is(const CnJson *config, const char *what)
{
	const char *how = cn_json_get_string(config, "client_auth");

	return strcmp(how ? how : "basic", what) == 0;
}

/*
 * A client without a secret names itself in the body.  With an assertion that is the grant a
 * client need not say who it is (RFC 7523, section 3.1), and most providers do not want it.
 */
static void
put_client(Writer *writer, const CnJson *config, const CnOauth2Ask *ask, CnOauth2Request *request)
{
	const char *secret = client_auth_is(config, "none") ? NULL : ask->client_secret;

	if (ask->client_id == NULL || (ask->grant == CN_GRANT_JWT && secret == NULL))
		return;
	if (secret && client_auth_is(config, "basic"))
	{
		put_basic(request, ask);
		return;
	}
	put(writer, "client_id", ask->client_id);
	put(writer, "client_secret", secret);
}

/* ---- requests ---- */

int
cn_oauth2_request_room(const CnJson *config, const CnOauth2Ask *ask)
{
	const char *const texts[] = {
		ask->client_id, ask->client_secret, ask->code, ask->redirect_uri, ask->code_verifier,
		ask->refresh_token, ask->assertion, ask->device_code, ask->token
	};
	int			room = 1024 + 6 * (int) cn_json_size(config, 1024 * 1024);

	/* a character takes six bytes at most, in JSON, or four as a base64 of what is encoded */
	for (int i = 0; i < lengthof(texts); i++)
		room += texts[i] ? 6 * strlen(texts[i]) : 0;
	return room;
}

static void
begin(Writer *writer, const CnJson *config, CnOauth2Request *request)
{
	const char *form = cn_json_get_string(config, "token_body");

	memset(writer, 0, sizeof(*writer));
	writer->out = &request->body;
	writer->json = form && strcmp(form, "json") == 0;
	request->content_type = writer->json ? "application/json"
		: "application/x-www-form-urlencoded";
}

void
cn_oauth2_token_request(const CnJson *config, const CnOauth2Ask *ask, CnOauth2Request *request)
{
	static const char *const grants[] = {
		[CN_GRANT_CODE] = "authorization_code",
		[CN_GRANT_REFRESH] = "refresh_token",
		[CN_GRANT_CLIENT] = "client_credentials",
		[CN_GRANT_JWT] = "urn:ietf:params:oauth:grant-type:jwt-bearer",
		[CN_GRANT_DEVICE] = "urn:ietf:params:oauth:grant-type:device_code",
	};
	Writer		writer;

	begin(&writer, config, request);
	put(&writer, "grant_type", grants[ask->grant]);
	put(&writer, "code", ask->code);
	put(&writer, "redirect_uri", ask->redirect_uri);
	put(&writer, "code_verifier", ask->code_verifier);
	put(&writer, "refresh_token", ask->refresh_token);
	put(&writer, "assertion", ask->assertion);
	put(&writer, "device_code", ask->device_code);
	if (ask->grant == CN_GRANT_CLIENT)
		put(&writer, "scope", text_of(config, "scope"));
	put_client(&writer, config, ask, request);
	put_extras(&writer, config, "token_params");
	if (ask->grant == CN_GRANT_REFRESH)
		put_extras(&writer, config, "refresh_params");
	finish(&writer);
}

/* A device names its client in the body, as it has no secret to keep. */
void
cn_oauth2_device_request(const CnJson *config, const CnOauth2Ask *ask, CnOauth2Request *request)
{
	Writer		writer;

	begin(&writer, config, request);
	if (ask->client_secret && client_auth_is(config, "basic"))
		put_basic(request, ask);
	put(&writer, "client_id", ask->client_id);
	put(&writer, "scope", text_of(config, "scope"));
	finish(&writer);
}

void
cn_oauth2_revoke_request(const CnJson *config, const CnOauth2Ask *ask, CnOauth2Request *request)
{
	Writer		writer;

	begin(&writer, config, request);
	put(&writer, "token", ask->token);
	put(&writer, "token_type_hint", ask->token_hint);
	put_client(&writer, config, ask, request);
	finish(&writer);
}

/* ---- claims of an assertion ---- */

/* What a placeholder in a claim stands for; NULL: there is no such value. */
static const char *
claim_value(const char *name, const CnJson *config, const CnJson *values)
{
	const char *value = strcmp(name, "scope") == 0 || strcmp(name, "scopes") == 0
		? cn_json_get_string(config, "scope") : cn_json_get_string(values, name);

	return value && value[0] ? value : NULL;
}

/*
 * A claim with its placeholders filled in; claims are no URLs, so nothing is encoded.  NULL: a
 * value is missing; *missing is its name, or NULL if the claim does without.
 */
static char *
fill_in(const char *text, const CnJson *config, const CnJson *values, const char **missing)
{
	StringInfoData out;

	*missing = NULL;
	initStringInfo(&out);
	while (*text)
	{
		int			len = strcspn(text, "{");
		const char *end;
		const char *value;
		char	   *name;
		bool		optional;

		appendBinaryStringInfo(&out, text, len);
		text += len;
		end = strchr(text, '}');
		if (end == NULL)
		{
			appendStringInfoString(&out, text);
			break;
		}
		optional = end[-1] == '?';
		name = pnstrdup(text + 1, end - text - 1 - optional);
		value = claim_value(name, config, values);
		if (value == NULL)
		{
			*missing = optional ? NULL : name;
			return NULL;
		}
		appendStringInfoString(&out, value);
		text = end + 1;
	}
	return out.data;
}

CnJson *
cn_oauth2_claims(const CnJson *config, const CnJson *values, const char **missing)
{
	const CnJson *jwt = cn_json_get(config, "jwt");
	const CnJson *claims = jwt ? cn_json_get(jwt, "claims") : NULL;
	int			most = claims && claims->type == CN_JSON_OBJECT ? claims->len : 0;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (most + 1));
	int			count = 0;

	for (int i = 0; i < most; i++)
	{
		CnJsonMember *claim = &members[count];
		char	   *text;

		*claim = claims->u.members[i];
		if (claim->value->type == CN_JSON_STRING)
		{
			text = fill_in(claim->value->u.text, config, values, missing);
			if (text == NULL && *missing)
				return NULL;
			if (text == NULL)
				continue;
			claim->value = cn_json_string(text, -1);
		}
		count++;
	}
	return cn_json_object(members, count);
}
