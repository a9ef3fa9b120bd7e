/*
 * claim.c -- taking executions from the queue, and putting down what became of them.
 *
 * Rows are found by the key of their lane, or by their primary key, locked with SKIP LOCKED,
 * and written by their place (ctid), which cannot change while they are locked.
 *
 * The planner knows arrays only as "some elements"; what it must never do here is to read
 * the whole queue, so for these statements it is not offered to.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/spi.h"
#include "core/uuid.h"
#include "queue/claim.h"

/* Rows that become ready in one go. */
#define PROMOTE_BATCH 1000

/* One that is due and locked is asked for again after so long. */
#define LOCKED_US 50000

#define SUSPECT_CRASHES CppAsString2(CN_SUSPECT_CRASHES)

static CnStatement discover_statement = {
	.sql = "WITH RECURSIVE lanes AS ("
	" (SELECT workspace_id, connector_id, priority, id FROM @.connector_queue"
	"   WHERE due_at IS NULL"
	"   ORDER BY workspace_id, connector_id, priority, id LIMIT 1)"
	" UNION ALL"
	" SELECT n.workspace_id, n.connector_id, n.priority, n.id FROM lanes l CROSS JOIN LATERAL"
	"  (SELECT q.workspace_id, q.connector_id, q.priority, q.id FROM @.connector_queue q"
	"    WHERE q.due_at IS NULL AND (q.workspace_id, q.connector_id, q.priority)"
	"          > (l.workspace_id, l.connector_id, l.priority)"
	"    ORDER BY q.workspace_id, q.connector_id, q.priority, q.id LIMIT 1) n) "
	"SELECT workspace_id, connector_id, priority, id FROM lanes",
};

static CnStatement promote_statement = {
	.sql = "WITH due AS MATERIALIZED ("
	" SELECT ctid AS place FROM @.connector_queue WHERE due_at <= $1"
	"  ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) "
	"UPDATE @.connector_queue q SET due_at = NULL FROM due WHERE q.ctid = due.place "
	"RETURNING q.workspace_id, q.connector_id, q.priority, q.id",
	.write = true,
	.nargs = 2,
	.argtypes = {TIMESTAMPTZOID, INT4OID},
};

static CnStatement next_due_statement = {
	.sql = "SELECT due_at FROM @.connector_queue WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1",
};

/* What a claim returns, in the order of the numbers below. */
#define CLAIM_COLUMNS \
	"RETURNING p.nr::integer, p.taken_over, p.interrupted, q.workspace_id, q.id, q.connector_id," \
	" q.priority, q.created_at, q.attempt, q.crashes, q.sending, q.cancel_requested, q.notify," \
	" q.trigger, q.identity, q.run_as::text, q.claims, q.correlation_id, q.idempotency_key," \
	" q.input, q.checkpoint"

static CnStatement claim_statement = {
	.sql = "WITH picked AS MATERIALIZED ("
	" SELECT l.nr, l.single_shot, q.place, q.lease IS NOT NULL AS taken_over, q.sending AS interrupted"
	"   FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY"
	"        AS l(workspace, connector, priority, after, wanted, single_shot, nr)"
	"  CROSS JOIN LATERAL"
	"  (SELECT r.ctid AS place, r.lease, r.sending FROM @.connector_queue r"
	"    WHERE r.workspace_id = l.workspace AND r.connector_id = l.connector"
	"      AND r.priority = l.priority AND r.id > l.after AND r.due_at IS NULL"
	"      AND (r.lease IS NULL OR r.lease <> ALL ($7)) AND r.crashes < " SUSPECT_CRASHES
	"    ORDER BY r.id LIMIT l.wanted FOR UPDATE SKIP LOCKED) q) "
	"UPDATE @.connector_queue q SET lease = $8, claimed_at = $9,"
	"       crashes = q.crashes + p.taken_over::integer::smallint,"
	"       sending = q.sending OR (p.single_shot AND q.checkpoint IS NULL)"
	"  FROM picked p WHERE q.ctid = p.place "
	CLAIM_COLUMNS,
	.write = true,
	.nargs = 9,
	.argtypes = {UUIDARRAYOID, UUIDARRAYOID, INT2ARRAYOID, UUIDARRAYOID, INT4ARRAYOID, BOOLARRAYOID,
	UUIDARRAYOID, UUIDOID, TIMESTAMPTZOID},
};

