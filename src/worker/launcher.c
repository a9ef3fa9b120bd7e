/*
 * launcher.c -- finds the databases that have the extension, keeps their workers running.
 *
 * One process, connected to no database, so that it stands in the way of nobody who
 * drops or copies one.  It can read the list of databases and little else.  Whether a
 * database has the extension is found out by a probe: a process that connects, looks and leaves.
 * What a probe found holds until a session notes that it may have changed
 * (CREATE EXTENSION does, when it commits), so an idle launcher reads one catalog
 * now and then.
 *
 * All that matters is in shared memory (launches.c) and in the catalogs: on an error
 * the launcher exits, and a new one goes on in a second.  Its processes are never restarted by the
 * postmaster but by the launcher, which counts their failures.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/clock.h"
#include "core/compat.h"
#include "worker/launches.h"
#include "worker/process.h"
#include "worker/worker.h"

/* After a failure: doubled with each further one. */
#define FIRST_DELAY_US INT64CONST(1000000)
#define MAX_DELAY_US INT64CONST(60000000)

/* What ran as long as this was well: failures are counted anew. */
#define GOOD_RUN_US INT64CONST(60000000)

/*
 * At the end: until when all have got the SIGTERM that the server's shutdown sends, how long they
 * have for what they do, and how long they are waited for.
 */
#define FIRST_TERM_US INT64CONST(200000)
#define SECOND_TERM_US INT64CONST(1000000)
#define LAST_WAIT_US INT64CONST(5000000)

typedef enum DatabaseState
{
	STATE_UNKNOWN,				/* a probe has to look, or is looking */
	STATE_ABSENT,
	STATE_PRESENT
} DatabaseState;

typedef struct Database
{
	Oid			oid;			/* the hash's key; must be first */
	char		name[NAMEDATALEN];
	bool		seen;			/* in the list that was read last */
	bool		eligible;		/* takes connections, and is no template */
	DatabaseState state;
	bool		changed;		/* noted since the probe that is running was started */
	int			workers;		/* connector.workers as set for it; -1: it is not */
	int			failures;		/* in a row */
	int64		not_before_us;	/* start nothing earlier */
} Database;

static HTAB *databases = NULL;
static BackgroundWorkerHandle *handles[CN_MAX_LAUNCHES];
static CnLaunch launches[CN_MAX_LAUNCHES];	/* as read in this turn */
static int64 next_us;			/* when the next turn is due */

/* No background worker could be had: */
static int	full_failures = 0;
static int64 full_until_us = 0;

static void
due_at(int64 at_us)
{
	next_us = Min(next_us, at_us);
}

static int64
delay_after(int failures)
{
	int64		delay = FIRST_DELAY_US;

	for (int i = 1; i < failures && delay < MAX_DELAY_US; i++)
		delay *= 2;
	return Min(delay, MAX_DELAY_US);
}

/* ---- the list of databases ---- */

static Database *
note_database(Form_pg_database form)
{
	bool		found;
	Database   *database = hash_search(databases, &form->oid, HASH_ENTER, &found);

	if (!found)
	{
		memset(database, 0, sizeof(*database));
		database->oid = form->oid;
		database->workers = -1;
	}
	strlcpy(database->name, NameStr(form->datname), NAMEDATALEN);
	database->seen = true;
	database->eligible = form->datallowconn && !form->datistemplate &&
		form->datconnlimit != DATCONNLIMIT_INVALID_DB;
	return database;
}

static void
forget_dropped_databases(void)
{
	HASH_SEQ_STATUS status;
	Database   *database;

	hash_seq_init(&status, databases);
	while ((database = hash_seq_search(&status)) != NULL)
	{
		if (!database->seen)
			(void) hash_search(databases, &database->oid, HASH_REMOVE, NULL);
		database->seen = false;
	}
}

static void
read_databases(void)
{
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	pgstat_report_activity(STATE_RUNNING, "reading the list of databases");
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
		(void) note_database((Form_pg_database) GETSTRUCT(tuple));
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	forget_dropped_databases();
}

/* ---- what sessions and processes have said ---- */

static void
look_again(Database *database)
{
	database->state = STATE_UNKNOWN;
	database->changed = true;
	database->failures = 0;
	database->not_before_us = 0;
}

/* Returns whether the list of databases has to be read now. */
static bool
take_notes(void)
{
	Oid			noted[64];
	bool		all;
	bool		list;
	int			count = cn_launch_notes_take(noted, lengthof(noted), &all, &list);

	if (all)
	{
		HASH_SEQ_STATUS status;
		Database   *database;

		hash_seq_init(&status, databases);
		while ((database = hash_seq_search(&status)) != NULL)
			look_again(database);
	}
	for (int i = 0; i < count; i++)
	{
		Database   *database = hash_search(databases, &noted[i], HASH_FIND, NULL);

		if (database)
			look_again(database);
	}
	if (all || count > 0)
		full_until_us = 0;
	return all || list || count > 0;
}

