/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One client of the control socket. Bytes come in, are cut into texts, and each text is answered
 * before the next is looked at. A client that does not read its replies is not read from either
 * until it does: what waits for it is bounded by CONNECTION_OUTPUT_HIGH and one reply.
 */
#ifndef CTRL_RPC_CONNECTION_H
#define CTRL_RPC_CONNECTION_H

#include <event2/bufferevent.h>

#include "rpc/dispatch.h"

#define CONNECTION_OUTPUT_HIGH (1u << 20) /* bytes that wait for a client before it is paused */
#define CONNECTION_OUTPUT_LOW (256u << 10) /* and below which it goes on */

struct rpc_limits {
	size_t message_bytes; /* longest text of a request, at least 1 */
	unsigned depth; /* deepest nesting of a request, 1..FRAME_DEPTH_MAX */
	unsigned connections; /* at a time, at least 1 */
	unsigned requests_per_s; /* of one connection; 0: any number */
	size_t waiting_bytes; /* of one user: unfinished requests and unread answers, at least 1 */
};

/* The longest request that this client may send, of what the configuration allows. Any thread. */
size_t rpc_message_bytes(const struct actor *actor, size_t configured);

struct connection;

/* Called once, when the client has gone; the connection is destroyed by its owner in it. */
typedef void (*connection_closed_fn)(void *arg, struct connection *connection);

/*
 * Serve the client *actor, which is that user, at the other end of stream, which is connected.
 * limits and service are
 * borrowed and must outlive the connection. On success stream belongs to the connection; NULL: out
 * of memory, stream is still the caller's. Control thread.
 */
struct connection *connection_create(struct bufferevent *stream, const struct actor *actor,
	struct rpc_user *user, const struct rpc_limits *limits, struct rpc_service *service,
	connection_closed_fn closed, void *arg);

/* Close and free; deferred calls go on without it. */
void connection_destroy(struct connection *connection);

#endif
