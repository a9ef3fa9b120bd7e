/*
 * template_credentials.c -- which credentials of the workspace an installed template uses.
 *
 * A definition names credentials, never where they may be sent: that says the
 * credential.  For a new one it is taken from the template only if that is
 * official; else whoever publishes a template would say where the secrets of
 * others go.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "core/errors.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "credentials/store.h"
#include "http/url.h"
#include "sqlapi/args.h"
#include "sqlapi/credentials.h"
#include "sqlapi/template_install.h"

/* ---- what a template needs ---- */

static const CnJson *
find_hint(const CnJson *requirements, const CnUsedCredential *ref)
{
	for (int i = 0; i < requirements->len; i++)
	{
		const CnJson *entry = requirements->u.items[i];
		const char *service = cn_json_get_string(entry, "service");
		const char *label = cn_json_get_string(entry, "label");

		if (service && strcmp(service, ref->service) == 0 &&
			strcmp(label ? label : "default", ref->label) == 0)
			return entry;
	}
	return NULL;
}

void
cn_installation_begin(CnInstallation *in, CnStoredTemplate *template)
{
	CnJson	   *requirements = cn_json_from_jsonb(template->requirements);
	CnUsedCredential *refs;

	in->template = template;
	in->config = cn_json_from_jsonb(template->config);
	in->need_count = cn_used_credentials(in->config, &refs);
	in->needs = palloc0(sizeof(CnNeed) * (in->need_count + 1));
	for (int i = 0; i < in->need_count; i++)
	{
		in->needs[i].ref = refs[i];
		in->needs[i].key = cn_used_credential_text(refs[i].service, refs[i].label);
		in->needs[i].hint = find_hint(requirements, &refs[i]);
	}
}

static const char *
choose(void *arg, const CnUsedCredential *ref)
{
	CnInstallation *in = arg;

	for (int i = 0; i < in->need_count; i++)
		if (strcmp(in->needs[i].ref.service, ref->service) == 0 &&
			strcmp(in->needs[i].ref.label, ref->label) == 0)
			return in->needs[i].chosen;
	return NULL;
}

/* The definition with the credentials of the workspace. */
Jsonb *
cn_installation_config(CnInstallation *in)
{
	return cn_jsonb_from_json(cn_used_credentials_replace(in->config, choose, in));
}

/* {"reference in the template": "reference in the workspace"} */
Jsonb *
cn_installation_credentials(const CnInstallation *in)
{
	CnJsonbBuilder b = {0};

	cn_build_begin_object(&b);
	for (int i = 0; i < in->need_count; i++)
	{
		cn_build_key(&b, in->needs[i].key);
		cn_build_string(&b, in->needs[i].chosen);
	}
	cn_build_end_object(&b);
	return cn_build_done(&b);
}

/* ---- which credentials ---- */

/* May a stored credential be sent to host, an entry of the hint? */
static bool
covers_host(const CnCredentialRow *row, const char *host)
{
	bool		plain = strncmp(host, "http://", strlen("http://")) == 0;
	const char *problem;
	CnUrl		url;
	bool		readable = cn_url_parse(psprintf("%s%s/", plain ? "" : "https://", host),
										&url, &problem);

	for (int i = 0; i < row->host_count; i++)
		if (pg_strcasecmp(row->hosts[i], host) == 0 ||
			(readable && cn_url_host_matches(&url, row->hosts[i])))
			return true;
	return false;
}

/* It would be refused when the connector is called; better to hear of it now. */
static void
warn_of_hosts(const CnNeed *need, const CnCredentialRow *row)
{
	const CnJson *hosts = cn_json_get(need->hint, "allowed_hosts");

	for (int i = 0; hosts && hosts->type == CN_JSON_ARRAY && i < hosts->len; i++)
	{
		const CnJson *host = hosts->u.items[i];

		if (host->type == CN_JSON_STRING && !covers_host(row, host->u.text))
			ereport(WARNING,
					(errmsg("credential \"%s/%s\" may not be sent to %s", row->service, row->label,
							host->u.text),
					 errhint("An administrator of the workspace can add it to allowed_hosts with connector_credential_set(...).")));
	}
}

/* Is the credential there?  Says so if it may not be sent where the template sends it. */
static bool
credential_exists(const CnNeed *need, const CnInstallation *in, const CnUsedCredential *ref)
{
	const CnCredentialRow *row = cn_credential_find(&in->workspace.id, ref->service, ref->label,
													in->identity);

	if (row)
		warn_of_hosts(need, row);
	return row != NULL;
}

