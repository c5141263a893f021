/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commits of several flows, a step at a time, with a worker that is the test itself: what each of
 * its rounds sees between two steps is the old state or the new one.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "dp_private.h"
#include "fastpath.h"
#include "fixture.h"
#include "loop.h"
#include "retire.h"

#define MAX_FLOWS 10000
#define STEPS_MAX 1000

/* Flow numbers, and what the change of set_fill() makes of them. */
enum { REPLACED, AGAIN, REMOVED, ADDED, LISTENED, RULED, N_FLOWS };
#define RULE_LAST (N_FLOWS - 1) /* the rule matches REPLACED to RULED: what no other flow does */
#define OLD 1000
#define NEW 2000
#define NO_FLOW 0

static struct loop loop;
static uint32_t handles[N_FLOWS]; /* [RULED] the rule's */

static void
setup(void)
{
	char error[256] = "";

	fixture_eal(1);
	loop_init(&loop, MAX_FLOWS, false);
	cr_assert_eq(dp_ports_start(loop.dp, error, sizeof(error)), 0, "%s", error);
	rte_rcu_qsbr_thread_register(loop.dp->qsbr, 0);
	rte_rcu_qsbr_thread_online(loop.dp->qsbr, 0);
}

static void
teardown(void)
{
	rte_rcu_qsbr_thread_offline(loop.dp->qsbr, 0);
	rte_rcu_qsbr_thread_unregister(loop.dp->qsbr, 0);
	dp_stop(loop.dp);
	loop_fini(&loop);
	dp_eal_fini();
}

TestSuite(commit, .init = setup, .fini = teardown);

static void
rest(void)
{
	rte_rcu_qsbr_quiescent(loop.dp->qsbr, 0);
}

static struct dp_txn *
begin(void)
{
	struct dp_txn *txn = dp_txn_begin(loop.dp);

	cr_assert_not_null(txn);
	return txn;
}

/* A flow says in its leg's destination port which version it is. */
static struct dp_flow
flow_of(unsigned number, unsigned stamp, struct dp_leg *leg)
{
	struct dp_flow flow = fixture_flow(DP_IPV4, number, leg, 1);

	leg->dst_port = htons((uint16_t)stamp);
	return flow;
}

static void
add(struct dp_txn *txn, unsigned number, unsigned stamp, bool listens, uint32_t *handle)
{
	struct dp_leg leg;
	struct dp_flow flow = flow_of(number, stamp, &leg);

	flow.key.any_source = listens;
	cr_assert_eq(dp_txn_add(txn, &flow, handle), 0, "flow %u", number);
}

static void
replace(struct dp_txn *txn, unsigned number, unsigned stamp)
{
	const uint16_t from = 0;
	struct dp_leg leg;
	struct dp_flow flow = flow_of(number, stamp, &leg);

	cr_assert_eq(dp_txn_replace(txn, handles[number], &flow, &from, &handles[number]), 0);
}

static const struct dp_rule rule = {
	.family = DP_IPV4,
	.priority = 1,
	.port = DP_RULE_ANY,
	.vlan = DP_RULE_ANY,
	.outer_vlan = DP_RULE_ANY,
	.src_port_last = UINT16_MAX,
	.dst_port_first = RULED,
	.dst_port_last = RULE_LAST,
};

static int
rule_replace(struct dp_txn *txn, unsigned stamp, uint32_t *handle)
{
	const uint16_t from = 0;
	struct dp_leg leg;
	struct dp_flow flow = flow_of(RULED, stamp, &leg);

	flow.rule = &rule;
	return dp_txn_replace(txn, handles[RULED], &flow, &from, handle);
}

static void
rule_add(struct dp_txn *txn, unsigned stamp)
{
	struct dp_leg leg;
	struct dp_flow flow = flow_of(RULED, stamp, &leg);

	flow.rule = &rule;
	cr_assert_eq(dp_txn_add(txn, &flow, &handles[RULED]), 0);
}

