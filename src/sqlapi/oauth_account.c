/*
 * oauth_account.c -- an account that a session connects, from provider to stored credential.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "catalog/provider.h"
#include "catalog/provider_connect.h"
#include "catalog/provider_lookup.h"
#include "core/audit.h"
#include "core/compat.h"
#include "core/jsonb.h"
#include "core/report.h"
#include "core/uuid.h"
#include "http/url.h"
#include "sqlapi/call.h"
#include "sqlapi/credentials.h"
#include "sqlapi/oauth.h"

/* Bytes of a grant object and parameters as JSON: each account, and each authorization, keeps them. */
#define MAX_KEPT (64 * 1024)

void
cn_oauth_begin(const char *function)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	cn_call_prevent_in_worker(function);
}

/* ---- who and what ---- */

const CnProvider *
cn_oauth_provider(const pg_uuid_t *workspace, const char *name)
{
	return cn_provider_require(workspace, name, CurrentMemoryContext);
}

static void
set_member(CnOauthAccount *account)
{
	account->member = cn_identity_name();
	if (account->member == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("this session has no identity")));
}

static void
check_parameters(const CnJson *parameters)
{
	if (parameters->type != CN_JSON_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the parameters of a credential must be an object")));
	for (int i = 0; i < parameters->len; i++)
		if (parameters->u.members[i].value->type != CN_JSON_STRING)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"%s\" of the credential is not a string",
							parameters->u.members[i].key)));
}

void
cn_oauth_check_label(const pg_uuid_t *workspace, const char *provider, const char *label,
					 bool client)
{
	const CnCredentialRow *row = cn_credential_find(workspace, provider, label, NULL);

	cn_credential_check_name("label", label);
	if (row && (strcmp(row->kind, "oauth2_client") == 0) != client)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 client ? errmsg("credential \"%s/%s\" is an account's, not an application's", provider, label)
				 : errmsg("credential \"%s/%s\" is an application's, not an account's", provider, label),
				 errhint("Choose another label.")));
}

void
cn_oauth_account(CnOauthAccount *account, const char *provider, const char *workspace,
				 const char *label, const char *scope, Jsonb *parameters)
{
	memset(account, 0, sizeof(*account));
	set_member(account);
	account->scope = scope;
	account->owner = cn_credential_owner(scope, workspace, &account->workspace);
	account->label = label;
	account->parameters = cn_json_from_jsonb(parameters);
	check_parameters(account->parameters);
	account->source = cn_oauth_provider(&account->workspace.id, provider);
	account->provider = cn_provider_name(account->source);
	cn_credential_check_parameters(account->source, account->parameters, false);
	cn_oauth_check_label(&account->workspace.id, account->provider, label, false);
}

void
cn_oauth_account_of_state(CnOauthAccount *account, const CnOauthState *state)
{
	char		id[CN_UUID_TEXT_LEN + 1];

	memset(account, 0, sizeof(*account));
	set_member(account);
	account->scope = state->scope;
	account->owner = cn_credential_owner(state->scope, cn_uuid_text(&state->workspace, id),
										 &account->workspace);
	account->provider = state->provider;
	account->source = cn_provider_find(&state->workspace, state->provider, CurrentMemoryContext);
	account->label = state->label;
	account->parameters = cn_json_from_jsonb(state->parameters);
	account->grant = cn_json_from_jsonb(state->grant);
}

/* ---- the grant ---- */

static CnJson *
scope_list(Datum scopes)
{
	Datum	   *items;
	bool	   *nulls;
	int			count;
	CnJson	  **list;

	if (scopes == 0)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(scopes), TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls,
					  &count);
	list = palloc(sizeof(CnJson *) * (count + 1));
	for (int i = 0; i < count; i++)
		list[i] = nulls[i] ? cn_json_null() : cn_json_string(TextDatumGetCString(items[i]), -1);
	return cn_json_array(list, count);
}

/* The grant object with one member more. */
static CnJson *
with_member(const CnJson *object, const char *name, CnJson *value)
{
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (object->len + 1));

	memcpy(members, object->u.members, sizeof(CnJsonMember) * object->len);
	members[object->len].key = name;
	members[object->len].key_len = strlen(name);
	members[object->len].value = value;
	return cn_json_object(members, object->len + 1);
}

