/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What load does to lookups: the same flows are looked up in tables that are half full, nearly
 * full and full, and in a full one between attempts to add more, all of which must be refused.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <rte_common.h>

#include "flow_table_bench.h"
#include "spread.h"

#define CAPACITY (UINT32_C(1) << 20)
#define CAPACITY_SMALL (UINT32_C(1) << 12)
#define BURSTS_A_ROUND 16384
#define BURSTS_SMALL 64
#define REFUSALS 1000

struct load {
	const char *name;
	unsigned percent;
	bool refuses; /* more flows are offered before each round */
};

static const struct load loads[] = {
	{"50 %", 50, false},
	{"90 %", 90, false},
	{"100 %", 100, false},
	{"100 %, refusing more", 100, true},
};

struct subject {
	void *table;
	uint32_t n_added;
	double cycles[BENCH_ROUNDS_MAX];
};

/* Offer flows to a full table. 0 when all were refused with -ENOSPC. */
static int
offer_more(const struct bench_way *way, void *table, uint32_t capacity)
{
	for (uint32_t i = 0; i < REFUSALS; i++) {
		int ret = bench_add_range(way, table, capacity + i, 1);

		if (ret == -ENOSPC)
			continue;
		fprintf(stderr, "%s: a full table returned %d, not -ENOSPC\n", way->name, ret);
		return -EPROTO;
	}
	return 0;
}

static int
subject_fill(
	struct subject *subject, const struct bench_way *way, uint32_t capacity, unsigned percent)
{
	const uint32_t wanted = (uint32_t)((uint64_t)capacity * percent / 100);

	subject->table = way->create(capacity);
	if (subject->table == NULL) {
		fprintf(stderr, "%s: no memory for %u flows\n", way->name, capacity);
		return -ENOMEM;
	}
	while (subject->n_added < wanted &&
		bench_add_range(way, subject->table, subject->n_added, 1) == 0)
		subject->n_added++;
	return 0;
}

static int
subject_measure(struct subject *subject, const struct bench_way *way, const struct load *load,
	uint32_t capacity, double *cycles, bool small)
{
	const unsigned n_bursts = small ? BURSTS_SMALL : BURSTS_A_ROUND;

	if (load->refuses && subject->n_added == capacity &&
		offer_more(way, subject->table, capacity) < 0)
		return -EPROTO;
	bench_visit_random(way, subject->table, 0, capacity / 2, n_bursts / 4);
	*cycles = bench_visit_random(way, subject->table, 0, capacity / 2, n_bursts);
	return isnan(*cycles) ? -ENOENT : 0;
}

static void
subject_report(struct subject *subject, const struct bench_way *way, const struct load *load,
	const struct bench_options *options, uint32_t capacity, json_t *rows)
{
	const struct spread cycles = spread_of(subject->cycles, options->rounds);

	json_array_append_new(rows,
		json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:o}", "way", way->name, "load",
			load->name, "flows taken, % of capacity",
			100.0 * subject->n_added / capacity, "cycles a lookup", cycles.median,
			"min", cycles.min, "max", cycles.max, "overflow buckets",
			way == &bench_sluice4 ? json_integer(bench_sluice4_overflow(subject->table))
					      : json_string("")));
}

static int
way_measure(const struct bench_way *way, const struct bench_options *options, uint32_t capacity,
	json_t *rows)
{
	struct subject subjects[RTE_DIM(loads)] = {0};
	int ret = 0;

	for (unsigned i = 0; i < RTE_DIM(loads) && ret == 0; i++)
		ret = subject_fill(&subjects[i], way, capacity, loads[i].percent);
	for (unsigned round = 0; round < options->rounds && ret == 0; round++) {
		for (unsigned i = 0; i < RTE_DIM(loads) && ret == 0; i++)
			ret = subject_measure(&subjects[i], way, &loads[i], capacity,
				&subjects[i].cycles[round], options->small);
	}
	for (unsigned i = 0; i < RTE_DIM(loads); i++) {
		if (ret == 0)
			subject_report(&subjects[i], way, &loads[i], options, capacity, rows);
		if (subjects[i].table != NULL)
			way->destroy(subjects[i].table);
	}
	return ret;
}

int
bench_fill(const struct bench_options *options, json_t *rows)
{
	static const struct bench_way *const ways[] = {
		&bench_sluice4, &bench_rte_hash, &bench_rte_hash_plain};
	const uint32_t capacity = options->small ? CAPACITY_SMALL : CAPACITY;
	int ret = 0;

	for (unsigned i = 0; i < RTE_DIM(ways) && ret == 0; i++)
		ret = way_measure(ways[i], options, capacity, rows);
	return ret;
}
