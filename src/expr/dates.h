/*
 * dates.h -- date patterns and intervals, for the filters about dates.  Pure.
 */
#ifndef CN_EXPR_DATES_H
#define CN_EXPR_DATES_H

#include "core/moment.h"

/* ---- date_pattern.c: patterns as the server's to_char has them ---- */

typedef struct CnDatePattern CnDatePattern;

/*
 * Compile a pattern.  NULL and *problem (lower case, no full stop) if it holds
 * letters that are no field, or, with for_reading, a field that a date cannot
 * be read by, or no year.
 */
extern CnDatePattern *cn_date_pattern_compile(const char *text, int len, bool for_reading,
											  const char **problem);

/* Bytes it makes at most. */
extern int64 cn_date_pattern_size(const CnDatePattern *pattern);

extern void cn_date_pattern_write(StringInfo out, const CnDatePattern *pattern,
								  const CnMoment *moment);

/* Does it read a time of day; an offset? */
extern bool cn_date_pattern_has_time(const CnDatePattern *pattern);
extern bool cn_date_pattern_has_offset(const CnDatePattern *pattern);

/* False if the text does not fit.  *offset is set if the pattern reads one. */
extern bool cn_date_pattern_read(const CnDatePattern *pattern, const char *text, int len,
								 CnCivil *civil, int *offset);

/* ---- date_interval.c ---- */

typedef struct CnInterval
{
	int			months;
	int64		days;
	int64		us;
} CnInterval;

/*
 * Read "2 days", "1 year 3 months -2 hours" or, by ISO 8601, "P1DT12H".
 * Numbers are whole but for seconds.  False if the text is neither, or too long
 * a time.
 */
extern bool cn_interval_read(const char *text, int len, CnInterval *interval);

#endif							/* CN_EXPR_DATES_H */