/* Raises 22023 for what the template has no use for: it is misspelled. */
static void
check_keys(const CnInstallation *in, const CnJson *given)
{
	if (given->type != CN_JSON_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("credentials must be a JSON object")));
	for (int i = 0; i < given->len; i++)
	{
		bool		known = false;

		for (int j = 0; j < in->need_count; j++)
			known = known || strcmp(in->needs[j].key, given->u.members[i].key) == 0;
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("template \"%s\" has no use for a credential \"%s\"", in->template->name,
							given->u.members[i].key)));
	}
}

/* "label" or "service/label" of a stored credential. */
static void
choose_stored(const CnInstallation *in, CnNeed *need, const char *text)
{
	CnUsedCredential ref = strchr(text, '/') ? cn_used_credential_parse(text)
		: (CnUsedCredential) {.service = need->ref.service, .label = pstrdup(text)};

	if (!credential_exists(need, in, &ref))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no credential \"%s/%s\"", ref.service, ref.label)));
	need->chosen = cn_used_credential_text(ref.service, ref.label);
}

static void
choose_credential(const CnInstallation *in, CnNeed *need, const CnJson *value)
{
	if (value == NULL || value->type == CN_JSON_NULL)
	{
		if (credential_exists(need, in, &need->ref))
			need->chosen = need->key;
	}
	else if (value->type == CN_JSON_STRING)
		choose_stored(in, need, value->u.text);
	else if (value->type == CN_JSON_OBJECT)
	{
		const char *label = cn_json_get_string(value, "label");

		need->secret = value;
		need->chosen = cn_used_credential_text(need->ref.service, label ? label : need->ref.label);
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("credential \"%s\" is neither a label nor an object", need->key)));
}

/* "slack: kind bearer, hosts slack.com" */
static void
describe_need(StringInfo buf, const CnNeed *need)
{
	const char *kind = cn_json_get_string(need->hint, "kind");
	const CnJson *hosts = cn_json_get(need->hint, "allowed_hosts");

	appendStringInfo(buf, "%s%s", buf->len ? "\n" : "", need->key);
	if (kind)
		appendStringInfo(buf, ": kind %s", kind);
	for (int i = 0; hosts && hosts->type == CN_JSON_ARRAY && i < hosts->len; i++)
		if (hosts->u.items[i]->type == CN_JSON_STRING)
			appendStringInfo(buf, "%s%s", i > 0 ? ", " : kind ? ", hosts " : ": hosts ",
							 hosts->u.items[i]->u.text);
}

/* Raises NC019 with all credentials that are neither given nor there. */
static void
require_all(const CnInstallation *in)
{
	const CnCodeInfo *code = cn_code_info(CN_CREDENTIAL_MISSING);
	const char *state = code->sqlstate;
	StringInfoData missing;

	initStringInfo(&missing);
	for (int i = 0; i < in->need_count; i++)
		if (in->needs[i].chosen == NULL)
			describe_need(&missing, &in->needs[i]);
	if (missing.len > 0)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
				 errmsg("credentials for template \"%s\" are missing", in->template->name),
				 errdetail("%s", missing.data),
				 errhint("Store them with connector_credential_set(...) first, or pass credentials => '{\"<service>\": {\"kind\": ..., <fields of the secret>}}', or '{\"<service>\": \"<label>\"}' for stored ones.")));
}

/* ---- storing new ones ---- */

/* Members of a given credential that are no fields of its secret. */
static bool
is_property(const char *key)
{
	static const char *const properties[] = {
		"kind", "label", "scope", "parameters", "allowed_hosts"
	};

	for (int i = 0; i < lengthof(properties); i++)
		if (strcmp(properties[i], key) == 0)
			return true;
	return false;
}

static Jsonb *
secret_of(const CnJson *given)
{
	CnJsonMember *fields = palloc(sizeof(CnJsonMember) * (given->len + 1));
	int			count = 0;

	for (int i = 0; i < given->len; i++)
		if (!is_property(given->u.members[i].key))
			fields[count++] = given->u.members[i];
	return cn_jsonb_from_json(cn_json_object(fields, count));
}

/* A text property of the given credential, else of the hint, else the default. */
static const char *
property(const CnNeed *need, const char *key, const char *otherwise)
{
	const CnJson *value = cn_json_get(need->secret, key);
	const char *hint = cn_json_get_string(need->hint, key);

	if (value && value->type != CN_JSON_STRING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of credential \"%s\" is not a string", key, need->key)));
	return value ? value->u.text : hint ? hint : otherwise;
}

