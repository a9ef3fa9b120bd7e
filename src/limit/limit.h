/*
 * limit.h -- rate limits, holds, concurrency and circuit breakers, exact over all processes.
 *
 * Before a request is sent cn_limit_enter is asked; what it lets go is given back by
 * cn_limit_leave.  Both take one lock for the time of some additions; nothing
 * here waits, reads a table or knows what an execution is.
 *
 *   rates         of a connector (its rateLimiting) and of a service in a workspace
 *   concurrency   of a service in a workspace
 *   hold          of a credential, or else a service: the remote has answered 429 with Retry-After,
 *                 or that no request is left of its budget
 *   breaker       of a service in a workspace
 *
 * All of it is of one database.  It is forgotten when the server restarts.
 */
#ifndef CN_LIMIT_LIMIT_H
#define CN_LIMIT_LIMIT_H

#include "postgres.h"

#include "lib/ilist.h"
#include "utils/uuid.h"

#include "catalog/definition.h"
#include "core/errors.h"
#include "limit/breaker.h"

/* Bytes of a name that are kept for the views; longer ones are cut, and told apart all the same. */
#define CN_LIMIT_NAME_LEN 64

/* What api_rate_limits says of a service; 0: no limit. */
typedef struct CnServiceLimits
{
	int			per_minute;
	int			per_hour;
	int			concurrency;
} CnServiceLimits;

/* A request that is to be sent. */
typedef struct CnLimitSubject
{
	pg_uuid_t	workspace;
	pg_uuid_t	connector;		/* zeros: none */
	CnRateLimiting own;			/* the connector's */
	const char *service;		/* NULL: none */
	CnServiceLimits service_limits;
	int			weight;			/* of the service's rates it takes so many; 0: one */
	pg_uuid_t	credential;		/* zeros: none */
} CnLimitSubject;

typedef enum CnLimitVerdict
{
	CN_LIMIT_GO,
	CN_LIMIT_WAIT,
	CN_LIMIT_REFUSE
} CnLimitVerdict;

/* What keeps a request back. */
typedef enum CnLimitReason
{
	CN_LIMIT_BY_NOTHING,
	CN_LIMIT_BY_CONNECTOR_RATE,
	CN_LIMIT_BY_SERVICE_RATE,
	CN_LIMIT_BY_CONCURRENCY,
	CN_LIMIT_BY_HOLD,
	CN_LIMIT_BY_BREAKER,
	CN_LIMIT_BY_ROOM			/* the table is full */
} CnLimitReason;

/*
 * What a request has taken.  Zeros before the first use; it may be used again after it was
 * left.  It must not move while it is taken.
 */
typedef struct CnLimitTicket
{
	bool		taken;
	int32		service;		/* entry of the table; -1: none */
	int64		place;			/* of its requests in flight, to be given back */
	uint32		probe;			/* of the service's breaker */
	pg_uuid_t	workspace;
	pg_uuid_t	credential;

	CnLimitReason reason;		/* why it was not let go */
	int			limit;			/* which one: so many requests, */
	bool		hourly;			/* an hour, else a minute */
	bool		probing;		/* the breaker is half-open */

	dlist_node	node;			/* among those this process has taken */
	MemoryContextCallback callback;
	MemoryContext guard;		/* the context it is left with */
} CnLimitTicket;

/* How a request ended. */
typedef struct CnLimitReport
{
	CnCode		code;			/* what the reply was taken for */
	int			http_status;	/* 0: no complete reply came */
	int64		retry_after_ms; /* that the reply asks for; -1: nothing */
	int64		hold_ms;		/* how long the next one has to wait, though this one was taken; 0: it has not */
} CnLimitReport;

extern void cn_limit_init(void);	/* settings and shared memory; from _PG_init */

/*
 * cn_limit_enter -- may a request of subject be sent now?
 *
 * GO:     it has taken one of every rate and a place of every concurrency: cn_limit_leave
 * WAIT:   ask again in *wait_us
 * REFUSE: its strategy is "fail", or the breaker is open; *failure says why (palloc'ed), and
 *         *wait_us after how long it may go at the earliest
 *
 * What keeps it back is in the ticket, for cn_limit_explain.  All or nothing: whoever waits
 * has taken nothing.
 */
extern CnLimitVerdict cn_limit_enter(const CnLimitSubject *subject, CnLimitTicket *ticket,
									 int64 *wait_us, CnFailure *failure);

/*
 * Give back what ticket has taken, once; later calls do nothing.  report NULL: it was never
 * sent, or nobody knows how it ended.  Never throws, so it may be called from anywhere.
 */
extern void cn_limit_leave(CnLimitTicket *ticket, const CnLimitReport *report);

/* Leave ticket when context goes, if it was not left before.  The ticket must live as long. */
extern void cn_limit_guard(CnLimitTicket *ticket, MemoryContext context);

/* The failure of a request that was not let go, and cannot wait. */
extern void cn_limit_explain(const CnLimitSubject *subject, const CnLimitTicket *ticket,
							 int64 wait_us, CnFailure *failure);

/*
 * How many requests of subject could go now, 0..wanted; takes nothing.  0: *wait_us says when
 * to ask again.  With an open breaker none, with a half-open one the probe.
 */
extern int	cn_limit_room(const CnLimitSubject *subject, int wanted, int64 *wait_us);

/*
 * A service may be called again: close its breaker, and lift what holds back the service and its
 * credentials; false if nothing kept requests back and no failure was counted.
 */
extern bool cn_limit_reset(const pg_uuid_t *workspace, const char *service);

/* ---- for the views ---- */

typedef enum CnLimitKind
{
	CN_LIMIT_OF_CONNECTOR = 1,
	CN_LIMIT_OF_SERVICE,
	CN_LIMIT_OF_CREDENTIAL
} CnLimitKind;

typedef struct CnLimitStatus
{
	CnLimitKind kind;
	pg_uuid_t	workspace;
	pg_uuid_t	id;				/* of the connector or credential */
	char		name[CN_LIMIT_NAME_LEN];	/* of the service; for a connector empty */
	CnServiceLimits limits;		/* as last seen; those of a connector, too */
	int			minute_room;
	int			hour_room;
	int			in_flight;
	int64		wait_us;		/* until a request may go; 0: now.  Concurrency apart */
	int64		hold_us;		/* that it is held back for; 0: it is not */

	CnBreakerState breaker;
	int			requests;
	int			failures;
	int			trips;
	int64		opened_us;		/* that long ago; -1: not open */
	int64		probe_us;		/* until a probe may go; -1: not open */
} CnLimitStatus;

/* All of this database, palloc'ed; returns how many. */
extern int	cn_limit_status(CnLimitStatus **list);

#endif							/* CN_LIMIT_LIMIT_H */
