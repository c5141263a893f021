/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker names a flow once, until its source is read. So each flow that is named must be read
 * in the end: at once; or, while a change is being made of it, when that is made.
 */
#include "monitor/latches.h"

#include <limits.h>

#include "base/addr.h"
#include "base/clock.h"

static bool
is_waiting(const struct flow *flow)
{
	return flow->watch.again.tqe_prev != NULL;
}

static void
again_insert(struct latches *latches, struct flow *flow)
{
	if (!is_waiting(flow))
		TAILQ_INSERT_TAIL(&latches->again, flow, watch.again);
}

static void
again_remove(struct latches *latches, struct flow *flow)
{
	TAILQ_REMOVE(&latches->again, flow, watch.again);
	flow->watch.again.tqe_prev = NULL;
}

/* The first source is learned once. */
static void
open_set(struct latches *latches, struct flow *flow, bool open)
{
	latches->n_open += open;
	latches->n_open -= flow->watch.open;
	flow->watch.open = open;
}

/* Its source is in the hands of workers. */
static bool
source_may_change(const struct flow_spec *spec)
{
	return spec->dp.latch != DP_LATCH_OPEN || spec->dp.n_sources > 0;
}

static bool
may_move(const struct flow *flow)
{
	return flow->spec->dp.latch == DP_LATCH_FOLLOW ||
	       (flow->spec->dp.latch == DP_LATCH_FIRST && !flow->watch.learned) ||
	       flow->spec->dp.n_sources > 0;
}

static struct event_flow *
flow_raise(struct latches *latches, enum event_kind kind, const struct flow *flow)
{
	struct event_flow *event = events_raise_flow(latches->events, kind, flow->spec->id);

	event->relay_bytes = flow->spec->relay_bytes;
	event->family = flow->spec->match.key.family;
	return event;
}

static void
source_raise(struct latches *latches, enum event_kind kind, const struct flow *flow,
	const struct dp_latched *latched)
{
	flow_raise(latches, kind, flow)->latched = *latched;
}

static void
moved_raise(struct latches *latches, struct flow *flow, const struct dp_latched *latched)
{
	if (latched->moves == flow->watch.moves)
		return;
	flow->watch.moves = latched->moves;
	flow->watch.learned = true;
	source_raise(latches, EVENT_FLOW_LATCHED, flow, latched);
}

/* Queue the flows whose legs send to the source, when it is another one. */
static void
state_note(struct latches *latches, struct flow *flow, const struct dp_latched *latched)
{
	if (latched->state == flow->watch.state)
		return;
	flow->watch.state = latched->state;
	flows_source_moved(latches->flows, flow);
}

static bool
source_is_allowed(const struct flow_spec *spec, const struct dp_latched *latched)
{
	unsigned i;

	for (i = 0; i < spec->n_allow; i++) {
		if (address_in_prefix(spec->allow[i].address, spec->allow[i].bits, latched->src))
			return true;
	}
	return spec->n_allow == 0;
}

/* While a flow is changed, its sources may be another list in the data plane already. */
static void
sources_look(struct latches *latches, struct flow *flow)
{
	struct dp_sources sources;

	if (flow->item) {
		again_insert(latches, flow);
		return;
	}
	if (dp_flow_sources_get(latches->flows->dp, flow->handle, &sources) < 0 ||
		sources.active >= flow->spec->dp.n_sources)
		return;
	if (sources.switches > 0 && (uint32_t)sources.switches != flow->watch.moves)
		flow_raise(latches, EVENT_SOURCE_SWITCHED, flow)->switched = (struct event_switch){
			.source = flow->spec->sources[sources.active],
			.active = sources.active,
			.previous = sources.previous,
			.returned = sources.returned,
			.switches = sources.switches,
		};
	flow->watch.moves = (uint32_t)sources.switches;
}

/*
 * What is being changed may be another flow in the data plane, and is steered otherwise soon. A
 * source that the allow-list does not have any more is to get nothing either.
 */
static void
latch_look(struct latches *latches, struct flow *flow)
{
	struct dp_latched latched;

	if (flow->spec->dp.n_sources > 0) {
		sources_look(latches, flow);
		return;
	}
	if (dp_flow_latched_get(latches->flows->dp, flow->handle, &latched) == 0 && latched.valid) {
		moved_raise(latches, flow, &latched);
		if (!flow->item && !source_is_allowed(flow->spec, &latched)) {
			if (flow_widen(latches->flows, flow) < 0)
				again_insert(latches, flow);
			else
				latches_forget(latches, flow, &latched);
			return;
		}
		state_note(latches, flow, &latched);
		flow_narrow(latches->flows, flow, &latched);
		open_set(latches, flow, may_move(flow));
	}
	if (flow->item)
		again_insert(latches, flow);
}

