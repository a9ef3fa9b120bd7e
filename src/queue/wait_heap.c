/*
 * wait_heap.c -- what waits, by when it may go.
 */
#include "core/pure.h"

#include "queue/wait_heap.h"

#define FIRST_ROOM 64

void
cn_wait_heap_init(CnWaitHeap *heap)
{
	heap->nodes = palloc(sizeof(CnWaitNode *) * FIRST_ROOM);
	heap->room = FIRST_ROOM;
	heap->count = 0;
}

static void
put(CnWaitHeap *heap, CnWaitNode *node, int place)
{
	heap->nodes[place] = node;
	node->place = place;
}

/* Put node where place is free, or nearer to the first. */
static void
rise(CnWaitHeap *heap, CnWaitNode *node, int place)
{
	while (place > 0)
	{
		int			parent = (place - 1) / 2;

		if (heap->nodes[parent]->until_us <= node->until_us)
			break;
		put(heap, heap->nodes[parent], place);
		place = parent;
	}
	put(heap, node, place);
}

/* Put node where place is free, or further from the first. */
static void
sink(CnWaitHeap *heap, CnWaitNode *node, int place)
{
	for (;;)
	{
		int			child = place * 2 + 1;

		if (child + 1 < heap->count &&
			heap->nodes[child + 1]->until_us < heap->nodes[child]->until_us)
			child++;
		if (child >= heap->count || node->until_us <= heap->nodes[child]->until_us)
			break;
		put(heap, heap->nodes[child], place);
		place = child;
	}
	put(heap, node, place);
}

void
cn_wait_heap_add(CnWaitHeap *heap, CnWaitNode *node, int64 until_us)
{
	if (heap->count == heap->room)
	{
		heap->room *= 2;
		heap->nodes = repalloc(heap->nodes, sizeof(CnWaitNode *) * heap->room);
	}
	node->until_us = until_us;
	rise(heap, node, heap->count++);
}

void
cn_wait_heap_remove(CnWaitHeap *heap, CnWaitNode *node)
{
	CnWaitNode *last = heap->nodes[--heap->count];
	int			place = node->place;

	Assert(heap->nodes[place] == node);
	node->place = -1;
	if (last == node)
		return;
	if (place > 0 && last->until_us < heap->nodes[(place - 1) / 2]->until_us)
		rise(heap, last, place);
	else
		sink(heap, last, place);
}
