/*
 * mapping_plan.c -- the statement of a mapping, and its plan.
 *
 * Plans are kept, by text and parameter types, which both follow from the table's
 * columns as they are now.  So a changed table gives another text, or a text
 * whose plan the server makes anew by itself; it does so for another role, other
 * row security and another search path, too.  A kept plan of a few columns takes
 * about 10 kB.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "sync/mapping.h"

/* A session that works for many connectors uses few of them at a time. */
#define MAX_PLANS 64

typedef struct KeptPlan
{
	dlist_node	node;			/* most recently used first */
	int			pins;
	bool		dropped;		/* out of the list; goes with its last pin */
	uint32		hash;
	char	   *sql;
	int			nargs;
	Oid		   *types;
	SPIPlanPtr	plan;
} KeptPlan;

/* Holds a pin; lives in the context it was taken for. */
typedef struct PlanPin
{
	MemoryContextCallback callback;
	KeptPlan   *kept;
} PlanPin;

static dlist_head plans = DLIST_STATIC_INIT(plans);
static int	plan_count = 0;

/* ---- text ---- */

static const char *
column(const CnFieldMapping *mapping, int i)
{
	return quote_identifier(mapping->columns[i].name);
}

static void
append_assignments(StringInfo sql, const CnFieldMapping *mapping)
{
	for (int i = mapping->key_count; i < mapping->column_count; i++)
		appendStringInfo(sql, "%s%s = $%d", i > mapping->key_count ? ", " : "",
						 column(mapping, i), i + 1);
}

static char *
update_text(const CnFieldMapping *mapping, const CnMappingTarget *target)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "UPDATE %s AS t SET ", target->name);
	append_assignments(&sql, mapping);
	for (int i = 0; i < mapping->key_count; i++)
		appendStringInfo(&sql, " %s t.%s %s $%d", i ? "AND" : "WHERE", column(mapping, i),
						 target->equals[i], i + 1);
	return sql.data;
}

static void
append_columns(StringInfo sql, const CnFieldMapping *mapping, int count)
{
	for (int i = 0; i < count; i++)
		appendStringInfo(sql, "%s%s", i ? ", " : "", column(mapping, i));
}

/* Parameters, not "excluded": reading that would take the right to SELECT the columns. */
static char *
upsert_text(const CnFieldMapping *mapping, const CnMappingTarget *target)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO %s (", target->name);
	append_columns(&sql, mapping, mapping->column_count);
	appendStringInfoString(&sql, ") VALUES (");
	for (int i = 0; i < mapping->column_count; i++)
		appendStringInfo(&sql, "%s$%d", i ? ", " : "", i + 1);
	appendStringInfoString(&sql, ") ON CONFLICT (");
	append_columns(&sql, mapping, mapping->key_count);
	appendStringInfoString(&sql, ") DO UPDATE SET ");
	append_assignments(&sql, mapping);
	return sql.data;
}

/* ---- plans ---- */

static void
free_plan(KeptPlan *kept)
{
	SPI_freeplan(kept->plan);
	pfree(kept->types);
	pfree(kept->sql);
	pfree(kept);
}

static void
unpin(void *arg)
{
	KeptPlan   *kept = ((PlanPin *) arg)->kept;

	if (--kept->pins == 0 && kept->dropped)
		free_plan(kept);
}

/* A trigger of the table may run connectors itself and so push plans out of the list. */
static void
pin(KeptPlan *kept, MemoryContext context)
{
	PlanPin    *taken = MemoryContextAlloc(context, sizeof(PlanPin));

	taken->kept = kept;
	taken->callback.func = unpin;
	taken->callback.arg = taken;
	MemoryContextRegisterResetCallback(context, &taken->callback);
	kept->pins++;
}

static void
drop_oldest(void)
{
	KeptPlan   *kept = dlist_container(KeptPlan, node, dlist_tail_node(&plans));

	dlist_delete(&kept->node);
	plan_count--;
	kept->dropped = true;
	if (kept->pins == 0)
		free_plan(kept);
}

static KeptPlan *
find_plan(uint32 hash, const char *sql, int nargs, const Oid *types)
{
	dlist_iter	iter;

	dlist_foreach(iter, &plans)
	{
		KeptPlan   *kept = dlist_container(KeptPlan, node, iter.cur);

		if (kept->hash == hash && kept->nargs == nargs && strcmp(kept->sql, sql) == 0 &&
			memcmp(kept->types, types, sizeof(Oid) * nargs) == 0)
		{
			dlist_move_head(&plans, &kept->node);
			return kept;
		}
	}
	return NULL;
}

static KeptPlan *
make_plan(uint32 hash, const char *sql, int nargs, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(sql, nargs, types);
	KeptPlan   *kept;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	kept = MemoryContextAllocZero(TopMemoryContext, sizeof(KeptPlan));
	kept->hash = hash;
	kept->sql = MemoryContextStrdup(TopMemoryContext, sql);
	kept->nargs = nargs;
	kept->types = MemoryContextAlloc(TopMemoryContext, sizeof(Oid) * nargs);
	memcpy(kept->types, types, sizeof(Oid) * nargs);
	if (SPI_keepplan(plan))
		elog(ERROR, "SPI_keepplan failed");
	kept->plan = plan;
	dlist_push_head(&plans, &kept->node);
	if (++plan_count > MAX_PLANS)
		drop_oldest();
	return kept;
}

SPIPlanPtr
cn_mapping_plan(const CnFieldMapping *mapping, const CnMappingTarget *target,
				MemoryContext context)
{
	char	   *sql = mapping->mode == CN_MAPPING_UPSERT ? upsert_text(mapping, target)
		: update_text(mapping, target);
	uint32		hash = hash_bytes((const unsigned char *) sql, strlen(sql));
	KeptPlan   *kept = find_plan(hash, sql, mapping->column_count, target->types);

	if (kept == NULL)
		kept = make_plan(hash, sql, mapping->column_count, target->types);
	pin(kept, context);
	return kept->plan;
}
