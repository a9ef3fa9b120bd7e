/*
 * fold.c -- pending deltas added to the columns of connectors, by a worker.
 *
 * The statement is _connector_fold_batch (70_maintain.sql); connector_maintain() runs it, too.
 * It must never wait: the tables are locked only if that is possible at once, rows
 * that somebody has locked are left with their deltas, and one process folds at a time.
 * Nor shall anybody wait for it: it has the rows it changes until its transaction ends, so
 * that transaction does nothing else, and a batch is bounded.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"

#include "core/install.h"
#include "core/spi.h"
#include "stats/counters.h"
#include "stats/stats.h"

/* Deltas a batch looks at, at least: some tens of milliseconds. */
#define BATCH 10000

static CnStatement fold_statement = {
	.sql = "SELECT f.seen, f.taken FROM @._connector_fold_batch($1) f",
	.write = true,
	.nargs = 1,
	.argtypes = {INT8OID},
};

/* The mark was taken away by a transaction that is not over. */
static bool folding = false;

/* Nobody else folds, and no VACUUM FULL, ALTER TABLE or LOCK is in the way. */
static bool
lock_all(void)
{
	static const CnTable tables[] = {CN_TABLE_STAT_DELTAS, CN_TABLE_CONNECTORS, CN_TABLE_CREDENTIALS};
	const CnInstall *install = cn_install();
	LOCKTAG		tag;

	/* pg_try_advisory_xact_lock(oid of the deltas) */
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, install->tables[CN_TABLE_STAT_DELTAS], 1);
	if (LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	for (int i = 0; i < lengthof(tables); i++)
		if (!ConditionalLockRelationOid(install->tables[tables[i]], RowExclusiveLock))
			return false;
	return true;
}

/* at_most -1: all there are.  Returns how many it took, *seen how many it looked at. */
static int64
fold(int64 at_most, int64 *seen)
{
	Datum		value = Int64GetDatum(at_most);
	bool		isnull;
	int64		taken;
	CnSpi		spi;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&fold_statement, &value, at_most < 0 ? "n" : NULL, 0);
	*seen = DatumGetInt64(cn_spi_value(0, 1, &isnull));
	taken = DatumGetInt64(cn_spi_value(0, 2, &isnull));
	cn_spi_end(&spi);
	return taken;
}

bool
cn_stats_fold_wanted(void)
{
	return cn_counters_unfolded();
}

static int64
fold_what_can_be(int64 at_most)
{
	int64		seen = 0;
	int64		taken = 0;
	bool		locked;

	/* before the statement's snapshot is taken: who commits deltas from now on marks anew */
	folding = true;
	cn_counters_take_unfolded();

	locked = lock_all();
	if (locked)
	{
		taken = fold(at_most, &seen);
		/* deltas of locked rows must not keep a batch from those behind them for ever */
		if (seen == at_most && taken < at_most / 2)
			taken += fold(-1, &seen);
	}
	if (!locked || taken < seen || seen == at_most)
		(void) cn_counters_mark_unfolded();
	return taken;
}

int64
cn_stats_fold(void)
{
	return fold_what_can_be(BATCH);
}

int64
cn_stats_fold_all(void)
{
	return fold_what_can_be(-1);
}

static void
on_xact(XactEvent event, void *arg)
{
	if (!folding)
		return;
	if (event == XACT_EVENT_ABORT)
		(void) cn_counters_mark_unfolded();
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		folding = false;
}

void
cn_stats_fold_init(void)
{
	RegisterXactCallback(on_xact, NULL);
}
