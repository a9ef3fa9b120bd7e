/*
 * retry_after.c -- how long a reply's headers ask us to wait.  Pure.
 *
 * Dates are read here rather than by strptime or timegm, because those depend
 * on locale and time zone of the process, and take what is no date.  A date
 * must be exact; whatever is not is as if the header were not there, and then
 * the back-off decides, which does no harm.
 */
#include "http/retry_after.h"

#define MS_PER_DAY (INT64CONST(24) * 60 * 60 * 1000)

/* Average of the Gregorian calendar: 400 years have 146097 days. */
#define MS_PER_YEAR (INT64CONST(146097) * MS_PER_DAY / 400)

/*
 * How a bare number in a reset header is told apart: below 1e8 it is seconds
 * to wait (three years), below 1e11 a Unix time in seconds, below 1e14 one in
 * milliseconds.  Both times begin in March 1973, and last until 5138.
 */
#define SECONDS_TO_WAIT_MAX INT64CONST(100000000)
#define UNIX_SECONDS_MAX INT64CONST(100000000000)
#define UNIX_MS_MAX INT64CONST(100000000000000)

static const char *const month_names[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

static const char *const day_names[] = {
	"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
};

static const char *const long_day_names[] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"
};

typedef struct DateTime
{
	int			year;
	int			month;			/* 1..12 */
	int			day;
	int			hour;
	int			minute;
	int			second;			/* up to 60: a leap second */
	int			ms;
	int			offset;			/* of its zone: minutes east of UTC */
} DateTime;

/* What is left to read.  Those that look for one token leave it alone if that is not there. */
typedef struct Cursor
{
	const char *at;
	const char *end;
} Cursor;

static int64 until(int64 moment, int64 now);
static bool read_http_date(const char *value, int64 now, int64 *moment);
static bool read_imf_date(Cursor c, int64 now, DateTime *date);
static bool read_rfc850_date(Cursor c, int64 now, DateTime *date);
static bool read_asctime_date(Cursor c, int64 now, DateTime *date);
static bool read_iso_date(Cursor c, DateTime *date);
static bool read_zone(Cursor *c, DateTime *date);
static bool read_fraction(Cursor *c, int *ms);
static bool read_decimal(Cursor *c, int64 *whole, int *ms);
static bool read_clock(Cursor *c, DateTime *date);
static bool to_moment(const DateTime *date, int64 *moment);
static int64 days_before(int year, int month);

/* ---- reading ---- */

/* value without white space around it. */
static Cursor
trimmed(const char *value)
{
	Cursor		c = {value, value + strlen(value)};

	while (c.at < c.end && (*c.at == ' ' || *c.at == '\t'))
		c.at++;
	while (c.end > c.at && (c.end[-1] == ' ' || c.end[-1] == '\t'))
		c.end--;
	return c;
}

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool
at_end(const Cursor *c)
{
	return c->at == c->end;
}

static bool
read_text(Cursor *c, const char *text)
{
	size_t		len = strlen(text);

	if ((size_t) (c->end - c->at) < len || memcmp(c->at, text, len) != 0)
		return false;
	c->at += len;
	return true;
}

/* One of names, as its number from 0. */
static bool
read_name(Cursor *c, const char *const *names, int count, int *which)
{
	for (int i = 0; i < count; i++)
	{
		if (read_text(c, names[i]))
		{
			*which = i;
			return true;
		}
	}
	return false;
}

/* A name of a day.  Whether it is that of the date is not asked. */
static bool
read_day_name(Cursor *c, const char *const *names)
{
	int			which;

	return read_name(c, names, lengthof(day_names), &which);
}

static bool
read_month_name(Cursor *c, int *month)
{
	int			which;

	if (!read_name(c, month_names, lengthof(month_names), &which))
		return false;
	*month = which + 1;
	return true;
}

/* Exactly count digits. */
static bool
read_digits(Cursor *c, int count, int *number)
{
	int			sum = 0;

	if (c->end - c->at < count)
		return false;
	for (int i = 0; i < count; i++)
	{
		if (!is_digit(c->at[i]))
			return false;
		sum = sum * 10 + (c->at[i] - '0');
	}
	c->at += count;
	*number = sum;
	return true;
}

/* ---- the two headers ---- */

/*
 * cn_http_retry_after -- delay asked for by a Retry-After header.
 *
 * delay-seconds or an HTTP-date.  RFC 9110, section 10.2.3.
 */
