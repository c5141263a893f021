/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows without packets, over a data plane that is an array of counters and of learned sources. */
#include <criterion/criterion.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "../flow/flow_live.h"
#include "base/clock.h"
#include "flow/commit.h"
#include "flow/flows.h"
#include "flow/receivers.h"
#include "flow/relay_flows.h"
#include "monitor/idle.h"

#define FLOWS_MAX 3000
#define START_NS (clock_at_start)

struct dp {
	uint64_t packets[FLOWS_MAX];
	uint64_t drops[FLOWS_MAX][DP_FLOW_DROP_COUNT];
	bool latched[FLOWS_MAX];
	unsigned n_looks;
};

static uint64_t clock_at_start;
static struct dp dp;
static struct event_base *base;
static struct flows flows;
static struct events events;
static struct latches latches;
static struct idle_monitor sweep;
static unsigned n_removals;
static unsigned n_unannounced; /* removals that others are told of as requested */
static int fail_remove;
static int fail_widen;

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

/* No source moves. */
unsigned
dp_latch_poll(struct dp *from, unsigned max, dp_latch_moved_fn fn, void *arg, bool *lost)
{
	(void)from;
	(void)max;
	(void)fn;
	(void)arg;
	*lost = false;
	return 0;
}

int
dp_flow_latched_get(const struct dp *from, uint32_t handle, struct dp_latched *latched)
{
	*latched = (struct dp_latched){.valid = from->latched[handle], .moves = 1};
	return 0;
}

int
dp_flow_sources_get(const struct dp *from, uint32_t handle, struct dp_sources *sources)
{
	(void)from;
	(void)handle;
	(void)sources;
	return -ENOENT;
}

int
dp_flow_forget(struct dp *from, uint32_t handle, struct dp_latched *forgotten)
{
	dp_flow_latched_get(from, handle, forgotten);
	from->latched[handle] = false;
	return 0;
}

int
flow_widen(struct flows *of, struct flow *flow)
{
	(void)of;
	(void)flow;
	return fail_widen;
}

void
flow_narrow(struct flows *of, struct flow *flow, const struct dp_latched *source)
{
	(void)of;
	(void)flow;
	(void)source;
}

void
flows_source_moved(struct flows *of, const struct flow *flow)
{
	(void)of;
	(void)flow;
}

static void
item_done(struct change_item *item)
{
	struct flow *flow = flow_db_find(&flows.db, item->id);

	if (!flow && item->if_there)
		return;
	cr_assert_not_null(flow, "%s", item->id);
	cr_assert(item->reports);
	item->effect = CHANGE_REMOVE;
	item->last = calloc(1, sizeof(*item->last));
	dp_flow_stats_get(flows.dp, flow->handle, &item->last->flow, NULL, 0);
	n_unannounced += !flow->watch.expires;
	idle_monitor_flow_changed(&sweep, NULL, flow, START_NS);
	validate_remove(flows.validate, flow->spec);
	free(flow_gone(&flows.db, flow));
}

static struct change_item *
pruned_add(struct change *change, enum op_kind op, const char *id)
{
	struct change_item *item = change_add(change, op, id, 0, "ids", 0, NULL);

	item->pruned = item->reports = true;
	item->relay_bytes = 1;
	return item;
}

/*
 * The removal is asked for here, and done or refused at once; that of a flow goes with its
 * receivers, and what sends to these gets other legs.
 */
