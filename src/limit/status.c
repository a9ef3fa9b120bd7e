/*
 * status.c -- limits for people: why a request was kept back, what the views show.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "core/clock.h"
#include "core/shmem.h"
#include "core/uuid.h"
#include "limit/table.h"

/* ---- why ---- */

/* " (retry after 3 s)": whoever tries again, without us, has to know. */
static char *
retry_after(int64 wait_us)
{
	return psprintf(" (retry after " INT64_FORMAT " s)", (wait_us + 999999) / 1000000);
}

static void
explain_rate(const CnLimitSubject *subject, const CnLimitTicket *ticket, int64 wait_us,
			 CnFailure *failure)
{
	const char *each = ticket->hourly ? "hour" : "minute";
	const char *s = ticket->limit == 1 ? "" : "s";

	if (ticket->reason == CN_LIMIT_BY_CONNECTOR_RATE)
	{
		cn_fail(failure, CN_RATE_LIMITED, "the connector's limit of %d request%s per %s is used up%s",
				ticket->limit, s, each, retry_after(wait_us));
		failure->hint = "Call it less often, or raise rateLimiting in its definition.";
		return;
	}
	cn_fail(failure, CN_RATE_LIMITED, "the limit of %d request%s per %s for service \"%s\" is used up%s",
			ticket->limit, s, each, subject->service, retry_after(wait_us));
	failure->hint = "Call the service less often, or have an administrator of the workspace raise its row in api_rate_limits.";
}

static void
explain_breaker(const CnLimitSubject *subject, const CnLimitTicket *ticket, int64 wait_us,
				CnFailure *failure)
{
	if (ticket->probing)
	{
		cn_fail(failure, CN_CIRCUIT_OPEN, "the circuit breaker of service \"%s\" is half-open, and its probe is under way",
				subject->service);
		failure->hint = "The service failed repeatedly, and one request finds out whether it is well again.";
		return;
	}
	cn_fail(failure, CN_CIRCUIT_OPEN, "the circuit breaker of service \"%s\" is open%s",
			subject->service, retry_after(wait_us));
	failure->hint = psprintf("The service failed repeatedly and is given a rest; it is probed again in " INT64_FORMAT " s.",
							 (wait_us + 999999) / 1000000);
}

void
cn_limit_explain(const CnLimitSubject *subject, const CnLimitTicket *ticket, int64 wait_us,
				 CnFailure *failure)
{
	switch (ticket->reason)
	{
		case CN_LIMIT_BY_NOTHING:
			break;
		case CN_LIMIT_BY_CONNECTOR_RATE:
		case CN_LIMIT_BY_SERVICE_RATE:
			explain_rate(subject, ticket, wait_us, failure);
			break;
		case CN_LIMIT_BY_CONCURRENCY:
			cn_fail(failure, CN_RATE_LIMITED, "service \"%s\" has as many requests under way as its limit allows: %d",
					subject->service, ticket->limit);
			failure->hint = "Call the service less often, or have an administrator of the workspace raise its row in api_rate_limits.";
			break;
		case CN_LIMIT_BY_HOLD:
			cn_fail(failure, CN_RATE_LIMITED, "the remote has asked for no more requests for now%s",
					retry_after(wait_us));
			failure->hint = "The remote service limits how many requests it takes, and an earlier one has used them up.";
			break;
		case CN_LIMIT_BY_BREAKER:
			explain_breaker(subject, ticket, wait_us, failure);
			break;
		case CN_LIMIT_BY_ROOM:
			cn_fail(failure, CN_RATE_LIMITED, "the table of rate limits is full");
			failure->hint = "A superuser can raise connector.max_limit_entries.";
			break;
	}
}

/* ---- what the views show ---- */

static void
fill_rate(const CnGcra *rate, int limit, int64 window_us, int64 now_us, int *room,
		  int64 *wait_us)
{
	if (limit == 0)
		return;
	*room = cn_gcra_room(rate, limit, window_us, 1, now_us);
	*wait_us = Max(*wait_us, cn_gcra_wait(rate, limit, window_us, 1, now_us));
}

