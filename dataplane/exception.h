/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What becomes of a frame that no flow claims: on a port with a path to the kernel
 * (exception_path.h) it is put into the ring of its class, if the bucket of that class has a token.
 * Otherwise it is dropped.
 */
#ifndef DATAPLANE_EXCEPTION_H
#define DATAPLANE_EXCEPTION_H

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "burst.h"
#include "exception_path.h"
#include "parse.h"

#define EXCEPTION_OK DP_DROP_COUNT

/* What may be of use to the kernel. It would drop all other frames, too. */
#define EXCEPTION_REASONS \
	(UINT64_C(1) << DP_DROP_not_ip | UINT64_C(1) << DP_DROP_ip4_options | \
		UINT64_C(1) << DP_DROP_ip4_fragment | UINT64_C(1) << DP_DROP_ip4_not_udp | \
		UINT64_C(1) << DP_DROP_ip6_extension | UINT64_C(1) << DP_DROP_ip6_fragment | \
		UINT64_C(1) << DP_DROP_ip6_not_udp | UINT64_C(1) << DP_DROP_no_flow)
static_assert(DP_PACKET_DROP_COUNT <= 64, "a set of reasons is a word");

#define EXCEPTION_LLC_MAX 0x05dc /* below are lengths, not EtherTypes (IEEE 802.3, 3.2.6) */
#define EXCEPTION_EAPOL 0x888e /* IEEE 802.1X */
#define EXCEPTION_OSPF 89 /* RFC 2328, RFC 5340 */
#define EXCEPTION_VRRP 112 /* RFC 5798 */
#define EXCEPTION_PORT_SSH 22
#define EXCEPTION_PORT_BGP 179 /* RFC 4271 */
#define EXCEPTION_PORT_BFD 3784 /* RFC 5881 */
#define EXCEPTION_PORT_BFD_MULTIHOP 4784 /* RFC 5883 */

/* ICMPv6: Neighbour Discovery (RFC 4861), Multicast Listener Discovery (RFC 3810), and the rest. */
static inline enum dp_exception
exception_icmp6(uint8_t type)
{
	if (type >= 133 && type <= 137)
		return DP_EXCEPTION_link;
	return (type >= 130 && type <= 132) || type == 143 ? DP_EXCEPTION_routing
							   : DP_EXCEPTION_host;
}

/* UDP or TCP between these ports. */
static inline enum dp_exception
exception_ports(uint8_t protocol, uint16_t source, uint16_t destination)
{
	if (protocol == IPPROTO_TCP) {
		if (source == EXCEPTION_PORT_BGP || destination == EXCEPTION_PORT_BGP)
			return DP_EXCEPTION_routing;
		return source == EXCEPTION_PORT_SSH || destination == EXCEPTION_PORT_SSH
			       ? DP_EXCEPTION_host
			       : DP_EXCEPTION_other;
	}
	switch (destination) {
	case EXCEPTION_PORT_BFD:
	case EXCEPTION_PORT_BFD_MULTIHOP:
		return DP_EXCEPTION_routing;
	case 67: /* DHCP (RFC 2131, RFC 8415) */
	case 68:
	case 546:
	case 547:
		return DP_EXCEPTION_host;
	default:
		return DP_EXCEPTION_other;
	}
}

/* Of a protocol over IP, of which `bytes` are there. */
static inline enum dp_exception
exception_protocol(uint8_t protocol, const uint8_t *header, uint32_t bytes)
{
	switch (protocol) {
	case IPPROTO_IGMP:
	case IPPROTO_PIM:
	case EXCEPTION_OSPF:
	case EXCEPTION_VRRP:
		return DP_EXCEPTION_routing;
	case IPPROTO_ICMP:
		return DP_EXCEPTION_host;
	case IPPROTO_ICMPV6:
		return bytes > 0 ? exception_icmp6(header[0]) : DP_EXCEPTION_other;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		if (bytes >= 4)
			return exception_ports(protocol, (uint16_t)(header[0] << 8 | header[1]),
				(uint16_t)(header[2] << 8 | header[3]));
		return DP_EXCEPTION_other;
	default:
		return DP_EXCEPTION_other;
	}
}

