/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hundred thousand random datagrams: what the incremental update leaves is what a full sum over
 * the new datagram gives.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "burst.h"
#include "fixture.h"
#include "flow_compile.h"
#include "rewrite.h"

#define ROUNDS 100000
#define DATA_BYTES 6
#define HEADROOM 32

struct datagram4 {
	uint8_t headroom[HEADROOM];
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
	uint8_t data[DATA_BYTES];
} __attribute__((packed, aligned(8)));

struct datagram6 {
	uint8_t headroom[HEADROOM];
	struct rte_ipv6_hdr ip;
	struct rte_udp_hdr udp;
	uint8_t data[DATA_BYTES];
} __attribute__((packed, aligned(8)));

static void
fill(void *bytes, size_t n)
{
	uint8_t *p = bytes;

	/* Many zeros and ones: sums at their edges are the hard ones. */
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(rand() % 4 == 0 ? (rand() & 1 ? 0xff : 0) : rand());
}

/* A flow and a leg of random fields, and the flow's match of the datagram when it is exact. */
static void
draw_flow(enum dp_family family, struct dp_flow_key *key, struct dp_leg *leg)
{
	size_t n_bytes = family == DP_IPV4 ? 4 : 16;

	memset(key, 0, sizeof(*key));
	memset(leg, 0, sizeof(*leg));
	key->family = (uint8_t)family;
	key->any_source = rand() & 1;
	fill(key->src, n_bytes);
	fill(key->dst, n_bytes);
	fill(&key->src_port, 4);
	fill(leg->src, n_bytes);
	fill(leg->dst, n_bytes);
	fill(&leg->src_port, 4);
	leg->family = (uint8_t)family;
	leg->dscp = rand() & 1 ? DP_DSCP_KEEP : (uint8_t)(rand() % 64);
	leg->ttl = rand() & 1 ? DP_TTL_DECREMENT : (uint8_t)(1 + rand() % 255);
}

Test(rewrite, ipv4_checksums_are_those_of_a_full_sum)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct datagram4 d = {0};
		struct dp_flow_key key;
		struct dp_flow flow;
		struct rewrite4 rewrite;
		struct dp_leg leg;
		rte_be16_t sum;

		draw_flow(DP_IPV4, &key, &leg);
		fill(&d.ip, sizeof(d) - HEADROOM);
		d.ip.version_ihl = 0x45;
		d.ip.time_to_live |= 2; /* what expires is not rewritten */
		memcpy(&d.ip.src_addr, key.src, 4);
		memcpy(&d.ip.dst_addr, key.dst, 4);
		d.udp.src_port = key.src_port;
		d.udp.dst_port = key.dst_port;
		d.ip.next_proto_id = IPPROTO_UDP;
		d.ip.total_length = RTE_BE16(sizeof(d) - HEADROOM);
		d.udp.dgram_len = RTE_BE16(sizeof(d.udp) + DATA_BYTES);
		d.ip.hdr_checksum = 0;
		d.ip.hdr_checksum = rte_ipv4_cksum(&d.ip);
		d.udp.dgram_cksum = 0;
		d.udp.dgram_cksum = rte_ipv4_udptcp_cksum(&d.ip, &d.udp);

		flow = (struct dp_flow){.key = key};
		flow_compile_rewrite(&flow, &leg, &rewrite);
		rewrite_ip4(&d.ip, &rewrite);
		sum = d.udp.dgram_cksum;
		d.udp.dgram_cksum = 0;
		if (rte_raw_cksum(&d.ip, sizeof(d.ip)) != 0xffff ||
			sum != rte_ipv4_udptcp_cksum(&d.ip, &d.udp))
			cr_assert_fail("round %u", i);
		if (memcmp(&d.ip.src_addr, leg.src, 4) != 0 ||
			memcmp(&d.ip.dst_addr, leg.dst, 4) != 0 || d.udp.src_port != leg.src_port ||
			d.udp.dst_port != leg.dst_port)
			cr_assert_fail("round %u: not the leg's addresses and ports", i);
	}
}