static void
fill_breaker(const CnBreaker *breaker, const CnBreakerPolicy *policy, int64 now_us,
			 CnLimitStatus *status)
{
	status->breaker = cn_breaker_state(breaker, now_us);
	cn_breaker_counts(breaker, policy, now_us, &status->requests, &status->failures);
	status->trips = breaker->trips;
	status->opened_us = status->probe_us = -1;
	if (status->breaker == CN_BREAKER_CLOSED)
		return;
	status->opened_us = now_us - breaker->opened_us;
	status->probe_us = Max(0, breaker->until_us - now_us);
}

static void
fill_status(const CnLimitEntry *entry, const CnBreakerPolicy *policy, int64 now_us,
			CnLimitStatus *status)
{
	memset(status, 0, sizeof(*status));
	status->kind = entry->key.kind;
	status->workspace = entry->key.workspace;
	status->id = entry->key.id;
	strlcpy(status->name, entry->name, sizeof(status->name));
	status->limits = entry->limits;
	fill_rate(&entry->minute, entry->limits.per_minute, CN_LIMIT_MINUTE_US, now_us,
			  &status->minute_room, &status->wait_us);
	fill_rate(&entry->hour, entry->limits.per_hour, CN_LIMIT_HOUR_US, now_us,
			  &status->hour_room, &status->wait_us);
	status->in_flight = cn_places_taken(&entry->in_flight, now_us);
	status->hold_us = Max(0, entry->held_until_us - now_us);
	status->wait_us = Max(status->wait_us, status->hold_us);
	fill_breaker(&entry->breaker, policy, now_us, status);
}

int
cn_limit_status(CnLimitStatus **list)
{
	CnBreakerPolicy policy = cn_limit_policy();
	LWLock	   *lock = cn_shmem_lock(CN_LOCK_LIMITS);
	CnLimitEntry *entry = NULL;
	CnLimitEntry *copy;
	int			count = 0;
	int			most;
	int64		now_us;

	/* room for what there is, and for what may come until the lock is taken; the rest is not shown */
	LWLockAcquire(lock, LW_SHARED);
	most = cn_limit_used() + 64;
	LWLockRelease(lock);
	copy = palloc_extended(sizeof(CnLimitEntry) * (Size) most, MCXT_ALLOC_HUGE);

	LWLockAcquire(lock, LW_SHARED);
	now_us = cn_monotonic_us();
	for (int i = -1; count < most && (entry = cn_limit_next(i)) != NULL;)
	{
		i = cn_limit_number(entry);
		if (entry->key.database == MyDatabaseId)
			copy[count++] = *entry;
	}
	LWLockRelease(lock);

	*list = palloc_extended(sizeof(CnLimitStatus) * (Size) (count + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
		fill_status(&copy[i], &policy, now_us, &(*list)[i]);
	pfree(copy);
	return count;
}

/* Is it the service's, or one of a credential for it?  That has its name only as far as names are kept. */
static bool
is_of_service(const CnLimitEntry *entry, const CnLimitKey *service, const char *name)
{
	if (entry->key.database != service->database ||
		!cn_uuid_equal(&entry->key.workspace, &service->workspace))
		return false;
	if (entry->key.kind == CN_LIMIT_OF_SERVICE)
		return cn_uuid_equal(&entry->key.id, &service->id);
	return entry->key.kind == CN_LIMIT_OF_CREDENTIAL &&
		strncmp(entry->name, name, CN_LIMIT_NAME_LEN - 1) == 0;
}

bool
cn_limit_reset(const pg_uuid_t *workspace, const char *service)
{
	CnLimitKey	key = cn_limit_service_key(workspace, service);
	CnBreakerPolicy policy = cn_limit_policy();
	LWLock	   *lock = cn_shmem_lock(CN_LOCK_LIMITS);
	CnLimitEntry *entry;
	bool		found = false;
	int64		now_us;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	now_us = cn_monotonic_us();
	for (int i = -1; (entry = cn_limit_next(i)) != NULL;)
	{
		i = cn_limit_number(entry);
		if (!is_of_service(entry, &key, service))
			continue;
		if (entry->held_until_us > now_us ||
			!cn_breaker_is_idle(&entry->breaker, &policy, now_us))
			found = true;
		entry->held_until_us = 0;
		cn_breaker_reset(&entry->breaker);
	}
	LWLockRelease(lock);
	return found;
}
