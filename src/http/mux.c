/*
 * mux.c -- the multiplexed descriptor: its life, its turns, and waiting for it.
 *
 * One epoll descriptor holds the sockets of all pools (CURLMs) of the mux; its
 * timers are kept in memory (events.c).  A pool without transfers has a timer
 * too: when it runs out the pool is closed, so connections that nobody will
 * use again do not linger.
 *
 * A turn has two halves.  In the first libcurl runs, with all signals blocked,
 * because it may start a resolver thread, and no thread but ours may ever run
 * the server's signal handlers; nothing raises there.  In the second the
 * outcomes are dealt with, one at a time, each taken off the list first: done
 * may throw, and the next turn goes on with the rest.
 */
#include "postgres.h"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/compat.h"
#include "http/internal.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

/* Events taken from the kernel at once; more wait for the next turn. */
#define EVENT_BATCH 128

/* ---- a turn, first half: libcurl runs ---- */

/* block_signals -- all but those that report a fault of this thread. */
static void
block_signals(sigset_t *saved)
{
	sigset_t	all;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	sigdelset(&all, SIGTRAP);
	sigprocmask(SIG_BLOCK, &all, saved);
}

/* collect_finished -- queue the transfers that libcurl reports as done. */
static void
collect_finished(HttpPool *pool)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(pool->multi, &left)) != NULL)
	{
		HttpSlot   *slot = NULL;
		CURLcode	result = message->data.result;
		CURL	   *easy = message->easy_handle;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &slot);
		curl_multi_remove_handle(pool->multi, easy);
		slot->in_multi = false;
		slot->result = result;
		slot->transfer->finished_us = cn_monotonic_us();
		http_queue_finished(slot->transfer, pool->mux->turn);
	}
}

/* fail_pool -- libcurl cannot go on with this pool: end all its transfers. */
static void
fail_pool(HttpPool *pool)
{
	dlist_iter	iter;

	dlist_foreach(iter, &pool->mux->transfers)
	{
		CnHttpTransfer *transfer = dlist_container(CnHttpTransfer, node, iter.cur);
		HttpSlot   *slot = transfer->slot;

		if (slot == NULL || slot->pool != pool || !slot->in_multi)
			continue;
		curl_multi_remove_handle(pool->multi, slot->easy);
		slot->in_multi = false;
		slot->result = CURLE_OUT_OF_MEMORY;
		transfer->finished_us = cn_monotonic_us();
		http_queue_finished(transfer, pool->mux->turn);
	}
	pool->settings = http_settings_generation - 1;	/* never used again */
}

/* run_pool -- let libcurl act on a socket or (CURL_SOCKET_TIMEOUT) on its timers. */
static void
run_pool(HttpPool *pool, curl_socket_t fd, int events)
{
	int			running;

	if (curl_multi_socket_action(pool->multi, fd, events, &running) != CURLM_OK)
		fail_pool(pool);
	else
		collect_finished(pool);
}

/*
 * run_timer -- the deadline of pool has come.
 *
 * libcurl does not repeat a timeout it has asked for already, even if we come
 * a moment too early for it; so it is asked when it stays silent.
 */
static void
run_timer(HttpPool *pool)
{
	long		timeout_ms = -1;

	http_clear_deadline(pool);
	if (pool->busy == 0)
	{
		http_pool_destroy(pool);
		return;
	}
	run_pool(pool, CURL_SOCKET_TIMEOUT, 0);
	if (!pool->in_heap && curl_multi_timeout(pool->multi, &timeout_ms) == CURLM_OK &&
		timeout_ms >= 0)
		http_set_deadline(pool, cn_monotonic_us() + (int64) Max(timeout_ms, 1) * 1000);
}

