/*
 * openapi.c -- the document: options, names, and the list of operations.
 */
#include "openapi/internal.h"

#include "core/format.h"

/* References of references; real documents have two or three. */
#define MAX_REFERENCES 16

static const char *const methods[] = {"get", "post", "put", "patch", "delete", "head", NULL};

static bool check_document(CnOpenapi *import);
static void check_options(CnOpenapi *import);
static void add_identity(CnOpenapi *import, CnJsonMembers *provider);
static CnJson *error_rules(const CnOpenapi *import);
static void add_operations(CnOpenapi *import, CnJsonMembers *provider);
static void add_test(CnOpenapi *import, CnJsonMembers *provider, const CnJson *actions);

CnJson *
cn_openapi_import(const CnJson *spec, const CnJson *options, CnProblems *problems)
{
	CnOpenapi	import = {.spec = spec,.options = options,.problems = problems};
	CnJsonMembers provider = {0};
	CnJsonMembers evidence = {0};
	const CnJson *auth;

	if (options == NULL)
		import.options = cn_json_object(NULL, 0);
	check_options(&import);
	if (!check_document(&import) || problems->count > 0)
		return NULL;
	add_identity(&import, &provider);
	cn_openapi_server(&import, &provider);
	auth = cn_openapi_auth(&import);
	cn_openapi_parameters(&import, &provider);
	cn_json_add(&provider, "auth", auth);
	cn_json_add(&provider, "error_rules", error_rules(&import));
	add_operations(&import, &provider);
	if (problems->count > 0)
		return NULL;
	cn_json_add(&evidence, "notes", cn_json_items(&import.notes));
	cn_json_add(&provider, "evidence", cn_json_members(&evidence));
	return cn_json_members(&provider);
}

/* ---- what was given ---- */

static bool
check_document(CnOpenapi *import)
{
	const char *version = cn_json_get_string(import->spec, "openapi");
	const CnJson *paths = cn_json_get(import->spec, "paths");

	if (version == NULL && cn_json_get(import->spec, "swagger"))
		cn_problem(import->problems, "$.swagger",
				   "this is Swagger 2.0; convert it to OpenAPI 3 first");
	else if (version == NULL)
		cn_problem(import->problems, "$.openapi", "missing: this is no OpenAPI document");
	else if (strncmp(version, "3.", 2) != 0)
		cn_problem(import->problems, "$.openapi", "version \"%s\" is not 3.x", version);
	else if (paths == NULL || paths->type != CN_JSON_OBJECT || paths->len == 0)
		cn_problem(import->problems, "$.paths", "there are no operations");
	else
		return true;
	return false;
}

typedef struct Option
{
	const char *key;
	CnJsonType	type;
} Option;

static const Option known_options[] = {
	{"name", CN_JSON_STRING},
	{"title", CN_JSON_STRING},
	{"category", CN_JSON_STRING},
	{"server", CN_JSON_STRING},
	{"server_variables", CN_JSON_OBJECT},
	{"operations", CN_JSON_ARRAY},
	{"tags", CN_JSON_ARRAY},
	{"deprecated", CN_JSON_BOOL},
	{"max_actions", CN_JSON_NUMBER},
	{"streams", CN_JSON_BOOL},
};

static void
check_option(CnOpenapi *import, const CnJsonMember *member)
{
	char	   *path = psprintf("options.%s", member->key);

	for (int i = 0; i < lengthof(known_options); i++)
		if (strcmp(known_options[i].key, member->key) == 0)
		{
			if (member->value->type != known_options[i].type)
				cn_problem(import->problems, path, "expected %s, not %s",
						   cn_json_type_phrase(known_options[i].type),
						   cn_json_type_phrase(member->value->type));
			return;
		}
	cn_problem(import->problems, path, "unknown option");
}

static int
max_actions(const CnOpenapi *import)
{
	const CnJson *value = cn_json_get(import->options, "max_actions");

	return value ? atoi(value->u.text) : CN_OPENAPI_ACTIONS_DEFAULT;
}

static void
check_options(CnOpenapi *import)
{
	if (import->options->type != CN_JSON_OBJECT)
	{
		cn_problem(import->problems, "options", "expected an object, not %s",
				   cn_json_type_phrase(import->options->type));
		return;
	}
	for (int i = 0; i < import->options->len; i++)
		check_option(import, &import->options->u.members[i]);
	if (import->problems->count == 0 &&
		(max_actions(import) < 1 || max_actions(import) > CN_OPENAPI_ACTIONS_MAX))
		cn_problem(import->problems, "options.max_actions", "expected 1 to %d",
				   CN_OPENAPI_ACTIONS_MAX);
}

