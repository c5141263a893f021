/* SPDX-License-Identifier: BSD-3-Clause */
/* Learned sources, over a data plane that is an array of them and a queue of notices. */
#include <criterion/criterion.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "../flow/flow_live.h"
#include "base/clock.h"
#include "flow/change.h"
#include "flow/flows.h"
#include "monitor/latches.h"

#define FLOWS_MAX 10000

struct dp {
	struct dp_latched latched[FLOWS_MAX];
	struct dp_sources sources[FLOWS_MAX];
	bool unknown[FLOWS_MAX]; /* handles */
	uint64_t queue[FLOWS_MAX];
	unsigned n_queued;
	bool lost;
	unsigned n_looks;
	unsigned n_polls;
};

static struct dp dp;
static struct event_base *base;
static struct flows flows;
static struct events events;
static struct latches latches;
static unsigned n_narrowed;
static unsigned n_told; /* legs that send to a source, of another one */
static bool is_wide;
static int fail_widen;

unsigned
dp_latch_poll(struct dp *from, unsigned max, dp_latch_moved_fn fn, void *arg, bool *lost)
{
	unsigned n = 0;

	from->n_polls++;
	while (n < max && n < from->n_queued)
		fn(arg, from->queue[n++]);
	from->n_queued -= n;
	memmove(from->queue, &from->queue[n], from->n_queued * sizeof(from->queue[0]));
	*lost = from->lost;
	from->lost = false;
	return n;
}

int
dp_flow_latched_get(const struct dp *from, uint32_t handle, struct dp_latched *latched)
{
	*latched = from->latched[handle];
	dp.n_looks++;
	return from->unknown[handle] ? -ENOENT : 0;
}

int
dp_flow_sources_get(const struct dp *from, uint32_t handle, struct dp_sources *sources)
{
	*sources = from->sources[handle];
	return sources->n > 0 ? 0 : -ENOENT;
}

int
dp_flow_forget(struct dp *from, uint32_t handle, struct dp_latched *forgotten)
{
	*forgotten = from->latched[handle];
	from->latched[handle].valid = 0;
	cr_assert(is_wide);
	return 0;
}

int
flow_widen(struct flows *of, struct flow *flow)
{
	cr_assert_eq(of, &flows);
	cr_assert_not_null(flow);
	is_wide = fail_widen == 0;
	return fail_widen;
}

void
flow_narrow(struct flows *of, struct flow *flow, const struct dp_latched *source)
{
	cr_assert_eq(of, &flows);
	cr_assert(source->valid);
	n_narrowed += !flow->item;
	is_wide = false;
}

void
flows_source_moved(struct flows *of, const struct flow *flow)
{
	cr_assert_eq(of, &flows);
	cr_assert_not_null(flow);
	n_told++;
}

static void
setup(void)
{
	base = event_base_new();
	flows.dp = &dp;
	flow_db_init(&flows.db, 0);
	events_init(&events);
	latches_init(&latches, &flows, &events, base);
}

static void
teardown(void)
{
	latches_fini(&latches);
	flow_db_fini(&flows.db);
	event_base_free(base);
}

TestSuite(latches, .init = setup, .fini = teardown);

static struct flow_spec *
spec_new(uint32_t handle, enum dp_latch latch)
{
	struct flow_spec *spec = calloc(1, sizeof(*spec));

	snprintf(spec->id, sizeof(spec->id), "f%u", handle);
	spec->match.key.family = 4;
	spec->match.key.dst_port = (uint16_t)handle;
	spec->dp.latch = (uint8_t)latch;
	return spec;
}

static struct flow *
flow_added(uint32_t handle, enum dp_latch latch)
{
	struct fault fault;
	struct flow *flow = flow_live(&flows.db, spec_new(handle, latch), &fault);

	cr_assert_not_null(flow, "%s", fault.message);
	flow->handle = handle;
	latches_flow_changed(&latches, flow, NULL);
	return flow;
}

static void
latched_to(uint32_t handle, uint8_t last, uint32_t moves)
{
	dp.latched[handle] = (struct dp_latched){
		.src = {203, 0, 113, last}, .src_port = 7, .valid = 1, .moves = moves};
}

/* A worker moves the source of a flow, and tells. */
static void
moved_to(const struct flow *flow, uint8_t last, uint32_t moves)
{
	latched_to(flow->handle, last, moves);
	dp.queue[dp.n_queued++] = flow->sequence;
}

static bool
is_ticking(void)
{
	return evtimer_pending(&latches.timer.event, NULL) != 0;
}

/* A tick, as the timer makes it. */
static void
tick(void)
{
	timer_run(-1, 0, &latches.timer);
}

