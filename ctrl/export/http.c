/* SPDX-License-Identifier: BSD-3-Clause */
#include "export/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event_struct.h>
#include <microhttpd.h>
#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/timer.h"

#define PIECE_BYTES (16u << 10) /* of an exposition: some 0.2 ms */
#define TURN_NS 1000000 /* after which connections wait for the loop's next turn */
#define BACKLOG 64

struct connection {
	TAILQ_ENTRY(connection) link; /* the one that has waited longest first */
	int fd;
	uint64_t begun_ns; /* when its last request ended, or it was accepted */
};

struct http {
	const struct metrics_source *source;
	struct MHD_Daemon *daemon;
	struct event event; /* of the daemon's epoll descriptor */
	struct timer timer; /* the next turn, or the next look at connections that are slow */
	uint64_t turn_ends_ns;
	TAILQ_HEAD(, connection) connections;
	char token[HTTP_TOKEN_MAX + 1]; /* "" = none is asked for */
};

/* A response under way. */
struct response {
	struct http *http;
	struct exposition *exposition;
};

static void
turn(struct http *http)
{
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	struct connection *connection;
	MHD_UNSIGNED_LONG_LONG wait_ms;

	/* A client may send or read a byte now and then for ever. */
	TAILQ_FOREACH (connection, &http->connections, link) {
		if (now_ns < connection->begun_ns + HTTP_REQUEST_S * NS_PER_S)
			break;
		shutdown(connection->fd, SHUT_RDWR);
	}
	http->turn_ends_ns = now_ns + TURN_NS;
	MHD_run(http->daemon);
	if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES && wait_ms < 1000)
		timer_arm(&http->timer, wait_ms * 1000000);
	else if (!TAILQ_EMPTY(&http->connections))
		timer_arm(&http->timer, NS_PER_S);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	turn(arg);
}

static void
on_timer(void *arg)
{
	turn(arg);
}

static void
on_connection(void *arg, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *connection = *context;
	struct http *http = arg;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (connection)
			TAILQ_REMOVE(&http->connections, connection, link);
		free(connection);
		return;
	}
	connection = *context = calloc(1, sizeof(*connection));
	if (!connection)
		return;
	connection->fd = info->connect_fd;
	connection->begun_ns = clock_read_ns(CLOCK_MONOTONIC);
	TAILQ_INSERT_TAIL(&http->connections, connection, link);
}

/* A request was answered, or was given up. */
static void
on_completed(
	void *arg, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode code)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *connection = info->socket_context;
	struct http *http = arg;

	(void)state;
	(void)code;
	if (!connection)
		return;
	connection->begun_ns = clock_read_ns(CLOCK_MONOTONIC);
	TAILQ_REMOVE(&http->connections, connection, link);
	TAILQ_INSERT_TAIL(&http->connections, connection, link);
}

static ssize_t
response_read(void *arg, uint64_t position, char *text, size_t size)
{
	struct response *response = arg;
	size_t length;

	(void)position;
	if (exposition_ended(response->exposition))
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (size < EXPOSITION_PIECE_MIN ||
		clock_read_ns(CLOCK_MONOTONIC) > response->http->turn_ends_ns)
		return 0; /* it is asked for again */
	length = exposition_write(response->exposition, text, size);
	if (length == 0 && exposition_ended(response->exposition))
		return MHD_CONTENT_READER_END_OF_STREAM;
	return (ssize_t)length;
}

static void
response_free(void *arg)
{
	struct response *response = arg;

	exposition_destroy(response->exposition);
	free(response);
}

static enum MHD_Result
answer(struct MHD_Connection *mhd, unsigned status, struct MHD_Response *made, const char *name,
	const char *value)
{
	enum MHD_Result rc;

	if (!made)
		return MHD_NO; /* the connection is closed */
	MHD_add_response_header(made, name, value);
	rc = MHD_queue_response(mhd, status, made);
	MHD_destroy_response(made);
	return rc;
}

/* An answer of one line; `name` is one more header. */
static enum MHD_Result
refuse(struct MHD_Connection *mhd, unsigned status, const char *text, const char *name,
	const char *value)
{
	return answer(mhd, status,
		MHD_create_response_from_buffer(
			strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT),
		name, value);
}

static bool
is_authorized(const struct http *http, struct MHD_Connection *mhd)
{
	static const char scheme[] = "Bearer ";
	const char *given =
		MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
	const size_t length = strlen(http->token);

	if (length == 0)
		return true;
	return given && strncmp(given, scheme, sizeof(scheme) - 1) == 0 &&
	       strlen(given) == sizeof(scheme) - 1 + length &&
	       CRYPTO_memcmp(given + sizeof(scheme) - 1, http->token, length) == 0;
}

