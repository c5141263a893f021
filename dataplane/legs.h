/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One datagram to its legs: each gets a copy with headers of its own, four at a time where legs are
 * ordinary, and the last one the packet itself. What a leg may not send is counted as its drop; the
 * others are not concerned.
 */
#ifndef DATAPLANE_LEGS_H
#define DATAPLANE_LEGS_H

#include "burst.h"
#include "learned.h"
#include "leg_table.h"
#include "policer.h"
#include "replicate.h"
#include "rewrite.h"
#include "tx.h"

#define LEG_OK DP_DROP_COUNT /* nothing against sending the copy */
#define LEGS_AHEAD QUAD /* legs between those in hand and those whose lines are asked for */

/* A datagram on its way through the steps. */
struct datagram {
	struct rte_mbuf *m;
	uint8_t *ip;
	uint16_t l3_bytes;
	uint16_t port; /* of ingress */
};

/* Why a copy of `bytes` may not leave. */
static __rte_always_inline enum dp_drop
leg_refuses(const void *ip, uint32_t bytes, uint16_t mtu, const struct rewrite_tail *tail,
	enum dp_family family)
{
	if (unlikely(bytes > mtu))
		return mtu == 0 ? DP_DROP_unresolved : DP_DROP_too_long;
	if (unlikely(rewrite_expires(ip, tail, family)))
		return DP_DROP_ttl_expired;
	return LEG_OK;
}

/* The next hops of four rewrites of family `out`. Returns their ports and MTUs. */
static __rte_always_inline quad
legs_quad_hops(
	const struct lcore *lc, const struct rewrite_quad *q, quad hop[QUAD], enum dp_family out)
{
	for (size_t i = 0; i < QUAD; i++)
		hop[i] = next_hop_load(
			lc->next_hops, rewrite_next_hop(rewrite_tail_const(q->rewrite[i], out)));
	return quad_word(hop, 3);
}

/* As leg_refuses(): whether one of four may not leave. out_bytes: datagrams, as they leave. */
static __rte_always_inline bool
legs_quad_refused(
	const struct rewrite_quad *q, quad port_mtu, quad out_bytes, enum dp_family family)
{
	return quad_any(quad_below(port_mtu >> 16, out_bytes) | rewrite_quad_expires(q, family));
}

/* Put the link layer in front of four, after rewrite_quad(). Returns the lengths of the frames. */
static __rte_always_inline quad
legs_quad_l2(const struct rewrite_quad *q, struct rte_mbuf *const m[QUAD], const quad hop[QUAD],
	quad l2_bytes, quad out_bytes, enum dp_family out)
{
	if (likely(!quad_any(rewrite_quad_tci(q))))
		return rewrite_quad_l2(q, m, hop, l2_bytes, out_bytes, false, out);
	return rewrite_quad_l2(q, m, hop, l2_bytes, out_bytes, true, out);
}

/* Stage four frames of `bytes`; `of`: what tx_origin() takes. */
static __rte_always_inline void
legs_quad_stage(struct lcore *lc, quad port_mtu, struct rte_mbuf *const m[QUAD],
	void *const of[QUAD], quad bytes, enum tx_origin kind)
{
	if (likely(!quad_any((port_mtu ^ port_mtu[0]) & quad_set(0xffff)))) {
		tx_stage_quad(lc, (uint16_t)port_mtu[0], m, of,
			(uint64_t)(bytes[0] + bytes[1] + bytes[2] + bytes[3]), kind);
		return;
	}
	for (size_t i = 0; i < QUAD; i++)
		tx_stage_frame(lc, (uint16_t)port_mtu[i], m[i], (uint32_t)bytes[i],
			tx_origin(of[i], kind));
}

/* The destination of a leg that has none yet. */
static inline void
leg_send_to(
	struct leg *leg, const void *address, rte_be16_t port, uint16_t vlan, uint16_t outer_vlan)
{
	const uint32_t sum =
		checksum_sum(address, rewrite_address_bytes((enum dp_family)leg->family));

