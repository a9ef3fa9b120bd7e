/*
 * moment.h -- instants as RFC 3339 writes them, and the calendar.  Pure.
 *
 * Years go from 1 to 9999, which is what four digits can say; the calendar is
 * the Gregorian one throughout.
 */
#ifndef CN_CORE_MOMENT_H
#define CN_CORE_MOMENT_H

#include "core/pure.h"

#define CN_SECONDS_PER_DAY 86400
#define CN_US_PER_SECOND INT64CONST(1000000)

/* Bytes of the longest text cn_moment_write makes, with its NUL. */
#define CN_MOMENT_TEXT_SIZE 40

typedef struct CnMoment
{
	int64		us;				/* since 1970-01-01T00:00:00Z */
	int			offset;			/* of the clock it is written by: seconds east of UTC */
	bool		date_only;		/* written without a time; the instant is midnight UTC */
} CnMoment;

/* What a calendar and a clock show. */
typedef struct CnCivil
{
	int			year;			/* 1 to 9999 */
	int			month;			/* 1 to 12 */
	int			day;			/* 1 to 31 */
	int			hour;
	int			minute;
	int			second;			/* 0 to 60 when read, else to 59 */
	int			us;
} CnCivil;

/*
 * Read "2026-01-31", or "2026-01-31T12:00:00.5+01:00" where a space may stand
 * for the T, the seconds may be missing, and so may the offset (then it is
 * UTC), whose forms are Z, +01, +0100, +01:00 and +01:00:30.  False if the text
 * is neither.
 */
extern bool cn_moment_read(const char *text, int len, CnMoment *moment);

/*
 * Read "Fri, 24 May 2019 17:44:46 +0000", as mail and HTTP have it (RFC 5322, section 3.3): the day's
 * name may be missing, and is not compared with the date; zones are offsets, GMT, UT, UTC and Z.
 */
extern bool cn_moment_read_mail(const char *text, int len, CnMoment *moment);

/* Write it as cn_moment_read reads it; no fraction if there is none, else three or six digits.  Returns the length. */
extern int	cn_moment_write(char *out, const CnMoment *moment);

/* An offset behind a time, as above but for Z; bytes used, 0 if it is none. */
extern int	cn_moment_read_offset(const char *text, int len, int *offset);

/* What the clock with the moment's own offset shows. */
extern void cn_moment_civil(const CnMoment *moment, CnCivil *civil);

/* The instant at which a clock with that offset shows civil; false if outside years 1 to 9999. */
extern bool cn_moment_from_civil(const CnCivil *civil, int offset, CnMoment *moment);

/* Can the moment be written? */
extern bool cn_moment_in_range(const CnMoment *moment);

/* ---- the calendar ---- */

/* Days from 1970-01-01 to a date; month and day must be valid, year may be any. */
extern int64 cn_days_from_civil(int64 year, int month, int day);
extern int	cn_days_in_month(int year, int month);

/* 1 (Monday) to 7 (Sunday). */
extern int	cn_iso_weekday(int64 days);

/* Is it a date and a time of day there can be? */
extern bool cn_civil_valid(const CnCivil *civil);

#endif							/* CN_CORE_MOMENT_H */
