/*
 * settings.c -- how long what the queue leaves behind is kept.
 *
 * Both are read by connector_maintain(), whoever calls it, so they are not a session's choice.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "queue/settings.h"

int			cn_queue_idempotency_retention;
int			cn_queue_dead_letter_retention;

void
cn_queue_init(void)
{
	DefineCustomIntVariable("connector.idempotency_retention",
							"How long an idempotency key leads to the execution it was first given for.",
							NULL, &cn_queue_idempotency_retention,
							24 * 60, 1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.dead_letter_retention",
							"How long dead letters are kept.",
							"0 keeps them for ever.", &cn_queue_dead_letter_retention,
							30 * 24 * 60, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
}
