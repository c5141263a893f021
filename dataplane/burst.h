/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state of one worker: scratch of the current pass, as arrays, one lane a family; and state
 * that outlives a burst, hot lines first. Only its own lcore writes it, except where noted.
 */
#ifndef DATAPLANE_BURST_H
#define DATAPLANE_BURST_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

#include <dp/flow.h>
#include <dp/stats.h>

#include "flow_table.h"
#include "leg_table.h"
#include "police.h"
#include "vector.h"

/*
 * Packets that go through the stages together: more than a driver gives at once, as what bounds a
 * worker with many flows is how many cache lines are on their way at a time.
 */
#define PASS_PACKETS (4 * DP_BURST_MAX)
/* Replicas of 128 frames, their mbufs and first lines, take more than a CPU's first cache holds. */
#define TX_STAGE_FRAMES 64
#define LCORE_QUEUES_MAX 64

/* How a packet leaves. */
enum lane_way {
	WAY_PLAIN, /* as its entry says */
	WAY_TRANSLATED, /* by the rewrite of the other family that its entry leads to */
	WAY_LATCHED, /* plain, if it comes from the learned source: while ways are chosen */
	WAY_SPECIAL, /* more is to be done, or there is no flow */
};

/* Packets of one family in a pass, from parse to act. Index i is one packet in every array. */
struct lane {
	size_t n;
	size_t n_guessed; /* of the first so many the likely entry is in entries[] already */
	bool all_plain; /* all packets are of plain flows */
	bool any_source; /* all flows are listeners: the keys are made without the source */
	uint32_t l2_bytes[PASS_PACKETS]; /* of the frame, 0 when padding is behind the datagram */
	uint32_t l3_bytes[PASS_PACKETS]; /* of the datagram */
	uint32_t domains[PASS_PACKETS]; /* of what is not parsed yet but for its link layer */
	uint32_t hash[PASS_PACKETS];
	const struct bucket *buckets[PASS_PACKETS];
	struct rte_mbuf *packets[PASS_PACKETS];
	void *ips[PASS_PACKETS]; /* where its IP header is */
	void *entries[PASS_PACKETS]; /* struct flow_entry4 or 6, NULL = no flow */
	uint8_t ways[PASS_PACKETS]; /* enum lane_way; not set when all_plain */
	union {
		struct flow_key4 key4[PASS_PACKETS];
		struct flow_key6 key6[PASS_PACKETS];
	};
};

/* Frames that wait for the next tx burst of a port, each with the owner of its drop counter. */
struct tx_stage {
	uint16_t n;
	uint16_t ethdev; /* DPDK port id */
	uint16_t queue;
	bool shares_payload; /* the driver takes frames in several segments */
	bool down; /* the port has no link; written by control */
	uint16_t mtu; /* longest IP datagram */
	uint8_t mac[RTE_ETHER_ADDR_LEN]; /* as it was at start */
	uint64_t bytes; /* of the frames staged */
	struct rte_mbuf *frames[TX_STAGE_FRAMES];
	uintptr_t origins[TX_STAGE_FRAMES]; /* tx_origin() of the frame's leg */
} __rte_cache_aligned;

/* One worker's counts of one port; control reads them, and sums. Fields as in dp_port_stats. */
struct port_counters {
	uint64_t rx_bytes; /* packets are counted by queue */
	uint64_t forwarded;
	uint64_t punted;
	uint64_t copies;
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t injected;
	uint64_t to_kernel[DP_EXCEPTION_COUNT];
	uint64_t from_kernel;
	uint64_t drops[DP_DROP_COUNT];
} __rte_cache_aligned;

struct rx_queue {
	uint16_t ethdev; /* DPDK port id */
	uint16_t queue;
	uint16_t port; /* index of the port in the public API */
	uint16_t burst; /* packets of one receive call, at most DP_BURST_MAX */
	uint64_t packets; /* that came out of it; control reads it */
};

/* Next hops as one vector each: dp_next_hop_set() says what a worker may read meanwhile. */
union next_hop {
	struct dp_next_hop fields;
	vector whole;
};
static_assert(sizeof(union next_hop) == 16, "a next hop is one vector");
static_assert(offsetof(struct dp_next_hop, port) == 12, "word 6 of the vector");
static_assert(offsetof(struct dp_next_hop, mtu) == 14, "word 7 of the vector");

/* Times of a worker; dp_worker_stats has it in other units. */
struct lcore_stats {
	uint64_t loops;
	uint64_t busy_loops;
	uint64_t busy_cycles;
	uint64_t total_cycles;
	uint64_t longest_round_cycles;
	uint64_t bursts[DP_BURST_MAX + 1];
	uint64_t residence[DP_RESIDENCE_BUCKETS];
};

