/*
 * step.c -- a step of an execution, as a state machine.
 *
 * A request is rendered once; every attempt sends the same bytes, but for what a
 * credential signs each time.  When an attempt has failed retry.c decides, and the step waits on a timer of the mux;
 * nothing here waits itself.  A group has no state machine of its own: it is
 * over when its steps are, which run side by side on the mux.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "core/jsonb.h"
#include "engine/internal.h"
#include "engine/settings.h"
#include "http/retry.h"
#include "http/retry_after.h"

static void send_attempt(CnStep *step);

static char deadline_hint[] =
	"The whole execution is limited by deadline_ms and connector.max_execution_time.";

/* No wait beyond the deadline is longer: twice what a remote may ask for. */
#define MAX_PARK_MS (2 * CN_RETRY_AFTER_MAX_MS)

/* ---- states ---- */

static bool
may_follow(CnStepState from, CnStepState to)
{
	switch (from)
	{
		case CN_STEP_PENDING:
			return to != CN_STEP_PENDING;
		case CN_STEP_SENDING:
			return to == CN_STEP_WAITING || to == CN_STEP_PARKED || to == CN_STEP_OVER;
		case CN_STEP_WAITING:
			return to == CN_STEP_SENDING || to == CN_STEP_PARKED || to == CN_STEP_OVER;
		case CN_STEP_PARKED:
			return to == CN_STEP_OVER;
		case CN_STEP_OVER:
			break;
	}
	return false;
}

static void
set_state(CnStep *step, CnStepState state)
{
	if (!may_follow(step->state, state))
		elog(ERROR, "step \"%s\" cannot go from state %d to %d", step->def->id, step->state, state);
	step->state = state;
}

void
cn_step_init(CnExecution *execution, CnStep *step, const CnStepDef *def)
{
	step->execution = execution;
	step->def = def;
	step->record.def = def;
	cn_scope_of_step(step, &step->scope);
}

void
cn_step_restore(CnStep *step)
{
	step->restored = true;
	set_state(step, CN_STEP_OVER);
}

static double
ms_between(int64 from_us, int64 to_us)
{
	return (to_us - from_us) / 1000.0;
}

static void
end_step(CnStep *step, CnStepStatus status)
{
	CnStepRecord *record = &step->record;

	record->status = status;
	if (status != CN_STEP_SUCCESS)
		record->output = NULL;
	if (step->started_us)
		record->duration_ms = ms_between(step->started_us, cn_monotonic_us());
	set_state(step, CN_STEP_OVER);
}

/* ---- groups ---- */

static CnStep *
member_of(const CnStep *group, int i)
{
	return &group->execution->steps[group->def->steps[i]->index];
}

bool
cn_step_is_over(const CnStep *step)
{
	if (step->state == CN_STEP_OVER)
		return true;
	for (int i = 0; i < step->def->step_count; i++)
		if (member_of(step, i)->state != CN_STEP_OVER)
			return false;
	return step->def->is_group;
}

const CnStep *
cn_step_parked(const CnStep *step)
{
	const CnStep *longest = NULL;

	if (!step->def->is_group)
		return step->state == CN_STEP_PARKED ? step : NULL;
	for (int i = 0; i < step->def->step_count; i++)
	{
		const CnStep *member = member_of(step, i);

		if (member->state != CN_STEP_OVER && member->state != CN_STEP_PARKED)
			return NULL;
		if (member->state == CN_STEP_PARKED &&
			(longest == NULL || member->park_until > longest->park_until))
			longest = member;
	}
	return longest;
}

bool
cn_step_def_is_single_shot(const CnStepDef *def)
{
	if (!def->is_group)
		return !cn_method_is_repeatable(def->method) && !def->idempotent &&
			def->idempotency_header == NULL;
	for (int i = 0; i < def->step_count; i++)
		if (cn_step_def_is_single_shot(def->steps[i]))
			return true;
	return false;
}

bool
cn_step_is_single_shot(const CnStep *step)
{
	if (!step->def->is_group)
		return step->state != CN_STEP_OVER && cn_step_def_is_single_shot(step->def);
	for (int i = 0; i < step->def->step_count; i++)
		if (cn_step_is_single_shot(member_of(step, i)))
			return true;
	return false;
}

