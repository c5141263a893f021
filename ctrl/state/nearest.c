/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields weigh by how seldom they are what was got wrong: an address more than a port or a VLAN. */
#include "state/nearest.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#define WEIGHT_MAX 5 /* more than that is another flow's packet altogether */

static const unsigned weights[NEAR_FIELDS] = {
	[NEAR_PORT] = 1,
	[NEAR_OUTER_VLAN] = 1,
	[NEAR_VLAN] = 1,
	[NEAR_SRC] = 2,
	[NEAR_SRC_PORT] = 1,
	[NEAR_DST] = 4,
	[NEAR_DST_PORT] = 2,
};

static unsigned
match_differs(const struct flow_match *match, const struct flow_match *packet)
{
	unsigned differs = 0;

	differs |= (unsigned)(strcmp(match->port, packet->port) != 0) << NEAR_PORT;
	differs |= (unsigned)(match->outer_vlan != packet->outer_vlan) << NEAR_OUTER_VLAN;
	differs |= (unsigned)(match->vlan != packet->vlan) << NEAR_VLAN;
	differs |= (unsigned)(memcmp(match->dst, packet->dst, 16) != 0) << NEAR_DST;
	differs |= (unsigned)(match->dst_port != packet->dst_port) << NEAR_DST_PORT;
	if (match->any_source)
		return differs;
	differs |= (unsigned)(memcmp(match->src, packet->src, 16) != 0) << NEAR_SRC;
	return differs | (unsigned)(match->src_port != packet->src_port) << NEAR_SRC_PORT;
}

static bool
prefix_has(const uint8_t prefix[16], unsigned bits, const uint8_t address[16])
{
	const unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(prefix, address, whole) == 0 &&
	       (rest == 0 || (prefix[whole] ^ address[whole]) >> (8 - rest) == 0);
}

static bool
range_has(uint16_t first, uint16_t last, uint16_t port)
{
	return ntohs(port) >= first && ntohs(port) <= last;
}

static bool
vlan_has(uint16_t wanted, uint16_t vlan)
{
	return wanted == DP_RULE_ANY || wanted == vlan;
}

static unsigned
rule_differs(const struct flow_rule *of, const struct flow_match *packet)
{
	const struct dp_rule *rule = &of->rule;
	unsigned differs = 0;

	differs |= (unsigned)(of->port[0] && strcmp(of->port, packet->port) != 0) << NEAR_PORT;
	differs |= (unsigned)!vlan_has(rule->outer_vlan, packet->outer_vlan) << NEAR_OUTER_VLAN;
	differs |= (unsigned)!vlan_has(rule->vlan, packet->vlan) << NEAR_VLAN;
	differs |= (unsigned)!prefix_has(rule->src, rule->src_bits, packet->src) << NEAR_SRC;
	differs |= (unsigned)!prefix_has(rule->dst, rule->dst_bits, packet->dst) << NEAR_DST;
	differs |= (unsigned)!range_has(rule->src_port_first, rule->src_port_last, packet->src_port)
		   << NEAR_SRC_PORT;
	return differs |
	       (unsigned)!range_has(rule->dst_port_first, rule->dst_port_last, packet->dst_port)
		       << NEAR_DST_PORT;
}

unsigned
nearest_differs(const struct flow_spec *spec, const struct flow_match *packet)
{
	if (spec->match.family != packet->family)
		return UINT_MAX;
	return spec->rule ? rule_differs(spec->rule, packet) : match_differs(&spec->match, packet);
}

static unsigned
weight_of(unsigned differs)
{
	unsigned weight = 0, i;

	if (differs == UINT_MAX)
		return UINT_MAX;
	for (i = 0; i < NEAR_FIELDS; i++)
		weight += differs & 1u << i ? weights[i] : 0;
	return weight;
}

static void
candidate(const struct flow_spec *spec, const struct flow_match *packet, struct nearest *nearest)
{
	const unsigned differs = nearest_differs(spec, packet), weight = weight_of(differs);

	if (weight > WEIGHT_MAX || (nearest->spec && weight >= weight_of(nearest->differs)))
		return;
	nearest->spec = spec;
	nearest->differs = differs;
}

void
nearest_find(const struct desired *desired, const struct endpoints *endpoints,
	const struct flow_match *packet, struct nearest *nearest)
{
	const struct endpoint_pair pair = {
		.src = packet->src,
		.dst = packet->dst,
		.src_port = packet->src_port,
		.dst_port = packet->dst_port,
		.family = packet->family,
	};
	const struct flow *flow = NULL;
	unsigned kind, i;

	memset(nearest, 0, sizeof(*nearest));
	for (kind = 0; kind < ENDPOINT_KINDS; kind++) {
		struct endpoint *at = endpoints_first(endpoints, (enum endpoint_kind)kind, &pair);

		for (i = 0; at && i < NEAREST_LOOKS_MAX; i++) {
			/* The index also has what is about to be installed. */
			if (desired_find(desired, at->spec->id))
				candidate(at->spec, packet, nearest);
			at = endpoints_next(at, (enum endpoint_kind)kind, &pair);
		}
	}
	while (nearest->n_looked < NEAREST_LOOKS_MAX && (flow = desired_before(desired, flow))) {
		if (flow->presence == FLOW_LIVE)
			candidate(flow->spec, packet, nearest);
		nearest->n_looked++;
	}
}
