/*
 * metrics.c -- connector_metrics(): the page that Prometheus reads.
 *
 * It is of one database, and has no tenant in it.  docs/operations.md says what each means;
 * the names of jobs, records, write-backs and tokens are those of the project's documents.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "limit/limit.h"
#include "sqlapi/args.h"
#include "sqlapi/operations.h"
#include "stats/counters.h"
#include "stats/exposition.h"

CN_FUNCTION(connector_metrics);

static const CnLabel no_label = {NULL, NULL};

/* What executions were, by CnCounterKind. */
static const char *const mode_names[CN_COUNTED_KINDS] = {
	[CN_COUNTED_SYNCHRONOUS] = "synchronous",
	[CN_COUNTED_QUEUED] = "queued",
	[CN_COUNTED_WRITEBACK] = "writeback",
};

static void
put_one(StringInfo page, const char *name, const char *type, const char *help, double value)
{
	cn_exposition_begin(page, name, type, help);
	cn_exposition_sample(page, name, "", &no_label, value);
}

/* One label, of a metric that was begun. */
static void
put_labelled(StringInfo page, const char *name, const char *label, const char *label_value,
			 double value)
{
	CnLabel		labels[2] = {{label, label_value}, {NULL, NULL}};

	cn_exposition_sample(page, name, "", labels, value);
}

static void
put_histogram(StringInfo page, const char *name, CnLabel label, const CnCounterValues *values,
			  CnCounterKind kind)
{
	cn_exposition_histogram(page, name, label, cn_latency_bounds, CN_LATENCY_BUCKETS,
							values->latency[kind], values->latency_us[kind] / 1000.0);
}

/* ---- live counters ---- */

static uint64
failures_of(const CnCounterValues *values, CnCounterKind kind)
{
	uint64		sum = 0;

	for (int code = CN_OK + 1; code < CN_CODE_COUNT; code++)
		sum += values->outcomes[kind][code];
	return sum;
}

static void
put_documented(StringInfo page, const CnCounterValues *values)
{
	uint64		failed = failures_of(values, CN_COUNTED_QUEUED);

	put_one(page, "connector_sync_jobs_processed", "counter",
			"Queued executions that have ended.",
			values->outcomes[CN_COUNTED_QUEUED][CN_OK] + failed);
	put_one(page, "connector_sync_jobs_failed", "counter",
			"Queued executions that have ended without success.", failed);
	put_one(page, "connector_sync_records_created", "counter",
			"Records that syncs have created.", values->events[CN_EVENT_RECORDS_CREATED]);
	put_one(page, "connector_sync_records_updated", "counter",
			"Records that syncs have updated.", values->events[CN_EVENT_RECORDS_UPDATED]);
	cn_exposition_begin(page, "connector_sync_latency_ms", "histogram",
						"Time that queued executions took, without their wait in the queue.");
	put_histogram(page, "connector_sync_latency_ms", no_label, values, CN_COUNTED_QUEUED);
	cn_exposition_begin(page, "connector_writeback_latency_ms", "histogram",
						"Time that it took to write changes back to their source.");
	put_histogram(page, "connector_writeback_latency_ms", no_label, values, CN_COUNTED_WRITEBACK);
	put_one(page, "connector_token_refresh_failures", "counter",
			"Tokens that could not be refreshed.", values->events[CN_EVENT_REFRESH_FAILED]);
}

static void
put_executions(StringInfo page, const CnCounterValues *values)
{
	cn_exposition_begin(page, "connector_executions", "counter",
						"Executions that have ended, by outcome: success or the error code.");
	for (int kind = 0; kind < CN_COUNTED_KINDS; kind++)
		for (int code = CN_OK; code < CN_CODE_COUNT; code++)
		{
			CnLabel		labels[] = {
				{"mode", mode_names[kind]},
				{"outcome", code == CN_OK ? "success" : cn_code_info(code)->name},
				{NULL, NULL}
			};

			cn_exposition_sample(page, "connector_executions", "", labels,
								 values->outcomes[kind][code]);
		}
	cn_exposition_begin(page, "connector_execution_latency_ms", "histogram",
						"Time that executions took, all steps, attempts and waits between them.");
	for (int kind = 0; kind < CN_COUNTED_KINDS; kind++)
		put_histogram(page, "connector_execution_latency_ms",
					  (CnLabel) {"mode", mode_names[kind]}, values, kind);
	cn_exposition_begin(page, "connector_retries", "counter",
						"Attempts of steps beyond the first.");
	for (int kind = 0; kind < CN_COUNTED_KINDS; kind++)
		put_labelled(page, "connector_retries", "mode", mode_names[kind], values->retries[kind]);
}

/* ---- the queue ---- */

/* Not more of it than a scrape may cost. */
static CnStatement queue_totals = {
	.sql = "SELECT pg_catalog.count(*) FILTER (WHERE lease IS NULL AND due_at IS NULL),"
	" pg_catalog.count(*) FILTER (WHERE lease IS NOT NULL),"
	" pg_catalog.count(*) FILTER (WHERE lease IS NULL AND due_at IS NOT NULL),"
	" pg_catalog.min(@.connector_id_time(id)) FILTER (WHERE lease IS NULL AND due_at IS NULL)"
	" FROM (SELECT lease, due_at, id FROM @.connector_queue LIMIT 1000000) q",
};

