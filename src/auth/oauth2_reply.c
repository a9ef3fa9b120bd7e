/*
 * oauth2_reply.c -- what a token endpoint answered becomes tokens or a failure.
 *
 * Endpoints answer with anything: a page in HTML, 200 with an error in it, numbers as text.
 * Whatever it is, nothing is taken of it unless there is a token that can be sent in a header.
 */
#include "auth/oauth2.h"

#include "core/escape.h"
#include "core/utf8.h"

/* Bytes of the remote's own words in a failure. */
#define MAX_REMOTE_WORDS 300

/* A value shorter than this is not looked for in the remote's words. */
#define MIN_SECRET_LEN 4

/* A token parameter that becomes a credential's: no document. */
#define MAX_PARAMETER_LEN 2048

/* Where a grant object says nothing else: the names of RFC 6749, section 5.1. */
static const char *
path_of(const CnJson *config, const char *name)
{
	const CnJson *paths = cn_json_get(config, "response");
	const char *path = paths ? cn_json_get_string(paths, name) : NULL;

	return path ? path : name;
}

static const CnJson *
member_of(const CnJson *config, const CnJson *tree, const char *name)
{
	const CnJson *value = cn_oauth2_at(tree, path_of(config, name));

	return value && value->type != CN_JSON_NULL ? value : NULL;
}

/* ---- the remote's words ---- */

/* Does text show secret, as it is or as a body holds it? */
static bool
shows(const char *text, const char *secret)
{
	StringInfoData form;
	StringInfoData string;
	bool		found;

	if (secret == NULL || strlen(secret) < MIN_SECRET_LEN)
		return false;
	initStringInfo(&form);
	initStringInfo(&string);
	cn_percent_encode(&form, secret, strlen(secret));
	cn_json_write_string(&string, secret, strlen(secret));
	string.data[string.len - 1] = '\0';	/* without the quotes */
	found = strstr(text, secret) || strstr(text, form.data) || strstr(text, string.data + 1);
	explicit_bzero(form.data, form.len);
	explicit_bzero(string.data, string.len);
	return found;
}

static bool
holds_secret(const char *text, const CnOauth2Ask *ask)
{
	const char *const secrets[] = {
		ask->client_secret, ask->code, ask->code_verifier, ask->refresh_token, ask->assertion,
		ask->device_code, ask->token
	};
	const char *scheme_end = ask->authorization ? strchr(ask->authorization, ' ') : NULL;

	for (int i = 0; i < lengthof(secrets); i++)
		if (shows(text, secrets[i]))
			return true;
	for (int i = 0; ask->others && ask->others[i]; i++)
		if (shows(text, ask->others[i]))
			return true;
	return scheme_end && shows(text, scheme_end + 1);
}

/* "invalid_grant: the code has expired", on one line, cut, without the half that shows a secret; or NULL. */
static char *
words_of(const CnJson *tree, const CnOauth2Ask *ask)
{
	const CnJson *error = cn_json_get(tree, "error");
	const char *code = error && error->type == CN_JSON_OBJECT ? cn_json_get_string(error, "message")
		: cn_json_get_string(tree, "error");
	const char *more = cn_json_get_string(tree, "error_description");
	char	   *words;
	int64		bad;

	if (more == NULL)
		more = cn_json_get_string(tree, "message");
	if (code && holds_secret(code, ask))
		code = NULL;
	if (more && holds_secret(more, ask))
		more = NULL;
	if (code == NULL && more == NULL)
		return NULL;
	words = code && more ? psprintf("%s: %s", code, more) : pstrdup(code ? code : more);
	if (strlen(words) > MAX_REMOTE_WORDS)
		words[MAX_REMOTE_WORDS] = '\0';
	for (char *at = words; *at; at++)
		if ((unsigned char) *at < ' ' || *at == 0x7f)
			*at = ' ';
	if (!cn_utf8_valid(words, strlen(words), &bad))
		words[bad] = '\0';
	return words;
}

/* ---- failures ---- */

static CnOauth2Verdict
fail_with(CnFailure *failure, const CnOauth2Reply *reply, const char *message)
{
	cn_fail(failure, CN_AUTH_FAILED, "%s", message);
	failure->http_status = reply->status;
	return CN_TOKENS_FAILED;
}

/*
 * Errors after which the same grant is refused for ever (RFC 6749, section 5.2; OpenID Connect
 * Core, 3.1.2.6; RFC 8628, 3.5), and how GitHub, Slack and Google call it.
 */
static bool
is_final(const char *error)
{
	static const char *const names[] = {
		"invalid_grant", "access_denied", "expired_token", "login_required", "consent_required",
		"interaction_required", "bad_refresh_token", "bad_verification_code", "invalid_refresh_token",
		"token_revoked", "account_inactive", "invalid_code", "deleted_client"
	};

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(names[i], error) == 0)
			return true;
	return false;
}

