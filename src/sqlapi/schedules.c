/*
 * schedules.c -- connectors that pg_cron starts, and its jobs in general.
 *
 * A schedule is a row of connector_schedules and a job of pg_cron (worker/cron.h).  The row is the
 * truth.  Where pg_cron lives in this database both change in one transaction; where it lives
 * in another one, the job has changed although the transaction may still roll back.  That does no
 * harm: a job whose row is not there, or is disabled, does nothing, and connector_tick()
 * compares them every minute.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "catalog/cache.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/identity.h"
#include "core/install.h"
#include "core/jsonb.h"
#include "core/report.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "engine/input.h"
#include "queue/enqueue.h"
#include "sqlapi/args.h"
#include "sqlapi/fields.h"
#include "worker/cron.h"

CN_FUNCTION(connector_schedule);
CN_FUNCTION(connector_unschedule);
CN_FUNCTION(connector_run_schedule);
CN_FUNCTION(connector_cron_name);
CN_FUNCTION(connector_cron_command);
CN_FUNCTION(connector_sync_jobs);
CN_FUNCTION(connector_trim_cron_log);
CN_FUNCTION(connector_setup_cron);

#define RUN_FUNCTION "_connector_run_schedule(uuid,uuid)"

/* Jobs that one call makes or removes; the next one goes on. */
#define MAX_CHANGES 500

/* Whose jobs they are: who owns the extension. */
static const char *
job_owner(void)
{
	return GetUserNameFromId(cn_install()->owner, false);
}

static const char *
job_database(void)
{
	return get_database_name(MyDatabaseId);
}

/* ---- connector_schedule ---- */

static CnStatement count_others = {
	.sql = "SELECT count(*) FROM @.connector_schedules WHERE workspace_id = $1 AND name <> $2",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static CnStatement save = {
	.sql = "INSERT INTO @.connector_schedules AS s (workspace_id, id, name, connector_id, cron,"
	" input, priority, overlap, enabled, identity, run_as)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
	" ON CONFLICT (workspace_id, name) DO UPDATE"
	" SET connector_id = excluded.connector_id, cron = excluded.cron, input = excluded.input,"
	" priority = excluded.priority, overlap = excluded.overlap, enabled = excluded.enabled,"
	" identity = excluded.identity, run_as = excluded.run_as, last_error = NULL"
	" RETURNING s.id",
	.write = true,
	.nargs = 11,
	.argtypes = {UUIDOID, UUIDOID, TEXTOID, UUIDOID, TEXTOID, JSONBOID, INT2OID, BOOLOID, BOOLOID,
	TEXTOID, NAMEOID},
};

typedef struct Schedule
{
	CnWorkspace workspace;
	CnConnector *connector;
	const char *name;
	const char *cron;
	Jsonb	   *input;
	int			priority;
	bool		overlap;
	bool		enabled;
	const char *identity;
	NameData	run_as;
} Schedule;

static void
find_connector(Schedule *schedule, const char *name)
{
	CnFailure	failure = {CN_OK};

	schedule->connector = cn_cache_get(&schedule->workspace.id, name, CurrentMemoryContext);
	if (schedule->connector == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("connector \"%s\" does not exist in workspace \"%s\"", name,
						schedule->workspace.slug)));
	if (schedule->connector->compiled.input_schema &&
		!cn_input_check(schedule->connector->compiled.input_schema, schedule->input, &failure))
		cn_report_failure(schedule->connector->name, NULL, &failure);
}

static void
check_values(const Schedule *schedule)
{
	int			length = pg_mbstrlen(schedule->name);

	if (length == 0 || length > CN_CONNECTOR_NAME_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of a schedule must have 1 to %d characters",
						CN_CONNECTOR_NAME_MAX)));
	if (schedule->priority < 0 || schedule->priority > 9)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("priority must be between 0 (first) and 9 (last)")));
}

static void
check_count(const Schedule *schedule)
{
	Datum		values[2] = {UUIDPGetDatum(&schedule->workspace.id),
	CStringGetTextDatum(schedule->name)};
	bool		isnull;

	(void) cn_spi_run(&count_others, values, NULL, 1);
	if (DatumGetInt64(cn_spi_value(0, 1, &isnull)) >= cn_cron_max_schedules)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("workspace \"%s\" has too many schedules", schedule->workspace.slug),
				 errdetail("connector.max_schedules is %d.", cn_cron_max_schedules)));
}

