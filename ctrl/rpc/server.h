/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket: a Unix stream socket, its connections and their limits. Requests of one
 * connection are answered in order, a line each. What passes a limit is answered with an error
 * that names the limit; only a connection too many is closed after that.
 */
#ifndef CTRL_RPC_SERVER_H
#define CTRL_RPC_SERVER_H

#include <stddef.h>

#include <event2/event.h>

#include "rpc/service.h"
#include "schema/fault.h"

struct rpc_limits {
	size_t message_bytes; /* longest text of a request, at least 1 */
	unsigned depth; /* deepest nesting of a request, 1..FRAME_DEPTH_MAX */
	unsigned connections; /* at a time, at least 1 */
};

struct rpc_server;

/*
 * Listen on socket_path (mode 0660) and answer from within base's event loop. A socket that a dead
 * process left there is replaced. base and service are borrowed and must outlive the server.
 * SIGPIPE is ignored by the process from then on. NULL: *fault says why; FAULT_CONFLICT when
 * another process listens there, or something that is no socket is in the way.
 */
struct rpc_server *rpc_server_create(struct event_base *base, const char *socket_path,
	const struct rpc_limits *limits, struct rpc_service *service, struct fault *fault);

/* Close all connections and remove the socket. NULL is allowed. Not from within a method. */
void rpc_server_destroy(struct rpc_server *server);

#endif
