/*
 * formats_time.c -- dates, times and durations of RFC 3339.  Pure.
 */
#include "core/pure.h"

#include "schema/formats.h"

static bool read_number(const char **p, const char *end, int digits, int *number);
static bool read_char(const char **p, const char *end, char wanted);
static bool read_date(const char **p, const char *end);
static bool read_time(const char **p, const char *end);
static bool read_offset(const char **p, const char *end, int *minutes);
static bool read_units(const char **p, const char *end, const char *units);

/* So many digits. */
static bool
read_number(const char **p, const char *end, int digits, int *number)
{
	if (end - *p < digits)
		return false;
	*number = 0;
	for (; digits > 0; digits--, (*p)++)
	{
		if (**p < '0' || **p > '9')
			return false;
		*number = *number * 10 + (**p - '0');
	}
	return true;
}

static bool
read_char(const char **p, const char *end, char wanted)
{
	if (*p >= end || **p != wanted)
		return false;
	(*p)++;
	return true;
}

bool
cn_format_date(const char *text, int len)
{
	const char *p = text;

	return read_date(&p, text + len) && p == text + len;
}

bool
cn_format_time(const char *text, int len)
{
	const char *p = text;

	return read_time(&p, text + len) && p == text + len;
}

bool
cn_format_date_time(const char *text, int len)
{
	const char *p = text;
	const char *end = text + len;

	if (!read_date(&p, end) || !(read_char(&p, end, 'T') || read_char(&p, end, 't')))
		return false;
	return read_time(&p, end) && p == end;
}

/* full-date */
static bool
read_date(const char **p, const char *end)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int			year;
	int			month;
	int			day;
	bool		leap;

	if (!read_number(p, end, 4, &year) || !read_char(p, end, '-') ||
		!read_number(p, end, 2, &month) || !read_char(p, end, '-') ||
		!read_number(p, end, 2, &day))
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month >= 1 && month <= 12 && day >= 1 &&
		day <= days[month - 1] + (month == 2 && leap);
}

/* full-time.  A leap second is the last one of a day of UTC. */
static bool
read_time(const char **p, const char *end)
{
	int			hour;
	int			minute;
	int			second;
	int			offset;

	if (!read_number(p, end, 2, &hour) || !read_char(p, end, ':') ||
		!read_number(p, end, 2, &minute) || !read_char(p, end, ':') ||
		!read_number(p, end, 2, &second))
		return false;
	if (read_char(p, end, '.'))
	{
		int			digit;

		if (!read_number(p, end, 1, &digit))
			return false;
		while (*p < end && **p >= '0' && **p <= '9')
			(*p)++;
	}
	if (!read_offset(p, end, &offset) || hour > 23 || minute > 59)
		return false;
	return second <= 59 ||
		(second == 60 && (hour * 60 + minute - offset + 2 * 24 * 60) % (24 * 60) == 23 * 60 + 59);
}

/* time-offset */
static bool
read_offset(const char **p, const char *end, int *minutes)
{
	bool		negative;
	int			hour;
	int			minute;

	*minutes = 0;
	if (read_char(p, end, 'Z') || read_char(p, end, 'z'))
		return true;
	negative = read_char(p, end, '-');
	if (!negative && !read_char(p, end, '+'))
		return false;
	if (!read_number(p, end, 2, &hour) || !read_char(p, end, ':') ||
		!read_number(p, end, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*minutes = (hour * 60 + minute) * (negative ? -1 : 1);
	return true;
}

/* RFC 3339, appendix A: units in order, none left out between two. */
bool
cn_format_duration(const char *text, int len)
{
	const char *p = text;
	const char *end = text + len;
	bool		date = false;

	if (!read_char(&p, end, 'P') || p == end)
		return false;
	if (len > 1 && end[-1] == 'W')
		return read_units(&p, end, "W") && p == end;
	if (*p != 'T')
	{
		if (!read_units(&p, end, "YMD"))
			return false;
		date = true;
	}
	if (p == end)
		return date;
	return read_char(&p, end, 'T') && read_units(&p, end, "HMS") && p == end;
}

/* One or more numbers, each with the unit that follows that of the one before. */
static bool
read_units(const char **p, const char *end, const char *units)
{
	const char *next = NULL;

	while (*p < end && **p != 'T')
	{
		const char *unit;
		int			digit;

		if (!read_number(p, end, 1, &digit))
			return false;
		while (*p < end && **p >= '0' && **p <= '9')
			(*p)++;
		if (*p == end || (unit = strchr(units, **p)) == NULL || (next != NULL && unit != next))
			return false;
		(*p)++;
		next = unit + 1;
	}
	return next != NULL;
}