static bool
goes_on(const CnStep *step)
{
	int			own = step->def->continue_on_error;

	return own >= 0 ? own : step->execution->given.continue_on_error;
}

const CnStepRecord *
cn_step_fatal(const CnStep *step)
{
	if (step->def->is_group)
	{
		for (int i = 0; i < step->def->step_count; i++)
		{
			const CnStep *member = member_of(step, i);
			const CnStepRecord *fatal = cn_step_fatal(member);

			if (fatal && !member->given_up)
				return fatal;
		}
	}
	if (step->state == CN_STEP_OVER && step->record.status == CN_STEP_FAILED &&
		(step->out_of_time || !goes_on(step)))
		return &step->record;
	return NULL;
}

void
cn_step_close(CnStep *step)
{
	const CnStepRecord *fatal;

	if (step->state == CN_STEP_OVER)
		return;
	Assert(step->def->is_group && cn_step_is_over(step));
	fatal = cn_step_fatal(step);
	if (fatal)
		step->record.failure = fatal->failure;
	end_step(step, fatal ? CN_STEP_FAILED : CN_STEP_SUCCESS);
	/* nothing else asks for it as jsonb; the history has that of the steps */
	if (!fatal && step->execution->given.keep == CN_KEEP_ALL)
		step->record.output = cn_jsonb_from_json(cn_step_output(step));
}

static void
skip(CnStep *step)
{
	for (int i = 0; i < step->def->step_count; i++)
		if (member_of(step, i)->state != CN_STEP_OVER)
			end_step(member_of(step, i), CN_STEP_SKIPPED);
	end_step(step, CN_STEP_SKIPPED);
}

/* ---- after an attempt ---- */

/* Is another attempt pointless, since a step beside this one has ended the execution? */
static bool
is_doomed(const CnStep *step)
{
	const CnStepDef *group = step->def->group;

	return group && cn_step_fatal(&step->execution->steps[group->index]) != NULL;
}

static void
not_sent(CnStep *step)
{
	cn_fail(&step->record.failure, CN_CANCELLED,
			"the request was not sent, since another step of the group had failed");
}

/* Who has a provider's credential that was refused learns how to get another. */
static void
explain_refusal(CnStep *step)
{
	CnFailure  *failure = &step->record.failure;
	const CnDefinition *def = step->execution->given.definition;
	int			used = step->def->credential;
	const char *hint = used >= 0 ? def->credentials[used].hint : NULL;

	if (failure->code == CN_AUTH_FAILED && failure->hint == NULL && hint)
		failure->hint = psprintf("The credential may have expired or been revoked. %s", hint);
}

/* The step has failed for good; if that ends the execution, what waits beside it waits in vain. */
static void
fail_step(CnStep *step)
{
	const CnStepDef *group = step->def->group;

	explain_refusal(step);
	end_step(step, CN_STEP_FAILED);
	if (!is_doomed(step))
		return;
	for (int i = 0; i < group->step_count; i++)
	{
		CnStep	   *beside = member_of(&step->execution->steps[group->index], i);

		if (beside->state != CN_STEP_WAITING && beside->state != CN_STEP_PARKED)
			continue;
		if (beside->timer)
			cn_http_timer_stop(beside->timer);
		beside->timer = NULL;
		if (beside->record.attempts == 0)
			not_sent(beside);
		beside->given_up = true;
		end_step(beside, CN_STEP_FAILED);
	}
}

/* What the reply's headers ask for, in milliseconds; -1: nothing. */
static int64
asked_delay(const CnStep *step)
{
	static const char *const reset_headers[] = {
		"RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset"
	};
	int64		now = cn_unix_ms();
	const char *value = cn_http_reply_header(step->transfer, "Retry-After", 0);
	const char *own = step->def->budget.reset;
	int64		asked = value ? cn_http_retry_after(value, now) : -1;

	if (asked >= 0 || step->record.failure.code != CN_RATE_LIMITED)
		return asked;
	if (own && (value = cn_http_reply_header(step->transfer, own, 0)) != NULL)
		asked = cn_http_reset_after(value, now);
	for (int i = 0; asked < 0 && i < lengthof(reset_headers); i++)
	{
		value = cn_http_reply_header(step->transfer, reset_headers[i], 0);
		if (value)
			asked = cn_http_reset_after(value, now);
	}
	return asked;
}

