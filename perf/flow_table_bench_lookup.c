/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What finding a flow costs, in full tables of several sizes. All tables of a size exist at once
 * and are measured in turn, round after round, so that what the machine does besides hits all.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <rte_common.h>

#include "flow_table_bench.h"
#include "spread.h"

#define BURSTS_A_ROUND 16384 /* at least; half a million lookups */
#define BURSTS_SMALL 64

static const struct bench_way *const ways[] = {
	&bench_sluice4, /* the first is what the others are compared with */
	&bench_three_lines,
	&bench_rte_hash,
	&bench_one_table4,
	&bench_sluice6,
	&bench_two_tables,
	&bench_one_table,
	&bench_keys_alone,
};

struct subject {
	const struct bench_way *way;
	void *table;
	double bytes_a_flow;
	double cycles[BENCH_ROUNDS_MAX];
};

static int
subject_create(struct subject *subject, const struct bench_way *way, uint32_t n_flows)
{
	const size_t before = bench_heap_bytes();
	size_t bytes;
	int ret = 0;

	subject->way = way;
	subject->table = way->create(n_flows);
	if (subject->table == NULL) {
		fprintf(stderr, "%s: no memory for %u flows\n", way->name, n_flows);
		return -ENOMEM;
	}
	bytes = bench_heap_bytes() - before;
	if (way->spare_bytes != NULL)
		bytes -= way->spare_bytes(subject->table);
	subject->bytes_a_flow = (double)bytes / n_flows;
	if (way != &bench_keys_alone)
		ret = bench_add_range(way, subject->table, 0, n_flows);
	if (ret < 0)
		fprintf(stderr, "%s: refused one of %u flows: %d\n", way->name, n_flows, ret);
	return ret;
}

static int
subject_measure(struct subject *subject, unsigned round, uint32_t n_flows, bool small)
{
	const unsigned n = small ? BURSTS_SMALL : RTE_MAX(BURSTS_A_ROUND, n_flows / BENCH_BURST);

	/* Fill the caches with what this one uses, then measure. */
	bench_visit_random(subject->way, subject->table, 0, n_flows, n / 4);
	subject->cycles[round] = bench_visit_random(subject->way, subject->table, 0, n_flows, n);
	return isnan(subject->cycles[round]) ? -ENOENT : 0;
}

static void
subject_report(const struct subject *subject, const struct subject *base, unsigned rounds,
	json_t *rows, uint32_t n_flows)
{
	const bool is_table = subject->way != &bench_keys_alone;
	double values[BENCH_ROUNDS_MAX], ratios[BENCH_ROUNDS_MAX];
	struct spread cycles;

	for (unsigned i = 0; i < rounds; i++) {
		values[i] = subject->cycles[i];
		ratios[i] = subject->cycles[i] / base->cycles[i];
	}
	cycles = spread_of(values, rounds);
	json_array_append_new(
		rows, json_pack("{s:i, s:s, s:f, s:f, s:f, s:f, s:o}", "flows", (int)n_flows, "way",
			      subject->way->name, "cycles a lookup", cycles.median, "min",
			      cycles.min, "max", cycles.max, "times Sluice's IPv4",
			      spread_of(ratios, rounds).median, "bytes a flow",
			      is_table ? json_real(subject->bytes_a_flow) : json_string("")));
}

static int
size_measure(const struct bench_options *options, json_t *rows, uint32_t n_flows)
{
	struct subject subjects[RTE_DIM(ways)] = {0};
	int ret = 0;

	for (unsigned i = 0; i < RTE_DIM(ways) && ret == 0; i++)
		ret = subject_create(&subjects[i], ways[i], n_flows);
	for (unsigned round = 0; round < options->rounds && ret == 0; round++) {
		for (unsigned i = 0; i < RTE_DIM(ways) && ret == 0; i++)
			ret = subject_measure(&subjects[i], round, n_flows, options->small);
	}
	for (unsigned i = 0; i < RTE_DIM(ways) && ret == 0; i++)
		subject_report(&subjects[i], &subjects[0], options->rounds, rows, n_flows);
	for (unsigned i = 0; i < RTE_DIM(ways); i++) {
		if (subjects[i].table != NULL)
			ways[i]->destroy(subjects[i].table);
	}
	return ret;
}

int
bench_lookup(const struct bench_options *options, json_t *rows)
{
	static const uint32_t sizes[] = {1000, 10000, 100000, 1000000};
	int ret = 0;

	for (unsigned i = 0; i < RTE_DIM(sizes) && ret == 0; i++) {
		if (!options->small || sizes[i] <= 10000)
			ret = size_measure(options, rows, sizes[i]);
	}
	return ret;
}
