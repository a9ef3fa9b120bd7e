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

/* A number of seconds or milliseconds; false if text is none, or no moment that can be written. */
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

static CnJson *
write_moment(const CnMoment *moment)
{
	char		text[CN_MOMENT_TEXT_SIZE];
	CnMoment	utc = *moment;

	utc.offset = 0;
	cn_moment_write(text, &utc);
	return cn_json_string(text, -1);
}

CnJson *
cn_bound_convert(const CnJson *value, CnBoundFormat format)
{
	CnMoment	moment;

	if (value->type != CN_JSON_STRING && value->type != CN_JSON_NUMBER)
		return NULL;
	if (format == CN_BOUND_TEXT)
		return (CnJson *) value;
	if (!(value->type == CN_JSON_STRING && cn_moment_read(value->u.text, value->len, &moment)) &&
		!read_number(value->u.text, value->len, &moment))
		return NULL;
	if (format == CN_BOUND_ISO8601)
		return write_moment(&moment);
	return cn_json_int((int64) floor(moment.us / (format == CN_BOUND_EPOCH ? 1e6 : 1e3)));
}
