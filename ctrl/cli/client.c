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

/* Fill *error from the error object of JSON-RPC 2.0 section 5.1. */
static void
reply_refused(const json_t *object, struct client_error *error)
{
	const json_t *data = json_object_get(object, "data");
	const char *message = json_string_value(json_object_get(object, "message"));
	const char *name = json_string_value(json_object_get(data, "name"));
	const char *pointer = json_string_value(json_object_get(data, "pointer"));
	const json_t *code = json_object_get(object, "code");
	enum client_status status = CLIENT_REFUSED;
	char number[32];

	if (!json_is_integer(code) || message == NULL) {
		client_error_set(
			error, CLIENT_BROKEN, "the reply's error has no code or no message");
		return;
	}
	switch (json_integer_value(code)) {
	case FAULT_PARSE:
	case FAULT_INVALID_REQUEST:
	case FAULT_METHOD_NOT_FOUND:
	case FAULT_INVALID_PARAMS:
	case FAULT_INVALID_VALUE:
		status = CLIENT_WRONG; /* as when sluicectl finds it wrong itself */
		break;
	default:
		break;
	}
	snprintf(number, sizeof(number), "error %" JSON_INTEGER_FORMAT, json_integer_value(code));
	name = name != NULL ? name : number;
	pointer = pointer != NULL ? pointer : "";
	client_error_set(error, status, "%s%s%s: %s", name, pointer[0] != '\0' ? " at " : "",
		pointer, message);
	text_escape(name, error->name, sizeof(error->name));
	text_escape(pointer, error->pointer, sizeof(error->pointer));
	text_escape(message, error->message, sizeof(error->message));
}

json_t *
reply_result(json_t *reply, json_int_t id, struct client_error *error)
{
	const char *version = json_string_value(json_object_get(reply, "jsonrpc"));
	const json_t *reply_id = json_object_get(reply, "id");
	const json_t *refusal = json_object_get(reply, "error");
	json_t *result = json_object_get(reply, "result");
	const bool is_ours = json_is_integer(reply_id) && json_integer_value(reply_id) == id;

	if (version == NULL || strcmp(version, "2.0") != 0)
		client_error_set(error, CLIENT_BROKEN, "the reply is not JSON-RPC 2.0");
	/* A message that could not be read has no id to give back: it is null then. */
	else if (refusal != NULL && (json_is_null(reply_id) || is_ours))
		reply_refused(refusal, error);
	else if (!is_ours)
		client_error_set(error, CLIENT_BROKEN, "the reply is to another call");
	else if (!json_is_object(result))
		client_error_set(error, CLIENT_BROKEN, "the reply has no result object");
	else
		return json_incref(result);
	return NULL;
}

/* What is shown in the place of a text, to be freed; NULL: the text is safe. */
static char *
safe_copy(const char *text)
{
	char *copy = NULL;

	if (text[text_plain_length(text)] != '\0' && (copy = text_escape_copy(text)) == NULL)
		cli_out_of_memory();
	return copy;
}

void
reply_make_safe(json_t *message)
{
	const char *name;
	json_t *item;
	void *next;
	char *safe;
	size_t i;

	if (json_is_string(message) && (safe = safe_copy(json_string_value(message))) != NULL) {
		json_string_set(message, safe);
		free(safe);
	}
	json_array_foreach (message, i, item)
		reply_make_safe(item);
	json_object_foreach_safe(message, next, name, item)
	{
		reply_make_safe(item);
		safe = safe_copy(name);
		if (safe == NULL)
			continue;
		json_object_set(message, safe, item);
		json_object_del(message, name);
		free(safe);
	}
}

#define READ_BYTES (64u << 10)
#define WAITS_MS 100
#define NOTICE_WAIT_MS INT32_MAX /* weeks */
#define HOST_MAX 254 /* characters of a name, RFC 1035 section 2.3.4 */

void
client_init(struct client *client, const char *path, unsigned timeout_ms)
{
	*client = (struct client){.path = path, .timeout_ms = timeout_ms, .fd = -1};
}

