/*
 * request.c -- check a request and turn it into libcurl's options.
 *
 * Every option is set for every hop on a handle that was just reset, so that
 * nothing of an earlier request can survive.  Header lines and URL are written
 * into one buffer of the slot and the list nodes point into it: libcurl only
 * reads them, and nothing is allocated for a request like the one before.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/chars.h"
#include "core/clock.h"
#include "http/internal.h"

/*
 * Seconds a connection may have been idle and still be used.  Many servers and
 * balancers close after 60; staying below avoids the race in which a request
 * is sent into a connection that is being closed.
 */
#define MAX_IDLE_CONNECTION_S 50L

/* Seconds after which a connection is not used again: names may have moved. */
#define MAX_CONNECTION_LIFE_S 600L

/*
 * libcurl copies what it sends over TLS through a buffer of this size and wipes
 * it; larger bodies get a larger one.  16 kB is its minimum, 64 kB its default.
 */
#define SMALL_UPLOAD_BUFFER 16384L
#define LARGE_UPLOAD_BUFFER 65536L

/* Attempts without a time limit are not allowed; this one is the product's longest. */
#define DEFAULT_TIMEOUT_MS 60000

static const char *const methods[] = {
	"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"
};

/* ---- checks ---- */

/* check_header -- refuse what could forge another header or framing. */
static bool
check_header(const CnHttpHeader *header, CnFailure *failure)
{
	if (!cn_is_token(header->name))
		cn_fail(failure, CN_CONFIG_INVALID,
				"a header name is empty or has characters that are not allowed");
	else if (cn_is_reserved_header(header->name))
		cn_fail(failure, CN_CONFIG_INVALID, "header \"%s\" cannot be set", header->name);
	else if (header->value[strcspn(header->value, "\r\n")] != '\0')
		cn_fail(failure, CN_CONFIG_INVALID, "value of header \"%s\" has a line break",
				header->name);
	else
		return true;
	return false;
}

static bool
check_headers(CnHttpTransfer *transfer)
{
	const CnHttpRequest *request = &transfer->request;

	for (int i = 0; i < request->header_count; i++)
	{
		if (!check_header(&request->headers[i], &transfer->reply.failure))
			return false;
	}
	return true;
}

static bool
check_method(CnHttpTransfer *transfer)
{
	const CnHttpRequest *request = &transfer->request;

	for (int i = 0; i < lengthof(methods); i++)
	{
		if (strcmp(request->method, methods[i]) != 0)
			continue;
		if (strcmp(request->method, "HEAD") != 0 || request->body == NULL)
			return true;
		cn_fail(&transfer->reply.failure, CN_CONFIG_INVALID, "a HEAD request cannot have a body");
		return false;
	}
	cn_fail(&transfer->reply.failure, CN_CONFIG_INVALID,
			"method is not one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS");
	return false;
}

/* literal_allowed -- is the host no address, or one that may be connected to? */
static bool
literal_allowed(const CnUrl *url)
{
	struct sockaddr_storage address = {0};
	const CnNetwork *networks;
	int			count;

	if (!url->host_is_ip)
		return true;
	if (strchr(url->host, ':'))
	{
		address.ss_family = AF_INET6;
		if (inet_pton(AF_INET6, url->host, &((struct sockaddr_in6 *) &address)->sin6_addr) != 1)
			return false;
	}
	else
	{
		address.ss_family = AF_INET;
		if (inet_pton(AF_INET, url->host, &((struct sockaddr_in *) &address)->sin_addr) != 1)
			return false;
	}
	networks = http_allowed_networks(&count);
	return cn_address_allowed((struct sockaddr *) &address, networks, count);
}

/*
 * http_request_check -- may this hop be started?
 *
 * Takes request.url apart into transfer->url.  false with reply.failure set
 * (in the current context, which must be the transfer's) if not.
 */
bool
http_request_check(CnHttpTransfer *transfer)
{
	CnFailure  *failure = &transfer->reply.failure;
	const char *problem;

	if (!check_method(transfer) || !check_headers(transfer))
		return false;
	if (!cn_url_parse(transfer->request.url, &transfer->url, &problem))
	{
		cn_fail(failure, CN_CONFIG_INVALID, "URL cannot be used: %s", problem);
		return false;
	}
	if (!literal_allowed(&transfer->url))
	{
		http_failure_blocked(failure, cn_url_origin(&transfer->url), transfer->url.host);
		return false;
	}
	return true;
}

/* ---- the text that libcurl reads ---- */

