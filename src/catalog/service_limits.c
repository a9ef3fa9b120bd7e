/*
 * service_limits.c -- how often a workspace may call a service: api_rate_limits, and providers.
 *
 * A workspace's rows are read together: which service a step calls may be known only when its
 * URL is rendered, and then nobody may read a table.  A set is made anew when a
 * row changed anywhere, and goes with its last pin.
 *
 * The first of these that has a row of a service's name says all of its limits: the workspace's
 * table, its own provider of that name, the official one.  What official providers say is the same
 * for all, and kept once: in a set of its own, which those of workspaces refer to.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/ilist.h"
#include "utils/memutils.h"

#include "catalog/provider.h"
#include "catalog/service_limits.h"
#include "core/install.h"
#include "core/spi.h"
#include "core/uuid.h"

/* Workspaces in one process; the one not asked for longest goes. */
#define MAX_SETS 256

typedef struct Row
{
	char	   *service;
	CnServiceLimits limits;
} Row;

struct CnServiceLimitSet
{
	MemoryContext context;		/* all of it */
	dlist_node	node;
	pg_uuid_t	workspace;
	int			pins;
	bool		dropped;		/* out of the cache; goes with its last pin */
	CnServiceLimitSet *official;	/* pinned; NULL: this is the one */
	int			count;
	Row		   *rows;			/* in order of their names, as strcmp has it */
};

/* One use of a set; undone when the context it is in goes. */
typedef struct Pin
{
	MemoryContextCallback callback;
	CnServiceLimitSet *set;
} Pin;

static dlist_head sets = DLIST_STATIC_INIT(sets);	/* the last one asked for is first */
static int	set_count = 0;
static uint64 sets_generation;

static CnServiceLimitSet *official_set = NULL;	/* of official providers; pinned by this */
static uint64 official_generation;

/* A figure of a provider; what is stored may be older than the check that it is one. */
#define FIGURE(name) \
	"CASE WHEN pg_catalog.jsonb_typeof(definition OPERATOR(pg_catalog.#>) '{rate_limit," name "}')" \
	" OPERATOR(pg_catalog.=) 'number' THEN LEAST(1000000, GREATEST(1," \
	" pg_catalog.floor((definition OPERATOR(pg_catalog.#>>) '{rate_limit," name "}')::pg_catalog.numeric)))" \
	"::pg_catalog.int4 END"

#define OF_PROVIDERS \
	"SELECT name, " FIGURE("requests_per_minute") ", " FIGURE("requests_per_hour") ", " \
	FIGURE("concurrency") " FROM @.connector_providers p" \
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND availability OPERATOR(pg_catalog.<>) 'disabled'"

static CnStatement read_limits = {
	.sql = "SELECT service_name COLLATE pg_catalog.\"C\" AS service, requests_per_minute,"
	"  requests_per_hour, concurrency"
	"  FROM @.api_rate_limits WHERE workspace_id OPERATOR(pg_catalog.=) $1"
	" UNION ALL " OF_PROVIDERS " AND NOT EXISTS (SELECT FROM @.api_rate_limits l"
	"  WHERE l.workspace_id OPERATOR(pg_catalog.=) $1 AND l.service_name OPERATOR(pg_catalog.=) p.name)"
	" ORDER BY service",
	.nargs = 1,
	.argtypes = {UUIDOID},
};

static CnStatement read_official = {
	.sql = OF_PROVIDERS " ORDER BY name COLLATE pg_catalog.\"C\"",
	.nargs = 1,
	.argtypes = {UUIDOID},
};

/* ---- how long they live ---- */

static void unpin_set(CnServiceLimitSet *set);

static void
delete_set(CnServiceLimitSet *set)
{
	CnServiceLimitSet *official = set->official;

	MemoryContextDelete(set->context);
	if (official)
		unpin_set(official);
}

static void
unpin_set(CnServiceLimitSet *set)
{
	if (--set->pins == 0 && set->dropped)
		delete_set(set);
}

static void
drop(CnServiceLimitSet *set)
{
	dlist_delete(&set->node);
	set_count--;
	set->dropped = true;
	if (set->pins == 0)
		delete_set(set);
}

static void
drop_stale(void)
{
	uint64		generation = cn_install_generation(CN_TABLE_RATE_LIMITS) + cn_provider_generation();

	if (generation == sets_generation)
		return;
	while (!dlist_is_empty(&sets))
		drop(dlist_head_element(CnServiceLimitSet, node, &sets));
	sets_generation = generation;
}

