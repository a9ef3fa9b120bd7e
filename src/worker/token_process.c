/*
 * token_process.c -- the process of a database that asks for new tokens.
 *
 * It is started by whoever wants one (auth/token_wait.c) and ends when nobody has wanted
 * any for a while.  It is the only one in its database, so no token is asked for twice; and
 * it stores what came before anybody can use it.  A job:
 *
 *   LEASE --row leased, committed--> ASKING --reply--> STORE --stored, committed--> gone
 *     |  \__ somebody's lease __/      (no transaction)   \__ locked, disk full __/
 *     '--> gone: there is a later token, or it cannot be renewed now
 *
 * What a crash leaves at each point, docs/internals/tokens.md says.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#include "auth/token_request.h"
#include "auth/token_wait.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/testpoint.h"
#include "core/uuid.h"
#include "credentials/token_store.h"
#include "stats/counters.h"
#include "worker/demand.h"
#include "worker/process.h"
#include "worker/worker.h"

/* Starting it costs some milliseconds, keeping it a connection. */
#define IDLE_US INT64CONST(20000000)

/* Requests at a time. */
#define MAX_JOBS 64

/* A row that somebody has locked, a full disk: when to try again. */
#define FIRST_PAUSE_US 20000
#define LONGEST_PAUSE_US 1000000

/*
 * Attempts to lease a row that somebody has locked, before those who wait are told: some seconds.
 * No attempt waits for the lock, or all others' tokens would wait with it.
 */
#define MAX_LEASE_ERRORS 12

/* After failures nobody asks the provider again before so long, doubled each time; seconds. */
#define LONGEST_BACKOFF_S 300

/* What requests under way get when the process has to leave: a refresh token may be lost else. */
#define DRAIN_US 1500000

typedef enum JobState
{
	JOB_LEASE,
	JOB_ASKING,
	JOB_STORE,
	JOB_OVER
} JobState;

typedef struct Job
{
	dlist_node	node;
	JobState	state;
	MemoryContext context;
	CnTokenTask task;
	int64		not_before_us;
	int			errors;			/* in a row, of our own */

	CnTokenRow	row;			/* as it was leased */
	CnTokenRequest request;
	CnHttpTransfer *transfer;	/* while ASKING */
	CnOauth2Verdict verdict;	/* STORE: what came of it */
	CnOauth2Tokens tokens;
	CnFailure	failure;

	/* OVER: what those who wait are told */
	int64		generation;
	const char *why;			/* NULL: there is a later token */
	TimestampTz retry_at;
} Job;

typedef struct TokenProcess
{
	CnDemand	demand;
	dlist_head	jobs;
	int			count;
} TokenProcess;

static TokenProcess process;

/* ---- the end of a job ---- */

static void
end_job(Job *job, int64 generation, const char *why, TimestampTz retry_at)
{
	job->state = JOB_OVER;
	job->generation = generation;
	job->why = why ? MemoryContextStrdup(job->context, why) : NULL;
	job->retry_at = retry_at;
}

/* Nobody is told before the transaction has been committed. */
static void
tell(Job *job)
{
	CN_TEST_POINT("token-stored");
	cn_token_done(&job->task, job->generation, job->why, job->retry_at);
	dlist_delete(&job->node);
	process.count--;
	cn_oauth2_wipe(job->tokens.tree);
	MemoryContextDelete(job->context);
}

/* ---- failures ---- */

static TimestampTz
next_attempt(const Job *job)
{
	int64		seconds = INT64CONST(1) << Min(job->row.failures, 16);

	return cn_now() + Min(seconds, LONGEST_BACKOFF_S) * USECS_PER_SEC;
}

/* It cannot be renewed now, or never again: write that down.  In the transaction of the lease or a later one. */
static void
record_failure(Job *job, const CnTokenRow *row)
{
	bool		final = job->verdict == CN_TOKENS_REFUSED;
	TimestampTz retry_at = final ? DT_NOEND : next_attempt(job);
	TimestampTz ends = row->row.token_expires_at;
	const char *status = final ? "reauthorize" :
		ends != DT_NOEND && ends > cn_now() ? "expiring" : "error";
	char	   *why = cn_failure_text(&job->failure);

	cn_counters_event(CN_EVENT_REFRESH_FAILED, 1);
	cn_token_failed(row, status, why, retry_at);
	end_job(job, job->task.generation, why, retry_at);
}

/* ---- LEASE ---- */

