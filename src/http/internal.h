/*
 * internal.h -- what the files of the http module share with each other only.
 *
 *   CnHttpMux      one epoll descriptor; owns pools
 *     HttpPool     one CURLM: the connections of one workspace and credential
 *       HttpSlot   one CURL easy handle with its buffers; busy or on the free list
 *   CnHttpTransfer the caller's side; lives in the caller's context and borrows a slot
 *
 * Mux, pools and slots live in the mux's context.  Memory that libcurl's
 * callbacks let grow (body, socket table) is malloc'ed, because a callback may
 * not raise.  Transfers and slots point at each other while a transfer is
 * alive; whoever goes first cuts both ends.
 */
#ifndef CN_HTTP_INTERNAL_H
#define CN_HTTP_INTERNAL_H

#include "postgres.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "http/address.h"
#include "http/client.h"
#include "http/failure.h"
#include "http/url.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "storage/latch.h"
#include "utils/hsearch.h"
#include "utils/palloc.h"

/* What is known of a descriptor that libcurl watches or that we opened for it. */
typedef struct HttpSocket
{
	struct HttpPool *pool;		/* NULL: not one of ours now */
	uint32		generation;		/* grows with each use of the number; tells stale events */
	uint8		wanted;			/* CURL_POLL_IN | CURL_POLL_OUT, 0: libcurl is not waiting */
	uint8		registered;		/* the same, as epoll has it; 0: not in the set */
	bool		ours;			/* opened and closed by our callbacks */
} HttpSocket;

struct CnHttpMux
{
	MemoryContext context;
	MemoryContextCallback callback;
	int			epoll_fd;		/* -1: none */
	WaitEventSet *wait_set;		/* made by the first cn_http_wait */
	HTAB	   *pools;			/* CnHttpPoolKey -> HttpPool */
	struct HttpPool *last_pool; /* the one used last, saves the look-up */
	dlist_head	idle_pools;		/* without transfers, longest idle first */
	int			pool_count;
	int			connections;	/* of a pool to one host; some more in all */
	int			free_slots;		/* easy handles a pool keeps */
	pairingheap deadlines;		/* pools by their next timer */
	pairingheap timers;			/* of those who drive the mux */
	dlist_head	transfers;		/* all that are not released */
	dlist_head	finished;		/* those whose outcome is to be dealt with, in order */
	uint64		turn;
	int			in_flight;		/* transfers whose done is still to be called */
	HttpSocket *sockets;		/* by descriptor; malloc'ed */
	int			socket_capacity;
	int			watched;		/* sockets with wanted != 0 */
};

typedef struct HttpPool
{
	CnHttpPoolKey key;
	CnHttpMux  *mux;
	CURLM	   *multi;
	uint64		settings;		/* generation of the settings it was made under */
	bool		retired;		/* no longer found by key; goes with its last transfer */
	int			busy;			/* slots lent to transfers */
	dlist_head	free_slots;
	int			free_count;
	dlist_node	idle_node;		/* in mux->idle_pools while busy is 0 and not retired */
	pairingheap_node heap_node;
	bool		in_heap;
	int64		deadline_us;	/* monotonic */
} HttpPool;

typedef struct HttpSlot
{
	dlist_node	node;			/* in pool->free_slots */
	HttpPool   *pool;
	CnHttpTransfer *transfer;	/* NULL: free */
	CURL	   *easy;
	bool		in_multi;

	/* what goes out: URL and header lines in one buffer that libcurl reads from */
	char	   *text;			/* malloc'ed */
	size_t		text_len;
	size_t		text_capacity;
	struct curl_slist *lines;	/* malloc'ed array, chained */
	int			line_capacity;

	/* what comes in */
	char	   *body;			/* malloc'ed */
	size_t		body_len;
	size_t		body_capacity;
	size_t		body_max;
	size_t		header_bytes;	/* of this hop */
	bool		answered;		/* a status line has come since libcurl sent last */
	bool		headers_ended;	/* the empty line behind the headers has come */

	/* what callbacks noted */
	HttpTrouble trouble;
	struct sockaddr_storage blocked;	/* with HTTP_TROUBLE_BLOCKED */
	int			trouble_errno;	/* with HTTP_TROUBLE_DESCRIPTORS */
	int			sends;			/* times libcurl was about to send, this hop */
	bool		send_once;		/* must not be repeated on another connection */
	bool		challenged;		/* but to answer the 401 that came last */
	CURLcode	result;
} HttpSlot;

