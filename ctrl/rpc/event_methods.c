/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events and punted packets by the page, and events as notifications. Notifications are sent in
 * rounds of a timer that is due at once: the loop serves sockets between two rounds, so neither
 * many events nor many subscribers delay other clients.
 */
#include "rpc/event_methods.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/escape.h"
#include "monitor/events.h"
#include "rpc/encode.h"
#include "rpc/methods.h"

struct sequence_page {
	uint64_t first;
	uint64_t end; /* one past the last */
	uint64_t lost; /* before the first */
};

/*
 * Which entries to answer with, out of a ring of `size` whose newest is `last`. -1 with *fault set
 * when `after` is of no entry that ever was: the reader has outlived a restart.
 */
static int
sequence_page_read(const json_t *params, uint64_t last, unsigned size, struct sequence_page *page,
	struct fault *fault)
{
	const uint64_t after = param_number(params, "after");
	const uint64_t limit = param_number(params, "limit");

	if (after > last)
		return fault_set(fault, FAULT_NOT_FOUND, "/after",
			"found %" PRIu64 ", expected at most %" PRIu64
			", the last since sluiced started; begin again with 0",
			after, last);
	page->first = sequence_first(last, size, after, &page->lost);
	page->end = last - page->first + 1 > limit ? page->first + limit : last + 1;
	return 0;
}

#define ROUND_EVENTS_MAX 512 /* sent in one round, in about three milliseconds */
#define TURN_EVENTS_MAX 16 /* and to one subscriber at a time */

struct subscriber {
	TAILQ_ENTRY(subscriber) link;
	struct event_feed *feed;
	struct rpc_session *session;
	bool waiting; /* for the client to read */
	struct event_reader reader;
};

struct event_feed {
	struct events *events;
	const struct ports *ports;
	struct event *round;
	TAILQ_HEAD(, subscriber) subscribers; /* whose turn is next comes first */
	size_t n_subscribers;
};

static void
round_plan(void *arg)
{
	const struct event_feed *feed = arg;
	const struct timeval at_once = {0};

	if (feed->n_subscribers > 0 && !evtimer_pending(feed->round, NULL))
		evtimer_add(feed->round, &at_once);
}

static json_t *
gap_encode(const struct subscriber *subscriber)
{
	return json_pack("{s:I, s:I, s:s, s:I}", "sequence",
		(json_int_t)subscriber->reader.position, "time_ns",
		(json_int_t)clock_read_ns(CLOCK_REALTIME), "event", "gap", "lost",
		(json_int_t)subscriber->reader.lost);
}

/* False: not now, because the client has to read first or memory is short. */
static bool
event_notify(struct subscriber *subscriber, json_t *event)
{
	int rc;

	if (!event)
		return false;
	rc = rpc_session_notify(subscriber->session, EVENT_FEED_METHOD, event);
	subscriber->waiting = rc == -ENOBUFS;
	return rc == 0;
}

/* Send the next event, and before it how many were lost. False when there is none now. */
static bool
next_notify(struct subscriber *subscriber)
{
	const struct event_feed *feed = subscriber->feed;
	struct event_reader *reader = &subscriber->reader;
	const struct event_entry *entry = event_reader_next(reader, feed->events);

	if (reader->lost > 0) {
		if (!event_notify(subscriber, gap_encode(subscriber)))
			return false;
		reader->lost = 0;
	}
	if (!entry || !event_notify(subscriber, event_encode(entry, feed->ports)))
		return false;
	event_reader_consume(reader, entry);
	return true;
}

/* Returns how many events were sent. */
static unsigned
turn_run(struct subscriber *subscriber)
{
	unsigned n = 0;

	while (!subscriber->waiting && n < TURN_EVENTS_MAX && next_notify(subscriber))
		n++;
	return n;
}

/* A turn for each subscriber, or for as many as the round has time for. */
static void
round_run(evutil_socket_t fd, short what, void *arg)
{
	struct event_feed *feed = arg;
	size_t left = feed->n_subscribers;
	unsigned n_sent = 0;
	bool more = false;

	(void)fd;
	(void)what;
	for (; left > 0 && n_sent < ROUND_EVENTS_MAX; left--) {
		struct subscriber *subscriber = TAILQ_FIRST(&feed->subscribers);
		const unsigned n = turn_run(subscriber);

		TAILQ_REMOVE(&feed->subscribers, subscriber, link);
		TAILQ_INSERT_TAIL(&feed->subscribers, subscriber, link);
		n_sent += n;
		more |= n == TURN_EVENTS_MAX;
	}
	if (more || left > 0)
		round_plan(feed);
}

static void
client_reads(void *arg)
{
	struct subscriber *subscriber = arg;

	subscriber->waiting = false;
	round_plan(subscriber->feed);
}

static void
subscriber_destroy(void *arg)
{
	struct subscriber *subscriber = arg;

	TAILQ_REMOVE(&subscriber->feed->subscribers, subscriber, link);
	subscriber->feed->n_subscribers--;
	free(subscriber);
}

struct event_feed *
event_feed_create(struct event_base *base, struct events *events, const struct ports *ports)
{
	struct event_feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		return NULL;
	feed->round = evtimer_new(base, round_run, feed);
	if (!feed->round) {
		free(feed);
		return NULL;
	}
	feed->events = events;
	feed->ports = ports;
	TAILQ_INIT(&feed->subscribers);
	events_observe(events, round_plan, feed);
	return feed;
}

void
event_feed_destroy(struct event_feed *feed)
{
	if (!feed)
		return;
	events_observe(feed->events, NULL, NULL);
	event_free(feed->round);
	free(feed);
}

