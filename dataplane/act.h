/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What becomes of a packet whose flow is known: a plain flow sends it on; any other takes the
 * steps of its action in the order that docs/dataplane.md gives, and sends it to its legs. Every
 * way ends in a count.
 */
#ifndef DATAPLANE_ACT_H
#define DATAPLANE_ACT_H

#include "action.h"
#include "burst.h"
#include "failover.h"
#include "latch.h"
#include "legs.h"
#include "punt.h"
#include "quad.h"
#include "rewrite.h"
#include "rtp.h"

/* The packet of a flow whose leg is in the entry leaves to a learned source, the slow way. */
static __rte_noinline void
act_learned(struct lcore *lc, struct rte_mbuf *m, void *ip, uint16_t l3_bytes, uint16_t port,
	void *entry, enum dp_family family)
{
	const struct datagram d = {.m = m, .ip = ip, .l3_bytes = l3_bytes, .port = port};
	const uintptr_t origin = tx_origin(entry, family == DP_IPV4 ? TX_FLOW4 : TX_FLOW6);
	const struct flow_table *table = family == DP_IPV4 ? lc->table4 : lc->table6;
	const struct learned *learned =
		flow_table_learned(table, flow_table_index(table, entry, family));
	enum dp_drop reason = DP_DROP_peer_unknown;
	struct leg leg;
	vector hop;

	if (leg_resolve(lc, learned, &leg, &hop)) {
		const enum dp_family out = (enum dp_family)leg.family;

		reason = leg_refuses(ip, leg_l3_bytes(&d, family, out), next_hop_mtu(hop),
			rewrite_tail_const(&leg.rewrite6, out), family);
		port = next_hop_port(hop);
	}
	if (unlikely(reason != LEG_OK)) {
		copy_refuse(lc, port, origin, reason);
		rte_pktmbuf_free(m);
		return;
	}
	if (family == DP_IPV4)
		leg_send(lc, &leg, &d, m, ip, l3_bytes, hop, origin, DP_IPV4, false);
	else
		leg_send(lc, &leg, &d, m, ip, l3_bytes, hop, origin, DP_IPV6, false);
}

/* The packet of a plain flow leaves as its entry says. */
static __rte_always_inline void
act_plain(struct lcore *lc, const struct datagram *d, void *entry, enum dp_family family)
{
	const uintptr_t origin = tx_origin(entry, family == DP_IPV4 ? TX_FLOW4 : TX_FLOW6);
	const void *rewrite = flow_entry_rewrite(entry, family);
	const struct rewrite_tail *tail = rewrite_tail_const(rewrite, family);
	const vector hop = next_hop_load(lc->next_hops, rewrite_next_hop(tail));
	const uint16_t port = next_hop_port(hop);
	enum dp_drop reason = leg_refuses(d->ip, d->l3_bytes, next_hop_mtu(hop), tail, family);
	uint32_t bytes;

	if (unlikely(reason != LEG_OK)) {
		if (reason == DP_DROP_unresolved && rewrite_is_stale(tail)) {
			act_learned(lc, d->m, d->ip, d->l3_bytes, d->port, entry, family);
			return;
		}
		copy_refuse(lc, port, origin, reason);
		rte_pktmbuf_free(d->m);
		return;
	}
	rewrite_ip(d->ip, rewrite, family);
	bytes = rewrite_l2(d->m, d->ip, d->l3_bytes, d->l3_bytes, hop, 0, tail->vlan_tci, family);
	tx_stage_frame(lc, port, d->m, bytes, origin);
}

/*
 * Send the four packets from position p of the lane on, after rewrite_quad_load(): out_bytes are
 * the lengths of the datagrams as they leave. false: one of them may not leave, and nothing is done
 * yet.
 */
static __rte_always_inline bool
leave_quad(struct lcore *lc, const struct lane *lane, size_t p, struct rewrite_quad *q,
	quad out_bytes, enum dp_family family, enum dp_family out)
{
	const enum tx_origin kind = family == DP_IPV4 ? TX_FLOW4 : TX_FLOW6;
	const quad l3_bytes = quad_load(&lane->l3_bytes[p]);
	/* What is translated has another length. */
	const quad l2_bytes = family == out ? quad_load(&lane->l2_bytes[p]) : quad_set(0);
	struct rte_mbuf *const *m = &lane->packets[p];
	quad hop[QUAD];
	const quad port_mtu = legs_quad_hops(lc, q, hop, out);
	quad bytes;

	if (unlikely(legs_quad_refused(q, port_mtu, out_bytes, family)))
		return false;
	if (family == out)
		rewrite_quad(q, family);
	else
		translate_quad(q, l3_bytes, family);
	bytes = legs_quad_l2(q, m, hop, l2_bytes, out_bytes, out);
	legs_quad_stage(lc, port_mtu, m, &lane->entries[p], bytes, kind);
	return true;
}

