/*
 * pick.c -- what a definition's SQL/JSON paths find in a value.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"

#include "catalog/pick.h"
#include "core/jsonb.h"

/* The server's form of a path, kept beside its text: with the definition. */
static Datum
compiled_path(const CnPath *path)
{
	CnPath	   *kept = unconstify(CnPath *, path);

	if (kept->compiled == NULL)
	{
		MemoryContext context = GetMemoryChunkContext(unconstify(char *, path->text));
		MemoryContext old = MemoryContextSwitchTo(context);

		kept->compiled = DatumGetPointer(DirectFunctionCall1(jsonpath_in,
															 CStringGetDatum(path->text)));
		MemoryContextSwitchTo(old);
	}
	return PointerGetDatum(kept->compiled);
}

Jsonb *
cn_path_find(const CnPath *path, Jsonb *value, Jsonb *vars)
{
	if (vars == NULL)
		vars = cn_jsonb_empty_object();
	/* _tz: without time zones a date beside a moment is an error that silence does not cover */
	return DatumGetJsonbP(DirectFunctionCall4(jsonb_path_query_array_tz, JsonbPGetDatum(value),
											  compiled_path(path), JsonbPGetDatum(vars),
											  BoolGetDatum(true)));
}

Jsonb *
cn_path_pick(const CnPath *path, Jsonb *value)
{
	Jsonb	   *items = cn_path_find(path, value, NULL);

	if (path->many || JB_ROOT_COUNT(items) > 1)
		return items;
	if (JB_ROOT_COUNT(items) == 0)
		return NULL;
	return JsonbValueToJsonb(getIthJsonbValueFromContainer(&items->root, 0));
}
