/*
 * cleanup.h -- what goes with a workspace.
 */
#ifndef CN_QUEUE_CLEANUP_H
#define CN_QUEUE_CLEANUP_H

#include "postgres.h"

#include "utils/uuid.h"

/* Delete the queue, keys, dead letters and pauses of a workspace; NULL: of all. */
extern void cn_queue_forget_workspace(const pg_uuid_t *workspace);

#endif							/* CN_QUEUE_CLEANUP_H */
