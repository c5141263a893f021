/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A second sluiced with the configuration of a running one must stop here: a step later it would
 * take the first one's steering programs off the interfaces.
 */
#include "socket_path.h"

#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int
directory_make(const char *path, struct fault *fault)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *directory;

	snprintf(copy, sizeof(copy), "%s", path);
	directory = dirname(copy);
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return fault_set(fault, FAULT_INVALID_VALUE, "", "cannot make directory %s: %s",
			directory, strerror(errno));
	if (access(directory, W_OK | X_OK) < 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "", "cannot write to directory %s: %s",
			directory, strerror(errno));
	return 0;
}

static bool
somebody_listens(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool listens;

	if (fd < 0)
		return false;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	/* EAGAIN: its queue of connections is full. */
	listens = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
		  errno == EAGAIN;
	close(fd);
	return listens;
}

int
socket_path_prepare(const char *path, struct fault *fault)
{
	struct stat status;

	if (path[0] == '\0' || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"control socket: found a path of %zu characters, expected 1 to %zu",
			strlen(path), sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	if (directory_make(path, fault) < 0)
		return -1;
	if (lstat(path, &status) < 0)
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return fault_set(fault, FAULT_CONFLICT, "",
			"control socket: %s is there and is no socket", path);
	if (somebody_listens(path))
		return fault_set(fault, FAULT_CONFLICT, "",
			"control socket: another process listens on %s", path);
	return 0;
}