Test(rewrite, ipv6_checksums_are_those_of_a_full_sum)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct datagram6 d = {0};
		struct dp_flow_key key;
		struct dp_flow flow;
		struct rewrite6 rewrite;
		struct dp_leg leg;
		rte_be16_t sum;

		draw_flow(DP_IPV6, &key, &leg);
		fill(&d.ip, sizeof(d) - HEADROOM);
		memcpy(&d.ip.src_addr, key.src, 16);
		memcpy(&d.ip.dst_addr, key.dst, 16);
		d.udp.src_port = key.src_port;
		d.udp.dst_port = key.dst_port;
		d.ip.proto = IPPROTO_UDP;
		d.ip.payload_len = RTE_BE16(sizeof(d.udp) + DATA_BYTES);
		d.udp.dgram_len = RTE_BE16(sizeof(d.udp) + DATA_BYTES);
		d.udp.dgram_cksum = 0;
		d.udp.dgram_cksum = rte_ipv6_udptcp_cksum(&d.ip, &d.udp);

		flow = (struct dp_flow){.key = key};
		flow_compile_rewrite(&flow, &leg, &rewrite);
		rewrite_ip6(&d.ip, &rewrite);
		sum = d.udp.dgram_cksum;
		d.udp.dgram_cksum = 0;
		if (sum != rte_ipv6_udptcp_cksum(&d.ip, &d.udp))
			cr_assert_fail("round %u", i);
		if (memcmp(&d.ip.src_addr, leg.src, 16) != 0 ||
			memcmp(&d.ip.dst_addr, leg.dst, 16) != 0 ||
			d.udp.src_port != leg.src_port || d.udp.dst_port != leg.dst_port)
			cr_assert_fail("round %u: not the leg's addresses and ports", i);
	}
}

Test(rewrite, a_ttl_of_one_expires_unless_it_is_set)
{
	struct rte_ipv4_hdr ip = {0};
	struct rewrite_tail decrement = {0}, set = {.ttl = 5, .flags = REWRITE_SET_TTL};

	for (unsigned ttl = 0; ttl <= UINT8_MAX; ttl++) {
		ip.time_to_live = (uint8_t)ttl;
		cr_expect_eq(rewrite_expires(&ip, &decrement, DP_IPV4), ttl <= 1);
		cr_expect_not(rewrite_expires(&ip, &set, DP_IPV4));
	}
}

/* What rewrite_l2() leaves before the IP header, which it must not touch. */
static void
l2_check(rte_be16_t outer_tci, rte_be16_t vlan_tci, enum dp_family family, const uint8_t *expected,
	uint16_t n_expected)
{
	const union next_hop hop = {.fields = {.dst_mac = {2, 0, 0, 0, 0, 1},
					    .src_mac = {2, 0, 0, 0, 0, 2},
					    .port = 0x5555,
					    .mtu = 0x6666}};
	struct datagram4 d = {.ip = {.version_ihl = 0x45, .type_of_service = 0xb8}};
	const struct datagram4 before = d;
	struct rte_mbuf m = {.buf_addr = &d};

	cr_expect_eq(
		rewrite_l2(&m, (uint8_t *)&d.ip, 28, 100, hop.whole, outer_tci, vlan_tci, family),
		n_expected + 100u);
	cr_expect_eq(m.data_off, HEADROOM - n_expected);
	cr_expect_eq(m.data_len, n_expected + 28);
	cr_expect_eq(m.pkt_len, n_expected + 100u);
	cr_expect_eq(memcmp(d.headroom + m.data_off, expected, n_expected), 0);
	cr_expect_eq(memcmp(&d.ip, &before.ip, sizeof(d) - HEADROOM), 0);
}

Test(rewrite, the_link_layer_goes_in_front_of_the_datagram)
{
	const uint8_t plain6[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd};
	const uint8_t tagged4[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0x01, 0x23, 0x08, 0};
	const uint8_t outer4[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xa8, 0x04, 0x56, 0x08, 0};
	const uint8_t stacked4[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xa8, 0x04, 0x56,
		0x81, 0, 0x01, 0x23, 0x08, 0};

	l2_check(0, 0, DP_IPV6, plain6, sizeof(plain6));
	l2_check(0, RTE_BE16(0x123), DP_IPV4, tagged4, sizeof(tagged4));
	l2_check(RTE_BE16(0x456), 0, DP_IPV4, outer4, sizeof(outer4));
	l2_check(RTE_BE16(0x456), RTE_BE16(0x123), DP_IPV4, stacked4, sizeof(stacked4));
}
