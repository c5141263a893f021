/* SPDX-License-Identifier: BSD-3-Clause */
/* What a packet does to the flow that was found: the fast path's accesses, without a packet. */
#ifndef PERF_FLOW_TABLE_BENCH_TOUCH_H
#define PERF_FLOW_TABLE_BENCH_TOUCH_H

#include <string.h>

#include <rte_common.h>

#include "flow_entry.h"

#define BENCH_OWNER 1
#define BENCH_PACKET_BYTES 200

/* Read a rewrite as a packet's header would be made from it. */
static __rte_always_inline void
bench_read(const void *rewrite)
{
	uint64_t words[3];

	memcpy(words, rewrite, sizeof(words));
	/* Tells the compiler that somebody wants them. */
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
