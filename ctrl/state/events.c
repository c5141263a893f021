/* SPDX-License-Identifier: BSD-3-Clause */
/* Raising an event costs a copy and never fails. */
#include "state/events.h"

#include <stdio.h>
#include <string.h>

#include "state/clock.h"

void
events_init(struct events *events)
{
	memset(events, 0, sizeof(*events));
}

static struct event_entry *
entry_begin(struct events *events, enum event_kind kind, const char *flow)
{
	struct event_entry *entry = &events->ring[++events->last % EVENTS_MAX];

	memset(entry, 0, sizeof(*entry));
	entry->sequence = events->last;
	entry->time_ns = clock_read_ns(CLOCK_REALTIME);
	entry->kind = kind;
	snprintf(entry->flow, sizeof(entry->flow), "%s", flow);
	return entry;
}

void
events_flow_expired(struct events *events, const char *flow, const struct dp_flow_stats *counters)
{
	entry_begin(events, EVENT_FLOW_EXPIRED, flow)->counters = *counters;
}

void
events_flow_latched(
	struct events *events, const char *flow, uint8_t family, const struct dp_latched *latched)
{
	entry_begin(events, EVENT_FLOW_LATCHED, flow)->source =
		(struct event_source){.family = family, .latched = *latched};
}

const struct event_entry *
events_get(const struct events *events, uint64_t sequence)
{
	const struct event_entry *entry = &events->ring[sequence % EVENTS_MAX];

	return sequence != 0 && entry->sequence == sequence ? entry : NULL;
}
