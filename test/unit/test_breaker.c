/*
 * test_breaker.c -- when a breaker opens, and who gets through it.
 */
#include "limit/breaker.h"

#include "tap.h"

#define S INT64CONST(1000000)

static const CnBreakerPolicy usual = {
	.min_requests = 4,.failure_share = 50,.window_us = 60 * S,.open_us = 30 * S,
	.max_open_us = 100 * S,.probe_us = 90 * S
};

/*
 * What happens, a letter each, and what is asked on the way:
 *
 *   s f n   a request is let go and succeeds, fails, says nothing
 *   p       one is let go and stays under way
 *   S F N   that one is over
 *   0-9     so many tens of seconds pass
 *   ?       the state: c(losed), o(pen), h(alf-open) and, of a request, + (goes) or - (does not)
 *   r       reset
 */
static char *
play(const CnBreakerPolicy *policy, const char *script)
{
	CnBreaker	breaker;
	StringInfoData said;
	int64		now = 1000 * S;
	uint32		under_way = 0;
	int64		wait;

	memset(&breaker, 0, sizeof(breaker));
	initStringInfo(&said);
	for (const char *at = script; *at; at++)
	{
		CnBreakerResult result = strchr("sS", *at) ? CN_BREAKER_SUCCESS
			: strchr("fF", *at) ? CN_BREAKER_FAILURE : CN_BREAKER_NOTHING;

		if (strchr("sfnp", *at) && cn_breaker_ask(&breaker, policy, now, &wait) == CN_BREAKER_REFUSE)
			appendStringInfoChar(&said, '!');
		else if (strchr("sfn", *at))
			cn_breaker_end(&breaker, policy, cn_breaker_begin(&breaker, policy, now), result, now);
		else if (*at == 'p')
			under_way = cn_breaker_begin(&breaker, policy, now);
		else if (strchr("SFN", *at))
			cn_breaker_end(&breaker, policy, under_way, result, now);
		else if (*at >= '0' && *at <= '9')
			now += (*at - '0') * 10 * S;
		else if (*at == 'r')
			cn_breaker_reset(&breaker);
		else if (*at == '?')
		{
			appendStringInfoChar(&said, "coh"[cn_breaker_state(&breaker, now)]);
			appendStringInfoChar(&said, cn_breaker_ask(&breaker, policy, now, &wait) == CN_BREAKER_REFUSE ? '-' : '+');
		}
	}
	return said.data;
}

static const struct
{
	const char *script;
	const char *said;
	const char *name;
}			plays[] = {
	{"?", "c+", "a new one is closed"},
	{"fff?", "c+", "too few requests to open it"},
	{"fffn?", "c+", "one that says nothing is none"},
	{"ffff?", "o-", "enough, all failed"},
	{"sssf?", "c+", "too small a share"},
	{"ssff?", "o-", "just the share"},
	{"sssfff?", "o-", "reached later"},
	{"ffss?", "c+", "a success does not open it"},
	{"fffs?f?", "c+o-", "the next failure does"},
	{"fff7f?", "c+", "failures of more than a window ago are forgotten"},
	{"ff5ff?", "o-", "those of less are not"},
	{"ffffs", "!", "while open nothing goes"},
	{"ffff2?1?", "o-h+", "until its time is over"},
	{"ffff3p?", "h-", "one probe goes, and no other"},
	{"ffff3pp", "!", "not even at the same moment"},
	{"ffff3pS?", "c+", "it succeeds: closed"},
	{"ffff3pSfff?", "c+", "and what was before is forgotten"},
	{"ffff3pF?", "o-", "it fails: open"},
	{"ffff3pF3?", "o-", "for longer"},
	{"ffff3pF6?", "h+", "twice as long"},
	{"ffff3pF6pF91?", "h+", "then four times, but never longer than the ceiling"},
	{"ffff3pF6pF9?", "o-", "which it reaches"},
	{"ffff3pN?", "h+", "it says nothing: room for another"},
	{"ffff3p9?", "h+", "it is not heard of any more: likewise"},
	{"ffff3p9pS?", "c+", "and the other decides"},
	{"ffff3pSffff?3?3?", "o-o-h+", "it opens again soon: longer"},
	{"ffff3pS7ffff?3?", "o-h+", "long after: as the first time"},
	{"ffffr?", "c+", "reset"},
	{"ffffrfff?", "c+", "and it begins anew"},
	{"ffff3prfffF?", "o-", "a probe of before the reset is a request like others"},
};

