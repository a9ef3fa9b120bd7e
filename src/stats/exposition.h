/*
 * exposition.h -- Prometheus' text format, version 0.0.4.  Pure.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#ifndef CN_STATS_EXPOSITION_H
#define CN_STATS_EXPOSITION_H

#include "core/pure.h"

/* Lines HELP and TYPE ("counter", "gauge", "histogram"), before the samples of name. */
extern void cn_exposition_begin(StringInfo page, const char *name, const char *type,
								const char *help);

typedef struct CnLabel
{
	const char *name;			/* NULL: there is none */
	const char *value;
} CnLabel;

/* suffix: "" or that of a histogram's sample ("_sum").  labels: ended by one without a name. */
extern void cn_exposition_sample(StringInfo page, const char *name, const char *suffix,
								 const CnLabel *labels, double value);

/*
 * The samples of a histogram: counts has one element more than bounds, and is not
 * cumulative.  label: one, or without a name.
 */
extern void cn_exposition_histogram(StringInfo page, const char *name, CnLabel label,
									const double *bounds, int bound_count, const uint64 *counts,
									double sum);

#endif							/* CN_STATS_EXPOSITION_H */
