/*
 * malloc_context.c -- memory contexts whose every chunk is a block of malloc's, for AddressSanitizer.
 *
 * The server's allocator takes large blocks from malloc and hands out parts of them, so AddressSanitizer sees neither
 * a read behind a chunk's end nor one of a chunk that pfree or the reset of its context has taken back.
 * `make CN_SANITIZE=1` has AllocSetContextCreate, wherever the extension says it, make these instead.  What the
 * server makes itself (a transaction's context, a statement's) stays as it is.
 *
 * A chunk keeps its context right before its first byte, where GetMemoryChunkContext looks for it, and what else is
 * needed in front of that, which is poisoned: only the functions here may look at it.
 *
 * The methods of a context are a pointer in it up to PostgreSQL 15; 16 has a fixed table of them.
 */
#include "postgres.h"

#include <sanitizer/asan_interface.h>

#include "lib/ilist.h"
#include "nodes/memnodes.h"
#include "utils/memutils.h"

#if PG_VERSION_NUM >= 160000
#error "the sanitizer tests need PostgreSQL 15"
#endif

#define NOT_INSTRUMENTED __attribute__((no_sanitize("address")))

typedef struct MallocContext
{
	MemoryContextData header;
	dlist_head	chunks;
} MallocContext;

/* Its size is a multiple of 16, as malloc aligns, so that what follows is aligned as well as it can be. */
typedef struct Chunk
{
	dlist_node	node;
	Size		size;
	MemoryContext context;
} Chunk;

StaticAssertDecl(sizeof(Chunk) % 16 == 0, "chunks are not aligned");

/* Makes a chunk's header accessible. */
static Chunk *
open_chunk(void *pointer)
{
	Chunk	   *chunk = (Chunk *) pointer - 1;

	ASAN_UNPOISON_MEMORY_REGION(chunk, offsetof(Chunk, context));
	return chunk;
}

/* The neighbours in the list are poisoned, too. */
NOT_INSTRUMENTED static void
link_chunk(MallocContext *set, Chunk *chunk)
{
	dlist_head *head = &set->chunks;
	dlist_node *node = &chunk->node;

	node->next = head->head.next;
	node->prev = &head->head;
	node->next->prev = node;
	head->head.next = node;
}

NOT_INSTRUMENTED static void
unlink_chunk(Chunk *chunk)
{
	chunk->node.prev->next = chunk->node.next;
	chunk->node.next->prev = chunk->node.prev;
}

static void *
malloc_alloc(MemoryContext context, Size size)
{
	Chunk	   *chunk = malloc(sizeof(Chunk) + size);

	if (chunk == NULL)
		return NULL;
	chunk->size = size;
	chunk->context = context;
	link_chunk((MallocContext *) context, chunk);
	context->mem_allocated += sizeof(Chunk) + size;
	ASAN_POISON_MEMORY_REGION(chunk, offsetof(Chunk, context));
	return chunk + 1;
}

static void
malloc_free(MemoryContext context, void *pointer)
{
	Chunk	   *chunk = open_chunk(pointer);

	unlink_chunk(chunk);
	context->mem_allocated -= sizeof(Chunk) + chunk->size;
	free(chunk);
}

/* Always somewhere else, so that an old pointer is seen to be one. */
static void *
malloc_realloc(MemoryContext context, void *pointer, Size size)
{
	void	   *moved = malloc_alloc(context, size);
	Size		old_size = open_chunk(pointer)->size;

	if (moved == NULL)
		return NULL;
	memcpy(moved, pointer, Min(size, old_size));
	malloc_free(context, pointer);
	return moved;
}

static void
malloc_reset(MemoryContext context)
{
	dlist_head *head = &((MallocContext *) context)->chunks;

	while (!dlist_is_empty(head))
		malloc_free(context, dlist_container(Chunk, node, head->head.next) + 1);
}

static void
malloc_delete(MemoryContext context)
{
	malloc_reset(context);
	free(context);
}

NOT_INSTRUMENTED static Size
malloc_chunk_space(MemoryContext context, void *pointer)
{
	return sizeof(Chunk) + ((Chunk *) pointer - 1)->size;
}

static bool
malloc_is_empty(MemoryContext context)
{
	return dlist_is_empty(&((MallocContext *) context)->chunks);
}

static void
malloc_stats(MemoryContext context, MemoryStatsPrintFunc print, void *passthru,
			 MemoryContextCounters *totals, bool print_to_stderr)
{
	if (print)
		print(context, passthru, "allocated by malloc", print_to_stderr);
	if (totals)
		totals->totalspace += context->mem_allocated;
}

static const MemoryContextMethods malloc_methods = {
	.alloc = malloc_alloc,
	.free_p = malloc_free,
	.realloc = malloc_realloc,
	.reset = malloc_reset,
	.delete_context = malloc_delete,
	.get_chunk_space = malloc_chunk_space,
	.is_empty = malloc_is_empty,
	.stats = malloc_stats,
};

/* The Makefile has this name stand for cn_sanitizer_context_create, in the server's header, too. */
MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size minContextSize,
							  Size initBlockSize, Size maxBlockSize)
{
	MallocContext *set = malloc(sizeof(MallocContext));

	if (set == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed while creating memory context \"%s\".", name)));
	dlist_init(&set->chunks);
	MemoryContextCreate(&set->header, T_AllocSetContext, &malloc_methods, parent, name);
	return &set->header;
}
