/*
 * transfer.c -- one hop of a transfer: libcurl's callbacks, and what came of it.
 *
 * The callbacks run inside libcurl: they do not palloc, raise or look for
 * interrupts.  What goes wrong is noted in the slot, and a short count makes
 * libcurl end the transfer.
 *
 * About sending twice: when a kept connection turns out dead before any byte
 * of a reply came, libcurl 7.88 sends the request again on another one (up to
 * five times), whatever the method (Curl_retry_request).  The server may have
 * acted on the first, so RFC 9110, section 9.2.2 forbids that for methods that
 * are not idempotent.  For POST and PATCH http_before_send therefore refuses
 * the second time; the outcome is then a network error that may have left.
 * The answer to a challenge of the Digest scheme is no repetition: the server has
 * said that it refused the first, which went without its body.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "core/clock.h"
#include "http/internal.h"

/* First size of a body buffer; it doubles from there. */
#define FIRST_BODY_SIZE 8192

/* ---- callbacks ---- */

/* grow_body -- room for needed bytes and a NUL. */
static bool
grow_body(HttpSlot *slot, size_t needed)
{
	size_t		capacity = Max(slot->body_capacity, FIRST_BODY_SIZE);
	char	   *body;

	while (capacity <= needed)
		capacity *= 2;
	body = http_realloc(slot->body, capacity);
	if (body == NULL)
		return false;
	slot->body = body;
	slot->body_capacity = capacity;
	return true;
}

/* http_body_received -- CURLOPT_WRITEFUNCTION: decompressed body bytes. */
size_t
http_body_received(char *data, size_t size, size_t count, void *arg)
{
	HttpSlot   *slot = arg;
	size_t		len = size * count;

	if (len > slot->body_max - slot->body_len)
	{
		slot->trouble = HTTP_TROUBLE_BODY_SIZE;
		return 0;
	}
	if (slot->body_len + len >= slot->body_capacity && !grow_body(slot, slot->body_len + len))
	{
		slot->trouble = HTTP_TROUBLE_MEMORY;
		return 0;
	}
	memcpy(slot->body + slot->body_len, data, len);
	slot->body_len += len;
	return len;
}

/* is_challenge -- does a status line ask for the login that the request has? */
static bool
is_challenge(const HttpSlot *slot, const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);

	return slot->transfer->request.login.user != NULL && blank != NULL &&
		line + len - blank >= 4 && memcmp(blank + 1, "401", 3) == 0;
}

/* http_header_received -- CURLOPT_HEADERFUNCTION: counts, and sees their end; libcurl keeps them. */
size_t
http_header_received(char *data, size_t size, size_t count, void *arg)
{
	HttpSlot   *slot = arg;
	size_t		len = size * count;

	slot->header_bytes += len;
	/* a status line begins anew (after 1xx, a challenge); trailers come after the end */
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
	{
		slot->answered = true;
		slot->headers_ended = false;
		slot->challenged = is_challenge(slot, data, len);
	}
	else if (len > 0 && (data[0] == '\r' || data[0] == '\n'))
		slot->headers_ended = true;
	if (slot->header_bytes > HTTP_MAX_HEADER_BYTES)
	{
		slot->trouble = HTTP_TROUBLE_HEADER_SIZE;
		return 0;
	}
	return len;
}

static void
note_shortage(HttpSlot *slot, int error)
{
	slot->trouble = HTTP_TROUBLE_DESCRIPTORS;
	slot->trouble_errno = error;
}

/*
 * http_open_socket -- CURLOPT_OPENSOCKETFUNCTION: the check of the real address.
 *
 * With a proxy the address is the proxy's, which a superuser chose.
 */
curl_socket_t
http_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	HttpSlot   *slot = arg;
	const CnNetwork *networks;
	int			count;
	int			fd;

	networks = http_allowed_networks(&count);
	if (purpose != CURLSOCKTYPE_IPCXN ||
		(!http_proxy_used() && !cn_address_allowed(&address->addr, networks, count)))
	{
		slot->trouble = HTTP_TROUBLE_BLOCKED;
		memcpy(&slot->blocked, &address->addr, Min(address->addrlen, sizeof(slot->blocked)));
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
	{
		/* a machine without IPv6 is no shortage */
		if (errno != EAFNOSUPPORT)
			note_shortage(slot, errno);
		return CURL_SOCKET_BAD;
	}
	if (!http_reserve_sockets(slot->pool->mux, fd))
	{
		note_shortage(slot, ENOMEM);
		close(fd);
		return CURL_SOCKET_BAD;
	}
	http_socket_opened(slot->pool, fd);
	return fd;
}

/* http_close_socket -- CURLOPT_CLOSESOCKETFUNCTION; may come long after the transfer. */
int
http_close_socket(void *arg, curl_socket_t fd)
{
	http_socket_closed(arg, fd);
	return close(fd);
}

/*
 * http_before_send -- CURLOPT_PREREQFUNCTION: a connection is there (with TLS,
 * if any), and the first byte of the request is about to be sent on it.
 */
int
http_before_send(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	HttpSlot   *slot = arg;

	slot->sends++;
	if (slot->sends > 1 && slot->send_once && !slot->challenged)
	{
		slot->trouble = HTTP_TROUBLE_RESEND;
		return CURL_PREREQFUNC_ABORT;
	}
	slot->answered = false;
	slot->challenged = false;
	return CURL_PREREQFUNC_OK;
}

/* ---- beginning and end of a hop ---- */

/*
 * http_hop_begin -- hand the transfer's present request to libcurl.
 *
 * The slot is acquired at the first hop.  Throws out of memory only.
 */
