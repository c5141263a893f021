/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames between a port and the kernel, in whose place the other end of a pair of sockets is. */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_eth_ring.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "dp_private.h"
#include "exception_path.h"
#include "fastpath.h"
#include "fixture.h"
#include "inject.h"

#define FRAME_BYTES 60
#define MTU_BYTES 1500
#define LINK_BYTES 22 /* Ethernet, two tags */
#define PLACES 512
#define IFINDEX 77
#define WAIT_MS 20000

static struct dp *dp;
static struct lcore *lc;
static struct rte_ring *rx, *tx;
static struct rte_mempool *pool;
static int kernel, tap; /* two ends */

static void
tap_make(void)
{
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	kernel = ends[0];
	tap = ends[1];
}

static void
setup(void)
{
	const struct dp_port_config port = {
		.name = "p0", .devargs = "net_ring_exception", .kernel_path = true};
	const struct dp_config config = {.n_ports = 1,
		.ports = &port,
		.max_flows_ipv4 = 16,
		.max_flows_ipv6 = 16,
		.packet_buffers = 4096};
	char error[256] = "";

	fixture_eal(1);
	rx = rte_ring_create("exception_rx", PLACES, SOCKET_ID_ANY, 0);
	tx = rte_ring_create("exception_tx", PLACES, SOCKET_ID_ANY, 0);
	pool = rte_pktmbuf_pool_create(
		"exception", 4096, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	cr_assert(rx != NULL && tx != NULL && pool != NULL);
	cr_assert_geq(rte_eth_from_rings("exception", &rx, 1, &tx, 1, 0), 0);
	dp = dp_create(&config, error, sizeof(error));
	cr_assert_not_null(dp, "%s", error);
	lc = dp->workers[0];
	tap_make();
	cr_assert_eq(dp_kernel_path_set(dp, 0, tap, IFINDEX), 0);
}

static void
teardown(void)
{
	dp_destroy(dp);
	dp_eal_fini();
	close(tap);
	close(kernel);
}

TestSuite(exception_path, .init = setup, .fini = teardown);

/* The test is the worker, and the thread. */
static void
worker_be(void)
{
	char error[256] = "";

	cr_assert_eq(dp_ports_start(dp, error, sizeof(error)), 0, "%s", error);
}

/* A frame of ARP, which no flow claims; `id` is its own. */
static void
arp_put(uint8_t id)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *frame;

	cr_assert_not_null(m);
	frame = (uint8_t *)rte_pktmbuf_append(m, FRAME_BYTES);
	memset(frame, id, FRAME_BYTES);
	memcpy(frame + 12, "\x08\x06", 2);
	cr_assert_eq(rte_ring_enqueue(rx, m), 0);
}

/* What the kernel gets has this id. */
static void
expect_arp(uint8_t id)
{
	uint8_t frame[FRAME_BYTES + 1];

	cr_assert_eq(read(kernel, frame, sizeof(frame)), FRAME_BYTES, "%s", strerror(errno));
	cr_expect_eq(frame[0], id);
	cr_expect_eq(frame[FRAME_BYTES - 1], id);
}

static struct dp_port_stats
stats_read(void)
{
	uint64_t packet_drops = 0, copy_drops = 0, to_kernel = 0;
	struct dp_port_stats stats;

	cr_assert_eq(dp_port_stats_get(dp, 0, &stats), 0);
	for (unsigned r = 0; r < DP_DROP_COUNT; r++)
		*(r < DP_PACKET_DROP_COUNT ? &packet_drops : &copy_drops) += stats.drops[r];
	for (unsigned class = 0; class < DP_EXCEPTION_COUNT; class ++)
		to_kernel += stats.to_kernel[class];
	cr_expect_eq(stats.rx_packets, stats.forwarded + stats.punted + packet_drops);
	cr_expect_eq(stats.copies + stats.injected, stats.tx_packets + copy_drops);
	cr_expect_eq(stats.punted, to_kernel);
	cr_expect_eq(stats.injected, stats.from_kernel);
	return stats;
}

Test(exception_path, the_port_has_the_interface_of_its_tap)
{
	struct dp_port_info info;

	cr_assert_eq(dp_port_info_get(dp, 0, &info), 0);
	cr_expect_eq(info.ifindex, IFINDEX);
	cr_expect(info.kernel_path);
	cr_expect_eq(dp_kernel_path_set(dp, 1, tap, IFINDEX), -EINVAL);
	cr_expect_eq(dp_kernel_path_set(dp, 0, -1, IFINDEX), -EBADF);
}

