/*
 * transact.c -- the transactions of a worker.
 *
 * Each begins by looking for the extension, under a lock on the queue that is not waited for:
 * whoever has locked that table (DROP EXTENSION, ALTER TABLE, VACUUM FULL) must not hold the
 * worker up, and while the transaction lasts it stays.  Locks on other tables are waited for,
 * but not long (lock_timeout, main.c).
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/install.h"
#include "worker/run.h"

bool
cn_worker_begin(CnWorker *worker, bool *locked)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContextSwitchTo(worker->turn);
	*locked = false;
	if (!cn_install_exists())
		return false;
	*locked = !ConditionalLockRelationOid(cn_install()->tables[CN_TABLE_QUEUE], RowExclusiveLock);
	/* it may have gone before there was the lock */
	return cn_install_exists();
}

/* For this transaction. */
static void
set_synchronous_commit(const char *value)
{
	(void) set_config_option("synchronous_commit", value, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/*
 * A server that is set to forget the newest commits in a crash may forget outcomes of its clients', but
 * not that a request was sent which must not be sent again.
 */
void
cn_worker_commit(CnWorker *worker, bool durable)
{
	if (!durable)
		set_synchronous_commit("off");
	else if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		set_synchronous_commit("local");
	PopActiveSnapshot();
	CommitTransactionCommand();
	cn_worker_forget_cancel();
	MemoryContextSwitchTo(worker->turn);
}

ErrorData *
cn_worker_roll_back(CnWorker *worker, bool report)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(worker->turn);
	error = CopyErrorData();
	if (report && !cn_worker_must_leave(worker->slot))
		EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	cn_worker_forget_cancel();
	RESUME_INTERRUPTS();
	MemoryContextSwitchTo(worker->turn);
	return error;
}
