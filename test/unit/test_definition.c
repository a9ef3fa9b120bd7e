/*
 * test_definition.c -- checking and compiling definitions, and the paths in them.
 */
#include "catalog/definition.h"

#include "tap.h"

/* Stands in for the server's parser of SQL/JSON paths. */
static const char *
check_path(const char *path)
{
	return strstr(path, "((") ? "two parentheses are too many" : NULL;
}

/* Actions of providers that a definition may use. */
static const struct
{
	const char *name;
	const char *config;
}			known_actions[] = {
	{"crm.find", "{\"url\": \"https://crm.example.com/c/{{input.id}}\", \"credential\": \"crm\", \"output\": {\"a\": \"$.a\", \"b\": \"$.b\"}}"},
	{"crm.add", "{\"method\": \"POST\", \"url\": \"https://{{workspace.host}}/c\", \"credential\": {\"service\": \"crm\", \"label\": \"default\"},"
	 " \"body\": \"{{input}}\", \"timeout_ms\": 20000, \"retries\": 2, \"error_rules\": [{\"status\": 409, \"action\": \"ignore\"}]}"},
	{"open.get", "{\"url\": \"https://open.example.com/{{input.path}}\", \"headers\": {\"X-At\": \"{{now}}\"}}"},
	{"odd.steps", "{\"url\": \"https://odd.example.com/{{a.id}}/{{steps.a.status}}\"}"},
};

static bool with_actions = false;

static const char provider[] = "{\"name\": \"crm\", \"auth\": [{\"kind\": \"bearer\"}]}";

static const CnUsedAction *
find_action(void *arg, const char *name, const char **problem)
{
	for (int i = 0; i < lengthof(known_actions); i++)
	{
		CnUsedAction *action;

		if (strcmp(known_actions[i].name, name) != 0)
			continue;
		action = palloc0(sizeof(CnUsedAction));
		action->name = known_actions[i].name;
		action->config = cn_json_parse(known_actions[i].config, strlen(known_actions[i].config), NULL, NULL);
		action->provider = cn_json_parse(provider, strlen(provider), NULL, NULL);
		return action;
	}
	*problem = psprintf("there is no action \"%s\"", name);
	return NULL;
}

static CnDefinition *
compile(const char *config, CnProblems *problems)
{
	CnDefinitionLimits limits = {.max_steps = 10,.max_parallel = 3};
	CnActionLookup actions = {find_action, NULL};
	CnCompileOptions options = {
		.check_path = check_path,.limits = &limits,.actions = with_actions ? &actions : NULL
	};
	CnJsonError error;
	CnJson	   *tree = cn_json_parse(config, strlen(config), NULL, &error);

	return tree ? cn_definition_compile(tree, &options, problems) : NULL;
}

/* The only step of a definition without a list of them; NULL if it has problems. */
static CnStepDef *
compile_single(const char *config)
{
	CnProblems	problems;
	CnDefinition *definition = compile(config, &problems);

	return definition ? definition->steps[0] : NULL;
}

/* "path: message ; path: message", or "ok". */
static char *
problems_of(const char *config)
{
	CnProblems	problems = {NULL, 0};
	CnDefinition *definition = compile(config, &problems);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < problems.count; i++)
		appendStringInfo(&buf, "%s%s: %s", i ? " ; " : "", problems.list[i].path,
						 problems.list[i].message);
	if ((definition == NULL) != (problems.count > 0))
		appendStringInfoString(&buf, definition ? " (but compiled)" : "(not compiled, and nobody says why)");
	else if (definition)
		appendStringInfoString(&buf, "ok");
	return buf.data;
}

/* The services its steps call, "?" where that is known only when it runs. */
static char *
services_of(const char *config)
{
	CnProblems	problems = {NULL, 0};
	CnDefinition *definition = compile(config, &problems);
	StringInfoData buf;

	if (definition == NULL)
		return problems_of(config);
	initStringInfo(&buf);
	for (int i = 0; i < definition->all_count; i++)
	{
		const char *service = cn_definition_service(definition, definition->all[i]);

		if (!definition->all[i]->is_group)
			appendStringInfo(&buf, "%s%s", buf.len ? " " : "", service ? service : "?");
	}
	return buf.data;
}

/*
 * The program's first word says what is done with the input; the rest is for
 * the reader.
 */
