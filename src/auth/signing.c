/*
 * signing.c -- pieces that all kinds need which sign requests: encodings, times, wiped strings.
 */
#include "core/pure.h"

#include <time.h>

#include "common/base64.h"

#include "auth/jwt.h"
#include "auth/signing.h"
#include "core/chars.h"
#include "crypto/aead.h"

const char *
cn_sign_header(const CnSignInput *input, const char *name)
{
	for (int i = input->header_count - 1; i >= 0; i--)
		if (pg_strcasecmp(input->headers[i].name, name) == 0)
			return input->headers[i].value;
	return NULL;
}

void
cn_sign_buffer(StringInfo out, size_t max)
{
	initStringInfo(out);
	enlargeStringInfo(out, (int) Min(max + 1, PG_INT32_MAX));
}

void
cn_sign_wipe(StringInfo text)
{
	cn_wipe(text->data, text->maxlen);
	text->len = 0;
}

/* ---- encodings ---- */

static const char *const encodings[] = {
	[CN_SIGN_HEX] = "hex",
	[CN_SIGN_BASE64] = "base64",
	[CN_SIGN_BASE64URL] = "base64url",
};

bool
cn_sign_encoding(const char *name, CnSignEncoding *encoding)
{
	for (int i = 0; i < lengthof(encodings); i++)
	{
		if (strcmp(encodings[i], name) == 0)
		{
			*encoding = (CnSignEncoding) i;
			return true;
		}
	}
	return false;
}

static void
append_base64(StringInfo out, const uint8 *bytes, int len)
{
	int			max = pg_b64_enc_len(len);
	int			n;

	enlargeStringInfo(out, max + 1);
	n = pg_b64_encode((const char *) bytes, len, out->data + out->len, max);
	out->len += Max(n, 0);
	out->data[out->len] = '\0';
}

void
cn_sign_encode(StringInfo out, CnSignEncoding encoding, const uint8 *bytes, int len)
{
	switch (encoding)
	{
		case CN_SIGN_HEX:
			for (int i = 0; i < len; i++)
				appendStringInfo(out, "%02x", bytes[i]);
			break;
		case CN_SIGN_BASE64:
			append_base64(out, bytes, len);
			break;
		case CN_SIGN_BASE64URL:
			cn_base64url(out, bytes, len);
			break;
	}
}

static int
decode_hex(const char *text, uint8 *out)
{
	int			len = (int) strlen(text);

	if (len % 2 != 0)
		return -1;
	for (int i = 0; i < len; i += 2)
	{
		int			high = cn_hex_value(text[i]);
		int			low = cn_hex_value(text[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		out[i / 2] = (uint8) (high << 4 | low);
	}
	return len / 2;
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* Either alphabet, with or without padding: a key is copied as somebody wrote it. */
static int
decode_base64(const char *text, uint8 *out)
{
	int			len = (int) strlen(text);
	int			written = 0;
	uint32		bits = 0;
	int			count = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	if (len % 4 == 1)
		return -1;
	for (int i = 0; i < len; i++)
	{
		int			value = base64_value(text[i]);

		if (value < 0)
			return -1;
		bits = bits << 6 | value;
		count += 6;
		if (count >= 8)
		{
			count -= 8;
			out[written++] = (uint8) (bits >> count);
		}
	}
	return written;
}

int
cn_sign_decode(CnSignEncoding encoding, const char *text, uint8 *out)
{
	return encoding == CN_SIGN_HEX ? decode_hex(text, out) : decode_base64(text, out);
}

/* ---- times ---- */

static const char *const clocks[] = {
	[CN_CLOCK_SECONDS] = "seconds",
	[CN_CLOCK_MILLISECONDS] = "milliseconds",
	[CN_CLOCK_MILLISECONDS36] = "milliseconds_base36",
	[CN_CLOCK_ISO8601] = "iso8601",
	[CN_CLOCK_COMPACT] = "iso8601_basic",
	[CN_CLOCK_HTTP] = "http",
};

bool
cn_sign_clock(const char *name, CnSignClock *clock)
{
	for (int i = 0; i < lengthof(clocks); i++)
	{
		if (strcmp(clocks[i], name) == 0)
		{
			*clock = (CnSignClock) i;
			return true;
		}
	}
	return false;
}

static void
append_base36(StringInfo out, uint64 value)
{
	char		digits[16];
	int			n = sizeof(digits);

	do
	{
		digits[--n] = "0123456789abcdefghijklmnopqrstuvwxyz"[value % 36];
		value /= 36;
	} while (value > 0);
	appendBinaryStringInfo(out, digits + n, sizeof(digits) - n);
}

/* The names of days and months are English, whatever the server's locale. */
static void
append_date(StringInfo out, CnSignClock clock, time_t seconds)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm	t;

	gmtime_r(&seconds, &t);
	if (clock == CN_CLOCK_HTTP)
		appendStringInfo(out, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * t.tm_wday,
						 t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min,
						 t.tm_sec);
	else
		appendStringInfo(out, clock == CN_CLOCK_ISO8601 ? "%04d-%02d-%02dT%02d:%02d:%02dZ"
						 : "%04d%02d%02dT%02d%02d%02dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
						 t.tm_hour, t.tm_min, t.tm_sec);
}

void
cn_sign_timestamp(StringInfo out, CnSignClock clock, int64 now_ms)
{
	switch (clock)
	{
		case CN_CLOCK_SECONDS:
			appendStringInfo(out, INT64_FORMAT, now_ms / 1000);
			break;
		case CN_CLOCK_MILLISECONDS:
			appendStringInfo(out, INT64_FORMAT, now_ms);
			break;
		case CN_CLOCK_MILLISECONDS36:
			append_base36(out, (uint64) now_ms);
			break;
		case CN_CLOCK_ISO8601:
		case CN_CLOCK_COMPACT:
		case CN_CLOCK_HTTP:
			append_date(out, clock, (time_t) (now_ms / 1000));
			break;
	}
}
