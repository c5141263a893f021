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
 *	  signature with release order after it;
 *	- the entry is complete before its slot becomes visible;
 *	- removal stores signature 0. The entry, and the slot, are used again only after a grace
 *	  period (rte_rcu_qsbr), when no worker can hold a pointer into the entry;
 *	- a reader that pairs an old signature with a new index finds another key in the entry and
 *	  moves on;
 *	- an overflow bucket leaves its chain only as its empty tail, so a worker that still stands
 *	  on it has nothing left to see, whatever the bucket is used for next.
 */
#ifndef DATAPLANE_FLOW_TABLE_H
#define DATAPLANE_FLOW_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <emmintrin.h>
#include <nmmintrin.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include <dp/stats.h>

#include "flow_entry.h"

#define BUCKET_SLOTS 8
#define FLOW_INDEX_NONE UINT32_MAX

struct bucket {
	uint16_t signature[BUCKET_SLOTS]; /* 0 = not visible */
	uint32_t index[BUCKET_SLOTS];
	uint32_t next; /* overflow bucket + 1, 0 = none */
	uint8_t used; /* writer only: slots taken, visible or not */
	uint8_t pad[11];
} __rte_cache_aligned;
static_assert(sizeof(struct bucket) == 64, "a bucket is one line");
static_assert(offsetof(struct bucket, index) == 16, "bucket layout");
static_assert(offsetof(struct bucket, next) == 48, "bucket layout");

enum flow_state {
	FLOW_FREE,
	FLOW_ADDED, /* in a transaction, not visible yet */
	FLOW_LIVE, /* visible */
	FLOW_REMOVED, /* in a transaction: visible until commit, then retired */
	FLOW_RETIRED, /* not visible, waits for a grace period */
};

struct flow_table {
	/* Read by workers. */
	struct bucket *buckets;
	struct bucket *overflow;
	uint8_t *entries;
	uint64_t *drops; /* [flow][DP_COPY_DROP_COUNT] of one-leg flows, added to atomically */
	uint32_t bucket_mask;
	uint32_t n_listeners; /* visible ones: 0 = workers skip that stage */
	/* counters of packets that a worker met in a flow owned by another one: [flow] a worker */
	struct flow_counters *foreign[DP_WORKERS_MAX];

	/* Writer only. */
	enum dp_family family;
	uint32_t capacity;
	uint32_t n_flows; /* live ones */
	uint32_t n_free; /* places in free_stack */
	uint32_t *free_stack;
	uint8_t *state; /* [flow] enum flow_state */
	uint32_t n_overflow_free;
	uint32_t *overflow_stack; /* overflow buckets in no chain */
	unsigned n_workers;
};

/*
 * Allocate an empty table on `socket`. capacity 0 makes a table that finds nothing. 0 or -ENOMEM;
 * nothing stays allocated on failure.
 */
int flow_table_init(struct flow_table *table, enum dp_family family, uint32_t capacity,
	unsigned n_workers, int socket);

/* Free the table and the leg sets of flows still in it. No worker may run. */
void flow_table_fini(struct flow_table *table);

/*
 * Take a place for `flow`, invisible to workers. 0, or -EEXIST (a flow of that key that is not
 * being removed), -ENOSPC (table full), -ENOMEM (leg set), -EINVAL (field out of range).
 */
int flow_table_add(struct flow_table *table, const struct dp_flow *flow, uint32_t *index);

/* Make an added flow visible to workers. */
void flow_table_publish(struct flow_table *table, uint32_t index);

/* Make a live or removed flow invisible. Its entry stays until flow_table_free(). */
void flow_table_unlink(struct flow_table *table, uint32_t index);

/* Give back an added flow, or an unlinked one after its grace period. */
void flow_table_free(struct flow_table *table, uint32_t index);

/* Exact counters of a flow, summed over workers. `legs` has room for its legs. */
void flow_table_read(const struct flow_table *table, uint32_t index, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs);

/* Number of legs of a flow that is not free. */
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

/* CRC32C over the key's words. `key` is a struct flow_key4 or flow_key6. */
static __rte_always_inline uint32_t
flow_key_hash(const void *key, enum dp_family family)
{
	const unsigned n_words = family == DP_IPV4 ? 2 : 5;
	uint64_t words[5], hash = 0xffffffff;

	memcpy(words, key, n_words * sizeof(words[0]));
	for (unsigned i = 0; i < n_words; i++)
		hash = _mm_crc32_u64(hash, words[i]);
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

/* Bit i set: slot i carries the signature. */
static __rte_always_inline uint32_t
bucket_match(const struct bucket *bucket, uint16_t signature)
{
	__m128i all = _mm_load_si128((const __m128i *)bucket->signature);
	__m128i equal = _mm_cmpeq_epi16(all, _mm_set1_epi16((short)signature));

	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128()));
}

/* Index in a slot; FLOW_INDEX_NONE never stands in a visible one. */
static __rte_always_inline uint32_t
bucket_index(const struct bucket *bucket, unsigned slot)
{
	return __atomic_load_n(&bucket->index[slot], __ATOMIC_ACQUIRE);
}

static __rte_always_inline bool
flow_key_equal(const void *a, const void *b, enum dp_family family)
{
	if (family == DP_IPV4) {
		__m128i equal = _mm_cmpeq_epi8(
			_mm_load_si128((const __m128i *)a), _mm_load_si128((const __m128i *)b));
		return _mm_movemask_epi8(equal) == 0xffff;
	}
	return memcmp(a, b, sizeof(struct flow_key6)) == 0;
}

/*
 * The visible entry of `key`, or NULL. The whole chain is walked; classify.h tries the likely slot
 * first and comes here only when that was another flow's.
 */
static inline void *
flow_table_find(
	const struct flow_table *table, const void *key, uint32_t hash, enum dp_family family)
{
	const struct bucket *bucket = flow_table_bucket(table, hash);
	uint16_t signature = flow_hash_signature(hash);

	for (;;) {
		for (uint32_t hits = bucket_match(bucket, signature); hits != 0; hits &= hits - 1) {
			void *entry = flow_table_entry(
				table, bucket_index(bucket, (unsigned)__builtin_ctz(hits)), family);

			if (flow_key_equal(entry, key, family))
				return entry;
		}
		uint32_t next = __atomic_load_n(&bucket->next, __ATOMIC_ACQUIRE);

		if (likely(next == 0))
			return NULL;
		bucket = &table->overflow[next - 1];
	}
}

#endif
