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

#define LOOP_PORTS_MAX 2 /* 0 loops to itself; 1 frees what it is given */

struct loop_rig {
	const struct loop_options *options; /* borrowed */
	struct dp *dp;
	struct rte_ring *rings[LOOP_WORKERS_MAX];
	uint32_t *handles; /* [flow] */
};

/* Bring up EAL, ports, flows and packets; nothing moves yet. 0, or -1 after a message. */
int loop_rig_create(struct loop_rig *rig, const struct loop_options *options);

void loop_rig_destroy(struct loop_rig *rig);

/* The port by which leg `leg` of every flow leaves: the last one circulates. */
static inline uint16_t
loop_leg_port(const struct loop_options *options, unsigned leg)
{
	return leg + 1 == options->legs ? 0 : 1;
}

/* Packets and replicas put on tx so far, by all workers. */
uint64_t loop_rig_sent(const struct loop_rig *rig);

#endif
