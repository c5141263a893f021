/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event.list, event.subscribe, event.unsubscribe, punt.list, and the feed that sends events to
 * subscribers. For a client that does not read, events wait in the ring, as many as it asked for; a
 * gap says how many it has missed.
 *
 * All functions of this header: control thread.
 */
#ifndef CTRL_RPC_EVENT_METHODS_H
#define CTRL_RPC_EVENT_METHODS_H

#include <jansson.h>
#include <stdint.h>

#include <event2/event.h>

#include "base/fault.h"
#include "config/ports.h"
#include "monitor/events.h"
#include "rpc/dispatch.h"

#define EVENT_FEED_METHOD "event" /* of the notifications */

struct event_feed;

/*
 * From the loop of `base`. Everything is borrowed and must outlive the feed; the feed is the one
 * observer of the events. NULL without memory.
 */
struct event_feed *event_feed_create(
	struct event_base *base, struct events *events, const struct ports *ports);

/* Every session must have ended. NULL is allowed. */
void event_feed_destroy(struct event_feed *feed);

/*
 * Send the session the events of these kinds (bits of enum event_kind) that come after `after`, at
 * most events->last, and let at most `queue` of them wait. In place of what it had subscribed to.
 * Ends with the session. -1 with *fault set, and nothing changed, without memory.
 */
int event_feed_subscribe(struct event_feed *feed, struct rpc_session *session, uint32_t kinds,
	uint64_t queue, uint64_t after, struct fault *fault);

/* False when it had not subscribed. */
bool event_feed_unsubscribe(struct event_feed *feed, const struct rpc_session *session);

#endif
