/*
 * chars.h -- small questions about bytes and names that several modules ask.  Pure.
 */
#ifndef CN_CORE_CHARS_H
#define CN_CORE_CHARS_H

#include "core/pure.h"

/* The value of a hexadecimal digit, or -1. */
static inline int
cn_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Can text be the name of a header?  RFC 9110, 5.6.2: token. */
static inline bool
cn_is_token(const char *text)
{
	return text[0] != '\0' &&
		strspn(text, "!#$%&'*+-.^_`|~0123456789"
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(text);
}

/*
 * Is name a header that libcurl or the protocol sets?  A definition that did would
 * break framing or routing.
 */
static inline bool
cn_is_reserved_header(const char *name)
{
	static const char *const reserved[] = {
		"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer",
		"transfer-encoding", "upgrade"
	};

	for (int i = 0; i < lengthof(reserved); i++)
		if (pg_strcasecmp(reserved[i], name) == 0)
			return true;
	return pg_strncasecmp(name, "proxy-", strlen("proxy-")) == 0;
}

#endif							/* CN_CORE_CHARS_H */
