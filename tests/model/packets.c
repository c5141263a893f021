/* SPDX-License-Identifier: BSD-3-Clause */
#include "packets.h"

#include <arpa/inet.h>
#include <string.h>

#include "world.h"

#define TPID_CUSTOMER 0x8100
#define TPID_SERVICE 0x88a8

/* Fields that any frame of the world could have. */
static void
recipe_random(struct rng *rng, struct recipe *recipe)
{
	unsigned family = rng_one_in(rng, 2) ? DP_IPV4 : DP_IPV6;

	memset(recipe, 0, offsetof(struct recipe, payload));
	recipe->port = rng_below(rng, MODEL_PORTS);
	recipe->family = family;
	world_source(rng, family, recipe->src);
	world_local(rng, family, recipe->dst);
	recipe->src_port = world_udp_port(rng);
	recipe->dst_port = world_udp_port(rng);
}

/* Two tags, or one, or none; now and then with an id of 0 where there could be none. */
static void
tags_set(struct rng *rng, struct recipe *recipe, unsigned vlan, unsigned outer_vlan)
{
	bool outer = outer_vlan != 0 || rng_one_in(rng, 40);
	bool inner = vlan != 0 || rng_one_in(rng, 40);

	recipe->n_tags = 0;
	if (outer) {
		recipe->tpid[0] = inner && rng_one_in(rng, 3) ? TPID_CUSTOMER : TPID_SERVICE;
		recipe->tci[recipe->n_tags++] = outer_vlan | rng_below(rng, 16) << 12;
	}
	if (inner) {
		recipe->tpid[recipe->n_tags] = TPID_CUSTOMER;
		recipe->tci[recipe->n_tags++] = vlan | rng_below(rng, 16) << 12;
	}
}

static void
recipe_for_key(struct rng *rng, struct recipe *recipe, const struct dp_flow_key *key)
{
	recipe->port = key->port;
	memcpy(recipe->dst, key->dst, 16);
	recipe->dst_port = ntohs(key->dst_port);
	if (key->any_source == 0) {
		memcpy(recipe->src, key->src, 16);
		recipe->src_port = ntohs(key->src_port);
	}
	tags_set(rng, recipe, key->vlan, key->outer_vlan);
}

/* Bring an address into a prefix: its first bits come from there. */
static void
address_enter(uint8_t address[16], const uint8_t prefix[16], unsigned bits)
{
	for (unsigned i = 0; i < bits; i++) {
		uint8_t mask = (uint8_t)(0x80u >> (i % 8));

		address[i / 8] = (uint8_t)((address[i / 8] & ~mask) | (prefix[i / 8] & mask));
	}
}

static void
recipe_for_rule(struct rng *rng, struct recipe *recipe, const struct dp_rule *rule)
{
	unsigned vlan = rule->vlan == DP_RULE_ANY ? world_vlan(rng) : rule->vlan;
	unsigned outer = rule->outer_vlan == DP_RULE_ANY ? world_outer_vlan(rng) : rule->outer_vlan;

	if (rule->port != DP_RULE_ANY)
		recipe->port = rule->port;
	address_enter(recipe->src, rule->src, rule->src_bits);
	address_enter(recipe->dst, rule->dst, rule->dst_bits);
	recipe->src_port = rng_between(rng, rule->src_port_first, rule->src_port_last);
	recipe->dst_port = rng_between(rng, rule->dst_port_first, rule->dst_port_last);
	/* The ends of the ranges are what a comparison gets wrong. */
	if (rng_one_in(rng, 4))
		recipe->src_port = rng_one_in(rng, 2) ? rule->src_port_first : rule->src_port_last;
	if (rng_one_in(rng, 4))
		recipe->dst_port = rng_one_in(rng, 2) ? rule->dst_port_first : rule->dst_port_last;
	tags_set(rng, recipe, vlan, outer);
}

