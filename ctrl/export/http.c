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
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/timer.h"

#define PIECE_BYTES (16u << 10) /* of an exposition: some 0.2 ms */
#define TURN_NS 1000000 /* after which connections wait for the loop's next turn */
#define BACKLOG 64
#define FILE_BYTES_MAX (64u << 10) /* of a token, certificates or a key */

struct connection {
	TAILQ_ENTRY(connection) link; /* the one that has waited longest first */
	int fd;
	uint64_t begun_ns; /* when its last request ended, or it was accepted */
};

struct http {
	const struct metrics_source *source;
	struct event_base *base;
	int fd; /* that listens */
	struct MHD_Daemon *daemon;
	struct event event; /* of the daemon's epoll descriptor */
	struct timer timer; /* to the next turn, or to the next check for slow connections */
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

/* Whether the client has shown a certificate of the authorities, if it must. */
static bool
is_certified(const struct http *http, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info;
	unsigned status;

	if (!http->source->config->metrics.ca[0])
		return true;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	return info && gnutls_certificate_verify_peers2(info->tls_session, &status) == 0 &&
	       status == 0;
}

static bool
has_token(const struct http *http, struct MHD_Connection *mhd)
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
	if (!is_certified(http, mhd))
		return refuse(mhd, MHD_HTTP_FORBIDDEN, "found no valid certificate of the client\n",
			MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
	if (!has_token(http, mhd))
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

/* A file of the configuration, to be freed. NULL: *fault says why. */
static char *
file_read(const char *path, const char *pointer, struct fault *fault)
{
	char *text = calloc(1, FILE_BYTES_MAX + 1);
	FILE *file = text ? fopen(path, "re") : NULL;
	size_t bytes = 0;

	if (file) {
		bytes = fread(text, 1, FILE_BYTES_MAX, file);
		if (ferror(file))
			bytes = 0;
		fclose(file);
	}
	if (bytes > 0)
		return text;
	fault_set(fault, FAULT_INVALID_VALUE, pointer, "%s: cannot read %s: %s", pointer, path,
		file ? "it is empty" : strerror(errno));
	free(text);
	return NULL;
}

/* The first line of the file into `token`, of HTTP_TOKEN_MAX + 1 bytes. */
static int
token_read(const char *path, char *token, struct fault *fault)
{
	static const char valid[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~+/=";
	char *text;
	size_t length;

	token[0] = '\0';
	if (!path[0])
		return 0;
	text = file_read(path, "/metrics/token_file", fault);
	if (!text)
		return -1;
	length = strcspn(text, "\r\n");
	text[length] = '\0';
	if (length >= HTTP_TOKEN_MIN && length <= HTTP_TOKEN_MAX && strspn(text, valid) == length)
		strcpy(token, text);
	free(text);
	if (token[0])
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/metrics/token_file",
		"/metrics/token_file: found no token in the first line of %s, "
		"expected %d to %d letters, digits or -._~+/= (RFC 6750)",
		path, HTTP_TOKEN_MIN, HTTP_TOKEN_MAX);
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

/* The texts of the PEM files. */
struct pem {
	char *certificate, *key, *ca; /* NULL: there is none */
};

static void
pem_free(struct pem *pem)
{
	if (pem->key)
		OPENSSL_cleanse(pem->key, strlen(pem->key));
	free(pem->certificate);
	free(pem->key);
	free(pem->ca);
}

/* 0, or -1 with *fault set and nothing to free. */
static int
pem_read(const struct metrics_config *config, struct pem *pem, struct fault *fault)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_datum_t certificate, key;
	int rc;

	*pem = (struct pem){0};
	if (!config->certificate[0])
		return 0;
	pem->certificate = file_read(config->certificate, "/metrics/certificate", fault);
	if (pem->certificate)
		pem->key = file_read(config->key, "/metrics/key", fault);
	if (pem->key && config->ca[0])
		pem->ca = file_read(config->ca, "/metrics/ca", fault);
	if (!pem->key || (config->ca[0] && !pem->ca)) {
		pem_free(pem);
		return -1;
	}
	/* The server would only say that it does not start. */
	certificate =
		(gnutls_datum_t){(void *)pem->certificate, (unsigned)strlen(pem->certificate)};
	key = (gnutls_datum_t){(void *)pem->key, (unsigned)strlen(pem->key)};
	rc = gnutls_certificate_allocate_credentials(&credentials);
	if (rc == 0) {
		rc = gnutls_certificate_set_x509_key_mem(
			credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
		gnutls_certificate_free_credentials(credentials);
	}
	if (rc >= 0)
		return 0;
	pem_free(pem);
	return fault_set(fault, FAULT_INVALID_VALUE, "/metrics/certificate",
		"/metrics/certificate: %s and %s are no certificate and its key: %s",
		config->certificate, config->key, gnutls_strerror(rc));
}

static void
server_stop(struct http *http)
{
	if (!http->daemon)
		return;
	event_del(&http->event);
	timer_disarm(&http->timer);
	/* The descriptor that listens is kept for the next server. */
	MHD_quiesce_daemon(http->daemon);
	MHD_stop_daemon(http->daemon);
	http->daemon = NULL;
}

/* With what the files contain. It closes the connections of the server before it. */
static int
server_start(struct http *http, struct fault *fault)
{
	const struct metrics_config *config = &http->source->config->metrics;
	const union MHD_DaemonInfo *epoll;
	struct MHD_OptionItem tls[4] = {{MHD_OPTION_END, 0, NULL}};
	char token[HTTP_TOKEN_MAX + 1];
	unsigned flags = MHD_USE_EPOLL;
	struct pem pem;

	if (token_read(config->token_file, token, fault) < 0 || pem_read(config, &pem, fault) < 0)
		return -1;
	server_stop(http);
	strcpy(http->token, token);
	if (pem.certificate) {
		flags |= MHD_USE_TLS;
		tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, pem.certificate};
		tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, pem.key};
		tls[2] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	}
	if (pem.ca) {
		tls[2] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, pem.ca};
		tls[3] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	}
	http->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, http,
		MHD_OPTION_LISTEN_SOCKET, http->fd, MHD_OPTION_CONNECTION_LIMIT,
		HTTP_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT, HTTP_CONNECTIONS_ADDRESS,
		MHD_OPTION_CONNECTION_TIMEOUT, HTTP_REQUEST_S, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
		MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	pem_free(&pem);
	if (!http->daemon)
		return fault_set(
			fault, FAULT_INTERNAL, "", "cannot start the server of metrics: %m");
	epoll = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	event_assign(
		&http->event, http->base, epoll->epoll_fd, EV_READ | EV_PERSIST, on_ready, http);
	event_add(&http->event, NULL);
	return 0;
}

struct http *
http_create(struct event_base *base, const struct metrics_source *source, struct fault *fault)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for metrics");
		return NULL;
	}
	http->source = source;
	http->base = base;
	TAILQ_INIT(&http->connections);
	timer_init(&http->timer, base, on_timer, http);
	http->fd = listen_at(source->config->metrics.listen, fault);
	if (http->fd < 0 || server_start(http, fault) < 0) {
		http_destroy(http);
		return NULL;
	}
	return http;
}

int
http_reload(struct http *http, struct fault *fault)
{
	return http ? server_start(http, fault) : 0;
}

void
http_destroy(struct http *http)
{
	if (!http)
		return;
	server_stop(http);
	if (http->fd >= 0)
		close(http->fd);
	free(http);
}
