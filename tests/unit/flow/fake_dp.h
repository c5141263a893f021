/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A data plane of plain memory behind the functions of <dp/dp.h>: a test sees the calls,
 * and makes any of its steps fail.
 */
#ifndef TESTS_FLOW_FAKE_DP_H
#define TESTS_FLOW_FAKE_DP_H

#include <dp/dp.h>
#include <dp/trace.h>

#define FAKE_FLOWS_MAX 2048
#define FAKE_STREAMS_MAX 8

enum fake_flow_state {
	FAKE_FREE,
	FAKE_ADDED, /* or the new version of another, until commit */
	FAKE_LIVE,
	FAKE_REMOVED, /* until commit, as the next */
	FAKE_REPLACED,
};

struct fake_flow {
	enum fake_flow_state state;
	struct dp_flow_key key;
	bool has_rule;
	struct dp_rule rule;
	struct dp_flow flow; /* its pointers lead to the arrays below, or nowhere */
	struct dp_leg *legs;
	struct dp_stream streams[FAKE_STREAMS_MAX];
	struct dp_prefix allow[DP_ALLOW_MAX];
	uint32_t version_of; /* the handle that it replaces, or DP_HANDLE_NONE */
	/* What counters are made of. */
	uint32_t origin; /* handle of the first version */
	uint16_t *numbers; /* of the legs: a leg keeps its own */
	uint16_t last_number;
	uint64_t more_packets; /* a test may let packets come */
	struct dp_sources sources;
	struct dp_latched latched; /* and sources be learned, */
	bool moved; /* which dp_latch_poll() is to tell */
};

struct dp {
	unsigned n_ports;
	struct dp_port_info ports[3];
	bool down[3]; /* of ports */
	struct fake_flow flows[FAKE_FLOWS_MAX];
	struct dp_next_hop next_hops[DP_NEXT_HOPS_MAX];
	struct dp_txn *txn; /* the open one */
	unsigned capacity;
	unsigned leg_capacity;
	unsigned n_commits;
	unsigned n_aborts;
	/* What dp_punt_poll() is to hand over, once. */
	const struct dp_punted *punted;
	unsigned n_punted;
	/* What dp_trace() is to say, and what it was asked last. */
	struct dp_trace trace;
	const struct dp_trace_leg *trace_legs;
	unsigned n_trace_legs;
	struct dp_trace_request trace_request; /* its frame is the next */
	uint8_t traced[DP_TRACE_FRAME_MAX];
	/* What dp_inject() was given last, and how often. */
	unsigned n_injected;
	unsigned injected_port;
	uint32_t injected_bytes;
	uint8_t injected[2048];
	/* What is to fail: an error for a step, and how many calls go well before. */
	bool fail_begin;
	int fail_add; /* dp_txn_replace() too */
	unsigned adds_before_fail;
	int fail_remove;
	int fail_prepare;
	uint64_t
		no_room_for; /* latch_cookie: its next version has no room for its legs; 0 = none */
	int fail_commit; /* -ETIMEDOUT */
	unsigned steps_to_commit; /* that end with -EAGAIN */
	bool abort_begun; /* a step of an abort was made: the next one ends it */
	int fail_next_hop;
	int fail_inject;
};

/*
 * Start afresh: ports p0 and p1 with kernel interfaces 10 and 11, and p2 without one. A flow that
 * was installed with handle h has counters packets = forwarded + 1 policed = 100 + h, bytes =
 * 1000 + h, under whatever handle it runs. Its leg that was the l-th to come made 100 + h copies,
 * of which l were dropped as tx_full. Its stream s has packets = 200 + s, bytes = 2000 + s, and l
 * drops of its leg l.
 */
struct dp *fake_dp_reset(void);

const struct dp *fake_txn_dp(const struct dp_txn *txn);

/* Flows that workers would see. */
unsigned fake_dp_live(const struct dp *dp);

/* The flow that is live, when there is one only; the test ends otherwise. */
struct fake_flow *fake_dp_only(struct dp *dp);

#endif
