/* SPDX-License-Identifier: BSD-3-Clause */
#include "pass.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "dp_private.h"
#include "fastpath.h"
#include "fixture.h"

#define MAX_FLOWS 1000
#define STEPS_MAX 1000

static void
require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "pass: %s\n", what);
	abort();
}

struct pass_frame
pass_frame_of(enum dp_family family, uint32_t flow, uint16_t id)
{
	return (struct pass_frame){
		.family = family,
		.flow = flow,
		.id = id,
		.tci = PASS_UNTAGGED,
		.data_bytes = sizeof(id),
		.ttl = PASS_TTL,
	};
}

void
pass_init(struct pass *pass)
{
	const struct dp_next_hop narrow = {.mtu = PASS_MTU};
	char error[256] = "";

	fixture_eal(1);
	loop_init(&pass->loop, MAX_FLOWS, false);
	require(dp_ports_start(pass->loop.dp, error, sizeof(error)) == 0, error);
	require(dp_next_hop_set(pass->loop.dp, 1, &narrow) == 0, "no next hop");
	rte_rcu_qsbr_thread_register(pass->loop.dp->qsbr, 0);
	rte_rcu_qsbr_thread_online(pass->loop.dp->qsbr, 0);
	pass->now_ns = 1;
}

void
pass_fini(struct pass *pass)
{
	rte_rcu_qsbr_thread_offline(pass->loop.dp->qsbr, 0);
	rte_rcu_qsbr_thread_unregister(pass->loop.dp->qsbr, 0);
	dp_stop(pass->loop.dp);
	loop_fini(&pass->loop);
	dp_eal_fini();
}

/* The address of the frame's source in `src`. */
static void
source_fill(const struct pass_frame *frame, uint8_t src[16])
{
	const bool is4 = frame->family == DP_IPV4;

	if (frame->martian) {
		memset(src, 0, 16);
		src[0] = is4 ? 127 : 0;
		src[is4 ? 3 : 15] = 1;
	}
	if (frame->other_source)
		src[is4 ? 3 : 15] = PASS_OTHER_SOURCE;
}

static void
ip4_append(struct rte_mbuf *m, const struct pass_frame *frame, const struct dp_flow_key *key,
	const uint8_t src[16], const struct rte_udp_hdr *udp, size_t udp_bytes)
{
	struct rte_ipv4_hdr ip = {
		.version_ihl = 0x45,
		.type_of_service = frame->tos,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(ip) + udp_bytes)),
		.packet_id = rte_cpu_to_be_16(frame->id),
		.time_to_live = frame->ttl,
		.next_proto_id = IPPROTO_UDP,
	};
	struct rte_udp_hdr *sent;

	memcpy(&ip.src_addr, src, sizeof(ip.src_addr));
	memcpy(&ip.dst_addr, key->dst, sizeof(ip.dst_addr));
	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	if (frame->wrong_ip_checksum)
		ip.hdr_checksum ^= 1;
	memcpy(rte_pktmbuf_append(m, sizeof(ip)), &ip, sizeof(ip));
	sent = (void *)rte_pktmbuf_append(m, (uint16_t)udp_bytes);
	memcpy(sent, udp, udp_bytes);
	if (!frame->no_checksum)
		sent->dgram_cksum = rte_ipv4_udptcp_cksum(&ip, sent);
}

static void
ip6_append(struct rte_mbuf *m, const struct pass_frame *frame, const struct dp_flow_key *key,
	const uint8_t src[16], const struct rte_udp_hdr *udp, size_t udp_bytes)
{
	const uint32_t version = frame->wrong_ip_checksum ? 5 : 6;
	struct rte_ipv6_hdr ip = {
		.vtc_flow = rte_cpu_to_be_32(
			version << 28 | (uint32_t)frame->tos << RTE_IPV6_HDR_TC_SHIFT),
		.payload_len = rte_cpu_to_be_16((uint16_t)udp_bytes),
		.proto = IPPROTO_UDP,
		.hop_limits = frame->ttl,
	};
	struct rte_udp_hdr *sent;

	memcpy(&ip.src_addr, src, sizeof(ip.src_addr));
	memcpy(&ip.dst_addr, key->dst, sizeof(ip.dst_addr));
	memcpy(rte_pktmbuf_append(m, sizeof(ip)), &ip, sizeof(ip));
	sent = (void *)rte_pktmbuf_append(m, (uint16_t)udp_bytes);
	memcpy(sent, udp, udp_bytes);
	sent->dgram_cksum = rte_ipv6_udptcp_cksum(&ip, sent);
}