static void
count_failure(Database *database, const CnLaunch *launch, int64 now)
{
	if (now - launch->started_us >= GOOD_RUN_US)
		database->failures = 0;
	database->failures++;
	database->not_before_us = now + delay_after(database->failures);
	ereport(LOG,
			(errmsg("connector %s in database \"%s\" failed, the next one starts in %d s",
					launch->number == CN_PROBE ? "probe" : "worker", database->name,
					(int) (delay_after(database->failures) / 1000000))));
}

/* A process has gone. */
static void
take_end(const CnLaunch *launch, int64 now)
{
	Database   *database = hash_search(databases, &launch->database, HASH_FIND, NULL);

	if (database == NULL)
		return;
	switch (launch->end)
	{
		case CN_END_DIED:
			count_failure(database, launch, now);
			break;
		case CN_END_ABSENT:
			if (!database->changed)
				database->state = STATE_ABSENT;
			break;
		case CN_END_PRESENT:
			database->workers = launch->workers;
			if (!database->changed)
				database->state = STATE_PRESENT;
			break;
		case CN_END_STOPPED:
			break;
		case CN_END_TERMINATED:
			database->not_before_us = now + FIRST_DELAY_US;
			break;
	}
}

static void
free_launch(int index)
{
	cn_launch_free(index);
	launches[index].used = false;
	if (handles[index])
		pfree(handles[index]);
	handles[index] = NULL;
}

/* Take note of processes that have ended, or will never come. */
static void
reap(int64 now)
{
	cn_launches_read(launches);
	for (int i = 0; i < CN_MAX_LAUNCHES; i++)
	{
		CnLaunch   *launch = &launches[i];
		pid_t		pid;

		if (!launch->used)
			continue;
		if (!launch->ended && launch->pid == 0 && handles[i] &&
			GetBackgroundWorkerPid(handles[i], &pid) == BGWH_STOPPED)
		{
			/* It never came, or did and has gone since the launches were read. */
			*launch = cn_launch_read(i);
			launch->ended = true;
		}
		if (!launch->ended)
			continue;
		take_end(launch, now);
		free_launch(i);
	}
}

/* ---- starting ---- */

static void
describe(BackgroundWorker *worker, const Database *database, int number, Datum arg)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	worker->bgw_main_arg = arg;
	worker->bgw_notify_pid = MyProcPid;
	strlcpy(worker->bgw_library_name, "connector", BGW_MAXLEN);
	strlcpy(worker->bgw_function_name, "cn_worker_main", BGW_MAXLEN);
	if (number == CN_PROBE)
	{
		strlcpy(worker->bgw_type, "connector probe", BGW_MAXLEN);
		snprintf(worker->bgw_name, BGW_MAXLEN, "connector probe (%s)", database->name);
	}
	else
	{
		strlcpy(worker->bgw_type, "connector worker", BGW_MAXLEN);
		snprintf(worker->bgw_name, BGW_MAXLEN, "connector worker %d (%s)", number, database->name);
	}
}

/* Have the database's last worker leave, so that there is room for a probe. */
static void
make_room(const Database *database)
{
	int			last = -1;

	for (int i = 0; i < CN_MAX_LAUNCHES; i++)
		if (launches[i].used && launches[i].database == database->oid)
			last = Max(last, launches[i].number);
	if (last >= 0)
		cn_slots_stop_from(database->oid, last);
}

/* Nothing more can be started: say so once, try again later. */
static void
note_full(const Database *database, CnLaunchClaim claim, int64 now)
{
	if (full_failures++ == 0)
		ereport(WARNING,
				(errmsg("could not start a connector worker in database \"%s\"", database->name),
				 claim == CN_CLAIM_FULL ?
				 errdetail("%d workers are running, and there cannot be more.", CN_MAX_WORKERS) :
				 errdetail("All background workers that max_worker_processes = %d allows are taken.",
						   max_worker_processes),
				 claim == CN_CLAIM_FULL ?
				 errhint("Set connector.workers to 0 for databases that need none.") :
				 errhint("Raise max_worker_processes and restart the server, or lower connector.workers. "
						 "It is tried again.")));
	full_until_us = now + delay_after(full_failures);
}

