/*
 * seen.h -- a set of digests: was this there before?  Pure.
 *
 * For keys of records and addresses of pages.  Two different things have the same digest once in
 * 2^64 times; who makes them up can have it more often, and only fools himself.
 */
#ifndef CN_CORE_SEEN_H
#define CN_CORE_SEEN_H

#include "core/pure.h"

/* All zeros: empty.  Its memory is of the context that was current when it first grew. */
typedef struct CnSeen
{
	uint64	   *slots;			/* 0: free */
	uint32		size;			/* a power of 2 */
	uint32		count;
} CnSeen;

extern uint64 cn_seen_digest(const void *data, int64 len);

/* Add digest; false if it was there. */
extern bool cn_seen_add(CnSeen *seen, uint64 digest);

extern bool cn_seen_has(const CnSeen *seen, uint64 digest);

/* Forget all; a little memory is kept for those that follow. */
extern void cn_seen_clear(CnSeen *seen);

#endif							/* CN_CORE_SEEN_H */
