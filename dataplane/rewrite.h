/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turn the headers of a datagram into those that a leg of the same family leaves with, and put the
 * link layer before them. Checksums follow incrementally, so an error that came in is still an
 * error for the receiver.
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

	return ttl <= 1 && (tail->flags & REWRITE_SET_TTL) == 0;
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
	return (tail->flags & REWRITE_SET_TTL) != 0 ? tail->ttl : (uint8_t)(old - 1);
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

/* The part of the checksum changes that lies in the packet's own addresses and ports. */
static inline uint32_t
rewrite_open_fields(const void *ip, const struct rte_udp_hdr *udp, uint8_t flags,
	enum dp_family family, uint32_t *addresses)
{
	const uint8_t *src =
		(const uint8_t *)ip + (family == DP_IPV4 ? offsetof(struct rte_ipv4_hdr, src_addr)
							 : offsetof(struct rte_ipv6_hdr, src_addr));
	const size_t bytes = family == DP_IPV4 ? sizeof(rte_be32_t) : 16;
	uint32_t ports = 0;

	*addresses = 0;
	if ((flags & REWRITE_ANY_SOURCE) != 0) {
		*addresses += checksum_sum_complement(src, bytes);
		ports += (uint16_t)~udp->src_port;
	}
	if ((flags & REWRITE_ANY_DESTINATION) != 0) {
		*addresses += checksum_sum_complement(src + bytes, bytes);
		ports += (uint16_t)~udp->dst_port;
	}
	return *addresses + ports;
}

/* What is not ordinary about a rewrite: fields that are set, and fields that the key left open. */
static inline void
rewrite_ip4_special(struct rte_ipv4_hdr *ip, const struct rte_udp_hdr *udp,
	const struct rewrite_tail *tail, uint32_t *ip_change, uint32_t *udp_change)
{
	const uint8_t tos = rewrite_tos(ip->type_of_service, tail);
	uint32_t addresses;

	*udp_change += rewrite_open_fields(ip, udp, tail->flags, DP_IPV4, &addresses);
	*ip_change += addresses;
	*ip_change += (uint16_t)~rewrite_word(ip->version_ihl, ip->type_of_service) +
		      (uint32_t)rewrite_word(ip->version_ihl, tos);
	ip->type_of_service = tos;
	if ((tail->flags & REWRITE_SET_TTL) != 0) {
		*ip_change += (uint16_t)~rewrite_word(ip->time_to_live, ip->next_proto_id) +
			      (uint32_t)rewrite_word(tail->ttl, ip->next_proto_id);
		ip->time_to_live = tail->ttl;
	} else {
		ip->time_to_live--;
	}
}

static __rte_always_inline void
rewrite_ip4(struct rte_ipv4_hdr *ip, const struct rewrite4 *rewrite)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
	uint32_t ip_change = rewrite->ip_delta, udp_change = rewrite->udp_delta;

	if (likely(rewrite->tail.flags == 0))
		ip->time_to_live--;
	else
		rewrite_ip4_special(ip, udp, &rewrite->tail, &ip_change, &udp_change);
	ip->hdr_checksum = checksum_update(ip->hdr_checksum, ip_change);
	rewrite_udp_checksum(udp, udp_change);
	memcpy((uint8_t *)ip + offsetof(struct rte_ipv4_hdr, src_addr), rewrite,
		offsetof(struct rewrite4, ip_delta));
}

