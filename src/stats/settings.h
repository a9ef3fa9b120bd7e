/*
 * settings.h -- from what on connector_alerts speaks up.
 */
#ifndef CN_STATS_SETTINGS_H
#define CN_STATS_SETTINGS_H

#include "postgres.h"

extern double cn_alert_failure_rate;	/* percent */
extern int	cn_alert_backlog;		/* executions of a workspace; -1: never */
extern int	cn_alert_queue_age;		/* ms; 0: never */
extern int	cn_alert_stale_run;		/* ms; 0: never */
extern int	cn_alert_overdue_poll;	/* s; 0: never */

extern void cn_alerts_init(void);	/* from _PG_init */

#endif							/* CN_STATS_SETTINGS_H */
