/*
 * cron.h -- our jobs in pg_cron, in whatever database of this cluster it lives.
 *
 * pg_cron lives in one database (cron.database_name).  If it is the session's own, calls are made
 * in the caller's transaction, as the extension's owner; if it is another one, a
 * background worker makes them there in a transaction of its own (errand.h).  Who calls this
 * has checked the rights of whoever asks.
 *
 * Our jobs are named "connector <database> <what>" and have a mark in their command;
 * jobs of others are neither listed nor removed.
 */
#ifndef CN_WORKER_CRON_H
#define CN_WORKER_CRON_H

#include "postgres.h"

#define CN_CRON_MAX_ARGS 6

/* What can be done, with its arguments, all of them text. */
typedef enum CnCronAction
{
	/* name, schedule, command, database, username, active: add or change a job */
	CN_CRON_PUT,
	/* name, database, username: remove a job, if it is there */
	CN_CRON_REMOVE,
	/* database: list jobs of it, and of databases that do not exist, as JSON */
	CN_CRON_LIST,
	/* database: forget runs of its jobs that are over for a week; their number */
	CN_CRON_TRIM
} CnCronAction;

typedef struct CnCronCall
{
	CnCronAction action;
	const char *args[CN_CRON_MAX_ARGS]; /* NULL: null */

	/* the outcome, in the context that was current */
	char	   *value;
	ErrorData  *error;			/* NULL: it is done.  Else nothing of it is. */
} CnCronCall;

extern int	cn_cron_max_schedules;	/* connector.max_schedules, for each workspace */

extern void cn_cron_init(void); /* settings; from _PG_init */

/* Where pg_cron lives; NULL if this server has not loaded it. */
extern const char *cn_cron_database(void);

/*
 * Make the calls, one after the other; one that fails disturbs no other.  Raises 55000 if
 * there is no pg_cron, or one that is too old, and what cn_errand_run raises.
 */
extern void cn_cron_run(CnCronCall *calls, int count);

/* The same, but what it would raise is returned, and NULL if it raised nothing. */
extern ErrorData *cn_cron_try(CnCronCall *calls, int count);

/* Raise the error of a call, if it has one. */
extern void cn_cron_check(const CnCronCall *call);

/* "connector app tick", cut and made unique where it is longer than names may be. */
extern char *cn_cron_job_name(const char *what);

/*
 * The command of a job: call function, a name of ours with its types, "connector_tick()", with
 * arguments, SQL text, "()", and do nothing where the extension has gone.
 */
extern char *cn_cron_command(const char *function, const char *call);

/* For the background worker: make the calls of a request and describe their outcomes. */
extern char *cn_cron_answer(const char *request);

#endif							/* CN_WORKER_CRON_H */