void
pass_put(struct pass *pass, const struct pass_frame *frame)
{
	const bool is4 = frame->family == DP_IPV4;
	const size_t udp_bytes = sizeof(struct rte_udp_hdr) + frame->data_bytes;
	const rte_be16_t id = rte_cpu_to_be_16(frame->id);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pass->loop.pool);
	struct rte_ether_hdr eth = {
		.ether_type = is4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6)};
	const struct rte_vlan_hdr tag = {
		.vlan_tci = rte_cpu_to_be_16((uint16_t)frame->tci), .eth_proto = eth.ether_type};
	uint8_t udp[sizeof(struct rte_udp_hdr) + UINT16_MAX] __rte_aligned(8) = {0};
	struct rte_udp_hdr *header = (void *)udp;
	struct dp_leg leg;
	struct dp_flow flow = fixture_flow(frame->family, frame->flow, &leg, 1);

	require(m != NULL, "no buffer");
	memcpy(&eth.src_addr, frame->src_mac, sizeof(eth.src_addr));
	memcpy(&eth.dst_addr, frame->dst_mac, sizeof(eth.dst_addr));
	if (frame->tci != PASS_UNTAGGED)
		eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN);
	memcpy(rte_pktmbuf_append(m, sizeof(eth)), &eth, sizeof(eth));
	if (frame->tci != PASS_UNTAGGED)
		memcpy(rte_pktmbuf_append(m, sizeof(tag)), &tag, sizeof(tag));
	source_fill(frame, flow.key.src);
	header->src_port = flow.key.src_port;
	header->dst_port = flow.key.dst_port;
	header->dgram_len = rte_cpu_to_be_16((uint16_t)udp_bytes);
	memcpy(udp + sizeof(*header), &id, sizeof(id));
	if (is4)
		ip4_append(m, frame, &flow.key, flow.key.src, header, udp_bytes);
	else
		ip6_append(m, frame, &flow.key, flow.key.src, header, udp_bytes);
	if (frame->n_padding > 0)
		memset(rte_pktmbuf_append(m, frame->n_padding), 0xa5, frame->n_padding);
	require(rte_ring_enqueue(pass->loop.rx[0], m) == 0, "ring full");
}

void
pass_round(struct pass *pass, unsigned n)
{
	require(pass->loop.dp->workers[0]->fastpath->round(
			pass->loop.dp->workers[0], pass->now_ns) == n,
		"a round of another length");
	rte_rcu_qsbr_quiescent(pass->loop.dp->qsbr, 0);
}

static void
sent_read4(struct rte_ipv4_hdr *ip, uint32_t bytes, struct pass_sent *sent)
{
	struct rte_udp_hdr *udp = (void *)(ip + 1);
	const rte_be16_t ip_checksum = ip->hdr_checksum, udp_checksum = udp->dgram_cksum;

	sent->family = DP_IPV4;
	sent->l3_bytes = rte_be_to_cpu_16(ip->total_length);
	sent->ttl = ip->time_to_live;
	sent->tos = ip->type_of_service;
	sent->no_checksum = udp_checksum == 0;
	memset(sent->dst, 0, sizeof(sent->dst));
	memcpy(sent->dst, &ip->dst_addr, sizeof(ip->dst_addr));
	ip->hdr_checksum = udp->dgram_cksum = 0;
	require(ip->version_ihl == 0x45 && sent->l3_bytes == bytes, "IPv4 header or length");
	require(rte_ipv4_cksum(ip) == ip_checksum, "IPv4 checksum");
	require(rte_ipv4_udptcp_cksum(ip, udp) == udp_checksum || sent->no_checksum,
		"UDP checksum");
}

