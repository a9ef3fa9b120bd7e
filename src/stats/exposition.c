/*
 * exposition.c -- Prometheus' text format, version 0.0.4.  Pure.
 */
#include "stats/exposition.h"

#include <math.h>

/* A backslash, a line break, and in labels a quote, are escaped; nothing else is. */
static void
append_escaped(StringInfo page, const char *text, bool quote)
{
	for (; *text; text++)
	{
		if (*text == '\n')
			appendStringInfoString(page, "\\n");
		else if (*text == '\\' || (quote && *text == '"'))
			appendStringInfo(page, "\\%c", *text);
		else
			appendStringInfoChar(page, *text);
	}
}

/* Whole numbers as such; others as short as they can be read back to nine digits. */
static void
append_value(StringInfo page, double value)
{
	if (isnan(value))
		appendStringInfoString(page, "NaN");
	else if (isinf(value))
		appendStringInfoString(page, value > 0 ? "+Inf" : "-Inf");
	else if (value == floor(value) && fabs(value) < 1e15)
		appendStringInfo(page, "%.0f", value);
	else
		appendStringInfo(page, "%.9g", value);
}

void
cn_exposition_begin(StringInfo page, const char *name, const char *type, const char *help)
{
	appendStringInfo(page, "# HELP %s ", name);
	append_escaped(page, help, false);
	appendStringInfo(page, "\n# TYPE %s %s\n", name, type);
}

void
cn_exposition_sample(StringInfo page, const char *name, const char *suffix,
					 const CnLabel *labels, double value)
{
	char		before = '{';

	appendStringInfo(page, "%s%s", name, suffix);
	for (; labels->name; labels++)
	{
		appendStringInfo(page, "%c%s=\"", before, labels->name);
		append_escaped(page, labels->value, true);
		appendStringInfoChar(page, '"');
		before = ',';
	}
	if (before == ',')
		appendStringInfoChar(page, '}');
	appendStringInfoChar(page, ' ');
	append_value(page, value);
	appendStringInfoChar(page, '\n');
}

/* The labels of a bucket; bound is written as a value would be. */
static void
append_bucket(StringInfo page, const char *name, CnLabel label, double bound, uint64 count)
{
	CnLabel		labels[3] = {{0}};
	StringInfoData text;

	initStringInfo(&text);
	append_value(&text, bound);
	labels[label.name ? 1 : 0] = (CnLabel)
	{
		"le", text.data
	};
	if (label.name)
		labels[0] = label;
	cn_exposition_sample(page, name, "_bucket", labels, (double) count);
	pfree(text.data);
}

void
cn_exposition_histogram(StringInfo page, const char *name, CnLabel label, const double *bounds,
						int bound_count, const uint64 *counts, double sum)
{
	CnLabel		labels[2] = {label, {0}};
	uint64		total = 0;

	for (int i = 0; i <= bound_count; i++)
	{
		total += counts[i];
		append_bucket(page, name, label, i < bound_count ? bounds[i] : INFINITY, total);
	}
	cn_exposition_sample(page, name, "_sum", labels, sum);
	cn_exposition_sample(page, name, "_count", labels, (double) total);
}
