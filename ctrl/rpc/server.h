/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket and, if the configuration has one, the TLS listener: their connections and
 * limits. Requests of one connection are answered in order, a line each, and each before the next
 * is read. What passes a limit is answered with an error that names the limit, except that a client
 * which asks too often is made to wait; only a connection too many is closed. A client that does
 * not read its replies is not read from either until it does: what waits for it is bounded by
 * RPC_OUTPUT_HIGH and one reply.
 */
#ifndef CTRL_RPC_SERVER_H
#define CTRL_RPC_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#include <event2/event.h>

#include "base/fault.h"
#include "config/config.h"
#include "rpc/dispatch.h"

#define DESCRIPTORS_OWN 1024 /* that the rest of the process may have open */

/* Connections beyond the limit that are for local admins by uid: root, and sluiced's own user. */
#define RPC_CONNECTIONS_RESERVED 2

/* The longest request that this client may send, of what the configuration allows. Any thread. */
size_t rpc_message_bytes(const struct actor *actor, size_t configured);

struct rpc_server;

/*
 * Listen on the socket (mode 0660) and answer from within base's event loop. A socket that a dead
 * process left there is replaced. The process's limit of descriptors is raised when the connections
 * need it. base, service and config are borrowed and must outlive the server. SIGPIPE is ignored by
 * the process from then on. NULL: *fault says why; FAULT_CONFLICT when another process listens
 * there, or something that is no socket is in the way.
 */
struct rpc_server *rpc_server_create(struct event_base *base, const struct config *config,
	struct rpc_service *service, struct fault *fault);

/*
 * Whether the control socket can be made, found out before any port is touched: make the directory
 * of the path (0755) if its parent exists, and remove a socket that no process listens on. 0, or -1
 * with *fault set; FAULT_CONFLICT when another process listens there, or there is something else.
 * A second sluiced must stop here: later it would take the steering programs of the first one off
 * the interfaces.
 */
int socket_path_prepare(const char *path, struct fault *fault);

/* Close all connections and remove the socket. NULL is allowed. Not from within a method. */
void rpc_server_destroy(struct rpc_server *server);

/* Read the TLS listener's files again; -1 with *fault set: the old ones stay. */
int rpc_server_reload(struct rpc_server *server, struct fault *fault);

#endif
