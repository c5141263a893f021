/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_frame.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "loop_flow.h"

#define RTP_BYTES 12
#define RTP_VERSION 0x80 /* 2, and no more in the first byte (RFC 3550, 5.1) */

static size_t
ip_bytes(enum dp_family family)
{
	return family == DP_IPV4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
}

static rte_be16_t
ether_type(enum dp_family family)
{
	return family == DP_IPV4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
}

static void
l2_write(const struct loop_options *options, enum dp_family family, uint8_t *frame)
{
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)frame;
	struct rte_vlan_hdr *tag = (struct rte_vlan_hdr *)(eth + 1);

	eth->ether_type = ether_type(family);
	if (!options->vlan)
		return;
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN);
	tag->vlan_tci = RTE_BE16(LOOP_VLAN);
	tag->eth_proto = ether_type(family);
}

static void
datagram4_write(const struct dp_flow_key *key, void *at, uint16_t bytes)
{
	struct rte_ipv4_hdr *ip = at;
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = htons(bytes);
	ip->time_to_live = LOOP_TTL;
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
	ip->hop_limits = LOOP_TTL;
	memcpy(&ip->src_addr, key->src, sizeof(ip->src_addr));
	memcpy(&ip->dst_addr, key->dst, sizeof(ip->dst_addr));
	udp->src_port = key->src_port;
	udp->dst_port = key->dst_port;
	udp->dgram_len = ip->payload_len;
	udp->dgram_cksum = rte_ipv6_udptcp_cksum(ip, udp);
}

unsigned
loop_frame_bytes_min(const struct loop_options *o)
{
	const enum dp_family family = o->family == 4 ? DP_IPV4 : DP_IPV6;

	return (unsigned)(LOOP_L2_BYTES(o) + ip_bytes(family) + sizeof(struct rte_udp_hdr) +
			  (o->streams > 0 ? RTP_BYTES : 0));
}

/* A frame of `family`, without FCS. */
static unsigned
frame_bytes(const struct loop_options *o, enum dp_family family)
{
	return o->size + (o->translate && family == DP_IPV6 ? LOOP_TRANSLATE_BYTES : 0);
}

/* An RTP packet of stream `stream`; the rest of it stays zero. */
static void
rtp_write(unsigned stream, uint8_t *payload)
{
	const rte_be32_t ssrc = htonl(LOOP_SSRC_FIRST + stream);

	payload[0] = RTP_VERSION;
	memcpy(payload + 8, &ssrc, sizeof(ssrc));
}

void
loop_frame_write(
	const struct loop_options *options, unsigned index, unsigned stream, struct rte_mbuf *m)
{
	const unsigned l2_bytes = LOOP_L2_BYTES(options);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct dp_flow_key key;
	unsigned bytes;

	loop_flow_key(options, index, &key);
	bytes = frame_bytes(options, key.family);
	memset(frame, 0, bytes);
	m->data_len = (uint16_t)bytes;
	m->pkt_len = bytes;
	l2_write(options, key.family, frame);
	if (options->streams > 0)
		rtp_write(stream,
			frame + l2_bytes + ip_bytes(key.family) + sizeof(struct rte_udp_hdr));
	if (key.family == DP_IPV4)
		datagram4_write(&key, frame + l2_bytes, (uint16_t)(bytes - l2_bytes));
	else
		datagram6_write(&key, frame + l2_bytes, (uint16_t)(bytes - l2_bytes));
}

/* A UDP datagram with its checksum and pseudo header adds up to all ones (RFC 768). */
static bool
udp_sum_right(const void *udp, size_t bytes, uint16_t pseudo_header_sum)
{
	uint32_t sum = (uint32_t)rte_raw_cksum(udp, bytes) + pseudo_header_sum;

	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/* The family that the EtherType tells; 0 when it is neither, or the tag is not ours. */
static unsigned
frame_family(const struct loop_options *o, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(eth + 1);
	const rte_be16_t type = o->vlan ? tag->eth_proto : eth->ether_type;

	if (o->vlan && (eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
			       tag->vlan_tci != RTE_BE16(LOOP_VLAN)))
		return 0;
	if (type == ether_type(DP_IPV4))
		return DP_IPV4;
	return type == ether_type(DP_IPV6) ? DP_IPV6 : 0;
}

bool
loop_frame_whole(const struct loop_options *options, const struct rte_mbuf *m)
{
	const unsigned l2_bytes = LOOP_L2_BYTES(options);
	const void *ip = rte_pktmbuf_mtod_offset(m, const void *, l2_bytes);
	const struct rte_ipv4_hdr *ip4 = ip;
	const struct rte_ipv6_hdr *ip6 = ip;
	unsigned family, bytes;

	if (m->nb_segs != 1 || m->data_len < loop_frame_bytes_min(options))
		return false;
	family = frame_family(options, m);
	bytes = frame_bytes(options, family);
	if (family == 0 || m->data_len != bytes || m->pkt_len != bytes)
		return false;
	if (family == DP_IPV6)
		return udp_sum_right(
			ip6 + 1, bytes - l2_bytes - sizeof(*ip6), rte_ipv6_phdr_cksum(ip6, 0));
	return rte_raw_cksum(ip4, sizeof(*ip4)) == 0xffff &&
	       udp_sum_right(ip4 + 1, bytes - l2_bytes - sizeof(*ip4), rte_ipv4_phdr_cksum(ip4, 0));
}
