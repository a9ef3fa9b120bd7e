/*
 * format.c -- formatted text for functions that take a format.  Pure.
 */
#include "core/format.h"

void
cn_append_args(StringInfo out, const char *format, va_list args)
{
	for (;;)
	{
		va_list		copy;
		int			needed;

		/* a list that was walked through cannot be used again */
		va_copy(copy, args);
		needed = appendStringInfoVA(out, format, copy);
		va_end(copy);
		if (needed == 0)
			break;
		enlargeStringInfo(out, needed);
	}
}

char *
cn_format_args(const char *format, va_list args)
{
	StringInfoData text;

	initStringInfo(&text);
	cn_append_args(&text, format, args);
	return text.data;
}
