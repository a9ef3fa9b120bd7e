/*
 * cancel.c -- ending executions that are not wanted any more.
 *
 * The row is locked first, which waits for the worker that claims or records it at that
 * moment, and no longer; then it is clear whether somebody runs it.  Workers skip the row
 * until the transaction ends, so it holds none of them up.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/jsonb.h"

#include "core/spi.h"
#include "queue/cancel.h"
#include "queue/history.h"
#include "queue/notify.h"
#include "queue/wake.h"

/* What the history says of it, if it ends here; the name of a connector that is gone is in its versions. */
static CnStatement lock_row = {
	.sql = "SELECT q.lease IS NOT NULL, q.connector_id,"
	" COALESCE((SELECT c.name FROM @.connectors c"
	"   WHERE c.workspace_id OPERATOR(pg_catalog.=) q.workspace_id"
	"   AND c.id OPERATOR(pg_catalog.=) q.connector_id),"
	"  (SELECT v.name FROM @.connector_versions v"
	"   WHERE v.workspace_id OPERATOR(pg_catalog.=) q.workspace_id"
	"   AND v.connector_id OPERATOR(pg_catalog.=) q.connector_id ORDER BY v.version DESC LIMIT 1),"
	"  q.connector_id::pg_catalog.text),"
	" q.created_at, q.attempt, q.notify, q.trigger, q.identity, q.correlation_id,"
	" q.idempotency_key, q.input FROM @.connector_queue q"
	" WHERE q.workspace_id OPERATOR(pg_catalog.=) $1 AND q.id OPERATOR(pg_catalog.=) $2 FOR UPDATE",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

enum
{
	LOCKED_LEASED = 1,
	LOCKED_CONNECTOR,
	LOCKED_NAME,
	LOCKED_CREATED_AT,
	LOCKED_ATTEMPT,
	LOCKED_NOTIFY,
	LOCKED_TRIGGER,
	LOCKED_IDENTITY,
	LOCKED_CORRELATION,
	LOCKED_KEY,
	LOCKED_INPUT
};

static CnStatement delete_row = {
	.sql = "DELETE FROM @.connector_queue"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement request_cancel = {
	.sql = "UPDATE @.connector_queue SET cancel_requested = true"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
	" AND NOT cancel_requested",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

char *
cn_cancel_message(const char *by)
{
	return by ? psprintf("cancelled by %s", by) : pstrdup("cancelled");
}

/* Its history, of the row in SPI_tuptable. */
static void
record(const pg_uuid_t *workspace, const pg_uuid_t *id, const char *by)
{
	MemoryContext context = CurrentMemoryContext;
	CnHistoryRows rows = {.context = context};
	bool		isnull;
	CnHistoryUnrun unrun = {
		.workspace = *workspace,
		.id = *id,
		.connector_name = cn_spi_text(0, LOCKED_NAME, context),
		.input = DatumGetJsonbP(cn_spi_value(0, LOCKED_INPUT, &isnull)),
	};
	CnHistoryExtra extra = {
		.created_at = DatumGetTimestampTz(cn_spi_value(0, LOCKED_CREATED_AT, &isnull)),
		.attempt = DatumGetInt32(cn_spi_value(0, LOCKED_ATTEMPT, &isnull)),
		.trigger = cn_spi_text(0, LOCKED_TRIGGER, context),
		.executed_by = cn_spi_text(0, LOCKED_IDENTITY, context),
		.correlation_id = cn_spi_text(0, LOCKED_CORRELATION, context),
		.idempotency_key = cn_spi_text(0, LOCKED_KEY, context),
	};

	cn_spi_uuid(0, LOCKED_CONNECTOR, &unrun.connector);
	cn_fail(&unrun.failure, CN_CANCELLED, "%s", cn_cancel_message(by));
	cn_history_write_unrun(&rows, &unrun, &extra);
	cn_history_flush(&rows);
	if (DatumGetBool(cn_spi_value(0, LOCKED_NOTIFY, &isnull)))
		cn_notify_finished(id, cn_status_name(&unrun.failure));
}

CnCancel
cn_queue_cancel(const pg_uuid_t *workspace, const pg_uuid_t *id, const char *by)
{
	Datum		values[2] = {UUIDPGetDatum(workspace), UUIDPGetDatum(id)};
	CnCancel	result = CN_CANCEL_TOO_LATE;
	bool		isnull;
	CnSpi		spi;

	cn_spi_begin(&spi);
	if (cn_spi_run(&lock_row, values, NULL, 1) == 0)
		result = CN_CANCEL_TOO_LATE;
	else if (DatumGetBool(cn_spi_value(0, LOCKED_LEASED, &isnull)))
	{
		if (cn_spi_run(&request_cancel, values, NULL, 0) > 0)
			cn_wake_cancel_at_commit(id);
		result = CN_CANCEL_REQUESTED;
	}
	else
	{
		record(workspace, id, by);
		(void) cn_spi_run(&delete_row, values, NULL, 0);
		result = CN_CANCEL_DONE;
	}
	cn_spi_end(&spi);
	return result;
}
