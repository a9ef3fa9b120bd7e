/*
 * moment.c -- instants as RFC 3339 writes them, and the calendar; see moment.h.  Pure.
 */
#include "core/pure.h"

#include "core/moment.h"

/* Offsets that exist, or did, are below sixteen hours. */
#define MAX_OFFSET (16 * 3600)

static bool read_digits(const char **p, const char *end, int count, int *value);
static bool read_byte(const char **p, const char *end, char byte);
static bool read_date(const char **p, const char *end, CnCivil *civil);
static bool read_time(const char **p, const char *end, CnCivil *civil);
static void read_fraction(const char **p, const char *end, CnCivil *civil);
static void civil_from_days(int64 days, CnCivil *civil);
static int64 floor_div(int64 a, int64 b);

/* ---- reading ---- */

bool
cn_moment_read(const char *text, int len, CnMoment *moment)
{
	const char *p = text;
	const char *end = text + len;
	CnCivil		civil = {0};
	int			offset = 0;

	if (!read_date(&p, end, &civil))
		return false;
	if (p < end)
	{
		if (*p != 'T' && *p != 't' && *p != ' ')
			return false;
		p++;
		if (!read_time(&p, end, &civil))
			return false;
		if (p < end && (*p == 'Z' || *p == 'z'))
			p++;
		else
			p += cn_moment_read_offset(p, end - p, &offset);
	}
	if (p < end || !cn_civil_valid(&civil) || !cn_moment_from_civil(&civil, offset, moment))
		return false;
	moment->date_only = len == 10;
	return true;
}

static bool
read_date(const char **p, const char *end, CnCivil *civil)
{
	return read_digits(p, end, 4, &civil->year) && read_byte(p, end, '-') &&
		read_digits(p, end, 2, &civil->month) && read_byte(p, end, '-') &&
		read_digits(p, end, 2, &civil->day);
}

static bool
read_time(const char **p, const char *end, CnCivil *civil)
{
	if (!read_digits(p, end, 2, &civil->hour) || !read_byte(p, end, ':') ||
		!read_digits(p, end, 2, &civil->minute))
		return false;
	if (!read_byte(p, end, ':'))
		return true;
	if (!read_digits(p, end, 2, &civil->second))
		return false;
	read_fraction(p, end, civil);
	return true;
}

/* A point and digits, if they come next; what is below a microsecond is dropped. */
static void
read_fraction(const char **p, const char *end, CnCivil *civil)
{
	int			unit = 100000;

	if (end - *p < 2 || **p != '.' || (*p)[1] < '0' || (*p)[1] > '9')
		return;
	for ((*p)++; *p < end && **p >= '0' && **p <= '9'; (*p)++)
	{
		civil->us += (**p - '0') * unit;
		unit /= 10;
	}
}

int
cn_moment_read_offset(const char *text, int len, int *offset)
{
	const char *p = text;
	const char *end = text + len;
	int			hours;
	int			minutes = 0;
	int			seconds = 0;

	if (len < 3 || (*p != '+' && *p != '-'))
		return 0;
	p++;
	if (!read_digits(&p, end, 2, &hours))
		return 0;
	if (read_byte(&p, end, ':'))
	{
		if (!read_digits(&p, end, 2, &minutes))
			return 0;
		if (read_byte(&p, end, ':') && !read_digits(&p, end, 2, &seconds))
			return 0;
	}
	else if (p < end && *p >= '0' && *p <= '9' && !read_digits(&p, end, 2, &minutes))
		return 0;
	if (minutes > 59 || seconds > 59 || hours * 3600 >= MAX_OFFSET)
		return 0;
	*offset = (hours * 60 + minutes) * 60 + seconds;
	if (*text == '-')
		*offset = -*offset;
	return p - text;
}

static bool
read_digits(const char **p, const char *end, int count, int *value)
{
	int			i;

	if (end - *p < count)
		return false;
	*value = 0;
	for (i = 0; i < count; i++)
	{
		char		byte = (*p)[i];

		if (byte < '0' || byte > '9')
			return false;
		*value = *value * 10 + byte - '0';
	}
	*p += count;
	return true;
}

static bool
read_byte(const char **p, const char *end, char byte)
{
	if (*p >= end || **p != byte)
		return false;
	(*p)++;
	return true;
}

/* ---- dates of mail ---- */

/* Past a name of three letters; its number from 1, or 0 if it is none of names. */
static int
read_name(const char **p, const char *end, const char *names)
{
	if (end - *p < 3)
		return 0;
	for (int i = 0; names[i * 3]; i++)
	{
		if (pg_strncasecmp(*p, names + i * 3, 3) != 0)
			continue;
		*p += 3;
		return i + 1;
	}
	return 0;
}

/* "24" or "4" */
static bool
read_day(const char **p, const char *end, int *day)
{
	return read_digits(p, end, 2, day) || read_digits(p, end, 1, day);
}

static bool
read_mail_zone(const char *p, const char *end, int *offset)
{
	static const char *const names[] = {"GMT", "UTC", "UT", "Z"};

	if (end - p == 5 && cn_moment_read_offset(p, 5, offset) == 5)
		return true;
	*offset = 0;
	for (int i = 0; i < lengthof(names); i++)
		if (end - p == strlen(names[i]) && pg_strncasecmp(p, names[i], end - p) == 0)
			return true;
	return false;
}