static void
recipe_for_flow(struct rng *rng, struct recipe *recipe, const struct model_flow *flow)
{
	recipe->family = flow->spec.key.family;
	world_source(rng, recipe->family, recipe->src);
	world_local(rng, recipe->family, recipe->dst);
	if (flow->spec.rule != NULL)
		recipe_for_rule(rng, recipe, &flow->rule);
	else
		recipe_for_key(rng, recipe, &flow->spec.key);
	/* A source that the flow has learned comes again more often than another one. */
	if (flow->latch != NULL && flow->latch->learned.valid != 0 && !rng_one_in(rng, 3)) {
		memcpy(recipe->src, flow->latch->learned.src, 16);
		recipe->src_port = ntohs(flow->latch->learned.src_port);
	}
	/* So do those that it chooses from, two of them most. */
	if (flow->choice.n > 0 && !rng_one_in(rng, 8)) {
		const struct dp_source *source =
			&flow->choice.list[rng_below(rng, rng_one_in(rng, 4) ? flow->choice.n : 2)];

		memcpy(recipe->src, source->address, 16);
		if (source->port != 0)
			recipe->src_port = ntohs(source->port);
	}
	/* Almost a packet of the flow. */
	if (rng_one_in(rng, 40))
		recipe->port = rng_below(rng, MODEL_PORTS);
	if (rng_one_in(rng, 40))
		recipe->dst_port ^= 1u << rng_below(rng, 16);
	if (rng_one_in(rng, 40))
		recipe->dst[rng_below(rng, recipe->family == DP_IPV4 ? 4 : 16)] ^= 1;
	if (rng_one_in(rng, 40))
		tags_set(rng, recipe, world_vlan(rng), world_outer_vlan(rng));
}

static void
recipe_fields(struct rng *rng, struct recipe *recipe)
{
	static const uint8_t ttls[] = {0, 1, 2, 255};

	recipe->ethertype = recipe->family == DP_IPV4 ? 0x0800 : 0x86dd;
	recipe->version = recipe->family;
	recipe->header_words = 5;
	recipe->tos = rng_one_in(rng, 2) ? 0 : rng_below(rng, 256);
	recipe->id = rng_below(rng, 65536);
	recipe->flags = rng_below(rng, 4) * 0x4000; /* the reserved bit, and DF */
	recipe->flow_label = rng_one_in(rng, 2) ? 0 : rng_below(rng, 1 << 20);
	recipe->ttl = rng_one_in(rng, 6) ? ttls[rng_below(rng, sizeof(ttls))] : rng_below(rng, 256);
	recipe->protocol = recipe->first_header = 17;
	if (recipe->family == DP_IPV4 && rng_one_in(rng, 8))
		recipe->udp_checksum = CHECKSUM_ZERO;
	if (rng_one_in(rng, 20))
		recipe->udp_checksum = CHECKSUM_WRONG;
	if (rng_one_in(rng, 4))
		recipe->n_padding = rng_below(rng, 47);
	if (rng_one_in(rng, 20))
		recipe->n_trailer = rng_below(rng, 40);
	packet_payload_random(rng, recipe);
	if (recipe->family == DP_IPV6 && rng_one_in(rng, 8))
		packet_extensions(rng, recipe);
}

/* A flow to aim at, NULL = none. */
static const struct model_flow *
flow_pick(struct rng *rng, const struct model *model)
{
	if (model->n_flows == 0 || rng_one_in(rng, 12))
		return NULL;
	return model->flows[rng_below(rng, model->n_flows)];
}

static void
frame_garbage(struct rng *rng, struct test_frame *frame)
{
	frame->port = rng_below(rng, MODEL_PORTS);
	frame->n_bytes = rng_between(rng, 1, 200);
	rng_fill(rng, frame->bytes, frame->n_bytes);
}

static void
leg_aim(struct rng *rng, const struct model *model, const struct model_leg *leg,
	struct test_frame *frame)
{
	struct dp_next_hop hop;
	struct dp_leg to;

	if (model_leg_resolve(model, leg, &to, &hop))
		packet_aim(rng, &to, frame);
}

void
packet_random(struct rng *rng, const struct model *model, const struct model_flow *flow,
	struct test_frame *frame)
{
	struct recipe recipe;

	if (flow == NULL)
		flow = flow_pick(rng, model);

	memset(frame, 0, offsetof(struct test_frame, bytes));
	if (rng_one_in(rng, 200)) {
		frame_garbage(rng, frame);
		return;
	}
	recipe_random(rng, &recipe);
	if (flow != NULL)
		recipe_for_flow(rng, &recipe, flow);
	recipe_fields(rng, &recipe);
	if (rng_one_in(rng, 12))
		packet_odd(rng, &recipe);
	packet_build(rng, &recipe, frame);
	if (flow != NULL && flow->set.n_legs > 0 && rng_one_in(rng, 10))
		leg_aim(rng, model, &flow->set.legs[rng_below(rng, flow->set.n_legs)], frame);
	if (rng_one_in(rng, 12))
		packet_spoil(rng, frame);
	if (frame->n_bytes > 1 && rng_one_in(rng, 200))
		frame->split = rng_between(rng, 1, frame->n_bytes - 1);
}