/* The endpoint says that it is an error. */
static CnOauth2Verdict
error_reply(const CnOauth2Ask *ask, const CnOauth2Reply *reply, const CnJson *tree,
			CnFailure *failure)
{
	const char *error = cn_json_get_string(tree, "error");

	if (error && strcmp(error, "authorization_pending") == 0)
		return CN_TOKENS_PENDING;
	if (error && strcmp(error, "slow_down") == 0)
		return CN_TOKENS_SLOW_DOWN;
	if (reply->status < 200 || reply->status > 299)
		fail_with(failure, reply, psprintf("the token endpoint answered with HTTP status %d",
										   reply->status));
	else
		fail_with(failure, reply, "the token endpoint answered with an error");
	failure->remote_message = words_of(tree, ask);
	return error && is_final(error) ? CN_TOKENS_REFUSED : CN_TOKENS_FAILED;
}

/* "text/html", for messages: a short type of ours or none. */
static const char *
type_for_message(const char *type)
{
	int			len = type ? strcspn(type, "; \t\r\n") : 0;

	if (len == 0)
		return "no content type";
	for (int i = 0; i < len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+.-", type[i]) == NULL)
			return "an odd content type";
	return len > 60 ? "an odd content type" : pnstrdup(type, len);
}

/* An object, or NULL and *failure. */
static CnJson *
parse(const CnOauth2Reply *reply, CnFailure *failure)
{
	CnJsonLimits limits = {.max_depth = 32,.max_values = 10000};
	CnJsonError error;
	CnJson	   *tree = NULL;

	if (reply->len > 0)
		tree = cn_json_parse(reply->body, reply->len, &limits, &error);
	if (tree && tree->type == CN_JSON_OBJECT)
		return tree;
	if (reply->status < 200 || reply->status > 299)
		fail_with(failure, reply, psprintf("the token endpoint answered with HTTP status %d",
										   reply->status));
	else if (reply->len == 0)
		fail_with(failure, reply, "the token endpoint's reply is empty");
	else if (tree)
		fail_with(failure, reply, psprintf("the token endpoint's reply is %s, not an object",
										   cn_json_type_phrase(tree->type)));
	else
		fail_with(failure, reply, psprintf("the token endpoint's reply is not JSON (%s)",
										   type_for_message(reply->content_type)));
	return NULL;
}

/* ---- tokens ---- */

/* RFC 6749, appendix A.12: visible characters; anything else could end a header. */
static const char *
token_problem(const CnJson *value)
{
	if (value->type != CN_JSON_STRING)
		return psprintf("is %s", cn_json_type_phrase(value->type));
	if (value->len == 0)
		return "is empty";
	if (value->len > CN_TOKEN_MAX_LEN)
		return psprintf("has %d bytes, more than %d", value->len, CN_TOKEN_MAX_LEN);
	for (int i = 0; i < value->len; i++)
		if (value->u.text[i] < ' ' || value->u.text[i] > '~')
			return "has a character that no token has";
	return NULL;
}

/* *token: the text of a member, or NULL if there is none; false and *failure if it is no token. */
static bool
take_token(const CnJson *config, const CnJson *tree, const char *name, const CnOauth2Reply *reply,
		   const char **token, CnFailure *failure)
{
	const CnJson *value = member_of(config, tree, name);
	const char *problem = value ? token_problem(value) : NULL;

	*token = NULL;
	/* an empty one is how some say that there is none */
	if (value && value->type == CN_JSON_STRING && value->len == 0 &&
		strcmp(name, "refresh_token") == 0)
		return true;
	if (problem)
		fail_with(failure, reply, psprintf("the token endpoint's %s %s", name, problem));
	else if (value)
		*token = value->u.text;
	return problem == NULL;
}

/* Seconds, of a number or a number's text; -1: there is none, or it is something else. */
static int64
seconds_of(const CnJson *value)
{
	double		number;
	char	   *end;

	if (value == NULL)
		return -1;
	if ((value->type != CN_JSON_NUMBER && value->type != CN_JSON_STRING) || value->len == 0 ||
		strspn(value->u.text, "0123456789.eE+-") != value->len)
		return -1;
	number = strtod(value->u.text, &end);
	if (*end != '\0' || number != number || number < 0)
		return -1;
	return number > CN_TOKEN_MAX_LIFE ? CN_TOKEN_MAX_LIFE : (int64) number;
}

/*
 * An end that is none, or no time at all, is as none said, which some mean: a reply with a token is taken in
 * any case, for its refresh token may have ended the one before.
 */
static int64
life_of(const CnJson *config, const CnJson *tree)
{
	int64		seconds = seconds_of(member_of(config, tree, "expires_in"));

	return seconds > 0 ? seconds : cn_oauth2_number(config, "expires_in", -1);
}

/* Fields of the reply that the credential gets as public parameters. */
static CnJson *
take_parameters(const CnJson *config, const CnJson *tree)
{
	const CnJson *wanted = cn_json_get(config, "parameters");
	int			most = wanted && wanted->type == CN_JSON_OBJECT ? wanted->len : 0;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (most + 1));
	int			count = 0;

	for (int i = 0; i < most; i++)
	{
		const CnJsonMember *one = &wanted->u.members[i];
		const CnJson *value = one->value->type == CN_JSON_STRING
			? cn_oauth2_at(tree, one->value->u.text) : NULL;

		if (value == NULL || value->len > MAX_PARAMETER_LEN ||
			(value->type != CN_JSON_STRING && value->type != CN_JSON_NUMBER))
			continue;
		members[count] = *one;
		members[count++].value = cn_json_string(value->u.text, value->len);
	}
	return cn_json_object(members, count);
}

