/* SPDX-License-Identifier: BSD-3-Clause */
/* Transactions and counters through the public API, with no packet about. */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>

#include "action.h"
#include "dp_private.h"
#include "fixture.h"
#include "loop.h"

#define MAX_FLOWS 8

static struct loop loop;

static void
setup(void)
{
	fixture_eal(1);
	loop_init(&loop, MAX_FLOWS, true);
}

static void
teardown(void)
{
	loop_fini(&loop);
	dp_eal_fini();
}

TestSuite(txn, .init = setup, .fini = teardown);

static struct dp_txn *
begin(void)
{
	struct dp_txn *txn = dp_txn_begin(loop.dp);

	cr_assert_not_null(txn);
	return txn;
}

static int
add(struct dp_txn *txn, uint32_t n, unsigned n_legs, uint32_t *handle)
{
	struct dp_leg legs[DP_FLOW_LEGS_MAX];
	struct dp_flow flow = fixture_flow(DP_IPV4, n, legs, n_legs);

	return dp_txn_add(txn, &flow, handle);
}

static uint32_t
installed(uint32_t n, unsigned n_legs)
{
	struct dp_txn *txn = begin();
	uint32_t handle;

	cr_assert_eq(add(txn, n, n_legs, &handle), 0);
	cr_assert_eq(dp_txn_commit(txn), 0);
	return handle;
}

Test(txn, counts_and_counters_appear_with_commit)
{
	struct dp_leg_stats legs[2];
	struct dp_flow_stats stats;
	struct dp_txn *txn = begin();
	uint32_t handle;

	cr_assert_eq(add(txn, 1, 2, &handle), 0);
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), 0);
	cr_expect_eq(dp_flow_stats_get(loop.dp, handle, &stats, legs, 2), -ENOENT);
	cr_assert_eq(dp_txn_commit(txn), 0);
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), 1);
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV6), 0);
	cr_expect_eq(dp_flow_capacity(loop.dp, DP_IPV4), MAX_FLOWS);
	cr_expect_eq(dp_flow_capacity(loop.dp, DP_IPV6), MAX_FLOWS);
	cr_expect_eq(dp_flow_stats_get(loop.dp, handle, &stats, legs, 2), 0);
	cr_expect_eq(stats.packets, 0);
	cr_expect_lt(dp_flow_stats_get(loop.dp, handle, &stats, legs, 1), 0, "room for one leg");
}

Test(txn, one_is_open_at_a_time)
{
	struct dp_txn *txn = begin();

	cr_expect_null(dp_txn_begin(loop.dp));
	dp_txn_abort(txn);
	txn = begin();
	cr_expect_eq(dp_txn_commit(txn), 0, "an empty one");
}

static void
abort_leaves_nothing(unsigned flows_a_step)
{
	uint32_t old = installed(1, 3), handle;
	struct dp_leg_stats legs[3];
	struct dp_flow_stats stats;
	struct dp_txn *txn = begin();
	unsigned n_steps = 1;

	cr_assert_eq(dp_txn_remove(txn, old), 0);
	cr_assert_eq(add(txn, 1, 1, &handle), 0);
	for (uint32_t n = 2; n < MAX_FLOWS; n++)
		cr_assert_eq(add(txn, n, 2, &handle), 0);
	while (dp_txn_abort_step(txn, flows_a_step) == -EAGAIN) {
		n_steps++;
		cr_expect_null(dp_txn_begin(loop.dp));
	}
	cr_expect_eq(n_steps, (MAX_FLOWS + flows_a_step - 1) / flows_a_step);
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), 1);
	cr_expect_eq(dp_flow_stats_get(loop.dp, old, &stats, legs, 3), 0, "it is the old one");
	txn = begin();
	cr_expect_eq(add(txn, 1, 1, &handle), -EEXIST);
	for (uint32_t n = 2; n <= MAX_FLOWS; n++)
		cr_expect_eq(add(txn, n, 1, &handle), 0, "the room is there again");
	cr_expect_eq(dp_txn_commit(txn), 0);
}

Test(txn, abort_leaves_nothing_behind)
{
	abort_leaves_nothing(MAX_FLOWS);
}

Test(txn, abort_in_steps_leaves_nothing_behind)
{
	abort_leaves_nothing(3);
}

Test(txn, a_duplicate_key_is_refused_and_the_rest_is_added)
{
	uint32_t handle, first = installed(1, 1);
	struct dp_txn *txn = begin();

	cr_expect_eq(add(txn, 1, 1, &handle), -EEXIST, "installed");
	cr_expect_eq(add(txn, 2, 1, &handle), 0);
	cr_expect_eq(add(txn, 2, 1, &handle), -EEXIST, "added in this transaction");
	cr_expect_eq(dp_txn_remove(txn, first), 0);
	cr_expect_eq(add(txn, 1, 1, &handle), 0, "removed in this transaction");
	cr_expect_eq(add(txn, 1, 1, &handle), -EEXIST, "and added again");
	cr_expect_eq(dp_txn_commit(txn), 0);
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), 2);
}

