/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A data plane between two ends of rings, in the thread of the test, which is its only worker: a
 * round is taken when the test says so, at the time that the test says.
 */
#ifndef MODEL_RIG_H
#define MODEL_RIG_H

#include <rte_mempool.h>
#include <rte_ring.h>

#include "packets.h"

struct rig_config {
	struct model_config model;
	const char *level; /* as in dp_config */
	bool whole_copies[MODEL_PORTS]; /* the port does not take frames in several buffers */
	bool indirect; /* frames come in buffers that are not their mbuf's own */
};

struct rig_port {
	char device[32];
	struct rte_ring *rx, *tx;
};

struct rig {
	struct dp *dp;
	struct rte_mempool *pool; /* of the frames that go in */
	struct rig_port ports[MODEL_PORTS];
	bool indirect;
};

/* Flows that a table has room for, and legs. */
#define RIG_FLOWS 256
#define RIG_LEGS 65536

/* 0, or -1 with the reason in `error`. rig_fini() is due either way. */
int rig_init(struct rig *rig, const struct rig_config *config, char *error, size_t error_size);
void rig_fini(struct rig *rig);

/* Put a frame where its port receives; ends the process when there is no room. */
void rig_send(struct rig *rig, const struct test_frame *frame);

/* One round of the worker. Packets that came. */
unsigned rig_round(struct rig *rig, uint64_t now_ns);

/*
 * Whether a commit of several changes, which `adds` flows or not, is effective for the worker.
 * Asked after each step; *was_old is false before the first, and this function's own then.
 */
bool rig_is_changed(const struct rig *rig, bool adds, bool *was_old);

/* Frames that a port has sent and nobody has taken. */
unsigned rig_sent(const struct rig *rig, unsigned port);

/* The oldest of them, copied to `bytes`. Its length; -1 = its mbufs are not in order. */
int rig_take(struct rig *rig, unsigned port, uint8_t *bytes, unsigned room);

/* True when every packet buffer is back in its pool. */
bool rig_buffers_are_back(void);

#endif
