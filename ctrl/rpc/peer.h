/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is at the other end of a Unix socket, as the kernel says (unix(7)). */
#ifndef CTRL_RPC_PEER_H
#define CTRL_RPC_PEER_H

#include "config/access.h"

/*
 * The peer of the connected socket fd, as it was when it connected: uid, gid, pid, via, its name
 * ("uid 1234" for one that has none), and the role that these and its supplementary groups give
 * it. 0 or a negative errno.
 */
int peer_read(int fd, const struct access *access, struct actor *actor);

#endif