int64
cn_http_retry_after(const char *value, int64 now)
{
	Cursor		c = trimmed(value);
	int64		seconds;
	int64		moment;
	int			ms;

	if (read_decimal(&c, &seconds, &ms))
		return at_end(&c) && ms < 0 ? Min(seconds * 1000, CN_RETRY_AFTER_MAX_MS) : -1;
	return read_http_date(value, now, &moment) ? until(moment, now) : -1;
}

/*
 * cn_http_reset_after -- delay until the moment that a provider's reset header names.
 *
 * X-RateLimit-Reset and its like have no standard: seconds to wait (as
 * RateLimit-Reset in the IETF's drafts), a Unix time in seconds or
 * milliseconds, all of them with or without a fraction; an RFC 3339 time, or
 * an HTTP-date.
 */
int64
cn_http_reset_after(const char *value, int64 now)
{
	Cursor		c = trimmed(value);
	DateTime	date;
	int64		number;
	int64		moment;
	int			ms;

	if (read_iso_date(c, &date))
		return to_moment(&date, &moment) ? until(moment, now) : -1;
	if (!read_decimal(&c, &number, &ms))
		return read_http_date(value, now, &moment) ? until(moment, now) : -1;
	if (!at_end(&c) || number >= UNIX_MS_MAX)
		return -1;
	ms = Max(ms, 0);
	if (number < SECONDS_TO_WAIT_MAX)
		return Min(number * 1000 + ms, CN_RETRY_AFTER_MAX_MS);
	if (number < UNIX_SECONDS_MAX)
		return until(number * 1000 + ms, now);
	return until(number, now);
}

/*
 * cn_http_budget_after -- is a budget used up, and until when?
 *
 * remaining: a number, with a fraction where requests have weights; below zero it is overdrawn
 * reset:     any form that cn_http_reset_after knows
 */
int64
cn_http_budget_after(const char *remaining, const char *reset, int needed, int64 now)
{
	Cursor		c;
	int64		whole;
	int			ms;
	bool		overdrawn;

	if (remaining == NULL || reset == NULL)
		return 0;
	c = trimmed(remaining);
	overdrawn = read_text(&c, "-");
	if (!read_decimal(&c, &whole, &ms) || !at_end(&c) || (!overdrawn && whole >= needed))
		return 0;
	return Max(0, cn_http_reset_after(reset, now));
}

/* Milliseconds from now until moment, within what is ever returned. */
static int64
until(int64 moment, int64 now)
{
	if (moment <= now)
		return 0;
	if (now <= moment - CN_RETRY_AFTER_MAX_MS)	/* moment - now might overflow */
		return CN_RETRY_AFTER_MAX_MS;
	return moment - now;
}

/*
 * read_decimal -- digits, and a point with digits if there is one.
 *
 * *whole: at most UNIX_MS_MAX, whatever the number of digits
 * *ms:    the fraction in thousandths, rounded up, 0..1000; -1: there is none
 */
static bool
read_decimal(Cursor *c, int64 *whole, int *ms)
{
	if (at_end(c) || !is_digit(*c->at))
		return false;
	*whole = 0;
	for (; !at_end(c) && is_digit(*c->at); c->at++)
		*whole = Min(*whole * 10 + (*c->at - '0'), UNIX_MS_MAX);
	if (!read_fraction(c, ms))
		*ms = -1;
	return true;
}

/* ".25" in thousandths, rounded up: to wait too short would be in vain. */
static bool
read_fraction(Cursor *c, int *ms)
{
	const char *at = c->at + 1;
	int			unit = 100;
	bool		more = false;

	if (c->end - c->at < 2 || *c->at != '.' || !is_digit(*at))
		return false;
	for (*ms = 0; at < c->end && is_digit(*at); at++, unit /= 10)
	{
		*ms += (*at - '0') * unit;
		more = more || (unit == 0 && *at != '0');
	}
	*ms += more;
	c->at = at;
	return true;
}

/* ---- dates ---- */

