/*
 * main.c -- a worker process: its life.
 *
 * The same process serves as a probe: it looks whether the database has the extension,
 * tells the launcher, and leaves.  A worker that leaves says why (launches.h); one that
 * raises says nothing, which counts as a failure.
 *
 * Signals: SIGHUP reloads; SIGINT cancels the statement that runs; SIGTERM asks to leave, and
 * cancels too, so that a tenant's code does not hold up a shutdown.  Such code may catch the
 * cancel; a second SIGTERM, which the launcher sends after a while, ends the process within
 * that code as it would end a session.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "core/install.h"
#include "core/testpoint.h"
#include "core/uuid.h"
#include "queue/wake.h"
#include "worker/launches.h"
#include "worker/process.h"
#include "worker/worker.h"

static bool is_worker = false;

/* ---- signals ---- */

void
cn_process_handle_cancel(SIGNAL_ARGS)
{
	int			save_errno = errno;

	if (IsTransactionState())
	{
		QueryCancelPending = true;
		InterruptPending = true;
	}
	SetLatch(MyLatch);
	errno = save_errno;
}

static void
handle_terminate(SIGNAL_ARGS)
{
	int			save_errno = errno;

	if (IsTransactionState())
	{
		if (ShutdownRequestPending)
			ProcDiePending = true;
		else
			QueryCancelPending = true;
		InterruptPending = true;
	}
	ShutdownRequestPending = true;
	cn_launch_terminating();
	SetLatch(MyLatch);
	errno = save_errno;
}

void
cn_worker_forget_cancel(void)
{
	QueryCancelPending = false;
}

bool
cn_worker_must_leave(const CnWorkerSlot *slot)
{
	return ShutdownRequestPending ||
		pg_atomic_read_u32(&unconstify(CnWorkerSlot *, slot)->stop) != 0;
}

bool
cn_worker_is_one(void)
{
	return is_worker;
}

/* ---- life ---- */

void
cn_process_settle(void)
{
	static const struct
	{
		const char *name;
		const char *value;
	}			settings[] = {
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"session_replication_role", "origin"},
		{"row_security", "on"},
		{"statement_timeout", "0"},
		{"lock_timeout", "1s"},	/* nobody may hold a worker up */
		{"jit", "off"},			/* statements are short, and planned against what statistics say */
		{"idle_in_transaction_session_timeout", "0"},
	};

	SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_USERSET, PGC_S_OVERRIDE);
	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i].name, settings[i].value, PGC_SUSET, PGC_S_OVERRIDE);
}

/* Does this database have the extension?  *workers: connector.workers as set for it, or -1. */
static bool
look(int *workers)
{
	bool		exists;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	exists = cn_install_exists();
	*workers = cn_worker_count_of_database();
	PopActiveSnapshot();
	CommitTransactionCommand();
	cn_worker_forget_cancel();
	return exists;
}

/* Why a worker has returned from its work. */
static CnLaunchEnd
reason_to_leave(const CnWorkerSlot *slot)
{
	int			workers;

	if (ShutdownRequestPending)
		return CN_END_TERMINATED;
	if (cn_worker_must_leave(slot) || cn_launch_held(MyDatabaseId))
		return CN_END_STOPPED;
	return look(&workers) ? CN_END_DIED : CN_END_ABSENT;
}

static void
work(int number)
{
	pg_uuid_t	lease;
	CnWorkerSlot *slot;

	cn_uuid_v7(&lease);
	slot = cn_slot_take(MyDatabaseId, number, &lease);
	if (slot == NULL)
	{
		/* Another one of that number has not quite gone. */
		cn_launch_leave(CN_END_TERMINATED, -1);
		return;
	}
	is_worker = true;
	cn_wake_listen();
	CN_TEST_POINT("worker-starts");
	/* Who held the database before there was a slot could not ask for it to be left. */
	if (!cn_launch_held(MyDatabaseId))
		cn_worker_run(slot);
	pg_atomic_write_u32(&slot->state, CN_WORKER_STOPPING);
	cn_launch_leave(reason_to_leave(slot), -1);
}

void
cn_worker_main(Datum arg)
{
	CnLaunch	launch;
	int			workers;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGINT, cn_process_handle_cancel);
	pqsignal(SIGTERM, handle_terminate);
	BackgroundWorkerUnblockSignals();

	if (!cn_launch_begin(arg, &launch))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(launch.database, InvalidOid, 0);
	cn_process_settle();
	if (!look(&workers))
		cn_launch_leave(CN_END_ABSENT, workers);
	else if (launch.number == CN_PROBE)
		cn_launch_leave(CN_END_PRESENT, workers);
	else
		work(launch.number);
	proc_exit(0);
}

void
cn_worker_init(void)
{
	cn_worker_define_settings();
	cn_launches_init();
	cn_fence_init();
	cn_token_process_init();
	cn_utility_init();
	cn_launcher_register();
}
