/*
 * cache.c -- saved connectors, compiled once per process.
 *
 * A list of compiled connectors, found by workspace and the name or id that
 * was asked for.  When rows of connectors change anywhere, the whole list is
 * doubted; an entry is trusted again once its row's version is seen to be the same,
 * so saving one connector does not make everybody compile all of theirs.  One that uses actions
 * of providers is compiled anew when any provider has changed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "catalog/cache.h"
#include "catalog/provider_lookup.h"
#include "catalog/settings.h"
#include "core/install.h"
#include "core/jsonb.h"
#include "core/report.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "schema/settings.h"

/* Compiled definitions of some kB each. */
#define MAX_ENTRIES 256

typedef struct CnCacheEntry
{
	dlist_node	node;			/* most recently used first */
	char	   *asked;			/* name or id text it was asked for */
	uint64		generation;		/* of connectors, when last compared with its row */
	CnConnector *connector;
} CnCacheEntry;

/* Holds a pin; lives in the context it was taken for. */
typedef struct CnPin
{
	MemoryContextCallback callback;
	CnConnector *connector;
} CnPin;

static MemoryContext cache_context = NULL;
static dlist_head entries = DLIST_STATIC_INIT(entries);
static int	entry_count = 0;

/* Who saved the definition as it is. */
#define SAVED_BY \
	"(SELECT changed_by FROM @.connector_versions v" \
	"  WHERE v.workspace_id OPERATOR(pg_catalog.=) c.workspace_id" \
	"  AND v.connector_id OPERATOR(pg_catalog.=) c.id AND v.version OPERATOR(pg_catalog.=) c.version)"

/* What compile_row and still_right read, in the order of the numbers below. */
#define SELECT_CONNECTOR \
	"SELECT id, version, enabled, xmin, log_response_data, timeout_ms, max_retries," \
	" continue_on_error, name, config, input_schema, field_mappings, " SAVED_BY " FROM @.connectors c"

enum
{
	ROW_ID = 1,
	ROW_VERSION,
	ROW_ENABLED,
	ROW_XMIN,
	ROW_LOG,
	ROW_TIMEOUT,
	ROW_RETRIES,
	ROW_CONTINUE,
	ROW_NAME,
	ROW_CONFIG,
	ROW_SCHEMA,
	ROW_MAPPINGS,
	ROW_SAVED_BY
};

static CnStatement by_name = {
	.sql = SELECT_CONNECTOR
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static CnStatement by_id = {
	.sql = SELECT_CONNECTOR
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

/* ---- compiling ---- */

/*
 * The server's parser raises; a subtransaction makes that an answer.  Only
 * saving asks for it, so the price does not matter.
 */
const char *
cn_check_jsonpath(const char *path)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	const char *volatile wrong = NULL;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		(void) DirectFunctionCall1(jsonpath_in, CStringGetDatum(path));
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		wrong = psprintf("not a SQL/JSON path: %s", error->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return wrong;
}

/* What references of a field mapping begin with, beside the output. */
static const char *const *
mapping_roots(const CnDefinition *definition)
{
	int			count = definition ? definition->all_count : 0;
	const char **roots = palloc(sizeof(char *) * (count + 5));
	int			n = 0;

	roots[n++] = "input";
	roots[n++] = "execution";
	roots[n++] = "now";
	roots[n++] = "steps";
	for (int i = 0; i < count; i++)
		roots[n++] = definition->all[i]->id;
	roots[n] = NULL;
	return roots;
}

static void
schema_problem(void *arg, const char *path, const char *message)
{
	cn_problem(arg, psprintf("$.input_schema%s", path), "%s", message);
}

static CnSchema *
compile_schema(Jsonb *source, CnProblems *problems)
{
	CnSchemaOptions options = cn_schema_options();

	return cn_schema_compile(cn_json_from_jsonb(source), &options, schema_problem, problems);
}

static void
compile_parts(const CnParts *parts, CnPathCheck check_path, const CnDefinitionLimits *limits,
			  CnCompiledParts *compiled, CnProblems *problems)
{
	CnProviderLookup lookup;
	CnCompileOptions options = {
		.check_path = check_path,.limits = limits,.actions = &lookup.lookup
	};

	memset(compiled, 0, sizeof(*compiled));
	cn_provider_lookup_init(&lookup, parts->workspace, CurrentMemoryContext);
	compiled->definition = cn_definition_compile(cn_json_from_jsonb(parts->config), &options,
												 problems);
	compiled->definition_problems = problems->count;
	compiled->uses_providers = lookup.asked;
	if (parts->input_schema)
		compiled->input_schema = compile_schema(parts->input_schema, problems);
	if (parts->field_mappings)
		compiled->mappings = cn_field_mappings_compile(cn_json_from_jsonb(parts->field_mappings),
													   "$.field_mappings",
													   mapping_roots(compiled->definition),
													   check_path, problems);
}

bool
cn_cache_compile(const CnParts *parts, CnCompiledParts *compiled, CnProblems *problems)
{
	CnDefinitionLimits limits = cn_catalog_limits();

	compile_parts(parts, cn_check_jsonpath, parts->any_size ? NULL : &limits, compiled, problems);
	return problems->count == 0;
}

/* What was saved could be saved: by an older version, or with the check of the table disabled. */
static void
refuse_row(const CnConnector *connector)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the definition of connector \"%s\" cannot be used", connector->name),
			 errdetail_internal("%s", connector->problems),
			 errhint("docs/connectors.md describes definitions; connector_check(config) lists the problems of one.")));
}

