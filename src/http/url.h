/*
 * url.h -- absolute http and https URLs, taken apart.  Pure.
 */
#ifndef CN_HTTP_URL_H
#define CN_HTTP_URL_H

#include "core/pure.h"

typedef struct CnUrl
{
	bool		https;
	char	   *host;			/* lower case, no trailing dot; IPv6 without brackets; IPv4 spellings normalized */
	bool		host_is_ip;
	int			port;			/* the scheme's own if none was given */
	char	   *target;			/* path and query, begins with '/'; no fragment */
} CnUrl;

/*
 * Take url apart.  false and *problem (static text, lower case) if it is not
 * absolute http(s), has userinfo, a fragment, white space, controls, a bad
 * port, an empty or malformed host.  Host: letters, digits, '-', '_', '.', at most 253
 * bytes, or an IP literal; decimal, octal and hexadecimal IPv4 spellings are
 * read as inet_aton reads them, because resolvers do.
 */
extern bool cn_url_parse(const char *url, CnUrl *result, const char **problem);

extern bool cn_url_same_origin(const CnUrl *a, const CnUrl *b);

/*
 * Does an entry of a credential's allowed hosts cover url?  Entries:
 * "host", "host:port", "*.host" (any subdomain, not host itself), each meaning https; an
 * explicit "http://host[:port]" is needed for plain http.  Without a port the
 * scheme's own is meant.
 */
extern bool cn_url_host_matches(const CnUrl *url, const char *entry);

/* Is entry well formed?  *problem as above. */
extern bool cn_url_host_entry_valid(const char *entry, const char **problem);

/* "host" of a URL for messages: scheme, host and port, never path or query. */
extern char *cn_url_origin(const CnUrl *url);

/* "host" or, where the port is not the scheme's own, "host:port". */
extern char *cn_url_authority(const CnUrl *url);

/*
 * The absolute URL that reference, found at base, stands for, without its
 * fragment.  Whether it may be asked for is cn_url_parse's to say: reference
 * can be any text.  RFC 3986, section 5.2.
 */
extern char *cn_url_resolve(const CnUrl *base, const char *reference);

#endif							/* CN_HTTP_URL_H */
