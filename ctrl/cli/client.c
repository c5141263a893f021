/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See client.h. Sending watches for input too: a daemon that refuses a message for its size says
 * so before it has read the whole of it, and that answer must be received. Every refusal of a
 * remote connection names the option whose file is wrong.
 */
#include "cli/client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/escape.h"
#include "base/fault.h"
#include "cli/output.h"

int
client_error_set(struct client_error *error, enum client_status status, const char *format, ...)
{
	char text[sizeof(error->text)];
	va_list args;

	error->status = status;
	error->name[0] = error->pointer[0] = error->message[0] = '\0';
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_escape(text, error->text, sizeof(error->text));
	return -1;
}

/* Whoever finds that what was asked for is wrong, sluicectl or the daemon, the answer is one. */
static enum client_status
refusal_status(json_int_t code)
{
	static const json_int_t wrong[] = {FAULT_PARSE, FAULT_INVALID_REQUEST,
		FAULT_METHOD_NOT_FOUND, FAULT_INVALID_PARAMS, FAULT_INVALID_VALUE};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (code == wrong[i])
			return CLIENT_WRONG;
	}
	return CLIENT_REFUSED;
}

/* Fill *error from the error object of JSON-RPC 2.0 section 5.1. */
static int
reply_refused(const json_t *object, struct client_error *error)
{
	const json_t *data = json_object_get(object, "data");
	const char *message = json_string_value(json_object_get(object, "message"));
	const char *name = json_string_value(json_object_get(data, "name"));
	const char *pointer = json_string_value(json_object_get(data, "pointer"));
	const json_t *code = json_object_get(object, "code");
	enum client_status status = refusal_status(json_integer_value(code));
	char number[32];

	if (!json_is_integer(code) || message == NULL)
		return client_error_set(
			error, CLIENT_BROKEN, "the reply's error has no code or no message");
	if (name == NULL) {
		snprintf(number, sizeof(number), "error %" JSON_INTEGER_FORMAT,
			json_integer_value(code));
		name = number;
	}
	if (pointer != NULL && pointer[0] != '\0')
		client_error_set(error, status, "%s at %s: %s", name, pointer, message);
	else
		client_error_set(error, status, "%s: %s", name, message);
	text_escape(name, error->name, sizeof(error->name));
	text_escape(pointer != NULL ? pointer : "", error->pointer, sizeof(error->pointer));
	text_escape(message, error->message, sizeof(error->message));
	return -1;
}

json_t *
reply_result(json_t *reply, json_int_t id, struct client_error *error)
{
	const char *version = json_string_value(json_object_get(reply, "jsonrpc"));
	const json_t *reply_id = json_object_get(reply, "id");
	const json_t *refusal = json_object_get(reply, "error");
	json_t *result = json_object_get(reply, "result");

	if (version == NULL || strcmp(version, "2.0") != 0) {
		client_error_set(error, CLIENT_BROKEN, "the reply is not JSON-RPC 2.0");
		return NULL;
	}
	/* A message that could not be read has no id to give back: it is null then. */
	if (refusal != NULL && (json_is_null(reply_id) || json_integer_value(reply_id) == id)) {
		reply_refused(refusal, error);
		return NULL;
	}
	if (!json_is_integer(reply_id) || json_integer_value(reply_id) != id) {
		client_error_set(error, CLIENT_BROKEN, "the reply is to another call");
		return NULL;
	}
	if (!json_is_object(result)) {
		client_error_set(error, CLIENT_BROKEN, "the reply has no result object");
		return NULL;
	}
	return json_incref(result);
}

static bool
is_safe(const char *text)
{
	return text[text_plain_length(text)] == '\0';
}

static char *
safe_copy(const char *text)
{
	char *copy = text_escape_copy(text);

	if (copy == NULL)
		cli_out_of_memory();
	return copy;
}

