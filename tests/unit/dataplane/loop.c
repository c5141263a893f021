/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "fixture.h"

#define RING_PLACES 1024
#define BUFFERS 4096
#define MTU_BYTES 1500
#define LEGS 256
#define TTL 64

static void
require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "loop: %s\n", what);
	abort();
}

static struct rte_ring *
ring_create(const char *way, unsigned worker)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "loop_%s_%u", way, worker);
	ring = rte_ring_create(name, RING_PLACES, SOCKET_ID_ANY, 0);
	require(ring != NULL, "no ring");
	return ring;
}

void
loop_init(struct loop *loop, unsigned max_flows, bool hears_itself)
{
	const struct dp_port_config port = {.name = "loop", .devargs = "net_ring_loop"};
	const struct dp_next_hop hop = {.mtu = MTU_BYTES};
	const struct dp_config config = {.n_ports = 1,
		.ports = &port,
		.max_flows_ipv4 = max_flows,
		.max_flows_ipv6 = max_flows,
		.max_legs = LEGS,
		.packet_buffers = BUFFERS,
		.cpu_level = getenv("SLUICE_TEST_LEVEL")};
	char error[256] = "";

	memset(loop, 0, sizeof(*loop));
	loop->n_workers = rte_lcore_count() - 1;
	loop->pool = rte_pktmbuf_pool_create(
		"loop", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	require(loop->pool != NULL, "no pool");
	for (unsigned w = 0; w < loop->n_workers; w++) {
		loop->rx[w] = ring_create("rx", w);
		loop->tx[w] = hears_itself ? loop->rx[w] : ring_create("tx", w);
	}
	require(rte_eth_from_rings(
			"loop", loop->rx, loop->n_workers, loop->tx, loop->n_workers, 0) >= 0,
		"no port");
	loop->dp = dp_create(&config, error, sizeof(error));
	require(loop->dp != NULL, error);
	require(dp_next_hop_set(loop->dp, 0, &hop) == 0, "no next hop");
}

#define PAYLOAD_MAX 12

static void
datagram_put(struct loop *loop, unsigned worker, uint32_t n, uint16_t id, uint16_t src_port,
	const uint8_t *payload, uint16_t payload_bytes)
{
	const uint16_t udp_bytes = (uint16_t)(sizeof(struct rte_udp_hdr) + payload_bytes);
	struct dp_leg leg;
	struct dp_flow flow = fixture_flow(DP_IPV4, n, &leg, 1);
	struct rte_mbuf *m = rte_pktmbuf_alloc(loop->pool);
	struct {
		struct rte_ether_hdr eth;
		struct rte_ipv4_hdr ip;
		struct rte_udp_hdr udp;
		uint8_t payload[PAYLOAD_MAX];
	} __attribute__((packed, aligned(2))) frame = {
		.eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.ip = {.version_ihl = 0x45,
			.total_length = rte_cpu_to_be_16(
				(uint16_t)(sizeof(struct rte_ipv4_hdr) + udp_bytes)),
			.packet_id = rte_cpu_to_be_16(id),
			.time_to_live = TTL,
			.next_proto_id = IPPROTO_UDP},
		.udp = {.src_port = rte_cpu_to_be_16(src_port),
			.dst_port = flow.key.dst_port,
			.dgram_len = rte_cpu_to_be_16(udp_bytes)},
	};
	const uint16_t frame_bytes = (uint16_t)(sizeof(frame) - PAYLOAD_MAX + payload_bytes);

	memcpy(&frame.ip.src_addr, flow.key.src, sizeof(frame.ip.src_addr));
	memcpy(&frame.ip.dst_addr, flow.key.dst, sizeof(frame.ip.dst_addr));
	frame.ip.hdr_checksum = rte_ipv4_cksum(&frame.ip);
	require(m != NULL, "no buffer");
	if (payload_bytes > 0)
		memcpy(frame.payload, payload, payload_bytes);
	memcpy(rte_pktmbuf_append(m, frame_bytes), &frame, frame_bytes);
	require(rte_ring_enqueue(loop->rx[worker], m) == 0, "ring full");
}

void
loop_put_from(struct loop *loop, unsigned worker, uint32_t n, uint16_t id, uint16_t src_port)
{
	datagram_put(loop, worker, n, id, src_port, NULL, 0);
}

void
loop_put_rtp(struct loop *loop, unsigned worker, uint32_t n, uint16_t src_port, uint32_t ssrc)
{
	const uint8_t rtp[PAYLOAD_MAX] = {0x80, [8] = (uint8_t)(ssrc >> 24),
		[9] = (uint8_t)(ssrc >> 16), [10] = (uint8_t)(ssrc >> 8), [11] = (uint8_t)ssrc};

	datagram_put(loop, worker, n, 0, src_port, rtp, sizeof(rtp));
}

void
loop_put(struct loop *loop, unsigned worker, uint32_t n, uint16_t id)
{
	struct dp_leg leg;
	const struct dp_flow flow = fixture_flow(DP_IPV4, n, &leg, 1);

	loop_put_from(loop, worker, n, id, rte_be_to_cpu_16(flow.key.src_port));
}

void
loop_leg(uint32_t n, struct dp_leg *leg)
{
	struct dp_flow flow = fixture_flow(DP_IPV4, n, leg, 1);

	memcpy(leg->src, flow.key.src, sizeof(leg->src));
	memcpy(leg->dst, flow.key.dst, sizeof(leg->dst));
	leg->src_port = flow.key.src_port;
	leg->dst_port = flow.key.dst_port;
	leg->ttl = TTL;
}

unsigned
loop_count(const struct loop *loop)
{
	unsigned n = 0;

	for (unsigned w = 0; w < loop->n_workers; w++)
		n += rte_ring_count(loop->tx[w]);
	return n;
}

void
loop_fini(struct loop *loop)
{
	void *m;

	dp_destroy(loop->dp);
	rte_vdev_uninit("net_ring_loop");
	for (unsigned w = 0; w < loop->n_workers; w++) {
		while (rte_ring_dequeue(loop->tx[w], &m) == 0)
			rte_pktmbuf_free(m);
		if (loop->tx[w] != loop->rx[w])
			rte_ring_free(loop->tx[w]);
		rte_ring_free(loop->rx[w]);
	}
	rte_mempool_free(loop->pool);
}