/* Insert or replace the row; false if it replaced one. */
static bool
save_row(Schedule *schedule, pg_uuid_t *id)
{
	pg_uuid_t	fresh;
	Datum		values[11] = {
		UUIDPGetDatum(&schedule->workspace.id), UUIDPGetDatum(&fresh),
		CStringGetTextDatum(schedule->name), UUIDPGetDatum(&schedule->connector->id),
		CStringGetTextDatum(schedule->cron), JsonbPGetDatum(schedule->input),
		Int16GetDatum(schedule->priority), BoolGetDatum(schedule->overlap),
		BoolGetDatum(schedule->enabled), CStringGetTextDatum(schedule->identity),
		NameGetDatum(&schedule->run_as)
	};
	CnSpi		spi;

	cn_uuid_v7(&fresh);
	cn_spi_begin(&spi);
	check_count(schedule);
	(void) cn_spi_run(&save, values, NULL, 0);
	cn_spi_uuid(0, 1, id);
	cn_spi_end(&spi);
	return cn_uuid_equal(id, &fresh);
}

static void
put_job(const Schedule *schedule, const pg_uuid_t *id)
{
	char		workspace_text[CN_UUID_TEXT_LEN + 1];
	char		id_text[CN_UUID_TEXT_LEN + 1];
	char	   *arguments = psprintf("('%s', '%s')",
									 cn_uuid_text(&schedule->workspace.id, workspace_text),
									 cn_uuid_text(id, id_text));
	CnCronCall	call = {CN_CRON_PUT, {cn_cron_job_name(id_text), schedule->cron,
			cn_cron_command(RUN_FUNCTION, arguments), job_database(), job_owner(),
	schedule->enabled ? "true" : "false"}};

	cn_cron_run(&call, 1);
	cn_cron_check(&call);
}

Datum
connector_schedule(PG_FUNCTION_ARGS)
{
	char	   *connector = cn_arg_required(fcinfo, 0, "connector");
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	Schedule	schedule = {.cron = cn_arg_required(fcinfo, 1, "cron")};
	bool		added;

	PreventCommandIfReadOnly("connector_schedule()");
	PreventCommandIfParallelMode("connector_schedule()");
	schedule.input = cn_arg_jsonb(fcinfo, 2);
	schedule.name = cn_arg_text(fcinfo, 3);
	schedule.workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 4), CN_RIGHT_EXECUTE);
	schedule.priority = PG_ARGISNULL(5) ? 5 : PG_GETARG_INT32(5);
	schedule.overlap = PG_ARGISNULL(6) || PG_GETARG_BOOL(6);
	schedule.enabled = PG_ARGISNULL(7) || PG_GETARG_BOOL(7);
	schedule.identity = cn_identity_name();
	namestrcpy(&schedule.run_as, GetUserNameFromId(GetUserId(), false));
	find_connector(&schedule, connector);
	if (schedule.name == NULL)
		schedule.name = schedule.connector->name;
	check_values(&schedule);

	added = save_row(&schedule, id);
	put_job(&schedule, id);
	cn_audit(&schedule.workspace.id, schedule.identity, added ? "create" : "change", "schedule",
			 schedule.name, psprintf("connector %s, cron %s", schedule.connector->name,
									 schedule.cron));
	PG_RETURN_UUID_P(id);
}

/* ---- connector_unschedule ---- */

