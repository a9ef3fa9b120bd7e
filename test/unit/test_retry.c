/*
 * test_retry.c -- which attempts are repeated, and when.
 */
#include "http/retry.h"

#include <math.h>

#include "tap.h"

static const CnRetryPolicy usual = {3, 1000, 30000};

/* No rule matched. */
#define N CN_ACTION_DEFAULT

static const char *
verdict_name(CnVerdict verdict)
{
	static const char *const names[] = {
		[CN_VERDICT_FAIL] = "fail", [CN_VERDICT_RETRY] = "retry",
		[CN_VERDICT_TOO_LATE] = "late", [CN_VERDICT_UNKNOWN_OUTCOME] = "unknown"
	};

	return names[verdict];
}

static char *
decide(const CnRetryPolicy *policy, CnAttempt attempt, double random)
{
	int64		delay = -1;
	CnVerdict	verdict = cn_retry_decide(policy, &attempt, random, &delay);

	return psprintf("%s " INT64_FORMAT, verdict_name(verdict), delay);
}

/*
 * One failed attempt of many left, an hour to go.  flags: r replied, l never
 * left, i repeatable.
 */
static const struct
{
	CnCode		code;
	const char *flags;
	CnAction	action;
	const char *wanted;
}			cases[] = {
	/* not safe to repeat and no reply: nobody knows, whatever ended it */
	{CN_TIMEOUT, "", N, "unknown 0"},
	{CN_NETWORK_ERROR, "", N, "unknown 0"},
	{CN_TLS_ERROR, "", N, "unknown 0"},
	{CN_BAD_RESPONSE, "", N, "unknown 0"},
	{CN_RESPONSE_TOO_LARGE, "", N, "unknown 0"},
	{CN_LIMIT_EXCEEDED, "", N, "unknown 0"},
	{CN_CANCELLED, "", N, "unknown 0"},
	{CN_INTERNAL, "", N, "unknown 0"},
	{CN_TIMEOUT, "", CN_ACTION_FAIL, "unknown 0"},
	{CN_TIMEOUT, "", CN_ACTION_REFRESH_TOKEN, "unknown 0"},

	/* but not if it was refused before it was sent */
	{CN_BLOCKED_ADDRESS, "", N, "fail 0"},
	{CN_CONFIG_INVALID, "", N, "fail 0"},
	{CN_CREDENTIAL_MISSING, "", N, "fail 0"},
	{CN_INPUT_INVALID, "", N, "fail 0"},
	{CN_RATE_LIMITED, "", N, "retry 500"},
	{CN_CIRCUIT_OPEN, "", N, "retry 500"},
	{CN_TIMEOUT, "l", N, "retry 500"},
	{CN_NETWORK_ERROR, "l", N, "retry 500"},
	{CN_TLS_ERROR, "l", N, "fail 0"},
	{CN_CANCELLED, "l", N, "fail 0"},
	{CN_AUTH_FAILED, "l", N, "fail 0"},

	/* nor if there was a reply: that is an answer, and sent again it is not */
	{CN_SERVER_ERROR, "r", N, "fail 0"},
	{CN_TIMEOUT, "r", N, "fail 0"},
	{CN_RATE_LIMITED, "r", N, "fail 0"},
	{CN_CIRCUIT_OPEN, "r", N, "fail 0"},
	{CN_VALIDATION_FAILED, "r", N, "fail 0"},
	{CN_RESPONSE_TOO_LARGE, "r", N, "fail 0"},
	{CN_NETWORK_ERROR, "r", N, "fail 0"},

	/* a rule promises that it was not done */
	{CN_SERVER_ERROR, "r", CN_ACTION_RETRY, "retry 500"},
	{CN_CONFLICT, "r", CN_ACTION_RETRY, "retry 500"},
	{CN_VALIDATION_FAILED, "r", CN_ACTION_RATE_LIMITED, "retry 500"},
	{CN_SERVER_ERROR, "r", CN_ACTION_FAIL, "fail 0"},
	{CN_SERVER_ERROR, "r", CN_ACTION_RESET_PAGINATION, "fail 0"},

	/* safe to repeat: the code decides, and a rule before it */
	{CN_TIMEOUT, "i", N, "retry 500"},
	{CN_NETWORK_ERROR, "i", N, "retry 500"},
	{CN_SERVER_ERROR, "ir", N, "retry 500"},
	{CN_RATE_LIMITED, "ir", N, "retry 500"},
	{CN_NOT_FOUND, "ir", N, "fail 0"},
	{CN_AUTH_FAILED, "ir", N, "fail 0"},
	{CN_AUTH_FAILED, "ir", CN_ACTION_REFRESH_TOKEN, "fail 0"},
	{CN_CANCELLED, "i", N, "fail 0"},
	{CN_TLS_ERROR, "i", N, "fail 0"},
	{CN_INTERNAL, "i", N, "fail 0"},
	{CN_SERVER_ERROR, "ir", CN_ACTION_FAIL, "fail 0"},
	{CN_SERVER_ERROR, "ir", CN_ACTION_REFRESH_TOKEN, "fail 0"},
	{CN_RATE_LIMITED, "ir", CN_ACTION_RESET_PAGINATION, "fail 0"},
	{CN_TIMEOUT, "i", CN_ACTION_FAIL, "fail 0"},
	{CN_NOT_FOUND, "ir", CN_ACTION_RETRY, "retry 500"},
	{CN_PERMISSION_DENIED, "ir", CN_ACTION_RATE_LIMITED, "retry 500"},
};