static void
put_queue(StringInfo page)
{
	int64		ready;
	int64		running;
	int64		waiting;
	Datum		oldest;
	bool		none;
	double		age;
	CnSpi		spi;

	cn_operations_begin(&spi);
	(void) cn_spi_run(&queue_totals, NULL, NULL, 0);
	ready = DatumGetInt64(cn_spi_value(0, 1, &none));
	running = DatumGetInt64(cn_spi_value(0, 2, &none));
	waiting = DatumGetInt64(cn_spi_value(0, 3, &none));
	oldest = cn_spi_value(0, 4, &none);
	age = none ? 0 : (cn_now() - DatumGetTimestampTz(oldest)) / 1e6;
	cn_spi_end(&spi);

	put_one(page, "connector_sync_queue_depth", "gauge",
			"Executions that are ready and wait for a worker.", ready);
	put_one(page, "connector_queue_running", "gauge",
			"Executions in the queue that a worker has.", running);
	put_one(page, "connector_queue_scheduled", "gauge",
			"Executions in the queue that are not due yet.", waiting);
	put_one(page, "connector_queue_oldest_ready_seconds", "gauge",
			"Age of the oldest execution that is ready and waits for a worker; 0: none does.",
			Max(age, 0));
}

/* What stands still until somebody does something. */
static CnStatement standing_totals = {
	.sql = "SELECT (SELECT pg_catalog.count(*) FROM (SELECT FROM @.connector_dead_letters"
	" WHERE redriven_at IS NULL LIMIT 1000000) d),"
	" (SELECT pg_catalog.count(*) FROM @.connector_pauses)",
};

static void
put_standing(StringInfo page)
{
	int64		letters;
	int64		pauses;
	bool		isnull;
	CnSpi		spi;

	cn_operations_begin(&spi);
	(void) cn_spi_run(&standing_totals, NULL, NULL, 0);
	letters = DatumGetInt64(cn_spi_value(0, 1, &isnull));
	pauses = DatumGetInt64(cn_spi_value(0, 2, &isnull));
	cn_spi_end(&spi);
	put_one(page, "connector_dead_letters", "gauge",
			"Executions that failed for good and nobody has decided about.", letters);
	put_one(page, "connector_pauses", "gauge",
			"Workspaces, connectors and services whose queued executions are paused.", pauses);
}

/* ---- triggers ---- */

static CnStatement trigger_totals = {
	.sql = "SELECT pg_catalog.count(*) FILTER (WHERE enabled AND lease IS NULL AND failures = 0),"
	" pg_catalog.count(*) FILTER (WHERE enabled AND lease IS NOT NULL),"
	" pg_catalog.count(*) FILTER (WHERE enabled AND lease IS NULL AND failures > 0),"
	" pg_catalog.count(*) FILTER (WHERE NOT enabled AND last_error IS NOT NULL),"
	" pg_catalog.count(*) FILTER (WHERE NOT enabled AND last_error IS NULL),"
	" pg_catalog.min(next_poll_at) FILTER (WHERE enabled AND lease IS NULL)"
	" FROM @.connector_triggers",
};

static void
put_polls(StringInfo page, const CnCounterValues *values)
{
	cn_exposition_begin(page, "connector_polls", "counter",
						"Polls of triggers that have ended, by outcome: success or the error code.");
	for (int code = CN_OK; code < CN_CODE_COUNT; code++)
		put_labelled(page, "connector_polls", "outcome",
					 code == CN_OK ? "success" : cn_code_info(code)->name, values->polls[code]);
	put_one(page, "connector_polls_started", "counter",
			"Executions that polls have queued.", values->events[CN_EVENT_POLL_STARTED]);
}

static void
put_triggers(StringInfo page)
{
	static const char *const statuses[] = {"waiting", "polling", "failing", "stopped", "disabled"};
	int64		counts[lengthof(statuses)];
	Datum		due;
	bool		none;
	double		seconds;
	CnSpi		spi;

	cn_operations_begin(&spi);
	(void) cn_spi_run(&trigger_totals, NULL, NULL, 0);
	for (int i = 0; i < lengthof(statuses); i++)
		counts[i] = DatumGetInt64(cn_spi_value(0, i + 1, &none));
	due = cn_spi_value(0, lengthof(statuses) + 1, &none);
	seconds = none ? 0 : (cn_now() - DatumGetTimestampTz(due)) / 1e6;
	cn_spi_end(&spi);
	cn_exposition_begin(page, "connector_triggers", "gauge", "Triggers by how they are.");
	for (int i = 0; i < lengthof(statuses); i++)
		put_labelled(page, "connector_triggers", "status", statuses[i], counts[i]);
	put_one(page, "connector_trigger_oldest_due_seconds", "gauge",
			"How long the trigger that is due longest has been; 0: none is.", Max(seconds, 0));
}

