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

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/clock.h"
#include "rpc/frame.h"

#define INPUT_BYTES 16384 /* to read before they are looked at */
#define VIEWER_BYTES (128u << 10) /* longest request of those who may change nothing */
#define BURST_NS (NS_PER_S / 10) /* worth of requests that may come at once */

struct connection {
	struct bufferevent *stream;
	struct rpc_service *service;
	struct rpc_session *session;
	connection_closed_fn closed;
	void *arg;
	bool ended; /* the client will send no more */
	bool ending;
	struct rpc_turn turn; /* to look at the input, or for more of it */
	bool throttled; /* until `timer` fires */
	struct event *timer;
	unsigned requests_per_s; /* 0: any number */
	uint64_t due_ns; /* when the requests so far would have come at that rate */
	bool busy; /* a message is not answered yet; the next ones wait */
	bool handling; /* input_handle() is at work */
	unsigned n_parts; /* of the answer to a batch, that have been sent */
	size_t frame_bytes; /* of the frame, that count as waiting */
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

/* Send a message, which is taken over, as one line. 0 or -ENOMEM. */
static int
message_send(void *arg, json_t *message)
{
	struct connection *connection = arg;

	return rpc_message_write(
		connection->service, "", message, "\n", bufferevent_get_output(connection->stream));
}

/* What waits for the client, or has been taken by it, counts for its user. */
static void
on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	const struct connection *connection = arg;

	(void)output;
	rpc_user_bytes_add(connection->turn.user, info->n_added);
	rpc_user_bytes_remove(connection->turn.user, info->n_deleted);
}

/* While much waits for the user, a connection has to be read from before it gets more. */
static bool
is_full(void *arg)
{
	const struct connection *connection = arg;
	const size_t waiting_bytes = output_bytes(connection);
	struct fault fault;

	return waiting_bytes >= CONNECTION_OUTPUT_HIGH ||
	       (waiting_bytes && rpc_user_check(connection->turn.user, &fault) < 0);
}

static const struct rpc_link link = {.full = is_full, .send = message_send};

/* Do not read from the client for that long. */
static void
throttle(struct connection *connection, uint64_t ns)
{
	const struct timeval time = {.tv_sec = (time_t)(ns / NS_PER_S),
		.tv_usec = (suseconds_t)((ns % NS_PER_S + 999) / 1000)};

	connection->throttled = evtimer_add(connection->timer, &time) == 0;
}

/* Count requests; pause for as long as they were too many. */
static void
requests_count(struct connection *connection, size_t n_requests)
{
	const uint64_t now = clock_read_ns(CLOCK_MONOTONIC);

	if (!connection->requests_per_s)
		return;
	if (connection->due_ns < now)
		connection->due_ns = now;
	connection->due_ns += n_requests * NS_PER_S / connection->requests_per_s;
	if (connection->due_ns > now + BURST_NS)
		throttle(connection, connection->due_ns - now - BURST_NS);
}

static void
limit_refuse(struct connection *connection, const char *what, size_t limit)
{
	struct fault fault;

	fault_set(&fault, FAULT_LIMIT, "", "request passes %s, which is %zu%s", what, limit,
		limit == VIEWER_BYTES ? " for those who may change nothing" : "");
	message_send(connection, rpc_error_reply(NULL, &fault));
}

