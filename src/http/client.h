/*
 * client.h -- HTTP requests over libcurl's multi interface.
 *
 * The mux is the process' one multiplexed descriptor: an epoll descriptor that
 * holds every curl socket, with curl's timers kept as deadlines in memory.
 * Somebody waits on it together with the process latch (cn_http_wait does so
 * for a backend) and then calls cn_http_mux_turn.  Nothing here blocks, reads a
 * table or knows what a connector is; connections are pooled by key, so that
 * one credential's connection never serves another.
 *
 * Errors: a transfer that fails is a value, CnHttpReply.failure.  Only running
 * out of memory, descriptors or a broken libcurl raise.
 */
#ifndef CN_HTTP_CLIENT_H
#define CN_HTTP_CLIENT_H

#include "core/errors.h"
#include "http/header.h"

typedef struct CnHttpMux CnHttpMux;
typedef struct CnHttpTransfer CnHttpTransfer;
typedef struct CnHttpTimer CnHttpTimer;

/* Connections are shared only inside one key: workspace id and credential id (zeros: none). */
typedef struct CnHttpPoolKey
{
	unsigned char workspace[16];
	unsigned char credential[16];
} CnHttpPoolKey;

/*
 * User and password for a server that asks for them with a challenge (Digest).  The
 * request is then sent again with the answer; a body goes only with that.
 */
typedef struct CnHttpLogin
{
	const char *user;			/* NULL: none */
	const char *password;
} CnHttpLogin;

/*
 * What to send.  Everything pointed to must stay until the transfer is done.
 */
typedef struct CnHttpRequest
{
	const char *method;			/* GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS */
	const char *url;			/* absolute, http or https */
	const CnHttpHeader *headers;
	int			header_count;
	const char *body;			/* NULL: none */
	int64		body_len;		/* bytes */
	bool		secret_url;		/* the URL holds a credential's value */
	bool		secret_body;	/* the body holds a credential's value */
	bool		for_this_url;	/* secret headers are of no use at another URL */
	CnHttpLogin login;			/* likewise secret, but good for the whole origin */
	int			timeout_ms;		/* the whole attempt, redirects included; 0: one minute */
	int			max_redirects;	/* 0: a redirect is a reply like any other */
	int64		max_response;	/* bytes of body after decompression; 0: the setting */
	CnHttpPoolKey pool;
} CnHttpRequest;

/*
 * What came of it; valid until the transfer is released.
 * failure.code is CN_OK when a complete HTTP reply arrived, whatever its status.
 */
typedef struct CnHttpReply
{
	CnFailure	failure;
	bool		never_left;		/* failed, and provably no byte of the request reached a server */
	int			status;			/* 0: none */
	int			http_version;	/* 10, 11, 20; 0: none */
	const char *content_type;	/* "" if the reply has none */
	const char *body;			/* NUL-terminated for convenience; may hold NULs */
	int64		body_len;
	const char *url;			/* the last one asked, after redirects */
	int			redirects;
	int64		elapsed_us;		/* from start to the last byte */
	int64		first_byte_us;
	bool		reused;			/* came over a connection that was open already */
} CnHttpReply;

/* Called from cn_http_mux_turn, never from inside libcurl; may start and release transfers. */
typedef void (*CnHttpDone) (CnHttpTransfer *transfer, void *arg);

extern void cn_http_init(void);	/* settings; from _PG_init */

extern CnHttpMux *cn_http_mux_create(MemoryContext parent);
extern CnHttpMux *cn_http_process_mux(void);	/* this process' own, made at first use */
extern int	cn_http_mux_timeout(CnHttpMux *mux);	/* ms until a timer is due; -1: none */
extern int	cn_http_mux_in_flight(CnHttpMux *mux);
extern void cn_http_mux_turn(CnHttpMux *mux);

/*
 * So many transfers are going to be under way at a time, perhaps all to one host: have as many
 * connections (256 are the least), and descriptors for them as far as the system allows.
 */
extern void cn_http_mux_expect(CnHttpMux *mux, int transfers);

/* Bytes that replies take which are there or on their way. */
extern Size cn_http_mux_memory(CnHttpMux *mux);

/*
 * Start a transfer.  It belongs to context: reset or deletion of that ends it
 * at once, without calling done.  A request that is refused before anything
 * is sent (URL, address literal, header) is reported through done too, in the
 * next turn.
 */
extern CnHttpTransfer *cn_http_start(CnHttpMux *mux, const CnHttpRequest *request,
									 MemoryContext context, CnHttpDone done, void *arg);
extern const CnHttpReply *cn_http_reply(const CnHttpTransfer *transfer);

/* Value of the i-th header of that name (case-insensitive) of the last reply, or NULL. */
extern const char *cn_http_reply_header(const CnHttpTransfer *transfer, const char *name, int i);
extern void cn_http_release(CnHttpTransfer *transfer);

/*
 * Have fire called from the first turn at or after at_us (monotonic microseconds).
 * It belongs to context; when that goes first, nothing is called.
 */
typedef void (*CnHttpTimerFn) (void *arg);

extern CnHttpTimer *cn_http_timer_start(CnHttpMux *mux, int64 at_us, MemoryContext context,
										CnHttpTimerFn fire, void *arg);
extern void cn_http_timer_stop(CnHttpTimer *timer);

/*
 * For a backend: sleep until the mux or a timer has something, timeout_ms
 * passes (-1: no limit), or an interrupt arrives; then CHECK_FOR_INTERRUPTS.
 */
extern void cn_http_wait(CnHttpMux *mux, int timeout_ms, uint32 wait_event);

/* Settings that others need. */
extern int	cn_http_max_redirects;
extern int	cn_http_max_response;	/* kilobytes */

#endif							/* CN_HTTP_CLIENT_H */
