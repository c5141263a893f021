/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counts by kind stand in for the events that are not in the ring any more: what was raised, less
 * what the reader has passed, is what waits or is lost.
 */
#include "state/event_reader.h"

#include <string.h>

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
event_reader_take(struct event_reader *reader, const struct event_entry *entry)
{
	reader->place = entry->sequence;
	reader->passed[entry->kind]++;
}

void
event_reader_init(struct event_reader *reader, const struct events *events, uint32_t kinds,
	uint64_t queue, uint64_t after)
{
	const uint64_t begin = ring_begin(events);

	*reader = (struct event_reader){.kinds = kinds, .queue = queue};
	if (after == events->last) {
		reader->place = after;
		memcpy(reader->passed, events->raised, sizeof(reader->passed));
		return;
	}
	reader->place = begin;
	memcpy(reader->passed, events->gone, sizeof(reader->passed));
	if (after < begin)
		reader->lost = begin - after;
	while (reader->place < after)
		event_reader_take(reader, events_get(events, reader->place + 1));
}

/* Step over what is overwritten, and then over the oldest, until no more wait than may. */
static void
surplus_lose(struct event_reader *reader, const struct events *events)
{
	const uint64_t begin = ring_begin(events);

	if (reader->place < begin) {
		reader->lost += wanted_count(reader, events->gone);
		reader->place = begin;
		memcpy(reader->passed, events->gone, sizeof(reader->passed));
	}
	while (event_reader_pending(reader, events) > reader->queue) {
		const struct event_entry *entry = events_get(events, reader->place + 1);

		reader->lost += is_wanted(reader, entry->kind);
		event_reader_take(reader, entry);
	}
}

const struct event_entry *
event_reader_next(struct event_reader *reader, const struct events *events)
{
	const struct event_entry *entry;

	surplus_lose(reader, events);
	if (event_reader_pending(reader, events) == 0) {
		reader->place = events->last;
		memcpy(reader->passed, events->raised, sizeof(reader->passed));
		return NULL;
	}
	for (;;) {
		entry = events_get(events, reader->place + 1);
		if (is_wanted(reader, entry->kind))
			return entry;
		event_reader_take(reader, entry);
	}
}