struct fastpath;
struct exception;

struct lcore {
	/* Read in every round. */
	uint16_t n_queues;
	uint8_t owner; /* worker index + 1: how it signs flows */
	uint8_t index;
	uint32_t n_ports;
	const bool *stop; /* written by control */
	const uint32_t *view; /* enum view, written by control */
	const union next_hop *next_hops;
	struct flow_table *table4;
	struct flow_table *table6;
	struct port_counters *counters; /* [port] */
	struct tx_stage *stages; /* [port] */
	uint64_t now_ns; /* when this round began */
	struct rte_rcu_qsbr *qsbr;
	/* Replication. */
	const struct leg_table *legs;
	struct flow_counters *leg_counters; /* [leg] */
	struct rte_mempool *packet_pool;
	struct rte_mempool *header_pool;
	struct rte_mempool *reference_pool;
	/* Punting. */
	struct rte_ring *punt_ring;
	struct police punt_police;
	const bool *punt_unmatched; /* [port] */
	struct rte_ring *inject_ring; /* frames of control, mbuf.port = index of the egress port */
	/* The path to the kernel. */
	struct exception *const *exceptions; /* [port]; NULL: it has none */
	struct rte_ring *exception_rings[DP_EXCEPTION_COUNT]; /* mbuf.port = index of ingress */
	struct rte_ring *kernel_ring; /* the other way, as inject_ring; NULL: no port has one */
	uint32_t lacp_ports; /* set of bonds by LACP, whose driver sends when it is asked to */
	/* Learned sources. */
	struct rte_ring *latch_ring; /* cookies of the flows whose source moved, to control */
	uint64_t latches_lost; /* that the ring had no place for */
	/* Counted once a round. */
	struct lcore_stats stats;
	/* Those that it polls, and up to n_queues_known those of unplugged ports: for their counts.
	 */
	struct rx_queue queues[LCORE_QUEUES_MAX];
	/* Scratch. */
	struct lane lane4 __rte_cache_aligned;
	struct lane lane6 __rte_cache_aligned;
	/* Clock: time in ns is (TSC - tsc_start) * ns_mult / 2^32. */
	uint64_t tsc_start;
	uint64_t ns_mult;
	/* Control's. */
	unsigned n_queues_known;
	const struct fastpath *fastpath; /* its level; chosen as it starts */
	unsigned lcore_id;
	unsigned core;
} __rte_cache_aligned;
static_assert(sizeof(struct lcore) % RTE_CACHE_LINE_SIZE == 0 &&
		      sizeof(struct tx_stage) % RTE_CACHE_LINE_SIZE == 0 &&
		      sizeof(struct port_counters) % RTE_CACHE_LINE_SIZE == 0,
	"what a worker writes shares no line with another one's");

/*
 * Add to a counter that this lcore alone writes and control reads meanwhile. Plain instructions;
 * the atomic form only says that the store is not torn.
 */
static __rte_always_inline void
count_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* The same, for what control subtracts from a count made before: it finds that one, too. */
static __rte_always_inline void
count_add_after(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELEASE);
}

/* Add one packet of `bytes`; a single writer, as for count_add(). */
static __rte_always_inline void
count_packet(struct flow_counters *counters, uint32_t bytes)
{
	vector_store(
		counters, (vector)((vector_u64)vector_load(counters) + (vector_u64){1, bytes}));
}

static __rte_always_inline uint64_t
lcore_cycles_ns(const struct lcore *lc, uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * lc->ns_mult >> 32);
}

/* The workers' clock: time since the first one was made. */
static __rte_always_inline uint64_t
lcore_ns(const struct lcore *lc, uint64_t tsc)
{
	return lcore_cycles_ns(lc, tsc - lc->tsc_start);
}

/* The packet ends here, for a reason of its port or flow. */
static inline void
packet_drop(struct lcore *lc, uint16_t port, struct rte_mbuf *m, enum dp_drop reason)
{
	count_add(&lc->counters[port].drops[reason], 1);
	rte_pktmbuf_free(m);
}

/* A next hop as it is at this moment. */
static __rte_always_inline vector
next_hop_load(const union next_hop *next_hops, uint16_t index)
{
	return vector_load_once(&next_hops[index].whole);
}

static __rte_always_inline uint16_t
next_hop_port(vector next_hop)
{
	return ((vector_u16)next_hop)[6];
}

static __rte_always_inline uint16_t
next_hop_mtu(vector next_hop)
{
	return ((vector_u16)next_hop)[7];
}

#endif
