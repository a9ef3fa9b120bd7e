/*
 * events.c -- what libcurl wants to be woken for: sockets and timers.
 *
 * libcurl says through http_socket_changed which sockets it waits for; they go
 * into the mux's epoll set.  An event carries the descriptor's number and the
 * generation of its use, so that an event for a socket or pool that is gone
 * says nothing to anybody.
 *
 * A keep-alive connection would be taken out of the set after each request
 * and put back before the next.  Instead it stays in, unwanted; if the server
 * closes it meanwhile, the one event that follows takes it out.
 *
 * Timers are deadlines in memory, the earliest first in a heap.  All of this
 * runs inside libcurl: nothing here raises, and the table is malloc'ed.
 */
#include "postgres.h"

#include <errno.h>
#include <sys/epoll.h>

#include "core/clock.h"
#include "http/internal.h"

/* ---- sockets ---- */

/*
 * http_reserve_sockets -- make room in the table for descriptor fd.
 *
 * Callable from libcurl's callbacks; false out of memory.
 */
bool
http_reserve_sockets(CnHttpMux *mux, int fd)
{
	int			capacity = Max(mux->socket_capacity, 64);
	HttpSocket *sockets;

	if (fd < mux->socket_capacity)
		return true;
	while (capacity <= fd)
		capacity *= 2;
	sockets = realloc(mux->sockets, capacity * sizeof(HttpSocket));
	if (sockets == NULL)
		return false;
	memset(sockets + mux->socket_capacity, 0,
		   (capacity - mux->socket_capacity) * sizeof(HttpSocket));
	mux->sockets = sockets;
	mux->socket_capacity = capacity;
	return true;
}

/* set_wanted -- what libcurl waits for on this socket; keeps the count. */
static void
set_wanted(CnHttpMux *mux, HttpSocket *sock, uint8 wanted)
{
	mux->watched += (wanted != 0) - (sock->wanted != 0);
	sock->wanted = wanted;
}

/* claim_socket -- the number fd now stands for a new socket of pool. */
static HttpSocket *
claim_socket(HttpPool *pool, int fd)
{
	HttpSocket *sock = &pool->mux->sockets[fd];

	set_wanted(pool->mux, sock, 0);
	sock->pool = pool;
	sock->generation++;
	sock->registered = 0;
	sock->ours = false;
	return sock;
}

/*
 * register_socket -- have epoll watch fd for what.
 *
 * sock->registered is only a guess when the descriptor was closed behind our
 * back, so the other operation is tried when the first does not apply.
 */
