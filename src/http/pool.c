/*
 * pool.c -- pools of connections, and the easy handles that use them.
 *
 * A pool is one CURLM, found by workspace and credential: libcurl reuses any
 * open connection to the same host, and one credential's connection must never
 * serve another.  A pool made under settings that have changed since (networks,
 * authorities, proxy) is retired: it finishes what it has and takes nothing new.
 *
 * Pools are closed when idle for a while, or as the longest idle one when there
 * are too many.  Busy ones are not counted out: the engine bounds its transfers.
 */
#include "postgres.h"

#include <sys/resource.h>

#include "core/clock.h"
#include "http/internal.h"

/*
 * Pools kept although idle.  Each costs 40 to 90 kB and three descriptors with
 * one connection, so how many depends on how many descriptors there may be:
 * one pool for each 16, which is 64 under the usual limit of 1024.
 */
#define MIN_POOLS 16
#define MAX_POOLS 512
#define DESCRIPTORS_PER_POOL 16

/*
 * How long an idle pool stays.  Longer than MAX_IDLE_CONNECTION_S in
 * request.c it has no connection left that would be used again.
 */
#define POOL_IDLE_US (60 * INT64CONST(1000000))

/*
 * Connections of one pool.  The total cap is above the host's so that a host
 * with all of its connections busy does not throw out another's idle ones.
 * Measured elsewhere: with thousands kept, one server that closes its half
 * stalls the next request for seconds while each is looked at.
 */
#define LEAST_CONNECTIONS 256
#define MOST_CONNECTIONS 2048
#define OTHER_CONNECTIONS 64

/* Descriptors a worker needs beside those of its connections: files, pools, resolvers. */
#define OTHER_DESCRIPTORS 768

/* HTTP/2 streams at once on one connection; servers usually allow 100 or 128. */
#define MAX_STREAMS 100L

/* Free easy handles a pool keeps (6 kB each) at least, and how large their buffers may stay. */
#define LEAST_FREE_SLOTS 64
#define MAX_KEPT_BUFFER (256 * 1024)

typedef struct PoolEntry
{
	CnHttpPoolKey key;
	HttpPool   *pool;			/* NULL: none now */
} PoolEntry;

/* ---- slots ---- */

/* slot_destroy -- free all of a slot that is in no multi. */
static void
slot_destroy(HttpSlot *slot)
{
	if (slot->easy)
		curl_easy_cleanup(slot->easy);
	http_free(slot->text);
	free(slot->lines);
	http_free(slot->body);
	pfree(slot);
}

static HttpSlot *
slot_create(HttpPool *pool)
{
	HttpSlot   *slot = MemoryContextAllocZero(pool->mux->context, sizeof(HttpSlot));

	slot->pool = pool;
	slot->easy = curl_easy_init();
	if (slot->easy == NULL)
	{
		pfree(slot);
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed to create a libcurl handle.")));
	}
	return slot;
}

/* wipe_slot -- leave nothing of the last transfer, and no large buffer. */
static void
wipe_slot(HttpSlot *slot)
{
	curl_easy_reset(slot->easy);
	if (slot->text)
		explicit_bzero(slot->text, slot->text_len);
	slot->text_len = 0;
	if (slot->body_capacity > MAX_KEPT_BUFFER)
	{
		http_free(slot->body);
		slot->body = NULL;
		slot->body_capacity = 0;
	}
	else if (slot->body)
		explicit_bzero(slot->body, slot->body_len);
	slot->body_len = 0;
	slot->transfer = NULL;
}

/* ---- pools ---- */

/*
 * http_pool_destroy -- close a pool without transfers and its connections.
 *
 * Never throws: also called from context callbacks.
 */
void
http_pool_destroy(HttpPool *pool)
{
	CnHttpMux  *mux = pool->mux;
	dlist_mutable_iter iter;

	Assert(pool->busy == 0);
	if (!pool->retired)
	{
		PoolEntry  *entry = hash_search(mux->pools, &pool->key, HASH_FIND, NULL);

		dlist_delete(&pool->idle_node);
		if (entry)
			(void) hash_search(mux->pools, &pool->key, HASH_REMOVE, NULL);
	}
	if (mux->last_pool == pool)
		mux->last_pool = NULL;
	dlist_foreach_modify(iter, &pool->free_slots)
	{
		dlist_delete(iter.cur);
		slot_destroy(dlist_container(HttpSlot, node, iter.cur));
	}
	curl_multi_cleanup(pool->multi);
	http_clear_deadline(pool);
	http_forget_sockets(pool);
	mux->pool_count--;
	pfree(pool);
}

/* http_pools_destroy -- close all pools; no transfer may be left. */
void
http_pools_destroy(CnHttpMux *mux)
{
	while (!dlist_is_empty(&mux->idle_pools))
		http_pool_destroy(dlist_head_element(HttpPool, idle_node, &mux->idle_pools));
}

/* configure_multi -- what is the same for all transfers of a pool. */
static void
configure_multi(HttpPool *pool)
{
	CURLM	   *multi = pool->multi;
	long		connections = pool->mux->connections;

	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_socket_changed);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, pool);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, http_timer_changed);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, pool);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections + OTHER_CONNECTIONS);
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
	curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections + OTHER_CONNECTIONS);
	curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, MAX_STREAMS);
}

