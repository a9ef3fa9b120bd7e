/*
 * test_header.c -- Retry-After, reset headers and Link.
 */
#include "http/link.h"
#include "http/retry_after.h"

#include "tap.h"

/* 2026-01-31 12:00:00 UTC */
#define NOW INT64CONST(1769860800000)

#define DAY CN_RETRY_AFTER_MAX_MS

static const struct
{
	const char *value;
	int64		wanted;
}			retries[] = {
	{"", -1},
	{" \t ", -1},
	{"-1", -1},
	{"+1", -1},
	{"1.5", -1},
	{"1.", -1},
	{"1 2", -1},
	{"1,2", -1},
	{"120s", -1},
	{"0x10", -1},
	{"1e3", -1},
	{"soon", -1},
	{"2026-01-31T12:00:10Z", -1},
	{"1769860810 GMT", -1},

	/* dates that are none */
	{"Sat, 31 Jan 2026 12:00:10", -1},
	{"Sat, 31 Jan 2026 12:00:10 UTC", -1},
	{"Sat, 31 Jan 2026 12:00:10 +0000", -1},
	{"Sat, 31 Jan 2026 12:00:10 GMT x", -1},
	{"Sat, 31 Jan 2026 12:00:10 gmt", -1},
	{"sat, 31 Jan 2026 12:00:10 GMT", -1},
	{"Sat, 31 jan 2026 12:00:10 GMT", -1},
	{"Sat 31 Jan 2026 12:00:10 GMT", -1},
	{"Xxx, 31 Jan 2026 12:00:10 GMT", -1},
	{"Sat, 31 Xxx 2026 12:00:10 GMT", -1},
	{"Sat, 1 Jan 2026 12:00:10 GMT", -1},
	{"Sat, 00 Jan 2026 12:00:10 GMT", -1},
	{"Sat, 32 Jan 2026 12:00:10 GMT", -1},
	{"Sat, 29 Feb 2026 12:00:10 GMT", -1},
	{"Mon, 29 Feb 2100 12:00:10 GMT", -1},
	{"Sat, 31 Jan 26 12:00:10 GMT", -1},
	{"Sat, 31 Jan 2026 24:00:10 GMT", -1},
	{"Sat, 31 Jan 2026 12:60:10 GMT", -1},
	{"Sat, 31 Jan 2026 12:00:61 GMT", -1},
	{"Sat, 31 Jan 2026 12:00 GMT", -1},
	{"Saturday, 31-Jan-2026 12:00:10 GMT", -1},
	{"Sat, 31-Jan-26 12:00:10 GMT", -1},
	{"Saturday, 31-Jan-26 12:00:10", -1},
	{"Sat Jan 31 12:00:10 2026 GMT", -1},
	{"Sat Jan 1 12:00:10 2026", -1},
	{"Sat Jan 31 12:00:10 26", -1},

	/* too long, or over */
	{"86401", DAY},
	{"99999999999999999999999999999999999999", DAY},
	{"Fri, 31 Dec 9999 23:59:60 GMT", DAY},
	{"Sun, 01 Feb 2026 12:00:01 GMT", DAY},
	{"Sat, 31 Jan 2026 12:00:00 GMT", 0},
	{"Sat, 31 Jan 2026 11:59:59 GMT", 0},
	{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	{"Sun, 06 Nov 1994 08:49:37 GMT", 0},
	{"Sat, 29 Feb 0000 00:00:00 GMT", 0},

	{"0", 0},
	{"000", 0},
	{"1", 1000},
	{" 120\t", 120000},
	{"86400", DAY},
	{"Sat, 31 Jan 2026 12:00:10 GMT", 10000},
	{" Sat, 31 Jan 2026 12:00:10 GMT ", 10000},
	{"Mon, 31 Jan 2026 12:00:10 GMT", 10000},
	{"Sat, 31 Jan 2026 12:00:60 GMT", 60000},
	{"Sat, 31 Jan 2026 13:02:03 GMT", 3723000},
	{"Sun, 01 Feb 2026 00:00:00 GMT", 43200000},
	{"Saturday, 31-Jan-26 12:00:10 GMT", 10000},
	{"Sunday, 01-Feb-26 00:00:00 GMT", 43200000},
	{"Sat Jan 31 12:00:10 2026", 10000},
	{"Sun Feb  1 00:00:00 2026", 43200000},
	{"Sun Feb 01 00:00:00 2026", 43200000},
};

static const struct
{
	const char *value;
	int64		wanted;
}			resets[] = {
	{"", -1},
	{"-5", -1},
	{"1.", -1},
	{".5", -1},
	{"1.5.5", -1},
	{"10s", -1},
	{"10;w=60", -1},
	{"100000000000000", -1},
	{"99999999999999999999999999", -1},
	{"2026-01-31", -1},
	{"2026-01-31T12:00Z", -1},
	{"2026-01-31T12:00:10", -1},
	{"2026-01-31T12:00:10.Z", -1},
	{"2026-01-31T12:00:10 Z", -1},
	{"2026-01-31T12:00:10Zx", -1},
	{"2026-01-31T12:00:10+1", -1},
	{"2026-01-31T12:00:10+02", -1},
	{"2026-01-31T12:00:10+24:00", -1},
	{"2026-01-31T12:00:10+02:60", -1},
	{"2026-02-29T12:00:10Z", -1},
	{"2026-13-01T12:00:10Z", -1},
	{"2026-00-01T12:00:10Z", -1},
	{"26-01-31T12:00:10Z", -1},
	{"2026-1-31T12:00:10Z", -1},
	{"20260131T120010Z", -1},

	/* seconds to wait */
	{"86401", DAY},
	{"99999999", DAY},
	{"0", 0},
	{"60", 60000},
	{" 60 ", 60000},
	{"1.5", 1500},
	{"0.0001", 1},
	{"0.9991", 1000},
	{"0.999000", 999},

	/* Unix time in seconds */
	{"100000000", 0},
	{"1769860799", 0},
	{"1769860800", 0},
	{"1769860810", 10000},
	{"1769860810.25", 10250},
	{"1769947201", DAY},
	{"99999999999", DAY},

	/* in milliseconds */
	{"100000000000", 0},
	{"1769860810250", 10250},
	{"1769860810250.9", 10250},
	{"99999999999999", DAY},

	/* times */
	{"2026-01-31T12:00:10Z", 10000},
	{"2026-01-31t12:00:10z", 10000},
	{"2026-01-31 12:00:10Z", 10000},
	{"2026-01-31T12:00:10.25Z", 10250},
	{"2026-01-31T12:00:10.2500001Z", 10251},
	{"2026-01-31T14:00:10+02:00", 10000},
	{"2026-01-31T14:00:10+0200", 10000},
	{"2026-01-31T06:30:10-05:30", 10000},
	{"2026-01-31T12:00:10+00:00", 10000},
	{"2026-01-31T11:59:59Z", 0},
	{"2027-01-31T12:00:00Z", DAY},
	{"0000-01-01T00:00:00+23:59", 0},
	{"9999-12-31T23:59:60-23:59", DAY},
	{"Sat, 31 Jan 2026 12:00:10 GMT", 10000},
};

static void
test_waits(void)
{
	for (int i = 0; i < lengthof(retries); i++)
		tap_is_int(cn_http_retry_after(retries[i].value, NOW), retries[i].wanted,
				   "Retry-After: %s", retries[i].value);
	for (int i = 0; i < lengthof(resets); i++)
		tap_is_int(cn_http_reset_after(resets[i].value, NOW), resets[i].wanted,
				   "reset: %s", resets[i].value);
}

/* Whatever the clock says. */
static void
test_clocks(void)
{
	static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT";
	static const char soon[] = "Thu, 01 Jan 1970 00:00:05 GMT";
	static const int64 odd[] = {PG_INT64_MIN, PG_INT64_MIN + 1, PG_INT64_MAX};
	const int64 then = INT64CONST(784111777000);

	tap_is_int(cn_http_retry_after(date, then - 5000), 5000, "the date of RFC 9110");
	tap_is_int(cn_http_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", then - 5000), 5000,
			   "its second form");
	tap_is_int(cn_http_retry_after("Sun Nov  6 08:49:37 1994", then - 5000), 5000,
			   "its third form");
	tap_is_int(cn_http_retry_after(soon, 0), 5000, "in 1970");
	tap_is_int(cn_http_retry_after(soon, -5000), 10000, "before 1970");
	for (int i = 0; i < lengthof(odd); i++)
	{
		int64		wait = cn_http_retry_after("Saturday, 31-Jan-26 12:00:10 GMT", odd[i]);

		tap_is_int(wait, odd[i] == PG_INT64_MAX ? 0 : DAY, "an odd clock: " INT64_FORMAT, odd[i]);
	}
}

/* A year of two digits is the nearest one. */
static void
test_two_digits(void)
{
	const int64 end_of_1999 = INT64CONST(946684795000);
	const int64 end_of_2099 = INT64CONST(4102444795000);
	const int64 mid_2026 = INT64CONST(1782864000000);

	tap_is_int(cn_http_retry_after("Saturday, 01-Jan-00 00:00:00 GMT", end_of_1999), 5000,
			   "99 to 00");
	tap_is_int(cn_http_retry_after("Friday, 01-Jan-00 00:00:00 GMT", end_of_2099), 5000,
			   "2099 to 2100");
	tap_is_int(cn_http_retry_after("Friday, 29-Feb-00 00:00:00 GMT", end_of_2099), -1,
			   "2100 has no 29 February");
	tap_is_int(cn_http_retry_after("Monday, 01-Jan-76 00:00:00 GMT", mid_2026), DAY, "50 years on");
	tap_is_int(cn_http_retry_after("Saturday, 01-Jan-77 00:00:00 GMT", mid_2026), 0,
			   "49 years ago");
}

/* Every day of 800 years, against a calendar that counts days one by one. */
static void
test_calendar(void)
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
	};
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64		midnight = 0;
	bool		fine = true;

	for (int year = 1970; year < 2770; year++)
	{
		for (int month = 0; month < 12; month++)
		{
			bool		leap = year % 400 == 0 || (year % 100 != 0 && year % 4 == 0);
			int			days = lengths[month] + (month == 1 && leap);

			for (int day = 1; day <= days; day++, midnight += DAY)
			{
				char		text[64];

				snprintf(text, sizeof(text), "Mon, %02d %s %04d 00:00:01 GMT", day, months[month],
						 year);
				fine = fine && cn_http_retry_after(text, midnight) == 1000;
			}
		}
	}
	tap_ok(fine, "every day of 800 years");
}

