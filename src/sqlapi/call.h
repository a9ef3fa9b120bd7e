/*
 * call.h -- executions on behalf of a session: who asks, what runs, what is recorded.
 *
 * A call is one function call of a user: it has an identity, a workspace and usually
 * a connector.  It runs one execution, or (a batch) many.
 */
#ifndef CN_SQLAPI_CALL_H
#define CN_SQLAPI_CALL_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "catalog/cache.h"
#include "core/identity.h"
#include "engine/engine.h"
#include "queue/insert.h"

typedef struct CnCall
{
	MemoryContext context;		/* all that must not outlive the call */
	CnWorkspace workspace;
	const char *identity;
	CnConnector *connector;		/* NULL: a definition that is not saved */
	bool		is_action;		/* the connector stands for a provider's action */
	CnDefinition *definition;
	CnExecCredential *credentials;	/* those the definition names */
	const CnServiceLimitSet *limits;	/* of the workspace */
	CnHistoryRows history;		/* recorded, and maybe not written yet */
} CnCall;

/* Raises 55000 in a worker, where nothing may wait for the network or for an execution. */
extern void cn_call_prevent_in_worker(const char *function);

/* Resolve the workspace and who asks.  function: its name for errors, "connector_execute()". */
extern void cn_call_begin(CnCall *call, const char *function, const char *workspace, CnRight right);

/*
 * The connector, pinned until context is reset; raises 42704 or 55000 unless it is there and
 * enabled.
 */
extern CnConnector *cn_call_find(const CnWorkspace *workspace, const char *name,
								 MemoryContext context);

/* Find the call's connector likewise, and open its credentials. */
extern void cn_call_connector(CnCall *call, const char *name);

/*
 * Call a provider's action instead, "provider" or "provider/label" and its name: definition and a
 * connector that stands for it, which has no id.  Raises 42704 or 55000 if there is no such thing.
 */
extern void cn_call_action(CnCall *call, const char *provider, const char *action);

/* Open the credentials of call->definition, and read its limits; what sets the definition ends with it. */
extern void cn_call_prepare(CnCall *call);

/* Take a definition that is not saved instead; raises 22023 with all its problems. */
extern void cn_call_definition(CnCall *call, Jsonb *config);

/*
 * Start an execution of the call in context, the call's or a child of it.  done
 * (NULL: none) is called when it is over, maybe before this returns.
 */
extern CnExecution *cn_call_start(CnCall *call, Jsonb *input, MemoryContext context,
								  CnExecDone done, void *arg);

/*
 * Wait until it is done.  An interrupt ends it with its context.  The title of the process
 * says which step is under way.
 */
extern void cn_call_wait(const CnCall *call, CnExecution *execution);

/*
 * Apply the connector's field mappings to the output of a finished execution, add
 * its history row and count it.  raise: a failure is going to be raised, so the
 * mappings need no subtransaction that could undo them alone.  Returns what cn_call_result
 * wants as steps.
 */
extern Jsonb *cn_call_record(CnCall *call, CnExecution *execution, Jsonb *input, bool raise);

/* Write the rows that were added; after the call's last execution. */
extern void cn_call_flush(CnCall *call);

/* The row of type connector_result.  steps: the history's, or NULL. */
extern HeapTuple cn_call_result(const CnExecution *execution, Jsonb *steps, TupleDesc desc);

/* Its columns, for rows that have more; nulls has to be all false before. */
#define CN_CALL_RESULT_COLUMNS 8
extern void cn_call_result_values(const CnExecution *execution, Jsonb *steps, Datum *values,
								  bool *nulls);

/* The type of rows the function returns. */
extern TupleDesc cn_call_row_type(FunctionCallInfo fcinfo);

#endif							/* CN_SQLAPI_CALL_H */
