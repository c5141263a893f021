/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worst keys: all of one hash, so of one bucket and one signature, in a table that holds
 * ordinary flows besides. CRC32C is linear and has no secret, so anyone can make them; but only
 * who may install flows can put them into the table.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <rte_common.h>

#include "flow_table_bench.h"

#define CAPACITY UINT32_C(65536)
#define ORDINARY (CAPACITY / 2)
#define BURSTS 64
#define OFFERED (CAPACITY / 8) /* ordinary flows that are offered after the worst ones */

struct state {
	const struct bench_way *way;
	void *table;
	json_t *rows;
	uint32_t first; /* oldest colliding flow */
	uint32_t n_colliding;
};

static int
state_report(const struct state *state, const char *when, double add_ns, uint32_t n_refused)
{
	const struct bench_way *way = state->way;
	const double own = state->n_colliding == 0
				   ? 0
				   : bench_visit_random(way, state->table, state->first,
					     state->n_colliding, BURSTS);
	const double others = bench_visit_random(way, state->table, 0, ORDINARY, 100 * BURSTS);

	if (isnan(own) || isnan(others))
		return -ENOENT;
	json_array_append_new(state->rows,
		json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:i, s:o}", "way", way->name, "when",
			when, "colliding flows", (int)state->n_colliding, "ns to add one", add_ns,
			"cycles to find one", own, "cycles to find an ordinary flow", others,
			"ordinary flows refused", (int)n_refused, "overflow buckets held",
			way == &bench_sluice4 ? json_integer(bench_sluice4_overflow(state->table))
					      : json_string("")));
	return 0;
}

/* Add colliding flows until there are `wanted`, or one is refused: 1. Reports. */
static int
state_collide(struct state *state, uint32_t wanted)
{
	const uint32_t before = state->n_colliding;
	const uint64_t start = rte_rdtsc();
	int ret = 0;

	while (state->n_colliding < wanted && ret == 0) {
		ret = bench_add_range(
			state->way, state->table, BENCH_COLLIDING + state->n_colliding, 1);
		state->n_colliding += ret == 0;
	}
	if (ret < 0 && ret != -ENOSPC)
		return ret;

	const double ns = bench_ns((double)(rte_rdtsc() - start));
	const uint32_t n_tried = state->n_colliding - before + (ret < 0);
	int error = state_report(
		state, ret == 0 ? "added" : "added until refused", ns / RTE_MAX(n_tried, 1u), 0);

	return error < 0 ? error : ret < 0;
}

/* Take colliding flows out, the oldest first, until `left` are there; report. */
static int
state_relieve(struct state *state, uint32_t left, const char *when)
{
	while (state->n_colliding > left) {
		struct bench_flow flow;

		bench_flow_make(&flow, state->way->shape, state->first++);
		state->way->remove(state->table, &flow);
		state->n_colliding--;
	}
	return state_report(state, when, 0, 0);
}

/* Offer more ordinary flows and report how many were refused. */
static int
state_offer(struct state *state)
{
	uint32_t n_refused = 0;

	for (uint32_t i = 0; i < OFFERED; i++)
		n_refused += bench_add_range(state->way, state->table, ORDINARY + i, 1) < 0;
	return state_report(state, "ordinary flows offered", 0, n_refused);
}

static int
way_measure(const struct bench_way *way, const struct bench_options *options, json_t *rows)
{
	static const uint32_t steps[] = {8, 64, 512, 4096, CAPACITY - ORDINARY - OFFERED};
	const unsigned n_steps = options->small ? 3 : RTE_DIM(steps);
	struct state state = {.way = way, .rows = rows, .first = BENCH_COLLIDING};
	int ret;

	state.table = way->create(CAPACITY);
	if (state.table == NULL)
		return -ENOMEM;
	ret = bench_add_range(way, state.table, 0, ORDINARY);
	if (ret == 0)
		ret = state_report(&state, "before", 0, 0);
	for (unsigned i = 0; i < n_steps && ret == 0; i++)
		ret = state_collide(&state, steps[i]);
	if (ret >= 0)
		ret = state_offer(&state);
	if (ret == 0)
		ret = state_relieve(&state, 1, "all but the newest removed");
	if (ret == 0)
		ret = state_relieve(&state, 0, "all removed");
	way->destroy(state.table);
	return ret;
}

int
bench_collide(const struct bench_options *options, json_t *rows)
{
	static const struct bench_way *const ways[] = {&bench_sluice4, &bench_rte_hash};
	int ret = 0;

	for (unsigned i = 0; i < RTE_DIM(ways) && ret == 0; i++)
		ret = way_measure(ways[i], options, rows);
	return ret;
}
