/*
 * memory.c -- start libcurl in this process, with memory that is wiped when freed.
 *
 * libcurl copies URLs, headers and bodies into blocks of its own and frees
 * them as they are.  So it is given an allocator that overwrites each block
 * first: nothing of a credential stays in freed memory.  That costs about 1 us
 * of CPU for a keep-alive request over loopback, 2 us over TLS.  The large
 * blocks, 16 kB each for receiving and (TLS) sending, are wiped too: both hold
 * request or reply bytes.
 *
 * If something else in the process (another extension) started libcurl before
 * us, its allocator stays and blocks are not wiped.  Both end in malloc, so
 * mixing them is safe.
 */
#include "http/internal.h"

#include <malloc.h>
#include <string.h>

/* wiping_free -- overwrite all of a block, then free it. */
static void
wiping_free(void *block)
{
	if (block == NULL)
		return;
	explicit_bzero(block, malloc_usable_size(block));
	free(block);
}

/* wiping_realloc -- as realloc, but leaves no copy behind; shrinks in place. */
static void *
wiping_realloc(void *old, size_t size)
{
	size_t		old_size;
	void	   *block;

	if (old == NULL)
		return malloc(size);
	old_size = malloc_usable_size(old);
	if (size <= old_size && size > 0)
		return old;
	block = malloc(size);
	if (block == NULL)
		return NULL;
	memcpy(block, old, Min(old_size, size));
	wiping_free(old);
	return block;
}

void *
http_realloc(void *old, size_t size)
{
	return wiping_realloc(old, size);
}

void
http_free(void *old)
{
	wiping_free(old);
}

/*
 * http_global_init -- start libcurl, once in a process.
 *
 * Throws 58000 if libcurl cannot be started.
 */
void
http_global_init(void)
{
	static bool started = false;
	CURLcode	result;

	if (started)
		return;
	result = curl_global_init_mem(CURL_GLOBAL_ALL, malloc, wiping_free, wiping_realloc, strdup,
								  calloc);
	if (result != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not start libcurl: %s", curl_easy_strerror(result))));
	started = true;
}
