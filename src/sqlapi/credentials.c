/*
 * credentials.c -- storing, deleting and rotating credentials.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/elog.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "auth/auth.h"
#include "core/audit.h"
#include "core/identity.h"
#include "credentials/store.h"
#include "http/url.h"
#include "sqlapi/args.h"
#include "sqlapi/credentials.h"

CN_FUNCTION(connector_credential_set);
CN_FUNCTION(connector_credential_delete);
CN_FUNCTION(connector_credential_test);
CN_FUNCTION(connector_rotate_keys);

void
cn_hide_statement(void *arg)
{
	errhidestmt(true);
}

static bool
name_is_valid(const char *name)
{
	return isalnum((unsigned char) name[0]) && strlen(name) <= 63 &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(name);
}

void
cn_credential_check_name(const char *what, const char *name)
{
	if (!name_is_valid(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be the %s of a credential", name, what),
				 errhint("It has 1 to 63 letters, digits, \"_\", \".\" and \"-\", and begins with a letter or digit.")));
}

void
cn_credential_check_hosts(Datum hosts)
{
	Datum	   *entries;
	bool	   *nulls;
	int			count = 0;

	if (hosts)
		deconstruct_array(DatumGetArrayTypeP(hosts), TEXTOID, -1, false, TYPALIGN_INT,
						  &entries, &nulls, &count);
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a credential needs the hosts it may be sent to"),
				 errhint("Pass allowed_hosts, for example ARRAY['api.example.com'].")));
	for (int i = 0; i < count; i++)
	{
		const char *problem = "it is null";
		char	   *entry = nulls[i] ? NULL : TextDatumGetCString(entries[i]);

		if (entry == NULL || !cn_url_host_entry_valid(entry, &problem))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is not a host a credential can be bound to", entry ? entry : ""),
					 errdetail("The entry was refused: %s.", problem),
					 errhint("Entries are host, host:port or *.host, each meaning https; plain http is written out: http://host[:port].")));
	}
}

const char *
cn_credential_owner(const char *scope, const char *workspace_argument, CnWorkspace *workspace)
{
	const char *identity;

	if (strcmp(scope, "workspace") == 0)
	{
		*workspace = cn_workspace_resolve(workspace_argument, CN_RIGHT_ADMIN);
		return "";
	}
	if (strcmp(scope, "user") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown scope \"%s\"", scope),
				 errhint("The scope of a credential is workspace or user.")));
	*workspace = cn_workspace_resolve(workspace_argument, CN_RIGHT_EXECUTE);
	identity = cn_identity_name();
	if (identity == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("this session has no identity")));
	return identity;
}

static void
fill_input(FunctionCallInfo fcinfo, CnCredentialInput *input)
{
	const CnAuthKind *kind;
	CnWorkspace workspace;

	input->service = cn_arg_required(fcinfo, 0, "service");
	input->kind = cn_arg_text(fcinfo, 2);
	input->label = cn_arg_required(fcinfo, 5, "label");
	input->scope = cn_arg_required(fcinfo, 6, "scope");
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"secret\" must not be null")));
	input->owner = cn_credential_owner(input->scope, cn_arg_text(fcinfo, 8), &workspace);
	input->workspace = workspace.id;
	cn_credential_check_name("service", input->service);
	cn_credential_check_name("label", input->label);
	input->secret = PG_GETARG_JSONB_P(1);
	input->parameters = cn_arg_jsonb(fcinfo, 3);
	input->hosts = PG_ARGISNULL(4) ? (Datum) 0 : PG_GETARG_DATUM(4);
	cn_credential_from_provider(input, !PG_ARGISNULL(4));
	kind = cn_auth_kind(input->kind);
	if (kind == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of credential \"%s\"", input->kind),
				 errhint("Kinds are %s.", cn_auth_kind_names())));
	cn_auth_check(kind, input->secret, input->parameters);
	cn_credential_check_hosts(input->hosts);
	input->expires = !PG_ARGISNULL(7);
	if (input->expires)
		input->expires_at = PG_GETARG_TIMESTAMPTZ(7);
	input->created_by = cn_identity_name();
}

Datum
connector_credential_set(PG_FUNCTION_ARGS)
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
	fill_input(fcinfo, &input);
	cn_credential_store(&input, id);
	cn_audit(&input.workspace, input.created_by, "set", "credential",
			 psprintf("%s/%s", input.service, input.label),
			 psprintf("kind %s, scope %s", input.kind, input.scope));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	error_context_stack = hide.previous;
	PG_RETURN_UUID_P(id);
}

Datum
connector_credential_delete(PG_FUNCTION_ARGS)
{
	char	   *service = cn_arg_required(fcinfo, 0, "service");
	char	   *label = cn_arg_required(fcinfo, 1, "label");
	char	   *scope = cn_arg_required(fcinfo, 2, "scope");
	CnWorkspace workspace;
	const char *owner = cn_credential_owner(scope, cn_arg_text(fcinfo, 3), &workspace);
	char	   *actor = cn_identity_name();
	bool		found = cn_credential_remove(&workspace.id, service, label, owner);

	if (found)
		cn_audit(&workspace.id, actor, "delete", "credential", psprintf("%s/%s", service, label),
				 psprintf("scope %s", scope));
	PG_RETURN_BOOL(found);
}

/* Status word and message of a credential; scope and kind where there is one. */
static void
test_credential(const pg_uuid_t *workspace, const char *service, const char *label,
				const char *result[4])
{
	const CnCredentialRow *row = cn_credential_find(workspace, service, label, cn_identity_name());
	MemoryContext scratch;
	CnFailure	failure = {CN_OK};

	if (row == NULL)
	{
		result[2] = "missing";
		result[3] = psprintf("there is no credential \"%s/%s\"", service, label);
		return;
	}
	result[0] = pstrdup(row->scope);
	result[1] = pstrdup(row->kind);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "connector secret", ALLOCSET_SMALL_SIZES);
	if (cn_credential_open(row, scratch, &failure))
	{
		result[2] = "ok";
		result[3] = "it can be decrypted";
	}
	else
	{
		result[2] = row->expires_at <= GetCurrentTimestamp() ? "expired" : "undecryptable";
		result[3] = failure.message;
	}
	MemoryContextDelete(scratch);
}

Datum
connector_credential_test(PG_FUNCTION_ARGS)
{
	char	   *service = cn_arg_required(fcinfo, 0, "service");
	char	   *label = cn_arg_required(fcinfo, 1, "label");
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), CN_RIGHT_EXECUTE);
	const char *result[4] = {NULL};
	Datum		values[4];
	bool		nulls[4];
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	test_credential(&workspace.id, service, label, result);
	for (int i = 0; i < 4; i++)
	{
		nulls[i] = result[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(result[i]);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

Datum
connector_rotate_keys(PG_FUNCTION_ARGS)
{
	int			limit = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);

	if (limit < 1 || limit > 100000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch_size must be between 1 and 100000")));
	PG_RETURN_INT32(cn_credential_rotate(limit));
}