static CnVerdict
decide(CnStep *step, int64 *delay_ms)
{
	const CnExecution *execution = step->execution;
	const CnStepDef *def = step->def;
	const CnHttpReply *reply = cn_http_reply(step->transfer);
	CnRetryPolicy policy = {
		.max_retries = def->retries >= 0 ? def->retries : execution->given.max_retries,
		.base_ms = cn_engine_retry_delay,
		.ceiling_ms = cn_engine_retry_max_delay,
	};
	CnAttempt	attempt = {
		.code = step->record.failure.code,
		.action = step->action,
		.replied = reply->status != 0,
		.never_left = reply->never_left,
		.repeatable = !cn_step_def_is_single_shot(def),
		.attempts = step->record.attempts,
		.asked_ms = asked_delay(step),
		.remaining_ms = cn_exec_remaining_ms(execution),
	};
	CnVerdict	verdict = cn_retry_decide(&policy, &attempt, pg_prng_double(&pg_global_prng_state),
										  delay_ms);

	if (verdict == CN_VERDICT_TOO_LATE && !execution->given.may_park)
		verdict = CN_VERDICT_FAIL;
	if ((verdict == CN_VERDICT_RETRY || verdict == CN_VERDICT_TOO_LATE) && is_doomed(step))
	{
		step->given_up = true;
		verdict = CN_VERDICT_FAIL;
	}
	return verdict;
}

/* Whoever tries again, without us, has to know when the remote will listen. */
static void
say_when(CnStep *step)
{
	CnFailure  *failure = &step->record.failure;
	int64		asked_ms = asked_delay(step);

	if (asked_ms > 0 && cn_code_info(failure->code)->retryable)
		failure->message = psprintf("%s (retry after " INT64_FORMAT " s)", failure->message,
									(asked_ms + 999) / 1000);
}

/* The failure of an attempt whose request may have taken effect. */
static void
outcome_unknown(CnFailure *failure)
{
	char	   *cause = failure->message;

	cn_fail(failure, CN_UNKNOWN_OUTCOME, "the request was sent, and whether it took effect is not known: %s",
			cause);
}

/* Was the attempt cut short by the end of the execution's time, and not of its own? */
static void
blame_deadline(CnStep *step)
{
	CnFailure  *failure = &step->record.failure;

	if (cn_http_reply(step->transfer)->failure.code != CN_TIMEOUT ||
		cn_exec_remaining_ms(step->execution) > 0)
		return;
	failure->message = psprintf("%s: the execution's deadline has passed", failure->message);
	failure->hint = deadline_hint;
	step->out_of_time = true;
}

/* The step has left a state: the owner may want to know, and the execution may go on. */
static void
step_changed(CnStep *step)
{
	CnExecution *execution = step->execution;

	if (step->state == CN_STEP_OVER && step->def->group && !cn_step_is_over(execution->current))
		cn_exec_hold(execution, CN_HOLD_PROGRESS);
	cn_exec_advance(execution);
}

/* WAITING is left here, unless the attempt may still not be made. */
static void
on_timer(void *arg)
{
	CnStep	   *step = arg;
	CnExecTurn	turn;

	cn_exec_enter(step->execution, &turn);
	step->timer = NULL;
	send_attempt(step);
	step_changed(step);
	cn_exec_leave(&turn);
}

static void
wait_for_next(CnStep *step, int64 delay_ms)
{
	if (step->state != CN_STEP_WAITING)
		set_state(step, CN_STEP_WAITING);
	step->timer = cn_http_timer_start(step->execution->mux, cn_monotonic_us() + delay_ms * 1000,
									  step->execution->context, on_timer, step);
}