void
http_hop_begin(CnHttpTransfer *transfer)
{
	HttpSlot   *slot = transfer->slot;

	if (slot == NULL)
	{
		slot = http_slot_acquire(transfer->mux, &transfer->request.pool);
		slot->transfer = transfer;
		transfer->slot = slot;
	}
	else
		curl_easy_reset(slot->easy);
	slot->body_len = 0;
	slot->header_bytes = 0;
	slot->answered = false;
	slot->headers_ended = false;
	slot->challenged = false;
	slot->trouble = HTTP_TROUBLE_NONE;
	slot->sends = 0;
	transfer->hop_started_us = cn_monotonic_us();
	if (transfer->started_us == 0)
		transfer->started_us = transfer->hop_started_us;
	http_request_apply(transfer);
	if (curl_multi_add_handle(slot->pool->multi, slot->easy) != CURLM_OK)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	slot->in_multi = true;
}

/* blocked_text -- the refused address, as text in the current context. */
static char *
blocked_text(const struct sockaddr_storage *address)
{
	char		text[INET6_ADDRSTRLEN] = "of an unknown family";

	if (address->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *) address)->sin_addr, text, sizeof(text));
	else if (address->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *) address)->sin6_addr, text,
				  sizeof(text));
	return pstrdup(text);
}

/* fill_failure -- the hop ended without a complete reply. */
static void
fill_failure(CnHttpTransfer *transfer)
{
	HttpSlot   *slot = transfer->slot;
	CnHttpReply *reply = &transfer->reply;
	HttpOutcome outcome = {0};

	outcome.result = slot->result;
	outcome.trouble = slot->trouble;
	if (slot->trouble == HTTP_TROUBLE_DESCRIPTORS)
		outcome.os_errno = slot->trouble_errno;
	else
		curl_easy_getinfo(slot->easy, CURLINFO_OS_ERRNO, &outcome.os_errno);
	curl_easy_getinfo(slot->easy, CURLINFO_SSL_VERIFYRESULT, &outcome.verify_result);
	outcome.origin = cn_url_origin(&transfer->url);
	if (slot->trouble == HTTP_TROUBLE_BLOCKED)
		outcome.address = blocked_text(&slot->blocked);
	outcome.proxied = http_proxy_used();
	outcome.sent = slot->sends > 0; /* on this hop: an earlier one says nothing of it */
	outcome.timeout_ms = transfer->request.timeout_ms;
	outcome.timed_out = transfer->finished_us - transfer->started_us >=
		(int64) outcome.timeout_ms * 1000;
	outcome.connect_timeout_ms = http_connect_timeout;
	outcome.max_response = transfer->request.max_response;
	http_failure_map(&reply->failure, &outcome);
	reply->never_left = !transfer->may_have_left;
}

/* http_version -- 10, 11, 20, or 0. */
static int
http_version(CURL *easy)
{
	long		version = 0;

	curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
	switch (version)
	{
		case CURL_HTTP_VERSION_1_0:
			return 10;
		case CURL_HTTP_VERSION_1_1:
			return 11;
		case CURL_HTTP_VERSION_2_0:
			return 20;
		default:
			return 0;
	}
}

/* fill_reply -- status, body and figures of the hop that ended. */
static void
fill_reply(CnHttpTransfer *transfer)
{
	HttpSlot   *slot = transfer->slot;
	CURL	   *easy = slot->easy;
	CnHttpReply *reply = &transfer->reply;
	char	   *content_type = NULL;
	curl_off_t	first_byte_us = 0;
	long		status = 0;
	long		connects = 0;

	/* a challenge is no reply to what was sent after it */
	if (slot->answered)
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &content_type);
	curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
	curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte_us);
	reply->status = (int) status;
	reply->failure.http_status = (int) status;
	reply->http_version = http_version(easy);
	reply->content_type = content_type ? content_type : "";
	reply->body_len = slot->body_len;
	if (slot->body_len > 0)
	{
		slot->body[slot->body_len] = '\0';
		reply->body = slot->body;
	}
	else
		reply->body = "";
	reply->elapsed_us = transfer->finished_us - transfer->started_us;
	reply->first_byte_us = transfer->hop_started_us - transfer->started_us + first_byte_us;
	reply->reused = slot->sends > 0 && connects == 0;
}

/* complete -- the reply is final; half a body, or a redirect's, is of no use. */
static void
complete(CnHttpTransfer *transfer)
{
	if (transfer->reply.failure.code != CN_OK)
	{
		transfer->reply.body = "";
		transfer->reply.body_len = 0;
	}
	transfer->complete = true;
}

/*
 * http_hop_settle -- libcurl is through with a hop: complete the transfer, or
 * begin the next hop.
 *
 * Throws out of memory only; the transfer then never completes, but can be
 * released as usual.
 */
void
http_hop_settle(CnHttpTransfer *transfer)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(transfer->context);
	HttpSlot   *slot = transfer->slot;

	if (slot->sends > 0)
		transfer->may_have_left = true;
	/* libcurl 7.88 takes headers that a closing connection cut short for all of them */
	if (slot->result == CURLE_OK && !slot->headers_ended)
		slot->result = CURLE_PARTIAL_FILE;
	fill_reply(transfer);
	if (slot->result != CURLE_OK)
		fill_failure(transfer);
	if (slot->result == CURLE_OK && http_redirect(transfer))
		http_hop_begin(transfer);
	else
		complete(transfer);
	MemoryContextSwitchTo(oldcontext);
}
