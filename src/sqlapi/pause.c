/*
 * pause.c -- connector_pause and connector_resume.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "catalog/cache.h"
#include "core/audit.h"
#include "core/identity.h"
#include "core/uuid.h"
#include "queue/pause.h"
#include "sqlapi/args.h"
#include "sqlapi/manage.h"

CN_FUNCTION(connector_pause);
CN_FUNCTION(connector_resume);

/* What is paused or resumed. */
typedef struct Target
{
	CnWorkspace workspace;
	CnPauseKind kind;
	const char *target;			/* as the table has it */
	const char *name;			/* as users call it */
} Target;

static void
target_connector(Target *target, const char *asked)
{
	CnConnector *connector = cn_cache_get(&target->workspace.id, asked, CurrentMemoryContext);

	if (connector == NULL)
		cn_manage_unknown(&target->workspace, asked);
	target->kind = CN_PAUSE_CONNECTOR;
	target->name = connector->name;
	target->target = cn_uuid_text(&connector->id, palloc(CN_UUID_TEXT_LEN + 1));
}

/* The first two arguments, and the n-th, which names the workspace. */
static void
read_target(FunctionCallInfo fcinfo, int n, Target *target)
{
	char	   *connector = cn_arg_text(fcinfo, 0);
	char	   *service = cn_arg_text(fcinfo, 1);

	if (connector && service)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a connector and a service cannot be named together"),
				 errhint("Call the function once for each.")));
	target->workspace = cn_workspace_resolve(cn_arg_text(fcinfo, n), CN_RIGHT_WRITE);
	target->kind = service ? CN_PAUSE_SERVICE : CN_PAUSE_WORKSPACE;
	target->target = service ? service : "";
	target->name = service ? service : target->workspace.slug;
	if (connector)
		target_connector(target, connector);
}

Datum
connector_pause(PG_FUNCTION_ARGS)
{
	char	   *reason = cn_arg_text(fcinfo, 2);
	const char *by = cn_identity_name();
	Target		target;

	read_target(fcinfo, 3, &target);
	if (target.kind == CN_PAUSE_SERVICE &&
		!cn_pause_service_exists(&target.workspace.id, target.target))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("workspace \"%s\" has no credential for service \"%s\"",
						target.workspace.slug, target.target)));
	cn_pause_set(&target.workspace.id, target.kind, target.target, by, reason);
	cn_audit(&target.workspace.id, by, "pause", cn_pause_kind_name(target.kind), target.name,
			 reason);
	PG_RETURN_VOID();
}

Datum
connector_resume(PG_FUNCTION_ARGS)
{
	const char *by = cn_identity_name();
	Target		target;
	bool		resumed;

	read_target(fcinfo, 2, &target);
	resumed = cn_pause_clear(&target.workspace.id, target.kind, target.target);
	if (resumed)
		cn_audit(&target.workspace.id, by, "resume", cn_pause_kind_name(target.kind), target.name,
				 NULL);
	PG_RETURN_BOOL(resumed);
}
