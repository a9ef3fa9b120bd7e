/*
 * credential_provider.c -- what the provider of a service knows of its credentials.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "auth/auth.h"
#include "catalog/provider.h"
#include "catalog/provider_checker.h"
#include "catalog/provider_connect.h"
#include "catalog/provider_expand.h"
#include "catalog/provider_form.h"
#include "core/jsonb.h"
#include "schema/settings.h"
#include "sqlapi/credentials.h"

/* The kind of credentials nobody says anything of. */
#define DEFAULT_KIND "api_key"

/* The names of the fields of a secret, whose values are nobody's business here. */
static const CnJson *
field_names(Jsonb *secret)
{
	JsonbIterator *it = JsonbIteratorInit(&secret->root);
	int			room = JsonContainerIsObject(&secret->root) ? JsonContainerSize(&secret->root) : 0;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (room + 1));
	JsonbValue	value;
	JsonbIteratorToken token;
	int			count = 0;

	while (room > 0 && (token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token != WJB_KEY || count == room)
			continue;
		members[count].key = pnstrdup(value.val.string.val, value.val.string.len);
		members[count].key_len = value.val.string.len;
		members[count++].value = cn_json_null();
	}
	return cn_json_object(members, count);
}

/* ---- parameters ---- */

static const CnJson *
complete(const CnProvider *provider, const CnJson *given)
{
	return cn_provider_complete(given, cn_provider_defaults(cn_provider_definition(provider)));
}

typedef struct Violations
{
	const CnJson *parameters;
	CnProblems	problems;
} Violations;

static bool
note_violation(void *arg, const CnSchemaViolation *violation)
{
	Violations *found = arg;

	cn_problem(&found->problems,
			   cn_provider_path(found->parameters, violation->instance_path, "$.parameters"),
			   "%s", violation->message);
	return true;
}

/* The schema without "required". */
static const CnJson *
without_required(const CnJson *schema)
{
	CnJsonMember *members;
	int			count = 0;

	if (schema == NULL || schema->type != CN_JSON_OBJECT)
		return schema;
	members = palloc(sizeof(CnJsonMember) * (schema->len + 1));
	for (int i = 0; i < schema->len; i++)
		if (strcmp(schema->u.members[i].key, "required") != 0)
			members[count++] = schema->u.members[i];
	return cn_json_object(members, count);
}

char *
cn_credential_parameter_problems(const CnProvider *provider, const CnJson *given, bool all)
{
	const CnJson *form = cn_json_get(cn_provider_definition(provider), "parameters");
	const CnJson *source = all ? form : without_required(form);
	CnSchemaOptions options = cn_schema_options();
	const CnJson *parameters = complete(provider, given);
	Violations	found = {parameters, {NULL, 0}};
	CnSchema   *schema = source ? cn_schema_compile(source, &options, NULL, NULL) : NULL;

	if (schema == NULL ||
		cn_schema_validate(schema, parameters, &options, note_violation, &found,
						   NULL) == CN_SCHEMA_VALID)
		return NULL;
	return cn_problems_text(&found.problems);
}

void
cn_credential_check_parameters(const CnProvider *provider, const CnJson *given, bool all)
{
	char	   *problems = cn_credential_parameter_problems(provider, given, all);

	if (problems)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the parameters do not fit provider \"%s\"", cn_provider_name(provider)),
				 errdetail_internal("%s", problems),
				 errhint("connector_provider_form(provider) describes them.")));
}

/* ---- hosts ---- */

/*
 * text[]: the hosts of a provider, with parameters (an object) filled in; entries that name others
 * are left out, and raise 22023 if none is left.
 */
static Datum
hosts_of(const CnProvider *provider, const CnJson *parameters)
{
	const CnJson *list = cn_json_get(cn_provider_definition(provider), "allowed_hosts");
	const CnJson *filling = complete(provider, parameters);
	int			room = list && list->type == CN_JSON_ARRAY ? list->len : 0;
	Datum	   *entries = palloc(sizeof(Datum) * (room + 1));
	const char *missing = NULL;
	int			count = 0;

	for (int i = 0; i < room; i++)
	{
		const char *text = list->u.items[i]->type == CN_JSON_STRING ? list->u.items[i]->u.text : "";
		char	   *filled = cn_provider_fill_text(text, filling, &missing);

		if (filled)
			entries[count++] = CStringGetTextDatum(cn_provider_host_entry(filled));
	}
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the hosts of provider \"%s\" are not known without its parameter \"%s\"",
						cn_provider_name(provider), missing ? missing : ""),
				 errhint("Pass it in parameters, or pass allowed_hosts.")));
	return PointerGetDatum(construct_array(entries, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* ---- kind ---- */

/* The first field that a secret of the kind needs and that is not there; NULL: it has all. */
static const char *
missing_field(const CnAuthKind *kind, const CnJson *names)
{
	for (const char *const *field = kind->fields; *field; field++)
		if (cn_json_get(names, *field) == NULL)
			return *field;
	return NULL;
}

/*
 * Better than what is said of a kind alone: the kind may have been guessed, and what the form asks
 * for may be what gets a token, not what is stored.
 */
static void
check_fields(const CnCredentialInput *input, const CnProvider *provider, const CnJson *names,
			 bool guessed)
{
	const CnAuthKind *kind = cn_auth_kind(input->kind);
	const char *missing = kind ? missing_field(kind, names) : NULL;

	if (missing == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 guessed ? errmsg("the secret does not have the fields of a credential of provider \"%s\"",
							  cn_provider_name(provider))
			 : errmsg("the secret of a credential of kind %s needs the field \"%s\"", input->kind, missing),
			 errhint("%s", cn_provider_connect_hint(cn_provider_definition(provider), input->label))));
}

/* ---- all of it ---- */

/*
 * Actions use the credential of the provider's name.  An alias that a credential has already stays
 * its name, for definitions may use it; so does one whose kind and hosts are given.
 */
static void
use_name(CnCredentialInput *input, const CnProvider *provider, bool has_hosts)
{
	const char *name = cn_provider_name(provider);

	if (strcmp(name, input->service) == 0 || (input->kind && has_hosts) ||
		cn_credential_find(&input->workspace, input->service, input->label, input->owner))
		return;
	ereport(NOTICE,
			(errmsg("the credential is stored as \"%s\", which is the name of provider \"%s\"",
					name, input->service)));
	input->service = pstrdup(name);
}

void
cn_credential_from_provider(CnCredentialInput *input, bool has_hosts)
{
	const CnProvider *provider = cn_provider_find(&input->workspace, input->service,
												  CurrentMemoryContext);
	bool		guessed = input->kind == NULL;
	const CnJson *names;
	const CnJson *given;
	const CnJson *auth;

	if (provider == NULL)
	{
		if (input->kind == NULL)
			input->kind = DEFAULT_KIND;
		return;
	}
	use_name(input, provider, has_hosts);
	given = cn_json_from_jsonb(input->parameters);
	cn_credential_check_parameters(provider, given, true);
	names = field_names(input->secret);
	auth = cn_provider_form_auth(cn_provider_definition(provider), input->kind, names);
	if (input->kind == NULL && auth)
		input->kind = cn_json_get_string(auth, "kind");
	if (input->kind == NULL)
		input->kind = DEFAULT_KIND;
	if (auth)
		check_fields(input, provider, names, guessed);
	if (auth)
		input->parameters = cn_jsonb_from_json(cn_provider_form_parameters(auth, given));
	if (!has_hosts)
		input->hosts = hosts_of(provider, given);
}
