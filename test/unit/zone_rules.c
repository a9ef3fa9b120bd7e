/*
 * zone_rules.c -- a stand-in for core/zone.c outside the server: a few zones.
 *
 * Enough for tests, and the same on every machine: the rules are those of
 * 2007 and later, taken for all years.
 */
#include "core/moment.h"
#include "core/zone.h"

struct CnZone
{
	const char *name;
	int			offset;			/* standard time, seconds east of UTC */
	enum
	{
		NO_SUMMER,
		EUROPE,					/* last Sundays of March and October, 01:00 UTC */
		AMERICA					/* second Sunday of March, first of November, 02:00 local */
	}			summer;
};

static const CnZone zones[] = {
	{"UTC", 0, NO_SUMMER},
	{"Europe/London", 0, EUROPE},
	{"Europe/Paris", 3600, EUROPE},
	{"America/New_York", -5 * 3600, AMERICA},
	{"Asia/Kolkata", 19800, NO_SUMMER},
	{"Asia/Tokyo", 9 * 3600, NO_SUMMER},
};

const CnZone *
cn_zone_find(const char *name)
{
	int			i;

	for (i = 0; i < lengthof(zones); i++)
	{
		if (pg_strcasecmp(zones[i].name, name) == 0)
			return &zones[i];
	}
	return NULL;
}

/* Midnight of the first Sunday on or behind that day, by a clock in UTC. */
static int64
sunday(int year, int month, int day)
{
	int64		days = cn_days_from_civil(year, month, day);

	return (days + 7 - cn_iso_weekday(days)) * CN_SECONDS_PER_DAY;
}

int
cn_zone_offset(const CnZone *zone, int64 instant)
{
	CnMoment	moment = {instant * CN_US_PER_SECOND, zone->offset, false};
	CnCivil		civil;
	int64		begin = 0;
	int64		end = 0;

	cn_moment_civil(&moment, &civil);
	if (zone->summer == EUROPE)
	{
		begin = sunday(civil.year, 3, 25) + 3600;
		end = sunday(civil.year, 10, 25) + 3600;
	}
	else if (zone->summer == AMERICA)
	{
		begin = sunday(civil.year, 3, 8) + 7200 - zone->offset;
		end = sunday(civil.year, 11, 1) + 3600 - zone->offset;
	}
	return zone->offset + (instant >= begin && instant < end ? 3600 : 0);
}

int
cn_zone_offset_at_local(const CnZone *zone, int64 local)
{
	int			standard = zone->offset;
	int			summer = zone->offset + 3600;

	/* both fit, or neither: standard time */
	if (cn_zone_offset(zone, local - summer) == summer &&
		cn_zone_offset(zone, local - standard) != standard)
		return summer;
	return standard;
}
