/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tick first polls its flows and then requests the removal of the idle ones, together, so that
 * they share one commit and one grace period.
 */
#include "monitor/idle.h"

#include <string.h>

#include "base/clock.h"
#include "flow/commit.h"
#include "flow/flows.h"

/*
 * The fast path stores no time: a count of accepted packets that does not grow is idleness,
 * and a packet is dated when it is first seen in it. So a flow never times out early, and at most
 * max(1 s, timeout / 8) late.
 *
 * Flows wait for their next poll in slots: a slot holds what is due at its beginning, so that a
 * poll comes up to one slot late. A flow times out late by one period between two polls, until its
 * last packet is seen, and by two slots; hence the period is what may be late less two slots. The
 * upper bound keeps a long timeout within the slots.
 */

#define LATE_MIN_NS NS_PER_S
#define LATE_MAX_NS (60 * NS_PER_S)

/* True when the flow has accepted no packet for timeout_s. */
static bool
idle_poll(struct idle *idle, uint64_t accepted, uint32_t timeout_s, uint64_t now_ns)
{
	if (accepted > idle->accepted)
		*idle = (struct idle){.accepted = accepted, .active_ns = now_ns};
	return now_ns - idle->active_ns >= timeout_s * NS_PER_S;
}

static uint64_t
idle_next_ns(const struct idle *idle, uint32_t timeout_s, uint64_t now_ns)
{
	const uint64_t over_ns = idle->active_ns + timeout_s * NS_PER_S;
	uint64_t late_ns = timeout_s * NS_PER_S / 8;
	uint64_t next_ns;

	if (late_ns < LATE_MIN_NS)
		late_ns = LATE_MIN_NS;
	if (late_ns > LATE_MAX_NS)
		late_ns = LATE_MAX_NS;
	next_ns = now_ns + late_ns - 2 * IDLE_SLOT_NS;
	return next_ns < over_ns ? next_ns : over_ns;
}

/* At the end of the current slot, or at once when flows are due that a tick had no turn for. */
static void
timer_set(struct idle_monitor *idle, uint64_t now_ns)
{
	const bool late = idle->at <= now_ns / IDLE_SLOT_NS;
	const uint64_t wait_ns = late ? 0 : IDLE_SLOT_NS - now_ns % IDLE_SLOT_NS;

	timer_arm(&idle->timer, wait_ns);
}

/* A flow that is due further ahead than the last slot is polled early, and inserted again. */
static void
due_insert(struct idle_monitor *idle, struct flow *flow, uint64_t due_ns, uint64_t now_ns)
{
	uint64_t slot = (due_ns + IDLE_SLOT_NS - 1) / IDLE_SLOT_NS;

	if (idle->n_due++ == 0) {
		idle->at = now_ns / IDLE_SLOT_NS + 1;
		timer_set(idle, now_ns);
	}
	if (slot < idle->at)
		slot = idle->at;
	if (slot > idle->at + IDLE_SLOTS - 1)
		slot = idle->at + IDLE_SLOTS - 1;
	LIST_INSERT_HEAD(&idle->slots[slot % IDLE_SLOTS], flow, watch.due);
}

static bool
is_due(const struct flow *flow)
{
	return flow->watch.due.le_prev != NULL;
}

static void
due_remove(struct idle_monitor *idle, struct flow *flow)
{
	if (!is_due(flow))
		return;
	LIST_REMOVE(flow, watch.due);
	flow->watch.due.le_prev = NULL;
	if (--idle->n_due == 0)
		timer_disarm(&idle->timer);
}

/* Remove a flow that is due now; NULL: none is. */
static struct flow *
due_take(struct idle_monitor *idle, uint64_t now_ns)
{
	struct flow *flow;

	for (; idle->n_due > 0 && idle->at <= now_ns / IDLE_SLOT_NS; idle->at++) {
		flow = LIST_FIRST(&idle->slots[idle->at % IDLE_SLOTS]);
		if (flow) {
			due_remove(idle, flow);
			return flow;
		}
	}
	return NULL;
}

static void
timer_fired(void *arg)
{
	idle_monitor_tick(arg, clock_read_ns(CLOCK_MONOTONIC));
}

void
idle_monitor_init(struct idle_monitor *idle, struct flows *flows, struct events *events,
	struct event_base *base)
{
	idle->flows = flows;
	idle->events = events;
	timer_init(&idle->timer, base, timer_fired, idle);
}

void
idle_monitor_fini(struct idle_monitor *idle)
{
	timer_disarm(&idle->timer);
}

/* A source that is learned once is not polled again, unless its steering could not be narrowed. */
static bool
latch_may_move(const struct flow *flow)
{
	return flow->spec->dp.latch == DP_LATCH_FOLLOW ||
	       (flow->spec->dp.latch == DP_LATCH_FIRST &&
		       (flow->watch.moves == 0 || flow->watch.narrow_later));
}

static void
plan_poll(struct idle_monitor *idle, struct flow *flow, uint64_t now_ns)
{
	const uint32_t timeout_s = flow->spec->idle_timeout_s;
	uint64_t next_ns = UINT64_MAX;

	if (timeout_s != 0)
		next_ns = idle_next_ns(&flow->watch.idle, timeout_s, now_ns);
	if (latch_may_move(flow) && next_ns > now_ns + IDLE_LATCH_PERIOD_NS)
		next_ns = now_ns + IDLE_LATCH_PERIOD_NS;
	if (next_ns != UINT64_MAX)
		due_insert(idle, flow, next_ns, now_ns);
}

/*
 * A flow that is replaced goes on being idle, and its source is learned already. With another
 * action other packets count, so that its time begins again.
 */
