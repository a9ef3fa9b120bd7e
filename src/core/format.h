/*
 * format.h -- formatted text for functions that take a format.  Pure.
 */
#ifndef CN_CORE_FORMAT_H
#define CN_CORE_FORMAT_H

#include "core/pure.h"

/* Append what format makes of args, which is left as it was. */
extern void cn_append_args(StringInfo out, const char *format, va_list args)
			pg_attribute_printf(2, 0);

/* The same as a text of its own, palloc'ed. */
extern char *cn_format_args(const char *format, va_list args) pg_attribute_printf(1, 0);

#endif							/* CN_CORE_FORMAT_H */
