/*
 * openapi.c -- connector_import_openapi(): a description becomes a provider definition.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "core/jsonb.h"
#include "openapi/openapi.h"
#include "sqlapi/args.h"

CN_FUNCTION(connector_import_openapi);

Datum
connector_import_openapi(PG_FUNCTION_ARGS)
{
	const CnJson *spec = cn_json_from_jsonb(PG_GETARG_JSONB_P(0));
	const CnJson *options = cn_json_from_jsonb(PG_GETARG_JSONB_P(1));
	CnProblems	problems = {0};
	CnJson	   *provider = cn_openapi_import(spec, options, &problems);

	if (provider == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the description cannot be imported"),
				 errdetail("%s", cn_problems_text(&problems)),
				 errhint("It must be an OpenAPI 3.x document as JSON; docs/openapi.md has the options.")));
	PG_RETURN_JSONB_P(cn_jsonb_from_json(provider));
}