static CnStatement delete_row = {
	.sql = "DELETE FROM @.connector_schedules WHERE workspace_id = $1 AND name = $2 RETURNING id",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

/* A job that stays does nothing, and the next connector_tick() removes it. */
static void
remove_job(const pg_uuid_t *id)
{
	char		id_text[CN_UUID_TEXT_LEN + 1];
	CnCronCall	call = {CN_CRON_REMOVE, {cn_cron_job_name(cn_uuid_text(id, id_text)),
	job_database(), job_owner()}};
	ErrorData  *error;

	if (cn_cron_database() == NULL)
		return;
	error = cn_cron_try(&call, 1);
	if (error == NULL)
		error = call.error;
	if (error)
		ereport(WARNING,
				(errmsg("could not remove the job of the schedule now: %s", error->message),
				 errdetail("It does nothing any more."),
				 errhint("connector_tick() removes it later.")));
}

Datum
connector_unschedule(PG_FUNCTION_ARGS)
{
	char	   *name = cn_arg_required(fcinfo, 0, "name");
	CnWorkspace workspace;
	const char *identity;
	Datum		values[2];
	pg_uuid_t	id;
	bool		found;
	CnSpi		spi;

	PreventCommandIfReadOnly("connector_unschedule()");
	PreventCommandIfParallelMode("connector_unschedule()");
	workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 1), CN_RIGHT_EXECUTE);
	identity = cn_identity_name();
	values[0] = UUIDPGetDatum(&workspace.id);
	values[1] = CStringGetTextDatum(name);
	cn_spi_begin(&spi);
	found = cn_spi_run(&delete_row, values, NULL, 0) > 0;
	if (found)
		cn_spi_uuid(0, 1, &id);
	cn_spi_end(&spi);
	if (found)
	{
		remove_job(&id);
		cn_audit(&workspace.id, identity, "delete", "schedule", name, NULL);
	}
	PG_RETURN_BOOL(found);
}

/* ---- a run ---- */

/*
 * A job may run twice in its minute: pg_cron was restarted, or there are two of it.  The lock, and
 * the time of the last run, keep the second one from starting anything.  Expressions of
 * pg_cron 1.5 that count seconds have the second instead.
 */
#define DUE_IN(time) \
	"date_trunc(CASE WHEN s.cron LIKE '%second%' THEN 'second' ELSE 'minute' END, " time ")"

static CnStatement lock_due = {
	.sql = "SELECT s.connector_id, s.priority, s.overlap, s.input, s.identity, s.run_as::text,"
	" c.name, c.enabled,"
	" EXISTS (SELECT FROM @.connector_queue q WHERE q.workspace_id = s.workspace_id"
	"  AND q.id = s.last_execution_id)"
	" FROM @.connector_schedules s JOIN @.connectors c"
	"  ON c.workspace_id = s.workspace_id AND c.id = s.connector_id"
	" WHERE s.workspace_id = $1 AND s.id = $2 AND s.enabled"
	" AND (s.last_run_at IS NULL OR " DUE_IN("s.last_run_at") " <> " DUE_IN("$3") ")"
	" FOR NO KEY UPDATE OF s",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, TIMESTAMPTZOID},
};

static CnStatement note_run = {
	.sql = "UPDATE @.connector_schedules SET last_run_at = $3,"
	" last_execution_id = coalesce($4, last_execution_id), last_error = $5"
	" WHERE workspace_id = $1 AND id = $2",
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDOID, UUIDOID, TIMESTAMPTZOID, UUIDOID, TEXTOID},
};

/* A schedule that is due, as its row says. */
typedef struct Due
{
	CnQueueEntry entry;
	bool		overlap;
	char	   *identity;
	char	   *run_as;
	char	   *connector;
	bool		connector_enabled;
	bool		under_way;		/* what it started last has not ended */
} Due;

static bool
lock_row(const pg_uuid_t *workspace, const pg_uuid_t *id, TimestampTz now, Due *due,
		 MemoryContext context)
{
	Datum		values[3] = {UUIDPGetDatum(workspace), UUIDPGetDatum(id), TimestampTzGetDatum(now)};
	MemoryContext old;
	CnSpi		spi;
	bool		found;
	bool		isnull;

	cn_spi_begin(&spi);
	found = cn_spi_run(&lock_due, values, NULL, 0) > 0;
	if (found)
	{
		due->entry.lane.workspace = *workspace;
		cn_spi_uuid(0, 1, &due->entry.lane.connector);
		due->entry.lane.priority = DatumGetInt16(cn_spi_value(0, 2, &isnull));
		due->overlap = DatumGetBool(cn_spi_value(0, 3, &isnull));
		old = MemoryContextSwitchTo(context);
		due->entry.input = DatumGetJsonbPCopy(cn_spi_value(0, 4, &isnull));
		MemoryContextSwitchTo(old);
		due->identity = cn_spi_text(0, 5, context);
		due->run_as = cn_spi_text(0, 6, context);
		due->connector = cn_spi_text(0, 7, context);
		due->connector_enabled = DatumGetBool(cn_spi_value(0, 8, &isnull));
		due->under_way = DatumGetBool(cn_spi_value(0, 9, &isnull));
	}
	cn_spi_end(&spi);
	return found;
}

