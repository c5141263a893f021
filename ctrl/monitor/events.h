/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happened to flows, ports, neighbours and workers: the last EVENTS_MAX events, in order.
 * Readers keep their own position, so there may be any number of them and none delays another.
 * Raising an event never fails. Control thread.
 */
#ifndef CTRL_MONITOR_EVENTS_H
#define CTRL_MONITOR_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <dp/dp.h>
#include <dp/stats.h>

#include "base/actor.h"
#include "flow/flow_spec.h"
#include "store/store.h"

/*
 * The first entry for a reader that has seen number `after`, in a ring of `size` entries numbered
 * 1, 2, 3... whose newest is `last` (0 = none yet); past `last` when there is nothing new. *lost:
 * how many after `after` are overwritten.
 */
static inline uint64_t
sequence_first(uint64_t last, unsigned size, uint64_t after, uint64_t *lost)
{
	const uint64_t gone = last > size ? last - size : 0;

	*lost = gone > after ? gone - after : 0;
	return after + *lost + 1;
}

#define EVENTS_MAX 16384 /* more than the longest queue of a subscriber */
#define EVENT_METHOD_MAX 64
#define EVENT_FIELDS_MAX 160 /* holds all members of a flow */
#define EVENT_REASON_MAX 256

/* In the order of events_kind_name(), which is the one list of their names. */
enum event_kind {
	EVENT_FLOW_ADDED,
	EVENT_FLOW_CHANGED, /* by a request, while it runs */
	EVENT_FLOW_REMOVED, /* by a request */
	EVENT_FLOW_EXPIRED, /* no packet for its idle timeout: removed */
	EVENT_FLOW_LATCHED, /* it has learned a source */
	EVENT_FLOW_FORGOTTEN, /* by a request, or a media time-out: it has no source any more */
	EVENT_SOURCE_SWITCHED, /* another one of its sources is active */
	EVENT_MEDIA_TIMEOUT, /* no packet for its media time-out */
	EVENT_MEDIA_RESUMED, /* a packet was seen after that */
	EVENT_PORT_UP,
	EVENT_PORT_DOWN,
	EVENT_NEIGHBOUR_LOST,
	EVENT_NEIGHBOUR_RESOLVED, /* after it was lost, or pending */
	EVENT_BACKUP_TAKEN, /* legs leave by their backup, as their own way is lost */
	EVENT_BACKUP_LEFT, /* and by their own way again */
	EVENT_COMMIT,
	EVENT_ROLLBACK,
	EVENT_ROLLBACK_FAILED, /* of what was not confirmed in time */
	EVENT_OVERLOAD,
	EVENT_POOL_USAGE, /* it has reached a level, or fallen below */
	EVENT_LEG_UNREACHABLE, /* an ICMP error says so */
	EVENT_LEG_REACHABLE, /* there was none for some time after that */
	EVENT_KINDS
};

enum overload_cause {
	OVERLOAD_WORKER_BUSY, /* amount: busy share in 1/1000 */
	OVERLOAD_WORKER_LATE, /* amount: commits that a worker was late for */
	OVERLOAD_RX_MISSED, /* amount: packets that the NIC had no descriptor for */
	OVERLOAD_RX_NO_BUFFER, /* amount: times that there was no buffer to receive into */
	OVERLOAD_PUNTS_LOST, /* amount: packets not handed to control */
};

/* The source that became active, and the one before: indexes of the flow's sources. */
struct event_switch {
	struct dp_source source;
	uint8_t active, previous;
	uint8_t returned; /* as of struct dp_sources */
	uint64_t switches;
};

/* EVENT_FLOW_*, EVENT_SOURCE_*, EVENT_MEDIA_*; which member of the union holds depends on the kind.
 */
struct event_flow {
	char id[FLOW_ID_MAX];
	uint8_t relay_bytes; /* so much of the id is that of its relay; 0: of none */
	uint8_t family; /* of latched.src, and of the source that became active */
	union {
		struct dp_flow_stats counters; /* EVENT_FLOW_EXPIRED, EVENT_MEDIA_* */
		struct event_switch switched; /* EVENT_SOURCE_SWITCHED */
		struct dp_latched latched; /* EVENT_FLOW_LATCHED, EVENT_FLOW_FORGOTTEN */
	};
};

/* EVENT_FLOW_CHANGED. */
struct event_changed {
	char id[FLOW_ID_MAX];
	char leg[FLOW_ID_MAX]; /* when one leg joined, left or changed: its id; else "" */
	uint64_t generation;
	uint32_t joined, left, changed; /* legs */
	uint32_t uid;
	char who[ACTOR_NAME_MAX];
	char via[ACTOR_VIA_MAX];
	char method[EVENT_METHOD_MAX];
	char fields[EVENT_FIELDS_MAX]; /* the flow's other members that are different, "a,b" */
};