static char *
run_case(const char *program, const char *input)
{
	if (strncmp(program, "check", 5) == 0)
		return problems_of(input);
	if (strncmp(program, "use", 3) == 0)
	{
		char	   *problems;

		with_actions = true;
		problems = problems_of(input);
		with_actions = false;
		return problems;
	}
	if (strncmp(program, "path", 4) == 0)
		return cn_path_text(input);
	if (strncmp(program, "many", 4) == 0)
		return pstrdup(cn_path_is_many(input) ? "yes" : "no");
	if (strncmp(program, "service", 7) == 0)
		return services_of(input);
	return pstrdup("no such program");
}

/* ---- what is compiled ---- */

#define CONFIG(rest) "{\"url\": \"https://h/x\"" rest "}"

static void
test_defaults(void)
{
	CnStepDef  *d = compile_single(CONFIG(""));

	tap_ok(d && strcmp(d->method, "GET") == 0 && d->url != NULL && d->credential == -1 &&
		   d->timeout_ms == 0 && d->query_count == 0 && d->header_count == 0 &&
		   d->body_kind == CN_BODY_NONE && d->reply_kind == CN_REPLY_AUTO && !d->has_output &&
		   !d->condition && d->retries == -1 && d->continue_on_error == -1, "what a definition does not say");
	d = compile_single(CONFIG(", \"method\": \"pAtCh\", \"body\": null, \"timeoutMs\": 60000"));
	tap_ok(d && strcmp(d->method, "PATCH") == 0 && d->timeout_ms == 60000 &&
		   d->body_kind == CN_BODY_JSON && d->body_json != NULL,
		   "a method in any case; null is a body");
}

static CnDefinition *
compile_with_actions(const char *config)
{
	CnProblems	problems;
	CnDefinition *definition;

	with_actions = true;
	definition = compile(config, &problems);
	with_actions = false;
	return definition;
}

/* The steps of a definition that uses actions; made for each test, which frees all. */
static CnStepDef **
action_steps(CnDefinition **d)
{
	*d = compile_with_actions("{\"credential\": \"other\", \"retries\": 1, \"steps\": ["
							  "{\"use\": \"crm.add\", \"with\": {\"a\": 1}},"
							  " {\"use\": \"crm.add\", \"credential\": \"crm/work\", \"retries\": 0, \"timeout_ms\": 3000},"
							  " {\"use\": \"open.get\"},"
							  " {\"use\": \"crm.find\", \"output\": \"$.a\"}],"
							  " \"error_rules\": [{\"status\": 404, \"action\": \"ignore\"}]}");
	return (*d)->steps;
}

static void
test_actions(void)
{
	CnDefinition *d;
	CnStepDef **s = action_steps(&d);

	tap_ok(strcmp(s[0]->use, "crm.add") == 0 && s[0]->with != NULL && s[2]->with == NULL &&
		   strcmp(s[0]->method, "POST") == 0 && s[0]->body_kind == CN_BODY_JSON, "an action's request");
	s = action_steps(&d);
	tap_ok(strcmp(s[0]->path, "$.steps[0]") == 0 &&
		   strcmp(s[0]->request_path, "$.steps[0].use(crm.add)") == 0 &&
		   strcmp(s[2]->headers[0].path, "$.steps[2].use(open.get).headers.\"X-At\"") == 0,
		   "where it stands");
	s = action_steps(&d);
	tap_ok(s[0]->timeout_ms == 20000 && s[0]->retries == 2 && s[1]->timeout_ms == 3000 &&
		   s[1]->retries == 0 && s[2]->retries == 1, "limits: the step's, the action's, the definition's");
	s = action_steps(&d);
	tap_ok(strcmp(d->credentials[s[0]->credential].label, "default") == 0 &&
		   strcmp(d->credentials[s[1]->credential].label, "work") == 0 && s[2]->credential == -1 &&
		   strcmp(d->credentials[s[1]->credential].hint, "Connect crm with"
				  " connector_credential_set('crm', '{\"token\": ...}', 'bearer', label => 'work').") == 0,
		   "credentials: the step's or the action's, never the definition's");
	s = action_steps(&d);
	tap_ok(s[0]->rule_count == 2 && s[0]->rules[0].statuses[0].first == 409 &&
		   s[0]->rules[1].statuses[0].first == 404, "the action's rules before the definition's");
	s = action_steps(&d);
	tap_ok(s[3]->output_count == 1 && s[3]->outputs[0].key == NULL && s[2]->output_count == 0,
		   "an output in place of the action's");
	d = compile_with_actions("{\"use\": \"crm.find\"}");
	tap_ok(d && !d->multi && d->step_count == 1 && strcmp(d->steps[0]->use, "crm.find") == 0 &&
		   strcmp(d->steps[0]->request_path, "$.use(crm.find)") == 0 && d->steps[0]->output_count == 2,
		   "a definition that is one action");
}