/* raise_descriptors -- the soft limit to what is needed, as far as the hard one allows. */
static void
raise_descriptors(int connections)
{
	struct rlimit limit;
	rlim_t		needed = connections + OTHER_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
		limit.rlim_cur >= needed)
		return;
	limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? needed : Min(needed, limit.rlim_max);
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		ereport(LOG, (errmsg("could not raise the limit of open descriptors: %m")));
}

void
http_pools_init(CnHttpMux *mux)
{
	dlist_init(&mux->idle_pools);
	mux->connections = LEAST_CONNECTIONS;
	mux->free_slots = LEAST_FREE_SLOTS;
}

/* Pools that are there are changed, too. */
void
cn_http_mux_expect(CnHttpMux *mux, int transfers)
{
	HASH_SEQ_STATUS status;
	PoolEntry  *entry;

	mux->connections = Min(Max(transfers, LEAST_CONNECTIONS), MOST_CONNECTIONS);
	mux->free_slots = Max(mux->connections / 2, LEAST_FREE_SLOTS);
	raise_descriptors(mux->connections);
	hash_seq_init(&status, mux->pools);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (entry->pool)
			configure_multi(entry->pool);
}

/* pool_create -- a new pool, idle and not yet found by its key. */
static HttpPool *
pool_create(CnHttpMux *mux, const CnHttpPoolKey *key)
{
	HttpPool   *pool = MemoryContextAllocZero(mux->context, sizeof(HttpPool));

	pool->key = *key;
	pool->mux = mux;
	pool->settings = http_settings_generation;
	dlist_init(&pool->free_slots);
	pool->multi = curl_multi_init();
	if (pool->multi == NULL)
	{
		pfree(pool);
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed to create a libcurl multi handle.")));
	}
	configure_multi(pool);
	mux->pool_count++;
	return pool;
}

/* pool_retire -- not to be used any more; gone now or with its last transfer. */
static void
pool_retire(HttpPool *pool, PoolEntry *entry)
{
	entry->pool = NULL;
	if (pool->busy == 0)
		dlist_delete(&pool->idle_node);
	pool->retired = true;
	if (pool->mux->last_pool == pool)
		pool->mux->last_pool = NULL;
	if (pool->busy == 0)
		http_pool_destroy(pool);
}

/* pool_limit -- how many pools may be kept idle; a worker may have raised its limit. */
static int
pool_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return MAX_POOLS;
	return (int) Max(Min(limit.rlim_cur / DESCRIPTORS_PER_POOL, MAX_POOLS), MIN_POOLS);
}

/* pool_find -- the pool of key, made if need be. */
static HttpPool *
pool_find(CnHttpMux *mux, const CnHttpPoolKey *key)
{
	PoolEntry  *entry;
	bool		found;

	if (mux->last_pool && mux->last_pool->settings == http_settings_generation &&
		memcmp(&mux->last_pool->key, key, sizeof(*key)) == 0)
		return mux->last_pool;
	/* close the longest idle one before the look-up: it may be the one looked for */
	entry = hash_search(mux->pools, key, HASH_FIND, NULL);
	if (entry == NULL && mux->pool_count >= pool_limit() && !dlist_is_empty(&mux->idle_pools))
		http_pool_destroy(dlist_head_element(HttpPool, idle_node, &mux->idle_pools));
	entry = hash_search(mux->pools, key, HASH_ENTER, &found);
	if (!found)
		entry->pool = NULL;
	if (entry->pool && entry->pool->settings != http_settings_generation)
		pool_retire(entry->pool, entry);
	if (entry->pool == NULL)
	{
		entry->pool = pool_create(mux, key);
		dlist_push_tail(&mux->idle_pools, &entry->pool->idle_node);
	}
	mux->last_pool = entry->pool;
	return entry->pool;
}

/* pool_idle -- its last transfer has gone. */
static void
pool_idle(HttpPool *pool)
{
	if (pool->retired)
	{
		http_pool_destroy(pool);
		return;
	}
	dlist_push_tail(&pool->mux->idle_pools, &pool->idle_node);
	http_set_deadline(pool, cn_monotonic_us() + POOL_IDLE_US);
}

/*
 * http_slot_acquire -- an easy handle, reset, in the pool of key.
 *
 * The caller sets slot->transfer and gives the slot back with
 * http_slot_release.  Throws out of memory only.
 */
HttpSlot *
http_slot_acquire(CnHttpMux *mux, const CnHttpPoolKey *key)
{
	HttpPool   *pool = pool_find(mux, key);
	HttpSlot   *slot;

	if (dlist_is_empty(&pool->free_slots))
		slot = slot_create(pool);
	else
	{
		slot = dlist_container(HttpSlot, node, dlist_pop_head_node(&pool->free_slots));
		pool->free_count--;
	}
	if (pool->busy++ == 0)
	{
		dlist_delete(&pool->idle_node);
		http_clear_deadline(pool);
	}
	return slot;
}

/*
 * http_slot_release -- take the handle out of its multi at once and keep it for another.
 *
 * Does not block, even while a resolver thread hangs (CURLOPT_QUICK_EXIT).
 * Never throws: also called from context callbacks.
 */
void
http_slot_release(HttpSlot *slot)
{
	HttpPool   *pool = slot->pool;

	if (slot->in_multi)
		curl_multi_remove_handle(pool->multi, slot->easy);
	slot->in_multi = false;
	wipe_slot(slot);
	if (pool->free_count < pool->mux->free_slots && !pool->retired)
	{
		dlist_push_head(&pool->free_slots, &slot->node);
		pool->free_count++;
	}
	else
		slot_destroy(slot);
	if (--pool->busy == 0)
		pool_idle(pool);
}
