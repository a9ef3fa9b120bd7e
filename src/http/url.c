/*
 * url.c -- absolute http and https URLs, taken apart.  Pure.
 *
 * Strict on purpose: a URL that two parsers could read differently (userinfo,
 * backslashes, odd characters in the host) is refused, because one parser
 * decides whether a credential may go there and another, libcurl's, goes.  The
 * request is then sent to the URL put together from these parts again.
 */
#include "http/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define MAX_HOST 253
#define MAX_LABEL 63

/* What cn_url_host_matches compares with. */
typedef struct HostEntry
{
	CnUrl		url;			/* target unused */
	bool		wildcard;
} HostEntry;

static int
default_port(bool https)
{
	return https ? 443 : 80;
}

/* parse_port -- 1..65535 from exactly len digits, or -1. */
static int
parse_port(const char *text, size_t len)
{
	int			port = 0;

	if (len == 0 || len > 5)
		return -1;
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		port = port * 10 + (text[i] - '0');
	}
	return port >= 1 && port <= 65535 ? port : -1;
}

/*
 * number_part -- one part of an IPv4 spelling: decimal, 0octal or 0xhex.
 *
 * Returns the character after it, or NULL if there is no number or it
 * exceeds 32 bits.
 */
static const char *
number_part(const char *text, uint32 *value)
{
	const char *start;
	uint64		sum = 0;
	int			base = 10;

	if (text[0] == '0' && text[1] == 'x')
	{
		base = 16;
		text += 2;
		/* inet_aton reads a bare "0x" as zero */
	}
	else if (text[0] == '0')
		base = 8;
	for (start = text;; text++)
	{
		int			digit;

		if (*text >= '0' && *text <= '9')
			digit = *text - '0';
		else if (base == 16 && *text >= 'a' && *text <= 'f')
			digit = *text - 'a' + 10;
		else
			break;
		if (digit >= base)
			return NULL;
		sum = sum * base + digit;
		if (sum > PG_UINT32_MAX)
			return NULL;
	}
	if (text == start && base != 16)
		return NULL;
	*value = (uint32) sum;
	return text;
}

/* looks_numeric -- is the last label a number, so that resolvers may take host for IPv4? */
static bool
looks_numeric(const char *host)
{
	const char *label = strrchr(host, '.');

	label = label ? label + 1 : host;
	if (label[0] == '0' && label[1] == 'x')
		return label[2 + strspn(label + 2, "0123456789abcdef")] == '\0';
	return *label != '\0' && label[strspn(label, "0123456789")] == '\0';
}

/* parse_ipv4 -- read host as inet_aton does and write it as a dotted quad. */
static bool
parse_ipv4(const char *host, char *quad)
{
	uint32		parts[4];
	uint32		address = 0;
	int			count = 0;

	for (;;)
	{
		host = number_part(host, &parts[count]);
		if (host == NULL)
			return false;
		count++;
		if (*host == '\0')
			break;
		if (*host != '.' || count == 4)
			return false;
		host++;
	}
	/* the last part fills the bytes that are left */
	if ((uint64) parts[count - 1] >> (8 * (5 - count)))
		return false;
	for (int i = 0; i < count - 1; i++)
	{
		if (parts[i] > 255)
			return false;
		address |= parts[i] << (24 - 8 * i);
	}
	address |= parts[count - 1];
	snprintf(quad, INET_ADDRSTRLEN, "%u.%u.%u.%u", address >> 24, (address >> 16) & 255,
			 (address >> 8) & 255, address & 255);
	return true;
}

/* valid_name -- letters, digits, '-', '_', no empty and no overlong label. */
static bool
valid_name(const char *host)
{
	int			label = 0;

	for (; *host; host++)
	{
		if (*host == '.')
		{
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!((*host >= 'a' && *host <= 'z') || (*host >= '0' && *host <= '9') ||
			  *host == '-' || *host == '_'))
			return false;
		if (++label > MAX_LABEL)
			return false;
	}
	return label > 0;
}

/* parse_name -- a host that is not in brackets: result->host and host_is_ip. */
static bool
parse_name(const char *text, size_t len, CnUrl *result, const char **problem)
{
	char		quad[INET_ADDRSTRLEN];
	char	   *host;

	if (len > 1 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > MAX_HOST)
	{
		*problem = len == 0 ? "host is empty" : "host is too long";
		return false;
	}
	host = palloc(Max(len + 1, INET_ADDRSTRLEN));
	for (size_t i = 0; i < len; i++)
		host[i] = text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i];
	host[len] = '\0';
	result->host = host;
	if (!valid_name(host))
	{
		*problem = "host is malformed";
		return false;
	}
	if (!looks_numeric(host))
		return true;
	if (!parse_ipv4(host, quad))
	{
		*problem = "host is not a valid IPv4 address";
		return false;
	}
	strcpy(host, quad);
	result->host_is_ip = true;
	return true;
}

/* parse_ipv6 -- the inside of brackets; no zone, which is local to a machine. */
static bool
parse_ipv6(const char *text, size_t len, CnUrl *result, const char **problem)
{
	char		host[INET6_ADDRSTRLEN];
	struct in6_addr address;

	*problem = "host is not a valid IPv6 address";
	if (len == 0 || len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET6, host, &address) != 1 ||
		inet_ntop(AF_INET6, &address, host, sizeof(host)) == NULL)
		return false;
	result->host = pstrdup(host);
	result->host_is_ip = true;
	return true;
}