	if (leg->family == DP_IPV4) {
		struct rewrite4 *rewrite = &leg->rewrite4;

		memcpy(&rewrite->dst, address, sizeof(rewrite->dst));
		rewrite->dst_port = port;
		rewrite->ip_delta = checksum_fold(rewrite->ip_delta + sum);
		rewrite->udp_delta = checksum_fold(rewrite->udp_delta + sum + port);
	} else {
		struct rewrite6 *rewrite = &leg->rewrite6;

		memcpy(rewrite->dst, address, sizeof(rewrite->dst));
		rewrite->dst_port = port;
		rewrite->udp_delta = checksum_fold(rewrite->udp_delta + sum + port);
	}
	rewrite_tail(&leg->rewrite6, (enum dp_family)leg->family)->vlan_tci =
		rte_cpu_to_be_16(vlan);
	leg->outer_tci = rte_cpu_to_be_16(outer_vlan);
}

/* The neighbour that a frame came from; a group's MAC is no source. */
static inline vector
leg_neighbour(const struct lcore *lc, const struct latch_link *link)
{
	const struct tx_stage *stage = &lc->stages[link->port];
	union next_hop hop = {.fields = {.port = link->port, .mtu = stage->mtu}};

	memcpy(hop.fields.dst_mac, link->src_mac, sizeof(hop.fields.dst_mac));
	memcpy(hop.fields.src_mac, (link->dst_mac[0] & 1) != 0 ? stage->mac : link->dst_mac,
		sizeof(hop.fields.src_mac));
	return hop.whole;
}

/*
 * What a leg to a learned source is at this moment, of which *leg gets the headers, and where it
 * leads. false: nothing is learned or signalled, or it moves LATCH_TRIES times meanwhile.
 */
static inline bool
leg_resolve(
	const struct lcore *lc, const struct learned *learned, struct leg *leg, vector *next_hop)
{
	*leg = (struct leg){.rewrite6 = learned->rewrite6, .family = learned->family};
	for (unsigned i = 0; i < LATCH_TRIES; i++) {
		const uint64_t word = __atomic_load_n(&learned->latch->word, __ATOMIC_ACQUIRE);
		const struct dp_learned *signalled = &learned->signalled;
		struct latch_slot slot;
		struct latch_link link;

		if (latch_word_is_open(word)) {
			leg_send_to(leg, signalled->dst, signalled->dst_port, signalled->vlan,
				signalled->outer_vlan);
			*next_hop = next_hop_load(lc->next_hops, signalled->next_hop);
			return signalled->dst_port != 0;
		}
		if (unlikely(!latch_load_all(learned->latch, word, &slot)))
			continue;
		memcpy(&link, slot.link, sizeof(link));
		leg_send_to(leg, slot.source.address, (rte_be16_t)slot.source.port, link.vlan,
			link.outer_vlan);
		*next_hop = leg_neighbour(lc, &link);
		return true;
	}
	return false;
}

/* Copies of one packet: what they are made of. */
struct replicas {
	struct replica_stock headers;
	uint16_t shared_bytes; /* at the packet's end; 0 = it is short, and copied whole */
	bool shareable; /* the packet's buffer, where the driver allows that */
	uint16_t n_left; /* copies that may still come to share the payload */
	struct rte_mbuf *payload; /* NULL = no copy shares it yet */
};

static __rte_always_inline void
replicas_init(struct replicas *r, struct lcore *lc, const struct datagram *d, uint16_t n,
	enum dp_family family)
{
	replica_stock_init(&r->headers, lc->header_pool, n);
	r->shared_bytes = d->l3_bytes <= REPLICA_COPY_BYTES
				  ? 0
				  : (uint16_t)(d->l3_bytes - replica_header_bytes(family));
	r->shareable = RTE_MBUF_DIRECT(d->m);
	r->n_left = n;
	r->payload = NULL;
}

/* Whether copies that leave by `port` take a small buffer each. */
static __rte_always_inline bool
replicas_are_small(const struct replicas *r, const struct lcore *lc, uint16_t port)
{
	return r->shared_bytes == 0 || (r->shareable && lc->stages[port].shares_payload);
}

/* Return what was taken for copies that were not made. */
static __rte_always_inline void
replicas_fini(struct replicas *r)
{
	replica_stock_give_back(&r->headers);
	for (; unlikely(r->payload != NULL && r->n_left > 0); r->n_left--)
		rte_pktmbuf_free_seg(r->payload);
}