static void
members_make_safe(json_t *object)
{
	const char *name;
	json_t *value;
	void *next;
	char *safe;

	json_object_foreach_safe(object, next, name, value)
	{
		reply_make_safe(value);
		if (is_safe(name))
			continue;
		safe = safe_copy(name);
		json_object_set(object, safe, value);
		json_object_del(object, name);
		free(safe);
	}
}

void
reply_make_safe(json_t *message)
{
	json_t *item;
	char *safe;
	size_t i;

	if (json_is_string(message) && !is_safe(json_string_value(message))) {
		safe = safe_copy(json_string_value(message));
		json_string_set(message, safe);
		free(safe);
	}
	json_array_foreach (message, i, item)
		reply_make_safe(item);
	if (json_is_object(message))
		members_make_safe(message);
}

#define HOST_MAX 254 /* characters of a name, RFC 1035 section 2.3.4 */

struct remote {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	char reason[128]; /* why it has gone; "": unknown */
};

/* What an attempt to connect knows. */
struct attempt {
	struct remote *remote;
	const struct remote_target *target;
	int64_t deadline_ms;
	char host[HOST_MAX];
	const char *port;
	char *why;
	size_t why_size;
};

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int attempt_fail(struct attempt *attempt, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int
attempt_fail(struct attempt *attempt, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(attempt->why, attempt->why_size, format, args);
	va_end(args);
	return -1;
}

static const char *
ssl_reason(void)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	if (!reason && ERR_SYSTEM_ERROR(error))
		reason = strerror(ERR_GET_REASON(error));
	ERR_clear_error();
	return reason ? reason : "the connection broke off";
}

/* The alert that the far end has ended the connection with; NULL: it is none. */
static const char *
alert_name(unsigned long error)
{
	const char *reason = ERR_reason_error_string(error);

	if (ERR_GET_LIB(error) != ERR_LIB_SSL || ERR_GET_REASON(error) < SSL_AD_REASON_OFFSET)
		return NULL;
	reason = reason ? strstr(reason, "alert ") : NULL;
	return reason ? reason + strlen("alert ") : NULL;
}

/* Whether an alert is about the certificate that we have shown, RFC 8446 section 6.2. */
static bool
alert_is_about_us(unsigned long error)
{
	switch (ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET) {
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case SSL_AD_CERTIFICATE_REQUIRED:
		return true;
	default:
		return false;
	}
}

/* Keep the first alert that the far end has sent; it is gone from the queue of errors then. */
static void
alert_keep(struct remote *remote)
{
	const unsigned long error = ERR_peek_last_error();
	const char *name = alert_name(error);

	if (name && !remote->reason[0])
		snprintf(remote->reason, sizeof(remote->reason), "%s (alert: %s)",
			alert_is_about_us(error) ? "it refused the certificate of --cert"
						 : "it ended TLS",
			name);
	ERR_clear_error();
}

static int
endpoint_split(struct attempt *attempt)
{
	const char *text = attempt->target->endpoint;
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (!length || length >= sizeof(attempt->host) || !colon[1])
		return attempt_fail(attempt, "expected HOST:PORT, as box.example:7878 or "
					     "[2001:db8::1]:7878");
	memcpy(attempt->host, text, length);
	attempt->host[length] = '\0';
	attempt->port = colon + 1;
	return 0;
}

