/*
 * used_credentials.c -- the credentials a definition names.  Pure.
 */
#include "catalog/used_credentials.h"

typedef struct Replacement
{
	CnChooseCredential choose;
	void	   *arg;
} Replacement;

CnUsedCredential
cn_used_credential_parse(const char *text)
{
	const char *slash = strchr(text, '/');
	CnUsedCredential ref = {0};

	ref.service = slash ? pnstrdup(text, slash - text) : pstrdup(text);
	ref.label = pstrdup(slash ? slash + 1 : "default");
	return ref;
}

char *
cn_used_credential_text(const char *service, const char *label)
{
	return strcmp(label, "default") == 0 ? pstrdup(service) : psprintf("%s/%s", service, label);
}

/* The value of a member "credential"; false if it is none, which saving refuses. */
static bool
read_ref(const CnJson *value, CnUsedCredential *ref)
{
	const char *label;

	if (value->type == CN_JSON_STRING)
	{
		*ref = cn_used_credential_parse(value->u.text);
		return true;
	}
	if (cn_json_get_string(value, "service") == NULL)
		return false;
	label = cn_json_get_string(value, "label");
	memset(ref, 0, sizeof(*ref));
	ref->service = pstrdup(cn_json_get_string(value, "service"));
	ref->label = pstrdup(label ? label : "default");
	return true;
}

/* References found so far. */
typedef struct Refs
{
	CnUsedCredential *list;
	int			count;
} Refs;

/* Its place in the list, to which it is added unless it is there. */
static int
add_ref(Refs *refs, const CnUsedCredential *ref)
{
	int			i;

	for (i = 0; i < refs->count; i++)
		if (strcmp(refs->list[i].service, ref->service) == 0 &&
			strcmp(refs->list[i].label, ref->label) == 0)
			return i;
	refs->list = refs->list ? repalloc(refs->list, sizeof(CnUsedCredential) * (i + 1))
		: palloc(sizeof(CnUsedCredential));
	refs->list[i] = *ref;
	refs->count++;
	return i;
}

/* "h:8443" of "https://h:8443/x", "http://h" of "http://h/x"; NULL if a reference decides. */
static char *
host_of(const char *url)
{
	bool		plain = pg_strncasecmp(url, "http://", strlen("http://")) == 0;
	const char *at;
	int			len;

	if (!plain && pg_strncasecmp(url, "https://", strlen("https://")) != 0)
		return NULL;
	at = strstr(url, "://") + strlen("://");
	len = strcspn(at, "/?#");
	for (int i = 0; i < len; i++)
		if (at[i] == '{' || at[i] == '@')
			return NULL;
	return len > 0 ? psprintf("%s%.*s", plain ? "http://" : "", len, at) : NULL;
}

static void
add_host(CnUsedCredential *ref, char *host)
{
	for (int i = 0; i < ref->host_count; i++)
		if (pg_strcasecmp(ref->hosts[i], host) == 0)
			return;
	ref->hosts = ref->hosts ? repalloc(ref->hosts, sizeof(char *) * (ref->host_count + 1))
		: palloc(sizeof(char *));
	ref->hosts[ref->host_count++] = host;
}

/* "github" of "use": "github.get_user" in a step that names no credential; else false. */
static bool
provider_ref(const CnJson *step, CnUsedCredential *ref)
{
	const char *use = cn_json_get_string(step, "use");
	const char *dot = use ? strchr(use, '.') : NULL;

	if (dot == NULL || dot == use || cn_json_get(step, "credential") != NULL)
		return false;
	memset(ref, 0, sizeof(*ref));
	ref->service = pnstrdup(use, dot - use);
	ref->label = pstrdup("default");
	return true;
}

/* A definition, step or group; outer is the place of the reference that holds around it, or -1. */
static void
collect(const CnJson *step, Refs *refs, int outer)
{
	const CnJson *credential = cn_json_get(step, "credential");
	const CnJson *steps = cn_json_get(step, "steps");
	const char *url = cn_json_get_string(step, "url");
	char	   *host = url ? host_of(url) : NULL;
	CnUsedCredential ref;

	if (credential && read_ref(credential, &ref))
		outer = add_ref(refs, &ref);
	else if (provider_ref(step, &ref))
		(void) add_ref(refs, &ref);
	if (host && outer >= 0)
		add_host(&refs->list[outer], host);
	if (steps && steps->type == CN_JSON_ARRAY)
		for (int i = 0; i < steps->len; i++)
			collect(steps->u.items[i], refs, outer);
}

int
cn_used_credentials(const CnJson *config, CnUsedCredential **list)
{
	Refs		refs = {NULL, 0};

	collect(config, &refs, -1);
	*list = refs.list;
	return refs.count;
}

static CnJson *replace_in(const CnJson *step, const Replacement *r);

static CnJson *
replace_ref(const CnJson *value, const Replacement *r)
{
	CnUsedCredential ref;
	const char *text = read_ref(value, &ref) ? r->choose(r->arg, &ref) : NULL;

	return text ? cn_json_string(text, -1) : (CnJson *) value;
}

static CnJson *
replace_in_steps(const CnJson *steps, const Replacement *r)
{
	CnJson	  **items;

	if (steps->type != CN_JSON_ARRAY)
		return (CnJson *) steps;
	items = palloc(sizeof(CnJson *) * (steps->len + 1));
	for (int i = 0; i < steps->len; i++)
		items[i] = replace_in(steps->u.items[i], r);
	return cn_json_array(items, steps->len);
}

/* A credential for a step that has its provider's without saying so; returns the members added. */
static int
name_credential(const CnJson *step, const Replacement *r, CnJsonMember *member)
{
	CnUsedCredential ref;
	const char *text;

	if (!provider_ref(step, &ref))
		return 0;
	text = r->choose(r->arg, &ref);
	if (text == NULL || strcmp(text, ref.service) == 0)
		return 0;
	member->key = "credential";
	member->key_len = strlen(member->key);
	member->value = cn_json_string(text, -1);
	return 1;
}

static CnJson *
replace_in(const CnJson *step, const Replacement *r)
{
	CnJsonMember *members;
	int			count = step->len;

	if (step->type != CN_JSON_OBJECT)
		return (CnJson *) step;
	members = palloc(sizeof(CnJsonMember) * (step->len + 1));
	for (int i = 0; i < step->len; i++)
	{
		members[i] = step->u.members[i];
		if (strcmp(members[i].key, "credential") == 0)
			members[i].value = replace_ref(members[i].value, r);
		else if (strcmp(members[i].key, "steps") == 0)
			members[i].value = replace_in_steps(members[i].value, r);
	}
	count += name_credential(step, r, &members[count]);
	return cn_json_object(members, count);
}

CnJson *
cn_used_credentials_replace(const CnJson *config, CnChooseCredential choose, void *arg)
{
	Replacement r = {choose, arg};

	return replace_in(config, &r);
}
