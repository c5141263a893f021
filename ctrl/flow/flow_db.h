/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The desired state: every flow that was asked for, found by id and by match, and listed in the
 * order of installation. It does no I/O and knows nothing of how a flow gets into the data plane;
 * it keeps two numbers a flow for those who do (handle, next hops).
 *
 * A flow that a draft (change.h) adds stands in the tables already, so that ids and matches are
 * taken, but is not live: those who read the state do not meet it before it is committed.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_FLOW_FLOW_DB_H
#define CTRL_FLOW_FLOW_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A table that cannot grow is a reply to the request, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "flow/flow_spec.h"

/* What the watchers of flows (monitor/idle.c, punts.c) note down with each flow. All zero at first.
 */

/* When it was active last, see monitor/idle.h. */
struct idle {
	uint64_t accepted; /* packets, as far as was seen */
	uint64_t active_ns; /* when there were seen to be so many */
};

struct flow_watch {
	struct wheel_entry due; /* the next look at it */
	struct idle idle; /* of a flow with a timeout; not begun while active_ns is 0 */
	uint32_t moves; /* of a latched source: those that events were raised for */
	uint32_t punt_handle; /* under which its packets are told apart, when it can punt */
	bool drops; /* its action is drop: what it drops by that is taken */
	bool narrow_later; /* its source is learned, and what is steered is to be looked at */
	bool punts;
	bool expires; /* it is being removed because it is idle */
};

#define HOP_WANTED UINT16_MAX /* no next hop yet */

enum flow_presence {
	FLOW_COMING, /* in a draft; behind it in the order there are only more of them */
	FLOW_LIVE,
	FLOW_GOING, /* it was removed, and waits to be freed */
};

/* What a commit writes in one go for all of its flows stands first, near to each other. */
struct flow {
	struct flow_spec *spec;
	uint16_t *hops; /* next hop index of each leg, those of streams too */
	uint32_t handle; /* of the data plane */
	uint32_t mark; /* of the declaration that named it last */
	uint8_t presence; /* enum flow_presence */
	struct steer_end *only; /* its packets come from there alone; NULL: it was not narrowed */
	struct change *change; /* what the draft is to make of it, NULL: it stays */
	uint64_t sequence; /* ever growing, never given twice: where a page of a list ended */
	UT_hash_handle by_id; /* its list is the order of installation */
	UT_hash_handle by_match;
	UT_hash_handle by_sequence;
	struct flow_watch watch;
};

struct change;
struct steer_end;

struct desired {
	struct flow *ids;
	struct flow *matches;
	struct flow *sequences;
	uint64_t last_sequence;
	uint64_t last_number; /* of the ids that we gave */
	size_t n_live;
	uint64_t n_legs; /* of live flows, those of streams too; counted when a change settles */
	unsigned buckets_log2; /* of a table that is made */
};

/*
 * Begin without flows. With room for n_expected of them the tables need not grow later, which would
 * move all that is there at once.
 */
void desired_init(struct desired *desired, size_t n_expected);

/* Free every flow and its spec. */
void desired_fini(struct desired *desired);

/*
 * Add a flow that is not live yet; an empty id in the spec is filled with a free "flow-N" first.
 * It has no hops yet, and the spec is borrowed until desired_reveal(). NULL with *fault set, and
 * nothing changed but perhaps the id, when the id or the match is taken (the message names the
 * other flow) or memory is short. Rules may be alike.
 */
struct flow *desired_add(struct desired *desired, struct flow_spec *spec, struct fault *fault);

/* A coming flow is committed: it is met from now on, and owns its spec and the hops. */
void desired_reveal(struct desired *desired, struct flow *flow, uint16_t *hops);

/* A live flow is committed to go: nobody meets it any more. */
void desired_hide(struct desired *desired, struct flow *flow);

/* Take a flow that is not live out and free it with its hops, but not its spec. */
void desired_withdraw(struct desired *desired, struct flow *flow);

/*
 * The number of an id of the kind that we give, "flow-N"; 0 of others, "" included. A number is
 * kept from being given by desired_number_avoid(): those that are given then are above it.
 */
uint64_t desired_id_number(const char *id);
void desired_number_avoid(struct desired *desired, uint64_t number);

/*
 * The id and, unless it is out of the table of matches, the match stand in another spec now. Of a
 * flow that is coming it is the spec from now on, borrowed like the one before.
 */
void desired_rekey(struct flow *flow, struct flow_spec *spec);

/* The match of a flow is free for others, or taken again (a rule has none). 0 or -ENOMEM. */
void desired_match_free(struct desired *desired, struct flow *flow);
int desired_match_take(struct desired *desired, struct flow *flow, const struct flow_spec *spec);

/* Whoever has that id or that match, live or not. NULL: it is free. */
struct flow *desired_seek(const struct desired *desired, const char *id);
struct flow *desired_match_seek(const struct desired *desired, const struct flow_match *match);

/* NULL when there is no live one. */
struct flow *desired_find(const struct desired *desired, const char *id);

size_t desired_count(const struct desired *desired);

/*
 * The first flow installed after the one with that sequence number, which may be gone; 0 starts
 * from the beginning. NULL past the last.
 */
struct flow *desired_after(const struct desired *desired, uint64_t sequence);

/* The one installed before, live or not, NULL before the first; before NULL is the newest. */
struct flow *desired_before(const struct desired *desired, const struct flow *flow);

/* The next live one in the order of installation, NULL after the last. */
struct flow *desired_next(const struct flow *flow);

#endif
