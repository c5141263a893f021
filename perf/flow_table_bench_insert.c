/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What adding a flow costs while the table fills up, and taking one out. The same flows are added
 * in the same order in several passes, each timed alone, and the least time of each is taken: what
 * a host takes away hits another flow in the next pass, what the table does hits the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_common.h>

#include "flow_table_bench.h"

#define CAPACITY (UINT32_C(1) << 20)
#define CAPACITY_SMALL (UINT32_C(1) << 12)
#define PASSES 5
#define REMOVAL_STRIDE UINT64_C(1000003) /* prime to the capacities: visits all, not in order */

struct timing {
	uint32_t capacity;
	uint32_t n_added; /* the others were refused */
	uint32_t *least[2]; /* cycles of each add, each removal */
	uint32_t *worst[2];
};

enum { ADD, REMOVE };

static void
timing_note(struct timing *timing, int what, uint32_t i, uint64_t start, bool is_first)
{
	const uint32_t cycles = (uint32_t)RTE_MIN(rte_rdtsc() - start, UINT64_C(0xffffffff));

	if (is_first || cycles < timing->least[what][i])
		timing->least[what][i] = cycles;
	if (is_first || cycles > timing->worst[what][i])
		timing->worst[what][i] = cycles;
}

static int
pass(const struct bench_way *way, struct timing *timing, bool is_first)
{
	void *table = way->create(timing->capacity);
	struct bench_flow flow;
	uint32_t n;

	if (table == NULL)
		return -ENOMEM;
	for (n = 0; n < timing->capacity; n++) {
		bench_flow_make(&flow, way->shape, n);

		const uint64_t start = rte_rdtsc();

		if (way->add(table, &flow) < 0)
			break;
		timing_note(timing, ADD, n, start, is_first);
	}
	timing->n_added = n;
	for (uint32_t i = 0; i < timing->capacity; i++) {
		const uint32_t number = (uint32_t)(i * REMOVAL_STRIDE % timing->capacity);

		if (number >= n)
			continue;
		bench_flow_make(&flow, way->shape, number);

		const uint64_t start = rte_rdtsc();

		way->remove(table, &flow);
		timing_note(timing, REMOVE, number, start, is_first);
	}
	way->destroy(table);
	return 0;
}

static int
by_cycles(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* A row for the flows first..last-1; sorts their times. */
static void
span_report(struct timing *timing, int what, uint32_t first, uint32_t last, const char *name,
	const struct bench_way *way, json_t *rows)
{
	uint32_t *cycles = timing->least[what] + first, n = last - first, worst = 0;
	uint64_t sum = 0;

	if (n == 0)
		return;
	qsort(cycles, n, sizeof(*cycles), by_cycles);
	for (uint32_t i = 0; i < n; i++) {
		sum += cycles[i];
		worst = RTE_MAX(worst, timing->worst[what][first + i]);
	}
	json_array_append_new(
		rows, json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f}", "way", way->name,
			      "ns a flow", name, "mean", bench_ns((double)sum / n), "p99",
			      bench_ns(cycles[n - 1 - n / 100]), "p99.9",
			      bench_ns(cycles[n - 1 - n / 1000]), "worst", bench_ns(cycles[n - 1]),
			      "worst seen", bench_ns(worst)));
}

static void
way_report(struct timing *timing, const struct bench_way *way, json_t *rows)
{
	const uint32_t n = timing->n_added, half = RTE_MIN(n, timing->capacity / 2);
	const uint32_t most = RTE_MIN(n, (uint32_t)((uint64_t)timing->capacity * 9 / 10));

	span_report(timing, ADD, 0, half, "add, 0 to 50 % full", way, rows);
	span_report(timing, ADD, half, most, "add, 50 to 90 %", way, rows);
	span_report(timing, ADD, most, n,
		n == timing->capacity ? "add, 90 to 100 %" : "add, 90 % until refused", way, rows);
	span_report(timing, REMOVE, 0, n, "remove", way, rows);
}

static int
way_measure(const struct bench_way *way, struct timing *timing, json_t *rows)
{
	for (unsigned i = 0; i < PASSES; i++) {
		if (pass(way, timing, i == 0) < 0) {
			fprintf(stderr, "%s: no memory for %u flows\n", way->name,
				timing->capacity);
			return -ENOMEM;
		}
	}
	way_report(timing, way, rows);
	return 0;
}

int
bench_insert(const struct bench_options *options, json_t *rows)
{
	static const struct bench_way *const ways[] = {
		&bench_sluice4, &bench_sluice6, &bench_rte_hash, &bench_rte_hash_plain};
	struct timing timing = {.capacity = options->small ? CAPACITY_SMALL : CAPACITY};
	uint32_t *times = calloc(4 * (size_t)timing.capacity, sizeof(*times));
	int ret = 0;

	if (times == NULL)
		return -ENOMEM;
	for (unsigned what = 0; what < 2; what++) {
		timing.least[what] = times + what * (size_t)timing.capacity;
		timing.worst[what] = times + (2 + what) * (size_t)timing.capacity;
	}
	for (unsigned i = 0; i < RTE_DIM(ways) && ret == 0; i++)
		ret = way_measure(ways[i], &timing, rows);
	free(times);
	return ret;
}
