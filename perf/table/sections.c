/* SPDX-License-Identifier: BSD-3-Clause */
#include "sections.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_common.h>

#include "common/figures.h"
#include "tables.h"

#define CAPACITY (UINT32_C(1) << 20)
#define CAPACITY_SMALL (UINT32_C(1) << 12)
#define BURSTS_A_ROUND 16384 /* at least; half a million lookups */
#define BURSTS_SMALL 64
#define REFUSALS 1000
#define PASSES 5
#define REMOVAL_STRIDE UINT64_C(1000003) /* prime to the capacities: visits all, not in order */
#define COLLIDE_CAPACITY UINT32_C(65536)
#define ORDINARY (COLLIDE_CAPACITY / 2)
#define COLLIDE_BURSTS 64
#define OFFERED (COLLIDE_CAPACITY / 8) /* ordinary flows that are offered after the worst ones */

/* A table that is measured in turn with others: what the machine does besides hits all. */
struct subject {
	const struct bench_way *way;
	void *table;
	double bytes_a_flow;
	uint32_t n_added;
	double cycles[BENCH_ROUNDS_MAX];
};

static struct subject
subject_create(const struct bench_way *way, uint32_t capacity)
{
	const size_t before = bench_heap_bytes();
	struct subject subject = {.way = way, .table = bench_create(way, capacity)};

	subject.bytes_a_flow = (double)(bench_heap_bytes() - before) / capacity;
	return subject;
}

/* Fill the caches with what this one uses, then measure. */
static void
subject_measure(struct subject *subject, unsigned round, uint32_t n_flows, unsigned n_bursts)
{
	bench_visit_random(subject->way, subject->table, 0, n_flows, n_bursts / 4);
	subject->cycles[round] =
		bench_visit_random(subject->way, subject->table, 0, n_flows, n_bursts);
}

/*
 * What finding a flow costs, in full tables of several sizes. All tables of a size exist at once.
 */
static const struct bench_way *const lookup_ways[] = {
	&bench_sluice4, /* the first is what the others are compared with */
	&bench_rte_hash,
	&bench_sluice6,
	&bench_keys_alone,
};

static void
lookup_report(const struct subject *subject, const struct subject *base, unsigned rounds,
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

static void
lookup_measure(const struct bench_options *options, json_t *rows, uint32_t n_flows)
{
	const unsigned n_bursts =
		options->small ? BURSTS_SMALL : RTE_MAX(BURSTS_A_ROUND, n_flows / BENCH_BURST);
	struct subject subjects[RTE_DIM(lookup_ways)];

	for (unsigned i = 0; i < RTE_DIM(lookup_ways); i++) {
		const struct bench_way *way = lookup_ways[i];

		subjects[i] = subject_create(way, n_flows);
		if (way != &bench_keys_alone &&
			bench_add_range(way, subjects[i].table, 0, n_flows) < 0)
			bench_fail(way, "refused one of %u flows", n_flows);
	}
	for (unsigned round = 0; round < options->rounds; round++) {
		for (unsigned i = 0; i < RTE_DIM(lookup_ways); i++)
			subject_measure(&subjects[i], round, n_flows, n_bursts);
	}
	for (unsigned i = 0; i < RTE_DIM(lookup_ways); i++)
		lookup_report(&subjects[i], &subjects[0], options->rounds, rows, n_flows);
	for (unsigned i = 0; i < RTE_DIM(lookup_ways); i++)
		lookup_ways[i]->destroy(subjects[i].table);
}

void
bench_lookup(const struct bench_options *options, json_t *rows)
{
	static const uint32_t sizes[] = {1000, 10000, 100000, 1000000};

	for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
		if (!options->small || sizes[i] <= 10000)
			lookup_measure(options, rows, sizes[i]);
	}
}

/*
 * What adding a flow costs while the table fills up, and taking one out. The same flows are added
 * in the same order in several passes, each timed alone, and the least time of each is taken: what
 * a host takes away hits another flow in the next pass, what the table does hits the same.
 */
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