static ArrayType *
hosts_of(const CnInstallation *in, const CnNeed *need)
{
	const CnJson *hosts = cn_json_get(need->secret, "allowed_hosts");
	const CnJson *hint = cn_json_get(need->hint, "allowed_hosts");
	Datum	   *entries;

	if (hosts == NULL && cn_stored_template_is_official(in->template))
		hosts = hint;
	if (hosts == NULL || hosts->type != CN_JSON_ARRAY || hosts->len == 0)
	{
		StringInfoData detail;

		initStringInfo(&detail);
		describe_need(&detail, need);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("it must be said where credential \"%s\" may be sent", need->key),
				 errdetail("Template \"%s\" asks for %s", in->template->name, detail.data),
				 errhint("Give it \"allowed_hosts\": [...]. They are taken from official templates only; look whether you trust these.")));
	}
	entries = palloc(sizeof(Datum) * hosts->len);
	for (int i = 0; i < hosts->len; i++)
	{
		if (hosts->u.items[i]->type != CN_JSON_STRING)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("allowed_hosts of credential \"%s\" is not an array of strings", need->key)));
		entries[i] = CStringGetTextDatum(hosts->u.items[i]->u.text);
	}
	return construct_array(entries, hosts->len, TEXTOID, -1, false, TYPALIGN_INT);
}

static CnStatement find_credential = {
	.sql = "SELECT 1 FROM @.workspace_api_credentials"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND service_name OPERATOR(pg_catalog.=) $2"
	"   AND label OPERATOR(pg_catalog.=) $3 AND owner OPERATOR(pg_catalog.=) $4",
	.nargs = 4,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID},
};

/* Others may use the one that is there. */
static void
refuse_to_replace(const CnInstallation *in, const char *service, const char *label,
				  const char *scope)
{
	const char *owner = strcmp(scope, "user") == 0 && in->identity ? in->identity : "";
	Datum		values[4] = {UUIDPGetDatum(&in->workspace.id), CStringGetTextDatum(service),
	CStringGetTextDatum(label), CStringGetTextDatum(owner)};
	uint64		found;
	CnSpi		spi;

	cn_spi_begin(&spi);
	found = cn_spi_run(&find_credential, values, NULL, 1);
	cn_spi_end(&spi);
	if (found > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("credential \"%s/%s\" exists already", service, label),
				 errhint("Give the new one another \"label\", or use the stored one: credentials => '{\"%s\": \"%s\"}'.",
						 service, label)));
}

/* As connector_credential_set does, which checks the rest and the caller's right. */
static void
store_credential(const CnInstallation *in, const CnNeed *need)
{
	LOCAL_FCINFO(call, 9);
	const CnJson *parameters = cn_json_get(need->secret, "parameters");
	const char *service = need->ref.service;
	const char *label = property(need, "label", need->ref.label);
	const char *scope = property(need, "scope", "workspace");

	if (parameters == NULL)
		parameters = cn_json_get(need->hint, "parameters");
	InitFunctionCallInfoData(*call, NULL, 9, InvalidOid, NULL, NULL);
	for (int i = 0; i < 9; i++)
		call->args[i].isnull = false;
	call->args[0].value = CStringGetTextDatum(service);
	call->args[1].value = JsonbPGetDatum(secret_of(need->secret));
	call->args[2].value = CStringGetTextDatum(property(need, "kind", "api_key"));
	call->args[3].isnull = parameters == NULL;
	call->args[3].value = parameters ? JsonbPGetDatum(cn_jsonb_from_json(parameters)) : (Datum) 0;
	call->args[4].value = PointerGetDatum(hosts_of(in, need));
	call->args[5].value = CStringGetTextDatum(label);
	call->args[6].value = CStringGetTextDatum(scope);
	call->args[7].isnull = true;
	call->args[8].value = CStringGetTextDatum(in->workspace.slug);
	refuse_to_replace(in, service, label, scope);
	(void) connector_credential_set(call);
}

/* What a definition names for a service, if that is one credential only. */
static char *
only_credential_of(const CnJson *config, const char *service)
{
	CnUsedCredential *used;
	int			count = cn_used_credentials(config, &used);
	char	   *found = NULL;

	for (int i = 0; i < count; i++)
	{
		if (strcmp(used[i].service, service) != 0)
			continue;
		if (found)
			return NULL;
		found = cn_used_credential_text(used[i].service, used[i].label);
	}
	return found;
}

void
cn_installation_keep(CnInstallation *in, const CnJson *credentials, const CnJson *config)
{
	for (int i = 0; i < in->need_count; i++)
	{
		CnNeed	   *need = &in->needs[i];
		const char *chosen = cn_json_get_string(credentials, need->key);

		need->chosen = chosen ? pstrdup(chosen) : only_credential_of(config, need->ref.service);
		if (need->chosen == NULL)
			choose_credential(in, need, NULL);
	}
	require_all(in);
}

void
cn_installation_choose(CnInstallation *in, const CnJson *given)
{
	check_keys(in, given);
	for (int i = 0; i < in->need_count; i++)
		choose_credential(in, &in->needs[i], cn_json_get(given, in->needs[i].key));
	require_all(in);
	for (int i = 0; i < in->need_count; i++)
		if (in->needs[i].secret)
			store_credential(in, &in->needs[i]);
}
