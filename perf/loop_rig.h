/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop: a ring-backed port whose transmit rings are its receive rings, one a worker; flows that
 * hand packets round in a random cycle; packets to circulate. One rig a process.
 */
#ifndef PERF_LOOP_RIG_H
#define PERF_LOOP_RIG_H

#include <stdint.h>

#include <dp/dp.h>

#include "loop_options.h"

struct loop_rig {
	const struct loop_options *options; /* borrowed */
	struct dp *dp;
	struct rte_ring *rings[LOOP_WORKERS_MAX];
	uint32_t *handles; /* [flow] */
};

/* Bring up EAL, ports, flows and packets; nothing moves yet. 0, or -1 after a message. */
int loop_rig_create(struct loop_rig *rig, const struct loop_options *options);

/* After dp_stop(): is every packet and every copy accounted for, on ports, flows, legs and rings?
 */
bool loop_rig_conserved(const struct loop_rig *rig);

void loop_rig_destroy(struct loop_rig *rig);

/* Packets and replicas put on tx so far, by all workers. */
uint64_t loop_rig_sent(const struct loop_rig *rig);

#endif
