/*
 * seen.c -- a set of digests: open addressing, at most three quarters full.  Pure.
 */
#include "core/seen.h"

#include "common/hashfn.h"

#define MIN_SIZE 64

/* More than this is given back when the set is cleared. */
#define KEPT_SIZE 65536

/* hash_bytes takes an int. */
#define MAX_PIECE (1 << 30)

uint64
cn_seen_digest(const void *data, int64 len)
{
	const unsigned char *at = data;
	uint64		digest = len;

	do
	{
		int			piece = (int) Min(len, MAX_PIECE);

		digest = hash_bytes_extended(at, piece, digest);
		at += piece;
		len -= piece;
	} while (len > 0);
	return digest;
}

/* Where digest is, or would be. */
static uint64 *
find(const CnSeen *seen, uint64 digest)
{
	uint32		at = (uint32) digest & (seen->size - 1);

	while (seen->slots[at] != 0 && seen->slots[at] != digest)
		at = (at + 1) & (seen->size - 1);
	return &seen->slots[at];
}

static void
grow(CnSeen *seen)
{
	CnSeen		larger = {.size = seen->size ? seen->size * 2 : MIN_SIZE,.count = seen->count};

	larger.slots = palloc0(sizeof(uint64) * larger.size);
	for (uint32 i = 0; i < seen->size; i++)
		if (seen->slots[i] != 0)
			*find(&larger, seen->slots[i]) = seen->slots[i];
	if (seen->slots)
		pfree(seen->slots);
	*seen = larger;
}

/* 0 stands for a free slot. */
static uint64
stored(uint64 digest)
{
	return digest ? digest : 1;
}

bool
cn_seen_has(const CnSeen *seen, uint64 digest)
{
	return seen->count > 0 && *find(seen, stored(digest)) != 0;
}

bool
cn_seen_add(CnSeen *seen, uint64 digest)
{
	uint64	   *slot;

	if (seen->count >= seen->size / 4 * 3)
		grow(seen);
	slot = find(seen, stored(digest));
	if (*slot != 0)
		return false;
	*slot = stored(digest);
	seen->count++;
	return true;
}

void
cn_seen_clear(CnSeen *seen)
{
	if (seen->size > KEPT_SIZE)
	{
		pfree(seen->slots);
		memset(seen, 0, sizeof(*seen));
		return;
	}
	if (seen->count > 0)
		memset(seen->slots, 0, sizeof(uint64) * seen->size);
	seen->count = 0;
}