void
cn_cache_refuse(const char *name, const CnProblems *problems)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_plural("the definition of connector \"%s\" has %d problem",
						   "the definition of connector \"%s\" has %d problems",
						   problems->count, name, problems->count),
			 errdetail_internal("%s", cn_problems_text(problems)),
			 errhint("docs/connectors.md describes definitions; connector_check(config) lists the problems of one.")));
}

/* ---- entries ---- */

static void
unpin(void *arg)
{
	CnConnector *connector = ((CnPin *) arg)->connector;

	if (--connector->pins == 0 && connector->dropped)
		MemoryContextDelete(connector->context);
}

static CnConnector *
pin(CnConnector *connector, MemoryContext context)
{
	CnPin	   *taken = MemoryContextAlloc(context, sizeof(CnPin));

	taken->connector = connector;
	taken->callback.func = unpin;
	taken->callback.arg = taken;
	MemoryContextRegisterResetCallback(context, &taken->callback);
	connector->pins++;
	return connector;
}

static void
drop_entry(CnCacheEntry *entry)
{
	CnConnector *connector = entry->connector;

	dlist_delete(&entry->node);
	entry_count--;
	pfree(entry->asked);
	pfree(entry);
	connector->dropped = true;
	if (connector->pins == 0)
		MemoryContextDelete(connector->context);
}

static CnCacheEntry *
find_entry(const pg_uuid_t *workspace, const char *asked)
{
	dlist_iter	iter;

	dlist_foreach(iter, &entries)
	{
		CnCacheEntry *entry = dlist_container(CnCacheEntry, node, iter.cur);

		if (cn_uuid_equal(&entry->connector->workspace, workspace) &&
			strcmp(entry->asked, asked) == 0)
		{
			dlist_move_head(&entries, &entry->node);
			return entry;
		}
	}
	return NULL;
}

/* A jsonb of the row in SPI_tuptable, in the current context; NULL if it is null. */
static Jsonb *
row_jsonb(int column)
{
	bool		isnull;
	Datum		value = cn_spi_value(0, column, &isnull);

	return isnull ? NULL : DatumGetJsonbPCopy(value);
}

static void
compile_row_parts(CnConnector *connector)
{
	CnParts		parts = {
		.config = row_jsonb(ROW_CONFIG),
		.input_schema = row_jsonb(ROW_SCHEMA),
		.field_mappings = row_jsonb(ROW_MAPPINGS),
		.workspace = &connector->workspace,
	};
	CnCompiledParts *compiled = &connector->compiled;
	char	   *saved_by = cn_spi_text(0, ROW_SAVED_BY, connector->context);
	CnProblems	problems;

	/* before it is used: what changes meanwhile is not in it */
	connector->providers = cn_provider_generation();
	compile_parts(&parts, NULL, NULL, compiled, &problems);
	if (problems.count > 0)
	{
		*compiled = (CnCompiledParts) {.uses_providers = compiled->uses_providers};
		connector->problems = cn_problems_text(&problems);
		return;
	}
	if (compiled->mappings)
		compiled->mappings->saved_by = saved_by;
}

/* Has a provider changed since, of which it may have an action? */
static bool
is_outdated(const CnConnector *connector)
{
	return connector->compiled.uses_providers &&
		connector->providers != cn_provider_generation();
}