Test(latches, first_source_is_reported_once)
{
	struct flow *flow = flow_added(1, DP_LATCH_FIRST);
	const struct event_entry *entry;

	tick();
	cr_expect_eq(events.last, 0);
	moved_to(flow, 7, 1);
	tick();
	entry = events_get(&events, 1);
	cr_assert_not_null(entry);
	cr_expect_eq(entry->kind, EVENT_FLOW_LATCHED);
	cr_expect_str_eq(entry->flow.id, "f1");
	cr_expect_eq(entry->flow.family, 4);
	cr_expect_eq(entry->flow.latched.src[3], 7);
	cr_expect_eq(n_narrowed, 1);
	tick();
	cr_expect_eq(events.last, 1);
}

static struct dp_source listed[2] = {{{203, 0, 113, 1}, 5}, {{203, 0, 113, 2}, 6}};

static void
switched_to(const struct flow *flow, uint8_t active, bool returned, uint64_t switches)
{
	dp.sources[flow->handle] = (struct dp_sources){.n = 2,
		.active = active,
		.previous = !active,
		.returned = returned,
		.switches = switches};
	dp.queue[dp.n_queued++] = flow->sequence;
}

Test(latches, each_switch_of_sources_is_an_event)
{
	struct flow_spec *spec = spec_new(1, DP_LATCH_OPEN);
	const struct event_entry *entry;
	struct fault fault;
	struct flow *flow;

	spec->dp.n_sources = 2;
	spec->sources = listed;
	flow = flow_live(&flows.db, spec, &fault);
	cr_assert_not_null(flow);
	flow->handle = 1;
	latches_flow_changed(&latches, flow, NULL);
	cr_expect(is_ticking());
	switched_to(flow, 0, false, 0);
	tick();
	cr_expect_eq(events.last, 0, "it has not switched yet");
	switched_to(flow, 1, false, 1);
	tick();
	entry = events_get(&events, 1);
	cr_assert_not_null(entry);
	cr_expect_eq(entry->kind, EVENT_SOURCE_SWITCHED);
	cr_expect_str_eq(entry->flow.id, "f1");
	cr_expect_eq(entry->flow.switched.source.address[3], 2);
	cr_expect_eq(entry->flow.switched.active, 1);
	cr_expect_eq(entry->flow.switched.previous, 0);
	tick();
	cr_expect_eq(events.last, 1);
	/* Named while it is changed: it is read when that is over, and kept by the replaced flow.
	 */
	flow->item = (void *)&dp;
	switched_to(flow, 0, true, 2);
	tick();
	cr_expect_eq(events.last, 1);
	flow->item = NULL;
	tick();
	cr_expect_eq(events.last, 2);
	cr_expect_eq(events_get(&events, 2)->flow.switched.returned, 1);
	latches_flow_changed(&latches, flow, flow);
	tick();
	cr_expect_eq(events.last, 2);
	cr_expect(is_ticking());
	cr_expect_eq(n_narrowed + n_told, 0);
}

Test(latches, nothing_ticks_unless_a_source_may_move)
{
	struct flow *first, *follow;

	flow_added(1, DP_LATCH_OPEN);
	cr_expect_not(is_ticking());
	first = flow_added(2, DP_LATCH_FIRST);
	cr_expect(is_ticking());
	moved_to(first, 7, 1);
	tick();
	cr_expect_not(is_ticking(), "it is learned for ever");
	follow = flow_added(3, DP_LATCH_FOLLOW);
	moved_to(follow, 7, 1);
	tick();
	cr_expect(is_ticking(), "it may move again");
	latches_flow_changed(&latches, NULL, follow);
	cr_expect_not(is_ticking());
	cr_expect_eq(dp.n_looks, 2);
}

Test(latches, moves_are_reported)
{
	struct flow *flow = flow_added(1, DP_LATCH_FOLLOW);

	moved_to(flow, 7, 1);
	tick();
	moved_to(flow, 8, 4);
	tick();
	tick();
	cr_expect_eq(events.last, 2);
	cr_expect_eq(events_get(&events, 2)->flow.latched.moves, 4);
	flow->handle = 2;
	latched_to(2, 8, 4);
	latches_flow_changed(&latches, flow, flow);
	tick();
	cr_expect_eq(events.last, 2, "what goes on over a replacement is no news");
}

/* A flow that is replaced is steered for its new version, and narrowed to its source again. */
Test(latches, learned_source_is_narrowed_to_once_a_version)
{
	struct change_item item;
	struct flow *flow = flow_added(1, DP_LATCH_FIRST);

	tick();
	cr_expect_eq(n_narrowed, 0);
	moved_to(flow, 7, 1);
	tick();
	cr_expect_eq(n_narrowed, 1);
	latches_flow_changed(&latches, flow, flow);
	flow->item = &item;
	for (unsigned i = 0; i < 3; i++)
		tick();
	cr_expect_eq(n_narrowed, 1, "not while it changes");
	cr_expect(is_ticking());
	flow->item = NULL;
	for (unsigned i = 0; i < 3; i++)
		tick();
	cr_expect_eq(n_narrowed, 2);
	cr_expect_not(is_ticking());
	cr_expect_eq(events.last, 1, "raised once");
}

