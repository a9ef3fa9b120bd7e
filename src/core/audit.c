/*
 * audit.c -- the log of who did what to members, credentials and definitions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/audit.h"
#include "core/clock.h"
#include "core/spi.h"
#include "core/uuid.h"

static CnStatement append = {
	.sql = "INSERT INTO @.connector_audit_log"
	" (workspace_id, id, at, actor, action, object_type, object_name, detail)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	.write = true,
	.nargs = 8,
	.argtypes = {UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID},
};

void
cn_audit(const pg_uuid_t *workspace, const char *actor, const char *action,
		 const char *object_type, const char *object_name, const char *detail)
{
	pg_uuid_t	id;
	Datum		values[8];
	char		nulls[9] = "        ";
	CnSpi		spi;

	cn_uuid_v7(&id);
	values[0] = UUIDPGetDatum(workspace);
	values[1] = UUIDPGetDatum(&id);
	values[2] = TimestampTzGetDatum(cn_now());
	values[3] = actor ? CStringGetTextDatum(actor) : (Datum) 0;
	values[4] = CStringGetTextDatum(action);
	values[5] = CStringGetTextDatum(object_type);
	values[6] = CStringGetTextDatum(object_name);
	values[7] = detail ? CStringGetTextDatum(detail) : (Datum) 0;
	nulls[3] = actor ? ' ' : 'n';
	nulls[7] = detail ? ' ' : 'n';
	cn_spi_begin(&spi);
	(void) cn_spi_run(&append, values, nulls, 0);
	cn_spi_end(&spi);
}
