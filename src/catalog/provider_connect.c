/*
 * provider_connect.c -- how a credential of a provider is come by, and what it need not say.  Pure.
 *
 * A default of a parameter holds when a request is made, not when the credential is stored: a
 * provider that moves to the next version of its API takes its credentials with it.
 */
#include "catalog/provider_connect.h"

#include "catalog/provider_form.h"

/* ---- defaults of parameters ---- */

static bool
can_be_parameter(const CnJson *value)
{
	return value && (value->type == CN_JSON_STRING || value->type == CN_JSON_NUMBER);
}

const CnJson *
cn_provider_defaults(const CnJson *provider)
{
	const CnJson *form = cn_json_get(cn_json_get(provider, "parameters"), "properties");
	CnJsonMember *members;
	int			count = 0;

	if (form == NULL || form->type != CN_JSON_OBJECT)
		return NULL;
	members = palloc(sizeof(CnJsonMember) * (form->len + 1));
	for (int i = 0; i < form->len; i++)
	{
		const CnJson *value = cn_json_get(form->u.members[i].value, "default");

		if (!can_be_parameter(value))
			continue;
		members[count] = form->u.members[i];
		members[count++].value = (CnJson *) value;	/* trees are shared and never written to */
	}
	return count > 0 ? cn_json_object(members, count) : NULL;
}

const CnJson *
cn_provider_complete(const CnJson *parameters, const CnJson *defaults)
{
	CnJsonMember *members;
	int			count = parameters->len;

	if (defaults == NULL || parameters->type != CN_JSON_OBJECT)
		return parameters;
	members = palloc(sizeof(CnJsonMember) * (parameters->len + defaults->len + 1));
	memcpy(members, parameters->u.members, sizeof(CnJsonMember) * count);
	for (int i = 0; i < defaults->len; i++)
		if (cn_json_get(parameters, defaults->u.members[i].key) == NULL)
			members[count++] = defaults->u.members[i];
	return cn_json_object(members, count);
}

/* ---- the hint ---- */

/* The first entry of "auth" that is, or is not, got by a request for a token; NULL: none. */
static const CnJson *
find_entry(const CnJson *auth, bool by_token)
{
	for (int i = 0; auth && auth->type == CN_JSON_ARRAY && i < auth->len; i++)
	{
		const char *kind = cn_json_get_string(auth->u.items[i], "kind");
		bool		is_token;

		if (kind == NULL || strcmp(kind, "none") == 0)
			continue;
		is_token = strcmp(kind, "oauth2") == 0 || strcmp(kind, "session") == 0;
		if (is_token == by_token)
			return auth->u.items[i];
	}
	return NULL;
}

/* The function that gets a token of an entry. */
static const char *
token_function(const CnJson *entry)
{
	const char *grant = cn_json_get_string(entry, "grant");

	if (grant && strcmp(grant, "authorization_code") == 0)
		return "connector_oauth_authorize_url";
	if (grant && strcmp(grant, "device_code") == 0)
		return "connector_oauth_device_start";
	return "connector_oauth_connect";
}

/* '{"username": ..., "password": ...}': the fields that a secret of the entry needs. */
static char *
secret_sketch(const CnJson *entry)
{
	const CnJson *required = cn_json_get(cn_provider_form_secret(entry), "required");
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "'{");
	for (int i = 0; required && i < required->len; i++)
		appendStringInfo(&buf, "%s\"%s\": ...", i > 0 ? ", " : "", required->u.items[i]->u.text);
	appendStringInfoString(&buf, "}'");
	return buf.data;
}

/* Parameters that a credential has to give: ", parameters => '{"subdomain": ...}'"; or nothing. */
static char *
parameters_sketch(const CnJson *provider)
{
	const CnJson *required = cn_json_get(cn_json_get(provider, "parameters"), "required");
	const CnJson *defaults = cn_provider_defaults(provider);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; required && required->type == CN_JSON_ARRAY && i < required->len; i++)
	{
		const CnJson *name = required->u.items[i];

		if (name->type == CN_JSON_STRING && cn_json_get(defaults, name->u.text) == NULL)
			appendStringInfo(&buf, "%s\"%s\": ...", buf.len > 0 ? ", " : "", name->u.text);
	}
	return buf.len > 0 ? psprintf(", parameters => '{%s}'", buf.data) : buf.data;
}

/* "connector_oauth_connect('p', '{"client_id": ...}'" without its end; "...": what depends. */
static char *
token_call(const char *name, const CnJson *entry)
{
	const char *function = token_function(entry);
	const CnJson *required = cn_json_get(cn_provider_form_secret(entry), "required");
	bool		sketch = strcmp(function, "connector_oauth_connect") == 0 && required && required->len > 0;

	return psprintf("%s('%s', %s", function, name, sketch ? secret_sketch(entry) : "...");
}

char *
cn_provider_connect_hint(const CnJson *provider, const char *label)
{
	const char *name = cn_json_get_string(provider, "name");
	const CnJson *auth = cn_json_get(provider, "auth");
	const CnJson *token = find_entry(auth, true);
	const CnJson *stored = find_entry(auth, false);
	const char *kind = stored ? cn_json_get_string(stored, "kind") : "none";
	const char *end = label && strcmp(label, "default") != 0 ? psprintf(", label => '%s')", label) : ")";
	char	   *set = psprintf("connector_credential_set('%s', %s, '%s'%s%s", name,
							   stored ? secret_sketch(stored) : "'{}'", kind,
							   parameters_sketch(provider), end);

	if (token == NULL)
		return psprintf("Connect %s with %s.", name, set);
	if (stored == NULL)
		return psprintf("Connect %s with %s%s.", name, token_call(name, token), end);
	return psprintf("Connect %s with %s%s, or with %s.", name, token_call(name, token), end, set);
}
