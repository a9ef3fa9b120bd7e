/*
 * log_line.h -- a line of key=value pairs for the server's log.  Pure.
 *
 * Values come from tenants and callers, so nothing in them can end the line, look like another
 * pair, or make it long: what is not plain stands in quotes, with line breaks, control
 * characters and quotes escaped, and is cut.
 */
#ifndef CN_STATS_LOG_LINE_H
#define CN_STATS_LOG_LINE_H

#include "core/pure.h"

/* Bytes of a value that are kept. */
#define CN_LOG_VALUE_MAX 200

/* Append " key=value"; nothing if value is NULL.  value is UTF-8, or any bytes. */
extern void cn_log_pair(StringInfo line, const char *key, const char *value);

#endif							/* CN_STATS_LOG_LINE_H */
