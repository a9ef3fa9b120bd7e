/*
 * token_request.c -- a request to a token endpoint, made of a credential.
 *
 * Where it goes is what the grant says, which was taken from the provider's definition when
 * the credential was made.  An application's secret goes only to the hosts that were fixed
 * when it was stored, whatever a grant says.
 */
#include "postgres.h"

#include "utils/guc.h"
#include "utils/memutils.h"

#include "auth/auth.h"
#include "auth/jwt.h"
#include "auth/token_request.h"
#include "core/clock.h"
#include "core/escape.h"
#include "core/uuid.h"
#include "crypto/secret.h"
#include "http/url.h"
#include "template/template.h"

/* No reply with tokens is longer. */
#define MAX_REPLY (256 * 1024)

/* How long an assertion is good for, where the provider says nothing: Google and Salesforce take no more
 * than an hour, and minutes. */
#define ASSERTION_SECONDS 180

/* A token that is renewed so long before its end is used on meanwhile; seconds. */
#define RENEW_BEFORE 300

#define MAX_HEADERS 24

int			cn_token_timeout = 15000;

void
cn_token_request_define_settings(void)
{
	DefineCustomIntVariable("connector.token_timeout",
							"How long a token endpoint may take to answer.",
							NULL, &cn_token_timeout, 15000, 1000, 60000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

void
cn_token_request_init(CnTokenRequest *request, const CnJson *grant, const pg_uuid_t *workspace,
					  const pg_uuid_t *id, MemoryContext context)
{
	memset(request, 0, sizeof(*request));
	request->context = context;
	request->grant = request->reading = grant;
	memcpy(request->http.pool.workspace, workspace->data, UUID_LEN);
	memcpy(request->http.pool.credential, id->data, UUID_LEN);
}

/* A buffer that does not move as long as room is enough, wiped with the context. */
static void
init_buffer(const CnTokenRequest *request, StringInfo buf, int room)
{
	MemoryContext old = MemoryContextSwitchTo(request->context);

	initStringInfo(buf);
	enlargeStringInfo(buf, room);
	cn_wipe_on_reset(request->context, buf->data, buf->maxlen);
	MemoryContextSwitchTo(old);
}

/* ---- where it goes ---- */

static bool
may_go_to(const CnCredential *client, const CnUrl *url)
{
	for (int i = 0; i < client->host_count; i++)
		if (cn_url_host_matches(url, client->hosts[i]))
			return true;
	return false;
}

static bool
check_url(const char *text, const CnCredential *client, CnFailure *failure)
{
	const char *problem = "it is missing";
	CnUrl		url;

	if (text == NULL || !cn_url_parse(text, &url, &problem))
	{
		cn_fail(failure, CN_AUTH_FAILED, "the token endpoint's address cannot be called: %s", problem);
		return false;
	}
	if (client == NULL || may_go_to(client, &url))
		return true;
	cn_fail(failure, CN_AUTH_FAILED, "the application's secret \"%s/%s\" may not be sent to %s",
			client->service, client->label, cn_url_origin(&url));
	failure->hint = "It is bound to the hosts it was stored for; an administrator of the workspace can store it again with connector_oauth_client_set.";
	return false;
}

/* ---- headers ---- */

static void
add_header(CnTokenRequest *request, const char *name, const char *value, bool secret)
{
	CnHttpHeader *headers = unconstify(CnHttpHeader *, request->http.headers);
	CnHttpHeader *header = &headers[request->http.header_count++];

	header->name = name;
	header->value = value;
	header->secret = secret;
}

/* Those of the provider's file, which are literal. */
static void
add_headers(CnTokenRequest *request, const CnJson *list)
{
	for (int i = 0; list && list->type == CN_JSON_OBJECT && i < list->len; i++)
	{
		const CnJsonMember *member = &list->u.members[i];

		if (member->value->type == CN_JSON_STRING && request->http.header_count < MAX_HEADERS - 4)
			add_header(request, member->key, member->value->u.text, false);
	}
}

/* Everything but what is sent.  No redirects: nobody but this host is to see the secrets. */
static void
address(CnTokenRequest *request, const char *method, const char *url, const CnJson *headers)
{
	request->http.method = method;
	request->http.url = url;
	request->http.timeout_ms = cn_token_timeout;
	request->http.max_redirects = 0;
	request->http.max_response = MAX_REPLY;
	request->http.headers = palloc0(sizeof(CnHttpHeader) * MAX_HEADERS);
	add_header(request, "Accept", "application/json", false);
	add_headers(request, headers);
}

static void
set_body(CnTokenRequest *request, const StringInfo body, const char *type)
{
	request->http.body = body->data;
	request->http.body_len = body->len;
	request->http.secret_body = true;
	add_header(request, "Content-Type", type, false);
}

/* ---- OAuth 2 ---- */

bool
cn_token_request_make(CnTokenRequest *request, const char *which, const CnCredential *client,
					  CnFailure *failure)
{
	MemoryContext old = MemoryContextSwitchTo(request->context);
	const char *url = cn_json_get_string(request->grant, which);
	bool		fine = check_url(url, client, failure);
	CnOauth2Request text;
	int			room;

	if (fine)
	{
		room = cn_oauth2_request_room(request->grant, &request->ask);
		init_buffer(request, &text.body, room);
		init_buffer(request, &text.authorization, room);
		address(request, "POST", url, cn_json_get(request->grant, "token_headers"));
		if (strcmp(which, "device_url") == 0)
			cn_oauth2_device_request(request->grant, &request->ask, &text);
		else if (strcmp(which, "revoke_url") == 0)
			cn_oauth2_revoke_request(request->grant, &request->ask, &text);
		else
			cn_oauth2_token_request(request->grant, &request->ask, &text);
		set_body(request, &text.body, text.content_type);
		if (text.authorization.len > 0)
		{
			request->ask.authorization = text.authorization.data;
			add_header(request, "Authorization", text.authorization.data, true);
		}
	}
	MemoryContextSwitchTo(old);
	return fine;
}

/* What a grant is asked with: the credential's own, else the application's. */
static const char *
field_of(const CnCredential *credential, const CnCredential *client, const char *name)
{
	const char *value = cn_auth_field(credential, name);

	return value == NULL && client ? cn_auth_field(client, name) : value;
}

static void
add_value(CnJsonMember *members, int *count, const char *name, const char *value)
{
	if (value == NULL)
		return;
	members[*count].key = name;
	members[*count].key_len = strlen(name);
	members[(*count)++].value = cn_json_string(value, -1);
}

/*
 * Parameters, with the provider's defaults for others, and secret fields by name, but no private
 * key: what claims and logins may name.
 * All strings are copies, to be wiped.
 */
static CnJson *
values_of(const CnCredential *credential, const CnCredential *client, const CnJson *grant)
{
	const CnCredential *const sources[] = {credential, client};
	const CnJson *const objects[] = {credential->parameters, cn_json_get(grant, "defaults")};
	int			most = 2 * CN_SECRET_MAX_FIELDS + 1 + objects[0]->len + (objects[1] ? objects[1]->len : 0);
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * most);
	int			count = 0;

	/* the first of a name is found: parameters cannot replace what is secret */
	for (int s = 0; s < lengthof(sources); s++)
		for (int i = 0; sources[s] && i < sources[s]->field_count; i++)
		{
			const CnSecretField *field = &sources[s]->fields[i];

			if (strncmp(field->name, "private_key", 11) == 0 && strcmp(field->name, "private_key_id") != 0)
				continue;
			add_value(members, &count, field->name, field->value);
		}
	add_value(members, &count, "token_url", cn_json_get_string(grant, "token_url"));
	for (int o = 0; o < lengthof(objects); o++)
		for (int i = 0; objects[o] && i < objects[o]->len; i++)
			add_value(members, &count, objects[o]->u.members[i].key,
					  cn_oauth2_value(objects[o], objects[o]->u.members[i].key));
	return cn_json_object(members, count);
}

/* The assertion of a JWT bearer grant; NULL and *failure. */
static const char *
make_assertion(CnTokenRequest *request, const CnCredential *credential, const CnCredential *client,
			   CnFailure *failure)
{
	const CnJson *jwt = cn_json_get(request->grant, "jwt");
	const char *algorithm = jwt ? cn_json_get_string(jwt, "algorithm") : NULL;
	const char *pem = field_of(credential, client, "private_key");
	const char *passphrase = field_of(credential, client, "private_key_passphrase");
	const char *key_id = field_of(credential, client, "private_key_id");
	const char *missing = NULL;
	char		id[CN_UUID_TEXT_LEN + 1];
	pg_uuid_t	uuid;
	CnSignKey	key = {.text = pem,.passphrase = passphrase};
	CnJwtTimes	times = {.lifetime = jwt ? cn_oauth2_number(jwt, "lifetime", ASSERTION_SECONDS) : 0};
	CnJsonMember kid = {.key = "kid",.key_len = 3};
	StringInfoData out;
	CnJson	   *values;
	CnJson	   *claims;
	const char *problem;

	if (pem == NULL || !cn_sign_algorithm(algorithm ? algorithm : "RS256", &key.algorithm))
	{
		cn_fail(failure, CN_AUTH_FAILED, pem ? "the provider's algorithm is unknown" :
				"the credential has no private_key");
		return NULL;
	}
	key.len = strlen(pem);
	values = values_of(credential, client, request->grant);
	claims = cn_oauth2_claims(request->grant, values, &missing);
	cn_oauth2_wipe(values);
	if (claims == NULL)
	{
		cn_fail(failure, CN_AUTH_FAILED, "the credential has no \"%s\", which the assertion needs", missing);
		return NULL;
	}
	cn_uuid_v7(&uuid);
	times.id = cn_uuid_text(&uuid, id);
	times.now = cn_now() / USECS_PER_SEC +
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	kid.value = key_id ? cn_json_string(key_id, -1) : NULL;
	init_buffer(request, &out, 8192 + 2 * (int) cn_json_size(claims, MAX_REPLY));
	problem = cn_jwt_make(&out, &key, cn_jwt_header(key.algorithm, key_id ? cn_json_object(&kid, 1) : NULL),
						  cn_jwt_claims(claims, &times));
	if (problem)
		cn_fail(failure, CN_AUTH_FAILED, "the assertion cannot be signed with the credential's private_key: %s", problem);
	return problem ? NULL : out.data;
}

static CnOauth2Verdict
ask_with(CnTokenRequest *request, const CnCredential *credential, const CnCredential *client,
		 CnFailure *failure)
{
	const char *grant = cn_json_get_string(request->grant, "grant");
	CnOauth2Ask *ask = &request->ask;

	ask->client_id = field_of(credential, client, "client_id");
	ask->client_secret = field_of(credential, client, "client_secret");
	if (grant && strcmp(grant, "client_credentials") == 0)
		ask->grant = CN_GRANT_CLIENT;
	else if (grant && strcmp(grant, "jwt_bearer") == 0)
	{
		ask->grant = CN_GRANT_JWT;
		ask->assertion = make_assertion(request, credential, client, failure);
		if (ask->assertion == NULL)
			return CN_TOKENS_FAILED;
	}
	else
	{
		ask->grant = CN_GRANT_REFRESH;
		ask->refresh_token = field_of(credential, NULL, "refresh_token");
		if (ask->refresh_token == NULL)
		{
			cn_fail(failure, CN_AUTH_FAILED, "the token has ended, and the provider gave no refresh token");
			return CN_TOKENS_REFUSED;
		}
	}
	if (ask->grant != CN_GRANT_JWT && ask->client_id == NULL)
	{
		cn_fail(failure, CN_AUTH_FAILED, "the application's client_id is missing");
		return CN_TOKENS_FAILED;
	}
	return cn_token_request_make(request, "token_url", client, failure) ? CN_TOKENS_GOT
		: CN_TOKENS_FAILED;
}

/* ---- a session: log in ---- */

static const CnJson *
login_root(void *arg, const char *name)
{
	return strcmp(name, "workspace") == 0 ? arg : NULL;
}

static void
note_problem(void *arg, const char *path, const CnTemplateError *error)
{
	*(const char **) arg = error->message;
}

/* name=value&... of an object of scalars. */
static void
write_form(StringInfo out, const CnJson *body)
{
	for (int i = 0; body->type == CN_JSON_OBJECT && i < body->len; i++)
	{
		const CnJsonMember *member = &body->u.members[i];
		int			len;
		const char *text = cn_expr_text(member->value, &len);

		if (i > 0)
			appendStringInfoChar(out, '&');
		cn_percent_encode(out, member->key, member->key_len);
		appendStringInfoChar(out, '=');
		cn_percent_encode(out, text, len);
	}
}

/* The login's body, with the credential's values in it; false and *failure. */
static bool
login_body(CnTokenRequest *request, const CnJson *login, const CnCredential *credential,
		   CnFailure *failure)
{
	const CnJson *source = cn_json_get(login, "body");
	const char *type = cn_json_get_string(login, "body_type");
	bool		form = type && strcmp(type, "form") == 0;
	const char *problem = NULL;
	const char *path = NULL;
	CnJson	   *values = values_of(credential, NULL, request->grant);
	CnScope		scope = {login_root, values, MAX_REPLY};
	CnTemplateError error;
	CnJsonTemplate *tmpl;
	const CnJson *body = NULL;
	StringInfoData out;

	if (source == NULL || source->type == CN_JSON_NULL)
		return true;
	tmpl = cn_json_template_compile(source, "$.login.body", note_problem, &problem);
	if (tmpl && (body = cn_json_template_eval(tmpl, &scope, &error, &path)) == NULL)
		problem = error.message;
	if (body == NULL)
	{
		cn_fail(failure, CN_AUTH_FAILED, "the login cannot be made: %s", problem);
		return false;
	}
	init_buffer(request, &out, 3 * (int) cn_json_size(body, MAX_REPLY) + 64);
	if (form)
		write_form(&out, body);
	else
		cn_json_write(&out, body);
	cn_oauth2_wipe(values);
	set_body(request, &out, form ? "application/x-www-form-urlencoded" : "application/json");
	return true;
}

static void
put_member(CnJsonMember *members, int *count, const char *name, const CnJson *value)
{
	if (value == NULL)
		return;
	members[*count].key = name;
	members[*count].key_len = strlen(name);
	members[(*count)++].value = unconstify(CnJson *, value);
}

/* How the reply to a login is read, as a grant object would say it. */
static const CnJson *
reading_of(const CnJson *grant, const CnJson *login)
{
	const CnJson *own = cn_json_get(login, "parameters");
	CnJsonMember *paths = palloc(sizeof(CnJsonMember) * 2);
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * 3);
	int			path_count = 0;
	int			count = 0;

	put_member(paths, &path_count, "access_token", cn_json_get(login, "token"));
	put_member(paths, &path_count, "expires_in", cn_json_get(login, "expires_in"));
	put_member(members, &count, "response", cn_json_object(paths, path_count));
	put_member(members, &count, "parameters", own ? own : cn_json_get(grant, "parameters"));
	put_member(members, &count, "expires_in", cn_json_get(grant, "expires_in"));
	return cn_json_object(members, count);
}

