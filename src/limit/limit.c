/*
 * limit.c -- what lets a request go, and what it leaves behind.
 *
 * A request has up to three entries of the table: of its connector, of its service and of
 * its credential.  They are looked at and changed together under one lock, so a
 * request takes all that it needs or nothing.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"

#include "core/clock.h"
#include "core/shmem.h"
#include "core/uuid.h"
#include "limit/table.h"

/* When a place of a concurrency is free nobody knows; asking costs a microsecond. */
#define ASK_FOR_PLACE_US 20000

/* Likewise room in the table. */
#define ASK_FOR_ROOM_US 200000

/* However long a remote wants to be left alone: it may err, so it is asked again after that. */
#define MAX_HOLD_US INT64CONST(3600000000)

/* Tickets this process has taken, to be left when it exits. */
static dlist_head taken = DLIST_STATIC_INIT(taken);
static bool exit_is_watched = false;

static void
lock(LWLockMode mode)
{
	LWLockAcquire(cn_shmem_lock(CN_LOCK_LIMITS), mode);
}

static void
unlock(void)
{
	LWLockRelease(cn_shmem_lock(CN_LOCK_LIMITS));
}

bool
cn_limit_is_idle(const CnLimitEntry *entry, int64 now_us)
{
	CnBreakerPolicy policy = cn_limit_policy();

	return cn_places_taken(&entry->in_flight, now_us) == 0 && entry->held_until_us <= now_us &&
		cn_gcra_is_idle(&entry->minute, now_us) && cn_gcra_is_idle(&entry->hour, now_us) &&
		cn_breaker_is_idle(&entry->breaker, &policy, now_us);
}

/* ---- asking ---- */

/* A request and its entries; NULL: it has none, or none yet. */
typedef struct Question
{
	const CnLimitSubject *subject;
	int64		now_us;
	CnLimitEntry *connector;
	CnLimitEntry *service;
	CnLimitEntry *credential;
} Question;

/* What keeps it back longest. */
typedef struct Answer
{
	int64		wait_us;		/* 0: nothing does */
	CnLimitReason reason;
	int			limit;
	bool		hourly;
	bool		probing;
} Answer;

static bool
has_own_rate(const CnLimitSubject *subject)
{
	return subject->own.enabled && !cn_uuid_is_zero(&subject->connector) &&
		(subject->own.per_minute > 0 || subject->own.per_hour > 0);
}

static bool
has_service_limit(const CnLimitSubject *subject)
{
	const CnServiceLimits *limits = &subject->service_limits;

	return subject->service &&
		(limits->per_minute > 0 || limits->per_hour > 0 || limits->concurrency > 0);
}

/* Of the service's rates; of its connector's every request is one. */
static int
units_of(const CnLimitSubject *subject)
{
	return Max(1, subject->weight);
}

/* A limit that is not set lets any number go. */
static void
note(Answer *answer, int64 wait_us, CnLimitReason reason, int limit, bool hourly)
{
	if (wait_us <= answer->wait_us)
		return;
	answer->wait_us = wait_us;
	answer->reason = reason;
	answer->limit = limit;
	answer->hourly = hourly;
}

static void
ask_rates(const CnLimitEntry *entry, int per_minute, int per_hour, int units,
		  CnLimitReason reason, int64 now_us, Answer *answer)
{
	if (per_minute > 0)
		note(answer, cn_gcra_wait(&entry->minute, per_minute, CN_LIMIT_MINUTE_US, units, now_us),
			 reason, per_minute, false);
	if (per_hour > 0)
		note(answer, cn_gcra_wait(&entry->hour, per_hour, CN_LIMIT_HOUR_US, units, now_us), reason,
			 per_hour, true);
}

/* An open breaker goes before all else: what it keeps back may not wait for anything. */
static bool
ask_breaker(const Question *question, Answer *answer)
{
	CnBreakerPolicy policy = cn_limit_policy();
	int64		wait_us;

	if (question->service == NULL ||
		cn_breaker_ask(&question->service->breaker, &policy, question->now_us,
					   &wait_us) != CN_BREAKER_REFUSE)
		return false;
	note(answer, wait_us, CN_LIMIT_BY_BREAKER, 0, false);
	answer->probing = question->service->breaker.state == CN_BREAKER_HALF_OPEN;
	return true;
}