/* act_plain() for four packets, all of plain flows; what it returns is as of leave_quad(). */
static __rte_always_inline bool
act_plain_quad(struct lcore *lc, const struct lane *lane, size_t p, enum dp_family family)
{
	struct rewrite_quad q;

	for (size_t i = 0; i < QUAD; i++) {
		q.ip[i] = lane->ips[p + i];
		q.rewrite[i] = flow_entry_rewrite(lane->entries[p + i], family);
	}
	rewrite_quad_load(&q, family, family);
	return leave_quad(lc, lane, p, &q, quad_load(&lane->l3_bytes[p]), family, family);
}

/* The packet of a flow that translates, and does no more, leaves as its feature word says. */
static __rte_always_inline void
act_translated(struct lcore *lc, const struct datagram *d, void *entry, enum dp_family family)
{
	const enum dp_family out = family == DP_IPV4 ? DP_IPV6 : DP_IPV4;
	const uintptr_t origin = tx_origin(entry, family == DP_IPV4 ? TX_FLOW4 : TX_FLOW6);
	const void *rewrite = flow_features_of(flow_entry_features(entry, family), FLOW_TRANSLATES);
	const struct rewrite_tail *tail = rewrite_tail_const(rewrite, out);
	const vector hop = next_hop_load(lc->next_hops, rewrite_next_hop(tail));
	const uint16_t port = next_hop_port(hop);
	const uint32_t l3_bytes = translate_l3_bytes(d->l3_bytes, family);
	enum dp_drop reason = leg_refuses(d->ip, l3_bytes, next_hop_mtu(hop), tail, family);
	uint32_t bytes;
	uint8_t *ip;

	if (unlikely(reason != LEG_OK)) {
		if (reason == DP_DROP_unresolved && rewrite_is_stale(tail)) {
			act_learned(lc, d->m, d->ip, d->l3_bytes, d->port, entry, family);
			return;
		}
		copy_refuse(lc, port, origin, reason);
		rte_pktmbuf_free(d->m);
		return;
	}
	ip = translate(d->ip, d->l3_bytes, rewrite,
		RTE_PTR_ADD(d->ip, rewrite_ports_offset(family)), family);
	bytes = rewrite_l2(
		d->m, ip, (uint16_t)l3_bytes, (uint16_t)l3_bytes, hop, 0, tail->vlan_tci, out);
	tx_stage_frame(lc, port, d->m, bytes, origin);
}

/* act_translated() for four packets, as act_plain_quad(). */
static __rte_always_inline bool
act_translated_quad(struct lcore *lc, const struct lane *lane, size_t p, enum dp_family family)
{
	const enum dp_family out = family == DP_IPV4 ? DP_IPV6 : DP_IPV4;
	const quad l3_bytes = quad_load(&lane->l3_bytes[p]);
	const quad growth = quad_set((uint32_t)TRANSLATE_GROWTH_BYTES);
	const quad out_bytes = family == DP_IPV4 ? l3_bytes + growth : l3_bytes - growth;
	struct rewrite_quad q;

	for (size_t i = 0; i < QUAD; i++) {
		q.ip[i] = lane->ips[p + i];
		q.rewrite[i] = flow_features_of(
			flow_entry_features(lane->entries[p + i], family), FLOW_TRANSLATES);
	}
	rewrite_quad_load(&q, family, out);
	/* One without a UDP checksum needs its payload summed. */
	if (unlikely(quad_any(quad_below(q.udp, quad_set(0x10000)))))
		return false;
	return leave_quad(lc, lane, p, &q, out_bytes, family, out);
}

/* Source within the allow-list? */
static inline bool
source_is_allowed(const struct flow_action *action, const uint8_t *src)
{
	for (unsigned i = 0; i < action->n_allow; i++) {
		const struct dp_prefix *prefix = &action->allow[i];
		const unsigned whole = prefix->bits / 8, rest = prefix->bits % 8;

		if (memcmp(src, prefix->address, whole) == 0 &&
			(rest == 0 || (src[whole] ^ prefix->address[whole]) >> (8 - rest) == 0))
			return true;
	}
	return action->n_allow == 0;
}

