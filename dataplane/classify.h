/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which flow is it: the exact one, else a listener on the local address and port, else the first
 * rule that matches. A lane is looked up in loops, each prefetching what the next one reads:
 * bucket line, then entry line. A stage that has no entries is not gone into. While a commit goes
 * on, what was found is looked at once more: is it there in the worker's view.
 */
#ifndef DATAPLANE_CLASSIFY_H
#define DATAPLANE_CLASSIFY_H

#include <rte_prefetch.h>

#include "action.h"
#include "burst.h"
#include "martian.h"
#include "quad.h"
#include "rules.h"

static __rte_always_inline void *
lane_key(struct lane *lane, size_t i, enum dp_family family)
{
	return family == DP_IPV4 ? (void *)&lane->key4[i] : (void *)&lane->key6[i];
}

/* The first slot that carries the signature, which is nearly always the flow's; NULL: walk. */
static __rte_always_inline void *
classify_guess(uint8_t *entries, const struct bucket *bucket, uint32_t hash, enum dp_family family)
{
	const uint32_t hits = bucket_match(bucket, flow_hash_signature(hash));

	if (unlikely(hits == 0))
		return NULL;
	return entries + (size_t)bucket_index(bucket, (unsigned)__builtin_ctz(hits)) *
				 flow_entry_bytes(family);
}

static __rte_always_inline void
classify_prefetch_entry(const void *entry, enum dp_family family)
{
	rte_prefetch1(entry);
	if (family == DP_IPV6)
		rte_prefetch1(RTE_PTR_ADD(entry, RTE_CACHE_LINE_MIN_SIZE));
}

/* The key at position p is complete: find its bucket, and have it fetched. */
static __rte_always_inline void
classify_begin(const struct flow_table *table, struct lane *lane, size_t p, enum dp_family family)
{
	const uint32_t hash = flow_key_hash(lane_key(lane, p, family), family);
	const struct bucket *bucket = flow_table_bucket(table, hash);

	lane->hash[p] = hash;
	lane->buckets[p] = bucket;
	rte_prefetch1(bucket);
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
 * Have the likely entries fetched of keys that classify_begin() has seen: those from `from` on and
 * before `n`, as for classify_lookup(). A lane begins with this while it is still being filled, so
 * that more lines are on their way at a time.
 */
static __rte_always_inline void
classify_guesses(const struct flow_table *table, struct lane *lane, const uint8_t *which,
	size_t from, size_t n, enum view view, enum dp_family family)
{
	uint8_t *const entries = table->entries;

#pragma GCC unroll 4
	for (size_t i = from; i < n; i++) {
		const size_t p = which == NULL ? i : which[i];
		void *entry = classify_guess(entries, lane->buckets[p], lane->hash[p], family);

		lane->entries[p] = entry;
		if (unlikely(entry == NULL))
			continue;
		classify_prefetch_entry(entry, family);
		if (view != VIEW_STABLE)
			rte_prefetch0(&table->state[flow_table_index(table, entry, family)]);
	}
}

/*
 * Look `n` keys up that classify_begin() has seen; entries[] gets the answers. `which` has
 * their positions; NULL, a constant, for the first n.
 */
static __rte_always_inline void
classify_lookup(const struct flow_table *table, struct lane *lane, const uint8_t *which, size_t n,
	enum view view, enum dp_family family)
{
	classify_guesses(table, lane, which, which == NULL ? lane->n_guessed : 0, n, view, family);
#pragma GCC unroll 4
	for (size_t i = 0; i < n; i++) {
		const size_t p = which == NULL ? i : which[i];
		const void *key = lane_key(lane, p, family);
		void *entry = lane->entries[p];

		if (unlikely(entry == NULL || !flow_key_equal(entry, key, family))) {
			if (entry != NULL || !bucket_is_last(lane->buckets[p]))
				lane->entries[p] =
					flow_table_walk(table, key, lane->hash[p], view, family);
		} else if (view != VIEW_STABLE) {
			lane->entries[p] =
				classify_view(table, entry, key, lane->hash[p], view, family);
		}
	}
}

/* A listener's key: the same without the source, and marked. */
static __rte_always_inline void
classify_drop_source(void *key, enum dp_family family)
{
	if (family == DP_IPV4) {
		/* Source, destination, ports with the source's first, domain. */
		const quad rest = {0, UINT32_MAX, 0xffff0000, UINT32_MAX};

		quad_store(key, (quad_load(key) & rest) | (quad){0, 0, 0, FLOW_DOMAIN_LISTENER});
	} else {
		struct flow_key6 *key6 = key;

		memset(key6->src, 0, sizeof(key6->src));
		key6->ports_and_domain &= ~UINT64_C(0xffff);
		key6->ports_and_domain |= (uint64_t)FLOW_DOMAIN_LISTENER << 32;
	}
}

/* Positions of what has no flow yet and may have one: the first n of `missed`. */
static inline size_t
classify_missed(const struct lane *lane, uint8_t *missed, enum dp_family family)
{
	size_t n = 0;

	for (size_t i = 0; i < lane->n; i++) {
		if (lane->entries[i] == NULL && !martian(lane->ips[i], family))
			missed[n++] = (uint8_t)i;
	}
	return n;
}

/* What no listener takes, though one was found for its destination. */
static inline void
classify_refuse_martians(struct lane *lane, enum dp_family family)
{
	size_t i = 0;

	for (; family == DP_IPV4 && i + QUAD <= lane->n; i += QUAD) {
		if (unlikely(martian_quad(&lane->ips[i])))
			break;
	}
	for (; i < lane->n; i++) {
		if (unlikely(martian(lane->ips[i], family)))
			lane->entries[i] = NULL;
	}
}

static inline void
classify_by_listener(
	const struct flow_table *table, struct lane *lane, enum view view, enum dp_family family)
{
	uint8_t missed[PASS_PACKETS];
	const size_t n = classify_missed(lane, missed, family);

	for (size_t i = 0; i < n; i++) {
		classify_drop_source(lane_key(lane, missed[i], family), family);
		classify_begin(table, lane, missed[i], family);
	}
	classify_lookup(table, lane, missed, n, view, family);
}

static inline void
classify_by_rule(const struct flow_table *table, const struct rules *rules, struct lane *lane,
	enum dp_family family)
{
	static_assert(PASS_PACKETS <= RULES_PACKETS_MAX, "a lane is looked up at once");
	struct rule_packet packets[PASS_PACKETS];
	uint32_t found[PASS_PACKETS];
	uint8_t missed[PASS_PACKETS];
	const size_t n = classify_missed(lane, missed, family);

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const uint32_t domain = family == DP_IPV4 ? lane->key4[missed[i]].domain
							  : lane->key6[missed[i]].domain;

		rule_packet_set(
			&packets[i], lane->ips[missed[i]], domain & ~FLOW_DOMAIN_LISTENER, family);
	}
	(void)rules_find(rules, packets, found, n);
	for (size_t i = 0; i < n; i++) {
		if (found[i] != FLOW_INDEX_NONE)
			lane->entries[missed[i]] = flow_table_entry(table, found[i], family);
	}
}

