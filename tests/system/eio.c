/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into sluiced: while the file that EIO_WHEN names is there, writes to the journal of a
 * store and its fsync fail with EIO, as those of a broken disk do.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset);

static bool
is_journal(int fd)
{
	char link[64], path[512];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 4)
		return false;
	path[n] = '\0';
	return strcmp(path + n - 4, "-wal") == 0;
}

static bool
fails(int fd)
{
	const char *when = getenv("EIO_WHEN");

	return when && access(when, F_OK) == 0 && is_journal(fd);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
	ssize_t (*real)(int, const void *, size_t, off64_t);

	if (fails(fd)) {
		errno = EIO;
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
	return real(fd, bytes, n, offset);
}

static int
sync_call(const char *name, int fd)
{
	int (*real)(int);

	if (fails(fd)) {
		errno = EIO;
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, name);
	return real(fd);
}

int
fsync(int fd)
{
	return sync_call("fsync", fd);
}

int
fdatasync(int fd)
{
	return sync_call("fdatasync", fd);
}
