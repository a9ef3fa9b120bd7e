/*
 * provider_check.c -- what is wrong with the definition of a provider: the whole.
 *
 * The schema judges the form, and what it has refused is not looked at again: one mistake, one
 * problem.  What follows takes nothing for granted, for it also sees what the schema refused.
 */
#include "catalog/provider_checker.h"

#include "catalog/compile.h"
#include "catalog/literal_secrets.h"
#include "catalog/provider_expand.h"
#include "core/format.h"
#include "http/url.h"

/* Problems of the form that are reported; a file with more is no provider. */
#define MAX_FORM_PROBLEMS 100

/* ---- reporting ---- */

/* Is path what holder says, or inside it? */
static bool
is_within(const char *path, const char *holder)
{
	size_t		len = strlen(holder);

	return strncmp(path, holder, len) == 0 && (path[len] == '\0' || path[len] == '.' || path[len] == '[');
}

static bool
is_known(const CnProviderChecker *c, const char *path, const char *message)
{
	for (int i = 0; i < c->malformed.count; i++)
		if (is_within(path, c->malformed.list[i].path))
			return true;
	for (int i = c->first; i < c->problems->count; i++)
		if (strcmp(c->problems->list[i].path, path) == 0 &&
			strcmp(c->problems->list[i].message, message) == 0)
			return true;
	return false;
}

void
cn_provider_say(CnProviderChecker *c, const char *path, const char *fmt,...)
{
	va_list		args;
	char	   *message;

	va_start(args, fmt);
	message = cn_format_args(fmt, args);
	va_end(args);
	if (!is_known(c, path, message))
		cn_problem(c->problems, path, "%s", message);
}

const CnJson *
cn_provider_object(const CnJson *object, const char *key)
{
	const CnJson *value = cn_json_get(object, key);

	return value && value->type == CN_JSON_OBJECT ? value : cn_json_object(NULL, 0);
}

/* ---- form ---- */

/* The next token of a JSON Pointer, unescaped (RFC 6901); *at is moved behind it. */
static char *
next_token(const char **at)
{
	StringInfoData token;

	initStringInfo(&token);
	for ((*at)++; **at && **at != '/'; (*at)++)
	{
		bool		escaped = **at == '~' && ((*at)[1] == '0' || (*at)[1] == '1');

		if (escaped)
			(*at)++;
		appendStringInfoChar(&token, !escaped ? **at : **at == '0' ? '~' : '/');
	}
	return token.data;
}

char *
cn_provider_path(const CnJson *value, const char *pointer, const char *base)
{
	char	   *path = pstrdup(base);

	while (*pointer == '/')
	{
		char	   *token = next_token(&pointer);

		if (value && value->type == CN_JSON_ARRAY)
		{
			int			i = atoi(token);

			path = psprintf("%s[%s]", path, token);
			value = i >= 0 && i < value->len ? value->u.items[i] : NULL;
		}
		else
		{
			path = cn_compile_child(path, token);
			value = cn_json_get(value, token);
		}
	}
	return path;
}

/* Does a violation of it say that the value is not what it should be, rather than what is in it? */
static bool
is_about_value(const char *keyword)
{
	static const char *const keywords[] = {
		"type", "enum", "const", "pattern", "minLength", "maxLength", "minimum", "maximum",
		"minItems", "false", NULL
	};

	return cn_compile_listed(keywords, keyword);
}

static bool
note_violation(void *arg, const CnSchemaViolation *violation)
{
	CnProviderChecker *c = arg;
	char	   *path = cn_provider_path(c->provider, violation->instance_path, "$");

	if (!is_known(c, path, violation->message))
		cn_problem(c->problems, path, "%s", violation->message);
	if (is_about_value(violation->keyword))
		cn_problem(&c->malformed, path, "malformed");
	return c->problems->count - c->first < MAX_FORM_PROBLEMS;
}

