/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flow table of one family: one writer (control), many readers (workers), no lock.
 *
 * A bucket is one cache line: eight 16-bit signatures that one vector compare tests, the entry
 * index of each, and a link to an overflow bucket. Entries lie in an array of their own and hold
 * the whole key, so a signature that matches by chance costs one more line and never a wrong flow.
 *
 * How a reader stays safe without waiting:
 *	- a slot is visible when its signature is not 0. The writer stores the index first and the
 *	  signature with release order after it. A reader loads them in the other order, as where it
 *	  loads an index from is computed from the signatures: an address dependency, which every
 *	  architecture keeps;
 *	- the entry is complete before its slot becomes visible;
 *	- removal stores signature 0. The entry, and the slot, are used again only after a grace
 *	  period (rte_rcu_qsbr), when no worker can hold a pointer into the entry;
 *	- a reader that pairs an old signature with a new index finds another key in the entry and
 *	  moves on;
 *	- an empty overflow bucket that leaves the middle of its chain keeps its link and is not
 *	  reused before a grace period has ended: a worker that reads it still finds the rest of the
 *	  chain. A tail has nothing behind it, so it may be reused at once.
 *
 * While a commit of several flows goes on, the table holds both the old and the new
 * flows, and a reader chooses by its view (view.h) and the state of the entry.
 */
#ifndef DATAPLANE_FLOW_TABLE_H
#define DATAPLANE_FLOW_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include <dp/stats.h>

#include "flow_entry.h"
#include "learned.h"
#include "quad.h"
#include "vector.h"
#include "view.h"

#define BUCKET_SLOTS 8
#define FLOW_INDEX_NONE UINT32_MAX
#define FLOW_HANDLE_IPV6 (UINT32_C(1) << 31) /* in a handle: index of table6, else of table4 */

struct bucket {
	uint16_t signature[BUCKET_SLOTS]; /* 0 = not visible */
	uint32_t index[BUCKET_SLOTS];
	uint32_t next; /* overflow bucket + 1, 0 = none */
	uint8_t used; /* writer only: slots taken, visible or not */
	uint8_t pad[11];
} __rte_cache_min_aligned;
static_assert(sizeof(struct bucket) == 64, "a bucket is one line");
static_assert(offsetof(struct bucket, index) == 16, "bucket layout");
static_assert(offsetof(struct bucket, next) == 48, "bucket layout");

/* Drop reasons that a plain flow's one leg can have; the first of the copy drops. */
#define PLAIN_DROP_COUNT 5
static_assert(DP_DROP_port_down - DP_COPY_DROP_FIRST == PLAIN_DROP_COUNT - 1, "plain drops first");

enum flow_state {
	FLOW_FREE,
	FLOW_ADDED, /* in a transaction; has a slot, seen from commit on in the new view alone */
	FLOW_VERSION, /* in a transaction: takes the slot of the flow that it replaces */
	FLOW_LIVE, /* visible */
	FLOW_REMOVED, /* in a transaction: visible until commit */
	FLOW_REPLACED, /* in a transaction: visible until commit */
	FLOW_LEAVING, /* removed, by a commit of several flows: not in the new view */
	FLOW_SUPERSEDED, /* replaced, by a commit of several flows: its successor in the new view */
	FLOW_RETIRED, /* not visible, waits for a grace period; keeps its slot until then */
	FLOW_OUTDATED, /* not visible, waits for a grace period; has no slot any more */
};

struct carried;
struct leg_table;
struct rules;