/* ---- reading ---- */

/* A limit of the row; null is none. */
static int
limit_column(uint64 row, int column)
{
	bool		isnull;
	Datum		value = cn_spi_value(row, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

static void
copy_rows(CnServiceLimitSet *set, int count)
{
	set->count = count;
	set->rows = MemoryContextAllocZero(set->context, sizeof(Row) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		Row		   *row = &set->rows[i];

		row->service = cn_spi_text(i, 1, set->context);
		row->limits.per_minute = limit_column(i, 2);
		row->limits.per_hour = limit_column(i, 3);
		row->limits.concurrency = limit_column(i, 4);
	}
}

/* What statement finds for a workspace. */
static CnServiceLimitSet *
read_set(CnStatement *statement, const pg_uuid_t *workspace)
{
	Datum		value = UUIDPGetDatum(workspace);
	MemoryContext context;
	CnServiceLimitSet *set;
	CnSpi		spi;
	uint64		count;

	cn_spi_begin(&spi);
	count = cn_spi_run(statement, &value, NULL, 0);
	context = AllocSetContextCreate(CurrentMemoryContext, "connector service limits",
									ALLOCSET_SMALL_SIZES);
	set = MemoryContextAllocZero(context, sizeof(CnServiceLimitSet));
	set->context = context;
	set->workspace = *workspace;
	copy_rows(set, count);
	MemoryContextSetParent(context, CacheMemoryContext);
	cn_spi_end(&spi);
	return set;
}

/* Those of the official providers, as they are now. */
static CnServiceLimitSet *
find_official(void)
{
	static const pg_uuid_t nobody = {{0}};
	uint64		generation = cn_provider_generation();
	CnServiceLimitSet *set;

	if (official_set && official_generation == generation)
		return official_set;
	set = read_set(&read_official, &nobody);
	set->dropped = true;		/* it is in no list: only pins keep it */
	set->pins = 1;
	if (official_set)
		unpin_set(official_set);
	official_set = set;
	official_generation = generation;
	return set;
}

static CnServiceLimitSet *
add_set(const pg_uuid_t *workspace)
{
	CnServiceLimitSet *official = find_official();
	CnServiceLimitSet *set = read_set(&read_limits, workspace);

	set->official = official;
	official->pins++;
	dlist_push_head(&sets, &set->node);
	if (++set_count > MAX_SETS)
		drop(dlist_tail_element(CnServiceLimitSet, node, &sets));
	return set;
}

static CnServiceLimitSet *
find_set(const pg_uuid_t *workspace)
{
	dlist_iter	iter;

	(void) cn_install();
	drop_stale();
	dlist_foreach(iter, &sets)
	{
		CnServiceLimitSet *set = dlist_container(CnServiceLimitSet, node, iter.cur);

		if (cn_uuid_equal(&set->workspace, workspace))
		{
			dlist_move_head(&sets, &set->node);
			return set;
		}
	}
	return add_set(workspace);
}

static void
unpin(void *arg)
{
	unpin_set(((Pin *) arg)->set);
}

const CnServiceLimitSet *
cn_service_limit_set(const pg_uuid_t *workspace, MemoryContext context)
{
	Pin		   *pin = MemoryContextAlloc(context, sizeof(Pin));

	pin->set = find_set(workspace);
	pin->callback.func = unpin;
	pin->callback.arg = pin;
	MemoryContextRegisterResetCallback(context, &pin->callback);
	pin->set->pins++;
	return pin->set;
}

static int
compare_row(const void *service, const void *row)
{
	return strcmp(service, ((const Row *) row)->service);
}

static const Row *
find_row(const CnServiceLimitSet *set, const char *service)
{
	if (set->count == 0)
		return NULL;
	return bsearch(service, set->rows, set->count, sizeof(Row), compare_row);
}

CnServiceLimits
cn_service_limit_of(const CnServiceLimitSet *set, const char *service)
{
	const Row  *row = NULL;
	CnServiceLimits none = {0};

	if (set && service)
		row = find_row(set, service);
	if (row == NULL && set && service)
		row = find_row(set->official, service);
	return row ? row->limits : none;
}

CnServiceLimits
cn_service_limits(const pg_uuid_t *workspace, const char *service)
{
	return cn_service_limit_of(find_set(workspace), service);
}
