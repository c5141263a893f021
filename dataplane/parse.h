/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a frame to a flow key, or to the reason why there is none. Every length is checked before a
 * field behind it is read. Pure: a frame goes in, nothing but the outputs is written.
 */
#ifndef DATAPLANE_PARSE_H
#define DATAPLANE_PARSE_H

#include <stdint.h>
#include <string.h>

#include <emmintrin.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include <dp/stats.h>

#include "flow_entry.h"

#define PARSE_OK DP_DROP_COUNT /* what a parser returns when there is no reason to drop */

#define UDP4_BYTES (sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr))
#define UDP6_BYTES (sizeof(struct rte_ipv6_hdr) + sizeof(struct rte_udp_hdr))
#define IPV4_VERSION_IHL 0x45 /* version 4, five words: no options */
#define VLAN_ID_MASK 0x0fff

/* The link layer of a frame. */
struct parsed_l2 {
	uint16_t l2_bytes;
	uint16_t vlan; /* VLAN id, 0 = untagged or priority-tagged (802.1Q, 6.9) */
	rte_be16_t ether_type;
};

static __rte_always_inline enum dp_drop
parse_l2(const struct rte_mbuf *m, struct parsed_l2 *l2)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(eth + 1);

	if (unlikely(m->nb_segs != 1))
		return DP_DROP_frame_segmented;
	if (unlikely(m->data_len < sizeof(*eth)))
		return DP_DROP_eth_truncated;
	l2->l2_bytes = sizeof(*eth);
	l2->vlan = 0;
	l2->ether_type = eth->ether_type;
	if (likely(l2->ether_type != RTE_BE16(RTE_ETHER_TYPE_VLAN)))
		return unlikely(l2->ether_type == RTE_BE16(RTE_ETHER_TYPE_QINQ))
			       ? DP_DROP_vlan_stacked
			       : PARSE_OK;
	if (unlikely(m->data_len < sizeof(*eth) + sizeof(*tag)))
		return DP_DROP_vlan_truncated;
	l2->l2_bytes = sizeof(*eth) + sizeof(*tag);
	l2->vlan = rte_be_to_cpu_16(tag->vlan_tci) & VLAN_ID_MASK;
	l2->ether_type = tag->eth_proto;
	if (unlikely(l2->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
		     l2->ether_type == RTE_BE16(RTE_ETHER_TYPE_QINQ)))
		return DP_DROP_vlan_stacked;
	return PARSE_OK;
}

/* `bytes` are there from `ip` on. *l3_bytes becomes the datagram's length: the rest is padding. */
static __rte_always_inline enum dp_drop
parse_ip4(const struct rte_ipv4_hdr *ip, uint32_t bytes, uint16_t *l3_bytes)
{
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	uint16_t total, udp_bytes;

	if (unlikely(bytes < sizeof(*ip)))
		return DP_DROP_ip4_truncated;
	if (unlikely(ip->version_ihl != IPV4_VERSION_IHL)) {
		if (ip->version_ihl >> 4 != 4 || ip->version_ihl < IPV4_VERSION_IHL)
			return DP_DROP_ip4_header;
		return DP_DROP_ip4_options;
	}
	total = rte_be_to_cpu_16(ip->total_length);
	if (unlikely(total < sizeof(*ip) || total > bytes))
		return DP_DROP_ip4_length;
	if (unlikely((ip->fragment_offset &
			     RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0))
		return DP_DROP_ip4_fragment;
	if (unlikely(ip->next_proto_id != IPPROTO_UDP))
		return DP_DROP_ip4_not_udp;
	if (unlikely(total < UDP4_BYTES))
		return DP_DROP_udp_truncated;
	udp_bytes = rte_be_to_cpu_16(udp->dgram_len);
	if (unlikely(udp_bytes < sizeof(*udp) || udp_bytes > total - sizeof(*ip)))
		return DP_DROP_udp_length;
	*l3_bytes = total;
	return PARSE_OK;
}

/* Next headers that RFC 8200 calls extension headers, or that hide what follows (RFC 4302, 4303).
 */
static inline bool
ip6_is_extension(uint8_t next_header)
{
	switch (next_header) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_ESP:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case 135: /* Mobility, RFC 6275 */
	case 139: /* HIP, RFC 7401 */
	case 140: /* Shim6, RFC 5533 */
		return true;
	default:
		return false;
	}
}

static __rte_always_inline enum dp_drop
parse_ip6(const struct rte_ipv6_hdr *ip, uint32_t bytes, uint16_t *l3_bytes)
{
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	uint32_t payload;
	uint16_t udp_bytes;

	if (unlikely(bytes < sizeof(*ip)))
		return DP_DROP_ip6_truncated;
	if (unlikely((ip->vtc_flow & RTE_BE32(0xf0000000)) != RTE_BE32(0x60000000)))
		return DP_DROP_ip6_header;
	payload = rte_be_to_cpu_16(ip->payload_len);
	if (unlikely(sizeof(*ip) + payload > bytes))
		return DP_DROP_ip6_length;
	if (unlikely(ip->proto != IPPROTO_UDP))
		return ip6_is_extension(ip->proto) ? DP_DROP_ip6_extension : DP_DROP_ip6_not_udp;
	if (unlikely(payload < sizeof(*udp)))
		return DP_DROP_udp_truncated;
	udp_bytes = rte_be_to_cpu_16(udp->dgram_len);
	if (unlikely(udp_bytes < sizeof(*udp) || udp_bytes > payload))
		return DP_DROP_udp_length;
	if (unlikely(udp->dgram_cksum == 0))
		return DP_DROP_udp6_no_checksum;
	*l3_bytes = (uint16_t)(sizeof(*ip) + payload);
	return PARSE_OK;
}

/*
 * Addresses and ports lie adjacent in an option-less UDP datagram, so the key is one load: the
 * UDP length and checksum that come with it make way for ingress port and VLAN.
 */
static __rte_always_inline void
parse_key4(const struct rte_ipv4_hdr *ip, uint16_t port, uint16_t vlan, struct flow_key4 *key)
{
	__m128i adjacent = _mm_loadu_si128((const __m128i *)(const void *)&ip->src_addr);

	adjacent = _mm_insert_epi16(adjacent, port, 6);
	adjacent = _mm_insert_epi16(adjacent, vlan, 7);
	_mm_store_si128((__m128i *)key, adjacent);
}

static __rte_always_inline void
parse_key6(const struct rte_ipv6_hdr *ip, uint16_t port, uint16_t vlan, struct flow_key6 *key)
{
	memcpy(key, (const uint8_t *)ip + offsetof(struct rte_ipv6_hdr, src_addr),
		offsetof(struct flow_key6, port));
	key->port = port;
	key->vlan = vlan;
}

#endif