static void
test_cases(void)
{
	for (int i = 0; i < lengthof(cases); i++)
	{
		const char *flags = cases[i].flags;
		CnAttempt	attempt = {
			.code = cases[i].code, .action = cases[i].action, .replied = strchr(flags, 'r') != NULL,
			.never_left = strchr(flags, 'l') != NULL, .repeatable = strchr(flags, 'i') != NULL,
			.attempts = 1, .asked_ms = -1, .remaining_ms = 3600000
		};

		tap_is(decide(&usual, attempt, 0.5), cases[i].wanted, "%s, %s, action %d",
			   cn_code_info(cases[i].code)->name, flags[0] == '\0' ? "no flags" : flags,
			   (int) cases[i].action);
	}
}

/* A GET that timed out. */
static CnAttempt
timed_out(int attempts, int64 asked_ms, int64 remaining_ms)
{
	CnAttempt	attempt = {
		.code = CN_TIMEOUT, .repeatable = true, .attempts = attempts, .asked_ms = asked_ms,
		.remaining_ms = remaining_ms
	};

	return attempt;
}

static void
test_attempts(void)
{
	CnRetryPolicy none = {0, 1000, 30000};
	CnAttempt	post = timed_out(9, -1, 0);

	tap_is(decide(&none, timed_out(1, -1, 60000), 0.5), "fail 0", "no retries allowed");
	tap_is(decide(&usual, timed_out(4, -1, 60000), 0.5), "fail 0", "the fourth of three retries");
	tap_is(decide(&usual, timed_out(PG_INT32_MAX, -1, 60000), 0.5), "fail 0", "very many");
	tap_is(decide(&usual, timed_out(3, -1, 60000), 0.5), "retry 2000", "the third attempt");
	tap_is(decide(&usual, timed_out(1, -1, 60000), 0.5), "retry 500", "the first attempt");
	post.repeatable = false;
	tap_is(decide(&none, post, 0.5), "unknown 0",
		   "unknown stays unknown with attempts and time used up");
}

static void
test_deadline(void)
{
	tap_is(decide(&usual, timed_out(1, -1, -5), 0.5), "fail 0", "the deadline has passed");
	tap_is(decide(&usual, timed_out(1, -1, 0), 0.0), "fail 0", "it passes now");
	tap_is(decide(&usual, timed_out(4, 5000, 1), 0.5), "fail 0", "no attempt left to be late for");
	tap_is(decide(&usual, timed_out(1, -1, 500), 0.5), "late 500", "it passes with the wait");
	tap_is(decide(&usual, timed_out(1, -1, 501), 0.5), "retry 500", "a millisecond is left");
	tap_is(decide(&usual, timed_out(1, 5000, 5500), 0.5), "late 5500", "no time for what is asked");
	tap_is(decide(&usual, timed_out(1, 5000, 5501), 0.5), "retry 5500", "but just so");
	tap_is(decide(&usual, timed_out(1, PG_INT64_MAX, PG_INT64_MAX), 0.5),
		   "late 9223372036854775807", "nor ever");
}

