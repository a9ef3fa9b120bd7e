/*
 * schema.c -- JSON Schema as SQL functions.
 *
 * A query that validates many values does so against one schema, mostly.  The
 * last one a call site had is kept compiled in its fn_extra, found again by its
 * bytes.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/memutils.h"

#include "core/jsonb.h"
#include "schema/schema.h"
#include "schema/settings.h"
#include "sqlapi/args.h"

CN_FUNCTION(connector_validate_json);
CN_FUNCTION(connector_json_is_valid);

/* Lives as long as the call site. */
typedef struct SchemaCache
{
	MemoryContext context;		/* of what follows; replaced with the schema */
	MemoryContext scratch;		/* of one validation; emptied before the next */
	Jsonb	   *source;			/* NULL: nothing compiled yet */
	CnSchema   *schema;
} SchemaCache;

static SchemaCache *cached_schema(FunctionCallInfo fcinfo, Jsonb *source);
static void fill_cache(SchemaCache *cache, MemoryContext parent, Jsonb *source);
static CnSchema *compile(Jsonb *source);
static void note_problem(void *arg, const char *path, const char *message);
static CnSchemaResult validate(SchemaCache *cache, Jsonb *instance, CnSchemaSink sink, void *arg);
static bool put_violation(void *arg, const CnSchemaViolation *violation);

Datum
connector_validate_json(PG_FUNCTION_ARGS)
{
	SchemaCache *cache = cached_schema(fcinfo, PG_GETARG_JSONB_P(0));

	InitMaterializedSRF(fcinfo, 0);
	(void) validate(cache, PG_GETARG_JSONB_P(1), put_violation, fcinfo->resultinfo);
	return (Datum) 0;
}

Datum
connector_json_is_valid(PG_FUNCTION_ARGS)
{
	SchemaCache *cache = cached_schema(fcinfo, PG_GETARG_JSONB_P(0));

	PG_RETURN_BOOL(validate(cache, PG_GETARG_JSONB_P(1), NULL, NULL) == CN_SCHEMA_VALID);
}

/* ---- schemas ---- */

static SchemaCache *
cached_schema(FunctionCallInfo fcinfo, Jsonb *source)
{
	SchemaCache *cache = fcinfo->flinfo->fn_extra;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SchemaCache));
		fcinfo->flinfo->fn_extra = cache;
	}
	if (cache->source == NULL || VARSIZE(cache->source) != VARSIZE(source) ||
		memcmp(cache->source, source, VARSIZE(source)) != 0)
		fill_cache(cache, fcinfo->flinfo->fn_mcxt, source);
	return cache;
}

/* Raises if the schema has problems; the cache is empty then. */
static void
fill_cache(SchemaCache *cache, MemoryContext parent, Jsonb *source)
{
	MemoryContext caller;
	Jsonb	   *copy;

	cache->source = NULL;
	if (cache->context != NULL)
		MemoryContextDelete(cache->context);
	cache->context = NULL;
	cache->context = AllocSetContextCreate(parent, "connector schema", ALLOCSET_DEFAULT_SIZES);
	cache->scratch = AllocSetContextCreate(cache->context, "connector schema validation",
										   ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(cache->context);
	copy = cn_jsonb_copy(source);
	cache->schema = compile(copy);
	cache->source = copy;
	MemoryContextSwitchTo(caller);
}

typedef struct Problems
{
	StringInfoData text;		/* a line each */
	int			count;
} Problems;

static CnSchema *
compile(Jsonb *source)
{
	CnSchemaOptions options = cn_schema_options();
	Problems	problems = {.count = 0};
	CnSchema   *schema;

	initStringInfo(&problems.text);
	schema = cn_schema_compile(cn_json_from_jsonb(source), &options, note_problem, &problems);
	if (schema == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg_plural("the JSON schema has %d problem", "the JSON schema has %d problems",
							   problems.count, problems.count),
				 errdetail_internal("%s", problems.text.data)));
	return schema;
}

static void
note_problem(void *arg, const char *path, const char *message)
{
	Problems   *problems = arg;

	appendStringInfo(&problems->text, "%s#%s: %s", problems->count > 0 ? "\n" : "", path, message);
	problems->count++;
}

/* ---- values ---- */

static CnSchemaResult
validate(SchemaCache *cache, Jsonb *instance, CnSchemaSink sink, void *arg)
{
	CnSchemaOptions options = cn_schema_options();
	CnSchemaResult result;
	const char *limit;
	MemoryContext caller;

	MemoryContextReset(cache->scratch);
	caller = MemoryContextSwitchTo(cache->scratch);
	result = cn_schema_validate(cache->schema, cn_json_from_jsonb(instance), &options, sink, arg,
								&limit);
	MemoryContextSwitchTo(caller);
	if (result == CN_SCHEMA_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("could not decide whether a value is valid"),
				 errdetail_internal("%c%s.", pg_toupper((unsigned char) limit[0]), limit + 1)));
	return result;
}

static bool
put_violation(void *arg, const CnSchemaViolation *violation)
{
	ReturnSetInfo *rsinfo = arg;
	Datum		values[4] = {
		CStringGetTextDatum(violation->instance_path),
		CStringGetTextDatum(violation->schema_path),
		CStringGetTextDatum(violation->keyword),
		CStringGetTextDatum(violation->message)
	};
	bool		nulls[4] = {false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return true;
}