static CnStatement suspect_statement = {
	.sql = "WITH picked AS MATERIALIZED ("
	" SELECT 1 AS nr, ctid AS place, lease IS NOT NULL AS taken_over, sending AS interrupted"
	"   FROM @.connector_queue WHERE crashes >= " SUSPECT_CRASHES " AND due_at IS NULL"
	"    AND (lease IS NULL OR lease <> ALL ($1)) LIMIT 1 FOR UPDATE SKIP LOCKED) "
	"UPDATE @.connector_queue q SET lease = $2, claimed_at = $3,"
	"       crashes = q.crashes + p.taken_over::integer::smallint"
	"  FROM picked p WHERE q.ctid = p.place " CLAIM_COLUMNS,
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDARRAYOID, UUIDOID, TIMESTAMPTZOID},
};

enum
{
	CLAIM_NR = 1,
	CLAIM_TAKEN_OVER,
	CLAIM_INTERRUPTED,
	CLAIM_WORKSPACE,
	CLAIM_ID,
	CLAIM_CONNECTOR,
	CLAIM_PRIORITY,
	CLAIM_CREATED,
	CLAIM_ATTEMPT,
	CLAIM_CRASHES,
	CLAIM_SENDING,
	CLAIM_CANCEL,
	CLAIM_NOTIFY,
	CLAIM_TRIGGER,
	CLAIM_IDENTITY,
	CLAIM_RUN_AS,
	CLAIM_CLAIMS,
	CLAIM_CORRELATION,
	CLAIM_KEY,
	CLAIM_INPUT,
	CLAIM_CHECKPOINT
};

/* Rows of ours by their keys, locked; then to be written by their place. */
#define MINE(columns) \
	"WITH mine AS MATERIALIZED (" \
	" SELECT d.nr" columns ", q.place FROM unnest($1, $2"

#define MINE_FOUND \
	" CROSS JOIN LATERAL" \
	"  (SELECT r.ctid AS place FROM @.connector_queue r" \
	"    WHERE r.workspace_id = d.workspace AND r.id = d.id AND r.lease = $3" \
	"    FOR UPDATE SKIP LOCKED) q) "

static CnStatement finish_statement = {
	.sql = MINE("") ") WITH ORDINALITY AS d(workspace, id, nr)" MINE_FOUND
	"DELETE FROM @.connector_queue q USING mine WHERE q.ctid = mine.place RETURNING mine.nr::integer",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDARRAYOID, UUIDARRAYOID, UUIDOID},
};

static CnStatement checkpoint_statement = {
	.sql = MINE(", d.checkpoint, d.sending")
	", $4, $5) WITH ORDINALITY AS d(workspace, id, checkpoint, sending, nr)" MINE_FOUND
	"UPDATE @.connector_queue q SET checkpoint = coalesce(mine.checkpoint, q.checkpoint),"
	"       sending = mine.sending"
	"  FROM mine WHERE q.ctid = mine.place RETURNING mine.nr::integer",
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDARRAYOID, UUIDARRAYOID, UUIDOID, JSONBARRAYOID, BOOLARRAYOID},
};

static CnStatement release_statement = {
	.sql = MINE(", d.checkpoint, d.sending, d.due")
	", $4, $5, $6) WITH ORDINALITY AS d(workspace, id, checkpoint, sending, due, nr)" MINE_FOUND
	"UPDATE @.connector_queue q SET checkpoint = coalesce(mine.checkpoint, q.checkpoint),"
	"       sending = mine.sending, due_at = mine.due, lease = NULL, claimed_at = NULL"
	"  FROM mine WHERE q.ctid = mine.place RETURNING mine.nr::integer",
	.write = true,
	.nargs = 6,
	.argtypes = {UUIDARRAYOID, UUIDARRAYOID, UUIDOID, JSONBARRAYOID, BOOLARRAYOID, TIMESTAMPTZARRAYOID},
};

/* Which of the rows that could not be locked are there all the same. */
static CnStatement still_mine_statement = {
	.sql = "SELECT d.nr::integer FROM unnest($1, $2) WITH ORDINALITY AS d(workspace, id, nr)"
	" CROSS JOIN LATERAL"
	"  (SELECT r.id FROM @.connector_queue r"
	"    WHERE r.workspace_id = d.workspace AND r.id = d.id AND r.lease = $3) q",
	.nargs = 3,
	.argtypes = {UUIDARRAYOID, UUIDARRAYOID, UUIDOID},
};

