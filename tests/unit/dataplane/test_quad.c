/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four packets at a time give what one at a time gives: quads against scalars, the parser and the
 * rewrite of four against those of one.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "draw.h"
#include "martian.h"
#include "parse.h"
#include "rewrite.h"

/* Words at the edges of sums, lengths and signs are drawn more often than others. */
static uint32_t
draw_word(uint64_t *seed)
{
	static const uint32_t edges[] = {0, 1, 0xffff, 0x10000, 0xffff0000, 0x7fffffff, 0x80000000,
		0x80008000, 0xfffffffe, 0xffffffff};
	const uint32_t n = draw_below(seed, 4 * RTE_DIM(edges));

	return n < RTE_DIM(edges) ? edges[n] : draw(seed);
}

static quad
draw_quad(uint64_t *seed)
{
	quad q = {0};

	for (size_t i = 0; i < QUAD; i++)
		q[i] = draw_word(seed);
	return q;
}

/* `bytes` is a multiple of 4. */
static void
draw_bytes(uint64_t *seed, void *to, size_t bytes)
{
	uint8_t *p = to;

	for (size_t at = 0; at < bytes; at += sizeof(uint32_t)) {
		const uint32_t word = draw_word(seed);

		memcpy(p + at, &word, sizeof(word));
	}
}

static void
word_check(const char *what, size_t i, quad actual, uint32_t expected)
{
	if ((uint32_t)actual[i] != expected)
		cr_assert_fail(
			"%s: word %zu is %#x, not %#x", what, i, (uint32_t)actual[i], expected);
}

#define OPERATION_ROUNDS 20000

Test(quad, rows_and_words_are_where_they_belong)
{
	uint64_t seed = 1;

	for (unsigned round = 0; round < OPERATION_ROUNDS; round++) {
		const size_t at = round % 16; /* at every alignment */
		uint8_t bytes[QUAD][32], copy[32];
		quad row[QUAD], word[QUAD], gathered;
		uint32_t expected;

		draw_bytes(&seed, bytes, sizeof(bytes));
		for (size_t i = 0; i < QUAD; i++)
			row[i] = quad_load(bytes[i] + at);
		word[0] = quad_word(row, 0);
		word[1] = quad_word(row, 1);
		word[2] = quad_word(row, 2);
		word[3] = quad_word(row, 3);
		gathered = quad_gather(
			bytes[0] + at, bytes[1] + at + 1, bytes[2] + at + 2, bytes[3] + at + 3);
		for (size_t i = 0; i < QUAD; i++) {
			for (size_t n = 0; n < QUAD; n++) {
				memcpy(&expected, bytes[i] + at + 4 * n, sizeof(expected));
				word_check("load", n, row[i], expected);
				word_check("word", i, word[n], expected);
				word_check("set", n, quad_set(expected), expected);
			}
			memcpy(&expected, bytes[i] + at + i, sizeof(expected));
			word_check("gather", i, gathered, expected);
		}
		memcpy(copy, bytes[1], sizeof(copy));
		memcpy(copy + at, bytes[0] + at, 16);
		quad_store(bytes[1] + at, row[0]);
		if (memcmp(bytes[1], copy, sizeof(copy)) != 0)
			cr_assert_fail("store at %zu", at);
	}
}

Test(quad, operations_give_what_scalars_give)
{
	uint64_t seed = 2;

	for (unsigned round = 0; round < OPERATION_ROUNDS; round++) {
		const quad a = draw_quad(&seed), b = draw_quad(&seed), mask = quad_below(b, a);
		const int bits = (int)(round % 32);
		const quad shifted = a >> bits, selected = quad_select(mask, a, b);
		const quad swapped = quad_swap16(a), halves = quad_halves(a);
		const quad equal = quad_equal(a, b);

		for (size_t i = 0; i < QUAD; i++) {
			const uint32_t word = (uint32_t)a[i];

			word_check("shift", i, shifted, word >> bits);
			word_check("select", i, selected, a[i] > b[i] ? a[i] : b[i]);
			word_check("equal", i, equal, a[i] == b[i] ? UINT32_MAX : 0);
			word_check("swap", i, swapped,
				(word & 0xff00ff) << 8 | (word >> 8 & 0xff00ff));
			word_check("halves", i, halves, (word & 0xffff) + (word >> 16));
		}
	}
}