/* run_timers -- all that are due now; true if there was one. */
static bool
run_timers(CnHttpMux *mux)
{
	HttpPool   *pool = http_first_deadline(mux);
	int			rounds = mux->pool_count;
	int64		now;

	if (pool == NULL)
		return false;
	now = cn_monotonic_us();
	if (pool->deadline_us > now)
		return false;
	/* each pool once: one that is due again at once waits for the next turn */
	while (rounds-- > 0 && (pool = http_first_deadline(mux)) != NULL && pool->deadline_us <= now)
		run_timer(pool);
	return true;
}

static void
run_sockets(CnHttpMux *mux)
{
	struct epoll_event events[EVENT_BATCH];
	int			count = epoll_wait(mux->epoll_fd, events, EVENT_BATCH, 0);

	for (int i = 0; i < count; i++)
	{
		int			fd;
		int			ready;
		HttpPool   *pool = http_socket_ready(mux, &events[i], &fd, &ready);

		if (pool)
			run_pool(pool, fd, ready);
	}
}

/* ---- a turn, second half: outcomes ---- */

/*
 * http_queue_finished -- have the outcome of transfer dealt with in turn due_turn.
 *
 * Allocates nothing.
 */
void
http_queue_finished(CnHttpTransfer *transfer, uint64 due_turn)
{
	Assert(!transfer->queued);
	transfer->queued = true;
	transfer->due_turn = due_turn;
	dlist_push_tail(&transfer->mux->finished, &transfer->finished_node);
}

/*
 * deal_with_finished -- settle what is due and call done for what is complete.
 *
 * A transfer is off the list before anything that may throw.  done may
 * release it, so it is not looked at afterwards.
 */
static void
deal_with_finished(CnHttpMux *mux)
{
	while (!dlist_is_empty(&mux->finished))
	{
		CnHttpTransfer *transfer = dlist_head_element(CnHttpTransfer, finished_node,
													  &mux->finished);

		if (transfer->due_turn > mux->turn)
			break;
		dlist_delete(&transfer->finished_node);
		transfer->queued = false;
		if (!transfer->complete)
			http_hop_settle(transfer);
		if (!transfer->complete)
			continue;			/* a redirect is followed */
		mux->in_flight--;
		transfer->done(transfer, transfer->arg);
	}
}

/*
 * cn_http_mux_turn -- do all that can be done now without waiting.
 *
 * Calls done of each transfer that is complete and each timer that is due; whatever
 * that throws is thrown on, and the mux can be used further.
 */
void
cn_http_mux_turn(CnHttpMux *mux)
{
	sigset_t	saved;
	bool		timers;

	mux->turn++;
	block_signals(&saved);
	timers = run_timers(mux);
	/* after a timer with nothing watched there is nothing to ask the kernel for */
	if (!timers || mux->watched > 0)
		run_sockets(mux);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	deal_with_finished(mux);
	http_fire_timers(mux);
}

/* ---- life and waiting ---- */

/*
 * mux_gone -- the context of the mux goes: end all transfers and connections.
 *
 * Memory context callback.
 */
static void
mux_gone(void *arg)
{
	CnHttpMux  *mux = arg;

	while (!dlist_is_empty(&mux->transfers))
		http_detach(dlist_head_element(CnHttpTransfer, node, &mux->transfers));
	http_forget_timers(mux);
	http_pools_destroy(mux);
	if (mux->wait_set)
		FreeWaitEventSet(mux->wait_set);
	mux->wait_set = NULL;
	if (mux->epoll_fd >= 0)
	{
		close(mux->epoll_fd);
		ReleaseExternalFD();
	}
	mux->epoll_fd = -1;
	free(mux->sockets);
	mux->sockets = NULL;
	mux->socket_capacity = 0;
}

/* open_epoll -- the descriptor, counted with the server's own. */
static void
open_epoll(CnHttpMux *mux)
{
	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not create an epoll descriptor: %m")));
	mux->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (mux->epoll_fd < 0)
	{
		ReleaseExternalFD();
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not create an epoll descriptor: %m")));
	}
}