/*
 * Fill `n` fresh mbufs of the headers' pool, for ports where replicas_are_small(). false: out of
 * buffers.
 */
static __rte_always_inline bool
replicas_fill(struct replicas *r, struct lcore *lc, const struct datagram *d,
	struct rte_mbuf *const *copies, uint16_t n, enum dp_family family)
{
	if (likely(r->shared_bytes == 0)) {
		for (uint16_t i = 0; i < n; i++)
			replica_fill(copies[i], d->ip, d->l3_bytes);
		return true;
	}
	if (r->payload == NULL) {
		r->payload = replica_payload(lc->reference_pool, d->m,
			d->ip + d->l3_bytes - r->shared_bytes, r->shared_bytes, r->n_left);
		if (unlikely(r->payload == NULL))
			return false;
	}
	for (uint16_t i = 0; i < n; i++)
		replica_fill_shared(copies[i], r->payload, d->ip, family);
	r->n_left = (uint16_t)(r->n_left - n);
	return true;
}

/* A copy to leave by `port`, and in *here how much of it is in its first segment. NULL: no buffer.
 */
static __rte_always_inline struct rte_mbuf *
replicas_make(struct replicas *r, struct lcore *lc, const struct datagram *d, uint16_t port,
	uint16_t *here, enum dp_family family)
{
	struct rte_mbuf *copy;

	if (unlikely(!replicas_are_small(r, lc, port))) {
		*here = d->l3_bytes;
		return replica_whole(lc->packet_pool, d->ip, d->l3_bytes);
	}
	*here = (uint16_t)(d->l3_bytes - r->shared_bytes);
	copy = replica_stock_take(&r->headers);
	if (unlikely(copy != NULL && !replicas_fill(r, lc, d, &copy, 1, family))) {
		rte_mbuf_raw_free(copy);
		return NULL;
	}
	return copy;
}

/* The datagram at `ip` in m gets the leg's headers and is staged; `origin` of tx_origin(). */
static __rte_always_inline void
leg_send(struct lcore *lc, const struct leg *leg, const struct datagram *d, struct rte_mbuf *m,
	uint8_t *ip, uint16_t here, vector hop, uintptr_t origin, enum dp_family family,
	bool ordinary)
{
	const enum dp_family out = ordinary ? family : (enum dp_family)leg->family;
	const struct rewrite_tail *tail = rewrite_tail_const(&leg->rewrite6, out);
	uint16_t l3_bytes = d->l3_bytes;
	uint32_t bytes;

	if (out == family) {
		rewrite_ip(ip, &leg->rewrite6, family);
	} else {
		const struct rte_udp_hdr *whole = RTE_PTR_ADD(
			d->ip, replica_header_bytes(family) - sizeof(struct rte_udp_hdr));
		const uint8_t *old = ip;

		ip = translate(ip, l3_bytes, &leg->rewrite6, whole, family);
		here = (uint16_t)(here + (old - ip));
		l3_bytes = (uint16_t)translate_l3_bytes(l3_bytes, family);
	}
	bytes = rewrite_l2(
		m, ip, here, l3_bytes, hop, ordinary ? 0 : leg->outer_tci, tail->vlan_tci, out);
	tx_stage_frame(lc, next_hop_port(hop), m, bytes, origin);
}

/* Length of the datagram as a leg of family `out` sends it. */
static __rte_always_inline uint32_t
leg_l3_bytes(const struct datagram *d, enum dp_family family, enum dp_family out)
{
	return out == family ? d->l3_bytes : translate_l3_bytes(d->l3_bytes, family);
}