static bool
option_is_true(const CnOpenapi *import, const char *key, bool otherwise)
{
	const CnJson *value = cn_json_get(import->options, key);

	return value ? value->boolean : otherwise;
}

/* Is text one of the list under key, or is there no such list? */
static bool
is_chosen(const CnOpenapi *import, const char *key, const char *text)
{
	const CnJson *list = cn_json_get(import->options, key);

	if (list == NULL)
		return true;
	for (int i = 0; i < list->len; i++)
		if (text && list->u.items[i]->type == CN_JSON_STRING &&
			strcmp(list->u.items[i]->u.text, text) == 0)
			return true;
	return false;
}

/* ---- for all files ---- */

/* A token of a JSON pointer in a URL fragment, decoded.  RFC 6901, sections 4 and 6. */
static char *
pointer_token(const char *start, const char *end)
{
	char	   *token = palloc(end - start + 1);
	int			len = 0;

	for (const char *at = start; at < end; at++)
	{
		unsigned int byte;

		if (*at == '%' && end - at > 2 && sscanf(at + 1, "%2x", &byte) == 1 && byte != 0)
		{
			token[len++] = (char) byte;
			at += 2;
		}
		else if (*at == '~' && at + 1 < end && (at[1] == '0' || at[1] == '1'))
			token[len++] = *++at == '0' ? '~' : '/';
		else
			token[len++] = *at;
	}
	token[len] = '\0';
	return token;
}

static const CnJson *
find_reference(const CnJson *spec, const char *reference)
{
	const CnJson *value = spec;
	const char *at = reference;

	if (strncmp(at, "#/", 2) != 0)
		return NULL;
	at += 2;
	while (value)
	{
		const char *end = at + strcspn(at, "/");
		char	   *token = pointer_token(at, end);

		if (value->type == CN_JSON_ARRAY)
		{
			int			index = atoi(token);

			value = index >= 0 && index < value->len && isdigit((unsigned char) token[0])
				? value->u.items[index] : NULL;
		}
		else
			value = cn_json_get(value, token);
		if (*end == '\0')
			break;
		at = end + 1;
	}
	return value;
}

const CnJson *
cn_openapi_follow(const CnOpenapi *import, const CnJson *value)
{
	for (int i = 0; value && i < MAX_REFERENCES; i++)
	{
		const char *reference = cn_json_get_string(value, "$ref");

		if (reference == NULL)
			return value;
		value = find_reference(import->spec, reference);
	}
	return NULL;
}

void
cn_openapi_note(CnOpenapi *import, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	cn_json_append(&import->notes, cn_json_string(cn_format_args(fmt, args), -1));
	va_end(args);
}

char *
cn_openapi_name(const char *text)
{
	StringInfoData name;
	char		last = '_';

	initStringInfo(&name);
	for (const char *at = text; *at; at++)
	{
		unsigned char c = *at;
		bool		upper = c >= 'A' && c <= 'Z';
		bool		word = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		/* "userID" has one border, before its upper case */
		if (upper && at > text && islower((unsigned char) at[-1]) && last != '_')
			appendStringInfoChar(&name, '_');
		if (word)
			appendStringInfoChar(&name, pg_tolower(c));
		else if (last != '_')
			appendStringInfoChar(&name, '_');
		last = name.len > 0 ? name.data[name.len - 1] : '_';
	}
	while (name.len > 0 && name.data[name.len - 1] == '_')
		name.data[--name.len] = '\0';
	if (name.len > 60)
		name.data[60] = '\0';
	if (name.len == 0 || isdigit((unsigned char) name.data[0]))
		return psprintf("n%s", name.data);
	return name.data;
}

/* ---- the provider ---- */