static void
ask_holds(const Question *question, Answer *answer)
{
	if (question->service)
		note(answer, question->service->held_until_us - question->now_us, CN_LIMIT_BY_HOLD, 0,
			 false);
	if (question->credential)
		note(answer, question->credential->held_until_us - question->now_us, CN_LIMIT_BY_HOLD, 0,
			 false);
}

static Answer
ask(const Question *question)
{
	const CnLimitSubject *subject = question->subject;
	const CnServiceLimits *limits = &subject->service_limits;
	Answer		answer = {0};

	if (ask_breaker(question, &answer))
		return answer;
	if (question->service && limits->concurrency > 0 &&
		cn_places_taken(&question->service->in_flight, question->now_us) >= limits->concurrency)
		note(&answer, ASK_FOR_PLACE_US, CN_LIMIT_BY_CONCURRENCY, limits->concurrency, false);
	if (question->connector)
		ask_rates(question->connector, subject->own.per_minute, subject->own.per_hour, 1,
				  CN_LIMIT_BY_CONNECTOR_RATE, question->now_us, &answer);
	if (question->service)
		ask_rates(question->service, limits->per_minute, limits->per_hour, units_of(subject),
				  CN_LIMIT_BY_SERVICE_RATE, question->now_us, &answer);
	ask_holds(question, &answer);
	return answer;
}

static int
rates_room(const CnLimitEntry *entry, int per_minute, int per_hour, int units, int64 now_us)
{
	int			room = PG_INT32_MAX;

	if (per_minute > 0)
		room = cn_gcra_room(&entry->minute, per_minute, CN_LIMIT_MINUTE_US, units, now_us);
	if (per_hour > 0)
		room = Min(room, cn_gcra_room(&entry->hour, per_hour, CN_LIMIT_HOUR_US, units, now_us));
	return room;
}

static void
find_entries(Question *question)
{
	const CnLimitSubject *subject = question->subject;
	CnLimitKey	key;

	if (!cn_uuid_is_zero(&subject->credential))
	{
		key = cn_limit_key(CN_LIMIT_OF_CREDENTIAL, &subject->workspace, &subject->credential);
		question->credential = cn_limit_find(&key);
	}
	if (has_own_rate(subject))
	{
		key = cn_limit_key(CN_LIMIT_OF_CONNECTOR, &subject->workspace, &subject->connector);
		question->connector = cn_limit_find(&key);
	}
	if (subject->service)
	{
		key = cn_limit_service_key(&subject->workspace, subject->service);
		question->service = cn_limit_find(&key);
	}
}

/*
 * Make what is missing; false if a limit has no room.  Without a limit a service goes without its
 * entry, that is, without a breaker: that is a kindness, and no promise.
 */
static bool
make_entries(Question *question)
{
	const CnLimitSubject *subject = question->subject;
	CnLimitKey	key;

	if (has_own_rate(subject))
	{
		key = cn_limit_key(CN_LIMIT_OF_CONNECTOR, &subject->workspace, &subject->connector);
		question->connector = cn_limit_make(&key, "", question->now_us);
		if (question->connector == NULL)
			return false;
		question->connector->limits.per_minute = subject->own.per_minute;
		question->connector->limits.per_hour = subject->own.per_hour;
	}
	if (subject->service)
	{
		key = cn_limit_service_key(&subject->workspace, subject->service);
		question->service = cn_limit_make(&key, subject->service, question->now_us);
		if (question->service)
			question->service->limits = subject->service_limits;
	}
	if (!cn_uuid_is_zero(&subject->credential))
	{
		key = cn_limit_key(CN_LIMIT_OF_CREDENTIAL, &subject->workspace, &subject->credential);
		question->credential = cn_limit_find(&key);
	}
	return question->service != NULL || !has_service_limit(subject);
}

/* ---- entering ---- */

static void
take_rates(CnLimitEntry *entry, int per_minute, int per_hour, int units, int64 now_us)
{
	if (per_minute > 0)
		cn_gcra_take(&entry->minute, per_minute, CN_LIMIT_MINUTE_US, units, now_us);
	if (per_hour > 0)
		cn_gcra_take(&entry->hour, per_hour, CN_LIMIT_HOUR_US, units, now_us);
}

