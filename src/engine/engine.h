/*
 * engine.h -- one execution of a compiled definition, as a state machine.
 *
 * The engine is given a definition, an input, credentials and a mux, and
 * calls back when it is done.  It knows no table, takes no lock but for an instant
 * that of the limits (limit/limit.h), and never waits: a backend turns the mux for one execution, a worker for thousands.
 *
 *   execution   NEW --start--> RUNNING --last step over--> DONE
 *                 \             |  ^  \__ parked ________/ /
 *                  \       hold v  | continue            / /
 *                   \          HELD --------- aborted __/ /
 *                    \______ refused, aborted ___________/
 *
 *   step        PENDING --> SENDING --reply--> OVER
 *                   |          |  ^             ^
 *                   |          v  | timer       |
 *                   |------> WAITING            |
 *                   \____ skipped, refused _____/
 *
 *   A step that would wait beyond the deadline is PARKED, and its execution with it.
 *
 * An owner that outlives crashes (a worker) takes a checkpoint between the steps,
 * and notes durably, before it is sent, that a request which must not be repeated may
 * be under way.  It does so in its hold callback: the execution stands still until the
 * owner has written that down and calls cn_exec_continue.  Whoever takes over gives
 * cn_exec_create the checkpoint.  The engine decides what is done again.
 *
 * change_state in engine.c and set_state in step.c are the only ones that assign
 * states.  docs/internals/engine.md has the states and who may change them.
 */
#ifndef CN_ENGINE_ENGINE_H
#define CN_ENGINE_ENGINE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "catalog/definition.h"
#include "catalog/service_limits.h"
#include "core/errors.h"
#include "credentials/store.h"
#include "engine/paging.h"
#include "http/client.h"

typedef enum CnExecState
{
	CN_EXEC_NEW,
	CN_EXEC_RUNNING,
	CN_EXEC_HELD,				/* stands still until cn_exec_continue; nothing is under way */
	CN_EXEC_DONE
} CnExecState;

typedef struct CnExecution CnExecution;

typedef void (*CnExecDone) (CnExecution *execution, void *arg);

/* Why an execution asks its owner whether to stand still. */
typedef enum CnHoldReason
{
	CN_HOLD_STEP_OVER,			/* a step or group of the list is over, and another comes: keep its
								 * checkpoint first */
	CN_HOLD_SENDING,			/* a request that must not be repeated is about to be sent, and the owner
								 * has not marked it */
	CN_HOLD_PROGRESS			/* a step of a group is over while others run; the answer is ignored */
} CnHoldReason;

/*
 * true: stand still until cn_exec_continue, before which the owner stores checkpoint
 * (cn_exec_checkpoint) and mark (cn_exec_next_is_single_shot).  false: go on; the owner has
 * stored neither, so it is asked again before anything single-shot is sent.  Called in the
 * execution's context; must not delete, continue or abort it.
 */
typedef bool (*CnExecHold) (CnExecution *execution, CnHoldReason reason, void *arg);

/* Why an execution wants a later token of one of its credentials. */
typedef enum CnRenewReason
{
	CN_RENEW_EARLY,				/* it is due, and good for a while yet: nobody waits */
	CN_RENEW_FIRST,				/* it has ended, or the remote refused it: the step waits */
	CN_RENEW_AGAIN				/* the step still waits */
} CnRenewReason;

typedef enum CnRenewal
{
	CN_RENEWAL_READY,			/* the credential's place in the list has a later one now */
	CN_RENEWAL_WAIT,			/* ask again in a moment */
	CN_RENEWAL_FAILED			/* *failure says why */
} CnRenewal;

/*
 * Asks for a later token than the one in the list of credentials, which i is a place in, or
 * looks how that goes.  Called in the execution's context; must not wait.
 */
typedef CnRenewal (*CnExecRenew) (CnExecution *execution, int i, CnRenewReason reason,
								  CnFailure *failure, void *arg);

