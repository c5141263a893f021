/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fast path, top to bottom: fastpath_run() polls the queues of one worker for ever. A burst
 * walks through the stages as arrays:
 *
 *	rx -> parse -> classify -> act -> tx
 *
 * No allocation but mbufs, no lock, no log, no system call of ours. Every packet ends up
 * forwarded or in a drop counter that has a name (dp/stats.h).
 */
#include "fastpath.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "burst.h"
#include "classify.h"
#include "parse.h"
#include "replicate.h"
#include "rewrite.h"
#include "tx.h"

/* Reporting quiescence costs a shared line: not in every round. */
#define ROUNDS_A_QUIESCENT_STATE 64
#define PARSE_PREFETCH_AHEAD 4

static inline void
packet_drop(struct lcore *lc, uint16_t port, struct rte_mbuf *m, enum dp_drop reason)
{
	count_add(&lc->counters[port].drops[reason], 1);
	rte_pktmbuf_free(m);
}

static __rte_always_inline void
lane_append(struct lane *lane, struct rte_mbuf *m, const struct parsed_l2 *l2, uint16_t l3_bytes)
{
	lane->packets[lane->n] = m;
	lane->l2_bytes[lane->n] = l2->l2_bytes;
	lane->l3_bytes[lane->n] = l3_bytes;
	lane->n++;
}

/* One frame into the lane of its family, or the reason why not. */
static __rte_always_inline enum dp_drop
parse_packet(struct lcore *lc, uint16_t port, struct rte_mbuf *m)
{
	struct parsed_l2 l2;
	uint16_t l3_bytes;
	const void *ip;
	enum dp_drop reason = parse_l2(m, &l2);

	if (unlikely(reason != PARSE_OK))
		return reason;
	ip = rte_pktmbuf_mtod_offset(m, const void *, l2.l2_bytes);
	if (likely(l2.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))) {
		reason = parse_ip4(ip, (uint32_t)m->data_len - l2.l2_bytes, &l3_bytes);
		if (unlikely(reason != PARSE_OK))
			return reason;
		parse_key4(ip, port, l2.vlan, &lc->lane4.key4[lc->lane4.n]);
		lane_append(&lc->lane4, m, &l2, l3_bytes);
	} else if (l2.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		reason = parse_ip6(ip, (uint32_t)m->data_len - l2.l2_bytes, &l3_bytes);
		if (unlikely(reason != PARSE_OK))
			return reason;
		parse_key6(ip, port, l2.vlan, &lc->lane6.key6[lc->lane6.n]);
		lane_append(&lc->lane6, m, &l2, l3_bytes);
	} else {
		return DP_DROP_not_ip;
	}
	return PARSE_OK;
}

static __rte_always_inline void
parse_burst(struct lcore *lc, uint16_t port, struct rte_mbuf **packets, uint16_t n)
{
	uint64_t bytes = 0;

	lc->lane4.n = 0;
	lc->lane6.n = 0;
	for (uint16_t i = 0; i < n && i < PARSE_PREFETCH_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(packets[i], void *));
	for (uint16_t i = 0; i < n; i++) {
		enum dp_drop reason;

		if (likely(i + PARSE_PREFETCH_AHEAD < n))
			rte_prefetch0(rte_pktmbuf_mtod(packets[i + PARSE_PREFETCH_AHEAD], void *));
		bytes += packets[i]->pkt_len;
		reason = parse_packet(lc, port, packets[i]);
		if (unlikely(reason != PARSE_OK))
			packet_drop(lc, port, packets[i], reason);
	}
	count_add(&lc->counters[port].rx_packets, n);
	count_add(&lc->counters[port].rx_bytes, bytes);
}

/*
 * Count a packet of a flow. The first worker that meets a flow owns its counters and alone writes
 * them; another worker counts in a table of its own. Either way no count is lost or shared.
 */
static __rte_always_inline void
flow_count(struct lcore *lc, struct flow_table *table, void *entry, uint16_t bytes,
	enum dp_family family)
{
	struct flow_counters *counters = flow_entry_counters(entry, family);
	uint8_t *owner = &rewrite_tail(flow_entry_rewrite(entry, family), family)->owner;
	uint8_t none = 0;

