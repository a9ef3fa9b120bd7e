/*
 * escape.h -- percent-encoding.  Pure.
 *
 * Everything but the unreserved characters of RFC 3986, section 2.3, becomes
 * %XX; so the result is one component wherever in a URL it stands, and cannot
 * end a header line.
 */
#ifndef CN_CORE_ESCAPE_H
#define CN_CORE_ESCAPE_H

#include "core/pure.h"

extern void cn_percent_encode(StringInfo out, const char *text, int len);

/* Bytes that would append. */
extern int64 cn_percent_encoded_size(const char *text, int len);

#endif							/* CN_CORE_ESCAPE_H */