static void
pass(const struct bench_way *way, struct timing *timing, bool is_first)
{
	void *table = bench_create(way, timing->capacity);
	struct bench_flow flow;
	uint32_t n;

	for (n = 0; n < timing->capacity; n++) {
		bench_flow_make(&flow, way->family, n);

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
		bench_flow_make(&flow, way->family, number);

		const uint64_t start = rte_rdtsc();

		way->remove(table, &flow);
		timing_note(timing, REMOVE, number, start, is_first);
	}
	way->destroy(table);
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
insert_report(struct timing *timing, const struct bench_way *way, json_t *rows)
{
	const uint32_t n = timing->n_added, half = RTE_MIN(n, timing->capacity / 2);
	const uint32_t most = RTE_MIN(n, (uint32_t)((uint64_t)timing->capacity * 9 / 10));

	span_report(timing, ADD, 0, half, "add, 0 to 50 % full", way, rows);
	span_report(timing, ADD, half, most, "add, 50 to 90 %", way, rows);
	span_report(timing, ADD, most, n,
		n == timing->capacity ? "add, 90 to 100 %" : "add, 90 % until refused", way, rows);
	span_report(timing, REMOVE, 0, n, "remove", way, rows);
}

void
bench_insert(const struct bench_options *options, json_t *rows)
{
	static const struct bench_way *const ways[] = {
		&bench_sluice4, &bench_sluice6, &bench_rte_hash, &bench_rte_hash_plain};
	struct timing timing = {.capacity = options->small ? CAPACITY_SMALL : CAPACITY};
	uint32_t *times = calloc(4 * (size_t)timing.capacity, sizeof(*times));

	if (times == NULL)
		bench_fail(ways[0], "no memory for times");
	for (unsigned what = 0; what < 2; what++) {
		timing.least[what] = times + what * (size_t)timing.capacity;
		timing.worst[what] = times + (2 + what) * (size_t)timing.capacity;
	}
	for (unsigned i = 0; i < RTE_DIM(ways); i++) {
		for (unsigned n = 0; n < PASSES; n++)
			pass(ways[i], &timing, n == 0);
		insert_report(&timing, ways[i], rows);
	}
	free(times);
}

/*
 * What load does to lookups: the same flows are looked up in tables that are half full, nearly
 * full and full, and in a full one between attempts to add more, all of which must be refused.
 */
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

/* Offer flows to a full table: all have to be refused. */
static void
offer_more(const struct bench_way *way, void *table, uint32_t capacity)
{
	for (uint32_t i = 0; i < REFUSALS; i++) {
		int ret = bench_add_range(way, table, capacity + i, 1);

		if (ret != -ENOSPC)
			bench_fail(way, "a full table returned %d, not -ENOSPC", ret);
	}
}

static void
fill_report(struct subject *subject, const struct load *load, unsigned rounds, uint32_t capacity,
	json_t *rows)
{
	const struct bench_way *way = subject->way;
	const struct spread cycles = spread_of(subject->cycles, rounds);

	json_array_append_new(rows,
		json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:o}", "way", way->name, "load",
			load->name, "flows taken, % of capacity",
			100.0 * subject->n_added / capacity, "cycles a lookup", cycles.median,
			"min", cycles.min, "max", cycles.max, "overflow buckets",
			way == &bench_sluice4 ? json_integer(bench_sluice4_overflow(subject->table))
					      : json_string("")));
}

static void
fill_measure(const struct bench_way *way, const struct bench_options *options, uint32_t capacity,
	json_t *rows)
{
	struct subject subjects[RTE_DIM(loads)];

	for (unsigned i = 0; i < RTE_DIM(loads); i++) {
		const uint32_t wanted = (uint32_t)((uint64_t)capacity * loads[i].percent / 100);
		struct subject *s = &subjects[i];

		*s = subject_create(way, capacity);
		while (s->n_added < wanted && bench_add_range(way, s->table, s->n_added, 1) == 0)
			s->n_added++;
	}
	for (unsigned round = 0; round < options->rounds; round++) {
		for (unsigned i = 0; i < RTE_DIM(loads); i++) {
			if (loads[i].refuses && subjects[i].n_added == capacity)
				offer_more(way, subjects[i].table, capacity);
			subject_measure(&subjects[i], round, capacity / 2,
				options->small ? BURSTS_SMALL : BURSTS_A_ROUND);
		}
	}
	for (unsigned i = 0; i < RTE_DIM(loads); i++) {
		fill_report(&subjects[i], &loads[i], options->rounds, capacity, rows);
		way->destroy(subjects[i].table);
	}
}

