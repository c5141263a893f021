/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz the whole pipeline: the bytes are a script of transactions, frames and time. The worker is
 * this thread. After each script every buffer is back in its pool and every packet accounted for,
 * on the port and on each flow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "dp_private.h"
#include "fastpath.h"
#include "fixture.h"
#include "loop.h"
#include "script.h"

#define MAX_FLOWS 16
#define ACTIONS_MAX 64
#define NS_PER_STEP 300000
#define SMALL_MTU 300

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct installed {
	uint32_t handle; /* DP_HANDLE_NONE = no flow here */
	struct script_flow flow;
};

static struct loop loop;
static struct installed installed[MAX_FLOWS];
static uint64_t now_ns;

static void
require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_pipeline: %s\n", what);
	abort();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct dp_next_hop small = {.mtu = SMALL_MTU};
	char error[256] = "";

	(void)argc;
	(void)argv;
	fixture_eal(1);
	loop_init(&loop, MAX_FLOWS, false);
	require(dp_next_hop_set(loop.dp, 1, &small) == 0, "no next hop"); /* 2 is unresolved */
	require(dp_ports_start(loop.dp, error, sizeof(error)) == 0, error);
	loop.dp->punt_unmatched[0] = true;
	for (unsigned i = 0; i < MAX_FLOWS; i++)
		installed[i].handle = DP_HANDLE_NONE;
	return 0;
}

/* The law of a flow, when its counters are final. */
static void
removed_check(void *arg, uint32_t handle, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	uint64_t accounted = flow->forwarded + flow->punted;

	(void)arg;
	(void)handle;
	for (unsigned r = 0; r < DP_FLOW_DROP_COUNT; r++)
		accounted += flow->drops[r];
	require(flow->packets == accounted, "a flow's packets are not accounted for");
	for (unsigned i = 0; i < n_legs; i++) {
		uint64_t dropped = 0;

		for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
			dropped += legs[i].drops[r];
		require(dropped <= legs[i].copies, "a leg dropped more than it had");
		require(legs[i].copies <= flow->packets, "a leg had more than its flow");
	}
}

/* One change in a transaction of its own; what is refused changes nothing. */
static void
change_act(struct cursor *cursor)
{
	struct installed *slot = &installed[take_below(cursor, MAX_FLOWS)];
	struct dp_txn *txn = dp_txn_begin(loop.dp);
	uint16_t from[SCRIPT_LEGS_MAX];
	struct script_flow drawn;
	uint32_t handle = DP_HANDLE_NONE;
	int ret;

	require(txn != NULL, "no transaction");
	dp_txn_on_removed(txn, removed_check, NULL);
	if (slot->handle == DP_HANDLE_NONE) {
		script_flow_draw(&drawn, cursor, NULL);
		ret = dp_txn_add(txn, &drawn.flow, &handle);
	} else if (take_below(cursor, 3) == 0) {
		ret = dp_txn_remove(txn, slot->handle);
	} else {
		script_flow_draw(&drawn, cursor, &slot->flow);
		for (unsigned i = 0; i < SCRIPT_LEGS_MAX; i++)
			from[i] = (uint16_t)(take_below(cursor, 2) != 0 ? i : DP_LEG_NEW);
		ret = dp_txn_replace(txn, slot->handle, &drawn.flow, from, &handle);
	}
	if (ret < 0 || take_below(cursor, 8) == 7) {
		dp_txn_abort(txn);
		return;
	}
	require(dp_txn_commit(txn) == 0, "commit failed");
	slot->handle = handle;
	slot->flow = drawn;
	slot->flow.flow.rule = drawn.flow.rule != NULL ? &slot->flow.rule : NULL;
}

static void
frame_act(struct cursor *cursor)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(loop.pool);
	uint8_t frame[SCRIPT_FRAME_MAX];
	size_t bytes = script_frame_draw(frame, cursor);

	require(m != NULL, "no buffer");
	memcpy(rte_pktmbuf_append(m, (uint16_t)bytes), frame, bytes);
	if (rte_ring_enqueue(loop.rx[0], m) != 0)
		rte_pktmbuf_free(m);
}

static void
punted_check(void *arg, const struct dp_punted *punted)
{
	(void)arg;
	require(punted->port == 0 && punted->frame_bytes > 0, "a punted packet is odd");
}

/* What has left, and what was punted, goes back to its pools. */
static void
drain(void)
{
	void *m;

	while (rte_ring_dequeue(loop.tx[0], &m) == 0) {
		rte_mbuf_sanity_check(m, 1);
		rte_pktmbuf_free(m);
	}
	dp_punt_poll(loop.dp, UINT32_MAX, punted_check, NULL);
}

static void
round_act(struct cursor *cursor)
{
	now_ns += (uint64_t)take_byte(cursor) * NS_PER_STEP;
	while (loop.dp->workers[0]->fastpath->round(loop.dp->workers[0], now_ns) > 0)
		;
	drain();
}

static void
pool_check(const struct rte_mempool *pool)
{
	require(rte_mempool_avail_count(pool) == pool->size, "a buffer is lost");
}

static void
laws_check(void)
{
	struct dp_port_stats s;
	uint64_t in, out;

	require(dp_port_stats_get(loop.dp, 0, &s) == 0, "no counters");
	in = s.forwarded + s.punted;
	out = s.tx_packets;
	for (unsigned r = 0; r < DP_DROP_COUNT; r++)
		*(r < DP_PACKET_DROP_COUNT ? &in : &out) += s.drops[r];
	require(s.rx_packets == in, "packets are not accounted for");
	require(s.copies == out, "copies are not accounted for");
	pool_check(loop.pool);
	pool_check(loop.dp->pools[0].packets);
	pool_check(loop.dp->pools[0].headers);
	pool_check(loop.dp->pools[0].references);
}

static void
flows_remove(void)
{
	struct dp_txn *txn = dp_txn_begin(loop.dp);

	require(txn != NULL, "no transaction");
	dp_txn_on_removed(txn, removed_check, NULL);
	for (unsigned i = 0; i < MAX_FLOWS; i++) {
		if (installed[i].handle != DP_HANDLE_NONE)
			require(dp_txn_remove(txn, installed[i].handle) == 0, "a flow is lost");
		installed[i].handle = DP_HANDLE_NONE;
	}
	require(dp_txn_commit(txn) == 0, "commit failed");
	require(dp_leg_count(loop.dp) == 0, "a leg is lost");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor cursor = {.at = data, .left = size};

	for (unsigned i = 0; i < ACTIONS_MAX && cursor.left > 0; i++) {
		switch (take_below(&cursor, 8)) {
		case 0:
		case 1:
			change_act(&cursor);
			break;
		case 2:
			round_act(&cursor);
			break;
		default:
			frame_act(&cursor);
		}
	}
	round_act(&cursor);
	flows_remove();
	laws_check();
	return 0;
}
