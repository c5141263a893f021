/* SPDX-License-Identifier: BSD-3-Clause */
/* The best of a table, against sorting all of it. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "state/rate_top.h"

#define ROWS_MAX 500

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

Test(rate_top, agrees_with_sorting)
{
	const struct rate_row *sorted[ROWS_MAX], *best[ROWS_MAX];

	srand(3);
	for (unsigned round = 0; round < 400; round++) {
		const size_t n = (size_t)rand() % ROWS_MAX, limit = (size_t)rand() % 40 + 1;
		const struct rate_table table = {.rows = rows, .n = n};

		order_now = round % 4;
		for (size_t i = 0; i < n; i++) {
			rows[i] = (struct rate_row){.packets = (uint64_t)rand() % 90,
				.new_packets = (uint64_t)rand() % 90,
				.new_bytes = (uint64_t)rand() % 90,
				.new_drops = (uint64_t)rand() % 4};
			sorted[i] = &rows[i];
		}
		qsort(sorted, n, sizeof(sorted[0]), compare);
		cr_assert_eq(rate_top(&table, order_now, limit, best), n < limit ? n : limit);
		for (size_t i = 0; i < n && i < limit; i++)
			cr_assert_eq(what_counts(best[i]), what_counts(sorted[i]));
	}
}

Test(rate_top, equals_keep_their_places)
{
	const struct rate_table table = {.rows = rows, .n = 10};
	const struct rate_row *best[4];

	cr_assert_eq(rate_top(&table, RATE_BY_PPS, 4, best), 4);
	for (unsigned i = 0; i < 4; i++)
		cr_expect_eq(best[i], &rows[i]);
	rows[7].packets = 1;
	rate_top(&table, RATE_BY_PPS, 4, best);
	cr_expect_eq(best[0], &rows[7], "what ever carried something comes first");
}
