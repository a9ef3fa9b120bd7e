/*
 * store.c -- the rows of connector_triggers.
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/clock.h"
#include "core/place.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "trigger/store.h"

int			cn_trigger_max = 100;
int			cn_trigger_max_pages = 1000;
int			cn_trigger_max_started = 10000;
int			cn_trigger_max_queued = 100000;
int			cn_trigger_max_keys = 100000;
int			cn_trigger_retention = 30 * 24 * 60;

/* ---- looking for what is due ---- */

#define IS_DUE "enabled AND next_poll_at OPERATOR(pg_catalog.<=) $1"
#define IS_FREE "(lease IS NULL OR lease_until OPERATOR(pg_catalog.<) $1)"
#define IS_LET_GO "NOT EXISTS (SELECT FROM @.connector_pauses p WHERE p.workspace_id = t.workspace_id" \
	" AND (p.kind = 'workspace' OR (p.kind = 'service' AND p.target = t.provider)))"

static CnStatement find_due = {
	.sql = "SELECT workspace_id, id FROM (SELECT workspace_id, id, next_poll_at,"
	" row_number() OVER (PARTITION BY workspace_id ORDER BY next_poll_at) AS turn"
	" FROM @.connector_triggers t WHERE " IS_DUE " AND " IS_FREE " AND " IS_LET_GO ") d"
	" ORDER BY turn, next_poll_at LIMIT $2",
	.nargs = 2,
	.argtypes = {TIMESTAMPTZOID, INT4OID},
};

/* Those that are leased too: nobody but the process can tell whether that is alive who leased them. */
static CnStatement count_due = {
	.sql = "SELECT count(*) FROM @.connector_triggers t WHERE " IS_DUE " AND " IS_LET_GO,
	.nargs = 1,
	.argtypes = {TIMESTAMPTZOID},
};

int
cn_trigger_due(CnTriggerId *ids, int max)
{
	Datum		values[2] = {TimestampTzGetDatum(cn_now()), Int32GetDatum(max)};
	CnSpi		spi;
	int			count;

	cn_spi_begin(&spi);
	count = cn_spi_run(&find_due, values, NULL, max);
	for (int i = 0; i < count; i++)
	{
		cn_spi_uuid(i, 1, &ids[i].workspace);
		cn_spi_uuid(i, 2, &ids[i].id);
	}
	cn_spi_end(&spi);
	return count;
}

int64
cn_trigger_count_due(void)
{
	Datum		value = TimestampTzGetDatum(cn_now());
	CnSpi		spi;
	bool		isnull;
	int64		count;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&count_due, &value, NULL, 1);
	count = DatumGetInt64(cn_spi_value(0, 1, &isnull));
	cn_spi_end(&spi);
	return count;
}

/* ---- leases ---- */

static CnStatement lease_row = {
	.sql = "UPDATE @.connector_triggers t SET lease = $4, lease_until = $5, last_poll_at = $1"
	" FROM @.connectors c, (SELECT l.workspace_id, l.id, l.last_poll_at FROM @.connector_triggers l"
	"  WHERE l.workspace_id = $2 AND l.id = $3 FOR UPDATE SKIP LOCKED) before"
	" WHERE t.workspace_id = before.workspace_id AND t.id = before.id"
	" AND c.workspace_id = t.workspace_id AND c.id = t.connector_id"
	" AND t.enabled AND t.next_poll_at <= $1 AND (t.lease IS NULL OR t.lease_until < $1)"
	" RETURNING t.name, t.provider, t.trigger, t.stream, t.label, t.event, t.input, t.connector_id,"
	" c.name, c.enabled, t.poll_interval, t.priority, t.identity, t.run_as::text, t.from_now, t.primed,"
	" t.known_since, t.cursor, t.failures, t.told_by, before.last_poll_at",
	.write = true,
	.nargs = 5,
	.argtypes = {TIMESTAMPTZOID, UUIDOID, UUIDOID, UUIDOID, TIMESTAMPTZOID},
};

static Jsonb *
jsonb_column(int col, MemoryContext context)
{
	bool		isnull;
	Datum		value = cn_spi_value(0, col, &isnull);
	MemoryContext old = MemoryContextSwitchTo(context);
	Jsonb	   *result = isnull ? NULL : DatumGetJsonbPCopy(value);

	MemoryContextSwitchTo(old);
	return result;
}

static int
int_column(int col)
{
	bool		isnull;

	return DatumGetInt32(cn_spi_value(0, col, &isnull));
}

static bool
bool_column(int col)
{
	bool		isnull;

	return DatumGetBool(cn_spi_value(0, col, &isnull));
}

static TimestampTz
time_column(int col)
{
	bool		isnull;
	TimestampTz value = DatumGetTimestampTz(cn_spi_value(0, col, &isnull));

	return isnull ? DT_NOBEGIN : value;
}