static const struct
{
	const char *value;
	const char *rel;
	const char *target;
}			links[] = {
	/* no links, or none of that relation */
	{"", "next", NULL},
	{" , ,", "next", NULL},
	{"next", "next", NULL},
	{"<a", "next", NULL},
	{"<a; rel=next", "next", NULL},
	{"<a>", "next", NULL},
	{"<a>; rel", "next", NULL},
	{"<a>; rel=", "next", NULL},
	{"<a>; rel=\"\"", "next", NULL},
	{"<a>; rel=\"next", "prev", NULL},
	{"<a>; rel=nextpage", "next", NULL},
	{"<a>; rel=\"not-next nexts\"", "next", NULL},
	{"<a>; rel = prev", "next", NULL},
	{"<a>; x=\"; rel=next\"", "next", NULL},
	{"<a>; x=\"\\\"; rel=next\"", "next", NULL},
	{"<a>; rel*=UTF-8''next", "next", NULL},
	{"<a>; title=next", "next", NULL},
	{"<a> rel=next", "next", NULL},
	{"<a>; rel=prev; rel=next", "next", NULL},
	{"<a>; rel; rel=next", "next", NULL},
	{"<a>; rel=next; anchor=\"#x\"", "next", NULL},
	{"<a>; ANCHOR=x; rel=next", "next", NULL},
	{"<a>; rel=\"next\"", "", NULL},
	{"junk, <b>; rel=next", "next", NULL},
	{"<a>; rel=prev, junk, <b>; rel=next", "next", NULL},

	{"<>; rel=next", "next", ""},
	{"<a>;rel=next", "next", "a"},
	{"<a>; rel=\"next", "next", "a"},
	{"  <a>\t;\t rel \t=\t next \t", "next", "a"},
	{"<a>; REL=NEXT", "next", "a"},
	{"<a>; rel=next", "NeXt", "a"},
	{"<a>; rel=\"prev next\"", "next", "a"},
	{"<a>; rel=\"  prev \t next  \"", "next", "a"},
	{"<a>; rel=\"ne\\xt\"", "next", "a"},
	{"<a>; rel=next;", "next", "a"},
	{"<a>;;; ; rel=next", "next", "a"},
	{"<a>; =x; rel=next", "next", "a"},
	{"<a>; rel=\"next\"junk; x", "next", "a"},
	{"<a>; x=\"a, b; c\"; rel=next", "next", "a"},
	{"<a>; x=\"\\\"\\\\\"; rel=next", "next", "a"},
	{"<a>; rel=https://example.com/rel", "https://example.com/rel", "a"},
	{"<a,b;c>; rel=next", "next", "a,b;c"},
	{"<a<b>; rel=next", "next", "a<b"},
	{"<a>; rel=prev, <b>; rel=next", "next", "b"},
	{"<a>; rel=prev,<b>; rel=next,<c>; rel=next", "next", "b"},
	{",, <a>; rel=prev, , <b>; rel=next", "next", "b"},
	{"<a>, <b>; rel=next", "next", "b"},
	{"<a> junk; rel=prev, <b>; rel=next", "next", "b"},
	{"<a>; rel=next; anchor=\"/x\", <b>; rel=next", "next", "b"},
	{"<a>; x=\"<c>; rel=next\", <b>; rel=next", "next", "b"},
	{"<https://api.example.com/repos?page=2&per_page=5>; rel=\"next\", "
	"<https://api.example.com/repos?page=9&per_page=5>; rel=\"last\"", "next",
	"https://api.example.com/repos?page=2&per_page=5"},
	{"<https://api.example.com/repos?page=2>; rel=\"next\", "
	"<https://api.example.com/repos?page=9>; rel=\"last\"", "last",
	"https://api.example.com/repos?page=9"},
};

