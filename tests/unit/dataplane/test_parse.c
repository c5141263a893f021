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

#include <rte_common.h>

#include "compat.h"
#include "draw.h"
#include "parse.h"

#define DATA_BYTES 4

struct frame4 {
	struct rte_ether_hdr eth;
	struct rte_vlan_hdr tag;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
	uint8_t data[DATA_BYTES];
} __attribute__((packed, aligned(2)));

struct frame6 {
	struct rte_ether_hdr eth;
	struct rte_ipv6_hdr ip;
	struct rte_udp_hdr udp;
	uint8_t data[DATA_BYTES];
} __attribute__((packed, aligned(2)));

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
		.src_addr = IPV6_ADDRESS(0x20, 0x01, 0x0d, 0xb8, [15] = 10),
		.dst_addr = IPV6_ADDRESS(0x20, 0x01, 0x0d, 0xb8, [15] = 1)},
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
	cr_expect_eq(memcmp(key.v6.src, &good6.ip.src_addr, 16), 0);
	cr_expect_eq(memcmp(key.v6.dst, &good6.ip.dst_addr, 16), 0);
	cr_expect_eq(key.v6.src_port, RTE_BE16(5004));
	cr_expect_eq(key.v6.dst_port, RTE_BE16(30000));
	cr_expect_eq(key.v6.domain, flow_domain(3, 0, 0));
}

/* IPv6 extension headers: which are skipped, which are not, and that nothing else is read. */
#define UDP_BYTES 8
#define FINE DP_DROP_COUNT

/* A datagram under construction: the headers behind the fixed one. */
struct chain {
	struct rte_ipv6_hdr ip;
	uint8_t payload[4096];
	uint32_t bytes;
	uint8_t *next; /* where the type of the next header goes */
};

static void
chain_begin(struct chain *chain)
{
	memset(chain, 0, sizeof(*chain));
	chain->next = &chain->ip.proto;
}

/* A header of `bytes` (a multiple of 8) with `body` behind its first two, padded with Pad1. */
static void
chain_add(struct chain *chain, uint8_t type, uint32_t bytes, const char *body, size_t body_bytes)
{
	uint8_t *header = chain->payload + chain->bytes;

	*chain->next = type;
	chain->next = header;
	memset(header, 0, bytes);
	header[1] = (uint8_t)(bytes / 8 - 1);
	memcpy(header + 2, body, body_bytes);
	chain->bytes += bytes;
}

#define ADD(chain, type, bytes, body) chain_add(chain, type, bytes, body, sizeof(body) - 1)

static void
chain_end(struct chain *chain, uint8_t type)
{
	*chain->next = type;
	memset(chain->payload + chain->bytes, 0xcc, UDP_BYTES);
	chain->bytes += UDP_BYTES;
}

/* Walk a copy that ends after `payload_bytes`, for the sanitizers to watch. */
static enum dp_drop
walk(const struct chain *chain, uint32_t payload_bytes, uint32_t *skip_bytes)
{
	uint8_t *copy = malloc(sizeof(chain->ip) + payload_bytes);
	enum dp_drop reason;

	cr_assert_not_null(copy);
	memcpy(copy, &chain->ip, sizeof(chain->ip));
	memcpy(copy + sizeof(chain->ip), chain->payload, payload_bytes);
	*skip_bytes = UINT32_MAX;
	reason = extension_skip((const void *)copy, payload_bytes, skip_bytes);
	free(copy);
	return reason;
}

static void
expect(const struct chain *chain, enum dp_drop reason, const char *what)
{
	uint32_t skip_bytes;

	cr_expect_eq(walk(chain, chain->bytes, &skip_bytes), reason, "%s", what);
	if (reason == FINE)
		cr_expect_eq(skip_bytes, chain->bytes - UDP_BYTES, "%s", what);
}

Test(extension, udp_alone_skips_nothing)
{
	struct chain chain;

	chain_begin(&chain);
	chain_end(&chain, IPPROTO_UDP);
	expect(&chain, FINE, "UDP");
	chain.bytes = 0;
	*chain.next = IPPROTO_UDP;
	cr_expect_eq(walk(&chain, 0, &chain.bytes), FINE, "whether UDP is whole is not asked here");
	cr_expect_eq(chain.bytes, 0);
}

