/*
 * plan.h -- a polling trigger, as its provider defines it.
 *
 * What is stored of a trigger are names; what they stand for is found anew at each poll, because
 * the provider may have been changed or removed meanwhile.
 */
#ifndef CN_TRIGGER_PLAN_H
#define CN_TRIGGER_PLAN_H

#include "postgres.h"

#include "queue/stream_source.h"

/* Seconds; the schema of providers has the same. */
#define CN_TRIGGER_MIN_INTERVAL 60
#define CN_TRIGGER_MAX_INTERVAL 86400
#define CN_TRIGGER_DEFAULT_INTERVAL 300

/* What is asked for: a trigger of the provider, or a stream of it. */
typedef struct CnTriggerNames
{
	const char *provider;
	const char *trigger;		/* NULL: stream */
	const char *stream;			/* ignored if there is a trigger */
	const char *label;			/* of the credential; NULL: the usual one */
	const char *event;			/* of a stream; NULL: "created" */
} CnTriggerNames;

typedef struct CnTriggerPlan
{
	CnStreamSource *source;
	const char *stream;
	bool		updated;		/* also what has changed is news */
	int			interval;		/* its author's */
	const CnJson *input;		/* what its author gives the stream; NULL: nothing */
	CnPath	   *keys;			/* what tells records apart; none: all of a record does */
	int			key_count;
	CnPath		version;		/* what tells that one has changed; no text: all of a record does */
	bool		versioned;		/* key and version are two things */
	CnPath		created;		/* when it was created; no text: nobody says */
	CnPath		filter;			/* finds something in records that count; no text: all do */
} CnTriggerPlan;

typedef enum CnTriggerType
{
	CN_TRIGGER_NONE,			/* the provider has none of that name, or there is no provider */
	CN_TRIGGER_POLL,
	CN_TRIGGER_WEBHOOK
} CnTriggerType;

/* In a transaction. */
extern CnTriggerType cn_trigger_type(const pg_uuid_t *workspace, const char *provider,
									 const char *name, MemoryContext context);

/*
 * What names stand for, in context; owner as for cn_stream_source_open.  NULL and *failure,
 * config_invalid.  In a transaction.
 */
extern CnTriggerPlan *cn_trigger_plan(const pg_uuid_t *workspace, const char *owner,
									  const CnTriggerNames *names, MemoryContext context,
									  CnFailure *failure);

/*
 * Digest of what tells records apart, and that one has changed.  What is remembered means nothing to
 * a plan with another one.
 */
extern void cn_trigger_told_by(const CnTriggerPlan *plan, pg_uuid_t *digest);

/* The input of the stream: its author's, the user's, and (bound, NULL: none) where it goes on. */
extern const CnJson *cn_trigger_input(const CnTriggerPlan *plan, const CnJson *input,
									  const CnJson *bound);

#endif							/* CN_TRIGGER_PLAN_H */
