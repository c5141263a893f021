/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which flow is it: the exact one, else a listener on the local address and port, else the first
 * rule that matches. A lane is looked up in passes, each prefetching what the next one reads:
 * bucket line, then entry line. A stage that has no entries is not gone into. While a commit goes
 * on, what was found is looked at once more: is it there in the worker's view.
 */
#ifndef DATAPLANE_CLASSIFY_H
#define DATAPLANE_CLASSIFY_H

#include <rte_prefetch.h>

#include "action.h"
#include "burst.h"
#include "martian.h"
#include "rules.h"

static __rte_always_inline void *
lane_key(struct lane *lane, uint16_t i, enum dp_family family)
{
	return family == DP_IPV4 ? (void *)&lane->key4[i] : (void *)&lane->key6[i];
}

/* The first slot that carries the signature: nearly always the flow. FLOW_INDEX_NONE: walk. */
static __rte_always_inline uint32_t
classify_guess(const struct bucket *bucket, uint32_t hash)
{
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

/* The key at position p is complete: find its bucket, and have it fetched. */
static __rte_always_inline void
classify_begin(const struct flow_table *table, struct lane *lane, uint16_t p, enum dp_family family)
{
	const uint32_t hash = flow_key_hash(lane_key(lane, p, family), family);

	lane->hash[p] = hash;
	lane->buckets[p] = flow_table_bucket(table, hash);
	rte_prefetch0(lane->buckets[p]);
}

/*
 * The entry of this key, once more while a commit goes on: is it there in the worker's view? One
 * that is not may hide another of its key; one that is replaced is its successor.
 */
static __rte_always_inline void *
classify_view(const struct flow_table *table, void *entry, const void *key, uint32_t hash,
	enum view view, enum dp_family family)
{
	const uint32_t found = flow_table_index(table, entry, family);
	const uint32_t seen = flow_table_seen(table, found, view);

	if (likely(seen == found))
		return entry;
	if (seen == FLOW_INDEX_NONE)
		return flow_table_walk(table, key, hash, view, family);
	entry = flow_table_entry(table, seen, family);
	classify_prefetch_entry(entry, family);
	return entry;
}

/*
 * Look `n` keys up that classify_begin() has seen; entries[] gets the answers. `which` has
 * their positions; NULL, a constant, for the first n.
 */
static __rte_always_inline void
classify_lookup(const struct flow_table *table, struct lane *lane, const uint8_t *which, uint16_t n,
	enum view view, enum dp_family family)
{
	for (uint16_t i = 0; i < n; i++) {
		const uint16_t p = which == NULL ? i : which[i];
		const uint32_t guess = classify_guess(lane->buckets[p], lane->hash[p]);

		lane->entries[p] = NULL;
		if (likely(guess != FLOW_INDEX_NONE)) {
			lane->entries[p] = flow_table_entry(table, guess, family);
			classify_prefetch_entry(lane->entries[p], family);
			if (view != VIEW_STABLE)
				rte_prefetch0(&table->state[guess]);
		}
	}
	for (uint16_t i = 0; i < n; i++) {
		const uint16_t p = which == NULL ? i : which[i];
		const void *key = lane_key(lane, p, family);

		if (unlikely(lane->entries[p] == NULL ||
			     !flow_key_equal(lane->entries[p], key, family)))
			lane->entries[p] = flow_table_walk(table, key, lane->hash[p], view, family);
		else if (view != VIEW_STABLE)
			lane->entries[p] = classify_view(
				table, lane->entries[p], key, lane->hash[p], view, family);
	}
}

/* A listener's key: the same without the source, and marked. */
static __rte_always_inline void
classify_drop_source(void *key, enum dp_family family)
{
	struct flow_key4 *key4 = key;
	struct flow_key6 *key6 = key;

	if (family == DP_IPV4) {
		key4->src = 0;
		key4->src_port = 0;
		key4->domain |= FLOW_DOMAIN_LISTENER;
	} else {
		memset(key6->src, 0, sizeof(key6->src));
		key6->src_port = 0;
		key6->domain |= FLOW_DOMAIN_LISTENER;
	}
}

/* Positions of what has no flow yet and may have one: the first n of `missed`. */
static inline uint16_t
classify_missed(const struct lane *lane, uint8_t *missed, enum dp_family family)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < lane->n; i++) {
		if (lane->entries[i] == NULL && !martian(lane->ips[i], family))
			missed[n++] = (uint8_t)i;
	}
	return n;
}

