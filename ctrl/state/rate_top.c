/* SPDX-License-Identifier: BSD-3-Clause */
/* The best so far are a heap whose worst is on top, where a better row takes its place. */
#include "state/rate_top.h"

#include <stdbool.h>

/* Whether a is to stand above b. */
static bool
is_above(enum rate_order order, const struct rate_row *a, const struct rate_row *b)
{
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
	return then_a != then_b ? then_a > then_b : a < b;
}

/* Put what stands at i in its place among the n. */
static void
heap_sink(const struct rate_row **heap, size_t n, size_t i, enum rate_order order)
{
	const struct rate_row *row = heap[i];
	size_t child;

	for (; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && is_above(order, heap[child], heap[child + 1]))
			child++;
		if (!is_above(order, row, heap[child]))
			break;
		heap[i] = heap[child];
	}
	heap[i] = row;
}

size_t
rate_top(const struct rate_table *table, enum rate_order order, size_t limit,
	const struct rate_row **best)
{
	const size_t n = table->n < limit ? table->n : limit;
	size_t i;

	for (i = 0; i < n; i++)
		best[i] = &table->rows[i];
	for (i = n / 2; i-- > 0;)
		heap_sink(best, n, i, order);
	for (i = n; n > 0 && i < table->n; i++) {
		if (!is_above(order, &table->rows[i], best[0]))
			continue;
		best[0] = &table->rows[i];
		heap_sink(best, n, 0, order);
	}
	for (i = n; i-- > 1;) {
		const struct rate_row *worst = best[0];

		best[0] = best[i];
		best[i] = worst;
		heap_sink(best, i, 0, order);
	}
	return n;
}