/* Why it cannot start now; NULL: it can. */
static const char *
obstacle(const Due *due)
{
	if (!OidIsValid(get_role_oid(due->run_as, true)))
		return psprintf("role \"%s\" does not exist any more", due->run_as);
	if ((int) cn_identity_role(due->identity, &due->entry.lane.workspace) < (int) CN_RIGHT_EXECUTE)
		return psprintf("%s may not execute in this workspace any more", due->identity);
	if (!due->connector_enabled)
		return psprintf("connector \"%s\" is disabled", due->connector);
	if (due->under_way && !due->overlap)
		return "the execution before has not ended";
	return NULL;
}

static void
enqueue(Due *due, TimestampTz now)
{
	CnEnqueue	queue = {.context = CurrentMemoryContext,.now = now,.identity = due->identity};

	namestrcpy(&queue.run_as, due->run_as);
	cn_enqueue_id(0, &due->entry.id);
	due->entry.attempt = 1;
	due->entry.trigger = "schedule";
	cn_enqueue_add(&queue, &due->entry);
	cn_enqueue_flush(&queue);
}

static void
note(const pg_uuid_t *id, const Due *due, TimestampTz now, const char *error)
{
	Datum		values[5] = {UUIDPGetDatum(&due->entry.lane.workspace), UUIDPGetDatum(id),
		TimestampTzGetDatum(now), UUIDPGetDatum(&due->entry.id),
	error ? CStringGetTextDatum(error) : (Datum) 0};
	CnSpi		spi;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&note_run, values, error ? "   n " : "    n", 0);
	cn_spi_end(&spi);
}

Datum
connector_run_schedule(PG_FUNCTION_ARGS)
{
	TimestampTz now = cn_now();
	Due		   *due = palloc0(sizeof(Due));
	const char *error;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) ||
		!lock_row(PG_GETARG_UUID_P(0), PG_GETARG_UUID_P(1), now, due, CurrentMemoryContext))
		PG_RETURN_NULL();
	error = obstacle(due);
	if (error == NULL)
		enqueue(due, now);
	note(PG_GETARG_UUID_P(1), due, now, error);
	if (error)
		PG_RETURN_NULL();
	PG_RETURN_UUID_P(&due->entry.id);
}

/* ---- jobs as they should be ---- */

Datum
connector_cron_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(cn_cron_job_name(text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}

Datum
connector_cron_command(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(cn_cron_command(text_to_cstring(PG_GETARG_TEXT_PP(0)),
													 text_to_cstring(PG_GETARG_TEXT_PP(1)))));
}

/*
 * What to do: whether a job is to be made (or removed), and the arguments of the call.
 * $1 the jobs there are, $2 our database, $3 their user, $4 all jobs, or those of schedules
 * only, $5 none shall be left.
 */
static CnStatement differences = {
	.sql = "WITH wanted AS ("
	" SELECT @._connector_cron_name(j.what) AS name, j.schedule,"
	"  @._connector_cron_command(j.function, '()') AS command, true AS active"
	"  FROM (VALUES ('tick', '* * * * *', 'connector_tick()'),"
	"               ('maintain', '23 3 * * *', '_connector_nightly()')) j(what, schedule, function)"
	"  WHERE $4 AND NOT $5"
	" UNION ALL"
	" SELECT @._connector_cron_name(s.id::text), s.cron,"
	"  @._connector_cron_command('" RUN_FUNCTION "', format('(%L, %L)', s.workspace_id, s.id)),"
	"  s.enabled FROM @.connector_schedules s WHERE NOT $5"
	"), there AS ("
	" SELECT * FROM jsonb_to_recordset($1) j(name text, schedule text, command text, database text,"
	"  username text, active boolean)) "
	"SELECT true, w.name, w.schedule, w.command, $2, $3, w.active::text FROM wanted w"
	" WHERE NOT EXISTS (SELECT FROM there t WHERE t.name = w.name AND t.schedule = w.schedule"
	"  AND t.command = w.command AND t.database = $2 AND t.username = $3 AND t.active = w.active) "
	"UNION ALL "
	"SELECT false, t.name, t.database, t.username, NULL, NULL, NULL FROM there t"
	" WHERE ($4 OR t.database = $2 AND strpos(t.command, '._connector_run_schedule(') > 0)"
	" AND NOT EXISTS (SELECT FROM wanted w WHERE t.name = w.name AND t.database = $2"
	"  AND t.username = $3)",
	.nargs = 5,
	.argtypes = {JSONBOID, TEXTOID, TEXTOID, BOOLOID, BOOLOID},
};

