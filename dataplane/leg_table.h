/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The legs of flows that are not plain: one table for all flows and both families. A leg keeps its
 * slot for as long as any version of its flow has it, so legs that join or leave a running flow
 * do not touch the others; what a packet is sent to is a list of slots (struct leg_list).
 *
 * Who writes what, once a leg is in the list of a published action:
 *	leg		none, but for the next hop of a learned source (flow_entry.h)
 *	policer		the workers that meet it (police.h)
 *	counters	each worker its own row; control has the row past the last worker, where
 *			it adds what a leg counted in a former slot
 *	drops		workers, added to atomically: rare
 */
#ifndef DATAPLANE_LEG_TABLE_H
#define DATAPLANE_LEG_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <dp/flow.h>
#include <dp/stats.h>

#include "flow_entry.h"
#include "latch_table.h"
#include "learned.h"
#include "policer.h"

#define LEG_NONE UINT32_MAX

/* One line: all that a worker reads to make a copy. */
struct leg {
	union {
		struct rewrite4 rewrite4; /* when family, that of what leaves, is DP_IPV4 */
		struct rewrite6 rewrite6;
	};
	struct policer *policer; /* NULL = not policed */
	uint32_t one_in; /* 0 = a copy of every packet */
	rte_be16_t outer_tci; /* 0 = no outer tag */
	uint8_t family;
	uint8_t reserved;
} __rte_cache_min_aligned;
static_assert(sizeof(struct leg) == 64, "a leg is one line");
static_assert(offsetof(struct leg, policer) == 48, "leg layout");

/* The legs that packets go to, those that are down left out. */
struct leg_list {
	uint16_t n;
	bool ordinary; /* no leg translates, samples, polices or has an outer tag */
	uint32_t legs[]; /* slots in the table */
};

struct leg_table {
	/* Read by workers. */
	struct leg *legs;
	struct learned **learned; /* [leg]; NULL = no leg has sent to a learned source yet */
	uint64_t *drops; /* [leg][DP_COPY_DROP_COUNT] */
	struct flow_counters *counters[DP_WORKERS_MAX + 1]; /* [worker][leg] */

	/* Writer only: other lines than those above. */
	uint32_t capacity __rte_cache_aligned; /* legs at most, */
	uint32_t n_taken; /* and how many once the open transaction is committed */
	uint32_t n_slots; /* more than capacity: old and new legs coexist during a commit */
	uint32_t n_free;
	uint32_t *free_stack;
	uint16_t *refs; /* [leg] versions that have it, 0 = free */
	unsigned n_workers;
	int node; /* NUMA node of the table and of the actions */
	struct line_pool lines; /* policers, and what else feature words lead to */
	struct latch_table latches;
};

static_assert(offsetof(struct leg_table, capacity) % RTE_CACHE_LINE_SIZE == 0,
	"what control writes lies apart");

/*
 * Slots of a table beyond its capacity. What a transaction adds coexists with what it removes until
 * the last worker has left the old view, so this is how many it may exchange in a full table.
 */
static inline uint32_t
table_reserve(uint32_t capacity)
{
	const uint32_t most = RTE_MAX(capacity / 16, 16384u);

	return capacity == 0 ? 0 : RTE_MIN(capacity, most) + 64;
}

/*
 * Allocate an empty table on NUMA node `node` (memory.h). 0 or -ENOMEM; nothing stays allocated on
 * failure.
 */
int leg_table_init(struct leg_table *table, uint32_t capacity, unsigned n_workers, int node);
void leg_table_fini(struct leg_table *table);

/*
 * Allocate a slot for `leg` of `flow`, with one reference. `former` is the slot whose counters it
 * continues, or LEG_NONE. When `former` has an identical leg, it gets one reference more and is
 * returned, unless its count is at the maximum; else an identical policer is shared, and the caller
 * moves the counters with leg_table_carry(). 0, -ENOSPC or -ENOMEM.
 */
int leg_table_insert(struct leg_table *table, const struct dp_flow *flow, const struct dp_leg *leg,
	uint32_t former, uint32_t *slot);

/* One reference more on a slot; false: it is LEG_NONE, or its count is at the maximum. */
static inline bool
leg_table_share(struct leg_table *table, uint32_t slot)
{
	if (slot == LEG_NONE || table->refs[slot] == UINT16_MAX)
		return false;
	table->refs[slot]++;
	return true;
}

/* The leg that an element of `from` of dp_txn_replace() names, or DP_LEG_NEW. */
static inline uint16_t
leg_origin(uint16_t from)
{
	return from == DP_LEG_NEW ? from : from & (uint16_t)~DP_LEG_SAME;
}

/* Whether it says that the leg is as that one. */
static inline bool
leg_origin_is_same(uint16_t from)
{
	return from != DP_LEG_NEW && (from & DP_LEG_SAME) != 0;
}

/* Drop a reference; the last one frees the slot. Only after a grace period. */
void leg_table_unref(struct leg_table *table, uint32_t slot);

/* Both slots have a leg that sends to the same learned source, in the same way. */
bool leg_table_same_source(const struct leg_table *table, uint32_t a, uint32_t b);

/* Add what a leg counted in a former slot. No worker may count there any more. */
void leg_table_carry(struct leg_table *table, uint32_t slot, const struct dp_leg_stats *stats);

/* What the leg sends to, if that is learned; else NULL. */
static inline struct learned *
leg_table_learned(const struct leg_table *table, uint32_t slot)
{
	struct learned *const *learned = __atomic_load_n(&table->learned, __ATOMIC_ACQUIRE);

	return learned == NULL ? NULL : learned[slot];
}

/* Copy a leg, while a worker may make its next hop stale. */
void leg_table_copy(const struct leg_table *table, uint32_t slot, struct leg *copy);

/* Exact counters of a leg, summed over workers. */
void leg_table_read(const struct leg_table *table, uint32_t slot, struct dp_leg_stats *stats);

#endif
