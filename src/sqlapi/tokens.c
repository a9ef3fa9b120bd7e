/*
 * tokens.c -- applications, and tokens of connected accounts: renewed by hand, in time, revoked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "auth/auth.h"
#include "auth/token_wait.h"
#include "catalog/provider_connect.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/jsonb.h"
#include "core/report.h"
#include "credentials/token_store.h"
#include "http/url.h"
#include "sqlapi/args.h"
#include "sqlapi/credentials.h"
#include "sqlapi/oauth.h"

CN_FUNCTION(connector_credential_renew);
CN_FUNCTION(connector_credential_revoke);
CN_FUNCTION(connector_oauth_client_set);
CN_FUNCTION(connector_renew_tokens);

/* Tokens that a tick asks for; the next one asks for more. */
#define MAX_DUE 200

/* ---- an application ---- */

static bool
has_host(const List *hosts, const char *host)
{
	ListCell   *cell;

	foreach(cell, hosts)
		if (strcmp(lfirst(cell), host) == 0)
			return true;
	return false;
}

/*
 * The host of an endpoint some of whose parameters are not known.  One of which the first label is a
 * placeholder, {subdomain} say, stands for all of them: an application has accounts with many.
 */
static char *
host_of_pattern(const char *text)
{
	const char *start = strstr(text, "://");
	char	   *origin;
	char	   *host;

	if (start == NULL)
		return NULL;
	start += strlen("://");
	origin = pnstrdup(text, start + strcspn(start, "/?#") - text);
	if (strchr(origin, '{') == NULL)
		return cn_oauth2_host_of(origin);
	start = strstr(origin, "}.");
	if (strncmp(text, "https://{", strlen("https://{")) != 0 || start == NULL)
		return NULL;
	host = cn_oauth2_host_of(psprintf("https://%s", start + strlen("}.")));
	return host ? psprintf("*.%s", host) : NULL;
}

/* The hosts of an entry's endpoints; *missing: a parameter without which one of them is not known. */
static void
add_hosts(const CnJson *entry, const CnJson *parameters, List **hosts, const char **missing)
{
	static const char *const names[] = {"token_url", "device_url", "revoke_url"};

	for (int i = 0; i < lengthof(names); i++)
	{
		const char *text = cn_json_get_string(entry, names[i]);
		char	   *url = text ? cn_oauth2_expand(text, parameters, missing) : NULL;
		char	   *host;

		if (text == NULL)
			continue;
		host = url ? cn_oauth2_host_of(url) : host_of_pattern(text);
		if (host && !has_host(*hosts, host))
			*hosts = lappend(*hosts, host);
	}
}

