/*
 * payload.h -- what the history may keep of an input or output.
 */
#ifndef CN_QUEUE_PAYLOAD_H
#define CN_QUEUE_PAYLOAD_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * value itself, or a copy in which members with the name of a secret (password,
 * access_token, ...) read "[redacted]", or, beyond connector.max_logged_payload,
 * {"_truncated": true, "bytes": n}.
 */
extern Jsonb *cn_payload_for_history(Jsonb *value);

#endif							/* CN_QUEUE_PAYLOAD_H */
