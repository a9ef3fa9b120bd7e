/*
 * settings.c -- limits of an execution.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "engine/settings.h"

int			cn_engine_max_execution_time;
int			cn_engine_max_request_size;
int			cn_engine_max_json_depth;
int			cn_engine_max_logged_payload;
int			cn_engine_retention;
char	   *cn_engine_correlation_id;
int			cn_engine_retry_delay;
int			cn_engine_retry_max_delay;

void
cn_engine_init(void)
{
	DefineCustomIntVariable("connector.max_execution_time",
							"Longest time an execution may take, all its steps together.",
							NULL, &cn_engine_max_execution_time,
							60000, 1000, 3600000, PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.max_request_size",
							"Largest body a request may have.",
							NULL, &cn_engine_max_request_size,
							10240, 1, 1024 * 1024, PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.max_json_depth",
							"Deepest nesting of a JSON reply that is accepted.",
							NULL, &cn_engine_max_json_depth,
							64, 1, 1000, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.max_logged_payload",
							"Largest input, output, request or reply that the history keeps; a larger one leaves a marker.",
							"-1 keeps all.", &cn_engine_max_logged_payload,
							64, -1, 1024 * 1024, PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.retry_delay",
							"Longest wait before the first retry of a request; it doubles with each further one.",
							"The wait is random between nothing and this.", &cn_engine_retry_delay,
							500, 1, 60000, PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.retry_max_delay",
							"Longest wait before any retry that the remote did not ask for.",
							NULL, &cn_engine_retry_max_delay,
							30000, 1, 3600000, PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.retention",
							"How long the history is kept; whole days are dropped.",
							"0 keeps it for ever.", &cn_engine_retention,
							30 * 24 * 60, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomStringVariable("connector.correlation_id",
							   "Recorded with every execution, to find it by an id of the caller's.",
							   NULL, &cn_engine_correlation_id,
							   "", PGC_USERSET, 0, NULL, NULL, NULL);
}
