/*
 * cache.c -- saved connectors, compiled once per process.
 *
 * A list of compiled connectors, found by workspace and the name or id that
 * was asked for.  When rows of connectors change anywhere, the whole list is
 * doubted; an entry is trusted again once its row's version is seen to be the same,
 * so saving one connector does not make everybody compile all of theirs.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "catalog/cache.h"
#include "catalog/settings.h"
#include "core/install.h"
#include "core/jsonb.h"
#include "core/report.h"
#include "core/spi.h"
#include "core/uuid.h"

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

static CnStatement by_name = {
	.sql = "SELECT id, version, enabled, log_response_data, timeout_ms, name, config, xmin,"
	" max_retries, continue_on_error"
	"  FROM @.connectors"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static CnStatement by_id = {
	.sql = "SELECT id, version, enabled, log_response_data, timeout_ms, name, config, xmin,"
	" max_retries, continue_on_error"
	"  FROM @.connectors"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

/* ---- compiling ---- */

/*
 * The server's parser raises; a subtransaction makes that an answer.  Only
 * saving asks for it, so the price does not matter.
 */
static const char *
check_jsonpath(const char *path)
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

CnDefinition *
cn_cache_compile(Jsonb *config, CnProblems *problems)
{
	CnDefinitionLimits limits = cn_catalog_limits();

	return cn_definition_compile(cn_json_from_jsonb(config), check_jsonpath, &limits, problems);
}

void
cn_cache_refuse(const char *name, const CnProblems *problems)
{
	StringInfoData detail;

	initStringInfo(&detail);
	for (int i = 0; i < problems->count; i++)
		appendStringInfo(&detail, "%s%s: %s", i ? "\n" : "",
						 problems->list[i].path, problems->list[i].message);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_plural("the definition of connector \"%s\" has %d problem",
						   "the definition of connector \"%s\" has %d problems",
						   problems->count, name, problems->count),
			 errdetail_internal("%s", detail.data),
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

/* Compile the row in SPI_tuptable. */
static CnConnector *
compile_row(const pg_uuid_t *workspace)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "connector definition",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CnConnector *connector = palloc0(sizeof(CnConnector));
	CnProblems	problems;
	bool		isnull;

	connector->context = context;
	connector->workspace = *workspace;
	cn_spi_uuid(0, 1, &connector->id);
	connector->version = DatumGetInt32(cn_spi_value(0, 2, &isnull));
	connector->enabled = DatumGetBool(cn_spi_value(0, 3, &isnull));
	connector->log_response_data = DatumGetBool(cn_spi_value(0, 4, &isnull));
	connector->timeout_ms = DatumGetInt32(cn_spi_value(0, 5, &isnull));
	connector->name = cn_spi_text(0, 6, context);
	connector->xmin = DatumGetTransactionId(cn_spi_value(0, 8, &isnull));
	connector->max_retries = DatumGetInt32(cn_spi_value(0, 9, &isnull));
	connector->continue_on_error = DatumGetBool(cn_spi_value(0, 10, &isnull));
	connector->definition = cn_definition_compile(
		cn_json_from_jsonb(DatumGetJsonbPCopy(cn_spi_value(0, 7, &isnull))), NULL, NULL,
		&problems);
	if (connector->definition == NULL)
		cn_cache_refuse(connector->name, &problems);
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

	cn_spi_uuid(0, 1, &id);
	return cn_uuid_equal(&id, &connector->id) &&
		connector->version == DatumGetInt32(cn_spi_value(0, 2, &isnull)) &&
		connector->enabled == DatumGetBool(cn_spi_value(0, 3, &isnull)) &&
		connector->xmin == DatumGetTransactionId(cn_spi_value(0, 8, &isnull));
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

CnConnector *
cn_cache_get(const pg_uuid_t *workspace, const char *name, MemoryContext context)
{
	CnCacheEntry *entry;

	(void) cn_install();
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(CacheMemoryContext, "connector definitions",
											  ALLOCSET_DEFAULT_SIZES);
	entry = find_entry(workspace, name);
	if (entry == NULL || entry->generation != cn_install_generation(CN_TABLE_CONNECTORS))
		entry = refresh_entry(workspace, name, entry);
	return entry ? pin(entry->connector, context) : NULL;
}
