/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a frame to a flow key, or to the reason why there is none. Every length is checked before a
 * field behind it is used. An ordinary datagram passes a few tests taken all at once; what fails
 * them is looked at again, test by test and out of the way, for the first fault it has
 * (docs/dataplane.md gives the order).
 */
#ifndef DATAPLANE_PARSE_H
#define DATAPLANE_PARSE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include <dp/stats.h>

#include "checksum.h"
#include "flow_entry.h"
#include "quad.h"

#define PARSE_OK DP_DROP_COUNT /* what a parser returns when there is no reason to drop */

#define UDP4_BYTES (sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr))
#define UDP6_BYTES (sizeof(struct rte_ipv6_hdr) + sizeof(struct rte_udp_hdr))
#define UDP6_PORTS_OFFSET sizeof(struct rte_ipv6_hdr)
#define UDP6_TAIL_OFFSET (UDP6_BYTES - 16) /* of the last 16 bytes of headers */
#define IPV4_VERSION_IHL 0x45 /* version 4, five words: no options */
#define VLAN_ID_MASK 0x0fff
#define VLAN_L2_BYTES (RTE_ETHER_HDR_LEN + sizeof(struct rte_vlan_hdr)) /* with one tag */
#define VLAN_TYPE_OFFSET (VLAN_L2_BYTES - sizeof(rte_be16_t)) /* of the type behind one tag */

/*
 * IPv6 extension headers (RFC 8200, 4).
 */
#define EXTENSION_HEADERS_MAX 8
#define EXTENSION_BYTES_MAX 256
#define EXTENSION_UNIT 8 /* lengths count these, the first one left out */
#define EXTENSION_MOBILITY 135 /* RFC 6275 */
#define EXTENSION_HIP 139 /* RFC 7401 */
#define EXTENSION_SHIM6 140 /* RFC 5533 */

#define OPTION_PAD1 0
#define OPTION_PADN 1
#define OPTION_ROUTER_ALERT 5 /* RFC 2711 */
#define OPTION_ACTION_MASK 0xc0 /* what to do with an option that is not known: 00 = skip it */

/* What the VLAN tags of a frame say. */
struct parsed_tags {
	uint16_t l2_bytes; /* of the frame, tags included */
	uint16_t vlan; /* id of the only or inner 802.1Q tag; 0 = none, or a priority tag */
	uint16_t outer_vlan; /* id of an outer tag, or of a lone 802.1ad one */
	rte_be16_t ether_type; /* of what is behind them */
};

static __rte_always_inline bool
parse_is_tag(rte_be16_t ether_type)
{
	return ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
	       ether_type == RTE_BE16(RTE_ETHER_TYPE_QINQ);
}

static __rte_always_inline uint16_t
parse_vlan_id(const struct rte_vlan_hdr *tag)
{
	return rte_be_to_cpu_16(tag->vlan_tci) & VLAN_ID_MASK;
}

/* An Ethernet header is there; *ether_type is what follows it. */
static __rte_always_inline enum dp_drop
parse_ethernet(const struct rte_mbuf *m, rte_be16_t *ether_type)
{
	if (unlikely(m->nb_segs != 1))
		return DP_DROP_frame_segmented;
	if (unlikely(m->data_len < sizeof(struct rte_ether_hdr)))
		return DP_DROP_eth_truncated;
	*ether_type = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *)->ether_type;
	return PARSE_OK;
}

