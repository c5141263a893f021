/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames that control sends: as they are, counted, and no more than ring and rate allow. */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "dp_private.h"
#include "inject.h"
#include "pass.h"

#define LINK_BYTES 22 /* Ethernet, two tags */
#define MTU_BYTES 1500
#define BURST (DP_INJECT_RATE_DEFAULT / 8)
#define SENT_A_POLL 32
#define TX_PLACES 1023

static struct pass pass;
static uint8_t frame[LINK_BYTES + MTU_BYTES + 1];
static struct lcore *lc;

static void
setup(void)
{
	pass_init(&pass);
	lc = pass.loop.dp->workers[0];
	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)i;
}

static void
teardown(void)
{
	pass_fini(&pass);
}

TestSuite(inject, .init = setup, .fini = teardown);

static int
inject(uint32_t frame_bytes)
{
	unsigned worker = UINT_MAX;
	const int rc = dp_inject(pass.loop.dp, 0, frame, frame_bytes, &worker);

	cr_expect_eq(worker, rc == 0 ? 0 : UINT_MAX);
	return rc;
}

/* As many as the ring holds, whatever the rate. */
static void
rate_lift(void)
{
	police_init(&pass.loop.dp->inject_police,
		&(struct dp_police){.rate_bps = DP_RATE_BPS_MAX, .burst_bytes = 1000000});
}

static struct dp_port_stats
stats_read(void)
{
	struct dp_port_stats stats;
	uint64_t drops = 0;

	cr_assert_eq(dp_port_stats_get(pass.loop.dp, 0, &stats), 0);
	for (unsigned r = DP_COPY_DROP_FIRST; r < DP_DROP_COUNT; r++)
		drops += stats.drops[r];
	cr_expect_eq(stats.copies + stats.injected, stats.tx_packets + drops);
	return stats;
}

Test(inject, a_frame_leaves_as_it_is)
{
	const uint32_t lengths[] = {14, 60, LINK_BYTES + MTU_BYTES};
	struct dp_port_stats stats;
	struct rte_mbuf *m;
	void *sent;

	for (unsigned i = 0; i < RTE_DIM(lengths); i++) {
		cr_assert_eq(inject(lengths[i]), 0);
		cr_expect_eq(rte_ring_count(pass.loop.tx[0]), 0, "sent by control");
		inject_poll(lc);
		cr_assert_eq(rte_ring_dequeue(pass.loop.tx[0], &sent), 0);
		m = sent;
		cr_expect_eq(m->nb_segs, 1);
		cr_expect_eq(m->pkt_len, lengths[i]);
		cr_expect_eq(memcmp(rte_pktmbuf_mtod(m, void *), frame, lengths[i]), 0);
		rte_pktmbuf_free(m);
	}
	stats = stats_read();
	cr_expect_eq(stats.injected, 3);
	cr_expect_eq(stats.tx_packets, 3);
	cr_expect_eq(stats.tx_bytes, lengths[0] + lengths[1] + lengths[2]);
	cr_expect_eq(stats.copies, 0);
}

Test(inject, what_cannot_be_sent_is_refused)
{
	unsigned worker;

	cr_expect_eq(dp_inject(pass.loop.dp, 1, frame, 60, &worker), -EINVAL);
	cr_expect_eq(inject(13), -EINVAL);
	cr_expect_eq(inject(LINK_BYTES + MTU_BYTES + 1), -EMSGSIZE);
	dp_port_down_set(pass.loop.dp, 0, true);
	cr_expect_eq(inject(60), -ENETDOWN);
	inject_poll(lc);
	cr_expect_eq(stats_read().injected, 0);
}

Test(inject, the_rate_is_limited)
{
	unsigned n = 0;

	while (n < 2 * BURST && inject(60) == 0)
		n++;
	/* The bucket fills by one a millisecond meanwhile. */
	cr_expect_geq(n, BURST);
	cr_expect_lt(n, 2 * BURST);
	for (unsigned tries = 0; tries < 100 && inject(60) == -EDQUOT; tries++)
		usleep(1000);
	while (rte_ring_count(lc->inject_ring) > 0)
		inject_poll(lc);
	cr_expect_eq(stats_read().injected, n + 1);
}

Test(inject, the_ring_is_bounded)
{
	rate_lift();
	for (unsigned i = 0; i < INJECT_RING; i++)
		cr_assert_eq(inject(60), 0);
	cr_expect_eq(inject(60), -ENOBUFS);
	inject_poll(lc);
	cr_expect_eq(stats_read().injected, SENT_A_POLL, "one poll is bounded");
	cr_expect_eq(inject(60), 0);
}

Test(inject, what_the_device_does_not_take_is_counted)
{
	struct dp_port_stats stats;

	rate_lift();
	for (unsigned i = 0; i < TX_PLACES + 2; i++) {
		cr_assert_eq(inject(60), 0);
		inject_poll(lc);
	}
	stats = stats_read();
	cr_expect_eq(stats.injected, TX_PLACES + 2);
	cr_expect_eq(stats.tx_packets, TX_PLACES);
	cr_expect_eq(stats.drops[DP_DROP_tx_full], 2);
	cr_expect_eq(stats.tx_bytes, TX_PLACES * 60);
}

Test(inject, a_port_may_lose_its_link_meanwhile)
{
	struct dp_port_stats stats;

	cr_assert_eq(inject(60), 0);
	dp_port_down_set(pass.loop.dp, 0, true);
	inject_poll(lc);
	stats = stats_read();
	cr_expect_eq(stats.injected, 1);
	cr_expect_eq(stats.tx_packets, 0);
	cr_expect_eq(stats.drops[DP_DROP_port_down], 1);
}

Test(inject, no_buffer_is_lost)
{
	const struct rte_mempool *pool = lc->packet_pool;
	const unsigned n_before = rte_mempool_avail_count(pool);

	for (unsigned i = 0; i < 8; i++)
		cr_assert_eq(inject(60), 0);
	cr_expect_eq(rte_mempool_avail_count(pool), n_before - 8);
	inject_poll(lc);
	for (void *m; rte_ring_dequeue(pass.loop.tx[0], &m) == 0;)
		rte_pktmbuf_free(m);
	cr_expect_eq(rte_mempool_avail_count(pool), n_before);
}