static void
test_asked(void)
{
	tap_is(decide(&usual, timed_out(1, 120000, 3600000), 0.0), "retry 120000",
		   "what is asked for is no subject of the ceiling");
	tap_is(decide(&usual, timed_out(1, 120000, 3600000), 0.999), "retry 120999", "and is spread");
	tap_is(decide(&usual, timed_out(3, 100, 3600000), 0.999), "retry 3996",
		   "a longer back-off stands");
	tap_is(decide(&usual, timed_out(3, 100, 3600000), 0.0), "retry 100", "a shorter one does not");
	tap_is(decide(&usual, timed_out(1, 0, 3600000), 0.5), "retry 500", "asked to come at once");
}

static void
test_backoff(void)
{
	CnRetryPolicy huge = {PG_INT32_MAX, PG_INT64_MAX / 2, PG_INT64_MAX};
	CnRetryPolicy odd = {3, 50000, 30000};
	CnRetryPolicy negative = {3, -5, -7};
	CnRetryPolicy zero = {3, 0, 30000};
	bool		fine = true;

	tap_is_int(cn_backoff_ms(&negative, 3, 0.5), 0, "a negative policy");
	tap_is_int(cn_backoff_ms(&zero, PG_INT32_MAX, 0.5), 0, "no base");
	tap_is_int(cn_backoff_ms(&odd, 1, 0.5), 15000, "a base above the ceiling");
	tap_is_int(cn_backoff_ms(&usual, 0, 0.5), 500, "retry 0 is taken for 1");
	tap_is_int(cn_backoff_ms(&usual, PG_INT32_MAX, 0.5), 15000, "the ceiling, after any number");
	tap_ok(cn_backoff_ms(&huge, 70, 0.9999999999999999) < PG_INT64_MAX, "no overflow");
	tap_is_int(cn_backoff_ms(&usual, 1, -1), 0, "random below 0");
	tap_is_int(cn_backoff_ms(&usual, 1, 1.0), 999, "random is 1");
	tap_is_int(cn_backoff_ms(&usual, 1, NAN), 0, "random is no number");
	tap_is_int(cn_backoff_ms(&usual, 1, 0.0), 0, "full jitter begins at 0");
	tap_is_int(cn_backoff_ms(&usual, 1, 0.999), 999, "first retry");
	tap_is_int(cn_backoff_ms(&usual, 2, 0.999), 1998, "second");
	tap_is_int(cn_backoff_ms(&usual, 5, 0.999), 15984, "fifth");
	tap_is_int(cn_backoff_ms(&usual, 6, 0.999), 29970, "sixth: the ceiling");
	for (int i = 1; i < 100; i++)
		fine = fine && cn_backoff_ms(&usual, i, 0.7) <= cn_backoff_ms(&usual, i + 1, 0.7);
	tap_ok(fine, "it never gets shorter");
}

static void
test_names(void)
{
	static const struct
	{
		const char *name;
		CnAction	action;
	}			names[] = {
		{"fail", CN_ACTION_FAIL}, {"retry", CN_ACTION_RETRY}, {"ignore", CN_ACTION_IGNORE},
		{"rate_limited", CN_ACTION_RATE_LIMITED},
		{"refresh_token_then_retry", CN_ACTION_REFRESH_TOKEN},
		{"reset_pagination", CN_ACTION_RESET_PAGINATION},
	};
	CnAction	action = CN_ACTION_IGNORE;

	tap_ok(!cn_action_parse("", &action) && !cn_action_parse("default", &action) &&
		   !cn_action_parse("Retry", &action) && !cn_action_parse("retry ", &action) &&
		   action == CN_ACTION_IGNORE, "no actions");
	for (int i = 0; i < lengthof(names); i++)
		tap_ok(cn_action_parse(names[i].name, &action) && action == names[i].action,
			   "action %s", names[i].name);
}

static void
test_methods(void)
{
	static const char *const unsafe[] = {
		"POST", "PATCH", "TRACE", "CONNECT", "get", "", "GETX", "LOCK"
	};
	static const char *const safe[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};

	for (int i = 0; i < lengthof(unsafe); i++)
		tap_ok(!cn_method_is_repeatable(unsafe[i]), "\"%s\" is not repeatable", unsafe[i]);
	for (int i = 0; i < lengthof(safe); i++)
		tap_ok(cn_method_is_repeatable(safe[i]), "%s is repeatable", safe[i]);
}

int
main(void)
{
	test_cases();
	test_attempts();
	test_deadline();
	test_asked();
	test_backoff();
	test_names();
	test_methods();
	return tap_done();
}