	if (unlikely(__atomic_load_n(owner, __ATOMIC_RELAXED) != lc->owner) &&
		!__atomic_compare_exchange_n(
			owner, &none, lc->owner, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		counters = &table->foreign[lc->index][flow_table_index(table, entry, family)];
	count_add(&counters->packets, 1);
	count_add(&counters->bytes, bytes);
}

/* Why a leg's copy may not leave; DP_DROP_COUNT when it may. */
static __rte_always_inline enum dp_drop
leg_refuses(const void *ip, uint16_t l3_bytes, const struct dp_next_hop *next_hop,
	const struct rewrite_tail *tail, enum dp_family family)
{
	if (unlikely(l3_bytes > next_hop->mtu))
		return next_hop->mtu == 0 ? DP_DROP_unresolved : DP_DROP_too_long;
	if (unlikely(rewrite_expires(ip, tail, family)))
		return DP_DROP_ttl_expired;
	return DP_DROP_COUNT;
}

/* The packet itself leaves by this leg. */
static __rte_always_inline void
act_original(struct lcore *lc, struct rte_mbuf *m, void *ip, uint16_t l3_bytes, const void *rewrite,
	uint64_t *drops, enum dp_family family)
{
	const struct rewrite_tail *tail = rewrite_tail_const(rewrite, family);
	const union next_hop hop = next_hop_load(lc->next_hops, tail->next_hop);
	enum dp_drop reason = leg_refuses(ip, l3_bytes, &hop.fields, tail, family);

	count_add(&lc->counters[hop.fields.port].copies, 1);
	if (unlikely(reason != DP_DROP_COUNT)) {
		copy_drop(lc, hop.fields.port, drops, reason);
		rte_pktmbuf_free(m);
		return;
	}
	rewrite_ip(ip, rewrite, family);
	rewrite_l2(m, ip, l3_bytes, l3_bytes, &hop.fields, tail, family);
	tx_stage_frame(lc, hop.fields.port, m, drops);
}

/* A copy leaves by this leg; the packet stays as it is. Returns the references it took, 0 or 1. */
static __rte_always_inline uint16_t
act_replica(struct lcore *lc, const struct rte_mbuf *m, const void *ip, uint16_t l3_bytes,
	const void *rewrite, uint64_t *drops, bool shareable, enum dp_family family)
{
	const struct rewrite_tail *tail = rewrite_tail_const(rewrite, family);
	const union next_hop hop = next_hop_load(lc->next_hops, tail->next_hop);
	enum dp_drop reason = leg_refuses(ip, l3_bytes, &hop.fields, tail, family);
	bool share = shareable && lc->stages[hop.fields.port].shares_payload;
	struct rte_mbuf *copy = NULL;

	count_add(&lc->counters[hop.fields.port].copies, 1);
	if (likely(reason == DP_DROP_COUNT)) {
		copy = share ? replica_by_reference(lc, m, ip, l3_bytes, family)
			     : replica_whole(lc, ip, l3_bytes);
		reason = DP_DROP_no_buffer;
	}
	if (unlikely(copy == NULL)) {
		copy_drop(lc, hop.fields.port, drops, reason);
		return 0;
	}
	rewrite_ip(replica_ip(copy), rewrite, family);
	rewrite_l2(copy, replica_ip(copy), share ? replica_header_bytes(family) : l3_bytes,
		l3_bytes, &hop.fields, tail, family);
	tx_stage_frame(lc, hop.fields.port, copy, drops);
	return share ? 1 : 0;
}

/*
 * One packet to all legs of a set. The payload's reference count moves up once for all of them
 * before the first copy can be freed, and down once for those that were not taken. The last leg
 * takes the packet itself.
 */
static inline void
act_replicate(struct lcore *lc, struct rte_mbuf *m, void *ip, uint16_t l3_bytes,
	const struct leg_set *set, enum dp_family family)
{
	struct flow_counters *counters = set->counters + (size_t)lc->index * set->n_legs;
	const uint16_t last = (uint16_t)(set->n_legs - 1);
	const bool shareable = RTE_MBUF_DIRECT(m) && l3_bytes > replica_header_bytes(family);
	uint16_t taken = 0;

	if (shareable)
		rte_mbuf_refcnt_update(m, (int16_t)last);
	for (uint16_t i = 0; i < last; i++)
		taken = (uint16_t)(taken +
				   act_replica(lc, m, ip, l3_bytes, leg_set_rewrite(set, i, family),
					   set->drops + i * DP_COPY_DROP_COUNT, shareable, family));
	for (uint16_t i = 0; i <= last; i++) {
		count_add(&counters[i].packets, 1);
		count_add(&counters[i].bytes, l3_bytes);
	}
	if (shareable && unlikely(taken != last))
		rte_mbuf_refcnt_update(m, (int16_t)(taken - last));
	act_original(lc, m, ip, l3_bytes, leg_set_rewrite(set, last, family),
		set->drops + last * DP_COPY_DROP_COUNT, family);
}

/* Classify a lane and act on each of its packets. */
static __rte_always_inline void
forward_lane(struct lcore *lc, uint16_t port, struct flow_table *table, struct lane *lane,
	enum dp_family family)
{
	uint64_t forwarded = 0;

	classify_lane(table, lane, family);
	for (uint16_t i = 0; i < lane->n; i++) {
		struct rte_mbuf *m = lane->packets[i];
		void *entry = lane->entries[i];
		void *ip = rte_pktmbuf_mtod_offset(m, void *, lane->l2_bytes[i]);
		const struct leg_set *set;

		if (unlikely(entry == NULL)) {
			packet_drop(lc, port, m, DP_DROP_no_flow);
			continue;
		}
		forwarded++;
		flow_count(lc, table, entry, lane->l3_bytes[i], family);
		set = flow_entry_legs(entry, family);
		if (likely(set == NULL))
			act_original(lc, m, ip, lane->l3_bytes[i],
				flow_entry_rewrite(entry, family),
				&table->drops[(size_t)flow_table_index(table, entry, family) *
					      DP_COPY_DROP_COUNT],
				family);
		else
			act_replicate(lc, m, ip, lane->l3_bytes[i], set, family);
	}
	count_add(&lc->counters[port].forwarded, forwarded);
}

static __rte_always_inline uint16_t
poll_queue(struct lcore *lc, const struct rx_queue *rxq)
{
	struct rte_mbuf *packets[BURST_PACKETS];
	uint16_t n = rte_eth_rx_burst(rxq->ethdev, rxq->queue, packets, BURST_PACKETS);

	if (n == 0)
		return 0;
	parse_burst(lc, rxq->port, packets, n);
	if (lc->lane4.n > 0)
		forward_lane(lc, rxq->port, lc->table4, &lc->lane4, DP_IPV4);
	if (lc->lane6.n > 0)
		forward_lane(lc, rxq->port, lc->table6, &lc->lane6, DP_IPV6);
	return n;
}

int
fastpath_run(void *arg)
{
	struct lcore *lc = arg;

	rte_rcu_qsbr_thread_online(lc->qsbr, lc->index);
	while (likely(!__atomic_load_n(lc->stop, __ATOMIC_RELAXED))) {
		uint16_t n = 0;

		for (uint16_t q = 0; q < lc->n_queues; q++)
			n = (uint16_t)(n + poll_queue(lc, &lc->queues[q]));
		for (uint16_t p = 0; p < lc->n_ports; p++) {
			if (lc->stages[p].n > 0)
				tx_flush(lc, p);
		}
		count_add(&lc->stats.loops, 1);
		count_add(&lc->stats.busy_loops, n > 0);
		if (lc->stats.loops % ROUNDS_A_QUIESCENT_STATE == 0)
			rte_rcu_qsbr_quiescent(lc->qsbr, lc->index);
	}
	rte_rcu_qsbr_thread_offline(lc->qsbr, lc->index);
	return 0;
}
