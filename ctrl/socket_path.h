/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether the control socket can be made, found out before any port is touched. */
#ifndef CTRL_SOCKET_PATH_H
#define CTRL_SOCKET_PATH_H

#include "base/fault.h"

/*
 * Make the directory of the path (0755) if its parent exists, and check that the path is free, or
 * holds a socket that nobody listens on. 0, or -1 with *fault set.
 */
int socket_path_prepare(const char *path, struct fault *fault);

#endif