static void
check_form(CnProviderChecker *c)
{
	const char *limit = NULL;

	if (cn_schema_validate(c->rules->schema, c->provider, c->rules->options, note_violation, c,
						   &limit) == CN_SCHEMA_LIMIT)
		cn_problem(c->problems, "$", "could not decide whether its form is right: %s", limit);
}

/* ---- parameters in URLs and hosts ---- */

typedef struct Samples
{
	CnJsonMember *list;
	int			count;
} Samples;

static void
add_sample(Samples *samples, const char *name, const CnJson *value)
{
	CnJsonMember *member = &samples->list[samples->count++];

	member->key = name;
	member->key_len = strlen(name);
	member->value = (CnJson *) value;
}

/* A value a parameter may have: what its schema shows, else a word. */
static const CnJson *
sample_of(const CnJson *schema)
{
	static const char *const lists[] = {"examples", "enum"};
	const CnJson *value = cn_json_get(schema, "default");

	for (int i = 0; value == NULL && i < lengthof(lists); i++)
	{
		const CnJson *list = cn_json_get(schema, lists[i]);

		if (list && list->type == CN_JSON_ARRAY && list->len > 0)
			value = list->u.items[0];
	}
	return value && (value->type == CN_JSON_STRING || value->type == CN_JSON_NUMBER)
		? value : cn_json_string("sample", -1);
}

/* Parameters come from a form, from the reply that has a token, and from a callback. */
static const CnJson *
make_samples(const CnJson *provider)
{
	static const char *const members[] = {"parameters", "callback_parameters"};
	const CnJson *form = cn_provider_object(cn_provider_object(provider, "parameters"), "properties");
	const CnJson *auth = cn_json_get(provider, "auth");
	int			room = form->len;
	Samples		samples;

	auth = auth && auth->type == CN_JSON_ARRAY ? auth : cn_json_array(NULL, 0);
	for (int i = 0; i < auth->len; i++)
		for (int j = 0; j < lengthof(members); j++)
			room += cn_provider_object(auth->u.items[i], members[j])->len;
	samples.list = palloc0(sizeof(CnJsonMember) * (room + 1));
	samples.count = 0;
	for (int i = 0; i < auth->len; i++)
	{
		for (int j = 0; j < lengthof(members); j++)
		{
			const CnJson *names = cn_provider_object(auth->u.items[i], members[j]);

			for (int k = 0; k < names->len; k++)
				add_sample(&samples, names->u.members[k].key, cn_json_string("sample", -1));
		}
	}
	/* of one name the last one counts */
	for (int i = 0; i < form->len; i++)
		add_sample(&samples, form->u.members[i].key, sample_of(form->u.members[i].value));
	return cn_json_object(samples.list, samples.count);
}

/* text with samples for its parameters; NULL and a problem if it names one that there is not. */
static char *
fill(CnProviderChecker *c, const char *text, const char *path)
{
	const char *missing = NULL;
	char	   *filled = cn_provider_fill_text(text, c->samples, &missing);

	if (filled == NULL)
		cn_provider_say(c, path, "\"{%s}\" is no parameter: \"parameters\" has none of that name",
						missing);
	return filled;
}

/* ---- hosts and URLs ---- */

static void
check_hosts(CnProviderChecker *c)
{
	const CnJson *hosts = cn_json_get(c->provider, "allowed_hosts");

	for (int i = 0; hosts && hosts->type == CN_JSON_ARRAY && i < hosts->len; i++)
	{
		const CnJson *host = hosts->u.items[i];
		char	   *path = psprintf("$.allowed_hosts[%d]", i);
		char	   *filled = host->type == CN_JSON_STRING ? fill(c, host->u.text, path) : NULL;
		const char *problem;

		if (filled && !cn_url_host_entry_valid(cn_provider_host_entry(filled), &problem))
			cn_provider_say(c, path, "it is not a host a credential can be bound to: %s", problem);
	}
}

