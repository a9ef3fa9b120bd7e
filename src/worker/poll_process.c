/*
 * poll_process.c -- the process of a database that polls for its triggers.
 *
 * connector_tick() calls it each minute if a trigger is due, and so does whoever sets one or wants
 * one polled now; it ends when nothing has been due for a while.  It is the only one in its
 * database.  It does many polls at a time; what one does, trigger/poll.h says.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "core/compat.h"
#include "engine/engine.h"
#include "trigger/poll.h"
#include "worker/demand.h"
#include "worker/process.h"
#include "worker/worker.h"

/* Starting it costs some milliseconds, keeping it a connection. */
#define IDLE_US INT64CONST(10000000)

/* Polls at a time; of them, of one workspace. */
#define MAX_JOBS 32
#define MAX_JOBS_OF_WORKSPACE 8

/* A row that somebody has locked, a full disk: when to try again, and how often. */
#define FIRST_PAUSE_US 50000
#define LONGEST_PAUSE_US 1000000
#define MAX_ERRORS 6

/* How often it looks for what is due, if nobody calls. */
#define LOOK_US INT64CONST(5000000)
#define LOOK_PAUSE_US INT64CONST(100000)

typedef struct Job
{
	dlist_node	node;
	MemoryContext context;
	CnTriggerId id;
	CnPoll	   *poll;
	int64		not_before_us;
	int			errors;			/* in a row */
} Job;

typedef struct PollProcess
{
	CnDemand	demand;
	dlist_head	jobs;
	int			count;
	bool		reclaimed;		/* leases of processes that are gone */
	int64		look_at_us;		/* for what is due */
} PollProcess;

static PollProcess process;

/* ---- jobs ---- */

static Job *
find_job(const CnTriggerId *id)
{
	dlist_iter	iter;

	dlist_foreach(iter, &process.jobs)
	{
		Job		   *job = dlist_container(Job, node, iter.cur);

		if (cn_poll_is_of(job->poll, id))
			return job;
	}
	return NULL;
}

static int
count_of_workspace(const pg_uuid_t *workspace)
{
	dlist_iter	iter;
	int			count = 0;

	dlist_foreach(iter, &process.jobs)
		if (memcmp(&dlist_container(Job, node, iter.cur)->id.workspace, workspace, UUID_LEN) == 0)
			count++;
	return count;
}

static void
add_job(const CnTriggerId *id)
{
	MemoryContext context = AllocSetContextCreate(process.demand.life, "connector poll",
												  ALLOCSET_DEFAULT_SIZES);
	Job		   *job = MemoryContextAllocZero(context, sizeof(Job));

	job->context = context;
	job->id = *id;
	job->poll = cn_poll_create(id, &process.demand.lease, process.demand.mux, context);
	dlist_push_tail(&process.jobs, &job->node);
	process.count++;
}

/* What it has under way ends with its context. */
static void
remove_job(Job *job)
{
	dlist_delete(&job->node);
	process.count--;
	MemoryContextDelete(job->context);
}

/* ---- what is due ---- */

typedef struct Look
{
	CnTriggerId ids[MAX_JOBS];
	int			count;
	bool		reclaimed;
} Look;

/* In a transaction. */
static void
look(void *arg)
{
	Look	   *found = arg;

	found->reclaimed = process.reclaimed || cn_trigger_reclaim(&process.demand.lease);
	if (cn_fence_closed() == NULL)
		found->count = cn_trigger_due(found->ids, MAX_JOBS);
}

static void
look_for_jobs(void)
{
	Look	   *found = palloc0(sizeof(Look));
	bool		called = cn_place_was_called();

	if (!called && cn_monotonic_us() < process.look_at_us)
		return;
	process.look_at_us = cn_monotonic_us() + LOOK_US;
	if (!cn_demand_transact(&process.demand, process.demand.turn, look, found))
		return;
	process.reclaimed = found->reclaimed;
	for (int i = 0; i < found->count && process.count < MAX_JOBS; i++)
	{
		if (find_job(&found->ids[i]) == NULL &&
			count_of_workspace(&found->ids[i].workspace) < MAX_JOBS_OF_WORKSPACE)
			add_job(&found->ids[i]);
	}
}

/* ---- work ---- */

/* What was raised outside of a transaction, as a message in the turn's context. */
static char *
take_error_back(void)
{
	ErrorData  *error;

	MemoryContextSwitchTo(process.demand.turn);
	error = CopyErrorData();
	FlushErrorState();
	LWLockReleaseAll();
	(void) cn_exec_interrupted();
	ereport(LOG, (errmsg("connector polls: %s", error->message)));
	return error->message;
}

