/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_lcore.h>
#include <rte_malloc.h>

#include "common/figures.h"

#define SEED UINT64_C(0x2545f4914f6cdd1d)

/* The public form of a key; key6 and key4 have their fields in the same order. */
static void
key_publish(const void *key, bool is_ipv4, struct dp_flow_key *out)
{
	const size_t address_bytes = is_ipv4 ? 4 : 16;
	const uint8_t *bytes = key;

	memset(out, 0, sizeof(*out));
	memcpy(out->src, bytes, address_bytes);
	memcpy(out->dst, bytes + address_bytes, address_bytes);
	memcpy(&out->src_port, bytes + 2 * address_bytes, sizeof(out->src_port));
	memcpy(&out->dst_port, bytes + 2 * address_bytes + 2, sizeof(out->dst_port));
	out->family = is_ipv4 ? DP_IPV4 : DP_IPV6;
}

void
bench_flow_make(struct bench_flow *flow, enum bench_shape shape, uint32_t number)
{
	const bool half = shape == BENCH_HALF || shape == BENCH_HALF_MAPPED;
	const bool is_ipv6 = shape == BENCH_IPV6 || (half && number % 2 == 1);
	const bool is_mapped = !is_ipv6 && (shape == BENCH_MAPPED || shape == BENCH_HALF_MAPPED);
	union flow_key key;

	memset(flow, 0, sizeof(*flow));
	flow->number = number;
	if (is_ipv6)
		bench_key6(number, &key.v6);
	else if (is_mapped)
		bench_key_mapped(number, &key.v6);
	else
		bench_key4(number, &key.v4);
	key_publish(&key, !is_ipv6 && !is_mapped, &flow->flow.key);
	memcpy(flow->leg.src, flow->flow.key.dst, sizeof(flow->leg.src));
	memcpy(flow->leg.dst, flow->flow.key.src, sizeof(flow->leg.dst));
	flow->leg.src_port = flow->flow.key.dst_port;
	flow->leg.dst_port = flow->flow.key.src_port;
	flow->leg.family = flow->flow.key.family;
	flow->leg.dscp = DP_DSCP_KEEP;
	flow->flow.n_legs = 1;
	flow->flow.legs = &flow->leg;
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

static void
cell_print(const json_t *value)
{
	if (json_is_string(value))
		printf(" %s |", json_string_value(value));
	else if (json_is_integer(value))
		printf(" %lld |", (long long)json_integer_value(value));
	else if (json_is_real(value))
		printf(" %.*f |", json_real_value(value) < 10 ? 2 : 1, json_real_value(value));
	else
		printf(" |");
}

static void
headings_print(json_t *row)
{
	const char *key;
	json_t *value;

	printf("|");
	json_object_foreach (row, key, value)
		printf(" %s |", key);
	printf("\n|");
	json_object_foreach (row, key, value)
		printf("%s|", json_is_string(value) ? "---" : "--:");
	printf("\n");
}

static void
row_print(json_t *row)
{
	const char *key;
	json_t *value;

	printf("|");
	json_object_foreach (row, key, value)
		cell_print(value);
	printf("\n");
}

void
bench_report_print(const json_t *report)
{
	const char *section;
	json_t *rows, *row;
	size_t i;

	/* jansson iterates over what it could change. */
	json_object_foreach ((json_t *)(uintptr_t)report, section, rows) {
		if (json_array_size(rows) == 0) /* what is no array, too */
			continue;
		printf("%s\n\n", section);
		headings_print(json_array_get(rows, 0));
		json_array_foreach (rows, i, row)
			row_print(row);
		printf("\n");
	}
}
