/*
 * oauth.c -- accounts are connected: authorization, device, and grants without a user.
 *
 * What comes from the provider is exchanged by the session that asks, in its transaction,
 * for nobody else has it; from then on the token process renews it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "auth/auth.h"
#include "catalog/provider_connect.h"
#include "core/clock.h"
#include "core/jsonb.h"
#include "core/report.h"
#include "core/utf8.h"
#include "core/uuid.h"
#include "credentials/seal.h"
#include "crypto/aead.h"
#include "http/url.h"
#include "sqlapi/args.h"
#include "sqlapi/credentials.h"
#include "sqlapi/oauth.h"
#include "worker/errand.h"

CN_FUNCTION(connector_oauth_authorize_url);
CN_FUNCTION(connector_oauth_callback);
CN_FUNCTION(connector_oauth_connect);
CN_FUNCTION(connector_oauth_device_poll);
CN_FUNCTION(connector_oauth_device_start);

/* How long a user has to come back. */
#define STATE_SECONDS 600

/* A device gets what the provider says, but no longer. */
#define MAX_DEVICE_SECONDS 3600

/* Bytes of the address that a user comes back to. */
#define MAX_REDIRECT_URI 2048

/* Bytes of what a provider says in the address it sends a user back to. */
#define MAX_WORDS 300

/* ---- what they have in common ---- */

/* A call that has secrets in its arguments or memory. */
typedef struct SecretCall
{
	ErrorContextCallback hide;
	MemoryContext scratch;
	MemoryContext old;
} SecretCall;

static void
begin_call(SecretCall *call, const char *function)
{
	memset(call, 0, sizeof(*call));
	call->hide.callback = cn_hide_statement;
	call->hide.previous = error_context_stack;
	error_context_stack = &call->hide;
	cn_oauth_begin(function);
	call->scratch = AllocSetContextCreate(CurrentMemoryContext, "connector secret",
										  ALLOCSET_SMALL_SIZES);
	call->old = MemoryContextSwitchTo(call->scratch);
}

static void
end_call(SecretCall *call)
{
	MemoryContextSwitchTo(call->old);
	MemoryContextDelete(call->scratch);
	error_context_stack = call->hide.previous;
}

/* An array argument; 0 if it is null. */
static Datum
array_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? (Datum) 0 : PG_GETARG_DATUM(n);
}

static void pg_attribute_noreturn()
no_grant(const CnOauthAccount *account, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("provider \"%s\" has no %s", account->provider, what),
			 errhint("%s", cn_provider_connect_hint(cn_provider_definition(account->source), account->label))));
}

static void
require_token(const CnOauthAccount *account, CnOauth2Verdict verdict, const CnFailure *failure)
{
	CnFailure	shown = *failure;

	if (verdict == CN_TOKENS_GOT)
		return;
	/* there is no credential yet that could have expired */
	if (shown.code == CN_AUTH_FAILED && shown.hint == NULL)
		shown.hint = "Check what is to be connected: the id and secret of the application, and what else was given.";
	cn_report_provider_failure(account->provider, &shown);
}

/* ---- states ---- */

static void pg_attribute_noreturn()
unknown_state(void)
{
	CnFailure	failure = {CN_OK};

	cn_fail(&failure, CN_AUTH_FAILED, "the authorization is unknown, used up, expired, or somebody else's");
	failure.hint = "Begin it anew. What connector_oauth_authorize_url() returned is good for ten minutes, once, for the member who called it, when that transaction has been committed.";
	cn_report_provider_failure(NULL, &failure);
}

static void
find_state(const char *text, bool device, CnOauthState *state)
{
	const char *member = cn_identity_name();

	if (member == NULL || strlen(text) != CN_STATE_LEN ||
		!cn_oauth_state_find(text, member, state) || state->device != device)
		unknown_state();
}

