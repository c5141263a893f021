/* SPDX-License-Identifier: BSD-3-Clause */
/* Idle flows and latching ones, over a data plane that is an array of counters. */
#include <criterion/criterion.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "../flow/flow_live.h"
#include "base/clock.h"
#include "flow/commit.h"
#include "flow/flows.h"
#include "monitor/idle.h"

#define FLOWS_MAX 3000
#define START_NS (clock_at_start)

struct dp {
	uint64_t packets[FLOWS_MAX];
	uint64_t drops[FLOWS_MAX][DP_FLOW_DROP_COUNT];
	struct dp_latched latched[FLOWS_MAX];
	unsigned n_looks;
};

static uint64_t clock_at_start;
static struct dp dp;
static struct event_base *base;
static struct flows flows;
static struct events events;
static struct idle_monitor sweep;
static unsigned n_removals;
static int fail_remove;

int
dp_flow_stats_get(const struct dp *from, uint32_t handle, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs, unsigned n_legs)
{
	cr_assert_null(legs);
	cr_assert_eq(n_legs, 0);
	memset(flow, 0, sizeof(*flow));
	flow->packets = from->packets[handle];
	memcpy(flow->drops, from->drops[handle], sizeof(flow->drops));
	dp.n_looks++;
	return 0;
}

int
dp_flow_latched_get(const struct dp *from, uint32_t handle, struct dp_latched *latched)
{
	*latched = from->latched[handle];
	dp.n_looks++;
	return 0;
}

/* Of the ports nothing is asked here. */
unsigned
dp_port_count(const struct dp *from)
{
	(void)from;
	return 0;
}

int
dp_port_info_get(const struct dp *from, unsigned port, struct dp_port_info *info)
{
	(void)from;
	(void)port;
	(void)info;
	return -ENODEV;
}

/* The removal is asked for here, and done or refused at once. */
void
commits_submit(struct commits *commits, struct change *change)
{
	const struct fault refused = {.code = FAULT_NO_ROOM};

	(void)commits;
	n_removals++;
	for (size_t i = 0; !fail_remove && i < change->n_items; i++) {
		struct change_item *item = change->items[i];
		struct flow *flow = flow_db_find(&flows.db, item->id);

		cr_assert_not_null(flow, "%s", item->id);
		cr_assert(item->reports);
		item->last = calloc(1, sizeof(*item->last));
		dp_flow_stats_get(flows.dp, flow->handle, &item->last->flow, NULL, 0);
		idle_monitor_flow_changed(&sweep, NULL, flow, START_NS);
		free(flow_gone(&flows.db, flow));
	}
	change->done(change->arg, change, fail_remove ? &refused : NULL);
	change_destroy(change);
}

static unsigned n_narrowed;

void
flow_narrow(struct flows *of, struct flow *flow, const struct dp_latched *source)
{
	cr_assert_eq(of, &flows);
	cr_assert(source->valid);
	n_narrowed += !flow->item;
}

static void
setup(void)
{
	base = event_base_new();
	flows.dp = &dp;
	flow_db_init(&flows.db, 0);
	events_init(&events);
	idle_monitor_init(&sweep, &flows, &events, base);
	clock_at_start = clock_read_ns(CLOCK_MONOTONIC);
}

static void
teardown(void)
{
	idle_monitor_fini(&sweep);
	flow_db_fini(&flows.db);
	event_base_free(base);
}

TestSuite(sweep, .init = setup, .fini = teardown);

static struct flow *
flow_added(uint32_t handle, uint32_t timeout_s, enum dp_latch latch)
{
	struct flow_spec *spec = calloc(1, sizeof(*spec));
	struct fault fault;
	struct flow *flow;

	snprintf(spec->id, sizeof(spec->id), "f%u", handle);
	spec->match.key.family = 4;
	spec->match.key.dst_port = (uint16_t)handle;
	spec->idle_timeout_s = timeout_s;
	spec->dp.latch = (uint8_t)latch;
	flow = flow_live(&flows.db, spec, &fault);
	cr_assert_not_null(flow, "%s", fault.message);
	flow->handle = handle;
	idle_monitor_flow_changed(&sweep, flow, NULL, START_NS);
	return flow;
}

