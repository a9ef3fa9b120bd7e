/*
 * execution.h -- what is the same for an execution whether a session or a worker runs it.
 */
#ifndef CN_QUEUE_EXECUTION_H
#define CN_QUEUE_EXECUTION_H

#include "postgres.h"

#include "catalog/cache.h"
#include "engine/engine.h"

/*
 * The credentials that a definition names, opened for owner (an identity, or NULL) into
 * context, in the order of its list; what is wrong with one is for the step that needs it.
 * In a transaction.
 */
extern CnExecCredential *cn_execution_credentials(const pg_uuid_t *workspace,
												  const CnDefinition *definition,
												  const char *owner, MemoryContext context);

/*
 * For CnExecRenew: ask for a later token than list[i] has, or look how that goes.  READY: there
 * is one, and cn_execution_reopen puts it into the list.  Needs no transaction.
 */
extern CnRenewal cn_execution_renew(const CnExecCredential *list, int i, CnRenewReason reason,
									CnFailure *failure);

/* Read list[i] again; false if what is there is not later.  In a transaction. */
extern bool cn_execution_reopen(CnExecCredential *list, int i, const CnDefinition *definition,
								const pg_uuid_t *workspace, const char *owner,
								MemoryContext context);

/* What the saved connector says of its executions; the rest of *given is left as it is. */
extern void cn_execution_describe(const CnConnector *connector, CnExecInput *given);

/*
 * Count a finished execution of a connector in the statistics: once, with the first credential
 * that it sent; the others are noted beside it.
 */
extern void cn_execution_count(const CnExecution *execution, const CnConnector *connector,
							   bool success);

/* Attempts of its steps beyond the first. */
extern int	cn_execution_retries(const CnExecution *execution);

#endif							/* CN_QUEUE_EXECUTION_H */
