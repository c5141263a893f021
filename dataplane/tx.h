/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Egress: frames gather per port and leave in bursts. What the NIC does not take is freed and
 * counted, on the port and on the leg it belonged to.
 */
#ifndef DATAPLANE_TX_H
#define DATAPLANE_TX_H

#include <rte_ethdev.h>

#include "burst.h"

/*
 * One copy of a leg is not sent. Workers may meet in the leg's counters, so that add is atomic;
 * drops are rare enough.
 */
static inline void
copy_drop(struct lcore *lc, uint16_t port, uint64_t *leg_drops, enum dp_drop reason)
{
	count_add(&lc->counters[port].drops[reason], 1);
	__atomic_fetch_add(&leg_drops[reason - DP_COPY_DROP_FIRST], 1, __ATOMIC_RELAXED);
}

/* Hand what is staged to the NIC; it is asked again for as long as it takes some. */
static inline void
tx_flush(struct lcore *lc, uint16_t port)
{
	struct tx_stage *stage = &lc->stages[port];
	uint64_t bytes = 0;
	uint16_t sent = 0, taken;

	for (uint16_t i = 0; i < stage->n; i++)
		bytes += stage->frames[i]->pkt_len;
	do {
		taken = rte_eth_tx_burst(stage->ethdev, stage->queue, stage->frames + sent,
			(uint16_t)(stage->n - sent));
		sent = (uint16_t)(sent + taken);
	} while (unlikely(sent < stage->n) && taken > 0);
	for (uint16_t i = sent; i < stage->n; i++) {
		bytes -= stage->frames[i]->pkt_len;
		copy_drop(lc, port, stage->drops[i], DP_DROP_tx_full);
		rte_pktmbuf_free(stage->frames[i]);
	}
	count_add(&lc->counters[port].tx_packets, sent);
	count_add(&lc->counters[port].tx_bytes, bytes);
	stage->n = 0;
}

static __rte_always_inline void
tx_stage_frame(struct lcore *lc, uint16_t port, struct rte_mbuf *frame, uint64_t *leg_drops)
{
	struct tx_stage *stage = &lc->stages[port];

	stage->frames[stage->n] = frame;
	stage->drops[stage->n] = leg_drops;
	if (unlikely(++stage->n == TX_STAGE_FRAMES))
		tx_flush(lc, port);
}

#endif
