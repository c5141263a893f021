/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet through the stages by their own code, on a sandbox: the code here only records the
 * result of each stage. The sandbox replaces what packets change: a worker that polls nothing, with
 * counters, transmit stages, buckets and a learned source of its own, and one packet buffer that is
 * in no pool. Control thread only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dp/trace.h>

#include "act.h"
#include "action.h"
#include "burst.h"
#include "dp_private.h"
#include "exception.h"
#include "failover.h"
#include "fastpath.h"
#include "lane.h"
#include "latch.h"
#include "legs.h"
#include "parse.h"
#include "policer.h"
#include "punt.h"
#include "unmatched.h"
#include "view.h"

#define SANDBOX_OWNER 1 /* the sandbox's signature in its copies: that of worker 0 */
#define SANDBOX_RING_BYTES 1024

/* Of a copy of a latch, which has the slots of one worker. */
struct latch_room {
	uint8_t bytes[sizeof(struct latch) + sizeof(struct latch_slots)];
} __rte_cache_aligned;

/* The same of the sources that a flow chooses from. */
struct failover_room {
	uint8_t bytes[sizeof(struct failover) + sizeof(struct failover_counts)];
} __rte_cache_aligned;

struct sandbox {
	struct lcore lc;
	struct port_counters counters[DP_PORTS_MAX];
	struct tx_stage stages[DP_PORTS_MAX];
	/* In place of the flow's own. */
	struct flow_action action;
	struct policer policer;
	struct latch_room latch;
	struct failover_room failover;
	uint64_t nth[1 + DP_STREAMS_MAX];
	struct flow_counters stream_counters[DP_STREAMS_MAX];
	/* In place of the tables: one entry, one leg. */
	struct flow_table table;
	struct leg_table legs;
	struct leg leg;
	struct learned learned;
	struct latch_room learned_latch;
	struct learned *learned_of[1];
	struct policer leg_policer;
	struct flow_counters leg_counters;
	uint64_t drops[DP_COPY_DROP_COUNT];
	/* Rings with one place: to control, and of each class to the kernel. */
	uint8_t rings[1 + DP_EXCEPTION_COUNT][SANDBOX_RING_BYTES] __rte_cache_aligned;
	/* The path of the port to the kernel. */
	struct exception *exceptions[DP_PORTS_MAX];
	struct exception exception;
	/* The packet, and its datagram as it came. */
	struct rte_mbuf m;
	uint8_t buffer[RTE_PKTMBUF_HEADROOM + DP_TRACE_FRAME_MAX];
	uint8_t datagram[DP_TRACE_FRAME_MAX];
};

/* What one trace is about. */
struct tracing {
	struct dp *dp;
	const struct dp_trace_request *request;
	struct dp_trace *trace;
	struct sandbox *sandbox;
	unsigned worker;
	dp_trace_leg_fn fn;
	void *arg;
};

static inline void
trace_drop(struct dp_trace *trace, enum dp_trace_step step, enum dp_drop reason)
{
	trace->verdict = DP_DROP;
	trace->step = step;
	trace->drop = (uint16_t)reason;
}

