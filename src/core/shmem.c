/*
 * shmem.c -- the library's shared memory: parts that modules register, and their locks.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "core/shmem.h"

#define MAX_PARTS 32

typedef struct CnShmemPart
{
	const char *name;
	Size		size;
	void		(*init) (void *memory);
	void	  **address;
} CnShmemPart;

static CnShmemPart parts[MAX_PARTS];
static int	part_count = 0;
static LWLockPadded *locks = NULL;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

void
cn_shmem_add(const char *name, Size size, void (*init) (void *memory), void **address)
{
	if (part_count == MAX_PARTS)
		elog(ERROR, "too many parts of shared memory");
	parts[part_count++] = (CnShmemPart)
	{
		name, size, init, address
	};
}

static void
request(void)
{
	if (previous_request)
		previous_request();
	for (int i = 0; i < part_count; i++)
		RequestAddinShmemSpace(MAXALIGN(parts[i].size));
	RequestNamedLWLockTranche("connector", CN_LOCK_COUNT);
}

static void
startup(void)
{
	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (int i = 0; i < part_count; i++)
	{
		bool		found;
		void	   *memory = ShmemInitStruct(parts[i].name, parts[i].size, &found);

		if (!found)
		{
			memset(memory, 0, parts[i].size);
			if (parts[i].init)
				parts[i].init(memory);
		}
		*parts[i].address = memory;
	}
	locks = GetNamedLWLockTranche("connector");
	LWLockRelease(AddinShmemInitLock);
}

void
cn_shmem_init(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

LWLock *
cn_shmem_lock(CnLock lock)
{
	return &locks[lock].lock;
}
