/*
 * connector.c -- the library's entry point: one call per subsystem.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "auth/token_wait.h"
#include "catalog/settings.h"
#include "core/identity.h"
#include "core/install.h"
#include "core/place.h"
#include "core/shmem.h"
#include "core/testpoint.h"
#include "credentials/keyring.h"
#include "engine/settings.h"
#include "http/client.h"
#include "limit/limit.h"
#include "queue/settings.h"
#include "queue/waiters.h"
#include "queue/wake.h"
#include "schema/settings.h"
#include "stats/counters.h"
#include "stats/log.h"
#include "stats/settings.h"
#include "stats/stats.h"
#include "trigger/store.h"
#include "worker/cron.h"
#include "worker/slots.h"
#include "worker/run.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connector must be loaded through shared_preload_libraries"),
				 errhint("Add connector to shared_preload_libraries in postgresql.conf and restart the server.")));

	cn_install_init();
	cn_identity_init();
	cn_keyring_init();
	cn_http_init();
	cn_catalog_init();
	cn_engine_init();
	cn_schema_init();
	cn_stats_init();
	cn_queue_init();
	cn_counters_init();
	cn_log_init();
	cn_alerts_init();
	cn_wake_init();
	cn_waiters_init();
	cn_slots_init();
	cn_limit_init();
	cn_place_init();
	cn_token_wait_init();
	cn_trigger_init();
	cn_worker_init();
	cn_mapped_init();
	cn_cron_init();
	cn_testpoint_init();
	cn_shmem_init();

	MarkGUCPrefixReserved("connector");
}
