/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers that run while control counts, commits and rewrites next hops. */
#include <criterion/criterion.h>

#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "fixture.h"
#include "loop.h"

#define N_WORKERS 2
#define N_FLOWS 64
#define N_PACKETS 256 /* that go round */
#define RUN_US 1000000
#define TRIES 60 /* of RUN_US: on a busy machine a worker may wait long for its CPU */
#define REPLACEMENTS 300
#define HOP_FRAMES 800
#define HOP_WRITES_A_FRAME 50

static struct loop loop;
static uint32_t handles[N_FLOWS];

/* Each flow sends its packets to its own key. */
static void
flows_add(struct dp_txn *txn)
{
	for (uint32_t n = 0; n < N_FLOWS; n++) {
		struct dp_leg leg;
		struct dp_flow flow = fixture_flow(DP_IPV4, n, &leg, 1);

		loop_leg(n, &leg);
		if (dp_txn_add(txn, &flow, &handles[n]) != 0)
			cr_assert_fail("no room for flow %u", n);
	}
}

static void
setup(bool hears_itself)
{
	struct dp_txn *txn;

	fixture_eal(N_WORKERS);
	loop_init(&loop, 2 * N_FLOWS, hears_itself);
	txn = dp_txn_begin(loop.dp);
	cr_assert_not_null(txn);
	flows_add(txn);
	cr_assert_eq(dp_txn_commit(txn), 0);
}

static void
teardown(void)
{
	loop_fini(&loop);
	dp_eal_fini();
}

TestSuite(workers, .fini = teardown);

static void
start(void)
{
	char error[256] = "";

	cr_assert_eq(dp_start(loop.dp, error, sizeof(error)), 0, "%s", error);
}

/* Packets counted by all flows. */
static uint64_t
flows_count(void)
{
	uint64_t packets = 0;

	for (unsigned n = 0; n < N_FLOWS; n++) {
		struct dp_flow_stats flow;
		struct dp_leg_stats leg;

		cr_assert_eq(dp_flow_stats_get(loop.dp, handles[n], &flow, &leg, 1), 0);
		cr_expect_eq(leg.copies, flow.packets);
		cr_expect_eq(leg.bytes, flow.bytes);
		packets += flow.packets;
	}
	return packets;
}

/* No packet was lost, and port and flows agree on how many there were. */
static void
conservation_check(uint64_t flow_packets, unsigned n_packets)
{
	struct dp_port_stats stats;

	cr_assert_eq(dp_port_stats_get(loop.dp, 0, &stats), 0);
	cr_expect_eq(loop_count(&loop), n_packets);
	for (unsigned r = 0; r < DP_DROP_COUNT; r++)
		cr_expect_eq(stats.drops[r], 0, "%s", dp_drop_name((enum dp_drop)r));
	cr_expect_eq(stats.rx_packets, stats.forwarded);
	cr_expect_eq(stats.copies, stats.tx_packets);
	cr_expect_eq(stats.rx_packets, stats.tx_packets);
	cr_expect_eq(stats.forwarded, flow_packets, "flows counted %lu, the port %lu",
		(unsigned long)flow_packets, (unsigned long)stats.forwarded);
}

static bool
all_took_part(void)
{
	struct dp_worker_stats worker;

	for (unsigned w = 0; w < N_WORKERS; w++) {
		cr_assert_eq(dp_worker_stats_get(loop.dp, w, &worker), 0);
		if (worker.rx_packets == 0)
			return false;
	}
	return true;
}

Test(workers, count_exactly_when_they_meet_in_one_flow)
{
	struct dp_worker_stats worker;
	uint64_t packets = 0;

	setup(true);
	for (unsigned i = 0; i < N_PACKETS; i++)
		loop_put(&loop, i % N_WORKERS, 1, 0);
	start();
	for (unsigned tries = 0; tries == 0 || (tries < TRIES && !all_took_part()); tries++)
		usleep(RUN_US);
	dp_stop(loop.dp);
	for (unsigned w = 0; w < N_WORKERS; w++) {
		cr_assert_eq(dp_worker_stats_get(loop.dp, w, &worker), 0);
		cr_expect_gt(worker.rx_packets, 0, "worker %u took part", w);
		cr_expect_eq(worker.rx_packets, worker.tx_packets);
		cr_expect_leq(worker.busy_loops, worker.loops);
		packets += worker.rx_packets;
	}
	cr_expect_eq(flows_count(), packets);
	conservation_check(flows_count(), N_PACKETS);
}

