/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exact counters when two workers meet the same flows, in three ways: counters in the entry that
 * the worker writes who met the flow first, the other one has a row of its own (what Sluice does);
 * a row for each worker; counters in the entry that both add to atomically. Two threads look flows
 * up and count, each its own half of them, or both all of them; at the end the sums must be exact.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_pause.h>
#include <rte_prefetch.h>

#include "classify.h"
#include "flow_table.h"
#include "flow_table_bench.h"
#include "flow_table_bench_touch.h"
#include "spread.h"

#define WORKERS 2
#define BURSTS_A_ROUND 8192
#define BURSTS_SMALL 64

enum how { OWNER, ROWS, ATOMIC };
enum who { ALONE, OWN_HALF, ALL };

static const char *const how_names[] = {
	"owner in the entry, others in rows", "a row a worker", "atomic adds in the entry"};
static const char *const who_names[] = {
	"one worker alone", "both, each its own flows", "both, all flows"};

struct worker {
	struct lane lane;
	struct flow_table *table;
	uint64_t random;
	uint64_t counted; /* packets, in all rounds */
	uint32_t n_flows;
	uint8_t index;
	enum how how;
	enum who who;
	struct meeting *meeting;
} __rte_cache_aligned;

/* Where both start and the second one ends. */
struct meeting {
	unsigned n_ready;
	unsigned n_expected;
	bool is_over;
	unsigned n_bursts; /* of the first worker */
	double cycles;
} __rte_cache_aligned;

static __rte_always_inline void
count_packet(struct worker *worker, struct flow_entry4 *entry, enum how how)
{
	const uint32_t place = flow_table_index(worker->table, entry, DP_IPV4);
	struct flow_counters *row = &worker->table->foreign[worker->index][place];

	if (how == ATOMIC) {
		__atomic_fetch_add(&entry->counters.packets, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&entry->counters.bytes, BENCH_PACKET_BYTES, __ATOMIC_RELAXED);
	} else if (how == ROWS || entry->rewrite.tail.owner != worker->index + 1) {
		bench_count_packet(row);
	} else {
		bench_count_packet(&entry->counters);
	}
	bench_read(&entry->rewrite);
}

static __rte_always_inline void
burst_count(struct worker *worker, enum how how)
{
	struct lane *lane = &worker->lane;

	for (uint16_t i = 0; i < BENCH_BURST; i++) {
		uint32_t flow = bench_random(&worker->random, worker->n_flows);

		if (worker->who != ALL)
			flow = (flow & ~UINT32_C(1)) | worker->index;
		bench_key4(flow, &lane->key4[i]);
		classify_begin(worker->table, lane, i, DP_IPV4);
	}
	lane->n = BENCH_BURST;
	classify_lane(NULL, worker->table, lane, VIEW_SETTLED, DP_IPV4);
	if (how == ROWS) {
		for (unsigned i = 0; i < BENCH_BURST; i++)
			rte_prefetch0(&worker->table->foreign[worker->index][flow_table_index(
				worker->table, lane->entries[i], DP_IPV4)]);
	}
	for (unsigned i = 0; i < BENCH_BURST; i++)
		count_packet(worker, lane->entries[i], how);
}

static void
burst_run(struct worker *worker)
{
	if (worker->how == OWNER)
		burst_count(worker, OWNER);
	else if (worker->how == ROWS)
		burst_count(worker, ROWS);
	else
		burst_count(worker, ATOMIC);
	worker->counted += BENCH_BURST;
}

/* Run the worker's bursts in windows; cycles a packet in the median one. */
static double
windows_run(struct worker *worker, unsigned n_bursts)
{
	const unsigned n = n_bursts / BENCH_WINDOWS + 1;
	double cycles[BENCH_WINDOWS];

	for (unsigned w = 0; w < BENCH_WINDOWS; w++) {
		const uint64_t start = rte_rdtsc();

		for (unsigned i = 0; i < n; i++)
			burst_run(worker);
		cycles[w] = (double)(rte_rdtsc() - start) / (n * BENCH_BURST);
	}
	return spread_of(cycles, BENCH_WINDOWS).median;
}

/* The first worker measures; the other one is there until it is done. */
static int
worker_run(void *arg)
{
	struct worker *worker = arg;
	struct meeting *meeting = worker->meeting;

	__atomic_add_fetch(&meeting->n_ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&meeting->n_ready, __ATOMIC_ACQUIRE) < meeting->n_expected)
		rte_pause();
	if (worker->index == 0) {
		meeting->cycles = windows_run(worker, meeting->n_bursts);
		__atomic_store_n(&meeting->is_over, true, __ATOMIC_RELEASE);
		return 0;
	}
	while (!__atomic_load_n(&meeting->is_over, __ATOMIC_ACQUIRE))
		burst_run(worker);
	return 0;
}