/* In place of a worker's ring: what it would find there, room for one or none. */
static struct rte_ring *
ring_set(struct sandbox *s, unsigned index, const struct rte_ring *like)
{
	struct rte_ring *ring = (struct rte_ring *)(void *)s->rings[index];

	static_assert(sizeof(struct rte_ring) + 2 * sizeof(void *) <= SANDBOX_RING_BYTES, "room");
	rte_ring_init(ring, "trace", 1, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	if (rte_ring_full(like))
		rte_ring_sp_enqueue(ring, s);
	return ring;
}

/* The path of `port` to the kernel, if there is one. */
static void
exception_copy(struct sandbox *s, const struct dp *dp, const struct lcore *like, unsigned port)
{
	const struct exception *exception = dp->exceptions[port];

	s->lc.exceptions = s->exceptions;
	if (exception == NULL)
		return;
	s->exceptions[port] = &s->exception;
	for (unsigned class = 0; class < DP_EXCEPTION_COUNT; class ++) {
		police_peek(&exception->police[class], SANDBOX_OWNER, &s->exception.police[class]);
		s->lc.exception_rings[class] = ring_set(s, 1 + class, like->exception_rings[class]);
	}
}

/* A sandbox of a worker of dp at now_ns of its clock, for packets of `port`. NULL: no memory. */
static struct sandbox *
sandbox_create(const struct dp *dp, unsigned worker, unsigned port, uint64_t now_ns)
{
	const struct lcore *like = dp->workers[worker];
	struct sandbox *s = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*s));

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->lc.owner = SANDBOX_OWNER;
	s->lc.n_ports = dp->n_ports;
	s->lc.now_ns = now_ns;
	s->lc.counters = s->counters;
	s->lc.stages = s->stages;
	s->lc.next_hops = like->next_hops;
	s->lc.punt_unmatched = like->punt_unmatched;
	s->lc.table4 = like->table4;
	s->lc.table6 = like->table6;
	s->lc.legs = like->legs;
	s->lc.leg_counters = like->leg_counters; /* fetched ahead, until sandbox_enter() */
	for (unsigned p = 0; p < dp->n_ports; p++) {
		s->stages[p].down = like->stages[p].down;
		s->stages[p].mtu = like->stages[p].mtu;
		memcpy(s->stages[p].mac, like->stages[p].mac, sizeof(s->stages[p].mac));
	}
	police_peek(&like->punt_police, SANDBOX_OWNER, &s->lc.punt_police);
	s->lc.punt_ring = ring_set(s, 0, like->punt_ring);
	exception_copy(s, dp, like, port);
	return s;
}

/* The reference count never reaches zero by one free: the buffer is given to no pool. */
static void
mbuf_reset(struct sandbox *s, uint16_t data_off, uint32_t bytes)
{
	s->m.buf_addr = s->buffer;
	s->m.buf_len = sizeof(s->buffer);
	s->m.data_off = data_off;
	s->m.data_len = (uint16_t)bytes;
	s->m.pkt_len = bytes;
	s->m.nb_segs = 1;
	s->m.ol_flags = 0;
	s->m.next = NULL;
	rte_mbuf_refcnt_set(&s->m, 2);
}

/* The packet is this frame, as a worker receives it. */
static void
sandbox_receive(struct sandbox *s, const uint8_t *frame, uint32_t bytes)
{
	static_assert(sizeof(s->buffer) <= UINT16_MAX, "a buffer's length has 16 bits");
	mbuf_reset(s, RTE_PKTMBUF_HEADROOM, bytes);
	memcpy(s->buffer + RTE_PKTMBUF_HEADROOM, frame, bytes);
}

/* A learned source moves on in the copy alone. */
static struct latch *
latch_copy(struct latch_room *room, const struct latch *latch)
{
	struct latch *copy = (struct latch *)(void *)room->bytes;
	struct latch_slot learned;
	uint64_t word = 0;

	latch_init(copy, 1, latch->cookie);
	copy->notified = 1; /* no notice to control */
	copy->ssrc_seen_ns = __atomic_load_n(&latch->ssrc_seen_ns, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < LATCH_READ_TRIES; i++) {
		word = __atomic_load_n(&latch->word, __ATOMIC_ACQUIRE);
		if (latch_word_is_open(word)) {
			copy->word = word;
			return copy;
		}
		if (latch_load_all(latch, word, &learned))
			break;
	}
	copy->slots[0].of[0] = learned;
	copy->word = (word >> LATCH_SLOT_BITS) << LATCH_SLOT_BITS | 1;
	return copy;
}

