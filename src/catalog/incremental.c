/*
 * incremental.c -- the lower bound of an incremental stream, as its service wants it.  Pure.
 */
#include "catalog/incremental.h"

#include <math.h>

#include "core/moment.h"

/* As seconds this is in the year 5138, as milliseconds in 1973. */
#define FIRST_MS 1e11

bool
cn_bound_format(const char *name, CnBoundFormat *format)
{
	static const char *const names[] = {
		[CN_BOUND_TEXT] = "text",[CN_BOUND_ISO8601] = "iso8601",
		[CN_BOUND_EPOCH] = "epoch",[CN_BOUND_EPOCH_MS] = "epoch_ms"
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (strcmp(names[i], name) == 0)
		{
			*format = i;
			return true;
		}
	}
	return false;
}

/* A number of seconds or milliseconds, by UTC; false if text is none, or no moment that can be written. */
static bool
read_number(const char *text, int len, CnMoment *moment)
{
	char	   *end;
	double		number = strtod(text, &end);

	if (len == 0 || end != text + len || !isfinite(number))
		return false;
	if (fabs(number) < FIRST_MS)
		number *= 1000;
	if (fabs(number) > 1e15)
		return false;
	memset(moment, 0, sizeof(*moment));
	moment->us = (int64) floor(number * 1000);
	return cn_moment_in_range(moment);
}

/* Likewise a text as calendars and clocks have it. */
static bool
read_moment(const CnJson *value, CnMoment *moment)
{
	if (value->type != CN_JSON_STRING ||
		(!cn_moment_read(value->u.text, value->len, moment) &&
		 !cn_moment_read_mail(value->u.text, value->len, moment)))
		return false;
	/* by the clock of UTC it may be in the year 0 or 10000, which cannot be written */
	moment->offset = 0;
	return cn_moment_in_range(moment);
}

static CnJson *
write_moment(const CnMoment *moment)
{
	char		text[CN_MOMENT_TEXT_SIZE];

	cn_moment_write(text, moment);
	return cn_json_string(text, -1);
}

/* In units of so many microseconds, rounded down: it is a lower bound. */
static CnJson *
write_count(const CnMoment *moment, int64 unit)
{
	return cn_json_int(moment->us / unit - (moment->us % unit < 0));
}

CnJson *
cn_bound_convert(const CnJson *value, CnBoundFormat format)
{
	CnMoment	moment;

	if (value->type != CN_JSON_STRING && value->type != CN_JSON_NUMBER)
		return NULL;
	if (format == CN_BOUND_TEXT)
		return (CnJson *) value;
	if (!read_moment(value, &moment) &&
		!read_number(value->u.text, value->len, &moment))
		return NULL;
	if (format == CN_BOUND_ISO8601)
		return write_moment(&moment);
	return write_count(&moment, format == CN_BOUND_EPOCH ? CN_US_PER_SECOND : 1000);
}

/* ---- comparing ---- */

/* Digits of a decimal number without exponent, split at the point; zeros that say nothing are left out. */
typedef struct Decimal
{
	bool		negative;
	const char *whole;
	int			whole_len;
	const char *fraction;
	int			fraction_len;
} Decimal;

static bool
read_decimal(const CnJson *value, Decimal *decimal)
{
	const char *p = value->u.text;
	const char *end = p + value->len;

	decimal->negative = p < end && *p == '-';
	p += decimal->negative;
	while (end - p > 1 && *p == '0' && p[1] >= '0' && p[1] <= '9')
		p++;
	decimal->whole = p;
	p += strspn(p, "0123456789");
	decimal->whole_len = p - decimal->whole;
	decimal->fraction = p < end && *p == '.' ? ++p : p;
	p += strspn(p, "0123456789");
	decimal->fraction_len = p - decimal->fraction;
	while (decimal->fraction_len > 0 && decimal->fraction[decimal->fraction_len - 1] == '0')
		decimal->fraction_len--;
	return decimal->whole_len > 0 && p == end;
}

static int
compare_bytes(const char *a, int a_len, const char *b, int b_len)
{
	int			result = memcmp(a, b, Min(a_len, b_len));

	return result != 0 ? result : a_len - b_len;
}

static int
compare_decimals(const Decimal *a, const Decimal *b)
{
	int			result = a->whole_len - b->whole_len;

	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	if (result == 0)
		result = compare_bytes(a->whole, a->whole_len, b->whole, b->whole_len);
	if (result == 0)
		result = compare_bytes(a->fraction, a->fraction_len, b->fraction, b->fraction_len);
	return a->negative ? -result : result;
}

int
cn_bound_compare(const CnJson *a, const CnJson *b)
{
	CnMoment	a_moment;
	CnMoment	b_moment;
	Decimal		a_decimal;
	Decimal		b_decimal;

	if (read_moment(a, &a_moment) && read_moment(b, &b_moment))
		return (a_moment.us > b_moment.us) - (a_moment.us < b_moment.us);
	if (read_decimal(a, &a_decimal) && read_decimal(b, &b_decimal))
		return compare_decimals(&a_decimal, &b_decimal);
	return compare_bytes(a->u.text, a->len, b->u.text, b->len);
}
