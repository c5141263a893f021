/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turn the headers of a datagram into those that a leg leaves with. Checksums follow
 * incrementally, so an error that came in is still an error for the receiver.
 */
#ifndef DATAPLANE_REWRITE_H
#define DATAPLANE_REWRITE_H

#include <stdbool.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "checksum.h"
#include "flow_entry.h"

#define ECN_MASK 0x03 /* RFC 3168: the low two bits of the DS field */

/* True when the TTL or hop limit does not allow another hop (RFC 1812 5.3.1, RFC 8200 3). */
static __rte_always_inline bool
rewrite_expires(const void *ip, const struct rewrite_tail *tail, enum dp_family family)
{
	uint8_t ttl = family == DP_IPV4 ? ((const struct rte_ipv4_hdr *)ip)->time_to_live
					: ((const struct rte_ipv6_hdr *)ip)->hop_limits;

	return tail->ttl == DP_TTL_DECREMENT && ttl <= 1;
}

static __rte_always_inline uint8_t
rewrite_tos(uint8_t old, const struct rewrite_tail *tail)
{
	return (tail->flags & REWRITE_SET_DSCP) != 0 ? (uint8_t)((old & ECN_MASK) | tail->tos)
						     : old;
}

static __rte_always_inline uint8_t
rewrite_ttl(uint8_t old, const struct rewrite_tail *tail)
{
	return tail->ttl == DP_TTL_DECREMENT ? (uint8_t)(old - 1) : tail->ttl;
}

/* RFC 768: 0 means "no checksum", so a sum of 0 is sent as its other form. */
static __rte_always_inline void
rewrite_udp_checksum(struct rte_udp_hdr *udp, uint32_t change)
{
	rte_be16_t sum;

	if (udp->dgram_cksum == 0)
		return;
	sum = checksum_update(udp->dgram_cksum, change);
	udp->dgram_cksum = sum == 0 ? 0xffff : sum;
}

/*
 * The 16-bit word that two header bytes make, as it lies in memory. Put together in a register: to
 * store a byte and load the word around it would wait for the store (about 15 cycles each).
 */
static __rte_always_inline uint16_t
rewrite_word(uint8_t first, uint8_t second)
{
	static_assert(RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN, "first byte is the low one");
	return (uint16_t)(first | second << 8);
}

static __rte_always_inline void
rewrite_ip4(struct rte_ipv4_hdr *ip, const struct rewrite4 *rewrite)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
	uint32_t ip_change = rewrite->ip_delta, udp_change = rewrite->udp_delta;
	const uint8_t tos = rewrite_tos(ip->type_of_service, &rewrite->tail);
	const uint8_t ttl = rewrite_ttl(ip->time_to_live, &rewrite->tail);

	if (unlikely((rewrite->tail.flags & REWRITE_ANY_SOURCE) != 0)) {
		uint32_t source = checksum_sum_complement(&ip->src_addr, sizeof(ip->src_addr));

		ip_change += source;
		udp_change += source + (uint16_t)~udp->src_port;
	}
	ip_change += (uint16_t)~rewrite_word(ip->version_ihl, ip->type_of_service) +
		     (uint32_t)rewrite_word(ip->version_ihl, tos) +
		     (uint16_t)~rewrite_word(ip->time_to_live, ip->next_proto_id) +
		     rewrite_word(ttl, ip->next_proto_id);

	ip->type_of_service = tos;
	ip->time_to_live = ttl;
	ip->hdr_checksum = checksum_update(ip->hdr_checksum, ip_change);
	rewrite_udp_checksum(udp, udp_change);
	memcpy(&ip->src_addr, rewrite, offsetof(struct rewrite4, ip_delta));
}

static __rte_always_inline void
rewrite_ip6(struct rte_ipv6_hdr *ip, const struct rewrite6 *rewrite)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
	uint32_t word = rte_be_to_cpu_32(ip->vtc_flow), udp_change = rewrite->udp_delta;
	uint8_t tos = rewrite_tos((uint8_t)(word >> RTE_IPV6_HDR_TC_SHIFT), &rewrite->tail);

	if (unlikely((rewrite->tail.flags & REWRITE_ANY_SOURCE) != 0))
		udp_change += checksum_sum_complement(&ip->src_addr, sizeof(ip->src_addr)) +
			      (uint16_t)~udp->src_port;
	ip->vtc_flow = rte_cpu_to_be_32((word & ~(uint32_t)RTE_IPV6_HDR_TC_MASK) |
					((uint32_t)tos << RTE_IPV6_HDR_TC_SHIFT));
	ip->hop_limits = rewrite_ttl(ip->hop_limits, &rewrite->tail);
	rewrite_udp_checksum(udp, udp_change);
	memcpy(&ip->src_addr, rewrite->src, sizeof(rewrite->src));
	memcpy(&ip->dst_addr, rewrite->dst, sizeof(rewrite->dst));
	udp->src_port = rewrite->src_port;
	udp->dst_port = rewrite->dst_port;
}

static __rte_always_inline void
rewrite_ip(void *ip, const void *rewrite, enum dp_family family)
{
	if (family == DP_IPV4)
		rewrite_ip4(ip, rewrite);
	else
		rewrite_ip6(ip, rewrite);
}

/*
 * Put the link layer in front of `ip`, which lies in m's buffer with room before it: an mbuf from
 * a receive queue has RTE_PKTMBUF_HEADROOM. `here` bytes from ip on are in this segment, `l3_bytes`
 * in the whole frame.
 */
static __rte_always_inline void
rewrite_l2(struct rte_mbuf *m, void *ip, uint16_t here, uint16_t l3_bytes,
	const struct dp_next_hop *next_hop, const struct rewrite_tail *tail, enum dp_family family)
{
	const rte_be16_t type =
		family == DP_IPV4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	uint16_t l2_bytes = sizeof(struct rte_ether_hdr);
	uint8_t *start;

	if (tail->vlan_tci != 0)
		l2_bytes += sizeof(struct rte_vlan_hdr);
	start = (uint8_t *)ip - l2_bytes;
	memcpy((uint8_t *)ip - sizeof(type), &type, sizeof(type));
	if (tail->vlan_tci != 0) {
		const rte_be16_t tag[2] = {RTE_BE16(RTE_ETHER_TYPE_VLAN), tail->vlan_tci};

		memcpy(start + 2 * sizeof(struct rte_ether_addr), tag, sizeof(tag));
	}
	memcpy(start, next_hop, 2 * sizeof(struct rte_ether_addr));
	m->data_off = (uint16_t)(start - (uint8_t *)m->buf_addr);
	m->data_len = (uint16_t)(l2_bytes + here);
	m->pkt_len = (uint32_t)l2_bytes + l3_bytes;
}

#endif
