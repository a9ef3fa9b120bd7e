/*
 * date_interval.c -- lengths of time in words and by ISO 8601.  Pure.
 */
#include "core/pure.h"

#include "expr/dates.h"

/* No date there is, 1 to 9999, is further than this from another. */
#define MAX_YEARS 10000
#define MAX_DAYS (MAX_YEARS * 366)
#define MAX_US ((int64) MAX_DAYS * CN_SECONDS_PER_DAY * CN_US_PER_SECOND)

/* Longer numbers are further away than that even in seconds, and could overflow. */
#define MAX_DIGITS 12

typedef struct Unit
{
	const char *name;			/* as a word; an "s" may follow */
	char		letter;			/* by ISO 8601 */
	bool		time;			/* behind the T */
	int			months;
	int			days;
	int64		us;
} Unit;

static const Unit units[] = {
	{"year", 'Y', false, 12, 0, 0},
	{"month", 'M', false, 1, 0, 0},
	{"week", 'W', false, 0, 7, 0},
	{"day", 'D', false, 0, 1, 0},
	{"hour", 'H', true, 0, 0, INT64CONST(3600000000)},
	{"minute", 'M', true, 0, 0, INT64CONST(60000000)},
	{"second", 'S', true, 0, 0, INT64CONST(1000000)},
	{"millisecond", '\0', true, 0, 0, INT64CONST(1000)},
};

typedef struct Number
{
	int64		whole;			/* its size */
	int64		us;				/* millionths behind the point */
	bool		fraction;
	bool		negative;
} Number;

static bool read_iso(const char *p, const char *end, CnInterval *interval);
static bool read_words(const char *p, const char *end, CnInterval *interval);
static bool read_number(const char **p, const char *end, Number *number);
static const Unit *find_word(const char *word, int len);
static bool add(CnInterval *interval, const Unit *unit, const Number *number);

bool
cn_interval_read(const char *text, int len, CnInterval *interval)
{
	const char *p = text;
	const char *end = text + len;

	memset(interval, 0, sizeof(*interval));
	while (p < end && *p == ' ')
		p++;
	while (p < end && end[-1] == ' ')
		end--;
	if (p < end && (*p == 'P' || ((*p == '-' || *p == '+') && end - p > 1 && p[1] == 'P')))
		return read_iso(p, end, interval);
	return read_words(p, end, interval);
}

/* [-]P1Y2M3W4DT5H6M7.5S */
static bool
read_iso(const char *p, const char *end, CnInterval *interval)
{
	bool		negative = *p == '-';
	bool		time = false;
	int			parts = 0;

	p += *p != 'P';
	for (p++; p < end; parts++)
	{
		Number		number;
		int			i;

		if (*p == 'T' && !time)
		{
			time = true;
			p++;
		}
		if (!read_number(&p, end, &number) || p >= end)
			return false;
		for (i = 0; i < lengthof(units); i++)
		{
			if (units[i].letter == *p && units[i].time == time)
				break;
		}
		number.negative = number.negative != negative;
		if (i == lengthof(units) || !add(interval, &units[i], &number))
			return false;
		p++;
	}
	return parts > 0;
}

/* 1 year 2 months -3 days */
static bool
read_words(const char *p, const char *end, CnInterval *interval)
{
	int			parts = 0;

	for (; p < end; parts++)
	{
		Number		number;
		const Unit *unit;
		const char *word;

		if (!read_number(&p, end, &number))
			return false;
		while (p < end && *p == ' ')
			p++;
		word = p;
		while (p < end && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')))
			p++;
		unit = find_word(word, p - word);
		if (unit == NULL || !add(interval, unit, &number))
			return false;
		while (p < end && (*p == ' ' || *p == ','))
			p++;
	}
	return parts > 0;
}

static bool
read_number(const char **p, const char *end, Number *number)
{
	int			unit = 100000;
	const char *start;

	memset(number, 0, sizeof(*number));
	if (*p < end && (**p == '-' || **p == '+'))
		number->negative = *(*p)++ == '-';
	for (start = *p; *p < end && **p >= '0' && **p <= '9'; (*p)++)
	{
		if (*p - start == MAX_DIGITS)
			return false;
		number->whole = number->whole * 10 + **p - '0';
	}
	if (*p == start)
		return false;
	if (*p >= end || **p != '.')
		return true;
	number->fraction = true;
	for (start = ++(*p); *p < end && **p >= '0' && **p <= '9'; (*p)++)
	{
		number->us += (**p - '0') * unit;
		unit /= 10;
	}
	return *p > start;
}

static const Unit *
find_word(const char *word, int len)
{
	int			i;

	for (i = 0; i < lengthof(units); i++)
	{
		int			size = strlen(units[i].name);

		if ((len == size || (len == size + 1 && (word[size] | 0x20) == 's')) &&
			pg_strncasecmp(word, units[i].name, size) == 0)
			return &units[i];
	}
	return NULL;
}

static bool
add(CnInterval *interval, const Unit *unit, const Number *number)
{
	int64		sign = number->negative ? -1 : 1;

	if (number->fraction && unit->us != CN_US_PER_SECOND)
		return false;
	/* the longest way in days, compared without leaving the range of numbers */
	if (unit->months > 0 ? number->whole > MAX_YEARS * 12 / unit->months
		: unit->days > 0 ? number->whole > MAX_DAYS / unit->days
		: number->whole > MAX_US / unit->us)
		return false;
	interval->months += sign * number->whole * unit->months;
	interval->days += sign * number->whole * unit->days;
	interval->us += sign * (number->whole * unit->us + number->us);
	/* many parts may add up to more */
	return llabs(interval->months) <= MAX_YEARS * 12 && llabs(interval->days) <= MAX_DAYS &&
		llabs(interval->us) <= MAX_US;
}