/* What is done until it is over; the worker rests after each step. */
static int
finish(struct dp_txn *txn, unsigned max_flows)
{
	int ret = -EAGAIN;

	for (unsigned i = 0; i < STEPS_MAX && ret == -EAGAIN; i++) {
		ret = dp_txn_commit_step(txn, max_flows);
		rest();
	}
	return ret;
}

static void
set_install(void)
{
	struct dp_txn *txn = begin();

	add(txn, REPLACED, OLD, false, &handles[REPLACED]);
	add(txn, AGAIN, OLD, false, &handles[AGAIN]);
	add(txn, REMOVED, OLD, false, &handles[REMOVED]);
	add(txn, LISTENED, OLD, false, &handles[LISTENED]);
	rule_add(txn, OLD);
	cr_assert_eq(finish(txn, 100), 0);
}

/* Every way in which a flow can change. */
static struct dp_txn *
set_fill(void)
{
	struct dp_txn *txn = begin();

	replace(txn, REPLACED, NEW);
	cr_assert_eq(dp_txn_remove(txn, handles[AGAIN]), 0);
	add(txn, AGAIN, NEW, false, &handles[AGAIN]);
	cr_assert_eq(dp_txn_remove(txn, handles[REMOVED]), 0);
	add(txn, ADDED, NEW, false, &handles[ADDED]);
	cr_assert_eq(dp_txn_remove(txn, handles[LISTENED]), 0);
	add(txn, LISTENED, NEW, true, &handles[LISTENED]);
	cr_assert_eq(rule_replace(txn, NEW, &handles[RULED]), 0);
	return txn;
}

/* One round with a packet of each flow: what each of them met. */
static void
round_run(unsigned met[N_FLOWS])
{
	static uint64_t now_ns = 1;
	void *frame;

	memset(met, 0, N_FLOWS * sizeof(met[0]));
	for (unsigned n = 0; n < N_FLOWS; n++)
		loop_put(&loop, 0, n, (uint16_t)n);
	cr_assert_eq(loop.dp->workers[0]->fastpath->round(loop.dp->workers[0], now_ns++), N_FLOWS);
	while (rte_ring_dequeue(loop.tx[0], &frame) == 0) {
		struct rte_mbuf *m = frame;
		const struct rte_ipv4_hdr *ip =
			rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
		const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);

		met[ntohs(ip->packet_id)] = ntohs(udp->dst_port);
		rte_pktmbuf_free(m);
	}
}

static bool
round_sees(const unsigned expected[N_FLOWS])
{
	unsigned met[N_FLOWS];

	round_run(met);
	return memcmp(met, expected, sizeof(met)) == 0;
}

static const unsigned before[N_FLOWS] = {OLD, OLD, OLD, NO_FLOW, OLD, OLD};
static const unsigned after[N_FLOWS] = {NEW, NEW, NO_FLOW, NEW, NEW, NEW};

Test(commit, is_seen_whole_or_not_at_all_after_each_step)
{
	unsigned n_before = 0, n_after = 0, n_steps = 0;
	struct dp_txn *txn;
	int ret;

	set_install();
	cr_assert(round_sees(before));
	txn = set_fill();
	cr_assert(round_sees(before));
	cr_assert_eq(dp_txn_prepare(txn), 0);
	cr_assert(round_sees(before));
	do {
		unsigned met[N_FLOWS];

		ret = dp_txn_commit_step(txn, 1);
		rest();
		round_run(met);
		n_steps++;
		if (n_after == 0 && memcmp(met, before, sizeof(met)) == 0)
			n_before++;
		else if (memcmp(met, after, sizeof(met)) == 0)
			n_after++;
		else
			cr_assert_fail("a mixture, or back again, after step %u", n_steps);
	} while (ret == -EAGAIN && n_steps < STEPS_MAX);
	cr_expect_eq(ret, 0);
	cr_expect_gt(n_before, 4, "additions and marks have steps of their own");
	cr_expect_gt(n_after, 4, "so has what follows the flip");
	cr_expect(round_sees(after));
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), 5);
}

