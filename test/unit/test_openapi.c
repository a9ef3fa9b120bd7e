/*
 * test_openapi.c -- descriptions become provider definitions.
 */
#include "openapi/openapi.h"

#include "core/json.h"

#include "tap.h"

static const CnJson *
parse(const char *text)
{
	CnJsonError error;

	return cn_json_parse(text, strlen(text), NULL, &error);
}

/* What is at a dotted path below value: "actions.list.query". */
static const CnJson *
below(const CnJson *value, const char *path)
{
	while (value && *path)
	{
		char	   *key = pnstrdup(path, strcspn(path, "."));

		value = value->type == CN_JSON_ARRAY && atoi(key) < value->len
			? value->u.items[atoi(key)] : cn_json_get(value, key);
		path += strlen(key);
		path += *path == '.';
	}
	return value;
}

/* "PATH: message; PATH: message" */
static char *
problems_of(const CnProblems *problems)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < problems->count; i++)
		appendStringInfo(&out, "%s%s: %s", i ? "; " : "", problems->list[i].path,
						 problems->list[i].message);
	return out.data;
}

/*
 * The input is {"spec": ..., "options": ...}.
 * The program is "show PATH what it is about": that part of the result, or all problems.
 */
static char *
run_case(const char *program, const char *input)
{
	const CnJson *given = parse(input);
	CnProblems	problems = {0};
	CnJson	   *provider;
	const CnJson *shown;
	StringInfoData out;
	const char *path;

	if (strncmp(program, "show ", 5) != 0)
		return pstrdup("no such program");
	path = pnstrdup(program + 5, strcspn(program + 5, " "));
	provider = cn_openapi_import(cn_json_get(given, "spec"), cn_json_get(given, "options"), &problems);
	if (provider == NULL)
		return problems_of(&problems);
	shown = below(provider, path);
	initStringInfo(&out);
	if (shown)
		cn_json_write(&out, shown);
	else
		appendStringInfoString(&out, "nothing");
	return out.data;
}

int
main(void)
{
	tap_run_cases("cases/openapi.test", run_case);
	return tap_done();
}