/* Make a context of the three files. */
static int
context_make(struct attempt *attempt)
{
	const struct remote_target *target = attempt->target;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	attempt->remote->context = context;
	if (!context)
		return attempt_fail(attempt, "%s", ssl_reason());
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(
		context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_use_certificate_chain_file(context, target->certificate) != 1)
		return attempt_fail(attempt, "--cert %s: %s", target->certificate, ssl_reason());
	if (SSL_CTX_use_PrivateKey_file(context, target->key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(context) != 1)
		return attempt_fail(attempt, "--key %s: %s", target->key, ssl_reason());
	if (SSL_CTX_load_verify_file(context, target->ca) != 1)
		return attempt_fail(attempt, "--ca %s: %s", target->ca, ssl_reason());
	return 0;
}

static int
attempt_wait(struct attempt *attempt, short events)
{
	struct pollfd pollfd = {.fd = attempt->remote->fd, .events = events};
	int64_t left_ms = attempt->deadline_ms - now_ms();

	if (left_ms > 0 && poll(&pollfd, 1, (int)left_ms) > 0)
		return 0;
	return attempt_fail(attempt, "no answer in time (--timeout)");
}

static int
address_try(struct attempt *attempt, const struct addrinfo *address)
{
	struct remote *remote = attempt->remote;
	const int yes = 1;
	int error = 0;
	socklen_t bytes = sizeof(error);

	remote->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (remote->fd < 0)
		return attempt_fail(attempt, "%s", strerror(errno));
	setsockopt(remote->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(remote->fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
		error = errno;
	else if (attempt_wait(attempt, POLLOUT) < 0)
		return -1;
	else
		getsockopt(remote->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
	return error ? attempt_fail(attempt, "%s", strerror(error)) : 0;
}

static int
tcp_connect(struct attempt *attempt)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found;
	int rc = getaddrinfo(attempt->host, attempt->port, &hints, &found);

	if (rc != 0)
		return attempt_fail(attempt, "%s", gai_strerror(rc));
	rc = -1;
	for (const struct addrinfo *address = found; address && rc < 0;
		address = address->ai_next) {
		rc = address_try(attempt, address);
		if (rc < 0 && attempt->remote->fd >= 0) {
			close(attempt->remote->fd);
			attempt->remote->fd = -1;
		}
	}
	freeaddrinfo(found);
	return rc;
}

/* Whose certificate we want to see. */
static int
name_expect(struct attempt *attempt)
{
	SSL *ssl = attempt->remote->ssl;

	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), attempt->host) == 1)
		return 0;
	ERR_clear_error();
	if (SSL_set1_host(ssl, attempt->host) == 1 &&
		SSL_set_tlsext_host_name(ssl, attempt->host) == 1)
		return 0;
	return attempt_fail(attempt, "%s", ssl_reason());
}

static int
handshake_failed(struct attempt *attempt)
{
	long verified = SSL_get_verify_result(attempt->remote->ssl);

	if (verified != X509_V_OK)
		return attempt_fail(attempt, "its certificate is not accepted: %s (--ca)",
			X509_verify_cert_error_string(verified));
	if (alert_name(ERR_peek_last_error())) {
		alert_keep(attempt->remote);
		return attempt_fail(attempt, "%s", attempt->remote->reason);
	}
	return attempt_fail(attempt, "TLS: %s", ssl_reason());
}

static int
tls_connect(struct attempt *attempt)
{
	SSL *ssl = SSL_new(attempt->remote->context);

	attempt->remote->ssl = ssl;
	if (!ssl || SSL_set_fd(ssl, attempt->remote->fd) != 1)
		return attempt_fail(attempt, "%s", ssl_reason());
	if (name_expect(attempt) < 0)
		return -1;
	for (;;) {
		int rc = SSL_connect(ssl);
		int error = SSL_get_error(ssl, rc);

		if (rc == 1)
			return 0;
		if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			return handshake_failed(attempt);
		if (attempt_wait(attempt, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT) < 0)
			return -1;
	}
}

static void
remote_close(struct remote *remote)
{
	if (!remote)
		return;
	SSL_free(remote->ssl);
	SSL_CTX_free(remote->context);
	if (remote->fd >= 0)
		close(remote->fd);
	free(remote);
}

