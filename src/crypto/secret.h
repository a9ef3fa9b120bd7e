/*
 * secret.h -- memory for plaintext.
 *
 * Pages of their own, kept out of core dumps and (where the limit allows) out
 * of swap; each piece belongs to a memory context and is wiped when that is
 * reset or deleted, or earlier by hand.
 */
#ifndef CN_CRYPTO_SECRET_H
#define CN_CRYPTO_SECRET_H

#include "postgres.h"

/* len bytes, zeroed, owned by context.  Raises only if there is no memory. */
extern void *cn_secret_alloc(MemoryContext context, size_t len);

/* Wipe the len bytes at data, which lie in context's own memory, when context is reset. */
extern void cn_wipe_on_reset(MemoryContext context, void *data, size_t len);

#endif							/* CN_CRYPTO_SECRET_H */
