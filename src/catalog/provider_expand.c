/*
 * provider_expand.c -- actions and streams of a provider as definitions of one step.  Pure.
 */
#include "catalog/provider_expand.h"

#include "core/chars.h"

/* An object under construction: room is for what may be added. */
typedef struct Members
{
	CnJsonMember *list;
	int			count;
} Members;

static Members
new_members(int room)
{
	Members		members = {palloc0(sizeof(CnJsonMember) * (room + 1)), 0};

	return members;
}

static void
add(Members *members, const char *key, const CnJson *value)
{
	CnJsonMember *member = &members->list[members->count++];

	member->key = key;
	member->key_len = strlen(key);
	member->value = (CnJson *) value;	/* trees are shared and never written to */
}

static bool
is_given(const CnJson *value)
{
	return value && value->type != CN_JSON_NULL;
}

/* The member of the first of two objects that has it; null counts as nothing. */
static const CnJson *
either(const CnJson *own, const CnJson *common, const char *key)
{
	const CnJson *value = cn_json_get(own, key);

	if (!is_given(value))
		value = cn_json_get(common, key);
	return is_given(value) ? value : NULL;
}

/* ---- parameters in texts ---- */

/* Length of the name in "{name}" at at, or 0. */
static int
parameter_len(const char *at)
{
	int			len = 0;

	if (*at != '{')
		return 0;
	for (at++; (len > 0 && *at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
		 (*at >= 'A' && *at <= 'Z') || *at == '_'; at++)
		len++;
	return *at == '}' ? len : 0;
}

/* Bytes of a template's reference at at, with its braces, or 0; one that does not end has 2. */
static int
reference_len(const char *at)
{
	const char *end;

	if (at[0] != '{' || at[1] != '{')
		return 0;
	end = strstr(at, "}}");
	return end ? end + 2 - at : 2;
}

/* What a parameter becomes: false ends the walk. */
typedef bool (*WriteParameter) (StringInfo out, const char *name, const void *arg);

static char *
replace_parameters(const char *text, WriteParameter write, const void *arg, const char **missing)
{
	StringInfoData out;

	initStringInfo(&out);
	while (*text)
	{
		int			reference = reference_len(text);
		int			len = reference ? 0 : parameter_len(text);
		char	   *name;

		if (len == 0)
		{
			appendBinaryStringInfo(&out, text, Max(reference, 1));
			text += Max(reference, 1);
			continue;
		}
		name = pnstrdup(text + 1, len);
		if (!write(&out, name, arg))
		{
			if (missing)
				*missing = name;
			return NULL;
		}
		text += len + 2;
	}
	return out.data;
}

static bool
write_reference(StringInfo out, const char *name, const void *arg)
{
	appendStringInfo(out, "{{workspace.%s}}", name);
	return true;
}

static bool
write_value(StringInfo out, const char *name, const void *arg)
{
	const CnJson *value = cn_json_get(arg, name);

	if (value == NULL || (value->type != CN_JSON_STRING && value->type != CN_JSON_NUMBER))
		return false;
	appendStringInfoString(out, value->u.text);
	return true;
}

char *
cn_provider_expand_text(const char *text)
{
	return replace_parameters(text, write_reference, NULL, NULL);
}

char *
cn_provider_fill_text(const char *text, const CnJson *parameters, const char **missing)
{
	return replace_parameters(text, write_value, parameters, missing);
}

char *
cn_provider_host_entry(const char *filled)
{
	const char *host = filled;

	if (pg_strncasecmp(host, "https://", strlen("https://")) == 0)
	{
		host += strlen("https://");
		return pnstrdup(host, strcspn(host, "/?#"));
	}
	return pstrdup(host);
}

/* ---- URL ---- */

/* Base and path with exactly one slash between them. */
static CnJson *
join_url(const char *base, const char *path)
{
	char	   *expanded = cn_provider_expand_text(base);
	int			len = strlen(expanded);

	while (len > 0 && expanded[len - 1] == '/')
		len--;
	if (path[0] == '/' || path[0] == '?' || path[0] == '\0')
		return cn_json_string(psprintf("%.*s%s", len, expanded, path), -1);
	return cn_json_string(psprintf("%.*s/%s", len, expanded, path), -1);
}

static void
add_url(Members *members, const CnJson *provider, const CnJson *action)
{
	const CnJson *base = either(action, provider, "base_url");
	const char *path = cn_json_get_string(action, "path");

	if (base && base->type == CN_JSON_STRING)
		add(members, "url", join_url(base->u.text, path ? path : ""));
}

/* ---- headers and query ---- */

/* The member of that name, by any case, as HTTP has it. */
static const CnJson *
find_header(const CnJson *headers, const char *name)
{
	for (int i = 0; i < headers->len; i++)
		if (pg_strcasecmp(headers->u.members[i].key, name) == 0)
			return headers->u.members[i].value;
	return NULL;
}

/* Own headers, then those of common that they do not have; null takes one away. */
static void
add_headers(Members *members, const CnJson *common, const CnJson *own)
{
	bool		has_common = common && common->type == CN_JSON_OBJECT;
	bool		has_own = own && own->type == CN_JSON_OBJECT;
	Members		headers = new_members((has_common ? common->len : 0) + (has_own ? own->len : 0));

	if (is_given(own) && !has_own)
	{
		add(members, "headers", own);
		return;
	}
	for (int i = 0; has_own && i < own->len; i++)
		if (is_given(own->u.members[i].value))
			add(&headers, own->u.members[i].key, own->u.members[i].value);
	for (int i = 0; has_common && i < common->len; i++)
		if (!has_own || find_header(own, common->u.members[i].key) == NULL)
			add(&headers, common->u.members[i].key, common->u.members[i].value);
	if (headers.count > 0)
		add(members, "headers", cn_json_object(headers.list, headers.count));
}

/* {"a": 1} as [{"name": "a", "value": 1}]; a list as it is; nothing as an empty one. */
static const CnJson *
pair_list(const CnJson *pairs)
{
	CnJson	  **items;

	if (!is_given(pairs))
		return cn_json_array(NULL, 0);
	if (pairs->type != CN_JSON_OBJECT)
		return pairs;
	items = palloc(sizeof(CnJson *) * (pairs->len + 1));
	for (int i = 0; i < pairs->len; i++)
	{
		Members		pair = new_members(2);

		add(&pair, "name", cn_json_string(pairs->u.members[i].key, -1));
		add(&pair, "value", pairs->u.members[i].value);
		items[i] = cn_json_object(pair.list, pair.count);
	}
	return cn_json_array(items, pairs->len);
}

static const char *
pair_name(const CnJson *pair)
{
	const char *name = cn_json_get_string(pair, "name");

	return name ? name : cn_json_get_string(pair, "key");
}

static bool
has_pair(const CnJson *list, const char *name)
{
	for (int i = 0; name && i < list->len; i++)
	{
		const char *other = pair_name(list->u.items[i]);

		if (other && strcmp(other, name) == 0)
			return true;
	}
	return false;
}

/* The action's own parameters, then the provider's that it does not have. */
static void
add_query(Members *members, const CnJson *common, const CnJson *own)
{
	CnJson	  **items;
	int			count = 0;

	if (!is_given(common) || (is_given(own) && own->type != CN_JSON_OBJECT && own->type != CN_JSON_ARRAY))
	{
		if (is_given(own))
			add(members, "query", own);
		return;
	}
	own = pair_list(own);
	common = pair_list(common);
	if (common->type != CN_JSON_ARRAY)
		return;
	items = palloc(sizeof(CnJson *) * (own->len + common->len + 1));
	for (int i = 0; i < own->len; i++)
		items[count++] = own->u.items[i];
	for (int i = 0; i < common->len; i++)
		if (!has_pair(own, pair_name(common->u.items[i])))
			items[count++] = common->u.items[i];
	if (count > 0)
		add(members, "query", cn_json_array(items, count));
}

/* ---- error rules and the rest ---- */

/* The action's own rules are asked before the provider's. */
static void
add_rules(Members *members, const CnJson *common, const CnJson *own)
{
	int			own_count = own && own->type == CN_JSON_ARRAY ? own->len : 0;
	int			count = common && common->type == CN_JSON_ARRAY ? common->len : 0;
	CnJson	  **items;

	if (own_count == 0 || count == 0)
	{
		const CnJson *rules = own_count || (is_given(own) && own->type != CN_JSON_ARRAY) ? own : common;

		if (is_given(rules))
			add(members, "error_rules", rules);
		return;
	}
	items = palloc(sizeof(CnJson *) * (own_count + count));
	memcpy(items, own->u.items, sizeof(CnJson *) * own_count);
	memcpy(items + own_count, common->u.items, sizeof(CnJson *) * count);
	add(members, "error_rules", cn_json_array(items, own_count + count));
}

/* Do its requests need a credential: has it kinds of authentication, or parameters? */
static bool
has_credential(const CnJson *provider)
{
	const CnJson *auth = cn_json_get(provider, "auth");
	const CnJson *parameters = cn_json_get(cn_json_get(provider, "parameters"), "properties");

	for (int i = 0; auth && auth->type == CN_JSON_ARRAY && i < auth->len; i++)
	{
		const char *kind = cn_json_get_string(auth->u.items[i], "kind");

		if (kind && strcmp(kind, "none") != 0)
			return true;
	}
	return parameters && parameters->type == CN_JSON_OBJECT && parameters->len > 0;
}

static void
add_credential(Members *members, const CnJson *provider, const char *label)
{
	const CnJson *name = cn_json_get(provider, "name");
	Members		credential = new_members(2);

	if (name == NULL || !has_credential(provider))
		return;
	add(&credential, "service", name);
	add(&credential, "label", cn_json_string(label ? label : "default", -1));
	add(members, "credential", cn_json_object(credential.list, credential.count));
}

/* What an action has under the same name as a definition. */
static const char *const same_keys[] = {
	"method", "body", "body_type", "output", "response", "timeout_ms", "retries", "idempotent",
	"idempotency_header", "weight"
};

CnJson *
cn_provider_expand_request(const CnJson *provider, const CnJson *action, bool is_stream,
						   const char *label)
{
	Members		members = new_members(lengthof(same_keys) + 7);
	const CnJson *value;

	if (action == NULL || action->type != CN_JSON_OBJECT)
		return NULL;
	add_url(&members, provider, action);
	for (int i = 0; i < lengthof(same_keys); i++)
	{
		if (is_stream && strcmp(same_keys[i], "output") == 0)
			continue;
		value = cn_json_get(action, same_keys[i]);
		if (is_given(value))
			add(&members, same_keys[i], value);
	}
	add_query(&members, cn_json_get(provider, "query"), cn_json_get(action, "query"));
	add_headers(&members, cn_json_get(provider, "headers"), cn_json_get(action, "headers"));
	add_rules(&members, cn_json_get(provider, "error_rules"), cn_json_get(action, "error_rules"));
	if ((value = either(action, provider, "error_message")) != NULL)
		add(&members, "error_message", value);
	value = cn_json_get(cn_json_get(provider, "rate_limit"), "budget");
	if (is_given(value))
		add(&members, "budget", value);
	add_credential(&members, provider, label);
	return cn_json_object(members.list, members.count);
}

CnJson *
cn_provider_expand_action(const CnJson *provider, const char *action, const char *label)
{
	return cn_provider_expand_request(provider, cn_json_get(cn_json_get(provider, "actions"), action),
									  false, label);
}

CnJson *
cn_provider_expand_stream(const CnJson *provider, const char *stream, const char *label)
{
	return cn_provider_expand_request(provider, cn_json_get(cn_json_get(provider, "streams"), stream),
									  true, label);
}

/* ---- pagination ---- */

const CnJson *
cn_provider_expand_pagination(const CnJson *provider, const CnJson *stream)
{
	const CnJson *own = cn_json_get(stream, "pagination");
	const CnJson *common = cn_json_get(provider, "pagination");
	Members		merged;

	if (own == NULL)
		return is_given(common) ? common : NULL;
	if (own->type != CN_JSON_OBJECT || cn_json_get(own, "kind") || !is_given(common) ||
		common->type != CN_JSON_OBJECT)
		return is_given(own) ? own : NULL;
	merged = new_members(own->len + common->len);
	for (int i = 0; i < own->len; i++)
		add(&merged, own->u.members[i].key, own->u.members[i].value);
	for (int i = 0; i < common->len; i++)
		if (cn_json_get(own, common->u.members[i].key) == NULL)
			add(&merged, common->u.members[i].key, common->u.members[i].value);
	return cn_json_object(merged.list, merged.count);
}
