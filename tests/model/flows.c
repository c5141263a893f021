/* SPDX-License-Identifier: BSD-3-Clause */
#include "flows.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

void
verdict_random(struct rng *rng, uint8_t *verdict)
{
	*verdict = (uint8_t)rng_below(rng, DP_VERDICT_COUNT);
}

static void
key_random(struct draft *draft, struct rng *rng, const struct flow_style *style, unsigned family)
{
	struct dp_flow_key *key = &draft->flow.key;

	key->any_source = rng_below(rng, 100) < style->listener_percent;
	world_local(rng, family, key->dst);
	key->dst_port = htons((uint16_t)world_udp_port(rng));
	key->port = style->one_port ? 0 : (uint16_t)rng_below(rng, MODEL_PORTS);
	key->vlan = (uint16_t)world_vlan(rng);
	key->outer_vlan = (uint16_t)world_outer_vlan(rng);
	if (key->any_source == 0) {
		world_source(rng, family, key->src);
		key->src_port = htons((uint16_t)world_udp_port(rng));
	}
}

static void
prefix_cut(uint8_t address[16], unsigned bits)
{
	for (unsigned i = bits; i < 128; i++)
		address[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
}

static unsigned
prefix_bits(struct rng *rng, unsigned family)
{
	unsigned all = family == DP_IPV4 ? 32 : 128;

	return rng_one_in(rng, 3) ? all : rng_below(rng, all + 1);
}

static void
port_range_random(struct rng *rng, uint16_t *first, uint16_t *last)
{
	unsigned a = world_udp_port(rng), b = world_udp_port(rng);

	*first = (uint16_t)(a < b ? a : b);
	*last = (uint16_t)(a < b ? b : a);
	if (rng_one_in(rng, 2)) {
		*first = 0;
		*last = UINT16_MAX;
	}
}

static void
rule_random(struct draft *draft, struct rng *rng, unsigned family)
{
	struct dp_rule *rule = &draft->rule;

	memset(rule, 0, sizeof(*rule));
	rule->family = (uint8_t)family;
	/* Equal priorities are wanted: the oldest rule wins then. */
	rule->priority = rng_one_in(rng, 10) ? DP_RULE_PRIORITY_MAX : rng_between(rng, 1, 4);
	rule->port = rng_one_in(rng, 2) ? DP_RULE_ANY : (uint16_t)rng_below(rng, MODEL_PORTS);
	rule->vlan = rng_one_in(rng, 2) ? DP_RULE_ANY : (uint16_t)world_vlan(rng);
	rule->outer_vlan = rng_one_in(rng, 2) ? DP_RULE_ANY : (uint16_t)world_outer_vlan(rng);
	if (rng_one_in(rng, 2)) {
		rule->src_bits = (uint8_t)prefix_bits(rng, family);
		world_source(rng, family, rule->src);
	}
	if (!rng_one_in(rng, 4)) {
		rule->dst_bits = (uint8_t)prefix_bits(rng, family);
		world_local(rng, family, rule->dst);
	}
	prefix_cut(rule->src, rule->src_bits);
	prefix_cut(rule->dst, rule->dst_bits);
	port_range_random(rng, &rule->src_port_first, &rule->src_port_last);
	port_range_random(rng, &rule->dst_port_first, &rule->dst_port_last);
	draft->flow.rule = rule;
}

static void
allow_random(struct draft *draft, struct rng *rng)
{
	struct dp_flow *flow = &draft->flow;

	flow->n_allow = (uint8_t)rng_between(rng, 1, rng_one_in(rng, 10) ? DP_ALLOW_MAX : 4);
	for (unsigned i = 0; i < flow->n_allow; i++) {
		struct dp_prefix *prefix = &draft->allow[i];

		world_source(rng, flow->key.family, prefix->address);
		prefix->bits = (uint8_t)prefix_bits(rng, flow->key.family);
		prefix_cut(prefix->address, prefix->bits);
	}
	flow->allow = draft->allow;
}

/* They differ, and one without a port in its address. */
static bool
source_is_listed(const struct draft *draft, const struct dp_source *source)
{
	for (unsigned i = 0; i < draft->flow.n_sources; i++) {
		const struct dp_source *listed = &draft->sources[i];

		if (memcmp(listed->address, source->address, 16) == 0 &&
			(listed->port == 0 || source->port == 0 || listed->port == source->port))
			return true;
	}
	return false;
}

static void
source_times_random(struct dp_flow *flow, struct rng *rng)
{
	flow->source_timeout_ms =
		rng_between(rng, 1, rng_one_in(rng, 4) ? DP_SOURCE_TIMEOUT_MS_MAX : 100);
	flow->source_return_ms = 0;
	if (!rng_one_in(rng, 4))
		flow->source_return_ms =
			rng_between(rng, 1, rng_one_in(rng, 4) ? DP_SOURCE_RETURN_MS_MAX : 200);
}

static void
sources_random(struct draft *draft, struct rng *rng)
{
	struct dp_flow *flow = &draft->flow;
	const unsigned n = rng_one_in(rng, 8) ? DP_SOURCES_MAX : rng_between(rng, 2, 4);

	flow->n_sources = 0;
	while (flow->n_sources < n) {
		struct dp_source *source = &draft->sources[flow->n_sources];

		world_source(rng, flow->key.family, source->address);
		source->port = rng_one_in(rng, 3) ? 0 : htons((uint16_t)world_udp_port(rng));
		if (!source_is_listed(draft, source))
			flow->n_sources++;
	}
	flow->sources = draft->sources;
	source_times_random(flow, rng);
}

/* The same list, so that what is active goes on; at times with other times. */
static void
sources_keep(struct draft *draft, struct rng *rng, const struct model_flow *old)
{
	struct dp_flow *flow = &draft->flow;

	if (old->choice.n == 0)
		return;
	memcpy(draft->sources, old->choice.list, sizeof(draft->sources));
	flow->sources = draft->sources;
	flow->n_sources = old->spec.n_sources;
	flow->source_timeout_ms = old->spec.source_timeout_ms;
	flow->source_return_ms = old->spec.source_return_ms;
	if (rng_one_in(rng, 4))
		source_times_random(flow, rng);
	/* The preferred one is another one. */
	if (rng_one_in(rng, 8)) {
		draft->sources[0] = old->choice.list[1];
		draft->sources[1] = old->choice.list[0];
	}
}

static void
features_random(struct draft *draft, struct rng *rng)
{
	struct dp_flow *flow = &draft->flow;
	bool may_latch = flow->rule != NULL || flow->key.any_source != 0;

	flow->down = rng_one_in(rng, 20);
	if (rng_one_in(rng, 8))
		verdict_random(rng, &flow->verdict);
	if (rng_one_in(rng, 6))
		allow_random(draft, rng);
	if (rng_one_in(rng, 5))
		verdict_random(rng, &flow->class_verdict[rng_below(rng, DP_CLASS_COUNT)]);
	if (may_latch && rng_one_in(rng, 2))
		flow->latch = rng_one_in(rng, 3) ? DP_LATCH_FIRST : DP_LATCH_FOLLOW;
	if (flow->latch == DP_LATCH_OPEN && flow->rule == NULL && may_latch && rng_one_in(rng, 2))
		sources_random(draft, rng);
	if (flow->latch == DP_LATCH_FOLLOW && !rng_one_in(rng, 6))
		flow->latch_interval_ms = rng_between(rng, 1, rng_one_in(rng, 2) ? 3600000 : 200);
	if (flow->latch != DP_LATCH_OPEN && rng_one_in(rng, 2))
		flow->latch_by = (uint8_t)(rng_one_in(rng, 2) ? DP_LATCH_BY_SSRC
							      : rng_below(rng, DP_LATCH_BY_COUNT));
	if (rng_one_in(rng, 6)) {
		flow->police.rate_bps = world_rate_bps(rng);
		flow->police.burst_bytes = rng_between(rng, 100, 10000);
	}
	if (rng_one_in(rng, 5))
		streams_random(draft, rng);
}

/* A policer that lets all or part of a burst pass, or now and then none of it. */
static void
simple_random(struct draft *draft, struct rng *rng)
{
	struct dp_flow *flow = &draft->flow;

	if (rng_one_in(rng, 3)) {
		flow->police.rate_bps = world_rate_bps(rng);
		flow->police.burst_bytes = rng_between(rng, 50, rng_one_in(rng, 2) ? 1000 : 20000);
	}
	flow->n_legs = 1;
	draft->legs = legs_random(rng, flow->key.family, 1);
	leg_make_simple(&draft->legs[0]);
	flow->legs = draft->legs;
}

void
draft_init(struct draft *draft, struct rng *rng, const struct flow_style *style)
{
	struct dp_flow *flow = &draft->flow;
	unsigned family = rng_one_in(rng, 2) ? DP_IPV4 : DP_IPV6;
	bool is_simple = rng_below(rng, 100) < style->simple_percent;
	bool is_rule = rng_one_in(rng, is_simple ? 40 : 5);

	memset(draft, 0, sizeof(*draft));
	flow->key.family = (uint8_t)family;
	if (is_rule)
		rule_random(draft, rng, family);
	else
		key_random(draft, rng, style, family);
	if (is_simple) {
		simple_random(draft, rng);
		return;
	}
	if (!rng_one_in(rng, 3))
		features_random(draft, rng);
	flow->n_legs = (uint16_t)legs_count(rng);
	if ((flow->verdict != DP_FORWARD || streams_have_legs(flow)) && rng_one_in(rng, 3))
		flow->n_legs = 0;
	draft->legs = legs_random(rng, family, flow->n_legs);
	flow->legs = draft->legs;
}

/* Of the old legs most stay, some with another header; new ones join, anywhere. */
static void
legs_change(struct draft *draft, struct rng *rng, const struct model_set *old)
{
	struct dp_flow *flow = &draft->flow;
	unsigned n_joining = flow->n_legs, n = 0;
	struct dp_leg *joining = draft->legs;

	draft->legs = model_alloc(old->n_legs + n_joining, sizeof(*draft->legs));
	draft->from = model_alloc(old->n_legs + n_joining, sizeof(*draft->from));
	if (rng_one_in(rng, 2) && old->n_legs > 0)
		n_joining = 0;
	for (unsigned i = 0; i < old->n_legs; i++) {
		if (rng_one_in(rng, 5))
			continue;
		draft->legs[n] = old->legs[i].spec;
		if (rng_one_in(rng, draft->legs[n].down != 0 ? 2 : 10))
			draft->legs[n].down ^= 1;
		if (rng_one_in(rng, 8))
			leg_change(rng, flow->key.family, &draft->legs[n]);
		draft->from[n++] = (uint16_t)i;
	}
	for (unsigned i = 0; i < n_joining || n == 0; i++) {
		unsigned at = rng_below(rng, n + 1);

		draft->legs[n] = draft->legs[at];
		draft->from[n++] = draft->from[at];
		if (i < n_joining)
			draft->legs[at] = joining[i];
		else
			leg_random(rng, flow->key.family, &draft->legs[at]);
		draft->from[at] = DP_LEG_NEW;
	}
	free(joining);
	flow->n_legs = (uint16_t)n;
	flow->legs = draft->legs;
}

/* The one leg carries one of the old ones on, as it was or changed, or is new. */
static void
simple_random_from(struct draft *draft, struct rng *rng, const struct model_flow *old)
{
	simple_random(draft, rng);
	if (old->spec.police.rate_bps != 0 && rng_one_in(rng, 2))
		draft->flow.police = old->spec.police;
	draft->from = model_alloc(1, sizeof(*draft->from));
	draft->from[0] = DP_LEG_NEW;
	if (old->set.n_legs == 0 || rng_one_in(rng, 4))
		return;
	draft->from[0] = (uint16_t)rng_below(rng, old->set.n_legs);
	if (rng_one_in(rng, 2))
		return;
	draft->legs[0] = old->set.legs[draft->from[0]].spec;
	leg_make_simple(&draft->legs[0]);
}

void
draft_init_from(struct draft *draft, struct rng *rng, const struct flow_style *style,
	const struct model_flow *old)
{
	struct dp_flow *flow = &draft->flow;

	memset(draft, 0, sizeof(*draft));
	flow->key = old->spec.key;
	flow->latch_cookie = old->spec.latch_cookie;
	if (old->spec.rule != NULL) {
		rule_random(draft, rng, flow->key.family);
		if (rng_one_in(rng, 2))
			draft->rule = old->rule;
	}
	if (rng_below(rng, 100) < style->simple_percent) {
		simple_random_from(draft, rng, old);
		return;
	}
	if (rng_one_in(rng, 3)) {
		features_random(draft, rng);
	} else {
		flow->verdict = old->spec.verdict;
		flow->down = rng_one_in(rng, old->spec.down != 0 ? 2 : 16);
		flow->latch = old->spec.latch;
		flow->latch_interval_ms = old->spec.latch_interval_ms;
		flow->latch_by = old->spec.latch_by;
		memcpy(flow->class_verdict, old->spec.class_verdict, sizeof(flow->class_verdict));
		flow->n_allow = old->spec.n_allow;
		memcpy(draft->allow, old->allow, sizeof(draft->allow));
		flow->allow = draft->allow;
		flow->police = old->spec.police;
		sources_keep(draft, rng, old);
		if (old->spec.n_streams > 0 && rng_one_in(rng, 4))
			streams_random(draft, rng);
		else
			streams_keep(draft, rng, old);
	}
	flow->n_legs = (uint16_t)legs_count(rng);
	draft->legs = legs_random(rng, flow->key.family, flow->n_legs);
	legs_change(draft, rng, &old->set);
}

static void
legs_free(const struct dp_leg *legs)
{
	free((void *)(uintptr_t)legs);
}

void
draft_fini(struct draft *draft)
{
	for (unsigned i = 0; i < draft->flow.n_streams; i++)
		legs_free(draft->streams[i].legs);
	free(draft->legs);
	free(draft->from);
}
