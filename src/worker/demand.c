/*
 * demand.c -- the life of a process that is started on demand.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/clock.h"
#include "core/install.h"
#include "core/uuid.h"
#include "worker/demand.h"
#include "worker/launches.h"
#include "worker/process.h"
#include "worker/worker.h"

/* ---- transactions ---- */

/* Somebody may have set that the newest commits can be lost: not these. */
static void
commit_durably(void)
{
	if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		(void) set_config_option("synchronous_commit", "local", PGC_SUSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	PopActiveSnapshot();
	CommitTransactionCommand();
	cn_worker_forget_cancel();
}

static void
roll_back(CnDemand *demand)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(demand->turn);
	error = CopyErrorData();
	demand->error = error->message;
	EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	cn_worker_forget_cancel();
	RESUME_INTERRUPTS();
}

bool
cn_demand_transact(CnDemand *demand, MemoryContext context, void (*action) (void *arg), void *arg)
{
	volatile bool fine = false;

	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		MemoryContextSwitchTo(context);
		demand->gone = !cn_install_exists();
		if (!demand->gone)
			action(arg);
		commit_durably();
		fine = true;
	}
	PG_CATCH();
	{
		roll_back(demand);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(demand->turn);
	pgstat_report_stat(false);
	return fine && !demand->gone;
}

/* ---- the loop ---- */

static bool
must_leave(const CnDemand *demand)
{
	return ShutdownRequestPending || demand->gone || cn_place_must_leave() ||
		cn_launch_held(MyDatabaseId);
}

static void
take_turn(const CnDemandKind *kind, CnDemand *demand, bool leaving)
{
	MemoryContextReset(demand->turn);
	MemoryContextSwitchTo(demand->turn);
	demand->error = NULL;
	kind->turn(leaving);
}

static void
drain(const CnDemandKind *kind, CnDemand *demand)
{
	int64		until_us = cn_monotonic_us() + kind->drain_us;

	while (!demand->gone && kind->draining() && cn_monotonic_us() < until_us)
		take_turn(kind, demand, true);
}

void
cn_demand_run(const CnDemandKind *kind, CnDemand *demand)
{
	int64		idle_since_us = cn_monotonic_us();

	while (!must_leave(demand))
	{
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		take_turn(kind, demand, false);
		if (kind->busy())
			idle_since_us = cn_monotonic_us();
		else if (cn_monotonic_us() > idle_since_us + kind->idle_us && cn_place_retire())
			return;
	}
	drain(kind, demand);
}

void
cn_demand_begin(Datum arg, const CnDemandKind *kind, CnDemand *demand)
{
	Oid			database = DatumGetObjectId(arg);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGINT, cn_process_handle_cancel);
	BackgroundWorkerUnblockSignals();
	if (!cn_place_take(kind->place, database) || cn_launch_held(database))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	cn_process_settle();
	demand->life = AllocSetContextCreate(TopMemoryContext, "connector process",
										 ALLOCSET_DEFAULT_SIZES);
	demand->turn = AllocSetContextCreate(demand->life, "connector turn", ALLOCSET_DEFAULT_SIZES);
	demand->mux = cn_http_process_mux();
	cn_uuid_v7(&demand->lease);
}
