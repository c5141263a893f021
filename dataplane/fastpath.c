/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fast path, top to bottom: fastpath_run() polls the queues of one worker for ever. A pass of
 * packets goes through the stages as arrays, four packets at a time where these are alike:
 *
 *	rx -> parse -> classify -> act -> tx
 *
 * No allocation but mbufs, no lock, no log, no system call of ours. Every packet ends up
 * forwarded, punted or in a drop counter that has a name (dp/stats.h).
 *
 * This file is compiled once for each level of instructions (level.h), and all that is left of it
 * outside is one struct fastpath. meson.build defines its name (FASTPATH, FASTPATH_LEVEL) and how
 * wide its vectors may be (FASTPATH_BITS).
 */
#include "fastpath.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "act.h"
#include "burst.h"
#include "classify.h"
#include "inject.h"
#include "lane.h"
#include "quad.h"
#include "tx.h"
#include "unmatched.h"
#include "view.h"

/* Reporting quiescence costs a shared line: not in every round. */
#define ROUNDS_A_QUIESCENT_STATE 64

/* Frames into the lanes of their families; what is refused is dropped. */
static __rte_always_inline void
parse_pass(struct lcore *lc, uint16_t port, struct rte_mbuf **packets, size_t n)
{
	uint64_t bytes = 0;
	size_t i = 0;

	lane_init(&lc->lane4, lc->table4);
	lane_init(&lc->lane6, lc->table6);
	if (n >= QUAD)
		i = parse_quads(lc, port, packets, n, &bytes);
	for (; i < n; i++) {
		enum dp_drop reason;

		bytes += packets[i]->pkt_len;
		reason = parse_packet(lc, port, packets[i]);
		if (unlikely(reason != PARSE_OK))
			frame_refuse(lc, port, packets[i], reason);
	}
	count_add(&lc->counters[port].rx_bytes, bytes);
}

/*
 * Count a packet of a flow. The first worker that meets a flow owns its counters and alone writes
 * them; another worker counts in a table of its own. Either way no count is lost or shared.
 */
static __rte_always_inline void
flow_count(struct lcore *lc, struct flow_table *table, void *entry, uint32_t bytes, uint8_t worker,
	enum dp_family family)
{
	struct flow_counters *counters = flow_entry_counters(entry, family);
	uint8_t *owner = &rewrite_tail(flow_entry_rewrite(entry, family), family)->owner;
	uint8_t none = 0;