/* Another source becomes active in the copy alone. Of the counts, those of one worker have room. */
static struct failover *
failover_copy(struct failover_room *room, const struct failover *failover)
{
	struct failover *copy = (struct failover *)(void *)room->bytes;

	memcpy(copy->sources, failover->sources, sizeof(copy->sources));
	copy->n = failover->n;
	copy->notified = 1; /* no notice to control */
	copy->word = __atomic_load_n(&failover->word, __ATOMIC_ACQUIRE);
	for (unsigned i = 0; i < failover->n; i++) {
		copy->seen[i].last_ns =
			__atomic_load_n(&failover->seen[i].last_ns, __ATOMIC_RELAXED);
		copy->seen[i].since_ns =
			__atomic_load_n(&failover->seen[i].since_ns, __ATOMIC_RELAXED);
	}
	return copy;
}

static void
action_copy(struct sandbox *s, const struct flow_action *action, unsigned worker)
{
	const size_t row = worker * action_nth_row(action->n_streams);

	s->action = *action;
	if (action->policer != NULL) {
		s->policer.config = action->policer->config;
		police_peek(&action->policer->police, SANDBOX_OWNER, &s->policer.police);
		s->action.policer = &s->policer;
	}
	if (action->latch != NULL)
		s->action.latch = latch_copy(&s->latch, action->latch);
	if (action->failover != NULL)
		s->action.failover = failover_copy(&s->failover, action->failover);
	if (action->nth != NULL) {
		for (unsigned i = 0; i <= action->n_streams; i++)
			s->nth[i] = __atomic_load_n(&action->nth[row + i], __ATOMIC_RELAXED);
		s->action.nth = s->nth;
	}
	s->action.stream_counters = s->stream_counters;
}

/*
 * Work on copies from now on: of `action` (NULL: the flow is plain), and of nothing else than
 * `entry`. `worker` is the one whose numbering of packets counts.
 */
static void
sandbox_enter(struct sandbox *s, void *entry, const struct flow_action *action, unsigned worker)
{
	/* The entry is the first one of this table, whose drops are the sandbox's. */
	s->table =
		(struct flow_table){.entries = entry, .drops = s->drops, .learned = s->learned_of};
	s->legs = (struct leg_table){.legs = &s->leg, .drops = s->drops, .learned = s->learned_of};
	s->lc.table4 = &s->table;
	s->lc.table6 = &s->table;
	s->lc.legs = &s->legs;
	s->lc.leg_counters = &s->leg_counters;
	if (action != NULL)
		action_copy(s, action, worker);
}

/* The one leg sends to `learned`, or to nothing that is learned (NULL). */
static void
sandbox_learned_set(struct sandbox *s, const struct learned *learned)
{
	s->learned_of[0] = NULL;
	if (learned == NULL)
		return;
	s->learned = *learned;
	s->learned.unknown = 0;
	/* The flow's own latch may have moved on in the sandbox; another one is read once. */
	if (s->action.latch != NULL && learned->latch->cookie == s->action.latch->cookie)
		s->learned.latch = s->action.latch;
	else
		s->learned.latch = latch_copy(&s->learned_latch, learned->latch);
	s->learned_of[0] = &s->learned;
}

/*
 * The packet, in the sandbox, has moved the latch that it is then sent by: a flow may answer to its
 * own source.
 */
static bool
learned_is_passed(const struct sandbox *s)
{
	return s->learned_of[0] != NULL && s->learned.latch == s->action.latch &&
	       s->learned.latch->word >> LATCH_SLOT_BITS != s->learned.user.word >> LATCH_SLOT_BITS;
}

/* The one leg is a copy of that in `slot`. */
static void
sandbox_leg_set(struct sandbox *s, const struct leg_table *legs, uint32_t slot)
{
	const struct policer *policer;

	leg_table_copy(legs, slot, &s->leg);
	sandbox_learned_set(s, leg_table_learned(legs, slot));
	if (learned_is_passed(s))
		rewrite_tail(&s->leg.rewrite6, (enum dp_family)s->leg.family)->next_hop =
			NEXT_HOP_STALE;
	policer = s->leg.policer;
	if (policer == NULL)
		return;
	s->leg_policer.config = policer->config;
	police_peek(&policer->police, SANDBOX_OWNER, &s->leg_policer.police);
	s->leg.policer = &s->leg_policer;
}