static void
check_size(const CnOauthAccount *account)
{
	int64		size = cn_json_size(account->grant, MAX_KEPT) + cn_json_size(account->parameters, MAX_KEPT);

	if (size > MAX_KEPT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("scopes and parameters are larger than %d bytes", MAX_KEPT)));
}

bool
cn_oauth_account_grant(CnOauthAccount *account, const char *kind, const char *grant_type,
					   Datum scopes, const char *client)
{
	const CnJson *definition = cn_provider_definition(account->source);
	const CnJson *defaults = cn_provider_defaults(definition);
	const CnJson *entry = cn_oauth2_entry(definition, kind, grant_type);
	CnJson	   *grant;
	char	   *problem;

	if (entry == NULL)
		return false;
	grant = cn_oauth2_config(definition, entry, cn_provider_complete(account->parameters, defaults),
							 scope_list(scopes), &problem);
	if (grant == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("provider \"%s\": %s", account->provider, problem),
				 errhint("Parameters are given in parameters; connector_provider_form(provider) describes them.")));
	if (defaults)
		grant = with_member(grant, "defaults", unconstify(CnJson *, defaults));
	account->grant = client ? with_member(grant, "client", cn_json_string(client, -1)) : grant;
	check_size(account);
	return true;
}

const CnCredential *
cn_oauth_client(const CnOauthAccount *account, const char *label)
{
	CnFailure	failure = {CN_OK};
	const CnCredential *client = cn_credential_for(&account->workspace.id, account->provider, label,
												   NULL, CurrentMemoryContext, &failure);

	if (client && strcmp(client->kind, "oauth2_client") != 0)
		cn_fail(&failure, CN_CREDENTIAL_MISSING, "credential \"%s/%s\" is of kind %s, not oauth2_client",
				client->service, client->label, client->kind);
	if (failure.code == CN_OK)
		return client;
	failure.hint = psprintf("Store the application's id and secret with connector_oauth_client_set('%s', ...%s).",
							account->provider,
							strcmp(label, "app") == 0 ? "" : psprintf(", label => '%s'", label));
	cn_report_provider_failure(account->provider, &failure);
}

/* ---- the network ---- */

static void
on_reply(CnHttpTransfer *transfer, void *arg)
{
	*(bool *) arg = true;
}

const CnHttpTransfer *
cn_oauth_send(const CnTokenRequest *request)
{
	CnHttpMux  *mux = cn_http_process_mux();
	bool	   *done = palloc0(sizeof(bool));
	CnHttpTransfer *transfer = cn_http_start(mux, &request->http, CurrentMemoryContext, on_reply, done);

	while (!*done)
	{
		cn_http_wait(mux, -1, cn_wait_event_token());
		cn_http_mux_turn(mux);
	}
	return transfer;
}

/* ---- storing it ---- */

/* Later ones win.  Those of the request's header come from the provider's file. */
static CnJson *
merge(const CnJson *const *objects, int count)
{
	int			most = 0;
	int			used = 0;
	CnJsonMember *members;

	for (int i = 0; i < count; i++)
		most += objects[i] ? objects[i]->len : 0;
	members = palloc(sizeof(CnJsonMember) * (most + 1));
	for (int i = 0; i < count; i++)
		for (int j = 0; objects[i] && j < objects[i]->len; j++)
		{
			int			at = 0;

			while (at < used && strcmp(members[at].key, objects[i]->u.members[j].key) != 0)
				at++;
			members[at] = objects[i]->u.members[j];
			used = Max(used, at + 1);
		}
	return cn_json_object(members, used);
}

/* How a request shows the token: header and prefix of the provider's auth entry. */
static CnJson *
header_parameters(const CnJson *grant)
{
	static const char *const names[] = {"header", "prefix"};
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * lengthof(names));
	int			count = 0;

	for (int i = 0; i < lengthof(names); i++)
	{
		const CnJson *value = cn_json_get(grant, names[i]);

		if (value == NULL || value->type != CN_JSON_STRING)
			continue;
		members[count].key = names[i];
		members[count].key_len = strlen(names[i]);
		members[count++].value = unconstify(CnJson *, value);
	}
	return cn_json_object(members, count);
}

static CnJson *
scope_parameter(const char *scope)
{
	CnJsonMember *member = palloc(sizeof(CnJsonMember));

	if (scope == NULL || scope[0] == '\0')
		return NULL;
	member->key = "scope";
	member->key_len = strlen("scope");
	member->value = cn_json_string(scope, -1);
	return cn_json_object(member, 1);
}

