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

/* What the engine does not know of an execution. */
typedef struct CnHistoryExtra
{
	TimestampTz created_at;		/* when it was asked for; 0: when it started */
	int			attempt;		/* 1, more if it was redriven */
	const char *trigger;		/* what started it: "sql", "async", ... */
	const char *executed_by;	/* identity; NULL: none */
	const char *correlation_id; /* NULL or empty: none */
	const char *idempotency_key;	/* NULL: none */
} CnHistoryExtra;

/*
 * Add the one row of a finished execution to rows (of a connector with an id of zeros, which stands
 * for a provider's action, without id and version), which the caller flushes in the
 * current transaction.  Returns the steps of the row if there is no payload in
 * them, else NULL.
 */
extern Jsonb *cn_history_write(CnHistoryRows *rows, const CnExecution *execution,
							  const CnConnector *connector, Jsonb *input,
							  const CnHistoryExtra *extra);

/*
 * An execution that ends without the engine: cancelled, or what it was to run is gone; or one that
 * is put together of many of the engine's (the pages of a stream).
 */
typedef struct CnHistoryUnrun
{
	pg_uuid_t	workspace;
	pg_uuid_t	id;
	pg_uuid_t	connector;		/* zeros: none */
	const char *connector_name;
	int			connector_version;	/* 0: none */
	CnFailure	failure;
	const char *failed_step;	/* NULL: none */
	Jsonb	   *steps;			/* of those that were done, as the history has them; NULL: none */
	Jsonb	   *input;
	Jsonb	   *output;			/* NULL: none */
	int			http_status;	/* 0: none */
	TimestampTz started_at;		/* of the engine's work, if it had begun; 0: now */
} CnHistoryUnrun;

/* Add its row; it ends now. */
extern void cn_history_write_unrun(CnHistoryRows *rows, const CnHistoryUnrun *unrun,
								   const CnHistoryExtra *extra);

#endif							/* CN_QUEUE_HISTORY_H */