static void
take(const Question *question, CnLimitTicket *ticket)
{
	const CnLimitSubject *subject = question->subject;
	const CnServiceLimits *limits = &subject->service_limits;
	CnLimitEntry *service = question->service;
	CnBreakerPolicy policy = cn_limit_policy();

	ticket->taken = true;
	ticket->service = service ? cn_limit_number(service) : -1;
	ticket->probe = 0;
	ticket->workspace = subject->workspace;
	ticket->credential = subject->credential;
	if (question->connector)
		take_rates(question->connector, subject->own.per_minute, subject->own.per_hour, 1,
				   question->now_us);
	if (service == NULL)
		return;
	take_rates(service, limits->per_minute, limits->per_hour, units_of(subject), question->now_us);
	ticket->place = cn_places_take(&service->in_flight, question->now_us);
	ticket->probe = cn_breaker_begin(&service->breaker, &policy, question->now_us);
}

/* Contexts of a process that exits are not reset. */
static void
leave_all(int code, Datum arg)
{
	while (!dlist_is_empty(&taken))
		cn_limit_leave(dlist_head_element(CnLimitTicket, node, &taken), NULL);
}

static void
watch_exit(void)
{
	if (exit_is_watched)
		return;
	before_shmem_exit(leave_all, (Datum) 0);
	exit_is_watched = true;
}

static void
warn_of_full_table(void)
{
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("the table of rate limits is full, so requests wait"),
			 errhint("Raise connector.max_limit_entries; the view connector_rate_limit_status shows what fills it.")));
}

CnLimitVerdict
cn_limit_enter(const CnLimitSubject *subject, CnLimitTicket *ticket, int64 *wait_us,
			   CnFailure *failure)
{
	Question	question = {.subject = subject};
	Answer		answer = {.wait_us = ASK_FOR_ROOM_US,.reason = CN_LIMIT_BY_ROOM};
	bool		warn = false;

	Assert(!ticket->taken);
	watch_exit();
	lock(LW_EXCLUSIVE);
	question.now_us = cn_monotonic_us();
	if (make_entries(&question))
		answer = ask(&question);
	else
		warn = cn_limit_may_warn(question.now_us);
	if (answer.wait_us == 0)
	{
		take(&question, ticket);
		dlist_push_tail(&taken, &ticket->node);
	}
	unlock();

	*wait_us = answer.wait_us;
	ticket->reason = answer.reason;
	ticket->limit = answer.limit;
	ticket->hourly = answer.hourly;
	ticket->probing = answer.probing;
	if (warn)
		warn_of_full_table();
	if (answer.wait_us == 0)
		return CN_LIMIT_GO;
	if (answer.reason != CN_LIMIT_BY_BREAKER && (subject->own.wait || !subject->own.enabled))
		return CN_LIMIT_WAIT;
	cn_limit_explain(subject, ticket, *wait_us, failure);
	return CN_LIMIT_REFUSE;
}

int
cn_limit_room(const CnLimitSubject *subject, int wanted, int64 *wait_us)
{
	static const CnLimitEntry unused;
	Question	question = {.subject = subject};
	const CnServiceLimits *limits = &subject->service_limits;
	CnBreakerPolicy policy = cn_limit_policy();
	int			room = wanted;
	int64		ignored;

	lock(LW_SHARED);
	question.now_us = cn_monotonic_us();
	find_entries(&question);
	*wait_us = ask(&question).wait_us;
	if (*wait_us > 0)
		room = 0;
	else if (question.service && cn_breaker_ask(&question.service->breaker, &policy, question.now_us,
												&ignored) == CN_BREAKER_PROBE)
		room = Min(room, 1);
	if (has_own_rate(subject))
		room = Min(room, rates_room(question.connector ? question.connector : &unused,
									subject->own.per_minute, subject->own.per_hour, 1,
									question.now_us));
	if (has_service_limit(subject))
	{
		const CnLimitEntry *service = question.service ? question.service : &unused;

		room = Min(room, rates_room(service, limits->per_minute, limits->per_hour,
									units_of(subject), question.now_us));
		if (limits->concurrency > 0)
			room = Min(room, limits->concurrency -
					   cn_places_taken(&service->in_flight, question.now_us));
	}
	unlock();
	return Max(0, room);
}

