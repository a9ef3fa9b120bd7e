/*
 * history.h -- the record of finished executions.
 */
#ifndef CN_QUEUE_HISTORY_H
#define CN_QUEUE_HISTORY_H

#include "postgres.h"

#include "catalog/cache.h"
#include "engine/engine.h"
#include "queue/insert.h"

/*
 * [{"id", "status", "http_status", "duration_ms", ...}] of the steps that were
 * reached; with payloads also request and response, as the history may keep them.
 */
extern Jsonb *cn_history_steps(const CnExecution *execution, bool payloads);

/*
 * Add the one row of a finished execution to rows, which the caller flushes in the
 * current transaction.  trigger: what started it ("sql").  Returns the steps of the row
 * if there is no payload in them, else NULL.
 */
extern Jsonb *cn_history_write(CnHistoryRows *rows, const CnExecution *execution,
							  const CnConnector *connector, Jsonb *input, const char *trigger,
							  const char *executed_by);

#endif							/* CN_QUEUE_HISTORY_H */
