/*
 * provider_schema.c -- docs/provider.schema.json, built into the library.  Pure.
 *
 * Built in rather than read when it is needed: a library and the schema it checks by are of one
 * version then, whatever files are installed.  The included text is made by the Makefiles.
 */
#include "catalog/provider_check.h"

const char	cn_provider_schema_text[] =
#include "catalog/provider_schema.inc"
;

CnSchema *
cn_provider_schema(void)
{
	CnJsonError error;
	CnJson	   *source = cn_json_parse(cn_provider_schema_text, sizeof(cn_provider_schema_text) - 1,
									   NULL, &error);

	return source ? cn_schema_compile(source, NULL, NULL, NULL) : NULL;
}