static CnStatement cancelled_statement = {
	.sql = "SELECT d.nr::integer FROM unnest($1, $2) WITH ORDINALITY AS d(workspace, id, nr)"
	" CROSS JOIN LATERAL"
	"  (SELECT r.id FROM @.connector_queue r WHERE r.workspace_id = d.workspace AND r.id = d.id"
	"    AND r.lease = $3 AND r.cancel_requested) q",
	.nargs = 3,
	.argtypes = {UUIDARRAYOID, UUIDARRAYOID, UUIDOID},
};

/* ---- statements ---- */

static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* A visit in which the queue is read by its indexes; cn_spi_end undoes the settings. */
static void
begin(CnSpi *spi)
{
	cn_spi_begin(spi);
	set_local("enable_seqscan", "off");
	set_local("enable_bitmapscan", "off");
	set_local("enable_hashjoin", "off");
	set_local("enable_mergejoin", "off");
	set_local("plan_cache_mode", "force_generic_plan");
}

static bool
bool_column(uint64 row, int column)
{
	bool		isnull;

	return DatumGetBool(cn_spi_value(row, column, &isnull));
}

static int
int_column(uint64 row, int column)
{
	bool		isnull;

	return DatumGetInt32(cn_spi_value(row, column, &isnull));
}

static Jsonb *
jsonb_column(uint64 row, int column)
{
	bool		isnull;
	Datum		value = cn_spi_value(row, column, &isnull);

	return isnull ? NULL : DatumGetJsonbPCopy(value);
}