struct flow_table {
	/* Read by workers. */
	struct bucket *buckets;
	struct bucket *overflow;
	uint8_t *entries;
	uint64_t *drops; /* [flow][PLAIN_DROP_COUNT] of plain flows, added to atomically; of learned
			  * sources besides learned->unknown */
	uint32_t bucket_mask;
	bool has_listeners; /* visible ones: else workers skip that stage */
	bool any_source; /* visible flows are listeners or rules: workers skip the exact stage */
	bool has_features; /* some visible flow is not plain: else there is nothing to fetch */
	struct rules *rules; /* the third stage, NULL = workers skip it; control swaps it */
	struct rules *next_rules; /* the same in the new view */
	uint8_t *state; /* [flow] enum flow_state; read while a commit of several goes on */
	struct flow_action **actions; /* [flow] of FLOW_POLICES, FLOW_LATCHES*; NULL: none yet */
	struct learned **learned; /* [flow] of a leg in the entry; NULL = there was none yet */
	uint32_t *successor; /* [flow] of FLOW_SUPERSEDED and FLOW_OUTDATED; NULL = none yet */
	/* counters of packets that a worker met in a flow owned by another one: [flow] a worker */
	struct flow_counters *foreign[DP_WORKERS_MAX];

	/* Writer only: other lines than those above. */
	enum dp_family family __rte_cache_aligned;
	uint32_t capacity; /* flows at most */
	uint32_t n_entries; /* more than capacity: old and new flows coexist during a commit */
	uint32_t n_flows; /* live ones */
	uint32_t n_exact; /* visible flows of one source */
	uint32_t n_listeners; /* visible ones */
	uint32_t n_features; /* visible flows that are not plain */
	uint32_t n_taken; /* once the open transaction is committed */
	uint32_t n_free; /* of free_stack */
	uint32_t *free_stack;
	uint32_t n_overflow; /* size of overflow_stack */
	uint32_t n_overflow_free; /* buckets in no chain: from the bottom of the stack */
	uint32_t n_overflow_deferred; /* that a worker may still read: from the top of the stack */
	uint32_t *overflow_stack;
	unsigned n_workers;
	int node; /* NUMA node of the table */
	struct leg_table *legs; /* where the legs of flows that are not plain live */
	struct carried *carried; /* what flows had counted before they were replaced */
};

static_assert(offsetof(struct flow_table, family) % RTE_CACHE_LINE_SIZE == 0 &&
		      offsetof(struct flow_table, family) >=
			      offsetof(struct flow_table, foreign) +
				      sizeof(((struct flow_table *)NULL)->foreign),
	"what control writes lies apart");

/*
 * Allocate an empty table on NUMA node `node` (memory.h). capacity 0 makes a table that finds
 * nothing. `legs` is borrowed. 0 or -ENOMEM; nothing stays allocated on failure.
 */
int flow_table_init(struct flow_table *table, enum dp_family family, uint32_t capacity,
	unsigned n_workers, int node, struct leg_table *legs);

/* Free the table and the actions of flows still in it. No worker may run. */
void flow_table_fini(struct flow_table *table);

/*
 * Allocate an entry for `flow`, invisible to workers. 0, or -EEXIST (a flow of that key that is not
 * being removed), -ENOSPC (table or leg table full), -ENOMEM, -EINVAL (field out of range).
 */
int flow_table_add(struct flow_table *table, const struct dp_flow *flow, uint32_t *index);

/*
 * Allocate an entry for the version that will replace flow `old`, invisible to workers; `from` as
 * for dp_txn_replace(). Errors as of flow_table_add(); -EINVAL for another key, too.
 */
int flow_table_version(struct flow_table *table, uint32_t old, const struct dp_flow *flow,
	const uint16_t *from, uint32_t *index);

/*
 * Make an added flow visible to workers, except to those of the old view. A flow that is matched
 * by rule becomes visible with its rule set.
 */
void flow_table_show(struct flow_table *table, uint32_t index);

/* Mark an added flow live. No worker may have the old view any more. */
void flow_table_activate(struct flow_table *table, uint32_t index);

/* Allocate the array of successors. 0 or -ENOMEM. */
int flow_table_successors_prepare(struct flow_table *table);

/* In the new view a flow is absent (leave), or replaced by `version` (supersede). */
void flow_table_leave(struct flow_table *table, uint32_t index);
void flow_table_supersede(struct flow_table *table, uint32_t old, uint32_t version);