static void
tick_at(double seconds)
{
	idle_monitor_tick(&sweep, START_NS + (uint64_t)(seconds * 1e9));
}

/* When the next flow is due; UINT64_MAX: none is. */
static uint64_t
next_ns(void)
{
	uint64_t slot = sweep.at;

	if (sweep.n_due == 0)
		return UINT64_MAX;
	while (LIST_EMPTY(&sweep.slots[slot % IDLE_SLOTS]))
		slot++;
	return slot * IDLE_SLOT_NS;
}

/* Tick when a flow is due, until a time. */
static void
ticks_until(double seconds)
{
	const uint64_t end_ns = START_NS + (uint64_t)(seconds * 1e9);

	while (next_ns() <= end_ns)
		idle_monitor_tick(&sweep, next_ns());
}

static void
latched_to(uint32_t handle, uint8_t last, uint32_t moves)
{
	dp.latched[handle] = (struct dp_latched){
		.src = {203, 0, 113, last}, .src_port = 7, .valid = 1, .moves = moves};
}

Test(sweep, idle_flow_is_removed_and_its_counters_reported)
{
	const struct event_entry *entry;

	flow_added(1, 10, DP_LATCH_OPEN);
	dp.packets[1] = 5;
	ticks_until(10);
	cr_expect_not_null(flow_db_find(&flows.db, "f1"));
	ticks_until(11.3);
	cr_expect_null(flow_db_find(&flows.db, "f1"));
	entry = events_get(&events, 1);
	cr_assert_not_null(entry);
	cr_expect_eq(entry->kind, EVENT_FLOW_EXPIRED);
	cr_expect_str_eq(entry->flow.id, "f1");
	cr_expect_eq(entry->flow.counters.packets, 5);
	cr_expect_eq(events.last, 1);
}

Test(sweep, busy_flow_stays)
{
	flow_added(1, 2, DP_LATCH_OPEN);
	for (unsigned i = 0; i < 60; i++) {
		dp.packets[1]++;
		ticks_until(i);
	}
	cr_expect_not_null(flow_db_find(&flows.db, "f1"));
	cr_expect_eq(n_removals, 0);
	ticks_until(59 + 2 + 1);
	cr_expect_null(flow_db_find(&flows.db, "f1"));
}

/* What a flow refuses, for whatever reason, does not keep it. */
Test(sweep, refused_packets_do_not_keep_an_idle_flow)
{
	for (unsigned reason = 0; reason < DP_FLOW_DROP_COUNT; reason++)
		flow_added(reason, 10, DP_LATCH_OPEN);
	for (unsigned second = 0; second < 12; second++) {
		for (unsigned reason = 0; reason < DP_FLOW_DROP_COUNT; reason++) {
			dp.packets[reason] += 50;
			dp.drops[reason][reason] += 50;
		}
		ticks_until(second);
	}
	cr_expect_eq(flow_db_count(&flows.db), 0);
}

/* To drop is what it is for. */
Test(sweep, a_flow_that_drops_is_kept_by_what_it_drops)
{
	const unsigned dropped = DP_DROP_flow_drop - DP_FLOW_DROP_FIRST;
	const unsigned refused = DP_DROP_source_refused - DP_FLOW_DROP_FIRST;
	struct flow *flow = flow_added(1, 3, DP_LATCH_OPEN);

	flow->spec->dp.verdict = DP_DROP;
	idle_monitor_flow_changed(&sweep, flow, flow, START_NS);
	for (unsigned second = 0; second < 10; second++) {
		dp.packets[1]++;
		dp.drops[1][dropped]++;
		ticks_until(second);
	}
	cr_expect_eq(flow_db_count(&flows.db), 1);
	for (unsigned second = 10; second < 15; second++) {
		dp.packets[1]++;
		dp.drops[1][refused]++;
		ticks_until(second);
	}
	cr_expect_eq(flow_db_count(&flows.db), 0);
}

