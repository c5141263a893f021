/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accepts connections, counts them, and refuses those beyond the limit. Peers of the Unix socket
 * are read with SO_PEERCRED and SO_PEERGROUPS (Linux 4.13).
 *
 * A connection is open, then ending (the client has said all, replies still wait), then closed.
 * Everything happens in the callbacks of one bufferevent.
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

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/timer.h"
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
		"/rpc/max_connections: found %u, which requires %llu open files, more than the "
		"limit of %llu; decrease it, or increase LimitNOFILE= of the service",
		n_connections, (unsigned long long)needed, (unsigned long long)hard);
}

#define GROUPS_MAX 65536 /* the kernel's NGROUPS_MAX */

/*
 * The peer of the connected socket fd, as it was when it connected: uid, gid, pid, via, its name
 * ("uid 1234" for one that has none), and the role that these and its supplementary groups give
 * it. 0 or a negative errno.
 */
static int
peer_read(int fd, const struct access *access, struct actor *actor)
{
	static gid_t groups[GROUPS_MAX + 1]; /* too large for the stack */
	socklen_t bytes = sizeof(struct ucred), group_bytes = GROUPS_MAX * sizeof(gid_t);
	const struct passwd *entry;
	struct ucred peer;
	size_t n_groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &group_bytes) < 0)
		return -errno;
	n_groups = group_bytes / sizeof(gid_t);
	groups[n_groups++] = peer.gid;
	*actor = (struct actor){.uid = peer.uid, .gid = peer.gid, .pid = peer.pid, .via = "unix"};
	entry = getpwuid(peer.uid);
	if (entry)
		snprintf(actor->name, sizeof(actor->name), "%s", entry->pw_name);
	else
		snprintf(actor->name, sizeof(actor->name), "uid %u", peer.uid);
	actor->role = (uint8_t)access_role(access, peer.uid, groups, n_groups);
	return 0;
}

#define BACKLOG 1024
#define SOCKET_UMASK 0117 /* leaves rw-rw---- */

