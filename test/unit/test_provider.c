/*
 * test_provider.c -- actions and streams of a provider as definitions.
 */
#include "catalog/provider_check.h"
#include "catalog/provider_connect.h"
#include "catalog/provider_expand.h"

#include "tap.h"

static CnJson *
parse(const char *text)
{
	CnJsonError error;

	return cn_json_parse(text, strlen(text), NULL, &error);
}

static char *
written(const CnJson *value)
{
	StringInfoData buf;

	if (value == NULL)
		return pstrdup("nothing");
	initStringInfo(&buf);
	cn_json_write(&buf, value);
	return buf.data;
}

/* "missing: name", or the text. */
static char *
filled(const char *input)
{
	const CnJson *both = parse(input);
	const char *missing = NULL;
	char	   *text = cn_provider_fill_text(cn_json_get_string(both, "text"),
											 cn_json_get(both, "parameters"), &missing);

	return text ? text : psprintf("missing: %s", missing);
}

/* "ok", or the first problem of the action or stream "a" as a definition. */
static char *
compiled(const char *input, bool is_stream)
{
	const CnJson *provider = parse(input);
	CnProblems	problems = {NULL, 0};
	CnJson	   *config = is_stream ? cn_provider_expand_stream(provider, "a", NULL)
		: cn_provider_expand_action(provider, "a", NULL);

	if (cn_definition_compile_provided(config, is_stream, NULL, &problems) == NULL)
		return psprintf("%s: %s", problems.list[0].path, problems.list[0].message);
	return pstrdup("ok");
}

/* Stand in for the server's parser of SQL/JSON paths, and for the kinds of authentication. */
static const char *
check_path(const char *path)
{
	return strstr(path, "((") ? "two parentheses are too many" : NULL;
}

static const char *
check_auth(const char *kind, const CnJson *parameters)
{
	return cn_json_get(parameters, "colour") ? "there are no colours" : NULL;
}

/* "path: message ; path: message", or "ok". */
static char *
checked(const char *input, bool official)
{
	CnProviderRules rules = {
		.schema = cn_provider_schema(),.check_path = check_path,.check_auth = check_auth,
		.official = official
	};
	CnProblems	problems = {NULL, 0};
	StringInfoData buf;
	bool		good = cn_provider_check(parse(input), &rules, &problems);

	initStringInfo(&buf);
	for (int i = 0; i < problems.count; i++)
		appendStringInfo(&buf, "%s%s: %s", i ? " ; " : "", problems.list[i].path,
						 problems.list[i].message);
	if (good != (problems.count == 0))
		appendStringInfoString(&buf, " (and the result says otherwise)");
	return buf.len > 0 ? buf.data : pstrdup("ok");
}

/* The program's first word says what is done with the input; the rest is for the reader. */
static char *
run_case(const char *program, const char *input)
{
	if (strncmp(program, "action", 6) == 0)
		return written(cn_provider_expand_action(parse(input), "a", NULL));
	if (strncmp(program, "labelled", 8) == 0)
		return written(cn_provider_expand_action(parse(input), "a", "second"));
	if (strncmp(program, "stream", 6) == 0)
		return written(cn_provider_expand_stream(parse(input), "a", NULL));
	if (strncmp(program, "pages", 5) == 0)
	{
		const CnJson *provider = parse(input);

		return written(cn_provider_expand_pagination(provider,
													 cn_json_get(cn_json_get(provider, "streams"), "a")));
	}
	if (strncmp(program, "text", 4) == 0)
		return cn_provider_expand_text(input);
	if (strncmp(program, "fill", 4) == 0)
		return filled(input);
	if (strncmp(program, "complete", 8) == 0)
		return written(cn_provider_complete(cn_json_get(parse(input), "given"),
											cn_provider_defaults(parse(input))));
	if (strncmp(program, "hint", 4) == 0)
		return cn_provider_connect_hint(parse(input), strncmp(program, "hint of ", 8) == 0 ? "work" : "default");
	if (strncmp(program, "check", 5) == 0)
		return checked(input, false);
	if (strncmp(program, "official", 8) == 0)
		return checked(input, true);
	if (strncmp(program, "host", 4) == 0)
		return cn_provider_host_entry(input);
	if (strncmp(program, "compile action", 14) == 0)
		return compiled(input, false);
	if (strncmp(program, "compile stream", 14) == 0)
		return compiled(input, true);
	return pstrdup("no such program");
}

int
main(void)
{
	tap_run_cases("cases/provider.test", run_case);
	return tap_done();
}
