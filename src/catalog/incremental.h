/*
 * incremental.h -- the lower bound of an incremental stream, as its service wants it.  Pure.
 */
#ifndef CN_CATALOG_INCREMENTAL_H
#define CN_CATALOG_INCREMENTAL_H

#include "core/json.h"

typedef enum CnBoundFormat
{
	CN_BOUND_TEXT,				/* as it is */
	CN_BOUND_ISO8601,			/* a text, in UTC */
	CN_BOUND_EPOCH,				/* a number of seconds since 1970 */
	CN_BOUND_EPOCH_MS			/* or of milliseconds */
} CnBoundFormat;

/* "text", "iso8601", "epoch", "epoch_ms"; false if it is none of them. */
extern bool cn_bound_format(const char *name, CnBoundFormat *format);

/*
 * value in that format, in the current context.  It may be a moment as text (RFC 3339 with any
 * offset, or RFC 5322, "Fri, 24 May 2019 17:44:46 +0000"), or a number (also as text) of seconds, or from 10^11 on of milliseconds, since 1970.  What lies between two seconds
 * is taken down to the first, so that nothing behind the bound is missed.  NULL if it is neither.
 */
extern CnJson *cn_bound_convert(const CnJson *value, CnBoundFormat format);

/*
 * Which of two values of a cursor_field is later: below 0, 0 or above 0 as by strcmp.  Moments are
 * compared as such, numbers (also as text) with all their digits, anything else byte by byte.
 */
extern int	cn_bound_compare(const CnJson *a, const CnJson *b);

#endif							/* CN_CATALOG_INCREMENTAL_H */