static struct remote *
remote_open(const struct remote_target *target, unsigned timeout_ms, char *why, size_t why_size)
{
	struct remote *remote = calloc(1, sizeof(*remote));
	struct attempt attempt = {.remote = remote,
		.target = target,
		.deadline_ms = now_ms() + timeout_ms,
		.why = why,
		.why_size = why_size};

	if (!remote) {
		attempt_fail(&attempt, "no memory");
		return NULL;
	}
	remote->fd = -1;
	/* A far end that goes away must not end us. Standard output is checked by main(). */
	signal(SIGPIPE, SIG_IGN);
	if (endpoint_split(&attempt) == 0 && context_make(&attempt) == 0 &&
		tcp_connect(&attempt) == 0 && tls_connect(&attempt) == 0)
		return remote;
	remote_close(remote);
	return NULL;
}

static int
remote_fd(const struct remote *remote)
{
	return remote->fd;
}

static bool
remote_readable(struct remote *remote)
{
	char byte;
	int rc = SSL_peek(remote->ssl, &byte, 1);
	int error = SSL_get_error(remote->ssl, rc);

	alert_keep(remote);
	/* The end of the stream and errors are for remote_read() to find, too. */
	return rc > 0 || error != SSL_ERROR_WANT_READ;
}

static const char *
remote_reason(const struct remote *remote)
{
	return remote->reason;
}