CnOauth2Verdict
cn_oauth2_read_tokens(const CnJson *config, const CnOauth2Ask *ask, const CnOauth2Reply *reply,
					  CnOauth2Tokens *tokens, CnFailure *failure)
{
	CnJson	   *tree = parse(reply, failure);
	const CnJson *scope;

	memset(tokens, 0, sizeof(*tokens));
	tokens->tree = tree;
	if (tree == NULL)
		return CN_TOKENS_FAILED;
	if (reply->status < 200 || reply->status > 299)
		return error_reply(ask, reply, tree, failure);
	if (!take_token(config, tree, "access_token", reply, &tokens->access_token, failure))
		return CN_TOKENS_FAILED;
	if (tokens->access_token == NULL && cn_json_get(tree, "error"))
		return error_reply(ask, reply, tree, failure);
	if (tokens->access_token == NULL)
		return fail_with(failure, reply, "the token endpoint's reply has no access_token");
	if (!take_token(config, tree, "refresh_token", reply, &tokens->refresh_token, failure))
		return CN_TOKENS_FAILED;
	tokens->expires_in = life_of(config, tree);
	scope = member_of(config, tree, "scope");
	if (scope && scope->type == CN_JSON_STRING && scope->len <= MAX_PARAMETER_LEN)
		tokens->scope = scope->u.text;
	tokens->parameters = take_parameters(config, tree);
	return CN_TOKENS_GOT;
}

/* ---- devices, revocation ---- */

bool
cn_oauth2_read_device(const CnOauth2Ask *ask, const CnOauth2Reply *reply, CnOauth2Device *device,
					  CnFailure *failure)
{
	CnJson	   *tree = parse(reply, failure);
	int64		interval;

	memset(device, 0, sizeof(*device));
	if (tree == NULL)
		return false;
	device->device_code = cn_json_get_string(tree, "device_code");
	if (reply->status < 200 || reply->status > 299 || device->device_code == NULL)
	{
		if (error_reply(ask, reply, tree, failure) < CN_TOKENS_PENDING)
			return false;
		fail_with(failure, reply, "the device endpoint's reply has no device_code");
		return false;
	}
	device->user_code = cn_json_get_string(tree, "user_code");
	device->verification_uri = cn_json_get_string(tree, "verification_uri");
	if (device->verification_uri == NULL)	/* Google's word for it */
		device->verification_uri = cn_json_get_string(tree, "verification_url");
	device->verification_uri_complete = cn_json_get_string(tree, "verification_uri_complete");
	device->expires_in = seconds_of(cn_json_get(tree, "expires_in"));
	interval = seconds_of(cn_json_get(tree, "interval"));
	device->interval = interval > 0 && interval < 3600 ? (int) interval : 5;
	if (device->user_code && device->verification_uri && device->expires_in > 0 &&
		strlen(device->device_code) <= CN_TOKEN_MAX_LEN && device->device_code[0])
		return true;
	fail_with(failure, reply, "the device endpoint's reply lacks user_code, verification_uri or expires_in");
	return false;
}

bool
cn_oauth2_read_revoked(const CnOauth2Ask *ask, const CnOauth2Reply *reply, CnFailure *failure)
{
	CnFailure	ignored = {CN_OK};
	CnJson	   *tree;

	if (reply->status >= 200 && reply->status <= 299)
		return true;
	fail_with(failure, reply, psprintf("the revocation endpoint answered with HTTP status %d",
									   reply->status));
	tree = parse(reply, &ignored);
	if (tree)
		failure->remote_message = words_of(tree, ask);
	return false;
}

void
cn_oauth2_wipe(CnJson *tree)
{
	if (tree == NULL)
		return;
	if (tree->type == CN_JSON_STRING)
		explicit_bzero(unconstify(char *, tree->u.text), tree->len);
	for (int i = 0; tree->type == CN_JSON_ARRAY && i < tree->len; i++)
		cn_oauth2_wipe(tree->u.items[i]);
	for (int i = 0; tree->type == CN_JSON_OBJECT && i < tree->len; i++)
		cn_oauth2_wipe(tree->u.members[i].value);
}