/* NULL, or why this row's token is not asked for now; *retry_at. */
static const char *
why_not(const CnTokenRow *row, TimestampTz *retry_at)
{
	*retry_at = DT_NOBEGIN;
	if (row->grant == NULL)
		return "nobody knows how to renew its token";
	if (row->row.refused)
		return row->row.refused;
	if (row->retry_at > cn_now())
	{
		*retry_at = row->retry_at;
		return row->message ? row->message : "it could not be renewed a moment ago";
	}
	return NULL;
}

/* The application's credential that the grant names; *client stays NULL if it names none. */
static bool
find_client(Job *job, const CnCredential **client)
{
	const char *label = cn_json_get_string(job->row.grant, "client");

	*client = NULL;
	if (label == NULL)
		return true;
	*client = cn_credential_for(&job->task.workspace, job->row.row.service, label, NULL,
								job->context, &job->failure);
	return *client != NULL;
}

static void
make_request(Job *job)
{
	const CnCredential *client;
	CnCredential *credential = cn_credential_open(&job->row.row, job->context, &job->failure);

	job->verdict = CN_TOKENS_FAILED;
	if (credential && find_client(job, &client))
	{
		cn_token_request_init(&job->request, job->row.grant, &job->task.workspace,
							  &job->task.credential, job->context);
		job->verdict = cn_token_request_renew(&job->request, credential, client, &job->failure);
	}
	if (job->verdict == CN_TOKENS_GOT)
		cn_token_lease(&job->row, &process.demand.lease, (int64) cn_token_timeout * 3 / 2);
	else
		record_failure(job, &job->row);
}

/* In a transaction. */
static void
lease_row(void *arg)
{
	Job		   *job = arg;
	const char *closed = cn_fence_closed();
	const char *why;
	TimestampTz retry_at;

	memset(&job->request, 0, sizeof(job->request));
	if (closed)
	{
		end_job(job, job->task.generation,
				psprintf("%s, so no token is renewed here before connector_acknowledge_clone()", closed),
				cn_now() + USECS_PER_SEC);
		return;
	}
	if (!cn_token_lock(&job->task.workspace, &job->task.credential, false, &job->row))
	{
		end_job(job, job->task.generation, "the credential is gone, or not committed yet", DT_NOBEGIN);
		return;
	}
	if (job->row.row.generation > job->task.generation)
	{
		end_job(job, job->row.row.generation, NULL, DT_NOBEGIN);
		return;
	}
	why = why_not(&job->row, &retry_at);
	if (why)
		end_job(job, job->task.generation, why, retry_at);
	else if (job->row.leased && job->row.lease_until > cn_now() &&
			 !cn_uuid_equal(&job->row.lease, &process.demand.lease))
		job->not_before_us = cn_monotonic_us() + (job->row.lease_until - cn_now());
	else
		make_request(job);
	CN_TEST_POINT("token-lease");
}

/* ---- ASKING ---- */

static void
on_reply(CnHttpTransfer *transfer, void *arg)
{
	Job		   *job = arg;
	MemoryContext old = MemoryContextSwitchTo(job->context);

	job->verdict = cn_token_request_read(&job->request, transfer, &job->tokens, &job->failure);
	cn_http_release(job->transfer);
	job->transfer = NULL;
	job->state = JOB_STORE;
	job->not_before_us = 0;
	MemoryContextSwitchTo(old);
	CN_TEST_POINT("token-replied");
}

static void
send_request(Job *job)
{
	MemoryContext old = MemoryContextSwitchTo(job->context);

	CN_TEST_POINT("token-leased");
	job->state = JOB_ASKING;
	job->transfer = cn_http_start(process.demand.mux, &job->request.http, job->context, on_reply, job);
	MemoryContextSwitchTo(old);
}

/* ---- STORE ---- */

static void
store_tokens(Job *job, const CnTokenRow *row)
{
	CnTokenNews news = {
		.access_token = job->tokens.access_token,
		.refresh_token = job->tokens.refresh_token,
		.parameters = job->tokens.parameters,
	};

	cn_token_times(job->row.grant, job->tokens.expires_in, &news.expires_at, &news.renew_at);
	if (cn_token_replace(row, &news, &job->failure))
		end_job(job, row->row.generation + 1, NULL, DT_NOBEGIN);
	else
		record_failure(job, row);
	CN_TEST_POINT("token-storing");
}

/*
 * In a transaction.  A row that is not leased to us any more was connected anew meanwhile.  This is tried as
 * often as it takes, so nothing of it stays in the job's memory.
 */
