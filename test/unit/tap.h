/*
 * tap.h -- a very small Test Anything Protocol printer; prove(1) reads it.
 */
#ifndef CN_TEST_TAP_H
#define CN_TEST_TAP_H

#include "core/pure.h"

/* One result; each frees what the case allocated (shim_reset), so compare first. */
extern bool tap_ok(bool passed, const char *name,...) pg_attribute_printf(2, 3);

/* Equal texts; NULL is only equal to NULL. */
extern bool tap_is(const char *got, const char *wanted, const char *name,...) pg_attribute_printf(3, 4);

extern bool tap_is_int(int64 got, int64 wanted, const char *name,...) pg_attribute_printf(3, 4);

/* Print the plan; what main() returns. */
extern int	tap_done(void);

/* ---- case files: three lines each, see tap.c ---- */

/*
 * program, input: the first two lines
 *
 * Returns what the third should be; palloc'd.
 */
typedef char *(*TapCase) (const char *program, const char *input);

extern void tap_run_cases(const char *path, TapCase run);

#endif							/* CN_TEST_TAP_H */
