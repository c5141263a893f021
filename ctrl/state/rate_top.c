/* SPDX-License-Identifier: BSD-3-Clause */
/* The best so far are a heap whose worst is on top, where a better row takes its place. */
#include "state/rate_top.h"

/* Whether row a is to stand above row b. */
static bool
is_above(const struct rate_table *table, enum rate_order order, uint32_t at_a, uint32_t at_b)
{
	const struct rate_row *a = &table->rows[at_a], *b = &table->rows[at_b];
	uint64_t of_a = a->packets, of_b = b->packets, then_a = a->bytes, then_b = b->bytes;

	switch (order) {
	case RATE_BY_PPS:
		then_a = of_a;
		then_b = of_b;
		of_a = a->new_packets;
		of_b = b->new_packets;
		break;
	case RATE_BY_BPS:
		of_a = a->new_bytes;
		of_b = b->new_bytes;
		break;
	case RATE_BY_DROPS:
		of_a = a->new_drops;
		of_b = b->new_drops;
		then_a = a->drops;
		then_b = b->drops;
		break;
	case RATE_BY_PACKETS:
		break;
	}
	if (of_a != of_b)
		return of_a > of_b;
	return then_a != then_b ? then_a > then_b : at_a < at_b;
}

/* Put what stands at i in its place among the n. */
static void
heap_sink(const struct rate_table *table, enum rate_order order, uint32_t *heap, size_t n, size_t i)
{
	const uint32_t row = heap[i];
	size_t child;

	for (; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && is_above(table, order, heap[child], heap[child + 1]))
			child++;
		if (!is_above(table, order, row, heap[child]))
			break;
		heap[i] = heap[child];
	}
	heap[i] = row;
}

/* Put a row where it belongs, from below the last of the heap. */
static void
heap_rise(const struct rate_table *table, enum rate_order order, uint32_t *heap, size_t i,
	uint32_t row)
{
	for (; i > 0 && is_above(table, order, heap[(i - 1) / 2], row); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = row;
}

void
rate_top_add(struct rate_table *table)
{
	const uint32_t row = (uint32_t)(table->n - 1);
	enum rate_order order;

	for (order = 0; order < RATE_ORDERS; order++) {
		struct rate_best *best = &table->best[order];

		if (best->n < RATE_TOP_MAX) {
			heap_rise(table, order, best->rows, best->n++, row);
		} else if (is_above(table, order, row, best->rows[0])) {
			best->rows[0] = row;
			heap_sink(table, order, best->rows, best->n, 0);
		}
	}
}

void
rate_top_sort(struct rate_table *table)
{
	enum rate_order order;
	size_t i;

	for (order = 0; order < RATE_ORDERS; order++) {
		uint32_t *rows = table->best[order].rows;

		for (i = table->best[order].n; i-- > 1;) {
			const uint32_t worst = rows[0];

			rows[0] = rows[i];
			rows[i] = worst;
			heap_sink(table, order, rows, i, 0);
		}
	}
}