Test(txn, a_full_table_fails_and_takes_a_flow_after_a_removal)
{
	uint32_t first = installed(0, 1), handle;
	struct dp_txn *txn;

	for (uint32_t n = 1; n < MAX_FLOWS; n++)
		installed(n, 1);
	txn = begin();
	cr_expect_eq(add(txn, MAX_FLOWS, 1, &handle), -ENOSPC);
	cr_expect_eq(dp_txn_remove(txn, first), 0);
	cr_expect_eq(dp_txn_commit(txn), 0);
	installed(MAX_FLOWS, 1);
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), MAX_FLOWS);
}

Test(txn, what_is_removed_makes_room_in_a_full_table_at_once)
{
	uint32_t handles[MAX_FLOWS], handle;
	struct dp_txn *txn;

	for (uint32_t n = 0; n < MAX_FLOWS; n++)
		handles[n] = installed(n, 1);
	txn = begin();
	for (uint32_t n = 0; n < MAX_FLOWS; n++) {
		cr_expect_eq(dp_txn_remove(txn, handles[n]), 0);
		cr_expect_eq(dp_txn_flow_count(txn, DP_IPV4), MAX_FLOWS - 1);
		cr_expect_eq(add(txn, MAX_FLOWS + n, 1, &handles[n]), 0);
		cr_expect_eq(add(txn, 2 * MAX_FLOWS, 1, &handle), -ENOSPC);
	}
	dp_txn_abort(txn);
	txn = begin();
	cr_expect_eq(dp_txn_flow_count(txn, DP_IPV4), MAX_FLOWS, "as before");
	cr_expect_eq(add(txn, MAX_FLOWS, 1, &handle), -ENOSPC);
	dp_txn_abort(txn);
	cr_expect_eq(loop.dp->table4.n_free, loop.dp->table4.n_entries - MAX_FLOWS);
}

/* The leg table is full with two flows; what their legs leave behind is room for others. */
Test(txn, removed_legs_make_room_for_added_ones)
{
	const unsigned half = loop.dp->legs.capacity / 2;
	const uint16_t none[2] = {DP_LEG_NEW, DP_LEG_NEW};
	struct dp_leg legs[DP_FLOW_LEGS_MAX];
	struct dp_flow flow = fixture_flow(DP_IPV4, 1, legs, half);
	uint16_t from[DP_FLOW_LEGS_MAX];
	uint32_t first = installed(1, half), second = installed(2, half), handle;
	struct dp_txn *txn = begin();

	cr_assert_eq(dp_leg_count(loop.dp), 2 * half);
	cr_expect_eq(add(txn, 3, 2, &handle), -ENOSPC);
	memset(from, 0xff, sizeof(from));
	legs[0].dst_port++;
	cr_assert_eq(dp_txn_replace(txn, first, &flow, from, &handle), 0, "each leg is another");
	cr_expect_eq(dp_txn_leg_count(txn), 2 * half);
	cr_assert_eq(dp_txn_remove(txn, second), 0);
	cr_assert_eq(add(txn, 3, half, &handle), 0);
	cr_assert_eq(dp_txn_prepare(txn), 0);
	dp_txn_abort(txn);
	cr_expect_eq(dp_leg_count(loop.dp), 2 * half, "as before");

	txn = begin();
	flow = fixture_flow(DP_IPV4, 1, legs, half + 1);
	cr_assert_eq(dp_txn_replace(txn, first, &flow, from, &handle), 0);
	cr_expect_eq(dp_txn_prepare(txn), -ENOSPC, "one leg too many");
	flow = fixture_flow(DP_IPV4, 2, legs, 2);
	cr_assert_eq(dp_txn_replace(txn, second, &flow, none, &handle), 0);
	cr_expect_eq(dp_txn_commit(txn), 0, "another flow has made room");
	cr_expect_eq(dp_leg_count(loop.dp), half + 3);
	cr_expect_eq(loop.dp->legs.n_free, loop.dp->legs.n_slots - half - 3);
}

