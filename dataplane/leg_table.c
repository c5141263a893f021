/* SPDX-License-Identifier: BSD-3-Clause */
#include "leg_table.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "flow_compile.h"

static void *
table_array(size_t n, size_t bytes, int socket)
{
	return rte_zmalloc_socket("leg_table", RTE_MAX(n, 1u) * bytes, RTE_CACHE_LINE_SIZE, socket);
}

static int
table_allocate(struct leg_table *table, int socket)
{
	size_t n = table->n_slots;

	table->legs = table_array(n, sizeof(*table->legs), socket);
	table->drops = table_array(n, DP_COPY_DROP_COUNT * sizeof(*table->drops), socket);
	table->free_stack = table_array(n, sizeof(*table->free_stack), socket);
	table->refs = table_array(n, sizeof(*table->refs), socket);
	if (table->legs == NULL || table->drops == NULL || table->free_stack == NULL ||
		table->refs == NULL)
		return -ENOMEM;
	for (unsigned w = 0; w <= table->n_workers; w++) {
		table->counters[w] = table_array(n, sizeof(struct flow_counters), socket);
		if (table->counters[w] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int
leg_table_init(struct leg_table *table, uint32_t capacity, unsigned n_workers, int socket)
{
	memset(table, 0, sizeof(*table));
	table->capacity = capacity;
	table->n_slots = capacity + table_reserve(capacity);
	table->n_workers = n_workers;
	table->lines.socket = socket;
	if (table_allocate(table, socket) < 0) {
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
	rte_free(table->drops);
	rte_free(table->free_stack);
	rte_free(table->refs);
	for (unsigned w = 0; w <= DP_WORKERS_MAX; w++)
		rte_free(table->counters[w]);
	line_pool_fini(&table->lines);
	memset(table, 0, sizeof(*table));
}

static void
leg_compile(const struct dp_flow *flow, const struct dp_leg *leg, struct leg *out)
{
	memset(out, 0, sizeof(*out));
	flow_compile_rewrite(flow, leg, &out->rewrite6);
	out->one_in = leg->one_in > 1 ? leg->one_in : 0;
	out->outer_tci = rte_cpu_to_be_16(leg->outer_vlan);
	out->family = leg->family;
}

/* Both send the same copies. */
static bool
leg_equal(const struct leg *a, const struct leg *b)
{
	return memcmp(&a->rewrite6, &b->rewrite6, sizeof(a->rewrite6)) == 0 &&
	       a->policer == b->policer && a->one_in == b->one_in && a->outer_tci == b->outer_tci &&
	       a->family == b->family;
}

int
leg_table_insert(struct leg_table *table, const struct dp_flow *flow, const struct dp_leg *leg,
	uint32_t former, uint32_t *slot)
{
	const struct leg *carried = former == LEG_NONE ? NULL : &table->legs[former];
	struct leg compiled;
	int ret;

	leg_compile(flow, leg, &compiled);
	ret = policer_get(
		&table->lines, &compiled.policer, &leg->police, carried ? carried->policer : NULL);
	if (ret < 0)
		return ret;
	if (carried != NULL && leg_equal(carried, &compiled) && table->refs[former] < UINT16_MAX) {
		policer_release(&table->lines, compiled.policer);
		table->refs[former]++;
		*slot = former;
		return 0;
	}
	if (table->n_free == 0) {
		policer_release(&table->lines, compiled.policer);
		return -ENOSPC;
	}
	*slot = table->free_stack[--table->n_free];
	table->legs[*slot] = compiled;
	table->refs[*slot] = 1;
	return 0;
}

void
leg_table_unref(struct leg_table *table, uint32_t slot)
{
	if (--table->refs[slot] > 0)
		return;
	policer_release(&table->lines, table->legs[slot].policer);
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
