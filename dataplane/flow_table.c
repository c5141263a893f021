/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include <rte_malloc.h>

#include "action.h"
#include "flow_compile.h"
#include "memory.h"
#include "rewrite.h"
#include "rules.h"

/*
 * A bucket holds half its slots when the table is full. Of Poisson's tail, a bucket in 50 needs an
 * overflow bucket, which is a flow in 200.
 */
#define FLOWS_A_BUCKET (BUCKET_SLOTS / 2)
#define FLOWS_AN_OVERFLOW 32
#define OVERFLOW_MIN 64

/*
 * Overflow buckets of one chain: what no random keys ever need, and what keys that were chosen to
 * collide may cost a lookup at most.
 */
#define CHAIN_MAX 8

/* Whether a flow of this key will still be there after the running transaction. */
static bool
flow_slot_is_taken(const struct flow_table *table, const void *key, uint32_t hash)
{
	const struct bucket *bucket = flow_table_bucket(table, hash);
	const uint16_t signature = flow_hash_signature(hash);

	for (;;) {
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			if ((bucket->used & (1u << i)) == 0)
				continue;
			/* What workers see under another signature has another key. */
			if (bucket->signature[i] != 0 && bucket->signature[i] != signature)
				continue;
			uint32_t index = bucket->index[i];
			if (table->state[index] == FLOW_REMOVED ||
				table->state[index] == FLOW_RETIRED)
				continue;
			if (flow_key_equal(flow_table_entry(table, index, table->family), key,
				    table->family))
				return true;
		}
		if (bucket->next == 0)
			return false;
		bucket = &table->overflow[bucket->next - 1];
	}
}

/* Reserve a slot for `index` in the chain of `hash`, which grows where it is full. 0 or -ENOSPC. */
static int
flow_slot_take(struct flow_table *table, uint32_t hash, uint32_t index)
{
	struct bucket *bucket = flow_table_bucket(table, hash);
	unsigned n_chained = 0;

	while (bucket->used == UINT8_MAX && bucket->next != 0) {
		bucket = &table->overflow[bucket->next - 1];
		n_chained++;
	}
	if (bucket->used == UINT8_MAX) {
		if (n_chained == CHAIN_MAX || table->n_overflow_free == 0)
			return -ENOSPC;
		uint32_t fresh = table->overflow_stack[--table->n_overflow_free];

		table->overflow[fresh].next = 0;
		__atomic_store_n(&bucket->next, fresh + 1, __ATOMIC_RELEASE);
		bucket = &table->overflow[fresh];
	}
	unsigned slot = (unsigned)__builtin_ctz(~(uint32_t)bucket->used);

	bucket->used |= (uint8_t)(1u << slot);
	__atomic_store_n(&bucket->index[slot], index, __ATOMIC_RELEASE);
	return 0;
}

/* Where `index` stands; it must be in the table. */
static struct bucket *
flow_slot_find(const struct flow_table *table, uint32_t index, unsigned *slot)
{
	const void *entry = flow_table_entry(table, index, table->family);
	struct bucket *bucket = flow_table_bucket(table, flow_key_hash(entry, table->family));

	for (;;) {
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			if ((bucket->used & (1u << i)) != 0 && bucket->index[i] == index) {
				*slot = i;
				return bucket;
			}
		}
		bucket = &table->overflow[bucket->next - 1];
	}
}

/*
 * Take empty overflow buckets out of the chain. flow_table.h says why one in the middle rests for a
 * grace period, with its own link as it is, and the tail need not.
 */
static void
chain_trim(struct flow_table *table, uint32_t hash)
{
	struct bucket *before = flow_table_bucket(table, hash);

	while (before->next != 0) {
		const uint32_t index = before->next - 1;
		struct bucket *bucket = &table->overflow[index];

		if (bucket->used != 0) {
			before = bucket;
			continue;
		}
		__atomic_store_n(&before->next, bucket->next, __ATOMIC_RELEASE);
		if (bucket->next == 0)
			table->overflow_stack[table->n_overflow_free++] = index;
		else
			table->overflow_stack[table->n_overflow - ++table->n_overflow_deferred] =
				index;
	}
}