static bool
flow_is_ordinary(const struct model *model, const struct model_flow *flow)
{
	const struct dp_flow *spec = &flow->spec;
	struct dp_next_hop hop;
	struct dp_leg leg;

	return spec->rule == NULL && spec->key.outer_vlan == 0 && spec->verdict == DP_FORWARD &&
	       spec->down == 0 && spec->latch == DP_LATCH_OPEN && spec->n_allow == 0 &&
	       spec->n_sources == 0 && spec->n_streams == 0 && flow->set.n_legs == 1 &&
	       model_leg_resolve(model, &flow->set.legs[0], &leg, &hop) && leg.down == 0 &&
	       leg.outer_vlan == 0 && leg.one_in < 2 && leg.police.rate_bps == 0 && hop.mtu != 0;
}

static bool
keys_are_alike(const struct dp_flow_key *a, const struct dp_flow_key *b, enum likeness likeness)
{
	return a->port == b->port &&
	       (likeness == LIKE_PORT ||
		       (a->family == b->family && (a->vlan == 0) == (b->vlan == 0)));
}

const struct model_flow *
packet_ordinary_flow(struct rng *rng, const struct model *model, const struct model_flow *like,
	enum likeness likeness)
{
	for (unsigned i = 0; i < 4 * model->n_flows; i++) {
		const struct model_flow *flow = model->flows[rng_below(rng, model->n_flows)];

		if (flow_is_ordinary(model, flow) &&
			(likeness == LIKE_NONE ||
				keys_are_alike(&flow->spec.key, &like->spec.key, likeness)))
			return flow;
	}
	return NULL;
}

/* One thing is wrong, or out of the ordinary. */
static void
recipe_make_faulty(struct rng *rng, struct recipe *recipe)
{
	switch (rng_below(rng, 4)) {
	case 0:
		recipe->ttl = rng_below(rng, 2);
		break;
	case 1:
		if (recipe->family == DP_IPV6)
			packet_extensions(rng, recipe);
		else
			recipe->header_checksum_wrong = true;
		break;
	default:
		packet_odd(rng, recipe);
	}
}

void
packet_ordinary(struct rng *rng, const struct model *model, const struct model_flow *flow,
	bool faulty, struct test_frame *frame)
{
	bool spoilt = rng_one_in(rng, faulty ? 4 : 60);

	struct recipe recipe;

	memset(frame, 0, offsetof(struct test_frame, bytes));
	recipe_random(rng, &recipe);
	recipe.family = flow->spec.key.family;
	world_source(rng, recipe.family, recipe.src);
	recipe_for_key(rng, &recipe, &flow->spec.key);
	recipe.n_tags = flow->spec.key.vlan != 0;
	recipe_fields(rng, &recipe);
	recipe.ttl = rng_between(rng, 2, 255);
	recipe.first_header = 17;
	recipe.n_extension = 0;
	if (recipe.udp_checksum == CHECKSUM_ZERO && recipe.family == DP_IPV6)
		recipe.udp_checksum = CHECKSUM_RIGHT;
	/* A priority tag counts as none. */
	if (recipe.n_tags == 0 && rng_one_in(rng, 12)) {
		recipe.n_tags = 1;
		recipe.tpid[0] = TPID_CUSTOMER;
		recipe.tci[0] = rng_below(rng, 16) << 12;
	}
	if (faulty && !spoilt)
		recipe_make_faulty(rng, &recipe);
	else if (rng_one_in(rng, 30))
		packet_odd(rng, &recipe);
	packet_build(rng, &recipe, frame);
	if (rng_one_in(rng, 10))
		leg_aim(rng, model, &flow->set.legs[0], frame);
	if (spoilt)
		packet_spoil(rng, frame);
	if (faulty && frame->n_bytes > 1 && rng_one_in(rng, 20))
		frame->split = rng_between(rng, 1, frame->n_bytes - 1);
}