static int
refuse(struct fault *fault, enum fault_code code, const char *path, const char *why)
{
	return fault_set(fault, code, "", "control socket %s: %s", path, why);
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
		return refuse(fault, FAULT_CONFLICT, path, "the path exists and is not a socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return refuse(fault, FAULT_INTERNAL, path, strerror(errno));
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

struct rpc_server {
	const struct config *config;
	struct event_base *base;
	struct rpc_service *service;
	struct rpc_users *users;
	struct evconnlistener *local, *remote; /* remote: for TLS; NULL: there is none */
	struct timer resume; /* accepting, after a pause */
	struct tls *tls;
	unsigned n_connections;
	LIST_HEAD(, connection) connections;
	const char *path; /* of the socket, once it is there */
};

#define OUTPUT_LOW (256u << 10) /* bytes below which a client that was paused goes on */
#define INPUT_BYTES 16384 /* to read before they are handled */
#define VIEWER_BYTES (128u << 10) /* longest request of users who may change nothing */
#define BURST_NS (NS_PER_S / 10) /* worth of requests that may come at once */
#define ACCEPT_PAUSE_NS (NS_PER_S / 5)

struct connection {
	LIST_ENTRY(connection) link;
	struct rpc_server *server;
	struct bufferevent *stream;
	struct rpc_session *session;
	bool ended; /* the client will send no more */
	bool ending;
	struct rpc_turn turn; /* to handle the input, or to read more of it */
	bool throttled; /* until `timer` fires */
	struct timer timer;
	uint64_t due_ns; /* when the requests so far would have come at the rate allowed */
	bool busy; /* a message is not answered yet; the next ones wait */
	bool handling; /* input_handle() is at work */
	size_t frame_bytes; /* of the frame, that count as waiting */
	struct frame frame;
};

/* Close and free; deferred calls go on without it. In a callback, the last thing that it does. */
static void
connection_destroy(struct connection *connection)
{
	LIST_REMOVE(connection, link);
	connection->server->n_connections--;
	tls_goodbye(connection->stream);
	rpc_turn_cancel(&connection->turn);
	rpc_user_bytes_change(connection->turn.user, 0, connection->frame_bytes);
	rpc_session_close(connection->session);
	bufferevent_free(connection->stream);
	rpc_session_unref(connection->session);
	timer_disarm(&connection->timer);
	frame_fini(&connection->frame);
	free(connection);
}

/* Count requests; pause for as long as they were too many. */
static void
requests_count(struct connection *connection, size_t n_requests)
{
	const unsigned per_s = connection->server->config->max_requests_per_s;
	const uint64_t now = clock_read_ns(CLOCK_MONOTONIC);

	if (!per_s)
		return;
	if (connection->due_ns < now)
		connection->due_ns = now;
	connection->due_ns += n_requests * NS_PER_S / per_s;
	if (connection->due_ns > now + BURST_NS) {
		connection->throttled = true;
		timer_arm(&connection->timer, connection->due_ns - now - BURST_NS);
	}
}

static void
message_refuse(struct connection *connection, const struct fault *fault)
{
	rpc_session_write(connection->session, "", rpc_error_reply(NULL, fault), "\n");
}

static void
limit_refuse(struct connection *connection, const char *what, size_t limit)
{
	struct fault fault;

	fault_set(&fault, FAULT_LIMIT, "", "request exceeds %s, which is %zu%s", what, limit,
		limit == VIEWER_BYTES ? " for viewers" : "");
	message_refuse(connection, &fault);
}

static void
on_answered(void *arg)
{
	struct connection *connection = arg;

	connection->busy = false;
	if (!connection->handling)
		rpc_turn_request(&connection->turn);
}

static void
event_handle(struct connection *connection, enum frame_event event)
{
	const struct frame *frame = &connection->frame;
	struct fault fault;

	switch (event) {
	case FRAME_MORE:
		break;
	case FRAME_TEXT:
		connection->busy = true;
		requests_count(connection,
			rpc_service_call(connection->server->service, connection->session,
				frame->text, frame->n_text, on_answered, connection));
		break;
	case FRAME_TOO_LONG:
		limit_refuse(connection, "max_message_bytes", frame->max_bytes);
		break;
	case FRAME_TOO_DEEP:
		limit_refuse(connection, "max_depth", frame->max_depth);
		break;
	case FRAME_NO_MEMORY:
		fault_set(&fault, FAULT_NO_ROOM, "", "no memory for the request");
		message_refuse(connection, &fault);
		break;
	}
}

static bool
may_go_on(struct connection *connection)
{
	return !connection->busy && !connection->throttled &&
	       !rpc_session_full(connection->session);
}

/* What the frame keeps counts for the user; a request that grows beyond the limit is discarded. */
static void
frame_count(struct connection *connection, enum frame_event event)
{
	struct frame *frame = &connection->frame;
	const bool grows = event == FRAME_MORE && frame->room > connection->frame_bytes;
	struct fault fault;

	rpc_user_bytes_change(connection->turn.user, frame->room, connection->frame_bytes);
	connection->frame_bytes = frame->room;
	if (!grows || rpc_user_check(connection->turn.user, &fault) == 0)
		return;
	frame_discard(frame);
	message_refuse(connection, &fault);
	frame_count(connection, FRAME_MORE);
}

/* The client will send no more, and what it has sent is answered. */
static void
connection_end(struct connection *connection)
{
	connection->ending = true;
	connection->handling = true; /* what broke off is answered at once */
	event_handle(connection, frame_end(&connection->frame));
	bufferevent_setwatermark(connection->stream, EV_WRITE, 0, 0);
	if (!evbuffer_get_length(connection->session->output))
		connection_destroy(connection);
}

/*
 * Answer what has come in, as long as the client takes the replies, no call is deferred and the
 * turn lasts, and read on only then.
 */
static void
input_handle(void *arg)
{
	struct connection *connection = arg;
	struct evbuffer *input = bufferevent_get_input(connection->stream);
	const uint64_t end_ns = clock_read_ns(CLOCK_MONOTONIC) + TURN_NS;
	enum frame_event event = FRAME_TEXT;
	bool is_over = false;

	connection->handling = true;
	while (may_go_on(connection) && !is_over &&
		(event != FRAME_MORE || evbuffer_get_length(input))) {
		size_t bytes = evbuffer_get_contiguous_space(input);
		const char *data = (const char *)evbuffer_pullup(input, (ev_ssize_t)bytes);

		evbuffer_drain(input, frame_feed(&connection->frame, data, bytes, &event));
		frame_count(connection, event);
		event_handle(connection, event);
		is_over = event != FRAME_MORE && clock_read_ns(CLOCK_MONOTONIC) > end_ns;
	}
	connection->handling = false;
	if (!may_go_on(connection))
		bufferevent_disable(connection->stream, EV_READ);
	else if (is_over)
		rpc_turn_request(&connection->turn);
	else if (connection->ended)
		connection_end(connection);
	else
		bufferevent_enable(connection->stream, EV_READ);
}

static void
on_timer(void *arg)
{
	struct connection *connection = arg;

	connection->throttled = false;
	rpc_turn_request(&connection->turn);
}

static void
on_read(struct bufferevent *stream, void *arg)
{
	struct connection *connection = arg;

	(void)stream;
	rpc_turn_request(&connection->turn);
}

/* The client has taken replies: all of them when it is ending, enough to go on otherwise. */
static void
on_written(struct bufferevent *stream, void *arg)
{
	struct connection *connection = arg;

	if (connection->ending) {
		connection_destroy(connection);
		return;
	}
	rpc_session_drained(connection->session);
	if (!(bufferevent_get_enabled(stream) & EV_READ))
		rpc_turn_request(&connection->turn);
}

static void
on_event(struct bufferevent *stream, short what, void *arg)
{
	struct connection *connection = arg;

	if (what & BEV_EVENT_ERROR) {
		connection_destroy(connection);
	} else if (what & BEV_EVENT_EOF) {
		bufferevent_disable(stream, EV_READ);
		connection->ended = true;
		rpc_turn_request(&connection->turn);
	}
}

size_t
rpc_message_bytes(const struct actor *actor, size_t configured)
{
	return actor->role <= ROLE_VIEWER && configured > VIEWER_BYTES ? VIEWER_BYTES : configured;
}

/* Serve the client *actor. 0, or -ENOMEM with stream still the caller's. */
static int
connection_create(struct rpc_server *server, struct bufferevent *stream, const struct actor *actor)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection)
		connection->session =
			rpc_session_create(server->users, actor, bufferevent_get_output(stream));
	if (!connection || !connection->session) {
		free(connection);
		return -ENOMEM;
	}
	connection->server = server;
	connection->stream = stream;
	connection->turn = (struct rpc_turn){
		.user = connection->session->user, .run = input_handle, .arg = connection};
	timer_init(&connection->timer, server->base, on_timer, connection);
	frame_init(&connection->frame, rpc_message_bytes(actor, server->config->max_message_bytes),
		server->config->max_depth);
	LIST_INSERT_HEAD(&server->connections, connection, link);
	server->n_connections++;
	bufferevent_setcb(stream, on_read, on_written, on_event, connection);
	bufferevent_setwatermark(stream, EV_WRITE, OUTPUT_LOW, 0);
	bufferevent_setwatermark(stream, EV_READ, 0, INPUT_BYTES);
	bufferevent_enable(stream, EV_READ | EV_WRITE);
	return 0;
}