/* "service/label" of each credential a definition names. */
static char *
credentials_of(const char *config)
{
	CnProblems	problems;
	CnDefinition *d = compile(config, &problems);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; d && i < d->credential_count; i++)
		appendStringInfo(&buf, "%s%s/%s", i ? " " : "", d->credentials[i].service,
						 d->credentials[i].label);
	return buf.data;
}

static void
test_credential(void)
{
	tap_is(credentials_of(CONFIG(", \"credential\": \"crm\"")), "crm/default", "a service");
	tap_is(credentials_of(CONFIG(", \"credential\": \"crm/second\"")), "crm/second",
		   "a service and a label");
	tap_is(credentials_of(CONFIG(", \"credential\": {\"service\": \"crm\", \"label\": \"third\"}")),
		   "crm/third", "the same as an object");
	tap_is(credentials_of(CONFIG(", \"credential\": {\"service\": \"crm\"},"
								 " \"headers\": {\"X-A\": \"{{workspace.a}}\"}")), "crm/default",
		   "a field of it is used");
	tap_is(credentials_of("{\"credential\": \"a\", \"steps\": [{\"url\": \"https://h\"},"
						  " {\"url\": \"https://h\", \"credential\": \"b/c\"},"
						  " {\"url\": \"https://h\", \"credential\": \"a/default\"}]}"),
		   "a/default b/c", "those of steps, each once");
}

static void
test_pairs(void)
{
	CnStepDef  *d = compile_single(CONFIG(", \"query\": [{\"name\": \"a\", \"static\": 1},"
									 " {\"key\": \"b\", \"type\": \"input\", \"value\": \"x.y\", \"optional\": true}]"));

	tap_ok(d && d->query_count == 2 &&
		   strcmp(d->query[0].name, "a") == 0 && d->query[0].fixed && !d->query[0].value &&
		   !d->query[0].optional &&
		   strcmp(d->query[1].name, "b") == 0 && !d->query[1].fixed && d->query[1].value &&
		   d->query[1].optional, "listed parameters, both ways to write them");
}

static void
test_bodies(void)
{
	CnStepDef  *d;

	d = compile_single(CONFIG(", \"method\": \"POST\", \"body_type\": \"form\", \"body\": {\"a\": 1, \"b\": [2]}"));
	tap_ok(d && d->body_kind == CN_BODY_FORM && d->form_count == 2 && !d->body_json, "a form");
	d = compile_single(CONFIG(", \"method\": \"POST\", \"bodyType\": \"multipart\", \"body\": ["
					   "{\"name\": \"a\", \"value\": \"1\"}, {\"name\": \"b\", \"json\": {}},"
					   "{\"name\": \"c\", \"filename\": \"f\", \"content_type\": \"t/t\", \"base64\": \"\"}]"));
	tap_ok(d && d->body_kind == CN_BODY_MULTIPART && d->part_count == 3 &&
		   d->parts[0].text && !d->parts[0].json && !d->parts[0].base64 && !d->parts[0].filename &&
		   d->parts[1].json && !d->parts[1].text &&
		   d->parts[2].base64 && d->parts[2].filename && d->parts[2].content_type, "parts");
	d = compile_single(CONFIG(", \"method\": \"POST\", \"body_type\": \"text\", \"body\": \"x\""));
	tap_ok(d && d->body_kind == CN_BODY_TEXT && d->body_text, "text");
	d = compile_single(CONFIG(", \"method\": \"PUT\", \"body_type\": \"binary\", \"body\": \"\""));
	tap_ok(d && d->body_kind == CN_BODY_BINARY && d->body_text, "bytes");
}

