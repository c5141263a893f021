/* SPDX-License-Identifier: BSD-3-Clause */
/* What several sections do with a table: fill it, look up in it, weigh it. */
#include <math.h>
#include <stdio.h>

#include <rte_lcore.h>
#include <rte_malloc.h>

#include "flow_table_bench.h"
#include "spread.h"

#define SEED UINT64_C(0x2545f4914f6cdd1d)

size_t
bench_heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;
	size_t bytes = 0;

	for (unsigned i = 0; i < rte_socket_count(); i++) {
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0)
			bytes += stats.heap_allocsz_bytes;
	}
	return bytes;
}

int
bench_add_range(const struct bench_way *way, void *table, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct bench_flow flow;
		int ret;

		bench_flow_make(&flow, way->shape, first + i);
		ret = way->add(table, &flow);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Cycles that n bursts of random flows take, added up in *n_found how many were found. */
static uint64_t
window_run(const struct bench_way *way, void *table, uint32_t first, uint32_t n_flows,
	unsigned n_bursts, uint64_t *n_found)
{
	const uint64_t start = rte_rdtsc();
	uint64_t state = SEED ^ start;

	for (unsigned burst = 0; burst < n_bursts; burst++) {
		uint32_t flows[BENCH_BURST];

		for (unsigned i = 0; i < BENCH_BURST; i++)
			flows[i] = first + bench_random(&state, n_flows);
		*n_found += way->visit(table, flows);
	}
	return rte_rdtsc() - start;
}

double
bench_visit_random(const struct bench_way *way, void *table, uint32_t first, uint32_t n_flows,
	unsigned n_bursts)
{
	const unsigned n = n_bursts / BENCH_WINDOWS + 1;
	const uint64_t n_visits = (uint64_t)BENCH_WINDOWS * n * BENCH_BURST;
	double cycles[BENCH_WINDOWS];
	uint64_t n_found = 0;

	for (unsigned w = 0; w < BENCH_WINDOWS; w++)
		cycles[w] = (double)window_run(way, table, first, n_flows, n, &n_found) /
			    (n * BENCH_BURST);
	if (n_found == n_visits)
		return spread_of(cycles, BENCH_WINDOWS).median;
	fprintf(stderr, "%s: %llu of %llu lookups found their flow\n", way->name,
		(unsigned long long)n_found, (unsigned long long)n_visits);
	return NAN;
}
