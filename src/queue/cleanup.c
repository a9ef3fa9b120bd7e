/*
 * cleanup.c -- what goes with a workspace.
 *
 * These tables have no foreign keys: what writes them must not lock rows of other tables.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "core/spi.h"
#include "queue/cleanup.h"
#include "queue/wake.h"

#define DELETE_FROM(table) \
	{ \
		.sql = "DELETE FROM @." table \
		" WHERE $1 IS NULL OR workspace_id OPERATOR(pg_catalog.=) $1", \
		.write = true, .nargs = 1, .argtypes = {UUIDOID} \
	}

static CnStatement deletes[] = {
	DELETE_FROM("connector_queue"),
	DELETE_FROM("connector_idempotency_keys"),
	DELETE_FROM("connector_dead_letters"),
	DELETE_FROM("connector_pauses"),
};

void
cn_queue_forget_workspace(const pg_uuid_t *workspace)
{
	Datum		value = UUIDPGetDatum(workspace);
	CnSpi		spi;

	cn_spi_begin(&spi);
	for (int i = 0; i < lengthof(deletes); i++)
		(void) cn_spi_run(&deletes[i], &value, workspace ? NULL : "n", 0);
	cn_spi_end(&spi);
	cn_wake_changed_at_commit();
}