static void
test_outputs(void)
{
	CnStepDef  *d = compile_single(CONFIG(", \"output\": \"a.b\""));

	tap_ok(d && d->has_output && d->output_count == 1 && !d->outputs[0].key &&
		   strcmp(d->outputs[0].path.text, "$.a.b") == 0 && !d->outputs[0].path.many, "one path");
	d = compile_single(CONFIG(", \"output\": {\"x\": \"$.a[*]\", \"y\": \"b\"}, \"response\": \"text\""));
	tap_ok(d && d->output_count == 2 && strcmp(d->outputs[0].key, "x") == 0 && d->outputs[0].path.many &&
		   strcmp(d->outputs[1].path.text, "$.b") == 0 && d->reply_kind == CN_REPLY_TEXT, "several");
	d = compile_single(CONFIG(", \"output\": {}"));
	tap_ok(d && d->has_output && d->output_count == 0, "none at all");
}

/* ---- steps ---- */

static CnDefinition *
example_steps(void)
{
	CnProblems	problems;

	return compile("{\"retries\": 2, \"timeout_ms\": 5000, \"continue_on_error\": true,"
				   " \"error_rules\": [{\"status\": 404, \"action\": \"ignore\"}],"
				   " \"steps\": [{\"url\": \"https://h\"}, {\"id\": \"g\", \"type\": \"parallel\","
				   " \"continue_on_error\": false, \"steps\": [{\"id\": \"x\", \"url\": \"https://h\","
				   " \"retries\": 0, \"error_rules\": [{\"status\": [429, \"5xx\", \"400-403\"],"
				   " \"action\": \"retry\"}]}, {\"url\": \"https://h\"}]}], \"result\": \"{{g_2}}\"}", &problems);
}

static void
test_steps(void)
{
	CnDefinition *d = example_steps();

	/* what was compiled lives until the next claim */
	tap_ok(d && d->multi && d->step_count == 2 && d->all_count == 4 && d->result, "steps and groups");
	d = example_steps();
	tap_ok(strcmp(d->all[0]->id, "step_1") == 0 && strcmp(d->all[3]->id, "g_2") == 0,
		   "a step without an id is called by its place");
	d = example_steps();
	tap_ok(d->steps[1]->is_group && d->steps[1]->steps[0] == cn_definition_step(d, "x") &&
		   d->all[2]->group == d->steps[1], "a group and its steps know each other");
	d = example_steps();
	tap_ok(d->all[0]->retries == 2 && d->all[0]->timeout_ms == 5000 &&
		   d->all[0]->continue_on_error == 1 && d->all[2]->retries == 0 &&
		   d->all[2]->timeout_ms == 5000 && d->all[2]->continue_on_error == 0,
		   "what a step does not say it takes from its group or the definition");
}

static void
test_rules(void)
{
	CnDefinition *d = example_steps();
	CnErrorRule *rules = d->all[2]->rules;

	tap_ok(d->all[2]->rule_count == 2 && rules[0].action == CN_ACTION_RETRY &&
		   rules[1].action == CN_ACTION_IGNORE && d->all[0]->rule_count == 1,
		   "a step's rules stand before those of the definition");
	rules = example_steps()->all[2]->rules;
	tap_ok(rules[0].status_count == 3 && rules[0].statuses[0].last == 429 &&
		   rules[0].statuses[1].first == 500 && rules[0].statuses[1].last == 599 &&
		   rules[0].statuses[2].first == 400 && rules[0].statuses[2].last == 403,
		   "statuses, classes and ranges");
}

static CnDefinition *
example_flow(void)
{
	CnProblems	problems;

	return compile("{\"rateLimiting\": {\"enabled\": true, \"maxRequestsPerMinute\": 60,"
				   " \"maxRequestsPerHour\": 1000, \"strategy\": \"fail\"}, \"deadline_ms\": 90000,"
				   " \"url\": \"https://h\", \"method\": \"POST\", \"idempotent\": true,"
				   " \"idempotencyHeader\": \"Idempotency-Key\","
				   " \"condition\": {\"enabled\": true, \"expression\": \"{{input.a}} !== null\"}}",
				   &problems);
}

