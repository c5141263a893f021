/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events are told in rounds of a timer that is due at once: the loop sees to sockets between two of
 * them, so neither many events nor many subscribers keep others waiting.
 */
#include "rpc/event_feed.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "monitor/events.h"
#include "rpc/event_json.h"

#define ROUND_EVENTS_MAX 512 /* told in one round, in about three milliseconds */
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
told(struct subscriber *subscriber, json_t *event)
{
	int rc;

	if (!event)
		return false;
	rc = rpc_session_notify(subscriber->session, EVENT_FEED_METHOD, event);
	subscriber->waiting = rc == -ENOBUFS;
	return rc == 0;
}

/* Tell the next event, and before it how many it has lost. False when there is none now. */
static bool
event_tell(struct subscriber *subscriber)
{
	const struct event_feed *feed = subscriber->feed;
	struct event_reader *reader = &subscriber->reader;
	const struct event_entry *entry = event_reader_next(reader, feed->events);

	if (reader->lost > 0) {
		if (!told(subscriber, gap_encode(subscriber)))
			return false;
		reader->lost = 0;
	}
	if (!entry || !told(subscriber, event_encode(entry, feed->ports)))
		return false;
	event_reader_consume(reader, entry);
	return true;
}

/* Returns how many events were told. */
static unsigned
turn_run(struct subscriber *subscriber)
{
	unsigned n = 0;

	while (!subscriber->waiting && n < TURN_EVENTS_MAX && event_tell(subscriber))
		n++;
	return n;
}

/* A turn for everyone, or for as many as the round has time for. */
static void
round_run(evutil_socket_t fd, short what, void *arg)
{
	struct event_feed *feed = arg;
	size_t left = feed->n_subscribers;
	unsigned n_told = 0;
	bool more = false;

	(void)fd;
	(void)what;
	for (; left > 0 && n_told < ROUND_EVENTS_MAX; left--) {
		struct subscriber *subscriber = TAILQ_FIRST(&feed->subscribers);
		const unsigned n = turn_run(subscriber);

		TAILQ_REMOVE(&feed->subscribers, subscriber, link);
		TAILQ_INSERT_TAIL(&feed->subscribers, subscriber, link);
		n_told += n;
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
subscriber_forget(struct subscriber *subscriber)
{
	TAILQ_REMOVE(&subscriber->feed->subscribers, subscriber, link);
	subscriber->feed->n_subscribers--;
	free(subscriber);
}

static void
session_ended(void *arg)
{
	subscriber_forget(arg);
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
	if (rpc_session_on_close(session, session_ended, subscriber) < 0)
		goto err_free;
	if (rpc_session_on_drain(session, client_reads, subscriber) < 0)
		goto err_close;
	TAILQ_INSERT_TAIL(&feed->subscribers, subscriber, link);
	feed->n_subscribers++;
	return subscriber;

err_close:
	rpc_session_cancel_close(session, session_ended, subscriber);
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
	rpc_session_cancel_close(subscriber->session, session_ended, subscriber);
	rpc_session_cancel_drain(subscriber->session, client_reads, subscriber);
	subscriber_forget(subscriber);
	return true;
}
