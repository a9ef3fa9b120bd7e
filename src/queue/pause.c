/*
 * pause.c -- queued work that is held back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "core/clock.h"
#include "core/spi.h"
#include "queue/pause.h"
#include "queue/wake.h"

static CnStatement upsert_pause = {
	.sql = "INSERT INTO @.connector_pauses (workspace_id, kind, target, paused_by, paused_at, reason)"
	" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, kind, target)"
	" DO UPDATE SET paused_by = excluded.paused_by, paused_at = excluded.paused_at,"
	" reason = excluded.reason",
	.write = true,
	.nargs = 6,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID},
};

static CnStatement delete_pause = {
	.sql = "DELETE FROM @.connector_pauses WHERE workspace_id OPERATOR(pg_catalog.=) $1"
	" AND kind OPERATOR(pg_catalog.=) $2 AND target OPERATOR(pg_catalog.=) $3",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID},
};

static CnStatement find_service = {
	.sql = "SELECT FROM @.workspace_api_credentials"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND service_name OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

const char *
cn_pause_kind_name(CnPauseKind kind)
{
	switch (kind)
	{
		case CN_PAUSE_WORKSPACE:
			return "workspace";
		case CN_PAUSE_CONNECTOR:
			return "connector";
		case CN_PAUSE_SERVICE:
			break;
	}
	return "service";
}

void
cn_pause_set(const pg_uuid_t *workspace, CnPauseKind kind, const char *target, const char *by,
			 const char *reason)
{
	Datum		values[6] = {
		UUIDPGetDatum(workspace),
		CStringGetTextDatum(cn_pause_kind_name(kind)),
		CStringGetTextDatum(target),
		by ? CStringGetTextDatum(by) : (Datum) 0,
		TimestampTzGetDatum(cn_now()),
		reason ? CStringGetTextDatum(reason) : (Datum) 0
	};
	bool		nulls[6] = {false, false, false, by == NULL, false, reason == NULL};

	cn_spi_write_row(&upsert_pause, values, nulls);
	cn_wake_changed_at_commit();
}

bool
cn_pause_clear(const pg_uuid_t *workspace, CnPauseKind kind, const char *target)
{
	Datum		values[3] = {
		UUIDPGetDatum(workspace),
		CStringGetTextDatum(cn_pause_kind_name(kind)),
		CStringGetTextDatum(target)
	};
	bool		found;
	CnSpi		spi;

	cn_spi_begin(&spi);
	found = cn_spi_run(&delete_pause, values, NULL, 0) > 0;
	cn_spi_end(&spi);
	if (found)
		cn_wake_changed_at_commit();
	return found;
}

bool
cn_pause_service_exists(const pg_uuid_t *workspace, const char *service)
{
	Datum		values[2] = {UUIDPGetDatum(workspace), CStringGetTextDatum(service)};
	bool		found;
	CnSpi		spi;

	cn_spi_begin(&spi);
	found = cn_spi_run(&find_service, values, NULL, 1) > 0;
	cn_spi_end(&spi);
	return found;
}
