/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_frame.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#define SOURCE4_BITS 17 /* 198.18.0.0/15; the rest of the index goes into the port */
#define SOURCE_PORT 1024
#define LOCAL_PORT 5004

void
loop_flow_key(const struct loop_options *options, unsigned index, struct dp_flow_key *key)
{
	static const uint8_t local4[4] = {198, 51, 100, 1};
	static const uint8_t prefix6[4] = {0x20, 0x01, 0x0d, 0xb8};
	uint32_t low = htonl(index);

	memset(key, 0, sizeof(*key));
	key->family = (uint8_t)(options->family == 4 ? DP_IPV4 : DP_IPV6);
	key->vlan = options->vlan ? LOOP_VLAN : 0;
	key->src_port = htons(SOURCE_PORT);
	key->dst_port = htons(LOCAL_PORT);
	if (options->family == 4) {
		uint32_t source = htonl(0xc6120000 | (index & ((1u << SOURCE4_BITS) - 1)));

		memcpy(key->src, &source, sizeof(source));
		memcpy(key->dst, local4, sizeof(local4));
		key->src_port = htons((uint16_t)(SOURCE_PORT + (index >> SOURCE4_BITS)));
		return;
	}
	memcpy(key->src, prefix6, sizeof(prefix6));
	memcpy(key->src + 12, &low, sizeof(low));
	memcpy(key->dst, prefix6, sizeof(prefix6));
	key->dst[15] = 1;
	key->dst[5] = 1; /* another subnet than the sources' */
}

static uint16_t
l2_write(const struct loop_options *options, uint8_t *frame)
{
	rte_be16_t type = options->family == 4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4)
					       : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)frame;
	struct rte_vlan_hdr *tag = (struct rte_vlan_hdr *)(eth + 1);

	if (!options->vlan) {
		eth->ether_type = type;
		return sizeof(*eth);
	}
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN);
	tag->vlan_tci = RTE_BE16(LOOP_VLAN);
	tag->eth_proto = type;
	return sizeof(*eth) + sizeof(*tag);
}

static void
datagram4_write(const struct dp_flow_key *key, void *at, uint16_t bytes)
{
	struct rte_ipv4_hdr *ip = at;
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = htons(bytes);
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_UDP;
	memcpy(&ip->src_addr, key->src, sizeof(ip->src_addr));
	memcpy(&ip->dst_addr, key->dst, sizeof(ip->dst_addr));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	udp->src_port = key->src_port;
	udp->dst_port = key->dst_port;
	udp->dgram_len = htons((uint16_t)(bytes - sizeof(*ip)));
	udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
}

static void
datagram6_write(const struct dp_flow_key *key, void *at, uint16_t bytes)
{
	struct rte_ipv6_hdr *ip = at;
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	ip->vtc_flow = RTE_BE32(0x60000000);
	ip->payload_len = htons((uint16_t)(bytes - sizeof(*ip)));
	ip->proto = IPPROTO_UDP;
	ip->hop_limits = 64;
	memcpy(&ip->src_addr, key->src, sizeof(ip->src_addr));
	memcpy(&ip->dst_addr, key->dst, sizeof(ip->dst_addr));
	udp->src_port = key->src_port;
	udp->dst_port = key->dst_port;
	udp->dgram_len = ip->payload_len;
	udp->dgram_cksum = rte_ipv6_udptcp_cksum(ip, udp);
}

void
loop_frame_write(const struct loop_options *options, unsigned index, struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct dp_flow_key key;
	uint16_t l2_bytes;

	memset(frame, 0, options->size);
	m->data_len = (uint16_t)options->size;
	m->pkt_len = options->size;
	loop_flow_key(options, index, &key);
	l2_bytes = l2_write(options, frame);
	if (options->family == 4)
		datagram4_write(&key, frame + l2_bytes, (uint16_t)(options->size - l2_bytes));
	else
		datagram6_write(&key, frame + l2_bytes, (uint16_t)(options->size - l2_bytes));
}

/* A UDP datagram with its checksum and pseudo header adds up to all ones (RFC 768). */
static bool
udp_sum_right(const void *udp, size_t bytes, uint16_t pseudo_header_sum)
{
	uint32_t sum = (uint32_t)rte_raw_cksum(udp, bytes) + pseudo_header_sum;

	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

bool
loop_frame_whole(const struct loop_options *options, const struct rte_mbuf *m)
{
	const size_t l2_bytes =
		sizeof(struct rte_ether_hdr) + (options->vlan ? sizeof(struct rte_vlan_hdr) : 0);
	const size_t ip_bytes = options->size - l2_bytes;
	const void *ip = rte_pktmbuf_mtod_offset(m, const void *, l2_bytes);
	const struct rte_ipv4_hdr *ip4 = ip;
	const struct rte_ipv6_hdr *ip6 = ip;

	if (m->nb_segs != 1 || m->data_len != options->size || m->pkt_len != options->size)
		return false;
	if (options->family == 6)
		return udp_sum_right(ip6 + 1, ip_bytes - sizeof(*ip6), rte_ipv6_phdr_cksum(ip6, 0));
	return rte_raw_cksum(ip4, sizeof(*ip4)) == 0xffff &&
	       udp_sum_right(ip4 + 1, ip_bytes - sizeof(*ip4), rte_ipv4_phdr_cksum(ip4, 0));
}