static inline void
classify_by_listener(
	const struct flow_table *table, struct lane *lane, enum view view, enum dp_family family)
{
	uint8_t missed[BURST_PACKETS];
	const uint16_t n = classify_missed(lane, missed, family);

	for (uint16_t i = 0; i < n; i++) {
		classify_drop_source(lane_key(lane, missed[i], family), family);
		classify_begin(table, lane, missed[i], family);
	}
	classify_lookup(table, lane, missed, n, view, family);
}

static inline void
classify_by_rule(const struct flow_table *table, const struct rules *rules, struct lane *lane,
	enum dp_family family)
{
	struct rule_packet packets[BURST_PACKETS];
	uint32_t found[BURST_PACKETS];
	uint8_t missed[BURST_PACKETS];
	const uint16_t n = classify_missed(lane, missed, family);

	if (n == 0)
		return;
	for (uint16_t i = 0; i < n; i++) {
		const uint32_t domain = family == DP_IPV4 ? lane->key4[missed[i]].domain
							  : lane->key6[missed[i]].domain;

		rule_packet_set(
			&packets[i], lane->ips[missed[i]], domain & ~FLOW_DOMAIN_LISTENER, family);
	}
	(void)rules_find(rules, packets, found, n);
	for (uint16_t i = 0; i < n; i++) {
		if (found[i] != FLOW_INDEX_NONE)
			lane->entries[missed[i]] = flow_table_entry(table, found[i], family);
	}
}

/* Flows that are not plain: have their actions fetched, and then what these lead to. */
static inline void
classify_prefetch_actions(const struct lcore *lc, const struct lane *lane, enum dp_family family)
{
	const struct flow_action *actions[BURST_PACKETS];

	for (uint16_t i = 0; i < lane->n; i++) {
		actions[i] = lane->entries[i] == NULL ? NULL
						      : flow_entry_action(lane->entries[i], family);
		rte_prefetch0(actions[i]);
	}
	for (uint16_t i = 0; i < lane->n; i++) {
		if (actions[i] == NULL)
			continue;
		rte_prefetch0(actions[i]->policer);
		rte_prefetch0(actions[i]->legs);
		if (actions[i]->first_leg != LEG_NONE) {
			rte_prefetch0(&lc->legs->legs[actions[i]->first_leg]);
			rte_prefetch0(&lc->leg_counters[actions[i]->first_leg]);
		}
	}
}

/*
 * Fill lane->entries: NULL where there is no flow. classify_begin() has seen every key. In the
 * normal state the view is a constant.
 */
static __rte_always_inline void
classify_lane(const struct lcore *lc, const struct flow_table *table, struct lane *lane,
	enum view view, enum dp_family family)
{
	const struct rules *rules;

	classify_lookup(table, lane, NULL, lane->n, view, family);
	if (unlikely(__atomic_load_n(&table->n_listeners, __ATOMIC_RELAXED) != 0))
		classify_by_listener(table, lane, view, family);
	rules = __atomic_load_n(
		view == VIEW_NEW ? &table->next_rules : &table->rules, __ATOMIC_ACQUIRE);
	if (unlikely(rules != NULL))
		classify_by_rule(table, rules, lane, family);
	if (unlikely(__atomic_load_n(&table->n_actions, __ATOMIC_RELAXED) != 0))
		classify_prefetch_actions(lc, lane, family);
}

#endif