/* text[] for the credential's allowed hosts; raises if there is none. */
static Datum
allowed_hosts(const CnOauthAccount *account, const CnJson *parameters)
{
	CnJson	   *hosts = cn_oauth2_hosts(cn_json_get(account->grant, "hosts"), parameters);
	Datum	   *items = palloc(sizeof(Datum) * (hosts->len + 1));

	for (int i = 0; i < hosts->len; i++)
		items[i] = CStringGetTextDatum(hosts->u.items[i]->u.text);
	if (hosts->len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("provider \"%s\" names no host that its credentials may be sent to",
						account->provider),
				 errhint("A parameter may be missing that its allowed_hosts are made of.")));
	return PointerGetDatum(construct_array(items, hosts->len, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
put_field(CnSecretField *fields, int *count, const char *name, const char *value)
{
	int			at = 0;

	if (value == NULL)
		return;
	while (at < *count && strcmp(fields[at].name, name) != 0)
		at++;
	if (at == CN_SECRET_MAX_FIELDS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the secret has more than %d fields, with those of the token",
						CN_SECRET_MAX_FIELDS)));
	fields[at] = (CnSecretField)
	{
		.name = name,.value = value,.len = strlen(value)
	};
	*count = Max(*count, at + 1);
}

/* Without a refresh token nobody can do anything in good time; a 401 still says that it has ended. */
static bool
can_renew(const CnOauthAccount *account, const CnOauth2Tokens *tokens)
{
	const char *kind = cn_json_get_string(account->grant, "kind");
	const char *grant = cn_json_get_string(account->grant, "grant");

	if (tokens->refresh_token || (kind && strcmp(kind, "session") == 0))
		return true;
	return grant && (strcmp(grant, "client_credentials") == 0 || strcmp(grant, "jwt_bearer") == 0);
}

/* What the provider sent has to fit its own form, which also says what addresses are made of. */
static void
check_received(const CnOauthAccount *account, const CnJson *parameters)
{
	char	   *problems = account->source
		? cn_credential_parameter_problems(account->source, parameters, true) : NULL;
	CnFailure	failure = {CN_OK};

	if (problems == NULL)
		return;
	cn_fail(&failure, CN_AUTH_FAILED, "with what came with the token, the parameters do not fit: %s", problems);
	failure.hint = "Give those that do not come with it in parameters; connector_provider_form(provider) describes them.";
	cn_report_provider_failure(account->provider, &failure);
}

void
cn_oauth_account_store(const CnOauthAccount *account, const CnOauth2Tokens *tokens,
					   const CnCredential *own, const CnJson *more, pg_uuid_t *id)
{
	const CnJson *const all[] = {
		account->parameters, tokens->parameters, more, scope_parameter(tokens->scope),
		header_parameters(account->grant)
	};
	CnJson	   *parameters = merge(all, lengthof(all));
	CnSecretField fields[CN_SECRET_MAX_FIELDS];
	const CnJson *defaults;
	CnCredentialInput input = {{{0}}};
	TimestampTz ends;
	TimestampTz renew_at;

	check_received(account, merge(all, 3));
	input.workspace = account->workspace.id;
	input.service = account->provider;
	input.label = account->label;
	input.scope = account->scope;
	input.owner = account->owner;
	input.kind = cn_json_get_string(account->grant, "kind");
	input.parameters = cn_jsonb_from_json(parameters);
	defaults = cn_json_get(account->grant, "defaults");
	input.hosts = allowed_hosts(account, cn_provider_complete(parameters, defaults));
	input.created_by = account->member;
	input.grant = cn_jsonb_from_json(account->grant);
	if (own)
		memcpy(fields, own->fields, sizeof(CnSecretField) * own->field_count);
	input.field_count = own ? own->field_count : 0;
	put_field(fields, &input.field_count, "access_token", tokens->access_token);
	put_field(fields, &input.field_count, "refresh_token", tokens->refresh_token);
	input.fields = fields;
	cn_token_times(account->grant, tokens->expires_in, &ends, &renew_at);
	input.token_expires_at = ends == DT_NOEND ? 0 : ends;
	input.renew_at = renew_at == DT_NOEND || !can_renew(account, tokens) ? 0 : renew_at;
	cn_credential_store(&input, id);
	cn_audit(&account->workspace.id, account->member, "connect", "credential",
			 psprintf("%s/%s", account->provider, account->label),
			 psprintf("kind %s, scope %s", input.kind, account->scope));
}
