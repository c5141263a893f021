/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A leg that sends to the source that a flow has learned. For as long as control knows the source,
 * the leg is compiled as any other is, to that destination: its fast form. What is here is for the
 * slow way, which takes the destination from the latch, packet by packet.
 */
#ifndef DATAPLANE_LEARNED_H
#define DATAPLANE_LEARNED_H

#include <stdbool.h>
#include <stdint.h>

#include <dp/flow.h>

#include "flow_entry.h"
#include "latch.h"

struct latch_table;

/* Never changes once a worker can see it, but for what the comments say. */
struct learned {
	struct latch_user user; /* of the latch: the fast form */
	struct latch *latch;
	/* Copies that were dropped as peer_unknown, of a leg in an entry: added to atomically. */
	uint64_t unknown;
	struct dp_learned signalled; /* while the latch is open; dst_port 0: nowhere */
	union { /* to no destination, with the sums of all but that in its checksum changes */
		struct rewrite4 rewrite4;
		struct rewrite6 rewrite6;
	};
	uint8_t family; /* enum dp_family of what leaves */
	/* Control's. */
	bool has_fast_form; /* else it is stale from the beginning */
	uint32_t n_published; /* versions of the flow that workers can see */
};

/*
 * What `leg` of `flow`, which has a learned source, is for the slow way, and in *rewrite, of the
 * leg's family, and *outer_tci (NULL: it has no outer tag) its fast form. NULL: no memory. `node`:
 * NUMA node.
 */
struct learned *learned_create(struct latch_table *latches, const struct dp_flow *flow,
	const struct dp_leg *leg, void *rewrite, rte_be16_t *outer_tci, int node);

/* After a grace period when workers have seen it. NULL is ignored. */
void learned_destroy(struct learned *learned, struct latch_table *latches);

/* The fast form is now at its place, and this is its next hop. Before a worker can see it. */
void learned_place(struct learned *learned, struct rewrite_tail *tail);

/*
 * One version more of the flow can be seen by workers from now on. With the last one that cannot,
 * before its grace period, packets that still meet it take the slow way: it is told of no move any
 * more.
 */
void learned_publish(struct learned *learned);
void learned_withdraw(struct learned *learned);

/* Both send to the same source, in the same way, whatever is known of it; both may be NULL. */
bool learned_equal(const struct learned *a, const struct learned *b);

/* And their fast forms, if they have any, were compiled for the same state of the latch. */
bool learned_same_state(const struct learned *a, const struct learned *b);

#endif
