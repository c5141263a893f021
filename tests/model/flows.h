/* SPDX-License-Identifier: BSD-3-Clause */
/* Random flows that the data plane has to accept, with every feature that a flow can have. */
#ifndef MODEL_FLOWS_H
#define MODEL_FLOWS_H

#include "model.h"
#include "rng.h"

/* A flow with the memory that it points to. Not to be copied. */
struct draft {
	struct dp_flow flow;
	struct dp_rule rule;
	struct dp_prefix allow[DP_ALLOW_MAX];
	struct dp_source sources[DP_SOURCES_MAX];
	struct dp_stream streams[DP_STREAMS_MAX];
	struct dp_leg *legs;
	uint16_t *from; /* as in dp_txn_replace(), one a leg */
};

/*
 * What the flows of a session are like. A simple one sends to one leg, which may translate, and has
 * no feature but a policer: packets of such flows go together where they can.
 */
struct flow_style {
	unsigned simple_percent;
	unsigned listener_percent; /* of those that no rule matches */
	unsigned learned_percent; /* of legs, which send to what a flow learns */
	bool one_port; /* all packets of exact flows and listeners come in by port 0 */
};

void draft_init(struct draft *draft, struct rng *rng, const struct flow_style *style);

/* Another version of an installed flow: the same match, or another rule for a rule. */
void draft_init_from(struct draft *draft, struct rng *rng, const struct flow_style *style,
	const struct model_flow *old);

/*
 * The legs of a draft that are to send to what a flow of the model learns (learned.c). Those that
 * do already may find other things known.
 */
void draft_learn(struct draft *draft, struct rng *rng, const struct flow_style *style,
	const struct model *model);

/* A cookie of a family, and whether it is a flow's of the model. */
uint64_t cookie_random(struct rng *rng, const struct model *model, unsigned family);
bool cookie_is_taken(const struct model *model, uint64_t cookie);

void draft_fini(struct draft *draft);

/* A random leg. Its egress is one of MODEL_NEXT_HOPS next hops. */
void leg_random(struct rng *rng, unsigned flow_family, struct dp_leg *leg);

/* One field of a leg, or all of it, becomes another one. */
void leg_change(struct rng *rng, unsigned flow_family, struct dp_leg *leg);

/* Nothing of it but family, header, tag, next hop, DSCP and TTL stays. */
void leg_make_simple(struct dp_leg *leg);

/* Legs in an array of their own. */
struct dp_leg *legs_random(struct rng *rng, unsigned flow_family, unsigned n_legs);

/* How many legs a flow has: few, and now and then very many. */
unsigned legs_count(struct rng *rng);

/* Streams of a draft: new ones, or those of the flow that it takes the place of. */
void streams_random(struct draft *draft, struct rng *rng);
void streams_keep(struct draft *draft, struct rng *rng, const struct model_flow *old);
bool streams_have_legs(const struct dp_flow *flow);

void verdict_random(struct rng *rng, uint8_t *verdict);

struct dp_next_hop next_hop_random(struct rng *rng);

#endif
