/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See client.h. Sending watches for input too: a daemon that refuses a message for its size says
 * so before it has read the whole of it, and that answer must be heard.
 */
#include "cli/client.h"

#include <errno.h>
#include <poll.h>
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

#include "cli/reply.h"

#define READ_BYTES (64u << 10)
#define WAITS_MS 100
#define NOTICE_WAIT_MS INT32_MAX /* weeks */

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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
