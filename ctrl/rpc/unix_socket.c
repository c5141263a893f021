/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells a dead process's socket from a living one's by connecting to it. */
#include "unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define SOCKET_UMASK 0117 /* leaves rw-rw---- */

static int
refuse(struct fault *fault, enum fault_code code, const char *path, const char *why)
{
	return fault_set(fault, code, "", "control socket %s: %s", path, why);
}

static int
socket_open(struct fault *fault, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? refuse(fault, FAULT_INTERNAL, path, strerror(errno)) : fd;
}

/* Remove a socket that nobody listens on; 0 also when nothing is there. */
static int
stale_remove(const struct sockaddr_un *address, struct fault *fault)
{
	const char *path = address->sun_path;
	struct stat found;
	int error;
	int fd;

	if (lstat(path, &found))
		return errno == ENOENT ? 0
				       : refuse(fault, FAULT_INVALID_VALUE, path, strerror(errno));
	if (!S_ISSOCK(found.st_mode))
		return refuse(
			fault, FAULT_CONFLICT, path, "a file that is no socket is in the way");
	fd = socket_open(fault, path);
	if (fd < 0)
		return -1;
	error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	if (error != ECONNREFUSED)
		return refuse(fault, FAULT_CONFLICT, path, "another process listens there");
	if (unlink(path))
		return refuse(fault, FAULT_INVALID_VALUE, path, strerror(errno));
	return 0;
}

static int
listen_at(int fd, const struct sockaddr_un *address, gid_t group)
{
	mode_t before = umask(SOCKET_UMASK);
	int error = bind(fd, (const struct sockaddr *)address, sizeof(*address));

	umask(before);
	if (!error && group != (gid_t)-1)
		error = lchown(address->sun_path, (uid_t)-1, group);
	return error ? error : listen(fd, BACKLOG);
}

int
unix_socket_listen(const char *path, gid_t group, struct fault *fault)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return refuse(fault, FAULT_INVALID_VALUE, path, "expected 1 to 107 bytes of path");
	strcpy(address.sun_path, path);
	if (stale_remove(&address, fault))
		return -1;
	fd = socket_open(fault, path);
	if (fd < 0)
		return -1;
	if (!listen_at(fd, &address, group))
		return fd;
	refuse(fault, FAULT_INVALID_VALUE, path, strerror(errno));
	close(fd);
	return -1;
}
