/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turn a datagram of one family into one of the other (RFC 7915 as far as it speaks of UDP). The
 * new IP header is written so that it ends where the UDP header begins, over the old one: an IPv6
 * header starts 20 bytes before the IPv4 header that it replaces.
 */
#ifndef DATAPLANE_TRANSLATE_H
#define DATAPLANE_TRANSLATE_H

#include <string.h>

#include <netinet/in.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include "checksum.h"
#include "flow_entry.h"
#include "rewrite.h"

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
