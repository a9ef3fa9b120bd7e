/*
 * settings.c -- the settings of the workers.
 */
#include "postgres.h"

#include <limits.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "worker/process.h"
#include "worker/worker.h"

int			cn_worker_count = 1;
int			cn_worker_max_in_flight = 1000;
int			cn_worker_memory_limit = 512 * 1024;
int			cn_worker_poll_interval = 5000;
int			cn_worker_lease_timeout = 60000;
bool		cn_worker_run_after_promotion = false;

/* Where work is looked for and how much of it is taken. */
static void
define_work_settings(void)
{
	DefineCustomIntVariable("connector.max_in_flight",
							"Most executions that a worker has under way at the same time.",
							NULL, &cn_worker_max_in_flight, 1000, 1, 100000, PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("connector.worker_memory_limit",
							"Memory of executions above which a worker takes no more of them.",
							NULL, &cn_worker_memory_limit, 512 * 1024, 16 * 1024, INT_MAX / 2,
							PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.poll_interval",
							"How often workers and launcher look for what no signal told them.",
							NULL, &cn_worker_poll_interval, 5000, 100, 600000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.lease_timeout",
							"How long a worker may be silent before others take over what it runs.",
							NULL, &cn_worker_lease_timeout, 60000, 5000, 3600000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

void
cn_worker_define_settings(void)
{
	/* PGC_SUSET for ALTER DATABASE; that of a session says nothing. */
	DefineCustomIntVariable("connector.workers",
							"Number of workers in each database that has the extension.",
							NULL, &cn_worker_count, 1, 0, CN_MAX_WORKERS, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("connector.run_after_promotion",
							 "Lets workers go on by themselves when a standby was promoted.",
							 NULL, &cn_worker_run_after_promotion, false, PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
	define_work_settings();
}

/* The value of connector.workers among "name=value" settings; -1 if it is not there. */
static int
find_count(ArrayType *settings)
{
	static const char prefix[] = "connector.workers=";
	Datum	   *items;
	int			nitems;
	int			count = -1;

	deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &nitems);
	for (int i = 0; i < nitems; i++)
	{
		char	   *item = TextDatumGetCString(items[i]);

		if (pg_strncasecmp(item, prefix, strlen(prefix)) == 0 &&
			!parse_int(item + strlen(prefix), &count, 0, NULL))
			count = -1;
	}
	return count;
}

/* The value that is set for a database, or (InvalidOid) for all, for every role. */
static int
read_count(Relation rel, Oid database)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	int			count = -1;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(database));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(InvalidOid));
	scan = systable_beginscan(rel, DbRoleSettingDatidRolidIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		settings = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
											RelationGetDescr(rel), &isnull);

		if (!isnull)
			count = find_count(DatumGetArrayTypeP(settings));
	}
	systable_endscan(scan);
	return count;
}

int
cn_worker_count_of_database(void)
{
	Relation	rel = table_open(DbRoleSettingRelationId, AccessShareLock);
	int			count = read_count(rel, MyDatabaseId);

	if (count < 0)
		count = read_count(rel, InvalidOid);
	table_close(rel, AccessShareLock);
	return Min(count, CN_MAX_WORKERS);
}
