/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parser reads nothing behind a frame: each prefix lies right in front of a page that may not
 * be touched (a byte away where its length is odd, as headers are aligned to two bytes). What the
 * parser says of a frame is for the golden tests.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parse.h"

#define DATA_BYTES 4

struct frame4 {
	struct rte_ether_hdr eth;
	struct rte_vlan_hdr tag;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
	uint8_t data[DATA_BYTES];
} __rte_packed __rte_aligned(2);

struct frame6 {
	struct rte_ether_hdr eth;
	struct rte_ipv6_hdr ip;
	struct rte_udp_hdr udp;
	uint8_t data[DATA_BYTES];
} __rte_packed __rte_aligned(2);

static const struct frame4 good4 = {
	.eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN),
	.tag = {.vlan_tci = RTE_BE16(0xa00c), .eth_proto = RTE_BE16(RTE_ETHER_TYPE_IPV4)},
	.ip = {.version_ihl = 0x45,
		.total_length = RTE_BE16(UDP4_BYTES + DATA_BYTES),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = RTE_BE32(0xc000020a),
		.dst_addr = RTE_BE32(0xc0000201)},
	.udp = {.src_port = RTE_BE16(5004),
		.dst_port = RTE_BE16(30000),
		.dgram_len = RTE_BE16(sizeof(struct rte_udp_hdr) + DATA_BYTES),
		.dgram_cksum = RTE_BE16(1)},
};

static const struct frame6 good6 = {
	.eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV6),
	.ip = {.vtc_flow = RTE_BE32(0x60000000),
		.payload_len = RTE_BE16(sizeof(struct rte_udp_hdr) + DATA_BYTES),
		.proto = IPPROTO_UDP,
		.hop_limits = 64,
		.src_addr = {0x20, 0x01, 0x0d, 0xb8, [15] = 10},
		.dst_addr = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
	.udp = {.src_port = RTE_BE16(5004),
		.dst_port = RTE_BE16(30000),
		.dgram_len = RTE_BE16(sizeof(struct rte_udp_hdr) + DATA_BYTES),
		.dgram_cksum = RTE_BE16(1)},
};

/* The IPv4 checksum is verified: make it right. */
static struct frame4
checksummed(struct frame4 frame)
{
	frame.ip.hdr_checksum = 0;
	frame.ip.hdr_checksum = rte_ipv4_cksum(&frame.ip);
	return frame;
}

/* The end of a page that is followed by one without access. */
static uint8_t *
guarded_end(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(pages, MAP_FAILED);
	cr_assert_eq(mprotect(pages + page, page, PROT_NONE), 0);
	return pages + page;
}

/* Parse as the fast path does; the key is made when there is no reason against it. */
static enum dp_drop
parse(uint8_t *frame, uint16_t n_bytes, struct parsed_tags *l2, uint16_t *l3_bytes,
	union flow_key *key)
{
	struct rte_mbuf m = {.buf_addr = frame, .nb_segs = 1, .data_len = n_bytes};
	rte_be16_t type = 0;
	enum dp_drop reason = parse_ethernet(&m, &type);
	uint32_t skip_bytes, domain;
	const void *ip;

	*l2 = (struct parsed_tags){.l2_bytes = RTE_ETHER_HDR_LEN, .ether_type = type};
	if (reason == PARSE_OK && parse_is_tag(type))
		reason = parse_tags(&m, type, l2);
	if (reason != PARSE_OK)
		return reason;
	ip = frame + l2->l2_bytes;
	domain = flow_domain(3, l2->vlan, l2->outer_vlan);
	if (l2->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		reason = parse_ip4(ip, (uint32_t)n_bytes - l2->l2_bytes, l3_bytes);
		if (reason == PARSE_OK)
			parse_key4(ip, domain, &key->v4);
		return reason;
	}
	reason = parse_ip6(ip, (uint32_t)n_bytes - l2->l2_bytes, l3_bytes, &skip_bytes);
	if (reason == PARSE_OK)
		parse_key6(ip, domain, &key->v6);
	return reason;
}

