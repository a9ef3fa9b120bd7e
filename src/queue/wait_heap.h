/*
 * wait_heap.h -- what waits, by when it may go.  Pure.
 *
 * A binary heap of nodes that are part of what waits; adding and taking one away costs the
 * logarithm of how many there are, and looking at the first costs nothing.
 */
#ifndef CN_QUEUE_WAIT_HEAP_H
#define CN_QUEUE_WAIT_HEAP_H

#include "core/pure.h"

typedef struct CnWaitNode
{
	int64		until_us;
	int			place;			/* in the heap */
} CnWaitNode;

typedef struct CnWaitHeap
{
	CnWaitNode **nodes;			/* nodes[0] may go first; repalloc'ed where it was palloc'ed */
	int			count;
	int			room;
} CnWaitHeap;

/* In the current context. */
extern void cn_wait_heap_init(CnWaitHeap *heap);

extern void cn_wait_heap_add(CnWaitHeap *heap, CnWaitNode *node, int64 until_us);

/* node must be in it. */
extern void cn_wait_heap_remove(CnWaitHeap *heap, CnWaitNode *node);

/* NULL: nothing waits. */
static inline CnWaitNode *
cn_wait_heap_first(const CnWaitHeap *heap)
{
	return heap->count > 0 ? heap->nodes[0] : NULL;
}

#endif							/* CN_QUEUE_WAIT_HEAP_H */