struct CnHttpTransfer
{
	MemoryContext context;
	MemoryContextCallback callback;
	CnHttpMux  *mux;			/* NULL: released, or the mux is gone */
	HttpSlot   *slot;
	dlist_node	node;			/* in mux->transfers */
	dlist_node	finished_node;	/* in mux->finished if queued */
	bool		queued;
	uint64		due_turn;		/* when queued: dealt with in this turn or later */
	bool		complete;		/* the reply is final */

	CnHttpRequest request;		/* as given, but for what redirects change */
	CnHttpDone	done;
	void	   *arg;

	CnUrl		url;			/* of this hop */
	bool		secrets_dropped;	/* a redirect left the origin */
	bool		body_dropped;	/* a redirect turned the method into GET */
	bool		may_have_left;	/* some byte of some hop may have been sent */
	int64		started_us;
	int64		hop_started_us;
	int64		finished_us;
	CnHttpReply reply;
};

/* memory.c */
extern void http_global_init(void);
extern void *http_realloc(void *old, size_t size);
extern void http_free(void *old);

/* settings.c */
extern int	http_connect_timeout;
extern char *http_ca_file;
extern char *http_proxy;
extern char *http_user_agent;
extern uint64 http_settings_generation; /* grows when pooled connections must not be used on */
extern void http_settings_init(void);
extern const CnNetwork *http_allowed_networks(int *count);
extern bool http_proxy_used(void);

/* events.c */
extern bool http_reserve_sockets(CnHttpMux *mux, int fd);
extern void http_socket_opened(HttpPool *pool, int fd);
extern void http_socket_closed(CnHttpMux *mux, int fd);
extern void http_forget_sockets(HttpPool *pool);
extern int	http_socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused);
extern HttpPool *http_socket_ready(CnHttpMux *mux, const struct epoll_event *event, int *fd,
								   int *ready);
extern int	http_timer_changed(CURLM *multi, long timeout_ms, void *arg);
extern void http_set_deadline(HttpPool *pool, int64 deadline_us);
extern void http_clear_deadline(HttpPool *pool);
extern HttpPool *http_first_deadline(CnHttpMux *mux);
extern int	http_deadline_cmp(const pairingheap_node *a, const pairingheap_node *b, void *arg);

/* timer.c */
extern int	http_timer_cmp(const pairingheap_node *a, const pairingheap_node *b, void *arg);
extern int64 http_next_timer(CnHttpMux *mux);
extern void http_fire_timers(CnHttpMux *mux);
extern void http_forget_timers(CnHttpMux *mux);

/* mux.c */
extern void http_queue_finished(CnHttpTransfer *transfer, uint64 due_turn);

/* pool.c */
extern void http_pools_init(CnHttpMux *mux);
extern HttpSlot *http_slot_acquire(CnHttpMux *mux, const CnHttpPoolKey *key);
extern void http_slot_release(HttpSlot *slot);
extern void http_pool_destroy(HttpPool *pool);
extern void http_pools_destroy(CnHttpMux *mux);

/* request.c */
extern bool http_request_check(CnHttpTransfer *transfer);
extern void http_request_apply(CnHttpTransfer *transfer);

/* transfer.c */
extern size_t http_body_received(char *data, size_t size, size_t count, void *arg);
extern size_t http_header_received(char *data, size_t size, size_t count, void *arg);
extern curl_socket_t http_open_socket(void *arg, curlsocktype purpose,
									  struct curl_sockaddr *address);
extern int	http_close_socket(void *arg, curl_socket_t fd);
extern int	http_before_send(void *arg, char *remote_ip, char *local_ip, int remote_port,
							 int local_port);
extern void http_hop_begin(CnHttpTransfer *transfer);
extern void http_hop_settle(CnHttpTransfer *transfer);
extern void http_detach(CnHttpTransfer *transfer);

/* trust.c */
extern CURLcode http_set_trust(CURL *easy, void *ssl_ctx, void *unused);

/* redirect.c */
extern bool http_redirect(CnHttpTransfer *transfer);
extern bool http_header_goes(const CnHttpTransfer *transfer, const CnHttpHeader *header);

#endif							/* CN_HTTP_INTERNAL_H */