/* No grace period, no flip: a worker that has the stable view must not see what comes. */
Test(commit, waits_for_every_worker)
{
	struct dp_txn *txn;

	set_install();
	txn = set_fill();
	for (unsigned i = 0; i < 50; i++)
		cr_assert_eq(dp_txn_commit_step(txn, 100), -EAGAIN);
	cr_expect_eq(loop.dp->view, VIEW_OLD);
	cr_expect(round_sees(before));
	cr_expect_null(dp_txn_begin(loop.dp), "it is open still");
	rest();
	cr_assert_eq(dp_txn_commit_step(txn, 100), -EAGAIN);
	cr_expect_eq(loop.dp->view, VIEW_NEW);
	cr_expect(round_sees(after));
	cr_expect_eq(finish(txn, 100), 0);
	cr_expect_eq(loop.dp->view, VIEW_STABLE);
	cr_expect(round_sees(after));
}

Test(commit, of_one_flow_takes_no_view)
{
	struct dp_txn *txn = begin();
	uint32_t handle;

	add(txn, ADDED, OLD, false, &handle);
	cr_assert_eq(dp_txn_commit_step(txn, 100), 0, "nothing to wait for");
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, handle), 0);
	cr_assert_eq(dp_txn_commit_step(txn, 100), -EAGAIN);
	cr_expect_eq(loop.dp->view, VIEW_STABLE);
	rest();
	cr_assert_eq(dp_txn_commit_step(txn, 100), 0);
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), 0);
}

Test(commit, keeps_old_handles_readable_until_it_is_over)
{
	uint32_t old[2];
	struct dp_flow_stats stats;
	struct dp_txn *txn;
	int ret;

	set_install();
	cr_assert(round_sees(before));
	old[0] = handles[REPLACED];
	old[1] = handles[REMOVED];
	txn = set_fill();
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		ret = dp_txn_commit_step(txn, 1);
		if (ret != -EAGAIN)
			break;
		for (unsigned k = 0; k < 2; k++) {
			cr_assert_eq(dp_flow_stats_get(loop.dp, old[k], &stats, NULL, 0), 0);
			cr_expect_eq(stats.packets, 1);
		}
		rest();
	}
	cr_expect_eq(ret, 0);
	cr_expect_eq(dp_flow_stats_get(loop.dp, old[0], &stats, NULL, 0), -ENOENT);
	cr_expect_eq(dp_flow_stats_get(loop.dp, old[1], &stats, NULL, 0), -ENOENT);
	cr_expect_eq(dp_flow_stats_get(loop.dp, handles[REPLACED], &stats, NULL, 0), 0);
	cr_expect_eq(stats.packets, 1, "carried on");
}

Test(commit, that_is_prepared_takes_nothing_more_and_can_be_aborted)
{
	uint32_t old[N_FLOWS], handle;
	struct dp_leg leg;
	struct dp_flow flow = flow_of(77, NEW, &leg);
	const uint16_t from = 0;
	struct dp_txn *txn;

	set_install();
	memcpy(old, handles, sizeof(old));
	txn = set_fill();
	cr_assert_eq(dp_txn_prepare(txn), 0);
	cr_expect_eq(dp_txn_prepare(txn), 0, "once more does no harm");
	cr_expect_eq(dp_txn_add(txn, &flow, &handle), -EINVAL);
	cr_expect_neq(dp_txn_remove(txn, old[RULED]), 0);
	cr_expect_neq(dp_txn_replace(txn, old[REPLACED], &flow, &from, &handle), 0);
	dp_txn_abort(txn);
	cr_expect(round_sees(before));
	cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), 5);
	memcpy(handles, old, sizeof(old));
	cr_expect_eq(finish(set_fill(), 100), 0, "all of it is possible again");
	cr_expect(round_sees(after));
}