/* The tags of a frame whose Ethernet header says that there is one: `first` is its EtherType. */
static inline enum dp_drop
parse_tags(const struct rte_mbuf *m, rte_be16_t first, struct parsed_tags *tags)
{
	const struct rte_vlan_hdr *tag =
		rte_pktmbuf_mtod_offset(m, const struct rte_vlan_hdr *, RTE_ETHER_HDR_LEN);

	tags->vlan = tags->outer_vlan = 0;
	tags->l2_bytes = RTE_ETHER_HDR_LEN + sizeof(*tag);
	if (unlikely(m->data_len < tags->l2_bytes))
		return DP_DROP_vlan_truncated;
	tags->ether_type = tag->eth_proto;
	if (likely(!parse_is_tag(tags->ether_type))) {
		if (first == RTE_BE16(RTE_ETHER_TYPE_VLAN))
			tags->vlan = parse_vlan_id(tag);
		else
			tags->outer_vlan = parse_vlan_id(tag);
		return PARSE_OK;
	}
	if (tags->ether_type == RTE_BE16(RTE_ETHER_TYPE_QINQ))
		return DP_DROP_vlan_stacked;
	tags->outer_vlan = parse_vlan_id(tag++);
	tags->l2_bytes += sizeof(*tag);
	if (unlikely(m->data_len < tags->l2_bytes))
		return DP_DROP_vlan_truncated;
	tags->vlan = parse_vlan_id(tag);
	tags->ether_type = tag->eth_proto;
	return parse_is_tag(tags->ether_type) ? DP_DROP_vlan_stacked : PARSE_OK;
}

/* The link layer of a frame, or the reason why not. */
static __rte_always_inline enum dp_drop
parse_link(const struct rte_mbuf *m, struct parsed_tags *tags)
{
	enum dp_drop reason = parse_ethernet(m, &tags->ether_type);

	if (unlikely(reason != PARSE_OK))
		return reason;
	if (unlikely(parse_is_tag(tags->ether_type)))
		return parse_tags(m, tags->ether_type, tags);
	tags->l2_bytes = RTE_ETHER_HDR_LEN;
	tags->vlan = tags->outer_vlan = 0;
	return PARSE_OK;
}

/* What is wrong with UDP that starts at `udp` and is the last `bytes` of its datagram. */
static inline enum dp_drop
parse_udp_fault(const struct rte_udp_hdr *udp, uint32_t bytes)
{
	uint16_t udp_bytes;

	if (bytes < sizeof(*udp))
		return DP_DROP_udp_truncated;
	udp_bytes = rte_be_to_cpu_16(udp->dgram_len);
	return udp_bytes < sizeof(*udp) || udp_bytes > bytes ? DP_DROP_udp_length : PARSE_OK;
}