Test(txn, a_flow_out_of_range_is_refused)
{
	struct dp_leg legs[DP_FLOW_LEGS_MAX];
	struct dp_flow flow = fixture_flow(DP_IPV4, 1, legs, 1);
	struct dp_txn *txn = begin();
	uint32_t handle;

	flow.key.family = 5;
	cr_expect_eq(dp_txn_add(txn, &flow, &handle), -EINVAL);
	flow = fixture_flow(DP_IPV4, 1, legs, 1);
	flow.key.vlan = 4095;
	cr_expect_eq(dp_txn_add(txn, &flow, &handle), -EINVAL);
	flow = fixture_flow(DP_IPV4, 1, legs, 1);
	flow.latch_by = DP_LATCH_BY_SSRC;
	cr_expect_eq(dp_txn_add(txn, &flow, &handle), -EINVAL, "without a latch");
	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	flow.key.any_source = 1;
	flow.latch = DP_LATCH_FIRST;
	flow.latch_by = DP_LATCH_BY_COUNT;
	cr_expect_eq(dp_txn_add(txn, &flow, &handle), -EINVAL);
	flow = fixture_flow(DP_IPV6, 1, legs, 1);
	legs[0].family = 5;
	cr_expect_eq(dp_txn_add(txn, &flow, &handle), -EINVAL);
	dp_txn_abort(txn);
}

Test(txn, only_what_is_installed_can_be_removed)
{
	uint32_t handle = installed(1, 1), added;
	struct dp_txn *txn = begin();

	cr_expect_eq(dp_txn_remove(txn, handle + 1), -ENOENT);
	cr_expect_eq(dp_txn_remove(txn, UINT32_MAX), -ENOENT);
	cr_expect_eq(dp_txn_remove(txn, handle), 0);
	cr_expect_eq(dp_txn_remove(txn, handle), -ENOENT, "twice");
	cr_assert_eq(add(txn, 2, 1, &added), 0);
	cr_expect_eq(dp_txn_remove(txn, added), -ENOENT, "not installed before commit");
	cr_expect_eq(dp_txn_commit(txn), 0);
	txn = begin();
	cr_expect_eq(dp_txn_remove(txn, handle), -ENOENT, "gone");
	cr_expect_eq(dp_txn_remove(txn, added), 0);
	cr_expect_eq(dp_txn_commit(txn), 0);
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), 0);
}

struct removed {
	unsigned n;
	unsigned n_legs;
	uint32_t handle;
};

static void
removed_note(void *arg, uint32_t handle, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	struct removed *removed = arg;

	cr_expect_eq(flow->packets, 0);
	for (unsigned i = 0; i < n_legs; i++)
		cr_expect_eq(legs[i].copies, 0);
	removed->n++;
	removed->n_legs = n_legs;
	removed->handle = handle;
}

Test(txn, removal_is_reported_once_at_commit_and_not_at_abort)
{
	uint32_t handle = installed(1, 5);
	struct removed removed = {0};
	struct dp_txn *txn = begin();

	dp_txn_on_removed(txn, removed_note, &removed);
	cr_assert_eq(dp_txn_remove(txn, handle), 0);
	dp_txn_abort(txn);
	cr_expect_eq(removed.n, 0);
	txn = begin();
	dp_txn_on_removed(txn, removed_note, &removed);
	cr_assert_eq(dp_txn_remove(txn, handle), 0);
	cr_expect_eq(removed.n, 0);
	cr_assert_eq(dp_txn_commit(txn), 0);
	cr_expect_eq(removed.n, 1);
	cr_expect_eq(removed.n_legs, 5);
	cr_expect_eq(removed.handle, handle);
}

/* Each version that a worker may still see holds its legs; there is a last one that can. */
Test(txn, a_leg_that_is_held_too_often_is_copied)
{
	const uint16_t from[2] = {0, 1};
	struct dp_leg legs[2];
	struct dp_flow flow = fixture_flow(DP_IPV4, 1, legs, 2);
	uint32_t handle = installed(1, 2);
	struct dp_txn *txn = begin();

	cr_assert_eq(dp_leg_count(loop.dp), 2);
	loop.dp->legs.refs[0] = UINT16_MAX;
	cr_assert_eq(dp_txn_replace(txn, handle, &flow, from, &handle), 0);
	cr_expect_eq(loop.dp->legs.n_free, loop.dp->legs.n_slots - 3);
	cr_expect_eq(dp_leg_count(loop.dp), 2);
	cr_expect_eq(loop.dp->legs.refs[0], UINT16_MAX);
	cr_expect_eq(loop.dp->legs.refs[1], 2);
	cr_assert_eq(dp_txn_commit(txn), 0);
	cr_expect_eq(loop.dp->legs.refs[0], UINT16_MAX - 1);
}

