/*
 * insert.c -- putting a row into the history.
 *
 * Recording is part of every call, so it goes the way logical replication
 * applies a row: straight into the day's partition, without planner and portal.
 * That takes about a third of what INSERT through SPI takes.  Where the
 * shortcut does not hold - no partition of the day yet, or somebody put a
 * trigger on the history - the row goes through an ordinary INSERT.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/install.h"
#include "core/spi.h"
#include "queue/insert.h"

/* The partition rows went to last; they arrive in order of time. */
typedef struct CnPartition
{
	uint64		generation;		/* of the history table when it was looked up */
	int64		day;			/* since 2000-01-01, UTC */
	Oid			relid;			/* InvalidOid: the day has none */
} CnPartition;

static CnPartition last;

/* In the order of CnHistoryColumn. */
static const char *const column_names[COL_COUNT] = {
	"workspace_id", "id", "connector_id", "connector_name", "connector_version", "status",
	"trigger", "attempt", "current_step", "steps_executed", "input_data", "output_data",
	"error_code", "error_message", "http_status", "execution_time_ms", "started_at",
	"completed_at", "created_at", "executed_by", "contact_id", "flow_run_id", "correlation_id",
	"idempotency_key"
};

static CnStatement insert_statement = {
	.sql = "INSERT INTO @.connector_history (workspace_id, id, connector_id, connector_name,"
	" connector_version, status, trigger, attempt, current_step, steps_executed, input_data,"
	" output_data, error_code, error_message, http_status, execution_time_ms, started_at,"
	" completed_at, created_at, executed_by, contact_id, flow_run_id, correlation_id,"
	" idempotency_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
	" $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)",
	.write = true,
	.nargs = COL_COUNT,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, TEXTOID, INT4OID, TEXTOID, TEXTOID, INT4OID, TEXTOID,
		JSONBOID, JSONBOID, JSONBOID, TEXTOID, TEXTOID, INT4OID, FLOAT8OID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID},
};

static void
insert_by_statement(CnHistoryRow *row)
{
	char		nulls[COL_COUNT + 1];
	CnSpi		spi;

	for (int i = 0; i < COL_COUNT; i++)
		nulls[i] = row->nulls[i] ? 'n' : ' ';
	nulls[COL_COUNT] = '\0';
	cn_spi_begin(&spi);
	(void) cn_spi_run(&insert_statement, row->values, nulls, 0);
	cn_spi_end(&spi);
}

/* The partition of a day by its name, if it is attached. */
static Oid
find_partition(const CnInstall *install, int64 day)
{
	int			year,
				month,
				mday;
	char		name[NAMEDATALEN];
	Oid			relid;

	j2date((int) day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	snprintf(name, sizeof(name), "connector_history_%04d%02d%02d", year, month, mday);
	relid = get_relname_relid(name, install->schema_oid);
	if (OidIsValid(relid) && has_superclass(relid) &&
		get_partition_parent(relid, true) == install->tables[CN_TABLE_HISTORY])
		return relid;
	return InvalidOid;
}

static Oid
partition_of(TimestampTz at)
{
	const CnInstall *install = cn_install();
	uint64		generation = cn_install_generation(CN_TABLE_HISTORY);
	int64		day = at / USECS_PER_DAY - (at % USECS_PER_DAY < 0);

	if (last.generation != generation || last.day != day)
	{
		last.relid = find_partition(install, day);
		last.generation = generation;
		last.day = day;
	}
	return last.relid;
}

/* Has rel our columns in our order, and nothing that only a statement would run? */
static bool
is_plain(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	if (!rel->rd_rel->relispartition || rel->trigdesc != NULL || desc->natts != COL_COUNT)
		return false;
	for (int i = 0; i < COL_COUNT; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), column_names[i]) != 0)
			return false;
	return true;
}

static void
insert_into(Relation rel, CnHistoryRow *row)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);
	TupleTableSlot *slot;

	InitResultRelInfo(target, rel, 0, NULL, 0);
	slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(rel), table_slot_callbacks(rel));
	memcpy(slot->tts_values, row->values, sizeof(row->values));
	memcpy(slot->tts_isnull, row->nulls, sizeof(row->nulls));
	ExecStoreVirtualTuple(slot);

	ExecOpenIndices(target, false);
	ExecSimpleRelationInsert(target, estate, slot);
	ExecCloseIndices(target);
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
}

void
cn_history_insert(CnHistoryRow *row, TimestampTz at)
{
	Oid			relid = partition_of(at);
	Relation	rel = OidIsValid(relid) ? try_table_open(relid, RowExclusiveLock) : NULL;

	if (rel != NULL && is_plain(rel))
	{
		insert_into(rel, row);
		table_close(rel, NoLock);
		CommandCounterIncrement();
		return;
	}
	if (rel != NULL)
		table_close(rel, NoLock);
	insert_by_statement(row);
}