Test(quad, any_sees_every_bit)
{
	const quad none = {0};

	cr_expect_not(quad_any(none));
	for (size_t i = 0; i < QUAD; i++) {
		for (unsigned bit = 0; bit < 32; bit++) {
			quad q = none;

			q[i] = UINT32_C(1) << bit;
			cr_expect(quad_any(q), "bit %u of word %zu", bit, i);
		}
	}
}

Test(quad, checksums_are_updated_as_one_is)
{
	uint64_t seed = 3;

	for (unsigned round = 0; round < OPERATION_ROUNDS; round++) {
		const quad old = draw_quad(&seed) & 0xffff;
		const quad change = draw_quad(&seed) & 0xffff;
		const quad updated = quad_checksum_update(old, change);
		const quad zero = quad_checksum_update(old, old);

		for (size_t i = 0; i < QUAD; i++) {
			word_check("checksum", i, updated,
				checksum_update((rte_be16_t)old[i], (uint32_t)change[i]));
			word_check("checksum of 0", i, zero, 0);
		}
	}
}

/* Every first byte of a source and of a destination, at every place, beside ordinary addresses. */
Test(quad, martians_are_those_of_one_at_a_time)
{
	static const uint32_t rest[] = {0, 1, 0x010203, 0xfffffe, 0xffffff};

	for (unsigned round = 0; round < 2 * QUAD * 256 * RTE_DIM(rest); round++) {
		const size_t place = round / 2 % QUAD;
		const uint32_t first = round / 2 / QUAD % 256;
		const rte_be32_t odd = rte_cpu_to_be_32(first << 24 | rest[round / 2 / QUAD / 256]);
		struct rte_ipv4_hdr ip[QUAD];
		void *ips[QUAD];
		bool any = false;

		for (size_t i = 0; i < QUAD; i++) {
			ip[i] = (struct rte_ipv4_hdr){
				.src_addr = RTE_BE32(0xc0000201), .dst_addr = RTE_BE32(0xcb007101)};
			if (i == place && round % 2 == 0)
				ip[i].src_addr = odd;
			if (i == place && round % 2 == 1)
				ip[i].dst_addr = odd;
			ips[i] = &ip[i];
			any = any || martian(&ip[i], DP_IPV4);
		}
		if (martian_quad(ips) != any)
			cr_assert_fail("%s %#x at place %zu",
				round % 2 == 0 ? "source" : "destination", rte_be_to_cpu_32(odd),
				place);
	}
}

/*
 * Parsing.
 */

#define PARSE_ROUNDS 200
#define EXTENSION_ROOM 512 /* all that the walk of extension headers may read */

struct datagram {
	union {
		struct {
			struct rte_ipv4_hdr ip;
			struct rte_udp_hdr udp;
		} v4;
		struct {
			struct rte_ipv6_hdr ip;
			struct rte_udp_hdr udp;
		} v6;
		uint8_t bytes[UDP6_BYTES + EXTENSION_ROOM];
	};
	uint32_t here; /* bytes from the IP header on, as the frame's length has it */
};

/* What the parser made of the quads of a test. */
struct parse_tally {
	unsigned n_accepted;
	unsigned n_refused;
	unsigned n_extensions; /* scalars that skip extension headers */
};

static void
checksum_make(struct datagram *d)
{
	d->v4.ip.hdr_checksum = 0;
	d->v4.ip.hdr_checksum =
		(rte_be16_t)~checksum_fold(checksum_sum(&d->v4.ip, sizeof(d->v4.ip)));
}

