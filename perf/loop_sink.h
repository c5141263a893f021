/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where replicas go. A port that only sends, into rings of ours; when one holds many frames, the
 * worker that sends frees them all at once, as a NIC's driver frees what the NIC has sent. The
 * cycles of that are counted apart, since neither our figures nor testpmd's, whose packets
 * circulate, are to hold the price of freeing a packet.
 */
#ifndef PERF_LOOP_SINK_H
#define PERF_LOOP_SINK_H

#include <stdint.h>

#define LOOP_SINK_NAME "free"
#define LOOP_SINK_DEVICE "net_ring_" LOOP_SINK_NAME

struct rte_ring;

/* Of one worker, who alone writes it once it runs. */
struct loop_sink {
	struct rte_ring *ring;
	uint64_t frames; /* freed */
	uint64_t cycles; /* of the TSC, spent on it */
} __attribute__((aligned(64)));

/* Make the device, with a ring a worker. 0, or -1 after a message. */
int loop_sinks_init(struct loop_sink *sinks, unsigned n_workers);

/* Free from now on what arrives; once the data plane has configured the device. 0 or -1. */
int loop_sinks_attach(struct loop_sink *sinks, unsigned n_workers);

/* Free what is still in the rings; nothing may be sent any more. */
void loop_sinks_drain(struct loop_sink *sinks, unsigned n_workers);

/* Cycles spent on freeing by now, by all workers. */
uint64_t loop_sinks_cycles(const struct loop_sink *sinks, unsigned n_workers);

#endif
