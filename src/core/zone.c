/*
 * zone.c -- named time zones: the server's.
 */
#include "postgres.h"

#include "pgtime.h"
#include "utils/datetime.h"

#include "core/moment.h"
#include "core/zone.h"

/*
 * The server takes rules, such as "XYZ5", for names, too; "Europe/Paris2" would
 * be a zone two hours from UTC.  Rules have digits; names have none but these.
 */
static bool
is_name(const char *name)
{
	static const char *const with_digits[] = {
		"EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "GMT0", "GMT+0", "GMT-0", "Etc/GMT0"
	};

	if (name[0] == '\0' || name[strcspn(name, ":<>,")] != '\0')
		return false;
	if (name[strcspn(name, "0123456789")] == '\0')
		return true;
	for (int i = 0; i < lengthof(with_digits); i++)
	{
		if (pg_strcasecmp(name, with_digits[i]) == 0)
			return true;
	}
	if (pg_strncasecmp(name, "Etc/GMT+", 8) != 0 && pg_strncasecmp(name, "Etc/GMT-", 8) != 0)
		return false;
	return strlen(name) <= 10 && strspn(name + 8, "0123456789") == strlen(name + 8);
}

const CnZone *
cn_zone_find(const char *name)
{
	pg_tz	   *zone;

	if (!is_name(name) || strlen(name) > TZ_STRLEN_MAX)
		return NULL;
	zone = pg_tzset(name);
	return zone != NULL && pg_tz_acceptable(zone) ? (const CnZone *) zone : NULL;
}

int
cn_zone_offset(const CnZone *zone, int64 instant)
{
	pg_time_t	at = instant;
	struct pg_tm *tm = pg_localtime(&at, (const pg_tz *) zone);

	return tm != NULL ? (int) tm->tm_gmtoff : 0;
}

int
cn_zone_offset_at_local(const CnZone *zone, int64 local)
{
	CnMoment	moment = {.us = local * CN_US_PER_SECOND};
	CnCivil		civil;
	struct pg_tm tm = {0};

	cn_moment_civil(&moment, &civil);
	tm.tm_year = civil.year;
	tm.tm_mon = civil.month;
	tm.tm_mday = civil.day;
	tm.tm_hour = civil.hour;
	tm.tm_min = civil.minute;
	tm.tm_sec = civil.second;
	/* it counts seconds west */
	return -DetermineTimeZoneOffset(&tm, (pg_tz *) zone);
}