static __rte_always_inline void
rewrite_ip6(struct rte_ipv6_hdr *ip, const struct rewrite6 *rewrite)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
	uint32_t udp_change = rewrite->udp_delta;

	if (likely(rewrite->tail.flags == 0)) {
		ip->hop_limits--;
	} else {
		const uint32_t word = rte_be_to_cpu_32(ip->vtc_flow);
		const uint8_t tos =
			rewrite_tos((uint8_t)(word >> RTE_IPV6_HDR_TC_SHIFT), &rewrite->tail);
		uint32_t addresses;

		udp_change +=
			rewrite_open_fields(ip, udp, rewrite->tail.flags, DP_IPV6, &addresses);
		ip->vtc_flow = rte_cpu_to_be_32((word & ~(uint32_t)RTE_IPV6_HDR_TC_MASK) |
						((uint32_t)tos << RTE_IPV6_HDR_TC_SHIFT));
		ip->hop_limits = rewrite_ttl(ip->hop_limits, &rewrite->tail);
	}
	rewrite_udp_checksum(udp, udp_change);
	memcpy((uint8_t *)ip + offsetof(struct rte_ipv6_hdr, src_addr), rewrite,
		offsetof(struct rewrite6, udp_delta));
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
 * in the whole frame; outer_tci and vlan_tci 0 are no tag. Returns the length of the frame.
 */
static __rte_always_inline uint32_t
rewrite_l2(struct rte_mbuf *m, uint8_t *ip, uint16_t here, uint16_t l3_bytes, __m128i next_hop,
	rte_be16_t outer_tci, rte_be16_t vlan_tci, enum dp_family family)
{
	const rte_be16_t type =
		family == DP_IPV4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	uint16_t l2_bytes = sizeof(struct rte_ether_hdr);
	uint16_t first_word;

	if (likely(vlan_tci == 0 && outer_tci == 0)) {
		/* One store: MACs, type, and the first word of the IP header as it is. */
		memcpy(&first_word, ip, sizeof(first_word));
		next_hop = _mm_insert_epi16(next_hop, type, 6);
		next_hop = _mm_insert_epi16(next_hop, first_word, 7);
		_mm_storeu_si128((__m128i *)(void *)(ip - l2_bytes), next_hop);
	} else {
		rte_be16_t tags[5], *end = tags;

		if (outer_tci != 0) {
			*end++ = RTE_BE16(RTE_ETHER_TYPE_QINQ);
			*end++ = outer_tci;
		}
		if (vlan_tci != 0) {
			*end++ = RTE_BE16(RTE_ETHER_TYPE_VLAN);
			*end++ = vlan_tci;
		}
		*end++ = type;
		l2_bytes = (uint16_t)(2 * sizeof(struct rte_ether_addr) +
				      (size_t)(end - tags) * sizeof(tags[0]));
		_mm_storeu_si128((__m128i *)(void *)(ip - l2_bytes), next_hop);
		memcpy(ip - l2_bytes + 2 * sizeof(struct rte_ether_addr), tags,
			l2_bytes - 2 * sizeof(struct rte_ether_addr));
	}
	m->data_off = (uint16_t)(ip - l2_bytes - (uint8_t *)m->buf_addr);
	m->data_len = (uint16_t)(l2_bytes + here);
	m->pkt_len = (uint32_t)l2_bytes + l3_bytes;
	return m->pkt_len;
}

/*
 * Turn a datagram of one family into one of the other (RFC 7915 for UDP). The
 * new IP header is written so that it ends where the UDP header begins, over the old one: an IPv6
 * header starts 20 bytes before the IPv4 header that it replaces.
 */

#define TRANSLATE_GROWTH_BYTES (sizeof(struct rte_ipv6_hdr) - sizeof(struct rte_ipv4_hdr))

/* Length of the datagram after translation from `family`. */
static inline uint32_t
translate_l3_bytes(uint16_t l3_bytes, enum dp_family family)
{
	return family == DP_IPV4 ? l3_bytes + (uint32_t)TRANSLATE_GROWTH_BYTES
				 : l3_bytes - (uint32_t)TRANSLATE_GROWTH_BYTES;
}

/*
 * UDP checksum over IPv6 of a datagram that came without one (RFC 8200, 8.1). `whole` is the UDP
 * header as it came with all of its payload behind it; `udp` the one that leaves.
 */
