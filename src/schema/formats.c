/*
 * formats.c -- the formats by name, and the small ones.  Pure.
 *
 * iri, idn-email, idn-hostname and uri-template have no row: they are remarks,
 * as every unknown format is.
 */
#include "core/pure.h"

#include "core/chars.h"
#include "schema/formats.h"
#include "schema/pattern.h"

static bool is_uuid(const char *text, int len);
static bool is_regex(const char *text, int len);
static bool is_json_pointer(const char *text, int len);
static bool is_relative_json_pointer(const char *text, int len);

static const struct
{
	const char *name;
	CnFormatCheck check;
}			formats[] = {
	{"date", cn_format_date},
	{"date-time", cn_format_date_time},
	{"duration", cn_format_duration},
	{"email", cn_format_email},
	{"hostname", cn_format_hostname},
	{"ipv4", cn_format_ipv4},
	{"ipv6", cn_format_ipv6},
	{"json-pointer", is_json_pointer},
	{"regex", is_regex},
	{"relative-json-pointer", is_relative_json_pointer},
	{"time", cn_format_time},
	{"uri", cn_format_uri},
	{"uri-reference", cn_format_uri_reference},
	{"uuid", is_uuid},
};

CnFormatCheck
cn_format_find(const char *name)
{
	for (int i = 0; i < lengthof(formats); i++)
	{
		if (strcmp(formats[i].name, name) == 0)
			return formats[i].check;
	}
	return NULL;
}

/* RFC 4122, section 3 */
static bool
is_uuid(const char *text, int len)
{
	if (len != 36)
		return false;
	for (int i = 0; i < len; i++)
	{
		bool		hyphen = i == 8 || i == 13 || i == 18 || i == 23;

		if (hyphen ? text[i] != '-' : cn_hex_value(text[i]) < 0)
			return false;
	}
	return true;
}

/* ECMA-262; whether the server could match it is another question. */
static bool
is_regex(const char *text, int len)
{
	StringInfoData out;
	const char *problem;
	CnPatternKind kind;

	initStringInfo(&out);
	kind = cn_pattern_translate(text, len, &out, &problem);
	pfree(out.data);
	return kind != CN_PATTERN_INVALID;
}

/* RFC 6901 */
static bool
is_json_pointer(const char *text, int len)
{
	if (len > 0 && text[0] != '/')
		return false;
	for (int i = 0; i < len; i++)
	{
		if (text[i] == '~' && (i + 1 == len || (text[i + 1] != '0' && text[i + 1] != '1')))
			return false;
	}
	return true;
}

/* draft-bhutton-relative-json-pointer-00, section 3 */
static bool
is_relative_json_pointer(const char *text, int len)
{
	int			digits = strspn(text, "0123456789");

	if (digits == 0 || (text[0] == '0' && digits > 1))
		return false;
	if ((text[digits] == '+' || text[digits] == '-'))
	{
		int			more = strspn(text + digits + 1, "0123456789");

		if (more == 0 || text[digits + 1] == '0')
			return false;
		digits += 1 + more;
	}
	return (text[digits] == '#' && digits + 1 == len) ||
		is_json_pointer(text + digits, len - digits);
}
