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
#include "quad.h"
#include "vector.h"

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

static __rte_always_inline size_t
rewrite_address_offset(enum dp_family family)
{
	return family == DP_IPV4 ? offsetof(struct rte_ipv4_hdr, src_addr)
				 : offsetof(struct rte_ipv6_hdr, src_addr);
}

static __rte_always_inline size_t
rewrite_address_bytes(enum dp_family family)
{
	return family == DP_IPV4 ? sizeof(rte_be32_t) : 16;
}

/* Of the UDP ports, behind both addresses. */
static __rte_always_inline size_t
rewrite_ports_offset(enum dp_family family)
{
	return rewrite_address_offset(family) + 2 * rewrite_address_bytes(family);
}

/* The part of the checksum changes that lies in the packet's own addresses and ports. */
static inline uint32_t
rewrite_open_fields(const void *ip, const struct rte_udp_hdr *udp, uint8_t flags,
	enum dp_family family, uint32_t *addresses)
{
	const uint8_t *src = (const uint8_t *)ip + rewrite_address_offset(family);
	const size_t bytes = rewrite_address_bytes(family);
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
 * Four datagrams of one family at a time, each by a rewrite of its own.
 *
 * The last 16 bytes of a rewrite are alike in both families. As words: the ports; the changes of
 * checksums, which in a rewrite4 are that of IP in the low half and that of UDP in the high one,
 * and in a rewrite6 that of UDP; next hop and VLAN tag; and the rest of the tail.
 */
struct rewrite_quad {
	uint8_t *ip[QUAD];
	const void *rewrite[QUAD];
	quad ports;
	quad change;
	quad hop_tci; /* next hop in the low half, VLAN tag in the high one */
	quad fields; /* TOS, TTL, flags, owner; from the low byte on */
	/* Of the packet. */
	quad first; /* word of the IP header */
	quad ttl; /* word with TTL, protocol and checksum, or with length, next header, hop limit */
	quad udp; /* length in the low half, checksum in the high one */
};
static_assert(offsetof(struct rewrite4, udp_delta) == 14, "the last 16 bytes of a rewrite");
static_assert(offsetof(struct rewrite6, udp_delta) == 36, "the last 16 bytes of a rewrite");
static_assert(offsetof(struct rewrite_tail, flags) == 6, "the third byte of the last word");

#define REWRITE_FLAGS_SHIFT 16 /* of the flags in `fields` */
#define IPV6_HOP_LIMIT_SHIFT 24 /* of the hop limit in its word */
#define IPV4_TTL_OFFSET offsetof(struct rte_ipv4_hdr, time_to_live)
#define IPV6_LENGTH_OFFSET offsetof(struct rte_ipv6_hdr, payload_len)

/* The words `offset` bytes into the four headers. */
static __rte_always_inline quad
rewrite_quad_words(const struct rewrite_quad *q, size_t offset)
{
	return quad_gather(
		q->ip[0] + offset, q->ip[1] + offset, q->ip[2] + offset, q->ip[3] + offset);
}

/* Datagrams of `family`, rewrites of family `out`. */
static __rte_always_inline void
rewrite_quad_load(struct rewrite_quad *q, enum dp_family family, enum dp_family out)
{
	quad head[QUAD], last[QUAD];

	for (size_t i = 0; i < QUAD; i++) {
		head[i] = quad_load(q->ip[i]);
		last[i] = vector_load_halves(
			RTE_PTR_ADD(q->rewrite[i], rewrite_bytes(out) - sizeof(last[i])));
	}
	q->ports = quad_word(last, 0);
	q->change = quad_word(last, 1);
	q->hop_tci = quad_word(last, 2);
	q->fields = quad_word(last, 3);
	q->first = quad_word(head, 0);
	q->ttl = quad_word(head, family == DP_IPV4 ? 2 : 1);
	q->udp = rewrite_quad_words(q, rewrite_ports_offset(family) + sizeof(uint32_t));
}

/* Which rewrites have `flag` set, as a mask. */
static __rte_always_inline quad
rewrite_quad_flag(const struct rewrite_quad *q, uint32_t flag)
{
	return ~quad_equal(q->fields & quad_set(flag << REWRITE_FLAGS_SHIFT), quad_set(0));
}

/* As rewrite_expires(), as a mask. */
static __rte_always_inline quad
rewrite_quad_expires(const struct rewrite_quad *q, enum dp_family family)
{
	const quad ttl =
		family == DP_IPV4 ? q->ttl & quad_set(0xff) : q->ttl >> IPV6_HOP_LIMIT_SHIFT;

	return quad_below(ttl, quad_set(2)) & ~rewrite_quad_flag(q, REWRITE_SET_TTL);
}

/* As checksum_sum_complement() of the addresses at `offset`. */
static __rte_always_inline quad
rewrite_quad_complement(const struct rewrite_quad *q, size_t offset, enum dp_family family)
{
	quad sum = quad_set(0);

	for (size_t i = 0; i < rewrite_address_bytes(family); i += sizeof(uint32_t))
		sum += quad_halves(rewrite_quad_words(q, offset + i));
	return quad_set((uint32_t)rewrite_address_bytes(family) / 2 * 0xffff) - sum;
}

/* As rewrite_open_fields(). */
static __rte_always_inline quad
rewrite_quad_open_fields(const struct rewrite_quad *q, enum dp_family family, quad *addresses)
{
	const size_t src = rewrite_address_offset(family);
	const size_t dst = src + rewrite_address_bytes(family);
	const quad any_source = rewrite_quad_flag(q, REWRITE_ANY_SOURCE);
	const quad any_destination = rewrite_quad_flag(q, REWRITE_ANY_DESTINATION);
	const quad ports = ~rewrite_quad_words(q, rewrite_ports_offset(family));
	quad open_ports = ports & quad_set(0xffff) & any_source;

	*addresses = rewrite_quad_complement(q, src, family) & any_source;
	if (unlikely(quad_any(any_destination))) { /* of a rule */
		*addresses += rewrite_quad_complement(q, dst, family) & any_destination;
		open_ports += ports >> 16 & any_destination;
	}
	return *addresses + open_ports;
}

/*
 * TTL and DSCP that some of the four set. `ttl` and `ip_change` are those of an ordinary rewrite,
 * and become those of each.
 */
static __rte_always_inline void
rewrite_quad_set_fields(struct rewrite_quad *q, quad *ttl, quad *ip_change, enum dp_family family)
{
	const quad set_dscp = rewrite_quad_flag(q, REWRITE_SET_DSCP);
	const quad set_ttl = rewrite_quad_flag(q, REWRITE_SET_TTL);
	const quad tos = q->fields & quad_set(0xff), new_ttl = q->fields >> 8 & quad_set(0xff);
	const quad low = quad_set(0xffff);
	quad first;

	if (family == DP_IPV4) {
		/* The second byte is TOS, of which ECN stays. */
		first = (q->first & quad_set(0xffff00ff | ECN_MASK << 8)) | tos << 8;
		first = quad_select(set_dscp, first, q->first);
		*ttl = quad_select(set_ttl, (q->ttl & ~quad_set(0xff)) | new_ttl, *ttl);
		/* Old words out, new ones in. That of an ordinary TTL is in the change already. */
		*ip_change += (~q->first & low) + (first & low);
		*ip_change += set_ttl & ((~q->ttl & low) + (*ttl & low));
	} else {
		/* The class is the low half of the first byte and the high half of the second. */
		first = (q->first & quad_set(0xffff0ff0 | ECN_MASK << 12)) | tos >> 4 |
			(tos & quad_set(0x0f)) << 12;
		first = quad_select(set_dscp, first, q->first);
		*ttl = quad_select(set_ttl,
			(q->ttl & quad_set(0xffffff)) | new_ttl << IPV6_HOP_LIMIT_SHIFT, *ttl);
	}
	q->first = first;
	for (size_t i = 0; i < QUAD; i++)
		quad_store_word(q->ip[i], first, i);
}

/*
 * What some of the four have that is not ordinary, as rewrite_ip4_special(). The changes of
 * checksums are 16 bits each, before and after.
 */
static __rte_always_inline void
rewrite_quad_special(
	struct rewrite_quad *q, quad *ttl, quad *ip_change, quad *udp_change, enum dp_family family)
{
	const uint32_t set = (REWRITE_SET_DSCP | REWRITE_SET_TTL) << REWRITE_FLAGS_SHIFT;
	quad addresses;

