/*
 * internal.h -- what the files of the engine share.
 *
 *   engine.c     an execution: its life, the order of its steps, its end
 *   checkpoint.c what is kept of it between its steps, and put back
 *   step.c       a step: condition, attempts, retries
 *   admission.c  may an attempt be made now?
 *   renewal.c    is its token good, and where does a later one come from?
 *   scope.c      what templates and conditions read
 *   use.c        the input of a step that uses a provider's action
 *   input.c      an input against its schema
 *   request.c    a step's request, rendered and sealed (multipart.c, secrets.c)
 *   page.c       what the page of a stream asks for in it
 *   reply.c      a reply, read into value or failure (rules.c, output.c)
 */
#ifndef CN_ENGINE_INTERNAL_H
#define CN_ENGINE_INTERNAL_H

#include "postgres.h"

#include "engine/engine.h"
#include "engine/secrets.h"
#include "limit/limit.h"

/* Between the epochs of Unix and of TimestampTz, in milliseconds. */
#define CN_UNIX_EPOCH_MS \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * 1000)

typedef enum CnStepState
{
	CN_STEP_PENDING,
	CN_STEP_SENDING,
	CN_STEP_WAITING,			/* for the next attempt, or until it may be made */
	CN_STEP_PARKED,				/* likewise, beyond the deadline: another run will make it */
	CN_STEP_OVER				/* the record says how it ended */
} CnStepState;

/* May a request that must not be repeated have been sent already? */
typedef enum CnDoubt
{
	CN_DOUBT_NONE,
	CN_DOUBT_INTERRUPTED,		/* whoever ran it died, maybe in its midst */
	CN_DOUBT_MOVED				/* it was, but the definition has changed so that it is to run again */
} CnDoubt;

/* A step of an execution.  A group's state is that of all its steps together. */
typedef struct CnStep
{
	CnExecution *execution;
	const CnStepDef *def;
	CnStepState state;
	CnStepRecord record;
	int64		started_us;		/* monotonic */

	CnScope		scope;			/* what its templates read */
	const CnJson *input;		/* of the action it uses, once that was made; NULL: the execution's */
	CnSecrets	secrets;
	CnHttpRequest rendered;		/* once, but for what signs it */
	CnHttpRequest request;		/* the same on every attempt that is not signed */
	const char *service;		/* that it goes to */
	CnLimitTicket ticket;		/* what an attempt has taken, while SENDING */
	int			refusals;		/* since the last attempt, for want of a place */
	CnHttpTransfer *transfer;	/* while SENDING */
	int64		sent_us;		/* when the last attempt was; monotonic */
	CnHttpTimer *timer;			/* while WAITING */
	CnAction	action;			/* what a rule made of the last reply */
	bool		rejected;		/* the remote refused the token it was sent with */
	bool		refreshed;		/* that was so once: the next refusal stands */
	bool		renewing;		/* a later token was asked for, and has not come */
	CnFailure	rejection;		/* what the remote said when it did */
	bool		out_of_time;	/* the execution's deadline ended it */
	bool		given_up;		/* not repeated only because a step beside it had failed */
	TimestampTz park_until;		/* once it was PARKED */
	bool		begun;			/* by an earlier run: its condition held */
	bool		restored;		/* an earlier run has ended it */
	CnDoubt		doubt;

	const CnJson *output;		/* record.output as a tree, made when first read */
	const CnJson *report;		/* steps.<id>, likewise */
} CnStep;

struct CnExecution
{
	MemoryContext context;
	CnExecState state;
	pg_uuid_t	id;
	pg_uuid_t	key_id;			/* of idempotency keys */
	CnExecInput given;
	CnFailure	broken;			/* why the checkpoint could not be read */
	CnHttpMux  *mux;
	bool		marked;			/* the owner's mark says that what comes next may be under way */
	CnHoldReason held_for;		/* while HELD */

	CnStep	   *steps;			/* of the definition's list of all */
	int			next;			/* in the definition's list of steps */
	CnStep	   *current;		/* the one of that list under way */

