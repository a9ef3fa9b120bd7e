/*
 * stats.c -- statistics and the time in ids, as SQL functions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/identity.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "sqlapi/args.h"
#include "stats/stats.h"

CN_FUNCTION(connector_fold_stats);
CN_FUNCTION(connector_id_at);
CN_FUNCTION(connector_id_time);
CN_FUNCTION(connector_pending_stats);
CN_FUNCTION(increment_connector_stats);

Datum
connector_id_at(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	cn_uuid_v7_floor(PG_GETARG_TIMESTAMPTZ(0), id);
	PG_RETURN_UUID_P(id);
}

Datum
connector_id_time(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(cn_uuid_v7_time(PG_GETARG_UUID_P(0)));
}

Datum
connector_pending_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			count;
	const CnStatDelta *pending = cn_stats_pending(&count);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < count; i++)
	{
		Datum		values[5] = {
			UUIDPGetDatum(&pending[i].workspace),
			UUIDPGetDatum(&pending[i].connector),
			Int64GetDatum(pending[i].successes),
			Int64GetDatum(pending[i].failures),
			TimestampTzGetDatum(pending[i].last_at)
		};
		bool		nulls[5] = {false};

		if (cn_workspace_role(&pending[i].workspace) >= CN_ROLE_VIEWER)
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
connector_fold_stats(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("_connector_fold_stats()");
	PG_RETURN_INT64(cn_stats_fold_all());
}

/* Only in the caller's own workspaces: the id alone says nothing of others'. */
static CnStatement workspace_of_connector = {
	.sql = "SELECT workspace_id FROM @.connectors"
	" WHERE workspace_id OPERATOR(pg_catalog.=) ANY ($1) AND id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDARRAYOID, UUIDOID},
};

static CnStatement workspace_of_any_connector = {
	.sql = "SELECT workspace_id FROM @.connectors WHERE id OPERATOR(pg_catalog.=) $2 AND $1 IS NULL",
	.nargs = 2,
	.argtypes = {UUIDARRAYOID, UUIDOID},
};

Datum
increment_connector_stats(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *connector = PG_GETARG_UUID_P(0);
	Datum		values[2] = {
		PointerGetDatum(cn_workspaces_with(CN_RIGHT_EXECUTE)),
		UUIDPGetDatum(connector)
	};
	Datum		readable = PointerGetDatum(cn_workspaces_with(CN_RIGHT_READ));
	pg_uuid_t	workspace;
	CnSpi		spi;
	uint64		found;

	PreventCommandIfReadOnly("increment_connector_stats()");
	cn_spi_begin(&spi);
	found = cn_spi_run(&workspace_of_connector, values, NULL, 1);
	if (found == 0 && superuser_arg(spi.save_userid))
		found = cn_spi_run(&workspace_of_any_connector, values, "n ", 1);
	if (found > 0)
		cn_spi_uuid(0, 1, &workspace);
	else
	{
		values[0] = readable;
		if (cn_spi_run(&workspace_of_connector, values, NULL, 1) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied in the connector's workspace"),
					 errdetail("Your role is viewer; this needs editor.")));
	}
	cn_spi_end(&spi);
	if (found == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no such connector in your workspaces")));
	cn_stats_count(&workspace, connector, NULL, PG_GETARG_BOOL(1), cn_now());
	PG_RETURN_VOID();
}
