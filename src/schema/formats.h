/*
 * formats.h -- the formats of JSON Schema that can be asserted.  Pure.
 */
#ifndef CN_SCHEMA_FORMATS_H
#define CN_SCHEMA_FORMATS_H

#include "core/pure.h"

/* Is text of the format?  Never throws, linear in len. */
typedef bool (*CnFormatCheck) (const char *text, int len);

/* NULL if the name stands for no format that is checked. */
extern CnFormatCheck cn_format_find(const char *name);

/* ---- formats_time.c ---- */
extern bool cn_format_date(const char *text, int len);
extern bool cn_format_time(const char *text, int len);
extern bool cn_format_date_time(const char *text, int len);
extern bool cn_format_duration(const char *text, int len);

/* ---- formats_net.c ---- */
extern bool cn_format_email(const char *text, int len);
extern bool cn_format_hostname(const char *text, int len);
extern bool cn_format_ipv4(const char *text, int len);
extern bool cn_format_ipv6(const char *text, int len);

/* ---- formats_uri.c ---- */
extern bool cn_format_uri(const char *text, int len);
extern bool cn_format_uri_reference(const char *text, int len);

#endif							/* CN_SCHEMA_FORMATS_H */