static void
removed_add(void *arg, uint32_t removed, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	uint64_t *packets = arg;

	(void)removed;
	if (n_legs != 1 || legs[0].copies != flow->packets)
		cr_assert_fail("legs of a removed flow");
	*packets += flow->packets;
}

/* Each packet belongs to the old flow or to the new one; last counters of the old are exact. */
Test(workers, lose_no_packet_while_their_flows_are_replaced)
{
	uint64_t packets = 0;

	setup(true);
	for (unsigned i = 0; i < N_PACKETS; i++)
		loop_put(&loop, i % N_WORKERS, i % N_FLOWS, 0);
	start();
	for (unsigned i = 0; i < REPLACEMENTS; i++) {
		struct dp_txn *txn = dp_txn_begin(loop.dp);

		cr_assert_not_null(txn);
		for (unsigned n = 0; n < N_FLOWS; n++) {
			if (dp_txn_remove(txn, handles[n]) != 0)
				cr_assert_fail("flow %u cannot be removed", n);
		}
		flows_add(txn);
		dp_txn_on_removed(txn, removed_add, &packets);
		cr_assert_eq(dp_txn_commit(txn), 0);
	}
	dp_stop(loop.dp);
	cr_expect_gt(packets, 0);
	conservation_check(packets + flows_count(), N_PACKETS);
}

static const struct dp_next_hop hops[2] = {
	{.dst_mac = {2, 1, 1, 1, 1, 1}, .src_mac = {2, 1, 1, 1, 1, 1}, .mtu = 1500},
	{.dst_mac = {2, 9, 9, 9, 9, 9}, .src_mac = {2, 9, 9, 9, 9, 9}, .mtu = 1000},
};

/* Frames that were sent with MACs of neither next hop. */
static unsigned
frames_torn(void)
{
	unsigned n_torn = 0;
	void *frame;

	for (unsigned w = 0; w < N_WORKERS; w++) {
		while (rte_ring_dequeue(loop.tx[w], &frame) == 0) {
			const void *macs = rte_pktmbuf_mtod((struct rte_mbuf *)frame, void *);

			n_torn +=
				memcmp(macs, &hops[0], 12) != 0 && memcmp(macs, &hops[1], 12) != 0;
			rte_pktmbuf_free(frame);
		}
	}
	return n_torn;
}

/* A next hop that control writes all the time never stops a packet: it is old or new, whole. */
Test(workers, read_next_hops_whole)
{
	setup(false);
	dp_next_hop_set(loop.dp, 0, &hops[0]);
	start();
	for (unsigned i = 0; i < HOP_FRAMES; i++) {
		loop_put(&loop, 0, i % N_FLOWS, 0);
		for (unsigned k = 0; k < HOP_WRITES_A_FRAME; k++)
			dp_next_hop_set(loop.dp, 0, &hops[k % 2]);
	}
	usleep(RUN_US);
	dp_stop(loop.dp);
	conservation_check(flows_count(), HOP_FRAMES);
	cr_expect_eq(frames_torn(), 0);
}

/* The worker that polls the port sends them, beside what it forwards. */
Test(workers, send_what_control_injects)
{
	const uint8_t frame[60] = {0};
	struct dp_port_stats stats;
	unsigned n = 0, worker;

	setup(false);
	start();
	for (unsigned i = 0; i < HOP_FRAMES / 2; i++) {
		loop_put(&loop, 1, i % N_FLOWS, 0);
		n += dp_inject(loop.dp, 0, frame, sizeof(frame), &worker) == 0;
		usleep(1000);
	}
	usleep(RUN_US);
	dp_stop(loop.dp);
	cr_assert_eq(dp_port_stats_get(loop.dp, 0, &stats), 0);
	cr_expect_geq(n, DP_INJECT_RATE_DEFAULT / 8);
	cr_expect_eq(stats.injected, n, "%u were taken", n);
	cr_expect_eq(stats.tx_packets, stats.forwarded + n);
	cr_expect_eq(stats.copies + stats.injected, stats.tx_packets);
	cr_expect_eq(loop_count(&loop), stats.tx_packets);
}
