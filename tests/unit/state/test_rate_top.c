/* SPDX-License-Identifier: BSD-3-Clause */
/* The best of a table, against sorting all of it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "state/rate_top.h"

#define ROWS_MAX 3000

static struct rate_row rows[ROWS_MAX];
static enum rate_order order_now;

static uint64_t
what_counts(const struct rate_row *row)
{
	switch (order_now) {
	case RATE_BY_PPS:
		return row->new_packets;
	case RATE_BY_BPS:
		return row->new_bytes;
	case RATE_BY_DROPS:
		return row->new_drops;
	case RATE_BY_PACKETS:
		break;
	}
	return row->packets;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t of_a = what_counts(*(const struct rate_row *const *)a);
	const uint64_t of_b = what_counts(*(const struct rate_row *const *)b);

	return of_a > of_b ? -1 : of_a < of_b;
}

static struct rate_table table;

/* Have rows[0, n) looked at. */
static void
table_fill(size_t n)
{
	memset(&table, 0, sizeof(table));
	table.rows = rows;
	while (table.n < n) {
		table.n++;
		rate_top_add(&table);
	}
	rate_top_sort(&table);
}

Test(rate_top, agrees_with_sorting)
{
	static const struct rate_row *sorted[ROWS_MAX];

	srand(3);
	for (unsigned round = 0; round < 100; round++) {
		const size_t n = (size_t)rand() % ROWS_MAX;

		for (size_t i = 0; i < n; i++) {
			rows[i] = (struct rate_row){.packets = (uint64_t)rand() % 9000,
				.new_packets = (uint64_t)rand() % 9000,
				.new_bytes = (uint64_t)rand() % 90,
				.new_drops = (uint64_t)rand() % 4};
		}
		table_fill(n);
		for (order_now = 0; order_now < RATE_ORDERS; order_now++) {
			const struct rate_best *best = &table.best[order_now];

			for (size_t i = 0; i < n; i++)
				sorted[i] = &rows[i];
			qsort(sorted, n, sizeof(sorted[0]), compare);
			cr_assert_eq(best->n, n < RATE_TOP_MAX ? n : RATE_TOP_MAX);
			for (size_t i = 0; i < best->n; i++)
				cr_assert_eq(
					what_counts(&rows[best->rows[i]]), what_counts(sorted[i]));
		}
	}
}

Test(rate_top, equals_keep_their_places)
{
	table_fill(RATE_TOP_MAX + 10);
	for (uint32_t i = 0; i < RATE_TOP_MAX; i++)
		cr_expect_eq(table.best[RATE_BY_PPS].rows[i], i);
	rows[7].packets = 1;
	table_fill(RATE_TOP_MAX + 10);
	cr_expect_eq(table.best[RATE_BY_PPS].rows[0], 7, "what ever carried something comes first");
}