/* ---- leaving ---- */

/*
 * What a reply says of its service.
 *
 * A remote that answers is well, whatever it thinks of the request; so 4xx is a success,
 * 408 and 425 too, and so is an answer that this definition cannot read.  Whether a 2xx
 * is a failure of the service is for error rules to say.  Ours are cancels,
 * refusals and what was never sent.
 */
static CnBreakerResult
result_of(const CnLimitReport *report)
{
	if (report == NULL)
		return CN_BREAKER_NOTHING;
	if (report->http_status >= 400 && report->http_status <= 499)
		return CN_BREAKER_SUCCESS;
	switch (report->code)
	{
		case CN_NETWORK_ERROR:
		case CN_TIMEOUT:
		case CN_TLS_ERROR:
		case CN_SERVER_ERROR:
			return CN_BREAKER_FAILURE;
		case CN_BAD_RESPONSE:	/* not even HTTP, or not to its end */
			return report->http_status == 0 ? CN_BREAKER_FAILURE : CN_BREAKER_SUCCESS;
		case CN_RESPONSE_TOO_LARGE:
			return CN_BREAKER_SUCCESS;
		default:
			return report->http_status == 0 ? CN_BREAKER_NOTHING : CN_BREAKER_SUCCESS;
	}
}

/* The remote wants to be left alone by this credential, or by the workspace if there is none. */
static void
hold_back(const CnLimitTicket *ticket, CnLimitEntry *service, int64 hold_ms, int64 now_us)
{
	CnLimitEntry *entry = service;
	int64		until_us = now_us + Min(hold_ms, MAX_HOLD_US / 1000) * 1000;

	if (!cn_uuid_is_zero(&ticket->credential))
	{
		CnLimitKey	key = cn_limit_key(CN_LIMIT_OF_CREDENTIAL, &ticket->workspace,
									   &ticket->credential);
		char		name[CN_LIMIT_NAME_LEN] = "";

		if (service)
			strlcpy(name, service->name, sizeof(name));
		entry = cn_limit_make(&key, name, now_us);
	}
	if (entry)
		entry->held_until_us = Max(entry->held_until_us, until_us);
}

static int64
hold_of(const CnLimitReport *report)
{
	int64		asked_ms = report->code == CN_RATE_LIMITED && report->http_status != 0
		? report->retry_after_ms : 0;

	return Max(asked_ms, report->hold_ms);
}

void
cn_limit_leave(CnLimitTicket *ticket, const CnLimitReport *report)
{
	CnLimitEntry *service = NULL;
	CnBreakerPolicy policy = cn_limit_policy();
	int64		now_us;

	if (!ticket->taken)
		return;
	ticket->taken = false;
	dlist_delete(&ticket->node);
	lock(LW_EXCLUSIVE);
	now_us = cn_monotonic_us();
	if (ticket->service >= 0)
		service = cn_limit_entry(ticket->service);
	/* once its place has lapsed, the entry may be another's */
	if (service && !cn_places_leave(&service->in_flight, ticket->place, now_us))
		service = NULL;
	if (service)
	{
		service->asked_us = now_us;
		cn_breaker_end(&service->breaker, &policy, ticket->probe, result_of(report), now_us);
	}
	if (report && hold_of(report) > 0)
		hold_back(ticket, service, hold_of(report), now_us);
	unlock();
}

/* leave_guarded -- memory context callback. */
static void
leave_guarded(void *arg)
{
	CnLimitTicket *ticket = arg;

	ticket->guard = NULL;
	cn_limit_leave(ticket, NULL);
}

void
cn_limit_guard(CnLimitTicket *ticket, MemoryContext context)
{
	if (ticket->guard == context)
		return;
	Assert(ticket->guard == NULL);
	ticket->guard = context;
	ticket->callback.func = leave_guarded;
	ticket->callback.arg = ticket;
	MemoryContextRegisterResetCallback(context, &ticket->callback);
}