static bool
is_covered(const CnProviderChecker *c, const CnUrl *url)
{
	const CnJson *hosts = cn_json_get(c->provider, "allowed_hosts");

	for (int i = 0; hosts && hosts->type == CN_JSON_ARRAY && i < hosts->len; i++)
	{
		const CnJson *host = hosts->u.items[i];
		char	   *filled = host->type == CN_JSON_STRING
			? cn_provider_fill_text(host->u.text, c->samples, NULL) : NULL;

		if (filled && cn_url_host_matches(url, cn_provider_host_entry(filled)))
			return true;
	}
	return hosts == NULL || hosts->type != CN_JSON_ARRAY;
}

static bool
is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

bool
cn_provider_check_url(CnProviderChecker *c, const CnJson *url, const char *path, bool covered)
{
	char	   *filled;
	const char *problem;
	CnUrl		parsed;

	if (url == NULL || url->type != CN_JSON_STRING)
		return url == NULL;
	filled = fill(c, url->u.text, path);
	/* a parameter that is the base has its form from whoever sets it, a reference from the input */
	if (filled == NULL || url->u.text[0] == '{' || strstr(filled, "{{"))
		return filled != NULL;
	if (!cn_url_parse(filled, &parsed, &problem))
	{
		cn_provider_say(c, path, "it is not one to call: %s", problem);
		return false;
	}
	if (!parsed.https && c->rules->official && !is_loopback(parsed.host))
		cn_provider_say(c, path, "it is not https");
	else if (covered && !is_covered(c, &parsed))
		cn_provider_say(c, path, "no entry of \"allowed_hosts\" is for %s", cn_url_origin(&parsed));
	return true;
}

/* ---- names ---- */

static void
check_aliases(CnProviderChecker *c)
{
	const char *name = cn_json_get_string(c->provider, "name");
	const CnJson *aliases = cn_json_get(c->provider, "aliases");

	for (int i = 0; name && aliases && aliases->type == CN_JSON_ARRAY && i < aliases->len; i++)
		if (aliases->u.items[i]->type == CN_JSON_STRING &&
			strcmp(aliases->u.items[i]->u.text, name) == 0)
			cn_provider_say(c, psprintf("$.aliases[%d]", i), "it is the provider's own name");
}

static void
check_availability(CnProviderChecker *c)
{
	const char *availability = cn_json_get_string(c->provider, "availability");
	const CnJson *contract = cn_json_get(cn_provider_object(c->provider, "evidence"), "contract");

	if (availability && strcmp(availability, "stable") == 0 &&
		(contract == NULL || contract->type != CN_JSON_ARRAY || contract->len == 0))
		cn_provider_say(c, "$.availability", "stable needs evidence of contract tests in \"evidence\"");
}

/* ---- authentication ---- */

static void
schema_problem(void *arg, const char *pointer, const char *message)
{
	CnProviderChecker *c = arg;

	cn_provider_say(c, cn_provider_path(cn_json_get(c->provider, "parameters"), pointer,
										"$.parameters"), "%s", message);
}

static void
check_parameters(CnProviderChecker *c)
{
	const CnJson *parameters = cn_json_get(c->provider, "parameters");

	if (parameters)
		(void) cn_schema_compile(parameters, c->rules->options, schema_problem, c);
}

static void
check_scopes(CnProviderChecker *c, const CnJson *auth, const char *path)
{
	const CnJson *scopes = cn_json_get(auth, "scopes");
	const CnJson *chosen = cn_json_get(auth, "default_scopes");

	if (scopes == NULL || scopes->type != CN_JSON_OBJECT)
		return;
	for (int i = 0; i < scopes->len; i++)
		(void) fill(c, scopes->u.members[i].key,
					cn_compile_child(cn_compile_child(path, "scopes"), scopes->u.members[i].key));
	for (int i = 0; chosen && chosen->type == CN_JSON_ARRAY && i < chosen->len; i++)
		if (chosen->u.items[i]->type == CN_JSON_STRING &&
			cn_json_get(scopes, chosen->u.items[i]->u.text) == NULL)
			cn_provider_say(c, psprintf("%s.default_scopes[%d]", path, i),
							"\"%s\" is none of the scopes", chosen->u.items[i]->u.text);
}

