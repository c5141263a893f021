/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes connections in, counts them, and turns away the one too many. */
#include "rpc/server.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "rpc/connection.h"
#include "rpc/descriptors.h"
#include "rpc/frame.h"
#include "rpc/listener.h"
#include "rpc/peer.h"
#include "rpc/tls.h"
#include "rpc/unix_socket.h"

struct client {
	LIST_ENTRY(client) link;
	struct rpc_server *server;
	struct connection *connection;
	struct bufferevent *tls_stream; /* of the connection; NULL: it is a local one */
};

struct rpc_server {
	struct rpc_server_config config;
	struct event_base *base;
	struct rpc_service *service;
	struct rpc_users *users;
	struct listener *local;
	struct tls *tls;
	unsigned n_clients;
	LIST_HEAD(, client) clients;
	char *path; /* of the socket, once it is there */
};

static void
client_remove(struct client *client)
{
	if (client->tls_stream)
		tls_goodbye(client->tls_stream);
	connection_destroy(client->connection);
	LIST_REMOVE(client, link);
	client->server->n_clients--;
	free(client);
}

static void
on_closed(void *arg, struct connection *connection)
{
	(void)connection;
	client_remove(arg);
}

/* Serve the client *actor. 0, or -ENOMEM with stream still the caller's. */
static int
client_add(struct rpc_server *server, struct bufferevent *stream, const struct actor *actor,
	bool by_tls)
{
	struct client *client = calloc(1, sizeof(*client));
	struct rpc_user *user = rpc_user_of(server->users, actor);

	if (client && user) {
		client->server = server;
		client->tls_stream = by_tls ? stream : NULL;
		client->connection = connection_create(stream, actor, user, &server->config.limits,
			server->service, on_closed, client);
	}
	if (user)
		rpc_user_unref(user);
	if (!client || !client->connection) {
		free(client);
		return -ENOMEM;
	}
	LIST_INSERT_HEAD(&server->clients, client, link);
	server->n_clients++;
	return 0;
}

/* Is there a place for one more of that actor's? */
static bool
has_place(const struct rpc_server *server, const struct actor *actor)
{
	unsigned places = server->config.limits.connections;

	if (actor->uid == 0 || actor->uid == geteuid())
		places += RPC_CONNECTIONS_KEPT;
	return server->n_clients < places;
}

/* Say why and hang up. One line fits the buffer of a fresh socket, so nothing waits for it. */
static void
connection_refuse(int fd, const struct fault *fault)
{
	json_t *reply = rpc_error_reply(NULL, fault);
	char *text = json_dumps(reply, JSON_COMPACT);

	if (text) {
		size_t bytes = strlen(text);

		text[bytes] = '\n'; /* in the place of the terminator */
		/* A client that has gone already does not hear it. */
		(void)!send(fd, text, bytes + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	free(text);
	json_decref(reply);
	close(fd);
}

/* Serve the local peer at fd. On failure *fault is set and fd still the caller's. */
static int
peer_add(struct rpc_server *server, int fd, struct fault *fault)
{
	struct bufferevent *stream;
	struct actor actor;
	int rc = peer_read(fd, server->config.access, &actor);

	if (rc < 0)
		return fault_set(fault, FAULT_INTERNAL, "",
			"cannot tell who is at the other end: %s", strerror(-rc));
	if (!has_place(server, &actor))
		return fault_set(fault, FAULT_LIMIT, "",
			"connection passes max_connections, which is %u",
			server->config.limits.connections);
	stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (stream && client_add(server, stream, &actor, false) == 0)
		return 0;
	if (stream) {
		bufferevent_setfd(stream, -1);
		bufferevent_free(stream);
	}
	return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the connection");
}

static void
on_local(void *arg, int fd)
{
	struct fault fault;

	if (peer_add(arg, fd, &fault) < 0)
		connection_refuse(fd, &fault);
}

static void
on_tls(void *arg, struct bufferevent *stream, const struct actor *actor)
{
	struct rpc_server *server = arg;

	if (has_place(server, actor) && client_add(server, stream, actor, true) == 0)
		return;
	tls_goodbye(stream);
	bufferevent_free(stream);
}

static int
limits_check(const struct rpc_limits *limits, struct fault *fault)
{
	if (limits->message_bytes && limits->connections && limits->waiting_bytes &&
		limits->depth && limits->depth <= FRAME_DEPTH_MAX)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "",
		"limits of the control socket: found %zu bytes, depth %u, %u connections, expected "
		"at least 1 each and a depth of at most %d",
		limits->message_bytes, limits->depth, limits->connections, FRAME_DEPTH_MAX);
}

static int
local_listen(struct rpc_server *server, const char *path, struct fault *fault)
{
	int fd = unix_socket_listen(path, server->config.access->socket_group, fault);

	if (fd < 0)
		return -1;
	server->path = strdup(path);
	if (server->path)
		server->local = listener_create(server->base, fd, on_local, server);
	if (server->local)
		return 0;
	close(fd);
	if (!server->path)
		unlink(path);
	return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the control socket");
}

/* What was made before a failure is for rpc_server_destroy(). */
static int
server_listen(struct rpc_server *server, struct fault *fault)
{
	const struct rpc_server_config *config = &server->config;

	if (descriptors_raise(config->limits.connections + RPC_CONNECTIONS_KEPT, fault) < 0 ||
		local_listen(server, config->socket_path, fault) < 0)
		return -1;
	if (!config->tls)
		return 0;
	server->tls = tls_create(
		server->base, config->tls, on_tls, server, config->warn, config->warn_arg, fault);
	return server->tls ? 0 : -1;
}

struct rpc_server *
rpc_server_create(struct event_base *base, const struct rpc_server_config *config,
	struct rpc_service *service, struct fault *fault)
{
	struct rpc_server *server;

	if (limits_check(&config->limits, fault))
		return NULL;
	server = calloc(1, sizeof(*server));
	if (server)
		server->users = rpc_users_create(base, config->limits.waiting_bytes);
	if (!server || !server->users) {
		free(server);
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the control socket");
		return NULL;
	}
	server->config = *config;
	server->base = base;
	server->service = service;
	LIST_INIT(&server->clients);
	if (server_listen(server, fault)) {
		rpc_server_destroy(server);
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	return server;
}

void
rpc_server_destroy(struct rpc_server *server)
{
	if (!server)
		return;
	while (!LIST_EMPTY(&server->clients))
		client_remove(LIST_FIRST(&server->clients));
	tls_destroy(server->tls);
	listener_destroy(server->local);
	if (server->path)
		unlink(server->path);
	free(server->path);
	rpc_users_destroy(server->users);
	free(server);
}

int
rpc_server_reload(struct rpc_server *server, struct fault *fault)
{
	return tls_reload(server->tls, fault);
}