static Datum
uuid_array(Datum *ids, int count)
{
	return PointerGetDatum(construct_array(ids, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

/* ---- lanes ---- */

/* Note the lanes of the rows in SPI_tuptable: workspace, connector, priority, id. */
static void
note_lanes(CnLanes *lanes, uint64 rows)
{
	for (uint64 i = 0; i < rows; i++)
	{
		CnLane		lane;
		pg_uuid_t	id;
		bool		isnull;

		memset(&lane, 0, sizeof(lane));
		cn_spi_uuid(i, 1, &lane.workspace);
		cn_spi_uuid(i, 2, &lane.connector);
		lane.priority = DatumGetInt16(cn_spi_value(i, 3, &isnull));
		cn_spi_uuid(i, 4, &id);
		cn_lanes_note(lanes, &lane, &id);
	}
}

void
cn_claim_discover(CnLanes *lanes)
{
	CnSpi		spi;

	begin(&spi);
	note_lanes(lanes, cn_spi_run(&discover_statement, NULL, NULL, 0));
	cn_spi_end(&spi);
}

TimestampTz
cn_claim_promote(CnLanes *lanes, TimestampTz now)
{
	Datum		args[] = {TimestampTzGetDatum(now), Int32GetDatum(PROMOTE_BATCH)};
	TimestampTz next = DT_NOEND;
	uint64		rows;
	CnSpi		spi;
	bool		isnull;

	begin(&spi);
	rows = cn_spi_run(&promote_statement, args, NULL, 0);
	note_lanes(lanes, rows);
	if (cn_spi_run(&next_due_statement, NULL, NULL, 1) > 0)
		next = DatumGetTimestampTz(cn_spi_value(0, 1, &isnull));
	cn_spi_end(&spi);
	/* what was due and is there still, somebody has locked */
	return rows < PROMOTE_BATCH ? Max(next, now + LOCKED_US) : next;
}

/* ---- claiming ---- */

static void
read_claimed(uint64 row, CnClaimed *claimed, MemoryContext context)
{
	bool		isnull;

	cn_spi_uuid(row, CLAIM_WORKSPACE, &claimed->workspace);
	cn_spi_uuid(row, CLAIM_ID, &claimed->id);
	cn_spi_uuid(row, CLAIM_CONNECTOR, &claimed->connector);
	claimed->priority = DatumGetInt16(cn_spi_value(row, CLAIM_PRIORITY, &isnull));
	claimed->created_at = DatumGetTimestampTz(cn_spi_value(row, CLAIM_CREATED, &isnull));
	claimed->attempt = int_column(row, CLAIM_ATTEMPT);
	claimed->crashes = DatumGetInt16(cn_spi_value(row, CLAIM_CRASHES, &isnull));
	claimed->taken_over = bool_column(row, CLAIM_TAKEN_OVER);
	claimed->interrupted = bool_column(row, CLAIM_INTERRUPTED);
	claimed->sending = bool_column(row, CLAIM_SENDING);
	claimed->cancel_requested = bool_column(row, CLAIM_CANCEL);
	claimed->notify = bool_column(row, CLAIM_NOTIFY);
	claimed->trigger = cn_spi_text(row, CLAIM_TRIGGER, context);
	claimed->identity = cn_spi_text(row, CLAIM_IDENTITY, context);
	claimed->run_as = cn_spi_text(row, CLAIM_RUN_AS, context);
	claimed->claims = cn_spi_text(row, CLAIM_CLAIMS, context);
	claimed->correlation_id = cn_spi_text(row, CLAIM_CORRELATION, context);
	claimed->idempotency_key = cn_spi_text(row, CLAIM_KEY, context);
	claimed->input = jsonb_column(row, CLAIM_INPUT);
	claimed->checkpoint = jsonb_column(row, CLAIM_CHECKPOINT);
}

/* Copy the rows in SPI_tuptable into context, and count what each pick gave. */
static CnClaimed *
read_rows(const CnClaimInput *input, uint64 rows, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CnClaimed  *list = palloc0(sizeof(CnClaimed) * (rows + 1));

	for (uint64 i = 0; i < rows; i++)
	{
		int			nr = int_column(i, CLAIM_NR) - 1;

		read_claimed(i, &list[i], context);
		list[i].lane = input->picks[nr].state;
		if (input->got[nr]++ == 0 ||
			memcmp(list[i].id.data, input->last[nr].data, UUID_LEN) > 0)
			input->last[nr] = list[i].id;
	}
	MemoryContextSwitchTo(old);
	return list;
}

static Datum
alive_argument(const CnClaimInput *input)
{
	Datum	   *alive = palloc(sizeof(Datum) * (input->alive_count + 1));

	for (int i = 0; i < input->alive_count; i++)
		alive[i] = UUIDPGetDatum(&input->alive[i]);
	return uuid_array(alive, input->alive_count);
}

static void
claim_arguments(const CnClaimInput *input, Datum *args)
{
	int			n = input->count;
	Datum	   *columns[6];

	for (int i = 0; i < lengthof(columns); i++)
		columns[i] = palloc(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
	{
		const CnLanePick *pick = &input->picks[i];

		columns[0][i] = UUIDPGetDatum(&pick->lane.workspace);
		columns[1][i] = UUIDPGetDatum(&pick->lane.connector);
		columns[2][i] = Int16GetDatum(pick->lane.priority);
		columns[3][i] = UUIDPGetDatum(&pick->after);
		columns[4][i] = Int32GetDatum(pick->wanted);
		columns[5][i] = BoolGetDatum(input->single_shot[i]);
	}
	args[0] = uuid_array(columns[0], n);
	args[1] = uuid_array(columns[1], n);
	args[2] = PointerGetDatum(construct_array(columns[2], n, INT2OID, 2, true, TYPALIGN_SHORT));
	args[3] = uuid_array(columns[3], n);
	args[4] = PointerGetDatum(construct_array(columns[4], n, INT4OID, 4, true, TYPALIGN_INT));
	args[5] = PointerGetDatum(construct_array(columns[5], n, BOOLOID, 1, true, TYPALIGN_CHAR));
}

CnClaimed *
cn_claim_rows(const CnClaimInput *input, int *count)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		args[9];
	CnClaimed  *list;
	CnSpi		spi;

	claim_arguments(input, args);
	args[6] = alive_argument(input);
	args[7] = UUIDPGetDatum(input->lease);
	args[8] = TimestampTzGetDatum(input->now);
	begin(&spi);
	*count = (int) cn_spi_run(&claim_statement, args, NULL, 0);
	list = read_rows(input, *count, context);
	cn_spi_end(&spi);
	return list;
}

bool
cn_claim_suspect(const CnClaimInput *input, CnClaimed *claimed)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		args[3];
	bool		found;
	CnSpi		spi;

	args[0] = alive_argument(input);
	args[1] = UUIDPGetDatum(input->lease);
	args[2] = TimestampTzGetDatum(input->now);
	begin(&spi);
	found = cn_spi_run(&suspect_statement, args, NULL, 0) > 0;
	if (found)
	{
		MemoryContext spi_context = MemoryContextSwitchTo(context);

		read_claimed(0, claimed, context);
		MemoryContextSwitchTo(spi_context);
	}
	cn_spi_end(&spi);
	return found;
}

/* ---- what became of them ---- */

/* The keys of those rows whose fate is still CN_ROW_LOST; which they are goes to index. */
static int
key_arguments(const pg_uuid_t *lease, CnRowRef *rows, int count, Datum *args, int *index)
{
	Datum	   *workspaces = palloc(sizeof(Datum) * count);
	Datum	   *ids = palloc(sizeof(Datum) * count);
	int			n = 0;

	for (int i = 0; i < count; i++)
	{
		if (rows[i].fate != CN_ROW_LOST)
			continue;
		workspaces[n] = UUIDPGetDatum(&rows[i].workspace);
		ids[n] = UUIDPGetDatum(&rows[i].id);
		index[n++] = i;
	}
	args[0] = uuid_array(workspaces, n);
	args[1] = uuid_array(ids, n);
	args[2] = UUIDPGetDatum(lease);
	return n;
}

/* Run statement, which returns numbers of rows; those get the fate. */
static int
mark_returned(CnStatement *statement, Datum *args, CnRowRef *rows, const int *index, CnRowFate fate)
{
	int			returned;
	CnSpi		spi;

	begin(&spi);
	returned = (int) cn_spi_run(statement, args, NULL, 0);
	for (int i = 0; i < returned; i++)
		rows[index[int_column(i, 1) - 1]].fate = fate;
	cn_spi_end(&spi);
	return returned;
}

/* Run a statement over the rows whose arguments behind the first three are there. */
static void
write_rows(CnStatement *statement, Datum *args, const pg_uuid_t *lease, CnRowRef *rows, int count)
{
	int		   *index = palloc(sizeof(int) * (count + 1));

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
		rows[i].fate = CN_ROW_LOST;
	(void) key_arguments(lease, rows, count, args, index);
	if (mark_returned(statement, args, rows, index, CN_ROW_DONE) == count)
		return;
	(void) key_arguments(lease, rows, count, args, index);
	(void) mark_returned(&still_mine_statement, args, rows, index, CN_ROW_LOCKED);
}

void
cn_claim_cancelled(const pg_uuid_t *lease, CnRowRef *rows, int count)
{
	int		   *index = palloc(sizeof(int) * (count + 1));
	Datum		args[3];

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
		rows[i].fate = CN_ROW_LOST;
	(void) key_arguments(lease, rows, count, args, index);
	(void) mark_returned(&cancelled_statement, args, rows, index, CN_ROW_DONE);
}

void
cn_claim_finish(const pg_uuid_t *lease, CnRowRef *rows, int count)
{
	Datum		args[3];

	write_rows(&finish_statement, args, lease, rows, count);
}

static Datum
nullable_array(Datum *values, bool *nulls, int count, Oid type, int len, bool byval, char align)
{
	int			dims[] = {count};
	int			bounds[] = {1};

	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, bounds, type, len, byval, align));
}