bool
cn_moment_read_mail(const char *text, int len, CnMoment *moment)
{
	const char *p = text;
	const char *end = text + len;
	CnCivil		civil = {0};
	int			offset;

	if (read_name(&p, end, "MonTueWedThuFriSatSun") &&
		!(read_byte(&p, end, ',') && read_byte(&p, end, ' ')))
		return false;
	if (!read_day(&p, end, &civil.day) || !read_byte(&p, end, ' '))
		return false;
	civil.month = read_name(&p, end, "JanFebMarAprMayJunJulAugSepOctNovDec");
	return read_byte(&p, end, ' ') && read_digits(&p, end, 4, &civil.year) &&
		read_byte(&p, end, ' ') && read_time(&p, end, &civil) && read_byte(&p, end, ' ') &&
		read_mail_zone(p, end, &offset) && cn_civil_valid(&civil) &&
		cn_moment_from_civil(&civil, offset, moment);
}

bool
cn_civil_valid(const CnCivil *civil)
{
	return civil->year >= 1 && civil->year <= 9999 && civil->month >= 1 && civil->month <= 12 &&
		civil->day >= 1 && civil->day <= cn_days_in_month(civil->year, civil->month) &&
		civil->hour <= 23 && civil->minute <= 59 && civil->second <= 60;
}

/* ---- writing ---- */

int
cn_moment_write(char *out, const CnMoment *moment)
{
	CnCivil		civil;
	int			offset = abs(moment->offset);
	int			len;

	cn_moment_civil(moment, &civil);
	len = sprintf(out, "%04d-%02d-%02d", civil.year, civil.month, civil.day);
	if (moment->date_only)
		return len;
	len += sprintf(out + len, "T%02d:%02d:%02d", civil.hour, civil.minute, civil.second);
	if (civil.us % 1000 != 0)
		len += sprintf(out + len, ".%06d", civil.us);
	else if (civil.us != 0)
		len += sprintf(out + len, ".%03d", civil.us / 1000);
	if (offset == 0)
		return len + sprintf(out + len, "Z");
	len += sprintf(out + len, "%c%02d:%02d", moment->offset < 0 ? '-' : '+',
				   offset / 3600, offset / 60 % 60);
	if (offset % 60 != 0)
		len += sprintf(out + len, ":%02d", offset % 60);
	return len;
}

/* ---- instants and clocks ---- */

void
cn_moment_civil(const CnMoment *moment, CnCivil *civil)
{
	int64		local = moment->us + moment->offset * CN_US_PER_SECOND;
	int64		seconds = floor_div(local, CN_US_PER_SECOND);
	int64		days = floor_div(seconds, CN_SECONDS_PER_DAY);
	int			second = (int) (seconds - days * CN_SECONDS_PER_DAY);

	civil_from_days(days, civil);
	civil->hour = second / 3600;
	civil->minute = second / 60 % 60;
	civil->second = second % 60;
	civil->us = (int) (local - seconds * CN_US_PER_SECOND);
}

bool
cn_moment_from_civil(const CnCivil *civil, int offset, CnMoment *moment)
{
	int64		seconds = cn_days_from_civil(civil->year, civil->month, civil->day) *
		CN_SECONDS_PER_DAY;

	seconds += civil->hour * 3600 + civil->minute * 60 + civil->second - offset;
	moment->us = seconds * CN_US_PER_SECOND + civil->us;
	moment->offset = offset;
	moment->date_only = false;
	return cn_moment_in_range(moment);
}

bool
cn_moment_in_range(const CnMoment *moment)
{
	int64		local = floor_div(moment->us, CN_US_PER_SECOND) + moment->offset;

	return local >= cn_days_from_civil(1, 1, 1) * CN_SECONDS_PER_DAY &&
		local < cn_days_from_civil(10000, 1, 1) * CN_SECONDS_PER_DAY;
}

/* ---- the calendar ---- */

/*
 * Years are counted from March, so that the leap day is the last day of a year
 * and the lengths of the months before it are a straight line; 400 years are
 * 146097 days.
 */
int64
cn_days_from_civil(int64 year, int month, int day)
{
	int64		y = month > 2 ? year : year - 1;
	int64		era = floor_div(y, 400);
	int			year_of_era = (int) (y - era * 400);
	int			day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int			day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void
civil_from_days(int64 days, CnCivil *civil)
{
	int64		shifted = days + 719468;
	int64		era = floor_div(shifted, 146097);
	int			day_of_era = (int) (shifted - era * 146097);
	int			year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
							   day_of_era / 146096) / 365;
	int			leap_days = year_of_era / 4 - year_of_era / 100;
	int			day_of_year = day_of_era - (365 * year_of_era + leap_days);
	int			month = (5 * day_of_year + 2) / 153;

	civil->day = day_of_year - (153 * month + 2) / 5 + 1;
	civil->month = month < 10 ? month + 3 : month - 9;
	civil->year = (int) (year_of_era + era * 400) + (civil->month <= 2);
}

int
cn_days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

int
cn_iso_weekday(int64 days)
{
	/* 1970-01-01 was a Thursday */
	return (int) (days + 3 - floor_div(days + 3, 7) * 7) + 1;
}

static int64
floor_div(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}
