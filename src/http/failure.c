/*
 * failure.c -- from libcurl's outcome to a normalized failure.  Pure.
 *
 * The one place that knows what a CURLcode means to our users.  Messages name
 * scheme, host and port, never a path, query, header or body: those may hold a
 * credential, and libcurl's own error texts are not used for the same reason.
 *
 * A reply that ends before its announced end is a network error, not a bad
 * response: what did arrive was HTTP, the connection died under it, and to try
 * again (where that is safe) is the right remedy.  A bad response is one that
 * would come the same way again: broken headers, HTTP/0.9, broken compression.
 */
#include "http/failure.h"

/*
 * The certificate problems that people meet, by OpenSSL's stable numbers
 * (x509_vfy.h); this module does not include OpenSSL's headers.
 */
static const struct
{
	long		verify_result;
	const char *text;
}			certificate_problems[] = {
	{2, "its issuer is not known"},
	{9, "it is not valid yet"},
	{10, "it has expired"},
	{18, "it is self-signed"},
	{19, "a self-signed certificate is in its chain"},
	{20, "its issuer is not known"},
	{21, "its issuer is not known"},
	{23, "it has been revoked"},
	{24, "an issuer is not an authority"},
	{26, "it is not meant for servers"},
	{62, "it was made out for another host"},
	{66, "its key is too weak"},
	{67, "an issuer's key is too weak"},
	{68, "its signature is too weak"},
};

/* certificate_problem -- what is wrong with the peer's certificate, in words. */
static const char *
certificate_problem(long verify_result)
{
	if (verify_result <= 1)		/* verified as far as OpenSSL goes; libcurl compares names */
		return "it was made out for another host";
	for (int i = 0; i < lengthof(certificate_problems); i++)
	{
		if (certificate_problems[i].verify_result == verify_result)
			return certificate_problems[i].text;
	}
	return NULL;
}

/*
 * http_failure_blocked -- an address that may not be connected to.
 *
 * origin:  what was asked
 * address: the address itself, as text
 *
 * Throws only out of memory.
 */
void
http_failure_blocked(CnFailure *failure, const char *origin, const char *address)
{
	cn_fail(failure, CN_BLOCKED_ADDRESS, "address %s of %s is not allowed", address, origin);
	failure->hint = psprintf("A superuser can permit it: add %s to connector.allowed_networks.",
							 address);
}

/* map_trouble -- what our callbacks noted; false if they noted nothing that matters. */
static bool
map_trouble(CnFailure *failure, const HttpOutcome *o)
{
	switch (o->trouble)
	{
		case HTTP_TROUBLE_NONE:
			return false;
		case HTTP_TROUBLE_BLOCKED:
			/* another address of the host may have been connected to after all */
			if (o->sent || o->result != CURLE_COULDNT_CONNECT)
				return false;
			http_failure_blocked(failure, o->origin, o->address);
			return true;
		case HTTP_TROUBLE_DESCRIPTORS:
			if (o->sent || o->result != CURLE_COULDNT_CONNECT)
				return false;
			cn_fail(failure, CN_LIMIT_EXCEEDED, "could not open a socket for %s: %s", o->origin,
					strerror((int) o->os_errno));
			return true;
		case HTTP_TROUBLE_BODY_SIZE:
			cn_fail(failure, CN_RESPONSE_TOO_LARGE, "reply from %s is larger than %lld bytes",
					o->origin, (long long) o->max_response);
			return true;
		case HTTP_TROUBLE_HEADER_SIZE:
			cn_fail(failure, CN_BAD_RESPONSE, "reply headers from %s are larger than %d bytes",
					o->origin, HTTP_MAX_HEADER_BYTES);
			return true;
		case HTTP_TROUBLE_MEMORY:
			cn_fail(failure, CN_LIMIT_EXCEEDED, "out of memory for the reply from %s", o->origin);
			return true;
		case HTTP_TROUBLE_RESEND:
			cn_fail(failure, CN_NETWORK_ERROR, "connection to %s was lost before a reply came",
					o->origin);
			return true;
	}
	return false;
}

/* map_connect -- no connection came about; false if result is of another kind. */
static bool
map_connect(CnFailure *failure, const HttpOutcome *o)
{
	const char *peer;

	switch (o->result)
	{
		case CURLE_COULDNT_RESOLVE_HOST:
			cn_fail(failure, CN_NETWORK_ERROR, "could not resolve the host name of %s", o->origin);
			return true;
		case CURLE_COULDNT_RESOLVE_PROXY:
			cn_fail(failure, CN_NETWORK_ERROR,
					"could not resolve the host name of connector.proxy");
			return true;
		case CURLE_COULDNT_CONNECT:
			peer = o->proxied ? "connector.proxy" : o->origin;
			if (o->os_errno != 0)
				cn_fail(failure, CN_NETWORK_ERROR, "could not connect to %s: %s", peer,
						strerror((int) o->os_errno));
			else
				cn_fail(failure, CN_NETWORK_ERROR, "could not connect to %s", peer);
			return true;
		case CURLE_PROXY:
			cn_fail(failure, CN_NETWORK_ERROR, "could not reach %s through connector.proxy",
					o->origin);
			return true;
		default:
			return false;
	}
}

