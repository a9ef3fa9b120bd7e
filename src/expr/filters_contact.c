/*
 * filters_contact.c -- filters that bring addresses of people into one form.  Pure.
 */
#include "core/pure.h"

#include "core/utf8.h"
#include "expr/filters.h"
#include "expr/phone.h"

/* RFC 5321, section 4.5.3.1. */
#define LOCAL_MAX 64
#define DOMAIN_MAX 253
#define LABEL_MAX 63

static void skip_space(const char **text, int *len);
static bool local_part_valid(const char *text, int len);
static bool domain_valid(const char *text, int len);
static bool label_valid(const char *text, int len);

const CnJson *
cn_filter_phone(CnFilterCall *call)
{
	const CnCountry *country = call->nargs > 0 ? (const CnCountry *) call->prepared[0] : NULL;
	char		out[CN_PHONE_MAX_DIGITS + 2];
	const char *problem;
	const char *text;
	int			len;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	skip_space(&text, &len);
	problem = cn_phone_normalize(text, len, country, out);
	if (problem != NULL)
		return cn_filter_fail(call, "%s", problem);
	return cn_filter_string(call, out, strlen(out));
}

/*
 * An address as people write it: name, '@', domain with a dot.
 *
 * What is in front of the '@' keeps its case, which is the remote's to judge;
 * the quoted form of it, comments and addresses with a display name are
 * refused.
 */
const CnJson *
cn_filter_email(CnFilterCall *call)
{
	const char *text;
	const char *at;
	int			len;
	int			local;
	int			pos;
	StringInfoData buf;

	if (!cn_filter_text(call, &text, &len) || !cn_filter_charge(call, len + len / 2))
		return NULL;
	skip_space(&text, &len);
	at = (const char *) memchr(text, '@', len);
	local = at != NULL ? at - text : 0;
	if (at == NULL || !local_part_valid(text, local) ||
		!domain_valid(at + 1, len - local - 1))
		return cn_filter_fail(call, "the text is not an email address");
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, text, local + 1);
	for (pos = local + 1; pos < len;)
	{
		char		bytes[CN_UTF8_MAX];
		uint32		code;

		pos += cn_utf8_decode(text + pos, &code);
		appendBinaryStringInfo(&buf, bytes, cn_utf8_encode(bytes, cn_filter_lower_letter(code)));
	}
	return cn_filter_finished(&buf);
}

/* Both ends. */
static void
skip_space(const char **text, int *len)
{
	uint32		code;

	while (*len > 0)
	{
		int			width = cn_utf8_decode(*text, &code);

		if (!cn_filter_is_space(code))
			break;
		*text += width;
		*len -= width;
	}
	while (*len > 0)
	{
		int			from = *len - 1;

		while (CN_UTF8_IS_TAIL((unsigned char) (*text)[from]))
			from--;
		cn_utf8_decode(*text + from, &code);
		if (!cn_filter_is_space(code))
			break;
		*len = from;
	}
}

/* RFC 5322's dot-atom, and other letters as RFC 6532 has them. */
static bool
local_part_valid(const char *text, int len)
{
	static const char allowed[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.";
	int			i;

	if (len < 1 || len > LOCAL_MAX || text[0] == '.' || text[len - 1] == '.')
		return false;
	for (i = 0; i < len; i++)
	{
		unsigned char byte = (unsigned char) text[i];

		if (byte == '.' && text[i - 1] == '.')
			return false;
		if (byte < 0x80 && strchr(allowed, byte) == NULL)
			return false;
	}
	return true;
}

/* Two labels at least; the last one is no number. */
static bool
domain_valid(const char *text, int len)
{
	const char *label = text;
	const char *end = text + len;
	int			labels = 0;

	if (len < 1 || len > DOMAIN_MAX)
		return false;
	for (;;)
	{
		const char *dot = (const char *) memchr(label, '.', end - label);
		int			label_len = (dot != NULL ? dot : end) - label;

		if (!label_valid(label, label_len))
			return false;
		labels++;
		if (dot == NULL)
			break;
		label = dot + 1;
	}
	return labels >= 2 && (*label < '0' || *label > '9');
}

static bool
label_valid(const char *text, int len)
{
	int			pos;

	if (len < 1 || len > LABEL_MAX || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (pos = 0; pos < len;)
	{
		uint32		code;

		pos += cn_utf8_decode(text + pos, &code);
		if (code != '-' && !cn_filter_is_word(code))
			return false;
	}
	return true;
}
