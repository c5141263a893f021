/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which flow is it: the exact one, else a listener on the local address and port. A lane is looked
 * up in passes, each prefetching what the next one reads: bucket line, then entry line.
 */
#ifndef DATAPLANE_CLASSIFY_H
#define DATAPLANE_CLASSIFY_H

#include <rte_prefetch.h>

#include "burst.h"

static __rte_always_inline void *
lane_key(struct lane *lane, uint16_t i, enum dp_family family)
{
	return family == DP_IPV4 ? (void *)&lane->key4[i] : (void *)&lane->key6[i];
}

/* The first slot that carries the signature: nearly always the flow. FLOW_INDEX_NONE: walk. */
static __rte_always_inline uint32_t
classify_guess(const struct flow_table *table, uint32_t hash)
{
	const struct bucket *bucket = flow_table_bucket(table, hash);
	uint32_t hits = bucket_match(bucket, flow_hash_signature(hash));

	return likely(hits != 0) ? bucket_index(bucket, (unsigned)__builtin_ctz(hits))
				 : FLOW_INDEX_NONE;
}

static __rte_always_inline void
classify_prefetch_entry(const void *entry, enum dp_family family)
{
	rte_prefetch0(entry);
	if (family == DP_IPV6)
		rte_prefetch0(RTE_PTR_ADD(entry, RTE_CACHE_LINE_SIZE));
}

/* Look `n` keys of the lane up, those at the positions in `which`; entries[] gets the answers. */
static __rte_always_inline void
classify_lookup(const struct flow_table *table, struct lane *lane, const uint8_t *which, uint16_t n,
	enum dp_family family)
{
	for (uint16_t i = 0; i < n; i++) {
		uint16_t p = which[i];

		lane->hash[p] = flow_key_hash(lane_key(lane, p, family), family);
		rte_prefetch0(flow_table_bucket(table, lane->hash[p]));
	}
	for (uint16_t i = 0; i < n; i++) {
		uint16_t p = which[i];
		uint32_t guess = classify_guess(table, lane->hash[p]);

		lane->entries[p] = NULL;
		if (likely(guess != FLOW_INDEX_NONE)) {
			lane->entries[p] = flow_table_entry(table, guess, family);
			classify_prefetch_entry(lane->entries[p], family);
		}
	}
	for (uint16_t i = 0; i < n; i++) {
		uint16_t p = which[i];
		const void *key = lane_key(lane, p, family);

		if (unlikely(lane->entries[p] == NULL ||
			     !flow_key_equal(lane->entries[p], key, family)))
			lane->entries[p] = flow_table_find(table, key, lane->hash[p], family);
	}
}

/* A listener's key: the same without the source. */
static __rte_always_inline void
classify_drop_source(void *key, enum dp_family family)
{
	if (family == DP_IPV4) {
		((struct flow_key4 *)key)->src = 0;
		((struct flow_key4 *)key)->src_port = 0;
	} else {
		memset(((struct flow_key6 *)key)->src, 0, sizeof(((struct flow_key6 *)key)->src));
		((struct flow_key6 *)key)->src_port = 0;
	}
}

/* Fill lane->entries. Listeners cost nothing while there are none. */
static __rte_always_inline void
classify_lane(const struct flow_table *table, struct lane *lane, enum dp_family family)
{
	static const uint8_t all[BURST_PACKETS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
		15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
	uint8_t missed[BURST_PACKETS];
	uint16_t n_missed = 0;

	classify_lookup(table, lane, all, lane->n, family);
	if (likely(__atomic_load_n(&table->n_listeners, __ATOMIC_RELAXED) == 0))
		return;
	for (uint16_t i = 0; i < lane->n; i++) {
		if (lane->entries[i] != NULL)
			continue;
		classify_drop_source(lane_key(lane, i, family), family);
		missed[n_missed++] = (uint8_t)i;
	}
	classify_lookup(table, lane, missed, n_missed, family);
}

#endif
