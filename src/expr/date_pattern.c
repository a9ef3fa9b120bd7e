/*
 * date_pattern.c -- dates by the patterns of the server's to_char.  Pure.
 *
 * A subset, and strict: what is not a field, white space, punctuation or text
 * in double quotes is refused, where to_char would print it as it is and
 * to_timestamp would skip over it.  What is written is what to_char writes.
 */
#include "core/pure.h"

#include "core/utf8.h"
#include "expr/dates.h"
#include "expr/filters.h"

typedef enum Field
{
	LITERAL,
	YEAR, YEAR2, MONTH, DAY, HOUR24, HOUR12, MINUTE, SECOND, MS, US,
	MONTH_NAME, MONTH_SHORT, DAY_NAME, DAY_SHORT, HALF_DAY,
	ZONE_HOUR, ZONE_MINUTE, ZONE,
	/* only written */
	DAY_OF_YEAR, WEEKDAY, ISO_WEEKDAY, ISO_WEEK, ISO_YEAR, QUARTER
} Field;

typedef enum NameStyle
{
	UPPER,
	TITLE,
	LOWER
} NameStyle;

typedef struct FieldName
{
	const char *name;
	Field		field;
	NameStyle	style;
} FieldName;

/* Of names that begin alike the longer comes first. */
static const FieldName field_names[] = {
	{"YYYY", YEAR, UPPER}, {"YY", YEAR2, UPPER},
	{"MONTH", MONTH_NAME, UPPER}, {"Month", MONTH_NAME, TITLE}, {"month", MONTH_NAME, LOWER},
	{"MON", MONTH_SHORT, UPPER}, {"Mon", MONTH_SHORT, TITLE}, {"mon", MONTH_SHORT, LOWER},
	{"MM", MONTH, UPPER}, {"MI", MINUTE, UPPER}, {"MS", MS, UPPER},
	{"DDD", DAY_OF_YEAR, UPPER}, {"DD", DAY, UPPER},
	{"DAY", DAY_NAME, UPPER}, {"Day", DAY_NAME, TITLE}, {"day", DAY_NAME, LOWER},
	{"DY", DAY_SHORT, UPPER}, {"Dy", DAY_SHORT, TITLE}, {"dy", DAY_SHORT, LOWER},
	{"D", WEEKDAY, UPPER},
	{"HH24", HOUR24, UPPER}, {"HH12", HOUR12, UPPER}, {"HH", HOUR12, UPPER},
	{"SS", SECOND, UPPER}, {"US", US, UPPER},
	{"AM", HALF_DAY, UPPER}, {"PM", HALF_DAY, UPPER},
	{"am", HALF_DAY, LOWER}, {"pm", HALF_DAY, LOWER},
	{"TZH", ZONE_HOUR, UPPER}, {"TZM", ZONE_MINUTE, UPPER}, {"OF", ZONE, UPPER},
	{"IYYY", ISO_YEAR, UPPER}, {"IW", ISO_WEEK, UPPER}, {"ID", ISO_WEEKDAY, UPPER},
	{"Q", QUARTER, UPPER},
};

static const char *const month_names[] = {
	"January", "February", "March", "April", "May", "June", "July", "August", "September",
	"October", "November", "December"
};

static const char *const day_names[] = {
	"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
};

typedef struct Item
{
	Field		field;
	NameStyle	style;
	bool		fill;			/* with zeros or blanks to full width; FM turns it off */
	bool		touches;		/* another number, without anything between */
	const char *text;			/* LITERAL */
	int			len;
} Item;

struct CnDatePattern
{
	int			count;
	Item	   *items;
};

/* Numbers and names as they are read, before they are a date. */
typedef struct Reading
{
	CnCivil		civil;
	int			half_day;		/* 0: morning, 12: afternoon, -1: none read */
	bool		twelve;			/* the hour is of a clock with twelve */
	int			zone_sign;
	int			zone_hour;
	int			zone_minute;
	int			zone_offset;	/* read whole */
} Reading;

