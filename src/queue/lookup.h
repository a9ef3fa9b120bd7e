/*
 * lookup.h -- where an execution is, by its id.
 */
#ifndef CN_QUEUE_LOOKUP_H
#define CN_QUEUE_LOOKUP_H

#include "postgres.h"

#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* The workspace of an execution, among those (uuid[]; NULL: all); false if none of them has it. */
extern bool cn_lookup_workspace(ArrayType *workspaces, const pg_uuid_t *id, pg_uuid_t *workspace);

typedef struct CnLookup
{
	bool		finished;		/* in the history; else in the queue */
	bool		uncommitted;	/* in the queue, and written there by the current transaction */
	Datum		result;			/* of type connector_result, in the current context */
} CnLookup;

/*
 * What is committed of the execution at this moment, whatever the isolation level, or done by
 * the current transaction; false if there is none.
 */
extern bool cn_lookup_state(const pg_uuid_t *workspace, const pg_uuid_t *id, CnLookup *state);

/* The input of an execution in the queue, not redacted, in the current context; NULL: it is not there. */
extern Jsonb *cn_lookup_input(const pg_uuid_t *workspace, const pg_uuid_t *id);

#endif							/* CN_QUEUE_LOOKUP_H */
