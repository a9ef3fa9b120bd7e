/*
 * oauth2_config.c -- what a credential keeps of its provider's auth entry.
 */
#include "auth/oauth2.h"

#include <limits.h>

#include "core/escape.h"
#include "http/url.h"

/* ---- looking up ---- */

const CnJson *
cn_oauth2_entry(const CnJson *provider, const char *kind, const char *grant)
{
	const CnJson *list = cn_json_get(provider, "auth");

	for (int i = 0; list && list->type == CN_JSON_ARRAY && i < list->len; i++)
	{
		const char *its_kind = cn_json_get_string(list->u.items[i], "kind");
		const char *its_grant = cn_json_get_string(list->u.items[i], "grant");

		if (its_kind == NULL || strcmp(its_kind, kind) != 0)
			continue;
		if (grant == NULL || strcmp(its_grant ? its_grant : "authorization_code", grant) == 0)
			return list->u.items[i];
	}
	return NULL;
}

/* Cut the next key or index off a path: 0: the end, 1: *key, 2: *index, -1: none that we know. */
static int
next_step(const char **path, char **key, int *index)
{
	const char *at = *path;
	int			len;

	if (*at == '.')
		at++;
	if (*at == '\0')
		return 0;
	if (*at == '[')
	{
		char	   *end;

		*index = (int) strtol(at + 1, &end, 10);
		*path = end + 1;
		return *end == ']' && end > at + 1 && *index >= 0 ? 2 : -1;
	}
	if (*at == '"')
	{
		len = strcspn(at + 1, "\"");
		*key = pnstrdup(at + 1, len);
		*path = at + 1 + len + (at[1 + len] == '"');
		return 1;
	}
	len = strcspn(at, ".[");
	*key = pnstrdup(at, len);
	*path = at + len;
	return 1;
}

const CnJson *
cn_oauth2_at(const CnJson *tree, const char *path)
{
	char	   *key;
	int			index;

	if (*path == '$')
		path++;
	while (tree)
	{
		switch (next_step(&path, &key, &index))
		{
			case 0:
				return tree;
			case 1:
				tree = cn_json_get(tree, key);
				break;
			case 2:
				tree = tree->type == CN_JSON_ARRAY && index < tree->len
					? tree->u.items[index] : NULL;
				break;
			default:
				return NULL;
		}
	}
	return NULL;
}

int
cn_oauth2_number(const CnJson *config, const char *name, int otherwise)
{
	const CnJson *value = cn_json_get(config, name);
	char	   *end;
	long		number;

	if (value == NULL || value->type != CN_JSON_NUMBER)
		return otherwise;
	errno = 0;
	number = strtol(value->u.text, &end, 10);
	return errno == 0 && *end == '\0' && number >= INT_MIN && number <= INT_MAX ? (int) number
		: otherwise;
}

/* ---- placeholders ---- */

const char *
cn_oauth2_value(const CnJson *values, const char *name)
{
	const CnJson *value = cn_json_get(values, name);

	return value && (value->type == CN_JSON_STRING || value->type == CN_JSON_NUMBER) ? value->u.text
		: NULL;
}

/* is_url: a value is percent-encoded, but for one that the text begins with. */
static char *
expand(const char *text, const CnJson *parameters, bool is_url, const char **missing)
{
	const char *at = text;
	StringInfoData out;

	initStringInfo(&out);
	while (*at)
	{
		int			len = strcspn(at, "{");
		const char *end = strchr(at + len, '}');
		const char *value;
		char	   *name;

		appendBinaryStringInfo(&out, at, len);
		at += len;
		if (*at == '\0' || end == NULL)
			break;
		name = pnstrdup(at + 1, end - at - 1);
		value = cn_oauth2_value(parameters, name);
		if (value == NULL || value[0] == '\0')
		{
			*missing = name;
			return NULL;
		}
		if (is_url && at > text)
			cn_percent_encode(&out, value, strlen(value));
		else
			appendStringInfoString(&out, value);
		at = end + 1;
	}
	appendStringInfoString(&out, at);
	return out.data;
}

char *
cn_oauth2_expand(const char *text, const CnJson *parameters, const char **missing)
{
	return expand(text, parameters, true, missing);
}

char *
cn_oauth2_host_of(const char *text)
{
	const char *problem;
	CnUrl		url;

	if (!cn_url_parse(text, &url, &problem))
		return NULL;
	return url.https ? cn_url_authority(&url) : psprintf("http://%s", cn_url_authority(&url));
}

CnJson *
cn_oauth2_hosts(const CnJson *hosts, const CnJson *parameters)
{
	int			most = hosts && hosts->type == CN_JSON_ARRAY ? hosts->len : 0;
	CnJson	  **items = palloc(sizeof(CnJson *) * (most + 1));
	int			count = 0;

	for (int i = 0; i < most; i++)
	{
		const char *missing;
		const char *problem;
		char	   *entry = hosts->u.items[i]->type == CN_JSON_STRING
			? cn_oauth2_expand(hosts->u.items[i]->u.text, parameters, &missing) : NULL;
		char	   *host = entry ? cn_oauth2_host_of(entry) : NULL;

		if (host == NULL)
			host = entry;
		if (host && cn_url_host_entry_valid(host, &problem))
			items[count++] = cn_json_string(host, -1);
	}
	return cn_json_array(items, count);
}