/* Members of object that are paths. */
static void
check_paths(CnProviderChecker *c, const CnJson *object, const char *path)
{
	for (int i = 0; i < object->len; i++)
	{
		const CnJson *value = object->u.members[i].value;
		char	   *where = cn_compile_child(path, object->u.members[i].key);
		const char *wrong;

		if (value->type != CN_JSON_STRING)
			cn_provider_say(c, where, "expected a path, found %s", cn_json_type_name(value->type));
		else if (c->rules->check_path &&
				 (wrong = c->rules->check_path(cn_path_text(value->u.text))) != NULL)
			cn_provider_say(c, where, "%s", wrong);
	}
}

static void
note_template(void *arg, const char *path, const CnTemplateError *error)
{
	cn_provider_say(arg, path, "%s", error->message);
}

/* The request that logs in. */
static void
check_login(CnProviderChecker *c, const CnJson *login, const char *path)
{
	const CnJson *url = cn_json_get(login, "url");
	const CnJson *body = cn_json_get(login, "body");

	if (login == NULL || login->type != CN_JSON_OBJECT)
		return;
	if (url == NULL && cn_json_get(login, "path") == NULL)
		cn_provider_say(c, path, "it has no address: neither \"path\" nor \"url\"");
	(void) cn_provider_check_url(c, url, cn_compile_child(path, "url"), false);
	if (body)
		(void) cn_json_template_compile(body, cn_compile_child(path, "body"), note_template, c);
	check_paths(c, cn_provider_object(login, "parameters"), cn_compile_child(path, "parameters"));
}

static void
check_auth(CnProviderChecker *c, const CnJson *auth, const char *path)
{
	static const char *const urls[] = {"authorize_url", "token_url", "revoke_url", "device_url"};
	const char *kind = cn_json_get_string(auth, "kind");
	const CnJson *parameters = cn_provider_object(auth, "parameters");
	const char *wrong;

	for (int i = 0; i < lengthof(urls); i++)
		(void) cn_provider_check_url(c, cn_json_get(auth, urls[i]), cn_compile_child(path, urls[i]), false);
	check_scopes(c, auth, path);
	check_paths(c, cn_provider_object(auth, "response"), cn_compile_child(path, "response"));
	check_login(c, cn_json_get(auth, "login"), cn_compile_child(path, "login"));
	if (kind == NULL)
		return;
	if (strcmp(kind, "oauth2") == 0 || strcmp(kind, "session") == 0)
		check_paths(c, parameters, cn_compile_child(path, "parameters"));
	else if (c->rules->check_auth && (wrong = c->rules->check_auth(kind, parameters)) != NULL)
		cn_provider_say(c, cn_compile_child(path, "parameters"), "%s", wrong);
}

static void
check_all_auth(CnProviderChecker *c)
{
	const CnJson *auth = cn_json_get(c->provider, "auth");

	for (int i = 0; auth && auth->type == CN_JSON_ARRAY && i < auth->len; i++)
		check_auth(c, auth->u.items[i], psprintf("$.auth[%d]", i));
}

/* ---- secrets ---- */

/* Where findings of one walk stand in the provider. */
typedef struct SecretWalk
{
	CnProviderChecker *c;
	const char *path;			/* of what the walk calls "$.<key>" */
	int			skip;			/* bytes of that */
} SecretWalk;

static void
note_secret(void *arg, const char *path, const char *what)
{
	SecretWalk *walk = arg;

	cn_provider_say(walk->c, psprintf("%s%s", walk->path, path + walk->skip), "%s", what);
}

/* A member that is sent, judged by the names in it as the part of a definition called part. */
static void
check_sent(CnProviderChecker *c, const CnJson *object, const char *key, const char *part,
		   const char *path)
{
	const CnJson *value = cn_json_get(object, key);
	CnJsonMember member = {part, strlen(part), (CnJson *) value};
	SecretWalk	walk = {c, cn_compile_child(path, key), strlen("$.") + strlen(part)};

	if (value)
		cn_literal_secrets(cn_json_object(&member, 1), note_secret, &walk);
}

