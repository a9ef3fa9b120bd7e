/*
 * catalog_reports.c -- what the audit of providers needs that SQL cannot do: the checks of saving.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "catalog/provider_store.h"
#include "core/jsonb.h"
#include "sqlapi/args.h"

CN_FUNCTION(connector_provider_problems);

/* In a context of its own: an audit calls it for provider after provider in one statement. */
Datum
connector_provider_problems(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "connector provider check",
												  ALLOCSET_DEFAULT_SIZES);
	CnProblems	problems = {0};

	InitMaterializedSRF(fcinfo, 0);
	MemoryContextSwitchTo(scratch);
	(void) cn_provider_judge(cn_json_from_jsonb(PG_GETARG_JSONB_P(0)), PG_GETARG_BOOL(1), &problems);
	for (int i = 0; i < problems.count; i++)
	{
		Datum		values[2] = {
			CStringGetTextDatum(problems.list[i].path),
			CStringGetTextDatum(problems.list[i].message)
		};
		bool		nulls[2] = {false, false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return (Datum) 0;
}
