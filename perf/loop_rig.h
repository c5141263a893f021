/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop: a ring-backed port whose transmit rings are its receive rings, one a worker; flows that
 * hand packets round in a random cycle; packets to circulate; and a port that frees replicas. One
 * rig a process.
 */
#ifndef PERF_LOOP_RIG_H
#define PERF_LOOP_RIG_H

#include <stdint.h>

#include <dp/dp.h>

#include "loop_options.h"
#include "loop_sink.h"

#define LOOP_PORTS_MAX 2 /* 0 loops to itself; 1 frees what it is given */

struct loop_rig {
	const struct loop_options *options; /* borrowed */
	struct dp *dp;
	struct rte_ring *rings[LOOP_WORKERS_MAX];
	struct loop_sink sinks[LOOP_WORKERS_MAX]; /* of port 1, where there is one */
	uint32_t *handles; /* [flow] */
};

/* Memory that tables and pools take at most, in MB. */
unsigned loop_rig_memory_mb(const struct loop_options *options);

/* Bring up EAL, ports, flows and packets; nothing moves yet. 0, or -1 after a message. */
int loop_rig_create(struct loop_rig *rig, const struct loop_options *options);

void loop_rig_destroy(struct loop_rig *rig);

/* Packets and replicas put on tx so far, by all workers. */
uint64_t loop_rig_sent(const struct loop_rig *rig);

#endif
