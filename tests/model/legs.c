/* SPDX-License-Identifier: BSD-3-Clause */
/* Random legs and next hops. */
#include <arpa/inet.h>
#include <string.h>

#include "flows.h"
#include "world.h"

#define MANY_LEGS 200
#define PORT_MTU 1500
#define BURST_BYTES_MAX (UINT64_C(1) << 32)

static struct dp_police
police_random(struct rng *rng)
{
	struct dp_police police = {.rate_bps = world_rate_bps(rng)};

	if (rng_one_in(rng, 10))
		police.burst_bytes =
			rng_one_in(rng, 2) ? police.rate_bps * DP_BURST_PER_BPS_MAX : 1;
	else
		police.burst_bytes = rng_between(rng, 40, rng_one_in(rng, 2) ? 400 : 20000);
	if (police.burst_bytes > BURST_BYTES_MAX)
		police.burst_bytes = BURST_BYTES_MAX;
	return police;
}

void
leg_random(struct rng *rng, unsigned flow_family, struct dp_leg *leg)
{
	bool translate = rng_one_in(rng, 4);

	memset(leg, 0, sizeof(*leg));
	leg->family = (uint8_t)(translate ? DP_IPV4 + DP_IPV6 - flow_family : flow_family);
	world_local(rng, leg->family, leg->src);
	world_source(rng, leg->family, leg->dst);
	leg->src_port = htons((uint16_t)world_udp_port(rng));
	leg->dst_port = htons((uint16_t)world_udp_port(rng));
	leg->next_hop = (uint16_t)rng_below(rng, MODEL_NEXT_HOPS);
	leg->vlan = (uint16_t)world_vlan(rng);
	leg->outer_vlan = (uint16_t)world_outer_vlan(rng);
	leg->dscp = rng_one_in(rng, 3) ? (uint8_t)rng_below(rng, 64) : DP_DSCP_KEEP;
	leg->ttl = rng_one_in(rng, 3) ? (uint8_t)rng_between(rng, 1, 255) : DP_TTL_DECREMENT;
	leg->down = rng_one_in(rng, 10);
	if (rng_one_in(rng, 6))
		leg->one_in = rng_one_in(rng, 8) ? 1000000 : rng_below(rng, 8);
	if (rng_one_in(rng, 8))
		leg->police = police_random(rng);
}

void
leg_change(struct rng *rng, unsigned flow_family, struct dp_leg *leg)
{
	struct dp_leg other;

	leg_random(rng, flow_family, &other);
	switch (rng_below(rng, 10)) {
	case 0:
		leg->src_port = other.src_port;
		break;
	case 1:
		leg->dst_port = other.dst_port;
		break;
	case 2:
		leg->next_hop = other.next_hop;
		break;
	case 3:
		leg->vlan = other.vlan;
		break;
	case 4:
		leg->dscp = other.dscp;
		break;
	case 5:
		leg->ttl = other.ttl;
		break;
	case 6:
		leg->one_in = other.one_in;
		break;
	case 7:
		leg->police = other.police;
		break;
	case 8:
		leg->down ^= 1;
		break;
	default:
		*leg = other;
	}
}

void
leg_make_simple(struct dp_leg *leg)
{
	leg->outer_vlan = 0;
	leg->one_in = 0;
	leg->down = 0;
	memset(&leg->police, 0, sizeof(leg->police));
}

struct dp_leg *
legs_random(struct rng *rng, unsigned flow_family, unsigned n_legs)
{
	struct dp_leg *legs = model_alloc(n_legs, sizeof(*legs));

	for (unsigned i = 0; i < n_legs; i++)
		leg_random(rng, flow_family, &legs[i]);
	return legs;
}

unsigned
legs_count(struct rng *rng)
{
	if (rng_one_in(rng, 100))
		return rng_between(rng, MANY_LEGS / 2, MANY_LEGS);
	return rng_one_in(rng, 2) ? 1 : rng_between(rng, 1, 8);
}

struct dp_next_hop
next_hop_random(struct rng *rng)
{
	struct dp_next_hop hop = {.port = (uint16_t)rng_below(rng, MODEL_PORTS), .mtu = PORT_MTU};

	rng_fill(rng, hop.dst_mac, sizeof(hop.dst_mac));
	rng_fill(rng, hop.src_mac, sizeof(hop.src_mac));
	if (rng_one_in(rng, 8))
		hop.mtu = 0;
	else if (rng_one_in(rng, 8))
		hop.mtu = (uint16_t)rng_between(rng, 1, PORT_MTU);
	return hop;
}
