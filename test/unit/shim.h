/*
 * shim.h -- memory of pure modules in unit tests and fuzz targets; see shim.c.
 */
#ifndef CN_TEST_SHIM_H
#define CN_TEST_SHIM_H

/* Free everything allocated since the last call. */
extern void shim_reset(void);

#endif							/* CN_TEST_SHIM_H */