/* One of the credentials a definition names. */
typedef struct CnExecCredential
{
	CnCredential *opened;		/* NULL: failure says why not */
	CnFailure	failure;		/* of the step that needs it */
} CnExecCredential;

/* What is kept of requests and replies, beside the outcome. */
typedef enum CnKeep
{
	CN_KEEP_NONE,
	CN_KEEP_PAYLOADS,			/* bodies and values, for the history */
	CN_KEEP_ALL					/* headers and the query string, too (connector_test) */
} CnKeep;

/* What an execution is given; all of it must outlive the execution. */
typedef struct CnExecInput
{
	pg_uuid_t	workspace;
	pg_uuid_t	connector;		/* zeros: a definition that is not saved */
	CnDefinition *definition;
	CnExecCredential *credentials;	/* in the order of the definition's list */
	const CnServiceLimitSet *limits;	/* of the workspace; NULL: none */
	Jsonb	   *input;
	int			timeout_ms;		/* the connector's, for steps without their own */
	int			max_retries;	/* likewise */
	bool		continue_on_error;	/* likewise */
	CnKeep		keep;
	CnExecRenew renew;			/* NULL: tokens are used as they are */
	void	   *renew_arg;

	/* A page of a stream: what it asks for, and what templates read as page and parent; or NULL. */
	const CnPageAsk *ask;
	const CnJson *page;
	const CnJson *parent;

	/* What follows is for executions that are gone on with; zero: none of it. */
	const pg_uuid_t *id;		/* NULL: a new one (UUID version 7) */
	const pg_uuid_t *key_id;	/* idempotency keys are "<this>:<step>"; NULL: the checkpoint's, or id */
	Jsonb	   *checkpoint;		/* NULL: from the beginning */
	bool		interrupted;	/* whoever ran it died when a request that must not be repeated may have
								 * been under way */
	bool		marked;			/* the owner has durably noted that such a request may be under way */
	bool		may_park;		/* waits too long for the deadline end it as parked, not as a failure */
	CnExecHold	hold;			/* NULL: it never stands still */
	void	   *hold_arg;
} CnExecInput;

typedef enum CnStepStatus
{
	CN_STEP_NOT_REACHED,
	CN_STEP_SUCCESS,
	CN_STEP_SKIPPED,			/* its condition did not hold */
	CN_STEP_FAILED				/* failure says how */
} CnStepStatus;

/* What a step did, for the history; redacted. */
typedef struct CnStepRecord
{
	const CnStepDef *def;
	CnStepStatus status;
	CnFailure	failure;
	const char *method;			/* NULL: no request was made */
	const char *url;			/* without the credential's values */
	Jsonb	   *request_headers;	/* CN_KEEP_ALL */
	Jsonb	   *request_body;	/* CN_KEEP_PAYLOADS */
	Jsonb	   *reply;			/* the reply's value, before output paths; CN_KEEP_PAYLOADS */
	Jsonb	   *output;			/* NULL unless success */
	int			http_status;	/* of the last attempt that got one */
	bool		reset_pagination;	/* an error rule says that its page is gone: begin at the first again */
	int			attempts;
	int64		request_bytes;
	int64		response_bytes;
	int			redirects;
	const char *link;			/* of a page: the Link headers, joined by commas; NULL: none */
	const char *source;			/* of a page: the URL its reply came from */
	double		started_ms;		/* from the execution's start to the step's */
	double		duration_ms;	/* waits between attempts included */
} CnStepRecord;

/* The outcome; valid in state DONE, in the execution's context. */
typedef struct CnOutcome
{
	CnFailure	failure;		/* code CN_OK: success */
	const char *failed_step;	/* id; NULL: success, or no step's failure */
	Jsonb	   *output;			/* NULL unless the steps succeeded */
	int			http_status;	/* of the step that failed, or the last one; 0: none */
	TimestampTz started_at;		/* the first time, if it was gone on with */
	double		execution_time_ms;	/* since then */

	/*
	 * Not 0: it is not finished, but to be created from its checkpoint again, not
	 * before then; failure says what it waits for.  Nothing is under way meanwhile, so
	 * the owner stores its mark as false with that checkpoint.
	 */
	TimestampTz park_until;
} CnOutcome;