static void
add_identity(CnOpenapi *import, CnJsonMembers *provider)
{
	const CnJson *info = cn_json_get(import->spec, "info");
	const char *title = cn_json_get_string(info, "title");
	const char *name = cn_json_get_string(import->options, "name");
	const char *category = cn_json_get_string(import->options, "category");

	if (cn_json_get_string(import->options, "title"))
		title = cn_json_get_string(import->options, "title");
	if (title == NULL || *title == '\0')
		title = "Imported API";
	if (name == NULL)
	{
		char	   *made = cn_openapi_name(title);

		for (char *at = made; *at; at++)
			if (*at == '_')
				*at = '-';
		name = made;
	}
	cn_json_add_text(provider, "name", name);
	cn_json_add_text(provider, "title", title);
	cn_json_add_text(provider, "category", category ? category : "other");
	cn_json_add_text(provider, "description",
					 psprintf("%s, imported from its OpenAPI description.", title));
	cn_json_add(provider, "version", cn_json_int(1));
	cn_json_add_text(provider, "availability", "experimental");
	cn_json_add_text(provider, "documentation",
					 cn_json_get_string(cn_json_get(import->spec, "externalDocs"), "url"));
}

static CnJson *
error_rule(const char *status, const char *code, const char *action)
{
	CnJsonMembers rule = {0};

	cn_json_add_text(&rule, "status", status);
	cn_json_add_text(&rule, "code", code);
	cn_json_add_text(&rule, "action", action);
	return cn_json_members(&rule);
}

/* What HTTP itself says of these; descriptions rarely say more. */
static CnJson *
error_rules(const CnOpenapi *import)
{
	CnJsonItems rules = {0};

	cn_json_append(&rules, error_rule("401", "auth_failed",
									  import->renews ? "refresh_token_then_retry" : "fail"));
	cn_json_append(&rules, error_rule("429", "rate_limited", "rate_limited"));
	return cn_json_items(&rules);
}

/* ---- operations ---- */

/* A key that object has not got yet: name, name_2, ... */
static const char *
unused_name(const CnJsonMembers *object, const char *name)
{
	const char *unused = name;

	for (int i = 2; cn_json_added(object, unused); i++)
		unused = psprintf("%s_%d", name, i);
	return unused;
}

static const char *
action_name(const CnOpenapiOperation *operation)
{
	const char *id = cn_json_get_string(operation->source, "operationId");

	if (id == NULL || *id == '\0')
		id = psprintf("%s %s", operation->method, operation->path);
	return cn_openapi_name(id);
}

static bool
has_operation(const CnJson *paths, const char *id)
{
	for (int i = 0; i < paths->len; i++)
		for (int j = 0; methods[j]; j++)
		{
			const CnJson *source = cn_json_get(paths->u.members[i].value, methods[j]);
			const char *own = source ? cn_json_get_string(source, "operationId") : NULL;

			if (own && strcmp(own, id) == 0)
				return true;
		}
	return false;
}

/* A name that is none would only be missed later.  Path items by reference are not looked into. */
static void
check_chosen_operations(CnOpenapi *import)
{
	const CnJson *paths = cn_json_get(import->spec, "paths");
	const CnJson *list = cn_json_get(import->options, "operations");

	for (int i = 0; i < paths->len; i++)
		if (cn_json_get(paths->u.members[i].value, "$ref"))
			return;
	for (int i = 0; list && i < list->len; i++)
	{
		const CnJson *id = list->u.items[i];

		if (id->type != CN_JSON_STRING)
			cn_problem(import->problems, psprintf("options.operations[%d]", i),
					   "expected the operationId of an operation");
		else if (!has_operation(paths, id->u.text))
			cn_problem(import->problems, psprintf("options.operations[%d]", i),
					   "there is no operation \"%s\"", id->u.text);
	}
}

static bool
is_chosen_by_name(const CnOpenapiOperation *operation)
{
	return cn_json_get(operation->import->options, "operations") != NULL &&
		is_chosen(operation->import, "operations", cn_json_get_string(operation->source, "operationId"));
}

static bool
is_wanted(const CnOpenapiOperation *operation)
{
	CnOpenapi  *import = operation->import;
	const CnJson *deprecated = cn_json_get(operation->source, "deprecated");
	const CnJson *tags = cn_json_get(operation->source, "tags");

	if (deprecated && deprecated->type == CN_JSON_BOOL && deprecated->boolean &&
		!option_is_true(import, "deprecated", false))
	{
		if (is_chosen_by_name(operation))
			cn_openapi_note(import, "%s is left out: it is deprecated, and options.deprecated is not true",
							operation->where);
		return false;
	}
	if (!is_chosen(import, "operations", cn_json_get_string(operation->source, "operationId")))
		return false;
	if (cn_json_get(import->options, "tags") == NULL)
		return true;
	for (int i = 0; tags && tags->type == CN_JSON_ARRAY && i < tags->len; i++)
		if (tags->u.items[i]->type == CN_JSON_STRING &&
			is_chosen(import, "tags", tags->u.items[i]->u.text))
			return true;
	return false;
}