Test(extension, what_is_meant_for_the_way_is_skipped)
{
	struct chain chain;

	chain_begin(&chain);
	ADD(&chain, IPPROTO_HOPOPTS, 8, "\x05\x02\x00\x00"); /* Router Alert, two Pad1 */
	ADD(&chain, IPPROTO_DSTOPTS, 16, "\x01\x0c"); /* PadN to the end */
	ADD(&chain, IPPROTO_ROUTING, 24, "\x00\x00");
	ADD(&chain, IPPROTO_DSTOPTS, 8, "");
	chain_end(&chain, IPPROTO_UDP);
	expect(&chain, FINE, "hop-by-hop, destination, routing, destination");
}

/* RFC 8200, 4.2: 00 = skip over, 01, 10 and 11 = discard. */
Test(extension, highest_bits_of_an_option_decide)
{
	for (unsigned type = 0; type < 256; type++) {
		char body[2] = {(char)type, 4};
		struct chain chain;

		for (unsigned header = 0; header < 2; header++) {
			chain_begin(&chain);
			chain_add(&chain, header == 0 ? IPPROTO_HOPOPTS : IPPROTO_DSTOPTS, 8, body,
				type == 0 ? 1 : 2);
			chain_end(&chain, IPPROTO_UDP);
			expect(&chain, type < 0x40 ? FINE : DP_DROP_ip6_extension, "option");
		}
	}
}

/* The option's length: up to the end of its header, and one byte more. */
Test(extension, an_option_ends_within_its_header)
{
	struct chain chain;
	uint32_t length;

	for (length = 0; length < 256; length++) {
		char body[2] = {1, (char)length};

		chain_begin(&chain);
		chain_add(&chain, IPPROTO_DSTOPTS, 16, body, sizeof(body));
		chain_end(&chain, IPPROTO_UDP);
		expect(&chain, length <= 12 ? FINE : DP_DROP_ip6_extension, "PadN");
	}
	chain_begin(&chain);
	ADD(&chain, IPPROTO_DSTOPTS, 8, "\0\0\0\0\0\x01"); /* no room for its length */
	chain_end(&chain, IPPROTO_UDP);
	expect(&chain, DP_DROP_ip6_extension, "PadN without length");
	cr_expect_eq(walk(&chain, 8, &length), DP_DROP_ip6_extension, "at the end of the payload");
}

Test(extension, only_routing_without_segments_left_is_skipped)
{
	struct chain chain;

	for (unsigned left = 0; left < 256; left++) {
		char body[2] = {2, (char)left};

		chain_begin(&chain);
		chain_add(&chain, IPPROTO_ROUTING, 24, body, sizeof(body));
		chain_end(&chain, IPPROTO_UDP);
		expect(&chain, left == 0 ? FINE : DP_DROP_ip6_extension, "routing");
	}
}

/* RFC 8200, 4.1: Hop-by-Hop Options come first or not at all. */
Test(extension, hop_by_hop_options_come_first)
{
	struct chain chain;

	for (unsigned before = 0; before < 3; before++) {
		chain_begin(&chain);
		for (unsigned i = 0; i < before; i++)
			ADD(&chain, i == 0 ? IPPROTO_HOPOPTS : IPPROTO_DSTOPTS, 8, "");
		ADD(&chain, IPPROTO_HOPOPTS, 8, "");
		chain_end(&chain, IPPROTO_UDP);
		expect(&chain, before == 0 ? FINE : DP_DROP_ip6_extension, "hop-by-hop");
	}
}

/* What ends a chain, alone and behind headers that are skipped. */
Test(extension, what_is_not_skipped_has_its_reason)
{
	for (unsigned type = 0; type < 256; type++) {
		enum dp_drop expected = DP_DROP_ip6_not_udp;

		if (type == IPPROTO_DSTOPTS || type == IPPROTO_ROUTING)
			continue;
		if (type == IPPROTO_UDP)
			expected = FINE;
		else if (type == IPPROTO_FRAGMENT)
			expected = DP_DROP_ip6_fragment;
		else if (type == IPPROTO_HOPOPTS || type == IPPROTO_ESP || type == IPPROTO_AH ||
			 type == 135 || type == 139 || type == 140)
			expected = DP_DROP_ip6_extension;
		for (unsigned before = 0; before <= 8; before++) {
			struct chain chain;

			if (type == IPPROTO_HOPOPTS && before == 0)
				continue;
			chain_begin(&chain);
			for (unsigned i = 0; i < before; i++)
				ADD(&chain, IPPROTO_DSTOPTS, 8, "");
			chain_end(&chain, (uint8_t)type);
			expect(&chain, expected, "end of the chain");
		}
	}
}