static int	compile_item(const char *text, int len, bool fill, Item *item);
static int	compile_quoted(const char *text, int len, Item *item);
static const FieldName *find_field(const char *text, int len);
static bool check_for_reading(const CnDatePattern *pattern, const char **problem);
static void write_item(StringInfo out, const Item *item, const CnMoment *moment);
static void write_number(StringInfo out, const Item *item, int width, int value);
static void write_name(StringInfo out, const Item *item, const char *name, int shown);
static void write_zone(StringInfo out, const Item *item, int offset);
static void iso_week(const CnCivil *civil, int *year, int *week);
static bool read_item(const Item *item, const char **p, const char *end, Reading *r);
static bool read_literal(const Item *item, const char **p, const char *end);
static bool read_number(const Item *item, int width, const char **p, const char *end, int *value);
static bool read_fraction(int width, const char **p, const char *end, int *us);
static bool read_name(const char *const *names, int count, int shown, const char **p,
					  const char *end, int *value);
static bool finish_reading(Reading *r);

/* ---- compiling ---- */

static bool
is_letter(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

CnDatePattern *
cn_date_pattern_compile(const char *text, int len, bool for_reading, const char **problem)
{
	CnDatePattern *pattern = (CnDatePattern *) palloc0(sizeof(CnDatePattern));
	int			pos = 0;
	bool		fill = true;
	int			i;

	pattern->items = (Item *) palloc0(sizeof(Item) * (len + 1));
	while (pos < len)
	{
		int			step;

		if (len - pos >= 2 && strncmp(text + pos, "FM", 2) == 0)
		{
			fill = false;
			pos += 2;
			continue;
		}
		step = compile_item(text + pos, len - pos, fill, &pattern->items[pattern->count++]);
		if (step == 0)
		{
			int			shown = cn_utf8_skip(text + pos, len - pos, 8);

			*problem = psprintf("unknown date pattern at byte %d: %s", pos,
								cn_filter_quote(text + pos, shown));
			return NULL;
		}
		fill = true;
		pos += step;
	}
	for (i = pattern->count - 1; i > 0; i--)
		pattern->items[i].touches = pattern->items[i].touches || pattern->items[i - 1].touches;
	return !for_reading || check_for_reading(pattern, problem) ? pattern : NULL;
}

/* Returns how long the item's text is; 0 if there is none. */
static int
compile_item(const char *text, int len, bool fill, Item *item)
{
	const FieldName *name = find_field(text, len);
	int			size = 1;

	item->fill = fill;
	if (name != NULL)
	{
		item->field = name->field;
		item->style = name->style;
		size = strlen(name->name);
		name = find_field(text + size, len - size);
		item->touches = name != NULL && name->field <= US;
		return size;
	}
	if (text[0] == '"')
		return compile_quoted(text, len, item);
	if (is_letter(text[0]) || (unsigned char) text[0] >= 0x80)
		return 0;
	item->field = LITERAL;
	item->text = pnstrdup(text, 1);
	item->len = 1;
	return 1;
}

/* "text"; a backslash makes the next character an ordinary one. */
static int
compile_quoted(const char *text, int len, Item *item)
{
	StringInfoData buf;
	int			pos;

	initStringInfo(&buf);
	for (pos = 1; pos < len && text[pos] != '"'; pos++)
	{
		if (text[pos] == '\\' && pos + 1 < len)
			pos++;
		appendStringInfoChar(&buf, text[pos]);
	}
	if (pos >= len)
		return 0;
	item->field = LITERAL;
	item->text = buf.data;
	item->len = buf.len;
	return pos + 1;
}

/* Numbers may be written in small letters, too. */
static const FieldName *
find_field(const char *text, int len)
{
	int			i;

	for (i = 0; i < lengthof(field_names); i++)
	{
		const FieldName *name = &field_names[i];
		int			size = strlen(name->name);
		bool		is_name = name->field >= MONTH_NAME && name->field <= HALF_DAY;
		char		small[8];

		if (size > len)
			continue;
		strlcpy(small, name->name, sizeof(small));
		if (!is_name)
		{
			char	   *p;

			for (p = small; *p != '\0'; p++)
				*p = pg_tolower((unsigned char) *p);
		}
		if (memcmp(text, name->name, size) == 0 || memcmp(text, small, size) == 0)
			return name;
	}
	return NULL;
}

static bool
check_for_reading(const CnDatePattern *pattern, const char **problem)
{
	bool		year = false;
	int			i;

	for (i = 0; i < pattern->count; i++)
	{
		Field		field = pattern->items[i].field;

		if (field >= DAY_OF_YEAR)
		{
			*problem = "the date pattern has a field that can only be written";
			return false;
		}
		year = year || field == YEAR || field == YEAR2;
	}
	if (!year)
		*problem = "the date pattern has no year";
	return year;
}

static bool
has_field(const CnDatePattern *pattern, Field first, Field last)
{
	int			i;

	for (i = 0; i < pattern->count; i++)
	{
		if (pattern->items[i].field >= first && pattern->items[i].field <= last)
			return true;
	}
	return false;
}

bool
cn_date_pattern_has_time(const CnDatePattern *pattern)
{
	return has_field(pattern, HOUR24, US);
}

bool
cn_date_pattern_has_offset(const CnDatePattern *pattern)
{
	return has_field(pattern, ZONE_HOUR, ZONE_HOUR) || has_field(pattern, ZONE, ZONE);
}

/* ---- writing ---- */

int64
cn_date_pattern_size(const CnDatePattern *pattern)
{
	int64		size = 0;
	int			i;

	for (i = 0; i < pattern->count; i++)
		size += pattern->items[i].field == LITERAL ? pattern->items[i].len : 10;
	return size;
}

void
cn_date_pattern_write(StringInfo out, const CnDatePattern *pattern, const CnMoment *moment)
{
	int			i;

	for (i = 0; i < pattern->count; i++)
		write_item(out, &pattern->items[i], moment);
}

static void
write_item(StringInfo out, const Item *item, const CnMoment *moment)
{
	CnCivil		c;
	int64		days;
	int			weekday;
	int			year;
	int			week;

	cn_moment_civil(moment, &c);
	days = cn_days_from_civil(c.year, c.month, c.day);
	weekday = cn_iso_weekday(days);
	iso_week(&c, &year, &week);
	switch (item->field)
	{
		case LITERAL:
			appendBinaryStringInfo(out, item->text, item->len);
			break;
		case YEAR:
			write_number(out, item, 4, c.year);
			break;
		case YEAR2:
			write_number(out, item, 2, c.year % 100);
			break;
		case MONTH:
			write_number(out, item, 2, c.month);
			break;
		case DAY:
			write_number(out, item, 2, c.day);
			break;
		case HOUR24:
			write_number(out, item, 2, c.hour);
			break;
		case HOUR12:
			write_number(out, item, 2, c.hour % 12 == 0 ? 12 : c.hour % 12);
			break;
		case MINUTE:
			write_number(out, item, 2, c.minute);
			break;
		case SECOND:
			write_number(out, item, 2, c.second);
			break;
		case MS:
			appendStringInfo(out, "%03d", c.us / 1000);
			break;
		case US:
			appendStringInfo(out, "%06d", c.us);
			break;
		case MONTH_NAME:
			write_name(out, item, month_names[c.month - 1], 9);
			break;
		case MONTH_SHORT:
			write_name(out, item, month_names[c.month - 1], 3);
			break;
		case DAY_NAME:
			write_name(out, item, day_names[weekday - 1], 9);
			break;
		case DAY_SHORT:
			write_name(out, item, day_names[weekday - 1], 3);
			break;
		case HALF_DAY:
			write_name(out, item, c.hour < 12 ? "AM" : "PM", 2);
			break;
		case DAY_OF_YEAR:
			write_number(out, item, 3, days - cn_days_from_civil(c.year, 1, 1) + 1);
			break;
		case WEEKDAY:
			write_number(out, item, 1, weekday % 7 + 1);
			break;
		case ISO_WEEKDAY:
			write_number(out, item, 1, weekday);
			break;
		case ISO_WEEK:
			write_number(out, item, 2, week);
			break;
		case ISO_YEAR:
			write_number(out, item, 4, year);
			break;
		case QUARTER:
			write_number(out, item, 1, (c.month + 2) / 3);
			break;
		default:
			write_zone(out, item, moment->offset);
			break;
	}
}

static void
write_number(StringInfo out, const Item *item, int width, int value)
{
	appendStringInfo(out, "%0*d", item->fill ? width : 1, value);
}

/* shown: letters of the name, or the width it is filled to if that is more */
static void
write_name(StringInfo out, const Item *item, const char *name, int shown)
{
	int			len = Min((int) strlen(name), shown);
	int			i;

	for (i = 0; i < len; i++)
	{
		unsigned char byte = (unsigned char) name[i];

		if (item->style == UPPER)
			byte = pg_toupper(byte);
		else if (item->style == LOWER)
			byte = pg_tolower(byte);
		appendStringInfoChar(out, byte);
	}
	for (; item->fill && i < shown; i++)
		appendStringInfoChar(out, ' ');
}

static void
write_zone(StringInfo out, const Item *item, int offset)
{
	int			minutes = abs(offset) / 60;
	char		sign = offset < 0 ? '-' : '+';

	if (item->field == ZONE_MINUTE)
		appendStringInfo(out, "%02d", minutes % 60);
	else
		appendStringInfo(out, "%c%02d", sign, minutes / 60);
	if (item->field == ZONE && minutes % 60 != 0)
		appendStringInfo(out, ":%02d", minutes % 60);
}

/* A week belongs to the year its Thursday is in. */
static void
iso_week(const CnCivil *civil, int *year, int *week)
{
	int64		days = cn_days_from_civil(civil->year, civil->month, civil->day);
	int64		thursday = days + 4 - cn_iso_weekday(days);

	*year = civil->year;
	if (thursday < cn_days_from_civil(civil->year, 1, 1))
		(*year)--;
	else if (thursday >= cn_days_from_civil(civil->year + 1, 1, 1))
		(*year)++;
	*week = (int) (thursday - cn_days_from_civil(*year, 1, 1)) / 7 + 1;
}

/* ---- reading ---- */

bool
cn_date_pattern_read(const CnDatePattern *pattern, const char *text, int len, CnCivil *civil,
					 int *offset)
{
	Reading		r = {.civil = {.year = 1, .month = 1, .day = 1},.half_day = -1,.zone_sign = 1};
	const char *p = text;
	int			i;

	for (i = 0; i < pattern->count; i++)
	{
		if (!read_item(&pattern->items[i], &p, text + len, &r))
			return false;
	}
	if (p != text + len || !finish_reading(&r))
		return false;
	*civil = r.civil;
	*offset = r.zone_offset + r.zone_sign * (r.zone_hour * 60 + r.zone_minute) * 60;
	return true;
}

static bool
read_item(const Item *item, const char **p, const char *end, Reading *r)
{
	CnCivil    *c = &r->civil;
	int			ignored;
	int			used;

	switch (item->field)
	{
		case LITERAL:
			return read_literal(item, p, end);
		case YEAR:
			return read_number(item, 4, p, end, &c->year);
		case YEAR2:
			if (!read_number(item, 2, p, end, &c->year))
				return false;
			/* the year nearest to 2020, as to_timestamp has it */
			c->year += c->year < 70 ? 2000 : 1900;
			return true;
		case MONTH:
			return read_number(item, 2, p, end, &c->month);
		case DAY:
			return read_number(item, 2, p, end, &c->day);
		case HOUR12:
			r->twelve = true;
			/* FALLTHROUGH */
		case HOUR24:
			return read_number(item, 2, p, end, &c->hour);
		case MINUTE:
			return read_number(item, 2, p, end, &c->minute);
		case SECOND:
			return read_number(item, 2, p, end, &c->second);
		case MS:
			return read_fraction(3, p, end, &c->us);
		case US:
			return read_fraction(6, p, end, &c->us);
		case MONTH_NAME:
			return read_name(month_names, 12, 0, p, end, &c->month);
		case MONTH_SHORT:
			return read_name(month_names, 12, 3, p, end, &c->month);
		case DAY_NAME:
			return read_name(day_names, 7, 0, p, end, &ignored);
		case DAY_SHORT:
			return read_name(day_names, 7, 3, p, end, &ignored);
		case HALF_DAY:
			if (end - *p < 2 || ((*p)[1] | 0x20) != 'm' ||
				(((*p)[0] | 0x20) != 'a' && ((*p)[0] | 0x20) != 'p'))
				return false;
			r->half_day = ((*p)[0] | 0x20) == 'p' ? 12 : 0;
			*p += 2;
			return true;
		case ZONE_HOUR:
			if (*p >= end || (**p != '+' && **p != '-'))
				return false;
			r->zone_sign = *(*p)++ == '-' ? -1 : 1;
			return read_number(item, 2, p, end, &r->zone_hour) && r->zone_hour < 16;
		case ZONE_MINUTE:
			return read_number(item, 2, p, end, &r->zone_minute) && r->zone_minute < 60;
		case ZONE:
			if (*p < end && (**p == 'Z' || **p == 'z'))
				used = 1;
			else
				used = cn_moment_read_offset(*p, end - *p, &r->zone_offset);
			*p += used;
			return used > 0;
		default:
			return false;
	}
}

/* White space stands for any white space. */
static bool
read_literal(const Item *item, const char **p, const char *end)
{
	if (item->len == 1 && item->text[0] == ' ')
	{
		const char *start = *p;

		while (*p < end && (**p == ' ' || **p == '\t' || **p == '\n' || **p == '\r'))
			(*p)++;
		return *p > start;
	}
	if (end - *p < item->len || memcmp(*p, item->text, item->len) != 0)
		return false;
	*p += item->len;
	return true;
}

/* Up to width digits; all of them for a year, and where nothing parts it from another number. */
static bool
read_number(const Item *item, int width, const char **p, const char *end, int *value)
{
	int			digits = 0;

	*value = 0;
	while (digits < width && *p < end && **p >= '0' && **p <= '9')
	{
		*value = *value * 10 + *(*p)++ - '0';
		digits++;
	}
	return digits == width || (digits > 0 && width < 4 && !item->touches);
}

/* Digits behind the point: ".5" is half a second. */
static bool
read_fraction(int width, const char **p, const char *end, int *us)
{
	int			unit = 100000;
	int			digits = 0;

	*us = 0;
	for (; digits < width && *p < end && **p >= '0' && **p <= '9'; digits++)
	{
		*us += (*(*p)++ - '0') * unit;
		unit /= 10;
	}
	return digits > 0;
}

/* shown: letters of the names that are written; 0: all */
static bool
read_name(const char *const *names, int count, int shown, const char **p, const char *end,
		  int *value)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		int			len = shown > 0 ? shown : strlen(names[i]);

		if (end - *p >= len && pg_strncasecmp(*p, names[i], len) == 0)
		{
			*p += len;
			*value = i + 1;
			return true;
		}
	}
	return false;
}

/* Hours of the clock with twelve to those of the day; is it a date? */
static bool
finish_reading(Reading *r)
{
	CnCivil    *c = &r->civil;

	if (r->twelve)
	{
		if (c->hour < 1 || c->hour > 12)
			return false;
		if (r->half_day >= 0)
			c->hour = c->hour % 12 + r->half_day;
	}
	return cn_civil_valid(c);
}
