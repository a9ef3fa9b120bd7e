/*
 * fence.c -- may this cluster call out?
 *
 * A backup that is restored, a copy of a server, a recovery to yesterday: each has yesterday's
 * queue, and running that again would charge customers again.  So the tables say
 * which cluster may run them.  A mark names a cluster as well as it can be named: system
 * identifier, timeline, database, installation of the extension, and the identity of the file
 * pg_control.  CREATE EXTENSION makes the first mark.  The fence is open while every mark is this
 * cluster's own.
 *
 *   dump and restore           the marks come along; the triggers of the tables make them foreign
 *   copy of the database       another database
 *   pg_upgrade                 another system identifier
 *   copy of the data directory another pg_control: inode or time of birth
 *   recovery to a point        another timeline
 *   promotion of a standby     another timeline; connector.run_after_promotion lets it pass
 *
 * Device numbers are no part of it, for they change when a machine starts again.  A snapshot of a
 * file system or of a machine, and a copy onto the very files, cannot be told from the original.
 *
 * A worker that finds a foreign mark writes that down in it, so that a standby of a clone knows
 * it too: a promotion passes only where the server before it was allowed to work.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/timeline.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/clock.h"
#include "core/install.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "worker/fence.h"
#include "worker/process.h"
#include "worker/worker.h"

/* What names a cluster, in the order of the columns. */
typedef struct Identity
{
	int64		system_identifier;
	int64		timeline;
	Oid			database;
	Oid			installation;
	int64		control_inode;
	int64		control_birth;	/* 0: the file system does not say */
} Identity;

typedef struct Mark
{
	pg_uuid_t	id;
	Identity	identity;
	TimestampTz made_at;
	char	   *made_by;
	TimestampTz foreign_since;	/* 0: nobody found it to be */
	char	   *foreign_because;
} Mark;

/*
 * The postmaster found a standby.signal and no recovery target when it loaded the library; its
 * children inherit this.
 */
static bool started_as_standby = false;

static bool marking = false;	/* cn_fence_mark is inserting */

/* What cn_fence_closed knows. */
static bool known = false;
static uint64 known_print;		/* of the marks it was found from */
static bool known_setting;
static char *known_reason = NULL;	/* in TopMemoryContext */
static bool warned = false;		/* the log has known_reason */

/* ---- this cluster ---- */

