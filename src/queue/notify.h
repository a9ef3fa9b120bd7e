/*
 * notify.h -- telling listeners that an execution has ended.
 */
#ifndef CN_QUEUE_NOTIFY_H
#define CN_QUEUE_NOTIFY_H

#include "postgres.h"

#include "utils/uuid.h"

/*
 * NOTIFY connector_execution, '{"execution_id": "...", "status": "..."}' when the
 * transaction commits; for executions queued with notify.
 */
extern void cn_notify_finished(const pg_uuid_t *id, const char *status);

#endif							/* CN_QUEUE_NOTIFY_H */
