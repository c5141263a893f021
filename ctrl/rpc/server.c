/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accepts connections, counts them, and refuses those beyond the limit. Peers of the Unix socket
 * are read with SO_PEERCRED and SO_PEERGROUPS (Linux 4.13).
 */
#include "rpc/server.h"

#include <errno.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "rpc/connection.h"
#include "rpc/frame.h"
#include "rpc/tls.h"

/*
 * Raise the process's RLIMIT_NOFILE, if it is lower than so many connections need. -1 with *fault
 * set when that is not allowed. Any thread.
 */
static int
descriptors_raise(unsigned n_connections, struct fault *fault)
{
	const rlim_t needed = DESCRIPTORS_OWN + (rlim_t)n_connections;
	struct rlimit limit;
	rlim_t hard;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return fault_set(fault, FAULT_INTERNAL, "",
			"no limit of descriptors to be read: %s", strerror(errno));
	if (limit.rlim_cur >= needed)
		return 0;
	hard = limit.rlim_max;
	limit.rlim_cur = needed;
	if (limit.rlim_max < needed)
		limit.rlim_max = needed; /* takes CAP_SYS_RESOURCE */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return 0;
	return fault_set(fault, FAULT_LIMIT, "/rpc/max_connections",
		"/rpc/max_connections: found %u, which takes %llu open files, but the process may "
		"have %llu; lower it, or raise LimitNOFILE= of the service",
		n_connections, (unsigned long long)needed, (unsigned long long)hard);
}

#define PASSWD_BYTES 4096 /* room for one entry; a longer one goes without its name */
#define GROUPS_MAX 65536 /* the kernel's NGROUPS_MAX */

static void
name_read(struct actor *actor)
{
	char text[PASSWD_BYTES];
	struct passwd entry, *found;

	if (getpwuid_r(actor->uid, &entry, text, sizeof(text), &found) == 0 && found)
		snprintf(actor->name, sizeof(actor->name), "%s", found->pw_name);
	else
		snprintf(actor->name, sizeof(actor->name), "uid %u", actor->uid);
}

/* Read the groups into *groups, which the caller frees. Returns how many, or a negative errno. */
static int
groups_read(int fd, gid_t gid, gid_t **groups)
{
	socklen_t bytes = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &bytes) < 0 && errno != ERANGE)
		return -errno;
	if (bytes > GROUPS_MAX * sizeof(gid_t))
		return -E2BIG;
	*groups = malloc(bytes + sizeof(gid_t));
	if (!*groups)
		return -ENOMEM;
	if (bytes && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, *groups, &bytes) < 0)
		return -errno;
	(*groups)[bytes / sizeof(gid_t)] = gid;
	return (int)(bytes / sizeof(gid_t)) + 1;
}

/*
 * The peer of the connected socket fd, as it was when it connected: uid, gid, pid, via, its name
 * ("uid 1234" for one that has none), and the role that these and its supplementary groups give
 * it. 0 or a negative errno.
 */
static int
peer_read(int fd, const struct access *access, struct actor *actor)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);
	gid_t *groups = NULL;
	int n_groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0)
		return -errno;
	*actor = (struct actor){.uid = peer.uid, .gid = peer.gid, .pid = peer.pid, .via = "unix"};
	name_read(actor);
	n_groups = groups_read(fd, peer.gid, &groups);
	if (n_groups > 0)
		actor->role = (uint8_t)access_role(access, peer.uid, groups, (size_t)n_groups);
	free(groups);
	return n_groups < 0 ? n_groups : 0;
}

#define BACKLOG 1024
#define SOCKET_UMASK 0117 /* leaves rw-rw---- */

static int
refuse(struct fault *fault, enum fault_code code, const char *path, const char *why)
{
	return fault_set(fault, code, "", "control socket %s: %s", path, why);
}

static int
socket_open(struct fault *fault, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? refuse(fault, FAULT_INTERNAL, path, strerror(errno)) : fd;
}

static int
directory_make(const char *path, struct fault *fault)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *directory;

	snprintf(copy, sizeof(copy), "%s", path);
	directory = dirname(copy);
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return fault_set(fault, FAULT_INVALID_VALUE, "", "cannot make directory %s: %s",
			directory, strerror(errno));
	if (access(directory, W_OK | X_OK) < 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "", "cannot write to directory %s: %s",
			directory, strerror(errno));
	return 0;
}

/* Remove a socket without a listener; 0 also when nothing is there. */
static int
stale_remove(const char *path, struct fault *fault)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat found;
	int error;
	int fd;

	if (lstat(path, &found))
		return errno == ENOENT ? 0
				       : refuse(fault, FAULT_INVALID_VALUE, path, strerror(errno));
	if (!S_ISSOCK(found.st_mode))
		return refuse(
			fault, FAULT_CONFLICT, path, "a file that is no socket is in the way");
	fd = socket_open(fault, path);
	if (fd < 0)
		return -1;
	strcpy(address.sun_path, path);
	error = connect(fd, (const struct sockaddr *)&address, sizeof(address)) ? errno : 0;
	close(fd);
	if (error != ECONNREFUSED)
		return refuse(fault, FAULT_CONFLICT, path, "another process listens there");
	if (unlink(path))
		return refuse(fault, FAULT_INVALID_VALUE, path, strerror(errno));
	return 0;
}

static int
path_check(const char *path, struct fault *fault)
{
	const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1, bytes = strlen(path);

	if (bytes >= 1 && bytes <= max)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "",
		"control socket: found a path of %zu characters, expected 1 to %zu", bytes, max);
}

