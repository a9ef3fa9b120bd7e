/*
 * settings.c -- the size of the table, and when breakers open.
 *
 * They decide over what all processes share, so no session has values of its own.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "limit/table.h"

/* Over which a breaker counts. */
#define BREAKER_WINDOW_US CN_LIMIT_MINUTE_US

/* Open times double up to this. */
#define MAX_OPEN_US (10 * CN_LIMIT_MINUTE_US)

/* Longer than an attempt can take (timeout_ms): nothing is heard of such a probe any more. */
#define PROBE_US (90 * INT64CONST(1000000))

static int	max_limit_entries;
static int	breaker_min_requests;
static int	breaker_failure_share;	/* percent */
static int	breaker_open_time;		/* ms */

CnBreakerPolicy
cn_limit_policy(void)
{
	CnBreakerPolicy policy = {
		.min_requests = breaker_min_requests,
		.failure_share = breaker_failure_share,
		.window_us = BREAKER_WINDOW_US,
		.open_us = breaker_open_time * INT64CONST(1000),
		.max_open_us = MAX_OPEN_US,
		.probe_us = PROBE_US,
	};

	return policy;
}

void
cn_limit_init(void)
{
	DefineCustomIntVariable("connector.max_limit_entries",
							"Most connectors, services and credentials whose limits and breakers are kept in shared memory at the same time.",
							NULL, &max_limit_entries,
							10000, 16, 1000000, PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.breaker_min_requests",
							"Fewest requests to a service within a minute before its circuit breaker may open.",
							"0 turns circuit breakers off.", &breaker_min_requests,
							10, 0, 1000000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.breaker_failure_share",
							"Percentage of failures among them that opens a service's circuit breaker.",
							NULL, &breaker_failure_share,
							50, 1, 100, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.breaker_open_time",
							"How long a circuit breaker stays open before a request may try again.",
							"It doubles each time that this fails, up to ten minutes.", &breaker_open_time,
							30000, 100, 3600000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	cn_limit_table_init(max_limit_entries);
}