	if (unlikely(__atomic_load_n(owner, __ATOMIC_RELAXED) != worker) &&
		!__atomic_compare_exchange_n(
			owner, &none, worker, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		counters = &table->foreign[lc->index][flow_table_index(table, entry, family)];
	count_packet(counters, bytes);
}

/*
 * A flow that is not plain, out of the loop's way. Returns whether the packet was forwarded. The
 * datagram comes in registers: for a pointer to it, each packet would be written to memory.
 */
static __rte_noinline bool
act_special(struct lcore *lc, struct rte_mbuf *m, void *ip, uint16_t l3_bytes, uint16_t port,
	void *entry, enum dp_family family)
{
	const struct datagram d = {.m = m, .ip = ip, .l3_bytes = l3_bytes, .port = port};
	const uint32_t handle =
		family == DP_IPV4 ? flow_table_index(lc->table4, entry, DP_IPV4)
				  : flow_table_index(lc->table6, entry, DP_IPV6) | FLOW_HANDLE_IPV6;

	return act_flow(lc, &d, entry, handle, family);
}

/* Classify a lane while a commit goes on. */
static __rte_noinline void
classify_changing(const struct lcore *lc, const struct flow_table *table, struct lane *lane,
	enum view view, enum dp_family family)
{
	if (family == DP_IPV4)
		classify_lane(lc, table, lane, view, DP_IPV4);
	else
		classify_lane(lc, table, lane, view, DP_IPV6);
}

/* Count each packet of the lane on its flow, and choose the way that it goes. */
static __rte_always_inline void
count_lane(struct lcore *lc, struct flow_table *table, struct lane *lane, enum dp_family family)
{
	const size_t n = lane->n;
	const uint8_t worker = lc->owner;
	uint64_t features = FLOW_PLAIN;

#pragma GCC unroll 4
	for (size_t i = 0; i < n; i++) {
		void *entry = lane->entries[i];

		if (unlikely(entry == NULL)) {
			features = ~FLOW_PLAIN;
			continue;
		}
		features |= flow_entry_features(entry, family);
		flow_count(lc, table, entry, lane->l3_bytes[i], worker, family);
	}
	lane->all_plain = features == FLOW_PLAIN;
	if (unlikely(!lane->all_plain))
		act_ways(lc, lane, family);
}

/* Act on the packet at position i of the lane. Returns whether it was forwarded. */
static __rte_always_inline bool
act_one(struct lcore *lc, uint16_t port, const struct lane *lane, size_t i, enum dp_family family)
{
	const struct datagram d = {
		.m = lane->packets[i],
		.ip = lane->ips[i],
		.l3_bytes = (uint16_t)lane->l3_bytes[i],
		.port = port,
	};
	void *entry = lane->entries[i];

	if (likely(lane->all_plain) || lane->ways[i] == WAY_PLAIN) {
		act_plain(lc, &d, entry, family);
		return true;
	}
	if (lane->ways[i] == WAY_TRANSLATED) {
		act_translated(lc, &d, entry, family);
		return true;
	}
	if (entry != NULL)
		return act_special(lc, d.m, d.ip, d.l3_bytes, port, entry, family);
	act_unmatched(lc, d.m, d.ip, port, family);
	return false;
}

/* Act on the four packets from position i on, if they go the same way. false: nothing is done. */
static __rte_always_inline bool
act_four(struct lcore *lc, const struct lane *lane, size_t i, enum dp_family family)
{
	static const uint8_t plain[QUAD] = {WAY_PLAIN, WAY_PLAIN, WAY_PLAIN, WAY_PLAIN};
	static const uint8_t translated[QUAD] = {
		WAY_TRANSLATED, WAY_TRANSLATED, WAY_TRANSLATED, WAY_TRANSLATED};

	if (likely(lane->all_plain) || memcmp(&lane->ways[i], plain, QUAD) == 0)
		return act_plain_quad(lc, lane, i, family);
	return memcmp(&lane->ways[i], translated, QUAD) == 0 &&
	       act_translated_quad(lc, lane, i, family);
}

/* Classify a lane and act on its packets, in their order. */
static __rte_always_inline void
forward_lane(struct lcore *lc, uint16_t port, struct flow_table *table, struct lane *lane,
	enum view view, enum dp_family family)
{
	const size_t n = lane->n;
	uint64_t forwarded = 0;
	size_t i = 0;

	if (likely(view == VIEW_STABLE))
		classify_lane(lc, table, lane, VIEW_STABLE, family);
	else
		classify_changing(lc, table, lane, view, family);
	count_lane(lc, table, lane, family);
	while (i < n) {
		const size_t end = RTE_MIN(i + QUAD, n);

		if (likely(end - i == QUAD) && likely(act_four(lc, lane, i, family))) {
			forwarded += QUAD;
			i = end;
			continue;
		}
		for (; i < end; i++)
			forwarded += act_one(lc, port, lane, i, family);
	}
	count_add(&lc->counters[port].forwarded, forwarded);
}

static __rte_always_inline uint16_t
receive_burst(struct lcore *lc, const struct rx_queue *rxq, struct rte_mbuf **packets)
{
	const uint16_t n = rte_eth_rx_burst(rxq->ethdev, rxq->queue, packets, rxq->burst);

	if (n > 0)
		count_add(&lc->stats.bursts[n], 1);
	return n;
}

/* What is in a queue, at most a pass: another burst while the last was full. */
static __rte_always_inline uint16_t
receive(struct lcore *lc, const struct rx_queue *rxq, struct rte_mbuf **packets)
{
	uint16_t n = 0, burst;

	do {
		burst = receive_burst(lc, rxq, packets + n);
		n = (uint16_t)(n + burst);
	} while (burst == rxq->burst && n + burst <= PASS_PACKETS);
	return n;
}

static __rte_always_inline uint16_t
poll_queue(struct lcore *lc, struct rx_queue *rxq, enum view view)
{
	struct rte_mbuf *packets[PASS_PACKETS + QUAD];
	const uint16_t n = receive(lc, rxq, packets);

	if (n == 0)
		return 0;
	count_add(&rxq->packets, n);
	parse_pass(lc, rxq->port, packets, n);
	if (lc->lane4.n > 0)
		forward_lane(lc, rxq->port, lc->table4, &lc->lane4, view, DP_IPV4);
	if (lc->lane6.n > 0)
		forward_lane(lc, rxq->port, lc->table6, &lc->lane6, view, DP_IPV6);
	return n;
}

static uint16_t
fastpath_round(struct lcore *lc, uint64_t now_ns)
{
	const enum view view = view_load(lc->view);
	uint16_t n = 0;

	lc->now_ns = now_ns;
	for (uint16_t q = 0; q < lc->n_queues; q++)
		n = (uint16_t)(n + poll_queue(lc, &lc->queues[q], view));
	for (uint16_t p = 0; p < lc->n_ports; p++) {
		if (lc->stages[p].n > 0)
			tx_flush(lc, p);
	}
	return n;
}

/* net_bonding sends LACPDUs with what the port sends, and wants to be asked every 100 ms at least.
 */
static __rte_noinline void
lacp_poll(const struct lcore *lc)
{
	for (uint16_t p = 0; p < lc->n_ports; p++) {
		if ((lc->lacp_ports & UINT32_C(1) << p) != 0)
			rte_eth_tx_burst(lc->stages[p].ethdev, lc->stages[p].queue, NULL, 0);
	}
}

static int
fastpath_run(void *arg)
{
	struct lcore *lc = arg;
	uint64_t began = rte_rdtsc(), rounds = 0;

	rte_rcu_qsbr_thread_online(lc->qsbr, lc->index);
	while (likely(!__atomic_load_n(lc->stop, __ATOMIC_RELAXED))) {
		const uint16_t n = fastpath_round(lc, lcore_ns(lc, began));
		const uint64_t now = rte_rdtsc();

		lcore_account(lc, n, now - began);
		began = now;
		if (++rounds % ROUNDS_A_QUIESCENT_STATE == 0) {
			rte_rcu_qsbr_quiescent(lc->qsbr, lc->index);
			inject_poll(lc);
			if (unlikely(lc->lacp_ports != 0))
				lacp_poll(lc);
		}
	}
	rte_rcu_qsbr_thread_offline(lc->qsbr, lc->index);
	return 0;
}

const struct fastpath FASTPATH = {
	.name = FASTPATH_LEVEL,
	.simd_bits = FASTPATH_BITS,
	.round = fastpath_round,
	.run = fastpath_run,
};
