/*
 * shim.c -- palloc for -DFRONTEND builds of pure modules.
 *
 * Stands in for fe_memutils.o of libpgcommon, whose every function is defined
 * here, so that the linker never pulls that one in.  Each allocation is a
 * malloc of exactly the size asked for: the address sanitizer then sees the
 * first byte read or written past it, which a context allocator would hide.
 * All are kept in a list, and shim_reset() frees them after each case, as the
 * server does by resetting a context.
 *
 * A request the server would refuse (MaxAllocSize) aborts: a pure module has
 * to stay below that by itself.
 */
#include "postgres_fe.h"

#include "shim.h"

typedef struct Block
{
	struct Block *next;
	struct Block *prev;
} Block;

static Block blocks = {&blocks, &blocks};
static void (*at_reset) (void) = NULL;

static void *allocate(size_t size, int flags);
static void check_size(size_t size);
static void link_block(Block *block);
static void unlink_block(Block *block);

void
shim_reset(void)
{
	if (at_reset != NULL)
		at_reset();
	at_reset = NULL;
	while (blocks.next != &blocks)
		pfree(blocks.next + 1);
}

void
shim_at_reset(void (*release) (void))
{
	at_reset = release;
}

static void *
allocate(size_t size, int flags)
{
	Block	   *block;

	check_size(size);
	block = malloc(sizeof(Block) + size);
	if (block == NULL)
	{
		if (flags & MCXT_ALLOC_NO_OOM)
			return NULL;
		fprintf(stderr, "out of memory\n");
		abort();
	}
	link_block(block);
	/* something that is neither zero nor a pointer, to find reads of what was never set */
	memset(block + 1, flags & MCXT_ALLOC_ZERO ? 0 : 0x7F, size);
	return block + 1;
}

static void
check_size(size_t size)
{
	if (size > MaxAllocSize)
	{
		fprintf(stderr, "invalid memory alloc request size %zu\n", size);
		abort();
	}
}

static void
link_block(Block *block)
{
	block->next = blocks.next;
	block->prev = &blocks;
	blocks.next->prev = block;
	blocks.next = block;
}

static void
unlink_block(Block *block)
{
	block->prev->next = block->next;
	block->next->prev = block->prev;
}

/* ---- common/fe_memutils.h ---- */

void *
palloc(Size size)
{
	return allocate(size, 0);
}

void *
palloc0(Size size)
{
	return allocate(size, MCXT_ALLOC_ZERO);
}

void *
palloc_extended(Size size, int flags)
{
	return allocate(size, flags);
}

/* Under the address sanitizer realloc always moves, so stale pointers are found. */
void *
repalloc(void *pointer, Size size)
{
	Block	   *block = (Block *) pointer - 1;

	check_size(size);
	unlink_block(block);
	block = realloc(block, sizeof(Block) + size);
	if (block == NULL)
	{
		fprintf(stderr, "out of memory\n");
		abort();
	}
	link_block(block);
	return block + 1;
}

void
pfree(void *pointer)
{
	Block	   *block = (Block *) pointer - 1;

	unlink_block(block);
	free(block);
}

char *
pnstrdup(const char *in, Size size)
{
	size_t		len = strnlen(in, size);
	char	   *out = allocate(len + 1, 0);

	memcpy(out, in, len);
	out[len] = '\0';
	return out;
}

char *
pstrdup(const char *in)
{
	return pnstrdup(in, strlen(in));
}

void *
pg_malloc(size_t size)
{
	return allocate(size, 0);
}

void *
pg_malloc0(size_t size)
{
	return allocate(size, MCXT_ALLOC_ZERO);
}

void *
pg_malloc_extended(size_t size, int flags)
{
	return allocate(size, flags);
}

void *
pg_realloc(void *pointer, size_t size)
{
	return pointer == NULL ? allocate(size, 0) : repalloc(pointer, size);
}

void
pg_free(void *pointer)
{
	if (pointer != NULL)
		pfree(pointer);
}

char *
pg_strdup(const char *in)
{
	return pstrdup(in);
}

/* ---- the checked products, in the server's minor releases that have them ---- */

Size		add_size(Size s1, Size s2);
Size		mul_size(Size s1, Size s2);
void	   *palloc_mul(Size s1, Size s2);
void	   *palloc0_mul(Size s1, Size s2);
void	   *palloc_mul_extended(Size s1, Size s2, int flags);
void	   *repalloc_mul(void *p, Size s1, Size s2);
void	   *pg_malloc_mul(Size s1, Size s2);
void	   *pg_malloc0_mul(Size s1, Size s2);
void	   *pg_malloc_mul_extended(Size s1, Size s2, int flags);
void	   *pg_realloc_mul(void *p, Size s1, Size s2);

Size
add_size(Size s1, Size s2)
{
	if (s1 > SIZE_MAX - s2)
		abort();
	return s1 + s2;
}

Size
mul_size(Size s1, Size s2)
{
	if (s1 != 0 && s2 > SIZE_MAX / s1)
		abort();
	return s1 * s2;
}

void *
palloc_mul(Size s1, Size s2)
{
	return palloc(mul_size(s1, s2));
}

void *
palloc0_mul(Size s1, Size s2)
{
	return palloc0(mul_size(s1, s2));
}

void *
palloc_mul_extended(Size s1, Size s2, int flags)
{
	return palloc_extended(mul_size(s1, s2), flags);
}

void *
repalloc_mul(void *p, Size s1, Size s2)
{
	return repalloc(p, mul_size(s1, s2));
}

void *
pg_malloc_mul(Size s1, Size s2)
{
	return palloc(mul_size(s1, s2));
}

void *
pg_malloc0_mul(Size s1, Size s2)
{
	return palloc0(mul_size(s1, s2));
}

void *
pg_malloc_mul_extended(Size s1, Size s2, int flags)
{
	return palloc_extended(mul_size(s1, s2), flags);
}

void *
pg_realloc_mul(void *p, Size s1, Size s2)
{
	return pg_realloc(p, mul_size(s1, s2));
}
