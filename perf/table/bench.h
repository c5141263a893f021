/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of the flow-table bench share: flows by number, a way to keep them behind a few
 * calls, and what a lookup in it costs. Keys are made from the flow's number while the clock runs,
 * not read from memory, so that the tables alone fight for the caches; they look random and no two
 * are the same.
 */
#ifndef PERF_TABLE_BENCH_H
#define PERF_TABLE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_cycles.h>

#include <dp/flow.h>

#include "flow_entry.h"
#include "quad.h"
#include "vector.h"

#define BENCH_BURST 32
#define BENCH_ROUNDS_MAX 101
/* A measurement is the median of this many: what the host takes away hits a few of them. */
#define BENCH_WINDOWS 16

#define BENCH_OWNER 1
#define BENCH_PACKET_BYTES 200

/* Flow numbers with this bit have IPv4 keys that all have one and the same CRC32C. */
#define BENCH_COLLIDING UINT32_C(0x80000000)
#define BENCH_COLLIDING_STATE UINT32_C(0x5eed5eed)

#define BENCH_DST4 RTE_BE32(0xc6336401) /* 198.51.100.1 */
#define BENCH_PREFIX6 RTE_BE64(UINT64_C(0x20010db800000000)) /* 2001:db8:: */

/* What the writer side is given. Points into itself: not to be copied. */
struct bench_flow {
	uint32_t number;
	struct dp_flow flow;
	struct dp_leg leg;
};

void bench_flow_make(struct bench_flow *flow, enum dp_family family, uint32_t number);

/* Each number to another one, without order. */
static __rte_always_inline uint64_t
bench_mix(uint64_t number)
{
	number = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	number ^= number >> 32;
	number *= UINT64_C(0xd1b54a32d192ed03);
	return number ^ number >> 29;
}

/* Ports that bring the CRC of any addresses to the same value: it is linear. */
static inline uint32_t
bench_colliding_ports(uint64_t addresses)
{
	return (uint32_t)crc32c_u64(UINT32_MAX, addresses) ^ BENCH_COLLIDING_STATE;
}

static __rte_always_inline void
bench_key4(uint32_t number, struct flow_key4 *key)
{
	const uint64_t mixed = bench_mix(number);
	uint64_t words[2] = {(uint32_t)mixed | (uint64_t)BENCH_DST4 << 32, mixed >> 32};

	if (unlikely((number & BENCH_COLLIDING) != 0))
		words[1] = bench_colliding_ports(words[0]);
	memcpy(key, words, sizeof(words));
}

/* With stores as wide as those of a parser, so that the hash does not wait for them. */
static __rte_always_inline void
bench_key6(uint32_t number, struct flow_key6 *key)
{
	const uint64_t mixed = bench_mix(number), ports = (uint32_t)mixed;

	quad_store(key->src, (vector)(vector_u64){BENCH_PREFIX6, mixed});
	quad_store(key->dst, (vector)(vector_u64){BENCH_PREFIX6, 1});
	memcpy(&key->src_port, &ports, sizeof(ports));
}

/* A table of some make. One thread. */
struct bench_way {
	const char *name;
	enum dp_family family; /* of its flows */
	/* Room for `capacity` flows; NULL when memory is short. */
	void *(*create)(uint32_t capacity);
	void (*destroy)(void *table);
	/* 0 or -errno: -ENOSPC when full. Workers find the flow from then on. */
	int (*add)(void *table, const struct bench_flow *flow);
	/* Take an added flow out; its grace period is over at once. */
	void (*remove)(void *table, const struct bench_flow *flow);
	/* A burst: find each flow, read its rewrite, count a packet. Returns how many it found. */
	unsigned (*visit)(void *table, const uint32_t *flows);
};

/* The end of the program. */
void bench_fail(const struct bench_way *way, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/* A table of that make, empty. */
void *bench_create(const struct bench_way *way, uint32_t capacity);

/* Bytes that rte_malloc has given out. */
size_t bench_heap_bytes(void);

/* Add n flows from `first` on. 0 or the error of the first that is refused. */
int bench_add_range(const struct bench_way *way, void *table, uint32_t first, uint32_t n);

/*
 * Cycles a lookup, the median of some windows that make up n_bursts, of flows drawn at random from
 * n_flows, `first` and the following. All have to be found.
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

/* Read a rewrite as a packet's header would be made from it. */
static __rte_always_inline void
bench_read(const void *rewrite)
{
	uint64_t words[3];

	memcpy(words, rewrite, sizeof(words));
	/* Keeps the compiler from leaving the loads out. */
	__asm__ volatile("" : : "r"(words[0] ^ words[1] ^ words[2]));
}

static __rte_always_inline void
bench_count_packet(struct flow_counters *counters)
{
	__atomic_store_n(&counters->packets, counters->packets + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&counters->bytes, counters->bytes + BENCH_PACKET_BYTES, __ATOMIC_RELAXED);
}

/* An entry of ours, whose only worker we are. */
static __rte_always_inline void
bench_touch(void *entry, enum dp_family family)
{
	void *rewrite = flow_entry_rewrite(entry, family);
	uint8_t *owner = &rewrite_tail(rewrite, family)->owner;

	if (unlikely(__atomic_load_n(owner, __ATOMIC_RELAXED) != BENCH_OWNER))
		__atomic_store_n(owner, BENCH_OWNER, __ATOMIC_RELAXED);
	bench_count_packet(flow_entry_counters(entry, family));
	bench_read(rewrite);
}

#endif