void
commits_submit(struct commits *commits, struct change *change)
{
	const struct fault refused = {.code = FAULT_NO_ROOM};
	const size_t n = change->n_items;

	(void)commits;
	n_removals++;
	for (size_t i = 0; !fail_remove && i < n; i++) {
		const struct flow *flow = flow_db_find(&flows.db, change->items[i]->id);
		const unsigned n_receivers = flow ? flow->spec->n_receivers : 0;
		char ids[2][FLOW_ID_MAX];

		for (unsigned leg = 0; leg < n_receivers; leg++)
			receivers_flow_id(flow->spec,
				&flow->spec->legs[flow->spec->n_legs - n_receivers + leg],
				ids[leg]);
		item_done(change->items[i]);
		for (unsigned leg = 0; leg < n_receivers; leg++)
			if (flow_db_find(&flows.db, ids[leg]))
				item_done(pruned_add(change, OP_REMOVE, ids[leg]));
	}
	if (!fail_remove && flow_db_find(&flows.db, "r:a"))
		pruned_add(change, OP_LEGS, "r:a")->effect = CHANGE_REPLACE;
	change->done(change->arg, change, fail_remove ? &refused : NULL);
	change_destroy(change);
}

static void
setup(void)
{
	base = event_base_new();
	flows.dp = &dp;
	flow_db_init(&flows.db, 0);
	flows.validate = validate_create(0, NULL, NULL);
	events_init(&events);
	latches_init(&latches, &flows, &events, NULL);
	idle_monitor_init(&sweep, &flows, &latches, &events, base);
	clock_at_start = clock_read_ns(CLOCK_MONOTONIC);
}

static void
teardown(void)
{
	idle_monitor_fini(&sweep);
	validate_destroy(flows.validate);
	flow_db_fini(&flows.db);
	event_base_free(base);
}

TestSuite(sweep, .init = setup, .fini = teardown);

static struct flow_spec *
spec_made(uint32_t handle, uint32_t timeout_s, unsigned n_legs)
{
	const struct flow_room room = {.n_legs = n_legs, .n_all_legs = n_legs};
	struct flow_spec *spec = flow_spec_create(&room);

	snprintf(spec->id, sizeof(spec->id), "f%u", handle);
	spec->match.key.family = 4;
	spec->match.key.dst_port = (uint16_t)handle;
	spec->idle_timeout_s = timeout_s;
	return spec;
}

static struct flow *
spec_added(struct flow_spec *spec, uint32_t handle)
{
	struct fault fault;
	struct flow *flow;

	cr_assert_eq(validate_insert(flows.validate, spec, handle), 0);
	flow = flow_live(&flows.db, spec, &fault);
	cr_assert_not_null(flow, "%s", fault.message);
	flow->handle = handle;
	idle_monitor_flow_changed(&sweep, flow, NULL, START_NS);
	return flow;
}

/* `learned`: the flow whose source its leg sends to; 0: it has no leg. */
static struct flow *
user_added(uint32_t handle, uint32_t timeout_s, uint32_t learned)
{
	struct flow_spec *spec = spec_made(handle, timeout_s, learned != 0);

	if (learned)
		snprintf(spec->legs[0].learned, FLOW_ID_MAX, "f%u", learned);
	return spec_added(spec, handle);
}

static struct flow *
flow_added(uint32_t handle, uint32_t timeout_s)
{
	return user_added(handle, timeout_s, 0);
}

static void
tick_at(double seconds)
{
	idle_monitor_tick(&sweep, START_NS + (uint64_t)(seconds * 1e9));
}