static CnOauth2Verdict
log_in(CnTokenRequest *request, const CnCredential *credential, CnFailure *failure)
{
	const CnJson *login = cn_json_get(request->grant, "login");
	const char *method = login ? cn_json_get_string(login, "method") : NULL;
	const char *url = login ? cn_json_get_string(login, "url") : NULL;

	if (!check_url(url, NULL, failure))
		return CN_TOKENS_FAILED;
	request->reading = reading_of(request->grant, login);
	address(request, method ? method : "POST", url, cn_json_get(login, "headers"));
	return login_body(request, login, credential, failure) ? CN_TOKENS_GOT : CN_TOKENS_FAILED;
}

/*
 * What an endpoint may get to see and repeat in its words: the values of secret fields.  Names of users
 * and applications are none, and help whoever reads the failure.
 */
static const char *const *
secret_values(const CnCredential *credential, const CnCredential *client)
{
	const CnCredential *const sources[] = {credential, client};
	const char **values = palloc(sizeof(char *) * (2 * CN_SECRET_MAX_FIELDS + 1));
	int			count = 0;

	for (int s = 0; s < lengthof(sources); s++)
		for (int i = 0; sources[s] && i < sources[s]->field_count; i++)
		{
			const CnSecretField *field = &sources[s]->fields[i];

			if (strcmp(field->name, "username") != 0 && strcmp(field->name, "client_id") != 0)
				values[count++] = field->value;
		}
	values[count] = NULL;
	return values;
}

