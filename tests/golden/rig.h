/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane of one case between two ends of rings: a port is an ethdev over rings of the
 * rig's own, so what is put into its receive ring is what the data plane receives, and what it
 * sends is found in its transmit ring. A case with a clock has no worker threads: the thread of
 * the test takes their rounds, at the time that the case says. Control thread only.
 */
#ifndef GOLDEN_RIG_H
#define GOLDEN_RIG_H

#include <stdbool.h>

#include <rte_mempool.h>
#include <rte_ring.h>

#include "case.h"

/* How a case is run; what leaves must be the same each way. */
enum way {
	WAY_SHARED, /* ports take frames in several segments: replicas share the payload */
	WAY_WHOLE, /* ports do not say so: replicas are whole copies */
	WAY_INDIRECT, /* frames come in buffers that are not their mbuf's own */
	WAY_COUNT
};

struct rig_port {
	char device[32];
	struct rte_ring *rx[DP_WORKERS_MAX];
	struct rte_ring *tx[DP_WORKERS_MAX];
};

/* One version of a flow; those that have gone are kept for the names of their handles. */
struct rig_flow {
	uint32_t handle;
	const struct case_flow *flow;
	bool live;
};

struct rig {
	const struct golden_case *c;
	enum way way;
	struct dp *dp;
	struct rig_flow *flows;
	size_t n_flows;
	struct rte_mempool *pool; /* of the frames that go in */
	struct rig_port ports[CASE_PORTS];
	unsigned n_workers;
	uint64_t now_ns;
	size_t n_sent; /* frames that went in */
	uint64_t sent_packets[CASE_PORTS], sent_bytes[CASE_PORTS];
	struct case_frames received; /* what came out, by port and then in order */
	struct case_frames punted; /* what control was given; the flow is named */
	size_t n_chained; /* frames received that share a payload */
};

/*
 * Build ports and data plane of a level for a case, with its flows installed; no worker runs yet.
 * 0, or -1 with the reason in `error`. rig_fini() is due either way.
 */
int rig_init(struct rig *rig, const struct golden_case *c, enum way way, const char *level,
	char *error, size_t error_size);

/* Start the workers, or the ports alone for a case with a clock. 0 or -1. */
int rig_start(struct rig *rig, char *error, size_t error_size);

/* Put a frame where its port receives. 0, or -1 when there is no room. */
int rig_send(struct rig *rig, const struct case_frame *frame);

/*
 * Wait until every frame sent is accounted for, a few seconds at most, or take the rounds that it
 * takes. 0 or -1.
 */
int rig_drain(const struct rig *rig);

/* The clock of a case: nanoseconds since its start. */
void rig_time_set(struct rig *rig, uint64_t at_ns);

/* Stop the workers and take all that left, or was punted, into the rig. 0 or -1. */
int rig_stop(struct rig *rig);

/* Take what has left so far into the rig, port by port. 0 or -1. */
int rig_received_take(struct rig *rig);

/* Room for one more frame of n_bytes, all zero; NULL: no memory. */
struct case_frame *rig_frame_append(struct case_frames *frames, unsigned port, unsigned n_bytes);

/* Take at most `max` punted packets. 0 or -1. */
int rig_punted_take(struct rig *rig, unsigned max);

/* True when every packet buffer is back in its pool. After rig_stop(). */
bool rig_buffers_are_back(void);

void rig_fini(struct rig *rig);

/* Flows of the rig (rig_flows.c). */

/* Set next hops, and add the flows of the case. 0, or -1 with the reason in `error`. */
int rig_flows_install(struct rig *rig, char *error, size_t error_size);

/* One transaction. True when it worked and every flow that left had counted what the case says. */
bool rig_txn(struct rig *rig, const struct case_event *event);

/* The flow that is installed under a name; NULL = none. */
const struct rig_flow *rig_flow_find(const struct rig *rig, const char *id);

/* Name of the flow that has or had a handle; NULL = none. */
const char *rig_flow_name(const struct rig *rig, uint32_t handle);

#endif