/* EVENT_NEIGHBOUR_*: the next hop of legs out of that port. */
struct event_neighbour {
	uint16_t port;
	uint8_t family;
	uint8_t address[16];
	uint8_t mac[6]; /* the last one known */
};

/* EVENT_COMMIT, EVENT_ROLLBACK. */
struct event_commit {
	uint64_t generation;
	enum store_return returns; /* rollback: what is back, */
	uint64_t returned; /* and of which generation */
	uint64_t added;
	uint64_t changed;
	uint64_t removed;
	uint32_t uid;
	char who[ACTOR_NAME_MAX];
	char via[ACTOR_VIA_MAX];
	char text[STORE_COMMENT_MAX]; /* commit: the method; rollback: the reason */
};

/* EVENT_ROLLBACK_FAILED. */
struct event_rollback_failed {
	uint64_t of; /* the generation whose changes were to be reverted */
	char flow[FLOW_ID_MAX]; /* that stays as it is; "": all that it changed does, for now */
	char reason[EVENT_REASON_MAX];
};

struct event_overload {
	enum overload_cause cause;
	bool over; /* false: it is over; only OVERLOAD_WORKER_BUSY says so */
	uint16_t index; /* of the worker or port, where the cause has one */
	uint64_t amount; /* as the cause says */
	uint64_t period_ns; /* during which */
};

/* EVENT_POOL_USAGE. */
struct event_pool {
	char name[DP_NAME_MAX];
	uint8_t percent; /* the level */
	bool over; /* false: it is below again */
	uint32_t size, free, quarantined; /* ports, or pairs */
};

/* EVENT_LEG_*. */
struct event_leg {
	struct event_flow flow; /* the id only */
	char leg[FLOW_ID_MAX]; /* "" = of a stream */
	uint8_t family;
	uint8_t error; /* enum icmp_error_kind: the last one */
	uint8_t from[16]; /* who sent it */
};

struct event_entry {
	uint64_t sequence;
	uint64_t time_ns; /* CLOCK_REALTIME */
	enum event_kind kind;
	union {
		struct event_flow flow;
		struct event_changed changed;
		uint16_t port; /* EVENT_PORT_* */
		struct event_neighbour neighbour;
		struct event_commit commit;
		struct event_rollback_failed rollback_failed;
		struct event_overload overload;
		struct event_pool pool;
		struct event_leg leg;
	};
};

struct events {
	uint64_t last; /* sequence number of the newest, 0 = none yet */
	uint64_t raised[EVENT_KINDS]; /* by kind, since the beginning */
	uint64_t gone[EVENT_KINDS]; /* of those, overwritten in the ring */
	void (*on_raise)(void *arg); /* before the entry is filled; NULL: disabled */
	void *on_raise_arg;
	struct event_entry ring[EVENTS_MAX];
};

void events_init(struct events *events);

/* Call a function for each event, which only records it. NULL: disabled. */
void events_observe(struct events *events, void (*raised)(void *arg), void *arg);

/* "flow_added". NULL for what is no kind. Static storage. */
const char *events_kind_name(unsigned kind);

/*
 * Append an event. Returns its entry, zero but for what every event has, for the caller to fill at
 * once. Of a commit of many flows only EVENT_COMMIT is raised.
 */
struct event_entry *events_raise(struct events *events, enum event_kind kind);

/* The same for events of a flow but EVENT_FLOW_CHANGED; the id is filled in. */
struct event_flow *events_raise_flow(struct events *events, enum event_kind kind, const char *flow);

/* flow: the one that cannot return; NULL: the generation as a whole, which is tried again. */
void events_rollback_failed(
	struct events *events, uint64_t of, const char *flow, const char *reason);

/* The event of that number; NULL when it was overwritten or has not happened. */
const struct event_entry *events_get(const struct events *events, uint64_t sequence);

/*
 * A reader of some kinds, for which at most `queue` events are kept waiting. It has a position in
 * the ring, and counts what it has lost.
 */

#define EVENT_KINDS_ALL ((UINT32_C(1) << EVENT_KINDS) - 1)

struct event_reader {
	uint32_t kinds; /* bit k: enum event_kind k is wanted */
	uint64_t queue; /* wanted events that may wait, below EVENTS_MAX */
	uint64_t position; /* the last event that was read, passed over or lost */
	uint64_t passed[EVENT_KINDS]; /* events up to there, by kind */
	uint64_t lost; /* wanted events that were not read; the caller resets it */
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
void event_reader_consume(struct event_reader *reader, const struct event_entry *entry);

#endif