/* A datagram without fault: long or short, with padding or without, UDP shorter than IP or not. */
static void
draw_datagram(uint64_t *seed, enum dp_family family, struct datagram *d)
{
	const uint32_t payload_max = UINT16_MAX - UDP4_BYTES;
	const uint32_t payload = draw_below(seed, draw_below(seed, 2) == 0 ? 64 : payload_max + 1);
	const uint32_t udp_payload =
		draw_below(seed, 2) == 0 ? payload : draw_below(seed, payload + 1);
	const uint32_t padding = draw_below(seed, 2) == 0 ? 0 : draw_below(seed, 64);
	const rte_be16_t udp_bytes =
		rte_cpu_to_be_16((uint16_t)(sizeof(struct rte_udp_hdr) + udp_payload));

	draw_bytes(seed, d->bytes, UDP6_BYTES);
	if (family == DP_IPV4) {
		d->v4.ip.version_ihl = IPV4_VERSION_IHL;
		d->v4.ip.total_length = rte_cpu_to_be_16((uint16_t)(UDP4_BYTES + payload));
		d->v4.ip.fragment_offset &=
			RTE_BE16((uint16_t) ~(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK));
		d->v4.ip.next_proto_id = IPPROTO_UDP;
		d->v4.udp.dgram_len = udp_bytes;
		checksum_make(d);
	} else {
		d->v6.ip.vtc_flow &= RTE_BE32(0x0fffffff);
		d->v6.ip.vtc_flow |= RTE_BE32(0x60000000);
		d->v6.ip.payload_len =
			rte_cpu_to_be_16((uint16_t)(sizeof(struct rte_udp_hdr) + payload));
		d->v6.ip.proto = IPPROTO_UDP;
		d->v6.udp.dgram_len = udp_bytes;
		if (d->v6.udp.dgram_cksum == 0)
			d->v6.udp.dgram_cksum = 1;
	}
	d->here = (family == DP_IPV4 ? UDP4_BYTES : UDP6_BYTES) + payload + padding;
}

static void
draw_datagrams(uint64_t *seed, enum dp_family family, struct datagram d[QUAD])
{
	for (size_t i = 0; i < QUAD; i++)
		draw_datagram(seed, family, &d[i]);
}

static bool
quad_accepts(const struct datagram d[QUAD], enum dp_family family, quad *l3_bytes)
{
	quad head[QUAD], tail[QUAD], here = {0};

	for (size_t i = 0; i < QUAD; i++) {
		head[i] = quad_load(d[i].bytes);
		tail[i] = quad_load(
			d[i].bytes + (family == DP_IPV4 ? offsetof(struct rte_ipv4_hdr, src_addr)
							: UDP6_TAIL_OFFSET));
		here[i] = d[i].here;
	}
	return family == DP_IPV4 ? parse_ip4_quad(head, tail, here, l3_bytes)
				 : parse_ip6_quad(head, tail, here, l3_bytes);
}

/* The four parsed at once and one by one. `what` was done to the one at `position`. */
static void
parse_check(const struct datagram d[QUAD], enum dp_family family, struct parse_tally *tally,
	const char *what, unsigned detail, size_t position)
{
	uint16_t expected[QUAD] = {0};
	bool all = true;
	quad l3_bytes;

	for (size_t i = 0; i < QUAD; i++) {
		const uint32_t here = d[i].here;
		uint32_t skip_bytes = 0;
		enum dp_drop reason =
			family == DP_IPV4 ? parse_ip4(&d[i].v4.ip, here, &expected[i])
					  : parse_ip6(&d[i].v6.ip, here, &expected[i], &skip_bytes);

		if (reason != PARSE_OK || skip_bytes > 0)
			all = false;
		if (reason == PARSE_OK && skip_bytes > 0)
			tally->n_extensions++;
	}
	if (quad_accepts(d, family, &l3_bytes) != all)
		cr_assert_fail("IPv%u, %s %u of datagram %zu: one by one they are %s",
			family == DP_IPV4 ? 4 : 6, what, detail, position,
			all ? "accepted" : "refused");
	if (!all) {
		tally->n_refused++;
		return;
	}
	tally->n_accepted++;
	for (size_t i = 0; i < QUAD; i++)
		word_check("length of a datagram", i, l3_bytes, expected[i]);
}