/* Requests that were sent before it opened come back late. */
static void
test_late_replies(void)
{
	CnBreaker	b;

	memset(&b, 0, sizeof(b));
	for (int i = 0; i < 4; i++)
		cn_breaker_end(&b, &usual, 0, CN_BREAKER_FAILURE, 1000 * S);
	cn_breaker_end(&b, &usual, 0, CN_BREAKER_SUCCESS, 1001 * S);
	tap_is_int(b.state, CN_BREAKER_OPEN, "a late success does not close it");
	cn_breaker_end(&b, &usual, 0, CN_BREAKER_FAILURE, 1001 * S);
	tap_is_int(b.until_us, 1030 * S, "a late failure does not keep it open");
	tap_is_int(b.trips, 1, "nor count as another");
	(void) cn_breaker_begin(&b, &usual, 1030 * S);
	cn_breaker_end(&b, &usual, 0, CN_BREAKER_SUCCESS, 1031 * S);
	tap_is_int(b.state, CN_BREAKER_HALF_OPEN, "nor does one decide for the probe");
	(void) cn_breaker_begin(&b, &usual, 1125 * S);
	cn_breaker_end(&b, &usual, 1, CN_BREAKER_FAILURE, 1126 * S);
	tap_is_int(b.state, CN_BREAKER_HALF_OPEN, "nor one that was given up");
	cn_breaker_end(&b, &usual, 2, CN_BREAKER_SUCCESS, 1126 * S);
	tap_is_int(b.state, CN_BREAKER_CLOSED, "the probe does");
}

static void
test_waits(void)
{
	CnBreaker	b;
	int64		wait = -1;

	memset(&b, 0, sizeof(b));
	tap_is_int(cn_breaker_ask(&b, &usual, 0, &wait) == CN_BREAKER_PASS ? wait : -1, 0, "closed: no wait");
	for (int i = 0; i < 4; i++)
		cn_breaker_end(&b, &usual, 0, CN_BREAKER_FAILURE, 1000 * S);
	(void) cn_breaker_ask(&b, &usual, 1010 * S, &wait);
	tap_is_int(wait, 20 * S, "open: until it may be probed");
	tap_is_int(cn_breaker_ask(&b, &usual, 1030 * S, &wait) == CN_BREAKER_PROBE ? wait : -1, 0, "then one may go");
	(void) cn_breaker_begin(&b, &usual, 1030 * S);
	(void) cn_breaker_ask(&b, &usual, 1030 * S, &wait);
	tap_ok(wait > 0 && wait <= S, "a probe is under way: ask soon");
	tap_ok(!cn_breaker_is_idle(&b, &usual, 1100 * S), "not to be forgotten");
	tap_ok(cn_breaker_is_idle(&b, &usual, 1300 * S), "unless nobody has asked for long");
}

static void
test_off(void)
{
	CnBreakerPolicy off = usual;
	CnBreaker	b;
	int64		wait;

	off.min_requests = 0;
	memset(&b, 0, sizeof(b));
	for (int i = 0; i < 100; i++)
		cn_breaker_end(&b, &off, 0, CN_BREAKER_FAILURE, 1000 * S);
	tap_is_int(b.state, CN_BREAKER_CLOSED, "switched off it does not open");
	for (int i = 0; i < 4; i++)
		cn_breaker_end(&b, &usual, 0, CN_BREAKER_FAILURE, 1000 * S);
	tap_ok(cn_breaker_ask(&b, &off, 1001 * S, &wait) == CN_BREAKER_PASS && cn_breaker_begin(&b, &off, 1001 * S) == 0,
		   "nor does one that is open keep anything back");
}

static void
test_idle(void)
{
	CnBreaker	b;

	memset(&b, 0, sizeof(b));
	tap_ok(cn_breaker_is_idle(&b, &usual, 0), "a new one is idle");
	cn_breaker_end(&b, &usual, 0, CN_BREAKER_SUCCESS, 1000 * S);
	tap_ok(cn_breaker_is_idle(&b, &usual, 1000 * S), "so is one with successes");
	cn_breaker_end(&b, &usual, 0, CN_BREAKER_FAILURE, 1000 * S);
	tap_ok(!cn_breaker_is_idle(&b, &usual, 1049 * S), "not with failures in the window");
	tap_ok(cn_breaker_is_idle(&b, &usual, 1061 * S), "again behind it");
}

int
main(void)
{
	for (int i = 0; i < lengthof(plays); i++)
		tap_is(play(&usual, plays[i].script), plays[i].said, "%s", plays[i].name);
	test_late_replies();
	test_waits();
	test_off();
	test_idle();
	return tap_done();
}
