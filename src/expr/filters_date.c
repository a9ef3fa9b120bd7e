/*
 * filters_date.c -- filters about dates and times.  Pure.
 *
 * A moment is a text of RFC 3339 (core/moment.h).  It keeps the offset it is
 * written with, and calendars and clocks are those of that offset; with a zone
 * as the last argument they are that zone's.
 */
#include "core/pure.h"

#include "expr/dates.h"
#include "expr/filters.h"

static bool read_value(CnFilterCall *call, CnMoment *moment);
static const CnJson *write_value(CnFilterCall *call, const CnMoment *moment);
static void enter_zone(const CnZoneArg *zone, CnMoment *moment);
static bool at_clock(const CnCivil *civil, const CnZoneArg *zone, int offset, CnMoment *moment);
static int64 floor_div(int64 a, int64 b);
static const CnJson *to_epoch(CnFilterCall *call, int64 unit);
static const CnJson *from_epoch(CnFilterCall *call, int decimals);
static bool add_months(CnCivil *civil, int months);
static void to_start(CnCivil *civil, CnUnit unit);
static int64 months_between(const CnMoment *from, const CnMoment *to);

/* ---- moments and clocks ---- */

/* The value of the call as a moment. */
static bool
read_value(CnFilterCall *call, CnMoment *moment)
{
	const CnJson *value = call->value;

	if (value->type != CN_JSON_STRING)
		cn_filter_fail(call, "needs a date or timestamp as text, not %s",
					   cn_json_type_phrase(value->type));
	else if (!cn_moment_read(value->u.text, value->len, moment))
		cn_filter_fail(call, "the text is not a date or timestamp (RFC 3339)");
	else
		return true;
	return false;
}

static const CnJson *
write_value(CnFilterCall *call, const CnMoment *moment)
{
	char		text[CN_MOMENT_TEXT_SIZE];

	if (!cn_moment_in_range(moment))
		return cn_filter_fail(call, "the date is out of range");
	return cn_filter_string(call, text, cn_moment_write(text, moment));
}

/* Argument i as a zone; NULL if it is not given. */
static const CnZoneArg *
zone_arg(CnFilterCall *call, int i)
{
	return i < call->nargs ? (const CnZoneArg *) call->prepared[i] : NULL;
}

/* From now on the moment is written by the zone's clock; zone may be NULL. */
static void
enter_zone(const CnZoneArg *zone, CnMoment *moment)
{
	if (zone == NULL)
		return;
	moment->date_only = false;
	moment->offset = zone->offset;
	if (zone->zone != NULL)
		moment->offset = cn_zone_offset(zone->zone, floor_div(moment->us, CN_US_PER_SECOND));
}

/* The moment at which a clock shows civil, that of the zone or, if it is NULL, of the offset. */
static bool
at_clock(const CnCivil *civil, const CnZoneArg *zone, int offset, CnMoment *moment)
{
	if (zone != NULL)
		offset = zone->offset;
	if (zone != NULL && zone->zone != NULL)
	{
		CnMoment	local;

		if (!cn_moment_from_civil(civil, 0, &local))
			return false;
		offset = cn_zone_offset_at_local(zone->zone, floor_div(local.us, CN_US_PER_SECOND));
	}
	if (!cn_moment_from_civil(civil, offset, moment))
		return false;
	/* clocks do not show a time they leave out */
	enter_zone(zone, moment);
	return true;
}

static int64
floor_div(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}

const CnJson *
cn_filter_timezone(CnFilterCall *call)
{
	CnMoment	moment;

	if (!read_value(call, &moment))
		return NULL;
	enter_zone(zone_arg(call, 0), &moment);
	return write_value(call, &moment);
}

/* ---- patterns ---- */

/* By the clock of the zone, if there is one, unless the text has an offset itself. */
const CnJson *
cn_filter_date_parse(CnFilterCall *call)
{
	const CnDatePattern *pattern = (const CnDatePattern *) call->prepared[0];
	const CnZoneArg *zone = zone_arg(call, 1);
	const char *text;
	int			len;
	int			offset = 0;
	CnCivil		civil;
	CnMoment	moment;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	if (!cn_date_pattern_read(pattern, text, len, &civil, &offset))
		return cn_filter_fail(call, "the text does not fit the date pattern");
	if (cn_date_pattern_has_offset(pattern))
		zone = NULL;
	if (!at_clock(&civil, zone, offset, &moment))
		return cn_filter_fail(call, "the date is out of range");
	moment.date_only = !cn_date_pattern_has_time(pattern) && zone == NULL &&
		!cn_date_pattern_has_offset(pattern);
	return write_value(call, &moment);
}

