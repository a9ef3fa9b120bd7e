/*
 * install.c -- where this database has the extension.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/install.h"

static const char *const table_names[CN_TABLE_COUNT] = {
	[CN_TABLE_WORKSPACES] = "connector_workspaces",
	[CN_TABLE_MEMBERS] = "connector_members",
	[CN_TABLE_ADMINS] = "connector_admins",
	[CN_TABLE_CREDENTIALS] = "workspace_api_credentials",
	[CN_TABLE_CONNECTORS] = "connectors",
	[CN_TABLE_HISTORY] = "connector_history",
	[CN_TABLE_STAT_DELTAS] = "connector_stat_deltas",
	[CN_TABLE_QUEUE] = "connector_queue",
	[CN_TABLE_DEAD_LETTERS] = "connector_dead_letters",
	[CN_TABLE_PAUSES] = "connector_pauses",
	[CN_TABLE_FENCE] = "connector_fence_marks",
	[CN_TABLE_RATE_LIMITS] = "api_rate_limits",
	[CN_TABLE_PROVIDERS] = "connector_providers",
};

static CnInstall install;
static bool install_valid = false;
static uint64 generations[CN_TABLE_COUNT];

/* Relcache callback: may be called anywhere, so it only counts. */
static void
on_relcache_message(Datum arg, Oid relid)
{
	for (int i = 0; i < CN_TABLE_COUNT; i++)
	{
		if (relid == InvalidOid || relid == install.tables[i])
		{
			generations[i]++;
			install_valid = false;
		}
	}
}

void
cn_install_init(void)
{
	CacheRegisterRelcacheCallback(on_relcache_message, (Datum) 0);
}

/* The extension's row; false if there is none. */
static bool
find_extension(Oid *schema, Oid *owner)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("connector"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
	{
		Form_pg_extension form = (Form_pg_extension) GETSTRUCT(tuple);

		*schema = form->extnamespace;
		*owner = form->extowner;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

bool
cn_install_exists(void)
{
	return install_valid || find_extension(&install.schema_oid, &install.owner);
}

const CnInstall *
cn_install(void)
{
	/*
	 * Messages come with new locks, and a transaction that has all it needs
	 * takes none; a right that was taken away must not last that long.
	 */
	AcceptInvalidationMessages();
	if (install_valid)
		return &install;

	if (!cn_install_exists())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"connector\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION connector.")));
	strlcpy(install.schema, quote_identifier(get_namespace_name(install.schema_oid)),
			sizeof(install.schema));
	for (int i = 0; i < CN_TABLE_COUNT; i++)
	{
		Oid			oid = get_relname_relid(table_names[i], install.schema_oid);

		if (oid != install.tables[i])
			generations[i]++;
		install.tables[i] = oid;
	}
	install_valid = true;
	return &install;
}

uint64
cn_install_generation(CnTable table)
{
	return generations[table];
}
