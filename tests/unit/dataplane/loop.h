/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A data plane of one port that is made of rings. Where the port hears itself, each worker's
 * transmit ring is its receive ring: packets that a flow sends to its own key go round for ever.
 */
#ifndef DATAPLANE_LOOP_H
#define DATAPLANE_LOOP_H

#include <rte_mempool.h>
#include <rte_ring.h>

#include <dp/dp.h>

struct loop {
	struct dp *dp;
	struct rte_ring *rx[DP_WORKERS_MAX];
	struct rte_ring *tx[DP_WORKERS_MAX]; /* the same, where the port hears itself */
	struct rte_mempool *pool;
	unsigned n_workers;
};

/*
 * Build it, with next hop 0 leading back to the port. $SLUICE_TEST_LEVEL names its level of
 * instructions (cpu_level of dp_config). Aborts the test on failure.
 */
void loop_init(struct loop *loop, unsigned max_flows, bool hears_itself);

/* Put one packet of flow `n` (fixture_flow(), IPv4) where a worker receives; `id` is its own. */
void loop_put(struct loop *loop, unsigned worker, uint32_t n, uint16_t id);

/* The same from another UDP port, in host order. */
void loop_put_from(struct loop *loop, unsigned worker, uint32_t n, uint16_t id, uint16_t src_port);

/* And with an RTP header of that SSRC. */
void loop_put_rtp(struct loop *loop, unsigned worker, uint32_t n, uint16_t src_port, uint32_t ssrc);

/* Make a leg of flow `n` lead into that flow again, with a TTL that never expires. */
void loop_leg(uint32_t n, struct dp_leg *leg);

/* Packets that were sent and not taken. After dp_stop(). */
unsigned loop_count(const struct loop *loop);

void loop_fini(struct loop *loop);

#endif
