/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_FASTPATH_H
#define DATAPLANE_FASTPATH_H

#include <stdint.h>

#include "burst.h"

/* The fast path, compiled for one level of instructions. Static storage. */
struct fastpath {
	const char *name; /* of the level */
	unsigned simd_bits; /* its widest vectors */
	/*
	 * One round of the loop below: every queue of the worker is polled once, and all that came
	 * is forwarded or else accounted for. now_ns is the time, of any origin, by which policers
	 * and latches go. Returns the packets that came. For tests that are the worker themselves.
	 */
	uint16_t (*round)(struct lcore *lc, uint64_t now_ns);
	/* The loop of one worker: arg is its struct lcore. Returns 0 when it is stopped. */
	int (*run)(void *arg);
};

/* Those of this build; level.h chooses. */
extern const struct fastpath fastpath_v2, fastpath_v4, fastpath_neon;

/* The durations of a worker's rounds. */

/* Which bucket of the residence histogram `cycles` belong to. */
static __rte_always_inline unsigned
lcore_residence(const struct lcore *lc, uint64_t cycles)
{
	const uint64_t ns = lcore_cycles_ns(lc, cycles) | 1;

	return RTE_MIN(63u - (unsigned)__builtin_clzll(ns), DP_RESIDENCE_BUCKETS - 1u);
}

/* A round of `cycles` that found `n` packets is over: none of them was here for longer. */
static __rte_always_inline void
lcore_account(struct lcore *lc, uint16_t n, uint64_t cycles)
{
	struct lcore_stats *stats = &lc->stats;

	count_add(&stats->loops, 1);
	count_add(&stats->total_cycles, cycles);
	if (unlikely(cycles > stats->longest_round_cycles))
		__atomic_store_n(&stats->longest_round_cycles, cycles, __ATOMIC_RELAXED);
	if (n == 0)
		return;
	count_add(&stats->busy_loops, 1);
	count_add(&stats->busy_cycles, cycles);
	count_add(&stats->residence[lcore_residence(lc, cycles)], n);
}

#endif
