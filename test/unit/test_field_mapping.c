/*
 * test_field_mapping.c -- checking and compiling field mappings: the cases in
 * cases/field_mapping.test, and what is compiled.
 *
 * A case: "check" and words for the reader; the mappings; the problems, or "ok".
 */
#include "catalog/field_mapping.h"

#include "tap.h"

static const char *const roots[] = {"input", "execution", "now", "step_1", NULL};

/* Stands in for the server's parser of SQL/JSON paths. */
static const char *
check_path(const char *path)
{
	return strstr(path, "((") ? "two parentheses are too many" : NULL;
}

static CnFieldMappings *
compile(const char *text, CnProblems *problems)
{
	CnJsonLimits limits = {CN_JSON_DEPTH_MAX, 0};
	CnJson	   *value = cn_json_parse(text, strlen(text), &limits, NULL);

	memset(problems, 0, sizeof(*problems));
	return value ? cn_field_mappings_compile(value, "$", roots, check_path, problems) : NULL;
}

static char *
run_case(const char *program, const char *input)
{
	CnProblems	problems;
	CnFieldMappings *mappings = compile(input, &problems);
	StringInfoData buf;

	if (strncmp(program, "check", 5) != 0)
		return pstrdup("no such program");
	initStringInfo(&buf);
	for (int i = 0; i < problems.count; i++)
		appendStringInfo(&buf, "%s%s: %s", i ? " ; " : "", problems.list[i].path,
						 problems.list[i].message);
	if ((mappings == NULL) != (problems.count > 0))
		appendStringInfoString(&buf, mappings ? " (but compiled)" : "(not compiled, and nobody says why)");
	else if (mappings)
		appendStringInfoString(&buf, "ok");
	return buf.data;
}

/* ---- limits ---- */

/* {"table": "t", "key": {"id": 1}, "set": {"c0": 0, ...}} with so many columns to set. */
static char *
with_columns(int count)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"table\": \"t\", \"key\": {\"id\": 1}, \"set\": {");
	for (int i = 0; i < count; i++)
		appendStringInfo(&buf, "%s\"c%d\": 0", i ? "," : "", i);
	appendStringInfoString(&buf, "}}");
	return buf.data;
}

static char *
array_of(const char *mapping, int count)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < count; i++)
		appendStringInfo(&buf, "%c%s", i ? ',' : '[', mapping);
	appendStringInfoChar(&buf, ']');
	return buf.data;
}

static char *
with_depth(int depth)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"table\": \"t\", \"key\": {\"id\": 1}, \"set\": {\"a\": ");
	for (int i = 1; i < depth; i++)
		appendStringInfoChar(&buf, '[');
	appendStringInfoChar(&buf, '1');
	for (int i = 1; i < depth; i++)
		appendStringInfoChar(&buf, ']');
	appendStringInfoString(&buf, "}}");
	return buf.data;
}

static char *
with_table(int len)
{
	char	   *name = palloc0(len + 1);

	memset(name, 'a', len);
	return psprintf("{\"table\": \"s.%s\", \"key\": {\"id\": 1}, \"set\": {\"a\": 1}}", name);
}

static void
test_limits(void)
{
	tap_is(run_case("check", with_columns(200)), "$: more than 200 columns", "201 columns");
	tap_is(run_case("check", with_columns(199)), "ok", "200 columns");
	tap_is(run_case("check", array_of(with_columns(1), 21)), "$: more than 20 mappings", "21 mappings");
	tap_is(run_case("check", array_of(with_columns(1), 20)), "ok", "20 mappings");
	tap_ok(strstr(run_case("check", with_depth(33)), "nested deeper than 32 levels") != NULL, "33 levels");
	tap_is(run_case("check", with_depth(32)), "ok", "32 levels");
	tap_ok(strstr(run_case("check", with_depth(1000)), "nested deeper") != NULL, "1000 levels");
	tap_is(run_case("check", with_table(64)),
		   "$.table: not the name of a table: a name is longer than 63 bytes", "64 bytes");
	tap_is(run_case("check", with_table(63)), "ok", "63 bytes");
}

/* ---- what is compiled ---- */