static void
identify_control_file(Identity *identity)
{
	struct stat status;

	if (stat(XLOG_CONTROL_FILE, &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", XLOG_CONTROL_FILE)));
	identity->control_inode = (int64) status.st_ino;
#ifdef STATX_BTIME
	{
		struct statx more;

		if (statx(AT_FDCWD, XLOG_CONTROL_FILE, 0, STATX_BTIME, &more) == 0 &&
			(more.stx_mask & STATX_BTIME) != 0)
			identity->control_birth = more.stx_btime.tv_sec * INT64CONST(1000000000) +
				more.stx_btime.tv_nsec;
	}
#endif
}

static Identity
identify(void)
{
	Identity	identity = {0};

	identity.system_identifier = (int64) GetSystemIdentifier();
	identity.timeline = GetWALInsertionTimeLine();
	identity.database = MyDatabaseId;
	identity.installation = get_extension_oid("connector", false);
	identify_control_file(&identity);
	return identity;
}

/* The timeline that tli began on; 0: none, or it is not known any more. */
static TimeLineID
timeline_before(TimeLineID tli)
{
	List	   *history = readTimeLineHistory(tli);

	return list_length(history) < 2 ? 0 : ((TimeLineHistoryEntry *) lsecond(history))->tli;
}

/* ---- the marks ---- */

static CnStatement read_statement = {
	.sql = "SELECT id, system_identifier, timeline, database, installation, control_inode,"
	" control_birth, made_at, made_by, foreign_since, foreign_because"
	" FROM @.connector_fence_marks ORDER BY made_at, id",
};

static CnStatement insert_statement = {
	.sql = "INSERT INTO @.connector_fence_marks (id, system_identifier, timeline, database,"
	" installation, control_inode, control_birth, made_at, made_by, foreign_since, foreign_because)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
	.write = true,
	.nargs = 11,
	.argtypes = {UUIDOID, INT8OID, INT8OID, OIDOID, OIDOID, INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID,
	TIMESTAMPTZOID, TEXTOID},
};

static CnStatement delete_statement = {
	.sql = "DELETE FROM @.connector_fence_marks",
	.write = true,
};

static CnStatement note_statement = {
	.sql = "UPDATE @.connector_fence_marks SET foreign_since = $2, foreign_because = $3"
	" WHERE id = $1 AND foreign_since IS NULL",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, TIMESTAMPTZOID, TEXTOID},
};

static int64
number(uint64 row, int col)
{
	bool		isnull;
	Datum		value = cn_spi_value(row, col, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static Oid
oid(uint64 row, int col)
{
	bool		isnull;

	return DatumGetObjectId(cn_spi_value(row, col, &isnull));
}

/* All marks, palloc'ed. */
static List *
read_marks(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *marks = NIL;
	CnSpi		spi;
	uint64		count;

	cn_spi_begin(&spi);
	count = cn_spi_run(&read_statement, NULL, NULL, 0);
	for (uint64 row = 0; row < count; row++)
	{
		MemoryContext old = MemoryContextSwitchTo(caller);
		Mark	   *mark = palloc0(sizeof(Mark));

		cn_spi_uuid(row, 1, &mark->id);
		mark->identity = (Identity)
		{
			number(row, 2), number(row, 3), oid(row, 4), oid(row, 5), number(row, 6), number(row, 7)
		};
		mark->made_at = number(row, 8);
		mark->made_by = cn_spi_text(row, 9, caller);
		mark->foreign_since = number(row, 10);
		mark->foreign_because = cn_spi_text(row, 11, caller);
		marks = lappend(marks, mark);
		MemoryContextSwitchTo(old);
	}
	cn_spi_end(&spi);
	return marks;
}

static void
insert_mark(const Identity *identity, const char *by, const char *foreign_because)
{
	pg_uuid_t	id;
	TimestampTz now = cn_now();
	char		nulls[12] = "           ";
	Datum		values[11] = {
		UUIDPGetDatum(&id), Int64GetDatum(identity->system_identifier),
		Int64GetDatum(identity->timeline), ObjectIdGetDatum(identity->database),
		ObjectIdGetDatum(identity->installation), Int64GetDatum(identity->control_inode),
		Int64GetDatum(identity->control_birth), TimestampTzGetDatum(now), CStringGetTextDatum(by),
		TimestampTzGetDatum(now), (Datum) 0
	};

	cn_uuid_v7(&id);
	nulls[6] = identity->control_birth ? ' ' : 'n';
	if (foreign_because)
		values[10] = CStringGetTextDatum(foreign_because);
	else
		nulls[9] = nulls[10] = 'n';
	marking = true;
	PG_TRY();
	{
		(void) cn_spi_run(&insert_statement, values, nulls, 0);
	}
	PG_FINALLY();
	{
		marking = false;
	}
	PG_END_TRY();
}

bool
cn_fence_is_marking(void)
{
	return marking;
}

/* ---- judging them ---- */

/* Is this a standby of the cluster with the mark, which was promoted? */
static bool
is_promoted(const Identity *mark, const Identity *here)
{
	return started_as_standby && mark->timeline != here->timeline &&
		mark->timeline == timeline_before(here->timeline);
}

static bool
same_control_file(const Identity *mark, const Identity *here)
{
	if (mark->control_inode != here->control_inode)
		return false;
	return mark->control_birth == 0 || here->control_birth == 0 ||
		mark->control_birth == here->control_birth;
}

/*
 * Why the mark is not this cluster's; NULL if it is.  *promotion: for no other reason
 * than a promotion.
 */
static char *
judge(const Mark *mark, const Identity *here, bool *promotion)
{
	const Identity *there = &mark->identity;

	*promotion = false;
	if (mark->foreign_since)
		return mark->foreign_because ? mark->foreign_because : "the mark is foreign";
	if (there->system_identifier != here->system_identifier)
		return psprintf("the database comes from another cluster, with system identifier "
						UINT64_FORMAT, (uint64) there->system_identifier);
	if (there->database != here->database)
		return psprintf("the database is a copy of another one, with OID %u", there->database);
	if (there->installation != here->installation)
		return "the mark is of an earlier installation of the extension";
	*promotion = is_promoted(there, here);
	if (*promotion)
		return psprintf("this server was a standby and has been promoted, and "
						"connector.run_after_promotion is off");
	if (there->timeline != here->timeline)
		return psprintf("this server was recovered to timeline " INT64_FORMAT ", the mark is of "
						"timeline " INT64_FORMAT, here->timeline, there->timeline);
	if (!same_control_file(there, here))
		return "the data directory is a copy of another one";
	return NULL;
}

/* Write down in a mark that it was found to be foreign. */
static void
note_foreign(const Mark *mark, const char *because)
{
	Datum		values[3] = {
		UUIDPGetDatum(&mark->id), TimestampTzGetDatum(cn_now()), CStringGetTextDatum(because)
	};
	CnSpi		spi;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&note_statement, values, NULL, 0);
	cn_spi_end(&spi);
}

/* What a worker finds out it writes down: a promotion that passes, marks that are foreign. */
static void
write_down(List *marks, const Identity *here, bool promoted)
{
	ListCell   *cell;

	if (promoted && cn_worker_run_after_promotion)
	{
		(void) cn_fence_mark("promotion");
		ereport(LOG,
				(errmsg("connector workers go on in database \"%s\" after the promotion",
						get_database_name(MyDatabaseId))));
		return;
	}
	foreach(cell, marks)
	{
		const Mark *mark = lfirst(cell);
		bool		promotion;
		const char *because = judge(mark, here, &promotion);

		if (because && !promotion && mark->foreign_since == 0)
			note_foreign(mark, because);
	}
}

/* Judge all marks; a promotion is the reason only where there is no other. */
static CnFence
judge_all(List *marks, const Identity *here, bool *promoted)
{
	CnFence		fence = {0};
	ListCell   *cell;

	*promoted = false;
	foreach(cell, marks)
	{
		const Mark *mark = lfirst(cell);
		bool		promotion;
		char	   *because = judge(mark, here, &promotion);

		if (because == NULL)
		{
			fence.marked_at = mark->made_at;
			fence.marked_by = mark->made_by;
		}
		else if (fence.closed == NULL || *promoted)
		{
			fence.closed = because;
			fence.since = mark->foreign_since;
			*promoted = promotion;
		}
	}
	if (marks == NIL)
		fence.closed = "the table connector_fence_marks is empty";
	if (*promoted && cn_worker_run_after_promotion)
		fence.closed = NULL;
	return fence;
}

CnFence
cn_fence_read(void)
{
	CnFence		fence = {0};
	Identity	here;
	List	   *marks;
	bool		promoted;

	if (RecoveryInProgress())
	{
		fence.standby = true;
		fence.closed = "this server is a standby";
		return fence;
	}
	here = identify();
	marks = read_marks();
	fence = judge_all(marks, &here, &promoted);
	if (cn_worker_is_one())
		write_down(marks, &here, promoted);
	return fence;
}

/* ---- workers ---- */

static void
log_change(const char *reason)
{
	if (reason)
		ereport(WARNING,
				(errmsg("connector workers stand still in database \"%s\"",
						get_database_name(MyDatabaseId)),
				 errdetail("The fence is closed: %s.", reason),
				 errhint("If this server, and no other, is to run what is queued there, "
						 "call connector_acknowledge_clone() in that database.")));
	else if (warned)
		ereport(LOG,
				(errmsg("connector workers go on in database \"%s\"",
						get_database_name(MyDatabaseId))));
	warned = reason != NULL;
}

static void
remember(const char *reason)
{
	bool		same = known_reason == reason ||
		(known_reason && reason && strcmp(known_reason, reason) == 0);

	if (same)
		return;
	if (cn_worker_is_one())
		log_change(reason);
	if (known_reason)
		pfree(known_reason);
	known_reason = reason ? MemoryContextStrdup(TopMemoryContext, reason) : NULL;
}

/*
 * A number that differs when the marks do.  Messages about changes come a moment after what was
 * committed is seen, so they are not waited for: rows of a backup must not be claimed in that
 * moment.
 */
static uint64
fingerprint(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	uint64		print = 0;
	HeapTuple	tuple;

	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		uint64		place = (uint64) ItemPointerGetBlockNumber(&tuple->t_self) << 16 |
			ItemPointerGetOffsetNumber(&tuple->t_self);

		print = hash_combine64(print, place);
		print = hash_combine64(print, HeapTupleHeaderGetRawXmin(tuple->t_data));
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return print;
}

char *
cn_fence_closed(void)
{
	Oid			relid = cn_install()->tables[CN_TABLE_FENCE];
	bool		setting = cn_worker_run_after_promotion;
	uint64		print;

	/* Who has locked the marks changes them, and must not hold a worker up. */
	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return pstrdup("connector_fence_marks is locked");
	print = fingerprint(relid);
	if (!known || known_print != print || known_setting != setting)
	{
		CnFence		fence = cn_fence_read();

		remember(fence.closed);
		known_print = print;
		known_setting = setting;
		known = !fence.standby;
	}
	UnlockRelationOid(relid, AccessShareLock);
	return known_reason ? pstrdup(known_reason) : NULL;
}

/* ---- writing ---- */

int
cn_fence_mark(const char *by)
{
	Identity	here = identify();
	List	   *marks = read_marks();
	ListCell   *cell;
	bool		promotion;
	int			others = 0;
	CnSpi		spi;

	foreach(cell, marks)
		if (judge(lfirst(cell), &here, &promotion) != NULL)
			others++;
	cn_spi_begin(&spi);
	(void) cn_spi_run(&delete_statement, NULL, NULL, 0);
	insert_mark(&here, by, NULL);
	cn_spi_end(&spi);
	return others;
}

void
cn_fence_close(const char *because)
{
	Identity	here = identify();
	List	   *marks = read_marks();
	ListCell   *cell;
	CnSpi		spi;

	foreach(cell, marks)
		if (((Mark *) lfirst(cell))->foreign_since)
			return;
	cn_spi_begin(&spi);
	insert_mark(&here, "restore", because);
	cn_spi_end(&spi);
}

void
cn_fence_init(void)
{
	struct stat status;

	started_as_standby = stat(STANDBY_SIGNAL_FILE, &status) == 0 &&
		recoveryTarget == RECOVERY_TARGET_UNSET;
}