/* Not while the change of the list goes on, nor when packets of others cannot come. */
Test(latches, source_that_is_not_allowed_any_more_is_forgotten)
{
	static const struct dp_prefix allow[] = {
		{.address = {192, 0, 2}, .bits = 24}, {.address = {203, 0, 113}, .bits = 24}};
	struct change_item item;
	struct flow *flow = flow_added(1, DP_LATCH_FIRST);
	struct flow_spec *spec = realloc(flow->spec, sizeof(*spec) + sizeof(allow));

	flow->spec = spec;
	spec->allow = (struct dp_prefix *)(void *)(spec + 1);
	memcpy(spec->allow, allow, sizeof(allow));
	spec->n_allow = 2;
	moved_to(flow, 7, 1);
	tick();
	latches_flow_changed(&latches, flow, flow);
	tick();
	cr_expect_eq(events.last, 1, "it is allowed");
	spec->n_allow = 1;
	latches_flow_changed(&latches, flow, flow);
	flow->item = &item;
	tick();
	cr_expect_eq(events.last, 1);
	flow->item = NULL;
	fail_widen = -ENOMEM;
	tick();
	cr_expect_eq(events.last, 1);
	fail_widen = 0;
	tick();
	cr_assert_eq(events.last, 2);
	cr_expect_eq(events_get(&events, 2)->kind, EVENT_FLOW_FORGOTTEN);
	cr_expect_eq(events_get(&events, 2)->flow.latched.src[3], 7);
	cr_expect_eq(dp.latched[1].valid, 0);
	cr_expect_eq(n_told, 1);
	cr_expect(is_ticking(), "it may learn again");
	tick();
	cr_expect_eq(events.last, 2);
}

/* It is learned from by another flow of the same id. */
Test(latches, renewed_flow_has_to_learn_again)
{
	struct flow *flow = flow_added(1, DP_LATCH_FIRST);

	moved_to(flow, 7, 1);
	tick();
	latches_flow_changed(&latches, NULL, flow);
	flow->handle = 2;
	latches_flow_changed(&latches, flow, NULL);
	cr_expect(is_ticking());
	moved_to(flow, 8, 1);
	tick();
	cr_expect_eq(events.last, 2);
	cr_expect_eq(events_get(&events, 2)->flow.latched.src[3], 8);
}

/* Workers see a new flow before its commit has ended. */
Test(latches, source_that_is_learned_during_the_commit)
{
	struct fault fault;
	struct flow *flow = flow_db_add(&flows.db, spec_new(1, DP_LATCH_FIRST), &fault);

	flow_added(2, DP_LATCH_FOLLOW);
	flow->handle = 1;
	moved_to(flow, 7, 1);
	tick();
	cr_expect_eq(events.last, 0);
	flow_db_activate(&flows.db, flow, NULL);
	latches_flow_changed(&latches, flow, NULL);
	tick();
	cr_expect_eq(events.last, 1);
	cr_expect_not(flow->watch.open);
}

/* Of a flow that is replaced by one with a latch, the handle is the old one until the end. */
Test(latches, source_that_is_learned_while_the_flow_is_replaced)
{
	struct change_item item;
	struct flow *flow = flow_added(1, DP_LATCH_OPEN);

	flow_added(3, DP_LATCH_FOLLOW);
	dp.unknown[1] = true;
	flow->item = &item;
	flow->spec->dp.latch = DP_LATCH_FIRST;
	moved_to(flow, 7, 1);
	tick();
	cr_expect_eq(events.last, 0);
	flow->item = NULL;
	flow->handle = 2;
	latched_to(2, 7, 1);
	latches_flow_changed(&latches, flow, flow);
	tick();
	cr_expect_eq(events.last, 1);
	cr_expect_eq(n_narrowed, 1);
}

/* The same of one that is removed and added by one change. */
Test(latches, source_that_is_learned_while_the_flow_is_renewed)
{
	struct change_item item;
	struct flow *flow = flow_added(1, DP_LATCH_FIRST);

	dp.latched[1].valid = 0;
	flow->item = &item;
	dp.queue[dp.n_queued++] = flow->sequence;
	tick();
	cr_expect_eq(events.last, 0);
	flow->item = NULL;
	flow->handle = 2;
	latched_to(2, 7, 1);
	latches_flow_changed(&latches, NULL, flow);
	latches_flow_changed(&latches, flow, NULL);
	tick();
	cr_expect_eq(events.last, 1);
}