const CnJson *
cn_filter_date_format(CnFilterCall *call)
{
	const CnDatePattern *pattern = (const CnDatePattern *) call->prepared[0];
	CnMoment	moment;
	StringInfoData buf;

	if (!read_value(call, &moment) || !cn_filter_charge(call, cn_date_pattern_size(pattern)))
		return NULL;
	enter_zone(zone_arg(call, 1), &moment);
	if (!cn_moment_in_range(&moment))
		return cn_filter_fail(call, "the date is out of range");
	initStringInfo(&buf);
	cn_date_pattern_write(&buf, pattern, &moment);
	return cn_filter_finished(&buf);
}

/* ---- epochs ---- */

const CnJson *
cn_filter_to_epoch(CnFilterCall *call)
{
	return to_epoch(call, CN_US_PER_SECOND);
}

const CnJson *
cn_filter_to_epoch_ms(CnFilterCall *call)
{
	return to_epoch(call, 1000);
}

/* unit: microseconds */
static const CnJson *
to_epoch(CnFilterCall *call, int64 unit)
{
	CnMoment	moment;

	return read_value(call, &moment) ? cn_json_int(floor_div(moment.us, unit)) : NULL;
}

const CnJson *
cn_filter_from_epoch(CnFilterCall *call)
{
	return from_epoch(call, 6);
}

const CnJson *
cn_filter_from_epoch_ms(CnFilterCall *call)
{
	return from_epoch(call, 3);
}

/* decimals: a microsecond is that place of the number */
static const CnJson *
from_epoch(CnFilterCall *call, int decimals)
{
	CnMoment	moment = {0};
	CnDecimal	value;
	StringInfoData buf;

	if (!cn_filter_decimal(call, call->value, &value))
		return NULL;
	cn_decimal_round(&value, decimals, true);
	if (value.ndigits > 0)
		value.exponent += decimals;
	/* no date there is has so many microseconds that they do not fit an int64 */
	if (cn_decimal_size(&value) > 18)
		return cn_filter_fail(call, "the date is out of range");
	initStringInfo(&buf);
	cn_decimal_write(&buf, &value);
	moment.us = strtoi64(buf.data, NULL, 10);
	pfree(buf.data);
	enter_zone(zone_arg(call, 0), &moment);
	return write_value(call, &moment);
}

/* ---- calculating ---- */

/* Months, then days on the calendar, then what is left by the clock. */
const CnJson *
cn_filter_add_interval(CnFilterCall *call)
{
	const CnInterval *interval = (const CnInterval *) call->prepared[0];
	const CnZoneArg *zone = zone_arg(call, 1);
	CnMoment	moment;
	CnMoment	day;
	CnCivil		civil;
	bool		date_only;

	if (!read_value(call, &moment))
		return NULL;
	date_only = moment.date_only && interval->us == 0 && zone == NULL;
	enter_zone(zone, &moment);
	if (interval->months != 0 || interval->days != 0)
	{
		cn_moment_civil(&moment, &civil);
		if (!add_months(&civil, interval->months))
			return cn_filter_fail(call, "the date is out of range");
		cn_moment_from_civil(&civil, 0, &day);
		day.us += interval->days * CN_SECONDS_PER_DAY * CN_US_PER_SECOND;
		if (!cn_moment_in_range(&day))
			return cn_filter_fail(call, "the date is out of range");
		cn_moment_civil(&day, &civil);
		if (!at_clock(&civil, zone, moment.offset, &moment))
			return cn_filter_fail(call, "the date is out of range");
	}
	moment.us += interval->us;
	moment.date_only = date_only;
	if (interval->us != 0)
		enter_zone(zone, &moment);
	return write_value(call, &moment);
}