/* With the IPv4 checksum as it was, and right again: else it hides what the field itself does. */
static void
mutation_check(struct datagram d[QUAD], enum dp_family family, struct parse_tally *tally,
	const char *what, unsigned detail, size_t position)
{
	parse_check(d, family, tally, what, detail, position);
	if (family != DP_IPV4)
		return;
	checksum_make(&d[position]);
	parse_check(d, family, tally, what, detail, position);
}

/* Every bit of the headers, every 16-bit word of them set to many values, and the length. */
static void
mutations_check(
	uint64_t *seed, struct datagram d[QUAD], enum dp_family family, struct parse_tally *tally)
{
	const unsigned n_bytes = family == DP_IPV4 ? UDP4_BYTES : UDP6_BYTES;
	const unsigned n_refused = tally->n_refused;

	parse_check(d, family, tally, "nothing", 0, 0);
	cr_assert_eq(tally->n_refused, n_refused, "a datagram without fault");
	for (size_t i = 0; i < QUAD; i++) {
		const struct datagram good = d[i];
		const uint32_t here = good.here;
		const uint32_t values[] = {0, 1, 7, 8, 9, 19, 20, 21, 27, 28, 29, 39, 40, 41, 47,
			48, 49, 0x7fff, 0x8000, 0xfffe, 0xffff, here - 41, here - 40, here - 39,
			here - 21, here - 20, here - 19, here - 1, here, here + 1, draw(seed)};

		for (unsigned bit = 0; bit < 8 * n_bytes; bit++) {
			d[i].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			mutation_check(d, family, tally, "bit", bit, i);
			memcpy(d[i].bytes, good.bytes, n_bytes);
		}
		for (unsigned at = 0; at < n_bytes; at += 2) {
			for (size_t v = 0; v < RTE_DIM(values); v++) {
				const rte_be16_t word = rte_cpu_to_be_16((uint16_t)values[v]);

				memcpy(d[i].bytes + at, &word, sizeof(word));
				mutation_check(d, family, tally, "word at", at, i);
				memcpy(d[i].bytes, good.bytes, n_bytes);
			}
		}
		for (size_t v = 0; v < RTE_DIM(values); v++) {
			d[i].here = values[v] & 0x1ffff;
			parse_check(d, family, tally, "length", values[v], i);
		}
		d[i].here = good.here;
	}
}

Test(parse_quad, accepts_four_of_ipv4_that_are_each_accepted)
{
	static struct datagram d[QUAD];
	struct parse_tally tally = {0};
	uint64_t seed = 4;

	for (unsigned round = 0; round < PARSE_ROUNDS; round++) {
		draw_datagrams(&seed, DP_IPV4, d);
		mutations_check(&seed, d, DP_IPV4, &tally);
	}
	cr_expect_gt(tally.n_accepted, 10000);
	cr_expect_gt(tally.n_refused, 10000);
}

Test(parse_quad, accepts_four_of_ipv6_that_are_each_accepted)
{
	static struct datagram d[QUAD];
	struct parse_tally tally = {0};
	uint64_t seed = 5;

	for (unsigned round = 0; round < PARSE_ROUNDS; round++) {
		draw_datagrams(&seed, DP_IPV6, d);
		mutations_check(&seed, d, DP_IPV6, &tally);
	}
	cr_expect_gt(tally.n_accepted, 10000);
	cr_expect_gt(tally.n_refused, 10000);
}

/* A sum of 0 may stand as either of its forms. */
Test(parse_quad, accepts_both_zeros_of_an_ipv4_checksum)
{
	static struct datagram d[QUAD];
	struct parse_tally tally = {0};
	uint64_t seed = 6;

	for (unsigned round = 0; round < PARSE_ROUNDS; round++) {
		for (unsigned ones = 0; ones < 1u << QUAD; ones++) {
			draw_datagrams(&seed, DP_IPV4, d);
			for (size_t i = 0; i < QUAD; i++) {
				struct rte_ipv4_hdr *ip = &d[i].v4.ip;

				ip->packet_id = ip->hdr_checksum = 0;
				ip->packet_id =
					(rte_be16_t)~checksum_fold(checksum_sum(ip, sizeof(*ip)));
				ip->hdr_checksum = (ones >> i & 1) != 0 ? 0xffff : 0;
			}
			parse_check(d, DP_IPV4, &tally, "checksums", ones, 0);
		}
	}
	cr_expect_eq(tally.n_refused, 0);
}

