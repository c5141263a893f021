/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linked into every program: descriptors 0 to 2 that are closed when it starts are opened on
 * /dev/null before main(). Otherwise the next file or socket takes the number, and is written to as
 * if it was standard output or standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void __attribute__((constructor)) standard_streams_open(void)
{
	/* A write of results fails with EBADF; a message on standard error is discarded. */
	static const int modes[] = {O_RDONLY, O_RDONLY, O_RDWR};
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[fd]) != fd)
			_exit(1);
	}
}
