/*
 * retry.c -- is a failed attempt repeated, and after how long?  Pure.
 *
 * Two questions, in this order.  May the request be sent once more without
 * doing twice what was meant once?  And is it worth it?  The first is about
 * the request, the second about the failure; a timeout is worth repeating, and
 * a POST that timed out must not be.
 */
#include "http/retry.h"

/* Names of rules' actions; NULL: it cannot be asked for. */
static const char *const action_names[] = {
	[CN_ACTION_DEFAULT] = NULL,
	[CN_ACTION_FAIL] = "fail",
	[CN_ACTION_RETRY] = "retry",
	[CN_ACTION_IGNORE] = "ignore",
	[CN_ACTION_RATE_LIMITED] = "rate_limited",
	[CN_ACTION_REFRESH_TOKEN] = "refresh_token_then_retry",
	[CN_ACTION_RESET_PAGINATION] = "reset_pagination",
};

static bool may_repeat(const CnAttempt *attempt);
static bool is_unknown(const CnAttempt *attempt);
static bool was_kept_back(const CnAttempt *attempt);
static bool is_promised(const CnAttempt *attempt);
static bool is_worth_it(const CnAttempt *attempt);
static int64 wait_before(const CnRetryPolicy *policy, const CnAttempt *attempt, double random);
static int64 part_of(int64 whole, double random);

bool
cn_action_parse(const char *name, CnAction *action)
{
	for (int i = 0; i < lengthof(action_names); i++)
	{
		if (action_names[i] != NULL && strcmp(action_names[i], name) == 0)
		{
			*action = (CnAction) i;
			return true;
		}
	}
	return false;
}

/*
 * cn_method_is_repeatable -- does a request of this method do the same when sent twice?
 *
 * The idempotent methods of RFC 9110, section 9.2.2, but for TRACE, which is
 * never sent.  Names of methods are case-sensitive (section 9.1).
 */
bool
cn_method_is_repeatable(const char *method)
{
	static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};

	for (int i = 0; i < lengthof(methods); i++)
	{
		if (strcmp(methods[i], method) == 0)
			return true;
	}
	return false;
}

/*
 * cn_retry_decide -- what becomes of an execution whose attempt failed.
 *
 * random:    [0,1)
 * *delay_ms: set if the verdict is CN_VERDICT_RETRY or CN_VERDICT_TOO_LATE, else 0
 *
 * An unknown outcome comes first: it is the truth about the remote, whatever
 * else is the matter.  It does not turn into a plain failure because the
 * attempts or the time are used up.
 */
CnVerdict
cn_retry_decide(const CnRetryPolicy *policy, const CnAttempt *attempt, double random,
				int64 *delay_ms)
{
	int64		delay;

	*delay_ms = 0;
	if (is_unknown(attempt))
		return CN_VERDICT_UNKNOWN_OUTCOME;
	if (!may_repeat(attempt) || !is_worth_it(attempt) || attempt->attempts > policy->max_retries)
		return CN_VERDICT_FAIL;
	if (attempt->remaining_ms <= 0)
		return CN_VERDICT_FAIL;
	delay = wait_before(policy, attempt, random);

	/*
	 * Waiting for a deadline to pass helps nobody: the caller learns now what
	 * it would learn then.  The wait is not shortened to fit, either: before
	 * the time that a remote asked for the answer is known, and a back-off cut
	 * short brings all callers back at once.
	 */
	*delay_ms = delay;
	return delay < attempt->remaining_ms ? CN_VERDICT_RETRY : CN_VERDICT_TOO_LATE;
}

/* May it be sent once more without harm?  RFC 9110, section 9.2.2, says why only these. */
static bool
may_repeat(const CnAttempt *attempt)
{
	return attempt->repeatable || was_kept_back(attempt) || is_promised(attempt);
}

/*
 * is_unknown -- may it have taken effect, without anybody knowing?
 *
 * A reply of any status is an answer, a 504 too: it says what the remote
 * knows, and a rule can say more.  Without one nobody knows, for whatever
 * reason it did not come: a cancelled transfer was under way like one that
 * timed out, and so may be one that ended in a defect of ours.
 */
static bool
is_unknown(const CnAttempt *attempt)
{
	return !attempt->replied && !may_repeat(attempt);
}

/*
 * was_kept_back -- did no byte of it reach a server?
 *
 * Some codes say so themselves as long as there was no reply: what refuses a
 * request for them does so before it is sent.  A blocked address may also be
 * that of a redirect, which is an answer, and one that means "not here".  Not
 * among them are limit_exceeded and internal, which can end a transfer in its
 * midst, and cancelled, which mostly does.
 */
static bool
was_kept_back(const CnAttempt *attempt)
{
	if (attempt->never_left)
		return true;
	if (attempt->replied)
		return false;
	switch (attempt->code)
	{
		case CN_BLOCKED_ADDRESS:
		case CN_CIRCUIT_OPEN:
		case CN_CONFIG_INVALID:
		case CN_CREDENTIAL_MISSING:
		case CN_INPUT_INVALID:
		case CN_RATE_LIMITED:	/* our own limit: the remote's comes with a reply */
			return true;
		default:
			return false;
	}
}

/* Does a rule say that this failure means it was not done?  Its author knows the remote. */
static bool
is_promised(const CnAttempt *attempt)
{
	return attempt->action == CN_ACTION_RETRY || attempt->action == CN_ACTION_RATE_LIMITED;
}

static bool
is_worth_it(const CnAttempt *attempt)
{
	switch (attempt->action)
	{
		case CN_ACTION_FAIL:
		case CN_ACTION_REFRESH_TOKEN:
		case CN_ACTION_RESET_PAGINATION:
			return false;
		default:
			break;
	}
	return is_promised(attempt) || cn_code_info(attempt->code)->retryable;
}

/*
 * wait_before -- milliseconds until the next attempt.
 *
 * A remote that names a time names it to all who were refused, so a little is
 * added to it at random, or they would be back at once and be refused again.
 */
static int64
wait_before(const CnRetryPolicy *policy, const CnAttempt *attempt, double random)
{
	int64		wait = cn_backoff_ms(policy, attempt->attempts, random);
	int64		spread = part_of(policy->base_ms, random);

	if (attempt->asked_ms < 0)
		return wait;
	if (attempt->asked_ms > PG_INT64_MAX - spread)
		return PG_INT64_MAX;
	return Max(wait, attempt->asked_ms + spread);
}

/*
 * cn_backoff_ms -- exponential back-off with full jitter.
 *
 * random * min(ceiling, base * 2^(retry - 1)).  The whole wait is random, not
 * a part at its end: of the forms compared in "Exponential Backoff And Jitter"
 * (Marc Brooker, AWS Architecture Blog, 2015) this one makes the fewest calls
 * when many clients compete.
 */
int64
cn_backoff_ms(const CnRetryPolicy *policy, int retry, double random)
{
	int64		most = Min(policy->base_ms, policy->ceiling_ms);

	for (int i = 1; i < retry && most > 0 && most < policy->ceiling_ms; i++)
		most = most > policy->ceiling_ms / 2 ? policy->ceiling_ms : most * 2;
	return part_of(most, random);
}

/* A number below whole (0 if that is not positive), even if random is not in [0,1). */
static int64
part_of(int64 whole, double random)
{
	int64		part;

	if (whole <= 0 || !(random > 0))
		return 0;
	if (random >= 1)
		return whole - 1;
	part = (int64) (random * (double) whole);
	return Min(part, whole - 1);	/* a double rounds past 2^53 */
}
