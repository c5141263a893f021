/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See client.h. Both transports are a BIO of OpenSSL that does not block. Sending watches for input
 * too: a daemon that refuses a message for its size says so before it has read the whole of it.
 */
#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <openssl/bio.h>
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
	/* The reply to a message that could not be parsed has the id null. */
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

void
client_init(struct client *client, const char *path, unsigned timeout_ms)
{
	*client = (struct client){.path = path, .timeout_ms = timeout_ms};
}

static void
client_close(struct client *client)
{
	BIO_free_all(client->wire);
	client->wire = NULL;
	client->length = 0;
	client->searched = 0;
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

/* Is it about the certificate that we have shown? RFC 8446 section 6.2. */
static bool
alert_is_refusal(int alert)
{
	switch (alert) {
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

/*
 * Why OpenSSL failed, from its queue of errors, which is empty then: the system's reason or the
 * peer's alert if there is one, else the last reason.
 */
static void
reason_take(char *reason, size_t size)
{
	const char *text = errno != 0 ? strerror(errno) : "it broke off", *alert, *data;
	bool found = false;
	unsigned long error;
	int flags;

	snprintf(reason, size, "%s", text);
	while ((error = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
		const bool is_tls = ERR_GET_LIB(error) == ERR_LIB_SSL;
		const int number = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;

		text = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error))
					       : ERR_reason_error_string(error);
		if (found || text == NULL)
			continue;
		alert = is_tls && number >= 0 ? strstr(text, "alert ") : NULL;
		found = ERR_SYSTEM_ERROR(error) || alert != NULL;
		if (alert != NULL)
			snprintf(reason, size, "%s (alert: %s)",
				alert_is_refusal(number) ? "it refused the certificate of --cert"
							 : "it ended TLS",
				alert + strlen("alert "));
		else if (ERR_GET_LIB(error) == ERR_LIB_BIO && data[0] != '\0')
			snprintf(reason, size, "%s", data); /* of getaddrinfo(3) */
		else
			snprintf(reason, size, "%s%s", is_tls ? "TLS: " : "", text);
	}
}

/* Wait for events until the deadline. Returns revents, 0 when the time is over. */
static int
client_poll(const struct client *client, short events, int64_t deadline_ms)
{
	struct pollfd pollfd = {.fd = (int)BIO_get_fd(client->wire, NULL), .events = events};
	int64_t left_ms;

	while ((left_ms = deadline_ms - now_ms()) > 0) {
		if (client->progress != NULL && left_ms > WAITS_MS)
			left_ms = WAITS_MS;
		if (poll(&pollfd, 1, (int)left_ms) > 0)
			return pollfd.revents;
		if (client->progress != NULL)
			progress_at(client->progress, 0);
	}
	return 0;
}

static SSL_CTX *
context_create(const struct client *client, struct client_error *error)
{
	const struct remote_target *target = &client->target;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char reason[sizeof(client->reason)];
	const char *option = "--ca", *path = target->ca;

	if (context == NULL)
		cli_out_of_memory();
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(
		context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_use_certificate_chain_file(context, target->certificate) != 1) {
		option = "--cert";
		path = target->certificate;
	} else if (SSL_CTX_use_PrivateKey_file(context, target->key, SSL_FILETYPE_PEM) != 1 ||
		   SSL_CTX_check_private_key(context) != 1) {
		option = "--key";
		path = target->key;
	} else if (SSL_CTX_load_verify_file(context, target->ca) == 1) {
		return context;
	}
	reason_take(reason, sizeof(reason));
	unreachable(client, error, "%s %s: %s", option, path, reason);
	SSL_CTX_free(context);
	return NULL;
}

/* The certificate must be for the name or address that was given. */
static int
remote_connect(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	SSL_CTX *context = context_create(client, error);
	char *host;
	SSL *ssl;

	if (context == NULL)
		return -1;
	/* A peer that goes away must not end us. Standard output is checked by main(). */
	signal(SIGPIPE, SIG_IGN);
	client->wire = BIO_push(BIO_new_ssl(context, 1), BIO_new_connect(client->target.endpoint));
	SSL_CTX_free(context);
	host = BIO_ptr_ctrl(client->wire, BIO_C_GET_CONNECT, 0);
	if (host == NULL || BIO_get_conn_port(client->wire) == NULL)
		return unreachable(client, error,
			"expected HOST:PORT, as box.example:7878 or [2001:db8::1]:7878");
	BIO_set_conn_mode(client->wire, BIO_SOCK_NONBLOCK | BIO_SOCK_NODELAY);
	BIO_get_ssl(client->wire, &ssl);
	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) != 1 &&
		(SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1))
		return unreachable(client, error, "%s is no name of a host", host);
	ERR_clear_error();
	while (BIO_do_connect(client->wire) != 1) {
		if (!BIO_should_retry(client->wire)) {
			if (SSL_get_verify_result(ssl) != X509_V_OK)
				return unreachable(client, error,
					"its certificate is not accepted: %s (--ca)",
					X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
			reason_take(client->reason, sizeof(client->reason));
			return unreachable(client, error, "%s", client->reason);
		}
		if (client_poll(client, BIO_should_read(client->wire) ? POLLIN : POLLOUT,
			    deadline_ms) == 0)
			return unreachable(client, error, "no reply in time (--timeout)");
	}
	return 0;
}

static int
local_connect(struct client *client, struct client_error *error)
{
	const struct timeval timeout = {
		client->timeout_ms / 1000, client->timeout_ms % 1000 * 1000};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;
	const char *why;
	int fd;

	if (strlen(client->path) >= sizeof(address.sun_path))
		return unreachable(client, error, "%s", strerror(ENAMETOOLONG));
	strcpy(address.sun_path, client->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return unreachable(client, error, "%s", strerror(errno));
	client->wire = BIO_new_socket(fd, BIO_CLOSE);
	if (client->wire == NULL)
		cli_out_of_memory();
	/* connect() heeds it when the daemon's backlog is full. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		BIO_socket_nbio(fd, 1);
		return 0;
	}
	if (errno == EAGAIN)
		return client_timed_out(client, error);
	why = strerror(errno);
	if (errno == ECONNREFUSED && stat(client->path, &status) == 0 && S_ISDIR(status.st_mode))
		why = "it is a directory, expected a socket";
	else if (errno == ENOENT)
		why = "no such socket; start sluiced, or set --socket or SLUICE_SOCKET";
	else if (errno == ECONNREFUSED)
		why = "no process listens there; start sluiced";
	else if (errno == EACCES)
		why = "permission denied; only root and members of the socket's group may connect";
	return unreachable(client, error, "%s", why);
}

static int
client_connect(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	int rc;

	client->reason[0] = '\0';
	rc = client->target.endpoint != NULL ? remote_connect(client, deadline_ms, error)
					     : local_connect(client, error);
	if (rc < 0)
		client_close(client);
	return rc;
}

/* Read once into the buffer. Bytes; 0: wait and try again; -1: the stream has ended. */
static int
client_read(struct client *client)
{
	int received;

	if (client->room - client->length < READ_BYTES) {
		client->room = client->room * 2 + READ_BYTES;
		client->buffer = realloc(client->buffer, client->room);
		if (client->buffer == NULL)
			cli_out_of_memory();
	}
	errno = 0;
	received = BIO_read(client->wire, client->buffer + client->length, READ_BYTES);
	if (received > 0)
		client->length += (size_t)received;
	else if (BIO_should_retry(client->wire))
		return 0;
	else if (client->reason[0] == '\0' && (errno != 0 || ERR_peek_error() != 0))
		reason_take(client->reason, sizeof(client->reason));
	return received > 0 ? received : -1;
}

/* Send all of it, or as much as the daemon takes before it answers or hangs up. */
static int
client_send(struct client *client, const char *bytes, size_t length, int64_t deadline_ms,
	struct client_error *error)
{
	void (*former)(int) = signal(SIGPIPE, SIG_IGN);
	int revents = 0, sent = 1;

	while (length > 0 && (revents = client_poll(client, POLLOUT | POLLIN, deadline_ms)) != 0) {
		if ((revents & POLLIN) && client_read(client) != 0)
			break;
		sent = BIO_write(client->wire, bytes, length > INT32_MAX ? INT32_MAX : (int)length);
		if (sent <= 0 && !BIO_should_retry(client->wire))
			break; /* reading finds out what happened */
		bytes += sent > 0 ? sent : 0;
		length -= sent > 0 ? (size_t)sent : 0;
	}
	signal(SIGPIPE, former);
	return length == 0 || revents != 0 ? 0 : client_timed_out(client, error);
}

/* Take one line from the stream and parse it. New reference, or NULL with *error set. */
static json_t *
client_receive(struct client *client, int64_t deadline_ms, struct client_error *error)
{
	const char *end = NULL;
	json_error_t where;
	json_t *message;
	size_t bytes;
	int received;

	for (;;) {
		if (client->length > client->searched)
			end = memchr(client->buffer + client->searched, '\n',
				client->length - client->searched);
		if (end != NULL)
			break;
		client->searched = client->length;
		received = client_read(client);
		if (received < 0)
			client_error_set(error, CLIENT_BROKEN,
				"sluiced at %s closed the connection without a reply%s%s",
				client->path, client->reason[0] != '\0' ? ": " : "",
				client->reason);
		else if (received == 0 && client_poll(client, POLLIN, deadline_ms) == 0)
			received = client_timed_out(client, error);
		if (received < 0)
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

/* Send a request; the next message. */
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
	if ((client->wire != NULL || client_connect(client, deadline_ms, error) == 0) &&
		client_send(client, text, length + 1, deadline_ms, error) == 0)
		reply = client_receive(client, deadline_ms, error);
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