void
cn_step_park(CnStep *step, int64 delay_ms)
{
	Assert(step->execution->given.may_park && step->transfer == NULL && step->timer == NULL);
	if (is_doomed(step))
	{
		step->given_up = true;
		end_step(step, CN_STEP_FAILED);
		return;
	}
	step->park_until = cn_now() + Min(delay_ms, MAX_PARK_MS) * 1000;
	set_state(step, CN_STEP_PARKED);
}

/* SENDING is left here: the reply is there, or there will be none. */
static void
on_reply(CnHttpTransfer *transfer, void *arg)
{
	CnStep	   *step = arg;
	CnVerdict	verdict = CN_VERDICT_FAIL;
	int64		delay_ms = 0;
	CnExecTurn	turn;

	cn_exec_enter(step->execution, &turn);
	cn_reply_read(step);
	blame_deadline(step);
	cn_step_leave(step, asked_delay(step));
	if (step->record.failure.code != CN_OK && !is_doomed(step) && cn_step_reject_token(step))
		verdict = CN_VERDICT_RETRY;
	else if (step->record.failure.code != CN_OK)
		verdict = decide(step, &delay_ms);
	if (step->record.failure.code != CN_OK &&
		(verdict == CN_VERDICT_FAIL || verdict == CN_VERDICT_TOO_LATE))
		say_when(step);
	cn_http_release(step->transfer);
	step->transfer = NULL;

	if (step->record.failure.code == CN_OK)
		end_step(step, CN_STEP_SUCCESS);
	else if (verdict == CN_VERDICT_RETRY)
		wait_for_next(step, delay_ms);
	else if (verdict == CN_VERDICT_TOO_LATE)
		cn_step_park(step, delay_ms);
	else
	{
		if (verdict == CN_VERDICT_UNKNOWN_OUTCOME)
			outcome_unknown(&step->record.failure);
		fail_step(step);
	}
	step_changed(step);
	cn_exec_leave(&turn);
}

/* ---- attempts ---- */

static void
send_attempt(CnStep *step)
{
	CnExecution *execution = step->execution;
	int64		remaining_ms = cn_exec_remaining_ms(execution);
	int			timeout_ms = step->def->timeout_ms ? step->def->timeout_ms
		: execution->given.timeout_ms;
	int64		delay_ms;

	if (remaining_ms <= 0)
	{
		cn_fail(&step->record.failure, CN_TIMEOUT,
				"the execution's deadline has passed before %s",
				step->renewing ? "there was a new token" : "the request could be sent");
		step->record.failure.hint = deadline_hint;
		step->out_of_time = true;
		fail_step(step);
		return;
	}
	switch (cn_step_renew(step))
	{
		case CN_RENEWAL_READY:
			break;
		case CN_RENEWAL_WAIT:
			wait_for_next(step, Min(CN_RENEWAL_POLL_MS, remaining_ms));
			return;
		case CN_RENEWAL_FAILED:
			fail_step(step);
			return;
	}
	switch (cn_step_admit(step, &delay_ms))
	{
		case CN_ADMIT_NOW:
			break;
		case CN_ADMIT_WAIT:
			wait_for_next(step, delay_ms);
			return;
		case CN_ADMIT_LATER:
			if (execution->given.may_park)
			{
				cn_step_park(step, delay_ms);
				return;
			}
			/* FALLTHROUGH */
		case CN_ADMIT_NEVER:
			fail_step(step);
			return;
	}
	memset(&step->record.failure, 0, sizeof(CnFailure));
	if (!cn_request_sign(step))
	{
		cn_limit_leave(&step->ticket, NULL);
		fail_step(step);
		return;
	}
	step->request.timeout_ms = (int) Min(timeout_ms, remaining_ms);
	step->record.attempts++;
	step->sent_us = cn_monotonic_us();
	set_state(step, CN_STEP_SENDING);
	step->transfer = cn_http_start(execution->mux, &step->request, execution->context, on_reply,
								   step);
}

/* The credential of the step, ready for use; false and the record's failure. */
static bool
prepare_secrets(CnStep *step)
{
	CnExecution *execution = step->execution;
	const CnExecCredential *credential = NULL;

	if (step->def->credential >= 0)
		credential = &execution->given.credentials[step->def->credential];
	if (credential && credential->opened == NULL)
	{
		step->record.failure = credential->failure;
		return false;
	}
	return cn_secrets_init(&step->secrets, credential ? credential->opened : NULL,
						   execution->context, &step->record.failure);
}