static void
test_links(void)
{
	for (int i = 0; i < lengthof(links); i++)
		tap_is(cn_http_link_find(links[i].value, links[i].rel), links[i].target, "Link: %s (%s)",
			   links[i].value, links[i].rel);
}

/* ---- budgets ---- */

static const struct
{
	const char *remaining;
	const char *reset;
	int			needed;
	int64		wanted;
}			budgets[] = {
	{NULL, "10", 1, 0},
	{"0", NULL, 1, 0},
	{"", "10", 1, 0},
	{"none", "10", 1, 0},
	{"0x", "10", 1, 0},
	{"0, 1", "10", 1, 0},
	{"--1", "10", 1, 0},
	{"-", "10", 1, 0},
	{"0", "soon", 1, 0},
	{"0", "", 1, 0},

	{"0", "10", 1, 10000},
	{" 0 ", " 10 ", 1, 10000},
	{"-3", "10", 1, 10000},
	{"0.5", "10", 1, 10000},
	{"1", "10", 1, 0},
	{"4", "10", 5, 10000},
	{"5", "10", 5, 0},
	{"99999999999999999999", "10", 1000, 0},
	{"0", "0", 1, 0},
	{"0", "1769860801", 1, 1000},
	{"0", "1769860799", 1, 0},
	{"0", "2026-01-31T12:01:00Z", 1, 60000},
	{"0", "Sat, 31 Jan 2026 12:00:10 GMT", 1, 10000},
	{"0", "99999999", 1, DAY},
};

static void
test_budgets(void)
{
	for (int i = 0; i < lengthof(budgets); i++)
		tap_is_int(cn_http_budget_after(budgets[i].remaining, budgets[i].reset, budgets[i].needed, NOW),
				   budgets[i].wanted, "budget %s until %s, needs %d",
				   budgets[i].remaining ? budgets[i].remaining : "(none)",
				   budgets[i].reset ? budgets[i].reset : "(none)", budgets[i].needed);
}

int
main(void)
{
	test_waits();
	test_clocks();
	test_two_digits();
	test_calendar();
	test_links();
	test_budgets();
	return tap_done();
}
