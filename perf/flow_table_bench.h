/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of the flow-table bench share: a way to keep flows behind a few calls, and a
 * section of measurements that adds rows to the report.
 */
#ifndef PERF_FLOW_TABLE_BENCH_H
#define PERF_FLOW_TABLE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <rte_cycles.h>

#include "flow_table_bench_keys.h"

#define BENCH_BURST 32
#define BENCH_ROUNDS_MAX 101
/* A measurement is the median of this many: what the host takes away hits a few of them. */
#define BENCH_WINDOWS 16

/* A table of some make. One thread. */
struct bench_way {
	const char *name;
	enum bench_shape shape; /* of its flows */
	/* Room for `capacity` flows; NULL when memory is short. */
	void *(*create)(uint32_t capacity);
	void (*destroy)(void *table);
	/* 0 or -errno: -ENOSPC when full. Workers find the flow from then on. */
	int (*add)(void *table, const struct bench_flow *flow);
	/* Take an added flow out; its grace period is over at once. */
	void (*remove)(void *table, const struct bench_flow *flow);
	/* A burst: find each flow, read its rewrite, count a packet. Returns how many it found. */
	unsigned (*visit)(void *table, const uint32_t *flows);
	/* Allocated bytes that a table of this make would not need; NULL = none. */
	size_t (*spare_bytes)(const void *table);
};

extern const struct bench_way bench_keys_alone; /* makes the keys and finds nothing */
extern const struct bench_way bench_sluice4, bench_sluice6; /* dataplane/flow_table.h */
extern const struct bench_way bench_two_tables; /* half of the flows IPv4, half IPv6 */
extern const struct bench_way bench_one_table4; /* IPv4 flows in entries that IPv6 would fit */
extern const struct bench_way bench_one_table; /* such a table, half and half */
extern const struct bench_way bench_three_lines; /* key, rewrite and counters apart */
extern const struct bench_way bench_rte_hash; /* lock-free, RCU, extendable buckets */
extern const struct bench_way bench_rte_hash_plain; /* the same, not extendable */

/* Overflow buckets that chains hold in a bench_sluice4 table. */
uint32_t bench_sluice4_overflow(const void *table);

struct bench_options {
	unsigned rounds;
	bool small; /* check that it runs: few flows, few lookups */
	bool no_huge;
	bool json;
	unsigned cores[2]; /* CPUs of the main thread and of the second one */
	const char *section; /* NULL = all */
};

/* Each adds rows (JSON objects) to `rows`. 0, or -errno after a message. */
int bench_lookup(const struct bench_options *options, json_t *rows);
int bench_insert(const struct bench_options *options, json_t *rows);
int bench_fill(const struct bench_options *options, json_t *rows);
int bench_collide(const struct bench_options *options, json_t *rows);
int bench_count(const struct bench_options *options, json_t *rows);

/* Bytes that rte_malloc has given out. */
size_t bench_heap_bytes(void);

/* Add n flows from `first` on. 0 or the error of the first that is refused. */
int bench_add_range(const struct bench_way *way, void *table, uint32_t first, uint32_t n);

/*
 * Cycles a lookup, the median of some windows that make up n_bursts, of flows drawn at random from
 * n_flows, `first` and the following; NAN after a message when one was not found.
 */
double bench_visit_random(const struct bench_way *way, void *table, uint32_t first,
	uint32_t n_flows, unsigned n_bursts);

/* A number below `limit` from the state of a generator that is not 0. */
static __rte_always_inline uint32_t
bench_random(uint64_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)((*state >> 32) * limit >> 32);
}

static inline double
bench_ns(double cycles)
{
	return cycles * 1e9 / (double)rte_get_tsc_hz();
}

/* Print the report, an object of sections, each an array of rows, as Markdown tables. */
void bench_report_print(const json_t *report);

#endif
