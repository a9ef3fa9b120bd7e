/*
 * history.h -- the record of finished executions.
 */
#ifndef CN_QUEUE_HISTORY_H
#define CN_QUEUE_HISTORY_H

#include "postgres.h"

#include "catalog/cache.h"
#include "engine/engine.h"

/* How a status is called in tables and results: "success", "failed", ... */
extern const char *cn_status_name(const CnFailure *failure);

/* [{"id", "status", "http_status", "duration_ms", ...}], as in steps_executed. */
extern Jsonb *cn_history_steps(const CnOutcome *outcome);

/*
 * Write the one row of a finished execution, in the current transaction.
 * trigger: what started it ("sql").
 */
extern void cn_history_write(const CnExecution *execution, const CnConnector *connector,
							 Jsonb *input, const char *trigger, const char *executed_by);

#endif							/* CN_QUEUE_HISTORY_H */
