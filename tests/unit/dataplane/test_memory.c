/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which NUMA node each piece of memory is asked from, on a machine made up for it: the port is on
 * node 2, CPU 1 on node 1, CPU 0 on node 3. What is asked for is noted, and taken from anywhere.
 */
#include <criterion/criterion.h>

#include <string.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "action.h"
#include "dp_private.h"
#include "fixture.h"
#include "memory.h"

#define PORT_NODE 2
#define PIECES_MAX 256

void *__real_rte_zmalloc_socket(const char *type, size_t size, unsigned align, int socket);
void *__wrap_rte_zmalloc_socket(const char *type, size_t size, unsigned align, int socket);
struct rte_mempool *__real_rte_pktmbuf_pool_create(const char *name, unsigned n, unsigned cache,
	uint16_t private_bytes, uint16_t room, int socket);
struct rte_mempool *__wrap_rte_pktmbuf_pool_create(const char *name, unsigned n, unsigned cache,
	uint16_t private_bytes, uint16_t room, int socket);
struct rte_ring *__real_rte_ring_create(
	const char *name, unsigned count, int socket, unsigned flags);
struct rte_ring *__wrap_rte_ring_create(
	const char *name, unsigned count, int socket, unsigned flags);
int __wrap_numa_node_of_cpu(int cpu);
int __wrap_rte_eth_dev_socket_id(uint16_t port);

static struct {
	const void *at;
	int node;
} pieces[PIECES_MAX];
static unsigned n_pieces;
static int full_node = -2; /* which has no memory left */
static char error[256];

/* Returns its argument. */
static void *
piece_note(void *at, int node)
{
	cr_assert_lt(n_pieces, PIECES_MAX);
	pieces[n_pieces].at = at;
	pieces[n_pieces++].node = node;
	return at;
}

void *
__wrap_rte_zmalloc_socket(const char *type, size_t size, unsigned align, int socket)
{
	if (socket == full_node)
		return NULL;
	return piece_note(__real_rte_zmalloc_socket(type, size, align, SOCKET_ID_ANY), socket);
}

struct rte_mempool *
__wrap_rte_pktmbuf_pool_create(const char *name, unsigned n, unsigned cache, uint16_t private_bytes,
	uint16_t room, int socket)
{
	return piece_note(
		__real_rte_pktmbuf_pool_create(name, n, cache, private_bytes, room, SOCKET_ID_ANY),
		socket);
}

struct rte_ring *
__wrap_rte_ring_create(const char *name, unsigned count, int socket, unsigned flags)
{
	return piece_note(__real_rte_ring_create(name, count, SOCKET_ID_ANY, flags), socket);
}

int
__wrap_numa_node_of_cpu(int cpu)
{
	return cpu == 1 ? 1 : 3;
}

int
__wrap_rte_eth_dev_socket_id(uint16_t port)
{
	(void)port;
	return PORT_NODE;
}

static int
node_of(const void *at)
{
	for (unsigned i = n_pieces; i-- > 0;) {
		if (pieces[i].at == at)
			return pieces[i].node;
	}
	return -2;
}

static struct dp *
create(void)
{
	const struct dp_port_config port = {.name = "a", .devargs = "net_null0"};
	const struct dp_config config = {.n_ports = 1,
		.ports = &port,
		.max_flows_ipv4 = 16,
		.max_legs = 16,
		.packet_buffers = 1024};
	struct dp *dp;

	fixture_eal(2);
	dp = dp_create(&config, error, sizeof(error));
	cr_assert_not_null(dp, "%s", error);
	return dp;
}

Test(memory, of_tables_is_on_the_node_of_the_port)
{
	struct dp *dp = create();

	cr_expect_eq(node_of(dp->table4.buckets), PORT_NODE);
	cr_expect_eq(node_of(dp->table4.entries), PORT_NODE);
	cr_expect_eq(node_of(dp->table4.state), PORT_NODE);
	cr_expect_eq(node_of(dp->legs.legs), PORT_NODE);
	cr_expect_eq(node_of(dp->next_hops), PORT_NODE);
	cr_expect_eq(node_of(dp->qsbr), PORT_NODE);
	cr_expect_eq(node_of(dp->pools[PORT_NODE].packets), PORT_NODE);
	cr_expect_eq(node_of(dp->pools[PORT_NODE].headers), PORT_NODE);
	cr_expect_null(dp->pools[0].packets);
	dp_destroy(dp);
	dp_eal_fini();
}

Test(memory, of_a_worker_is_on_the_node_of_its_cpu)
{
	struct dp *dp = create();

	for (unsigned w = 0; w < 2; w++) {
		const int node = w == 0 ? 1 : 3;
		const struct lcore *lc = dp->workers[w];

		cr_expect_eq(node_of(lc), node);
		cr_expect_eq(node_of(lc->counters), node);
		cr_expect_eq(node_of(lc->stages), node);
		cr_expect_eq(node_of(lc->punt_ring), node);
		cr_expect_eq(node_of(lc->inject_ring), node);
		cr_expect_eq(node_of(lc->leg_counters), node);
		cr_expect_eq(node_of(dp->table4.foreign[w]), node);
	}
	dp_destroy(dp);
	dp_eal_fini();
}

/* A flow that uses every feature: all that it allocates is beside the tables. */
Test(memory, of_an_action_is_on_the_node_of_the_tables)
{
	struct dp_leg legs[2], stream_leg;
	struct dp_stream stream = {.has_ssrc = true, .ssrc = 1, .legs = &stream_leg, .n_legs = 1};
	struct dp_flow flow = fixture_flow(DP_IPV4, 1, legs, 2);
	struct dp *dp = create();
	struct dp_txn *txn = dp_txn_begin(dp);
	const unsigned n_before = n_pieces;
	uint32_t handle;

	stream_leg = legs[0];
	legs[0].one_in = 2;
	flow.streams = &stream;
	flow.n_streams = 1;
	flow.latch = DP_LATCH_FIRST;
	flow.police = (struct dp_police){.rate_bps = 1000000, .burst_bytes = 10000};
	flow.key.any_source = 1;
	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	cr_assert_eq(dp_txn_add(txn, &flow, &handle), 0);
	cr_assert_eq(dp_txn_commit(txn), 0);
	cr_expect_geq(n_pieces - n_before, 8);
	for (unsigned i = n_before; i < n_pieces; i++)
		cr_expect_eq(pieces[i].node, PORT_NODE, "piece %u", i - n_before);
	dp_destroy(dp);
	dp_eal_fini();
}

Test(memory, is_of_another_node_where_one_is_full)
{
	void *memory;

	fixture_eal(1);
	full_node = PORT_NODE;
	memory = memory_zalloc(1, 64, PORT_NODE);
	cr_assert_not_null(memory);
	cr_expect_eq(node_of(memory), SOCKET_ID_ANY);
	rte_free(memory);
	dp_eal_fini();
}

/* What a worker writes for each packet is in lines of its own. */
Test(memory, of_workers_shares_no_line)
{
	for (unsigned n_streams = 0; n_streams < 20; n_streams++) {
		cr_expect_geq(action_nth_row(n_streams), 1 + n_streams);
		cr_expect_eq(action_nth_row(n_streams) * sizeof(uint64_t) % 64, 0);
		cr_expect_geq(action_streams_row(n_streams), n_streams);
		cr_expect_eq(action_streams_row(n_streams) * sizeof(struct flow_counters) % 64, 0);
	}
}