/* The first fault of an IPv4 datagram. */
static __rte_noinline enum dp_drop
parse_ip4_fault(const struct rte_ipv4_hdr *ip, uint32_t bytes)
{
	uint16_t total;

	if (bytes < sizeof(*ip))
		return DP_DROP_ip4_truncated;
	if (ip->version_ihl >> 4 != 4 || (ip->version_ihl & RTE_IPV4_HDR_IHL_MASK) < 5)
		return DP_DROP_ip4_header;
	if (ip->version_ihl != IPV4_VERSION_IHL)
		return DP_DROP_ip4_options;
	total = rte_be_to_cpu_16(ip->total_length);
	if (total < sizeof(*ip) || total > bytes)
		return DP_DROP_ip4_length;
	if (!checksum_ip4_holds(ip))
		return DP_DROP_ip4_checksum;
	if ((ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0)
		return DP_DROP_ip4_fragment;
	if (ip->next_proto_id != IPPROTO_UDP)
		return DP_DROP_ip4_not_udp;
	return parse_udp_fault((const struct rte_udp_hdr *)(ip + 1), total - (uint32_t)sizeof(*ip));
}

/* Version, header length, no fragment, UDP: the constant bytes of the first 16, in one compare. */
static __rte_always_inline bool
parse_ip4_is_ordinary(const struct rte_ipv4_hdr *ip)
{
	const quad mask = {0xff, 0xff3f0000, 0xff00, 0}; /* in word 1: MF, offset */
	const quad wanted = {IPV4_VERSION_IHL, 0, IPPROTO_UDP << 8, 0};

	return !quad_any((quad_load(ip) & mask) ^ wanted);
}

/* `bytes` are there from `ip` on. *l3_bytes becomes the datagram's length: the rest is padding. */
static __rte_always_inline enum dp_drop
parse_ip4(const struct rte_ipv4_hdr *ip, uint32_t bytes, uint16_t *l3_bytes)
{
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	uint32_t payload, udp_payload;

	if (unlikely(bytes < UDP4_BYTES || !parse_ip4_is_ordinary(ip)))
		return parse_ip4_fault(ip, bytes);
	/* Unsigned: what is too short becomes very long. */
	payload = (uint32_t)rte_be_to_cpu_16(ip->total_length) - (uint32_t)UDP4_BYTES;
	udp_payload = (uint32_t)rte_be_to_cpu_16(udp->dgram_len) - (uint32_t)sizeof(*udp);
	if (unlikely(payload > bytes - UDP4_BYTES || udp_payload > payload ||
		     !checksum_ip4_holds(ip)))
		return parse_ip4_fault(ip, bytes);
	*l3_bytes = (uint16_t)(payload + UDP4_BYTES);
	return PARSE_OK;
}

/*
 * IPv6 extension headers are walked, within bounds, to see whether UDP is behind them and whether
 * they may be taken out of the datagram. docs/dataplane.md has the policy.
 */

/* Every option of a Hop-by-Hop or Destination Options header of `bytes` may be skipped. */
static inline bool
extension_options_hold(const uint8_t *header, uint32_t bytes)
{
	uint32_t at = 2;

	while (at < bytes) {
		const uint8_t type = header[at];

		if (type == OPTION_PAD1) {
			at++;
			continue;
		}
		if (at + 2 > bytes || at + 2 + header[at + 1] > bytes)
			return false;
		if (type != OPTION_PADN && type != OPTION_ROUTER_ALERT &&
			(type & OPTION_ACTION_MASK) != 0)
			return false;
		at += 2 + (uint32_t)header[at + 1];
	}
	return true;
}

/* Extension headers that are not skipped, or that hide what follows (RFC 4302, 4303). */
static inline bool
extension_is_closed(uint8_t type)
{
	return type == IPPROTO_AH || type == IPPROTO_ESP || type == EXTENSION_MOBILITY ||
	       type == EXTENSION_HIP || type == EXTENSION_SHIM6;
}

/* The header of `type` at `header` may be skipped: all of its `bytes` are there. */
static inline bool
extension_may_go(uint8_t type, const uint8_t *header, uint32_t bytes)
{
	const uint8_t segments_left = header[3];

	return type == IPPROTO_ROUTING ? segments_left == 0 : extension_options_hold(header, bytes);
}

/*
 * Walk the extension headers of a datagram whose `payload_bytes` are there. PARSE_OK: UDP
 * follows *skip_bytes behind the fixed header; else the reason to drop.
 */
static inline enum dp_drop
extension_skip(const struct rte_ipv6_hdr *ip, uint32_t payload_bytes, uint32_t *skip_bytes)
{
	const uint8_t *payload = (const uint8_t *)(ip + 1);
	uint8_t type = ip->proto;
	uint32_t at = 0;

	for (unsigned n = 0;; n++) {
		const uint8_t *header = payload + at;
		uint32_t bytes;

		*skip_bytes = at;
		if (type == IPPROTO_UDP)
			return PARSE_OK;
		if (type == IPPROTO_FRAGMENT)
			return DP_DROP_ip6_fragment;
		if (extension_is_closed(type) || (type == IPPROTO_HOPOPTS && n > 0))
			return DP_DROP_ip6_extension;
		if (type != IPPROTO_HOPOPTS && type != IPPROTO_DSTOPTS && type != IPPROTO_ROUTING)
			return DP_DROP_ip6_not_udp;
		if (n == EXTENSION_HEADERS_MAX || at + EXTENSION_UNIT > payload_bytes)
			return DP_DROP_ip6_extension;
		bytes = (header[1] + 1u) * EXTENSION_UNIT;
		if (at + bytes > payload_bytes || at + bytes > EXTENSION_BYTES_MAX ||
			!extension_may_go(type, header, bytes))
			return DP_DROP_ip6_extension;
		type = header[0];
		at += bytes;
	}
}

/*
 * Take skip_bytes of extension headers out: the fixed header moves up to what is behind them, and
 * its length and next header change.
 */
static inline void
extension_remove(struct rte_ipv6_hdr *ip, uint32_t skip_bytes)
{
	ip->proto = IPPROTO_UDP;
	ip->payload_len =
		rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(ip->payload_len) - skip_bytes));
	memmove((uint8_t *)ip + skip_bytes, ip, sizeof(*ip));
}

