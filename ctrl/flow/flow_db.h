/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The desired state: every flow that is to be there, found by id and by match, and listed in the
 * order of installation. It does no I/O and knows nothing of how a flow gets into the data plane;
 * it keeps two numbers a flow for those who do (handle, next hops).
 *
 * A flow that a draft (change.h) adds stands in the tables already, so that ids and matches are
 * taken, but is not live: readers of the state do not find it before it is committed.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_FLOW_FLOW_DB_H
#define CTRL_FLOW_FLOW_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* A table that cannot grow is a reply to the request, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "flow/flow_spec.h"

/* What the monitors (idle.c, latches.c, punts.c) store with each flow. All zero at first.
 */

/*
 * When it took packets, see monitor/idle.h. A time-out runs from the last packet, or from when it
 * was begun to be watched for if that is later. All times are of CLOCK_MONOTONIC.
 */
struct idle {
	uint64_t accepted; /* packets, as far as was seen */
	uint64_t looked_ns; /* when that was; 0: never */
	uint64_t packet_ns; /* when the last one was first seen; 0: none was */
	uint64_t packet_after_ns; /* it came after this */
	uint64_t idle_from_ns; /* its idle time-out is watched for since then; 0: it is not */
	uint64_t media_from_ns; /* its media time-out */
};

struct flow_watch {
	LIST_ENTRY(flow) due; /* where it waits for its next poll; le_prev is NULL: nowhere */
	TAILQ_ENTRY(flow) again; /* where its latch waits to be read; tqe_prev is NULL: nowhere */
	struct idle idle; /* of a flow with a time-out, or of a receiver */
	uint16_t slot; /* in which it waits for its poll, when it does */
	uint32_t moves; /* of a latched source, or switches of its sources: those that events were
			   raised for */
	uint64_t state; /* of its latch, for which the legs that send to it were queued */
	uint32_t punt_handle; /* that its packets carry, when it can punt */
	bool drops; /* its action is drop: what it drops by that is taken */
	bool learned; /* a source, which is not forgotten */
	bool open; /* its source may move */
	bool moved; /* its source is to be read once its commit is over */
	bool punts;
	bool expires; /* it is being removed because it is idle */
	bool silent; /* its media time-out was raised, and no packet was seen since */
	bool reopens; /* its latch is to be opened for that */
};

enum flow_presence {
	FLOW_ADDED, /* in a draft; behind it in the order there are only more of them */
	FLOW_LIVE,
	FLOW_REMOVED, /* it was removed, and waits to be freed */
};

/* What a commit writes in one go for all of its flows stands first, near to each other. */
struct flow {
	struct flow_spec *spec;
	uint16_t *hops; /* next hop index of each leg, those of streams too */
	struct leg_source *sources; /* of each leg; NULL: no leg sends to a learned source */
	uint32_t handle; /* of the data plane */
	uint32_t mark; /* of the declaration that named it last */
	uint8_t presence; /* enum flow_presence */
	struct steer_end *only; /* its packets come from there alone; NULL: it was not narrowed */
	struct change_item *item; /* what the draft is to make of it, NULL: it stays */
	uint64_t sequence; /* ever growing, never given twice: where a page of a list ended */
	UT_hash_handle by_id; /* its list is the order of installation */
	UT_hash_handle by_match;
	UT_hash_handle by_sequence;
	struct flow_watch watch;
	TAILQ_ENTRY(flow) refresh; /* where it waits in flows.c, */
	struct flow_queue *refresh_queue; /* and in which; NULL: nowhere */
};

TAILQ_HEAD(flow_queue, flow);

struct change_item;
struct leg_source;
struct steer_end;

struct flow_db {
	struct flow *ids;
	struct flow *matches;
	struct flow *sequences;
	uint64_t last_sequence;
	uint64_t last_number; /* of the ids that we gave */
	size_t n_live;
	uint64_t n_legs; /* of live flows, those of streams too; counted when a change is retired */
	unsigned buckets_log2; /* of a table that is made */
};

/*
 * Begin without flows. With room for n_expected of them the tables need not grow later, which would
 * move all that is there at once.
 */
void flow_db_init(struct flow_db *db, size_t n_expected);

/* Free every flow and its spec. */
void flow_db_fini(struct flow_db *db);

/* Fill an empty id with a free "flow-N". */
void flow_db_id_give(struct flow_db *db, struct flow_spec *spec);

/*
 * Add a flow that is not live yet; an empty id in the spec is filled by flow_db_id_give() first.
 * It has no hops yet, and the spec is borrowed until flow_db_activate(). NULL with *fault set, and
 * nothing changed but perhaps the id, when the id or the match is taken (the message names the
 * other flow) or memory is short. Rules may be alike.
 */
struct flow *flow_db_add(struct flow_db *db, struct flow_spec *spec, struct fault *fault);

/* A coming flow is committed: it is met from now on, and owns its spec and the hops. */
void flow_db_activate(struct flow_db *db, struct flow *flow, uint16_t *hops);

/* A live flow is removed by a commit: readers do not find it any more. */
void flow_db_retire(struct flow_db *db, struct flow *flow);

/* Take a flow that is not live out and free it with its hops, but not its spec. */
void flow_db_remove(struct flow_db *db, struct flow *flow);

/*
 * The number of an id of the kind that we give, "flow-N"; 0 of others, "" included. A number is
 * kept from being given by flow_db_number_avoid(): those that are given then are above it.
 */
uint64_t flow_db_id_number(const char *id);
void flow_db_number_avoid(struct flow_db *db, uint64_t number);

/*
 * The id and, unless it is out of the table of matches, the match stand in another spec now. Of a
 * flow that is coming it is the spec from now on, borrowed like the one before.
 */
void flow_db_rekey(struct flow *flow, struct flow_spec *spec);

/* The match of a flow is free for others, or taken again (a rule has none). 0 or -ENOMEM. */
void flow_db_match_remove(struct flow_db *db, struct flow *flow);
int flow_db_match_insert(struct flow_db *db, struct flow *flow, const struct flow_spec *spec);

/* Whoever has that id, sequence number or match, live or not. NULL: it is free. */
struct flow *flow_db_seek(const struct flow_db *db, const char *id);
struct flow *flow_db_sequence_seek(const struct flow_db *db, uint64_t sequence);
struct flow *flow_db_match_seek(const struct flow_db *db, const struct flow_match *match);

/* NULL when there is no live one. */
struct flow *flow_db_find(const struct flow_db *db, const char *id);

size_t flow_db_count(const struct flow_db *db);

/*
 * The first flow installed after the one with that sequence number, which may be gone; 0 starts
 * from the beginning. NULL past the last.
 */
struct flow *flow_db_after(const struct flow_db *db, uint64_t sequence);

/* The one installed before, live or not, NULL before the first; before NULL is the newest. */
struct flow *flow_db_before(const struct flow_db *db, const struct flow *flow);

/* The next live one in the order of installation, NULL after the last. */
struct flow *flow_db_next(const struct flow *flow);

#endif