/* Whether one more connection of that actor is within the limit. */
static bool
has_room(const struct rpc_server *server, const struct actor *actor)
{
	unsigned room = server->config->max_connections;

	if (actor->uid == 0 || actor->uid == geteuid())
		room += RPC_CONNECTIONS_RESERVED;
	return server->n_connections < room;
}

/* Say why and hang up. One line fits the buffer of a fresh socket, so nothing waits for it. */
static void
connection_refuse(int fd, const struct fault *fault)
{
	json_t *reply = rpc_error_reply(NULL, fault);
	char *text = json_dumps(reply, JSON_COMPACT);

	if (text)
		dprintf(fd, "%s\n", text);
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
	int rc = peer_read(fd, &server->config->access, &actor);

	if (rc < 0)
		return fault_set(fault, FAULT_INTERNAL, "",
			"cannot read the credentials of the peer: %s", strerror(-rc));
	if (!has_room(server, &actor))
		return fault_set(fault, FAULT_LIMIT, "",
			"connection exceeds max_connections, which is %u",
			server->config->max_connections);
	stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (stream && connection_create(server, stream, &actor) == 0)
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

	if (has_room(server, actor) && connection_create(server, stream, actor) == 0)
		return;
	tls_goodbye(stream);
	bufferevent_free(stream);
}

static void
on_accept(struct evconnlistener *socket, evutil_socket_t fd, struct sockaddr *address,
	int address_bytes, void *arg)
{
	struct rpc_server *server = arg;
	struct fault fault;

	(void)address;
	(void)address_bytes;
	if (socket == server->remote)
		tls_accept(server->tls, fd);
	else if (peer_add(server, fd, &fault) < 0)
		connection_refuse(fd, &fault);
}