static void
client_close(struct client *client)
{
	SSL_free(client->ssl);
	if (client->fd >= 0)
		close(client->fd);
	client->ssl = NULL;
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

static int __attribute__((format(printf, 3, 4)))
unreachable(const struct client *client, struct client_error *error, const char *format, ...)
{
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return client_error_set(
		error, CLIENT_UNREACHABLE, "cannot reach sluiced at %s: %s", client->path, why);
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

/* Keep the first alert that the far end has sent; it is gone from the queue of errors then. */
static void
alert_keep(struct client *client)
{
	const unsigned long error = ERR_peek_last_error();
	const char *name = alert_name(error), *what = "it ended TLS";

	/* Alerts about the certificate that we have shown, RFC 8446 section 6.2. */
	switch (ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET) {
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case SSL_AD_CERTIFICATE_REQUIRED:
		what = "it refused the certificate of --cert";
		break;
	default:
		break;
	}
	if (name && !client->reason[0])
		snprintf(client->reason, sizeof(client->reason), "%s (alert: %s)", what, name);
	ERR_clear_error();
}

static int
endpoint_split(const struct client *client, char host[HOST_MAX], const char **port,
	struct client_error *error)
{
	const char *text = client->target.endpoint;
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (!length || length >= HOST_MAX || !colon[1])
		return unreachable(client, error,
			"expected HOST:PORT, as box.example:7878 or [2001:db8::1]:7878");
	memcpy(host, text, length);
	host[length] = '\0';
	*port = colon + 1;
	return 0;
}

static int
context_load(const struct client *client, SSL_CTX *context, struct client_error *error)
{
	const struct remote_target *target = &client->target;

	if (!context)
		return unreachable(client, error, "%s", ssl_reason());
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(
		context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_use_certificate_chain_file(context, target->certificate) != 1)
		return unreachable(
			client, error, "--cert %s: %s", target->certificate, ssl_reason());
	if (SSL_CTX_use_PrivateKey_file(context, target->key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(context) != 1)
		return unreachable(client, error, "--key %s: %s", target->key, ssl_reason());
	if (SSL_CTX_load_verify_file(context, target->ca) != 1)
		return unreachable(client, error, "--ca %s: %s", target->ca, ssl_reason());
	return 0;
}

static int
connect_wait(
	const struct client *client, short events, int64_t deadline_ms, struct client_error *error)
{
	struct pollfd pollfd = {.fd = client->fd, .events = events};
	int64_t left_ms = deadline_ms - now_ms();

	if (left_ms > 0 && poll(&pollfd, 1, (int)left_ms) > 0)
		return 0;
	return unreachable(client, error, "no answer in time (--timeout)");
}

static int
address_try(struct client *client, const struct addrinfo *address, int64_t deadline_ms,
	struct client_error *error)
{
	const int yes = 1;
	int number = 0;
	socklen_t bytes = sizeof(number);

	client->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return unreachable(client, error, "%s", strerror(errno));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(client->fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
		number = errno;
	else if (connect_wait(client, POLLOUT, deadline_ms, error) < 0)
		return -1;
	else
		getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &number, &bytes);
	return number ? unreachable(client, error, "%s", strerror(number)) : 0;
}

static int
tcp_connect(struct client *client, const char *host, const char *port, int64_t deadline_ms,
	struct client_error *error)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found;
	int rc = getaddrinfo(host, port, &hints, &found);

	if (rc != 0)
		return unreachable(client, error, "%s", gai_strerror(rc));
	rc = -1;
	for (const struct addrinfo *address = found; address && rc < 0;
		address = address->ai_next) {
		client_close(client);
		rc = address_try(client, address, deadline_ms, error);
	}
	freeaddrinfo(found);
	return rc;
}

/* The certificate must be for the name or address that was asked for. */
static int
tls_connect(struct client *client, SSL_CTX *context, char *host, int64_t deadline_ms,
	struct client_error *error)
{
	SSL *ssl = client->ssl = SSL_new(context);

	if (!ssl || SSL_set_fd(ssl, client->fd) != 1)
		return unreachable(client, error, "%s", ssl_reason());
	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) != 1) {
		ERR_clear_error();
		if (SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1)
			return unreachable(client, error, "%s", ssl_reason());
	}
	for (;;) {
		int rc = SSL_connect(ssl);
		int why = SSL_get_error(ssl, rc);

		if (rc == 1)
			return 0;
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			break;
		if (connect_wait(client, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ms,
			    error) < 0)
			return -1;
	}
	if (SSL_get_verify_result(ssl) != X509_V_OK)
		return unreachable(client, error, "its certificate is not accepted: %s (--ca)",
			X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
	if (!alert_name(ERR_peek_last_error()))
		return unreachable(client, error, "TLS: %s", ssl_reason());
	alert_keep(client);
	return unreachable(client, error, "%s", client->reason);
}

static int
client_connect_remote(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	char host[HOST_MAX];
	const char *port = "";
	SSL_CTX *context;
	int rc = -1;

	/* A far end that goes away must not end us. Standard output is checked by main(). */
	signal(SIGPIPE, SIG_IGN);
	client->reason[0] = '\0';
	if (endpoint_split(client, host, &port, error) < 0)
		return -1;
	context = SSL_CTX_new(TLS_client_method());
	if (context_load(client, context, error) == 0 &&
		tcp_connect(client, host, port, deadline_ms, error) == 0)
		rc = tls_connect(client, context, host, deadline_ms, error);
	SSL_CTX_free(context);
	if (rc < 0)
		client_close(client);
	return rc;
}

static int
client_connect(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	const struct timeval timeout = {
		client->timeout_ms / 1000, client->timeout_ms % 1000 * 1000};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *why;
	int number;

	if (client->target.endpoint != NULL)
		return client_connect_remote(client, deadline_ms, error);
	if (strlen(client->path) >= sizeof(address.sun_path))
		return unreachable(client, error, "%s", strerror(ENAMETOOLONG));
	strcpy(address.sun_path, client->path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return unreachable(client, error, "%s", strerror(errno));
	/* connect() heeds it when the daemon's backlog is full. */
	setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	number = errno;
	client_close(client);
	if (number == EAGAIN)
		return client_timed_out(client, error);
	why = strerror(number);
	if (number == ENOENT)
		why = "no such socket. Is sluiced running? --socket or SLUICE_SOCKET names another";
	else if (number == ECONNREFUSED)
		why = "no process listens there. sluiced does not run; the socket is left over";
	else if (number == EACCES)
		why = "permission denied. It takes root, or a member of the socket's group";
	return unreachable(client, error, "%s", why);
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

/* Bytes that TLS has written or read; 0: wait and try again; -1: the connection has gone. */
static ssize_t
tls_result(struct client *client, int rc)
{
	int error = SSL_get_error(client->ssl, rc);

	alert_keep(client);
	if (rc > 0)
		return rc;
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* Bytes sent, 0: wait and try again, -1: it cannot be. */
static ssize_t
wire_send(struct client *client, const char *bytes, size_t length)
{
	ssize_t sent;

	if (client->ssl != NULL)
		return tls_result(client, SSL_write(client->ssl, bytes,
						  length > INT32_MAX ? INT32_MAX : (int)length));
	sent = send(client->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

/* Does what poll() saw hold something for us? TLS has records of its own; its end counts, too. */
static bool
wire_readable(struct client *client)
{
	char byte;

	return client->ssl == NULL || tls_result(client, SSL_peek(client->ssl, &byte, 1)) != 0;
}

/* Wait until there is something to receive, be it the end of the stream. */
static int
wire_wait(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	while (client->ssl == NULL || !wire_readable(client)) {
		if (client_poll(client, POLLIN, deadline_ms, error) < 0)
			return -1;
		if (client->ssl == NULL)
			break;
	}
	return 0;
}

static ssize_t
wire_receive(struct client *client, char *bytes, size_t room)
{
	if (client->ssl == NULL)
		return recv(client->fd, bytes, room, 0);
	errno = ECONNRESET; /* if it has gone; TLS tells no more */
	return tls_result(client, SSL_read(client->ssl, bytes, (int)room));
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
	if (client->ssl != NULL && client->reason[0] != '\0')
		return client_error_set(error, CLIENT_BROKEN,
			"sluiced at %s closed the connection: %s", client->path, client->reason);
	return client_error_set(error, CLIENT_BROKEN,
		"sluiced at %s closed the connection without a reply%s%s", client->path,
		received < 0 ? ": " : "", received < 0 ? strerror(errno) : "");
}

/* Take one line from the stream and parse it. New reference, or NULL with *error set. */
static json_t *
client_receive(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	const char *end = NULL;
	json_error_t where;
	json_t *message;
	size_t bytes;

	for (;;) {
		if (client->length > client->searched)
			end = memchr(client->buffer + client->searched, '\n',
				client->length - client->searched);
		if (end != NULL)
			break;
		client->searched = client->length;
		if (client_fill(client, deadline_ms, error) < 0)
			return NULL;
	}
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

/* Send a request; the next message that is a reply. Notifications are kept for later. */
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
	if ((client->fd >= 0 || client_connect(client, deadline_ms, error) == 0) &&
		client_send(client, text, length + 1, deadline_ms, error) == 0) {
		while ((reply = client_receive(client, deadline_ms, error)) != NULL &&
			is_notice(reply)) {
			if (client->notices == NULL)
				client->notices = json_array();
			json_array_append_new(client->notices, reply);
		}
	}
	free(text);
	return reply;
}

json_t *
client_call(struct client *client, const char *method, json_t *params, struct client_error *error)
{
	const json_int_t id = ++client->last_id;
	json_t *request, *reply, *result = NULL;

	request = json_pack("{s:s, s:s, s:o, s:I}", "jsonrpc", "2.0", "method", method, "params",
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