static void
read_row(CnTrigger *trigger, MemoryContext context)
{
	bool		isnull;

	trigger->name = cn_spi_text(0, 1, context);
	trigger->names.provider = cn_spi_text(0, 2, context);
	trigger->names.trigger = cn_spi_text(0, 3, context);
	trigger->names.stream = cn_spi_text(0, 4, context);
	trigger->names.label = cn_spi_text(0, 5, context);
	trigger->names.event = cn_spi_text(0, 6, context);
	trigger->input = jsonb_column(7, context);
	cn_spi_uuid(0, 8, &trigger->connector);
	trigger->connector_name = cn_spi_text(0, 9, context);
	trigger->connector_enabled = bool_column(10);
	trigger->interval = int_column(11);
	trigger->priority = DatumGetInt16(cn_spi_value(0, 12, &isnull));
	trigger->identity = cn_spi_text(0, 13, context);
	trigger->run_as = cn_spi_text(0, 14, context);
	trigger->from_now = bool_column(15);
	trigger->primed = bool_column(16);
	trigger->known_since = time_column(17);
	trigger->cursor = jsonb_column(18, context);
	trigger->failures = int_column(19);
	cn_spi_uuid(0, 20, &trigger->told_by);
	trigger->last_poll_at = time_column(21);
}

bool
cn_trigger_lease(const CnTriggerId *id, const pg_uuid_t *lease, int64 timeout_ms,
				 CnTrigger *trigger, MemoryContext context)
{
	TimestampTz now = cn_now();
	Datum		values[5] = {
		TimestampTzGetDatum(now), UUIDPGetDatum(&id->workspace), UUIDPGetDatum(&id->id),
		UUIDPGetDatum(lease), TimestampTzGetDatum(now + timeout_ms * 1000)
	};
	CnSpi		spi;
	bool		found;

	cn_spi_begin(&spi);
	found = cn_spi_run(&lease_row, values, NULL, 0) > 0;
	trigger->id = *id;
	if (found)
		read_row(trigger, context);
	cn_spi_end(&spi);
	return found;
}

static CnStatement hold_row = {
	.sql = "SELECT 1 FROM @.connector_triggers WHERE workspace_id = $1 AND id = $2 AND lease = $3 AND enabled"
	" FOR NO KEY UPDATE NOWAIT",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID},
};

bool
cn_trigger_hold(const CnTriggerId *id, const pg_uuid_t *lease)
{
	Datum		values[3] = {
		UUIDPGetDatum(&id->workspace), UUIDPGetDatum(&id->id), UUIDPGetDatum(lease)
	};
	CnSpi		spi;
	bool		found;

	cn_spi_begin(&spi);
	found = cn_spi_run(&hold_row, values, NULL, 0) > 0;
	cn_spi_end(&spi);
	return found;
}

/* If somebody wants it polled once more meanwhile, it is. */
static CnStatement note_row = {
	.sql = "UPDATE @.connector_triggers"
	" SET next_poll_at = CASE WHEN $4 AND next_poll_at <= last_poll_at THEN $3 ELSE next_poll_at END,"
	" lease = CASE WHEN $4 THEN NULL ELSE lease END,"
	" lease_until = CASE WHEN $4 THEN NULL ELSE lease_until END, primed = $5, known_since = $6,"
	" cursor = $7, failures = $8, error_code = $9, last_error = $10, hint = $11, enabled = enabled AND NOT $12,"
	" started = started + $13, last_execution_id = coalesce($14, last_execution_id)"
	" WHERE workspace_id = $1 AND id = $2",
	.write = true,
	.nargs = 14,
	.argtypes = {UUIDOID, UUIDOID, TIMESTAMPTZOID, BOOLOID, BOOLOID, TIMESTAMPTZOID, JSONBOID,
		INT4OID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, INT8OID, UUIDOID},
};

static Datum
text_datum(const char *text)
{
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

void
cn_trigger_note(const CnTriggerId *id, const CnTriggerNote *note)
{
	Datum		values[14] = {
		UUIDPGetDatum(&id->workspace), UUIDPGetDatum(&id->id),
		TimestampTzGetDatum(note->next_poll_at), BoolGetDatum(note->over),
		BoolGetDatum(note->primed), TimestampTzGetDatum(note->known_since),
		PointerGetDatum(note->cursor), Int32GetDatum(note->failures), text_datum(note->code),
		text_datum(note->error), text_datum(note->hint), BoolGetDatum(note->stop),
		Int64GetDatum(note->started), UUIDPGetDatum(&note->last_execution)
	};
	char		nulls[15] = "              ";
	CnSpi		spi;

	nulls[5] = note->known_since == DT_NOBEGIN ? 'n' : ' ';
	nulls[6] = note->cursor ? ' ' : 'n';
	nulls[8] = note->code ? ' ' : 'n';
	nulls[9] = note->error ? ' ' : 'n';
	nulls[10] = note->hint ? ' ' : 'n';
	nulls[13] = cn_uuid_is_zero(&note->last_execution) ? 'n' : ' ';
	cn_spi_begin(&spi);
	(void) cn_spi_run(&note_row, values, nulls, 0);
	cn_spi_end(&spi);
}

/*
 * A poll that kills its server is a failure like others, and waits longer each time.  A row that a
 * member has locked keeps nobody else's waiting.
 */
static CnStatement reclaim_rows = {
	.sql = "UPDATE @.connector_triggers SET lease = NULL, lease_until = NULL, failures = failures + 1,"
	" error_code = 'internal', last_error = 'the process that polled it has died', hint = NULL,"
	" next_poll_at = CASE WHEN next_poll_at > last_poll_at THEN next_poll_at"
	"  ELSE $2 + LEAST(3600, 15 * 2.0::float8 ^ LEAST(failures, 10)) * interval '1 second' END"
	" WHERE (workspace_id, id) IN (SELECT workspace_id, id FROM @.connector_triggers"
	"  WHERE lease <> $1 FOR UPDATE SKIP LOCKED)",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, TIMESTAMPTZOID},
};

