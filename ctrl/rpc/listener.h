/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Takes connections in at a listening socket. When the process is out of descriptors it leaves the
 * socket alone for a while, rather than be called again and again.
 */
#ifndef CTRL_RPC_LISTENER_H
#define CTRL_RPC_LISTENER_H

#include <event2/event.h>

struct listener;

/* A connection has come, not blocking and closed on exec; fd is the callee's from now on. */
typedef void (*listener_fn)(void *arg, int fd);

/*
 * Call accepted(arg, fd) for what comes at listening_fd, from within base's loop. On success
 * listening_fd belongs to the listener; NULL: no memory, it is still the caller's. Control thread.
 */
struct listener *listener_create(
	struct event_base *base, int listening_fd, listener_fn accepted, void *arg);

/* NULL is allowed. */
void listener_destroy(struct listener *listener);

#endif