static CnPollNeed
step(Job *job)
{
	volatile CnPollNeed need = CN_POLL_WAIT;

	PG_TRY();
	{
		need = cn_poll_step(job->poll);
	}
	PG_CATCH();
	{
		cn_poll_break(job->poll, take_error_back());
	}
	PG_END_TRY();
	MemoryContextSwitchTo(process.demand.turn);
	return need;
}

/* In a transaction.  A cluster that may not call out any more starts nothing either. */
static void
write_down(void *arg)
{
	if (cn_fence_closed())
		cn_poll_abandon(arg);
	else
		cn_poll_write(arg);
}

static void
transact(Job *job)
{
	MemoryContext context = AllocSetContextCreate(process.demand.turn, "connector poll transaction",
												  ALLOCSET_DEFAULT_SIZES);
	int64		pause_us = (int64) FIRST_PAUSE_US << Min(job->errors, 6);

	if (cn_demand_transact(&process.demand, context, write_down, job->poll))
	{
		job->errors = 0;
		cn_poll_committed(job->poll);
	}
	else if (!process.demand.gone)
	{
		job->not_before_us = cn_monotonic_us() + Min(pause_us, LONGEST_PAUSE_US);
		if (++job->errors % MAX_ERRORS == 0)
			cn_poll_break(job->poll, process.demand.error);
	}
	MemoryContextDelete(context);
}

/* As far as it can be done now; a poll does not keep others waiting for more than a page. */
static void
work_on(Job *job)
{
	if (cn_monotonic_us() < job->not_before_us)
		return;
	switch (step(job))
	{
		case CN_POLL_WAIT:
			break;
		case CN_POLL_WRITE:
			transact(job);
			break;
		case CN_POLL_OVER:
			/* another one may be due, or this one again; one whose row is locked can wait */
			if (cn_poll_was_leased(job->poll))
				process.look_at_us = Min(process.look_at_us, cn_monotonic_us() + LOOK_PAUSE_US);
			remove_job(job);
			break;
	}
}

static void
turn_mux(void)
{
	PG_TRY();
	{
		cn_http_mux_turn(process.demand.mux);
	}
	PG_CATCH();
	{
		char	   *message = take_error_back();
		dlist_iter	iter;

		/* whose page it was cannot be told */
		dlist_foreach(iter, &process.jobs)
			cn_poll_break(dlist_container(Job, node, iter.cur)->poll, message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(process.demand.turn);
}

/* Milliseconds until something can be done without the network. */
static int
time_to_wait(void)
{
	int64		now_us = cn_monotonic_us();
	int64		wait_us = Max(process.look_at_us - now_us, 0);
	dlist_iter	iter;

	dlist_foreach(iter, &process.jobs)
	{
		Job		   *job = dlist_container(Job, node, iter.cur);

		if (job->not_before_us > now_us)
			wait_us = Min(wait_us, job->not_before_us - now_us);
		else if (step(job) != CN_POLL_WAIT)
			return 0;
	}
	return (int) ((Min(wait_us, USECS_PER_SEC) + 999) / 1000);
}

static void
run_turn(bool leaving)
{
	dlist_mutable_iter iter;

	look_for_jobs();
	if (process.demand.gone)
		return;
	dlist_foreach_modify(iter, &process.jobs)
	{
		work_on(dlist_container(Job, node, iter.cur));
		if (process.demand.gone)
			return;
	}
	pgstat_report_activity(process.count > 0 ? STATE_RUNNING : STATE_IDLE, "polling for triggers");
	cn_http_wait(process.demand.mux, time_to_wait(),
				 process.count > 0 ? cn_wait_event_http() : cn_wait_event_polls_idle());
	turn_mux();
}

static bool
has_jobs(void)
{
	return process.count > 0;
}

/* Requests of polls only read: nothing is lost with them. */
static bool
nothing_to_drain(void)
{
	return false;
}

static const CnDemandKind kind = {
	.place = CN_PLACE_POLLS,
	.idle_us = IDLE_US,
	.turn = run_turn,
	.busy = has_jobs,
	.draining = nothing_to_drain,
};

/* ---- life ---- */

/* In a transaction. */
static void
release_all(void *arg)
{
	cn_trigger_release(&process.demand.lease, NULL);
}

static void
leave(void)
{
	bool		had_jobs = process.count > 0;

	while (!dlist_is_empty(&process.jobs))
		remove_job(dlist_container(Job, node, dlist_head_node(&process.jobs)));
	if (had_jobs && !process.demand.gone)
		(void) cn_demand_transact(&process.demand, process.demand.turn, release_all, NULL);
}

void
connector_poll_main(Datum arg)
{
	cn_demand_begin(arg, &kind, &process.demand);
	dlist_init(&process.jobs);
	cn_demand_run(&kind, &process.demand);
	leave();
	proc_exit(0);
}
