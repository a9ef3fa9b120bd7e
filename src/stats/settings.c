/*
 * settings.c -- from what on connector_alerts speaks up.
 *
 * Any session may have thresholds of its own: they change what its view shows, and nothing else.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "stats/settings.h"

double		cn_alert_failure_rate;
int			cn_alert_backlog;
int			cn_alert_queue_age;
int			cn_alert_stale_run;
int			cn_alert_overdue_poll;

void
cn_alerts_init(void)
{
	DefineCustomRealVariable("connector.alert_failure_rate",
							 "Percentage of failed executions above which connector_alerts says so.",
							 "Of a connector, within the last hour. 100 turns it off.",
							 &cn_alert_failure_rate,
							 10, 0, 100, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.alert_backlog",
							"Executions of a workspace that may wait before connector_alerts says so.",
							"-1 turns it off.", &cn_alert_backlog,
							100, -1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.alert_queue_age",
							"How long an execution may be ready before connector_alerts says so.",
							"0 turns it off.", &cn_alert_queue_age,
							60000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.alert_stale_run",
							"How long an execution may run before connector_alerts says so.",
							"0 turns it off.", &cn_alert_stale_run,
							300000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.alert_overdue_poll",
							"How long a trigger may be due before connector_alerts says so.",
							"0 turns it off.", &cn_alert_overdue_poll,
							600, 0, INT_MAX, PGC_USERSET, GUC_UNIT_S, NULL, NULL, NULL);
}
