/*
 * input.c -- an input against its schema: a connector's, or that of an action a step uses.
 */
#include "postgres.h"

#include "core/jsonb.h"
#include "core/secret_name.h"
#include "engine/input.h"
#include "schema/settings.h"

/* Violations that are written out; the others are counted. */
#define MAX_LISTED 50

typedef struct Report
{
	StringInfoData lines;
	int			count;
} Report;

/* Is any member on the way to the place called like a secret?  path is a JSON Pointer. */
static bool
is_secret_place(const char *path)
{
	while (*path == '/')
	{
		int			len = strcspn(path + 1, "/");

		if (cn_name_is_secret(path + 1, len))
			return true;
		path += 1 + len;
	}
	return false;
}

/* One line: where in the input, what, and by which keyword.  A secret's value is not quoted. */
static bool
note_violation(void *arg, const CnSchemaViolation *violation)
{
	Report	   *report = arg;
	const char *place = violation->instance_path[0] ? violation->instance_path : "the input";

	if (report->count++ >= MAX_LISTED)
		return true;
	if (report->lines.len > 0)
		appendStringInfoChar(&report->lines, '\n');
	appendStringInfo(&report->lines, "%s: %s (%s)", place,
					 is_secret_place(violation->instance_path) ? "it does not fit"
					 : violation->message, violation->schema_path);
	return true;
}

bool
cn_input_check_value(const CnSchema *schema, const CnJson *value, const char *subject,
					 CnFailure *failure)
{
	CnSchemaOptions options = cn_schema_options();
	Report		report = {.count = 0};
	const char *limit = NULL;
	CnSchemaResult result;

	initStringInfo(&report.lines);
	result = cn_schema_validate(schema, value, &options, note_violation, &report, &limit);
	if (result == CN_SCHEMA_VALID)
		return true;
	if (result == CN_SCHEMA_LIMIT)
	{
		cn_fail(failure, CN_LIMIT_EXCEEDED, "%s cannot be checked: %s", subject, limit);
		return false;
	}
	cn_fail(failure, CN_INPUT_INVALID, "%s does not fit the input schema in %d %s", subject,
			report.count, report.count == 1 ? "place" : "places");
	if (report.count > MAX_LISTED)
		appendStringInfo(&report.lines, "\nand %d more", report.count - MAX_LISTED);
	failure->detail = report.lines.data;
	return false;
}

bool
cn_input_check(const CnSchema *schema, Jsonb *input, CnFailure *failure)
{
	if (cn_input_check_value(schema, cn_json_from_jsonb(input), "the input", failure))
		return true;
	if (failure->code == CN_INPUT_INVALID)
		failure->hint = "The connector's column input_schema says what it takes; connector_validate_json() checks a value against it.";
	return false;
}
