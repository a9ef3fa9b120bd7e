/*
 * formats_uri.c -- URIs, by the grammar of RFC 3986 (appendix A).  Pure.
 */
#include "core/pure.h"

#include "core/chars.h"
#include "schema/formats.h"

#define UNRESERVED \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
#define SUB_DELIMS "!$&'()*+,;="
#define PCHAR UNRESERVED SUB_DELIMS ":@"

static bool all_of(const char *text, int len, const char *chars, bool percent);
static int	scheme_length(const char *text, int len);
static bool is_hierarchy(const char *text, int len, bool relative);
static bool is_authority(const char *text, int len);
static bool is_host(const char *text, int len);

/* Only these characters, and %XX if that is allowed? */
static bool
all_of(const char *text, int len, const char *chars, bool percent)
{
	for (int i = 0; i < len; i++)
	{
		if (percent && text[i] == '%' && i + 2 < len && cn_hex_value(text[i + 1]) >= 0 &&
			cn_hex_value(text[i + 2]) >= 0)
			i += 2;
		else if (text[i] == '\0' || strchr(chars, text[i]) == NULL)
			return false;
	}
	return true;
}

bool
cn_format_uri(const char *text, int len)
{
	int			scheme = scheme_length(text, len);

	return scheme > 0 && is_hierarchy(text + scheme + 1, len - scheme - 1, false);
}

bool
cn_format_uri_reference(const char *text, int len)
{
	return cn_format_uri(text, len) || is_hierarchy(text, len, true);
}

/* Of the scheme before a colon; 0 if there is none. */
static int
scheme_length(const char *text, int len)
{
	const char *colon = memchr(text, ':', len);
	int			scheme = colon != NULL ? colon - text : 0;

	if (scheme == 0 || !((text[0] | 0x20) >= 'a' && (text[0] | 0x20) <= 'z'))
		return 0;
	return all_of(text, scheme, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.",
				  false) ? scheme : 0;
}

/* What stands behind the scheme, or all of a reference without one. */
static bool
is_hierarchy(const char *text, int len, bool relative)
{
	const char *end = text + len;
	const char *fragment = memchr(text, '#', len);
	const char *query;
	const char *path_end;

	if (fragment != NULL)
	{
		if (!all_of(fragment + 1, end - fragment - 1, PCHAR "/?", true))
			return false;
		end = fragment;
	}
	query = memchr(text, '?', end - text);
	if (query != NULL)
	{
		if (!all_of(query + 1, end - query - 1, PCHAR "/?", true))
			return false;
		end = query;
	}
	if (end - text >= 2 && text[0] == '/' && text[1] == '/')
	{
		const char *authority = text + 2;

		path_end = memchr(authority, '/', end - authority);
		text = path_end != NULL ? path_end : end;
		if (!is_authority(authority, text - authority))
			return false;
	}
	else if (relative)
	{
		/* a colon in the first segment would make it a scheme */
		const char *colon = memchr(text, ':', end - text);
		const char *slash = memchr(text, '/', end - text);

		if (colon != NULL && (slash == NULL || colon < slash))
			return false;
	}
	return all_of(text, end - text, PCHAR "/", true);
}

static bool
is_authority(const char *text, int len)
{
	const char *at = memchr(text, '@', len);
	int			host = len;

	if (at != NULL)
	{
		if (!all_of(text, at - text, UNRESERVED SUB_DELIMS ":", true))
			return false;
		host -= at + 1 - text;
		text = at + 1;
	}
	len = host;
	while (host > 0 && text[host - 1] >= '0' && text[host - 1] <= '9')
		host--;
	/* digits that are no port belong to the host */
	host = host > 0 && text[host - 1] == ':' ? host - 1 : len;
	return is_host(text, host);
}

static bool
is_host(const char *text, int len)
{
	int			digits;

	if (len == 0 || text[0] != '[')
		return all_of(text, len, UNRESERVED SUB_DELIMS, true);
	if (text[len - 1] != ']')
		return false;
	text++;
	len -= 2;
	if (len < 1 || (text[0] | 0x20) != 'v')
		return cn_format_ipv6(text, len);
	for (digits = 1; digits < len && cn_hex_value(text[digits]) >= 0; digits++)
		;
	return digits > 1 && digits + 1 < len && text[digits] == '.' &&
		all_of(text + digits + 1, len - digits - 1, UNRESERVED SUB_DELIMS ":", false);
}
