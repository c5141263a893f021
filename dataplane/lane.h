/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One frame, parsed, into its place in the lane of its family; its bucket is then on its way.
 */
#ifndef DATAPLANE_LANE_H
#define DATAPLANE_LANE_H

#include <string.h>

#include <rte_mbuf.h>

#include "burst.h"
#include "classify.h"
#include "parse.h"

/* How many datagrams each lane has, while a burst is parsed: in registers. */
struct lane_sizes {
	uint16_t n4, n6;
};

/* A datagram takes its place in the lane, and its bucket is on its way. */
static __rte_always_inline void
lane_append(struct lane *lane, uint16_t n, const struct flow_table *table, struct rte_mbuf *m,
	void *ip, uint16_t l3_bytes, enum dp_family family)
{
	lane->packets[n] = m;
	lane->ips[n] = ip;
	lane->l3_bytes[n] = l3_bytes;
	classify_begin(table, lane, n, family);
}

/* Take extension headers out of a frame: what is before the UDP header moves up to it. */
static __rte_noinline void
extension_cut(struct rte_mbuf *m, uint16_t l2_bytes, uint32_t skip_bytes)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	extension_remove((struct rte_ipv6_hdr *)(void *)(frame + l2_bytes), skip_bytes);
	memmove(frame + skip_bytes, frame, l2_bytes);
	rte_pktmbuf_adj(m, (uint16_t)skip_bytes);
}

/* What is behind a frame's link layer into the lane of its family, or the reason why not. */
static __rte_always_inline enum dp_drop
parse_datagram(struct lcore *lc, struct lane_sizes *sizes, struct rte_mbuf *m,
	rte_be16_t ether_type, uint16_t l2_bytes, uint32_t domain)
{
	const uint32_t bytes = (uint32_t)m->data_len - l2_bytes;
	void *ip = rte_pktmbuf_mtod_offset(m, void *, l2_bytes);
	uint32_t skip_bytes;
	uint16_t l3_bytes = 0;
	enum dp_drop reason;

	if (likely(ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))) {
		reason = parse_ip4(ip, bytes, &l3_bytes);
		if (unlikely(reason != PARSE_OK))
			return reason;
		parse_key4(ip, domain, &lc->lane4.key4[sizes->n4]);
		lane_append(&lc->lane4, sizes->n4++, lc->table4, m, ip, l3_bytes, DP_IPV4);
		return PARSE_OK;
	}
	if (unlikely(ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV6)))
		return DP_DROP_not_ip;
	reason = parse_ip6(ip, bytes, &l3_bytes, &skip_bytes);
	if (unlikely(reason != PARSE_OK))
		return reason;
	if (unlikely(skip_bytes > 0)) {
		extension_cut(m, l2_bytes, skip_bytes);
		ip = rte_pktmbuf_mtod_offset(m, void *, l2_bytes);
	}
	parse_key6(ip, domain, &lc->lane6.key6[sizes->n6]);
	lane_append(&lc->lane6, sizes->n6++, lc->table6, m, ip, l3_bytes, DP_IPV6);
	return PARSE_OK;
}

/* One frame into a lane, or the reason why not. */
static __rte_always_inline enum dp_drop
parse_packet(struct lcore *lc, struct lane_sizes *sizes, uint16_t port, struct rte_mbuf *m)
{
	struct parsed_tags tags;
	rte_be16_t ether_type;
	enum dp_drop reason = parse_ethernet(m, &ether_type);

	if (unlikely(reason != PARSE_OK))
		return reason;
	if (likely(!parse_is_tag(ether_type)))
		return parse_datagram(
			lc, sizes, m, ether_type, RTE_ETHER_HDR_LEN, flow_domain(port, 0, 0));
	reason = parse_tags(m, ether_type, &tags);
	if (unlikely(reason != PARSE_OK))
		return reason;
	return parse_datagram(lc, sizes, m, tags.ether_type, tags.l2_bytes,
		flow_domain(port, tags.vlan, tags.outer_vlan));
}

#endif
