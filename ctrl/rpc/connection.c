/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection is open, then ending (the client has said all, replies still wait), then closed.
 * Everything happens in the callbacks of one bufferevent, on the control thread.
 */
#include "connection.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "frame.h"

struct connection {
	struct bufferevent *stream;
	struct rpc_service *service;
	connection_closed_fn closed;
	void *arg;
	bool ending;
	struct frame frame;
};

/* Must be the last thing that a callback does. */
static void
connection_close(struct connection *connection)
{
	connection->closed(connection->arg, connection);
}

static size_t
output_bytes(const struct connection *connection)
{
	return evbuffer_get_length(bufferevent_get_output(connection->stream));
}

static void
text_free(const void *text, size_t bytes, void *arg)
{
	(void)text;
	(void)bytes;
	free(arg);
}

/* Send a reply, which is taken over, as one line. NULL is no reply. */
static void
reply_send(struct connection *connection, json_t *reply)
{
	struct evbuffer *output = bufferevent_get_output(connection->stream);
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	size_t bytes = text ? strlen(text) : 0;

	json_decref(reply);
	if (!text)
		return;
	text[bytes] = '\n'; /* in the place of the terminator */
	if (evbuffer_add_reference(output, text, bytes + 1, text_free, text))
		free(text);
}

static void
limit_refuse(struct connection *connection, const char *what, size_t limit)
{
	struct fault fault;

	fault_set(&fault, FAULT_LIMIT, "", "request passes %s, which is %zu", what, limit);
	reply_send(connection, rpc_error_reply(NULL, &fault));
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
		reply_send(connection,
			rpc_service_call_text(connection->service, frame->text, frame->n_text));
		break;
	case FRAME_TOO_LONG:
		limit_refuse(connection, "max_message_bytes", frame->max_bytes);
		break;
	case FRAME_TOO_DEEP:
		limit_refuse(connection, "max_depth", frame->max_depth);
		break;
	case FRAME_NO_MEMORY:
		fault_set(&fault, FAULT_NO_ROOM, "", "no memory for the request");
		reply_send(connection, rpc_error_reply(NULL, &fault));
		break;
	}
}

/* Answer what has come in, as long as the client takes the replies. */
static void
input_handle(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->stream);
	enum frame_event event;

	do {
		size_t bytes = evbuffer_get_contiguous_space(input);
		const char *data = (const char *)evbuffer_pullup(input, (ev_ssize_t)bytes);

		evbuffer_drain(input, frame_feed(&connection->frame, data, bytes, &event));
		event_handle(connection, event);
	} while ((event != FRAME_MORE || evbuffer_get_length(input)) &&
		 output_bytes(connection) < CONNECTION_OUTPUT_HIGH);
	if (output_bytes(connection) >= CONNECTION_OUTPUT_HIGH)
		bufferevent_disable(connection->stream, EV_READ);
}

static void
on_read(struct bufferevent *stream, void *arg)
{
	(void)stream;
	input_handle(arg);
}

/* The client has taken replies: all of them when it is ending, enough to go on otherwise. */
static void
on_written(struct bufferevent *stream, void *arg)
{
	struct connection *connection = arg;

	if (connection->ending) {
		connection_close(connection);
	} else if (!(bufferevent_get_enabled(stream) & EV_READ)) {
		bufferevent_enable(stream, EV_READ);
		input_handle(connection);
	}
}

/* The client will send no more. */
static void
connection_end(struct connection *connection)
{
	connection->ending = true;
	bufferevent_disable(connection->stream, EV_READ);
	event_handle(connection, frame_end(&connection->frame));
	bufferevent_setwatermark(connection->stream, EV_WRITE, 0, 0);
	if (!output_bytes(connection))
		connection_close(connection);
}

static void
on_event(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	if (what & BEV_EVENT_ERROR)
		connection_close(arg);
	else if (what & BEV_EVENT_EOF)
		connection_end(arg);
}

struct connection *
connection_create(struct event_base *base, int fd, const struct rpc_limits *limits,
	struct rpc_service *service, connection_closed_fn closed, void *arg)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!connection->stream) {
		free(connection);
		return NULL;
	}
	connection->service = service;
	connection->closed = closed;
	connection->arg = arg;
	frame_init(&connection->frame, limits->message_bytes, limits->depth);
	bufferevent_setcb(connection->stream, on_read, on_written, on_event, connection);
	bufferevent_setwatermark(connection->stream, EV_WRITE, CONNECTION_OUTPUT_LOW, 0);
	bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
	return connection;
}

void
connection_destroy(struct connection *connection)
{
	bufferevent_free(connection->stream);
	frame_fini(&connection->frame);
	free(connection);
}
