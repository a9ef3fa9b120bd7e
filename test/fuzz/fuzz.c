/*
 * fuzz.c -- see fuzz.h.
 */
#include "fuzz.h"

void
fuzz_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

char *
fuzz_copy(const void *data, size_t size)
{
	char	   *copy = palloc(size);

	memcpy(copy, data, size);
	return copy;
}

static const CnJson *
root(void *arg, const char *name)
{
	static const char list[] = "[null,\"a,b\",[1,2],{\"k\":\"v\"},-1.50,\"\\u00e4\\r\\n\",\"..\"]";

	if (strcmp(name, "input") == 0)
		return (const CnJson *) arg;
	if (strcmp(name, "text") == 0)
		return cn_json_string("a/../\xC3\xA4\r\nX: y?#%@:\x01\x7F", -1);
	if (strcmp(name, "list") == 0)
		return cn_json_parse(list, strlen(list), NULL, NULL);
	if (strcmp(name, "number") == 0)
		return cn_json_number("-12345678901234567890.98765e3", -1);
	if (strcmp(name, "void") == 0)
		return cn_json_null();
	return NULL;
}

CnScope
fuzz_scope(const CnJson *input, int64 limit)
{
	CnScope		scope = {root, (void *) input, limit};

	return scope;
}
