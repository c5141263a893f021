/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes connections in, counts them, and turns away the one too many. */
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/listener.h>

#include "connection.h"
#include "frame.h"
#include "peer.h"
#include "unix_socket.h"

/* How long to leave the listener alone when the process has no descriptors left. */
static const struct timeval accept_pause = {.tv_usec = 200000};

struct client {
	LIST_ENTRY(client) link;
	struct rpc_server *server;
	struct connection *connection;
};

struct rpc_server {
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *resume; /* the listener after a pause */
	struct rpc_service *service;
	struct rpc_limits limits;
	unsigned n_clients;
	LIST_HEAD(, client) clients;
	char *path;
};

static void
client_remove(struct client *client)
{
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

static int
client_add(struct rpc_server *server, struct bufferevent *stream, const struct actor *actor)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->server = server;
	client->connection = connection_create(
		stream, actor, &server->limits, server->service, on_closed, client);
	if (!client->connection) {
		free(client);
		return -ENOMEM;
	}
	LIST_INSERT_HEAD(&server->clients, client, link);
	server->n_clients++;
	return 0;
}

/* Serve the local peer at fd, which belongs to its connection on success. */
static int
peer_add(struct rpc_server *server, int fd)
{
	struct bufferevent *stream;
	struct actor actor;
	int rc = peer_read(fd, &actor);

	if (rc < 0)
		return rc;
	actor.role = actor.uid == 0 || actor.uid == geteuid() ? ROLE_ADMIN : ROLE_VIEWER;
	stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!stream)
		return -ENOMEM;
	rc = client_add(server, stream, &actor);
	if (rc < 0) {
		bufferevent_setfd(stream, -1);
		bufferevent_free(stream);
	}
	return rc;
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

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
	int address_bytes, void *arg)
{
	struct rpc_server *server = arg;
	struct fault fault;
	int rc;

	(void)listener;
	(void)address;
	(void)address_bytes;
	if (server->n_clients == server->limits.connections) {
		fault_set(&fault, FAULT_LIMIT, "", "connection passes max_connections, which is %u",
			server->limits.connections);
		connection_refuse(fd, &fault);
		return;
	}
	rc = peer_add(server, fd);
	if (rc < 0) {
		fault_set(&fault, FAULT_NO_ROOM, "", "connection failed: %s", strerror(-rc));
		connection_refuse(fd, &fault);
	}
}

/* Out of descriptors: the listener would call again at once, so give it a rest. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct rpc_server *server = arg;

	evconnlistener_disable(listener);
	evtimer_add(server->resume, &accept_pause);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_server *server = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(server->listener);
}

static int
limits_check(const struct rpc_limits *limits, struct fault *fault)
{
	if (limits->message_bytes && limits->connections && limits->depth &&
		limits->depth <= FRAME_DEPTH_MAX)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "",
		"limits of the control socket: found %zu bytes, depth %u, %u connections, expected "
		"at least 1 each and a depth of at most %d",
		limits->message_bytes, limits->depth, limits->connections, FRAME_DEPTH_MAX);
}

/* Path, timer and listener; what was made before a failure is for rpc_server_destroy(). */
static int
server_listen(struct rpc_server *server, const char *path, struct fault *fault)
{
	int fd;

	server->resume = evtimer_new(server->base, on_resume, server);
	if (!server->resume)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the control socket");
	fd = unix_socket_listen(path, fault);
	if (fd < 0)
		return -1;
	server->path = strdup(path);
	server->listener = evconnlistener_new(server->base, on_accept, server,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!server->path || !server->listener) {
		unlink(path);
		if (!server->listener)
			close(fd);
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the control socket");
	}
	evconnlistener_set_error_cb(server->listener, on_accept_error);
	return 0;
}

struct rpc_server *
rpc_server_create(struct event_base *base, const char *socket_path, const struct rpc_limits *limits,
	struct rpc_service *service, struct fault *fault)
{
	struct rpc_server *server;

	if (limits_check(limits, fault))
		return NULL;
	server = calloc(1, sizeof(*server));
	if (!server) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the control socket");
		return NULL;
	}
	server->base = base;
	server->service = service;
	server->limits = *limits;
	LIST_INIT(&server->clients);
	if (server_listen(server, socket_path, fault)) {
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
	if (server->listener)
		evconnlistener_free(server->listener);
	if (server->resume)
		event_free(server->resume);
	if (server->path)
		unlink(server->path);
	free(server->path);
	free(server);
}