static Datum
client_hosts(const CnProvider *source, Jsonb *given)
{
	const CnJson *list = cn_json_get(cn_provider_definition(source), "auth");
	const CnJson *own = cn_json_from_jsonb(given);
	const CnJson *defaults = cn_provider_defaults(cn_provider_definition(source));
	const CnJson *parameters = cn_provider_complete(own, defaults);
	const char *provider = cn_provider_name(source);
	const char *missing = NULL;
	List	   *hosts = NIL;
	Datum	   *items;
	ListCell   *cell;
	int			count = 0;

	cn_credential_check_parameters(source, own, false);
	for (int i = 0; list && list->type == CN_JSON_ARRAY && i < list->len; i++)
	{
		const char *kind = cn_json_get_string(list->u.items[i], "kind");

		if (kind && strcmp(kind, "oauth2") == 0)
			add_hosts(list->u.items[i], parameters, &hosts, &missing);
	}
	if (hosts == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 missing ? errmsg("provider \"%s\": its token endpoint needs the parameter \"%s\"", provider, missing)
				 : errmsg("provider \"%s\" has no OAuth 2", provider),
				 missing ? errhint("Give it in parameters; connector_provider_form(provider) describes them.")
				 : errhint("%s", cn_provider_connect_hint(cn_provider_definition(source), NULL))));
	items = palloc(sizeof(Datum) * list_length(hosts));
	foreach(cell, hosts)
		items[count++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(items, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
store_client(FunctionCallInfo fcinfo, CnCredentialInput *input, pg_uuid_t *id)
{
	CnSecretField fields[2] = {{.name = "client_id"}, {.name = "client_secret"}};
	CnWorkspace workspace;
	const CnProvider *provider;

	input->owner = cn_credential_owner("workspace", cn_arg_text(fcinfo, 5), &workspace);
	input->workspace = workspace.id;
	provider = cn_oauth_provider(&workspace.id, cn_arg_required(fcinfo, 0, "provider"));
	input->service = cn_provider_name(provider);
	input->label = cn_arg_required(fcinfo, 4, "label");
	cn_oauth_check_label(&workspace.id, input->service, input->label, true);
	fields[0].value = cn_arg_required(fcinfo, 1, "client_id");
	fields[1].value = cn_arg_text(fcinfo, 2);
	for (int i = 0; i < 2 && fields[i].value; i++)
	{
		fields[i].len = strlen(fields[i].value);
		if (fields[i].len == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s is empty", fields[i].name)));
	}
	input->fields = fields;
	input->field_count = fields[1].value ? 2 : 1;
	input->scope = "workspace";
	input->kind = "oauth2_client";
	input->parameters = cn_jsonb_empty_object();
	if (PG_ARGISNULL(6))
		input->hosts = client_hosts(provider, cn_arg_jsonb(fcinfo, 3));
	else
	{
		input->hosts = PG_GETARG_DATUM(6);
		cn_credential_check_hosts(input->hosts);
	}
	input->created_by = cn_identity_name();
	cn_credential_store(input, id);
}

Datum
connector_oauth_client_set(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hide = {.callback = cn_hide_statement};
	CnCredentialInput input = {{{0}}};
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "connector secret",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old;

	hide.previous = error_context_stack;
	error_context_stack = &hide;
	old = MemoryContextSwitchTo(scratch);
	store_client(fcinfo, &input, id);
	cn_audit(&input.workspace, input.created_by, "set", "credential",
			 psprintf("%s/%s", input.service, input.label), "kind oauth2_client, scope workspace");
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	error_context_stack = hide.previous;
	PG_RETURN_UUID_P(id);
}

/* ---- renewed by hand ---- */

static const CnCredentialRow *
find_row(const pg_uuid_t *workspace, const char *service, const char *label, const char *owner)
{
	const CnCredentialRow *row = cn_credential_find(workspace, service, label, owner);
	CnFailure	failure = {CN_OK};

	if (row)
		return row;
	cn_fail(&failure, CN_CREDENTIAL_MISSING, "there is no credential \"%s/%s\"", service, label);
	cn_report_provider_failure(service, &failure);
}

static void pg_attribute_noreturn()
renewal_failed(const char *service, const char *label, const char *why)
{
	CnFailure	failure = {CN_OK};

	cn_fail(&failure, CN_AUTH_FAILED, "the token of credential \"%s/%s\" could not be renewed: %s",
			service, label, why);
	failure.hint = "docs/oauth.md tells what the credential's status and status_message mean; connecting the account anew always helps.";
	cn_report_provider_failure(service, &failure);
}

static void
wait_a_moment(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, CN_TOKEN_POLL_MS,
					 cn_wait_event_token());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
check_has_token(const CnCredentialRow *row, const char *service, const char *label)
{
	const CnAuthKind *kind = cn_auth_kind(row->kind);

	if (kind == NULL || !kind->renews)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("credential \"%s/%s\" is of kind %s, which has no token to renew", service, label,
						row->kind)));
}

Datum
connector_credential_renew(PG_FUNCTION_ARGS)
{
	char	   *service = cn_arg_required(fcinfo, 0, "service");
	char	   *label = cn_arg_required(fcinfo, 1, "label");
	CnWorkspace workspace;
	char	   *owner = cn_identity_name();
	const CnCredentialRow *row;
	pg_uuid_t	id;
	int64		generation;
	int64		until_us = cn_monotonic_us() + 2000 * (int64) cn_token_timeout + 10000000;
	bool		first = true;
	char		why[CN_TOKEN_WHY_LEN];

	cn_oauth_begin("connector_credential_renew()");
	workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), CN_RIGHT_EXECUTE);
	row = find_row(&workspace.id, service, label, owner);
	id = row->id;
	generation = row->generation;
	check_has_token(row, service, label);
	if (!row->renewable)
		renewal_failed(service, label, "nobody knows how to renew it");
	for (;; first = false)
	{
		switch (cn_token_ask(&workspace.id, &id, generation, first, why))
		{
			case CN_TOKEN_FAILED:
				renewal_failed(service, label, why);
			case CN_TOKEN_NEWER:
				row = find_row(&workspace.id, service, label, owner);
				if (row->generation > generation && row->token_expires_at == DT_NOEND)
					PG_RETURN_NULL();
				if (row->generation > generation)
					PG_RETURN_TIMESTAMPTZ(row->token_expires_at);
				break;
			case CN_TOKEN_PENDING:
				break;
		}
		if (cn_monotonic_us() > until_us)
			renewal_failed(service, label, "it took too long");
		wait_a_moment();
	}
}