/* What it dropped before is not taken any more: the count is smaller, and grows from there. */
Test(sweep, a_flow_that_drops_no_longer_is_kept_by_what_it_forwards)
{
	struct flow *flow = flow_added(1, 3, DP_LATCH_OPEN);

	flow->spec->dp.verdict = DP_DROP;
	idle_monitor_flow_changed(&sweep, flow, flow, START_NS);
	dp.packets[1] = 1000;
	dp.drops[1][DP_DROP_flow_drop - DP_FLOW_DROP_FIRST] = 1000;
	ticks_until(2);
	flow->spec->dp.verdict = DP_FORWARD;
	idle_monitor_flow_changed(&sweep, flow, flow, START_NS + 2 * NS_PER_S);
	for (unsigned second = 3; second < 12; second++) {
		dp.packets[1]++;
		ticks_until(second);
	}
	cr_expect_eq(flow_db_count(&flows.db), 1);
}

/* One that comes in its place counts from 0 and has its whole time. */
Test(sweep, renewed_flow_begins_again)
{
	struct flow *flow = flow_added(1, 3, DP_LATCH_OPEN);

	dp.packets[1] = 1000;
	ticks_until(2);
	idle_monitor_flow_changed(&sweep, NULL, flow, START_NS + 2 * NS_PER_S);
	flow->handle = 2;
	idle_monitor_flow_changed(&sweep, flow, NULL, START_NS + 2 * NS_PER_S);
	for (unsigned second = 3; second < 12; second++) {
		dp.packets[2]++;
		ticks_until(second);
	}
	cr_expect_eq(flow_db_count(&flows.db), 1);
}

Test(sweep, flow_without_timeout_is_not_polled)
{
	flow_added(1, 0, DP_LATCH_OPEN);
	cr_expect_eq(next_ns(), UINT64_MAX);
	cr_expect_not(evtimer_pending(&sweep.timer.event, NULL));
	tick_at(1000);
	cr_expect_eq(dp.n_looks, 0);
}

Test(sweep, a_tick_is_bounded_and_removes_in_one_request)
{
	for (uint32_t i = 0; i < FLOWS_MAX; i++)
		flow_added(i, 1, DP_LATCH_OPEN);
	for (unsigned tick = 1; tick <= 3; tick++) {
		dp.n_looks = 0;
		tick_at(5);
		cr_expect_leq(
			dp.n_looks, 3 * IDLE_POLLS_MAX, "two a look, and the counters read last");
		cr_expect_eq(n_removals, tick);
		cr_expect_eq(flow_db_count(&flows.db), FLOWS_MAX - tick * IDLE_POLLS_MAX);
		cr_expect_eq(evtimer_pending(&sweep.timer.event, NULL), tick < 3 ? EV_TIMEOUT : 0);
	}
	cr_expect_eq(events.last, FLOWS_MAX);
}

Test(sweep, what_cannot_be_removed_is_tried_again)
{
	flow_added(1, 1, DP_LATCH_OPEN);
	fail_remove = 1;
	tick_at(5);
	cr_expect_eq(n_removals, 1);
	cr_expect_eq(events.last, 0);
	tick_at(5.5);
	cr_expect_eq(n_removals, 1, "not at once");
	fail_remove = 0;
	tick_at(6.5);
	cr_expect_null(flow_db_find(&flows.db, "f1"));
	cr_expect_eq(events.last, 1);
}

Test(sweep, replaced_flow_stays_idle)
{
	struct flow *flow = flow_added(1, 10, DP_LATCH_OPEN);

	ticks_until(8);
	flow->handle = 2;
	idle_monitor_flow_changed(&sweep, flow, flow, START_NS + 8 * NS_PER_S);
	cr_expect_eq(sweep.n_due, 1);
	ticks_until(11.3);
	cr_expect_eq(events.last, 1);
}

Test(sweep, timeout_is_set_and_removed)
{
	struct flow *flow = flow_added(1, 10, DP_LATCH_OPEN);

	flow->spec->idle_timeout_s = 0;
	idle_monitor_flow_changed(&sweep, flow, flow, START_NS + 5 * NS_PER_S);
	cr_expect_not(evtimer_pending(&sweep.timer.event, NULL));
	ticks_until(100);
	flow->spec->idle_timeout_s = 10;
	idle_monitor_flow_changed(&sweep, flow, flow, START_NS + 100 * NS_PER_S);
	ticks_until(110);
	cr_expect_eq(events.last, 0, "the time without timeout does not count");
	ticks_until(111.3);
	cr_expect_eq(events.last, 1);
}

