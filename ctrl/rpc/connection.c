/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection is open, then ending (the client has said all, replies still wait), then closed.
 * Everything happens in the callbacks of one bufferevent, on the control thread.
 */
#include "rpc/connection.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "rpc/frame.h"

#define NS_PER_S 1000000000ull
#define SLICE_NS 5000000 /* of one client's requests, before others have their turn */
#define BURST_NS (NS_PER_S / 10) /* worth of requests that may come at once */

struct connection {
	struct bufferevent *stream;
	struct rpc_service *service;
	struct rpc_session *session;
	connection_closed_fn closed;
	void *arg;
	bool ending;
	bool resting; /* until `turn` comes */
	struct event *turn;
	unsigned requests_per_s; /* 0: any number */
	uint64_t due_ns; /* when the requests that were let in would have come at that rate */
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

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Leave the input alone for that long. */
static void
rest(struct connection *connection, uint64_t ns)
{
	const struct timeval time = {.tv_sec = (time_t)(ns / NS_PER_S),
		.tv_usec = (suseconds_t)((ns % NS_PER_S + 999) / 1000)};

	connection->resting = evtimer_add(connection->turn, &time) == 0;
}

/* Requests were let in: rest for as long as they were too many. */
static void
requests_count(struct connection *connection, size_t n_requests)
{
	const uint64_t now = now_ns();

	if (!connection->requests_per_s)
		return;
	if (connection->due_ns < now)
		connection->due_ns = now;
	connection->due_ns += n_requests * NS_PER_S / connection->requests_per_s;
	if (connection->due_ns > now + BURST_NS)
		rest(connection, connection->due_ns - now - BURST_NS);
}

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
		requests_count(
			connection, rpc_service_call_text(connection->service, connection->session,
					    frame->text, frame->n_text, on_reply, connection));
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

static bool
may_go_on(const struct connection *connection)
{
	return !connection->busy && !connection->resting &&
	       output_bytes(connection) < CONNECTION_OUTPUT_HIGH;
}

/*
 * Answer what has come in, as long as the client takes the replies, no call is deferred and it is
 * not somebody else's turn, and read on only then.
 */
static void
input_handle(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->stream);
	const uint64_t end_ns = now_ns() + SLICE_NS;
	enum frame_event event = FRAME_TEXT;

	connection->handling = true;
	while (may_go_on(connection) && (event != FRAME_MORE || evbuffer_get_length(input))) {
		size_t bytes = evbuffer_get_contiguous_space(input);
		const char *data = (const char *)evbuffer_pullup(input, (ev_ssize_t)bytes);

		evbuffer_drain(input, frame_feed(&connection->frame, data, bytes, &event));
		event_handle(connection, event);
		if (!connection->resting && event != FRAME_MORE && now_ns() > end_ns)
			rest(connection, 0);
	}
	connection->handling = false;
	if (may_go_on(connection))
		bufferevent_enable(connection->stream, EV_READ);
	else
		bufferevent_disable(connection->stream, EV_READ);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct connection *connection = arg;

	(void)fd;
	(void)what;
	connection->resting = false;
	input_handle(connection);
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

static void
connection_free(struct connection *connection)
{
	if (connection->session)
		rpc_session_unref(connection->session);
	if (connection->turn)
		event_free(connection->turn);
	frame_fini(&connection->frame);
	free(connection);
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
	connection->turn = evtimer_new(bufferevent_get_base(stream), on_turn, connection);
	if (!connection->session || !connection->turn) {
		connection_free(connection);
		return NULL;
	}
	connection->stream = stream;
	connection->requests_per_s = limits->requests_per_s;
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
	bufferevent_free(connection->stream);
	connection_free(connection);
}