/* Compile the row in SPI_tuptable. */
static CnConnector *
compile_row(const pg_uuid_t *workspace)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "connector definition",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CnConnector *connector = palloc0(sizeof(CnConnector));
	bool		isnull;

	connector->context = context;
	connector->workspace = *workspace;
	cn_spi_uuid(0, ROW_ID, &connector->id);
	connector->version = DatumGetInt32(cn_spi_value(0, ROW_VERSION, &isnull));
	connector->enabled = DatumGetBool(cn_spi_value(0, ROW_ENABLED, &isnull));
	connector->xmin = DatumGetTransactionId(cn_spi_value(0, ROW_XMIN, &isnull));
	connector->log_response_data = DatumGetBool(cn_spi_value(0, ROW_LOG, &isnull));
	connector->timeout_ms = DatumGetInt32(cn_spi_value(0, ROW_TIMEOUT, &isnull));
	connector->max_retries = DatumGetInt32(cn_spi_value(0, ROW_RETRIES, &isnull));
	connector->continue_on_error = DatumGetBool(cn_spi_value(0, ROW_CONTINUE, &isnull));
	connector->name = cn_spi_text(0, ROW_NAME, context);
	compile_row_parts(connector);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, cache_context);
	return connector;
}

static CnCacheEntry *
add_entry(const char *asked, CnConnector *connector)
{
	CnCacheEntry *entry = MemoryContextAlloc(cache_context, sizeof(CnCacheEntry));

	entry->asked = MemoryContextStrdup(cache_context, asked);
	entry->connector = connector;
	dlist_push_head(&entries, &entry->node);
	if (++entry_count > MAX_ENTRIES)
		drop_entry(dlist_container(CnCacheEntry, node, dlist_tail_node(&entries)));
	return entry;
}

static uint64
read_row(const pg_uuid_t *workspace, const char *asked)
{
	Datum		values[2];
	pg_uuid_t	id;

	values[0] = UUIDPGetDatum(workspace);
	if (cn_uuid_parse(asked, &id))
	{
		values[1] = UUIDPGetDatum(&id);
		if (cn_spi_run(&by_id, values, NULL, 1) > 0)
			return 1;
	}
	values[1] = CStringGetTextDatum(asked);
	return cn_spi_run(&by_name, values, NULL, 1);
}

/*
 * Is the entry what the row in SPI_tuptable would compile to?  The version alone does
 * not tell: one that was rolled back may have been given anew, and enabled makes none.
 */
static bool
still_right(const CnCacheEntry *entry)
{
	const CnConnector *connector = entry->connector;
	bool		isnull;
	pg_uuid_t	id;

	cn_spi_uuid(0, ROW_ID, &id);
	return !is_outdated(connector) && cn_uuid_equal(&id, &connector->id) &&
		connector->version == DatumGetInt32(cn_spi_value(0, ROW_VERSION, &isnull)) &&
		connector->enabled == DatumGetBool(cn_spi_value(0, ROW_ENABLED, &isnull)) &&
		connector->xmin == DatumGetTransactionId(cn_spi_value(0, ROW_XMIN, &isnull));
}

/* Compare with, or make from, the row; NULL if there is none. */
static CnCacheEntry *
refresh_entry(const pg_uuid_t *workspace, const char *asked, CnCacheEntry *entry)
{
	uint64		generation = cn_install_generation(CN_TABLE_CONNECTORS);
	CnSpi		spi;

	cn_spi_begin(&spi);
	if (read_row(workspace, asked) == 0)
	{
		if (entry)
			drop_entry(entry);
		entry = NULL;
	}
	else if (entry == NULL || !still_right(entry))
	{
		CnConnector *connector = compile_row(workspace);

		if (entry)
			drop_entry(entry);
		entry = add_entry(asked, connector);
	}
	if (entry)
		entry->generation = generation;
	cn_spi_end(&spi);
	return entry;
}

static CnConnector *
look(const pg_uuid_t *workspace, const char *name, MemoryContext context)
{
	CnCacheEntry *entry;

	(void) cn_install();
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(CacheMemoryContext, "connector definitions",
											  ALLOCSET_DEFAULT_SIZES);
	entry = find_entry(workspace, name);
	if (entry == NULL || entry->generation != cn_install_generation(CN_TABLE_CONNECTORS) ||
		is_outdated(entry->connector))
		entry = refresh_entry(workspace, name, entry);
	return entry ? pin(entry->connector, context) : NULL;
}

CnConnector *
cn_cache_look(const pg_uuid_t *workspace, const pg_uuid_t *id, MemoryContext context)
{
	char		text[CN_UUID_TEXT_LEN + 1];

	return look(workspace, cn_uuid_text(id, text), context);
}

CnConnector *
cn_cache_get(const pg_uuid_t *workspace, const char *name, MemoryContext context)
{
	CnConnector *connector = look(workspace, name, context);

	if (connector && connector->problems)
		refuse_row(connector);
	return connector;
}
