/*
 * store.h -- the rows of connector_triggers.
 *
 * A row is leased, and then written only by who has its lease: whatever its members do with it
 * meanwhile (replace, disable, remove) takes the lease away.
 */
#ifndef CN_TRIGGER_STORE_H
#define CN_TRIGGER_STORE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/errors.h"
#include "trigger/plan.h"

/* Settings. */
extern int	cn_trigger_max;		/* connector.max_triggers, for each workspace */
extern int	cn_trigger_max_pages;	/* of a poll */
extern int	cn_trigger_max_started; /* executions, by a poll */
extern int	cn_trigger_max_queued;	/* executions of its connector, above which it starts none */
extern int	cn_trigger_max_keys;	/* records that a trigger remembers */
extern int	cn_trigger_retention;	/* minutes that it remembers them */

extern void cn_trigger_init(void);	/* from _PG_init */

typedef struct CnTriggerId
{
	pg_uuid_t	workspace;
	pg_uuid_t	id;
} CnTriggerId;

/* A row, as it was leased. */
typedef struct CnTrigger
{
	CnTriggerId id;
	char	   *name;
	CnTriggerNames names;
	Jsonb	   *input;			/* of the stream */
	pg_uuid_t	connector;
	char	   *connector_name;
	bool		connector_enabled;
	int			interval;
	int			priority;
	char	   *identity;
	char	   *run_as;
	bool		from_now;
	bool		primed;
	TimestampTz known_since;	/* DT_NOBEGIN: any record may be new */
	Jsonb	   *cursor;			/* NULL: none */
	int			failures;
	pg_uuid_t	told_by;		/* cn_trigger_told_by, when it was set */
	TimestampTz last_poll_at;	/* before this one; DT_NOBEGIN: never */
} CnTrigger;

/* What a poll that ends, or goes on, writes into its row. */
typedef struct CnTriggerNote
{
	bool		over;			/* the lease is given back */
	TimestampTz next_poll_at;	/* if it is over */
	bool		primed;
	TimestampTz known_since;	/* DT_NOBEGIN: null */
	Jsonb	   *cursor;			/* NULL: null */
	int			failures;
	const char *code;			/* NULL: none; likewise: */
	const char *error;
	const char *hint;
	bool		stop;			/* disable it */
	int64		started;		/* since the last note */
	pg_uuid_t	last_execution; /* zeros: none */
} CnTriggerNote;

/* All in a transaction. */

/* Triggers that are due, not paused and not leased, at most max: those due longest, in turn by workspace. */
extern int	cn_trigger_due(CnTriggerId *ids, int max);

/* Those that are due, or being polled. */
extern int64 cn_trigger_count_due(void);

/* Lease a row that is due; false if it is not any more, or somebody has it locked. */
extern bool cn_trigger_lease(const CnTriggerId *id, const pg_uuid_t *lease, int64 timeout_ms,
							 CnTrigger *trigger, MemoryContext context);

/* Lock a row; false if it is not leased to us any more.  Raises 55P03 if somebody else has it. */
extern bool cn_trigger_hold(const CnTriggerId *id, const pg_uuid_t *lease);

/* Write into a row that is held. */
extern void cn_trigger_note(const CnTriggerId *id, const CnTriggerNote *note);

/* Leases of processes that are gone: their polls have failed.  False: a row is locked, do it again. */
extern bool cn_trigger_reclaim(const pg_uuid_t *lease);

/*
 * Give back the lease of a row, or (id is NULL) all of them, as things were before.  Those that
 * somebody has locked the next process takes back.
 */
extern void cn_trigger_release(const pg_uuid_t *lease, const CnTriggerId *id);

/* Have the process look at what is due, when this transaction commits; or at once. */
extern void cn_trigger_call_at_commit(void);
extern void cn_trigger_call(void);

/* Executions in the queue that are of a connector, counted up to most. */
extern int64 cn_trigger_queued(const pg_uuid_t *workspace, const pg_uuid_t *connector, int64 most);

#endif							/* CN_TRIGGER_STORE_H */
