/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Egress: frames gather per port and leave in bursts. What the NIC does not take is freed and
 * counted, on the port and on the leg it belonged to.
 */
#ifndef DATAPLANE_TX_H
#define DATAPLANE_TX_H

#include <rte_ethdev.h>

#include "burst.h"
#include "quad.h"

/* Whose copy a frame is: a plain flow's entry or a leg, distinguished by the low bits of the
 * pointer.
 */
enum tx_origin { TX_FLOW4, TX_FLOW6, TX_LEG, TX_ORIGIN_MASK };

static __rte_always_inline uintptr_t
tx_origin(const void *of, enum tx_origin kind)
{
	return (uintptr_t)of | kind;
}

/* The drop counter of the flow's only leg, or of the leg. */
static inline uint64_t *
tx_origin_drop(const struct lcore *lc, uintptr_t origin, enum dp_drop reason)
{
	const void *of = (const void *)(origin & ~(uintptr_t)TX_ORIGIN_MASK);

	switch ((enum tx_origin)(origin & TX_ORIGIN_MASK)) {
	case TX_FLOW4:
		return flow_table_drop(
			lc->table4, flow_table_index(lc->table4, of, DP_IPV4), reason);
	case TX_FLOW6:
		return flow_table_drop(
			lc->table6, flow_table_index(lc->table6, of, DP_IPV6), reason);
	default:
		return &lc->legs->drops[(size_t)((const struct leg *)of - lc->legs->legs) *
						DP_COPY_DROP_COUNT +
					(size_t)(reason - DP_COPY_DROP_FIRST)];
	}
}

/*
 * One copy of a leg is not sent. Workers may meet in the leg's counters, so that add is atomic;
 * drops are rare enough.
 */
static inline void
copy_drop(struct lcore *lc, uint16_t port, uintptr_t origin, enum dp_drop reason)
{
	count_add(&lc->counters[port].drops[reason], 1);
	__atomic_fetch_add(tx_origin_drop(lc, origin, reason), 1, __ATOMIC_RELAXED);
}

/*
 * A leg meant to send a copy by this port, and may not. Without a link the kernel forgets the
 * neighbours behind it: then the link is the cause.
 */
static inline void
copy_refuse(struct lcore *lc, uint16_t port, uintptr_t origin, enum dp_drop reason)
{
	const bool down = __atomic_load_n(&lc->stages[port].down, __ATOMIC_RELAXED);

	count_add(&lc->counters[port].copies, 1);
	copy_drop(lc, port, origin,
		down && reason == DP_DROP_unresolved ? DP_DROP_port_down : reason);
}

/*
 * Hand what is staged to the NIC; it is asked again for as long as it takes some. Without a link it
 * is not asked: a driver would take the frames, and the kernel or the NIC throw them away.
 */
static inline void
tx_flush(struct lcore *lc, uint16_t port)
{
	struct tx_stage *stage = &lc->stages[port];
	struct port_counters *counters = &lc->counters[port];
	const bool down = __atomic_load_n(&stage->down, __ATOMIC_RELAXED);
	uint64_t bytes = stage->bytes;
	uint16_t sent = 0, taken = 0;

	/* Drivers write behind a frame that they have taken: what is not sent is all that is read.
	 */
	do {
		if (unlikely(down))
			break;
		taken = rte_eth_tx_burst(stage->ethdev, stage->queue, stage->frames + sent,
			(uint16_t)(stage->n - sent));
		sent = (uint16_t)(sent + taken);
	} while (unlikely(sent < stage->n) && taken > 0);
	for (uint16_t i = sent; i < stage->n; i++) {
		bytes -= stage->frames[i]->pkt_len;
		copy_drop(lc, port, stage->origins[i], down ? DP_DROP_port_down : DP_DROP_tx_full);
		rte_pktmbuf_free(stage->frames[i]);
	}
	count_add(&counters->copies, stage->n);
	count_add(&counters->tx_packets, sent);
	count_add(&counters->tx_bytes, bytes);
	stage->n = 0;
	stage->bytes = 0;
}

static __rte_always_inline void
tx_stage_frame(
	struct lcore *lc, uint16_t port, struct rte_mbuf *frame, uint32_t bytes, uintptr_t origin)
{
	struct tx_stage *stage = &lc->stages[port];
	const uint16_t n = stage->n;

	stage->frames[n] = frame;
	stage->origins[n] = origin;
	stage->bytes += bytes;
	stage->n = (uint16_t)(n + 1);
	if (unlikely(n + 1 == TX_STAGE_FRAMES))
		tx_flush(lc, port);
}

/* The same for four frames of together `bytes`, each a plain flow's: the only leg of its entry. */
static __rte_always_inline void
tx_stage_quad(struct lcore *lc, uint16_t port, struct rte_mbuf *const frames[QUAD],
	void *const entries[QUAD], uint64_t bytes, enum tx_origin kind)
{
	struct tx_stage *stage = &lc->stages[port];
	uintptr_t origins[QUAD];
	size_t n;

	if (unlikely(stage->n > TX_STAGE_FRAMES - QUAD))
		tx_flush(lc, port);
	n = stage->n;
	for (size_t i = 0; i < QUAD; i++)
		origins[i] = tx_origin(entries[i], kind);
	memcpy(&stage->frames[n], frames, QUAD * sizeof(frames[0]));
	memcpy(&stage->origins[n], origins, sizeof(origins));
	stage->bytes += bytes;
	stage->n = (uint16_t)(n + QUAD);
	if (unlikely(n + QUAD == TX_STAGE_FRAMES))
		tx_flush(lc, port);
}

#endif
