/* SPDX-License-Identifier: BSD-3-Clause */
/* What the flow's steps say to a traced packet, and what its legs make of it. */
#include "trace.h"

#include <string.h>

#include "act.h"
#include "dp_private.h"
#include "shadow.h"

static void
police_describe(
	struct dp_trace_police *said, const struct policer *policer, const struct tracing *t)
{
	if (policer == NULL)
		return;
	said->config = policer->config;
	said->left_bytes = police_left_bytes(&policer->police, t->shadow->lc.now_ns);
}

/* What the steps would look at, before they change it. */
static void
action_describe(const struct tracing *t, const struct flow_action *action, const uint8_t *payload)
{
	struct dp_trace *trace = t->trace;

	trace->down = action->down;
	trace->n_allow = action->n_allow;
	trace->has_classes = action->has_classes;
	trace->payload_class = (uint8_t)rtp_class(payload, trace->payload_bytes);
	trace->class_verdict = action->class_verdict[trace->payload_class];
	trace->latch_mode = action->latch_mode;
	trace->n_streams = action->n_streams;
	if (action->latch != NULL)
		latch_read(action->latch, &trace->latched);
	police_describe(&trace->police, action->policer, t);
}

/* The same source as before or another, in what the steps left of the latch. */
static enum dp_trace_latch
latch_outcome(const struct dp_trace *trace, const struct flow_action *action)
{
	struct dp_latched now;

	if (action->latch == NULL)
		return DP_TRACE_LATCH_OPEN;
	latch_read(action->latch, &now);
	if (now.moves != trace->latched.moves)
		return trace->latched.valid ? DP_TRACE_LATCH_MOVES : DP_TRACE_LATCH_LEARNS;
	return memcmp(now.src, trace->key.src, sizeof(now.src)) == 0 &&
			       now.src_port == trace->key.src_port
		       ? DP_TRACE_LATCH_SAME
		       : DP_TRACE_LATCH_REFUSES;
}

/* The step at which the flow's action decided. */
static enum dp_trace_step
decision_step(const struct tracing *t, const struct decision *decision, const uint8_t *src)
{
	const struct flow_action *action = &t->shadow->action;

	if (decision->verdict == DP_PUNT && t->trace->class_verdict == DP_PUNT)
		return DP_TRACE_CLASS;
	if (decision->verdict != DP_DROP)
		return DP_TRACE_ACTION;
	switch (decision->reason) {
	case DP_DROP_flow_down:
		return DP_TRACE_ADMIN;
	case DP_DROP_source_refused:
		return source_is_allowed(action, src) ? DP_TRACE_LATCH : DP_TRACE_ALLOW;
	case DP_DROP_class_drop:
		return DP_TRACE_CLASS;
	case DP_DROP_policed:
		return DP_TRACE_POLICE;
	default:
		return DP_TRACE_ACTION;
	}
}

/* A step that was not reached says nothing. */
static void
decision_describe(const struct tracing *t, const struct decision *decision)
{
	struct dp_trace *trace = t->trace;
	const struct flow_action *action = &t->shadow->action;

	trace->verdict = (uint8_t)decision->verdict;
	trace->step = (uint8_t)decision_step(t, decision, trace->key.src);
	if (decision->verdict == DP_DROP)
		trace->drop = (uint16_t)decision->reason;
	if (trace->step >= DP_TRACE_LATCH)
		trace->latch = (uint8_t)latch_outcome(trace, action);
}

static struct decision
trace_action(const struct tracing *t, const struct datagram *d, enum dp_family family)
{
	struct shadow *s = t->shadow;
	const uint8_t *payload = d->ip + replica_header_bytes(family);
	struct decision decision;
	int stream = -1;

	action_describe(t, &s->action, payload);
	decision = action_decide(&s->lc, &s->action, d, family);
	decision_describe(t, &decision);
	if (s->action.stream_index != NULL && t->trace->step >= DP_TRACE_STREAM)
		stream = stream_find(s->action.stream_index, payload, t->trace->payload_bytes);
	t->trace->has_stream = stream >= 0;
	t->trace->stream = stream >= 0 ? (uint16_t)stream : 0;
	if (decision.verdict == DP_PUNT) {
		enum dp_drop reason = punt(&s->lc, d->m, d->port, t->trace->handle);

		if (reason != PUNT_OK)
			trace_drop(t->trace, (enum dp_trace_step)t->trace->step, reason);
	}
	return decision;
}

