/*
 * keys.c -- idempotency keys of callers.
 *
 * The primary key of the table decides between two that take a key at the same
 * moment: the second waits for the first to end, and then finds its row or, if it
 * rolled back, none.  A row is not touched when its key comes again, so repeating a
 * key waits for nobody.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/digest.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "queue/keys.h"
#include "queue/settings.h"

#define DIGEST_SIZE 32			/* of SHA-256 */

static CnStatement insert_key = {
	.sql = "INSERT INTO @.connector_idempotency_keys"
	" (workspace_id, key, execution_id, digest, created_at) VALUES ($1, $2, $3, $4, $5)"
	" ON CONFLICT (workspace_id, key) DO NOTHING",
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDOID, TEXTOID, UUIDOID, BYTEAOID, TIMESTAMPTZOID},
};

static CnStatement find_key = {
	.sql = "SELECT execution_id, digest OPERATOR(pg_catalog.=) $3, created_at"
	" FROM @.connector_idempotency_keys"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND key OPERATOR(pg_catalog.=) $2",
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, BYTEAOID},
};

/* Unless somebody else has renewed it meanwhile. */
static CnStatement renew_key = {
	.sql = "UPDATE @.connector_idempotency_keys SET execution_id = $3, digest = $4, created_at = $5"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND key OPERATOR(pg_catalog.=) $2"
	" AND created_at OPERATOR(pg_catalog.=) $6",
	.write = true,
	.nargs = 6,
	.argtypes = {UUIDOID, TEXTOID, UUIDOID, BYTEAOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
};

/* Digest of what the key stands for: numbers that are written differently are different. */
static bytea *
digest_of(const pg_uuid_t *connector, Jsonb *input)
{
	StringInfoData text;
	bytea	   *result = palloc(VARHDRSZ + DIGEST_SIZE);

	initStringInfo(&text);
	appendBinaryStringInfo(&text, (const char *) connector->data, UUID_LEN);
	(void) JsonbToCString(&text, &input->root, VARSIZE(input));
	if (!cn_digest(CN_DIGEST_SHA256, text.data, text.len, (uint8 *) VARDATA(result)))
		elog(ERROR, "could not compute a SHA-256 digest");
	SET_VARSIZE(result, VARHDRSZ + DIGEST_SIZE);
	pfree(text.data);
	return result;
}

static TimestampTz
oldest_valid(void)
{
	return cn_now() - (int64) cn_queue_idempotency_retention * USECS_PER_MINUTE;
}

/* One try; false if the row changed under it.  Between cn_spi_begin and cn_spi_end. */
static bool
try_take(Datum *values, pg_uuid_t *id, CnKeyState *state)
{
	Datum		find[3] = {values[0], values[1], values[3]};
	TimestampTz created_at;
	bool		isnull;
	bool		same;

	*state = CN_KEY_NEW;
	if (cn_spi_run(&insert_key, values, NULL, 0) > 0)
		return true;
	if (cn_spi_run(&find_key, find, NULL, 1) == 0)
		return false;
	same = DatumGetBool(cn_spi_value(0, 2, &isnull));
	created_at = DatumGetTimestampTz(cn_spi_value(0, 3, &isnull));
	if (created_at >= oldest_valid())
	{
		*state = same ? CN_KEY_KNOWN : CN_KEY_DIFFERENT;
		cn_spi_uuid(0, 1, id);
		return true;
	}
	values[5] = TimestampTzGetDatum(created_at);
	return cn_spi_run(&renew_key, values, NULL, 0) > 0;
}

CnKeyState
cn_key_take(const pg_uuid_t *workspace, const char *key, const pg_uuid_t *connector,
			Jsonb *input, pg_uuid_t *id)
{
	pg_uuid_t	ours = *id;
	CnKeyState	state;
	Datum		values[6] = {
		UUIDPGetDatum(workspace),
		CStringGetTextDatum(key),
		UUIDPGetDatum(&ours),
		PointerGetDatum(digest_of(connector, input)),
		TimestampTzGetDatum(cn_now()),
		(Datum) 0
	};
	CnSpi		spi;

	cn_spi_begin(&spi);
	while (!try_take(values, id, &state))
		CHECK_FOR_INTERRUPTS();
	cn_spi_end(&spi);
	return state;
}