/*
 * A new execution in context, which it lives and dies with: deleting the
 * context ends requests under way.  Its deadline counts from now on, also if it was begun
 * before.  Never raises for what the checkpoint holds: if that cannot be read, the execution
 * fails as soon as it is started.
 */
extern CnExecution *cn_exec_create(const CnExecInput *input, MemoryContext context);

/* A success turns into failure after all: what was to be done with the output failed.  It is kept. */
extern void cn_exec_fail(CnExecution *execution, const CnFailure *failure);

/*
 * Start the first step; done is called when all is over: from here, or from the mux' turn.
 * It may start other executions; the context must outlive the turn.
 */
extern void cn_exec_start(CnExecution *execution, CnHttpMux *mux, CnExecDone done, void *arg);

/* Let it fail instead, before anything was sent. */
extern void cn_exec_refuse(CnExecution *execution, const CnFailure *failure, CnExecDone done,
						   void *arg);

/* The owner has stored checkpoint and mark: go on.  done may be called from here. */
extern void cn_exec_continue(CnExecution *execution);

/*
 * End it with failure, in any state but DONE: transfers and timers go, done is called (but not
 * if it was never started).  A step whose request was under way and must not be repeated is
 * recorded as unknown_outcome.  Not from inside its own callbacks.
 */
extern void cn_exec_abort(CnExecution *execution, const CnFailure *failure);

/*
 * What cn_exec_create takes to go on from here, in any state, in the current context.  NULL: it
 * would be larger than jsonb can be.  docs/internals/engine.md says what it holds.
 */
extern Jsonb *cn_exec_checkpoint(const CnExecution *execution);

/*
 * May the step that comes next, or is under way, not be repeated (any of a group)?  In STEP_OVER
 * and SENDING this is what the owner's mark is to be.
 */
extern bool cn_exec_next_is_single_shot(const CnExecution *execution);

/* The same for the first step of a definition, without an execution. */
extern bool cn_definition_starts_single_shot(const CnDefinition *definition);

/*
 * Whose callback raised the error that left the mux' turn, or cn_exec_start and the like; NULL:
 * nobody's.  Asking forgets it; without being asked after an error it may name one that is gone.
 */
extern CnExecution *cn_exec_interrupted(void);

extern CnExecState cn_exec_state(const CnExecution *execution);
extern const pg_uuid_t *cn_exec_id(const CnExecution *execution);

/* When it began, the first time if it was gone on with. */
extern TimestampTz cn_exec_started_at(const CnExecution *execution);

/* How statuses are called everywhere: "success", "failed", ...; a step's may be "skipped", too. */
extern const char *cn_status_name(const CnFailure *failure);
extern const char *cn_step_status_name(const CnStepRecord *step);

/* The id of the step or group under way, or of the last one; NULL before the first. */
extern const char *cn_exec_current_step(const CnExecution *execution);

/* What a template may read now: input, steps, execution, now. */
extern const CnScope *cn_exec_scope(const CnExecution *execution);

/* Once it is done. */
extern const CnOutcome *cn_exec_outcome(const CnExecution *execution);

/* Once it is done: what the steps did, in the order of the definition. */
extern int	cn_exec_step_count(const CnExecution *execution);
extern const CnStepRecord *cn_exec_step(const CnExecution *execution, int i);

/* The credential of the i-th step if it was sent to the remote, else NULL. */
extern const pg_uuid_t *cn_exec_used_credential(const CnExecution *execution, int i);

#endif							/* CN_ENGINE_ENGINE_H */
