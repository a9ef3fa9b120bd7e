/*
 * pause.h -- queued work that is held back.
 */
#ifndef CN_QUEUE_PAUSE_H
#define CN_QUEUE_PAUSE_H

#include "postgres.h"

#include "utils/uuid.h"

typedef enum CnPauseKind
{
	CN_PAUSE_WORKSPACE,
	CN_PAUSE_CONNECTOR,
	CN_PAUSE_SERVICE
} CnPauseKind;

/* "workspace", "connector", "service" */
extern const char *cn_pause_kind_name(CnPauseKind kind);

/*
 * Hold back what target names: a connector's id, a service, or "" of the workspace.  A
 * second time changes the reason.  Workers hear of both when the transaction commits.
 */
extern void cn_pause_set(const pg_uuid_t *workspace, CnPauseKind kind, const char *target,
						 const char *by, const char *reason);

/* Let it go on; false if it was not held back. */
extern bool cn_pause_clear(const pg_uuid_t *workspace, CnPauseKind kind, const char *target);

/* Is there a credential for that service in the workspace? */
extern bool cn_pause_service_exists(const pg_uuid_t *workspace, const char *service);

#endif							/* CN_QUEUE_PAUSE_H */
