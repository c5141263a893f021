/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening Unix stream socket at a path. */
#ifndef CTRL_RPC_UNIX_SOCKET_H
#define CTRL_RPC_UNIX_SOCKET_H

#include <sys/types.h>

#include "base/fault.h"

/*
 * Listen at path, mode 0660, of that group ((gid_t)-1: the process's own), not blocking, closed on
 * exec. A socket that nobody listens on any more is replaced. Returns the descriptor, for the
 * caller to close and the path to unlink, or -1 with *fault set: FAULT_CONFLICT when the path is
 * taken, FAULT_INVALID_VALUE when it cannot be used. Changes the umask for a moment, so: before
 * other threads make files.
 */
int unix_socket_listen(const char *path, gid_t group, struct fault *fault);

#endif
