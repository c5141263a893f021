/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows of the model: deep copies of what was asked for, and what goes on when one is replaced. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

static void
set_init(struct model *model, struct model_set *set, const struct dp_leg *legs, unsigned n_legs)
{
	memset(set, 0, sizeof(*set));
	set->legs = model_alloc(n_legs, sizeof(*set->legs));
	set->n_legs = n_legs;
	for (unsigned i = 0; i < n_legs; i++) {
		set->legs[i].spec = legs[i];
		if (legs[i].learned != 0)
			set->legs[i].latch = model_latch_ref(model, legs[i].learned);
		set->legs[i].whole = legs[i].down == 0 && legs[i].one_in <= 1;
	}
}

static void
set_fini(struct model_set *set)
{
	for (unsigned i = 0; i < set->n_legs; i++) {
		if (set->legs[i].latch != NULL)
			model_latch_unref(set->legs[i].latch);
	}
	free(set->legs);
}

/* All but the counters: what dp_flow says. */
static void
flow_set_spec(struct model *model, struct model_flow *flow, const struct dp_flow *spec)
{
	flow->spec = *spec;
	flow->latch =
		spec->latch == DP_LATCH_OPEN ? NULL : model_latch_ref(model, spec->latch_cookie);
	if (spec->rule != NULL) {
		flow->rule = *spec->rule;
		flow->spec.rule = &flow->rule;
	}
	for (unsigned i = 0; i < spec->n_allow; i++)
		flow->allow[i] = spec->allow[i];
	model_choice_set(&flow->choice, spec);
	flow->spec.sources = NULL; /* in flow->choice */
	flow->spec.allow = flow->allow;
	flow->spec.streams = NULL; /* in flow->streams, with their legs */
	flow->spec.legs = NULL; /* in flow->set */
	flow->streams = model_alloc(spec->n_streams, sizeof(*flow->streams));
	for (unsigned i = 0; i < spec->n_streams; i++) {
		flow->streams[i].spec = spec->streams[i];
		set_init(model, &flow->streams[i].set, spec->streams[i].legs,
			spec->streams[i].n_legs);
	}
	set_init(model, &flow->set, spec->legs, spec->n_legs);
}

static void
flow_free_spec(struct model_flow *flow)
{
	for (unsigned i = 0; i < flow->spec.n_streams; i++)
		set_fini(&flow->streams[i].set);
	free(flow->streams);
	set_fini(&flow->set);
	if (flow->latch != NULL)
		model_latch_unref(flow->latch);
}

void
model_flow_add(struct model *model, const struct dp_flow *spec, uint32_t handle)
{
	struct model_flow *flow = model_alloc(1, sizeof(*flow));

	flow->handle = handle;
	flow->age = model->next_age++;
	flow_set_spec(model, flow, spec);
	if (model->n_flows == model->room_flows) {
		unsigned room = model->room_flows * 2 + 16;
		struct model_flow **flows = model_alloc(room, sizeof(struct model_flow *));

		if (model->n_flows > 0)
			memcpy(flows, model->flows, model->n_flows * sizeof(struct model_flow *));
		free(model->flows);
		model->flows = flows;
		model->room_flows = room;
	}
	model->flows[model->n_flows++] = flow;
}

static bool
police_is_same(const struct dp_police *a, const struct dp_police *b)
{
	return a->rate_bps == b->rate_bps && a->burst_bytes == b->burst_bytes;
}

/* The leg goes on with the counters and the bucket that it had. */
static void
leg_carry_on(struct model_leg *leg, const struct model_leg *old)
{
	leg->stats = old->stats;
	if (police_is_same(&leg->spec.police, &old->spec.police))
		leg->bucket = old->bucket;
	leg->forwarded_before = old->forwarded_before;
	leg->whole = leg->whole && old->whole;
}

static bool
streams_are_same(const struct model_flow *a, const struct model_flow *b)
{
	bool same = a->spec.n_streams == b->spec.n_streams;

	for (unsigned i = 0; same && i < a->spec.n_streams; i++) {
		const struct dp_stream *x = &a->streams[i].spec, *y = &b->streams[i].spec;

		same = x->has_ssrc == y->has_ssrc && x->ssrc == y->ssrc &&
		       x->has_payload_type == y->has_payload_type &&
		       x->payload_type == y->payload_type;
	}
	return same;
}

/* Is a leg what it was, but for being up or down, and for what control knows of a learned one? */
static bool
leg_is_same(const struct dp_leg *a, const struct dp_leg *b)
{
	struct dp_leg x = *a, y = *b;

	x.down = y.down = 0;
	x.known = y.known = (struct dp_learned){0};
	x.one_in = x.one_in == 0 ? 1 : x.one_in;
	y.one_in = y.one_in == 0 ? 1 : y.one_in;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/*
 * Streams and their legs go on by place, if the new version has the same streams. A leg that is not
 * the same as before counts from 0, but its bucket goes on if rate and burst are the same.
 */
static void
streams_carry_on(struct model_flow *flow, const struct model_flow *old)
{
	if (!streams_are_same(flow, old))
		return;
	for (unsigned i = 0; i < flow->spec.n_streams; i++) {
		struct model_set *set = &flow->streams[i].set;
		const struct model_set *old_set = &old->streams[i].set;

		flow->streams[i].stats = old->streams[i].stats;
		set->forwarded = old_set->forwarded;
		for (unsigned n = 0; n < set->n_legs; n++) {
			struct model_leg *leg = &set->legs[n];
			const struct model_leg *old_leg = &old_set->legs[n];

			leg->forwarded_before = old_set->forwarded;
			if (n >= old_set->n_legs)
				continue;
			if (leg_is_same(&leg->spec, &old_leg->spec))
				leg_carry_on(leg, old_leg);
			else if (police_is_same(&leg->spec.police, &old_leg->spec.police))
				leg->bucket = old_leg->bucket;
		}
	}
}

void
model_flow_replace(struct model *model, uint32_t handle, const struct dp_flow *spec,
	const uint16_t *from, uint32_t new_handle)
{
	struct model_flow *flow = model_flow_find(model, handle);
	struct model_flow old = *flow;

	flow_set_spec(model, flow, spec);
	flow->handle = new_handle;
	if (!police_is_same(&flow->spec.police, &old.spec.police))
		memset(&flow->bucket, 0, sizeof(flow->bucket));
	streams_carry_on(flow, &old);
	flow->set.forwarded = old.set.forwarded;
	for (unsigned i = 0; i < flow->set.n_legs; i++) {
		struct model_leg *leg = &flow->set.legs[i];

		leg->forwarded_before = old.set.forwarded;
		if (from[i] != DP_LEG_NEW)
			leg_carry_on(leg, &old.set.legs[from[i]]);
	}
	flow_free_spec(&old);
}

void
model_flow_remove(struct model *model, uint32_t handle)
{
	for (unsigned i = 0; i < model->n_flows; i++) {
		struct model_flow *flow = model->flows[i];

		if (flow->handle != handle)
			continue;
		flow_free_spec(flow);
		free(flow);
		model->flows[i] = model->flows[--model->n_flows];
		return;
	}
}

struct model_flow *
model_flow_find(const struct model *model, uint32_t handle)
{
	for (unsigned i = 0; i < model->n_flows; i++) {
		if (model->flows[i]->handle == handle)
			return model->flows[i];
	}
	return NULL;
}
