/*
 * fake_disk_full.c -- a disk that is full when a test wants it; preloaded into a server.
 *
 *	 cc -shared -fPIC -o fake_disk_full.so fake_disk_full.c -ldl
 *	 LD_PRELOAD=.../fake_disk_full.so FAKE_DISK_FULL=/path/to/file
 *
 * While that file exists no relation can grow: a write behind the end of a file below base/ fails with ENOSPC.
 * What is there already can be changed, as on a disk that is full, and the WAL has room.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static bool
is_relation(int fd)
{
	char		link[64];
	char		path[4096];
	ssize_t		len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	return strstr(path, "/base/") != NULL;
}

static bool
is_full(int fd, off_t end)
{
	const char *file = getenv("FAKE_DISK_FULL");
	struct stat status;

	return file && access(file, F_OK) == 0 && fstat(fd, &status) == 0 && end > status.st_size &&
		is_relation(fd);
}

#define WRITER(name) \
ssize_t \
name(int fd, const void *data, size_t len, off_t offset) \
{ \
	static ssize_t (*real) (int, const void *, size_t, off_t); \
\
	if (real == NULL) \
		*(void **) &real = dlsym(RTLD_NEXT, #name); \
	if (is_full(fd, offset + (off_t) len)) \
	{ \
		errno = ENOSPC; \
		return -1; \
	} \
	return real(fd, data, len, offset); \
}

#define VECTOR_WRITER(name) \
ssize_t \
name(int fd, const struct iovec *parts, int count, off_t offset) \
{ \
	static ssize_t (*real) (int, const struct iovec *, int, off_t); \
	off_t		end = offset; \
\
	if (real == NULL) \
		*(void **) &real = dlsym(RTLD_NEXT, #name); \
	for (int i = 0; i < count; i++) \
		end += parts[i].iov_len; \
	if (is_full(fd, end)) \
	{ \
		errno = ENOSPC; \
		return -1; \
	} \
	return real(fd, parts, count, offset); \
}

#define ALLOCATOR(name) \
int \
name(int fd, off_t offset, off_t len) \
{ \
	static int	(*real) (int, off_t, off_t); \
\
	if (real == NULL) \
		*(void **) &real = dlsym(RTLD_NEXT, #name); \
	return is_full(fd, offset + len) ? ENOSPC : real(fd, offset, len); \
}

/* glibc has each of them under two names, which are the same on 64 bits. */
WRITER(pwrite)
WRITER(pwrite64)
VECTOR_WRITER(pwritev)
VECTOR_WRITER(pwritev64)
ALLOCATOR(posix_fallocate)
ALLOCATOR(posix_fallocate64)