	CnScope		scope;			/* without a step: conditions, result, mappings */
	const CnJson *input;		/* made when first read */
	const CnJson *self;			/* {"id": ...}, likewise */
	const CnJson *now;			/* likewise */
	int64		started_us;		/* monotonic */
	int64		deadline_us;	/* likewise */

	CnOutcome	outcome;
	CnExecDone	done;
	void	   *done_arg;
};

/* ---- engine.c ---- */

/*
 * What runs in an execution's name is between these two: its context is current then, and
 * after an error it is known whose turn it was.
 */
typedef struct CnExecTurn
{
	MemoryContext context;
	CnExecution *outer;
} CnExecTurn;

extern void cn_exec_enter(CnExecution *execution, CnExecTurn *turn);
extern void cn_exec_leave(const CnExecTurn *turn);

/* A step that was under way is over, or may be: go on. */
extern void cn_exec_advance(CnExecution *execution);

/* Ask the owner; true: the execution stands still from now on. */
extern bool cn_exec_hold(CnExecution *execution, CnHoldReason reason);

/* The first step or group of the list that is not over; NULL: all are. */
extern CnStep *cn_exec_next_step(const CnExecution *execution);

/* The credential that the step names; NULL: it names none, or the execution was refused on its way. */
extern const CnExecCredential *cn_exec_credential(const CnExecution *execution,
												  const CnStepDef *def);

/* Milliseconds until the execution's deadline; 0 or less: it has passed. */
extern int64 cn_exec_remaining_ms(const CnExecution *execution);

/* ---- checkpoint.c ---- */

/* Put back what given.checkpoint says; false and execution->broken if it cannot be read. */
extern bool cn_checkpoint_restore(CnExecution *execution);

/* ---- step.c ---- */

/* Give the step the credential that its execution has now, and render its request with it. */
extern bool cn_step_prepare_request(CnStep *step);
extern void cn_step_init(CnExecution *execution, CnStep *step, const CnStepDef *def);

/* An earlier run has ended it: the record says how. */
extern void cn_step_restore(CnStep *step);

/*
 * Begin a step or the steps of a group.  It may be over when this returns; or the execution
 * stands still before anything was sent, and cn_step_send goes on.
 */
extern void cn_step_begin(CnStep *step);
extern void cn_step_send(CnStep *step);

/*
 * The step waits longer for its (next) attempt than the execution may take: once nothing else is
 * under way, the execution ends as parked.  Only if given.may_park; the record's failure says
 * what it waits for.  From PENDING, SENDING without a transfer, or WAITING without a timer; the
 * caller sees to it that cn_exec_advance is called.
 */
extern void cn_step_park(CnStep *step, int64 delay_ms);

/* The one that waits longest, if the step or group is parked; else NULL. */
extern const CnStep *cn_step_parked(const CnStep *step);

/* End what is under way of the step or group with failure, and what has not begun. */
extern void cn_step_abort(CnStep *step, const CnFailure *failure);

/* Must the request not be sent twice?  Of a step: (of a group) one that is not over. */
extern bool cn_step_def_is_single_shot(const CnStepDef *def);
extern bool cn_step_is_single_shot(const CnStep *step);

/* A group is over when all its steps are. */
extern bool cn_step_is_over(const CnStep *step);

/* A group that is over gets its own record. */
extern void cn_step_close(CnStep *step);

/* The record of the step, or of the first of the group, whose failure ends the execution; or NULL. */
extern const CnStepRecord *cn_step_fatal(const CnStep *step);

/* ---- admission.c ---- */

typedef enum CnAdmission
{
	CN_ADMIT_NOW,				/* it has what it needs: cn_step_leave when it is over */
	CN_ADMIT_WAIT,				/* ask again after *delay_ms */
	CN_ADMIT_LATER,				/* after *delay_ms, which this execution cannot wait; the record has the failure */
	CN_ADMIT_NEVER				/* its author wants it to fail instead; likewise */
} CnAdmission;

