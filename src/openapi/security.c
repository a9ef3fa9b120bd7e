/*
 * security.c -- security schemes become auth kinds.
 *
 * apiKey (header, query), http (bearer, basic, digest) and oauth2 (authorizationCode,
 * clientCredentials, deviceAuthorization) have one each; cookies, openIdConnect,
 * mutualTLS and the flows that hand passwords around are left out with a note.
 */
#include "openapi/internal.h"

/* Flows in order of preference, and the grant of each. */
typedef struct Flow
{
	const char *name;
	const char *grant;
} Flow;

static const Flow flows[] = {
	{"authorizationCode", "authorization_code"},
	{"clientCredentials", "client_credentials"},
	{"deviceAuthorization", "device_code"},
};

static CnJson *
kind_of(const char *kind, const char *title)
{
	CnJsonMembers auth = {0};

	cn_json_add_text(&auth, "kind", kind);
	cn_json_add_text(&auth, "title", title);
	return cn_json_members(&auth);
}

static CnJson *
api_key(CnOpenapi *import, const char *title, const CnJson *scheme)
{
	const char *in = cn_json_get_string(scheme, "in");
	const char *name = cn_json_get_string(scheme, "name");
	CnJsonMembers auth = {0};
	CnJsonMembers parameters = {0};

	if (in == NULL || name == NULL || (strcmp(in, "header") != 0 && strcmp(in, "query") != 0))
	{
		cn_openapi_note(import, "security scheme %s is left out: a key in a %s", title,
						in ? in : "place that is not named");
		return NULL;
	}
	cn_json_add_text(&parameters, in, name);
	cn_json_add_text(&auth, "kind", "api_key");
	cn_json_add_text(&auth, "title", title);
	cn_json_add(&auth, "parameters", cn_json_members(&parameters));
	return cn_json_members(&auth);
}

static CnJson *
http_scheme(CnOpenapi *import, const char *title, const CnJson *scheme)
{
	static const char *const kinds[] = {"bearer", "basic", "digest"};
	const char *name = cn_json_get_string(scheme, "scheme");

	for (int i = 0; name && i < lengthof(kinds); i++)
		if (pg_strcasecmp(name, kinds[i]) == 0)
			return kind_of(kinds[i], title);
	cn_openapi_note(import, "security scheme %s is left out: HTTP authentication scheme \"%s\"",
					title, name ? name : "");
	return NULL;
}

/* Names with their meaning; an empty meaning becomes the name. */
static CnJson *
scopes_of(const CnJson *flow)
{
	const CnJson *written = cn_json_get(flow, "scopes");
	CnJsonMembers scopes = {0};

	for (int i = 0; written && written->type == CN_JSON_OBJECT && i < written->len; i++)
	{
		const CnJsonMember *scope = &written->u.members[i];
		const char *meaning = cn_json_get_string(written, scope->key);

		cn_json_add_text(&scopes, scope->key, meaning && *meaning ? meaning : scope->key);
	}
	return cn_json_members(&scopes);
}

static CnJson *
oauth2_flow(CnOpenapi *import, const char *title, const CnJson *flow, const char *grant)
{
	CnJsonMembers auth = {0};

	cn_json_add_text(&auth, "kind", "oauth2");
	cn_json_add_text(&auth, "title", title);
	cn_json_add_text(&auth, "grant", grant);
	cn_json_add_text(&auth, "authorize_url",
					 cn_openapi_url(import, cn_json_get_string(flow, "authorizationUrl")));
	cn_json_add_text(&auth, "device_url",
					 cn_openapi_url(import, cn_json_get_string(flow, "deviceAuthorizationUrl")));
	cn_json_add_text(&auth, "token_url",
					 cn_openapi_url(import, cn_json_get_string(flow, "tokenUrl")));
	cn_json_add(&auth, "scopes", scopes_of(flow));
	return cn_json_members(&auth);
}

static bool
is_url(const char *text)
{
	return text && (strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0);
}

static CnJson *
oauth2(CnOpenapi *import, const char *title, const CnJson *scheme)
{
	const CnJson *given = cn_json_get(scheme, "flows");

	for (int i = 0; i < lengthof(flows); i++)
	{
		const CnJson *flow = cn_json_get(given, flows[i].name);

		if (flow == NULL || !is_url(cn_json_get_string(flow, "tokenUrl")))
			continue;
		if (i == 0 && !is_url(cn_json_get_string(flow, "authorizationUrl")))
			continue;
		import->renews = true;
		return oauth2_flow(import, title, flow, flows[i].grant);
	}
	cn_openapi_note(import, "security scheme %s is left out: none of its OAuth 2 flows can be used", title);
	return NULL;
}

static CnJson *
auth_of(CnOpenapi *import, const char *title, const CnJson *scheme)
{
	const char *type = cn_json_get_string(scheme, "type");

	if (type && strcmp(type, "apiKey") == 0)
		return api_key(import, title, scheme);
	if (type && strcmp(type, "http") == 0)
		return http_scheme(import, title, scheme);
	if (type && strcmp(type, "oauth2") == 0)
		return oauth2(import, title, scheme);
	cn_openapi_note(import, "security scheme %s is left out: type \"%s\"", title, type ? type : "");
	return NULL;
}

CnJson *
cn_openapi_auth(CnOpenapi *import)
{
	const CnJson *schemes = cn_json_get(cn_json_get(import->spec, "components"), "securitySchemes");
	CnJsonItems list = {0};

	for (int i = 0; schemes && schemes->type == CN_JSON_OBJECT && i < schemes->len; i++)
	{
		const CnJsonMember *scheme = &schemes->u.members[i];
		const CnJson *auth = auth_of(import, scheme->key, cn_openapi_follow(import, scheme->value));

		if (auth)
			cn_json_append(&list, auth);
	}
	if (list.count > 0)
		return cn_json_items(&list);
	cn_openapi_note(import, "the description names no way to authenticate that can be used");
	return NULL;
}

/* The scopes of one of the ways to authenticate, {"scheme": [scope, ...], ...}. */
static void
add_scopes(const CnJson *choice, CnJsonItems *scopes)
{
	for (int i = 0; choice->type == CN_JSON_OBJECT && i < choice->len; i++)
	{
		const CnJson *list = choice->u.members[i].value;

		for (int j = 0; list->type == CN_JSON_ARRAY && j < list->len; j++)
			if (list->u.items[j]->type == CN_JSON_STRING)
				cn_json_append(scopes, list->u.items[j]);
	}
}

CnJson *
cn_openapi_scopes(const CnOpenapi *import, const CnJson *operation)
{
	const CnJson *choices = cn_json_get(operation, "security");
	CnJsonItems scopes = {0};

	if (choices == NULL)
		choices = cn_json_get(import->spec, "security");
	if (choices == NULL || choices->type != CN_JSON_ARRAY)
		return NULL;
	for (int i = 0; i < choices->len && scopes.count == 0; i++)
		add_scopes(choices->u.items[i], &scopes);
	return scopes.count > 0 ? cn_json_items(&scopes) : NULL;
}
