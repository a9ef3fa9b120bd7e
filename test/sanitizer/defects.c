/*
 * defects.c -- a defect of each kind, to test that the sanitizer tests would find it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/memutils.h"

/* a + b: undefined behaviour if that is no int. */
PG_FUNCTION_INFO_V1(cn_sanitizer_add);

Datum
cn_sanitizer_add(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(PG_GETARG_INT32(0) + PG_GETARG_INT32(1));
}

/* Reads a byte of a chunk of that size; after pfree if asked to. */
PG_FUNCTION_INFO_V1(cn_sanitizer_read);

Datum
cn_sanitizer_read(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "connector defect",
												  ALLOCSET_SMALL_SIZES);
	char	   *chunk = MemoryContextAllocZero(context, PG_GETARG_INT32(0));
	volatile char *at = chunk + PG_GETARG_INT32(1);

	if (PG_GETARG_BOOL(2))
		pfree(chunk);
	PG_RETURN_INT32(*at);
}