static Jsonb *
list_jobs(void)
{
	CnCronCall	call = {CN_CRON_LIST, {job_database()}};

	cn_cron_run(&call, 1);
	cn_cron_check(&call);
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(call.value)));
}

static CnCronCall *
find_changes(bool all, bool remove, int *count)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[5] = {JsonbPGetDatum(list_jobs()), CStringGetTextDatum(job_database()),
		CStringGetTextDatum(job_owner()), BoolGetDatum(all), BoolGetDatum(remove)};
	CnCronCall *calls;
	CnSpi		spi;

	cn_spi_begin(&spi);
	*count = cn_spi_run(&differences, values, NULL, MAX_CHANGES);
	calls = MemoryContextAllocZero(context, sizeof(CnCronCall) * (*count + 1));
	for (int i = 0; i < *count; i++)
	{
		bool		isnull;
		bool		put = DatumGetBool(cn_spi_value(i, 1, &isnull));

		calls[i].action = put ? CN_CRON_PUT : CN_CRON_REMOVE;
		for (int n = 0; n < CN_CRON_MAX_ARGS; n++)
			calls[i].args[n] = cn_spi_text(i, n + 2, context);
	}
	cn_spi_end(&spi);
	return calls;
}

/* What was done: {"put": 2, "removed": 0, "failed": [{"job": ..., "error": ...}]} */
static Jsonb *
report(const CnCronCall *calls, int count)
{
	CnJsonbBuilder b = {0};
	int			done[2] = {0, 0};

	for (int i = 0; i < count; i++)
		if (calls[i].error == NULL)
			done[calls[i].action == CN_CRON_REMOVE]++;
	cn_build_begin_object(&b);
	cn_build_key(&b, "put");
	cn_build_int(&b, done[0]);
	cn_build_key(&b, "removed");
	cn_build_int(&b, done[1]);
	cn_build_key(&b, "failed");
	cn_build_begin_array(&b);
	for (int i = 0; i < count; i++)
	{
		if (calls[i].error == NULL)
			continue;
		cn_build_begin_object(&b);
		cn_build_key(&b, "job");
		cn_build_string(&b, calls[i].args[0]);
		cn_build_key(&b, "error");
		cn_build_string(&b, calls[i].error->message);
		cn_build_end_object(&b);
	}
	cn_build_end_array(&b);
	cn_build_end_object(&b);
	return cn_build_done(&b);
}

static Jsonb *
sync_jobs(bool all, bool remove)
{
	int			count;
	CnCronCall *calls = find_changes(all, remove, &count);

	if (count > 0)
		cn_cron_run(calls, count);
	return report(calls, count);
}

Datum
connector_sync_jobs(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("connector_tick()");
	PG_RETURN_JSONB_P(sync_jobs(false, false));
}

Datum
connector_setup_cron(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("connector_setup_cron()");
	PreventCommandIfParallelMode("connector_setup_cron()");
	PG_RETURN_JSONB_P(sync_jobs(true, !PG_ARGISNULL(0) && PG_GETARG_BOOL(0)));
}

Datum
connector_trim_cron_log(PG_FUNCTION_ARGS)
{
	CnCronCall	call = {CN_CRON_TRIM, {job_database()}};

	PreventCommandIfReadOnly("_connector_trim_cron_log()");
	cn_cron_run(&call, 1);
	cn_cron_check(&call);
	PG_RETURN_INT64(pg_strtoint64(call.value));
}