/* The columns that checkpoint and release write. */
static void
kept_arguments(const CnRowRef *rows, int count, Datum *args)
{
	Datum	   *checkpoints = palloc0(sizeof(Datum) * count);
	Datum	   *sending = palloc(sizeof(Datum) * count);
	Datum	   *due = palloc0(sizeof(Datum) * count);
	bool	   *no_checkpoint = palloc(sizeof(bool) * count);
	bool	   *not_due = palloc(sizeof(bool) * count);

	for (int i = 0; i < count; i++)
	{
		checkpoints[i] = PointerGetDatum(rows[i].checkpoint);
		no_checkpoint[i] = rows[i].checkpoint == NULL;
		sending[i] = BoolGetDatum(rows[i].sending);
		due[i] = TimestampTzGetDatum(rows[i].due_at);
		not_due[i] = rows[i].due_at == 0;
	}
	args[3] = nullable_array(checkpoints, no_checkpoint, count, JSONBOID, -1, false, TYPALIGN_INT);
	args[4] = PointerGetDatum(construct_array(sending, count, BOOLOID, 1, true, TYPALIGN_CHAR));
	args[5] = nullable_array(due, not_due, count, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

void
cn_claim_checkpoint(const pg_uuid_t *lease, CnRowRef *rows, int count)
{
	Datum		args[6];

	if (count == 0)
		return;
	kept_arguments(rows, count, args);
	write_rows(&checkpoint_statement, args, lease, rows, count);
}

void
cn_claim_release(const pg_uuid_t *lease, CnRowRef *rows, int count)
{
	Datum		args[6];

	if (count == 0)
		return;
	kept_arguments(rows, count, args);
	write_rows(&release_statement, args, lease, rows, count);
}