/* The leg of one that is the same is not even looked at; it can be down, and stand elsewhere. */
Test(txn, a_leg_that_is_the_same_keeps_its_slot)
{
	const uint16_t from[3] = {2 | DP_LEG_SAME, DP_LEG_NEW, 0 | DP_LEG_SAME};
	struct dp_leg legs[3];
	struct dp_flow flow = fixture_flow(DP_IPV4, 1, legs, 3);
	uint32_t handle = installed(1, 3), version;
	const struct flow_table *table = &loop.dp->table4;
	struct dp_leg_stats stats[3];
	struct dp_txn *txn = begin();
	const struct flow_action *action;

	loop.dp->legs.counters[0][0].packets = 7;
	legs[0].dst_port++;
	legs[2].down = 1;
	cr_assert_eq(dp_txn_replace(txn, handle, &flow, from, &version), 0);
	dp_txn_abort(txn);
	cr_expect_eq(loop.dp->legs.refs[0], 1);
	txn = begin();
	cr_assert_eq(dp_txn_replace(txn, handle, &flow, from, &version), 0);
	cr_assert_eq(dp_txn_commit(txn), 0);
	action = flow_table_action(
		table, flow_table_entry(table, dp_handle_index(version), DP_IPV4), DP_IPV4);
	cr_expect_eq(action->slots.of[0], 2);
	cr_expect_eq(action->slots.of[1], 3);
	cr_expect_eq(action->slots.of[2], 0);
	cr_expect_eq(action->legs->n, 2, "the one that is down is left out");
	cr_expect_eq(loop.dp->legs.refs[0], 1);
	cr_expect_eq(loop.dp->legs.refs[1], 0, "it went");
	cr_expect_eq(dp_leg_count(loop.dp), 3);
	cr_expect_eq(dp_flow_stats_get(loop.dp, version, &(struct dp_flow_stats){0}, stats, 3), 0);
	cr_expect_eq(stats[2].copies, 7);
}

Test(txn, next_hops_outside_the_range_are_refused)
{
	const struct dp_next_hop hop = {.mtu = 1500}, elsewhere = {.mtu = 1500, .port = 1};

	cr_expect_eq(dp_next_hop_set(loop.dp, DP_NEXT_HOPS_MAX - 1, &hop), 0);
	cr_expect_eq(dp_next_hop_set(loop.dp, DP_NEXT_HOPS_MAX, &hop), -EINVAL);
	cr_expect_eq(dp_next_hop_set(loop.dp, 0, &elsewhere), -EINVAL);
}

Test(txn, counters_of_what_is_not_there_are_refused)
{
	struct dp_worker_stats worker;
	struct dp_port_stats port;
	struct dp_flow_stats flow;
	struct dp_leg_stats leg;

	cr_expect_eq(dp_port_stats_get(loop.dp, 1, &port), -ENOENT);
	cr_expect_eq(dp_worker_stats_get(loop.dp, 1, &worker), -ENOENT);
	cr_expect_eq(dp_flow_stats_get(loop.dp, 0, &flow, &leg, 1), -ENOENT);
	cr_expect_eq(dp_flow_stats_get(loop.dp, UINT32_MAX, &flow, &leg, 1), -ENOENT);
}

static void
warning_count(void *arg, const char *message)
{
	unsigned *n = arg;

	cr_expect_not_null(strstr(message, "core 1"), "%s", message);
	(*n)++;
}

/* A worker that entered its loop and reports no quiescent state; there is none but this. */
Test(txn, a_worker_that_hangs_is_named_and_what_it_may_hold_is_freed_later)
{
	uint32_t first = installed(0, 2), handle;
	struct removed removed = {0};
	unsigned n_warnings = 0;
	struct dp_txn *txn;
	uint64_t start;

	for (uint32_t n = 1; n < MAX_FLOWS; n++)
		installed(n, 1);
	loop.dp->config.warn = warning_count;
	loop.dp->config.warn_arg = &n_warnings;
	rte_rcu_qsbr_thread_register(loop.dp->qsbr, 0);
	rte_rcu_qsbr_thread_online(loop.dp->qsbr, 0);

	txn = begin();
	dp_txn_on_removed(txn, removed_note, &removed);
	cr_assert_eq(dp_txn_remove(txn, first), 0);
	start = rte_get_timer_cycles();
	cr_expect_eq(dp_txn_commit(txn), -ETIMEDOUT);
	cr_expect_geq(
		rte_get_timer_cycles() - start, rte_get_timer_hz() * 9 / 10, "after a second");
	cr_expect_eq(n_warnings, 1);
	cr_expect_eq(removed.n, 1);
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), MAX_FLOWS - 1);
	txn = begin();
	cr_expect_eq(dp_txn_remove(txn, first), -ENOENT);
	cr_assert_eq(add(txn, 0, 1, &handle), 0);
	cr_expect_neq(handle, first, "its place is not free yet");
	dp_txn_abort(txn);
	cr_expect_eq(loop.dp->legs.n_free, loop.dp->legs.n_slots - 2, "nor are its legs");

	rte_rcu_qsbr_quiescent(loop.dp->qsbr, 0);
	installed(0, 1);
	cr_expect_eq(loop.dp->legs.n_free, loop.dp->legs.n_slots);
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), MAX_FLOWS);
	rte_rcu_qsbr_thread_offline(loop.dp->qsbr, 0);
	rte_rcu_qsbr_thread_unregister(loop.dp->qsbr, 0);
}