/* The process is out of descriptors: pause, as the loop would report the socket at once again. */
static void
on_accept_error(struct evconnlistener *socket, void *arg)
{
	struct rpc_server *server = arg;

	evconnlistener_disable(socket);
	timer_arm(&server->resume, ACCEPT_PAUSE_NS);
}

static void
on_resume(void *arg)
{
	const struct rpc_server *server = arg;

	evconnlistener_enable(server->local);
	if (server->remote)
		evconnlistener_enable(server->remote);
}

/* NULL: errno says why. */
static struct evconnlistener *
listener_create(struct rpc_server *server, const void *address, int bytes)
{
	struct evconnlistener *listener = evconnlistener_new_bind(server->base, on_accept, server,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG, address,
		bytes);

	if (listener)
		evconnlistener_set_error_cb(listener, on_accept_error);
	return listener;
}

/*
 * Listen at the path, mode 0660, of the group of the configuration. A socket without a listener is
 * replaced. -1 with *fault set: FAULT_CONFLICT when the path is taken, FAULT_INVALID_VALUE when it
 * cannot be used. Changes the umask for a moment, so: before other threads make files.
 */
static int
local_listen(struct rpc_server *server, struct fault *fault)
{
	const char *path = server->config->socket_path;
	const gid_t group = server->config->access.socket_group;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mode;

	if (path_check(path, fault) < 0 || stale_remove(path, fault) < 0)
		return -1;
	strcpy(address.sun_path, path);
	mode = umask(SOCKET_UMASK);
	server->local = listener_create(server, &address, sizeof(address));
	umask(mode);
	if (!server->local)
		return refuse(fault, FAULT_INVALID_VALUE, path, strerror(errno));
	server->path = path;
	if (group != (gid_t)-1 && lchown(path, (uid_t)-1, group) < 0)
		return refuse(fault, FAULT_INVALID_VALUE, path, strerror(errno));
	return 0;
}

static int
remote_listen(struct rpc_server *server, struct fault *fault)
{
	const struct tls_config *config = &server->config->tls;
	struct sockaddr_storage address;
	const int bytes = listen_address_read(config->listen, "/tls/listen", &address, fault);

	if (bytes < 0)
		return -1;
	server->tls = tls_create(server->base, config, on_tls, server, fault);
	if (!server->tls)
		return -1;
	server->remote = listener_create(server, &address, bytes);
	if (server->remote)
		return 0;
	return fault_set(fault, errno == EADDRINUSE ? FAULT_CONFLICT : FAULT_INVALID_VALUE,
		"/tls/listen", "/tls/listen: cannot listen at %s: %s%s", config->listen,
		strerror(errno),
		errno == EACCES ? "; a port below 1024 requires that sluiced runs as root, "
				  "without process.user: use another one"
				: "");
}

/* What was made before a failure is for rpc_server_destroy(). */
static int
server_listen(struct rpc_server *server, struct fault *fault)
{
	const unsigned n_connections = server->config->max_connections + RPC_CONNECTIONS_RESERVED;

	if (descriptors_raise(n_connections, fault) < 0 || local_listen(server, fault) < 0)
		return -1;
	return server->config->tls.listen[0] ? remote_listen(server, fault) : 0;
}

struct rpc_server *
rpc_server_create(struct event_base *base, const struct config *config, struct rpc_service *service,
	struct fault *fault)
{
	struct rpc_server *server = calloc(1, sizeof(*server));

	if (server)
		*server = (struct rpc_server){
			.config = config,
			.base = base,
			.service = service,
			.users = rpc_users_create(base, config->max_waiting_bytes),
		};
	if (!server || !server->users) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the control socket");
		rpc_server_destroy(server);
		return NULL;
	}
	timer_init(&server->resume, base, on_resume, server);
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
	while (!LIST_EMPTY(&server->connections))
		connection_destroy(LIST_FIRST(&server->connections));
	if (server->remote)
		evconnlistener_free(server->remote);
	if (server->local)
		evconnlistener_free(server->local);
	timer_disarm(&server->resume);
	tls_destroy(server->tls);
	if (server->path)
		unlink(server->path);
	rpc_users_destroy(server->users);
	free(server);
}

int
rpc_server_reload(struct rpc_server *server, struct fault *fault)
{
	return tls_reload(server->tls, fault);
}
