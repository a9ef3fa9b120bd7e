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

static CnDefinition *
compile(const char *config, CnProblems *problems)
{
	CnJsonError error;
	CnJson	   *tree = cn_json_parse(config, strlen(config), NULL, &error);

	return tree ? cn_definition_compile(tree, check_path, problems) : NULL;
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

/*
 * The program's first word says what is done with the input; the rest is for
 * the reader.
 */
static char *
run_case(const char *program, const char *input)
{
	if (strncmp(program, "check", 5) == 0)
		return problems_of(input);
	if (strncmp(program, "path", 4) == 0)
		return cn_path_text(input);
	if (strncmp(program, "many", 4) == 0)
		return pstrdup(cn_path_is_many(input) ? "yes" : "no");
	return pstrdup("no such program");
}

/* ---- what is compiled ---- */

#define CONFIG(rest) "{\"url\": \"https://h/x\"" rest "}"

static void
test_defaults(void)
{
	CnProblems	problems;
	CnDefinition *d = compile(CONFIG(""), &problems);

	tap_ok(d && strcmp(d->method, "GET") == 0 && d->url != NULL && d->service == NULL &&
		   d->timeout_ms == 0 && d->query_count == 0 && d->header_count == 0 &&
		   d->body_kind == CN_BODY_NONE && d->reply_kind == CN_REPLY_AUTO && !d->has_output &&
		   !d->uses_workspace, "what a definition does not say");
	d = compile(CONFIG(", \"method\": \"pAtCh\", \"body\": null, \"timeoutMs\": 60000"), &problems);
	tap_ok(d && strcmp(d->method, "PATCH") == 0 && d->timeout_ms == 60000 &&
		   d->body_kind == CN_BODY_JSON && d->body_json != NULL,
		   "a method in any case; null is a body");
}

static void
test_credential(void)
{
	CnProblems	problems;
	CnDefinition *d = compile(CONFIG(", \"credential\": \"crm\""), &problems);

	tap_ok(d && strcmp(d->service, "crm") == 0 && strcmp(d->label, "default") == 0, "a service");
	d = compile(CONFIG(", \"credential\": \"crm/second\""), &problems);
	tap_ok(d && strcmp(d->service, "crm") == 0 && strcmp(d->label, "second") == 0,
		   "a service and a label");
	d = compile(CONFIG(", \"credential\": {\"service\": \"crm\", \"label\": \"third\"}"), &problems);
	tap_ok(d && strcmp(d->service, "crm") == 0 && strcmp(d->label, "third") == 0,
		   "the same as an object");
	d = compile(CONFIG(", \"credential\": {\"service\": \"crm\"},"
					   " \"headers\": {\"X-A\": \"{{workspace.a}}\"}"), &problems);
	tap_ok(d && strcmp(d->label, "default") == 0 && d->uses_workspace, "a field of it is used");
}

static void
test_pairs(void)
{
	CnProblems	problems;
	CnDefinition *d = compile(CONFIG(", \"query\": [{\"name\": \"a\", \"static\": 1},"
									 " {\"key\": \"b\", \"type\": \"input\", \"value\": \"x.y\", \"optional\": true}]"),
							  &problems);

	tap_ok(d && d->query_count == 2 &&
		   strcmp(d->query[0].name, "a") == 0 && d->query[0].fixed && !d->query[0].value &&
		   !d->query[0].optional &&
		   strcmp(d->query[1].name, "b") == 0 && !d->query[1].fixed && d->query[1].value &&
		   d->query[1].optional, "listed parameters, both ways to write them");
}

static void
test_bodies(void)
{
	CnProblems	problems;
	CnDefinition *d;

	d = compile(CONFIG(", \"method\": \"POST\", \"body_type\": \"form\", \"body\": {\"a\": 1, \"b\": [2]}"),
				&problems);
	tap_ok(d && d->body_kind == CN_BODY_FORM && d->form_count == 2 && !d->body_json, "a form");
	d = compile(CONFIG(", \"method\": \"POST\", \"bodyType\": \"multipart\", \"body\": ["
					   "{\"name\": \"a\", \"value\": \"1\"}, {\"name\": \"b\", \"json\": {}},"
					   "{\"name\": \"c\", \"filename\": \"f\", \"content_type\": \"t/t\", \"base64\": \"\"}]"),
				&problems);
	tap_ok(d && d->body_kind == CN_BODY_MULTIPART && d->part_count == 3 &&
		   d->parts[0].text && !d->parts[0].json && !d->parts[0].base64 && !d->parts[0].filename &&
		   d->parts[1].json && !d->parts[1].text &&
		   d->parts[2].base64 && d->parts[2].filename && d->parts[2].content_type, "parts");
	d = compile(CONFIG(", \"method\": \"POST\", \"body_type\": \"text\", \"body\": \"x\""), &problems);
	tap_ok(d && d->body_kind == CN_BODY_TEXT && d->body_text, "text");
	d = compile(CONFIG(", \"method\": \"PUT\", \"body_type\": \"binary\", \"body\": \"\""), &problems);
	tap_ok(d && d->body_kind == CN_BODY_BINARY && d->body_text, "bytes");
}

static void
test_outputs(void)
{
	CnProblems	problems;
	CnDefinition *d = compile(CONFIG(", \"output\": \"a.b\""), &problems);

	tap_ok(d && d->has_output && d->output_count == 1 && !d->outputs[0].key &&
		   strcmp(d->outputs[0].path, "$.a.b") == 0 && !d->outputs[0].many, "one path");
	d = compile(CONFIG(", \"output\": {\"x\": \"$.a[*]\", \"y\": \"b\"}, \"response\": \"text\""), &problems);
	tap_ok(d && d->output_count == 2 && strcmp(d->outputs[0].key, "x") == 0 && d->outputs[0].many &&
		   strcmp(d->outputs[1].path, "$.b") == 0 && d->reply_kind == CN_REPLY_TEXT, "several");
	d = compile(CONFIG(", \"output\": {}"), &problems);
	tap_ok(d && d->has_output && d->output_count == 0, "none at all");
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
	test_credential();
	test_pairs();
	test_bodies();
	test_outputs();
	return tap_done();
}
