/*
 * fence.c -- functions of the clone fence, and what the install script ends with.
 */
#include "postgres.h"

#include "commands/extension.h"

#include "sqlapi/args.h"
#include "worker/worker.h"

CN_FUNCTION(connector_installed);

Datum
connector_installed(PG_FUNCTION_ARGS)
{
	if (!creating_extension)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("_connector_installed is called by the install script only")));
	cn_worker_installed();
	PG_RETURN_VOID();
}
