/*
 * args.h -- arguments of SQL functions.
 */
#ifndef CN_SQLAPI_ARGS_H
#define CN_SQLAPI_ARGS_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#define CN_FUNCTION(name) PG_FUNCTION_INFO_V1(name)

/* Text argument n as a C string; NULL if it is null. */
static inline char *
cn_arg_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* The same, where null is an error (22004 naming the argument). */
static inline char *
cn_arg_required(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* A jsonb argument; "{}" if it is null. */
extern Jsonb *cn_arg_jsonb(FunctionCallInfo fcinfo, int n);

#endif							/* CN_SQLAPI_ARGS_H */
