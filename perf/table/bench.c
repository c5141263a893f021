/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_lcore.h>
#include <rte_malloc.h>

#include "common/figures.h"

#define SEED UINT64_C(0x2545f4914f6cdd1d)

void
bench_flow_make(struct bench_flow *flow, enum dp_family family, uint32_t number)
{
	const size_t address_bytes = family == DP_IPV4 ? 4 : 16;
	struct dp_flow_key *key = &flow->flow.key;
	struct dp_leg *leg = &flow->leg;
	union flow_key compiled;
	const uint8_t *bytes = (const uint8_t *)&compiled;

	/* The keys of both families have their fields in the same order. */
	if (family == DP_IPV4)
		bench_key4(number, &compiled.v4);
	else
		bench_key6(number, &compiled.v6);
	memset(flow, 0, sizeof(*flow));
	flow->number = number;
	memcpy(key->src, bytes, address_bytes);
	memcpy(key->dst, bytes + address_bytes, address_bytes);
	memcpy(&key->src_port, bytes + 2 * address_bytes, sizeof(key->src_port));
	memcpy(&key->dst_port, bytes + 2 * address_bytes + 2, sizeof(key->dst_port));
	key->family = family;
	memcpy(leg->src, key->dst, sizeof(leg->src));
	memcpy(leg->dst, key->src, sizeof(leg->dst));
	leg->src_port = key->dst_port;
	leg->dst_port = key->src_port;
	leg->family = family;
	leg->dscp = DP_DSCP_KEEP;
	flow->flow.n_legs = 1;
	flow->flow.legs = leg;
}

void
bench_fail(const struct bench_way *way, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "flow-table: %s: ", way->name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

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

void *
bench_create(const struct bench_way *way, uint32_t capacity)
{
	void *table = way->create(capacity);

	if (table == NULL)
		bench_fail(way, "no memory for %u flows", capacity);
	return table;
}

int
bench_add_range(const struct bench_way *way, void *table, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct bench_flow flow;
		int ret;

		bench_flow_make(&flow, way->family, first + i);
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
	bench_fail(way, "%llu of %llu lookups found their flow", (unsigned long long)n_found,
		(unsigned long long)n_visits);
}
