/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop: a ring-backed port whose transmit rings are its receive rings, one a worker; flows that
 * hand packets round in a random cycle; packets to circulate; and a port that frees replicas. One
 * rig a process.
 */
#ifndef PERF_LOOP_RIG_H
#define PERF_LOOP_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include <dp/dp.h>

#include "options.h"

#define LOOP_PORTS_MAX 2 /* 0 loops to itself; 1 frees what it is given */

struct rte_ring;

/*
 * Where replicas go: a ring of a port that only sends. When it holds many frames, the worker that
 * sends frees them all at once, as a NIC's driver frees what the NIC has sent. The cycles of that
 * are counted apart: neither our figures nor testpmd's, whose packets circulate, are to hold the
 * price of freeing a packet. One a worker, who alone writes it once it runs.
 */
struct loop_sink {
	struct rte_ring *ring;
	uint64_t frames; /* freed */
	uint64_t cycles; /* of the TSC, spent on it */
	volatile bool is_freeing; /* for what interrupts the worker (steps.c) */
} __attribute__((aligned(64)));

/* How a worker's packets were put in order last. */
struct loop_mixer {
	struct rte_ring *ring; /* that they enter */
	unsigned stride;
	uint16_t waiting; /* frames of the burst before, which wait in the ring for their other half
			   */
} __attribute__((aligned(64)));

struct loop_rig {
	const struct loop_options *options; /* borrowed */
	struct dp *dp;
	struct rte_ring *rings[LOOP_WORKERS_MAX];
	struct rte_ring *sink_rings[LOOP_WORKERS_MAX]; /* that port 1 receives by */
	struct loop_sink sinks[LOOP_WORKERS_MAX]; /* of port 1, where there is one */
	struct loop_mixer mixers[LOOP_WORKERS_MAX]; /* of port 0, with mixed */
	uint32_t *handles; /* [flow] */
};

/* Memory that tables and pools take at most, in MB. */
unsigned loop_rig_memory_mb(const struct loop_options *options);

/*
 * Bring up EAL, ports, flows and packets; nothing moves yet. For a child process, which ends with 1
 * after a message where something fails.
 */
void loop_rig_create(struct loop_rig *rig, const struct loop_options *options);

void loop_rig_destroy(struct loop_rig *rig);

/* DPDK port id of the loop's port. */
uint16_t loop_rig_ethdev(void);

/* Packets and replicas put on tx so far, by all workers. */
uint64_t loop_rig_sent(const struct loop_rig *rig);

/* Cycles that all workers have spent on freeing replicas by now. */
uint64_t loop_rig_freeing_cycles(const struct loop_rig *rig);

/*
 * Let the loop's port, which is started, go to its rings directly. net_ring counts the packets of
 * all its queues in one cache line, which workers would fight for: some six cycles a packet on two
 * lcores, and none of them ours. Where several workers are compared with one, both sides do
 * without that count.
 */
void loop_rig_direct(const struct loop_rig *rig);

#endif
