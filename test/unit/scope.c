/*
 * scope.c -- see scope.h.
 */
#include "scope.h"

static const CnJson *
root(void *arg, const char *name)
{
	if (strcmp(name, "input") == 0)
		return (const CnJson *) arg;
	if (strcmp(name, "now") == 0)
		return cn_json_string("2026-01-02T03:04:05Z", -1);
	if (strcmp(name, "void") == 0)
		return cn_json_null();
	return NULL;
}

CnScope
test_scope(const CnJson *input, int64 limit)
{
	CnScope		scope = {root, (void *) input, limit};

	return scope;
}
