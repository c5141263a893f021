/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A data plane of plain memory behind the functions of <dp/dp.h>: a test sees what it was told,
 * and makes any of its steps fail.
 */
#ifndef TESTS_STATE_FAKE_DP_H
#define TESTS_STATE_FAKE_DP_H

#include <dp/dp.h>

#define FAKE_FLOWS_MAX 64

enum fake_flow_state { FAKE_FREE, FAKE_ADDED, FAKE_LIVE, FAKE_REMOVED };

struct fake_flow {
	enum fake_flow_state state;
	struct dp_flow_key key;
	unsigned n_legs;
	struct dp_leg legs[DP_FLOW_LEGS_MAX];
};

struct dp {
	unsigned n_ports;
	struct dp_port_info ports[3];
	struct fake_flow flows[FAKE_FLOWS_MAX];
	struct dp_next_hop next_hops[DP_NEXT_HOPS_MAX];
	struct dp_txn *txn; /* the open one */
	unsigned capacity;
	unsigned n_commits;
	unsigned n_aborts;
	/* What is to fail: an error for a step, and how many calls go well before. */
	bool fail_begin;
	int fail_add;
	unsigned adds_before_fail;
	int fail_remove;
	int fail_commit;
	int fail_next_hop;
};

/*
 * Start afresh: ports p0 and p1 with kernel interfaces 10 and 11, and p2 without one. The
 * counters of flow h are packets = 100 + h, bytes = 1000 + h; its leg l made 100 + h copies, of
 * which l were dropped as tx_full.
 */
struct dp *fake_dp_reset(void);

/* Flows that workers would see. */
unsigned fake_dp_live(const struct dp *dp);

#endif
