/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 40 /* with a pause before each but the first: two seconds */
#define LOCK_PAUSE_NS 50000000
#define DIRECTORY_MODE 0750
#define FILE_MODE 0640

/* `why` is NULL for what errno says. Always -1. */
static int
file_fault(struct fault *fault, const char *what, const char *path, const char *why)
{
	const char *advice = errno == ENOSPC || errno == EDQUOT ? "free space on its file system"
			     : errno == EROFS			? "make its file system writable"
					      : "check the path and its permissions";

	return fault_set(fault, FAULT_STORE, "", "%s %s: %s; %s, or set state.path to another file",
		what, path, why ? why : strerror(errno), advice);
}

/* The owner of the directory could replace the file anyway. */
static bool
is_owned(const char *path, const struct stat *file)
{
	char copy[PATH_MAX];
	struct stat directory;

	if (file->st_uid == geteuid() || file->st_uid == 0)
		return true;
	snprintf(copy, sizeof(copy), "%s", path);
	return stat(dirname(copy), &directory) == 0 && file->st_uid == directory.st_uid;
}

int
file_open(const char *path, int flags, char *why, size_t why_bytes)
{
	const int fd =
		open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, FILE_MODE);
	struct stat file;

	if (fd < 0) {
		const int error = errno;

		snprintf(why, why_bytes, "%s",
			error == ELOOP ? "it is a symbolic link, which is not followed here"
				       : strerror(error));
		errno = error;
		return -1;
	}
	if (fstat(fd, &file) == 0 && is_owned(path, &file))
		return fd;
	snprintf(why, why_bytes,
		"it is owned by user %u, expected user %u, root, or the owner of its directory",
		file.st_uid, geteuid());
	close(fd);
	errno = EPERM;
	return -1;
}

static int
regular_open(const char *path, int flags, const char *what, struct fault *fault)
{
	char why[FILE_WHY_MAX];
	const int fd = file_open(path, flags, why, sizeof(why));
	struct stat file;

	if (fd < 0)
		return file_fault(fault, what, path, why);
	if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode))
		return fd;
	close(fd);
	return fault_set(fault, FAULT_STORE, "",
		"%s is not a regular file; set state.path to another file", path);
}

static int
directory_sync(const char *path, struct fault *fault)
{
	char copy[FILE_NAME_MAX];
	const char *directory;
	int fd, rc;

	snprintf(copy, sizeof(copy), "%s", path);
	directory = dirname(copy);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return file_fault(fault, "cannot open", directory, NULL);
	rc = fsync(fd);
	/* Some file systems cannot, and say so; they have nothing to make durable either. */
	if (rc < 0 && errno != EINVAL)
		file_fault(fault, "cannot sync", directory, NULL);
	else
		rc = 0;
	close(fd);
	return rc;
}

int
file_directory_create(char *path, size_t path_bytes, struct fault *fault)
{
	char copy[STORE_PATH_MAX];
	char name[STORE_PATH_MAX];
	char *slash, *real;
	int n;

	snprintf(copy, sizeof(copy), "%s", path);
	for (slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, DIRECTORY_MODE) == 0) {
			if (directory_sync(copy, fault) < 0)
				return -1;
		} else if (errno != EEXIST) {
			return file_fault(fault, "cannot make directory", copy, NULL);
		}
		*slash = '/';
	}
	snprintf(name, sizeof(name), "%s", basename(copy));
	real = realpath(dirname(copy), NULL);
	if (!real)
		return file_fault(fault, "cannot resolve the directory of", path, NULL);
	n = snprintf(path, path_bytes, "%s/%s", real[1] ? real : "", name);
	free(real);
	if ((size_t)n >= path_bytes)
		return fault_set(fault, FAULT_STORE, "",
			"the directory of the store is a link to a path that is too long; set "
			"state.path to another file");
	return 0;
}

int
file_lock(const char *path, struct fault *fault)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
	char name[FILE_NAME_MAX], pid[16] = "";
	ssize_t n;
	unsigned i;
	int fd;

	snprintf(name, sizeof(name), "%s-lock", path);
	fd = regular_open(name, O_RDWR | O_CREAT, "cannot open", fault);
	if (fd < 0)
		return -1;
	/* A process that was killed holds its files until the kernel has freed its memory. */
	for (i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno == EWOULDBLOCK && i < LOCK_TRIES) {
			nanosleep(&pause, NULL);
			continue;
		}
		if (errno == EWOULDBLOCK) {
			n = pread(fd, pid, sizeof(pid) - 1, 0);
			pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
			fault_set(fault, FAULT_STORE, "",
				"store %s is in use by process %s; stop that process, or set "
				"state.path to another file",
				path, pid[0] ? pid : "unknown");
		} else {
			file_fault(fault, "cannot lock", name, NULL);
		}
		close(fd);
		return -1;
	}
	/* Only for that message: without it the lock holds as well. */
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) == 0)
		n = pwrite(fd, pid, (size_t)n, 0);
	return fd;
}

int
file_create(const char *path, struct fault *fault)
{
	const int fd = regular_open(path, O_RDWR | O_CREAT, "cannot make", fault);

	if (fd < 0)
		return -1;
	close(fd);
	return directory_sync(path, fault);
}

int
file_rename(const char *from, const char *to, struct fault *fault)
{
	if (rename(from, to) < 0)
		return file_fault(fault, "cannot rename", from, NULL);
	return directory_sync(to, fault);
}

int
file_sync(const char *path, struct fault *fault)
{
	const int fd = regular_open(path, O_RDONLY, "cannot open", fault);
	int rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	if (rc < 0)
		file_fault(fault, "cannot sync", path, NULL);
	close(fd);
	return rc;
}

static const char *const file_parts[] = {"", "-wal", "-shm"};
#define N_FILE_PARTS (sizeof(file_parts) / sizeof(file_parts[0]))

int
file_check(const char *path, struct fault *fault)
{
	char part[FILE_NAME_MAX];
	struct stat file;
	unsigned i;
	int fd;

	for (i = 0; i < N_FILE_PARTS; i++) {
		snprintf(part, sizeof(part), "%s%s", path, file_parts[i]);
		if (lstat(part, &file) < 0 && errno == ENOENT)
			continue;
		fd = regular_open(part, O_RDONLY, "cannot open", fault);
		if (fd < 0)
			return -1;
		close(fd);
	}
	return lstat(path, &file) == 0 && file.st_size > 0;
}

void
file_remove(const char *path)
{
	char part[FILE_NAME_MAX];
	unsigned i;

	for (i = 0; i < N_FILE_PARTS; i++) {
		snprintf(part, sizeof(part), "%s%s", path, file_parts[i]);
		unlink(part);
	}
}

int
file_move(const char *from, const char *to, struct fault *fault)
{
	char part[FILE_NAME_MAX], moved[FILE_NAME_MAX];
	struct stat file;
	unsigned i;

	for (i = 0; i < N_FILE_PARTS; i++) {
		snprintf(part, sizeof(part), "%s%s", from, file_parts[i]);
		snprintf(moved, sizeof(moved), "%s%s", to, file_parts[i]);
		if (lstat(part, &file) == 0 && file_rename(part, moved, fault) < 0)
			return -1;
	}
	return 0;
}