static void
launch(Database *database, int number, int64 now)
{
	BackgroundWorker worker;
	int			index;
	Datum		arg;
	CnLaunchClaim claim;

	if (now < full_until_us)
	{
		due_at(full_until_us);
		return;
	}
	claim = cn_launch_claim(database->oid, number, &index, &arg);
	/* Whoever holds it, and a probe that ends, wakes the launcher. */
	if (claim == CN_CLAIM_HELD || (claim == CN_CLAIM_FULL && number == CN_PROBE))
		return;
	if (claim == CN_CLAIM_OK)
	{
		describe(&worker, database, number, arg);
		if (RegisterDynamicBackgroundWorker(&worker, &handles[index]))
		{
			full_failures = 0;
			if (number == CN_PROBE)
				database->changed = false;
			return;
		}
		handles[index] = NULL;
		cn_launch_free(index);
	}
	if (number == CN_PROBE)
		make_room(database);
	note_full(database, claim, now);
	due_at(full_until_us);
}

/* Start what a database lacks, stop what it has too much. */
static void
tend(Database *database, int64 now)
{
	bool		running[CN_MAX_WORKERS] = {0};
	bool		probing = false;
	int			wanted = database->workers >= 0 ? database->workers : cn_worker_count;
	int			highest = -1;

	for (int i = 0; i < CN_MAX_LAUNCHES; i++)
	{
		const CnLaunch *one = &launches[i];

		if (!one->used || one->database != database->oid)
			continue;
		if (one->number == CN_PROBE)
			probing = true;
		else
			running[one->number] = true;
		highest = Max(highest, one->number);
	}
	if (!database->eligible)
		wanted = 0;
	if (highest >= wanted && (database->state == STATE_PRESENT || !database->eligible))
		cn_slots_stop_from(database->oid, wanted);
	if (!database->eligible || database->state == STATE_ABSENT)
		return;
	if (now < database->not_before_us)
	{
		due_at(database->not_before_us);
		return;
	}
	if (database->state == STATE_UNKNOWN)
	{
		if (!probing)
			launch(database, CN_PROBE, now);
		return;
	}
	for (int number = 0; number < wanted; number++)
		if (!running[number])
			launch(database, number, now);
}

static void
tend_all(int64 now)
{
	HASH_SEQ_STATUS status;
	Database   *database;

	hash_seq_init(&status, databases);
	while ((database = hash_seq_search(&status)) != NULL)
		tend(database, now);
}

/* ---- the process ---- */

/* Of the processes that run, how many have got SIGTERM?  Send it to them once more if again. */
static int
count_terminating(int *running, bool again)
{
	int			count = 0;

	*running = 0;
	cn_launches_read(launches);
	for (int i = 0; i < CN_MAX_LAUNCHES; i++)
	{
		if (!launches[i].used || launches[i].ended || launches[i].pid == 0)
			continue;
		(*running)++;
		if (!launches[i].terminating)
			continue;
		count++;
		if (again)
			(void) kill(launches[i].pid, SIGTERM);
	}
	return count;
}

/*
 * The server shuts down.  A worker that runs a tenant's code has its statement cancelled,
 * which that code may catch; a second SIGTERM it cannot.  If it is the launcher alone that is to
 * end, nobody has got a SIGTERM, and all are left alone.
 */
static void
see_workers_off(void)
{
	int64		start = cn_monotonic_us();
	bool		again = false;

	for (;;)
	{
		int64		passed = cn_monotonic_us() - start;
		bool		send = !again && passed >= SECOND_TERM_US;
		int			running;
		int			terminating = count_terminating(&running, send);

		again = again || send;
		if (running == 0 || passed >= LAST_WAIT_US ||
			(terminating == 0 && passed >= FIRST_TERM_US))
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 50,
						 cn_wait_event_launcher());
		ResetLatch(MyLatch);
	}
}

static void
handle_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (ShutdownRequestPending)
	{
		see_workers_off();
		/* 1: to be started again if the server lives on */
		proc_exit(1);
	}
}

static void
wait_for_something(void)
{
	int64		wait_us = next_us - cn_monotonic_us();

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Max(wait_us / 1000 + 1, 1), cn_wait_event_launcher());
	ResetLatch(MyLatch);
}

void
cn_launcher_main(Datum arg)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Database)};
	int64		list_due_us = 0;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_USERSET, PGC_S_OVERRIDE);
	control.hcxt = TopMemoryContext;
	databases = hash_create("connector databases", 64, &control,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	cn_launches_listen();
	for (;;)
	{
		int64		now = cn_monotonic_us();

		if (take_notes() || now >= list_due_us)
		{
			read_databases();
			list_due_us = now + cn_worker_poll_interval * INT64CONST(1000);
		}
		next_us = list_due_us;
		reap(now);
		tend_all(now);
		wait_for_something();
		handle_interrupts();
	}
}

void
cn_launcher_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	/* Not on a standby: what is queued is the primary's work until the promotion. */
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 1;
	strlcpy(worker.bgw_library_name, "connector", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "cn_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "connector launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "connector launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}
