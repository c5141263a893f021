/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is at the other end of a Unix socket, as the kernel says (unix(7), SO_PEERCRED). */
#ifndef CTRL_RPC_PEER_H
#define CTRL_RPC_PEER_H

#include "state/actor.h"

/*
 * The peer of the connected socket fd, as it was when it connected: uid, gid, pid, via and name
 * ("uid 1234" for one that has no user name); no role yet. 0 or a negative errno.
 */
int peer_read(int fd, struct actor *actor);

#endif