CnOauth2Verdict
cn_token_request_renew(CnTokenRequest *request, const CnCredential *credential,
					   const CnCredential *client, CnFailure *failure)
{
	MemoryContext old = MemoryContextSwitchTo(request->context);
	const char *kind = cn_json_get_string(request->grant, "kind");
	CnOauth2Verdict verdict;

	request->ask.others = secret_values(credential, client);
	if (kind && strcmp(kind, "session") == 0)
		verdict = log_in(request, credential, failure);
	else
		verdict = ask_with(request, credential, client, failure);
	MemoryContextSwitchTo(old);
	return verdict;
}

/* ---- what came ---- */

bool
cn_token_request_reply(const CnTokenRequest *request, const CnHttpTransfer *transfer,
					   CnOauth2Reply *reply, CnFailure *failure)
{
	const CnHttpReply *http = cn_http_reply(transfer);

	if (http->failure.code != CN_OK)
	{
		cn_fail(failure, CN_AUTH_FAILED, "the token endpoint could not be asked: %s",
				http->failure.message);
		return false;
	}
	reply->status = http->status;
	reply->content_type = http->content_type;
	reply->body = http->body;
	reply->len = http->body_len;
	return true;
}

CnOauth2Verdict
cn_token_request_read(CnTokenRequest *request, const CnHttpTransfer *transfer,
					  CnOauth2Tokens *tokens, CnFailure *failure)
{
	MemoryContext old = MemoryContextSwitchTo(request->context);
	const char *kind = cn_json_get_string(request->grant, "kind");
	CnOauth2Verdict verdict = CN_TOKENS_FAILED;
	CnOauth2Reply reply;

	memset(tokens, 0, sizeof(*tokens));
	if (cn_token_request_reply(request, transfer, &reply, failure))
	{
		verdict = cn_oauth2_read_tokens(request->reading, &request->ask, &reply, tokens, failure);
		if (reply.len > 0)
			explicit_bzero(unconstify(char *, reply.body), reply.len);
		/* a login that is refused will be refused again: the password is another one now */
		if (verdict == CN_TOKENS_FAILED && kind && strcmp(kind, "session") == 0 &&
			(reply.status == 401 || reply.status == 403))
			verdict = CN_TOKENS_REFUSED;
	}
	MemoryContextSwitchTo(old);
	return verdict;
}

void
cn_token_times(const CnJson *grant, int64 expires_in, TimestampTz *expires_at,
			   TimestampTz *renew_at)
{
	int64		before = cn_oauth2_number(grant, "renew_before", RENEW_BEFORE);

	*expires_at = *renew_at = DT_NOEND;
	if (expires_in < 0)
		return;
	*expires_at = cn_now() + expires_in * USECS_PER_SEC;
	/* a short life leaves half of it */
	*renew_at = *expires_at - Min(Max(before, 0), expires_in / 2) * USECS_PER_SEC;
}
