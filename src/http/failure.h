/*
 * failure.h -- from libcurl's outcome to a normalized failure.  Pure.
 */
#ifndef CN_HTTP_FAILURE_H
#define CN_HTTP_FAILURE_H

#include "core/errors.h"

#include <curl/curl.h>

/* What our own callbacks noted; it explains a result that only says "aborted". */
typedef enum HttpTrouble
{
	HTTP_TROUBLE_NONE = 0,
	HTTP_TROUBLE_BLOCKED,		/* an address was refused */
	HTTP_TROUBLE_DESCRIPTORS,	/* no socket could be opened */
	HTTP_TROUBLE_BODY_SIZE,
	HTTP_TROUBLE_HEADER_SIZE,
	HTTP_TROUBLE_MEMORY,
	HTTP_TROUBLE_RESEND			/* libcurl wanted to send again what must be sent once */
} HttpTrouble;

/* All that the message is made of.  Nothing in it may be secret. */
typedef struct HttpOutcome
{
	CURLcode	result;
	HttpTrouble trouble;
	long		os_errno;		/* of the failed connect, 0: unknown */
	long		verify_result;	/* OpenSSL's X509_V_ERR_..., 0: none */
	const char *origin;			/* scheme, host and port asked */
	const char *address;		/* with HTTP_TROUBLE_BLOCKED: the address refused */
	bool		proxied;		/* connections go to connector.proxy */
	bool		sent;			/* the request of this hop, or some of it, may have left */
	bool		timed_out;		/* the whole attempt's time is used up */
	int			timeout_ms;		/* of the whole attempt */
	int			connect_timeout_ms;
	int64		max_response;	/* bytes */
} HttpOutcome;

/* Largest header block of one reply, in bytes. */
#define HTTP_MAX_HEADER_BYTES (64 * 1024)

extern void http_failure_map(CnFailure *failure, const HttpOutcome *outcome);
extern void http_failure_blocked(CnFailure *failure, const char *origin, const char *address);

#endif							/* CN_HTTP_FAILURE_H */
