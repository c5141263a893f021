/* SPDX-License-Identifier: BSD-3-Clause */
/* The compiled rules against a search that goes through them one by one. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include <dp/dp.h>

#include "draw.h"
#include "fixture.h"
#include "flow_entry.h"
#include "rules.h"

static void
setup(void)
{
	fixture_eal(1);
}

TestSuite(rules, .init = setup, .fini = dp_eal_fini);

/* What a rule may look at, in host order, addresses as bytes. */
struct probe {
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
	uint16_t port, vlan, outer_vlan;
};

static bool
prefix_matches(const uint8_t *prefix, unsigned bits, const uint8_t *address)
{
	for (unsigned i = 0; i < bits; i++) {
		if (((prefix[i / 8] ^ address[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	}
	return true;
}

static bool
rule_matches(const struct dp_rule *rule, const struct probe *probe)
{
	return prefix_matches(rule->src, rule->src_bits, probe->src) &&
	       prefix_matches(rule->dst, rule->dst_bits, probe->dst) &&
	       probe->src_port >= rule->src_port_first && probe->src_port <= rule->src_port_last &&
	       probe->dst_port >= rule->dst_port_first && probe->dst_port <= rule->dst_port_last &&
	       (rule->port == DP_RULE_ANY || rule->port == probe->port) &&
	       (rule->vlan == DP_RULE_ANY || rule->vlan == probe->vlan) &&
	       (rule->outer_vlan == DP_RULE_ANY || rule->outer_vlan == probe->outer_vlan);
}

static uint32_t
linear_find(const struct rule_entry *entries, unsigned n, const struct probe *probe)
{
	for (unsigned i = 0; i < n; i++) {
		if (rule_matches(&entries[i].rule, probe))
			return entries[i].index;
	}
	return RULES_NONE;
}

/* The datagram that a probe stands for, as the pipeline has it. */
static void
probe_packet(const struct probe *probe, enum dp_family family, struct rule_packet *packet)
{
	struct {
		struct rte_ipv4_hdr ip;
		struct rte_udp_hdr udp;
	} v4 = {.udp.src_port = rte_cpu_to_be_16(probe->src_port),
		.udp.dst_port = rte_cpu_to_be_16(probe->dst_port)};
	struct {
		struct rte_ipv6_hdr ip;
		struct rte_udp_hdr udp;
	} v6 = {.udp = v4.udp};

	memcpy(&v4.ip.src_addr, probe->src, 4);
	memcpy(&v4.ip.dst_addr, probe->dst, 4);
	memcpy(&v6.ip.src_addr, probe->src, 16);
	memcpy(&v6.ip.dst_addr, probe->dst, 16);
	rule_packet_set(packet, family == DP_IPV4 ? (const void *)&v4 : (const void *)&v6,
		flow_domain(probe->port, probe->vlan, probe->outer_vlan), family);
}

/* Few values and those at the edges, so that rules overlap and packets meet them. */
static uint16_t
draw_number(uint64_t *state, uint16_t max)
{
	switch (draw_below(state, 4)) {
	case 0:
		return 0;
	case 1:
		return max;
	case 2:
		return (uint16_t)draw_below(state, 8);
	default:
		return (uint16_t)draw_below(state, max + 1u);
	}
}

static void
draw_address(uint64_t *state, enum dp_family family, uint8_t address[16])
{
	const unsigned bytes = family == DP_IPV4 ? 4 : 16;

	memset(address, 0, 16);
	for (unsigned i = 0; i < bytes; i++)
		address[i] =
			(uint8_t)(draw_below(state, 8) == 0 ? draw(state) : draw_below(state, 2));
}

static void
draw_range(uint64_t *state, uint16_t *first, uint16_t *last)
{
	*first = draw_number(state, UINT16_MAX);
	*last = draw_number(state, UINT16_MAX);
	if (draw_below(state, 3) == 0) {
		*first = 0;
		*last = UINT16_MAX;
	} else if (*first > *last) {
		uint16_t swap = *first;

		*first = *last;
		*last = swap;
	}
}

/* Any length; often none or all of it. */
static uint8_t
draw_prefix(uint64_t *state, enum dp_family family, uint8_t address[16])
{
	const unsigned all = family == DP_IPV4 ? 32 : 128;
	unsigned bits =
		draw_below(state, 3) == 0 ? draw_below(state, 2) * all : draw_below(state, all + 1);

	draw_address(state, family, address);
	for (unsigned i = bits; i < all; i++)
		address[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return (uint8_t)bits;
}

static uint16_t
draw_maybe_any(uint64_t *state, uint16_t max)
{
	return draw_below(state, 2) == 0 ? DP_RULE_ANY : draw_number(state, max);
}

static void
draw_rules(uint64_t *state, enum dp_family family, struct rule_entry *entries, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct dp_rule *rule = &entries[i].rule;

		*rule = (struct dp_rule){.family = (uint8_t)family, .priority = 1};
		rule->src_bits = draw_prefix(state, family, rule->src);
		rule->dst_bits = draw_prefix(state, family, rule->dst);
		draw_range(state, &rule->src_port_first, &rule->src_port_last);
		draw_range(state, &rule->dst_port_first, &rule->dst_port_last);
		rule->port = draw_maybe_any(state, DP_PORTS_MAX - 1);
		rule->vlan = draw_maybe_any(state, 4094);
		rule->outer_vlan = draw_maybe_any(state, 4094);
		entries[i].index = draw(state) % DP_FLOWS_MAX;
	}
}

/* Every address bit that the rule leaves open is drawn. */
static void
draw_within(uint64_t *state, const uint8_t *prefix, unsigned bits, uint8_t address[16])
{
	for (unsigned i = 0; i < bits; i++) {
		const uint8_t bit = (uint8_t)(0x80 >> i % 8);

		address[i / 8] = (uint8_t)((address[i / 8] & ~bit) | (prefix[i / 8] & bit));
	}
	if (bits > 0 && draw_below(state, 8) == 0) /* just outside */
		address[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
}

/* A packet out of the blue, or one that a rule matches or only just does not. */
static struct probe
draw_probe(uint64_t *state, enum dp_family family, const struct rule_entry *entries, unsigned n)
{
	const struct dp_rule *rule = &entries[draw_below(state, n)].rule;
	struct probe probe = {
		.src_port = draw_number(state, UINT16_MAX),
		.dst_port = draw_number(state, UINT16_MAX),
		.port = draw_number(state, DP_PORTS_MAX - 1),
		.vlan = draw_number(state, 4094),
		.outer_vlan = draw_number(state, 4094),
	};

	draw_address(state, family, probe.src);
	draw_address(state, family, probe.dst);
	if (draw_below(state, 4) == 0)
		return probe;
	draw_within(state, rule->src, rule->src_bits, probe.src);
	draw_within(state, rule->dst, rule->dst_bits, probe.dst);
	probe.src_port = (uint16_t)(rule->src_port_first - (draw_below(state, 16) == 0));
	probe.dst_port = (uint16_t)(rule->dst_port_last + (draw_below(state, 16) == 0));
	probe.port = rule->port == DP_RULE_ANY ? probe.port : rule->port;
	probe.vlan = rule->vlan == DP_RULE_ANY ? probe.vlan : rule->vlan;
	probe.outer_vlan = rule->outer_vlan == DP_RULE_ANY ? probe.outer_vlan : rule->outer_vlan;
	return probe;
}

static const unsigned bursts[] = {
	1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128};
#define PACKETS_OF_BURSTS 630
static_assert(RULES_PACKETS_MAX == 128, "the longest of bursts[]");

/* Bursts of these lengths. Returns how many packets matched some rule. */
static unsigned
compare_found(uint64_t *state, enum dp_family family, const struct rules *rules,
	const struct rule_entry *entries, unsigned n)
{
	unsigned matched = 0;

	for (unsigned b = 0; b < RTE_DIM(bursts); b++) {
		const unsigned burst = bursts[b];
		struct rule_packet packets[RULES_PACKETS_MAX];
		struct probe probes[RULES_PACKETS_MAX];
		uint32_t found[RULES_PACKETS_MAX];

		for (unsigned i = 0; i < burst; i++) {
			probes[i] = draw_probe(state, family, entries, n);
			probe_packet(&probes[i], family, &packets[i]);
		}
		rules_find(rules, packets, found, burst);
		for (unsigned i = 0; i < burst; i++) {
			uint32_t expected = linear_find(entries, n, &probes[i]);

			matched += expected != RULES_NONE;
			cr_assert_eq(found[i], expected,
				"IPv%d, %u rules, packet %u of %u: %u, not %u", family, n, i, burst,
				found[i], expected);
		}
	}
	return matched;
}

static unsigned
compare(uint64_t *state, enum dp_family family, const struct rule_entry *entries, unsigned n)
{
	struct rules *rules = rules_build(family, entries, n, SOCKET_ID_ANY);
	unsigned matched;

	cr_assert_not_null(rules, "%u rules", n);
	matched = compare_found(state, family, rules, entries, n);
	rules_destroy(rules);
	return matched;
}

#define ROUNDS 2

static void
compare_many(enum dp_family family, uint64_t seed)
{
	static const unsigned sizes[] = {1, 1, 1, 1, 2, 2, 3, 5, 8, 16, 31, 100, 300};
	static struct rule_entry entries[300];
	unsigned matched = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
			draw_rules(&seed, family, entries, sizes[i]);
			matched += compare(&seed, family, entries, sizes[i]);
		}
	}
	/* 528 packets a set of rules; were there few matches, little would have been compared. */
	cr_expect_gt(matched, ROUNDS * RTE_DIM(sizes) * 528 / 4);
}

Test(rules, first_of_the_ipv4_rules_that_match_is_found)
{
	compare_many(DP_IPV4, 4);
}

Test(rules, first_of_the_ipv6_rules_that_match_is_found)
{
	compare_many(DP_IPV6, 6);
}

/* All fields open, and the greatest index that a rule can stand for. */
Test(rules, a_rule_may_match_everything)
{
	const struct rule_entry entry = {
		.rule = {.family = DP_IPV4,
			.src_port_last = UINT16_MAX,
			.dst_port_last = UINT16_MAX,
			.port = DP_RULE_ANY,
			.vlan = DP_RULE_ANY,
			.outer_vlan = DP_RULE_ANY},
		.index = RULES_NONE - 1,
	};
	uint64_t state = 1;

	cr_expect_eq(compare(&state, DP_IPV4, &entry, 1), PACKETS_OF_BURSTS);
}

/* Two sets side by side, as while one is swapped for the other. */
Test(rules, sets_are_apart)
{
	struct rule_entry entries[2];
	uint64_t state = 2;
	struct rules *rules;

	draw_rules(&state, DP_IPV4, entries, 2);
	for (unsigned i = 0; i < 100; i++) {
		rules = rules_build(DP_IPV4, &entries[0], 1, SOCKET_ID_ANY);
		cr_assert_not_null(rules);
		compare(&state, DP_IPV4, &entries[1], 1);
		rules_destroy(rules);
	}
	rules_destroy(NULL);
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As operators write them: subscribers' prefixes, a range of media ports, an ingress VLAN. */
static void
likely_rules(enum dp_family family, struct rule_entry *entries, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct dp_rule *rule = &entries[i].rule;
		uint8_t *subscriber = family == DP_IPV4 ? &rule->src[1] : &rule->src[4];
		const uint16_t first = (uint16_t)(10000 + i % 64 * 256);

		*rule = (struct dp_rule){
			.family = (uint8_t)family,
			.src_bits = family == DP_IPV4 ? 24 : 48,
			.dst_bits = family == DP_IPV4 ? 32 : 128,
			.src_port_last = UINT16_MAX,
			.dst_port_first = first,
			.dst_port_last = (uint16_t)(first + 255),
			.port = (uint16_t)(i % 4),
			.vlan = (uint16_t)(100 + i % 16),
			.outer_vlan = DP_RULE_ANY,
		};
		rule->src[0] = family == DP_IPV4 ? 10 : 0x20;
		subscriber[0] = (uint8_t)(i >> 8);
		subscriber[1] = (uint8_t)i;
		memset(rule->dst, 0x33, family == DP_IPV4 ? 4 : 16);
		entries[i].index = i;
	}
}

/* Build, say how long it takes, and see that they are right. */
static void
build_timed(enum dp_family family, const char *kind, const struct rule_entry *entries, unsigned n)
{
	const double start = seconds();
	struct rules *rules = rules_build(family, entries, n, SOCKET_ID_ANY);
	uint64_t state = 3;

	fprintf(stderr, "IPv%d: %u %s rules built in %.3f s\n", family, n, kind, seconds() - start);
	cr_assert_not_null(rules);
	compare_found(&state, family, rules, entries, n);
	rules_destroy(rules);
}

static struct rule_entry most[DP_RULES_MAX];

Test(rules, as_many_as_there_may_be_are_built)
{
	likely_rules(DP_IPV4, most, DP_RULES_MAX);
	build_timed(DP_IPV4, "likely", most, DP_RULES_MAX);
	likely_rules(DP_IPV6, most, DP_RULES_MAX);
	build_timed(DP_IPV6, "likely", most, DP_RULES_MAX);
}

/* Too many for one trie: hardly two have any prefix, range or wildcard in common. */
Test(rules, rules_that_overlap_in_every_way_are_built)
{
	uint64_t state = 4;

	draw_rules(&state, DP_IPV4, most, DP_RULES_MAX / 16);
	build_timed(DP_IPV4, "random", most, DP_RULES_MAX / 16);
	draw_rules(&state, DP_IPV6, most, DP_RULES_MAX / 16);
	build_timed(DP_IPV6, "random", most, DP_RULES_MAX / 16);
}
