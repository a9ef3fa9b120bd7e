/*
 * operations.c -- what the views for operators are made of: workers, what runs, alerts.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/identity.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "sqlapi/args.h"
#include "sqlapi/operations.h"
#include "stats/settings.h"

CN_FUNCTION(connector_alert_settings);
CN_FUNCTION(connector_installation_alerts);
CN_FUNCTION(connector_running);
CN_FUNCTION(connector_workers);

static const char *const state_names[CN_WORKER_STATES] = {
	[CN_WORKER_STARTING] = "starting",
	[CN_WORKER_IDLE] = "idle",
	[CN_WORKER_RUNNING] = "running",
	[CN_WORKER_FENCED] = "fenced",
	[CN_WORKER_HELD] = "held",
	[CN_WORKER_STOPPING] = "stopping",
};

const char *
cn_worker_state_name(uint32 state)
{
	return state < CN_WORKER_STATES ? state_names[state] : "unknown";
}

/* Milliseconds since the worker's last turn. */
static double
silence_ms(CnWorkerSlot *slot)
{
	return (double) (cn_now() - (TimestampTz) pg_atomic_read_u64(&slot->heartbeat)) / 1000;
}

void
cn_operations_begin(CnSpi *spi)
{
	cn_spi_begin(spi);
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/* An integer setting of a part that may not be there. */
static int
int_setting(const char *name, int otherwise)
{
	const char *value = GetConfigOption(name, true, false);

	return value ? atoi(value) : otherwise;
}

/* ---- connector_worker_stats ---- */

/* The columns before the counters. */
#define WORKER_COLUMNS 6

Datum
connector_workers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CnWorkerSlot slots[CN_MAX_WORKERS];
	int			count = cn_slots_read(slots);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < count; i++)
	{
		CnWorkerSlot *slot = &slots[i];
		Datum		values[WORKER_COLUMNS + CN_COUNTERS];
		bool		nulls[WORKER_COLUMNS + CN_COUNTERS] = {false};

		values[0] = ObjectIdGetDatum(slot->database);
		values[1] = Int32GetDatum(slot->number);
		values[2] = Int32GetDatum(slot->pid);
		values[3] = CStringGetTextDatum(cn_worker_state_name(pg_atomic_read_u32(&slot->state)));
		values[4] = TimestampTzGetDatum(slot->started_at);
		values[5] = Float8GetDatum(silence_ms(slot));
		for (int counter = 0; counter < CN_COUNTERS; counter++)
			values[WORKER_COLUMNS + counter] =
				Int64GetDatum((int64) pg_atomic_read_u64(&slot->counters[counter]));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- connector_activity ---- */

/* Of the given workspaces, or of all.  "next" is written by engine/checkpoint.c. */
static CnStatement running_of_some = {
	.sql = "SELECT workspace_id, id, lease, checkpoint OPERATOR(pg_catalog.->>) 'next'"
	" FROM @.connector_queue"
	" WHERE lease IS NOT NULL AND workspace_id OPERATOR(pg_catalog.=) ANY ($1)",
	.nargs = 1,
	.argtypes = {UUIDARRAYOID},
};

static CnStatement running_of_all = {
	.sql = "SELECT workspace_id, id, lease, checkpoint OPERATOR(pg_catalog.->>) 'next'"
	" FROM @.connector_queue WHERE lease IS NOT NULL",
};

static CnWorkerSlot *
find_lease(CnWorkerSlot *slots, int count, const pg_uuid_t *lease)
{
	for (int i = 0; i < count; i++)
		if (slots[i].database == MyDatabaseId && cn_uuid_equal(&slots[i].lease, lease))
			return &slots[i];
	return NULL;
}

static void
put_running(ReturnSetInfo *rsinfo, uint64 row, CnWorkerSlot *slots, int count)
{
	Datum		values[5] = {0};
	bool		nulls[5] = {false};
	pg_uuid_t	lease;
	CnWorkerSlot *slot;

	values[0] = cn_spi_value(row, 1, &nulls[0]);
	values[1] = cn_spi_value(row, 2, &nulls[1]);
	cn_spi_uuid(row, 3, &lease);
	slot = find_lease(slots, count, &lease);
	nulls[2] = nulls[3] = slot == NULL;
	if (slot)
	{
		values[2] = Int32GetDatum(slot->number);
		values[3] = Int32GetDatum(slot->pid);
	}
	values[4] = cn_spi_value(row, 4, &nulls[4]);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
connector_running(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		all = has_bypassrls_privilege(GetUserId());
	Datum		readable = all ? (Datum) 0 : PointerGetDatum(cn_workspaces_with(CN_RIGHT_READ));
	CnWorkerSlot slots[CN_MAX_WORKERS];
	int			count;
	uint64		rows;
	CnSpi		spi;

	InitMaterializedSRF(fcinfo, 0);
	cn_operations_begin(&spi);
	rows = all ? cn_spi_run(&running_of_all, NULL, NULL, 0) :
		cn_spi_run(&running_of_some, &readable, NULL, 0);
	/* the workers after the rows: one that has claimed has its slot by then */
	count = cn_slots_read(slots);
	for (uint64 row = 0; row < rows; row++)
		put_running(rsinfo, row, slots, count);
	cn_spi_end(&spi);
	return (Datum) 0;
}

/* ---- connector_alerts ---- */

Datum
connector_alert_settings(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Float8GetDatum(cn_alert_failure_rate);
	values[1] = Int64GetDatum(cn_alert_backlog);
	values[2] = Float8GetDatum(cn_alert_queue_age / 1000.0);
	values[3] = Float8GetDatum(cn_alert_stale_run / 1000.0);
	values[4] = Float8GetDatum(cn_alert_overdue_poll);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* A row of connector_alerts that is about the installation, and no workspace. */
typedef struct Alert
{
	const char *alert;
	const char *severity;
	const char *subject;
	double		value;
	double		threshold;
	const char *message;
	const char *hint;
} Alert;

static void
put_alert(ReturnSetInfo *rsinfo, const Alert *alert)
{
	Datum		values[8];
	bool		nulls[8] = {false};

	values[0] = CStringGetTextDatum(alert->alert);
	values[1] = CStringGetTextDatum(alert->severity);
	nulls[2] = true;
	values[3] = CStringGetTextDatum(alert->subject);
	values[4] = Float8GetDatum(alert->value);
	values[5] = Float8GetDatum(alert->threshold);
	values[6] = CStringGetTextDatum(alert->message);
	values[7] = CStringGetTextDatum(alert->hint);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
alert_of_worker(ReturnSetInfo *rsinfo, CnWorkerSlot *slot)
{
	uint32		state = pg_atomic_read_u32(&slot->state);
	double		silent = silence_ms(slot) / 1000;
	double		limit = int_setting("connector.lease_timeout", 60000) / 1000.0;
	char	   *subject = psprintf("worker %d", slot->number);

	if (silent > limit)
		put_alert(rsinfo, &(Alert) {
			"worker_silent", "critical", subject, silent, limit,
			psprintf("worker %d (pid %d) has not turned for %.0f s", slot->number, slot->pid, silent),
			"Others take over what it runs. See what it waits for in pg_stat_activity; end it with"
			" pg_terminate_backend()."
		});
	if (state == CN_WORKER_FENCED)
		put_alert(rsinfo, &(Alert) {
			"fence_closed", "critical", subject, 1, 0,
			"queued work stands still: this cluster was restored, cloned or promoted",
			"If it is the one that shall call out, call connector_acknowledge_clone()."
		});
	if (state == CN_WORKER_HELD)
		put_alert(rsinfo, &(Alert) {
			"worker_held", "critical", subject,
			pg_atomic_read_u64(&slot->counters[CN_COUNT_DEFERRED]), 0,
			psprintf("worker %d takes no work: it cannot record what has ended, or is short of memory",
					 slot->number),
			"Look for its errors in the server log, for free disk space, and at"
			" connector.worker_memory_limit."
		});
}

static void
alert_of_workers(ReturnSetInfo *rsinfo)
{
	CnWorkerSlot slots[CN_MAX_WORKERS];
	int			count = cn_slots_read(slots);
	int			wanted = int_setting("connector.workers", 0);
	int			running = 0;

	for (int i = 0; i < count; i++)
	{
		if (slots[i].database != MyDatabaseId)
			continue;
		running++;
		alert_of_worker(rsinfo, &slots[i]);
	}
	if (running < wanted && !RecoveryInProgress())
		put_alert(rsinfo, &(Alert) {
			"no_worker", running == 0 ? "critical" : "warning", "workers", running, wanted,
			psprintf("%d of %d workers of this database run", running, wanted),
			"Look in the server log; raise max_worker_processes if there is no room for them."
		});
}

/* Rows that maintenance should have moved or folded; counted up to a limit. */
static CnStatement neglected = {
	.sql = "SELECT (SELECT pg_catalog.count(*)"
	" FROM (SELECT FROM @.connector_history_default LIMIT 10000) d),"
	" (SELECT pg_catalog.count(*) FROM (SELECT FROM @.connector_stat_deltas"
	" WHERE last_at OPERATOR(pg_catalog.<)"
	" (pg_catalog.now() OPERATOR(pg_catalog.-) '10 minutes'::pg_catalog.interval)"
	" LIMIT 10000) s)",
};

static void
alert_of_maintenance(ReturnSetInfo *rsinfo)
{
	CnSpi		spi;
	bool		isnull;
	int64		waiting;
	int64		deltas;

	cn_operations_begin(&spi);
	(void) cn_spi_run(&neglected, NULL, NULL, 0);
	waiting = DatumGetInt64(cn_spi_value(0, 1, &isnull));
	deltas = DatumGetInt64(cn_spi_value(0, 2, &isnull));
	cn_spi_end(&spi);
	if (waiting > 0)
		put_alert(rsinfo, &(Alert) {
			"maintenance", "warning", "connector_history_default", waiting, 0,
			"executions are recorded in the default partition of the history",
			"Let pg_cron call connector_maintain() every minute: connector_setup_cron()."
		});
	if (deltas > 0)
		put_alert(rsinfo, &(Alert) {
			"statistics", "warning", "connector_stat_deltas", deltas, 0,
			"counts of more than 10 minutes ago are not folded",
			"A worker does that, or connector_maintain(); somebody may hold connectors or credentials"
			" locked."
		});
}

Datum
connector_installation_alerts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	if (has_privs_of_role(GetUserId(), ROLE_PG_MONITOR))
	{
		alert_of_workers(rsinfo);
		alert_of_maintenance(rsinfo);
	}
	return (Datum) 0;
}
