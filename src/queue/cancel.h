/*
 * cancel.h -- ending executions that are not wanted any more.
 */
#ifndef CN_QUEUE_CANCEL_H
#define CN_QUEUE_CANCEL_H

#include "postgres.h"

#include "utils/uuid.h"

typedef enum CnCancel
{
	CN_CANCEL_TOO_LATE,			/* it is not in the queue (any more) */
	CN_CANCEL_DONE,				/* nobody ran it: it is in the history, as cancelled */
	CN_CANCEL_REQUESTED			/* the worker that runs it, or takes it over, will end it */
} CnCancel;

/* by: identity of who cancels; NULL: none. */
extern CnCancel cn_queue_cancel(const pg_uuid_t *workspace, const pg_uuid_t *id, const char *by);

/* The text of the failure that cancelling leaves. */
extern char *cn_cancel_message(const char *by);

#endif							/* CN_QUEUE_CANCEL_H */
