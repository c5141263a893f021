/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection is open, then ending (the client has said all, replies still wait), then closed.
 * Everything happens in the callbacks of one bufferevent, on the control thread.
 */
#include "connection.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "frame.h"

struct connection {
	struct bufferevent *stream;
	struct rpc_service *service;
	struct rpc_session *session;
	connection_closed_fn closed;
	void *arg;
	bool ending;
	bool busy; /* a message is not answered yet; the next ones wait */
	bool handling; /* input_handle() is at work */
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

/* Send a message, which is taken over, as one line. 0 or -ENOMEM. */
static int
message_send(void *arg, json_t *message)
{
	struct connection *connection = arg;
	struct evbuffer *output = bufferevent_get_output(connection->stream);
	char *text = json_dumps(message, JSON_COMPACT);
	size_t bytes = text ? strlen(text) : 0;

	json_decref(message);
	if (!text)
		return -ENOMEM;
	text[bytes] = '\n'; /* in the place of the terminator */
	if (evbuffer_add_reference(output, text, bytes + 1, text_free, text) == 0)
		return 0;
	free(text);
	return -ENOMEM;
}

static bool
output_full(void *arg)
{
	return output_bytes(arg) >= CONNECTION_OUTPUT_HIGH;
}

static const struct rpc_link link = {.full = output_full, .send = message_send};

static void
limit_refuse(struct connection *connection, const char *what, size_t limit)
{
	struct fault fault;

	fault_set(&fault, FAULT_LIMIT, "", "request passes %s, which is %zu", what, limit);
	message_send(connection, rpc_error_reply(NULL, &fault));
}

static void input_handle(struct connection *connection);

/* A message is answered; NULL: there is nothing to say. */
static void
on_reply(void *arg, json_t *reply)
{
	struct connection *connection = arg;

	connection->busy = false;
	if (reply)
		message_send(connection, reply);
	if (connection->handling)
		return;
	input_handle(connection);
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
		rpc_service_call_text(connection->service, connection->session, frame->text,
			frame->n_text, on_reply, connection);
		break;
	case FRAME_TOO_LONG:
		limit_refuse(connection, "max_message_bytes", frame->max_bytes);
		break;
	case FRAME_TOO_DEEP:
		limit_refuse(connection, "max_depth", frame->max_depth);
		break;
	case FRAME_NO_MEMORY:
		fault_set(&fault, FAULT_NO_ROOM, "", "no memory for the request");
		message_send(connection, rpc_error_reply(NULL, &fault));
		break;
	}
}

/*
 * Answer what has come in, as long as the client takes the replies and no call is deferred, and
 * read on only then.
 */
static void
input_handle(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->stream);
	enum frame_event event = FRAME_TEXT;

	connection->handling = true;
	while (!connection->busy && !output_full(connection) &&
		(event != FRAME_MORE || evbuffer_get_length(input))) {
		size_t bytes = evbuffer_get_contiguous_space(input);
		const char *data = (const char *)evbuffer_pullup(input, (ev_ssize_t)bytes);

		evbuffer_drain(input, frame_feed(&connection->frame, data, bytes, &event));
		event_handle(connection, event);
	}
	connection->handling = false;
	if (connection->busy || output_full(connection))
		bufferevent_disable(connection->stream, EV_READ);
	else
		bufferevent_enable(connection->stream, EV_READ);
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
		return;
	}
	rpc_session_drained(connection->session);
	if (!(bufferevent_get_enabled(stream) & EV_READ))
		input_handle(connection);
}

/* The client will send no more. */
static void
connection_end(struct connection *connection)
{
	connection->ending = true;
	bufferevent_disable(connection->stream, EV_READ);
	connection->handling = true; /* what broke off is answered at once */
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
connection_create(struct bufferevent *stream, const struct actor *actor,
	const struct rpc_limits *limits, struct rpc_service *service, connection_closed_fn closed,
	void *arg)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->session = rpc_session_create(actor, &link, connection);
	if (!connection->session) {
		free(connection);
		return NULL;
	}
	connection->stream = stream;
	connection->service = service;
	connection->closed = closed;
	connection->arg = arg;
	frame_init(&connection->frame, limits->message_bytes, limits->depth);
	bufferevent_setcb(stream, on_read, on_written, on_event, connection);
	bufferevent_setwatermark(stream, EV_WRITE, CONNECTION_OUTPUT_LOW, 0);
	bufferevent_enable(stream, EV_READ | EV_WRITE);
	return connection;
}

void
connection_destroy(struct connection *connection)
{
	rpc_session_close(connection->session);
	rpc_session_unref(connection->session);
	bufferevent_free(connection->stream);
	frame_fini(&connection->frame);
	free(connection);
}