/* For good, whatever becomes of this transaction: a state is used once. */
static void
use_up(const CnOauthState *state)
{
	char		workspace[CN_UUID_TEXT_LEN + 1];
	char		id[CN_UUID_TEXT_LEN + 1];
	char	   *request = psprintf("%s %s", cn_uuid_text(&state->workspace, workspace),
								   cn_uuid_text(&state->id, id));

	if (strcmp(cn_errand_run(get_database_name(MyDatabaseId), CN_ERRAND_OAUTH_STATE, request), "1") != 0)
		unknown_state();
}

static void
store_state(const CnOauthAccount *account, CnOauthState *state, char *text)
{
	state->workspace = account->workspace.id;
	state->member = account->member;
	state->provider = account->provider;
	state->label = account->label;
	state->scope = account->scope;
	state->grant = cn_jsonb_from_json(account->grant);
	state->parameters = cn_jsonb_from_json(account->parameters);
	cn_oauth_state_store(state, text);
}

/* ---- authorization code ---- */

static void
check_redirect_uri(const char *text)
{
	const char *problem = "it is too long";
	CnUrl		url;

	if (strlen(text) > MAX_REDIRECT_URI || !cn_url_parse(text, &url, &problem))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("redirect_uri is no address to come back to: %s", problem)));
}

/* PKCE unless the provider's file says no: who does not know it ignores it. */
static bool
wants_pkce(const CnJson *grant)
{
	const CnJson *pkce = cn_json_get(grant, "pkce");

	return pkce == NULL || pkce->type != CN_JSON_BOOL || pkce->boolean;
}

