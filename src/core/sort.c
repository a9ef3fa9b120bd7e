/*
 * sort.c -- a merge sort; see sort.h.  Pure.
 */
#include "core/pure.h"

#include "core/sort.h"

/* Two sorted runs next to each other, [0, half) and [half, count), become one in out. */
static void
merge(void *const *items, int half, int count, void **out, CnCompare compare, void *arg)
{
	int			left = 0;
	int			right = half;
	int			i;

	for (i = 0; i < count; i++)
	{
		if (left < half && (right >= count || compare(items[left], items[right], arg) <= 0))
			out[i] = items[left++];
		else
			out[i] = items[right++];
	}
}

void
cn_sort(void **items, int count, CnCompare compare, void *arg)
{
	void	  **from = items;
	void	  **to = (void **) palloc(sizeof(void *) * Max(count, 1));
	void	  **other = to;
	int64		width;
	int64		at;

	for (width = 1; width < count; width *= 2)
	{
		void	  **swap = from;

		for (at = 0; at < count; at += 2 * width)
			merge(from + at, Min(width, count - at), Min(2 * width, count - at), to + at,
				  compare, arg);
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, sizeof(void *) * count);
	pfree(other);
}
