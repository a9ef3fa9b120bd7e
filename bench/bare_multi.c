/*
 * bare_multi.c -- the limit beside bench/engine: libcurl's multi interface alone.
 *
 *   bare_multi URL COUNT CONCURRENCY
 *
 * It makes COUNT requests, CONCURRENCY at a time, with all that makes a loop over
 * curl_multi_socket_action cheap: one epoll descriptor, in which a kept connection
 * stays while nothing is asked on it; the timer as a deadline in memory; easy
 * handles that are set up once and used again.  The number of a request is appended
 * to the URL, and the headers are those the extension sends, so that the bytes on
 * the wire are the same.  A reply's body is copied and not looked at.
 *
 * Prints requests a second and CPU microseconds per request.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define MAX_CONCURRENCY 1024
#define MAX_FD 4096
#define MAX_BODY 4096

typedef struct Request
{
	CURL	   *easy;
	char		url[1024];
	char		body[MAX_BODY];
	size_t		body_len;
} Request;

static CURLM *multi;
static int	epoll_fd;
static double deadline_us = -1; /* of libcurl's timer; -1: none */
static unsigned char wanted[MAX_FD];	/* CURL_POLL_... that libcurl waits for */
static unsigned char registered[MAX_FD];	/* the same, as epoll has it */

static const char *base_url;
static int	to_start;
static int	to_finish;

static void
fail(const char *what)
{
	fprintf(stderr, "bare_multi: %s\n", what);
	exit(1);
}

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static double
cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}

/* ---- callbacks ---- */

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	Request    *request = arg;
	size_t		len = size * count;

	if (len > MAX_BODY - request->body_len)
		return 0;
	memcpy(request->body + request->body_len, data, len);
	request->body_len += len;
	return len;
}

static int
on_timer(CURLM *unused, long timeout_ms, void *arg)
{
	(void) unused;
	(void) arg;
	deadline_us = timeout_ms < 0 ? -1 : timeout_ms == 0 ? 0 : now_us() + timeout_ms * 1e3;
	return 0;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct epoll_event event = {0};

	(void) easy;
	(void) arg;
	(void) socket_arg;
	if (fd >= MAX_FD)
		return -1;
	wanted[fd] = what == CURL_POLL_REMOVE ? 0 : what;
	if (what == CURL_POLL_REMOVE || wanted[fd] == registered[fd])
		return 0;
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	event.data.fd = fd;
	if (epoll_ctl(epoll_fd, registered[fd] ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
		return -1;
	registered[fd] = what;
	return 0;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	(void) arg;
	(void) fd;
	fail("a connection was closed: it was to be kept");
	return 0;
}

/* ---- requests ---- */

static void
start(Request *request)
{
	if (to_start == 0)
		return;
	snprintf(request->url, sizeof(request->url), "%s%d", base_url, to_start--);
	request->body_len = 0;
	curl_easy_setopt(request->easy, CURLOPT_URL, request->url);
	if (curl_multi_add_handle(multi, request->easy) != CURLM_OK)
		fail("curl_multi_add_handle failed");
}

static void
create(Request *request, struct curl_slist *headers)
{
	CURL	   *easy = request->easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "connector/1.0 (PostgreSQL)");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

static void
collect(void)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURL	   *easy = message->easy_handle;
		Request    *request;
		long		status;

		if (message->msg != CURLMSG_DONE)
			continue;
		if (message->data.result != CURLE_OK)
			fail(curl_easy_strerror(message->data.result));
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &request);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		if (status != 200)
			fail("the status is not 200");
		curl_multi_remove_handle(multi, easy);
		to_finish--;
		start(request);
	}
}

static void
act(curl_socket_t fd, int events)
{
	int			running;

	if (curl_multi_socket_action(multi, fd, events, &running) != CURLM_OK)
		fail("curl_multi_socket_action failed");
	collect();
}

static void
turn(void)
{
	struct epoll_event events[128];
	int			timeout_ms = -1;
	int			count;

	if (deadline_us >= 0)
	{
		double		left = deadline_us - (deadline_us > 0 ? now_us() : 0);

		if (left <= 0)
		{
			deadline_us = -1;
			act(CURL_SOCKET_TIMEOUT, 0);
			return;
		}
		timeout_ms = (int) (left / 1e3) + 1;
	}
	count = epoll_wait(epoll_fd, events, 128, timeout_ms);
	for (int i = 0; i < count; i++)
	{
		int			fd = events[i].data.fd;
		int			ready = (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
			(events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);

		if (wanted[fd])
			act(fd, ready);
	}
}

static void
run(Request *requests, int concurrency, int count)
{
	to_start = to_finish = count;
	for (int i = 0; i < concurrency; i++)
		start(&requests[i]);
	while (to_finish > 0)
		turn();
}

int
main(int argc, char **argv)
{
	int			count = argc == 4 ? atoi(argv[2]) : 0;
	int			concurrency = argc == 4 ? atoi(argv[3]) : 0;
	struct curl_slist *headers;
	Request    *requests;
	double		start_us;
	double		start_cpu;

	if (count < 1 || concurrency < 1 || concurrency > MAX_CONCURRENCY)
	{
		fprintf(stderr, "usage: bare_multi URL COUNT CONCURRENCY\n");
		return 2;
	}
	base_url = argv[1];
	curl_global_init(CURL_GLOBAL_ALL);
	multi = curl_multi_init();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) concurrency);
	headers = curl_slist_append(NULL, "Accept: application/json, */*;q=0.5");
	requests = calloc(concurrency, sizeof(Request));
	for (int i = 0; i < concurrency; i++)
	{
		create(&requests[i], headers);
		curl_easy_setopt(requests[i].easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	}

	run(requests, concurrency, 4 * concurrency);	/* connects */
	start_us = now_us();
	start_cpu = cpu_us();
	run(requests, concurrency, count);
	printf("%.1f %.1f\n", count / (now_us() - start_us) * 1e6, (cpu_us() - start_cpu) / count);
	return 0;
}
