/*
 * counting_server.c -- an HTTP server that counts, for tests and benchmarks of the queue.
 *
 *   counting_server [PORT]
 *
 * It listens on 127.0.0.1, prints its port, and serves until its standard input ends.  One process,
 * one epoll descriptor, connections kept: thousands of them, tens of thousands of requests a second.
 * It is no part of any database, so what it has counted outlives whatever happens there.
 *
 * A request is counted as soon as it has arrived whole, before it is answered, under the set and the
 * number it names: PATH?set=NAME&n=N.  The path says how it is answered:
 *
 *   /ok                   200 and 200 bytes of JSON
 *   /slow/MS              the same after MS milliseconds
 *   /gate/NAME            the same once that gate is open
 *   /hang                 never
 *   /status/CODE[/TIMES]  that status; with TIMES only for the first so many of a set and number
 *   /drop[/TIMES]         the connection is closed instead
 *   /huge/BYTES           a body of that length, in chunks
 *
 * and these are for the test itself, counted nowhere:
 *
 *   /control/counts/SET   {"N": times, ...}
 *   /control/arrivals/SET {"N": microseconds since 1970 when it came first, ...}
 *   /control/state        {"requests": so far, "accepted": connections so far, "open": connections now,
 *                          "waiting": requests without an answer, "most_waiting": of them at once}
 *   /control/open/GATE    from now on; those who wait are answered, in the order they came
 *   /control/shut/GATE    again
 *   /control/close-idle   closes all connections that wait for no answer: {"closed": how many}
 *   /control/forget       counts
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 16384
#define MAX_HEAD 16384
#define MAX_SETS 64
#define MAX_QUEUES 64
#define MAX_NAME 64
#define MAX_NUMBER 10000000
#define CHUNK 65536

/* What came of one number. */
typedef struct Count
{
	uint32_t	times;
	int64_t		first_us;
} Count;

typedef struct Set
{
	char		name[MAX_NAME];
	Count	   *counts;
	long		size;
} Set;

/* Requests that wait for the same: a time after they came, a gate, or nothing. */
typedef struct Queue
{
	char		name[MAX_NAME]; /* "slow/50", "gate/x", "hang" */
	int64_t		delay_us;		/* -1: not for time */
	bool		open;
	struct Connection *first;
	struct Connection *last;
} Queue;

typedef struct Connection
{
	int			fd;
	char	   *head;			/* of the request, MAX_HEAD bytes */
	size_t		head_len;
	bool		head_complete;
	long		body_left;		/* of the request, which nobody looks at */
	bool		answering;		/* a request came whole and has not been answered whole */
	bool		wants_write;
	Queue	   *queue;			/* where it waits; NULL: it does not */
	struct Connection *before;
	struct Connection *after;
	int64_t		due_us;
	char	   *out;			/* what the socket has not taken yet */
	size_t		out_len;
	long		chunk_bytes_left;	/* of /huge */
} Connection;

typedef struct Text
{
	char	   *data;
	size_t		len;
	size_t		size;
} Text;

static int	epoll_fd;
static int	listen_fd;
static Connection *connections[MAX_FD];
static Set	sets[MAX_SETS];
static int	set_count;
static Queue queues[MAX_QUEUES];
static int	queue_count;
static long requests;
static long accepted;
static long waiting;
static long most_waiting;
static char ok_reply[512];
static size_t ok_reply_len;
static char chunk[CHUNK + 32];
static size_t chunk_len;

static void serve(Connection *connection);