/* Point the slot of `old` to `version`, in one store. */
void flow_table_swap(struct flow_table *table, uint32_t old, uint32_t version);

/*
 * Legs to learned sources are told of moves from now on: before workers can see the added flow or
 * version. And no longer: they can see it no more, but for those whose grace period is not over.
 */
void flow_table_publish(struct flow_table *table, uint32_t index);
void flow_table_withdraw(struct flow_table *table, uint32_t index);

/* Mark a live flow as removed by the open transaction (remove), or cancel that (keep). */
void flow_table_remove(struct flow_table *table, uint32_t index);
void flow_table_keep(struct flow_table *table, uint32_t index);

/* Make a live or removed flow invisible. Its entry stays until flow_table_free(). */
void flow_table_unlink(struct flow_table *table, uint32_t index);

/* Cancel an added flow or version of the open transaction. */
void flow_table_abandon(struct flow_table *table, uint32_t index);

/* Free the entry of a cancelled flow, or of an invisible one after its grace period. */
void flow_table_free(struct flow_table *table, uint32_t index);

/* Make deferred overflow buckets available again, after a grace period. */
void flow_table_reclaim(struct flow_table *table);

/* The flow is matched by rule and so in no bucket. */
bool flow_table_is_rule(const struct flow_table *table, uint32_t index);

/* Exact counters of a flow, summed over workers. `legs` has room for its legs, or is NULL. */
void flow_table_read(const struct flow_table *table, uint32_t index, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs);

/* Once no worker counts on `old` any more: its counts go on in `version`. */
void flow_table_carry(
	struct flow_table *table, uint32_t old, uint32_t version, const uint16_t *from);

/* Number of legs of a flow that is not free, down ones too. */
unsigned flow_table_n_legs(const struct flow_table *table, uint32_t index);

static __rte_always_inline void *
flow_table_entry(const struct flow_table *table, uint32_t index, enum dp_family family)
{
	return table->entries + (size_t)index * flow_entry_bytes(family);
}

static __rte_always_inline uint32_t
flow_table_index(const struct flow_table *table, const void *entry, enum dp_family family)
{
	return (uint32_t)((size_t)((const uint8_t *)entry - table->entries) /
			  flow_entry_bytes(family));
}

/* The action of a flow; NULL: it has none. */
static inline struct flow_action *
flow_table_action(const struct flow_table *table, const void *entry, enum dp_family family)
{
	const uint64_t features = flow_entry_features(entry, family);

	if (features == FLOW_PLAIN || (features & FLOW_TRANSLATES) != 0)
		return NULL;
	if ((features & FLOW_ACTS) != 0)
		return flow_features_of(features, FLOW_ACTS);
	return __atomic_load_n(
		&table->actions, __ATOMIC_ACQUIRE)[flow_table_index(table, entry, family)];
}

/* What flow `index` whose leg is in the entry sends to, if that is learned; else NULL. */
static inline struct learned *
flow_table_learned(const struct flow_table *table, uint32_t index)
{
	struct learned *const *learned = __atomic_load_n(&table->learned, __ATOMIC_ACQUIRE);

	return learned == NULL ? NULL : learned[index];
}

/* The drop counter of a flow whose leg is in the entry. */
static inline uint64_t *
flow_table_drop(const struct flow_table *table, uint32_t index, enum dp_drop reason)
{
	if (reason == DP_DROP_peer_unknown)
		return &flow_table_learned(table, index)->unknown;
	return &table->drops[(size_t)index * PLAIN_DROP_COUNT +
			     (size_t)(reason - DP_COPY_DROP_FIRST)];
}

/* CRC32C over the key's words. `key` is a struct flow_key4 or flow_key6. */
static __rte_always_inline uint32_t
flow_key_hash(const void *key, enum dp_family family)
{
	const unsigned n_words = family == DP_IPV4 ? 2 : 5;
	uint64_t words[5], hash = 0xffffffff;

	memcpy(words, key, n_words * sizeof(words[0]));
	for (unsigned i = 0; i < n_words; i++)
		hash = crc32c_u64(hash, words[i]);
	return (uint32_t)hash;
}

