/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is done to the packets of a flow that is not plain. An action never changes once a worker
 * can see it: a flow that changes gets a new one. What lives longer than one version of the flow
 * (policer, learned source, counts) is memory of its own that versions share (shared.h).
 */
#ifndef DATAPLANE_ACTION_H
#define DATAPLANE_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include <dp/flow.h>
#include <dp/stats.h>

#include "leg_table.h"

struct failover;
struct latch;
struct policer;
struct stream_index;

/* One worker's counts of what it did not forward; the rest of the flow's packets it did. */
struct action_counts {
	uint64_t drops[DP_FLOW_DROP_COUNT];
	uint64_t punted;
	uint64_t bytes; /* of those packets */
} __rte_cache_aligned;
static_assert(sizeof(struct action_counts) % RTE_CACHE_LINE_SIZE == 0, "a worker's own lines");

/* Every leg of a flow or stream, in the order of struct dp_flow; those that are down too. */
struct leg_slots {
	uint16_t n;
	uint32_t *of; /* [leg] slot in the leg table */
};

struct stream {
	struct leg_list *legs; /* NULL: none is up */
	uint8_t verdict;
	/* Control's. */
	uint8_t has_ssrc;
	uint8_t has_payload_type;
	uint8_t payload_type;
	uint32_t ssrc;
	struct leg_slots slots;
};

struct flow_action {
	struct policer *policer; /* NULL = not policed */
	struct leg_list *legs; /* NULL: none is up, or the only one is in the entry */
	struct action_counts *counts; /* [worker]; NULL: forwards all to its legs */
	struct latch *latch; /* NULL = any source */
	uint32_t first_leg; /* slot of the first leg of `legs`, LEG_NONE when that is NULL */
	bool leg_in_entry; /* its one ordinary leg is the entry's rewrite, as a plain flow's is */
	uint8_t only; /* FLOW_POLICES, FLOW_LATCHES*: the one step before that leg, which is all
		       * that workers read; 0: others */
	const struct stream_index *stream_index; /* NULL = no streams */
	uint64_t *nth; /* [worker][1 + stream] (action_nth_row()) packets to the legs; NULL: no leg
			* samples */
	struct stream *streams;
	struct flow_counters *stream_counters; /* [worker][stream] (action_streams_row()) */
	uint64_t latch_interval_ns;
	struct failover *failover; /* NULL = no sources to choose from */
	uint64_t source_timeout_ns;
	uint64_t source_return_ns; /* 0 = never */
	uint16_t n_streams;
	uint8_t verdict;
	uint8_t latch_mode;
	uint8_t latch_by;
	uint8_t down;
	uint8_t n_allow;
	bool has_classes; /* some class is not simply forwarded */
	uint8_t class_verdict[DP_CLASS_COUNT];
	const struct dp_prefix *allow;
	/* Control's. */
	struct leg_slots slots; /* none, when the leg is in the entry */
} __rte_cache_aligned;
static_assert(offsetof(struct flow_action, nth) + sizeof(uint64_t *) <= 64,
	"what most packets need is first");

/* Elements of a worker's row of `nth` and of `stream_counters`: lines that no other one writes. */
static __rte_always_inline size_t
action_nth_row(unsigned n_streams)
{
	return RTE_ALIGN_CEIL((size_t)1 + n_streams, RTE_CACHE_LINE_SIZE / sizeof(uint64_t));
}

static __rte_always_inline size_t
action_streams_row(unsigned n_streams)
{
	return RTE_ALIGN_CEIL(
		(size_t)n_streams, RTE_CACHE_LINE_SIZE / sizeof(struct flow_counters));
}

/*
 * The action of `flow`, whose legs it takes from `legs`. `former` is the action that it replaces,
 * or NULL; from[i] the leg of former that leg i carries on, or DP_LEG_NEW (from may be NULL: all
 * are new). *action is NULL on failure, and nothing is held then: -ENOSPC no room for legs,
 * -ENOMEM.
 */
int action_create(struct flow_action **action, const struct dp_flow *flow, struct leg_table *legs,
	const struct flow_action *former, const uint16_t *from);

/* How many slots in the leg table its legs have, those of streams too; 0 for NULL. */
unsigned action_n_slots(const struct flow_action *action);

/* Release all that the action holds; after a grace period when workers have seen it. */
void action_destroy(struct flow_action *action, struct leg_table *legs);

/*
 * Add what the workers did not forward to the punted and drops of `stats`. Returns the bytes of
 * those packets.
 */
uint64_t action_read(
	const struct flow_action *action, unsigned n_workers, struct dp_flow_stats *stats);

#endif
