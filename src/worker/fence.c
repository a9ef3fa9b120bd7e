/*
 * fence.c -- may this cluster call out?
 */
#include "postgres.h"

#include "worker/process.h"
#include "worker/worker.h"

char *
cn_fence_closed(void)
{
	return NULL;
}

void
cn_fence_init(void)
{
}