int
socket_path_prepare(const char *path, struct fault *fault)
{
	if (path_check(path, fault) < 0 || directory_make(path, fault) < 0)
		return -1;
	return stale_remove(path, fault);
}

/*
 * Listen at path, mode 0660, of that group ((gid_t)-1: the process's own), not blocking, closed on
 * exec. A socket without a listener is replaced. Returns the descriptor, for the
 * caller to close and the path to unlink, or -1 with *fault set: FAULT_CONFLICT when the path is
 * taken, FAULT_INVALID_VALUE when it cannot be used. Changes the umask for a moment, so: before
 * other threads make files.
 */
static int
unix_socket_listen(const char *path, gid_t group, struct fault *fault)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mode;
	int error, fd;

	if (path_check(path, fault) < 0 || stale_remove(path, fault) < 0)
		return -1;
	strcpy(address.sun_path, path);
	fd = socket_open(fault, path);
	if (fd < 0)
		return -1;
	mode = umask(SOCKET_UMASK);
	error = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	umask(mode);
	if (!error && group != (gid_t)-1)
		error = lchown(path, (uid_t)-1, group);
	if (!error && listen(fd, BACKLOG) == 0)
		return fd;
	refuse(fault, FAULT_INVALID_VALUE, path, strerror(errno));
	close(fd);
	return -1;
}

struct client {
	LIST_ENTRY(client) link;
	struct rpc_server *server;
	struct connection *connection;
	struct bufferevent *tls_stream; /* of the connection; NULL: it is a local one */
};

struct listener {
	struct evconnlistener *socket; /* NULL: there is none */
	struct event *resume; /* after a pause */
	struct rpc_server *server;
};

struct rpc_server {
	struct rpc_server_config config;
	struct event_base *base;
	struct rpc_service *service;
	struct rpc_users *users;
	struct listener local;
	struct listener remote; /* for TLS */
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

/* Whether one more connection of that actor is within the limit. */
static bool
has_room(const struct rpc_server *server, const struct actor *actor)
{
	unsigned room = server->config.limits.connections;

	if (actor->uid == 0 || actor->uid == geteuid())
		room += RPC_CONNECTIONS_RESERVED;
	return server->n_clients < room;
}

/* Say why and hang up. One line fits the buffer of a fresh socket, so nothing waits for it. */
static void
connection_refuse(int fd, const struct fault *fault)
{
	json_t *reply = rpc_error_reply(NULL, fault);
	char *text = json_dumps(reply, JSON_COMPACT);

	if (text) {
		size_t bytes = strlen(text);

		text[bytes] = '\n'; /* in place of the terminator */
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
			"cannot read the credentials of the peer: %s", strerror(-rc));
	if (!has_room(server, &actor))
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
on_tls(void *arg, struct bufferevent *stream, const struct actor *actor)
{
	struct rpc_server *server = arg;

	if (has_room(server, actor) && client_add(server, stream, actor, true) == 0)
		return;
	tls_goodbye(stream);
	bufferevent_free(stream);
}

static void
on_accept(struct evconnlistener *socket, evutil_socket_t fd, struct sockaddr *address,
	int address_bytes, void *arg)
{
	struct listener *listener = arg;
	struct rpc_server *server = listener->server;
	struct fault fault;

	(void)socket;
	(void)address;
	(void)address_bytes;
	if (listener == &server->remote)
		tls_accept(server->tls, fd);
	else if (peer_add(server, fd, &fault) < 0)
		connection_refuse(fd, &fault);
}

/* The process is out of descriptors: pause, as the loop would report the socket at once again. */
static void
on_accept_error(struct evconnlistener *socket, void *arg)
{
	static const struct timeval pause_time = {.tv_usec = 200000};
	struct listener *listener = arg;

	evconnlistener_disable(socket);
	evtimer_add(listener->resume, &pause_time);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	const struct listener *listener = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(listener->socket);
}

/* Takes listening_fd over, on failure too. */
static int
listener_init(
	struct rpc_server *server, struct listener *listener, int listening_fd, struct fault *fault)
{
	listener->server = server;
	listener->resume = evtimer_new(server->base, on_resume, listener);
	if (listener->resume)
		listener->socket = evconnlistener_new(server->base, on_accept, listener,
			LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, listening_fd);
	if (!listener->socket) {
		close(listening_fd);
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a listening socket");
	}
	evconnlistener_set_error_cb(listener->socket, on_accept_error);
	return 0;
}

static void
listener_fini(struct listener *listener)
{
	if (listener->socket)
		evconnlistener_free(listener->socket);
	if (listener->resume)
		event_free(listener->resume);
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

/* What was made before a failure is for rpc_server_destroy(). */
static int
server_listen(struct rpc_server *server, struct fault *fault)
{
	const struct rpc_server_config *config = &server->config;
	int fd;

	if (descriptors_raise(config->limits.connections + RPC_CONNECTIONS_RESERVED, fault) < 0)
		return -1;
	fd = unix_socket_listen(config->socket_path, config->access->socket_group, fault);
	if (fd < 0)
		return -1;
	server->path = strdup(config->socket_path);
	if (!server->path) {
		close(fd);
		unlink(config->socket_path);
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the control socket");
	}
	if (listener_init(server, &server->local, fd, fault) < 0)
		return -1;
	if (!config->tls)
		return 0;
	server->tls = tls_create(
		server->base, config->tls, on_tls, server, config->warn, config->warn_arg, fault);
	fd = server->tls ? tls_listen(config->tls, fault) : -1;
	return fd < 0 ? -1 : listener_init(server, &server->remote, fd, fault);
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
	listener_fini(&server->remote);
	listener_fini(&server->local);
	tls_destroy(server->tls);
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
