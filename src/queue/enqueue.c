/*
 * enqueue.c -- putting executions into the queue.
 *
 * Rows go in the way COPY writes (core/table.h), those of one call together, and
 * nothing is kept of them in memory: the last of many costs what the first did.  Where
 * somebody put a trigger on the table, or a column, a row goes through an ordinary INSERT.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/clock.h"
#include "core/identity.h"
#include "core/install.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "queue/enqueue.h"

/* The columns of a row, in the order of the table. */
enum
{
	QUEUE_WORKSPACE,
	QUEUE_ID,
	QUEUE_CONNECTOR,
	QUEUE_LEASE,
	QUEUE_CLAIMED_AT,
	QUEUE_DUE_AT,
	QUEUE_CREATED_AT,
	QUEUE_ATTEMPT,
	QUEUE_PRIORITY,
	QUEUE_CRASHES,
	QUEUE_SENDING,
	QUEUE_CANCEL_REQUESTED,
	QUEUE_NOTIFY,
	QUEUE_TRIGGER,
	QUEUE_IDENTITY,
	QUEUE_RUN_AS,
	QUEUE_CLAIMS,
	QUEUE_CORRELATION,
	QUEUE_IDEMPOTENCY_KEY,
	QUEUE_INPUT,
	QUEUE_CHECKPOINT,
	QUEUE_COLUMNS
};

static const char *const column_names[QUEUE_COLUMNS] = {
	"workspace_id", "id", "connector_id", "lease", "claimed_at", "due_at", "created_at",
	"attempt", "priority", "crashes", "sending", "cancel_requested", "notify", "trigger",
	"identity", "run_as", "claims", "correlation_id", "idempotency_key", "input", "checkpoint"
};

static CnStatement insert_statement = {
	.sql = "INSERT INTO @.connector_queue (workspace_id, id, connector_id, lease, claimed_at, due_at,"
	" created_at, attempt, priority, crashes, sending, cancel_requested, notify, trigger,"
	" identity, run_as, claims, correlation_id, idempotency_key, input, checkpoint)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
	" $19, $20, $21)",
	.write = true,
	.nargs = QUEUE_COLUMNS,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		TIMESTAMPTZOID, INT4OID, INT2OID, INT2OID, BOOLOID, BOOLOID, BOOLOID, TEXTOID,
	TEXTOID, NAMEOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, JSONBOID},
};

typedef struct Row
{
	Datum		values[QUEUE_COLUMNS];
	bool		nulls[QUEUE_COLUMNS];
} Row;

void
cn_enqueue_begin(CnEnqueue *queue, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	memset(queue, 0, sizeof(*queue));
	queue->context = context;
	queue->now = cn_now();
	queue->identity = cn_identity_name();
	queue->claims = cn_identity_claims();
	namestrcpy(&queue->run_as, GetUserNameFromId(GetUserId(), false));
	MemoryContextSwitchTo(old);
}

void
cn_enqueue_id(TimestampTz due_at, pg_uuid_t *id)
{
	if (due_at)
		cn_uuid_v7_at(due_at, id);
	else
		cn_uuid_v7(id);
}

/* ---- a row ---- */

static void
set_value(Row *row, int col, Datum value)
{
	row->values[col] = value;
	row->nulls[col] = false;
}

static void
set_text(Row *row, int col, const char *value)
{
	if (value && value[0])
		set_value(row, col, CStringGetTextDatum(value));
}

static void
fill_asker(Row *row, const CnEnqueue *queue)
{
	set_value(row, QUEUE_CREATED_AT, TimestampTzGetDatum(queue->now));
	set_text(row, QUEUE_IDENTITY, queue->identity);
	set_value(row, QUEUE_RUN_AS, NameGetDatum(&queue->run_as));
	set_text(row, QUEUE_CLAIMS, queue->claims);
}

static void
fill_entry(Row *row, const CnQueueEntry *entry)
{
	set_value(row, QUEUE_WORKSPACE, UUIDPGetDatum(&entry->lane.workspace));
	set_value(row, QUEUE_ID, UUIDPGetDatum(&entry->id));
	set_value(row, QUEUE_CONNECTOR, UUIDPGetDatum(&entry->lane.connector));
	set_value(row, QUEUE_PRIORITY, Int16GetDatum(entry->lane.priority));
	if (entry->due_at)
		set_value(row, QUEUE_DUE_AT, TimestampTzGetDatum(entry->due_at));
	set_value(row, QUEUE_ATTEMPT, Int32GetDatum(entry->attempt));
	set_value(row, QUEUE_CRASHES, Int16GetDatum(0));
	set_value(row, QUEUE_SENDING, BoolGetDatum(false));
	set_value(row, QUEUE_CANCEL_REQUESTED, BoolGetDatum(false));
	set_value(row, QUEUE_NOTIFY, BoolGetDatum(entry->notify));
	set_text(row, QUEUE_TRIGGER, entry->trigger);
	set_text(row, QUEUE_CORRELATION, entry->correlation_id);
	set_text(row, QUEUE_IDEMPOTENCY_KEY, entry->idempotency_key);
	set_value(row, QUEUE_INPUT, JsonbPGetDatum(entry->input));
	if (entry->checkpoint)
		set_value(row, QUEUE_CHECKPOINT, JsonbPGetDatum(entry->checkpoint));
}

void
cn_enqueue_add(CnEnqueue *queue, const CnQueueEntry *entry)
{
	Row			row;

	memset(row.nulls, true, sizeof(row.nulls));
	fill_asker(&row, queue);
	fill_entry(&row, entry);
	if (queue->writer == NULL)
		queue->writer = cn_table_open(cn_install()->tables[CN_TABLE_QUEUE], QUEUE_COLUMNS,
									  column_names, queue->context);
	if (queue->writer)
		cn_table_add(queue->writer, row.values, row.nulls);
	else
		cn_spi_write_row(&insert_statement, row.values, row.nulls);
	cn_wake_at_commit(&entry->lane, &entry->id, entry->due_at);
}

void
cn_enqueue_flush(CnEnqueue *queue)
{
	CnTableWriter *writer = queue->writer;

	queue->writer = NULL;
	if (writer)
		cn_table_close(writer);
}