/* Cycles a packet of the first worker. */
static double
round_measure(struct worker *workers, enum how how, enum who who, unsigned n_bursts)
{
	struct meeting meeting = {.n_expected = who == ALONE ? 1 : WORKERS, .n_bursts = n_bursts};

	for (unsigned w = 0; w < WORKERS; w++) {
		workers[w].how = how;
		workers[w].who = who;
		workers[w].meeting = &meeting;
	}
	if (who != ALONE)
		rte_eal_remote_launch(worker_run, &workers[1], 1);
	worker_run(&workers[0]);
	rte_eal_wait_lcore(1);
	return meeting.cycles;
}

/* Every packet must have been counted, somewhere. */
static int
sums_check(const struct flow_table *table, const struct worker *workers)
{
	uint64_t counted = 0, wanted = 0;

	for (uint32_t i = 0; i < table->n_places; i++) {
		counted += ((struct flow_entry4 *)table->entries)[i].counters.packets;
		for (unsigned w = 0; w < WORKERS; w++)
			counted += table->foreign[w][i].packets;
	}
	for (unsigned w = 0; w < WORKERS; w++)
		wanted += workers[w].counted;
	if (counted == wanted)
		return 0;
	fprintf(stderr, "counters hold %llu of %llu packets\n", (unsigned long long)counted,
		(unsigned long long)wanted);
	return -EPROTO;
}

/* Flow i belongs to worker i % 2, in every way. */
static int
table_fill(struct flow_table *table, uint32_t n_flows)
{
	for (uint32_t i = 0; i < n_flows; i++) {
		struct bench_flow flow;
		struct flow_entry4 *entry;
		uint32_t place;

		bench_flow_make(&flow, BENCH_IPV4, i);
		if (flow_table_add(table, &flow.flow, &place) < 0)
			return -ENOSPC;
		entry = flow_table_entry(table, place, DP_IPV4);
		entry->rewrite.tail.owner = (uint8_t)(i % WORKERS + 1);
		flow_table_show(table, place);
		flow_table_settle(table, place);
	}
	return 0;
}

/* Cycles a packet, [who][how][round]. */
typedef double count_cycles[RTE_DIM(who_names)][RTE_DIM(how_names)][BENCH_ROUNDS_MAX];

static void
size_report(count_cycles *cycles, unsigned rounds, uint32_t n_flows, json_t *rows)
{
	for (unsigned who = 0; who < RTE_DIM(who_names); who++) {
		for (unsigned how = 0; how < RTE_DIM(how_names); how++) {
			const struct spread s = spread_of((*cycles)[who][how], rounds);

			json_array_append_new(rows,
				json_pack("{s:i, s:s, s:s, s:f, s:f, s:f}", "flows", (int)n_flows,
					"who", who_names[who], "how", how_names[how],
					"cycles a packet", s.median, "min", s.min, "max", s.max));
		}
	}
}

static int
size_measure(const struct bench_options *options, struct worker *workers, uint32_t n_flows,
	struct flow_table *table, json_t *rows)
{
	const unsigned n_bursts =
		options->small ? BURSTS_SMALL : RTE_MAX(BURSTS_A_ROUND, n_flows / BENCH_BURST);
	static count_cycles cycles;

	for (unsigned w = 0; w < WORKERS; w++)
		workers[w] = (struct worker){.table = table,
			.random = bench_mix(w + 1),
			.n_flows = n_flows,
			.index = (uint8_t)w};
	for (unsigned round = 0; round < options->rounds; round++) {
		for (unsigned who = 0; who < RTE_DIM(who_names); who++) {
			for (unsigned how = 0; how < RTE_DIM(how_names); how++) {
				/* Fill the caches with what this one uses, then measure. */
				round_measure(workers, how, who, n_bursts / 4);
				cycles[who][how][round] =
					round_measure(workers, how, who, n_bursts);
			}
		}
	}
	size_report(&cycles, options->rounds, n_flows, rows);
	return sums_check(table, workers);
}

int
bench_count(const struct bench_options *options, json_t *rows)
{
	static const uint32_t sizes[] = {1000, 100000, 1000000};
	static struct worker workers[WORKERS];
	int ret = 0;

	for (unsigned i = 0; i < (options->small ? 1 : RTE_DIM(sizes)) && ret == 0; i++) {
		struct flow_table table;

		ret = flow_table_init(&table, DP_IPV4, sizes[i], WORKERS, SOCKET_ID_ANY, NULL);
		if (ret < 0)
			break;
		ret = table_fill(&table, sizes[i]);
		if (ret == 0)
			ret = size_measure(options, workers, sizes[i], &table, rows);
		flow_table_fini(&table);
	}
	return ret;
}
