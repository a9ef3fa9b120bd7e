/*
 * secret.c -- memory for plaintext.
 *
 * A slab of equal slots is mapped once per process: plaintext is needed for
 * every call, and mapping pages for each would cost more than the decryption.
 * What does not fit a slot, or comes when all are taken, gets a mapping of its own.
 */
#include "postgres.h"

#include <sys/mman.h>

#include "utils/memutils.h"

#include "crypto/aead.h"
#include "crypto/secret.h"

/* A slot holds any usual key or token; JWTs and private keys go to mappings. */
#define SLOT_SIZE 1024
#define SLOT_COUNT 64

/* One piece: the callback lives in the owner's memory, the bytes do not. */
typedef struct CnSecret
{
	MemoryContextCallback callback;
	void	   *data;
	size_t		len;			/* bytes to wipe */
	size_t		mapped;			/* bytes to unmap; 0: a slot */
} CnSecret;

static char *slab = NULL;
static uint64 slots_taken = 0;

static void *
map_pages(size_t len)
{
	void	   *pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Could not map %zu bytes for a secret.", len)));
	(void) madvise(pages, len, MADV_DONTDUMP);
	(void) mlock(pages, len);
	return pages;
}

/* A free slot, or NULL. */
static void *
take_slot(void)
{
	if (slab == NULL)
		slab = map_pages((size_t) SLOT_SIZE * SLOT_COUNT);
	for (int i = 0; i < SLOT_COUNT; i++)
	{
		if ((slots_taken & (UINT64CONST(1) << i)) == 0)
		{
			slots_taken |= UINT64CONST(1) << i;
			return slab + i * SLOT_SIZE;
		}
	}
	return NULL;
}

static void
release(void *arg)
{
	CnSecret   *secret = arg;

	if (secret->data == NULL)
		return;
	cn_wipe(secret->data, secret->len);
	if (secret->mapped)
		(void) munmap(secret->data, secret->mapped);
	else if (slab && (char *) secret->data >= slab &&
			 (char *) secret->data < slab + SLOT_SIZE * SLOT_COUNT)
		slots_taken &= ~(UINT64CONST(1) << (((char *) secret->data - slab) / SLOT_SIZE));
	secret->data = NULL;
}

static CnSecret *
register_secret(MemoryContext context)
{
	CnSecret   *secret = MemoryContextAllocZero(context, sizeof(CnSecret));

	secret->callback.func = release;
	secret->callback.arg = secret;
	MemoryContextRegisterResetCallback(context, &secret->callback);
	return secret;
}

void *
cn_secret_alloc(MemoryContext context, size_t len)
{
	CnSecret   *secret = register_secret(context);
	void	   *data = len <= SLOT_SIZE ? take_slot() : NULL;

	if (data == NULL)
	{
		secret->mapped = TYPEALIGN(4096, Max(len, 1));
		data = map_pages(secret->mapped);
	}
	secret->data = data;
	secret->len = len;
	return data;
}

void
cn_wipe_on_reset(MemoryContext context, void *data, size_t len)
{
	CnSecret   *secret = register_secret(context);

	secret->data = data;
	secret->len = len;
}