static bool
register_socket(CnHttpMux *mux, int fd, HttpSocket *sock, uint8 what)
{
	struct epoll_event event = {0};
	int			op = sock->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	event.events = ((what & CURL_POLL_IN) ? EPOLLIN : 0) | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0);
	event.data.u64 = ((uint64) sock->generation << 32) | (uint32) fd;
	sock->registered = what;
	if (epoll_ctl(mux->epoll_fd, op, fd, &event) == 0)
		return true;
	if (errno == ENOENT && epoll_ctl(mux->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return true;
	if (errno == EEXIST && epoll_ctl(mux->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
		return true;
	sock->registered = 0;
	return false;
}

static void
unregister_socket(CnHttpMux *mux, int fd, HttpSocket *sock)
{
	struct epoll_event unused = {0};

	if (sock->registered)
		(void) epoll_ctl(mux->epoll_fd, EPOLL_CTL_DEL, fd, &unused);
	sock->registered = 0;
}

/*
 * http_socket_opened -- fd was opened for a connection of pool.
 *
 * libcurl 7.88 closes a socket whose connect failed without telling, and when
 * the next one gets the same number it believes that one watched already.  So
 * what it wanted of the old one is registered for the new one.
 */
void
http_socket_opened(HttpPool *pool, int fd)
{
	HttpSocket *sock = &pool->mux->sockets[fd];
	uint8		wanted = sock->pool == pool ? sock->wanted : 0;

	sock = claim_socket(pool, fd);
	sock->ours = true;
	if (wanted && register_socket(pool->mux, fd, sock, wanted))
		set_wanted(pool->mux, sock, wanted);
}

/* http_socket_closed -- fd is about to be closed, which takes it out of epoll. */
void
http_socket_closed(CnHttpMux *mux, int fd)
{
	HttpSocket *sock;

	if (fd < 0 || fd >= mux->socket_capacity)
		return;
	sock = &mux->sockets[fd];
	set_wanted(mux, sock, 0);
	unregister_socket(mux, fd, sock);
	sock->pool = NULL;
	sock->generation++;
	sock->ours = false;
}

/* http_forget_sockets -- pool is gone; whatever still names it does so no more. */
void
http_forget_sockets(HttpPool *pool)
{
	CnHttpMux  *mux = pool->mux;

	for (int fd = 0; fd < mux->socket_capacity; fd++)
	{
		if (mux->sockets[fd].pool == pool)
			http_socket_closed(mux, fd);
	}
}

/*
 * unwatch_socket -- libcurl does not wait for fd for now, or will close it.
 *
 * An established connection (ours, watched for input) stays registered.
 * Other descriptors, such as the resolver's, are closed without a callback.
 */
static void
unwatch_socket(HttpPool *pool, int fd)
{
	CnHttpMux  *mux = pool->mux;
	HttpSocket *sock;

	if (fd >= mux->socket_capacity || mux->sockets[fd].pool != pool)
		return;
	sock = &mux->sockets[fd];
	set_wanted(mux, sock, 0);
	if (sock->ours && sock->registered == CURL_POLL_IN)
		return;
	unregister_socket(mux, fd, sock);
	sock->ours = false;
}

/*
 * http_socket_changed -- CURLMOPT_SOCKETFUNCTION.
 *
 * -1 makes libcurl fail all transfers of the pool.
 */
int
http_socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	HttpPool   *pool = arg;
	CnHttpMux  *mux = pool->mux;
	HttpSocket *sock;

	if (what == CURL_POLL_REMOVE)
	{
		unwatch_socket(pool, fd);
		return 0;
	}
	if (!http_reserve_sockets(mux, fd))
		return -1;
	sock = &mux->sockets[fd];
	if (sock->pool != pool)
		sock = claim_socket(pool, fd);
	set_wanted(mux, sock, what & (CURL_POLL_IN | CURL_POLL_OUT));
	if (sock->registered == sock->wanted)
		return 0;
	return register_socket(mux, fd, sock, sock->wanted) ? 0 : -1;
}

/* ---- timers ---- */

/* http_deadline_cmp -- the heap's root is the earliest deadline. */
int
http_deadline_cmp(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	int64		left = pairingheap_const_container(HttpPool, heap_node, a)->deadline_us;
	int64		right = pairingheap_const_container(HttpPool, heap_node, b)->deadline_us;

	return left < right ? 1 : left > right ? -1 : 0;
}

void
http_clear_deadline(HttpPool *pool)
{
	if (pool->in_heap)
		pairingheap_remove(&pool->mux->deadlines, &pool->heap_node);
	pool->in_heap = false;
}

void
http_set_deadline(HttpPool *pool, int64 deadline_us)
{
	http_clear_deadline(pool);
	pool->deadline_us = deadline_us;
	pairingheap_add(&pool->mux->deadlines, &pool->heap_node);
	pool->in_heap = true;
}

/* http_timer_changed -- CURLMOPT_TIMERFUNCTION. */
int
http_timer_changed(CURLM *multi, long timeout_ms, void *arg)
{
	HttpPool   *pool = arg;

	if (timeout_ms < 0)
		http_clear_deadline(pool);
	else
		http_set_deadline(pool, timeout_ms == 0 ? 0 : cn_monotonic_us() + (int64) timeout_ms * 1000);
	return 0;
}

HttpPool *
http_first_deadline(CnHttpMux *mux)
{
	if (pairingheap_is_empty(&mux->deadlines))
		return NULL;
	return pairingheap_container(HttpPool, heap_node, pairingheap_first(&mux->deadlines));
}

/*
 * http_socket_ready -- what an event of epoll means to libcurl.
 *
 * Returns the pool to tell, with *fd and *ready (CURL_CSELECT_...), or NULL if
 * nobody waits for it.  A broken socket is reported as ready: reading it tells
 * libcurl what happened.
 */
HttpPool *
http_socket_ready(CnHttpMux *mux, const struct epoll_event *event, int *fd, int *ready)
{
	uint32		generation = (uint32) (event->data.u64 >> 32);
	bool		broken = (event->events & (EPOLLERR | EPOLLHUP)) != 0;
	HttpSocket *sock;

	*fd = (int) (event->data.u64 & 0xffffffff);
	sock = &mux->sockets[*fd];
	if (sock->generation != generation || sock->pool == NULL)
		return NULL;
	if (sock->wanted == 0)
	{
		unregister_socket(mux, *fd, sock);
		return NULL;
	}
	*ready = 0;
	if ((sock->wanted & CURL_POLL_IN) && (broken || (event->events & EPOLLIN)))
		*ready |= CURL_CSELECT_IN;
	if ((sock->wanted & CURL_POLL_OUT) && (broken || (event->events & EPOLLOUT)))
		*ready |= CURL_CSELECT_OUT;
	return sock->pool;
}
