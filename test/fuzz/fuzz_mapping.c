/*
 * fuzz_mapping.c -- src/catalog/field_mapping.c and src/expr/expr_pipe.c: field mappings from any bytes.
 *
 * What cannot be compiled has problems that can be shown; what can is complete: names the
 * server could have, each column once, and filters that may be applied to anything.
 */
#include "catalog/field_mapping.h"
#include "core/utf8.h"
#include "expr/expr_pipe.h"
#include "fuzz.h"
#include "shim.h"

#define LIMIT 10000

static void
check_problems(const CnProblems *problems)
{
	for (int i = 0; i < problems->count; i++)
	{
		const CnProblem *problem = &problems->list[i];

		require(problem->path[0] == '$');
		require(problem->message[0] != '\0');
		require(cn_utf8_valid(problem->path, strlen(problem->path), NULL));
		require(cn_utf8_valid(problem->message, strlen(problem->message), NULL));
	}
}

static bool
is_name(const char *name)
{
	return name[0] != '\0' && strlen(name) < NAMEDATALEN;
}

static void
check_path(const CnMappedValue *value)
{
	int			len = strlen(value->path.text);
	CnScope		scope = fuzz_scope(cn_json_null(), LIMIT);
	int64		budget = LIMIT;
	CnExprError error;

	require(value->path.text[0] == '$');
	require(cn_expr_pipe(value->path.text, len) == len);
	require(!cn_expr_pipe_variable(value->path.text, len));
	if (value->filters && cn_expr_apply(value->filters, cn_json_string("x", 1), &scope, &budget, &error) == NULL)
		require(error.message != NULL);
	require(budget >= 0);
}

static void
check_value(const CnMappedValue *value)
{
	switch (value->kind)
	{
		case CN_MAPPED_LITERAL:
			require(value->literal != NULL);
			break;
		case CN_MAPPED_TEMPLATE:
			require(value->tmpl != NULL);
			break;
		case CN_MAPPED_PATH:
			check_path(value);
			break;
		case CN_MAPPED_ARRAY:
		case CN_MAPPED_OBJECT:
			for (int i = 0; i < value->count; i++)
				check_value(&value->items[i]);
			break;
	}
}

static void
check_mapping(const CnFieldMapping *mapping)
{
	require(is_name(mapping->table));
	require(mapping->schema == NULL || is_name(mapping->schema));
	require(mapping->key_count > 0 && mapping->column_count > mapping->key_count);
	for (int i = 0; i < mapping->column_count; i++)
	{
		require(is_name(mapping->columns[i].name));
		for (int j = 0; j < i; j++)
			require(strcmp(mapping->columns[i].name, mapping->columns[j].name) != 0);
		check_value(&mapping->columns[i].value);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const roots[] = {"input", "text", "list", "number", "void", NULL};
	CnJsonLimits limits = {.max_depth = CN_JSON_DEPTH_MAX};
	CnProblems	problems = {NULL, 0};
	CnFieldMappings *mappings;
	CnJson	   *value = cn_json_parse(fuzz_copy(data, size), size, &limits, NULL);

	if (value)
	{
		mappings = cn_field_mappings_compile(value, "$", roots, NULL, &problems);
		require((mappings == NULL) == (problems.count > 0));
		check_problems(&problems);
		for (int i = 0; mappings && i < mappings->count; i++)
			check_mapping(&mappings->list[i]);
	}
	shim_reset();
	return 0;
}