/* Never 0: that marks a slot that is not visible. */
static __rte_always_inline uint16_t
flow_hash_signature(uint32_t hash)
{
	return (uint16_t)(hash >> 16) | 1;
}

static __rte_always_inline struct bucket *
flow_table_bucket(const struct flow_table *table, uint32_t hash)
{
	return &table->buckets[hash & table->bucket_mask];
}

/*
 * Bit i set: slot i carries the signature. The address of its index depends on this, which orders
 * both loads on aarch64.
 */
static __rte_always_inline uint32_t
bucket_match(const struct bucket *bucket, uint16_t signature)
{
	return vector_match16(vector_load(bucket->signature), signature);
}

/* Index in a slot; FLOW_INDEX_NONE never stands in a visible one. */
static __rte_always_inline uint32_t
bucket_index(const struct bucket *bucket, unsigned slot)
{
	return __atomic_load_n(&bucket->index[slot], __ATOMIC_ACQUIRE);
}

/* No overflow bucket follows. */
static __rte_always_inline bool
bucket_is_last(const struct bucket *bucket)
{
	return __atomic_load_n(&bucket->next, __ATOMIC_ACQUIRE) == 0;
}

static __rte_always_inline bool
flow_key_equal(const void *a, const void *b, enum dp_family family)
{
	if (family == DP_IPV4)
		return !quad_any(quad_load(a) ^ quad_load(b));
	return memcmp(a, b, sizeof(struct flow_key6)) == 0;
}

/*
 * What a worker of that view finds in place of flow `index`: the flow itself, its successor, or
 * FLOW_INDEX_NONE.
 */
static __rte_always_inline uint32_t
flow_table_seen(const struct flow_table *table, uint32_t index, enum view view)
{
	const uint8_t state = __atomic_load_n(&table->state[index], __ATOMIC_ACQUIRE);
	const uint32_t *successor;

	if (view == VIEW_OLD)
		return state == FLOW_ADDED ? FLOW_INDEX_NONE : index;
	if (state == FLOW_LEAVING || state == FLOW_RETIRED)
		return FLOW_INDEX_NONE;
	if (state != FLOW_SUPERSEDED && state != FLOW_OUTDATED)
		return index;
	successor = __atomic_load_n(&table->successor, __ATOMIC_ACQUIRE);
	return successor == NULL ? index : __atomic_load_n(&successor[index], __ATOMIC_RELAXED);
}

/*
 * The entry of `key` in that view, or NULL. The whole chain is walked, in which several of the same
 * key may stand while a commit goes on. classify.h tries the likely slot first and comes here only
 * when that was another flow's.
 */
static inline void *
flow_table_walk(const struct flow_table *table, const void *key, uint32_t hash, enum view view,
	enum dp_family family)
{
	const struct bucket *bucket = flow_table_bucket(table, hash);
	uint16_t signature = flow_hash_signature(hash);

	for (;;) {
		for (uint32_t hits = bucket_match(bucket, signature); hits != 0; hits &= hits - 1) {
			uint32_t index = bucket_index(bucket, (unsigned)__builtin_ctz(hits));
			void *entry = flow_table_entry(table, index, family);

			if (!flow_key_equal(entry, key, family))
				continue;
			if (view == VIEW_STABLE)
				return entry;
			index = flow_table_seen(table, index, view);
			if (index != FLOW_INDEX_NONE)
				return flow_table_entry(table, index, family);
		}
		uint32_t next = __atomic_load_n(&bucket->next, __ATOMIC_ACQUIRE);

		if (likely(next == 0))
			return NULL;
		bucket = &table->overflow[next - 1];
	}
}

/* The entry of `key`, or NULL, while nothing changes. */
static inline void *
flow_table_find(
	const struct flow_table *table, const void *key, uint32_t hash, enum dp_family family)
{
	return flow_table_walk(table, key, hash, VIEW_STABLE, family);
}

#endif
