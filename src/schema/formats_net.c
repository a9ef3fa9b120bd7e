/*
 * formats_net.c -- addresses of hosts and mailboxes.  Pure.
 */
#include "core/pure.h"

#include "core/chars.h"
#include "schema/formats.h"
#include "schema/unicode_categories.h"

#define HOSTNAME_MAX 253
#define LABEL_MAX 63
#define LOCAL_PART_MAX 64		/* RFC 5321, 4.5.3.1.1 */
#define MAILBOX_MAX 254			/* RFC 5321, 4.5.3.1.3, without the angle brackets */

/* RFC 3492, section 5 */
#define PUNY_BASE 36
#define PUNY_TMIN 1
#define PUNY_TMAX 26
#define PUNY_SKEW 38
#define PUNY_DAMP 700
#define PUNY_BIAS 72
#define PUNY_FIRST 128

static bool is_label(const char *label, int len);
static bool is_a_label(const char *label, int len);
static bool is_local_part(const char *text, int len);
static bool is_quoted_string(const char *text, int len);
static bool is_mail_domain(const char *text, int len);

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_letter_or_digit(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* RFC 1123, section 2.1 */
bool
cn_format_hostname(const char *text, int len)
{
	const char *label = text;
	const char *end = text + len;

	if (len == 0 || len > HOSTNAME_MAX)
		return false;
	for (;;)
	{
		const char *dot = memchr(label, '.', end - label);

		if (!is_label(label, (dot != NULL ? dot : end) - label))
			return false;
		if (dot == NULL)
			return true;
		label = dot + 1;
	}
}

static bool
is_label(const char *label, int len)
{
	if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (int i = 0; i < len; i++)
	{
		if (!is_letter_or_digit(label[i]) && label[i] != '-')
			return false;
	}
	return len < 4 || pg_strncasecmp(label, "xn--", 4) != 0 || is_a_label(label + 4, len - 4);
}

static uint32
category_of(uint32 code)
{
	int			low = 0;
	int			high = cn_unicode_nruns;

	while (high - low > 1)
	{
		int			middle = low + (high - low) / 2;

		if (cn_unicode_runs[middle].start <= code)
			low = middle;
		else
			high = middle;
	}
	return cn_unicode_runs[low].category;
}

/* RFC 3492, section 6.1 */
static uint32
adapt(uint32 delta, uint32 count, bool first)
{
	uint32		k = 0;

	delta = first ? delta / PUNY_DAMP : delta / 2;
	delta += delta / count;
	for (; delta > (PUNY_BASE - PUNY_TMIN) * PUNY_TMAX / 2; k += PUNY_BASE)
		delta /= PUNY_BASE - PUNY_TMIN;
	return k + (PUNY_BASE - PUNY_TMIN + 1) * delta / (delta + PUNY_SKEW);
}

/* A generalized variable-length integer, *p moves on; -1 if there is none. */
static int64
puny_number(const char **p, const char *end, uint32 bias)
{
	uint64		number = 0;
	uint64		weight = 1;

	for (uint32 k = PUNY_BASE;; k += PUNY_BASE)
	{
		uint32		threshold = k <= bias ? PUNY_TMIN
			: k >= bias + PUNY_TMAX ? PUNY_TMAX : k - bias;
		uint32		digit;

		if (*p >= end)
			return -1;
		digit = is_digit(**p) ? **p - '0' + 26 : (**p | 0x20) - 'a';
		if (digit >= PUNY_BASE)
			return -1;
		(*p)++;
		number += digit * weight;
		if (number > PG_INT32_MAX)
			return -1;
		if (digit < threshold)
			return (int64) number;
		weight *= PUNY_BASE - threshold;
		if (weight > PG_INT32_MAX)
			return -1;
	}
}

/*
 * is_a_label -- is this, behind xn--, Punycode of something a label may be?
 *
 * It has to decode, to something that is not all ASCII, and that neither
 * begins with a combining mark nor has a code point that is unassigned, a
 * control or a surrogate.  The rules of IDNA2008 on single characters in
 * context (RFC 5892) are not looked at.
 */
static bool
is_a_label(const char *label, int len)
{
	const char *p = label;
	const char *end = label + len;
	uint32		codes[LABEL_MAX];
	uint32		count = 0;
	uint32		code = PUNY_FIRST;
	uint32		bias = PUNY_BIAS;
	uint32		i = 0;

	for (int last = len - 1; last > 0; last--)
	{
		if (label[last] != '-')
			continue;
		for (int j = 0; j < last; j++)
			codes[count++] = (unsigned char) label[j];
		p = label + last + 1;
		break;
	}
	if (p >= end)
		return false;
	while (p < end)
	{
		int64		number = puny_number(&p, end, bias);

		if (number < 0 || count == LABEL_MAX)
			return false;
		bias = adapt((uint32) number, count + 1, i == 0);
		number += i;
		code += (uint32) (number / (count + 1));
		i = (uint32) (number % (count + 1));
		if (code > 0x10FFFF || (category_of(code) & (CN_GC_CC | CN_GC_CS | CN_GC_CO | CN_GC_CN)))
			return false;
		memmove(codes + i + 1, codes + i, (count - i) * sizeof(uint32));
		codes[i++] = code;
		count++;
	}
	return (category_of(codes[0]) & CN_GC_MARK) == 0;
}

/* RFC 2673, section 3.2: four decimal numbers, without zeros in front. */
bool
cn_format_ipv4(const char *text, int len)
{
	const char *p = text;
	const char *end = text + len;

	for (int part = 0; part < 4; part++)
	{
		const char *digits = p;
		int			number = 0;

		if (part > 0 && (p >= end || *p++ != '.'))
			return false;
		digits = p;
		for (; p < end && is_digit(*p) && p - digits < 4; p++)
			number = number * 10 + (*p - '0');
		if (p == digits || number > 255 || (*digits == '0' && p - digits > 1))
			return false;
	}
	return p == end;
}

/* RFC 4291, section 2.2; no zone. */
bool
cn_format_ipv6(const char *text, int len)
{
	const char *p = text;
	const char *end = text + len;
	int			groups = 0;
	bool		gap = false;

	while (p < end)
	{
		const char *digits = p;

		if (end - p >= 2 && p[0] == ':' && p[1] == ':')
		{
			if (gap)
				return false;
			gap = true;
			p += 2;
			continue;
		}
		/* one colon, between two groups; the gap's own was enough */
		if (groups > 0 && p[-1] != ':')
		{
			if (*p++ != ':')
				return false;
			digits = p;
		}
		if (groups <= 6 && memchr(p, '.', end - p) != NULL && memchr(p, ':', end - p) == NULL)
		{
			if (!cn_format_ipv4(p, end - p))
				return false;
			groups += 2;
			break;
		}
		while (p < end && p - digits < 5 && cn_hex_value(*p) >= 0)
			p++;
		if (p == digits || p - digits > 4)
			return false;
		groups++;
	}
	return gap ? groups <= 7 : groups == 8;
}

/* RFC 5321, section 4.1.2: Mailbox. */
bool
cn_format_email(const char *text, int len)
{
	const char *at = NULL;

	if (len > MAILBOX_MAX)
		return false;
	for (const char *p = text + len; at == NULL && p > text; p--)
	{
		if (p[-1] == '@')
			at = p - 1;
	}
	return at != NULL && at - text <= LOCAL_PART_MAX && is_local_part(text, at - text) &&
		is_mail_domain(at + 1, text + len - at - 1);
}

/* A Dot-string or a Quoted-string. */
static bool
is_local_part(const char *text, int len)
{
	bool		dot = true;		/* an atom has to follow */

	if (len > 0 && text[0] == '"')
		return is_quoted_string(text, len);
	for (int i = 0; i < len; i++)
	{
		if (text[i] == '.')
		{
			if (dot)
				return false;
			dot = true;
			continue;
		}
		if (!is_letter_or_digit(text[i]) && strchr("!#$%&'*+-/=?^_`{|}~", text[i]) == NULL)
			return false;
		dot = false;
	}
	return !dot;
}

static bool
is_quoted_string(const char *text, int len)
{
	int			i;

	for (i = 1; i < len && text[i] != '"'; i++)
	{
		if (text[i] == '\\')
			i++;
		if (i >= len || text[i] < ' ' || text[i] > '~')
			return false;
	}
	return i == len - 1;
}

/* A name or an address-literal. */
static bool
is_mail_domain(const char *text, int len)
{
	if (len < 2 || text[0] != '[')
		return cn_format_hostname(text, len);
	if (text[len - 1] != ']')
		return false;
	if (len > 7 && pg_strncasecmp(text + 1, "IPv6:", 5) == 0)
		return cn_format_ipv6(text + 6, len - 7);
	return cn_format_ipv4(text + 1, len - 2);
}