void
flow_table_reclaim(struct flow_table *table)
{
	for (; table->n_overflow_deferred > 0; table->n_overflow_deferred--)
		table->overflow_stack[table->n_overflow_free++] =
			table->overflow_stack[table->n_overflow - table->n_overflow_deferred];
}

/* A slot that no worker sees is free, and so are overflow buckets that are empty then. */
static void
flow_slot_give_back(struct flow_table *table, uint32_t index)
{
	const void *entry = flow_table_entry(table, index, table->family);
	unsigned slot;
	struct bucket *bucket = flow_slot_find(table, index, &slot);

	bucket->used &= (uint8_t) ~(1u << slot);
	chain_trim(table, flow_key_hash(entry, table->family));
}

/*
 * What a flow has counted: its own entry, what other workers counted for it, what its action and
 * legs counted, and what its former versions did. Control thread only.
 */
/* Counts of the versions before this one. Few flows are ever replaced, so these are kept apart. */
struct carried {
	UT_hash_handle hh;
	uint32_t index;
	struct dp_flow_stats flow;
	struct dp_leg_stats leg; /* of a plain flow's only leg */
};

static struct carried *
carried_find(const struct flow_table *table, uint32_t index)
{
	struct carried *carried;

	HASH_FIND(hh, table->carried, &index, sizeof(index), carried);
	return carried;
}

static int
carried_prepare(struct flow_table *table, uint32_t index)
{
	struct carried *carried = calloc(1, sizeof(*carried));

	if (carried == NULL)
		return -ENOMEM;
	carried->index = index;
	HASH_ADD(hh, table->carried, index, sizeof(carried->index), carried);
	return 0;
}

static void
carried_forget(struct flow_table *table, uint32_t index)
{
	struct carried *carried = carried_find(table, index);

	if (carried == NULL)
		return;
	HASH_DEL(table->carried, carried);
	free(carried);
}

static struct flow_action *
action_of(const struct flow_table *table, uint32_t index)
{
	return flow_table_action(
		table, flow_table_entry(table, index, table->family), table->family);
}

/* The only leg is the entry's: it takes every packet that the flow forwards, as it came. */
static bool
leg_is_in_entry(const struct flow_action *action)
{
	return action == NULL || action->leg_in_entry;
}

unsigned
flow_table_n_legs(const struct flow_table *table, uint32_t index)
{
	const struct flow_action *action = action_of(table, index);

	return leg_is_in_entry(action) ? 1 : action->slots.n;
}

static void
counters_add(const struct flow_counters *counters, struct dp_flow_stats *stats)
{
	stats->packets += __atomic_load_n(&counters->packets, __ATOMIC_RELAXED);
	stats->bytes += __atomic_load_n(&counters->bytes, __ATOMIC_RELAXED);
}

/* What this version of the flow has counted. Returns the bytes that it forwarded. */
static uint64_t
version_read(const struct flow_table *table, uint32_t index, struct dp_flow_stats *stats)
{
	void *entry = flow_table_entry(table, index, table->family);
	const struct flow_action *action = action_of(table, index);
	uint64_t kept_bytes = 0;

	memset(stats, 0, sizeof(*stats));
	/* Packets after what became of them: they are never fewer. */
	if (action != NULL)
		kept_bytes = action_read(action, table->n_workers, stats);
	counters_add(flow_entry_counters(entry, table->family), stats);
	for (unsigned w = 0; w < table->n_workers; w++) {
		if (table->foreign[w] != NULL)
			counters_add(&table->foreign[w][index], stats);
	}
	stats->forwarded = stats->packets - stats->punted;
	for (unsigned r = 0; r < DP_FLOW_DROP_COUNT; r++)
		stats->forwarded -= stats->drops[r];
	return stats->bytes - kept_bytes;
}

static void
flow_stats_add(struct dp_flow_stats *sum, const struct dp_flow_stats *stats)
{
	sum->packets += stats->packets;
	sum->bytes += stats->bytes;
	sum->forwarded += stats->forwarded;
	sum->punted += stats->punted;
	for (unsigned r = 0; r < DP_FLOW_DROP_COUNT; r++)
		sum->drops[r] += stats->drops[r];
}