/* The copy of the leg in `slot`, unless there is a `reason` why not, with the headers of `leg`. */
static __rte_always_inline void
leg_act_as(struct lcore *lc, uint32_t slot, const struct leg *leg, vector hop, enum dp_drop reason,
	const struct datagram *d, struct replicas *r, bool original, enum dp_family family,
	bool ordinary)
{
	const uintptr_t origin = tx_origin(&lc->legs->legs[slot], TX_LEG);
	const enum dp_family out = ordinary ? family : (enum dp_family)leg->family;
	const uint32_t bytes = leg_l3_bytes(d, family, out);
	struct rte_mbuf *m = NULL;
	uint8_t *ip = d->ip;
	uint16_t here = d->l3_bytes;

	count_add(&lc->leg_counters[slot].packets, 1);
	count_add(&lc->leg_counters[slot].bytes, bytes);
	if (!ordinary && reason == LEG_OK && leg->policer != NULL &&
		!police_take(&leg->policer->police, lc->now_ns, bytes, lc->owner))
		reason = DP_DROP_leg_policed;
	if (likely(reason == LEG_OK)) {
		m = original ? d->m : replicas_make(r, lc, d, next_hop_port(hop), &here, family);
		reason = DP_DROP_no_buffer;
	}
	if (unlikely(m == NULL)) {
		copy_refuse(lc, reason == DP_DROP_peer_unknown ? d->port : next_hop_port(hop),
			origin, reason);
		if (original)
			rte_pktmbuf_free(d->m);
		return;
	}
	if (!original)
		ip = replica_ip(m);
	leg_send(lc, leg, d, m, ip, here, hop, origin, family, ordinary);
}

/* leg_act() to a learned source, the slow way. */
static __rte_noinline void
leg_act_learned(struct lcore *lc, uint32_t slot, const struct datagram *d, struct replicas *r,
	bool original, enum dp_family family)
{
	enum dp_drop reason = DP_DROP_peer_unknown;
	vector hop = {0};
	struct leg leg;

	if (leg_resolve(lc, leg_table_learned(lc->legs, slot), &leg, &hop)) {
		const enum dp_family out = (enum dp_family)leg.family;

		reason = leg_refuses(d->ip, leg_l3_bytes(d, family, out), next_hop_mtu(hop),
			rewrite_tail_const(&leg.rewrite6, out), family);
	}
	leg.policer = lc->legs->legs[slot].policer;
	if (family == DP_IPV4)
		leg_act_as(lc, slot, &leg, hop, reason, d, r, original, DP_IPV4, false);
	else
		leg_act_as(lc, slot, &leg, hop, reason, d, r, original, DP_IPV6, false);
}

/* One leg's turn; `original`: it takes the packet itself, else a copy. */
static __rte_always_inline void
leg_act(struct lcore *lc, uint32_t slot, const struct datagram *d, struct replicas *r,
	bool original, enum dp_family family, bool ordinary)
{
	const struct leg *leg = &lc->legs->legs[slot];
	const enum dp_family out = ordinary ? family : (enum dp_family)leg->family;
	const struct rewrite_tail *tail = rewrite_tail_const(&leg->rewrite6, out);
	const vector hop = next_hop_load(lc->next_hops, rewrite_next_hop(tail));
	const enum dp_drop reason =
		leg_refuses(d->ip, leg_l3_bytes(d, family, out), next_hop_mtu(hop), tail, family);

	if (unlikely(reason == DP_DROP_unresolved) && rewrite_is_stale(tail))
		leg_act_learned(lc, slot, d, r, original, family);
	else
		leg_act_as(lc, slot, leg, hop, reason, d, r, original, family, ordinary);
}

/*
 * leg_act() for four copies to ordinary legs. false: one may not leave, small buffers have run out,
 * or a port takes none; and nothing is done.
 */
static __rte_always_inline bool
legs_act_quad(struct lcore *lc, const uint32_t slots[QUAD], const struct datagram *d,
	struct replicas *r, enum dp_family family)
{
	const quad l3_bytes = quad_set(d->l3_bytes);
	struct rte_mbuf *copies[QUAD];
	void *legs[QUAD];
	quad hop[QUAD], port_mtu, bytes;
	struct rewrite_quad q;

