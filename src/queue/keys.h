/*
 * keys.h -- idempotency keys of callers: the same key in a workspace, the same execution.
 */
#ifndef CN_QUEUE_KEYS_H
#define CN_QUEUE_KEYS_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/uuid.h"

/* Characters a key may have. */
#define CN_KEY_MAX 255

typedef enum CnKeyState
{
	CN_KEY_NEW,					/* it is ours now: queue the execution */
	CN_KEY_KNOWN,				/* *id is the execution it was given for */
	CN_KEY_DIFFERENT			/* it was given for another connector or input, as *id */
} CnKeyState;

/*
 * Take key for the execution *id of connector with input.  Waits for a transaction
 * that is about to take it.  A key older than connector.idempotency_retention counts as
 * none.
 */
extern CnKeyState cn_key_take(const pg_uuid_t *workspace, const char *key,
							  const pg_uuid_t *connector, Jsonb *input, pg_uuid_t *id);

#endif							/* CN_QUEUE_KEYS_H */
