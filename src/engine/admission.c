/*
 * admission.c -- may an attempt be made now?
 *
 * Every attempt, the first and each further one, asks the limits of its connector, service and
 * credential, and the breaker of its service, and takes what it needs of them.  What it
 * has taken is given back when it is over, or when the execution's context goes.
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/uuid.h"
#include "engine/internal.h"
#include "http/retry_after.h"

/* Waits for a place double up to this. */
#define MAX_WAIT_FOR_PLACE_MS 250

/* Whoever turns the mux notices within this that an attempt has run out of time. */
#define LATE_MS 1000

static void
fill_subject(const CnStep *step, CnLimitSubject *subject)
{
	const CnExecInput *given = &step->execution->given;

	memset(subject, 0, sizeof(*subject));
	subject->workspace = given->workspace;
	subject->connector = given->connector;
	subject->own = given->definition->rate_limiting;
	subject->service = step->service;
	subject->service_limits = cn_service_limit_of(given->limits, step->service);
	subject->weight = step->def->weight;
	if (step->secrets.credential)
		subject->credential = step->secrets.credential->id;
}

/* When a place is free nobody can say; those who wait long ask less often. */
static int64
wait_for_place(CnStep *step, int64 delay_ms)
{
	for (int i = 0; i < step->refusals && delay_ms < MAX_WAIT_FOR_PLACE_MS; i++)
		delay_ms *= 2;
	step->refusals++;
	return Min(delay_ms, MAX_WAIT_FOR_PLACE_MS);
}

/* The failure of a request that was not sent; of one that was sent before, its own stands. */
static void
keep_cause(CnStep *step, const CnFailure *why)
{
	CnFailure  *failure = &step->record.failure;

	if (failure->code == CN_OK)
		*failure = *why;
	else
		failure->message = psprintf("%s; not repeated: %s", failure->message, why->message);
}

CnAdmission
cn_step_admit(CnStep *step, int64 *delay_ms)
{
	CnExecution *execution = step->execution;
	CnLimitSubject subject;
	CnFailure	why = {CN_OK};
	CnLimitVerdict verdict;
	int64		wait_us;

	fill_subject(step, &subject);
	cn_limit_guard(&step->ticket, execution->context);
	verdict = cn_limit_enter(&subject, &step->ticket, &wait_us, &why);
	*delay_ms = (wait_us + 999) / 1000;
	if (verdict == CN_LIMIT_GO)
	{
		step->refusals = 0;
		return CN_ADMIT_NOW;
	}
	if (verdict == CN_LIMIT_WAIT)
	{
		if (step->ticket.reason == CN_LIMIT_BY_CONCURRENCY)
			*delay_ms = wait_for_place(step, *delay_ms);
		/* until the deadline nothing would change: whoever asked learns it now */
		if (*delay_ms < cn_exec_remaining_ms(execution))
			return CN_ADMIT_WAIT;
		cn_limit_explain(&subject, &step->ticket, wait_us, &why);
	}
	keep_cause(step, &why);
	if (verdict == CN_LIMIT_WAIT || step->ticket.reason == CN_LIMIT_BY_BREAKER)
		return CN_ADMIT_LATER;
	return CN_ADMIT_NEVER;
}

/* How long the remote will take no more, by what its reply says is left of its budget. */
static int64
budget_hold(const CnStep *step)
{
	const CnBudget *budget = &step->def->budget;
	int64		now = cn_now() / 1000 + CN_UNIX_EPOCH_MS;

	if (budget->remaining == NULL || budget->reset == NULL)
		return 0;
	return cn_http_budget_after(cn_http_reply_header(step->transfer, budget->remaining, 0),
								cn_http_reply_header(step->transfer, budget->reset, 0),
								step->def->weight, now);
}

/*
 * Was the attempt left alone for longer than it may take?  So it is by a session that is idle with
 * a cursor open.  What the remote did meanwhile nobody knows.
 */
static bool
was_left_alone(const CnStep *step)
{
	return cn_monotonic_us() - step->sent_us > (step->request.timeout_ms + LATE_MS) * INT64CONST(1000);
}

void
cn_step_leave(CnStep *step, int64 asked_ms)
{
	const CnHttpReply *reply = cn_http_reply(step->transfer);
	CnLimitReport report = {
		.code = step->record.failure.code,
		.http_status = reply->failure.code == CN_OK ? reply->status : 0,
		.retry_after_ms = asked_ms,
		.hold_ms = budget_hold(step),
	};

	if (step->action == CN_ACTION_RATE_LIMITED)
		report.code = CN_RATE_LIMITED;
	/* the remote was not given its time: that says nothing of it */
	if (step->out_of_time || (reply->failure.code != CN_OK && was_left_alone(step)))
		report.code = CN_CANCELLED;
	cn_limit_leave(&step->ticket, &report);
}
