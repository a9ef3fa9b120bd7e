/*
 * executions.h -- functions that are given the id of an execution.
 */
#ifndef CN_SQLAPI_EXECUTIONS_H
#define CN_SQLAPI_EXECUTIONS_H

#include "postgres.h"

#include "fmgr.h"

#include "core/identity.h"

/* Argument n, which must not be null. */
extern pg_uuid_t *cn_arg_execution(FunctionCallInfo fcinfo, int n);

/*
 * The workspace of an execution: the one of that name or, if it is NULL, that of the
 * caller's which has it.  Raises 42704 where there is none, 42501 if the caller's role is too
 * small.
 */
extern CnWorkspace cn_execution_workspace(const pg_uuid_t *id, const char *argument,
										  CnRight right);

/* Raises 42704. */
extern void cn_execution_unknown(const pg_uuid_t *id) pg_attribute_noreturn();

#endif							/* CN_SQLAPI_EXECUTIONS_H */