/* ---- the grant object ---- */

/* Members that are addresses. */
static bool
is_url(const char *name)
{
	size_t		len = strlen(name);

	return len > 4 && strcmp(name + len - 4, "_url") == 0;
}

/* Members that a token request has no use for. */
static bool
is_left_out(const char *name)
{
	static const char *const names[] = {"title", "description", "scopes", "default_scopes", "scope"};

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
expand_url(CnJsonMember *member, const CnJson *parameters, char **problem)
{
	const char *missing = NULL;
	const char *why;
	CnUrl		url;
	char	   *text;

	if (member->value->type != CN_JSON_STRING)
		return true;			/* null: there is none */
	text = cn_oauth2_expand(member->value->u.text, parameters, &missing);
	if (text == NULL)
		*problem = psprintf("the provider's %s needs the parameter \"%s\"", member->key, missing);
	else if (!cn_url_parse(text, &url, &why))
		*problem = psprintf("with these parameters the provider's %s is no address: %s",
							member->key, why);
	else
		member->value = cn_json_string(text, -1);
	return *problem == NULL;
}

/*
 * One of the scopes; NULL and *problem if it cannot be.  RFC 6749, section 3.3: no blank in it, or
 * it would be two.
 */
static char *
expand_scope(const CnJson *scope, int number, const CnJson *parameters, char **problem)
{
	const char *missing;
	char	   *text;

	if (scope->type != CN_JSON_STRING || scope->len != strlen(scope->u.text))
		text = NULL;
	else if ((text = expand(scope->u.text, parameters, false, &missing)) == NULL)
	{
		*problem = psprintf("scope %d of the list needs the parameter \"%s\"", number, missing);
		return NULL;
	}
	if (text && text[0] && text[strcspn(text, " \t\r\n\"\\")] == '\0')
		return text;
	*problem = psprintf("scope %d of the list is not the name of a scope", number);
	return NULL;
}

/* The scopes as one text; NULL and *problem if one of them cannot be. */
static char *
join_scopes(const CnJson *entry, const CnJson *scopes, const CnJson *parameters, char **problem)
{
	const char *separator = cn_json_get_string(entry, "scope_separator");
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; scopes && scopes->type == CN_JSON_ARRAY && i < scopes->len; i++)
	{
		char	   *scope = expand_scope(scopes->u.items[i], i + 1, parameters, problem);

		if (scope == NULL)
			return NULL;
		if (i > 0)
			appendStringInfoString(&out, separator ? separator : " ");
		appendStringInfoString(&out, scope);
	}
	return out.data;
}

/* A session's login: the address, absolute. */
static CnJson *
expand_login(const CnJson *provider, const CnJson *login, const CnJson *parameters, char **problem)
{
	const char *base = cn_json_get_string(provider, "base_url");
	const char *path = cn_json_get_string(login, "path");
	const char *url = cn_json_get_string(login, "url");
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (login->len + 1));
	CnJsonMember address = {.key = "login_url", .key_len = strlen("login_url")};
	int			count = 0;

	if (url == NULL && (base == NULL || path == NULL))
	{
		*problem = psprintf("the provider's login has no address");
		return NULL;
	}
	address.value = cn_json_string(url ? url : psprintf("%s%s", base, path), -1);
	if (!expand_url(&address, parameters, problem))
		return NULL;
	for (int i = 0; i < login->len; i++)
		if (strcmp(login->u.members[i].key, "url") != 0)
			members[count++] = login->u.members[i];
	address.key = "url";
	address.key_len = strlen("url");
	members[count++] = address;
	return cn_json_object(members, count);
}

static void
add(CnJsonMember *members, int *count, const char *name, CnJson *value)
{
	members[*count].key = name;
	members[*count].key_len = strlen(name);
	members[(*count)++].value = value;
}

CnJson *
cn_oauth2_config(const CnJson *provider, const CnJson *entry, const CnJson *parameters,
				 const CnJson *scopes, char **problem)
{
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (entry->len + 3));
	const CnJson *login = cn_json_get(entry, "login");
	int			count = 0;
	char	   *scope;

	*problem = NULL;
	scope = join_scopes(entry, scopes ? scopes : cn_json_get(entry, "default_scopes"), parameters,
						problem);
	if (scope == NULL)
		return NULL;
	for (int i = 0; i < entry->len; i++)
	{
		CnJsonMember *member = &members[count];

		*member = entry->u.members[i];
		if (is_left_out(member->key) || strcmp(member->key, "login") == 0)
			continue;
		if (is_url(member->key) && !expand_url(member, parameters, problem))
			return NULL;
		count++;
	}
	if (login && login->type == CN_JSON_OBJECT)
	{
		CnJson	   *expanded = expand_login(provider, login, parameters, problem);

		if (expanded == NULL)
			return NULL;
		add(members, &count, "login", expanded);
	}
	add(members, &count, "scope", cn_json_string(scope, -1));
	add(members, &count, "hosts", cn_json_get(provider, "allowed_hosts")
		? unconstify(CnJson *, cn_json_get(provider, "allowed_hosts")) : cn_json_array(NULL, 0));
	return cn_json_object(members, count);
}