Test(commit, that_has_begun_is_finished_by_abort)
{
	struct dp_txn *txn;

	rte_rcu_qsbr_thread_offline(loop.dp->qsbr, 0);
	set_install();
	txn = set_fill();
	cr_assert_eq(dp_txn_commit_step(txn, 1), -EAGAIN);
	dp_txn_abort(txn);
	cr_expect(round_sees(after));
	cr_expect_eq(loop.dp->view, VIEW_STABLE);
	dp_txn_abort(begin());
	rte_rcu_qsbr_thread_online(loop.dp->qsbr, 0);
}

Test(commit, of_a_rule_can_be_aborted_and_mixed)
{
	uint32_t handle;
	struct dp_txn *txn;

	set_install();
	for (unsigned i = 0; i < 3; i++) {
		txn = begin();
		cr_assert_eq(rule_replace(txn, NEW, &handle), 0);
		cr_expect_eq(rule_replace(txn, NEW, &handle), -ENOENT, "replaced already");
		cr_expect_eq(dp_txn_remove(txn, handles[RULED]), -ENOENT);
		if (i % 2 != 0)
			cr_assert_eq(dp_txn_prepare(txn), 0);
		dp_txn_abort(txn);
		cr_assert(round_sees(before));
	}
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, handles[RULED]), 0);
	rule_add(txn, NEW);
	cr_assert_eq(finish(txn, 1), 0);
	cr_expect(round_sees((const unsigned[N_FLOWS]){OLD, OLD, OLD, NO_FLOW, OLD, NEW}));
	txn = begin();
	cr_assert_eq(dp_txn_remove(txn, handles[RULED]), 0);
	cr_assert_eq(finish(txn, 1), 0);
	cr_expect(round_sees((const unsigned[N_FLOWS]){OLD, OLD, OLD, NO_FLOW, OLD, NO_FLOW}));
}

/* A version of a version, while a worker hangs: what each had counted arrives in the last one. */
Test(commit, that_is_late_loses_no_counter)
{
	struct dp_flow_stats stats;
	struct dp_txn *txn;

	set_install();
	cr_assert(round_sees(before));
	for (unsigned i = 0; i < 2; i++) {
		txn = begin();
		replace(txn, REPLACED, NEW);
		replace(txn, AGAIN, NEW);
		cr_assert_eq(dp_txn_commit(txn), -ETIMEDOUT);
		cr_assert(round_sees((const unsigned[N_FLOWS]){NEW, NEW, OLD, NO_FLOW, OLD, OLD}));
	}
	rest();
	txn = begin();
	replace(txn, REPLACED, NEW);
	replace(txn, AGAIN, NEW);
	cr_assert_eq(finish(txn, 1), 0);
	cr_expect_eq(dp_flow_stats_get(loop.dp, handles[REPLACED], &stats, NULL, 0), 0);
	cr_expect_eq(stats.packets, 3);
	cr_expect(STAILQ_EMPTY(&loop.dp->retired));
}

static uint32_t many[MAX_FLOWS];

static void
many_add(struct dp_txn *txn)
{
	for (unsigned n = 0; n < MAX_FLOWS; n++)
		add(txn, n, NEW, false, &many[n]);
}

/* A full table that is emptied in one commit takes as many again in the next, abort or not. */
Test(commit, of_many_frees_memory_in_time)
{
	struct dp_txn *txn = begin();

	many_add(txn);
	dp_txn_abort(txn);
	cr_expect_not(STAILQ_EMPTY(&loop.dp->retired), "not all at once");
	for (unsigned round = 0; round < 3; round++) {
		txn = begin();
		many_add(txn);
		cr_assert_eq(finish(txn, 4096), 0);
		cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), MAX_FLOWS);
		txn = begin();
		for (unsigned n = 0; n < MAX_FLOWS; n++)
			cr_assert_eq(dp_txn_remove(txn, many[n]), 0);
		cr_assert_eq(finish(txn, 4096), 0);
		cr_expect_eq(dp_flow_count(loop.dp, DP_IPV4), 0);
	}
	while (!STAILQ_EMPTY(&loop.dp->retired))
		dp_txn_abort(begin());
	cr_expect_eq(loop.dp->table4.n_free, loop.dp->table4.n_entries);
}