static void
leg_stats_add(struct dp_leg_stats *sum, const struct dp_leg_stats *stats)
{
	sum->copies += stats->copies;
	sum->bytes += stats->bytes;
	for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
		sum->drops[r] += stats->drops[r];
}

/* The leg that is in the entry, of what its flow has forwarded; `carried` is the flow's, or NULL.
 */
static void
entry_leg_read(const struct flow_table *table, uint32_t index, const struct carried *carried,
	uint64_t copies, uint64_t bytes, struct dp_leg_stats *leg)
{
	const void *entry = flow_table_entry(table, index, table->family);
	const uint64_t *drops = &table->drops[(size_t)index * PLAIN_DROP_COUNT];
	const struct learned *learned = flow_table_learned(table, index);

	memset(leg, 0, sizeof(*leg));
	leg->copies = copies;
	leg->bytes = bytes;
	if ((flow_entry_features(entry, table->family) & FLOW_TRANSLATES) != 0)
		leg->bytes +=
			(table->family == DP_IPV4 ? copies : -copies) * TRANSLATE_GROWTH_BYTES;
	for (unsigned r = 0; r < PLAIN_DROP_COUNT; r++)
		leg->drops[r] = __atomic_load_n(&drops[r], __ATOMIC_RELAXED);
	if (learned != NULL)
		leg->drops[DP_DROP_peer_unknown - DP_COPY_DROP_FIRST] =
			__atomic_load_n(&learned->unknown, __ATOMIC_RELAXED);
	if (carried != NULL)
		leg_stats_add(leg, &carried->leg);
}

void
flow_table_read(const struct flow_table *table, uint32_t index, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs)
{
	const struct carried *carried = carried_find(table, index);
	const struct flow_action *action = action_of(table, index);
	const uint64_t bytes = version_read(table, index, flow);

	if (legs != NULL && leg_is_in_entry(action))
		entry_leg_read(table, index, carried, flow->forwarded, bytes, &legs[0]);
	for (unsigned i = 0; legs != NULL && !leg_is_in_entry(action) && i < action->slots.n; i++)
		leg_table_read(table->legs, action->slots.of[i], &legs[i]);
	if (carried != NULL)
		flow_stats_add(flow, &carried->flow);
}

/*
 * Leg i of `version` gets what leg `old_leg` of `old` counted, where that is another slot; of the
 * leg that is in the old entry it is entry_leg.
 */
static void
leg_carry(struct flow_table *table, uint32_t old, uint32_t version, unsigned i, unsigned old_leg,
	const struct dp_leg_stats *entry_leg, struct carried *carried)
{
	const struct flow_action *before = action_of(table, old),
				 *after = action_of(table, version);
	struct dp_leg_stats stats = *entry_leg;

	if (!leg_is_in_entry(before)) {
		if (!leg_is_in_entry(after) && before->slots.of[old_leg] == after->slots.of[i])
			return;
		leg_table_read(table->legs, before->slots.of[old_leg], &stats);
	}
	if (leg_is_in_entry(after))
		leg_stats_add(&carried->leg, &stats);
	else
		leg_table_carry(table->legs, after->slots.of[i], &stats);
}

/* Of streams that count on, legs that differ only in what is known of their learned source. */
static void
streams_carry(
	struct flow_table *table, const struct flow_action *before, const struct flow_action *after)
{
	if (before == NULL || after == NULL || after->n_streams == 0 ||
		after->stream_counters != before->stream_counters)
		return;
	for (unsigned s = 0; s < after->n_streams; s++) {
		const struct leg_slots *old = &before->streams[s].slots;
		const struct leg_slots *new = &after->streams[s].slots;

		for (unsigned i = 0; i < old->n && i < new->n; i++) {
			struct dp_leg_stats stats;

			if (old->of[i] == new->of[i] ||
				!leg_table_same_source(table->legs, old->of[i], new->of[i]))
				continue;
			leg_table_read(table->legs, old->of[i], &stats);
			leg_table_carry(table->legs, new->of[i], &stats);
		}
	}
}