/* reserve_text -- room for size bytes; what was there is wiped. */
static void
reserve_text(HttpSlot *slot, size_t size)
{
	char	   *text;

	if (size <= slot->text_capacity)
		return;
	size = Max(size, 1024);
	text = malloc(size);
	if (text == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	http_free(slot->text);
	slot->text = text;
	slot->text_capacity = size;
}

static void
reserve_lines(HttpSlot *slot, int count)
{
	struct curl_slist *lines;

	if (count <= slot->line_capacity)
		return;
	count = Max(count, 16);
	lines = realloc(slot->lines, count * sizeof(struct curl_slist));
	if (lines == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	slot->lines = lines;
	slot->line_capacity = count;
}

/* put -- append a string (and its NUL, which the next put overwrites). */
static char *
put(HttpSlot *slot, const char *string)
{
	char	   *at = slot->text + slot->text_len;
	size_t		len = strlen(string);

	memcpy(at, string, len + 1);
	slot->text_len += len;
	return at;
}

/* end_string -- keep the NUL of the last put. */
static void
end_string(HttpSlot *slot)
{
	slot->text_len++;
}

/* write_url -- the URL from its checked parts; NUL-terminated, in the slot's text. */
static const char *
write_url(HttpSlot *slot, const CnUrl *url)
{
	bool		v6 = strchr(url->host, ':') != NULL;
	char	   *start = put(slot, url->https ? "https://" : "http://");

	if (v6)
		put(slot, "[");
	put(slot, url->host);
	if (v6)
		put(slot, "]");
	if (url->port != (url->https ? 443 : 80))
	{
		char		port[16];

		snprintf(port, sizeof(port), ":%d", url->port);
		put(slot, port);
	}
	put(slot, url->target);
	end_string(slot);
	return start;
}

/*
 * write_line -- one header as libcurl wants it.
 *
 * "Name: value"; "Name;" sends it empty.  Blanks before the value go: libcurl
 * would take a value of blanks for a request to suppress the header.
 */
static char *
write_line(HttpSlot *slot, const CnHttpHeader *header)
{
	const char *value = header->value + strspn(header->value, " \t");
	char	   *start = put(slot, header->name);

	if (*value)
	{
		put(slot, ": ");
		put(slot, value);
	}
	else
		put(slot, ";");
	end_string(slot);
	return start;
}

/* append_line -- chain one more line to the list of count. */
static void
append_line(HttpSlot *slot, int *count, char *text)
{
	struct curl_slist *line = &slot->lines[*count];

	line->data = text;
	line->next = NULL;
	if (*count > 0)
		slot->lines[*count - 1].next = line;
	(*count)++;
}

/* text_needed -- an upper bound of what URL and header lines take. */
static size_t
text_needed(const CnHttpTransfer *transfer)
{
	const CnHttpRequest *request = &transfer->request;
	size_t		size = strlen(transfer->url.host) + strlen(transfer->url.target) + 64;

	for (int i = 0; i < request->header_count; i++)
		size += strlen(request->headers[i].name) + strlen(request->headers[i].value) + 4;
	return size;
}

/* write_headers -- the header list of this hop, or NULL if it has none. */
static struct curl_slist *
write_headers(CnHttpTransfer *transfer, bool has_body)
{
	HttpSlot   *slot = transfer->slot;
	const CnHttpRequest *request = &transfer->request;
	bool		has_type = false;
	int			count = 0;

	for (int i = 0; i < request->header_count; i++)
	{
		const CnHttpHeader *header = &request->headers[i];

		if (!http_header_goes(transfer, header))
			continue;
		has_type |= pg_strcasecmp(header->name, "Content-Type") == 0;
		append_line(slot, &count, write_line(slot, header));
	}
	/* a name with nothing behind the colon keeps libcurl from sending its own */
	if (has_body && !has_type)
		append_line(slot, &count, (char *) "Content-Type:");
	if (has_body)
		append_line(slot, &count, (char *) "Expect:");
	return count > 0 ? slot->lines : NULL;
}

/* ---- options ---- */

/*
 * set_method -- method and body.
 *
 * POSTFIELDS is not copied.  POST, PUT and PATCH without a body send a
 * Content-Length of 0.  Only those that may be repeated are left to libcurl's
 * own retry, see http_before_send.
 */
static void
set_method(CnHttpTransfer *transfer, bool has_body)
{
	HttpSlot   *slot = transfer->slot;
	CURL	   *easy = slot->easy;
	const CnHttpRequest *request = &transfer->request;
	const char *method = request->method;

	slot->send_once = strcmp(method, "POST") == 0 || strcmp(method, "PATCH") == 0;
	if (has_body)
	{
		bool		given = request->body != NULL && !transfer->body_dropped;

		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
						 (curl_off_t) (given ? request->body_len : 0));
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, given ? request->body : "");
		if (strcmp(method, "POST") != 0)
			curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
		curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE,
						 given && request->body_len > SMALL_UPLOAD_BUFFER ?
						 LARGE_UPLOAD_BUFFER : SMALL_UPLOAD_BUFFER);
		return;
	}
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, SMALL_UPLOAD_BUFFER);
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (strcmp(method, "GET") != 0)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void
set_callbacks(HttpSlot *slot)
{
	CURL	   *easy = slot->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_body_received);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_header_received);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, http_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, slot);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, http_close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, slot->pool->mux);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, http_before_send);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, slot);
}

