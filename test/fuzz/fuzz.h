/*
 * fuzz.h -- what the fuzz targets share.
 */
#ifndef CN_TEST_FUZZ_H
#define CN_TEST_FUZZ_H

#include "core/pure.h"
#include "expr/expr.h"

/* An invariant: a message and abort() if it does not hold, in every build. */
#define require(condition) \
	((condition) ? (void) 0 : fuzz_fail(#condition, __FILE__, __LINE__))

extern void fuzz_fail(const char *condition, const char *file, int line) pg_attribute_noreturn();

/* The bytes in memory of exactly that size, so that the sanitizer sees what reads past them. */
extern char *fuzz_copy(const void *data, size_t size);

/* A scope with a root of every type: input (an object), text, list, number, void. */
extern CnScope fuzz_scope(const CnJson *input, int64 limit);

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif							/* CN_TEST_FUZZ_H */