/*
 * The first fault of an IPv6 datagram; PARSE_OK when all that is out of the ordinary is extension
 * headers, of which there are then *skip_bytes.
 */
static __rte_noinline enum dp_drop
parse_ip6_fault(const struct rte_ipv6_hdr *ip, uint32_t bytes, uint32_t *skip_bytes)
{
	const struct rte_udp_hdr *udp;
	enum dp_drop reason;
	uint32_t payload;

	*skip_bytes = 0;
	if (bytes < sizeof(*ip))
		return DP_DROP_ip6_truncated;
	if ((ip->vtc_flow & RTE_BE32(0xf0000000)) != RTE_BE32(0x60000000))
		return DP_DROP_ip6_header;
	payload = rte_be_to_cpu_16(ip->payload_len);
	if (sizeof(*ip) + payload > bytes)
		return DP_DROP_ip6_length;
	reason = extension_skip(ip, payload, skip_bytes);
	if (reason != PARSE_OK)
		return reason;
	udp = RTE_PTR_ADD(ip + 1, *skip_bytes);
	reason = parse_udp_fault(udp, payload - *skip_bytes);
	if (reason != PARSE_OK)
		return reason;
	return udp->dgram_cksum == 0 ? DP_DROP_udp6_no_checksum : PARSE_OK;
}

/* As parse_ip4(). Where *skip_bytes is not 0, that many bytes of extension headers are in the way.
 */
static __rte_always_inline enum dp_drop
parse_ip6(const struct rte_ipv6_hdr *ip, uint32_t bytes, uint16_t *l3_bytes, uint32_t *skip_bytes)
{
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	uint32_t payload, udp_payload;

	*skip_bytes = 0;
	if (unlikely(bytes < UDP6_BYTES))
		return parse_ip6_fault(ip, bytes, skip_bytes);
	payload = (uint32_t)rte_be_to_cpu_16(ip->payload_len) - (uint32_t)sizeof(*udp);
	udp_payload = (uint32_t)rte_be_to_cpu_16(udp->dgram_len) - (uint32_t)sizeof(*udp);
	if (unlikely(ip->proto != IPPROTO_UDP ||
		     (ip->vtc_flow & RTE_BE32(0xf0000000)) != RTE_BE32(0x60000000) ||
		     payload > bytes - UDP6_BYTES || udp_payload > payload ||
		     udp->dgram_cksum == 0)) {
		enum dp_drop reason = parse_ip6_fault(ip, bytes, skip_bytes);

		if (reason != PARSE_OK)
			return reason;
		payload = (uint32_t)rte_be_to_cpu_16(ip->payload_len) - (uint32_t)sizeof(*udp);
	}
	*l3_bytes = (uint16_t)(payload + UDP6_BYTES - *skip_bytes);
	return PARSE_OK;
}

/*
 * Lengths of four datagrams as parse_ip4() and parse_ip6() want them: `payload` is the length of
 * UDP's payload by the IP header, less than 2^31 or, too short, above; `udp` has the UDP length in
 * its low half, in network order; `room` bytes are there for the payload. The sign bit is set where
 * they are wrong.
 */