static void
sent_read6(struct rte_ipv6_hdr *ip, uint32_t bytes, struct pass_sent *sent)
{
	struct rte_udp_hdr *udp = (void *)(ip + 1);
	const rte_be16_t udp_checksum = udp->dgram_cksum;
	const uint32_t word = rte_be_to_cpu_32(ip->vtc_flow);

	sent->family = DP_IPV6;
	sent->l3_bytes = (uint16_t)(rte_be_to_cpu_16(ip->payload_len) + sizeof(*ip));
	sent->ttl = ip->hop_limits;
	sent->tos = (uint8_t)(word >> RTE_IPV6_HDR_TC_SHIFT);
	sent->no_checksum = udp_checksum == 0;
	memcpy(sent->dst, &ip->dst_addr, sizeof(sent->dst));
	udp->dgram_cksum = 0;
	require(word >> 28 == 6 && sent->l3_bytes == bytes, "IPv6 header or length");
	require(rte_ipv6_udptcp_cksum(ip, udp) == udp_checksum, "UDP checksum");
}

bool
pass_take(struct pass *pass, struct pass_sent *sent)
{
	const struct rte_ether_hdr *eth;
	const struct rte_vlan_hdr *tag;
	const struct rte_udp_hdr *udp;
	uint32_t l2_bytes = sizeof(*eth);
	uint8_t frame[2048] __rte_aligned(8);
	struct rte_mbuf *m;
	rte_be16_t type, id;
	uint32_t bytes;
	const void *data;
	void *taken, *ip;

	if (rte_ring_dequeue(pass->loop.tx[0], &taken) < 0)
		return false;
	m = taken;
	bytes = m->pkt_len;
	require(bytes <= sizeof(frame), "a long frame");
	data = rte_pktmbuf_read(m, 0, bytes, frame);
	if (data != frame)
		memcpy(frame, data, bytes);
	rte_pktmbuf_free(m);
	eth = (const void *)frame;
	type = eth->ether_type;
	memcpy(sent->src_mac, &eth->src_addr, sizeof(sent->src_mac));
	memcpy(sent->dst_mac, &eth->dst_addr, sizeof(sent->dst_mac));
	sent->tci = PASS_UNTAGGED;
	if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN)) {
		tag = (const void *)(eth + 1);
		sent->tci = rte_be_to_cpu_16(tag->vlan_tci);
		type = tag->eth_proto;
		l2_bytes += (uint32_t)sizeof(*tag);
	}
	ip = frame + l2_bytes;
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		udp = RTE_PTR_ADD(ip, sizeof(struct rte_ipv4_hdr));
		sent_read4(ip, bytes - l2_bytes, sent);
	} else {
		require(type == RTE_BE16(RTE_ETHER_TYPE_IPV6), "EtherType");
		udp = RTE_PTR_ADD(ip, sizeof(struct rte_ipv6_hdr));
		sent_read6(ip, bytes - l2_bytes, sent);
	}
	sent->dst_port = rte_be_to_cpu_16(udp->dst_port);
	memcpy(&id, udp + 1, sizeof(id));
	sent->id = rte_be_to_cpu_16(id);
	return true;
}

void
pass_commit(struct pass *pass, struct dp_txn *txn, void (*between)(void *arg), void *arg)
{
	int ret = -EAGAIN;

	for (unsigned i = 0; i < STEPS_MAX && ret == -EAGAIN; i++) {
		ret = dp_txn_commit_step(txn, 1);
		rte_rcu_qsbr_quiescent(pass->loop.dp->qsbr, 0);
		if (between != NULL)
			between(arg);
	}
	require(ret == 0, "a commit failed");
}
