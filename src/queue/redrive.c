/*
 * redrive.c -- what becomes of dead letters: queued again, or given up.
 *
 * A dead letter that is queued again stays, so that it can be seen what became of it, but
 * its input goes: the queue has it now, and it is nobody's any more.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/cache.h"
#include "core/errors.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "queue/redrive.h"
#include "queue/retry_point.h"

/* Letters that are read and marked together. */
#define CHUNK 500

/* Of d; the arguments are those of filter_values. */
#define MATCHES \
	" d.workspace_id OPERATOR(pg_catalog.=) $1 AND d.redriven_at IS NULL" \
	" AND ($2 IS NULL OR d.id OPERATOR(pg_catalog.=) $2)" \
	" AND ($3 IS NULL OR d.connector_id OPERATOR(pg_catalog.=) $3)" \
	" AND ($4 IS NULL OR d.connector_name OPERATOR(pg_catalog.=) $4)" \
	" AND ($5 IS NULL OR d.error_code OPERATOR(pg_catalog.=) $5)" \
	" AND ($6 IS NULL OR d.failed_at OPERATOR(pg_catalog.>=) $6)" \
	" AND ($7 IS NULL OR d.failed_at OPERATOR(pg_catalog.<) $7)"

#define FILTER_ARGS 7
#define FILTER_TYPES UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID

static CnStatement take_letters = {
	.sql = "SELECT d.id, d.connector_id, d.priority, d.attempt, d.correlation_id, d.error_code,"
	" d.failed_step, d.http_status, d.input, d.checkpoint FROM @.connector_dead_letters d WHERE" MATCHES
	" AND EXISTS (SELECT FROM @.connectors c WHERE c.workspace_id OPERATOR(pg_catalog.=) d.workspace_id"
	"  AND c.id OPERATOR(pg_catalog.=) d.connector_id AND c.enabled)"
	" ORDER BY d.id LIMIT $8 FOR UPDATE OF d SKIP LOCKED",
	.write = true,
	.nargs = FILTER_ARGS + 1,
	.argtypes = {FILTER_TYPES, INT8OID},
};

enum
{
	TAKEN_ID = 1,
	TAKEN_CONNECTOR,
	TAKEN_PRIORITY,
	TAKEN_ATTEMPT,
	TAKEN_CORRELATION,
	TAKEN_CODE,
	TAKEN_STEP,
	TAKEN_STATUS,
	TAKEN_INPUT,
	TAKEN_CHECKPOINT
};

static CnStatement mark_letters = {
	.sql = "UPDATE @.connector_dead_letters d SET redriven_as = r.new_id, redriven_at = $4,"
	" redriven_by = $5, input = NULL, checkpoint = NULL, claims = NULL"
	" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS r (id, new_id)"
	" WHERE d.workspace_id OPERATOR(pg_catalog.=) $1 AND d.id OPERATOR(pg_catalog.=) r.id",
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDOID, UUIDARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID, TEXTOID},
};

static CnStatement lock_letter = {
	.sql = "SELECT connector_id, redriven_as FROM @.connector_dead_letters"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2 FOR UPDATE",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement discard_letters = {
	.sql = "DELETE FROM @.connector_dead_letters d WHERE" MATCHES,
	.write = true,
	.nargs = FILTER_ARGS,
	.argtypes = {FILTER_TYPES},
};

static void
filter_values(const CnLetterFilter *filter, Datum *values, char *nulls)
{
	memset(nulls, ' ', FILTER_ARGS);
	values[0] = UUIDPGetDatum(&filter->workspace);
	values[1] = PointerGetDatum(filter->id);
	nulls[1] = filter->id ? ' ' : 'n';
	values[2] = PointerGetDatum(filter->connector);
	nulls[2] = filter->connector ? ' ' : 'n';
	values[3] = filter->connector_name ? CStringGetTextDatum(filter->connector_name) : (Datum) 0;
	nulls[3] = filter->connector_name ? ' ' : 'n';
	values[4] = filter->error_code ? CStringGetTextDatum(filter->error_code) : (Datum) 0;
	nulls[4] = filter->error_code ? ' ' : 'n';
	values[5] = filter->since ? TimestampTzGetDatum(*filter->since) : (Datum) 0;
	nulls[5] = filter->since ? ' ' : 'n';
	values[6] = filter->until ? TimestampTzGetDatum(*filter->until) : (Datum) 0;
	nulls[6] = filter->until ? ' ' : 'n';
}

/* ---- queueing again ---- */

static Jsonb *
taken_jsonb(uint64 row, int col)
{
	bool		isnull;
	Datum		value = cn_spi_value(row, col, &isnull);

	return isnull ? NULL : DatumGetJsonbP(value);
}

/* Does the connector, as it is now, send idempotency keys? */
static bool
sends_keys(const pg_uuid_t *workspace, const pg_uuid_t *connector)
{
	CnConnector *found = cn_cache_look(workspace, connector, CurrentMemoryContext);
	const CnDefinition *def = found ? found->compiled.definition : NULL;

	for (int i = 0; def && i < def->all_count; i++)
		if (def->all[i]->idempotency_header)
			return true;
	return false;
}

/*
 * May a request of the letter have taken effect?  One with a key is repeated as long as that is not known,
 * so it ends with the failure of its last attempt.  A reply that refuses it says that it has not; but
 * for 408 and 409, which may be about the request before.
 */
static bool
is_in_doubt(uint64 row, const pg_uuid_t *workspace, const pg_uuid_t *connector)
{
	const char *code = cn_spi_text(row, TAKEN_CODE, CurrentMemoryContext);
	bool		isnull;
	int			status = DatumGetInt32(cn_spi_value(row, TAKEN_STATUS, &isnull));

	if (cn_code_by_name(code) == CN_UNKNOWN_OUTCOME)
		return true;
	if (!isnull && status >= 400 && status <= 499 && status != 408 && status != 409)
		return false;
	return sends_keys(workspace, connector);
}

