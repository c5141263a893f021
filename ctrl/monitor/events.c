/* SPDX-License-Identifier: BSD-3-Clause */
#include "monitor/events.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"

void
events_init(struct events *events)
{
	memset(events, 0, sizeof(*events));
}

void
events_observe(struct events *events, void (*raised)(void *arg), void *arg)
{
	events->on_raise = raised;
	events->on_raise_arg = arg;
}

const char *
events_kind_name(unsigned kind)
{
	static const char *const names[EVENT_KINDS] = {
		[EVENT_FLOW_ADDED] = "flow_added",
		[EVENT_FLOW_CHANGED] = "flow_changed",
		[EVENT_FLOW_REMOVED] = "flow_removed",
		[EVENT_FLOW_EXPIRED] = "flow_expired",
		[EVENT_FLOW_LATCHED] = "flow_latched",
		[EVENT_FLOW_FORGOTTEN] = "flow_forgotten",
		[EVENT_SOURCE_SWITCHED] = "source_switched",
		[EVENT_MEDIA_TIMEOUT] = "media_timeout",
		[EVENT_MEDIA_RESUMED] = "media_resumed",
		[EVENT_PORT_UP] = "port_up",
		[EVENT_PORT_DOWN] = "port_down",
		[EVENT_NEIGHBOUR_LOST] = "neighbour_lost",
		[EVENT_NEIGHBOUR_RESOLVED] = "neighbour_resolved",
		[EVENT_BACKUP_TAKEN] = "backup_taken",
		[EVENT_BACKUP_LEFT] = "backup_left",
		[EVENT_COMMIT] = "commit",
		[EVENT_ROLLBACK] = "rollback",
		[EVENT_ROLLBACK_FAILED] = "rollback_failed",
		[EVENT_OVERLOAD] = "overload",
		[EVENT_POOL_USAGE] = "pool_usage",
		[EVENT_LEG_UNREACHABLE] = "leg_unreachable",
		[EVENT_LEG_REACHABLE] = "leg_reachable",
	};

	return kind < EVENT_KINDS ? names[kind] : NULL;
}

struct event_entry *
events_raise(struct events *events, enum event_kind kind)
{
	struct event_entry *entry = &events->ring[++events->last % EVENTS_MAX];

	if (entry->sequence != 0)
		events->gone[entry->kind]++;
	memset(entry, 0, sizeof(*entry));
	entry->sequence = events->last;
	entry->time_ns = clock_read_ns(CLOCK_REALTIME);
	entry->kind = kind;
	events->raised[kind]++;
	if (events->on_raise)
		events->on_raise(events->on_raise_arg);
	return entry;
}

struct event_flow *
events_raise_flow(struct events *events, enum event_kind kind, const char *flow)
{
	struct event_flow *entry = &events_raise(events, kind)->flow;

	snprintf(entry->id, sizeof(entry->id), "%s", flow);
	return entry;
}

void
events_rollback_failed(struct events *events, uint64_t of, const char *flow, const char *reason)
{
	struct event_rollback_failed *failed =
		&events_raise(events, EVENT_ROLLBACK_FAILED)->rollback_failed;

	failed->of = of;
	snprintf(failed->flow, sizeof(failed->flow), "%s", flow ? flow : "");
	text_escape(reason, failed->reason, sizeof(failed->reason));
}

const struct event_entry *
events_get(const struct events *events, uint64_t sequence)
{
	const struct event_entry *entry = &events->ring[sequence % EVENTS_MAX];

	return sequence != 0 && entry->sequence == sequence ? entry : NULL;
}

/*
 * Counts by kind stand in for the events that are not in the ring any more: what was raised, less
 * what the reader has passed, is what waits or is lost.
 */

static bool
is_wanted(const struct event_reader *reader, enum event_kind kind)
{
	return reader->kinds & UINT32_C(1) << kind;
}

/* Wanted events behind the reader's place, of those that `counts` counts. */
static uint64_t
wanted_count(const struct event_reader *reader, const uint64_t counts[EVENT_KINDS])
{
	uint64_t n = 0;
	unsigned kind;

	for (kind = 0; kind < EVENT_KINDS; kind++) {
		if (is_wanted(reader, kind))
			n += counts[kind] - reader->passed[kind];
	}
	return n;
}

uint64_t
event_reader_pending(const struct event_reader *reader, const struct events *events)
{
	return wanted_count(reader, events->raised);
}

static uint64_t
ring_begin(const struct events *events)
{
	return events->last > EVENTS_MAX ? events->last - EVENTS_MAX : 0;
}

void
event_reader_consume(struct event_reader *reader, const struct event_entry *entry)
{
	reader->position = entry->sequence;
	reader->passed[entry->kind]++;
}

void
event_reader_init(struct event_reader *reader, const struct events *events, uint32_t kinds,
	uint64_t queue, uint64_t after)
{
	const uint64_t begin = ring_begin(events);

	*reader = (struct event_reader){.kinds = kinds, .queue = queue};
	if (after == events->last) {
		reader->position = after;
		memcpy(reader->passed, events->raised, sizeof(reader->passed));
		return;
	}
	reader->position = begin;
	memcpy(reader->passed, events->gone, sizeof(reader->passed));
	if (after < begin)
		reader->lost = begin - after;
	while (reader->position < after)
		event_reader_consume(reader, events_get(events, reader->position + 1));
}

/* Step over what is overwritten, and then over the oldest, until no more wait than may. */
static void
surplus_lose(struct event_reader *reader, const struct events *events)
{
	const uint64_t begin = ring_begin(events);

	if (reader->position < begin) {
		reader->lost += wanted_count(reader, events->gone);
		reader->position = begin;
		memcpy(reader->passed, events->gone, sizeof(reader->passed));
	}
	while (event_reader_pending(reader, events) > reader->queue) {
		const struct event_entry *entry = events_get(events, reader->position + 1);

		reader->lost += is_wanted(reader, entry->kind);
		event_reader_consume(reader, entry);
	}
}

const struct event_entry *
event_reader_next(struct event_reader *reader, const struct events *events)
{
	const struct event_entry *entry;

	surplus_lose(reader, events);
	if (event_reader_pending(reader, events) == 0) {
		reader->position = events->last;
		memcpy(reader->passed, events->raised, sizeof(reader->passed));
		return NULL;
	}
	for (;;) {
		entry = events_get(events, reader->position + 1);
		if (is_wanted(reader, entry->kind))
			return entry;
		event_reader_consume(reader, entry);
	}
}