Test(sweep, removed_flow_is_forgotten)
{
	struct flow *flow = flow_added(1, 10, DP_LATCH_OPEN);

	idle_monitor_flow_changed(&sweep, NULL, flow, START_NS);
	cr_expect_eq(sweep.n_due, 0);
	cr_expect_not(evtimer_pending(&sweep.timer.event, NULL));
}

Test(sweep, first_source_is_reported_once_and_not_polled_again)
{
	const struct event_entry *entry;

	flow_added(1, 0, DP_LATCH_FIRST);
	ticks_until(3);
	cr_expect_eq(events.last, 0);
	latched_to(1, 7, 1);
	ticks_until(5);
	entry = events_get(&events, 1);
	cr_assert_not_null(entry);
	cr_expect_eq(entry->kind, EVENT_FLOW_LATCHED);
	cr_expect_str_eq(entry->flow.id, "f1");
	cr_expect_eq(entry->flow.family, 4);
	cr_expect_eq(entry->flow.latched.src[3], 7);
	cr_expect_eq(sweep.n_due, 0);
	cr_expect_eq(events.last, 1);
}

Test(sweep, moves_are_reported)
{
	struct flow *flow = flow_added(1, 0, DP_LATCH_FOLLOW);

	latched_to(1, 7, 1);
	ticks_until(2);
	latched_to(1, 8, 4);
	ticks_until(4);
	ticks_until(9);
	cr_expect_eq(events.last, 2);
	cr_expect_eq(events_get(&events, 2)->flow.latched.moves, 4);
	flow->handle = 2;
	latched_to(2, 8, 4);
	idle_monitor_flow_changed(&sweep, flow, flow, START_NS + 9 * NS_PER_S);
	ticks_until(12);
	cr_expect_eq(events.last, 2, "what goes on over a replacement is no news");
}

/* A flow that is replaced is steered for its new version, and narrowed to its source again. */
Test(sweep, learned_source_is_narrowed_to_once_a_version)
{
	struct change_item item;
	struct flow *flow = flow_added(1, 0, DP_LATCH_FIRST);

	ticks_until(3);
	cr_expect_eq(n_narrowed, 0);
	latched_to(1, 7, 1);
	ticks_until(9);
	cr_expect_eq(n_narrowed, 1);
	idle_monitor_flow_changed(&sweep, flow, flow, START_NS + 9 * NS_PER_S);
	flow->item = &item;
	ticks_until(12);
	cr_expect_eq(n_narrowed, 1, "not while it changes");
	flow->item = NULL;
	ticks_until(20);
	cr_expect_eq(n_narrowed, 2);
	cr_expect_eq(events.last, 1, "raised once");
}

Test(sweep, latching_flow_times_out_too)
{
	flow_added(1, 5, DP_LATCH_FIRST);
	dp.packets[1] = 1;
	latched_to(1, 7, 1);
	ticks_until(7.3);
	cr_expect_eq(events.last, 2);
	cr_expect_eq(events_get(&events, 1)->kind, EVENT_FLOW_LATCHED);
	cr_expect_eq(events_get(&events, 2)->kind, EVENT_FLOW_EXPIRED);
}

Test(sweep, the_timer_ticks)
{
	const uint64_t began_ns = START_NS; /* of the flow */
	uint64_t took_ns;

	flow_added(1, 1, DP_LATCH_OPEN);
	event_base_dispatch(base); /* returns when there is no timer any more */
	took_ns = clock_read_ns(CLOCK_MONOTONIC) - began_ns;
	cr_expect_eq(events.last, 1);
	cr_expect_geq(took_ns, NS_PER_S);
	cr_expect_lt(took_ns, 3 * NS_PER_S);
}

/* When flows are due: never early, and late by no more than is promised. */

#define PACKETS_MAX 64

static uint64_t
late_max_ns(uint32_t timeout_s)
{
	return timeout_s > 8 ? timeout_s * NS_PER_S / 8 : NS_PER_S;
}

static uint64_t
packets_until(const uint64_t *times_ns, unsigned n, uint64_t now_ns)
{
	unsigned i = 0;

	while (i < n && times_ns[i] <= now_ns)
		i++;
	return i;
}