static void
fail(const char *what)
{
	fprintf(stderr, "counting_server: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t
now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
append(Text *text, const char *format,...)
{
	va_list		args;

	if (text->size - text->len < 256)
	{
		text->size = text->size * 2 + 4096;
		text->data = realloc(text->data, text->size);
		if (text->data == NULL)
			fail("realloc");
	}
	va_start(args, format);
	text->len += vsnprintf(text->data + text->len, text->size - text->len, format, args);
	va_end(args);
}

/* ---- sets ---- */

static Set *
find_set(const char *name)
{
	for (int i = 0; i < set_count; i++)
		if (strcmp(sets[i].name, name) == 0)
			return &sets[i];
	if (set_count == MAX_SETS)
		return NULL;
	snprintf(sets[set_count].name, MAX_NAME, "%s", name);
	return &sets[set_count++];
}

/* How often this number has come, now included. */
static uint32_t
count(Set *set, long number)
{
	Count	   *one;

	if (number >= set->size)
	{
		long		size = number + number / 2 + 1024;

		set->counts = realloc(set->counts, size * sizeof(Count));
		if (set->counts == NULL)
			fail("realloc");
		memset(set->counts + set->size, 0, (size - set->size) * sizeof(Count));
		set->size = size;
	}
	one = &set->counts[number];
	if (one->times == 0)
		one->first_us = now_us(CLOCK_REALTIME);
	return ++one->times;
}

static void
list_set(Text *text, const char *name, bool arrivals)
{
	Set		   *set = find_set(name);
	const char *comma = "";

	append(text, "{");
	for (long n = 0; set && n < set->size; n++)
		if (set->counts[n].times > 0)
		{
			append(text, "%s\"%ld\":%lld", comma, n,
				   arrivals ? (long long) set->counts[n].first_us : (long long) set->counts[n].times);
			comma = ",";
		}
	append(text, "}");
}

/* ---- waiting ---- */

static Queue *
find_queue(const char *name, int64_t delay_us)
{
	for (int i = 0; i < queue_count; i++)
		if (strcmp(queues[i].name, name) == 0)
			return &queues[i];
	if (queue_count == MAX_QUEUES)
		return NULL;
	snprintf(queues[queue_count].name, MAX_NAME, "%s", name);
	queues[queue_count].delay_us = delay_us;
	return &queues[queue_count++];
}

static void
enter(Queue *queue, Connection *connection)
{
	connection->queue = queue;
	connection->before = queue->last;
	connection->after = NULL;
	*(queue->last ? &queue->last->after : &queue->first) = connection;
	queue->last = connection;
	connection->due_us = queue->delay_us < 0 ? 0 : now_us(CLOCK_MONOTONIC) + queue->delay_us;
	if (++waiting > most_waiting)
		most_waiting = waiting;
}

static void
leave(Connection *connection)
{
	Queue	   *queue = connection->queue;

	if (queue == NULL)
		return;
	*(connection->before ? &connection->before->after : &queue->first) = connection->after;
	*(connection->after ? &connection->after->before : &queue->last) = connection->before;
	connection->queue = NULL;
	waiting--;
}

/* ---- answers ---- */

static void
close_connection(Connection *connection)
{
	leave(connection);
	connections[connection->fd] = NULL;
	close(connection->fd);
	free(connection->head);
	free(connection->out);
	free(connection);
}

static void
watch(Connection *connection, bool write_too)
{
	struct epoll_event event = {.events = EPOLLIN | (write_too ? EPOLLOUT : 0),.data.fd = connection->fd};

	if (connection->wants_write == write_too)
		return;
	connection->wants_write = write_too;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

/* What the socket does not take now is kept.  Returns false if the connection is broken. */
static bool
send_bytes(Connection *connection, const char *data, size_t len)
{
	ssize_t		sent = 0;

	if (connection->out_len == 0)
		sent = send(connection->fd, data, len, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		return false;
	if (sent < 0)
		sent = 0;
	if (sent < len)
	{
		connection->out = realloc(connection->out, connection->out_len + len - sent);
		if (connection->out == NULL)
			fail("realloc");
		memcpy(connection->out + connection->out_len, data + sent, len - sent);
		connection->out_len += len - sent;
	}
	return true;
}

/* Go on sending; the next request may come when all has gone. */
static void
flush_out(Connection *connection)
{
	/* not for ever, while others wait */
	for (int i = 0; i < 16 && (connection->out_len > 0 || connection->chunk_bytes_left > 0); i++)
	{
		if (connection->out_len > 0)
		{
			ssize_t		sent = send(connection->fd, connection->out, connection->out_len, MSG_NOSIGNAL);

			if (sent < 0 && errno != EAGAIN)
			{
				close_connection(connection);
				return;
			}
			if (sent > 0)
			{
				connection->out_len -= sent;
				memmove(connection->out, connection->out + sent, connection->out_len);
			}
			if (connection->out_len > 0)
				break;
		}
		else
		{
			connection->chunk_bytes_left -= CHUNK;
			if (!send_bytes(connection, chunk, chunk_len) ||
				(connection->chunk_bytes_left <= 0 && !send_bytes(connection, "0\r\n\r\n", 5)))
			{
				close_connection(connection);
				return;
			}
		}
	}
	connection->answering = connection->out_len > 0 || connection->chunk_bytes_left > 0;
	watch(connection, connection->answering);
}

static void
answer(Connection *connection, const char *data, size_t len)
{
	leave(connection);
	if (send_bytes(connection, data, len))
		flush_out(connection);
	else
		close_connection(connection);
}

static void
answer_ok(Connection *connection)
{
	answer(connection, ok_reply, ok_reply_len);
}

static void
answer_text(Connection *connection, int status, const Text *body)
{
	Text		text = {0};

	append(&text, "HTTP/1.1 %d Answer\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		   status, body->len);
	if (!send_bytes(connection, text.data, text.len))
		close_connection(connection);
	else
		answer(connection, body->data, body->len);
	free(text.data);
}

static void
answer_status(Connection *connection, int status)
{
	Text		body = {0};

	append(&body, "{\"status\":%d}", status);
	answer_text(connection, status, &body);
	free(body.data);
}

static void
answer_huge(Connection *connection, long bytes)
{
	static const char head[] =
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";

	connection->chunk_bytes_left = bytes;
	answer(connection, head, sizeof(head) - 1);
}

/* ---- what the test asks ---- */

static void
set_gate(const char *name, bool open)
{
	char		queue_name[MAX_NAME];
	Queue	   *queue;

	snprintf(queue_name, sizeof(queue_name), "gate/%.50s", name);
	queue = find_queue(queue_name, -1);
	if (queue == NULL)
		return;
	queue->open = open;
	while (open && queue->first)
		answer_ok(queue->first);
}

static int
close_idle(const Connection *but)
{
	int			closed = 0;

	for (int fd = 0; fd < MAX_FD; fd++)
		if (connections[fd] && connections[fd] != but && !connections[fd]->answering &&
			connections[fd]->head_len == 0)
		{
			close_connection(connections[fd]);
			closed++;
		}
	return closed;
}

static void
forget(void)
{
	for (int i = 0; i < set_count; i++)
		free(sets[i].counts);
	memset(sets, 0, sizeof(sets));
	set_count = 0;
	requests = accepted = 0;
	most_waiting = waiting;
}

static void
list_state(Text *text)
{
	int			open = 0;

	for (int fd = 0; fd < MAX_FD; fd++)
		open += connections[fd] != NULL;
	append(text, "{\"requests\":%ld,\"accepted\":%ld,\"open\":%d,\"waiting\":%ld,\"most_waiting\":%ld}",
		   requests, accepted, open, waiting, most_waiting);
}

/* path: behind /control/ */
static void
control(Connection *connection, const char *path)
{
	Text		text = {0};

	if (strncmp(path, "counts/", 7) == 0)
		list_set(&text, path + 7, false);
	else if (strncmp(path, "arrivals/", 9) == 0)
		list_set(&text, path + 9, true);
	else if (strcmp(path, "state") == 0)
		list_state(&text);
	else if (strcmp(path, "close-idle") == 0)
		append(&text, "{\"closed\":%d}", close_idle(connection));
	else if (strncmp(path, "open/", 5) == 0 || strncmp(path, "shut/", 5) == 0)
	{
		set_gate(path + 5, path[0] == 'o');
		append(&text, "{}");
	}
	else if (strcmp(path, "forget") == 0)
	{
		forget();
		append(&text, "{}");
	}
	answer_text(connection, text.len > 0 ? 200 : 404, &text);
	free(text.data);
}

/* ---- requests ---- */

/* The value of a parameter of the query, up to size - 1 bytes of it. */
static bool
parameter(const char *query, const char *name, char *value, size_t size)
{
	size_t		len = strlen(name);

	for (const char *p = query; p; p = strchr(p, '&') ? strchr(p, '&') + 1 : NULL)
		if (strncmp(p, name, len) == 0 && p[len] == '=')
		{
			snprintf(value, size, "%.*s", (int) strcspn(p + len + 1, "&"), p + len + 1);
			return true;
		}
	return false;
}

static uint32_t
count_request(const char *query)
{
	char		name[MAX_NAME];
	char		number[24];
	Set		   *set;

	requests++;
	if (!parameter(query, "set", name, sizeof(name)) || !parameter(query, "n", number, sizeof(number)))
		return 1;
	set = find_set(name);
	if (set == NULL || atol(number) < 0 || atol(number) > MAX_NUMBER)
		return 1;
	return count(set, atol(number));
}

static void
wait_in(const char *name, int64_t delay_us, Connection *connection)
{
	Queue	   *queue = find_queue(name, delay_us);

	if (queue == NULL)
		answer_status(connection, 500);
	else if (queue->open)
		answer_ok(connection);
	else
		enter(queue, connection);
}

/* times: how often this one has come.  rest: behind the path's first word, "/TIMES" or nothing */
static bool
is_spared(uint32_t times, const char *rest)
{
	return rest && *rest == '/' && times > strtoul(rest + 1, NULL, 10);
}

static void
respond(Connection *connection, const char *path, uint32_t times)
{
	char	   *rest;

	if (strcmp(path, "ok") == 0)
		answer_ok(connection);
	else if (strncmp(path, "slow/", 5) == 0)
		wait_in(path, atol(path + 5) * 1000, connection);
	else if (strncmp(path, "gate/", 5) == 0 || strcmp(path, "hang") == 0)
		wait_in(path, -1, connection);
	else if (strncmp(path, "huge/", 5) == 0)
		answer_huge(connection, atol(path + 5));
	else if (strncmp(path, "status/", 7) == 0)
	{
		long		status = strtol(path + 7, &rest, 10);

		if (is_spared(times, rest))
			answer_ok(connection);
		else
			answer_status(connection, (int) status);
	}
	else if (strncmp(path, "drop", 4) == 0)
	{
		if (is_spared(times, path + 4))
			answer_ok(connection);
		else
			close_connection(connection);
	}
	else
		answer_status(connection, 404);
}

/* A request is there: "METHOD /path?query HTTP/1.1". */
static void
handle(Connection *connection)
{
	char		path[1024] = "";
	char	   *query;

	sscanf(connection->head, "%*s /%1023s", path);
	connection->head_len = 0;
	connection->head_complete = false;
	connection->answering = true;
	query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	if (strncmp(path, "control/", 8) == 0)
		control(connection, path + 8);
	else
		respond(connection, path, count_request(query));
}

/* The head is complete: how much follows it? */
static long
body_length(const char *head)
{
	const char *header = strcasestr(head, "\r\nContent-Length:");

	return header ? atol(header + 17) : 0;
}

/* Returns true if the request is whole. */
static bool
take(Connection *connection, const char *data, size_t len)
{
	char	   *end;
	size_t		old_len = connection->head_len;

	if (connection->head_complete)
	{
		connection->body_left -= len;
		return connection->body_left <= 0;
	}
	if (len > MAX_HEAD - 1 - old_len)
		len = MAX_HEAD - 1 - old_len;
	memcpy(connection->head + old_len, data, len);
	connection->head_len += len;
	connection->head[connection->head_len] = '\0';
	end = strstr(connection->head + (old_len > 3 ? old_len - 3 : 0), "\r\n\r\n");
	if (end == NULL)
		return false;
	connection->head_complete = true;
	connection->body_left = body_length(connection->head) - (connection->head_len - (end + 4 - connection->head));
	return connection->body_left <= 0;
}

static void
serve(Connection *connection)
{
	char		data[65536];
	ssize_t		len = recv(connection->fd, data, sizeof(data), 0);

	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0 || connection->head_len == MAX_HEAD - 1)
		close_connection(connection);
	else if (take(connection, data, len))
		handle(connection);
}

/* ---- the loop ---- */

static void
accept_all(void)
{
	int			fd;

	while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
	{
		struct epoll_event event = {.events = EPOLLIN,.data.fd = fd};
		Connection *connection;
		int			on = 1;

		if (fd >= MAX_FD)
		{
			close(fd);
			continue;
		}
		connection = connections[fd] = calloc(1, sizeof(Connection));
		connection->fd = fd;
		connection->head = malloc(MAX_HEAD);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
		accepted++;
	}
}

/* Answer those whose time has come; returns the milliseconds to the next one. */
static int
answer_due(void)
{
	int64_t		now = now_us(CLOCK_MONOTONIC);
	int64_t		next = -1;

	for (int i = 0; i < queue_count; i++)
	{
		Queue	   *queue = &queues[i];

		if (queue->delay_us < 0)
			continue;
		while (queue->first && queue->first->due_us <= now)
			answer_ok(queue->first);
		if (queue->first && (next < 0 || queue->first->due_us < next))
			next = queue->first->due_us;
	}
	return next < 0 ? -1 : (int) ((next - now + 999) / 1000);
}

static void
dispatch(const struct epoll_event *event)
{
	int			fd = event->data.fd;

	if (fd == STDIN_FILENO)
	{
		char		byte;

		if (read(fd, &byte, 1) <= 0)
			exit(0);
	}
	else if (fd == listen_fd)
		accept_all();
	else if (connections[fd] && (event->events & EPOLLOUT))
		flush_out(connections[fd]);
	else if (connections[fd])
		serve(connections[fd]);
}

static void
listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,.sin_port = htons(port)};
	socklen_t	len = sizeof(address);
	int			on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listen_fd, (struct sockaddr *) &address, len) != 0 || listen(listen_fd, 4096) != 0)
		fail("cannot listen");
	getsockname(listen_fd, (struct sockaddr *) &address, &len);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
}

static void
prepare(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	ok_reply_len = snprintf(ok_reply, sizeof(ok_reply),
							"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n"
							"{\"ok\":true,\"filler\":\"%0177d\"}", 0);
	chunk_len = sprintf(chunk, "%x\r\n", CHUNK);
	memset(chunk + chunk_len, 'x', CHUNK);
	memcpy(chunk + chunk_len + CHUNK, "\r\n", 2);
	chunk_len += CHUNK + 2;
}

int
main(int argc, char **argv)
{
	struct epoll_event events[256];
	struct epoll_event in = {.events = EPOLLIN,.data.fd = STDIN_FILENO};

	prepare();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listen_on(argc > 1 ? atoi(argv[1]) : 0);
	/* a file, as /dev/null is one, cannot be waited for, and never ends */
	(void) epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &in);
	in.data.fd = listen_fd;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &in);
	for (;;)
	{
		int			found = epoll_wait(epoll_fd, events, 256, answer_due());

		for (int i = 0; i < found; i++)
			dispatch(&events[i]);
	}
}
