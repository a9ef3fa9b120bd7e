/*
 * retry_after.h -- how long a reply's headers ask us to wait.  Pure.
 */
#ifndef CN_HTTP_RETRY_AFTER_H
#define CN_HTTP_RETRY_AFTER_H

#include "core/pure.h"

/* A day: no execution waits longer, and a server that asks for more has a wrong clock. */
#define CN_RETRY_AFTER_MAX_MS (INT64CONST(24) * 60 * 60 * 1000)

/*
 * value: of the header, NUL-terminated; now: Unix time in milliseconds, when
 * the reply arrived.  Milliseconds, 0..CN_RETRY_AFTER_MAX_MS, or -1 if value
 * is of no form known.  They never throw and allocate nothing.
 */
extern int64 cn_http_retry_after(const char *value, int64 now);
extern int64 cn_http_reset_after(const char *value, int64 now);

/*
 * How long the next request has to wait, by the headers that say what is left of a budget:
 * milliseconds, 0 if needed requests are left, or they do not say.  Either value may be NULL.
 */
extern int64 cn_http_budget_after(const char *remaining, const char *reset, int needed, int64 now);

#endif							/* CN_HTTP_RETRY_AFTER_H */
