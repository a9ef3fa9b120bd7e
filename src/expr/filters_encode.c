/*
 * filters_encode.c -- filters that write a text in another form, and read it back.  Pure.
 *
 * What is read back must be UTF-8 without NUL: a value can hold nothing else.
 */
#include "core/pure.h"

#include "core/chars.h"
#include "core/escape.h"
#include "core/json_build.h"
#include "expr/filters.h"

static const char standard_digits[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const CnJson *encode(CnFilterCall *call, CnEncoding encoding);
static void write_hex(char *out, const unsigned char *bytes, int len);
static void write_base64(char *out, const unsigned char *bytes, int len, const char *digits,
						 bool pad);
static const CnJson *decode_base64(CnFilterCall *call, bool url);
static const CnJson *decoded(CnFilterCall *call, const char *bytes, int len);

/* ---- bytes as digits ---- */

const CnJson *
cn_filter_base64(CnFilterCall *call)
{
	return encode(call, CN_ENCODING_BASE64);
}

const CnJson *
cn_filter_base64url(CnFilterCall *call)
{
	return encode(call, CN_ENCODING_BASE64URL);
}

const CnJson *
cn_filter_hex(CnFilterCall *call)
{
	return encode(call, CN_ENCODING_HEX);
}

static const CnJson *
encode(CnFilterCall *call, CnEncoding encoding)
{
	const char *text;
	int			len;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	return cn_filter_encoded(call, encoding, text, len);
}

/* RFC 4648: section 8 in small letters, section 4, or section 5 without padding. */
const CnJson *
cn_filter_encoded(CnFilterCall *call, CnEncoding encoding, const void *bytes, int len)
{
	int64		size = encoding == CN_ENCODING_HEX ? 2 * (int64) len
		: encoding == CN_ENCODING_BASE64 ? ((int64) len + 2) / 3 * 4 : ((int64) len * 4 + 2) / 3;
	CnJson	   *result;
	char	   *out;

	if (!cn_filter_charge(call, size))
		return NULL;
	result = cn_json_new_text(CN_JSON_STRING, size, &out);
	if (encoding == CN_ENCODING_HEX)
		write_hex(out, (const unsigned char *) bytes, len);
	else if (encoding == CN_ENCODING_BASE64)
		write_base64(out, (const unsigned char *) bytes, len, standard_digits, true);
	else
		write_base64(out, (const unsigned char *) bytes, len, url_digits, false);
	return result;
}

static void
write_hex(char *out, const unsigned char *bytes, int len)
{
	static const char digits[] = "0123456789abcdef";
	int			i;

	for (i = 0; i < len; i++)
	{
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
}

static void
write_base64(char *out, const unsigned char *bytes, int len, const char *digits, bool pad)
{
	int			i;

	for (i = 0; i < len; i += 3)
	{
		int			left = Min(len - i, 3);
		uint32		group = (uint32) bytes[i] << 16;

		if (left > 1)
			group |= (uint32) bytes[i + 1] << 8;
		if (left > 2)
			group |= bytes[i + 2];
		*out++ = digits[group >> 18];
		*out++ = digits[(group >> 12) & 63];
		if (left > 1 || pad)
			*out++ = left > 1 ? digits[(group >> 6) & 63] : '=';
		if (left > 2 || pad)
			*out++ = left > 2 ? digits[group & 63] : '=';
	}
}

const CnJson *
cn_filter_base64_decode(CnFilterCall *call)
{
	return decode_base64(call, false);
}

const CnJson *
cn_filter_base64url_decode(CnFilterCall *call)
{
	return decode_base64(call, true);
}

/* The value of a digit, or -1. */
static int
base64_value(char c, bool url)
{
	const char *digits = url ? url_digits : standard_digits;
	const char *found = c != '\0' ? strchr(digits, c) : NULL;

	return found != NULL ? found - digits : -1;
}

/* White space between digits is skipped; padding at the end may be missing. */
static const CnJson *
decode_base64(CnFilterCall *call, bool url)
{
	const char *text;
	int			len;
	uint32		bits = 0;
	int			nbits = 0;
	int			digits = 0;
	int			pads = 0;
	int			i;
	StringInfoData buf;

	if (!cn_filter_text(call, &text, &len) || !cn_filter_charge(call, len))
		return NULL;
	initStringInfo(&buf);
	for (i = 0; i < len; i++)
	{
		int			value = base64_value(text[i], url);

		if (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t')
			continue;
		if (text[i] == '=')
		{
			pads++;
			continue;
		}
		if (value < 0 || pads > 0)
			return cn_filter_fail(call, "the text is not base64%s", url ? "url" : "");
		digits++;
		bits = (bits << 6 | value) & 0xFFFFFF;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			appendStringInfoChar(&buf, (char) (bits >> nbits & 0xFF));
		}
	}
	if (digits % 4 == 1 || (pads > 0 && (digits + pads) % 4 != 0) || pads > 2 ||
		(bits & ((1 << nbits) - 1)) != 0)
		return cn_filter_fail(call, "the text is not base64%s", url ? "url" : "");
	return decoded(call, buf.data, buf.len);
}

/* The byte of two hexadecimal digits. */
static char
hex_pair(const char *digits)
{
	return (char) (cn_hex_value(digits[0]) << 4 | cn_hex_value(digits[1]));
}

const CnJson *
cn_filter_hex_decode(CnFilterCall *call)
{
	const char *text;
	int			len;
	int			i;
	StringInfoData buf;

	if (!cn_filter_text(call, &text, &len) || !cn_filter_charge(call, len))
		return NULL;
	initStringInfo(&buf);
	for (i = 0; i + 1 < len; i += 2)
	{
		if (cn_hex_value(text[i]) < 0 || cn_hex_value(text[i + 1]) < 0)
			break;
		appendStringInfoChar(&buf, hex_pair(text + i));
	}
	if (i != len)
		return cn_filter_fail(call, "the text is not hexadecimal");
	return decoded(call, buf.data, buf.len);
}

/* A text of bytes that came out of something. */
static const CnJson *
decoded(CnFilterCall *call, const char *bytes, int len)
{
	if (!cn_utf8_valid(bytes, len, NULL))
		return cn_filter_fail(call, "the bytes are not UTF-8 text");
	return cn_filter_string(call, bytes, len);
}

/* ---- characters that mean something elsewhere ---- */

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
	return cn_filter_finished(&buf);
}

/* %XX only: a plus sign is one. */
const CnJson *
cn_filter_url_decode(CnFilterCall *call)
{
	const char *text;
	int			len;
	int			i;
	StringInfoData buf;

	if (!cn_filter_text(call, &text, &len) || !cn_filter_charge(call, len))
		return NULL;
	initStringInfo(&buf);
	for (i = 0; i < len; i++)
	{
		if (text[i] != '%')
		{
			appendStringInfoChar(&buf, text[i]);
			continue;
		}
		if (len - i < 3 || cn_hex_value(text[i + 1]) < 0 || cn_hex_value(text[i + 2]) < 0)
			return cn_filter_fail(call, "the text is not percent-encoded");
		appendStringInfoChar(&buf, hex_pair(text + i + 1));
		i += 2;
	}
	return decoded(call, buf.data, buf.len);
}

/* For text and for values of attributes in either kind of quotes. */
const CnJson *
cn_filter_html(CnFilterCall *call)
{
	const char *text;
	int			len;
	int			i;
	StringInfoData buf;

	if (!cn_filter_text(call, &text, &len) || !cn_filter_charge(call, (int64) len * 6))
		return NULL;
	initStringInfo(&buf);
	for (i = 0; i < len; i++)
	{
		switch (text[i])
		{
			case '&':
				appendStringInfoString(&buf, "&amp;");
				break;
			case '<':
				appendStringInfoString(&buf, "&lt;");
				break;
			case '>':
				appendStringInfoString(&buf, "&gt;");
				break;
			case '"':
				appendStringInfoString(&buf, "&quot;");
				break;
			case '\'':
				appendStringInfoString(&buf, "&#39;");
				break;
			default:
				appendStringInfoChar(&buf, text[i]);
				break;
		}
	}
	return cn_filter_finished(&buf);
}

/* One field of RFC 4180; of an array, its elements as one line. */
static bool
append_csv_field(CnFilterCall *call, StringInfo out, const CnJson *value, const char *separator,
				 int separator_len)
{
	const char *text;
	int			len;
	int			i;

	if (!cn_filter_any_text(call, value, &text, &len) ||
		!cn_filter_charge(call, 2 * (int64) len + 2))
		return false;
	if (text[strcspn(text, "\"\r\n")] == '\0' &&
		(len == 0 || cn_filter_search(text, text + len, separator, separator_len) == NULL))
	{
		appendBinaryStringInfo(out, text, len);
		return true;
	}
	appendStringInfoChar(out, '"');
	for (i = 0; i < len; i++)
	{
		if (text[i] == '"')
			appendStringInfoChar(out, '"');
		appendStringInfoChar(out, text[i]);
	}
	appendStringInfoChar(out, '"');
	return true;
}

const CnJson *
cn_filter_csv(CnFilterCall *call)
{
	const CnJson *value = call->value;
	const char *separator = ",";
	int			separator_len = 1;
	StringInfoData buf;
	int			i;

	if (call->nargs > 0)
		separator = cn_filter_text_arg(call, 0, &separator_len);
	initStringInfo(&buf);
	if (value->type != CN_JSON_ARRAY)
		return append_csv_field(call, &buf, value, separator, separator_len)
			? cn_filter_finished(&buf) : NULL;
	for (i = 0; i < value->len; i++)
	{
		if (!cn_filter_charge(call, separator_len))
			return NULL;
		if (i > 0)
			appendBinaryStringInfo(&buf, separator, separator_len);
		if (!append_csv_field(call, &buf, value->u.items[i], separator, separator_len))
			return NULL;
	}
	return cn_filter_finished(&buf);
}
