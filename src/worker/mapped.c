/*
 * mapped.c -- executions that are recorded together with rows of the tenant's.
 *
 * An execution whose connector maps its output into a table of the tenant is recorded
 * in a transaction of its own, with those rows, and with the rights of who asked for
 * it.  What the tenant's triggers do there is bounded in time, and a workspace that
 * was busy there waits for some times as long, so that others are not held up.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "core/behalf.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/testpoint.h"
#include "core/uuid.h"
#include "sync/field_mapping.h"
#include "worker/run.h"

/* The queue is locked, or the error says nothing about the execution (disk full): not before. */
#define LOCKED_DELAY_US 50000
#define TROUBLE_DELAY_US 1000000

/* After so long an error that comes with a mapping is the mapping's, whatever it speaks of. */
#define MAPPING_TROUBLE_US (60 * INT64CONST(1000000))

/* A workspace whose triggers took t, which is more than nothing, waits for so many times t. */
#define MAPPING_REST 4
#define NOTHING_US 2000

static int	mapping_timeout;	/* ms */
static bool in_mapping = false; /* statements of a tenant's run */

void
cn_mapped_init(void)
{
	DefineCustomIntVariable("connector.mapping_timeout",
							"Time a worker gives the statements of an execution's field mappings, triggers included.",
							NULL, &mapping_timeout, 2000, 10, 60000, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
}

int
cn_mapped_longest_ms(void)
{
	return mapping_timeout;
}

/* ---- taking turns ---- */

/* A workspace whose triggers kept the worker busy, until when others go first. */
typedef struct Resting
{
	pg_uuid_t	workspace;
	int64		until_us;
} Resting;

#define MAX_RESTING 64

static Resting resting[MAX_RESTING];

static int64
rests_until(const pg_uuid_t *workspace)
{
	for (int i = 0; i < MAX_RESTING; i++)
		if (cn_uuid_equal(&resting[i].workspace, workspace))
			return resting[i].until_us;
	return 0;
}

/* In its own place, or that of whoever rests the shortest. */
static void
let_rest(const pg_uuid_t *workspace, int64 until_us)
{
	int			place = 0;

	for (int i = 0; i < MAX_RESTING; i++)
	{
		if (cn_uuid_equal(&resting[i].workspace, workspace))
		{
			place = i;
			break;
		}
		if (resting[i].until_us < resting[place].until_us)
			place = i;
	}
	resting[place] = (Resting)
	{
		*workspace, until_us
	};
}

/* ---- in the transaction ---- */

static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* As who asked; a success may turn into a failure. */
static void
apply(CnRun *run)
{
	const CnOutcome *outcome = cn_exec_outcome(run->execution);
	CnFailure	failure = {CN_OK};
	CnBehalf	behalf;
	int64		rows;
	bool		fine;

	if (!cn_behalf_begin(&behalf, run->row.run_as, run->row.claims))
	{
		cn_fail(&failure, CN_PERMISSION_DENIED, "role \"%s\", which queued the execution, is gone",
				run->row.run_as ? run->row.run_as : "");
		cn_exec_fail(run->execution, &failure);
		return;
	}
	set_local("lock_timeout", psprintf("%dms", mapping_timeout));
	in_mapping = true;
	cn_worker_limit_time(mapping_timeout);
	fine = cn_field_mapping_apply(run->connector->compiled.mappings, cn_exec_scope(run->execution),
								  outcome->output, NULL, &failure, &rows);
	cn_worker_unlimit_time();
	in_mapping = false;
	cn_behalf_end(&behalf);
	if (!fine)
		cn_exec_fail(run->execution, &failure);
}

static void
apply_mappings(CnRun *run)
{
	apply(run);
	CN_TEST_POINT("mapped");
}

/* ---- after errors ---- */

/* The tenant's statements took too long, or deadlocked: it fails, with nothing of them left. */
static void
fail_mapped(CnRun *run, const ErrorData *error)
{
	CnFailure	failure = {CN_OK};
	MemoryContext old = MemoryContextSwitchTo(run->context);

	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
	{
		cn_fail(&failure, CN_TIMEOUT, "the field mappings took longer than %d ms", mapping_timeout);
		failure.hint = "connector.mapping_timeout limits them, triggers and waits for locks included.";
	}
	else
		cn_fail(&failure, CN_INTERNAL, "the field mappings failed: %s", error->message);
	if (cn_exec_outcome(run->execution)->failure.code == CN_OK)
		cn_exec_fail(run->execution, &failure);
	MemoryContextSwitchTo(old);
}

/*
 * After an error: is it to be tried again?  Not for ever, if a tenant's trigger may have raised
 * it.
 */
static bool
try_again(const CnWorker *worker, const CnRun *run, const ErrorData *error)
{
	if (cn_worker_must_leave(worker->slot))
		return true;
	if (!cn_record_is_trouble(error->sqlerrcode))
		return false;
	return !in_mapping || (error->sqlerrcode != ERRCODE_QUERY_CANCELED &&
						   cn_monotonic_us() - run->done_us < MAPPING_TROUBLE_US);
}

/* ---- all of it ---- */

/* False: the queue is not there, or locked. */
static bool
record_in_transaction(CnWorker *worker, CnRun *run)
{
	volatile bool possible = false;

	PG_TRY();
	{
		bool		locked;

		possible = cn_worker_begin(worker, &locked) && !locked;
		if (possible)
			(void) cn_record_alone(worker, run, apply_mappings);
		cn_worker_commit(worker, true);
	}
	PG_CATCH();
	{
		ErrorData  *error = cn_worker_roll_back(worker, false);

		cn_worker_unlimit_time();
		cn_record_aborted(worker);
		/* if it is not: the next time it has no mapping to apply, and is written like any other */
		if (try_again(worker, run, error))
			run->not_before_us = cn_monotonic_us() + TROUBLE_DELAY_US;
		else
			fail_mapped(run, error);
		in_mapping = false;
		cn_slot_add(worker->slot, CN_COUNT_ERRORS, 1);
	}
	PG_END_TRY();
	/* a tenant's code may have taken locks that outlive transactions */
	LockReleaseSession(USER_LOCKMETHOD);
	cn_slot_add(worker->slot, CN_COUNT_COMMITS, 1);
	return possible;
}

/* The first that has mappings and whose workspace does not rest. */
static CnRun *
next_mapped(CnWorker *worker, int64 now_us)
{
	dlist_iter	iter;

	dlist_foreach(iter, &worker->done)
	{
		CnRun	   *run = dlist_container(CnRun, node, iter.cur);
		int64		until_us;

		if (run->not_before_us > now_us || !cn_record_has_mappings(run))
			continue;
		until_us = rests_until(&run->row.workspace);
		if (until_us <= now_us)
			return run;
		run->not_before_us = until_us;
	}
	return NULL;
}

void
cn_mapped_record(CnWorker *worker, int64 until_us)
{
	int64		now_us = cn_monotonic_us();
	CnRun	   *run;

	while (now_us < until_us && now_us >= worker->pause_until_us &&
		   (run = next_mapped(worker, now_us)) != NULL)
	{
		pg_uuid_t	workspace = run->row.workspace;
		int64		took_us;

		if (!record_in_transaction(worker, run))
		{
			worker->pause_until_us = now_us + LOCKED_DELAY_US;
			break;
		}
		took_us = cn_monotonic_us() - now_us;
		now_us += took_us;
		if (took_us > NOTHING_US)
			let_rest(&workspace, now_us + took_us * MAPPING_REST);
		cn_record_committed(worker);
	}
}