static enum MHD_Result
expose(struct http *http, struct MHD_Connection *mhd)
{
	const char *accept =
		MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	const bool openmetrics = accept && strstr(accept, "application/openmetrics-text");
	struct response *response = calloc(1, sizeof(*response));
	struct MHD_Response *made = NULL;

	if (response) {
		response->http = http;
		response->exposition = exposition_create(http->source, openmetrics);
		if (response->exposition)
			made = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES,
				response_read, response, response_free);
		if (!made)
			response_free(response);
	}
	return answer(mhd, MHD_HTTP_OK, made, MHD_HTTP_HEADER_CONTENT_TYPE,
		openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			    : "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
	const char *version, const char *data, size_t *data_bytes, void **state)
{
	static int seen;
	struct http *http = arg;

	(void)version;
	(void)data;
	/* Called when the headers are complete, with what a body has, and last without data. */
	if (*state == NULL || *data_bytes > 0) {
		*state = &seen;
		*data_bytes = 0;
		return MHD_YES;
	}
	if (!is_authorized(http, mhd))
		return refuse(mhd, MHD_HTTP_UNAUTHORIZED,
			"found no valid token, expected 'Authorization: Bearer TOKEN'\n",
			MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (strcmp(url, "/metrics") != 0)
		return refuse(mhd, MHD_HTTP_NOT_FOUND, "expected /metrics\n",
			MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(mhd, MHD_HTTP_METHOD_NOT_ALLOWED, "expected GET or HEAD\n",
			MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	return expose(http, mhd);
}

static int
token_read(struct http *http, struct fault *fault)
{
	static const char valid[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~+/=";
	const char *path = http->source->config->metrics.token_file;
	char token[HTTP_TOKEN_MAX + 2] = ""; /* one more, and the NUL */
	size_t length;
	FILE *file;

	if (!path[0])
		return 0;
	file = fopen(path, "re");
	if (!file)
		return fault_set(fault, FAULT_INVALID_VALUE, "/metrics/token_file",
			"/metrics/token_file: %s: %m", path);
	length = fread(token, 1, sizeof(token) - 1, file);
	fclose(file);
	length = strcspn(token, "\r\n");
	token[length] = '\0';
	if (length < HTTP_TOKEN_MIN || length > HTTP_TOKEN_MAX || strspn(token, valid) != length)
		return fault_set(fault, FAULT_INVALID_VALUE, "/metrics/token_file",
			"/metrics/token_file: found no token in the first line of %s, "
			"expected %d to %d letters, digits or -._~+/= (RFC 6750)",
			path, HTTP_TOKEN_MIN, HTTP_TOKEN_MAX);
	strcpy(http->token, token);
	return 0;
}

static int
listen_at(const char *text, struct fault *fault)
{
	struct sockaddr_storage address;
	const int bytes = listen_address_read(text, "/metrics/listen", &address, fault), on = 1;
	int fd;

	if (bytes < 0)
		return -1;
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, (struct sockaddr *)&address, (socklen_t)bytes) == 0 &&
			listen(fd, BACKLOG) == 0)
			return fd;
	}
	fault_set(fault, errno == EADDRINUSE ? FAULT_CONFLICT : FAULT_INVALID_VALUE,
		"/metrics/listen", "/metrics/listen: cannot listen at %s: %m", text);
	if (fd >= 0)
		close(fd);
	return -1;
}

struct http *
http_create(struct event_base *base, const struct metrics_source *source, struct fault *fault)
{
	struct http *http = calloc(1, sizeof(*http));
	const union MHD_DaemonInfo *epoll;
	int fd = -1;

	if (!http) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for metrics");
		return NULL;
	}
	http->source = source;
	TAILQ_INIT(&http->connections);
	timer_init(&http->timer, base, on_timer, http);
	if (token_read(http, fault) == 0)
		fd = listen_at(source->config->metrics.listen, fault);
	if (fd < 0) {
		http_destroy(http);
		return NULL;
	}
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, http,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, HTTP_CONNECTIONS_ADDRESS,
		MHD_OPTION_CONNECTION_TIMEOUT, HTTP_REQUEST_S, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
		MHD_OPTION_END);
	if (!http->daemon) {
		close(fd);
		fault_set(fault, FAULT_INTERNAL, "", "cannot start the server of metrics: %m");
		http_destroy(http);
		return NULL;
	}
	epoll = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	event_assign(&http->event, base, epoll->epoll_fd, EV_READ | EV_PERSIST, on_ready, http);
	event_add(&http->event, NULL);
	return http;
}

int
http_reload(struct http *http, struct fault *fault)
{
	return http ? token_read(http, fault) : 0;
}

void
http_destroy(struct http *http)
{
	if (!http)
		return;
	timer_disarm(&http->timer);
	if (http->daemon) {
		event_del(&http->event);
		MHD_stop_daemon(http->daemon);
	}
	free(http);
}