static inline rte_be16_t
translate_udp_checksum(const struct rte_ipv6_hdr *ip, const struct rte_udp_hdr *udp,
	const struct rte_udp_hdr *whole)
{
	const uint16_t udp_bytes = rte_be_to_cpu_16(udp->dgram_len);
	uint32_t sum = checksum_sum(ip->src_addr, sizeof(ip->src_addr)) +
		       checksum_sum(ip->dst_addr, sizeof(ip->dst_addr));
	rte_be16_t checksum;

	/* Length stands in the pseudo-header, and in the header. */
	sum += RTE_BE16(IPPROTO_UDP) + 2 * (uint32_t)udp->dgram_len + udp->src_port + udp->dst_port;
	sum += rte_raw_cksum(whole + 1, udp_bytes - sizeof(*udp));
	checksum = (rte_be16_t)~checksum_fold(sum);
	return checksum == 0 ? 0xffff : checksum;
}

static inline void *
translate_4to6(struct rte_ipv4_hdr *ip, uint16_t l3_bytes, const struct rewrite6 *rewrite,
	const struct rte_udp_hdr *whole)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
	struct rte_ipv6_hdr *out = (struct rte_ipv6_hdr *)(void *)udp - 1;
	const uint32_t tos = rewrite_tos(ip->type_of_service, &rewrite->tail);
	const uint8_t ttl = rewrite_ttl(ip->time_to_live, &rewrite->tail);
	const bool has_checksum = udp->dgram_cksum != 0;
	uint32_t addresses, change = rewrite->udp_delta;

	change += rewrite_open_fields(ip, udp, rewrite->tail.flags, DP_IPV4, &addresses);
	out->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28 | tos << RTE_IPV6_HDR_TC_SHIFT);
	out->payload_len = rte_cpu_to_be_16((uint16_t)(l3_bytes - sizeof(*ip)));
	out->proto = IPPROTO_UDP;
	out->hop_limits = ttl;
	rewrite_udp_checksum(udp, change);
	memcpy((uint8_t *)out + offsetof(struct rte_ipv6_hdr, src_addr), rewrite,
		offsetof(struct rewrite6, udp_delta));
	if (!has_checksum)
		udp->dgram_cksum = translate_udp_checksum(out, udp, whole);
	return out;
}

static inline void *
translate_6to4(struct rte_ipv6_hdr *ip, uint16_t l3_bytes, const struct rewrite4 *rewrite)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
	struct rte_ipv4_hdr *out = (struct rte_ipv4_hdr *)(void *)udp - 1;
	const uint32_t word = rte_be_to_cpu_32(ip->vtc_flow);
	const uint8_t tos = rewrite_tos((uint8_t)(word >> RTE_IPV6_HDR_TC_SHIFT), &rewrite->tail);
	const uint8_t ttl = rewrite_ttl(ip->hop_limits, &rewrite->tail);
	uint32_t addresses, change = rewrite->udp_delta;

	change += rewrite_open_fields(ip, udp, rewrite->tail.flags, DP_IPV6, &addresses);
	rewrite_udp_checksum(udp, change);
	out->version_ihl = RTE_IPV4_VHL_DEF;
	out->type_of_service = tos;
	out->total_length = rte_cpu_to_be_16((uint16_t)(l3_bytes - TRANSLATE_GROWTH_BYTES));
	out->packet_id = 0;
	out->fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
	out->time_to_live = ttl;
	out->next_proto_id = IPPROTO_UDP;
	out->hdr_checksum = 0;
	memcpy((uint8_t *)out + offsetof(struct rte_ipv4_hdr, src_addr), rewrite,
		offsetof(struct rewrite4, ip_delta));
	out->hdr_checksum = (rte_be16_t)~checksum_fold(checksum_sum(out, sizeof(*out)));
	return out;
}

/*
 * Translate the datagram at `ip` of `family` to the other one. `whole`: its UDP header, with the
 * payload behind it, as it came. Returns where the new IP header is.
 */
static inline void *
translate(void *ip, uint16_t l3_bytes, const void *rewrite, const struct rte_udp_hdr *whole,
	enum dp_family family)
{
	return family == DP_IPV4 ? translate_4to6(ip, l3_bytes, rewrite, whole)
				 : translate_6to4(ip, l3_bytes, rewrite);
}

#endif
