/*
 * lookup.c -- where an execution is, by its id.
 *
 * It is in the queue or in the history, and goes from one to the other in one transaction.
 * One statement looks into both, so it is always seen in one of them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"

#include "core/spi.h"
#include "queue/lookup.h"

#define IN_WORKSPACES \
	" WHERE workspace_id OPERATOR(pg_catalog.=) ANY (COALESCE($1," \
	"  ARRAY(SELECT w.id FROM @.connector_workspaces w))) AND id OPERATOR(pg_catalog.=) $2"

/* Dead letters may be kept longer than the history. */
static CnStatement find_workspace = {
	.sql = "SELECT workspace_id FROM @.connector_queue" IN_WORKSPACES
	" UNION ALL SELECT workspace_id FROM @.connector_history" IN_WORKSPACES
	" UNION ALL SELECT workspace_id FROM @.connector_dead_letters" IN_WORKSPACES,
	.nargs = 2,
	.argtypes = {UUIDARRAYOID, UUIDOID},
};

static CnStatement find_state = {
	.sql = "SELECT true, NULL::pg_catalog.xid, ROW(id, status, output_data, error_code, error_message,"
	" http_status, steps_executed, execution_time_ms)::@.connector_result"
	" FROM @.connector_history"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
	" UNION ALL "
	"SELECT false, xmin, ROW(id, CASE WHEN lease IS NULL THEN 'pending' ELSE 'running' END, NULL, NULL,"
	" NULL, NULL, NULL, NULL)::@.connector_result"
	" FROM @.connector_queue"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement find_input = {
	.sql = "SELECT input FROM @.connector_queue"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

bool
cn_lookup_workspace(ArrayType *workspaces, const pg_uuid_t *id, pg_uuid_t *workspace)
{
	Datum		values[2] = {PointerGetDatum(workspaces), UUIDPGetDatum(id)};
	bool		found;
	CnSpi		spi;

	cn_spi_begin(&spi);
	found = cn_spi_run(&find_workspace, values, workspaces ? NULL : "n ", 1) > 0;
	if (found)
		cn_spi_uuid(0, 1, workspace);
	cn_spi_end(&spi);
	return found;
}

bool
cn_lookup_state(const pg_uuid_t *workspace, const pg_uuid_t *id, CnLookup *state)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	Datum		values[2] = {UUIDPGetDatum(workspace), UUIDPGetDatum(id)};
	Datum		xmin;
	bool		found;
	bool		isnull;
	CnSpi		spi;

	cn_spi_begin(&spi);
	found = cn_spi_run(&find_state, values, NULL, 1) > 0;
	if (found)
	{
		state->finished = DatumGetBool(cn_spi_value(0, 1, &isnull));
		xmin = cn_spi_value(0, 2, &isnull);
		state->uncommitted = !isnull &&
			TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin));
		old = MemoryContextSwitchTo(context);
		state->result = PointerGetDatum(DatumGetHeapTupleHeaderCopy(cn_spi_value(0, 3, &isnull)));
		MemoryContextSwitchTo(old);
	}
	cn_spi_end(&spi);
	return found;
}

Jsonb *
cn_lookup_input(const pg_uuid_t *workspace, const pg_uuid_t *id)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	Datum		values[2] = {UUIDPGetDatum(workspace), UUIDPGetDatum(id)};
	Jsonb	   *result = NULL;
	bool		isnull;
	CnSpi		spi;

	cn_spi_begin(&spi);
	if (cn_spi_run(&find_input, values, NULL, 1) > 0)
	{
		old = MemoryContextSwitchTo(context);
		result = DatumGetJsonbPCopy(cn_spi_value(0, 1, &isnull));
		MemoryContextSwitchTo(old);
	}
	cn_spi_end(&spi);
	return result;
}