/* Its notice comes after it; the next flow has its handle. */
Test(latches, flow_that_is_gone_is_nobody)
{
	struct flow *flow = flow_added(1, DP_LATCH_FIRST);

	moved_to(flow, 7, 1);
	latches_flow_changed(&latches, NULL, flow);
	free(flow_gone(&flows.db, flow));
	flow_added(1, DP_LATCH_FIRST);
	dp.latched[1].valid = 0;
	dp.n_looks = 0;
	tick();
	cr_expect_eq(events.last, 0);
	cr_expect_eq(dp.n_looks, 0);
}

/* What it learns next is reported again, and awaited. */
Test(latches, forgotten_source_is_learned_again)
{
	struct flow *flow = flow_added(1, DP_LATCH_FIRST);
	struct dp_latched forgotten;

	moved_to(flow, 7, 1);
	cr_expect_eq(latches_widen(&latches, flow), 0);
	cr_expect_eq(events.last, 1, "what it had learned is told before");
	latches_forget(&latches, flow, &forgotten);
	cr_expect_eq(forgotten.src[3], 7);
	cr_expect_eq(events_get(&events, 2)->kind, EVENT_FLOW_FORGOTTEN);
	cr_expect_eq(events_get(&events, 2)->flow.latched.src[3], 7);
	for (unsigned i = 0; i < 3; i++)
		tick();
	cr_expect(is_wide);
	cr_expect(is_ticking());
	moved_to(flow, 8, 2);
	tick();
	cr_expect_eq(events.last, 3);
	cr_expect_not(is_wide);
	cr_expect_not(is_ticking());
}

Test(latches, nothing_learned_nothing_forgotten)
{
	struct flow *flow = flow_added(1, DP_LATCH_FIRST);
	struct dp_latched forgotten;

	cr_expect_eq(latches_widen(&latches, flow), 0);
	latches_forget(&latches, flow, &forgotten);
	cr_expect_not(forgotten.valid);
	cr_expect_eq(events.last, 0);
}

/* Another flow of the request could not be widened: this one is narrowed again. */
Test(latches, widened_in_vain)
{
	struct flow *flow = flow_added(1, DP_LATCH_FIRST);

	moved_to(flow, 7, 1);
	tick();
	cr_expect_eq(latches_widen(&latches, flow), 0);
	cr_expect(is_wide);
	tick();
	cr_expect_not(is_wide);
	fail_widen = -ENOMEM;
	cr_expect_eq(latches_widen(&latches, flow), -ENOMEM);
	cr_expect_eq(events.last, 1);
}

/* All flows are looked at, a slice a tick, however few of them latch. */
Test(latches, lost_notices_are_made_up_for)
{
	struct flow *some[3];

	for (uint32_t i = 0; i < FLOWS_MAX; i++) {
		const bool latches_too = i % 4000 == 1000;
		struct flow *flow = flow_added(i, latches_too ? DP_LATCH_FIRST : DP_LATCH_OPEN);

		if (latches_too)
			some[i / 4000] = flow;
	}
	for (unsigned i = 0; i < 3; i++)
		latched_to(some[i]->handle, (uint8_t)i, 1);
	dp.lost = true;
	tick();
	cr_expect_eq(events.last, 1, "a slice");
	cr_expect(is_ticking());
	/* What is lost meanwhile may be of those that were looked at. */
	dp.lost = true;
	dp.n_polls = 0;
	while (is_ticking() && dp.n_polls < 100)
		tick();
	cr_expect_eq(events.last, 3);
	cr_expect_eq(dp.n_polls, 5, "the rest of the first time, and a second time");
}

/* A storm of replacements is worked off little by little. */
Test(latches, a_tick_looks_at_few_flows_again)
{
	for (uint32_t i = 0; i < 1000; i++) {
		struct flow *flow = flow_added(i, DP_LATCH_FOLLOW);

		latched_to(i, 7, 1);
		latches_flow_changed(&latches, flow, flow);
	}
	tick();
	cr_expect_eq(events.last, LATCHES_AGAIN_MAX);
	while (events.last < 1000 && dp.n_polls < 100)
		tick();
	cr_expect_eq(events.last, 1000);
	cr_expect_eq(dp.n_looks, 1000);
}

static void
told(void *arg)
{
	(void)arg;
	event_base_loopbreak(base);
}

Test(latches, the_timer_ticks)
{
	const uint64_t began_ns = clock_read_ns(CLOCK_MONOTONIC);

	moved_to(flow_added(1, DP_LATCH_FOLLOW), 7, 1);
	events_observe(&events, told, NULL);
	event_base_dispatch(base);
	cr_expect_eq(events.last, 1);
	cr_expect_geq(clock_read_ns(CLOCK_MONOTONIC) - began_ns, LATCHES_PERIOD_MS * NS_PER_MS / 2);
}