/* What actions lead to, which are there already, or nearly. */
static __rte_noinline void
classify_prefetch_actions(const struct lcore *lc, const struct lane *lane, enum dp_family family)
{
	for (size_t i = 0; i < lane->n; i++) {
		const void *entry = lane->entries[i];
		const uint64_t features =
			entry == NULL ? FLOW_PLAIN : flow_entry_features(entry, family);
		const struct flow_action *action = flow_features_of(features, FLOW_ACTS);

		if ((features & FLOW_ACTS) == 0)
			continue;
		rte_prefetch1(action->policer);
		rte_prefetch1(action->latch);
		rte_prefetch1(action->legs);
		if (action->first_leg != LEG_NONE) {
			rte_prefetch1(&lc->legs->legs[action->first_leg]);
			rte_prefetch1(&lc->leg_counters[action->first_leg]);
		}
	}
}

/* Flows that are not plain: have fetched what they lead to. */
static __rte_always_inline void
classify_prefetch_features(const struct lcore *lc, const struct lane *lane, enum dp_family family)
{
	uint64_t all = 0;

#pragma GCC unroll 4
	for (size_t i = 0; i < lane->n; i++) {
		const void *entry = lane->entries[i];
		uint64_t features;

		if (unlikely(entry == NULL))
			continue;
		features = flow_entry_features(entry, family);
		rte_prefetch1((const void *)(uintptr_t)features);
		all |= features;
	}
	if ((all & FLOW_ACTS) != 0)
		classify_prefetch_actions(lc, lane, family);
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
	if (unlikely(lane->any_source))
		classify_refuse_martians(lane, family);
	else if (unlikely(__atomic_load_n(&table->has_listeners, __ATOMIC_RELAXED)))
		classify_by_listener(table, lane, view, family);
	rules = __atomic_load_n(
		view == VIEW_NEW ? &table->next_rules : &table->rules, __ATOMIC_ACQUIRE);
	if (unlikely(rules != NULL))
		classify_by_rule(table, rules, lane, family);
	if (unlikely(__atomic_load_n(&table->has_features, __ATOMIC_RELAXED)))
		classify_prefetch_features(lc, lane, family);
}

#endif
