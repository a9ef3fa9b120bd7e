/*
 * sort.h -- sorting what comes from outside.  Pure.
 */
#ifndef CN_CORE_SORT_H
#define CN_CORE_SORT_H

#include "core/pure.h"

/* Less than zero, zero, or more; arg is the caller's. */
typedef int (*CnCompare) (const void *a, const void *b, void *arg);

/*
 * Sort pointers; equals stay in order.  Never more than n log n comparisons:
 * for qsort somebody who chooses the input can make it n squared.  Takes
 * another array as large.
 */
extern void cn_sort(void **items, int count, CnCompare compare, void *arg);

#endif							/* CN_CORE_SORT_H */