static void
flow_begin(struct idle_monitor *idle, struct flow *flow, uint64_t time_ns)
{
	struct flow_watch *watch = &flow->watch;
	const bool drops = flow->spec->dp.verdict == DP_DROP;

	if (flow->spec->dp.latch == DP_LATCH_OPEN)
		watch->moves = 0;
	watch->narrow_later = watch->moves != 0;
	if (flow->spec->idle_timeout_s == 0)
		watch->idle.active_ns = 0;
	else if (watch->idle.active_ns == 0 || watch->drops != drops)
		watch->idle = (struct idle){.active_ns = time_ns};
	watch->drops = drops;
	plan_poll(idle, flow, time_ns);
}

void
idle_monitor_flow_changed(
	struct idle_monitor *idle, struct flow *now, struct flow *before, uint64_t time_ns)
{
	if (before)
		due_remove(idle, before);
	if (now && !before) {
		now->watch.moves = 0; /* it has learned nothing, or has to learn again */
		now->watch.idle.active_ns = 0;
	}
	if (now)
		flow_begin(idle, now, time_ns);
}

static void
latch_poll(struct idle_monitor *idle, struct flow *flow)
{
	struct event_flow *event;
	struct dp_latched latched;

	if (dp_flow_latched_get(idle->flows->dp, flow->handle, &latched) < 0 || !latched.valid)
		return;
	flow->watch.narrow_later = flow->item != NULL;
	flow_narrow(idle->flows, flow, &latched);
	if (latched.moves == flow->watch.moves)
		return;
	flow->watch.moves = latched.moves;
	event = events_raise_flow(idle->events, EVENT_FLOW_LATCHED, flow->spec->id);
	event->family = flow->spec->match.key.family;
	event->latched = latched;
}

/*
 * Packets that the flow has taken: those it forwarded or punted, and where its action is drop those
 * that it dropped by that. What it refused is read after all that came, as a worker counts a packet
 * before its drop: the count may be too low by what was refused between the two, but never too
 * high.
 */
static uint64_t
accepted_count(const struct flow *flow, const struct dp_flow_stats *came,
	const struct dp_flow_stats *dropped)
{
	uint64_t refused = 0;
	unsigned i;

	for (i = 0; i < DP_FLOW_DROP_COUNT; i++)
		refused += dropped->drops[i];
	if (flow->watch.drops)
		refused -= dropped->drops[DP_DROP_flow_drop - DP_FLOW_DROP_FIRST];
	return came->packets > refused ? came->packets - refused : 0;
}

/* True when the flow is idle and to be removed. */
static bool
flow_poll(struct idle_monitor *idle, struct flow *flow, uint64_t now_ns)
{
	const uint32_t timeout_s = flow->spec->idle_timeout_s;
	const struct dp *dp = idle->flows->dp;
	struct dp_flow_stats came, dropped;

	if (latch_may_move(flow))
		latch_poll(idle, flow);
	return timeout_s != 0 && dp_flow_stats_get(dp, flow->handle, &came, NULL, 0) == 0 &&
	       dp_flow_stats_get(dp, flow->handle, &dropped, NULL, 0) == 0 &&
	       idle_poll(
		       &flow->watch.idle, accepted_count(flow, &came, &dropped), timeout_s, now_ns);
}

/* What cannot be removed now is polled again a little later, if it still exists. */
static void
poll_again(struct idle_monitor *idle, const char *id)
{
	struct flow *flow = flow_db_find(&idle->flows->db, id);

	if (!flow || is_due(flow))
		return;
	flow->watch.expires = false;
	due_insert(idle, flow, idle->tick_ns + NS_PER_S, idle->tick_ns);
}

static void
idle_removed(void *arg, struct change *change, const struct fault *fault)
{
	static const struct dp_flow_stats nothing;
	struct idle_monitor *idle = arg;
	struct event_flow *event;
	size_t i;

	for (i = 0; i < change->n_items; i++) {
		const struct change_item *item = change->items[i];
		const struct last_counters *last = item_outcome(item)->last;

		if (fault) {
			poll_again(idle, item->id);
			continue;
		}
		event = events_raise_flow(idle->events, EVENT_FLOW_EXPIRED, item->id);
		event->counters = last ? last->flow : nothing;
	}
}

static void
idle_remove(struct idle_monitor *idle, uint32_t n)
{
	struct change *change = NULL;
	struct fault fault;
	uint32_t i;

	if (n > 0)
		change = change_create(NULL, "idle", NULL, idle_removed, idle);
	for (i = 0; change && i < n; i++) {
		struct change_item *item =
			change_add(change, OP_REMOVE, idle->over[i], 0, "ids", i, &fault);

		if (!item)
			break;
		item->reports = true;
	}
	if (i > 0)
		commits_submit(idle->flows->commits, change);
	else
		change_destroy(change);
	for (; i < n; i++)
		poll_again(idle, idle->over[i]);
}

void
idle_monitor_tick(struct idle_monitor *idle, uint64_t now_ns)
{
	struct flow *flow;
	uint32_t n_over = 0;
	unsigned i;

	idle->tick_ns = now_ns;
	for (i = 0; i < IDLE_POLLS_MAX && (flow = due_take(idle, now_ns)); i++) {
		flow->watch.expires = flow_poll(idle, flow, now_ns);
		if (flow->watch.expires)
			idle->over[n_over++] = flow->spec->id;
		else
			plan_poll(idle, flow, now_ns);
	}
	if (idle->n_due > 0)
		timer_set(idle, now_ns);
	idle_remove(idle, n_over);
}