/* An answer, or a part of one. */
static void
on_reply(void *arg, json_t *reply, enum rpc_reply_part part)
{
	struct connection *connection = arg;
	struct evbuffer *output = bufferevent_get_output(connection->stream);

	if (part == RPC_REPLY_PART) {
		rpc_message_write(
			connection->service, connection->n_parts++ ? "," : "[", reply, "", output);
		return;
	}
	if (reply)
		message_send(connection, reply);
	else if (connection->n_parts)
		evbuffer_add(output, "]\n", 2);
	connection->n_parts = 0;
	connection->busy = false;
	if (!connection->handling)
		rpc_turn_ask(&connection->turn);
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
may_go_on(struct connection *connection)
{
	return !connection->busy && !connection->throttled && !is_full(connection);
}

/* What the frame keeps counts for the user; a request that grows beyond the limit is discarded. */
static void
frame_count(struct connection *connection, enum frame_event event)
{
	struct frame *frame = &connection->frame;
	const bool grows = event == FRAME_MORE && frame->room > connection->frame_bytes;
	struct fault fault;

	rpc_user_bytes_add(connection->turn.user, frame->room);
	rpc_user_bytes_remove(connection->turn.user, connection->frame_bytes);
	connection->frame_bytes = frame->room;
	if (!grows || rpc_user_check(connection->turn.user, &fault) == 0)
		return;
	frame_discard(frame);
	message_send(connection, rpc_error_reply(NULL, &fault));
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
	if (!output_bytes(connection))
		connection_close(connection);
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
		rpc_turn_ask(&connection->turn);
	else if (connection->ended)
		connection_end(connection);
	else
		bufferevent_enable(connection->stream, EV_READ);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct connection *connection = arg;

	(void)fd;
	(void)what;
	connection->throttled = false;
	rpc_turn_ask(&connection->turn);
}

static void
on_read(struct bufferevent *stream, void *arg)
{
	struct connection *connection = arg;

	(void)stream;
	rpc_turn_ask(&connection->turn);
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
		rpc_turn_ask(&connection->turn);
}

static void
on_event(struct bufferevent *stream, short what, void *arg)
{
	struct connection *connection = arg;

	if (what & BEV_EVENT_ERROR) {
		connection_close(connection);
	} else if (what & BEV_EVENT_EOF) {
		bufferevent_disable(stream, EV_READ);
		connection->ended = true;
		rpc_turn_ask(&connection->turn);
	}
}

static void
connection_free(struct connection *connection)
{
	if (connection->session)
		rpc_session_unref(connection->session);
	if (connection->timer)
		event_free(connection->timer);
	frame_fini(&connection->frame);
	free(connection);
}

size_t
rpc_message_bytes(const struct actor *actor, size_t configured)
{
	return actor->role <= ROLE_VIEWER && configured > VIEWER_BYTES ? VIEWER_BYTES : configured;
}

struct connection *
connection_create(struct bufferevent *stream, const struct actor *actor, struct rpc_user *user,
	const struct rpc_limits *limits, struct rpc_service *service, connection_closed_fn closed,
	void *arg)
{
	const size_t max_bytes = rpc_message_bytes(actor, limits->message_bytes);
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->session = rpc_session_create(actor, user, &link, connection);
	connection->timer = evtimer_new(bufferevent_get_base(stream), on_timer, connection);
	if (!connection->session || !connection->timer ||
		!evbuffer_add_cb(bufferevent_get_output(stream), on_output, connection)) {
		connection_free(connection);
		return NULL;
	}
	connection->stream = stream;
	connection->turn = (struct rpc_turn){.user = user, .run = input_handle, .arg = connection};
	connection->requests_per_s = limits->requests_per_s;
	connection->service = service;
	connection->closed = closed;
	connection->arg = arg;
	frame_init(&connection->frame, max_bytes, limits->depth);
	bufferevent_setcb(stream, on_read, on_written, on_event, connection);
	bufferevent_setwatermark(stream, EV_WRITE, CONNECTION_OUTPUT_LOW, 0);
	bufferevent_setwatermark(stream, EV_READ, 0, INPUT_BYTES);
	bufferevent_enable(stream, EV_READ | EV_WRITE);
	return connection;
}

void
connection_destroy(struct connection *connection)
{
	struct evbuffer *output = bufferevent_get_output(connection->stream);

	rpc_turn_cancel(&connection->turn);
	evbuffer_remove_cb(output, on_output, connection);
	rpc_user_bytes_remove(
		connection->turn.user, evbuffer_get_length(output) + connection->frame_bytes);
	rpc_session_close(connection->session);
	bufferevent_free(connection->stream);
	connection_free(connection);
}