/* What one at a time passes with its extension headers taken out is not for four at once. */
Test(parse_quad, refuses_extension_headers)
{
	static const uint8_t types[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING};
	/* Were it UDP, it would have a checksum. */
	static const uint8_t header[] = {IPPROTO_UDP, 0, OPTION_PADN, 0, OPTION_PADN, 2, 1, 1};
	static struct datagram d[QUAD];
	struct parse_tally tally = {0};
	uint64_t seed = 7;

	for (unsigned round = 0; round < PARSE_ROUNDS; round++) {
		const size_t i = round % QUAD;

		draw_datagrams(&seed, DP_IPV6, d);
		d[i].v6.ip.payload_len = RTE_BE16(sizeof(header) + sizeof(d[i].v6.udp));
		d[i].v6.ip.proto = types[round % RTE_DIM(types)];
		d[i].here = UDP6_BYTES + sizeof(header);
		d[i].v6.udp.dgram_len = RTE_BE16(sizeof(d[i].v6.udp));
		memcpy(d[i].bytes + UDP6_BYTES, &d[i].v6.udp, sizeof(d[i].v6.udp));
		memcpy(&d[i].v6.udp, header, sizeof(header));
		parse_check(d, DP_IPV6, &tally, "type", d[i].v6.ip.proto, i);
	}
	cr_expect_eq(tally.n_refused, PARSE_ROUNDS);
	cr_expect_eq(tally.n_extensions, PARSE_ROUNDS);
}

/* The link layer is taken off a length before it is known to be there. */
Test(parse_quad, refuses_a_frame_that_is_shorter_than_its_link_layer)
{
	static const enum dp_family families[] = {DP_IPV4, DP_IPV6};
	static struct datagram d[QUAD];
	uint64_t seed = 8;
	quad l3_bytes;

	for (size_t f = 0; f < RTE_DIM(families); f++) {
		draw_datagrams(&seed, families[f], d);
		for (size_t i = 0; i < QUAD; i++) {
			const uint32_t here = d[i].here;

			for (d[i].here = -(uint32_t)VLAN_L2_BYTES; d[i].here != 0; d[i].here++)
				cr_expect_not(quad_accepts(d, families[f], &l3_bytes));
			d[i].here = here;
		}
		cr_expect(quad_accepts(d, families[f], &l3_bytes));
	}
}

/*
 * Rewriting.
 */

#define ROOM_BYTES 32
#define N_FLAGS 16 /* combinations of REWRITE_* */
#define L2_ROUNDS 2000
#define TWO_TAGS_L2_BYTES (VLAN_L2_BYTES + sizeof(struct rte_vlan_hdr))

struct packet {
	uint8_t room[ROOM_BYTES];
	union {
		struct rte_ipv4_hdr v4;
		struct rte_ipv6_hdr v6;
		uint8_t ip[UDP6_BYTES];
	};
} __rte_aligned(16);

union rewrite {
	struct rewrite4 v4;
	struct rewrite6 v6;
} __rte_aligned(16);

static uint8_t *
packet_ttl(struct packet *p, enum dp_family family)
{
	return family == DP_IPV4 ? &p->v4.time_to_live : &p->v6.hop_limits;
}

static struct rte_udp_hdr *
packet_udp(struct packet *p, enum dp_family family)
{
	return family == DP_IPV4 ? (struct rte_udp_hdr *)(&p->v4 + 1)
				 : (struct rte_udp_hdr *)(&p->v6 + 1);
}