/* Keep the datagram at `ip`, for sandbox_datagram_restore(). */
static void
sandbox_datagram_keep(struct sandbox *s, const uint8_t *ip, uint16_t bytes)
{
	memcpy(s->datagram, ip, bytes);
}

/* Put the datagram back for the next leg, nothing staged or dropped yet. */
static void
sandbox_datagram_restore(struct sandbox *s, uint8_t *ip, uint16_t bytes)
{
	memset(s->drops, 0, sizeof(s->drops));
	for (unsigned p = 0; p < s->lc.n_ports; p++)
		s->stages[p].n = s->stages[p].bytes = 0;
	memcpy(ip, s->datagram, bytes);
	mbuf_reset(s, (uint16_t)(ip - s->buffer), bytes);
}

static void
police_describe(
	struct dp_trace_police *said, const struct policer *policer, const struct tracing *t)
{
	if (policer == NULL)
		return;
	said->config = policer->config;
	said->left_bytes = police_left_bytes(&policer->police, t->sandbox->lc.now_ns);
}

/* The state that the steps use, before they change it. */
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
	trace->latch_by = action->latch_by;
	trace->n_streams = action->n_streams;
	if (action->latch != NULL) {
		latch_read(action->latch, &trace->latched);
		latch_tell_flow(&trace->latched, (enum dp_latch_by)action->latch_by);
	}
	police_describe(&trace->police, action->policer, t);
	if (action->failover != NULL)
		failover_read(action->failover, 0, t->sandbox->lc.now_ns, &trace->sources);
}

/* Why another source than the one learned is refused, or the first one. */
static enum dp_trace_latch
latch_refusal(const struct dp_trace *trace, const uint8_t *payload)
{
	const struct dp_latched *latched = &trace->latched;
	const enum dp_latch_by by = (enum dp_latch_by)trace->latch_by;
	uint32_t ssrc = 0;

	if (latched->valid && trace->latch_mode == DP_LATCH_FIRST)
		return DP_TRACE_LATCH_REFUSES;
	if (!latch_is_moved_by(payload, trace->payload_bytes, by, &ssrc))
		return DP_TRACE_LATCH_NOT_BY;
	return latched->valid && latch_is_by_ssrc(by) &&
			       !(latched->has_ssrc && latched->ssrc == ssrc)
		       ? DP_TRACE_LATCH_OTHER_SSRC
		       : DP_TRACE_LATCH_REFUSES;
}

/* The same source as before or another, in what the steps left of the latch. */
static enum dp_trace_latch
latch_outcome(
	const struct dp_trace *trace, const struct flow_action *action, const uint8_t *payload)
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
		       : latch_refusal(trace, payload);
}

/* What the steps made of the sources that the flow chooses from. */
static void
source_describe(struct dp_trace *trace, const struct failover *failover)
{
	struct latch_source source;
	struct dp_sources now;
	int i;

	latch_source_set(&source, trace->key.src, sizeof(trace->key.src), trace->key.src_port);
	i = failover_find(failover, &source);
	if (i < 0) {
		trace->source = DP_TRACE_SOURCE_UNLISTED;
		return;
	}
	trace->source_index = (uint8_t)i;
	failover_read(failover, 0, 0, &now);
	if (now.active != (unsigned)i)
		trace->source = DP_TRACE_SOURCE_STANDBY;
	else if (trace->sources.active == now.active)
		trace->source = DP_TRACE_SOURCE_ACTIVE;
	else
		trace->source = now.returned ? DP_TRACE_SOURCE_RETURNS : DP_TRACE_SOURCE_TAKES_OVER;
}