static void
check_sent_parts(CnProviderChecker *c, const CnJson *object, const char *path)
{
	check_sent(c, object, "headers", "headers", path);
	check_sent(c, object, "query", "query", path);
	check_sent(c, object, "body", "body", path);
	check_sent(c, object, "path", "url", path);
	check_sent(c, object, "base_url", "url", path);
	check_sent(c, object, "token_headers", "headers", path);
	check_sent(c, object, "token_params", "query", path);
	check_sent(c, object, "refresh_params", "query", path);
	check_sent(c, object, "authorize_params", "query", path);
}

static void
check_secrets(CnProviderChecker *c)
{
	static const char *const requests[] = {"actions", "streams"};
	const CnJson *auth = cn_json_get(c->provider, "auth");
	SecretWalk	walk = {c, "", 0};

	check_sent_parts(c, c->provider, "$");
	for (int i = 0; i < lengthof(requests); i++)
	{
		const CnJson *list = cn_provider_object(c->provider, requests[i]);
		char	   *path = cn_compile_child("$", requests[i]);

		for (int j = 0; j < list->len; j++)
			check_sent_parts(c, list->u.members[j].value,
							 cn_compile_child(path, list->u.members[j].key));
	}
	for (int i = 0; auth && auth->type == CN_JSON_ARRAY && i < auth->len; i++)
	{
		char	   *path = psprintf("$.auth[%d]", i);

		check_sent_parts(c, auth->u.items[i], path);
		check_sent_parts(c, cn_json_get(auth->u.items[i], "login"), cn_compile_child(path, "login"));
	}
	cn_literal_secrets_in(c->provider, "$", note_secret, &walk);
}

/* ---- all of it ---- */

static void
check_test(CnProviderChecker *c)
{
	const CnJson *test = cn_provider_object(c->provider, "test");
	const char *name = cn_json_get_string(test, "action");
	const CnJson *action;

	if (name == NULL)
		return;
	action = cn_json_get(cn_provider_object(c->provider, "actions"), name);
	if (action == NULL)
		cn_provider_say(c, "$.test.action", "there is no action \"%s\"", name);
	else
		cn_provider_check_input(c, action, cn_provider_object(test, "input"), "$.test.input");
}

static void
check_members(CnProviderChecker *c)
{
	const CnJson *actions = cn_provider_object(c->provider, "actions");
	const CnJson *streams = cn_provider_object(c->provider, "streams");
	const CnJson *triggers = cn_provider_object(c->provider, "triggers");

	if (!cn_json_get(c->provider, "actions") && !cn_json_get(c->provider, "streams"))
		cn_provider_say(c, "$", "there are neither actions nor streams");
	for (int i = 0; i < actions->len; i++)
		cn_provider_check_request(c, actions->u.members[i].value,
								  cn_compile_child("$.actions", actions->u.members[i].key), false, NULL);
	for (int i = 0; i < streams->len; i++)
		cn_provider_check_stream(c, streams->u.members[i].value, streams->u.members[i].key,
								 cn_compile_child("$.streams", streams->u.members[i].key));
	for (int i = 0; i < triggers->len; i++)
		cn_provider_check_trigger(c, triggers->u.members[i].value,
								  cn_compile_child("$.triggers", triggers->u.members[i].key));
}

bool
cn_provider_check(const CnJson *provider, const CnProviderRules *rules, CnProblems *problems)
{
	CnProviderChecker c = {
		.provider = provider,.rules = rules,.problems = problems,.first = problems->count
	};

	check_form(&c);
	if (provider->type != CN_JSON_OBJECT)
		return false;
	c.samples = make_samples(provider);
	check_aliases(&c);
	check_availability(&c);
	check_hosts(&c);
	check_parameters(&c);
	check_all_auth(&c);
	cn_provider_check_common(&c);
	check_members(&c);
	check_test(&c);
	check_secrets(&c);
	return problems->count == c.first;
}