static inline enum dp_exception
exception_ip4(const struct rte_ipv4_hdr *ip, uint32_t bytes)
{
	const uint32_t header_bytes = (ip->version_ihl & RTE_IPV4_HDR_IHL_MASK) * 4u;

	if (bytes < sizeof(*ip) || header_bytes < sizeof(*ip) || bytes < header_bytes ||
		(ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) !=
			0)
		return DP_EXCEPTION_other;
	return exception_protocol(
		ip->next_proto_id, (const uint8_t *)ip + header_bytes, bytes - header_bytes);
}

/* MLD is behind a Hop-by-Hop header (RFC 3810, 5). */
static inline enum dp_exception
exception_ip6(const struct rte_ipv6_hdr *ip, uint32_t bytes)
{
	const uint8_t *header = (const uint8_t *)(ip + 1);
	uint8_t protocol;
	uint32_t skip;

	if (bytes < sizeof(*ip) + EXTENSION_UNIT)
		return DP_EXCEPTION_other;
	bytes -= (uint32_t)sizeof(*ip);
	protocol = ip->proto;
	if (protocol == IPPROTO_HOPOPTS) {
		skip = (header[1] + 1u) * EXTENSION_UNIT;
		if (skip > bytes)
			return DP_EXCEPTION_other;
		protocol = header[0];
		header += skip;
		bytes -= skip;
	}
	return exception_protocol(protocol, header, bytes);
}

static inline enum dp_exception
exception_class(const struct rte_mbuf *m)
{
	struct parsed_tags tags;
	const void *packet;
	uint32_t bytes;
	uint16_t type;

	if (parse_link(m, &tags) != PARSE_OK)
		return DP_EXCEPTION_other;
	packet = rte_pktmbuf_mtod_offset(m, const void *, tags.l2_bytes);
	bytes = (uint32_t)m->data_len - tags.l2_bytes;
	type = rte_be_to_cpu_16(tags.ether_type);
	switch (type) {
	case RTE_ETHER_TYPE_IPV4:
		return exception_ip4(packet, bytes);
	case RTE_ETHER_TYPE_IPV6:
		return exception_ip6(packet, bytes);
	case RTE_ETHER_TYPE_ARP:
	case RTE_ETHER_TYPE_SLOW:
	case RTE_ETHER_TYPE_LLDP:
	case EXCEPTION_EAPOL:
		return DP_EXCEPTION_link;
	default:
		return type <= EXCEPTION_LLC_MAX ? DP_EXCEPTION_link : DP_EXCEPTION_other;
	}
}

/* Give `m`, which came in by `port`, to the kernel: EXCEPTION_OK, or why not. */
static inline enum dp_drop
exception_put(struct lcore *lc, struct rte_mbuf *m, uint16_t port)
{
	const enum dp_exception class = exception_class(m);

	if (!police_take(&lc->exceptions[port]->police[class], lc->now_ns, 1, lc->owner))
		return DP_DROP_kernel_limited;
	m->port = port;
	if (rte_ring_sp_enqueue(lc->exception_rings[class], m) != 0)
		return DP_DROP_kernel_full;
	count_add(&lc->counters[port].to_kernel[class], 1);
	count_add(&lc->counters[port].punted, 1);
	return EXCEPTION_OK;
}

/* A frame that no flow claims, for this reason: the kernel's, or dropped. */
static __rte_noinline void
frame_refuse(struct lcore *lc, uint16_t port, struct rte_mbuf *m, enum dp_drop reason)
{
	if (lc->exceptions[port] != NULL && (EXCEPTION_REASONS >> reason & 1) != 0) {
		reason = exception_put(lc, m, port);
		if (reason == EXCEPTION_OK)
			return;
	}
	packet_drop(lc, port, m, reason);
}

#endif