/* The step at which the flow's action decided. */
static enum dp_trace_step
decision_step(const struct tracing *t, const struct decision *decision, const uint8_t *src)
{
	const struct flow_action *action = &t->sandbox->action;

	if (decision->verdict == DP_PUNT && t->trace->class_verdict == DP_PUNT)
		return DP_TRACE_CLASS;
	if (decision->verdict != DP_DROP)
		return DP_TRACE_ACTION;
	switch (decision->reason) {
	case DP_DROP_flow_down:
		return DP_TRACE_ADMIN;
	case DP_DROP_source_refused:
		if (!source_is_allowed(action, src))
			return DP_TRACE_ALLOW;
		return action->failover != NULL ? DP_TRACE_SOURCES : DP_TRACE_LATCH;
	case DP_DROP_standby_source:
		return DP_TRACE_SOURCES;
	case DP_DROP_class_drop:
		return DP_TRACE_CLASS;
	case DP_DROP_policed:
		return DP_TRACE_POLICE;
	default:
		return DP_TRACE_ACTION;
	}
}

/* A step that was not reached has no result. */
static void
decision_describe(const struct tracing *t, const struct decision *decision, const uint8_t *payload)
{
	struct dp_trace *trace = t->trace;
	const struct flow_action *action = &t->sandbox->action;

	trace->verdict = (uint8_t)decision->verdict;
	trace->step = (uint8_t)decision_step(t, decision, trace->key.src);
	if (decision->verdict == DP_DROP)
		trace->drop = (uint16_t)decision->reason;
	if (trace->step >= DP_TRACE_SOURCES && action->failover != NULL)
		source_describe(trace, action->failover);
	if (trace->step >= DP_TRACE_LATCH)
		trace->latch = (uint8_t)latch_outcome(trace, action, payload);
}

static struct decision
trace_action(const struct tracing *t, const struct datagram *d, enum dp_family family)
{
	struct sandbox *s = t->sandbox;
	const uint8_t *payload = d->ip + replica_header_bytes(family);
	struct decision decision;
	int stream = -1;

	action_describe(t, &s->action, payload);
	decision = action_decide(&s->lc, &s->action, d, family);
	decision_describe(t, &decision, payload);
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
	const struct tx_stage *stage = &t->sandbox->stages[leg->hop.port];

	leg->drop = DP_DROP_COUNT;
	if (leg->outcome == DP_TRACE_SENT && stage->n == 0) {
		leg->outcome = DP_TRACE_DROPPED;
		for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++) {
			if (t->sandbox->drops[r] > 0)
				leg->drop = (uint16_t)(DP_COPY_DROP_FIRST + r);
		}
		if (t->sandbox->learned.unknown > 0)
			leg->drop = DP_DROP_peer_unknown;
	} else if (leg->outcome == DP_TRACE_SENT && stage->down) {
		leg->outcome = DP_TRACE_DROPPED;
		leg->drop = DP_DROP_port_down;
	} else if (leg->outcome == DP_TRACE_SENT) {
		leg->frame = rte_pktmbuf_mtod(stage->frames[0], const uint8_t *);
		leg->frame_bytes = stage->frames[0]->pkt_len;
	}
	t->fn(t->arg, leg);
}

static void
leg_hop_describe(const struct tracing *t, struct dp_trace_leg *leg, const struct rewrite_tail *tail)
{
	const struct lcore *lc = &t->sandbox->lc;
	struct leg resolved;
	union next_hop hop;

	leg->next_hop = learned_is_passed(t->sandbox) ? NEXT_HOP_STALE : rewrite_next_hop(tail);
	hop.whole = next_hop_load(lc->next_hops, leg->next_hop);
	if (leg->next_hop == NEXT_HOP_STALE &&
		!leg_resolve(lc, t->sandbox->learned_of[0], &resolved, &hop.whole))
		hop.fields = (struct dp_next_hop){.port = t->request->port};
	leg->hop = hop.fields;
}

/*
 * The only leg, which is in the entry. If it has become stale between the two reads of it, it was
 * sent the slow way, and is looked at once more: from then on it stays so.
 */
