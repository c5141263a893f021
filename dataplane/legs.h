/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One datagram to its legs: each gets a copy with headers of its own, and the last one the packet
 * itself. What a leg may not send is counted as its drop; the others are not concerned.
 */
#ifndef DATAPLANE_LEGS_H
#define DATAPLANE_LEGS_H

#include "burst.h"
#include "leg_table.h"
#include "policer.h"
#include "replicate.h"
#include "rewrite.h"
#include "tx.h"

#define LEG_OK DP_DROP_COUNT /* nothing against sending the copy */
#define LEG_PREFETCH_AHEAD 4

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

/* Copies of one packet: what they are made of. */
struct replicas {
	struct replica_stock headers;
	struct replica_stock references;
	bool shareable; /* by reference, where the driver allows that */
	uint16_t n_shared; /* references taken */
};

static __rte_always_inline void
replicas_init(struct replicas *r, struct lcore *lc, const struct datagram *d, uint16_t n)
{
	replica_stock_init(&r->headers, lc->header_pool, n);
	replica_stock_init(&r->references, lc->reference_pool, n);
	r->shareable = d->l3_bytes > REPLICA_COPY_BYTES && RTE_MBUF_DIRECT(d->m);
	r->n_shared = 0;
	/* Before the first copy can be freed, and once for all of them. */
	if (r->shareable)
		rte_mbuf_refcnt_update(d->m, (int16_t)n);
}

/* Return what was taken for `n` copies and not used. */
static __rte_always_inline void
replicas_fini(struct replicas *r, const struct datagram *d, uint16_t n)
{
	replica_stock_give_back(&r->headers);
	replica_stock_give_back(&r->references);
	if (r->shareable && unlikely(r->n_shared != n))
		rte_mbuf_refcnt_update(d->m, (int16_t)(r->n_shared - n));
}

/* A copy to leave by `port`, and in *here how much of it is in its first segment. NULL: no buffer.
 */
static __rte_always_inline struct rte_mbuf *
replicas_make(struct replicas *r, struct lcore *lc, const struct datagram *d, uint16_t port,
	uint16_t *here, enum dp_family family)
{
	struct rte_mbuf *copy;

	*here = d->l3_bytes;
	if (likely(d->l3_bytes <= REPLICA_COPY_BYTES))
		return replica_short(&r->headers, d->ip, d->l3_bytes);
	if (!r->shareable || !lc->stages[port].shares_payload)
		return replica_whole(lc->packet_pool, d->ip, d->l3_bytes);
	copy = replica_by_reference(&r->headers, &r->references, d->m, d->ip, d->l3_bytes, family);
	*here = replica_header_bytes(family);
	r->n_shared = (uint16_t)(r->n_shared + (copy != NULL));
	return copy;
}

/* The datagram at `ip` in m gets the leg's headers and is staged. */
static __rte_always_inline void
leg_send(struct lcore *lc, const struct leg *leg, const struct datagram *d, struct rte_mbuf *m,
	uint8_t *ip, uint16_t here, vector hop, enum dp_family family, bool ordinary)
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
	tx_stage_frame(lc, next_hop_port(hop), m, bytes, tx_origin(leg, TX_LEG));
}

/* One leg's turn; `original`: it takes the packet itself, else a copy. */
static __rte_always_inline void
leg_act(struct lcore *lc, uint32_t slot, const struct datagram *d, struct replicas *r,
	bool original, enum dp_family family, bool ordinary)
{
	const struct leg *leg = &lc->legs->legs[slot];
	const enum dp_family out = ordinary ? family : (enum dp_family)leg->family;
	const struct rewrite_tail *tail = rewrite_tail_const(&leg->rewrite6, out);
	const vector hop = next_hop_load(lc->next_hops, tail->next_hop);
	const uint32_t bytes =
		out == family ? d->l3_bytes : translate_l3_bytes(d->l3_bytes, family);
	enum dp_drop reason = leg_refuses(d->ip, bytes, next_hop_mtu(hop), tail, family);
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
		copy_refuse(lc, next_hop_port(hop), tx_origin(leg, TX_LEG), reason);
		if (original)
			rte_pktmbuf_free(d->m);
		return;
	}
	if (!original)
		ip = replica_ip(m);
	leg_send(lc, leg, d, m, ip, here, hop, family, ordinary);
}

/*
 * To all legs of a list: copies to all but the last, which takes the packet itself. The payload's
 * reference count moves up once for all copies, and down once for those that were not made.
 */
static inline void
legs_act_ordinary(struct lcore *lc, const struct datagram *d, const struct leg_list *list,
	enum dp_family family)
{
	const uint16_t last = (uint16_t)(list->n - 1);
	struct replicas r;

	replicas_init(&r, lc, d, last);
	for (uint16_t i = 0; i < last; i++) {
		if (i + LEG_PREFETCH_AHEAD <= last)
			rte_prefetch0(&lc->legs->legs[list->legs[i + LEG_PREFETCH_AHEAD]]);
		leg_act(lc, list->legs[i], d, &r, false, family, true);
	}
	replicas_fini(&r, d, last);
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
	replicas_init(&r, lc, d, (uint16_t)(n - 1));
	for (uint16_t i = 0; i < last; i++) {
		if (leg_wants(lc, list->legs[i], nth))
			leg_act(lc, list->legs[i], d, &r, false, family, false);
	}
	replicas_fini(&r, d, (uint16_t)(n - 1));
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
	else if (likely(list->ordinary))
		legs_act_ordinary(lc, d, list, family);
	else
		legs_act_special(lc, d, list, nth, family);
}

#endif