/*
 * Tell control that the source of the flow of this cookie has changed. Where the ring is full,
 * control reads the sources of all flows.
 */
static __rte_noinline void
source_notify(struct lcore *lc, uint32_t *notified, uint64_t cookie)
{
	if (latch_mark(notified) &&
		rte_ring_sp_enqueue(lc->latch_ring, (void *)(uintptr_t)cookie) != 0)
		count_add_after(&lc->latches_lost, 1);
}

/* The source of a datagram that has no options. */
static __rte_always_inline void
datagram_source(const uint8_t *ip, struct latch_source *source, enum dp_family family)
{
	const struct rte_udp_hdr *udp =
		RTE_PTR_ADD(ip, replica_header_bytes(family) - sizeof(*udp));

	if (family == DP_IPV4)
		latch_source_set(
			source, ip + offsetof(struct rte_ipv4_hdr, src_addr), 4, udp->src_port);
	else
		latch_source_set(
			source, ip + offsetof(struct rte_ipv6_hdr, src_addr), 16, udp->src_port);
}

/* What source_is_latched() returns, of a source that is not learned, or may change its SSRC. */
static __rte_noinline bool
source_judge(struct lcore *lc, const struct flow_action *action, const struct datagram *d,
	const struct latch_source *source, enum dp_family family)
{
	const uint8_t *start = rte_pktmbuf_mtod(d->m, const uint8_t *);
	const uint8_t *payload = d->ip + replica_header_bytes(family);
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)payload - 1;
	const uint32_t bytes = rte_be_to_cpu_16(udp->dgram_len) - (uint32_t)sizeof(*udp);
	const enum dp_latch_by by = (enum dp_latch_by)action->latch_by;
	struct latch_frame frame = {
		.start = start, .l2_bytes = (uint16_t)(d->ip - start), .port = d->port};
	enum latch_pass pass;

	frame.passive = !latch_is_moved_by(payload, bytes, by, &frame.ssrc);
	frame.has_ssrc = !frame.passive && latch_is_by_ssrc(by);
	pass = latch_accept(action->latch, lc->index, source, &frame,
		(enum dp_latch)action->latch_mode, action->latch_interval_ns, lc->now_ns);
	if (unlikely(pass == LATCH_MOVED))
		source_notify(lc, &action->latch->notified, action->latch->cookie);
	return pass != LATCH_REFUSED;
}

static inline bool
source_is_latched(struct lcore *lc, const struct flow_action *action, const struct datagram *d,
	enum dp_family family)
{
	struct latch_source source;

	if (action->latch == NULL)
		return true;
	datagram_source(d->ip, &source, family);
	if (likely(latch_holds(action->latch, &source)) &&
		likely(!latch_is_by_ssrc((enum dp_latch_by)action->latch_by)))
		return true;
	return source_judge(lc, action, d, &source, family);
}

/* Whether the packet is of the active source, or makes its source that; else *reason is set. */
static __rte_noinline bool
source_is_active(struct lcore *lc, const struct flow_action *action, const struct datagram *d,
	enum dp_drop *reason, enum dp_family family)
{
	const struct failover_times times = {
		.timeout_ns = action->source_timeout_ns, .return_ns = action->source_return_ns};
	struct failover *failover = action->failover;
	struct latch_source source;
	enum failover_pass pass;
	int i;

	datagram_source(d->ip, &source, family);
	i = failover_find(failover, &source);
	if (unlikely(i < 0)) {
		*reason = DP_DROP_source_refused;
		return false;
	}
	pass = failover_accept(failover, lc->index, (unsigned)i, &times, lc->now_ns);
	if (likely(pass == FAILOVER_ACTIVE_SOURCE))
		return true;
	*reason = DP_DROP_standby_source;
	if (pass == FAILOVER_STANDBY)
		return false;
	source_notify(lc, &failover->notified, failover->cookie);
	return true;
}

/* What the steps of an action come to. */
struct decision {
	enum dp_verdict verdict;
	enum dp_drop reason; /* DP_DROP */
	int stream; /* whose legs, -1 = the flow's: DP_FORWARD */
	const struct leg_list *legs; /* DP_FORWARD; NULL = the leg in the entry */
};

static inline struct decision
decide_drop(enum dp_drop reason)
{
	return (struct decision){.verdict = DP_DROP, .reason = reason};
}