/* What one leg made of the packet: it is staged, or a drop is counted. */
static void
leg_tell(const struct tracing *t, struct dp_trace_leg *leg)
{
	struct tx_stage *stage = &t->shadow->stages[leg->hop.port];

	leg->drop = DP_DROP_COUNT;
	if (leg->outcome == DP_TRACE_SENT && stage->n == 0) {
		leg->outcome = DP_TRACE_DROPPED;
		for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++) {
			if (t->shadow->drops[r] > 0)
				leg->drop = (uint16_t)(DP_COPY_DROP_FIRST + r);
		}
	} else if (leg->outcome == DP_TRACE_SENT && stage->down) {
		leg->outcome = DP_TRACE_DROPPED;
		leg->drop = DP_DROP_port_down;
	} else if (leg->outcome == DP_TRACE_SENT) {
		leg->frame = rte_pktmbuf_mtod(stage->frames[0], const uint8_t *);
		leg->frame_bytes = stage->frames[0]->pkt_len;
	}
	stage->n = 0;
	stage->bytes = 0;
	t->fn(t->arg, leg);
}

static void
leg_hop_describe(const struct tracing *t, struct dp_trace_leg *leg, const struct rewrite_tail *tail)
{
	union next_hop hop;

	hop.whole = next_hop_load(t->shadow->lc.next_hops, tail->next_hop);
	leg->hop = hop.fields;
	leg->next_hop = tail->next_hop;
}

/* The only leg, which is in the entry. */
static __rte_always_inline void
trace_leg_of_entry(
	const struct tracing *t, const struct datagram *d, void *entry, enum dp_family family)
{
	const void *rewrite = flow_entry_rewrite(entry, family);
	struct dp_trace_leg leg = {.family = (uint8_t)family, .outcome = DP_TRACE_SENT};

	t->trace->n_legs = t->trace->n_up = 1;
	if (t->request->first_leg > 0 || t->request->n_legs == 0)
		return;
	leg_hop_describe(t, &leg, rewrite_tail_const(rewrite, family));
	shadow_datagram_restore(t->shadow, d->ip, d->l3_bytes);
	act_plain(&t->shadow->lc, d, entry, family);
	leg_tell(t, &leg);
}

/* A leg of the leg table. */
static __rte_always_inline void
trace_leg(const struct tracing *t, const struct datagram *d, uint32_t place, uint16_t index,
	bool up, enum dp_family family)
{
	struct shadow *s = t->shadow;
	struct dp_trace_leg leg = {.index = index, .outcome = DP_TRACE_SENT};

	shadow_leg_set(s, &t->dp->legs.legs[place]);
	shadow_datagram_restore(s, d->ip, d->l3_bytes);
	leg.family = s->leg.family;
	leg.one_in = s->leg.one_in;
	leg_hop_describe(
		t, &leg, rewrite_tail_const(&s->leg.rewrite6, (enum dp_family)s->leg.family));
	police_describe(&leg.police, s->leg.policer, t);
	if (!up)
		leg.outcome = DP_TRACE_DOWN;
	else if (!leg_wants(&s->lc, 0, t->trace->nth))
		leg.outcome = DP_TRACE_SAMPLED_OUT;
	else
		leg_act(&s->lc, 0, d, NULL, true, family, false);
	leg_tell(t, &leg);
}

/* Legs that are up are in the list, in the order of their places. */
static __rte_always_inline void
trace_legs(const struct tracing *t, const struct datagram *d, const struct decision *decision,
	enum dp_family family)
{
	const struct flow_action *action = &t->shadow->action;
	const struct leg_list *list = decision->legs;
	const struct leg_places *places =
		decision->stream >= 0 ? &action->streams[decision->stream].places : &action->places;
	const uint32_t end = (uint32_t)t->request->first_leg + t->request->n_legs;
	uint16_t at = 0;

	t->trace->nth = action_nth(&t->shadow->lc, action, decision->stream);
	t->trace->n_legs = places->n;
	t->trace->n_up = list->n;
	for (uint16_t i = 0; i < places->n && i < end; i++) {
		const bool up = at < list->n && list->legs[at] == places->of[i];

		at = (uint16_t)(at + up);
		if (i >= t->request->first_leg)
			trace_leg(t, d, places->of[i], i, up, family);
	}
}

static __rte_always_inline void
flow_of_family(
	const struct tracing *t, const struct datagram *d, void *entry, enum dp_family family)
{
	const struct flow_action *action = flow_entry_action(entry, family);
	struct decision decision = {.verdict = DP_FORWARD, .stream = -1};

	shadow_enter(t->shadow, entry, action, t->worker);
	shadow_datagram_keep(t->shadow, d->ip, d->l3_bytes);
	t->trace->verdict = DP_FORWARD;
	t->trace->step = DP_TRACE_ACTION;
	if (action != NULL)
		decision = trace_action(t, d, family);
	if (decision.verdict != DP_FORWARD)
		return;
	if (decision.legs == NULL)
		trace_leg_of_entry(t, d, entry, family);
	else
		trace_legs(t, d, &decision, family);
}

void
trace_flow(const struct tracing *t, const struct datagram *d, void *entry, enum dp_family family)
{
	if (family == DP_IPV4)
		flow_of_family(t, d, entry, DP_IPV4);
	else
		flow_of_family(t, d, entry, DP_IPV6);
}