static void
store_row(void *arg)
{
	Job		   *job = arg;
	CnTokenRow	row;

	MemoryContextSwitchTo(process.demand.turn);
	if (!cn_token_lock(&job->task.workspace, &job->task.credential, false, &row))
		end_job(job, job->task.generation, "the credential was deleted", DT_NOBEGIN);
	else if (!row.leased || !cn_uuid_equal(&row.lease, &process.demand.lease) ||
			 row.row.generation != job->row.row.generation)
		end_job(job, row.row.generation,
				row.row.generation > job->task.generation ? NULL : "the credential was changed meanwhile",
				DT_NOBEGIN);
	else if (job->verdict == CN_TOKENS_GOT)
		store_tokens(job, &row);
	else
		record_failure(job, &row);
}

/* ---- transactions ---- */

/* Its transaction was rolled back: it is tried again in a moment. */
static void
step_back(Job *job, JobState before)
{
	int64		pause_us = (int64) FIRST_PAUSE_US << Min(job->errors, 6);

	job->errors++;
	job->not_before_us = cn_monotonic_us() + Min(pause_us, LONGEST_PAUSE_US);
	job->state = before;
	/* a token that came is kept until it is stored; those who want one need not wait so long */
	if (job->state == JOB_LEASE && job->errors >= MAX_LEASE_ERRORS)
		end_job(job, job->task.generation, "the credential could not be locked or read", DT_NOBEGIN);
}

/* Do action with a job in a transaction of its own; false: it was rolled back. */
static bool
transact(Job *job, void (*action) (void *job))
{
	JobState	before = job->state;

	if (cn_demand_transact(&process.demand, job->context, action, job))
	{
		job->errors = 0;
		return true;
	}
	if (!process.demand.gone)
		step_back(job, before);
	return false;
}

/* ---- the loop ---- */

static void
take_tasks(void)
{
	CnTokenTask tasks[MAX_JOBS];
	int			count = cn_token_take(tasks, MAX_JOBS - process.count);

	for (int i = 0; i < count; i++)
	{
		MemoryContext context = AllocSetContextCreate(process.demand.life, "connector token",
													  ALLOCSET_SMALL_SIZES);
		Job		   *job = MemoryContextAllocZero(context, sizeof(Job));

		job->context = context;
		job->task = tasks[i];
		dlist_push_tail(&process.jobs, &job->node);
		process.count++;
	}
}

static void
work_on(Job *job, bool leaving)
{
	if (cn_monotonic_us() < job->not_before_us)
		return;
	if (job->state == JOB_LEASE && !leaving)
	{
		if (transact(job, lease_row) && job->state == JOB_LEASE && job->request.http.url)
			send_request(job);
	}
	else if (job->state == JOB_STORE)
		(void) transact(job, store_row);
	if (job->state == JOB_OVER)
		tell(job);
}

/* Milliseconds until a job is due; idle_ms if none is. */
static int
time_to_wait(int idle_ms)
{
	int64		now_us = cn_monotonic_us();
	int64		wait_us = (int64) idle_ms * 1000;
	dlist_iter	iter;

	dlist_foreach(iter, &process.jobs)
	{
		const Job  *job = dlist_container(Job, node, iter.cur);

		if (job->state != JOB_ASKING)
			wait_us = Min(wait_us, Max(job->not_before_us - now_us, 0));
	}
	return (int) ((wait_us + 999) / 1000);
}

static void
run_turn(bool leaving)
{
	dlist_mutable_iter iter;

	(void) cn_place_was_called();
	if (!leaving)
		take_tasks();
	dlist_foreach_modify(iter, &process.jobs)
	{
		work_on(dlist_container(Job, node, iter.cur), leaving);
		if (process.demand.gone)
			return;
	}
	pgstat_report_activity(process.count > 0 ? STATE_RUNNING : STATE_IDLE, "renewing tokens");
	cn_http_wait(process.demand.mux, time_to_wait(leaving ? 20 : 1000),
				 process.count > 0 ? cn_wait_event_http() : cn_wait_event_tokens_idle());
	cn_http_mux_turn(process.demand.mux);
}

static bool
has_jobs(void)
{
	return process.count > 0;
}

/* Is a request under way, or a token to be stored? */
static bool
has_requests(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &process.jobs)
		if (dlist_container(Job, node, iter.cur)->state != JOB_LEASE)
			return true;
	return false;
}

static const CnDemandKind kind = {
	.place = CN_PLACE_TOKENS,
	.idle_us = IDLE_US,
	.drain_us = DRAIN_US,
	.turn = run_turn,
	.busy = has_jobs,
	.draining = has_requests,
};

void
connector_token_main(Datum arg)
{
	cn_demand_begin(arg, &kind, &process.demand);
	cn_token_process_begin(MyDatabaseId);
	dlist_init(&process.jobs);
	cn_demand_run(&kind, &process.demand);
	proc_exit(0);
}

void
cn_token_process_init(void)
{
	cn_token_request_define_settings();
}