static __rte_always_inline void
trace_leg_of_entry(const struct tracing *t, const struct datagram *d, void *entry,
	const struct learned *learned, enum dp_family family)
{
	const void *rewrite = flow_entry_rewrite(entry, family);
	const uint64_t features = flow_entry_features(entry, family);
	const bool translates = (features & FLOW_TRANSLATES) != 0;
	const enum dp_family out = translates == (family == DP_IPV4) ? DP_IPV6 : DP_IPV4;
	struct dp_trace_leg leg = {.family = (uint8_t)out, .outcome = DP_TRACE_SENT};
	const struct rewrite_tail *tail;

	t->trace->n_legs = t->trace->n_up = 1;
	if (t->request->first_leg > 0 || t->request->n_legs == 0)
		return;
	if (translates)
		rewrite = flow_features_of(features, FLOW_TRANSLATES);
	tail = rewrite_tail_const(rewrite, out);
	do {
		sandbox_learned_set(t->sandbox, learned);
		leg_hop_describe(t, &leg, tail);
		sandbox_datagram_restore(t->sandbox, d->ip, d->l3_bytes);
		if (leg.next_hop == NEXT_HOP_STALE)
			act_learned(
				&t->sandbox->lc, d->m, d->ip, d->l3_bytes, d->port, entry, family);
		else if (translates)
			act_translated(&t->sandbox->lc, d, entry, family);
		else
			act_plain(&t->sandbox->lc, d, entry, family);
	} while (leg.next_hop != NEXT_HOP_STALE && rewrite_is_stale(tail));
	leg_tell(t, &leg);
}

