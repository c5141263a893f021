/* SPDX-License-Identifier: BSD-3-Clause */
#include "leg_table.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "flow_compile.h"
#include "memory.h"

static int
table_allocate(struct leg_table *table)
{
	size_t n = table->n_slots;

	table->legs = memory_zalloc(n, sizeof(*table->legs), table->node);
	table->drops = memory_zalloc(n, DP_COPY_DROP_COUNT * sizeof(*table->drops), table->node);
	table->free_stack = memory_zalloc(n, sizeof(*table->free_stack), table->node);
	table->refs = memory_zalloc(n, sizeof(*table->refs), table->node);
	if (table->legs == NULL || table->drops == NULL || table->free_stack == NULL ||
		table->refs == NULL)
		return -ENOMEM;
	for (unsigned w = 0; w <= table->n_workers; w++) {
		table->counters[w] = memory_zalloc(n, sizeof(struct flow_counters),
			w == table->n_workers ? table->node : memory_worker_node(w));
		if (table->counters[w] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int
leg_table_init(struct leg_table *table, uint32_t capacity, unsigned n_workers, int node)
{
	memset(table, 0, sizeof(*table));
	table->capacity = capacity;
	table->n_slots = capacity + table_reserve(capacity);
	table->n_workers = n_workers;
	table->node = node;
	table->lines.socket = node;
	table->latches.n_workers = n_workers;
	table->latches.node = node;
	if (table_allocate(table) < 0) {
		leg_table_fini(table);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < table->n_slots; i++)
		table->free_stack[i] = table->n_slots - 1 - i;
	table->n_free = table->n_slots;
	return 0;
}

void
leg_table_fini(struct leg_table *table)
{
	rte_free(table->legs);
	rte_free(table->learned);
	rte_free(table->drops);
	rte_free(table->free_stack);
	rte_free(table->refs);
	for (unsigned w = 0; w <= DP_WORKERS_MAX; w++)
		rte_free(table->counters[w]);
	line_pool_fini(&table->lines);
	latch_table_reap(&table->latches, true);
	memset(table, 0, sizeof(*table));
}

/* 0 or -ENOMEM. *learned is NULL for a leg whose destination is not learned. */
static int
leg_compile(struct leg_table *table, const struct dp_flow *flow, const struct dp_leg *leg,
	struct leg *out, struct learned **learned)
{
	memset(out, 0, sizeof(*out));
	out->one_in = leg->one_in > 1 ? leg->one_in : 0;
	out->family = leg->family;
	*learned = NULL;
	if (leg->learned == 0) {
		out->outer_tci = rte_cpu_to_be_16(leg->outer_vlan);
		flow_compile_rewrite(flow, leg, &out->rewrite6);
		return 0;
	}
	if (table->learned == NULL) {
		struct learned **all = memory_zalloc(table->n_slots, sizeof(*all), table->node);

		if (all == NULL)
			return -ENOMEM;
		__atomic_store_n(&table->learned, all, __ATOMIC_RELEASE);
	}
	*learned = learned_create(
		&table->latches, flow, leg, &out->rewrite6, &out->outer_tci, table->node);
	return *learned == NULL ? -ENOMEM : 0;
}

void
leg_table_copy(const struct leg_table *table, uint32_t slot, struct leg *copy)
{
	const uint64_t *from = (const void *)&table->legs[slot];
	uint64_t words[sizeof(*copy) / sizeof(uint64_t)];

	for (size_t i = 0; i < RTE_DIM(words); i++)
		words[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	memcpy(copy, words, sizeof(*copy));
}

/* Both send the same copies. */
static bool
leg_equal(const struct leg *a, const struct leg *b)
{
	return memcmp(&a->rewrite6, &b->rewrite6, sizeof(a->rewrite6)) == 0 &&
	       a->policer == b->policer && a->one_in == b->one_in && a->outer_tci == b->outer_tci &&
	       a->family == b->family;
}

/* What leg_compile() and policer_get() took. */
static void
leg_release(struct leg_table *table, const struct leg *leg, struct learned *learned)
{
	policer_release(&table->lines, leg->policer);
	learned_destroy(learned, &table->latches);
}

bool
leg_table_same_source(const struct leg_table *table, uint32_t a, uint32_t b)
{
	const struct learned *learned = leg_table_learned(table, a);

	return learned != NULL && learned_equal(learned, leg_table_learned(table, b)) &&
	       table->legs[a].policer == table->legs[b].policer &&
	       table->legs[a].one_in == table->legs[b].one_in;
}

int
leg_table_insert(struct leg_table *table, const struct dp_flow *flow, const struct dp_leg *leg,
	uint32_t former, uint32_t *slot)
{
	const bool carries = former != LEG_NONE;
	struct leg compiled, carried = {0};
	struct learned *learned;
	int ret;

	if (carries)
		leg_table_copy(table, former, &carried);
	ret = leg_compile(table, flow, leg, &compiled, &learned);
	if (ret == 0)
		ret = policer_get(&table->lines, &compiled.policer, &leg->police, carried.policer);
	if (ret == 0 && carries && leg_equal(&carried, &compiled) &&
		learned_equal(leg_table_learned(table, former), learned) &&
		learned_same_state(leg_table_learned(table, former), learned) &&
		leg_table_share(table, former)) {
		leg_release(table, &compiled, learned);
		*slot = former;
		return 0;
	}
	if (ret == 0 && table->n_free == 0)
		ret = -ENOSPC;
	if (ret < 0) {
		leg_release(table, &compiled, learned);
		return ret;
	}
	*slot = table->free_stack[--table->n_free];
	table->legs[*slot] = compiled;
	if (learned != NULL) {
		table->learned[*slot] = learned;
		learned_place(learned, rewrite_tail(&table->legs[*slot].rewrite6,
					       (enum dp_family)compiled.family));
	}
	table->refs[*slot] = 1;
	return 0;
}

void
leg_table_unref(struct leg_table *table, uint32_t slot)
{
	if (--table->refs[slot] > 0)
		return;
	leg_release(table, &table->legs[slot], leg_table_learned(table, slot));
	if (table->learned != NULL)
		table->learned[slot] = NULL;
	memset(&table->legs[slot], 0, sizeof(table->legs[slot]));
	memset(&table->drops[(size_t)slot * DP_COPY_DROP_COUNT], 0,
		DP_COPY_DROP_COUNT * sizeof(*table->drops));
	for (unsigned w = 0; w <= table->n_workers; w++)
		memset(&table->counters[w][slot], 0, sizeof(struct flow_counters));
	table->free_stack[table->n_free++] = slot;
}

void
leg_table_carry(struct leg_table *table, uint32_t slot, const struct dp_leg_stats *stats)
{
	struct flow_counters *row = &table->counters[table->n_workers][slot];

	row->packets += stats->copies;
	row->bytes += stats->bytes;
	for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
		__atomic_fetch_add(&table->drops[(size_t)slot * DP_COPY_DROP_COUNT + r],
			stats->drops[r], __ATOMIC_RELAXED);
}

void
leg_table_read(const struct leg_table *table, uint32_t slot, struct dp_leg_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	for (unsigned w = 0; w <= table->n_workers; w++) {
		const struct flow_counters *row = &table->counters[w][slot];

		stats->copies += __atomic_load_n(&row->packets, __ATOMIC_RELAXED);
		stats->bytes += __atomic_load_n(&row->bytes, __ATOMIC_RELAXED);
	}
	for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
		stats->drops[r] = __atomic_load_n(
			&table->drops[(size_t)slot * DP_COPY_DROP_COUNT + r], __ATOMIC_RELAXED);
}