/* ---- limits ---- */

static void
put_limits(StringInfo page)
{
	CnLimitStatus *list;
	int			count = cn_limit_status(&list);
	int			open = 0;
	int			half_open = 0;
	int			held = 0;

	for (int i = 0; i < count; i++)
	{
		open += list[i].breaker == CN_BREAKER_OPEN;
		half_open += list[i].breaker == CN_BREAKER_HALF_OPEN;
		held += list[i].hold_us > 0;
	}
	cn_exposition_begin(page, "connector_circuit_breakers", "gauge",
						"Circuit breakers that are not closed, by state.");
	put_labelled(page, "connector_circuit_breakers", "state", "open", open);
	put_labelled(page, "connector_circuit_breakers", "state", "half-open", half_open);
	put_one(page, "connector_holds", "gauge",
			"Credentials and services that a remote asked to be left alone with.", held);
}

/* ---- the workers ---- */

/* Counters of a worker that the page has, with what they are divided by. */
static const struct
{
	CnWorkerCounter counter;
	const char *name;
	const char *type;
	double		unit;
	const char *help;
}			worker_metrics[] = {
	{CN_COUNT_IN_FLIGHT, "connector_in_flight", "gauge", 1, "Executions under way in a worker."},
	{CN_COUNT_DEFERRED, "connector_worker_deferred", "gauge", 1,
		"Executions that have ended and are not recorded yet."},
	{CN_COUNT_MEMORY, "connector_worker_memory_bytes", "gauge", 1,
		"Memory of the executions under way in a worker."},
	{CN_COUNT_CLAIMED, "connector_worker_claimed", "counter", 1,
		"Executions that a worker took from the queue since it started."},
	{CN_COUNT_PARKED, "connector_worker_parked", "counter", 1,
		"Executions that a worker put back, to be continued later."},
	{CN_COUNT_TAKEN_OVER, "connector_worker_taken_over", "counter", 1,
		"Executions that a worker took over from one that had died."},
	{CN_COUNT_LOST, "connector_worker_lost", "counter", 1,
		"Results that a worker dropped because the execution was gone or had been taken over."},
	{CN_COUNT_ERRORS, "connector_worker_errors", "counter", 1,
		"Unexpected errors of a worker itself."},
	{CN_COUNT_COMMITS, "connector_worker_commits", "counter", 1, "Transactions of a worker."},
	{CN_COUNT_TURNS, "connector_worker_turns", "counter", 1, "Turns of a worker's loop."},
	{CN_COUNT_CLAIM_US, "connector_worker_claim_seconds", "counter", 1e6,
		"Time that a worker spent claiming."},
	{CN_COUNT_RECORD_US, "connector_worker_record_seconds", "counter", 1e6,
		"Time that a worker spent recording."},
};

static int
slots_of_this_database(CnWorkerSlot *slots)
{
	int			count = cn_slots_read(slots);
	int			kept = 0;

	for (int i = 0; i < count; i++)
		if (slots[i].database == MyDatabaseId)
			slots[kept++] = slots[i];
	return kept;
}

static void
put_states(StringInfo page, CnWorkerSlot *slots, int count)
{
	int			in_state[CN_WORKER_STATES] = {0};

	for (int i = 0; i < count; i++)
	{
		uint32		state = pg_atomic_read_u32(&slots[i].state);

		if (state < CN_WORKER_STATES)
			in_state[state]++;
	}
	cn_exposition_begin(page, "connector_workers", "gauge", "Workers by what they do.");
	for (int state = 0; state < CN_WORKER_STATES; state++)
		put_labelled(page, "connector_workers", "state", cn_worker_state_name(state),
					 in_state[state]);
	put_one(page, "connector_fence_closed", "gauge",
			"1: workers stand still since a restore, a copy or a promotion.",
			in_state[CN_WORKER_FENCED] > 0);
}

static void
put_workers(StringInfo page)
{
	CnWorkerSlot slots[CN_MAX_WORKERS];
	int			count = slots_of_this_database(slots);

	put_states(page, slots, count);
	for (int m = 0; m < lengthof(worker_metrics); m++)
	{
		cn_exposition_begin(page, worker_metrics[m].name, worker_metrics[m].type,
							worker_metrics[m].help);
		for (int i = 0; i < count; i++)
			put_labelled(page, worker_metrics[m].name, "worker", psprintf("%d", slots[i].number),
						 pg_atomic_read_u64(&slots[i].counters[worker_metrics[m].counter]) /
						 worker_metrics[m].unit);
	}
}

Datum
connector_metrics(PG_FUNCTION_ARGS)
{
	StringInfoData page;
	CnCounterValues values;

	initStringInfo(&page);
	cn_counters_read(&values);
	put_documented(&page, &values);
	put_queue(&page);
	put_standing(&page);
	put_polls(&page, &values);
	put_triggers(&page);
	put_limits(&page);
	put_executions(&page, &values);
	put_workers(&page);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(page.data, page.len));
}