/* Workers may know a flow already whose commit has not ended yet. */
static void
flow_moved(void *arg, uint64_t cookie)
{
	struct latches *latches = arg;
	struct flow *flow = flow_db_sequence_seek(&latches->flows->db, cookie);

	if (!flow)
		return;
	if (flow->presence == FLOW_LIVE)
		latch_look(latches, flow);
	else
		flow->watch.moved = true;
}

/* A slice of all flows, after notices were lost. */
static void
flows_scan(struct latches *latches)
{
	struct flow *flow = flow_db_after(&latches->flows->db, latches->scanned);
	unsigned n;

	for (n = 0; flow && n < LATCHES_SCAN_MAX; n++, flow = flow_db_next(flow)) {
		if (source_may_change(flow->spec))
			latch_look(latches, flow);
		latches->scanned = flow->sequence;
	}
	if (flow)
		return;
	latches->scanned = 0;
	latches->scanning = latches->scan_again;
	latches->scan_again = false;
}

/* Those that wait, once each at most. */
static void
again_look(struct latches *latches)
{
	struct flow *flow = TAILQ_FIRST(&latches->again), *last;
	unsigned n;

	last = TAILQ_LAST(&latches->again, latches_again);
	for (n = 0; flow && n < LATCHES_AGAIN_MAX; n++) {
		again_remove(latches, flow);
		latch_look(latches, flow);
		flow = flow == last ? NULL : TAILQ_FIRST(&latches->again);
	}
}

static void
timer_set(struct latches *latches)
{
	if (latches->n_open == 0 && !latches->scanning && TAILQ_EMPTY(&latches->again))
		timer_disarm(&latches->timer);
	else
		timer_arm_if_idle(&latches->timer, LATCHES_PERIOD_MS * NS_PER_MS);
}

void
latches_poll(struct latches *latches)
{
	bool lost;

	dp_latch_poll(latches->flows->dp, UINT_MAX, flow_moved, latches, &lost);
	if (lost) {
		latches->scan_again = latches->scanning;
		latches->scanning = true;
	}
	if (latches->scanning)
		flows_scan(latches);
	again_look(latches);
}

static void
timer_fired(void *arg)
{
	struct latches *latches = arg;

	timer_arm(&latches->timer, LATCHES_PERIOD_MS * NS_PER_MS);
	latches_poll(latches);
	timer_set(latches);
}

void
latches_init(struct latches *latches, struct flows *flows, struct events *events,
	struct event_base *base)
{
	*latches = (struct latches){.flows = flows, .events = events};
	TAILQ_INIT(&latches->again);
	timer_init(&latches->timer, base, timer_fired, latches);
}

void
latches_fini(struct latches *latches)
{
	timer_disarm(&latches->timer);
}

/*
 * A flow that is replaced has learned its source already, but is steered again. With another latch,
 * it has to learn again.
 */
static void
flow_begin(struct latches *latches, struct flow *flow, bool replaced)
{
	struct flow_watch *watch = &flow->watch;
	const bool latches_now = source_may_change(flow->spec);

	if (!replaced || !latches_now) {
		watch->moves = 0;
		watch->state = 0;
		watch->learned = false;
	}
	open_set(latches, flow, may_move(flow));
	if (latches_now && (replaced || watch->moved))
		again_insert(latches, flow);
	watch->moved = false;
}

void
latches_flow_changed(struct latches *latches, struct flow *now, struct flow *before)
{
	if (before) {
		open_set(latches, before, false);
		if (is_waiting(before)) {
			again_remove(latches, before);
			before->watch.moved = true;
		}
	}
	if (now)
		flow_begin(latches, now, before != NULL);
	timer_set(latches);
}

int
latches_widen(struct latches *latches, struct flow *flow)
{
	int rc;

	latch_look(latches, flow);
	rc = flow_widen(latches->flows, flow);
	again_insert(latches, flow);
	timer_set(latches);
	return rc;
}

void
latches_forget(struct latches *latches, struct flow *flow, struct dp_latched *forgotten)
{
	*forgotten = (struct dp_latched){.valid = 0};
	if (dp_flow_forget(latches->flows->dp, flow->handle, forgotten) < 0 || !forgotten->valid)
		return;
	flow->watch.moves = forgotten->moves;
	flow->watch.learned = false;
	flows_source_moved(latches->flows, flow);
	open_set(latches, flow, may_move(flow));
	timer_set(latches);
	source_raise(latches, EVENT_FLOW_FORGOTTEN, flow, forgotten);
}
