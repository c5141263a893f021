/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows by number. Keys are made from the number while the clock runs, not read from memory, so
 * that the tables alone fight for the caches; they look random and no two are the same.
 */
#ifndef PERF_FLOW_TABLE_BENCH_KEYS_H
#define PERF_FLOW_TABLE_BENCH_KEYS_H

#include <stdint.h>
#include <string.h>

#include <nmmintrin.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include <dp/flow.h>

#include "flow_entry.h"

/* Flow numbers with this bit have IPv4 keys that all have one and the same CRC32C. */
#define BENCH_COLLIDING UINT32_C(0x80000000)
#define BENCH_COLLIDING_STATE UINT32_C(0x5eed5eed)

#define BENCH_DST4 RTE_BE32(0xc6336401) /* 198.51.100.1 */
#define BENCH_PREFIX6 RTE_BE64(UINT64_C(0x20010db800000000)) /* 2001:db8:: */
#define BENCH_MAPPED_MARK UINT64_C(0xffff0000) /* before the address: ::ffff: */

/* Which keys the flows of a table have. */
enum bench_shape {
	BENCH_IPV4,
	BENCH_IPV6,
	BENCH_HALF, /* even numbers IPv4, odd ones IPv6 */
	BENCH_MAPPED, /* IPv4 in the key of IPv6, as ::ffff:a.b.c.d */
	BENCH_HALF_MAPPED, /* even numbers mapped, odd ones IPv6 */
};

/* What the writer side is given. Points into itself: not to be copied. */
struct bench_flow {
	uint32_t number;
	struct dp_flow flow;
	struct dp_leg leg;
};

void bench_flow_make(struct bench_flow *flow, enum bench_shape shape, uint32_t number);

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
	return (uint32_t)_mm_crc32_u64(UINT32_MAX, addresses) ^ BENCH_COLLIDING_STATE;
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

/* With stores as wide as those of a parser, lest the hash waits for them. */
static __rte_always_inline void
bench_key6_store(struct flow_key6 *key, uint64_t src_low, uint64_t src_high, uint64_t dst_low,
	uint64_t dst_high, uint64_t ports)
{
	_mm_storeu_si128(
		(__m128i *)(void *)key->src, _mm_set_epi64x((int64_t)src_low, (int64_t)src_high));
	_mm_storeu_si128(
		(__m128i *)(void *)key->dst, _mm_set_epi64x((int64_t)dst_low, (int64_t)dst_high));
	memcpy(&key->src_port, &ports, sizeof(ports));
}

static __rte_always_inline void
bench_key6(uint32_t number, struct flow_key6 *key)
{
	const uint64_t mixed = bench_mix(number);

	bench_key6_store(key, mixed, BENCH_PREFIX6, 1, BENCH_PREFIX6, (uint32_t)mixed);
}

static __rte_always_inline void
bench_key_mapped(uint32_t number, struct flow_key6 *key)
{
	const uint64_t mixed = bench_mix(number);

	bench_key6_store(key, BENCH_MAPPED_MARK | (uint64_t)(uint32_t)mixed << 32, 0,
		BENCH_MAPPED_MARK | (uint64_t)BENCH_DST4 << 32, 0, mixed >> 32);
}

#endif
