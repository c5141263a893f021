/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring, and a function a kind that fills an entry. */
#include "monitor/events.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

void
events_init(struct events *events)
{
	memset(events, 0, sizeof(*events));
}

void
events_observe(struct events *events, events_raised_fn raised, void *arg)
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
		[EVENT_PORT_UP] = "port_up",
		[EVENT_PORT_DOWN] = "port_down",
		[EVENT_NEIGHBOUR_LOST] = "neighbour_lost",
		[EVENT_NEIGHBOUR_RESOLVED] = "neighbour_resolved",
		[EVENT_COMMIT] = "commit",
		[EVENT_ROLLBACK] = "rollback",
		[EVENT_ROLLBACK_FAILED] = "rollback_failed",
		[EVENT_OVERLOAD] = "overload",
	};

	return kind < EVENT_KINDS ? names[kind] : NULL;
}

/* The next entry of the ring, empty but for what every event has. */
static struct event_entry *
entry_begin(struct events *events, enum event_kind kind)
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

static struct event_flow *
flow_begin(struct events *events, enum event_kind kind, const char *flow)
{
	struct event_entry *entry = entry_begin(events, kind);

	snprintf(entry->flow.id, sizeof(entry->flow.id), "%s", flow);
	return &entry->flow;
}

void
events_flow_added(struct events *events, const char *flow)
{
	flow_begin(events, EVENT_FLOW_ADDED, flow);
}

void
events_flow_changed(struct events *events, const struct event_changed *changed)
{
	entry_begin(events, EVENT_FLOW_CHANGED)->changed = *changed;
}

void
events_flow_removed(struct events *events, const char *flow, const struct dp_flow_stats *counters)
{
	struct event_flow *entry = flow_begin(events, EVENT_FLOW_REMOVED, flow);

	if (!counters)
		return;
	entry->counted = true;
	entry->counters = *counters;
}

void
events_flow_expired(struct events *events, const char *flow, const struct dp_flow_stats *counters)
{
	struct event_flow *entry = flow_begin(events, EVENT_FLOW_EXPIRED, flow);

	entry->counted = true;
	entry->counters = *counters;
}

void
events_flow_latched(
	struct events *events, const char *flow, uint8_t family, const struct dp_latched *latched)
{
	struct event_flow *entry = flow_begin(events, EVENT_FLOW_LATCHED, flow);

	entry->family = family;
	entry->latched = *latched;
}

void
events_port(struct events *events, unsigned port, bool up)
{
	entry_begin(events, up ? EVENT_PORT_UP : EVENT_PORT_DOWN)->port = (uint16_t)port;
}

void
events_neighbour(struct events *events, unsigned port, uint8_t family, const uint8_t address[16],
	const uint8_t mac[6], bool lost)
{
	struct event_neighbour *neighbour =
		&entry_begin(events, lost ? EVENT_NEIGHBOUR_LOST : EVENT_NEIGHBOUR_RESOLVED)
			 ->neighbour;

	neighbour->port = (uint16_t)port;
	neighbour->family = family;
	memcpy(neighbour->address, address, sizeof(neighbour->address));
	memcpy(neighbour->mac, mac, sizeof(neighbour->mac));
}

/* As much as fits, whole characters of UTF-8. */
static void
text_copy(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	while (n > 0 && ((uint8_t)from[n] & 0xc0) == 0x80)
		n--;
	memcpy(to, from, n);
	to[n] = '\0';
}

void
events_commit(struct events *events, uint64_t generation, const struct actor *actor,
	const char *method, uint64_t added, uint64_t changed, uint64_t removed)
{
	struct event_commit *commit = &entry_begin(events, EVENT_COMMIT)->commit;

	commit->generation = generation;
	commit->added = added;
	commit->changed = changed;
	commit->removed = removed;
	commit->uid = actor->uid;
	snprintf(commit->who, sizeof(commit->who), "%s", actor->name);
	snprintf(commit->via, sizeof(commit->via), "%s", actor->via);
	text_copy(commit->text, sizeof(commit->text), method);
}

void
events_rollback(struct events *events, uint64_t generation, enum store_return returns,
	uint64_t returned, const char *reason)
{
	struct event_commit *commit = &entry_begin(events, EVENT_ROLLBACK)->commit;

	commit->generation = generation;
	commit->returns = returns;
	commit->returned = returned;
	text_copy(commit->text, sizeof(commit->text), reason);
}

void
events_rollback_failed(struct events *events, uint64_t of, const char *flow, const char *reason)
{
	struct event_rollback_failed *failed =
		&entry_begin(events, EVENT_ROLLBACK_FAILED)->rollback_failed;

	failed->of = of;
	snprintf(failed->flow, sizeof(failed->flow), "%s", flow ? flow : "");
	text_copy(failed->reason, sizeof(failed->reason), reason);
}

void
events_overload(struct events *events, const struct event_overload *overload)
{
	entry_begin(events, EVENT_OVERLOAD)->overload = *overload;
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