static CnStatement find_foreign = {
	.sql = "SELECT FROM @.connector_triggers WHERE lease <> $1 LIMIT 1",
	.nargs = 1,
	.argtypes = {UUIDOID},
};

bool
cn_trigger_reclaim(const pg_uuid_t *lease)
{
	Datum		values[2] = {UUIDPGetDatum(lease), TimestampTzGetDatum(cn_now())};
	CnSpi		spi;
	bool		all;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&reclaim_rows, values, NULL, 0);
	all = cn_spi_run(&find_foreign, values, NULL, 1) == 0;
	cn_spi_end(&spi);
	return all;
}

static CnStatement release_rows = {
	.sql = "UPDATE @.connector_triggers SET lease = NULL, lease_until = NULL"
	" WHERE (workspace_id, id) IN (SELECT workspace_id, id FROM @.connector_triggers"
	"  WHERE lease = $1 AND ($2 IS NULL OR (workspace_id = $2 AND id = $3)) FOR UPDATE SKIP LOCKED)",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID},
};

void
cn_trigger_release(const pg_uuid_t *lease, const CnTriggerId *id)
{
	Datum		values[3] = {UUIDPGetDatum(lease)};
	CnSpi		spi;

	if (id)
	{
		values[1] = UUIDPGetDatum(&id->workspace);
		values[2] = UUIDPGetDatum(&id->id);
	}
	cn_spi_begin(&spi);
	(void) cn_spi_run(&release_rows, values, id ? NULL : " nn", 0);
	cn_spi_end(&spi);
}

/* ---- calling the process ---- */

static bool call_wanted = false;

void
cn_trigger_call(void)
{
	cn_place_call(CN_PLACE_POLLS, true);
}

static void
on_xact(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (event == XACT_EVENT_COMMIT && call_wanted)
		cn_trigger_call();
	call_wanted = false;
}

void
cn_trigger_call_at_commit(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(on_xact, NULL);
	registered = true;
	call_wanted = true;
}

/* ---- the queue ---- */

static CnStatement count_queued = {
	.sql = "SELECT count(*) FROM (SELECT FROM @.connector_queue WHERE workspace_id = $1 AND connector_id = $2"
	" AND due_at IS NULL LIMIT $3) q",
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, INT8OID},
};

int64
cn_trigger_queued(const pg_uuid_t *workspace, const pg_uuid_t *connector, int64 most)
{
	Datum		values[3] = {
		UUIDPGetDatum(workspace), UUIDPGetDatum(connector), Int64GetDatum(most)
	};
	CnSpi		spi;
	bool		isnull;
	int64		count;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&count_queued, values, NULL, 1);
	count = DatumGetInt64(cn_spi_value(0, 1, &isnull));
	cn_spi_end(&spi);
	return count;
}

/* ---- settings ---- */

static void
define(const char *name, const char *description, int *value, int initial, int min, int max,
	   int flags)
{
	DefineCustomIntVariable(name, description, NULL, value, initial, min, max,
							PGC_SUSET, flags, NULL, NULL, NULL);
}

void
cn_trigger_init(void)
{
	define("connector.max_triggers", "Most polling triggers that a workspace may have.",
		   &cn_trigger_max, 100, 0, 100000, 0);
	define("connector.trigger_max_pages", "Most pages that one poll of a trigger fetches.",
		   &cn_trigger_max_pages, 1000, 1, 1000000, 0);
	define("connector.trigger_max_started", "Most executions that one poll of a trigger starts.",
		   &cn_trigger_max_started, 10000, 1, 10000000, 0);
	define("connector.trigger_max_queued",
		   "Executions of a connector that wait in the queue from which on triggers start no more of it.",
		   &cn_trigger_max_queued, 100000, 1, INT_MAX, 0);
	define("connector.trigger_max_keys", "Most records that a trigger remembers.",
		   &cn_trigger_max_keys, 100000, 100, 100000000, 0);
	define("connector.trigger_retention", "How long a trigger remembers records that it has not seen again.",
		   &cn_trigger_retention, 30 * 24 * 60, 60, 366 * 24 * 60, GUC_UNIT_MIN);
}