Test(extension, headers_are_eight_at_most)
{
	struct chain chain;

	chain_begin(&chain);
	ADD(&chain, IPPROTO_HOPOPTS, 8, "");
	for (unsigned i = 1; i < 8; i++)
		ADD(&chain, IPPROTO_DSTOPTS, 8, "");
	chain_end(&chain, IPPROTO_UDP);
	expect(&chain, FINE, "eight");
	chain_begin(&chain);
	for (unsigned i = 0; i < 9; i++)
		ADD(&chain, IPPROTO_DSTOPTS, 8, "");
	chain_end(&chain, IPPROTO_UDP);
	expect(&chain, DP_DROP_ip6_extension, "nine");
}

Test(extension, headers_are_256_bytes_at_most)
{
	struct chain chain;

	for (unsigned first = 8; first <= 272; first += 8) {
		chain_begin(&chain);
		ADD(&chain, IPPROTO_HOPOPTS, first, "");
		chain_end(&chain, IPPROTO_UDP);
		expect(&chain, first <= 256 ? FINE : DP_DROP_ip6_extension, "one");
		chain_begin(&chain);
		ADD(&chain, IPPROTO_DSTOPTS, first, "");
		ADD(&chain, IPPROTO_ROUTING, 128, "");
		chain_end(&chain, IPPROTO_UDP);
		expect(&chain, first <= 128 ? FINE : DP_DROP_ip6_extension, "two");
	}
}

/* Every length at which the payload may end: malformed until the last header is whole. */
Test(extension, a_truncated_chain_is_refused_at_every_length)
{
	struct chain chain;
	uint32_t skip_bytes;

	chain_begin(&chain);
	ADD(&chain, IPPROTO_HOPOPTS, 16, "\x01\x0c");
	ADD(&chain, IPPROTO_ROUTING, 8, "\x00\x00");
	ADD(&chain, IPPROTO_DSTOPTS, 24, "\x01\x03");
	chain_end(&chain, IPPROTO_UDP);
	for (uint32_t bytes = 0; bytes <= chain.bytes; bytes++) {
		cr_expect_eq(walk(&chain, bytes, &skip_bytes),
			bytes < 48 ? DP_DROP_ip6_extension : FINE, "%u bytes", bytes);
		if (bytes >= 48)
			cr_expect_eq(skip_bytes, 48);
	}
}

/* Whatever the bytes are, only those that are there are read, and a result fits its bounds. */
Test(extension, noise_is_walked_within_bounds)
{
	static const uint8_t types[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING,
		IPPROTO_UDP, IPPROTO_FRAGMENT, IPPROTO_TCP};
	uint64_t state = 1;
	unsigned fine = 0;

	for (unsigned i = 0; i < 200000; i++) {
		struct chain chain;
		uint32_t skip_bytes;

		chain.ip.proto = types[draw_below(&state, 3)];
		chain.bytes = draw_below(&state, 80);
		for (uint32_t b = 0; b < chain.bytes; b++) {
			chain.payload[b] = (uint8_t)draw_below(&state, 4);
			if (b % 8 == 0)
				chain.payload[b] = types[draw_below(&state, RTE_DIM(types))];
			else if (b % 8 == 1)
				chain.payload[b] = (uint8_t)draw_below(&state, 2);
		}
		if (walk(&chain, chain.bytes, &skip_bytes) != FINE)
			continue;
		fine++;
		cr_assert(skip_bytes <= chain.bytes && skip_bytes % 8 == 0 && skip_bytes >= 8);
	}
	cr_expect_gt(fine, 1000);
}

Test(extension, remove_leaves_a_plain_datagram)
{
	for (uint32_t skip = 8; skip <= 256; skip += 8) {
		uint8_t datagram[sizeof(struct rte_ipv6_hdr) + 256 + UDP_BYTES + 20];
		const uint32_t behind = UDP_BYTES + 20;
		struct rte_ipv6_hdr *ip = (void *)datagram, before;
		const void *after = datagram + skip;

		for (unsigned i = 0; i < sizeof(datagram); i++)
			datagram[i] = (uint8_t)(i * 7);
		ip->payload_len = rte_cpu_to_be_16((uint16_t)(skip + behind));
		ip->proto = IPPROTO_HOPOPTS;
		before = *ip;
		extension_remove(ip, skip);
		before.payload_len = rte_cpu_to_be_16((uint16_t)behind);
		before.proto = IPPROTO_UDP;
		cr_expect_arr_eq(after, &before, sizeof(before), "%u", skip);
		for (unsigned i = sizeof(before) + skip; i < sizeof(datagram); i++)
			cr_assert_eq(datagram[i], (uint8_t)(i * 7), "payload moved");
	}
}