static struct subscriber *
subscriber_find(const struct event_feed *feed, const struct rpc_session *session)
{
	struct subscriber *subscriber;

	TAILQ_FOREACH (subscriber, &feed->subscribers, link) {
		if (subscriber->session == session)
			break;
	}
	return subscriber;
}

static struct subscriber *
subscriber_create(struct event_feed *feed, struct rpc_session *session)
{
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber));

	if (!subscriber)
		return NULL;
	subscriber->feed = feed;
	subscriber->session = session;
	if (rpc_session_watch(session, RPC_SESSION_CLOSED, subscriber_destroy, subscriber) < 0)
		goto err_free;
	if (rpc_session_watch(session, RPC_SESSION_DRAINED, client_reads, subscriber) < 0)
		goto err_close;
	TAILQ_INSERT_TAIL(&feed->subscribers, subscriber, link);
	feed->n_subscribers++;
	return subscriber;

err_close:
	rpc_session_unwatch(session, RPC_SESSION_CLOSED, subscriber_destroy, subscriber);
err_free:
	free(subscriber);
	return NULL;
}

int
event_feed_subscribe(struct event_feed *feed, struct rpc_session *session, uint32_t kinds,
	uint64_t queue, uint64_t after, struct fault *fault)
{
	struct subscriber *subscriber = subscriber_find(feed, session);

	if (!subscriber)
		subscriber = subscriber_create(feed, session);
	if (!subscriber)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the subscription");
	event_reader_init(&subscriber->reader, feed->events, kinds, queue, after);
	round_plan(feed);
	return 0;
}

bool
event_feed_unsubscribe(struct event_feed *feed, const struct rpc_session *session)
{
	struct subscriber *subscriber = subscriber_find(feed, session);

	if (!subscriber)
		return false;
	rpc_session_unwatch(
		subscriber->session, RPC_SESSION_CLOSED, subscriber_destroy, subscriber);
	rpc_session_unwatch(subscriber->session, RPC_SESSION_DRAINED, client_reads, subscriber);
	subscriber_destroy(subscriber);
	return true;
}

static json_t *
event_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct events *events = &context->monitor->events;
	struct sequence_page page;
	json_t *list;
	uint64_t i;

	(void)call;
	if (sequence_page_read(params, events->last, EVENTS_MAX, &page, fault) < 0)
		return NULL;
	list = json_array();
	for (i = page.first; i < page.end; i++)
		json_array_append_new(
			list, event_encode(events_get(events, i), context->flows->ports));
	return json_pack("{s:o, s:I}", "events", list, "lost", (json_int_t)page.lost);
}

/* The bits of an array of names, which the schema has checked; all without one. */
static uint32_t
kinds_read(const json_t *names)
{
	uint32_t kinds = 0;
	json_t *name;
	unsigned kind;
	size_t i;

	if (!names)
		return EVENT_KINDS_ALL;
	json_array_foreach (names, i, name) {
		for (kind = 0; kind < EVENT_KINDS; kind++) {
			if (strcmp(events_kind_name(kind), json_string_value(name)) == 0)
				kinds |= UINT32_C(1) << kind;
		}
	}
	return kinds;
}

static json_t *
events_subscribe(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const uint64_t last = context->monitor->events.last;
	const json_t *named = json_object_get(params, "after");
	const uint64_t after = named ? (uint64_t)json_integer_value(named) : last;
	const uint64_t queue = param_number(params, "queue");

	if (after > last) {
		fault_set(fault, FAULT_NOT_FOUND, "/after",
			"found %" PRIu64 ", expected at most %" PRIu64
			", the last since sluiced started; leave it out to begin now",
			after, last);
		return NULL;
	}
	if (event_feed_subscribe(context->feed, rpc_call_session(call),
		    kinds_read(json_object_get(params, "kinds")), queue, after, fault) < 0)
		return NULL;
	return json_pack("{s:I}", "sequence", (json_int_t)after);
}

static json_t *
events_unsubscribe(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;

	(void)params;
	if (event_feed_unsubscribe(context->feed, rpc_call_session(call)))
		return json_object();
	fault_set(fault, FAULT_NOT_FOUND, "",
		"this connection has not subscribed; events.subscribe does");
	return NULL;
}

static json_t *
punt_encode(const struct punt *punt, const struct ports *ports)
{
	char hex[2 * PUNTS_FRAME_MAX + 1];

	hex_write(punt->frame, punt->kept_bytes, hex);
	return json_pack("{s:I, s:I, s:s, s:s?, s:I, s:s}", "sequence", (json_int_t)punt->sequence,
		"time_ns", (json_int_t)punt->time_ns, "port", ports->info[punt->port].name, "flow",
		punt->flow[0] ? punt->flow : NULL, "frame_bytes", (json_int_t)punt->frame_bytes,
		"frame", hex);
}

static json_t *
punt_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct punts *punts = &context->monitor->punts;
	struct sequence_page page;
	json_t *list;
	uint64_t i;

	(void)call;
	if (sequence_page_read(params, punts->last, PUNTS_MAX, &page, fault) < 0)
		return NULL;
	list = json_array();
	for (i = page.first; i < page.end; i++)
		json_array_append_new(
			list, punt_encode(punts_get(punts, i), context->flows->ports));
	return json_pack("{s:o, s:I}", "packets", list, "lost", (json_int_t)page.lost);
}

const struct rpc_method event_methods[] = {
	{"event.list", event_list},
	{"events.subscribe", events_subscribe},
	{"events.unsubscribe", events_unsubscribe},
	{"punt.list", punt_list},
	{NULL, NULL},
};