static void
changed_at(struct flow *flow, double seconds)
{
	idle_monitor_flow_changed(&sweep, flow, flow, START_NS + (uint64_t)(seconds * 1e9));
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

Test(sweep, idle_flow_is_removed_and_its_counters_reported)
{
	const struct event_entry *entry;

	flow_added(1, 10);
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

/* Each flow of a relay sends to the source of the other: they go together or not at all. */
Test(sweep, flows_that_refer_to_each_other)
{
	user_added(1, 10, 2);
	user_added(2, 20, 1);
	user_added(3, 10, 4); /* for ever, as the next has no timeout */
	user_added(4, 0, 3);
	user_added(5, 10, 0);
	ticks_until(12);
	cr_expect_null(flow_db_find(&flows.db, "f5"), "others do not keep it");
	cr_expect_not_null(flow_db_find(&flows.db, "f1"));
	dp.packets[2] = 1;
	ticks_until(30);
	cr_expect_not_null(flow_db_find(&flows.db, "f1"));
	cr_expect_not_null(flow_db_find(&flows.db, "f2"));
	ticks_until(40);
	cr_expect_null(flow_db_find(&flows.db, "f1"));
	cr_expect_null(flow_db_find(&flows.db, "f2"));
	cr_expect_not_null(flow_db_find(&flows.db, "f3"));
	cr_expect_eq(n_removals, 2);
}

/* RTP may be silent while RTCP is not. */
Test(sweep, flows_of_a_relay_go_together)
{
	static const char *const names[] = {"r:a", "r:b", "r:a-rtcp", "r:b-rtcp"};

	for (uint32_t i = 0; i < 4; i++) {
		struct flow_spec *spec = spec_made(i + 1, 10, 1);

		strcpy(spec->id, names[i]);
		strcpy(spec->legs[0].learned, names[i ^ 1]);
		spec->relay_bytes = 1;
		spec_added(spec, i + 1);
	}
	for (double seconds = 5; seconds < 40; seconds += 5) {
		ticks_until(seconds);
		dp.packets[4]++;
	}
	cr_expect_eq(n_removals, 0);
	ticks_until(60);
	for (size_t i = 0; i < 4; i++)
		cr_expect_null(flow_db_find(&flows.db, names[i]), "%s", names[i]);
	cr_expect_eq(n_removals, 1);
}

static void
relay_flow_added(uint32_t handle, const char *id, const char *learned, uint32_t timeout_s)
{
	struct flow_spec *spec = spec_made(handle, timeout_s, 1);

	snprintf(spec->id, sizeof(spec->id), "%s", id);
	snprintf(spec->legs[0].learned, sizeof(spec->legs[0].learned), "%s", learned);
	spec->relay_bytes = 1;
	if (strcmp(id, "r:a") == 0) {
		struct flow_leg legs[2] = {
			{.id = "b.x", .learned = "r:b.x"}, {.id = "b.y", .learned = "r:b.y"}};
		struct flow_spec *with = flow_spec_with_legs(spec, NULL, 1, legs, 2);

		with->n_receivers = 2;
		free(spec);
		spec = with;
	}
	spec_added(spec, handle);
}

/* A receiver goes by itself; packets of one without a time-out of its own keep the relay. */
Test(sweep, receivers_go_and_keep_their_relay)
{
	relay_flow_added(1, "r:a", "r:b", 20);
	relay_flow_added(2, "r:b", "r:a", 20);
	relay_flow_added(3, "r:b.x", "r:a", 0);
	relay_flow_added(4, "r:b.y", "r:a", 5);
	for (double seconds = 5; seconds < 80; seconds += 5) {
		ticks_until(seconds);
		dp.packets[3]++;
	}
	cr_expect_null(flow_db_find(&flows.db, "r:b.y"), "it is silent");
	cr_expect_not_null(flow_db_find(&flows.db, "r:a"), "a receiver is not");
	cr_expect_eq(events.last, 1);
	cr_expect_str_eq(events_get(&events, 1)->flow.id, "r:b.y");
	ticks_until(80 + 2 * 20 + 5);
	cr_expect_null(flow_db_find(&flows.db, "r:a"));
	cr_expect_null(flow_db_find(&flows.db, "r:b"));
}

/* A receiver without a time-out is looked at with its relay, which is not to be seen of it. */
Test(sweep, a_receiver_without_a_time_out_is_not_watched)
{
	struct flow *receiver;

	relay_flow_added(1, "r:a", "r:b", 10);
	relay_flow_added(2, "r:b", "r:a", 10);
	relay_flow_added(3, "r:b.x", "r:a", 0);
	receiver = flow_db_find(&flows.db, "r:b.x");
	cr_expect_not(idle_monitor_look(&sweep, receiver, START_NS + NS_PER_S));
	dp.packets[3] = 5;
	ticks_until(12);
	cr_expect_not_null(flow_db_find(&flows.db, "r:a"));
	cr_expect_not(idle_monitor_look(&sweep, receiver, START_NS + 13 * NS_PER_S));
	/* Versions of it do not make its packets new. */
	for (double seconds = 13; seconds < 22; seconds += 0.5) {
		changed_at(receiver, seconds);
		ticks_until(seconds);
		if (!flow_db_find(&flows.db, "r:b.x"))
			break;
	}
	ticks_until(23);
	cr_expect_null(flow_db_find(&flows.db, "r:a"));
}

/* Each is reported once, also one that would have gone by itself at the same time. */
Test(sweep, receivers_that_go_with_their_relay_expire)
{
	static const char *const names[] = {"r:a", "r:b", "r:b.x", "r:b.y"};
	unsigned seen[4] = {0};

	relay_flow_added(1, "r:a", "r:b", 10);
	relay_flow_added(2, "r:b", "r:a", 10);
	relay_flow_added(3, "r:b.x", "r:a", 0);
	relay_flow_added(4, "r:b.y", "r:a", 10);
	fail_remove = 1;
	ticks_until(10.5);
	cr_expect_eq(n_removals, 1);
	cr_expect_eq(events.last, 0);
	for (size_t i = 0; i < 4; i++)
		cr_expect_not(flow_db_find(&flows.db, names[i])->watch.expires, "%s", names[i]);
	cr_expect_eq(sweep.n_due, 3, "one has no time-out");
	fail_remove = 0;
	ticks_until(20);
	cr_expect_eq(flow_db_count(&flows.db), 0);
	cr_expect_eq(n_unannounced, 0);
	cr_expect_eq(events.last, 4);
	for (uint64_t n = 1; n <= events.last; n++)
		for (size_t i = 0; i < 4; i++)
			seen[i] += strcmp(events_get(&events, n)->flow.id, names[i]) == 0;
	for (size_t i = 0; i < 4; i++)
		cr_expect_eq(seen[i], 1, "%s: %u", names[i], seen[i]);
}

Test(sweep, busy_flow_stays)
{
	flow_added(1, 2);
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
		flow_added(reason, 10);
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
	struct flow *flow = flow_added(1, 3);

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
	struct flow *flow = flow_added(1, 3);

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
	struct flow *flow = flow_added(1, 3);

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
	flow_added(1, 0);
	cr_expect_eq(next_ns(), UINT64_MAX);
	cr_expect_not(evtimer_pending(&sweep.timer.event, NULL));
	tick_at(1000);
	cr_expect_eq(dp.n_looks, 0);
}

Test(sweep, a_tick_is_bounded_and_removes_in_one_request)
{
	for (uint32_t i = 0; i < FLOWS_MAX; i++)
		flow_added(i, 1);
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
	flow_added(1, 1);
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
	struct flow *flow = flow_added(1, 10);

	ticks_until(8);
	flow->handle = 2;
	idle_monitor_flow_changed(&sweep, flow, flow, START_NS + 8 * NS_PER_S);
	cr_expect_eq(sweep.n_due, 1);
	ticks_until(11.3);
	cr_expect_eq(events.last, 1);
}

/* As its receivers come and go, or their sources move: each makes a version of it. */
Test(sweep, a_flow_that_is_replaced_all_the_time_is_polled)
{
	struct flow *busy = flow_added(1, 10), *idle;

	flow_added(2, 10);
	for (double seconds = 0; seconds < 30; seconds += 0.25) {
		dp.packets[1]++;
		ticks_until(seconds);
		changed_at(busy, seconds);
		idle = flow_db_find(&flows.db, "f2");
		cr_expect(seconds < 11.25 || !idle, "it is late");
		if (idle)
			changed_at(idle, seconds);
	}
	cr_expect_not_null(flow_db_find(&flows.db, "f1"));
	cr_expect_gt(busy->watch.idle.packet_ns, START_NS + 28 * NS_PER_S);
	cr_expect_eq(sweep.n_due, 1);
	/* A shorter time-out is looked after in time, also with a long one before. */
	busy->spec->idle_timeout_s = 1000;
	changed_at(busy, 30);
	ticks_until(35);
	busy->spec->idle_timeout_s = 2;
	changed_at(busy, 35);
	ticks_until(38);
	cr_expect_null(flow_db_find(&flows.db, "f1"));
}

Test(sweep, timeout_is_set_and_removed)
{
	struct flow *flow = flow_added(1, 10);

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
	struct flow *flow = flow_added(1, 10);

	idle_monitor_flow_changed(&sweep, NULL, flow, START_NS);
	cr_expect_eq(sweep.n_due, 0);
	cr_expect_not(evtimer_pending(&sweep.timer.event, NULL));
}

Test(sweep, the_timer_ticks)
{
	const uint64_t began_ns = START_NS; /* of the flow */
	uint64_t took_ns;

	flow_added(1, 1);
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
	flow_added(1, timeout_s);
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
		flow_added(i, timeouts_s[i]);
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
	flow = flow_added(2, 0);
	flow->spec->idle_timeout_s = 30;
	idle_monitor_flow_changed(&sweep, flow, flow, now_ns);
	cr_expect_gt(next_ns(), now_ns);
	cr_expect_leq(next_ns(), now_ns + 4 * NS_PER_S);
	idle_monitor_tick(&sweep, now_ns + 29 * NS_PER_S);
	cr_expect_eq(flow_db_count(&flows.db), 1);
	idle_monitor_tick(&sweep, now_ns + 31 * NS_PER_S);
	cr_expect_eq(flow_db_count(&flows.db), 0);
}

/* Media time-outs. */

static struct flow *
media_added(uint32_t handle, uint32_t timeout_s)
{
	struct flow_spec *spec = spec_made(handle, 0, 0);

	spec->media_timeout_s = timeout_s;
	spec->dp.latch = DP_LATCH_FIRST;
	return spec_added(spec, handle);
}

static void
raised(uint64_t number, enum event_kind kind, const char *id)
{
	const struct event_entry *entry = events_get(&events, number);

	cr_assert_not_null(entry, "no event %lu", number);
	cr_expect_eq(entry->kind, kind, "event %lu is %s", number, events_kind_name(entry->kind));
	cr_expect_str_eq(entry->flow.id, id);
}

Test(sweep, media_times_out_once_and_resumes)
{
	struct flow *flow = media_added(1, 10);

	cr_expect_eq(idle_media(flow), MEDIA_WAITING);
	dp.packets[1] = 5;
	ticks_until(5);
	cr_expect_eq(idle_media(flow), MEDIA_FLOWING);
	ticks_until(10);
	cr_expect_eq(events.last, 0);
	ticks_until(60);
	cr_expect_eq(events.last, 1);
	raised(1, EVENT_MEDIA_TIMEOUT, "f1");
	cr_expect_eq(events_get(&events, 1)->flow.counters.packets, 5);
	cr_expect_eq(idle_media(flow), MEDIA_TIMED_OUT);
	dp.packets[1] = 6;
	ticks_until(61.25);
	raised(2, EVENT_MEDIA_RESUMED, "f1");
	cr_expect_eq(events_get(&events, 2)->flow.counters.packets, 6);
	cr_expect_eq(idle_media(flow), MEDIA_FLOWING);
	ticks_until(80);
	raised(3, EVENT_MEDIA_TIMEOUT, "f1");
	cr_expect_eq(events.last, 3);
	cr_expect_not_null(flow_db_find(&flows.db, "f1"), "it stays");
}

/* Never early, and late by no more than is promised. */
Test(sweep, media_time_out_is_in_time)
{
	static const uint32_t timeouts_s[] = {1, 2, 8, 9, 30, 300};

	for (uint32_t i = 0; i < 6; i++)
		media_added(i, timeouts_s[i]);
	while (events.last < 6) {
		const uint64_t now_ns = next_ns(), after_ns = now_ns - START_NS,
			       first = events.last + 1;

		idle_monitor_tick(&sweep, now_ns);
		for (uint64_t n = first; n <= events.last; n++) {
			const uint32_t timeout_s =
				timeouts_s[strtoul(events_get(&events, n)->flow.id + 1, NULL, 10)];

			cr_expect_geq(after_ns, timeout_s * NS_PER_S);
			cr_expect_leq(after_ns, timeout_s * NS_PER_S + late_max_ns(timeout_s));
		}
	}
}

/* The media time-out of a flow that has both is raised before it goes. */
Test(sweep, both_time_outs)
{
	struct flow *flow = flow_added(1, 60);

	flow->spec->media_timeout_s = 4;
	changed_at(flow, 20);
	ticks_until(24);
	cr_expect_eq(events.last, 0, "it is watched for since it was set only");
	ticks_until(25);
	raised(1, EVENT_MEDIA_TIMEOUT, "f1");
	ticks_until(60);
	cr_expect_eq(events.last, 1);
	ticks_until(68);
	raised(2, EVENT_FLOW_EXPIRED, "f1");
	cr_expect_eq(events.last, 2);
}

Test(sweep, a_flow_that_is_down_has_no_media_time_out)
{
	struct flow *flow = media_added(1, 10);

	flow->spec->dp.down = 1;
	changed_at(flow, 5);
	cr_expect_eq(idle_media(flow), MEDIA_UNWATCHED);
	ticks_until(100);
	cr_expect_eq(dp.n_looks, 0);
	flow->spec->dp.down = 0;
	changed_at(flow, 100);
	ticks_until(110);
	cr_expect_eq(events.last, 0);
	ticks_until(111.25);
	raised(1, EVENT_MEDIA_TIMEOUT, "f1");
	flow->spec->dp.down = 1;
	changed_at(flow, 112);
	flow->spec->dp.down = 0;
	changed_at(flow, 113);
	cr_expect_eq(idle_media(flow), MEDIA_WAITING, "it begins again");
	ticks_until(125);
	cr_expect_eq(events.last, 2);
}

/* Counters that it has from before are no packets of now. */
Test(sweep, packets_from_before_a_flow_is_watched)
{
	struct flow *flow = flow_added(1, 0);

	dp.packets[1] = 1000;
	flow->spec->media_timeout_s = 10;
	changed_at(flow, 50);
	ticks_until(55);
	cr_expect_eq(idle_media(flow), MEDIA_WAITING);
	ticks_until(61.25);
	raised(1, EVENT_MEDIA_TIMEOUT, "f1");
}

Test(sweep, replaced_flow_stays_silent)
{
	struct flow *flow = media_added(1, 10);

	ticks_until(12);
	cr_expect_eq(events.last, 1);
	flow->handle = 2;
	flow->spec->media_timeout_s = 20;
	changed_at(flow, 12);
	cr_expect_eq(idle_media(flow), MEDIA_TIMED_OUT);
	ticks_until(50);
	cr_expect_eq(events.last, 1);
	dp.packets[2]++;
	ticks_until(54);
	raised(2, EVENT_MEDIA_RESUMED, "f1");
	flow->spec->media_timeout_s = 0;
	changed_at(flow, 54);
	cr_expect_eq(idle_media(flow), MEDIA_UNWATCHED);
	cr_expect_eq(sweep.n_due, 0);
}

/* A look between two polls dates a packet more closely, and tells of it. */
Test(sweep, last_packet)
{
	struct flow *flow = media_added(1, 80);
	const struct idle *idle = &flow->watch.idle;

	cr_expect_not(idle_monitor_look(&sweep, flow_added(2, 0), START_NS + NS_PER_S));
	cr_expect(idle_monitor_look(&sweep, flow, START_NS + NS_PER_S));
	cr_expect_eq(idle->packet_ns, 0);
	dp.packets[1]++;
	cr_expect(idle_monitor_look(&sweep, flow, START_NS + 3 * NS_PER_S));
	cr_expect_eq(idle->packet_ns, START_NS + 3 * NS_PER_S);
	cr_expect_eq(idle->packet_after_ns, START_NS + NS_PER_S);
	ticks_until(83);
	cr_expect_eq(events.last, 0);
	ticks_until(93.25);
	raised(1, EVENT_MEDIA_TIMEOUT, "f1");
	cr_expect_eq(idle->packet_ns, START_NS + 3 * NS_PER_S);
	dp.packets[1]++;
	idle_monitor_look(&sweep, flow, START_NS + 94 * NS_PER_S);
	raised(2, EVENT_MEDIA_RESUMED, "f1");
}

Test(sweep, latch_opens_at_the_media_time_out)
{
	struct flow *flow = media_added(1, 10), *other = media_added(2, 10);

	flow->spec->reopen = 1;
	dp.latched[1] = dp.latched[2] = true;
	latches_flow_changed(&latches, flow, flow);
	latches_flow_changed(&latches, other, other);
	latches_widen(&latches, flow);
	raised(1, EVENT_FLOW_LATCHED, "f1");
	ticks_until(11.25);
	cr_expect_eq(events.last, 4);
	cr_expect_not(dp.latched[1]);
	cr_expect(dp.latched[2], "it is not to be opened");
	for (uint64_t n = 2; n < 4; n++) {
		if (events_get(&events, n)->kind == EVENT_FLOW_FORGOTTEN)
			raised(n - 1, EVENT_MEDIA_TIMEOUT, "f1");
	}
	/* What is learned later stays until the next time-out. */
	dp.latched[1] = true;
	ticks_until(40);
	cr_expect(dp.latched[1]);
	dp.packets[1]++;
	ticks_until(60);
	cr_expect_not(dp.latched[1]);
}

Test(sweep, latch_that_cannot_be_opened_is_tried_again)
{
	media_added(1, 10)->spec->reopen = 1;
	dp.latched[1] = true;
	fail_widen = -ENOMEM;
	ticks_until(15);
	raised(1, EVENT_MEDIA_TIMEOUT, "f1");
	cr_expect(dp.latched[1]);
	fail_widen = 0;
	ticks_until(17);
	cr_expect_not(dp.latched[1]);
}

/* RTCP on a port of its own is not watched, but comes from elsewhere, too. */
Test(sweep, latch_of_rtcp_opens_with_that_of_rtp)
{
	static const char *const names[] = {"r:a", "r:b", "r:a-rtcp", "r:b-rtcp"};

	for (uint32_t i = 0; i < 4; i++) {
		struct flow_spec *spec = spec_made(i, 0, 0);

		strcpy(spec->id, names[i]);
		spec->relay_bytes = 1;
		spec->dp.latch = DP_LATCH_FIRST;
		spec->media_timeout_s = i == RELAY_A ? 10 : 0;
		spec->reopen = i == RELAY_A;
		dp.latched[i] = true;
		spec_added(spec, i);
	}
	ticks_until(11.25);
	cr_expect_not(dp.latched[RELAY_A]);
	cr_expect_not(dp.latched[RELAY_A_RTCP]);
	cr_expect(dp.latched[RELAY_B] && dp.latched[RELAY_B_RTCP]);
	cr_expect_eq(events_get(&events, 1)->flow.relay_bytes, 1);
}

/* Steering asks the kernel: fewer in a tick. */
Test(sweep, a_tick_that_opens_latches_is_bounded)
{
	for (uint32_t i = 0; i < 1000; i++) {
		media_added(i, 1)->spec->reopen = 1;
		dp.latched[i] = true;
	}
	tick_at(5);
	cr_expect_leq(dp.n_looks, 2 * (IDLE_POLLS_MAX / IDLE_REOPEN_POLLS + 1));
	for (unsigned i = 0; i < 40; i++)
		tick_at(5);
	for (uint32_t i = 0; i < 1000; i++)
		cr_expect_not(dp.latched[i], "%u", i);
}