/*
 * cn_http_mux_create -- a mux in a context of its own below parent.
 *
 * Starts libcurl if it is the first in this process.  Throws 58000 or 53000
 * if libcurl or the descriptor cannot be had.
 */
CnHttpMux *
cn_http_mux_create(MemoryContext parent)
{
	MemoryContext context;
	CnHttpMux  *mux;
	HASHCTL		info = {0};

	http_global_init();
	context = AllocSetContextCreate(parent, "connector http mux", ALLOCSET_DEFAULT_SIZES);
	mux = MemoryContextAllocZero(context, sizeof(CnHttpMux));
	mux->context = context;
	mux->epoll_fd = -1;
	http_pools_init(mux);
	dlist_init(&mux->transfers);
	dlist_init(&mux->finished);
	mux->deadlines.ph_compare = http_deadline_cmp;
	mux->timers.ph_compare = http_timer_cmp;
	mux->callback.func = mux_gone;
	mux->callback.arg = mux;
	MemoryContextRegisterResetCallback(context, &mux->callback);
	info.keysize = sizeof(CnHttpPoolKey);
	info.entrysize = sizeof(CnHttpPoolKey) + sizeof(HttpPool *);
	info.hcxt = context;
	mux->pools = hash_create("connector http pools", 64, &info,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	open_epoll(mux);
	return mux;
}

CnHttpMux *
cn_http_process_mux(void)
{
	static CnHttpMux *mux = NULL;

	if (mux == NULL)
		mux = cn_http_mux_create(TopMemoryContext);
	return mux;
}

/*
 * cn_http_mux_timeout -- how long the descriptor may be waited for.
 *
 * Milliseconds, rounded up; 0 if a turn is due now; -1 if there is no timer.
 */
int
cn_http_mux_timeout(CnHttpMux *mux)
{
	HttpPool   *pool = http_first_deadline(mux);
	int64		due_us = http_next_timer(mux);
	int64		left_us;

	if (!dlist_is_empty(&mux->finished))
		return 0;
	if (pool && (due_us < 0 || pool->deadline_us < due_us))
		due_us = pool->deadline_us;
	if (due_us <= 0)
		return (int) due_us;
	left_us = due_us - cn_monotonic_us();
	return left_us <= 0 ? 0 : (int) Min((left_us + 999) / 1000, INT_MAX);
}

int
cn_http_mux_in_flight(CnHttpMux *mux)
{
	return mux->in_flight;
}

Size
cn_http_mux_memory(CnHttpMux *mux)
{
	dlist_iter	iter;
	Size		sum = 0;

	dlist_foreach(iter, &mux->transfers)
	{
		const CnHttpTransfer *transfer = dlist_container(CnHttpTransfer, node, iter.cur);

		if (transfer->slot)
			sum += transfer->slot->body_capacity;
	}
	return sum;
}

/* make_wait_set -- latch, postmaster and mux, once for the life of the mux. */
static void
make_wait_set(CnHttpMux *mux)
{
	mux->wait_set = cn_create_wait_event_set(3);
	AddWaitEventToSet(mux->wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(mux->wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(mux->wait_set, WL_SOCKET_READABLE, mux->epoll_fd, NULL, NULL);
}

void
cn_http_wait(CnHttpMux *mux, int timeout_ms, uint32 wait_event)
{
	int			timer_ms = cn_http_mux_timeout(mux);
	WaitEvent	events[3];
	int			count = 0;

	if (timer_ms >= 0 && (timeout_ms < 0 || timer_ms < timeout_ms))
		timeout_ms = timer_ms;
	if (timeout_ms != 0)
	{
		if (mux->wait_set == NULL)
			make_wait_set(mux);
		count = WaitEventSetWait(mux->wait_set, timeout_ms, events, lengthof(events),
								 wait_event);
	}
	for (int i = 0; i < count; i++)
	{
		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
	}
	CHECK_FOR_INTERRUPTS();
}