void
flow_table_carry(struct flow_table *table, uint32_t old, uint32_t version, const uint16_t *from)
{
	const struct carried *before = carried_find(table, old);
	const unsigned n_legs = flow_table_n_legs(table, version);
	const unsigned n_before = flow_table_n_legs(table, old);
	struct carried *carried = carried_find(table, version);
	struct dp_leg_stats entry_leg;
	struct dp_flow_stats counts;
	const uint64_t bytes = version_read(table, old, &counts);

	entry_leg_read(table, old, before, counts.forwarded, bytes, &entry_leg);
	flow_stats_add(&carried->flow, &counts);
	if (before != NULL)
		flow_stats_add(&carried->flow, &before->flow);
	for (unsigned i = 0; i < n_legs; i++) {
		if (from[i] < n_before)
			leg_carry(table, old, version, i, from[i], &entry_leg, carried);
	}
	streams_carry(table, action_of(table, old), action_of(table, version));
}

static int
table_allocate(struct flow_table *table, uint32_t n_buckets, uint32_t n_overflow)
{
	size_t n = table->n_entries;

	table->buckets = memory_zalloc(n_buckets, sizeof(struct bucket), table->node);
	table->overflow = memory_zalloc(n_overflow, sizeof(struct bucket), table->node);
	table->overflow_stack = memory_zalloc(n_overflow, sizeof(uint32_t), table->node);
	table->entries = memory_zalloc(n, flow_entry_bytes(table->family), table->node);
	table->drops = memory_zalloc(n, PLAIN_DROP_COUNT * sizeof(uint64_t), table->node);
	table->free_stack = memory_zalloc(n, sizeof(uint32_t), table->node);
	table->state = memory_zalloc(n, sizeof(uint8_t), table->node);
	if (table->buckets == NULL || table->overflow == NULL || table->overflow_stack == NULL ||
		table->entries == NULL || table->drops == NULL || table->free_stack == NULL ||
		table->state == NULL)
		return -ENOMEM;
	for (unsigned w = 0; w < table->n_workers && table->n_workers > 1; w++) {
		table->foreign[w] =
			memory_zalloc(n, sizeof(struct flow_counters), memory_worker_node(w));
		if (table->foreign[w] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int
flow_table_init(struct flow_table *table, enum dp_family family, uint32_t capacity,
	unsigned n_workers, int node, struct leg_table *legs)
{
	uint32_t n_buckets = rte_align32pow2(RTE_MAX(capacity / FLOWS_A_BUCKET, 1u));
	uint32_t n_overflow = capacity / FLOWS_AN_OVERFLOW +
			      table_reserve(capacity) / BUCKET_SLOTS + OVERFLOW_MIN;

	memset(table, 0, sizeof(*table));
	table->family = family;
	table->capacity = capacity;
	/* At least one entry, so that a table of capacity 0 is valid. */
	table->n_entries = capacity == 0 ? 1 : capacity + table_reserve(capacity);
	table->n_workers = n_workers;
	table->node = node;
	table->legs = legs;
	table->bucket_mask = n_buckets - 1;
	if (table_allocate(table, n_buckets, n_overflow) < 0) {
		flow_table_fini(table);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < table->n_entries; i++)
		table->free_stack[i] = table->n_entries - 1 - i;
	table->n_free = table->n_entries;
	for (uint32_t i = 0; i < n_overflow; i++)
		table->overflow_stack[i] = n_overflow - 1 - i;
	table->n_overflow_free = table->n_overflow = n_overflow;
	return 0;
}

/* Free what entry_leg() took for entry `index`. */
static void
entry_leg_empty(struct flow_table *table, uint32_t index)
{
	struct learned *learned = flow_table_learned(table, index);

	if (learned == NULL)
		return;
	learned_destroy(learned, &table->legs->latches);
	table->learned[index] = NULL;
}

void
flow_table_fini(struct flow_table *table)
{
	for (uint32_t i = 0; i < table->n_entries && table->state != NULL; i++) {
		if (table->state[i] == FLOW_FREE)
			continue;
		action_destroy(action_of(table, i), table->legs);
		entry_leg_empty(table, i);
		carried_forget(table, i);
	}
	rules_destroy(table->rules);
	rte_free(table->buckets);
	rte_free(table->overflow);
	rte_free(table->overflow_stack);
	rte_free(table->entries);
	rte_free(table->drops);
	rte_free(table->free_stack);
	rte_free(table->state);
	rte_free(table->actions);
	rte_free(table->learned);
	rte_free(table->successor);
	for (unsigned w = 0; w < DP_WORKERS_MAX; w++)
		rte_free(table->foreign[w]);
	memset(table, 0, sizeof(*table));
}

static struct rewrite_tail *
entry_tail(const struct flow_table *table, uint32_t index)
{
	void *entry = flow_table_entry(table, index, table->family);

	return rewrite_tail(flow_entry_rewrite(entry, table->family), table->family);
}

static bool
entry_is_listener(const struct flow_table *table, uint32_t index)
{
	return (entry_tail(table, index)->flags & REWRITE_ANY_SOURCE) != 0 &&
	       !flow_table_is_rule(table, index);
}

bool
flow_table_is_rule(const struct flow_table *table, uint32_t index)
{
	return (entry_tail(table, index)->flags & REWRITE_ANY_DESTINATION) != 0;
}

/* Note the action of flow `index` beside its entry. 0 or -ENOMEM. */
static int
action_keep(struct flow_table *table, uint32_t index, struct flow_action *action)
{
	struct flow_action **actions = table->actions;

	if (actions == NULL) {
		actions = memory_zalloc(table->n_entries, sizeof(*actions), table->node);
		if (actions == NULL)
			return -ENOMEM;
		__atomic_store_n(&table->actions, actions, __ATOMIC_RELEASE);
	}
	actions[index] = action;
	return 0;
}

/* Compile the only leg of flow `index` into `rewrite`. 0 or -ENOMEM. */
static int
entry_leg(struct flow_table *table, const struct dp_flow *flow, uint32_t index, void *rewrite)
{
	struct learned **learned = table->learned;

	if (flow->legs[0].learned == 0) {
		flow_compile_rewrite(flow, &flow->legs[0], rewrite);
		return 0;
	}
	if (learned == NULL) {
		learned = memory_zalloc(table->n_entries, sizeof(*learned), table->node);
		if (learned == NULL)
			return -ENOMEM;
		__atomic_store_n(&table->learned, learned, __ATOMIC_RELEASE);
	}
	learned[index] = learned_create(
		&table->legs->latches, flow, &flow->legs[0], rewrite, NULL, table->node);
	if (learned[index] == NULL)
		return -ENOMEM;
	learned_place(learned[index], rewrite_tail(rewrite, (enum dp_family)flow->legs[0].family));
	return 0;
}

/* The line in which a flow from IPv4 has the rewrite to IPv6. */
static void
line_of_translation_put(struct flow_table *table, uint64_t features)
{
	if (table->family == DP_IPV4 && (features & FLOW_TRANSLATES) != 0)
		line_put(&table->legs->lines, flow_features_of(features, FLOW_TRANSLATES));
}

/* Where the entry has the rewrite of its leg; NULL: no memory. */
static void *
entry_rewrite_place(struct flow_table *table, void *entry, const struct dp_leg *leg)
{
	void *own = flow_entry_rewrite(entry, table->family);

	if (leg->family == (uint8_t)table->family)
		return own;
	return table->family == DP_IPV6 ? RTE_PTR_ADD(own, REWRITE4_IN_REWRITE6)
					: line_get(&table->legs->lines);
}

/*
 * The features of `flow`, whose entry still has those of none, and what they lead to; `former` is
 * the action that it replaces. 0 or -ENOMEM, -ENOSPC.
 */
static int
entry_features(struct flow_table *table, const struct dp_flow *flow, uint32_t index,
	const struct flow_action *former, const uint16_t *from, uint64_t *features)
{
	void *entry = flow_table_entry(table, index, table->family);
	struct flow_action *action;
	int ret;

	*features = FLOW_PLAIN;
	if (flow_is_plain(flow)) {
		void *rewrite = entry_rewrite_place(table, entry, &flow->legs[0]);

		if (rewrite == NULL)
			return -ENOMEM;
		if (flow->legs[0].family != (uint8_t)table->family)
			*features = flow_features(rewrite, FLOW_TRANSLATES);
		ret = entry_leg(table, flow, index, rewrite);
		if (ret < 0)
			line_of_translation_put(table, *features);
		return ret;
	}
	ret = action_create(&action, flow, table->legs, former, from);
	if (ret < 0)
		return ret;
	if (action->leg_in_entry)
		ret = entry_leg(table, flow, index, flow_entry_rewrite(entry, table->family));
	*features = flow_features(action, FLOW_ACTS);
	if (ret == 0 && action->only != 0) {
		*features = action->only == FLOW_POLICES
				    ? flow_features(action->policer, FLOW_POLICES)
				    : flow_features(action->latch, action->only);
		ret = action_keep(table, index, action);
	}
	if (ret < 0) {
		action_destroy(action, table->legs);
		entry_leg_empty(table, index);
	}
	return ret;
}

/* Compile `flow` into a free entry; `former` is the action that it replaces. */
static int
entry_fill(struct flow_table *table, const struct dp_flow *flow, uint32_t index,
	const struct flow_action *former, const uint16_t *from)
{
	void *entry = flow_table_entry(table, index, table->family);
	uint64_t features;
	int ret;

	memset(entry, 0, flow_entry_bytes(table->family));
	ret = entry_features(table, flow, index, former, from, &features);
	if (ret < 0)
		return ret;
	if (flow->rule == NULL)
		flow_compile_key(&flow->key, entry, table->family);
	/* How the flow is matched is in its own rewrite, used or not. */
	entry_tail(table, index)->flags |= flow_match_flags(flow);
	if (table->family == DP_IPV4)
		((struct flow_entry4 *)entry)->features = features;
	else
		((struct flow_entry6 *)entry)->features = features;
	return 0;
}

/* What entry_fill() took. */
static void
entry_empty(struct flow_table *table, uint32_t index)
{
	void *entry = flow_table_entry(table, index, table->family);

	action_destroy(action_of(table, index), table->legs);
	entry_leg_empty(table, index);
	line_of_translation_put(table, flow_entry_features(entry, table->family));
	memset(entry, 0, flow_entry_bytes(table->family));
	memset(&table->drops[(size_t)index * PLAIN_DROP_COUNT], 0,
		PLAIN_DROP_COUNT * sizeof(uint64_t));
	for (unsigned w = 0; w < table->n_workers; w++) {
		if (table->foreign[w] != NULL)
			memset(&table->foreign[w][index], 0, sizeof(struct flow_counters));
	}
}

typedef void (*learned_fn)(struct flow_table *table, struct learned *learned);

static void
slots_learned_each(struct flow_table *table, const struct leg_slots *slots, learned_fn fn)
{
	for (unsigned i = 0; i < slots->n; i++) {
		struct learned *learned = leg_table_learned(table->legs, slots->of[i]);

		if (learned != NULL)
			fn(table, learned);
	}
}

/* Call fn with what each leg of flow `index`, those of streams too, sends to that is learned. */
static void
flow_learned_each(struct flow_table *table, uint32_t index, learned_fn fn)
{
	const struct flow_action *action = action_of(table, index);
	struct learned *learned = flow_table_learned(table, index);

	if (learned != NULL)
		fn(table, learned);
	if (action == NULL || table->legs->learned == NULL)
		return;
	slots_learned_each(table, &action->slots, fn);
	for (unsigned i = 0; i < action->n_streams; i++)
		slots_learned_each(table, &action->streams[i].slots, fn);
}

static void
learned_count(struct flow_table *table, struct learned *learned)
{
	latch_table_count(&table->legs->latches, learned->latch, 1);
}

static void
learned_uncount(struct flow_table *table, struct learned *learned)
{
	latch_table_count(&table->legs->latches, learned->latch, -1);
}

static void
learned_see(struct flow_table *table, struct learned *learned)
{
	(void)table;
	learned_publish(learned);
}

static void
learned_unsee(struct flow_table *table, struct learned *learned)
{
	(void)table;
	learned_withdraw(learned);
}

void
flow_table_publish(struct flow_table *table, uint32_t index)
{
	flow_learned_each(table, index, learned_see);
}

void
flow_table_withdraw(struct flow_table *table, uint32_t index)
{
	flow_learned_each(table, index, learned_unsee);
}

/* The latches that flow `index` and its legs have, as legs_count(). */
static void
latches_count(struct flow_table *table, uint32_t index, int sign)
{
	const struct flow_action *action = action_of(table, index);

	flow_learned_each(table, index, sign > 0 ? learned_count : learned_uncount);
	if (action != NULL)
		latch_table_count(&table->legs->latches, action->latch, sign);
}

/*
 * The legs and latches of flow `index` count, or no longer, as those that are there after the
 * transaction. Whether the legs all fit.
 */
static bool
legs_count(struct flow_table *table, uint32_t index, int sign)
{
	const unsigned n = action_n_slots(action_of(table, index));

	latches_count(table, index, sign);
	if (n == 0)
		return true;
	table->legs->n_taken += (uint32_t)sign * n;
	return table->legs->n_taken <= table->legs->capacity;
}

int
flow_table_add(struct flow_table *table, const struct dp_flow *flow, uint32_t *index)
{
	union flow_key key;
	uint32_t hash = 0, taken;
	int error = flow_check(flow, table->family);

	if (error < 0)
		return error;
	if (flow->rule == NULL) {
		flow_compile_key(&flow->key, &key, table->family);
		hash = flow_key_hash(&key, table->family);
		if (flow_slot_is_taken(table, &key, hash))
			return -EEXIST;
	}
	if (table->n_taken >= table->capacity || table->n_free == 0)
		return -ENOSPC;
	taken = table->free_stack[table->n_free - 1];
	error = entry_fill(table, flow, taken, NULL, NULL);
	if (error < 0)
		return error;
	if (!legs_count(table, taken, 1))
		error = -ENOSPC;
	else if (flow->rule == NULL)
		error = flow_slot_take(table, hash, taken);
	if (error < 0) {
		legs_count(table, taken, -1);
		entry_empty(table, taken);
		return error;
	}
	table->n_free--;
	table->n_taken++;
	table->state[taken] = FLOW_ADDED;
	*index = taken;
	return 0;
}

/* Whether `flow` is matched as flow `index` is: the same key, or by a rule both. */
static bool
match_is_same(const struct flow_table *table, uint32_t index, const struct dp_flow *flow)
{
	union flow_key key;

	if (flow->rule != NULL || flow_table_is_rule(table, index))
		return flow->rule != NULL && flow_table_is_rule(table, index);
	flow_compile_key(&flow->key, &key, table->family);
	return flow_key_equal(&key, flow_table_entry(table, index, table->family), table->family);
}

int
flow_table_version(struct flow_table *table, uint32_t old, const struct dp_flow *flow,
	const uint16_t *from, uint32_t *index)
{
	uint32_t taken;
	int error = flow_check(flow, table->family);

	if (error < 0)
		return error;
	if (!match_is_same(table, old, flow))
		return -EINVAL;
	if (table->n_free == 0)
		return -ENOSPC;
	taken = table->free_stack[table->n_free - 1];
	error = carried_prepare(table, taken);
	if (error < 0)
		return error;
	error = entry_fill(table, flow, taken, action_of(table, old), from);
	if (error < 0) {
		carried_forget(table, taken);
		return error;
	}
	legs_count(table, taken, 1);
	legs_count(table, old, -1);
	table->n_free--;
	table->state[taken] = FLOW_VERSION;
	table->state[old] = FLOW_REPLACED;
	*index = taken;
	return 0;
}

/* Workers read the line of a flag in every pass: it is written only when it changes. */
static void
flag_set(bool *flag, bool value)
{
	if (*flag != value)
		__atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

/* Visible flows with features become more or fewer by `change`, if flow `index` has any. */
static void
features_count(struct flow_table *table, uint32_t index, int change)
{
	const void *entry = flow_table_entry(table, index, table->family);

	if (flow_entry_features(entry, table->family) == FLOW_PLAIN)
		return;
	table->n_features += (uint32_t)change;
	flag_set(&table->has_features, table->n_features > 0);
}

/* The same for those of the stage that finds the flow. */
static void
stages_count(struct flow_table *table, uint32_t index, int change)
{
	if (flow_table_is_rule(table, index))
		return;
	if (entry_is_listener(table, index))
		table->n_listeners += (uint32_t)change;
	else
		table->n_exact += (uint32_t)change;
	flag_set(&table->has_listeners, table->n_listeners > 0);
	flag_set(&table->any_source, table->n_exact == 0 && table->n_listeners > 0);
}

static void
state_set(struct flow_table *table, uint32_t index, enum flow_state state)
{
	__atomic_store_n(&table->state[index], (uint8_t)state, __ATOMIC_RELEASE);
}

void
flow_table_show(struct flow_table *table, uint32_t index)
{
	const void *entry = flow_table_entry(table, index, table->family);

	if (!flow_table_is_rule(table, index)) {
		uint16_t signature = flow_hash_signature(flow_key_hash(entry, table->family));
		unsigned slot;
		struct bucket *bucket = flow_slot_find(table, index, &slot);

		__atomic_store_n(&bucket->signature[slot], signature, __ATOMIC_RELEASE);
	}
	stages_count(table, index, 1);
	features_count(table, index, 1);
}

void
flow_table_activate(struct flow_table *table, uint32_t index)
{
	state_set(table, index, FLOW_LIVE);
	table->n_flows++;
}

int
flow_table_successors_prepare(struct flow_table *table)
{
	uint32_t *successor;

	if (table->successor != NULL)
		return 0;
	successor = memory_zalloc(table->n_entries, sizeof(*successor), table->node);
	__atomic_store_n(&table->successor, successor, __ATOMIC_RELEASE);
	return successor == NULL ? -ENOMEM : 0;
}

static void
successor_set(struct flow_table *table, uint32_t old, uint32_t version)
{
	__atomic_store_n(&table->successor[old], version, __ATOMIC_RELAXED);
}

void
flow_table_leave(struct flow_table *table, uint32_t index)
{
	state_set(table, index, FLOW_LEAVING);
}

void
flow_table_supersede(struct flow_table *table, uint32_t old, uint32_t version)
{
	successor_set(table, old, version);
	state_set(table, old, FLOW_SUPERSEDED);
}

void
flow_table_swap(struct flow_table *table, uint32_t old, uint32_t version)
{
	if (!flow_table_is_rule(table, old)) {
		unsigned slot;
		struct bucket *bucket = flow_slot_find(table, old, &slot);

		__atomic_store_n(&bucket->index[slot], version, __ATOMIC_RELEASE);
	}
	features_count(table, version, 1);
	features_count(table, old, -1);
	if (table->successor != NULL) /* for a worker that hangs since a commit of several */
		successor_set(table, old, version);
	state_set(table, version, FLOW_LIVE);
	state_set(table, old, FLOW_OUTDATED);
}

void
flow_table_remove(struct flow_table *table, uint32_t index)
{
	table->n_taken--;
	legs_count(table, index, -1);
	table->state[index] = FLOW_REMOVED;
}

void
flow_table_keep(struct flow_table *table, uint32_t index)
{
	table->n_taken += table->state[index] == FLOW_REMOVED;
	legs_count(table, index, 1);
	table->state[index] = FLOW_LIVE;
}

void
flow_table_unlink(struct flow_table *table, uint32_t index)
{
	if (table->state[index] == FLOW_LIVE)
		flow_table_remove(table, index);
	if (!flow_table_is_rule(table, index)) {
		unsigned slot;
		struct bucket *bucket = flow_slot_find(table, index, &slot);

		__atomic_store_n(&bucket->signature[slot], 0, __ATOMIC_RELEASE);
	}
	stages_count(table, index, -1);
	features_count(table, index, -1);
	state_set(table, index, FLOW_RETIRED);
	table->n_flows--;
}

void
flow_table_abandon(struct flow_table *table, uint32_t index)
{
	legs_count(table, index, -1);
	if (table->state[index] == FLOW_ADDED) {
		table->n_taken--;
		state_set(table, index, FLOW_RETIRED);
	} else {
		state_set(table, index, FLOW_OUTDATED);
	}
}

void
flow_table_free(struct flow_table *table, uint32_t index)
{
	const bool has_slot =
		table->state[index] == FLOW_ADDED || table->state[index] == FLOW_RETIRED;

	if (has_slot && !flow_table_is_rule(table, index))
		flow_slot_give_back(table, index);
	if (table->state[index] == FLOW_ADDED || table->state[index] == FLOW_VERSION)
		flow_table_abandon(table, index);
	entry_empty(table, index);
	carried_forget(table, index);
	table->state[index] = FLOW_FREE;
	table->free_stack[table->n_free++] = index;
}