static inline struct decision
decide_legs(uint8_t verdict, const struct leg_list *legs, bool leg_in_entry, int stream)
{
	if (verdict == DP_DROP || (verdict == DP_FORWARD && legs == NULL && !leg_in_entry))
		return decide_drop(DP_DROP_flow_drop);
	return (struct decision){
		.verdict = (enum dp_verdict)verdict, .stream = stream, .legs = legs};
}

/* Which packet in the row of those that went to these legs this one is; 0 where no leg samples. */
static inline uint64_t
action_nth(struct lcore *lc, const struct flow_action *action, int stream)
{
	uint64_t *nth;

	if (likely(action->nth == NULL))
		return 0;
	nth = &action->nth[lc->index * action_nth_row(action->n_streams) + (size_t)(1 + stream)];
	count_add(nth, 1);
	return *nth;
}

/* Steps 2 to 8 of docs/dataplane.md. */
static inline struct decision
action_decide(struct lcore *lc, const struct flow_action *action, const struct datagram *d,
	enum dp_family family)
{
	const uint16_t header_bytes = replica_header_bytes(family);
	const struct rte_udp_hdr *udp = RTE_PTR_ADD(d->ip, header_bytes - sizeof(*udp));
	const uint8_t *payload = (const uint8_t *)(udp + 1);
	const uint32_t bytes = rte_be_to_cpu_16(udp->dgram_len) - (uint32_t)sizeof(*udp);
	const uint8_t *src = d->ip + (family == DP_IPV4 ? offsetof(struct rte_ipv4_hdr, src_addr)
							: offsetof(struct rte_ipv6_hdr, src_addr));
	int stream = -1;

	if (action->down)
		return decide_drop(DP_DROP_flow_down);
	if (!source_is_allowed(action, src))
		return decide_drop(DP_DROP_source_refused);
	if (action->has_classes) {
		uint8_t verdict = action->class_verdict[rtp_class(payload, bytes)];

		if (verdict == DP_DROP)
			return decide_drop(DP_DROP_class_drop);
		if (verdict == DP_PUNT)
			return (struct decision){.verdict = DP_PUNT};
	}
	if (!source_is_latched(lc, action, d, family))
		return decide_drop(DP_DROP_source_refused);
	if (unlikely(action->failover != NULL)) {
		enum dp_drop reason;

		if (!source_is_active(lc, action, d, &reason, family))
			return decide_drop(reason);
	}
	if (action->stream_index != NULL)
		stream = stream_find(action->stream_index, payload, bytes);
	if (action->policer != NULL &&
		!police_take(&action->policer->police, lc->now_ns, d->l3_bytes, lc->owner))
		return decide_drop(DP_DROP_policed);
	if (stream >= 0) {
		const struct stream *s = &action->streams[stream];
		struct flow_counters *row =
			&action->stream_counters[lc->index * action_streams_row(action->n_streams) +
						 (unsigned)stream];

		count_add(&row->packets, 1);
		count_add(&row->bytes, d->l3_bytes);
		return decide_legs(s->verdict, s->legs, false, stream);
	}
	return decide_legs(action->verdict, action->legs, action->leg_in_entry, -1);
}

/* The packet does not go on: count that on the flow. */
static inline void
flow_keep(struct action_counts *counts, uint64_t *count, const struct datagram *d)
{
	count_add_after(count, 1);
	count_add_after(&counts->bytes, d->l3_bytes);
}

/* A packet of a flow that is not plain. Returns whether it was forwarded. */
static inline bool
act_flow(struct lcore *lc, const struct datagram *d, void *entry, uint32_t handle,
	enum dp_family family)
{
	const struct flow_table *table = family == DP_IPV4 ? lc->table4 : lc->table6;
	const struct flow_action *action = flow_table_action(table, entry, family);
	struct action_counts *counts;
	struct decision decision;

	if (likely(action->counts == NULL)) {
		legs_act(lc, d, action->legs, action_nth(lc, action, -1), family);
		return true;
	}
	counts = &action->counts[lc->index];
	decision = action_decide(lc, action, d, family);
	if (decision.verdict == DP_PUNT) {
		decision.reason = punt(lc, d->m, d->port, handle);
		if (decision.reason == PUNT_OK) {
			flow_keep(counts, &counts->punted, d);
			count_add(&lc->counters[d->port].punted, 1);
			return false;
		}
		decision.verdict = DP_DROP;
	}
	if (decision.verdict == DP_DROP) {
		flow_keep(counts, &counts->drops[decision.reason - DP_FLOW_DROP_FIRST], d);
		packet_drop(lc, d->port, d->m, decision.reason);
		return false;
	}
	if (decision.legs == NULL)
		act_plain(lc, d, entry, family);
	else
		legs_act(lc, d, decision.legs, action_nth(lc, action, decision.stream), family);
	return true;
}

