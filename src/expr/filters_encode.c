/*
 * filters_encode.c -- filters that write a value in another form.  Pure.
 */
#include "core/pure.h"

#include "core/escape.h"
#include "core/json_build.h"
#include "expr/filters.h"

const CnJson *
cn_filter_to_json(CnFilterCall *call)
{
	StringInfoData buf;

	if (!cn_filter_charge(call, cn_json_size(call->value, call->output_limit)))
		return NULL;
	initStringInfo(&buf);
	cn_json_write(&buf, call->value);
	return cn_json_string(buf.data, buf.len);
}

/* RFC 4648, section 4. */
const CnJson *
cn_filter_base64(CnFilterCall *call)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *text;
	int			len;
	int64		size;
	int			i;
	CnJson	   *result;
	char	   *out;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	size = ((int64) len + 2) / 3 * 4;
	if (!cn_filter_charge(call, size))
		return NULL;
	result = cn_json_new_text(CN_JSON_STRING, size, &out);
	for (i = 0; i < len; i += 3)
	{
		uint32		group = (uint32) (unsigned char) text[i] << 16;

		if (i + 1 < len)
			group |= (uint32) (unsigned char) text[i + 1] << 8;
		if (i + 2 < len)
			group |= (unsigned char) text[i + 2];
		*out++ = digits[group >> 18];
		*out++ = digits[(group >> 12) & 63];
		*out++ = i + 1 < len ? digits[(group >> 6) & 63] : '=';
		*out++ = i + 2 < len ? digits[group & 63] : '=';
	}
	return result;
}

const CnJson *
cn_filter_url(CnFilterCall *call)
{
	const char *text;
	int			len;
	StringInfoData buf;

	if (!cn_filter_text(call, &text, &len) ||
		!cn_filter_charge(call, cn_percent_encoded_size(text, len)))
		return NULL;
	initStringInfo(&buf);
	cn_percent_encode(&buf, text, len);
	return cn_json_string(buf.data, buf.len);
}