/* A leg of the leg table. */
static __rte_always_inline void
trace_leg(const struct tracing *t, const struct datagram *d, uint32_t place, uint16_t index,
	bool up, enum dp_family family)
{
	struct sandbox *s = t->sandbox;
	struct dp_trace_leg leg = {.index = index, .outcome = DP_TRACE_SENT};

	sandbox_leg_set(s, &t->dp->legs, place);
	sandbox_datagram_restore(s, d->ip, d->l3_bytes);
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

/* Legs that are up are in the list, in the order of their slots. */
static __rte_always_inline void
trace_legs(const struct tracing *t, const struct datagram *d, const struct decision *decision,
	enum dp_family family)
{
	const struct flow_action *action = &t->sandbox->action;
	const struct leg_list *list = decision->legs;
	const struct leg_slots *slots =
		decision->stream >= 0 ? &action->streams[decision->stream].slots : &action->slots;
	const uint32_t end = (uint32_t)t->request->first_leg + t->request->n_legs;
	uint16_t at = 0;

	t->trace->nth = action_nth(&t->sandbox->lc, action, decision->stream);
	t->trace->n_legs = slots->n;
	t->trace->n_up = list->n;
	for (uint16_t i = 0; i < slots->n && i < end; i++) {
		const bool up = at < list->n && list->legs[at] == slots->of[i];

		at = (uint16_t)(at + up);
		if (i >= t->request->first_leg)
			trace_leg(t, d, slots->of[i], i, up, family);
	}
}

static __rte_always_inline void
flow_of_family(
	const struct tracing *t, const struct datagram *d, void *entry, enum dp_family family)
{
	const struct flow_table *table = family == DP_IPV4 ? &t->dp->table4 : &t->dp->table6;
	const struct flow_action *action = flow_table_action(table, entry, family);
	struct decision decision = {.verdict = DP_FORWARD, .stream = -1};

	sandbox_enter(t->sandbox, entry, action, t->worker);
	sandbox_datagram_keep(t->sandbox, d->ip, d->l3_bytes);
	t->trace->verdict = DP_FORWARD;
	t->trace->step = DP_TRACE_ACTION;
	if (action != NULL)
		decision = trace_action(t, d, family);
	if (decision.verdict != DP_FORWARD)
		return;
	if (decision.legs != NULL) {
		trace_legs(t, d, &decision, family);
		return;
	}
	trace_leg_of_entry(t, d, entry,
		flow_table_learned(table, flow_table_index(table, entry, family)), family);
}

/* The flow of `entry` has the packet: fill the trace from there on. d is in the sandbox's buffer.
 */
static void
trace_flow(const struct tracing *t, const struct datagram *d, void *entry, enum dp_family family)
{
	if (family == DP_IPV4)
		flow_of_family(t, d, entry, DP_IPV4);
	else
		flow_of_family(t, d, entry, DP_IPV6);
}

static void
packet_describe4(struct dp_trace *trace, const struct rte_ipv4_hdr *ip, const struct flow_key4 *key)
{
	memcpy(trace->key.src, &key->src, sizeof(key->src));
	memcpy(trace->key.dst, &key->dst, sizeof(key->dst));
	trace->key.src_port = key->src_port;
	trace->key.dst_port = key->dst_port;
	trace->ttl = ip->time_to_live;
	trace->tos = ip->type_of_service;
}

static void
packet_describe6(struct dp_trace *trace, const struct rte_ipv6_hdr *ip, const struct flow_key6 *key)
{
	memcpy(trace->key.src, key->src, sizeof(key->src));
	memcpy(trace->key.dst, key->dst, sizeof(key->dst));
	trace->key.src_port = key->src_port;
	trace->key.dst_port = key->dst_port;
	trace->ttl = ip->hop_limits;
	trace->tos = (uint8_t)(rte_be_to_cpu_32(ip->vtc_flow) >> RTE_IPV6_HDR_TC_SHIFT);
}

/* What the parser made of the frame: the key's domain is port and VLANs. */
static void
packet_describe(
	const struct tracing *t, const struct datagram *d, uint32_t domain, enum dp_family family)
{
	const struct rte_udp_hdr *udp =
		RTE_PTR_ADD(d->ip, replica_header_bytes(family) - sizeof(*udp));
	struct dp_trace *trace = t->trace;

	trace->key.family = (uint8_t)family;
	trace->key.port = d->port;
	trace->key.vlan = domain & VLAN_ID_MASK;
	trace->key.outer_vlan = domain >> 12 & VLAN_ID_MASK;
	trace->l2_bytes = (uint16_t)(d->ip - rte_pktmbuf_mtod(d->m, const uint8_t *));
	trace->ip_bytes = d->l3_bytes;
	trace->extension_bytes = (uint16_t)(t->request->frame_bytes - d->m->pkt_len);
	trace->payload_bytes = (uint16_t)(rte_be_to_cpu_16(udp->dgram_len) - sizeof(*udp));
}

/* Where the search for a flow went, and where it ended. */
static void
match_describe(struct dp_trace *trace, const struct flow_table *table, const struct lane *lane,
	enum dp_family family)
{
	const uint32_t domain = family == DP_IPV4 ? lane->key4[0].domain : lane->key6[0].domain;
	const void *entry = lane->entries[0];
	const bool by_listener = (domain & FLOW_DOMAIN_LISTENER) != 0;

	trace->looked = 1 << DP_TRACE_EXACT;
	if (by_listener)
		trace->looked |= 1 << DP_TRACE_LISTENER;
	if (entry == NULL) {
		if (table->rules != NULL && !martian(lane->ips[0], family))
			trace->looked |= 1 << DP_TRACE_RULE;
		return;
	}
	trace->handle =
		flow_table_index(table, entry, family) | (family == DP_IPV6 ? FLOW_HANDLE_IPV6 : 0);
	trace->match = by_listener ? DP_TRACE_LISTENER : DP_TRACE_EXACT;
	if (flow_table_is_rule(table, dp_handle_index(trace->handle))) {
		trace->match = DP_TRACE_RULE;
		trace->looked |= 1 << DP_TRACE_RULE;
	}
}

/* What becomes of a packet that no flow claims is in the sandbox's counters. */
static void
unclaimed_describe(const struct tracing *t, enum dp_trace_step step)
{
	const struct port_counters *counters = &t->sandbox->counters[t->request->port];

	t->trace->step = (uint8_t)step;
	t->trace->verdict = DP_PUNT;
	for (unsigned r = 0; r < DP_DROP_COUNT; r++) {
		if (counters->drops[r] > 0)
			trace_drop(t->trace, step, (enum dp_drop)r);
	}
	for (unsigned class = 0; class < DP_EXCEPTION_COUNT; class ++) {
		if (counters->to_kernel[class] > 0)
			t->trace->exception = (uint8_t)(1 + class);
	}
}

/* No flow: as the port has it. */
static void
trace_unmatched(const struct tracing *t, const struct datagram *d, enum dp_family family)
{
	act_unmatched(&t->sandbox->lc, d->m, d->ip, d->port, family);
	unclaimed_describe(t, DP_TRACE_CLASSIFY);
}

static __rte_always_inline void
trace_datagram(const struct tracing *t, struct lane *lane, enum dp_family family)
{
	const struct flow_table *table = family == DP_IPV4 ? &t->dp->table4 : &t->dp->table6;
	const struct datagram d = {
		.m = lane->packets[0],
		.ip = lane->ips[0],
		.l3_bytes = (uint16_t)lane->l3_bytes[0],
		.port = t->request->port,
	};

	if (family == DP_IPV4) {
		packet_describe4(t->trace, lane->ips[0], &lane->key4[0]);
		packet_describe(t, &d, lane->key4[0].domain, family);
	} else {
		packet_describe6(t->trace, lane->ips[0], &lane->key6[0]);
		packet_describe(t, &d, lane->key6[0].domain, family);
	}
	classify_lane(&t->sandbox->lc, table, lane, view_load(&t->dp->view), family);
	match_describe(t->trace, table, lane, family);
	if (lane->entries[0] == NULL)
		trace_unmatched(t, &d, family);
	else
		trace_flow(t, &d, lane->entries[0], family);
}

static void
trace_frame(const struct tracing *t)
{
	struct sandbox *s = t->sandbox;
	enum dp_drop reason;

	sandbox_receive(s, t->request->frame, t->request->frame_bytes);
	reason = parse_packet(&s->lc, t->request->port, &s->m);
	if (reason != PARSE_OK) {
		frame_refuse(&s->lc, t->request->port, &s->m, reason);
		unclaimed_describe(t, DP_TRACE_PARSE);
	} else if (s->lc.lane4.n > 0) {
		trace_datagram(t, &s->lc.lane4, DP_IPV4);
	} else {
		trace_datagram(t, &s->lc.lane6, DP_IPV6);
	}
}

int
dp_trace(struct dp *dp, const struct dp_trace_request *request, struct dp_trace *trace,
	dp_trace_leg_fn fn, void *arg)
{
	struct tracing t = {.dp = dp, .request = request, .trace = trace, .fn = fn, .arg = arg};
	unsigned n_workers = 0;
	const struct lcore *lc;

	if (request->port >= dp->n_ports)
		return -EINVAL;
	if (request->frame_bytes > DP_TRACE_FRAME_MAX)
		return -EMSGSIZE;
	for (unsigned w = dp->n_workers; w-- > 0;) {
		if (worker_polls(dp->workers[w], request->port)) {
			t.worker = w;
			n_workers++;
		}
	}
	lc = dp->workers[t.worker];
	t.sandbox = sandbox_create(dp, t.worker, request->port, dp_now_ns(dp, lc));
	if (t.sandbox == NULL)
		return -ENOMEM;
	*trace = (struct dp_trace){
		.drop = DP_DROP_COUNT,
		.handle = DP_HANDLE_NONE,
		.worker = (uint16_t)t.worker,
		.n_workers = (uint16_t)n_workers,
	};
	trace_frame(&t);
	free(t.sandbox);
	return 0;
}
