/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happened by itself, without a request: the last EVENTS_MAX of it, in order. Readers keep
 * their own place (sequence.h), so there may be any number of them and none delays another.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_STATE_EVENTS_H
#define CTRL_STATE_EVENTS_H

#include <stdint.h>

#include <dp/stats.h>

#include "state/flow_spec.h"

#define EVENTS_MAX 1024

enum event_kind {
	EVENT_FLOW_EXPIRED, /* no packet for its idle timeout: removed */
	EVENT_FLOW_LATCHED, /* it has learned a source */
};

struct event_source {
	uint8_t family;
	struct dp_latched latched;
};

struct event_entry {
	uint64_t sequence;
	uint64_t time_ns; /* CLOCK_REALTIME */
	enum event_kind kind;
	char flow[FLOW_ID_MAX];
	union {
		struct dp_flow_stats counters; /* EVENT_FLOW_EXPIRED: the last */
		struct event_source source; /* EVENT_FLOW_LATCHED */
	};
};

struct events {
	uint64_t last; /* sequence number of the newest, 0 = none yet */
	struct event_entry ring[EVENTS_MAX];
};

void events_init(struct events *events);

void events_flow_expired(
	struct events *events, const char *flow, const struct dp_flow_stats *counters);
void events_flow_latched(
	struct events *events, const char *flow, uint8_t family, const struct dp_latched *latched);

/* The event of that number; NULL when it was overwritten or has not happened. */
const struct event_entry *events_get(const struct events *events, uint64_t sequence);

#endif
