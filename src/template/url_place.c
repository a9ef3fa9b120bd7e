/*
 * url_place.c -- which part of a URL a reference stands in, and what it may be there.  Pure.
 *
 * The rules are those of cn_template_parse in template.h.  The literal text is
 * walked once, when the template is compiled, by a small state machine; where
 * the place of a reference cannot be known for certain the template is refused.
 * So no value can move the end of the host, leave its path segment or add a
 * parameter: the shape of the URL is the author's alone.  Whether the result is
 * a good URL and its address a permitted one is for http/url and http/address.
 */
#include "core/pure.h"

#include "template/template_tree.h"

typedef enum UrlState
{
	URL_START,
	URL_BEHIND_BASE,			/* behind a reference that is the base URL */
	URL_SCHEME,					/* or the first segment of a relative path */
	URL_COLON,					/* behind "https:" */
	URL_COLON_SLASH,			/* behind "https:/" */
	URL_SLASH,					/* behind a '/' at the very start */
	URL_HOST,
	URL_BRACKET,				/* inside [...] in the authority */
	URL_PORT,
	URL_PATH,
	URL_QUERY
} UrlState;

static bool walk_literal(const Part *part, UrlState *state, CnTemplateError *error);
static const char *step(UrlState *state, const Part *part, int i);
static const char *step_authority(UrlState *state, char byte);
static const char *check_byte(const Part *part, int i);
static bool place_reference(Part *part, UrlState *state, CnTemplateError *error);
static const char *check_base(const char *text, int len);
static const char *check_host(const char *text, int len, bool port_allowed);
static const char *check_port(const char *text, int len);
static bool is_host_byte(char byte);
static bool fail(CnTemplateError *error, int offset, const char *message);

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool
is_hex(char byte)
{
	return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

/*
 * cn_url_assign_places -- give every reference of a URL template its place.
 *
 * Returns false and *error if one has none, or if the literal text is not that
 * of a URL.
 */
bool
cn_url_assign_places(Part *parts, int nparts, CnTemplateError *error)
{
	UrlState	state = URL_START;
	int			i;

	for (i = 0; i < nparts; i++)
	{
		const Part *next = i + 1 < nparts ? &parts[i + 1] : NULL;

		if (parts[i].text != NULL)
		{
			if (!walk_literal(&parts[i], &state, error))
				return false;
			continue;
		}
		if (!place_reference(&parts[i], &state, error))
			return false;
		parts[i].last_in_host = next == NULL ||
			(next->text != NULL && (next->text[0] == '/' || next->text[0] == '?'));
	}
	return true;
}

static bool
walk_literal(const Part *part, UrlState *state, CnTemplateError *error)
{
	int			i;

	for (i = 0; i < part->len; i++)
	{
		const char *message = check_byte(part, i);

		if (message == NULL)
			message = step(state, part, i);
		if (message != NULL)
			return fail(error, part->offset + i, message);
	}
	return true;
}

/* What no part of a URL may contain.  Returns a message or NULL, as the others below. */
static const char *
check_byte(const Part *part, int i)
{
	unsigned char byte = (unsigned char) part->text[i];

	if (byte <= ' ' || byte == 0x7F)
		return "a URL must not contain white space or control characters";
	if (byte == '\\')
		return "a URL must not contain a backslash";
	if (byte == '#')
		return "a URL must not contain a fragment (\"#\"): it is never sent";
	if (byte == '%' &&
		!(part->len - i > 2 && is_hex(part->text[i + 1]) && is_hex(part->text[i + 2])))
		return "\"%\" in a URL must be followed by two hexadecimal digits";
	return NULL;
}

/* One byte of literal text. */
static const char *
step(UrlState *state, const Part *part, int i)
{
	char		byte = part->text[i];

	switch (*state)
	{
		case URL_START:
			if (byte == ':')
				return "a URL must begin with \"http://\" or \"https://\"";
			*state = byte == '/' ? URL_SLASH : byte == '?' ? URL_QUERY : URL_SCHEME;
			return NULL;
		case URL_BEHIND_BASE:
			if (byte != '/' && byte != '?')
				return "\"/\" or \"?\" must follow the base URL";
			*state = byte == '/' ? URL_PATH : URL_QUERY;
			return NULL;
		case URL_SCHEME:
			if (byte == '/' || byte == '?')
				*state = byte == '/' ? URL_PATH : URL_QUERY;
			if (byte != ':')
				return NULL;
			*state = URL_COLON;
			if (i == 4 && pg_strncasecmp(part->text, "http", 4) == 0)
				return NULL;
			if (i == 5 && pg_strncasecmp(part->text, "https", 5) == 0)
				return NULL;
			return "a URL must begin with \"http://\" or \"https://\"";
		case URL_COLON:
		case URL_COLON_SLASH:
			if (byte != '/')
				return "a URL must begin with \"http://\" or \"https://\"";
			*state = *state == URL_COLON ? URL_COLON_SLASH : URL_HOST;
			return NULL;
		case URL_SLASH:
			*state = byte == '/' ? URL_HOST : byte == '?' ? URL_QUERY : URL_PATH;
			return NULL;
		case URL_HOST:
		case URL_BRACKET:
		case URL_PORT:
			return step_authority(state, byte);
		case URL_PATH:
			if (byte == '?')
				*state = URL_QUERY;
			return NULL;
		case URL_QUERY:
			return NULL;
	}
	return NULL;
}

static const char *
step_authority(UrlState *state, char byte)
{
	if (byte == '@')
		return "a URL must not contain a user name or password";
	if (*state == URL_BRACKET)
	{
		if (byte == ']')
			*state = URL_HOST;
		return NULL;
	}
	if (byte == '/' || byte == '?')
		*state = byte == '/' ? URL_PATH : URL_QUERY;
	else if (byte == ':')
		*state = URL_PORT;
	else if (byte == '[')
		*state = URL_BRACKET;
	return NULL;
}

static bool
place_reference(Part *part, UrlState *state, CnTemplateError *error)
{
	switch (*state)
	{
		case URL_START:
			part->place = REF_URL_BASE;
			*state = URL_BEHIND_BASE;
			return true;
		case URL_BEHIND_BASE:
			return fail(error, part->offset, "\"/\" or \"?\" must follow the base URL");
		case URL_SCHEME:
		case URL_COLON:
		case URL_COLON_SLASH:
			return fail(error, part->offset,
						"a reference cannot stand in front of a URL's \"://\" or first \"/\"");
		case URL_BRACKET:
			return fail(error, part->offset, "a reference cannot stand inside \"[...]\" of a URL");
		case URL_HOST:
			part->place = REF_URL_HOST;
			return true;
		case URL_PORT:
			part->place = REF_URL_PORT;
			return true;
		case URL_SLASH:
			*state = URL_PATH;
			part->place = REF_URL_SEGMENT;
			return true;
		case URL_PATH:
			part->place = REF_URL_SEGMENT;
			return true;
		case URL_QUERY:
			part->place = REF_COMPONENT;
			return true;
	}
	return true;
}

/* ---- values ---- */

/*
 * cn_url_check_value -- may text stand where part is?
 *
 * Returns NULL if it may, else why not.
 */
const char *
cn_url_check_value(const Part *part, const char *text, int len)
{
	int			i;

	switch (part->place)
	{
		case REF_URL_BASE:
			return check_base(text, len);
		case REF_URL_HOST:
			return check_host(text, len, part->last_in_host);
		case REF_URL_PORT:
			for (i = 0; i < len && is_digit(text[i]); i++)
				;
			return len > 0 && len <= 5 && i == len ? NULL : "a port must be a number";
		case REF_URL_SEGMENT:
			return len > 0 ? NULL : "a segment of a URL's path must not be empty";
		default:
			return NULL;
	}
}

/* "https://host[:port][/path]", nothing else. */
static const char *
check_base(const char *text, int len)
{
	int			start;
	int			end;
	int			i;

	if (len > 7 && pg_strncasecmp(text, "http://", 7) == 0)
		start = 7;
	else if (len > 8 && pg_strncasecmp(text, "https://", 8) == 0)
		start = 8;
	else
		return "a base URL must begin with \"http://\" or \"https://\" and a host";
	for (i = 0; i < len; i++)
	{
		if (text[i] <= ' ' || text[i] >= 0x7F)
			return "a base URL must not contain white space, control or non-ASCII characters";
		if (text[i] == '?' || text[i] == '#' || text[i] == '\\')
			return "a base URL must not contain \"?\", \"#\" or a backslash";
	}
	for (end = start; end < len && text[end] != '/'; end++)
		;
	if (text[start] != '[')
		return check_host(text + start, end - start, true);
	for (i = start + 1; i < end && (is_hex(text[i]) || text[i] == ':' || text[i] == '.'); i++)
		;
	if (i >= end || text[i] != ']' || i == start + 1)
		return "the address in brackets is malformed";
	return i + 1 == end ? NULL : check_port(text + i + 1, end - i - 1);
}

/* A host name, or part of one, with a port if that is allowed here. */
static const char *
check_host(const char *text, int len, bool port_allowed)
{
	int			i;

	if (len == 0 || text[0] == ':')
		return "the host of a URL must not be empty";
	for (i = 0; i < len; i++)
	{
		if (text[i] == ':' && port_allowed)
			return check_port(text + i, len - i);
		if (!is_host_byte(text[i]))
			return "the host of a URL must consist of letters, digits, \".\" and \"-\"";
	}
	return NULL;
}

/* ":443" */
static const char *
check_port(const char *text, int len)
{
	int			i;

	for (i = 1; i < len && is_digit(text[i]); i++)
		;
	if (text[0] != ':' || len < 2 || len > 6 || i < len)
		return "a port must be a number";
	return NULL;
}

static bool
is_host_byte(char byte)
{
	return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') ||
		byte == '.' || byte == '-';
}

/*
 * cn_url_check_segment -- is the path segment at url[at] a dot segment?
 *
 * Only known once the whole URL is there: "." may come from one reference and
 * the second "." from literal text, where it may also be written %2E.
 *
 * Returns NULL if it is none, else why that is wrong.
 */
const char *
cn_url_check_segment(const char *url, int len, int at)
{
	int			dots = 0;
	int			behind;

	/* "%2E%2E" is the longest one: no need to walk back further */
	for (behind = 0; at > 0 && url[at - 1] != '/' && behind < 6; behind++)
		at--;
	if (at > 0 && url[at - 1] != '/')
		return NULL;
	while (at < len && url[at] != '/' && url[at] != '?')
	{
		if (url[at] == '.')
			at++;
		else if (len - at > 2 && url[at] == '%' && url[at + 1] == '2' &&
				 (url[at + 2] | 0x20) == 'e')
			at += 3;
		else
			return NULL;
		dots++;
	}
	return dots == 1 || dots == 2 ? "a segment of a URL's path must not be \".\" or \"..\"" : NULL;
}

static bool
fail(CnTemplateError *error, int offset, const char *message)
{
	error->offset = offset;
	error->message = pstrdup(message);
	return false;
}