static void
add_operation(CnOpenapiOperation *operation, CnJsonMembers *actions, CnJsonMembers *streams)
{
	CnOpenapi  *import = operation->import;
	const char *name;
	CnJson	   *stream;

	if (!is_wanted(operation))
		return;
	if (actions->count >= max_actions(import))
	{
		import->left_out++;
		return;
	}
	if (!cn_openapi_request(operation))
	{
		cn_openapi_note(import, "%s is left out: %s", operation->where, operation->refused);
		return;
	}
	name = unused_name(actions, action_name(operation));
	cn_json_add(actions, name, cn_openapi_action(operation));
	if (!option_is_true(import, "streams", true))
		return;
	stream = cn_openapi_stream(operation, &name);
	if (stream)
		cn_json_add(streams, unused_name(streams, name), stream);
}

static void
add_path(CnOpenapi *import, const CnJsonMember *path, CnJsonMembers *actions,
		 CnJsonMembers *streams)
{
	const CnJson *item = cn_openapi_follow(import, path->value);

	for (int i = 0; methods[i]; i++)
	{
		const CnJson *source = cn_json_get(item, methods[i]);
		CnOpenapiOperation operation = {
			.import = import,
			.source = source,
			.path_item = item,
			.path = path->key,
			.method = methods[i],
		};

		if (source == NULL || source->type != CN_JSON_OBJECT)
			continue;
		operation.where = psprintf("%s %s", cn_method_name(methods[i]), path->key);
		add_operation(&operation, actions, streams);
	}
}

/* All that was noted says why. */
static void
refuse_all(CnOpenapi *import)
{
	cn_problem(import->problems, "$.paths", "no operation could be imported");
	for (int i = 0; i < import->notes.count; i++)
		cn_problem(import->problems, "$.paths", "%s", import->notes.list[i]->u.text);
}

static void
add_operations(CnOpenapi *import, CnJsonMembers *provider)
{
	const CnJson *paths = cn_json_get(import->spec, "paths");
	CnJsonMembers actions = {0};
	CnJsonMembers streams = {0};
	CnJson	   *made;

	check_chosen_operations(import);
	for (int i = 0; i < paths->len; i++)
		add_path(import, &paths->u.members[i], &actions, &streams);
	if (actions.count == 0)
		refuse_all(import);
	if (import->left_out > 0)
		cn_openapi_note(import, "%d operations are left out: options.max_actions is %d",
						import->left_out, max_actions(import));
	made = cn_json_members(&actions);
	add_test(import, provider, made);
	cn_json_add(provider, "actions", made);
	if (streams.count > 0)
		cn_json_add(provider, "streams", cn_json_members(&streams));
}

/* ---- the test of a credential ---- */

/* How well does an action without required input prove a credential?  0: not at all. */
static int
test_rank(const CnJsonMember *action)
{
	static const char *const likely[] = {"me", "self", "whoami", "account", "current", "user", NULL};
	const CnJson *schema = cn_json_get(action->value, "input_schema");
	const char *method = cn_json_get_string(action->value, "method");

	if (cn_json_get(schema, "required") || strcmp(method, "GET") != 0)
		return 0;
	for (int i = 0; likely[i]; i++)
		if (strstr(action->key, likely[i]))
			return 10 - i;
	return 1;
}

static void
add_test(CnOpenapi *import, CnJsonMembers *provider, const CnJson *actions)
{
	const CnJsonMember *best = NULL;
	CnJsonMembers test = {0};

	for (int i = 0; i < actions->len; i++)
	{
		const CnJsonMember *action = &actions->u.members[i];

		if (test_rank(action) > (best ? test_rank(best) : 0))
			best = action;
	}
	if (best == NULL)
	{
		cn_openapi_note(import, "no operation could be guessed that tests a credential");
		return;
	}
	cn_openapi_note(import, "guess: test is %s, a GET without required input", best->key);
	cn_json_add_text(&test, "action", best->key);
	cn_json_add(provider, "test", cn_json_members(&test));
}