static void
make_verifier(char *verifier, char *challenge)
{
	uint8		random[32];

	if (!cn_random_bytes(random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	cn_pkce_verifier(random, verifier);
	if (!cn_pkce_challenge(verifier, challenge))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a digest")));
}

Datum
connector_oauth_authorize_url(PG_FUNCTION_ARGS)
{
	SecretCall	call;
	CnOauthAccount account;
	CnOauthState state = {{{0}}};
	char	   *client_label;
	char		word[CN_STATE_LEN + 1];
	char		verifier[CN_PKCE_LEN + 1];
	char		challenge[CN_PKCE_LEN + 1];
	const CnSecretField *client_id;
	text	   *result;
	char	   *url;

	begin_call(&call, "connector_oauth_authorize_url()");
	cn_oauth_account(&account, cn_arg_required(fcinfo, 0, "provider"), cn_arg_text(fcinfo, 3),
					 cn_arg_required(fcinfo, 4, "label"), cn_arg_required(fcinfo, 5, "scope"),
					 cn_arg_jsonb(fcinfo, 6));
	state.redirect_uri = cn_arg_required(fcinfo, 1, "redirect_uri");
	check_redirect_uri(state.redirect_uri);
	client_label = cn_arg_required(fcinfo, 7, "client");
	if (!cn_oauth_account_grant(&account, "oauth2", "authorization_code", array_argument(fcinfo, 2),
								client_label) ||
		cn_json_get_string(account.grant, "authorize_url") == NULL)
		no_grant(&account, "authorization code grant");
	client_id = cn_credential_field(cn_oauth_client(&account, client_label), "client_id");
	make_verifier(verifier, challenge);
	state.client = client_label;
	state.secret = verifier;
	state.expires_at = cn_now() + STATE_SECONDS * USECS_PER_SEC;
	store_state(&account, &state, word);
	url = cn_oauth2_authorize_url(account.grant, client_id->value, state.redirect_uri, word,
								  wants_pkce(account.grant) ? challenge : NULL);
	explicit_bzero(verifier, sizeof(verifier));
	MemoryContextSwitchTo(call.old);
	result = cstring_to_text(url);
	end_call(&call);
	PG_RETURN_TEXT_P(result);
}

/* ---- the user comes back ---- */

/* A parameter of the address, on one line, cut; NULL if there is none. */
static char *
words_of(const CnJson *params, const char *name)
{
	const char *text = cn_json_get_string(params, name);
	char	   *words;
	int64		bad;

	if (text == NULL || text[0] == '\0')
		return NULL;
	words = pnstrdup(text, MAX_WORDS);
	for (char *at = words; *at; at++)
		if ((unsigned char) *at < ' ' || *at == 0x7f)
			*at = ' ';
	if (!cn_utf8_valid(words, strlen(words), &bad))
		words[bad] = '\0';
	return words;
}

/* The provider sent the user back without a code. */
static void
check_refusal(const CnOauthAccount *account, const char *code, const CnJson *params)
{
	char	   *error = words_of(params, "error");
	char	   *more = words_of(params, "error_description");
	CnFailure	failure = {CN_OK};

	if (error == NULL && code && code[0])
		return;
	cn_fail(&failure, CN_AUTH_FAILED, error ? "the authorization was refused" :
			"the provider sent no code");
	failure.remote_message = error && more ? psprintf("%s: %s", error, more) : error;
	failure.hint = "Begin it anew with connector_oauth_authorize_url().";
	cn_report_provider_failure(account->provider, &failure);
}

/* Parameters of the address that the provider's file wants kept ("callback_parameters"). */
static CnJson *
callback_parameters(const CnJson *grant, const CnJson *params)
{
	const CnJson *wanted = cn_json_get(grant, "callback_parameters");
	int			most = wanted && wanted->type == CN_JSON_OBJECT ? wanted->len : 0;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (most + 1));
	int			count = 0;

	for (int i = 0; i < most; i++)
	{
		const CnJson *name = wanted->u.members[i].value;
		const char *value = name->type == CN_JSON_STRING ? cn_json_get_string(params, name->u.text)
			: NULL;

		if (value == NULL || strlen(value) > 2048)
			continue;
		members[count] = wanted->u.members[i];
		members[count++].value = cn_json_string(value, -1);
	}
	return cn_json_object(members, count);
}

static void
exchange(const CnOauthAccount *account, const CnOauthState *state, const char *code,
		 const CnJson *params, pg_uuid_t *id)
{
	const CnCredential *client = cn_oauth_client(account, state->client);
	CnTokenRequest request;
	CnOauth2Tokens tokens;
	CnFailure	failure = {CN_OK};

	cn_token_request_init(&request, account->grant, &account->workspace.id, &state->id,
						  CurrentMemoryContext);
	request.ask.grant = state->device ? CN_GRANT_DEVICE : CN_GRANT_CODE;
	request.ask.client_id = cn_credential_field(client, "client_id")->value;
	request.ask.client_secret = cn_auth_field(client, "client_secret");
	request.ask.code = code;
	request.ask.redirect_uri = state->redirect_uri;
	request.ask.code_verifier = wants_pkce(account->grant) ? state->secret : NULL;
	if (!cn_token_request_make(&request, "token_url", client, &failure))
		cn_report_provider_failure(account->provider, &failure);
	require_token(account, cn_token_request_read(&request, cn_oauth_send(&request), &tokens, &failure),
				  &failure);
	cn_oauth_account_store(account, &tokens, NULL, callback_parameters(account->grant, params), id);
	cn_oauth2_wipe(tokens.tree);
}

Datum
connector_oauth_callback(PG_FUNCTION_ARGS)
{
	SecretCall	call;
	CnOauthAccount account;
	CnOauthState state;
	CnJson	   *params;
	char	   *code;
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	begin_call(&call, "connector_oauth_callback()");
	find_state(cn_arg_required(fcinfo, 0, "state"), false, &state);
	code = cn_arg_text(fcinfo, 1);
	params = cn_json_from_jsonb(cn_arg_jsonb(fcinfo, 2));
	cn_oauth_account_of_state(&account, &state);
	use_up(&state);
	check_refusal(&account, code, params);
	exchange(&account, &state, code, params, id);
	end_call(&call);
	PG_RETURN_UUID_P(id);
}

/* ---- devices ---- */

static Datum
make_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* Ask the provider for the codes. */
static void
ask_for_codes(const CnOauthAccount *account, const CnCredential *client, CnOauth2Device *device)
{
	CnTokenRequest request;
	CnOauth2Reply reply;
	CnFailure	failure = {CN_OK};

	cn_token_request_init(&request, account->grant, &account->workspace.id, &client->id,
						  CurrentMemoryContext);
	request.ask.client_id = cn_credential_field(client, "client_id")->value;
	request.ask.client_secret = cn_auth_field(client, "client_secret");
	if (!cn_token_request_make(&request, "device_url", client, &failure) ||
		!cn_token_request_reply(&request, cn_oauth_send(&request), &reply, &failure) ||
		!cn_oauth2_read_device(&request.ask, &reply, device, &failure))
		cn_report_provider_failure(account->provider, &failure);
}

Datum
connector_oauth_device_start(PG_FUNCTION_ARGS)
{
	SecretCall	call;
	CnOauthAccount account;
	CnOauthState state = {{{0}}};
	CnOauth2Device device;
	char		word[CN_STATE_LEN + 1];
	char	   *client_label;
	Datum		values[6];
	bool		nulls[6] = {false};
	int64		seconds;

	begin_call(&call, "connector_oauth_device_start()");
	cn_oauth_account(&account, cn_arg_required(fcinfo, 0, "provider"), cn_arg_text(fcinfo, 2),
					 cn_arg_required(fcinfo, 3, "label"), cn_arg_required(fcinfo, 4, "scope"),
					 cn_arg_jsonb(fcinfo, 5));
	client_label = cn_arg_required(fcinfo, 6, "client");
	if (!cn_oauth_account_grant(&account, "oauth2", "device_code", array_argument(fcinfo, 1),
								client_label) ||
		cn_json_get_string(account.grant, "device_url") == NULL)
		no_grant(&account, "device grant");
	ask_for_codes(&account, cn_oauth_client(&account, client_label), &device);
	seconds = Min(device.expires_in, MAX_DEVICE_SECONDS);
	state.device = true;
	state.client = client_label;
	state.secret = device.device_code;
	state.expires_at = cn_now() + seconds * USECS_PER_SEC;
	store_state(&account, &state, word);
	MemoryContextSwitchTo(call.old);
	values[0] = CStringGetTextDatum(word);
	values[1] = CStringGetTextDatum(device.user_code);
	values[2] = CStringGetTextDatum(device.verification_uri);
	nulls[3] = device.verification_uri_complete == NULL;
	values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(device.verification_uri_complete);
	values[4] = TimestampTzGetDatum(state.expires_at);
	values[5] = Int32GetDatum(device.interval);
	end_call(&call);
	PG_RETURN_DATUM(make_row(fcinfo, values, nulls));
}

/* Has the user allowed it?  Then it is stored. */
static CnOauth2Verdict
poll_device(const CnOauthAccount *account, const CnOauthState *state, pg_uuid_t *id)
{
	const CnCredential *client = cn_oauth_client(account, state->client);
	CnTokenRequest request;
	CnOauth2Tokens tokens;
	CnFailure	failure = {CN_OK};
	CnOauth2Verdict verdict;

	cn_token_request_init(&request, account->grant, &account->workspace.id, &client->id,
						  CurrentMemoryContext);
	request.ask.grant = CN_GRANT_DEVICE;
	request.ask.client_id = cn_credential_field(client, "client_id")->value;
	request.ask.client_secret = cn_auth_field(client, "client_secret");
	request.ask.device_code = state->secret;
	if (!cn_token_request_make(&request, "token_url", client, &failure))
		cn_report_provider_failure(account->provider, &failure);
	verdict = cn_token_request_read(&request, cn_oauth_send(&request), &tokens, &failure);
	if (verdict == CN_TOKENS_PENDING || verdict == CN_TOKENS_SLOW_DOWN)
		return verdict;
	require_token(account, verdict, &failure);
	if (!cn_oauth_state_remove(&state->workspace, &state->id))
		unknown_state();
	cn_oauth_account_store(account, &tokens, NULL, NULL, id);
	cn_oauth2_wipe(tokens.tree);
	return verdict;
}

Datum
connector_oauth_device_poll(PG_FUNCTION_ARGS)
{
	SecretCall	call;
	CnOauthAccount account;
	CnOauthState state;
	CnOauth2Verdict verdict;
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	Datum		values[3];
	bool		nulls[3] = {false};

	begin_call(&call, "connector_oauth_device_poll()");
	find_state(cn_arg_required(fcinfo, 0, "state"), true, &state);
	cn_oauth_account_of_state(&account, &state);
	verdict = poll_device(&account, &state, id);
	MemoryContextSwitchTo(call.old);
	values[0] = CStringGetTextDatum(verdict == CN_TOKENS_GOT ? "connected" : "pending");
	values[1] = UUIDPGetDatum(id);
	nulls[1] = verdict != CN_TOKENS_GOT;
	/* RFC 8628, section 3.5: who asked too often waits five seconds longer */
	values[2] = Int32GetDatum(verdict == CN_TOKENS_SLOW_DOWN ? 10 : 5);
	nulls[2] = verdict == CN_TOKENS_GOT;
	end_call(&call);
	PG_RETURN_DATUM(make_row(fcinfo, values, nulls));
}

/* ---- grants without a user ---- */

/* The provider's first way of that kind, or the one that is asked for. */
static void
choose_grant(CnOauthAccount *account, const char *wanted, Datum scopes, const char *client)
{
	static const char *const types[] = {"client_credentials", "jwt_bearer", "session"};

	for (int i = 0; i < lengthof(types); i++)
	{
		bool		session = strcmp(types[i], "session") == 0;

		if (wanted && strcmp(wanted, types[i]) != 0)
			continue;
		if (cn_oauth_account_grant(account, session ? "session" : "oauth2",
								   session ? NULL : types[i], scopes, client))
			return;
	}
	no_grant(account, wanted ? psprintf("grant \"%s\" without a user", wanted)
			 : "grant without a user");
}

/* The caller's secret as an opened credential. */
static CnCredential *
open_secret(const CnOauthAccount *account, Jsonb *secret)
{
	CnCredential *own = palloc0(sizeof(CnCredential));
	int			len;
	char	   *plain;

	own->service = unconstify(char *, account->provider);
	own->label = unconstify(char *, account->label);
	own->parameters = unconstify(CnJson *, account->parameters);
	if (secret == NULL)
		return own;
	plain = cn_seal_encode(secret, CurrentMemoryContext, &len);
	if (!cn_seal_decode(plain, len, own))
		elog(ERROR, "a secret cannot be read back");
	return own;
}

Datum
connector_oauth_connect(PG_FUNCTION_ARGS)
{
	SecretCall	call;
	CnOauthAccount account;
	CnTokenRequest request;
	CnOauth2Tokens tokens;
	CnOauth2Verdict verdict;
	CnFailure	failure = {CN_OK};
	const CnCredential *client = NULL;
	char	   *client_label;
	CnCredential *own;
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	begin_call(&call, "connector_oauth_connect()");
	cn_oauth_account(&account, cn_arg_required(fcinfo, 0, "provider"), cn_arg_text(fcinfo, 5),
					 cn_arg_required(fcinfo, 6, "label"), cn_arg_required(fcinfo, 7, "scope"),
					 cn_arg_jsonb(fcinfo, 2));
	client_label = cn_arg_text(fcinfo, 8);
	choose_grant(&account, cn_arg_text(fcinfo, 3), array_argument(fcinfo, 4), client_label);
	if (client_label)
		client = cn_oauth_client(&account, client_label);
	own = open_secret(&account, PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1));
	cn_uuid_v7(id);				/* whose connections it uses, until it has an id */
	cn_token_request_init(&request, account.grant, &account.workspace.id, id, call.scratch);
	verdict = cn_token_request_renew(&request, own, client, &failure);
	if (verdict == CN_TOKENS_GOT)
		verdict = cn_token_request_read(&request, cn_oauth_send(&request), &tokens, &failure);
	require_token(&account, verdict, &failure);
	cn_oauth_account_store(&account, &tokens, own, NULL, id);
	cn_oauth2_wipe(tokens.tree);
	end_call(&call);
	PG_RETURN_UUID_P(id);
}