static void
draw_rewrite(uint64_t *seed, enum dp_family family, unsigned flags, union rewrite *rewrite)
{
	struct rewrite_tail *tail = rewrite_tail(rewrite, family);

	draw_bytes(seed, rewrite, sizeof(*rewrite));
	tail->tos &= (uint8_t)~ECN_MASK;
	tail->flags = (uint8_t)flags;
	/* The change of the TTL alone is one. */
	if (family == DP_IPV4 && rewrite->v4.ip_delta == 0)
		rewrite->v4.ip_delta = 1;
}

/* A datagram that does not expire; its checksums are anything, none, or what becomes 0. */
static void
draw_packet(uint64_t *seed, enum dp_family family, const union rewrite *rewrite, struct packet *p)
{
	const rte_be16_t type =
		family == DP_IPV4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	const bool sets_ttl = (rewrite_tail_const(rewrite, family)->flags & REWRITE_SET_TTL) != 0;
	const uint32_t kind = draw_below(seed, 4);
	struct rte_udp_hdr *udp = packet_udp(p, family);
	struct packet copy;

	draw_bytes(seed, p, sizeof(*p));
	if (family == DP_IPV4)
		p->v4.next_proto_id = IPPROTO_UDP;
	else
		p->v6.proto = IPPROTO_UDP;
	memcpy(p->room + ROOM_BYTES - sizeof(type), &type, sizeof(type));
	*packet_ttl(p, family) =
		(uint8_t)(sets_ttl ? draw_below(seed, 256) : 2 + draw_below(seed, 254));
	if (kind == 0) {
		udp->dgram_cksum = 0;
	} else if (kind == 1) {
		/* All ones take the change as it is; the complement of that cancels it. */
		udp->dgram_cksum = 0xffff;
		if (family == DP_IPV4)
			p->v4.hdr_checksum = 0xffff;
		copy = *p;
		rewrite_ip(copy.ip, rewrite, family);
		udp->dgram_cksum = (rte_be16_t)~packet_udp(&copy, family)->dgram_cksum;
		if (family == DP_IPV4)
			p->v4.hdr_checksum = (rte_be16_t)~copy.v4.hdr_checksum;
	}
}

static void
rewrite_quad_begin(struct rewrite_quad *q, struct packet p[QUAD],
	const union rewrite rewrites[QUAD], enum dp_family family)
{
	for (size_t i = 0; i < QUAD; i++) {
		q->ip[i] = p[i].ip;
		q->rewrite[i] = &rewrites[i];
	}
	rewrite_quad_load(q, family, family);
}

/* Every combination of flags at each of the four, mixed in every way. */
static inline void
rewrites_check(uint64_t seed, enum dp_family family)
{
	unsigned n_without = 0, n_ip_zeros = 0, n_udp_zeros = 0;

	for (unsigned mix = 0; mix < N_FLAGS * N_FLAGS * N_FLAGS * N_FLAGS; mix++) {
		struct packet alone[QUAD], four[QUAD];
		union rewrite rewrites[QUAD];
		struct rewrite_quad q;

		for (size_t i = 0; i < QUAD; i++) {
			draw_rewrite(&seed, family, mix >> 4 * i & (N_FLAGS - 1), &rewrites[i]);
			draw_packet(&seed, family, &rewrites[i], &alone[i]);
			n_without += packet_udp(&alone[i], family)->dgram_cksum == 0;
		}
		memcpy(four, alone, sizeof(four));
		rewrite_quad_begin(&q, four, rewrites, family);
		if (quad_any(rewrite_quad_expires(&q, family)))
			cr_assert_fail("flags %#x: one expires", mix);
		rewrite_quad(&q, family);
		for (size_t i = 0; i < QUAD; i++) {
			rewrite_ip(alone[i].ip, &rewrites[i], family);
			if (memcmp(&four[i], &alone[i], sizeof(four[i])) != 0)
				cr_assert_fail("flags %#x: datagram %zu is not the same", mix, i);
			n_ip_zeros += family == DP_IPV4 && alone[i].v4.hdr_checksum == 0;
			n_udp_zeros += packet_udp(&alone[i], family)->dgram_cksum == 0xffff;
		}
	}
	cr_expect_gt(n_without, 10000);
	cr_expect_gt(n_udp_zeros, 10000);
	if (family == DP_IPV4)
		cr_expect_gt(n_ip_zeros, 10000);
}

