/*
 * retry.h -- is a failed attempt repeated, and after how long?  Pure.
 *
 * It stands with http, because it is about methods and replies, and definitions name
 * its actions.  The time left, the random number and
 * what the remote asked for come in as arguments, so that every rule can be
 * tested without waiting.
 */
#ifndef CN_HTTP_RETRY_H
#define CN_HTTP_RETRY_H

#include "core/errors.h"

/* What a rule for errors says to do. */
typedef enum CnAction
{
	CN_ACTION_DEFAULT,			/* no rule matched: the code decides */
	CN_ACTION_FAIL,
	CN_ACTION_RETRY,
	CN_ACTION_IGNORE,			/* the caller takes it for success and does not ask here */
	CN_ACTION_RATE_LIMITED,
	CN_ACTION_REFRESH_TOKEN,	/* these two are done by the caller; here, where it could not, */
	CN_ACTION_RESET_PAGINATION	/* they are a failure that is not repeated */
} CnAction;

typedef struct CnRetryPolicy
{
	int			max_retries;	/* attempts beside the first */
	int64		base_ms;		/* ceiling of the first wait */
	int64		ceiling_ms;		/* of every wait; not of one the remote asked for */
} CnRetryPolicy;

/* An attempt that failed. */
typedef struct CnAttempt
{
	CnCode		code;
	CnAction	action;
	bool		replied;		/* an HTTP status arrived */
	bool		never_left;		/* not even sent, or provably no byte of it reached a server */
	bool		repeatable;		/* by its method, marked idempotent, or with an idempotency key */
	int			attempts;		/* made so far, this one included */
	int64		asked_ms;		/* Retry-After or reset header; -1: none */
	int64		remaining_ms;	/* until the execution's deadline */
} CnAttempt;

typedef enum CnVerdict
{
	CN_VERDICT_FAIL,			/* the attempt's own code stands */
	CN_VERDICT_RETRY,			/* after *delay_ms */
	CN_VERDICT_TOO_LATE,		/* it would be, but *delay_ms passes the deadline: who cannot wait
								 * beyond it takes this for CN_VERDICT_FAIL */
	CN_VERDICT_UNKNOWN_OUTCOME	/* it may have taken effect, and must not be sent again */
} CnVerdict;

/* By the name rules use ("refresh_token_then_retry"); false: no action has it. */
extern bool cn_action_parse(const char *name, CnAction *action);

extern bool cn_method_is_repeatable(const char *method);

extern CnVerdict cn_retry_decide(const CnRetryPolicy *policy, const CnAttempt *attempt,
								 double random, int64 *delay_ms);

/* retry: 1 before the second attempt; random: [0,1). */
extern int64 cn_backoff_ms(const CnRetryPolicy *policy, int retry, double random);

#endif							/* CN_HTTP_RETRY_H */