/* One of the three forms of RFC 9110, section 5.6.7. */
static bool
read_http_date(const char *value, int64 now, int64 *moment)
{
	Cursor		c = trimmed(value);
	DateTime	date;

	memset(&date, 0, sizeof(date));
	return (read_imf_date(c, now, &date) || read_rfc850_date(c, now, &date) ||
			read_asctime_date(c, now, &date)) && to_moment(&date, moment);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool
read_imf_date(Cursor c, int64 now, DateTime *date)
{
	return read_day_name(&c, day_names) && read_text(&c, ", ") &&
		read_digits(&c, 2, &date->day) && read_text(&c, " ") &&
		read_month_name(&c, &date->month) && read_text(&c, " ") &&
		read_digits(&c, 4, &date->year) && read_text(&c, " ") &&
		read_clock(&c, date) && read_text(&c, " GMT") && at_end(&c);
}

/*
 * read_rfc850_date -- Sunday, 06-Nov-94 08:49:37 GMT
 *
 * A year of two digits is that of now's century, unless it would be more than
 * 50 years off: then it is one of the century before or behind.
 */
static bool
read_rfc850_date(Cursor c, int64 now, DateTime *date)
{
	/* a new year may be noticed a day late; a clock that is out of all bounds does no harm */
	int			this_year = 1970 + (int) Max(Min(now / MS_PER_YEAR, 8000), 0);
	int			year;

	if (!(read_day_name(&c, long_day_names) && read_text(&c, ", ") &&
		  read_digits(&c, 2, &date->day) && read_text(&c, "-") &&
		  read_month_name(&c, &date->month) && read_text(&c, "-") &&
		  read_digits(&c, 2, &year) && read_text(&c, " ") &&
		  read_clock(&c, date) && read_text(&c, " GMT") && at_end(&c)))
		return false;
	year += this_year - this_year % 100;
	if (year > this_year + 50)
		year -= 100;
	else if (year <= this_year - 50)
		year += 100;
	date->year = year;
	return true;
}

/* Sun Nov  6 08:49:37 1994; a blank stands for the first digit of the day. */
static bool
read_asctime_date(Cursor c, int64 now, DateTime *date)
{
	return read_day_name(&c, day_names) && read_text(&c, " ") &&
		read_month_name(&c, &date->month) && read_text(&c, " ") &&
		(read_text(&c, " ") ? read_digits(&c, 1, &date->day) : read_digits(&c, 2, &date->day)) &&
		read_text(&c, " ") && read_clock(&c, date) && read_text(&c, " ") &&
		read_digits(&c, 4, &date->year) && at_end(&c);
}

/* 2026-01-31T12:00:00.000Z; RFC 3339, with the zone, for without it is no moment. */
static bool
read_iso_date(Cursor c, DateTime *date)
{
	memset(date, 0, sizeof(*date));
	if (!(read_digits(&c, 4, &date->year) && read_text(&c, "-") &&
		  read_digits(&c, 2, &date->month) && read_text(&c, "-") &&
		  read_digits(&c, 2, &date->day) &&
		  (read_text(&c, "T") || read_text(&c, "t") || read_text(&c, " ")) &&
		  read_clock(&c, date)))
		return false;
	read_fraction(&c, &date->ms);
	return read_zone(&c, date) && at_end(&c);
}

/* Z, +02:00 or +0200 */
static bool
read_zone(Cursor *c, DateTime *date)
{
	int			sign;
	int			hours;
	int			minutes;

	if (read_text(c, "Z") || read_text(c, "z"))
		return true;
	if (read_text(c, "+"))
		sign = 1;
	else if (read_text(c, "-"))
		sign = -1;
	else
		return false;
	if (!read_digits(c, 2, &hours))
		return false;
	read_text(c, ":");
	if (!read_digits(c, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	date->offset = sign * (hours * 60 + minutes);
	return true;
}

static bool
read_clock(Cursor *c, DateTime *date)
{
	return read_digits(c, 2, &date->hour) && read_text(c, ":") &&
		read_digits(c, 2, &date->minute) && read_text(c, ":") &&
		read_digits(c, 2, &date->second);
}

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Unix milliseconds of a date, if there is such a day and time. */
static bool
to_moment(const DateTime *date, int64 *moment)
{
	static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64		minutes;

	if (date->month < 1 || date->month > 12 || date->day < 1 ||
		date->day > month_days[date->month - 1] + (date->month == 2 && is_leap(date->year)) ||
		date->hour > 23 || date->minute > 59 || date->second > 60)
		return false;
	minutes = ((days_before(date->year, date->month) + date->day - 1) * 24 + date->hour) * 60 +
		date->minute - date->offset;
	*moment = (minutes * 60 + date->second) * 1000 + date->ms;
	return true;
}

/* Days from 1 January 1970 to the first of a month; year 0 or later. */
static int64
days_before(int year, int month)
{
	static const int days_of_year[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int64		past = year - 1;	/* years that are over since the year 1 */
	int64		days = past * 365;

	if (past >= 0)
		days += past / 4 - past / 100 + past / 400;
	else
		days -= 1;				/* the year 0 is a leap year */
	days += days_of_year[month - 1] + (month > 2 && is_leap(year));
	return days - INT64CONST(719162);	/* the same of 1 January 1970 */
}