/* ---- revoked ---- */

/* Ask the provider; nothing if it has no endpoint for that. */
static void
ask_to_revoke(CnTokenRow *row)
{
	const char *label = row->grant ? cn_json_get_string(row->grant, "client") : NULL;
	CnOauthAccount account = {.provider = row->row.service};
	CnFailure	failure = {CN_OK};
	const CnCredential *client = NULL;
	CnCredential *credential;
	CnTokenRequest request;
	CnOauth2Reply reply;

	if (row->grant == NULL || cn_json_get_string(row->grant, "revoke_url") == NULL)
		return;
	account.workspace.id = row->row.workspace;
	credential = cn_credential_open(&row->row, CurrentMemoryContext, &failure);
	if (credential == NULL)
		cn_report_provider_failure(row->row.service, &failure);
	if (label)
		client = cn_oauth_client(&account, label);
	cn_token_request_init(&request, row->grant, &row->row.workspace, &row->row.id,
						  CurrentMemoryContext);
	request.ask.client_id = cn_auth_field(client ? client : credential, "client_id");
	request.ask.client_secret = cn_auth_field(client ? client : credential, "client_secret");
	request.ask.token = cn_auth_field(credential, "refresh_token");
	request.ask.token_hint = "refresh_token";
	if (request.ask.token == NULL)
	{
		request.ask.token = cn_auth_field(credential, "access_token");
		request.ask.token_hint = "access_token";
	}
	if (!cn_token_request_make(&request, "revoke_url", client, &failure) ||
		!cn_token_request_reply(&request, cn_oauth_send(&request), &reply, &failure) ||
		!cn_oauth2_read_revoked(&request.ask, &reply, &failure))
	{
		failure.hint = "connector_credential_delete() deletes the credential all the same.";
		cn_report_provider_failure(row->row.service, &failure);
	}
}

Datum
connector_credential_revoke(PG_FUNCTION_ARGS)
{
	char	   *service = cn_arg_required(fcinfo, 0, "service");
	char	   *label = cn_arg_required(fcinfo, 1, "label");
	char	   *scope = cn_arg_required(fcinfo, 2, "scope");
	MemoryContext scratch;
	MemoryContext old;
	CnWorkspace workspace;
	const char *owner;
	const CnCredentialRow *found;
	CnTokenRow	row;
	bool		exists;

	cn_oauth_begin("connector_credential_revoke()");
	owner = cn_credential_owner(scope, cn_arg_text(fcinfo, 3), &workspace);
	found = cn_credential_find(&workspace.id, service, label, owner[0] ? owner : NULL);
	if (found == NULL || strcmp(found->scope, scope) != 0)
		PG_RETURN_BOOL(false);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "connector secret", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(scratch);
	/* locked: no token is stored meanwhile that would not be revoked */
	exists = cn_token_lock(&workspace.id, &found->id, true, &row);
	if (exists)
		ask_to_revoke(&row);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	if (exists)
		exists = cn_credential_remove(&workspace.id, service, label, owner);
	if (exists)
		cn_audit(&workspace.id, cn_identity_name(), "revoke", "credential",
				 psprintf("%s/%s", service, label), psprintf("scope %s", scope));
	PG_RETURN_BOOL(exists);
}

/* ---- in time ---- */

Datum
connector_renew_tokens(PG_FUNCTION_ARGS)
{
	CnTokenDue *due = palloc(sizeof(CnTokenDue) * MAX_DUE);
	int			count = cn_token_due(due, MAX_DUE);
	CnJsonbBuilder result = {0};

	for (int i = 0; i < count; i++)
		(void) cn_token_ask(&due[i].workspace, &due[i].id, due[i].generation, true, NULL);
	cn_build_begin_object(&result);
	cn_build_key(&result, "due");
	cn_build_int(&result, count);
	cn_build_key(&result, "ended");
	cn_build_int(&result, cn_token_expire());
	cn_build_key(&result, "authorizations_pruned");
	cn_build_int(&result, cn_oauth_state_prune());
	cn_build_end_object(&result);
	PG_RETURN_JSONB_P(cn_build_done(&result));
}
