/*
 * escape.c -- percent-encoding; see escape.h.  Pure.
 */
#include "core/pure.h"

#include "core/escape.h"

static inline bool
is_unreserved(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		(byte >= '0' && byte <= '9') ||
		byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

void
cn_percent_encode(StringInfo out, const char *text, int len)
{
	static const char hex[] = "0123456789ABCDEF";
	int			i;

	enlargeStringInfo(out, cn_percent_encoded_size(text, len));
	for (i = 0; i < len; i++)
	{
		unsigned char byte = (unsigned char) text[i];

		if (!is_unreserved(byte))
		{
			out->data[out->len++] = '%';
			out->data[out->len++] = hex[byte >> 4];
			byte = hex[byte & 15];
		}
		out->data[out->len++] = byte;
	}
	out->data[out->len] = '\0';
}

int64
cn_percent_encoded_size(const char *text, int len)
{
	int64		size = len;
	int			i;

	for (i = 0; i < len; i++)
		size += is_unreserved((unsigned char) text[i]) ? 0 : 2;
	return size;
}