	*udp_change += rewrite_quad_open_fields(q, family, &addresses);
	*ip_change += addresses;
	if (quad_any(q->fields & quad_set(set)))
		rewrite_quad_set_fields(q, ttl, ip_change, family);
	*ip_change = quad_halves(quad_halves(*ip_change));
	*udp_change = quad_halves(quad_halves(*udp_change));
}

/* The UDP checksums, with their changes of 16 bits each, as rewrite_udp_checksum(). */
static __rte_always_inline void
rewrite_quad_udp(struct rewrite_quad *q, quad change)
{
	const quad low = quad_set(0xffff), old = q->udp >> 16;
	quad checksum = quad_checksum_update(old, change);

	checksum |= quad_equal(checksum, quad_set(0)) & low;
	checksum &= ~quad_equal(old, quad_set(0));
	q->udp = (q->udp & low) | checksum << 16;
}

/* Rewrite the four, after rewrite_quad_load(). */
static __rte_always_inline void
rewrite_quad(struct rewrite_quad *q, enum dp_family family)
{
	const size_t addresses = rewrite_address_offset(family);
	const size_t ports = rewrite_ports_offset(family);
	const quad low = quad_set(0xffff);
	quad ip_change = q->change & low;
	quad udp_change = family == DP_IPV4 ? q->change >> 16 : ip_change;
	quad ttl = q->ttl - quad_set(family == DP_IPV4 ? 1 : 1u << IPV6_HOP_LIMIT_SHIFT);

	if (unlikely(quad_any(q->fields & quad_set(0xff << REWRITE_FLAGS_SHIFT))))
		rewrite_quad_special(q, &ttl, &ip_change, &udp_change, family);
	rewrite_quad_udp(q, udp_change);
	if (family == DP_IPV4)
		ttl = (ttl & low) | quad_checksum_update(q->ttl >> 16, ip_change) << 16;
	for (size_t i = 0; i < QUAD; i++) {
		uint8_t *ip = q->ip[i];

		quad_store_word(
			ip + (family == DP_IPV4 ? IPV4_TTL_OFFSET : IPV6_LENGTH_OFFSET), ttl, i);
		quad_store(ip + addresses, quad_load(q->rewrite[i]));
		if (family == DP_IPV6) {
			quad_store(ip + addresses + sizeof(quad),
				quad_load(RTE_PTR_ADD(q->rewrite[i], sizeof(quad))));
			quad_store_word(ip + ports, q->ports, i);
		}
		quad_store_word(ip + ports + sizeof(uint32_t), q->udp, i);
	}
}

/* The tags that the four leave with, in the high halves; 0 is none. */
static __rte_always_inline quad
rewrite_quad_tci(const struct rewrite_quad *q)
{
	return q->hop_tci & quad_set(0xffff0000);
}

/*
 * As rewrite_l2(), with one tag or none, after rewrite_quad(). The two bytes before each IP header
 * are its EtherType, as it came. Of each of the four the datagram is all in its mbuf, or the caller
 * sets data_len behind. `l2_bytes`:
 * where a frame has so many bytes before the datagram and none behind it, else 0. `tagged`: whether
 * some leave with a tag. Returns the lengths of the frames.
 */
static __rte_always_inline quad
rewrite_quad_l2(const struct rewrite_quad *q, struct rte_mbuf *const m[QUAD], const quad hop[QUAD],
	quad l2_bytes, quad l3_bytes, bool tagged, enum dp_family family)
{
	const rte_be16_t type =
		family == DP_IPV4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	/* Behind the MACs: the type and what was there of the IP header; or the tag. */
	quad last = quad_set(type) | q->first << 16;
	quad out_bytes = quad_set(RTE_ETHER_HDR_LEN), bytes;

	if (tagged) {
		const quad tci = rewrite_quad_tci(q), untagged = quad_equal(tci, quad_set(0));

		last = quad_select(untagged, last, quad_set(RTE_BE16(RTE_ETHER_TYPE_VLAN)) | tci);
		out_bytes += ~untagged & quad_set(sizeof(struct rte_vlan_hdr));
	}
	for (size_t i = 0; i < QUAD; i++) {
		uint8_t *frame = q->ip[i] - (tagged ? out_bytes[i] : RTE_ETHER_HDR_LEN);

		quad_store(frame, hop[i]);
		quad_store_word(frame + 2 * RTE_ETHER_ADDR_LEN, last, i);
	}
	bytes = l3_bytes + out_bytes;
	if (likely(!quad_any(l2_bytes ^ out_bytes)))
		return bytes;
	for (size_t i = 0; i < QUAD; i++) {
		m[i]->data_off = (uint16_t)(q->ip[i] - out_bytes[i] - (uint8_t *)m[i]->buf_addr);
		m[i]->data_len = (uint16_t)bytes[i];
		m[i]->pkt_len = bytes[i];
	}
	return bytes;
}

/*
 * Put the link layer in front of `ip`, which lies in m's buffer with room before it: an mbuf from
 * a receive queue has RTE_PKTMBUF_HEADROOM. `here` bytes from ip on are in this segment, `l3_bytes`
 * in the whole frame; outer_tci and vlan_tci 0 are no tag. Returns the length of the frame.
 */
static __rte_always_inline uint32_t
rewrite_l2(struct rte_mbuf *m, uint8_t *ip, uint16_t here, uint16_t l3_bytes, vector next_hop,
	rte_be16_t outer_tci, rte_be16_t vlan_tci, enum dp_family family)
{
	const rte_be16_t type =
		family == DP_IPV4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	vector_u16 words = (vector_u16)next_hop;
	uint16_t l2_bytes = sizeof(struct rte_ether_hdr);
	uint16_t first_word;

	if (likely(vlan_tci == 0 && outer_tci == 0)) {
		/* One store: MACs, type, and the first word of the IP header as it is. */
		memcpy(&first_word, ip, sizeof(first_word));
		words[6] = type;
		words[7] = first_word;
		quad_store(ip - l2_bytes, (vector)words);
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
		quad_store(ip - l2_bytes, next_hop);
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
 *
 * RFC 7915, 5.1: an IPv4 datagram of at most 1,260 bytes may be fragmented on its way (DF is 0), so
 * it needs an identification. It is the UDP checksum that leaves: it differs from packet to packet
 * as a random number would, and no worker has to count.
 */

#define TRANSLATE_GROWTH_BYTES (sizeof(struct rte_ipv6_hdr) - sizeof(struct rte_ipv4_hdr))
#define TRANSLATE_IPV4_FRAGMENTABLE_MAX 1260 /* bytes of the IPv4 datagram */

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
	uint32_t sum = checksum_sum(&ip->src_addr, sizeof(ip->src_addr)) +
		       checksum_sum(&ip->dst_addr, sizeof(ip->dst_addr));
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
	const uint16_t out_bytes = (uint16_t)(l3_bytes - TRANSLATE_GROWTH_BYTES);
	uint32_t addresses, sum, change = rewrite->udp_delta;

	change += rewrite_open_fields(ip, udp, rewrite->tail.flags, DP_IPV6, &addresses);
	rewrite_udp_checksum(udp, change);
	out->version_ihl = RTE_IPV4_VHL_DEF;
	out->type_of_service = tos;
	out->total_length = rte_cpu_to_be_16(out_bytes);
	out->packet_id = udp->dgram_cksum;
	out->fragment_offset =
		out_bytes <= TRANSLATE_IPV4_FRAGMENTABLE_MAX ? 0 : RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
	out->time_to_live = ttl;
	out->next_proto_id = IPPROTO_UDP;
	memcpy((uint8_t *)out + offsetof(struct rte_ipv4_hdr, src_addr), rewrite,
		offsetof(struct rewrite4, ip_delta));
	/* Of what does not differ by flow; the addresses are in ip_delta. */
	sum = (uint32_t)rewrite_word(RTE_IPV4_VHL_DEF, tos) + out->total_length + out->packet_id +
	      out->fragment_offset + rewrite_word(ttl, IPPROTO_UDP) + rewrite->ip_delta;
	out->hdr_checksum = (rte_be16_t)~checksum_fold(sum);
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

/*
 * Four datagrams of `family`, after rewrite_quad_load() with rewrites of the other one, and a UDP
 * checksum each. q->ip and q->first become those of the headers that leave, whose EtherType is
 * before them. l3_bytes are as they came. As translate().
 */
static __rte_always_inline void
translate_quad(struct rewrite_quad *q, quad l3_bytes, enum dp_family family)
{
	const enum dp_family out = family == DP_IPV4 ? DP_IPV6 : DP_IPV4;
	const rte_be16_t type =
		out == DP_IPV4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	const quad low = quad_set(0xff);
	const quad growth = quad_set((uint32_t)TRANSLATE_GROWTH_BYTES);
	quad change = family == DP_IPV4 ? q->change & quad_set(0xffff) : q->change >> 16;
	quad tos, ttl, word[3];

	if (family == DP_IPV4) {
		tos = q->first >> 8 & low;
		ttl = (q->ttl & low) - quad_set(1);
	} else {
		tos = (q->first << 4 & quad_set(0xf0)) | (q->first >> 12 & quad_set(0x0f));
		ttl = (q->ttl >> IPV6_HOP_LIMIT_SHIFT) - quad_set(1);
	}
	if (unlikely(quad_any(q->fields & quad_set(0xff << REWRITE_FLAGS_SHIFT)))) {
		quad addresses;

		change += rewrite_quad_open_fields(q, family, &addresses);
		change = quad_halves(quad_halves(change));
		tos = quad_select(rewrite_quad_flag(q, REWRITE_SET_DSCP),
			(tos & quad_set(ECN_MASK)) | (q->fields & low), tos);
		ttl = quad_select(rewrite_quad_flag(q, REWRITE_SET_TTL), q->fields >> 8 & low, ttl);
	}
	rewrite_quad_udp(q, change);
	if (out == DP_IPV6) {
		const quad payload_bytes =
			l3_bytes - quad_set((uint32_t)sizeof(struct rte_ipv4_hdr));

		word[0] = quad_set(0x60) | tos >> 4 | (tos & quad_set(0x0f)) << 12;
		word[1] = quad_swap16(payload_bytes) | quad_set(IPPROTO_UDP << 16) |
			  ttl << IPV6_HOP_LIMIT_SHIFT;
	} else {
		const quad out_bytes = l3_bytes - growth;
		/* 1 where it is longer. */
		const quad whole = (quad_set(TRANSLATE_IPV4_FRAGMENTABLE_MAX) - out_bytes) >> 31;
		quad sum;

		word[0] = quad_set(RTE_IPV4_VHL_DEF) | tos << 8 | quad_swap16(out_bytes) << 16;
		word[1] = q->udp >> 16 | whole * (RTE_BE16(RTE_IPV4_HDR_DF_FLAG) << 16);
		word[2] = ttl | quad_set(IPPROTO_UDP << 8);
		sum = quad_halves(word[0]) + quad_halves(word[1]) + word[2] +
		      (q->change & quad_set(0xffff));
		sum = quad_halves(quad_halves(sum));
		word[2] |= (sum ^ quad_set(0xffff)) << 16;
	}
	q->first = word[0];
	for (size_t i = 0; i < QUAD; i++) {
		uint8_t *udp = q->ip[i] + rewrite_ports_offset(family);
		uint8_t *ip = udp - rewrite_ports_offset(out);

		memcpy(ip - sizeof(type), &type, sizeof(type));
		quad_store_word(ip, word[0], i);
		quad_store_word(ip + sizeof(uint32_t), word[1], i);
		if (out == DP_IPV4)
			quad_store_word(ip + 2 * sizeof(uint32_t), word[2], i);
		quad_store(ip + rewrite_address_offset(out), quad_load(q->rewrite[i]));
		if (out == DP_IPV6) {
			quad_store(ip + rewrite_address_offset(out) + sizeof(quad),
				quad_load(RTE_PTR_ADD(q->rewrite[i], sizeof(quad))));
			quad_store_word(udp, q->ports, i);
		}
		quad_store_word(udp + sizeof(uint32_t), q->udp, i);
		q->ip[i] = ip;
	}
}

#endif