/* 0: wait; -1: the connection has gone. */
static ssize_t
result_of(struct remote *remote, int rc)
{
	int error = SSL_get_error(remote->ssl, rc);

	alert_keep(remote);
	if (rc > 0)
		return rc;
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t
remote_write(struct remote *remote, const void *bytes, size_t length)
{
	return result_of(remote,
		SSL_write(remote->ssl, bytes, length > INT32_MAX ? INT32_MAX : (int)length));
}

static ssize_t
remote_read(struct remote *remote, void *bytes, size_t room)
{
	return result_of(
		remote, SSL_read(remote->ssl, bytes, room > INT32_MAX ? INT32_MAX : (int)room));
}

#define READ_BYTES (64u << 10)
#define WAITS_MS 100
#define NOTICE_WAIT_MS INT32_MAX /* weeks */

void
client_init(struct client *client, const char *path, unsigned timeout_ms)
{
	*client = (struct client){.path = path, .timeout_ms = timeout_ms, .fd = -1};
}

static void
client_close(struct client *client)
{
	if (client->remote != NULL)
		remote_close(client->remote);
	else if (client->fd >= 0)
		close(client->fd);
	client->remote = NULL;
	client->fd = -1;
	client->length = 0;
	client->searched = 0;
	json_decref(client->notices);
	client->notices = NULL;
}

void
client_fini(struct client *client)
{
	client_close(client);
	free(client->buffer);
	client->buffer = NULL;
	client->room = 0;
}

static int
client_timed_out(const struct client *client, struct client_error *error)
{
	return client_error_set(error, CLIENT_BROKEN,
		"sluiced at %s gave no reply in %u.%03u s (--timeout)", client->path,
		client->timeout_ms / 1000, client->timeout_ms % 1000);
}

/* Why connect() failed, and what a person can do about it. */
static int
client_unreachable(const struct client *client, int number, struct client_error *error)
{
	const char *why = strerror(number);

	if (number == EAGAIN)
		return client_timed_out(client, error);
	if (number == ENOENT)
		why = "no such socket. Is sluiced running? --socket or SLUICE_SOCKET names another";
	else if (number == ECONNREFUSED)
		why = "nobody listens there. sluiced does not run; the socket was left behind";
	else if (number == EACCES)
		why = "permission denied. It takes root, or a member of the socket's group";
	return client_error_set(
		error, CLIENT_UNREACHABLE, "cannot reach sluiced at %s: %s", client->path, why);
}

static int
client_connect_remote(struct client *client, struct client_error *error)
{
	char why[512];

	client->remote = remote_open(&client->target, client->timeout_ms, why, sizeof(why));
	if (client->remote == NULL)
		return client_error_set(error, CLIENT_UNREACHABLE, "cannot reach sluiced at %s: %s",
			client->target.endpoint, why);
	client->fd = remote_fd(client->remote);
	return 0;
}

static int
client_connect(struct client *client, struct client_error *error)
{
	const struct timeval timeout = {
		client->timeout_ms / 1000, client->timeout_ms % 1000 * 1000};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int number;

	if (client->target.endpoint != NULL)
		return client_connect_remote(client, error);
	if (strlen(client->path) >= sizeof(address.sun_path))
		return client_unreachable(client, ENAMETOOLONG, error);
	strcpy(address.sun_path, client->path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return client_unreachable(client, errno, error);
	/* connect() heeds it when the daemon's backlog is full. */
	setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	number = errno;
	client_close(client);
	return client_unreachable(client, number, error);
}

/* Wait for events until the deadline. Returns revents, or -1 with *error set. */
static int
client_poll(
	const struct client *client, short events, int64_t deadline_ms, struct client_error *error)
{
	struct pollfd pollfd = {.fd = client->fd, .events = events};
	int64_t left_ms;

	for (;;) {
		left_ms = deadline_ms - now_ms();
		if (left_ms <= 0)
			return client_timed_out(client, error);
		if (client->waits != NULL && left_ms > WAITS_MS)
			left_ms = WAITS_MS;
		if (poll(&pollfd, 1, (int)left_ms) > 0)
			break;
		if (client->waits != NULL)
			client->waits(client->waits_arg);
	}
	return pollfd.revents;
}

/* Bytes sent, 0: wait and try again, -1: it cannot be. */
static ssize_t
wire_send(struct client *client, const char *bytes, size_t length)
{
	ssize_t sent;

	if (client->remote != NULL)
		return remote_write(client->remote, bytes, length);
	sent = send(client->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

/* Does what poll() saw hold something for us? TLS has records of its own. */
static bool
wire_readable(struct client *client)
{
	return client->remote == NULL || remote_readable(client->remote);
}

/* Wait until there is something to receive, be it the end of the stream. */
static int
wire_wait(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	while (client->remote == NULL || !remote_readable(client->remote)) {
		if (client_poll(client, POLLIN, deadline_ms, error) < 0)
			return -1;
		if (client->remote == NULL)
			break;
	}
	return 0;
}

static ssize_t
wire_receive(struct client *client, char *bytes, size_t room)
{
	if (client->remote == NULL)
		return recv(client->fd, bytes, room, 0);
	errno = ECONNRESET; /* if it has gone; TLS tells no more */
	return remote_read(client->remote, bytes, room);
}

/* Send all of it, or as much as the daemon takes before it answers or hangs up. */
static int
client_send(struct client *client, const char *bytes, size_t length, int64_t deadline_ms,
	struct client_error *error)
{
	while (length > 0) {
		const int revents = client_poll(client, POLLOUT | POLLIN, deadline_ms, error);
		ssize_t sent;

		if (revents < 0)
			return -1;
		if ((revents & POLLIN) && wire_readable(client))
			return 0;
		sent = wire_send(client, bytes, length);
		if (sent < 0)
			return 0; /* receiving tells what happened */
		if (sent > 0) {
			bytes += sent;
			length -= (size_t)sent;
		}
	}
	return 0;
}

/* Read once into the buffer. Returns 0, or -1 with *error set. */
static int
client_fill(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	ssize_t received;

	if (client->room - client->length < READ_BYTES) {
		const size_t room = client->room * 2 + READ_BYTES;
		char *buffer = realloc(client->buffer, room);

		if (buffer == NULL)
			return client_error_set(error, CLIENT_BROKEN, "no memory for the reply");
		client->buffer = buffer;
		client->room = room;
	}
	if (wire_wait(client, deadline_ms, error) < 0)
		return -1;
	received = wire_receive(client, client->buffer + client->length, READ_BYTES);
	if (received > 0) {
		client->length += (size_t)received;
		return 0;
	}
	if (client->remote != NULL && remote_reason(client->remote)[0] != '\0')
		return client_error_set(error, CLIENT_BROKEN,
			"sluiced at %s closed the connection: %s", client->path,
			remote_reason(client->remote));
	return client_error_set(error, CLIENT_BROKEN,
		"sluiced at %s closed the connection without a reply%s%s", client->path,
		received < 0 ? ": " : "", received < 0 ? strerror(errno) : "");
}

/* Wait for the end of a line. Its place in the buffer, or NULL with *error set. */
static const char *
line_wait(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	const char *end = NULL;

	for (;;) {
		if (client->length > client->searched)
			end = memchr(client->buffer + client->searched, '\n',
				client->length - client->searched);
		if (end != NULL)
			return end;
		client->searched = client->length;
		if (client_fill(client, deadline_ms, error) < 0)
			return NULL;
	}
}

/* Take one line from the stream and parse it. New reference, or NULL with *error set. */
static json_t *
client_receive(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	const char *end = line_wait(client, deadline_ms, error);
	json_error_t where;
	json_t *message;
	size_t bytes;

	if (end == NULL)
		return NULL;
	bytes = (size_t)(end - client->buffer);
	message = json_loadb(client->buffer, bytes, 0, &where);
	if (message == NULL)
		client_error_set(error, CLIENT_BROKEN, "the reply is not JSON: %s at byte %d",
			where.text, where.position);
	else if (!client->verbatim)
		reply_make_safe(message);
	client->length -= bytes + 1;
	client->searched = 0;
	memmove(client->buffer, end + 1, client->length);
	return message;
}

static bool
is_notice(const json_t *message)
{
	return json_object_get(message, "method") != NULL && json_object_get(message, "id") == NULL;
}

/* The next message that is a reply; notifications are kept for later. */
static json_t *
client_reply(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	json_t *message;

	while ((message = client_receive(client, deadline_ms, error)) != NULL &&
		is_notice(message)) {
		if (client->notices == NULL)
			client->notices = json_array();
		json_array_append_new(client->notices, message);
	}
	return message;
}

static json_t *
client_exchange(struct client *client, json_t *request, struct client_error *error)
{
	const int64_t deadline_ms = now_ms() + client->timeout_ms;
	char *text = json_dumps(request, JSON_COMPACT);
	json_t *reply = NULL;
	size_t length;

	if (text == NULL) {
		client_error_set(error, CLIENT_BROKEN, "no memory for the request");
		return NULL;
	}
	length = strlen(text);
	text[length] = '\n'; /* the line's end takes the place of the string's */
	if (client->fd >= 0 || client_connect(client, error) == 0) {
		if (client_send(client, text, length + 1, deadline_ms, error) == 0)
			reply = client_reply(client, deadline_ms, error);
	}
	free(text);
	return reply;
}

json_t *
client_call(struct client *client, const char *method, json_t *params, struct client_error *error)
{
	const json_int_t id = ++client->last_id;
	json_t *request, *reply, *result = NULL;

	request = json_pack("{s:s, s:s, s:O, s:I}", "jsonrpc", "2.0", "method", method, "params",
		params, "id", id);
	reply = client_exchange(client, request, error);
	json_decref(request);
	if (reply != NULL)
		result = reply_result(reply, id, error);
	/* An error without our id is about the connection, which may be of no use any more. */
	if (result == NULL && !json_is_integer(json_object_get(reply, "id")))
		client_close(client);
	json_decref(reply);
	return result;
}

json_t *
client_notice(struct client *client, struct client_error *error)
{
	json_t *message = json_incref(json_array_get(client->notices, 0)), *params;

	if (message != NULL)
		json_array_remove(client->notices, 0);
	while (message == NULL || !is_notice(message)) {
		json_decref(message);
		message = client_receive(client, now_ms() + NOTICE_WAIT_MS, error);
		if (message == NULL) {
			client_close(client);
			return NULL;
		}
	}
	params = json_incref(json_object_get(message, "params"));
	json_decref(message);
	return params;
}