/*
 * set_tls -- verify always, against our store alone, with TLS 1.2 at least.
 *
 * libcurl's own file and directory of authorities are taken away, see trust.c.
 */
static void
set_tls(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, http_set_trust);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	/* one connection for many streams, once it is known that the server can */
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
}

/* set_proxy -- ours or none; never the environment's. */
static void
set_proxy(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_PROXY, http_proxy_used() ? http_proxy : "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	if (!http_proxy_used())
		return;
	curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
}

/*
 * set_login -- answer a challenge of the Digest scheme, and of no other.
 *
 * The scheme alone: libcurl must not choose Basic, which gives the password
 * away.  Until there is a challenge it sends a request without its body.
 */
static void
set_login(CnHttpTransfer *transfer)
{
	CURL	   *easy = transfer->slot->easy;
	const CnHttpLogin *login = &transfer->request.login;

	if (login->user == NULL || transfer->secrets_dropped)
		return;
	if (curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_DIGEST) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_USERNAME, login->user) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_PASSWORD, login->password) != CURLE_OK)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

/* set_limits -- time that is left of the attempt, and size. */
static void
set_limits(CnHttpTransfer *transfer)
{
	CURL	   *easy = transfer->slot->easy;
	int64		spent_ms = (transfer->hop_started_us - transfer->started_us) / 1000;
	int64		left_ms = Max(transfer->request.timeout_ms - spent_ms, 1);

	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) left_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) Min(http_connect_timeout, left_ms));
	/* refuses an announced size at once; for HEAD it is not ours to receive */
	if (strcmp(transfer->request.method, "HEAD") != 0)
		curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
						 (curl_off_t) transfer->request.max_response);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, MAX_IDLE_CONNECTION_S);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, MAX_CONNECTION_LIFE_S);
}

/* set_protocol -- HTTP and nothing besides. */
static void
set_protocol(CURL *easy, bool https)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	if (https)
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	else
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* what was signed is what is sent */
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a hanging resolver */
	if (http_user_agent && *http_user_agent)
		curl_easy_setopt(easy, CURLOPT_USERAGENT, http_user_agent);
}

/*
 * http_request_apply -- set every option of this hop on the slot's handle.
 *
 * The handle was reset.  Throws out of memory only.
 */
void
http_request_apply(CnHttpTransfer *transfer)
{
	HttpSlot   *slot = transfer->slot;
	CnHttpRequest *request = &transfer->request;
	const char *method = request->method;
	bool		has_body = (request->body != NULL && !transfer->body_dropped) ||
		strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
	const char *url;
	struct curl_slist *headers;

	if (request->timeout_ms <= 0)
		request->timeout_ms = DEFAULT_TIMEOUT_MS;
	if (request->max_response <= 0)
		request->max_response = (int64) cn_http_max_response * 1024;
	slot->body_max = request->max_response;
	slot->text_len = 0;
	reserve_text(slot, text_needed(transfer));
	reserve_lines(slot, request->header_count + 2);
	url = write_url(slot, &transfer->url);
	headers = write_headers(transfer, has_body);
	transfer->reply.url = url;

	set_callbacks(slot);
	set_protocol(slot->easy, transfer->url.https);
	if (transfer->url.https || http_proxy_used())
		set_tls(slot->easy);
	set_proxy(slot->easy);
	set_login(transfer);
	set_limits(transfer);
	set_method(transfer, has_body);
	if (headers)
		curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, headers);
	if (curl_easy_setopt(slot->easy, CURLOPT_URL, url) != CURLE_OK)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}