static void
prefixes_check(const void *frame, uint16_t n_bytes)
{
	uint8_t *end = guarded_end();
	struct parsed_tags l2 = {0};
	uint16_t l3_bytes;
	union flow_key key;

	for (uint16_t n = 0; n <= n_bytes; n++) {
		uint8_t *start = end - n - n % 2;
		enum dp_drop reason;

		memcpy(start, frame, n);
		reason = parse(start, n, &l2, &l3_bytes, &key);
		cr_expect_eq(reason == PARSE_OK, n == n_bytes, "%u bytes: reason %d", n, reason);
	}
}

Test(parse, reads_nothing_behind_an_ipv4_frame)
{
	const struct frame4 frame = checksummed(good4);

	prefixes_check(&frame, sizeof(frame));
}

Test(parse, reads_nothing_behind_an_ipv6_frame)
{
	prefixes_check(&good6, sizeof(good6));
}

/* Length fields that say more than there is must not lead the parser on either. */
Test(parse, believes_no_length_field)
{
	uint8_t *end = guarded_end();
	struct parsed_tags l2 = {0};
	uint16_t l3_bytes;
	union flow_key key;

	for (uint32_t length = 0; length <= UINT16_MAX; length++) {
		struct frame4 frame4 = good4;
		struct frame6 frame6 = good6;
		bool fits;

		frame4.ip.total_length = rte_cpu_to_be_16((uint16_t)length);
		frame4.udp.dgram_len = rte_cpu_to_be_16((uint16_t)(length - sizeof(frame4.ip)));
		frame4 = checksummed(frame4);
		memcpy(end - sizeof(frame4), &frame4, sizeof(frame4));
		fits = length >= UDP4_BYTES && length <= UDP4_BYTES + DATA_BYTES;
		if ((parse(end - sizeof(frame4), sizeof(frame4), &l2, &l3_bytes, &key) ==
			    PARSE_OK) != fits)
			cr_assert_fail("IPv4 length %u", length);
		frame6.ip.payload_len = rte_cpu_to_be_16((uint16_t)length);
		frame6.udp.dgram_len = rte_cpu_to_be_16((uint16_t)length);
		memcpy(end - sizeof(frame6), &frame6, sizeof(frame6));
		fits = length >= sizeof(frame6.udp) && length <= sizeof(frame6.udp) + DATA_BYTES;
		if ((parse(end - sizeof(frame6), sizeof(frame6), &l2, &l3_bytes, &key) ==
			    PARSE_OK) != fits)
			cr_assert_fail("IPv6 length %u", length);
	}
}

Test(parse, makes_the_key_of_the_wire)
{
	struct frame4 frame4 = checksummed(good4);
	struct frame6 frame6 = good6;
	struct parsed_tags l2;
	uint16_t l3_bytes;
	union flow_key key;

	cr_assert_eq(parse((uint8_t *)&frame4, sizeof(frame4), &l2, &l3_bytes, &key), PARSE_OK);
	cr_expect_eq(l2.l2_bytes, 18);
	cr_expect_eq(l3_bytes, UDP4_BYTES + DATA_BYTES);
	cr_expect_eq(key.v4.src, good4.ip.src_addr);
	cr_expect_eq(key.v4.dst, good4.ip.dst_addr);
	cr_expect_eq(key.v4.src_port, RTE_BE16(5004));
	cr_expect_eq(key.v4.dst_port, RTE_BE16(30000));
	cr_expect_eq(key.v4.domain, flow_domain(3, 12, 0));

	cr_assert_eq(parse((uint8_t *)&frame6, sizeof(frame6), &l2, &l3_bytes, &key), PARSE_OK);
	cr_expect_eq(l2.l2_bytes, 14);
	cr_expect_eq(l3_bytes, UDP6_BYTES + DATA_BYTES);
	cr_expect_eq(memcmp(key.v6.src, good6.ip.src_addr, 16), 0);
	cr_expect_eq(memcmp(key.v6.dst, good6.ip.dst_addr, 16), 0);
	cr_expect_eq(key.v6.src_port, RTE_BE16(5004));
	cr_expect_eq(key.v6.dst_port, RTE_BE16(30000));
	cr_expect_eq(key.v6.domain, flow_domain(3, 0, 0));
}