static __rte_always_inline quad
parse_quad_lengths(quad payload, quad udp, quad room)
{
	const quad udp_payload =
		(quad_swap16(udp) & quad_set(0xffff)) - quad_set(sizeof(struct rte_udp_hdr));

	return (udp_payload | (payload - udp_payload) | (room - payload)) & quad_set(1u << 31);
}

/*
 * Four IPv4 datagrams at once: `head` and `tail` are the first 16 bytes of each, and the 16 from
 * the source address on; `bytes` are there of each. Whether parse_ip4() would find nothing wrong
 * with any of them; *l3_bytes is then their lengths.
 */
static __rte_always_inline bool
parse_ip4_quad(const quad head[QUAD], const quad tail[QUAD], quad bytes, quad *l3_bytes)
{
	const quad version_to_total = quad_word(head, 0), id_to_fragment = quad_word(head, 1);
	const quad ttl_to_checksum = quad_word(head, 2);
	const quad payload = (quad_swap16(version_to_total) >> 16) - quad_set(UDP4_BYTES);
	const quad sum = quad_halves(version_to_total) + quad_halves(id_to_fragment) +
			 quad_halves(ttl_to_checksum) + quad_halves(quad_word(tail, 0)) +
			 quad_halves(quad_word(tail, 1));
	const quad constant = ((version_to_total & quad_set(0xff)) ^ quad_set(IPV4_VERSION_IHL)) |
			      (id_to_fragment & quad_set(0xff3f0000)) | /* MF, offset */
			      ((ttl_to_checksum & quad_set(0xff00)) ^ quad_set(IPPROTO_UDP << 8));
	const quad lengths =
		parse_quad_lengths(payload, quad_word(tail, 3), bytes - quad_set(UDP4_BYTES));

	*l3_bytes = payload + quad_set(UDP4_BYTES);
	return likely(!quad_any(constant | lengths | (quad_halves(sum) ^ quad_set(0xffff))));
}

/* The same for IPv6: `head` is the first 16 bytes, `tail` those from UDP6_TAIL_OFFSET on. */
static __rte_always_inline bool
parse_ip6_quad(const quad head[QUAD], const quad tail[QUAD], quad bytes, quad *l3_bytes)
{
	const quad version_to_label = quad_word(head, 0), length_to_hop_limit = quad_word(head, 1);
	const quad udp = quad_word(tail, 3);
	const quad payload = (quad_swap16(length_to_hop_limit) & quad_set(0xffff)) -
			     quad_set(sizeof(struct rte_udp_hdr));
	const quad constant =
		((version_to_label & quad_set(0xf0)) ^ quad_set(0x60)) |
		((length_to_hop_limit & quad_set(0xff0000)) ^ quad_set(IPPROTO_UDP << 16)) |
		quad_equal(udp >> 16, quad_set(0)); /* no checksum */

	*l3_bytes = payload + quad_set(UDP6_BYTES);
	return likely(!quad_any(
		constant | parse_quad_lengths(payload, udp, bytes - quad_set(UDP6_BYTES))));
}

/*
 * Addresses and ports lie adjacent in an option-less UDP datagram, so the key is one load: the
 * UDP length and checksum that come with it make way for the ingress domain.
 */
static __rte_always_inline void
parse_key4(const struct rte_ipv4_hdr *ip, uint32_t domain, struct flow_key4 *key)
{
	quad adjacent = quad_load(&ip->src_addr);

	adjacent[3] = domain;
	quad_store(key, adjacent);
}

static __rte_always_inline void
parse_key6(const struct rte_ipv6_hdr *ip, uint32_t domain, struct flow_key6 *key)
{
	uint64_t last;

	/* The last word in one store: it is read again at once, whole, for the hash. */
	memcpy(&last, (const uint8_t *)ip + UDP6_PORTS_OFFSET, sizeof(last));
	last = (uint32_t)last | (uint64_t)domain << 32;
	memcpy(key, (const uint8_t *)ip + offsetof(struct rte_ipv6_hdr, src_addr),
		offsetof(struct flow_key6, src_port));
	key->ports_and_domain = last;
}

#endif