/* The way of a packet of a flow with these features. One that the policer refuses is special. */
static __rte_always_inline enum lane_way
act_way(uint64_t features, uint32_t l3_bytes, uint64_t now_ns, uint8_t owner)
{
	struct policer *policer = flow_features_of(features, FLOW_POLICES);

	if (likely(features == FLOW_PLAIN))
		return WAY_PLAIN;
	if ((features & FLOW_TRANSLATES) != 0)
		return WAY_TRANSLATED;
	if ((features & (FLOW_LATCHES | FLOW_LATCHES_BY_SSRC)) != 0)
		return WAY_LATCHED;
	return likely((features & FLOW_POLICES) != 0) &&
			       likely(police_take(&policer->police, now_ns, l3_bytes, owner))
		       ? WAY_PLAIN
		       : WAY_SPECIAL;
}

/* The latch that these features lead to. */
static __rte_always_inline const struct latch *
features_latch(uint64_t features)
{
	return flow_features_of(features, features & (FLOW_LATCHES | FLOW_LATCHES_BY_SSRC));
}

/*
 * The ways of packets of flows that only latch: those from the learned source are plain. One from
 * elsewhere may move its latch when it is acted on, so that what comes to this latch behind it is
 * judged then, in its turn, as all that is special. The set of such latches may have others as
 * well.
 */
static inline void
act_latched_ways(struct lane *lane, enum dp_family family)
{
	uint64_t doubtful = 0;

	for (size_t i = 0; i < lane->n; i++) {
		const struct latch *latch;
		struct latch_source source;
		uint64_t bit;

		if (lane->ways[i] != WAY_LATCHED)
			continue;
		latch = features_latch(flow_entry_features(lane->entries[i], family));
		bit = UINT64_C(1) << (uintptr_t)latch / sizeof(struct latch_slot) % 64;
		datagram_source(lane->ips[i], &source, family);
		lane->ways[i] = WAY_PLAIN;
		if (unlikely((doubtful & bit) != 0) || unlikely(!latch_holds(latch, &source))) {
			doubtful |= bit;
			lane->ways[i] = WAY_SPECIAL;
		}
	}
}

/* RTP from the learned source, whose SSRC is to be noted, takes the steps of the action. */
static __rte_noinline void
act_ssrc_ways(struct lane *lane, uint64_t now_ns, enum dp_family family)
{
	for (size_t i = 0; i < lane->n; i++) {
		const uint8_t *payload = lane->ips[i] + replica_header_bytes(family);
		const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)payload - 1;
		uint64_t features;
		uint32_t ssrc;

		if (lane->ways[i] != WAY_PLAIN)
			continue;
		features = flow_entry_features(lane->entries[i], family);
		if ((features & FLOW_LATCHES_BY_SSRC) != 0 &&
			latch_is_moved_by(payload,
				rte_be_to_cpu_16(udp->dgram_len) - (uint32_t)sizeof(*udp),
				DP_LATCH_BY_SSRC, &ssrc) &&
			!latch_keeps_ssrc(features_latch(features), ssrc, now_ns))
			lane->ways[i] = WAY_SPECIAL;
	}
}

/*
 * The way of each packet, where some have no plain flow. A packet that a policer refuses has taken
 * no tokens and is policed again in act_special(), which counts it.
 */
static __rte_always_inline void
act_ways(const struct lcore *lc, struct lane *lane, enum dp_family family)
{
	const size_t n = lane->n;
	const uint64_t now_ns = lc->now_ns;
	const uint8_t worker = lc->owner;
	uint64_t latched = 0;

	for (size_t i = 0; i < n; i++) {
		const void *entry = lane->entries[i];
		uint64_t features;

		lane->ways[i] = WAY_SPECIAL;
		if (unlikely(entry == NULL))
			continue;
		features = flow_entry_features(entry, family);
		lane->ways[i] = (uint8_t)act_way(features, lane->l3_bytes[i], now_ns, worker);
		if (lane->ways[i] == WAY_LATCHED) {
			latch_prefetch(features_latch(features));
			latched |= features;
		}
	}
	if (latched == 0)
		return;
	act_latched_ways(lane, family);
	if ((latched & FLOW_LATCHES_BY_SSRC) != 0)
		act_ssrc_ways(lane, now_ns, family);
}

#endif