void
bench_fill(const struct bench_options *options, json_t *rows)
{
	static const struct bench_way *const ways[] = {
		&bench_sluice4, &bench_rte_hash, &bench_rte_hash_plain};

	for (unsigned i = 0; i < RTE_DIM(ways); i++)
		fill_measure(ways[i], options, options->small ? CAPACITY_SMALL : CAPACITY, rows);
}

/*
 * The worst keys: all of one hash, so of one bucket and one signature, in a table that holds
 * ordinary flows besides. CRC32C is linear and has no secret, so anyone can make them; but only
 * who may install flows can put them into the table.
 */
struct state {
	const struct bench_way *way;
	void *table;
	json_t *rows;
	uint32_t first; /* oldest colliding flow */
	uint32_t n_colliding;
};

static void
state_report(const struct state *state, const char *when, double add_ns, uint32_t n_refused)
{
	const struct bench_way *way = state->way;
	const double own = state->n_colliding == 0
				   ? 0
				   : bench_visit_random(way, state->table, state->first,
					     state->n_colliding, COLLIDE_BURSTS);
	const double others =
		bench_visit_random(way, state->table, 0, ORDINARY, 100 * COLLIDE_BURSTS);

	json_array_append_new(state->rows,
		json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:i, s:o}", "way", way->name, "when",
			when, "colliding flows", (int)state->n_colliding, "ns to add one", add_ns,
			"cycles to find one", own, "cycles to find an ordinary flow", others,
			"ordinary flows refused", (int)n_refused, "overflow buckets held",
			way == &bench_sluice4 ? json_integer(bench_sluice4_overflow(state->table))
					      : json_string("")));
}

/* Add colliding flows until there are `wanted`, or one is refused; report. Whether all were added.
 */
static bool
state_collide(struct state *state, uint32_t wanted)
{
	const uint32_t before = state->n_colliding;
	const uint64_t start = rte_rdtsc();
	int ret = 0;
	double ns;

	while (state->n_colliding < wanted && ret == 0) {
		ret = bench_add_range(
			state->way, state->table, BENCH_COLLIDING + state->n_colliding, 1);
		state->n_colliding += ret == 0;
	}
	ns = bench_ns((double)(rte_rdtsc() - start));
	if (ret < 0 && ret != -ENOSPC)
		bench_fail(state->way, "adding a colliding flow returned %d", ret);
	state_report(state, ret == 0 ? "added" : "added until refused",
		ns / RTE_MAX(state->n_colliding - before + (ret < 0), 1u), 0);
	return ret == 0;
}

/* Take colliding flows out, the oldest first, until `left` are there; report. */
static void
state_relieve(struct state *state, uint32_t left, const char *when)
{
	while (state->n_colliding > left) {
		struct bench_flow flow;

		bench_flow_make(&flow, state->way->family, state->first++);
		state->way->remove(state->table, &flow);
		state->n_colliding--;
	}
	state_report(state, when, 0, 0);
}

/* Offer more ordinary flows and report how many were refused. */
static void
state_offer(struct state *state)
{
	uint32_t n_refused = 0;

	for (uint32_t i = 0; i < OFFERED; i++)
		n_refused += bench_add_range(state->way, state->table, ORDINARY + i, 1) < 0;
	state_report(state, "ordinary flows offered", 0, n_refused);
}

static void
collide_measure(const struct bench_way *way, const struct bench_options *options, json_t *rows)
{
	static const uint32_t steps[] = {8, 64, 512, 4096, COLLIDE_CAPACITY - ORDINARY - OFFERED};
	const unsigned n_steps = options->small ? 3 : RTE_DIM(steps);
	struct state state = {
		.way = way,
		.table = bench_create(way, COLLIDE_CAPACITY),
		.rows = rows,
		.first = BENCH_COLLIDING,
	};

	if (bench_add_range(way, state.table, 0, ORDINARY) < 0)
		bench_fail(way, "refused one of %u flows", ORDINARY);
	state_report(&state, "before", 0, 0);
	for (unsigned i = 0; i < n_steps && state_collide(&state, steps[i]); i++)
		;
	state_offer(&state);
	state_relieve(&state, 1, "all but the newest removed");
	state_relieve(&state, 0, "all removed");
	way->destroy(state.table);
}

void
bench_collide(const struct bench_options *options, json_t *rows)
{
	static const struct bench_way *const ways[] = {&bench_sluice4, &bench_rte_hash};

	for (unsigned i = 0; i < RTE_DIM(ways); i++)
		collide_measure(ways[i], options, rows);
}