Test(exception_path, frames_go_up_in_their_order)
{
	const unsigned n_free = rte_mempool_avail_count(pool);
	struct dp_port_stats stats;

	worker_be();
	for (uint8_t id = 1; id <= 40; id++)
		arp_put(id);
	lc->fastpath->round(lc, 1);
	while (exceptions_turn(dp))
		;
	for (uint8_t id = 1; id <= 40; id++)
		expect_arp(id);
	stats = stats_read();
	cr_expect_eq(stats.to_kernel[DP_EXCEPTION_link], 40);
	cr_expect_eq(stats.kernel_refused, 0);
	cr_expect_eq(rte_mempool_avail_count(pool), n_free);
}

Test(exception_path, frames_go_down_as_they_are)
{
	const unsigned n_free = rte_mempool_avail_count(lc->packet_pool);
	uint8_t frame[LINK_BYTES + MTU_BYTES + 1];
	struct dp_port_stats stats;
	void *sent;

	worker_be();
	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)i;
	cr_assert_eq(write(kernel, frame, 42), 42);
	cr_assert_eq(write(kernel, frame, sizeof(frame) - 1), sizeof(frame) - 1);
	cr_assert_eq(write(kernel, frame, sizeof(frame)), sizeof(frame), "longer than the MTU");
	exceptions_turn(dp);
	inject_poll(lc);
	for (unsigned i = 0; i < 2; i++) {
		const uint32_t bytes = i == 0 ? 42 : LINK_BYTES + MTU_BYTES;
		struct rte_mbuf *m;

		cr_assert_eq(rte_ring_dequeue(tx, &sent), 0);
		m = sent;
		cr_expect_eq(m->pkt_len, bytes);
		cr_expect_eq(memcmp(rte_pktmbuf_mtod(m, void *), frame, bytes), 0);
		rte_pktmbuf_free(m);
	}
	cr_expect_eq(rte_ring_count(tx), 0);
	stats = stats_read();
	cr_expect_eq(stats.from_kernel, 2);
	cr_expect_eq(stats.tx_packets, 2);
	cr_expect_eq(stats.kernel_lost, 1);
	cr_expect_eq(rte_mempool_avail_count(lc->packet_pool), n_free);
}

Test(exception_path, a_worker_that_is_late_loses_what_its_ring_does_not_hold)
{
	const uint8_t frame[FRAME_BYTES] = {0};
	struct dp_port_stats stats;

	worker_be();
	for (unsigned i = 0; i < INJECT_RING + 3; i++) {
		cr_assert_eq(write(kernel, frame, sizeof(frame)), sizeof(frame));
		exceptions_turn(dp);
	}
	cr_expect_eq(stats_read().kernel_lost, 3);
	while (rte_ring_count(lc->kernel_ring) > 0)
		inject_poll(lc);
	stats = stats_read();
	cr_expect_eq(stats.from_kernel, INJECT_RING);
	cr_expect_eq(stats.tx_packets, INJECT_RING);
}

Test(exception_path, what_the_kernel_does_not_take_is_counted)
{
	worker_be();
	signal(SIGPIPE, SIG_IGN);
	close(kernel);
	arp_put(1);
	lc->fastpath->round(lc, 1);
	exceptions_turn(dp);
	cr_expect_eq(stats_read().kernel_refused, 1);
	/* Another TAP in its place. */
	close(tap);
	tap_make();
	cr_assert_eq(dp_kernel_path_set(dp, 0, tap, IFINDEX), 0);
	arp_put(2);
	lc->fastpath->round(lc, 1);
	exceptions_turn(dp);
	expect_arp(2);
	cr_expect_eq(stats_read().kernel_refused, 1);
}

/* With worker and thread of their own. */
Test(exception_path, the_thread_passes_frames_both_ways)
{
	struct pollfd readable = {.fd = kernel, .events = POLLIN};
	const uint8_t frame[FRAME_BYTES] = {1};
	char error[256] = "";
	unsigned ms = 0;

	cr_assert_eq(dp_start(dp, error, sizeof(error)), 0, "%s", error);
	arp_put(9);
	cr_assert_eq(poll(&readable, 1, WAIT_MS), 1);
	expect_arp(9);
	cr_assert_eq(write(kernel, frame, sizeof(frame)), sizeof(frame));
	while (rte_ring_count(tx) == 0 && ms++ < WAIT_MS)
		usleep(1000);
	cr_expect_eq(rte_ring_count(tx), 1);
	dp_stop(dp);
	stats_read();
}