/* Ticks until a flow whose packets come at these times is removed; returns when that is. */
static uint64_t
idle_until(uint32_t timeout_s, const uint64_t *times_ns, unsigned n)
{
	uint64_t now_ns = START_NS;

	dp.packets[1] = 0;
	flow_added(1, timeout_s, DP_LATCH_OPEN);
	while (flow_db_count(&flows.db) > 0) {
		cr_assert_gt(next_ns(), now_ns, "time must move on");
		now_ns = next_ns();
		dp.packets[1] = packets_until(times_ns, n, now_ns);
		idle_monitor_tick(&sweep, now_ns);
	}
	return now_ns;
}

static void
timeout_expect(uint32_t timeout_s)
{
	const uint64_t timeout_ns = timeout_s * NS_PER_S;

	for (unsigned round = 0; round < 200; round++) {
		const unsigned n = (unsigned)rand() % PACKETS_MAX;
		uint64_t times_ns[PACKETS_MAX], last_ns = START_NS, fired_ns;

		for (unsigned i = 0; i < n; i++) {
			last_ns += (uint64_t)((double)timeout_ns * rand() / (RAND_MAX + 1.0));
			times_ns[i] = last_ns;
		}
		fired_ns = idle_until(timeout_s, times_ns, n);
		cr_assert_geq(fired_ns, last_ns + timeout_ns, "%u s, early", timeout_s);
		cr_assert_leq(fired_ns, last_ns + timeout_ns + late_max_ns(timeout_s),
			"%u s, late by %lu ms", timeout_s,
			(fired_ns - last_ns - timeout_ns) / 1000000);
	}
}

Test(sweep, never_early_and_not_too_late)
{
	static const uint32_t timeouts_s[] = {1, 2, 3, 7, 8, 9, 10, 30, 60, 300, 3600, 86400};

	srand(20260123);
	for (size_t i = 0; i < sizeof(timeouts_s) / sizeof(timeouts_s[0]); i++)
		timeout_expect(timeouts_s[i]);
}

Test(sweep, longest_timeout)
{
	cr_expect_geq(idle_until(31536000, NULL, 0), START_NS + 31536000 * NS_PER_S);
}

Test(sweep, many_flows_time_out_each_in_its_time)
{
	uint32_t timeouts_s[FLOWS_MAX];
	unsigned n_removed = 0;

	srand(20260124);
	for (uint32_t i = 0; i < FLOWS_MAX; i++) {
		timeouts_s[i] = 1 + (uint32_t)rand() % 300;
		flow_added(i, timeouts_s[i], DP_LATCH_OPEN);
	}
	while (next_ns() != UINT64_MAX) {
		const uint64_t now_ns = next_ns(), first = events.last + 1;

		idle_monitor_tick(&sweep, now_ns);
		for (uint64_t i = first; i <= events.last; i++, n_removed++) {
			const char *id = events_get(&events, i)->flow.id;
			const uint32_t timeout_s = timeouts_s[strtoul(id + 1, NULL, 10)];
			const uint64_t after_ns = now_ns - START_NS;

			cr_assert_geq(after_ns, timeout_s * NS_PER_S);
			cr_assert_leq(after_ns, timeout_s * NS_PER_S + late_max_ns(timeout_s));
		}
	}
	cr_expect_eq(n_removed, FLOWS_MAX);
}

/* There were no ticks meanwhile. */
Test(sweep, first_flow_after_a_long_time)
{
	const uint64_t now_ns = START_NS + 86400 * NS_PER_S;
	struct flow *flow;

	idle_until(1, NULL, 0);
	flow = flow_added(2, 0, DP_LATCH_OPEN);
	flow->spec->idle_timeout_s = 30;
	idle_monitor_flow_changed(&sweep, flow, flow, now_ns);
	cr_expect_gt(next_ns(), now_ns);
	cr_expect_leq(next_ns(), now_ns + 4 * NS_PER_S);
	idle_monitor_tick(&sweep, now_ns + 29 * NS_PER_S);
	cr_expect_eq(flow_db_count(&flows.db), 1);
	idle_monitor_tick(&sweep, now_ns + 31 * NS_PER_S);
	cr_expect_eq(flow_db_count(&flows.db), 0);
}