static void
test_mapping(void)
{
	CnProblems	problems;
	CnFieldMappings *m = compile("{\"table\": \"crm.contacts\", \"key\": {\"id\": \"{{input.id}}\"},"
								 " \"set\": {\"b\": \"$.b[*] | join(',')\", \"a\": \"x\"}, \"mode\": \"upsert\"}",
								 &problems);
	CnFieldMapping *one = m ? m->list : NULL;
	CnMappedColumn *c = one ? one->columns : NULL;

	tap_ok(m && m->count == 1 && strcmp(one->schema, "crm") == 0 && strcmp(one->table, "contacts") == 0 &&
		   one->mode == CN_MAPPING_UPSERT && one->key_count == 1 && one->column_count == 3,
		   "table, mode and columns");
	m = compile("{\"table\": \"crm.contacts\", \"key\": {\"id\": \"{{input.id}}\"},"
				" \"set\": {\"b\": \"$.b[*] | join(',')\", \"a\": \"x\"}}", &problems);
	one = m ? m->list : NULL;
	c = one ? one->columns : NULL;
	tap_ok(c && one->mode == CN_MAPPING_UPDATE &&
		   strcmp(c[0].name, "id") == 0 && c[0].value.kind == CN_MAPPED_TEMPLATE && c[0].value.tmpl &&
		   strcmp(c[1].name, "b") == 0 && c[1].value.kind == CN_MAPPED_PATH &&
		   strcmp(c[1].value.path.text, "$.b[*]") == 0 && c[1].value.path.many && c[1].value.filters &&
		   strcmp(c[2].name, "a") == 0 && c[2].value.kind == CN_MAPPED_LITERAL, "the key's columns come first");
	m = compile("[]", &problems);
	tap_ok(m && m->count == 0, "an empty array is no mapping");
	m = compile("{}", &problems);
	tap_ok(m && m->count == 0, "nor is an empty object");
}

static char *
table_of(const char *written)
{
	CnProblems	problems;
	StringInfoData buf;
	CnFieldMappings *m;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"key\": {\"id\": 1}, \"set\": {\"a\": 1}, \"table\": ");
	cn_json_write_string(&buf, written, strlen(written));
	appendStringInfoChar(&buf, '}');
	m = compile(buf.data, &problems);
	if (m == NULL)
		return problems.list[0].message;
	return psprintf("<%s> <%s>", m->list->schema ? m->list->schema : "", m->list->table);
}

#define NO_NAME "not the name of a table: it is not \"table\" or \"schema.table\""

static void
test_tables(void)
{
	tap_is(table_of(""), NO_NAME, "nothing");
	tap_is(table_of("."), NO_NAME, "a dot");
	tap_is(table_of("a."), NO_NAME, "a schema without a table");
	tap_is(table_of(".a"), NO_NAME, "a table behind a dot");
	tap_is(table_of("a.b.c"), NO_NAME, "three names");
	tap_is(table_of("a b"), NO_NAME, "a blank");
	tap_is(table_of("a; drop table b"), NO_NAME, "a statement");
	tap_is(table_of("a-b"), NO_NAME, "a minus");
	tap_is(table_of("1a"), NO_NAME, "a digit first");
	tap_is(table_of("\"a"), "not the name of a table: a quoted name is not closed", "a quote alone");
	tap_is(table_of("\"a\"\""), "not the name of a table: a quoted name is not closed", "a doubled quote at the end");
	tap_is(table_of("\"\""), "not the name of a table: a name is empty", "an empty name");
	tap_is(table_of("a.\"\""), "not the name of a table: a name is empty", "an empty table");
	tap_is(table_of("\"a\"b"), NO_NAME, "something behind the quotes");
	tap_is(table_of("Contacts"), "<> <contacts>", "capitals");
	tap_is(table_of("Crm.Contacts_1$"), "<crm> <contacts_1$>", "with a schema");
	tap_is(table_of("\"Crm\".\"x\"\"; drop table \"\"y\""), "<Crm> <x\"; drop table \"y>", "quoted");
	tap_is(table_of("\"a.b\".c"), "<a.b> <c>", "a dot in quotes");
	tap_is(table_of("\xC3\x84pfel"), "<> <\xC3\x84pfel>", "a letter that is not ASCII stays as it is");
}

int
main(void)
{
	tap_run_cases("cases/field_mapping.test", run_case);
	test_limits();
	test_tables();
	test_mapping();
	return tap_done();
}