bool
cn_step_prepare_request(CnStep *step)
{
	memset(&step->request, 0, sizeof(step->request));
	return cn_step_make_input(step) && prepare_secrets(step) && cn_request_build(step);
}

/* It may have been sent by an earlier run, and is not to be again.  Nobody knows what came of it. */
static void
end_in_doubt(CnStep *step)
{
	CnFailure  *failure = &step->record.failure;

	/* for the record: what may have been sent */
	(void) cn_step_prepare_request(step);
	step->record.attempts++;
	if (step->doubt == CN_DOUBT_MOVED)
		cn_fail(failure, CN_UNKNOWN_OUTCOME,
				"an earlier run of the execution may have sent the request, before the definition was changed");
	else
		cn_fail(failure, CN_UNKNOWN_OUTCOME,
				"the process that ran it ended while the request may have been under way, and whether it took effect is not known");
	fail_step(step);
}

/* A step that an earlier run has begun goes on from there. */
static void
note_start(CnStep *step)
{
	if (step->begun)
		return;
	step->started_us = cn_monotonic_us();
	step->record.started_ms = ms_between(step->execution->started_us, step->started_us);
}

/* Do what comes before the request is sent; false if it is not to be, for the step is over. */
static bool
prepare(CnStep *step)
{
	int			holds = true;

	note_start(step);
	if (step->def->condition && !step->begun)
		holds = cn_step_condition(step, &step->record.failure);
	if (holds == false)
		skip(step);
	else if (holds > 0 && step->doubt)
		end_in_doubt(step);
	else if (holds < 0 || (!step->def->is_group && !cn_step_prepare_request(step)))
		fail_step(step);
	return step->state == CN_STEP_PENDING;
}

/* A step beside it cannot be sent, which ends the execution: no need to send this one. */
static void
give_up(CnStep *step)
{
	not_sent(step);
	step->given_up = true;
	end_step(step, CN_STEP_FAILED);
}

/* All requests are made before the first is sent: what cannot be made ends the group without effects. */
static void
prepare_members(CnStep *group)
{
	for (int i = 0; i < group->def->step_count; i++)
	{
		CnStep	   *member = member_of(group, i);

		if (member->state == CN_STEP_PENDING)
			(void) prepare(member);
	}
}

static void
send_members(CnStep *group)
{
	for (int i = 0; i < group->def->step_count; i++)
	{
		CnStep	   *member = member_of(group, i);

		if (member->state != CN_STEP_PENDING)
			continue;
		if (is_doomed(member))
			give_up(member);
		else
			send_attempt(member);
	}
}

/* Is a request about to be sent that the owner is to mark before? */
static bool
needs_mark(const CnStep *step)
{
	return !step->execution->marked && cn_step_is_single_shot(step) && cn_step_fatal(step) == NULL;
}

void
cn_step_begin(CnStep *step)
{
	if (!prepare(step))
		return;
	prepare_members(step);
	if (needs_mark(step) && cn_exec_hold(step->execution, CN_HOLD_SENDING))
		return;
	cn_step_send(step);
}

void
cn_step_send(CnStep *step)
{
	if (step->def->is_group)
		send_members(step);
	else
		send_attempt(step);
}

/* ---- given up from outside ---- */

void
cn_step_abort(CnStep *step, const CnFailure *failure)
{
	bool		sent = step->state == CN_STEP_SENDING && cn_step_is_single_shot(step);

	for (int i = 0; i < step->def->step_count; i++)
		cn_step_abort(member_of(step, i), failure);
	if (step->state == CN_STEP_OVER)
		return;
	if (step->transfer)
		cn_http_release(step->transfer);
	step->transfer = NULL;
	if (step->timer)
		cn_http_timer_stop(step->timer);
	step->timer = NULL;
	step->record.failure = *failure;
	if (sent)
		outcome_unknown(&step->record.failure);
	end_step(step, CN_STEP_FAILED);
}
