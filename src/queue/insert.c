/*
 * insert.c -- putting rows into the history.
 *
 * Rows go straight into the day's partition (core/table.h), those of one call
 * together.  Where that does not hold - the day has no partition yet, or
 * somebody put a trigger on the history - a row goes through an ordinary INSERT.
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/install.h"
#include "core/spi.h"
#include "core/table.h"
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

void
cn_history_add(CnHistoryRows *rows, CnHistoryRow *row, TimestampTz at)
{
	Oid			relid = partition_of(at);

	if (rows->writer && rows->relid != relid)
		cn_history_flush(rows);
	if (rows->writer == NULL)
		rows->writer = cn_table_open(relid, COL_COUNT, column_names, rows->context);
	rows->relid = relid;
	if (rows->writer)
		cn_table_add(rows->writer, row->values, row->nulls);
	else
		cn_spi_write_row(&insert_statement, row->values, row->nulls);
}

void
cn_history_flush(CnHistoryRows *rows)
{
	CnTableWriter *writer = rows->writer;

	rows->writer = NULL;
	if (writer)
		cn_table_close(writer);
}
