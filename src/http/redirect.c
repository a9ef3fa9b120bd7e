/*
 * redirect.c -- following redirects, which is ours and not libcurl's to do.
 *
 * Each target is checked like a URL given by the user.  Once a redirect has
 * left the origin, secrets stay behind for good, even if a later one leads
 * back.  What is asked is the Location as given: no part of the old query is
 * added, no Referer sent.  RFC 9110, section 15.4.
 */
#include "postgres.h"

#include "http/internal.h"

/* Headers that carry credentials whoever set them. */
static const char *const credential_headers[] = {
	"Authorization", "Cookie", "Proxy-Authorization"
};

/* Headers that describe a body and go with it. */
static const char *const body_headers[] = {
	"Content-Type", "Content-Encoding", "Content-Language", "Content-Location", "Digest",
	"Content-Digest", "Content-MD5"
};

static bool
is_listed(const char *name, const char *const *list, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (pg_strcasecmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_secret(const CnHttpHeader *header)
{
	return header->secret ||
		is_listed(header->name, credential_headers, lengthof(credential_headers));
}

/* http_header_goes -- is this header of the request sent on this hop? */
bool
http_header_goes(const CnHttpTransfer *transfer, const CnHttpHeader *header)
{
	if (transfer->secrets_dropped && is_secret(header))
		return false;
	if (transfer->body_dropped &&
		is_listed(header->name, body_headers, lengthof(body_headers)))
		return false;
	return true;
}

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/*
 * clean_location -- the target without fragment, in characters a URL may have.
 *
 * Servers send blanks and UTF-8 as they are; they are percent-encoded.  The
 * result is in the current context.
 */
static char *
clean_location(const char *location)
{
	size_t		len = strcspn(location, "#");
	StringInfoData clean;

	initStringInfo(&clean);
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) location[i];

		if (c <= ' ' || c >= 0x7f)
			appendStringInfo(&clean, "%%%02X", c);
		else
			appendStringInfoChar(&clean, c);
	}
	return clean.data;
}

/* has_secrets -- would anything secret have been sent to the new place? */
static bool
has_secrets(const CnHttpTransfer *transfer)
{
	const CnHttpRequest *request = &transfer->request;

	if (request->secret_url || request->login.user ||
		(request->secret_body && !transfer->body_dropped))
		return true;
	for (int i = 0; i < request->header_count; i++)
	{
		if (is_secret(&request->headers[i]))
			return true;
	}
	return false;
}

/* rewrite_method -- 303 asks for a GET; by custom so do 301 and 302 after a POST. */
static void
rewrite_method(CnHttpTransfer *transfer, int status)
{
	CnHttpRequest *request = &transfer->request;
	bool		is_post = strcmp(request->method, "POST") == 0;

	if (!(status == 303 && strcmp(request->method, "HEAD") != 0) &&
		!((status == 301 || status == 302) && is_post))
		return;
	request->method = "GET";
	transfer->body_dropped = true;
}

/* check_target -- may the redirect from one URL to the other be followed? */
static bool
check_target(CnHttpTransfer *transfer, const CnUrl *from)
{
	CnFailure  *failure = &transfer->reply.failure;
	const CnUrl *to = &transfer->url;

	if (cn_url_same_origin(from, to))
	{
		if (transfer->request.for_this_url)
			transfer->secrets_dropped = true;
		return true;
	}
	if (from->https && !to->https && !transfer->secrets_dropped && has_secrets(transfer))
	{
		cn_fail(failure, CN_BLOCKED_ADDRESS,
				"redirect from %s to plain http would follow a request with a credential",
				cn_url_origin(from));
		failure->hint = pstrdup("Use the URL that the service redirects to, or one that stays on https.");
		return false;
	}
	if (transfer->request.body && !transfer->body_dropped && transfer->request.secret_body)
	{
		cn_fail(failure, CN_BLOCKED_ADDRESS,
				"redirect to another origin would carry a credential");
		failure->hint = psprintf("The redirect leads from %s to %s; use that URL in the definition if it is meant.",
								 cn_url_origin(from), cn_url_origin(to));
		return false;
	}
	transfer->secrets_dropped = true;
	return true;
}

/* follow -- make the redirect's target the transfer's next hop; false: failed. */
static bool
follow(CnHttpTransfer *transfer, const char *location)
{
	CnFailure  *failure = &transfer->reply.failure;
	CnHttpRequest *request = &transfer->request;
	CnUrl		from = transfer->url;

	if (transfer->reply.redirects >= request->max_redirects)
	{
		cn_fail(failure, CN_BAD_RESPONSE, "too many redirects");
		return false;
	}
	if ((transfer->finished_us - transfer->started_us) / 1000 >= request->timeout_ms)
	{
		cn_fail(failure, CN_TIMEOUT, "no complete reply from %s within %d ms",
				cn_url_origin(&from), request->timeout_ms);
		return false;
	}
	rewrite_method(transfer, transfer->reply.status);
	request->url = clean_location(location);
	if (!http_request_check(transfer))
	{
		if (failure->code == CN_CONFIG_INVALID)	/* not the user's URL but the remote's */
			cn_fail(failure, CN_BAD_RESPONSE, "redirect from %s leads to no usable URL",
					cn_url_origin(&from));
		return false;
	}
	if (!check_target(transfer, &from))
		return false;
	transfer->reply.redirects++;
	return true;
}

/*
 * http_redirect -- the hop ended with a reply; go on if it is a redirect.
 *
 * True if the transfer is prepared for the next hop.  False if the reply is
 * the last one, or if reply.failure says why it cannot be followed.  The
 * transfer's context must be current.
 */
bool
http_redirect(CnHttpTransfer *transfer)
{
	char	   *location = NULL;

	if (!is_redirect(transfer->reply.status) || transfer->request.max_redirects <= 0)
		return false;
	curl_easy_getinfo(transfer->slot->easy, CURLINFO_REDIRECT_URL, &location);
	if (location == NULL)
		return false;
	return follow(transfer, location);
}