Test(rewrite_quad, rewrites_ipv4_as_one_at_a_time)
{
	rewrites_check(9, DP_IPV4);
}

Test(rewrite_quad, rewrites_ipv6_as_one_at_a_time)
{
	rewrites_check(10, DP_IPV6);
}

/* As translate(), for every combination of flags at each of the four, mixed in every way. */
static inline void
translates_check(uint64_t seed, enum dp_family family)
{
	const enum dp_family out = family == DP_IPV4 ? DP_IPV6 : DP_IPV4;
	const rte_be16_t type =
		out == DP_IPV4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);

	for (unsigned mix = 0; mix < N_FLAGS * N_FLAGS * N_FLAGS * N_FLAGS; mix++) {
		struct packet alone[QUAD], four[QUAD];
		union rewrite rewrites[QUAD];
		struct rewrite_quad q;
		quad l3_bytes = {0};

		for (size_t i = 0; i < QUAD; i++) {
			struct rte_udp_hdr *udp = packet_udp(&alone[i], family);

			draw_rewrite(&seed, out, mix >> 4 * i & (N_FLAGS - 1), &rewrites[i]);
			draw_bytes(&seed, &alone[i], sizeof(alone[i]));
			if (udp->dgram_cksum == 0)
				udp->dgram_cksum = 1;
			if (*packet_ttl(&alone[i], family) == 0) /* has expired */
				*packet_ttl(&alone[i], family) = 1;
			l3_bytes[i] = (uint32_t)UDP6_BYTES + draw_below(&seed, 9000);
			four[i] = alone[i];
			q.ip[i] = four[i].ip;
			q.rewrite[i] = &rewrites[i];
		}
		rewrite_quad_load(&q, family, out);
		translate_quad(&q, l3_bytes, family);
		for (size_t i = 0; i < QUAD; i++) {
			uint8_t *ip = translate(alone[i].ip, (uint16_t)l3_bytes[i], &rewrites[i],
				packet_udp(&alone[i], family), family);

			memcpy(ip - sizeof(type), &type, sizeof(type));
			cr_assert_eq(q.ip[i] - four[i].ip, ip - alone[i].ip);
			if (memcmp(&four[i], &alone[i], sizeof(four[i])) != 0)
				cr_assert_fail("flags %#x: datagram %zu is not the same", mix, i);
		}
	}
}

Test(rewrite_quad, translates_as_one_at_a_time)
{
	translates_check(13, DP_IPV4);
	translates_check(14, DP_IPV6);
}

static inline void
expiry_check(uint64_t seed, enum dp_family family)
{
	for (unsigned round = 0; round < QUAD * N_FLAGS * 256; round++) {
		const size_t position = round % QUAD;
		union rewrite rewrites[QUAD];
		struct packet p[QUAD];
		struct rewrite_quad q;
		quad expired;

		for (size_t i = 0; i < QUAD; i++) {
			const unsigned flags =
				i == position ? round / QUAD % N_FLAGS : draw_below(&seed, N_FLAGS);

			draw_rewrite(&seed, family, flags, &rewrites[i]);
			draw_bytes(&seed, &p[i], sizeof(p[i]));
			*packet_ttl(&p[i], family) =
				(uint8_t)(i == position ? round / QUAD / N_FLAGS
							: draw_below(&seed, 4));
		}
		rewrite_quad_begin(&q, p, rewrites, family);
		expired = rewrite_quad_expires(&q, family);
		for (size_t i = 0; i < QUAD; i++)
			word_check("expired", i, expired,
				rewrite_expires(p[i].ip, rewrite_tail(&rewrites[i], family), family)
					? UINT32_MAX
					: 0);
	}
}

Test(rewrite_quad, expires_as_one_at_a_time)
{
	expiry_check(11, DP_IPV4);
	expiry_check(12, DP_IPV6);
}