static void
test_flow(void)
{
	CnDefinition *d = example_flow();

	tap_ok(d && d->rate_limiting.enabled && d->rate_limiting.per_minute == 60 &&
		   d->rate_limiting.per_hour == 1000 && !d->rate_limiting.wait && d->deadline_ms == 90000,
		   "limits of the whole");
	d = example_flow();
	tap_ok(d->steps[0]->idempotent && d->steps[0]->condition &&
		   strcmp(d->steps[0]->idempotency_header, "Idempotency-Key") == 0, "what a step may do");
	tap_ok(compile_single("{\"url\": \"https://h\", \"condition\": {\"enabled\": false,"
						  " \"expression\": \"((\"}}")->condition == NULL,
		   "a condition that is switched off is none");
}

/* ---- limits ---- */

/* n times item, separated by commas, with %d being the number. */
static char *
repeated(const char *before, const char *item, int n, const char *after)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, before);
	for (int i = 0; i < n; i++)
	{
		const char *number = strchr(item, '#');

		appendStringInfo(&buf, "%s%.*s%d%s", i ? "," : "", (int) (number - item), item, i, number + 1);
	}
	appendStringInfoString(&buf, after);
	return buf.data;
}

static void
test_limits(void)
{
	static const struct
	{
		const char *path;
		const char *before;
		const char *item;
		const char *after;
	}			lists[] = {
		{"$.query", "\"query\": {", "\"k#\": 1", "}"},
		{"$.query", "\"query\": [", "{\"name\": \"k#\", \"static\": 1}", "]"},
		{"$.headers", "\"headers\": {", "\"k#\": \"1\"", "}"},
		{"$.body", "\"method\": \"POST\", \"body_type\": \"form\", \"body\": {", "\"k#\": 1", "}"},
		{"$.body", "\"method\": \"POST\", \"body_type\": \"multipart\", \"body\": [",
		"{\"name\": \"k#\", \"text\": \"\"}", "]"},
		{"$.output", "\"output\": {", "\"k#\": \"a\"", "}"},
	};

	for (int i = 0; i < lengthof(lists); i++)
	{
		for (int over = 0; over <= 1; over++)
		{
			char	   *list = repeated(lists[i].before, lists[i].item, CN_DEFINITION_MAX_ITEMS + over,
									   lists[i].after);

			tap_is(problems_of(psprintf("{\"url\": \"https://h\", %s}", list)),
				   over ? psprintf("%s: more than %d items", lists[i].path, CN_DEFINITION_MAX_ITEMS) : "ok",
				   "%d items in %s", CN_DEFINITION_MAX_ITEMS + over, lists[i].before);
		}
	}
}

/* Every problem is reported, also when there are many and their texts are long. */
static void
test_many_problems(void)
{
	CnProblems	problems;
	char	   *list = repeated("", "\"k#\": \"{{nowhere.x}}\"", CN_DEFINITION_MAX_ITEMS, "");
	bool		complete;
	char	   *name;

	complete = compile(psprintf("{\"url\": \"https://h\", \"method\": \"POST\", \"body\": {%s}}", list),
					   &problems) == NULL && problems.count == CN_DEFINITION_MAX_ITEMS;
	for (int i = 0; complete && i < problems.count; i++)
		complete = strcmp(problems.list[i].path, psprintf("$.body.k%d", i)) == 0;
	tap_ok(complete, "as many problems as there are");

	name = palloc(5001);
	memset(name, 'x', 5000);
	name[5000] = '\0';
	(void) compile(psprintf("{\"url\": \"https://h/{{%s}}\"}", name), &problems);
	tap_ok(problems.count == 1 && strstr(problems.list[0].message, name), "a long name in a message");
}

static void
test_methods(void)
{
	tap_is(cn_method_name("delete"), "DELETE", "a method's name");
	tap_ok(cn_method_name("") == NULL && cn_method_name("GET ") == NULL &&
		   cn_method_name("CONNECT") == NULL && cn_method_name("TRACE") == NULL &&
		   cn_method_name("OPTIONS") == NULL, "none");
}

int
main(void)
{
	tap_run_cases("cases/definition.test", run_case);
	test_limits();
	test_many_problems();
	test_methods();
	test_defaults();
	test_actions();
	test_credential();
	test_pairs();
	test_bodies();
	test_outputs();
	test_steps();
	test_rules();
	test_flow();
	return tap_done();
}