	for (size_t i = 0; i < QUAD; i++) {
		struct leg *leg = &lc->legs->legs[slots[i]];

		legs[i] = leg;
		q.rewrite[i] = &leg->rewrite6;
		q.ip[i] = d->ip;
	}
	rewrite_quad_load(&q, family, family);
	port_mtu = legs_quad_hops(lc, &q, hop, family);
	if (unlikely(legs_quad_refused(&q, port_mtu, l3_bytes, family)))
		return false;
	for (size_t i = 0; i < QUAD; i++) {
		if (unlikely(!replicas_are_small(r, lc, (uint16_t)port_mtu[i])))
			return false;
	}
	if (unlikely(!replica_stock_take_quad(&r->headers, copies)))
		return false;
	if (unlikely(!replicas_fill(r, lc, d, copies, QUAD, family))) {
		r->headers.n = (uint16_t)(r->headers.n + QUAD);
		return false;
	}
	for (size_t i = 0; i < QUAD; i++) {
		q.ip[i] = replica_ip(copies[i]);
		count_packet(&lc->leg_counters[slots[i]], d->l3_bytes);
	}
	rewrite_quad(&q, family);
	bytes = legs_quad_l2(&q, copies, hop, quad_set(0), l3_bytes, family);
	for (size_t i = 0; i < QUAD; i++)
		copies[i]->data_len = (uint16_t)(bytes[i] - r->shared_bytes);
	legs_quad_stage(lc, port_mtu, copies, legs, bytes, TX_LEG);
	return true;
}

/* To all legs of a list: copies to all but the last, which takes the packet itself. */
static __rte_always_inline void
legs_act_ordinary(struct lcore *lc, const struct datagram *d, const struct leg_list *list,
	enum dp_family family)
{
	const uint16_t last = (uint16_t)(list->n - 1);
	struct replicas r;
	uint16_t i = 0;

	replicas_init(&r, lc, d, last, family);
	while (i < last) {
		const uint16_t end = (uint16_t)RTE_MIN(i + QUAD, (int)last);

		if (likely(i + LEGS_AHEAD + QUAD <= list->n)) {
			for (uint16_t k = 0; k < QUAD; k++)
				rte_prefetch0(&lc->legs->legs[list->legs[i + LEGS_AHEAD + k]]);
		}
		if (likely(end - i == QUAD) &&
			likely(legs_act_quad(lc, &list->legs[i], d, &r, family))) {
			i = end;
			continue;
		}
		for (; i < end; i++)
			leg_act(lc, list->legs[i], d, &r, false, family, true);
	}
	replicas_fini(&r);
	leg_act(lc, list->legs[last], d, NULL, true, family, true);
}

/* Whether a leg gets a copy of the n-th packet, counted from 1. */
static inline bool
leg_wants(const struct lcore *lc, uint32_t slot, uint64_t nth)
{
	const uint32_t one_in = lc->legs->legs[slot].one_in;

	return one_in == 0 || (nth - 1) % one_in == 0;
}

/* The same for legs of which some sample, police, translate or tag twice. */
static inline void
legs_act_special(struct lcore *lc, const struct datagram *d, const struct leg_list *list,
	uint64_t nth, enum dp_family family)
{
	uint16_t n = 0, last = 0;
	struct replicas r;

	for (uint16_t i = 0; i < list->n; i++) {
		if (leg_wants(lc, list->legs[i], nth)) {
			n++;
			last = i;
		}
	}
	if (n == 0) {
		rte_pktmbuf_free(d->m);
		return;
	}
	replicas_init(&r, lc, d, (uint16_t)(n - 1), family);
	for (uint16_t i = 0; i < last; i++) {
		if (leg_wants(lc, list->legs[i], nth))
			leg_act(lc, list->legs[i], d, &r, false, family, false);
	}
	replicas_fini(&r);
	leg_act(lc, list->legs[last], d, NULL, true, family, false);
}

static inline void
legs_act(struct lcore *lc, const struct datagram *d, const struct leg_list *list, uint64_t nth,
	enum dp_family family)
{
	if (list->n == 1 && !leg_wants(lc, list->legs[0], nth))
		rte_pktmbuf_free(d->m);
	else if (list->n == 1)
		leg_act(lc, list->legs[0], d, NULL, true, family, false);
	else if (likely(list->ordinary) && family == DP_IPV4)
		legs_act_ordinary(lc, d, list, DP_IPV4);
	else if (likely(list->ordinary))
		legs_act_ordinary(lc, d, list, DP_IPV6);
	else
		legs_act_special(lc, d, list, nth, family);
}

#endif
