/*
 * cron.c -- our jobs in pg_cron, in whatever database of this cluster it lives.
 *
 * The statements are fixed here; only values come from outside, as parameters.  They run
 * through SPI itself, not core/spi.h: the database of pg_cron need not have
 * our extension.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/resowner.h"

#include "core/install.h"
#include "core/json.h"
#include "core/spi.h"
#include "worker/cron.h"
#include "worker/errand.h"

/* The mark of our jobs.  It is never removed from what it marks: old jobs have the old one. */
#define MARK "/* connector */"
#define IS_OURS "j.command LIKE 'DO %" MARK "%'"

#define RUNS_KEPT "interval '7 days'"

static const struct
{
	const char *sql;
	int			nargs;
}			statements[] = {
	/* schedule_in_database changes schedule and command of a job that is there, and nothing else */
	[CN_CRON_PUT] = {
		"SELECT cron.alter_job(cron.schedule_in_database($1, $2, $3, $4, $5, $6::boolean),"
		" NULL, NULL, $4, $5, $6::boolean)", 6
	},
	[CN_CRON_REMOVE] = {
		"SELECT count(cron.unschedule(j.jobid)) FROM cron.job j"
		" WHERE j.jobname = $1 AND j.database = $2 AND j.username = $3 AND " IS_OURS, 3
	},
	[CN_CRON_LIST] = {
		"SELECT coalesce(jsonb_agg(jsonb_build_object('name', j.jobname, 'schedule', j.schedule,"
		" 'command', j.command, 'database', j.database, 'username', j.username,"
		" 'active', j.active) ORDER BY j.jobid), '[]')"
		" FROM cron.job j WHERE j.jobname LIKE 'connector %' AND " IS_OURS
		" AND (j.database = $1"
		"  OR NOT EXISTS (SELECT FROM pg_database d WHERE d.datname = j.database))", 1
	},
	[CN_CRON_TRIM] = {
		"WITH gone AS (DELETE FROM cron.job_run_details j WHERE j.database = $1 AND " IS_OURS
		" AND coalesce(j.end_time, j.start_time) < now() - " RUNS_KEPT " RETURNING 1)"
		" SELECT count(*) FROM gone", 1
	},
};

int			cn_cron_max_schedules;

void
cn_cron_init(void)
{
	DefineCustomIntVariable("connector.max_schedules",
							"Most schedules that a workspace may have.",
							NULL, &cn_cron_max_schedules,
							100, 0, 100000, PGC_SUSET, 0, NULL, NULL, NULL);
}

/* ---- names and commands ---- */

char *
cn_cron_job_name(const char *what)
{
	char	   *database = get_database_name(MyDatabaseId);
	char	   *name = psprintf("connector %s %s", database, what);
	uint32		hash = hash_bytes((unsigned char *) database, strlen(database));
	int			room;

	if (strlen(name) < NAMEDATALEN)
		return name;
	room = NAMEDATALEN - 1 - strlen("connector ~01234567 ") - strlen(what);
	database[pg_mbcliplen(database, strlen(database), room)] = '\0';
	return psprintf("connector %s~%08x %s", database, hash, what);
}

char *
cn_cron_command(const char *function, const char *call)
{
	const char *schema = cn_install()->schema;
	const char *name = strchr(function, '(');
	char	   *bare = pnstrdup(function, name - function);
	char	   *body = psprintf("BEGIN " MARK " IF pg_catalog.to_regprocedure(%s) IS NOT NULL THEN "
								"PERFORM %s.%s%s; END IF; END",
								quote_literal_cstr(psprintf("%s.%s", schema, function)),
								schema, bare, call);

	return psprintf("DO %s", quote_literal_cstr(body));
}

/* ---- where pg_cron is: the calls themselves ---- */

static bool
ask(const char *question)
{
	bool		isnull;

	if (SPI_execute(question, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not look for pg_cron");
	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static void
check_installed(void)
{
	if (!ask("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron')"))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"pg_cron\" is not installed in database \"%s\"",
						get_database_name(MyDatabaseId)),
				 errhint("Run CREATE EXTENSION pg_cron there, or set cron.database_name.")));
	if (!ask("SELECT to_regprocedure("
			 "'cron.schedule_in_database(text,text,text,text,text,boolean)') IS NOT NULL"))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"pg_cron\" in database \"%s\" is older than 1.4",
						get_database_name(MyDatabaseId)),
				 errhint("Run ALTER EXTENSION pg_cron UPDATE there.")));
}

static void
execute(CnCronCall *call, int count, MemoryContext context)
{
	Oid			types[CN_CRON_MAX_ARGS];
	Datum		values[CN_CRON_MAX_ARGS] = {0};
	char		nulls[CN_CRON_MAX_ARGS];
	char	   *value;

	for (int i = 0; i < statements[call->action].nargs; i++)
	{
		types[i] = TEXTOID;
		nulls[i] = call->args[i] ? ' ' : 'n';
		if (call->args[i])
			values[i] = CStringGetTextDatum(call->args[i]);
	}
	if (SPI_execute_with_args(statements[call->action].sql, statements[call->action].nargs,
							  types, values, nulls, false, 0) < 0 || SPI_processed != 1)
		elog(ERROR, "could not call pg_cron");
	value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	call->value = value ? MemoryContextStrdup(context, value) : NULL;
}