/* parse_authority -- host[:port]; result->https is set already. */
static bool
parse_authority(const char *text, size_t len, CnUrl *result, const char **problem)
{
	const char *end = text + len;
	const char *host_end;

	if (memchr(text, '@', len))
	{
		*problem = "user name or password in the URL";
		return false;
	}
	if (len > 0 && *text == '[')
	{
		host_end = memchr(text, ']', len);
		if (host_end == NULL)
		{
			*problem = "host is malformed";
			return false;
		}
		if (!parse_ipv6(text + 1, host_end - text - 1, result, problem))
			return false;
		host_end++;
	}
	else
	{
		host_end = memchr(text, ':', len);
		if (host_end == NULL)
			host_end = end;
		if (!parse_name(text, host_end - text, result, problem))
			return false;
	}
	result->port = default_port(result->https);
	if (host_end == end)
		return true;
	result->port = *host_end == ':' ? parse_port(host_end + 1, end - host_end - 1) : -1;
	if (result->port < 0)
		*problem = "port is malformed";
	return result->port > 0;
}

/* skip_scheme -- past "http://" or "https://", or NULL. */
static const char *
skip_scheme(const char *url, bool *https)
{
	*https = pg_strncasecmp(url, "https://", 8) == 0;
	if (*https)
		return url + 8;
	return pg_strncasecmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

/* valid_characters -- no white space, controls or fragment anywhere. */
static bool
valid_characters(const char *url, const char **problem)
{
	for (const unsigned char *p = (const unsigned char *) url; *p; p++)
	{
		if (*p <= ' ' || *p == 0x7f)
		{
			*problem = "white space or a control character in the URL";
			return false;
		}
		if (*p == '#')
		{
			*problem = "fragment in the URL";
			return false;
		}
	}
	return true;
}

bool
cn_url_parse(const char *url, CnUrl *result, const char **problem)
{
	const char *authority;
	size_t		len;
	size_t		target_len;
	bool		slash;

	memset(result, 0, sizeof(*result));
	if (!valid_characters(url, problem))
		return false;
	authority = skip_scheme(url, &result->https);
	if (authority == NULL)
	{
		*problem = "URL does not begin with http:// or https://";
		return false;
	}
	len = strcspn(authority, "/?");
	if (!parse_authority(authority, len, result, problem))
		return false;
	slash = authority[len] != '/';
	target_len = strlen(authority + len);
	result->target = palloc(target_len + slash + 1);
	if (slash)
		result->target[0] = '/';
	memcpy(result->target + slash, authority + len, target_len + 1);
	return true;
}

bool
cn_url_same_origin(const CnUrl *a, const CnUrl *b)
{
	return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* parse_entry -- an entry of allowed hosts: [scheme://][*.]host[:port] */
static bool
parse_entry(const char *text, HostEntry *entry, const char **problem)
{
	const char *authority;

	memset(entry, 0, sizeof(*entry));
	if (!valid_characters(text, problem))
		return false;
	authority = skip_scheme(text, &entry->url.https);
	if (authority == NULL)
	{
		authority = text;
		entry->url.https = true;
	}
	entry->wildcard = strncmp(authority, "*.", 2) == 0;
	if (entry->wildcard)
		authority += 2;
	if (strpbrk(authority, "/?"))
	{
		*problem = "path in an allowed host";
		return false;
	}
	if (!parse_authority(authority, strlen(authority), &entry->url, problem))
		return false;
	if (entry->wildcard && entry->url.host_is_ip)
	{
		*problem = "wildcard before an IP address";
		return false;
	}
	return true;
}

/* is_subdomain -- does host end in ".domain"? */
static bool
is_subdomain(const char *host, const char *domain)
{
	size_t		host_len = strlen(host);
	size_t		domain_len = strlen(domain);

	return host_len > domain_len + 1 &&
		host[host_len - domain_len - 1] == '.' &&
		strcmp(host + host_len - domain_len, domain) == 0;
}

bool
cn_url_host_matches(const CnUrl *url, const char *entry)
{
	HostEntry	wanted;
	const char *problem;

	if (!parse_entry(entry, &wanted, &problem))
		return false;
	if (!wanted.wildcard)
		return cn_url_same_origin(url, &wanted.url);
	return url->https == wanted.url.https && url->port == wanted.url.port &&
		!url->host_is_ip && is_subdomain(url->host, wanted.url.host);
}

bool
cn_url_host_entry_valid(const char *entry, const char **problem)
{
	HostEntry	parsed;

	return parse_entry(entry, &parsed, problem);
}

char *
cn_url_authority(const CnUrl *url)
{
	bool		v6 = strchr(url->host, ':') != NULL;

	if (url->port == default_port(url->https))
		return psprintf("%s%s%s", v6 ? "[" : "", url->host, v6 ? "]" : "");
	return psprintf("%s%s%s:%d", v6 ? "[" : "", url->host, v6 ? "]" : "", url->port);
}

char *
cn_url_origin(const CnUrl *url)
{
	return psprintf("%s://%s", url->https ? "https" : "http", cn_url_authority(url));
}
