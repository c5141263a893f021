/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reader of the ring of events who wants some kinds only and lets no more than `queue` of them
 * wait. It holds no event: its queue is its place in the ring, and what it has lost it knows by
 * counting, so a reader costs the same whether it is quick or stuck.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_STATE_EVENT_READER_H
#define CTRL_STATE_EVENT_READER_H

#include "state/events.h"

#define EVENT_KINDS_ALL ((UINT32_C(1) << EVENT_KINDS) - 1)

struct event_reader {
	uint32_t kinds; /* bit k: enum event_kind k is wanted */
	uint64_t queue; /* wanted events that may wait, below EVENTS_MAX */
	uint64_t place; /* the last event that was read, passed over or lost */
	uint64_t passed[EVENT_KINDS]; /* events up to there, by kind */
	uint64_t lost; /* wanted events that went by unread; whoever announces them takes them */
};

/*
 * Begin behind event `after`, which is at most events->last. Events that are overwritten already
 * count as lost, of whatever kind.
 */
void event_reader_init(struct event_reader *reader, const struct events *events, uint32_t kinds,
	uint64_t queue, uint64_t after);

/* Wanted events that wait. */
uint64_t event_reader_pending(const struct event_reader *reader, const struct events *events);

/*
 * The next wanted event, NULL when none waits. The oldest of more than `queue` are lost first, so
 * the events before reader->lost came before this one. It stays the next until it is taken.
 */
const struct event_entry *event_reader_next(
	struct event_reader *reader, const struct events *events);

/* The event that event_reader_next() gave has been read. */
void event_reader_take(struct event_reader *reader, const struct event_entry *entry);

#endif