/* May the step's request be sent, by all limits and breakers? */
extern CnAdmission cn_step_admit(CnStep *step, int64 *delay_ms);

/* The attempt is over and the record has its outcome; asked_ms: what a Retry-After asks for, -1: nothing. */
extern void cn_step_leave(CnStep *step, int64 asked_ms);

/* ---- renewal.c ---- */

/*
 * Before an attempt: is the token of the step's credential good?  A later one that has come is
 * put into the request, which is made anew.  WAIT: ask again in CN_RENEWAL_POLL_MS; FAILED: the
 * record has the failure.
 */
extern CnRenewal cn_step_renew(CnStep *step);

/* The remote has refused the step's token: is it worth another one?  Once. */
extern bool cn_step_reject_token(CnStep *step);

/* A token request takes longer than a few of these. */
#define CN_RENEWAL_POLL_MS 20

/* ---- scope.c ---- */
extern void cn_scope_of_execution(CnExecution *execution, CnScope *scope);
extern void cn_scope_of_step(CnStep *step, CnScope *scope);

/* A step's output as a tree; NULL if it has none (yet). */
extern const CnJson *cn_step_output(CnStep *step);

/* Does the step's condition hold?  -1 and *failure if it cannot be told. */
extern int	cn_step_condition(CnStep *step, CnFailure *failure);

/* ---- use.c ---- */

/* Make the input of the action that the step uses; false and the record's failure. */
extern bool cn_step_make_input(CnStep *step);

/* ---- request.c ---- */

/* A template could not be evaluated: the failure that is. */
extern void cn_template_failed(const CnExecution *execution, CnFailure *failure, const char *path,
							   const CnTemplateError *error);

/*
 * Render the request of a step into step->request and its record; false and
 * the record's failure if it cannot be made or must not be sent.
 */
extern bool cn_request_build(CnStep *step);

/*
 * Before each attempt: sign it, if the credential is of a kind that does.  false and the
 * record's failure if it cannot be.
 */
extern bool cn_request_sign(CnStep *step);

/* A multipart body; returns its content type.  RFC 7578. */
extern bool cn_multipart_render(CnStep *step, StringInfo body, char **content_type);

/* ---- page.c: nothing, unless the step is a page of a stream ---- */

/* Does the page say itself what a parameter of that name is? */
extern bool cn_page_has(const CnStep *step, const char *name, bool in_body);

/* Does the page have a URL of its own? */
extern bool cn_page_has_url(const CnStep *step);

/* Append it, without what is the credential's to say; false and the record's failure. */
extern bool cn_page_url(CnStep *step, StringInfo url);

/* Has the page something to say in the body? */
extern bool cn_page_has_body(const CnStep *step);

/* body (NULL: none) with what the page says in it; NULL and the record's failure. */
extern const CnJson *cn_page_body(CnStep *step, const CnJson *body);

/* ---- reply.c, rules.c ---- */

/* Turn the transfer's reply into the record's output or failure, and the step's action. */
extern void cn_reply_read(CnStep *step);

/* The body of a reply on its way to a value, blanked of the credential's values. */
typedef struct CnReplyBody
{
	const char *data;
	int64		len;
	const char *type;			/* content type, lower case, without parameters */
	bool		latin1;			/* its charset says ISO 8859-1 */
	Jsonb	   *value;			/* once it was read */
	CnFailure	failure;		/* why it could not be */
	bool		read;
} CnReplyBody;

/*
 * In PG_CATCH: was it only that a value became larger than jsonb can be?  Then the
 * error is taken back and *failure says so of what; context is current.
 */
extern bool cn_too_large(MemoryContext context, CnFailure *failure, const char *what);

/* The body's value; NULL if it has none, and body->failure. */
extern Jsonb *cn_reply_value(CnStep *step, CnReplyBody *body);

/* The first of the step's error rules that fits, or NULL. */
extern const CnErrorRule *cn_rule_find(CnStep *step, int status, CnReplyBody *body);

#endif							/* CN_ENGINE_INTERNAL_H */