static void
map_timeout(CnFailure *failure, const HttpOutcome *o)
{
	if (o->sent)
		cn_fail(failure, CN_TIMEOUT, "no complete reply from %s within %d ms", o->origin,
				o->timeout_ms);
	else
		cn_fail(failure, CN_TIMEOUT, "could not connect to %s within %d ms", o->origin,
				o->timed_out ? o->timeout_ms : Min(o->timeout_ms, o->connect_timeout_ms));
}

/* map_tls -- false if result is of another kind. */
static bool
map_tls(CnFailure *failure, const HttpOutcome *o)
{
	const char *problem;

	switch (o->result)
	{
		case CURLE_PEER_FAILED_VERIFICATION:
			problem = certificate_problem(o->verify_result);
			if (problem)
				cn_fail(failure, CN_TLS_ERROR, "certificate of %s is not trusted: %s", o->origin,
						problem);
			else
				cn_fail(failure, CN_TLS_ERROR,
						"certificate of %s is not trusted (OpenSSL verify error %ld)", o->origin,
						o->verify_result);
			return true;
		case CURLE_SSL_CACERT_BADFILE:
			cn_fail(failure, CN_CONFIG_INVALID,
					"could not load the certificate authorities (connector.ca_file, or the system's)");
			return true;
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_SSL_CIPHER:
		case CURLE_SSL_CERTPROBLEM:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_INVALIDCERTSTATUS:
		case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		case CURLE_SSL_CLIENTCERT:
		case CURLE_USE_SSL_FAILED:
			cn_fail(failure, CN_TLS_ERROR, "TLS handshake with %s failed", o->origin);
			return true;
		default:
			return false;
	}
}

/* map_reply -- the connection stood, but no complete reply came. */
static bool
map_reply(CnFailure *failure, const HttpOutcome *o)
{
	switch (o->result)
	{
		case CURLE_PARTIAL_FILE:
			cn_fail(failure, CN_NETWORK_ERROR,
					"connection to %s was lost before the reply was complete", o->origin);
			return true;
		case CURLE_GOT_NOTHING:
			cn_fail(failure, CN_NETWORK_ERROR, "%s closed the connection without a reply",
					o->origin);
			return true;
		case CURLE_SEND_ERROR:
		case CURLE_SEND_FAIL_REWIND:
		case CURLE_RECV_ERROR:
		case CURLE_HTTP2:
		case CURLE_HTTP2_STREAM:
		case CURLE_SSL_SHUTDOWN_FAILED:
			cn_fail(failure, CN_NETWORK_ERROR, "connection to %s was lost", o->origin);
			return true;
		case CURLE_FILESIZE_EXCEEDED:
			cn_fail(failure, CN_RESPONSE_TOO_LARGE, "reply from %s is larger than %lld bytes",
					o->origin, (long long) o->max_response);
			return true;
		case CURLE_WEIRD_SERVER_REPLY:
		case CURLE_UNSUPPORTED_PROTOCOL:	/* HTTP/0.9, or no HTTP at all */
			cn_fail(failure, CN_BAD_RESPONSE, "reply from %s is not valid HTTP", o->origin);
			return true;
		case CURLE_BAD_CONTENT_ENCODING:
		case CURLE_WRITE_ERROR: /* not our callback's, which notes trouble: bytes behind the compressed ones */
			cn_fail(failure, CN_BAD_RESPONSE, "reply from %s cannot be decompressed", o->origin);
			return true;
		default:
			return false;
	}
}

/*
 * http_failure_map -- a failed transfer, as users see it.
 *
 * outcome: result is not CURLE_OK
 *
 * Sets code, message (palloc'ed) and hint.  Throws only out of memory.
 */
void
http_failure_map(CnFailure *failure, const HttpOutcome *outcome)
{
	if (map_trouble(failure, outcome) || map_connect(failure, outcome) ||
		map_tls(failure, outcome) || map_reply(failure, outcome))
		return;
	if (outcome->result == CURLE_OPERATION_TIMEDOUT)
		map_timeout(failure, outcome);
	else if (outcome->result == CURLE_OUT_OF_MEMORY)
		cn_fail(failure, CN_LIMIT_EXCEEDED, "out of memory for the request to %s",
				outcome->origin);
	else if (outcome->result == CURLE_URL_MALFORMAT)
		cn_fail(failure, CN_CONFIG_INVALID, "URL for %s is malformed", outcome->origin);
	else
		cn_fail(failure, CN_INTERNAL, "request to %s failed (libcurl error %d)", outcome->origin,
				(int) outcome->result);
}