static Jsonb *
checkpoint_of(uint64 row, const pg_uuid_t *id, const CnLane *lane, bool from_start,
			  TimestampTz now)
{
	MemoryContext context = CurrentMemoryContext;
	CnFailedRun failed = {
		.id = *id,
		.checkpoint = taken_jsonb(row, TAKEN_CHECKPOINT),
		.failed_step = cn_spi_text(row, TAKEN_STEP, context),
		.in_doubt = is_in_doubt(row, &lane->workspace, &lane->connector),
	};

	return cn_retry_point(&failed, from_start, now);
}

/* Queue the letter of that row of SPI_tuptable again, as new_id. */
static void
queue_again(CnEnqueue *queue, const pg_uuid_t *workspace, uint64 row, bool from_start,
			pg_uuid_t *old_id, pg_uuid_t *new_id)
{
	bool		isnull;
	CnQueueEntry entry = {
		.lane.workspace = *workspace,
		.lane.priority = DatumGetInt16(cn_spi_value(row, TAKEN_PRIORITY, &isnull)),
		.attempt = DatumGetInt32(cn_spi_value(row, TAKEN_ATTEMPT, &isnull)) + 1,
		.trigger = "retry",
		.correlation_id = cn_spi_text(row, TAKEN_CORRELATION, CurrentMemoryContext),
		.input = taken_jsonb(row, TAKEN_INPUT),
	};

	cn_spi_uuid(row, TAKEN_ID, old_id);
	cn_spi_uuid(row, TAKEN_CONNECTOR, &entry.lane.connector);
	if (entry.input == NULL)
		entry.input = cn_jsonb_empty_object();
	entry.checkpoint = checkpoint_of(row, old_id, &entry.lane, from_start, queue->now);
	cn_enqueue_id(0, &entry.id);
	cn_enqueue_add(queue, &entry);
	*new_id = entry.id;
}

static Datum
uuid_array(const pg_uuid_t *ids, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		elements[i] = UUIDPGetDatum(&ids[i]);
	return PointerGetDatum(construct_array(elements, count, UUIDOID, UUID_LEN, false,
										   TYPALIGN_CHAR));
}

static void
mark(const pg_uuid_t *workspace, const CnEnqueue *queue, const pg_uuid_t *old_ids,
	 const pg_uuid_t *new_ids, int count)
{
	Datum		values[5] = {
		UUIDPGetDatum(workspace),
		uuid_array(old_ids, count),
		uuid_array(new_ids, count),
		TimestampTzGetDatum(queue->now),
		queue->identity ? CStringGetTextDatum(queue->identity) : (Datum) 0
	};

	(void) cn_spi_run(&mark_letters, values, queue->identity ? NULL : "    n", 0);
}

/* The next few; returns how many. */
static int
redrive_chunk(const CnLetterFilter *filter, CnEnqueue *queue, int64 max_count, bool from_start,
			  pg_uuid_t *last)
{
	Datum		values[FILTER_ARGS + 1];
	char		nulls[FILTER_ARGS + 1];
	pg_uuid_t	old_ids[CHUNK];
	pg_uuid_t	new_ids[CHUNK];
	MemoryContext row_context;
	MemoryContext old;
	int			count;
	CnSpi		spi;

	cn_spi_begin(&spi);
	filter_values(filter, values, nulls);
	values[FILTER_ARGS] = Int64GetDatum(Min(max_count, CHUNK));
	nulls[FILTER_ARGS] = ' ';
	count = (int) cn_spi_run(&take_letters, values, nulls, 0);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "connector queue entry",
										ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(row_context);
	for (int i = 0; i < count; i++)
	{
		queue_again(queue, &filter->workspace, i, from_start, &old_ids[i], &new_ids[i]);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old);
	if (count > 0)
	{
		mark(&filter->workspace, queue, old_ids, new_ids, count);
		*last = new_ids[count - 1];
	}
	cn_spi_end(&spi);
	return count;
}

int64
cn_redrive(const CnLetterFilter *filter, CnEnqueue *queue, int64 max_count, bool from_start,
		   pg_uuid_t *last)
{
	int64		done = 0;
	int			count;

	do
	{
		CHECK_FOR_INTERRUPTS();
		count = redrive_chunk(filter, queue, max_count - done, from_start, last);
		done += count;
	} while (count > 0 && done < max_count);
	return done;
}

bool
cn_dead_letter_lock(const pg_uuid_t *workspace, const pg_uuid_t *id, CnLetterState *state)
{
	Datum		values[2] = {UUIDPGetDatum(workspace), UUIDPGetDatum(id)};
	bool		found;
	CnSpi		spi;

	cn_spi_begin(&spi);
	found = cn_spi_run(&lock_letter, values, NULL, 1) > 0;
	if (found)
	{
		cn_spi_uuid(0, 1, &state->connector);
		cn_spi_uuid(0, 2, &state->redriven_as);
	}
	cn_spi_end(&spi);
	return found;
}

/* ---- giving up ---- */

int64
cn_dead_letters_discard(const CnLetterFilter *filter)
{
	Datum		values[FILTER_ARGS];
	char		nulls[FILTER_ARGS];
	int64		count;
	CnSpi		spi;

	cn_spi_begin(&spi);
	filter_values(filter, values, nulls);
	count = (int64) cn_spi_run(&discard_letters, values, nulls, 0);
	cn_spi_end(&spi);
	return count;
}