/*
 * Do work in a subtransaction.  Its error becomes a value, in context; a cancelled query stays
 * cancelled.
 */
static ErrorData *
in_subtransaction(void (*work) (CnCronCall *, int, MemoryContext), CnCronCall *calls, int count,
				  MemoryContext context)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		work(calls, count, context);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	return error;
}

/* Between SPI_connect and SPI_finish. */
static void
run_calls(CnCronCall *calls, int count, MemoryContext context)
{
	check_installed();
	for (int i = 0; i < count; i++)
		calls[i].error = in_subtransaction(execute, &calls[i], 1, context);
}

/* ---- requests and answers: arrays of arrays ---- */

/* [["<action>", "<argument>", ...], ...] */
static char *
write_request(const CnCronCall *calls, int count)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int i = 0; i < count; i++)
	{
		appendStringInfoString(&out, i ? ",[" : "[");
		cn_errand_write(&out, psprintf("%d", calls[i].action));
		for (int n = 0; n < statements[calls[i].action].nargs; n++)
			cn_errand_write(&out, calls[i].args[n]);
		appendStringInfoChar(&out, ']');
	}
	appendStringInfoChar(&out, ']');
	return out.data;
}

static const CnJson *
parse(const char *text)
{
	CnJsonError problem;
	const CnJson *list = cn_json_parse(text, strlen(text), NULL, &problem);

	if (list == NULL)
		elog(ERROR, "unreadable message of a background worker: %s", problem.message);
	return list;
}

static CnCronCall *
read_request(const char *request, int *count)
{
	const CnJson *list = parse(request);
	CnCronCall *calls = palloc0(sizeof(CnCronCall) * (list->len + 1));

	*count = list->len;
	for (int i = 0; i < list->len; i++)
	{
		const CnJson *item = list->u.items[i];

		calls[i].action = atoi(cn_errand_read(item, 0));
		for (int n = 0; n < statements[calls[i].action].nargs; n++)
			calls[i].args[n] = cn_errand_read(item, 1 + n);
	}
	return calls;
}

/* [[null, "<value>"], ["<SQLSTATE>", "<message>", ...], ...] */
static char *
write_answer(const CnCronCall *calls, int count)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int i = 0; i < count; i++)
	{
		appendStringInfoString(&out, i ? ",[" : "[");
		if (calls[i].error)
			cn_errand_write_error(&out, calls[i].error);
		else
		{
			cn_errand_write(&out, NULL);
			cn_errand_write(&out, calls[i].value);
		}
		appendStringInfoChar(&out, ']');
	}
	appendStringInfoChar(&out, ']');
	return out.data;
}

static void
read_answer(const char *answer, CnCronCall *calls, int count)
{
	const CnJson *list = parse(answer);

	for (int i = 0; i < count && i < list->len; i++)
	{
		const CnJson *item = list->u.items[i];

		if (cn_errand_read(item, 0))
			calls[i].error = cn_errand_read_error(item, 0);
		else
			calls[i].value = cn_errand_read(item, 1);
	}
}

char *
cn_cron_answer(const char *request)
{
	MemoryContext context = CurrentMemoryContext;
	int			count;
	CnCronCall *calls = read_request(request, &count);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	run_calls(calls, count, context);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return write_answer(calls, count);
}

/* ---- for everybody ---- */

/* Not where the name is a placeholder, which everybody may set: then pg_cron is not loaded. */
const char *
cn_cron_database(void)
{
	const char *name = GetConfigOption("cron.database_name", true, false);

	if (name == NULL || (GetConfigOptionFlags("cron.database_name", true) & GUC_CUSTOM_PLACEHOLDER))
		return NULL;
	return name;
}

static void
run(CnCronCall *calls, int count, MemoryContext context)
{
	const char *database = cn_cron_database();
	CnSpi		spi;

	if (database == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_cron is not loaded"),
				 errhint("Add pg_cron to shared_preload_libraries, set cron.database_name, restart the server and run CREATE EXTENSION pg_cron in that database.")));
	if (strcmp(database, get_database_name(MyDatabaseId)) != 0)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		read_answer(cn_errand_run(database, CN_ERRAND_CRON, write_request(calls, count)),
					calls, count);
		MemoryContextSwitchTo(old);
		return;
	}
	cn_spi_begin(&spi);
	run_calls(calls, count, context);
	cn_spi_end(&spi);
}

void
cn_cron_run(CnCronCall *calls, int count)
{
	run(calls, count, CurrentMemoryContext);
}

ErrorData *
cn_cron_try(CnCronCall *calls, int count)
{
	return in_subtransaction(run, calls, count, CurrentMemoryContext);
}

void
cn_cron_check(const CnCronCall *call)
{
	if (call->error)
		cn_errand_raise(call->error, NULL);
}
