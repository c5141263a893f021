/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane of one case between two ends of rings: a port is an ethdev over rings of the
 * rig's own, so what is put into its receive ring is what the data plane receives, and what it
 * sends is found in its transmit ring. Control thread only.
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

struct rig {
	const struct golden_case *c;
	enum way way;
	struct dp *dp;
	uint32_t *handles; /* [flow] */
	struct rte_mempool *pool; /* of the frames that go in */
	struct rig_port ports[CASE_PORTS];
	unsigned n_workers;
	size_t n_sent; /* frames that went in */
	uint64_t sent_packets[CASE_PORTS], sent_bytes[CASE_PORTS];
	struct case_frame *received; /* what came out, by port and then in order */
	size_t n_received, n_chained;
};

/*
 * Build ports and data plane for a case, with its flows installed; nothing runs yet. 0, or -1 with
 * the reason in `error`. rig_fini() is due either way.
 */
int rig_init(
	struct rig *rig, const struct golden_case *c, enum way way, char *error, size_t error_size);

/* Start the workers. 0 or -1. */
int rig_start(struct rig *rig, char *error, size_t error_size);

/* Put a frame where its port receives. 0, or -1 when there is no room. */
int rig_send(struct rig *rig, const struct case_frame *frame);

/* Wait until every frame sent is accounted for, a few seconds at most. 0 or -1. */
int rig_settle(const struct rig *rig);

/* Stop the workers and take all that left into rig->received. 0 or -1. */
int rig_stop(struct rig *rig);

/* True when every packet buffer is back in its pool. After rig_stop(). */
bool rig_buffers_are_back(void);

void rig_fini(struct rig *rig);

#endif