/* An mbuf around a packet as it came, with `padding` behind the datagram. */
static void
mbuf_make(
	struct rte_mbuf *m, struct packet *p, size_t l2_bytes, uint16_t l3_bytes, uint16_t padding)
{
	*m = (struct rte_mbuf){
		.buf_addr = p,
		.nb_segs = 1,
		.data_off = (uint16_t)(ROOM_BYTES - l2_bytes),
		.data_len = (uint16_t)(l2_bytes + l3_bytes + padding),
		.pkt_len = (uint32_t)l2_bytes + l3_bytes + padding,
	};
}

/* The four leave tagged where `tagged` has a bit. `stay`: so they came. */
static inline void
l2_check(uint64_t *seed, enum dp_family family, unsigned tagged, bool stay)
{
	static const size_t lengths[] = {RTE_ETHER_HDR_LEN, VLAN_L2_BYTES, TWO_TAGS_L2_BYTES};
	struct rte_mbuf alone_m[QUAD], four_m[QUAD];
	struct rte_mbuf *m[QUAD];
	struct packet alone[QUAD], four[QUAD];
	union rewrite rewrites[QUAD];
	quad l2_bytes = {0}, l3_bytes = {0}, bytes;
	quad hop[QUAD];
	struct rewrite_quad q;

	draw_bytes(seed, hop, sizeof(hop));
	for (size_t i = 0; i < QUAD; i++) {
		const bool has_tag = (tagged >> i & 1) != 0;
		const size_t came =
			stay ? lengths[has_tag] : lengths[draw_below(seed, RTE_DIM(lengths))];
		const uint16_t padding =
			(uint16_t)(stay || draw_below(seed, 2) == 0 ? 0 : 1 + draw_below(seed, 17));

		draw_rewrite(seed, family, draw_below(seed, N_FLAGS), &rewrites[i]);
		rewrite_tail(&rewrites[i], family)->vlan_tci =
			(rte_be16_t)(has_tag ? 1 + draw_below(seed, UINT16_MAX) : 0);
		draw_packet(seed, family, &rewrites[i], &alone[i]);
		l3_bytes[i] = (uint32_t)UDP6_BYTES + draw_below(seed, 9000);
		l2_bytes[i] = padding == 0 ? came : 0;
		mbuf_make(&alone_m[i], &alone[i], came, (uint16_t)l3_bytes[i], padding);
		mbuf_make(&four_m[i], &four[i], came, (uint16_t)l3_bytes[i], padding);
		m[i] = &four_m[i];
	}
	memcpy(four, alone, sizeof(four));
	rewrite_quad_begin(&q, four, rewrites, family);
	rewrite_quad(&q, family);
	/* To say that there may be tags where there are none is allowed. */
	bytes = rewrite_quad_l2(
		&q, m, hop, l2_bytes, l3_bytes, tagged != 0 || draw_below(seed, 2) == 0, family);
	for (size_t i = 0; i < QUAD; i++) {
		const uint16_t n = (uint16_t)l3_bytes[i];
		uint32_t expected;

		rewrite_ip(alone[i].ip, &rewrites[i], family);
		expected = rewrite_l2(&alone_m[i], alone[i].ip, n, n, hop[i], 0,
			rewrite_tail(&rewrites[i], family)->vlan_tci, family);
		word_check("length of a frame", i, bytes, expected);
		if (memcmp(&four[i], &alone[i], sizeof(four[i])) != 0)
			cr_assert_fail("frame %zu is not the same", i);
		if (four_m[i].data_off != alone_m[i].data_off ||
			four_m[i].data_len != alone_m[i].data_len ||
			four_m[i].pkt_len != alone_m[i].pkt_len)
			cr_assert_fail("frame %zu: bounds of the mbuf", i);
	}
}

Test(rewrite_quad, puts_the_link_layer_as_one_at_a_time)
{
	uint64_t seed = 13;

	for (unsigned round = 0; round < L2_ROUNDS; round++) {
		for (unsigned tagged = 0; tagged < 1u << QUAD; tagged++) {
			l2_check(&seed, DP_IPV4, tagged, round % 2 == 0);
			l2_check(&seed, DP_IPV6, tagged, round % 2 == 0);
		}
	}
}
