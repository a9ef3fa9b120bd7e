/*
 * shim.h -- memory of pure modules in unit tests and fuzz targets; see shim.c.
 */
#ifndef CN_TEST_SHIM_H
#define CN_TEST_SHIM_H

/* Free everything allocated since the last call. */
extern void shim_reset(void);

/* The next shim_reset() calls release, too: for memory that is not palloc's. */
extern void shim_at_reset(void (*release) (void));

#endif							/* CN_TEST_SHIM_H */
