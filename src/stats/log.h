/*
 * log.h -- a line in the server's log for each queued execution that ends.
 */
#ifndef CN_STATS_LOG_H
#define CN_STATS_LOG_H

#include "postgres.h"

#include "utils/uuid.h"

#include "core/errors.h"

/* Texts may be NULL, and are left out then. */
typedef struct CnLogExecution
{
	const pg_uuid_t *execution;
	const pg_uuid_t *workspace;
	const char *connector;		/* its name */
	const char *trigger;		/* async, schedule, retry */
	const char *status;			/* success, failed, ... */
	CnCode		code;
	int			http_status;	/* 0: none */
	const char *failed_step;
	int			attempt;
	int			retries;		/* attempts of steps beyond the first */
	double		ms;
	const char *correlation_id;
} CnLogExecution;

/*
 * Write the line that connector.log_executions asks for.  Neither payloads nor messages of remotes
 * are in it.  Call it behind the commit of the execution's end.
 */
extern void cn_log_execution(const CnLogExecution *entry);

extern void cn_log_init(void);	/* from _PG_init */

#endif							/* CN_STATS_LOG_H */