/* The day stays, or is the last of its month; false if the year is none. */
static bool
add_months(CnCivil *civil, int months)
{
	int			month = civil->year * 12 + civil->month - 1 + months;

	if (month < 12 || month >= 10000 * 12)
		return false;
	civil->year = month / 12;
	civil->month = month % 12 + 1;
	civil->day = Min(civil->day, cn_days_in_month(civil->year, civil->month));
	return true;
}

const CnJson *
cn_filter_start_of(CnFilterCall *call)
{
	CnUnit		unit = *(const CnUnit *) call->prepared[0];
	const CnZoneArg *zone = zone_arg(call, 1);
	CnMoment	moment;
	CnMoment	start;
	CnCivil		civil;

	if (!read_value(call, &moment))
		return NULL;
	enter_zone(zone, &moment);
	cn_moment_civil(&moment, &civil);
	to_start(&civil, unit);
	if (!at_clock(&civil, zone, moment.offset, &start))
		return cn_filter_fail(call, "the date is out of range");
	/* in the hour that clocks show twice it must not end up in the other one */
	if (zone != NULL && unit <= CN_UNIT_HOUR && start.offset != moment.offset)
		cn_moment_from_civil(&civil, moment.offset, &start);
	start.date_only = moment.date_only && unit >= CN_UNIT_DAY;
	return write_value(call, &start);
}

static void
to_start(CnCivil *civil, CnUnit unit)
{
	civil->us = 0;
	if (unit >= CN_UNIT_MINUTE)
		civil->second = 0;
	if (unit >= CN_UNIT_HOUR)
		civil->minute = 0;
	if (unit >= CN_UNIT_DAY)
		civil->hour = 0;
	if (unit == CN_UNIT_WEEK)
	{
		int64		days = cn_days_from_civil(civil->year, civil->month, civil->day);
		CnMoment	monday = {0};

		monday.us = (days + 1 - cn_iso_weekday(days)) * CN_SECONDS_PER_DAY * CN_US_PER_SECOND;
		cn_moment_civil(&monday, civil);
	}
	if (unit >= CN_UNIT_MONTH)
		civil->day = 1;
	if (unit == CN_UNIT_QUARTER)
		civil->month = (civil->month - 1) / 3 * 3 + 1;
	if (unit == CN_UNIT_YEAR)
		civil->month = 1;
}

/* Whole units from the argument to the value; what is left over is dropped. */
const CnJson *
cn_filter_date_diff(CnFilterCall *call)
{
	static const int64 seconds[] = {1, 60, 3600, CN_SECONDS_PER_DAY, 7 * CN_SECONDS_PER_DAY};
	static const int months[] = {[CN_UNIT_MONTH] = 1, [CN_UNIT_QUARTER] = 3, [CN_UNIT_YEAR] = 12};
	const CnMoment *other = (const CnMoment *) call->prepared[0];
	CnUnit		unit = call->nargs > 1 ? *(const CnUnit *) call->prepared[1] : CN_UNIT_SECOND;
	CnMoment	moment;

	if (!read_value(call, &moment))
		return NULL;
	if (unit <= CN_UNIT_WEEK)
		return cn_json_int((moment.us - other->us) / (seconds[unit] * CN_US_PER_SECOND));
	if (moment.us >= other->us)
		return cn_json_int(months_between(other, &moment) / months[unit]);
	return cn_json_int(-(months_between(&moment, other) / months[unit]));
}

/* Whole months; from is not behind to.  By the clock of UTC, which both have in common. */
static int64
months_between(const CnMoment *from, const CnMoment *to)
{
	CnMoment	a = *from;
	CnMoment	b = *to;
	CnMoment	back;
	CnCivil		x;
	CnCivil		y;
	int64		months;

	a.offset = b.offset = 0;
	cn_moment_civil(&a, &x);
	cn_moment_civil(&b, &y);
	months = (y.year - x.year) * 12 + y.month - x.month;
	y.day = Min(x.day, cn_days_in_month(y.year, y.month));
	y.hour = x.hour;
	y.minute = x.minute;
	y.second = x.second;
	y.us = x.us;
	cn_moment_from_civil(&y, 0, &back);
	return back.us > b.us ? months - 1 : months;
}
