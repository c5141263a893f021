/* SPDX-License-Identifier: BSD-3-Clause */
/* sluiced must stop before it touches a port when its socket cannot be made. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/server.h"

static char directory[] = "/tmp/sluice-socket-XXXXXX";
static char path[64];

static void
setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/run/rpc.sock", directory);
}

static void
teardown(void)
{
	char sub[64];

	snprintf(sub, sizeof(sub), "%s/run", directory);
	unlink(path);
	rmdir(sub);
	rmdir(directory);
}

TestSuite(socket_path, .init = setup, .fini = teardown);

static void
refused(const char *where, enum fault_code code, const char *words)
{
	struct fault fault = {0};

	cr_expect_eq(socket_path_prepare(where, &fault), -1);
	cr_expect_eq(fault.code, code);
	cr_expect(strstr(fault.message, words), "%s", fault.message);
}

static int
bound(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

Test(socket_path, directory_is_made_once)
{
	struct fault fault;
	struct stat status;
	char sub[64];

	umask(0);
	cr_assert_eq(socket_path_prepare(path, &fault), 0);
	snprintf(sub, sizeof(sub), "%s/run", directory);
	cr_assert_eq(stat(sub, &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0755);
	cr_expect_eq(socket_path_prepare(path, &fault), 0);
}

Test(socket_path, parent_must_exist)
{
	snprintf(path, sizeof(path), "%s/a/b/rpc.sock", directory);
	refused(path, FAULT_INVALID_VALUE, "cannot make directory");
}

Test(socket_path, length)
{
	char longest[200];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	refused(longest, FAULT_INVALID_VALUE, "199 characters, expected 1 to 107");
	refused("", FAULT_INVALID_VALUE, "0 characters");
}

Test(socket_path, other_things_stay)
{
	struct fault fault;
	FILE *file;

	cr_assert_eq(socket_path_prepare(path, &fault), 0);
	file = fopen(path, "w");
	fclose(file);
	refused(path, FAULT_CONFLICT, "is not a socket");
	cr_expect_eq(access(path, F_OK), 0);
}

Test(socket_path, dead_socket_is_removed_and_a_live_one_refused)
{
	struct fault fault;
	int fd;

	cr_assert_eq(socket_path_prepare(path, &fault), 0);
	fd = bound();
	cr_expect_eq(socket_path_prepare(path, &fault), 0, "no process listens");
	cr_expect_neq(access(path, F_OK), 0);
	close(fd);
	fd = bound();
	cr_assert_eq(listen(fd, 1), 0);
	refused(path, FAULT_CONFLICT, "another process listens");
	cr_expect_eq(access(path, F_OK), 0);
	close(fd);
	cr_expect_eq(socket_path_prepare(path, &fault), 0, "no process listens any more");
}
