/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane behind its public API: what dp.c, txn.c, commit.c, retire.c and counters.c share.
 * Control thread only, but for what lcores read through struct lcore.
 */
#ifndef DATAPLANE_DP_PRIVATE_H
#define DATAPLANE_DP_PRIVATE_H

#include <pthread.h>
#include <sys/queue.h>

#include <rte_config.h>
#include <rte_cycles.h>
#include <rte_rcu_qsbr.h>

#include <dp/dp.h>

#include "burst.h"
#include "flow_table.h"
#include "leg_table.h"
#include "pool.h"
#include "port.h"
#include "rule_set.h"

struct exception;

/* Which writes and reads the TAPs of all ports. */
struct exception_thread {
	pthread_t id;
	bool runs;
	bool stop; /* written by control */
};

struct dp {
	struct dp_config config;
	unsigned n_ports;
	struct port ports[DP_PORTS_MAX];
	struct pool_set pools[RTE_MAX_NUMA_NODES];
	struct flow_table table4;
	struct flow_table table6;
	struct leg_table legs;
	struct rule_set rules4;
	struct rule_set rules6;
	union next_hop *next_hops;
	struct rte_rcu_qsbr *qsbr;
	unsigned n_workers;
	struct lcore *workers[DP_WORKERS_MAX];
	struct exception *exceptions[DP_PORTS_MAX]; /* NULL: no path to the kernel */
	struct exception_thread exception_thread;
	/* Read by workers in each round: no line of what changes with a transaction. */
	uint32_t view __rte_cache_aligned; /* enum view */
	bool stop;
	bool punt_unmatched[DP_PORTS_MAX];
	bool running __rte_cache_aligned;
	struct police inject_police; /* of frames that control injects; a frame is one byte */
	uint64_t latches_lost; /* of all workers, as control has seen */
	bool in_txn;
	bool committing; /* the open transaction */
	STAILQ_HEAD(, dp_txn) retired; /* those that are over, and still hold places */
};

static_assert(offsetof(struct dp, view) % RTE_CACHE_LINE_SIZE == 0, "workers read it");
static_assert(offsetof(struct dp, punt_unmatched) + sizeof(bool[DP_PORTS_MAX]) <=
		      offsetof(struct dp, view) + RTE_CACHE_LINE_SIZE,
	"what workers read is one line");
static_assert(offsetof(struct dp, running) % RTE_CACHE_LINE_SIZE == 0, "control writes it");

static inline struct flow_table *
dp_handle_table(struct dp *dp, uint32_t handle)
{
	return (handle & FLOW_HANDLE_IPV6) != 0 ? &dp->table6 : &dp->table4;
}

static inline const struct flow_table *
dp_handle_table_const(const struct dp *dp, uint32_t handle)
{
	return (handle & FLOW_HANDLE_IPV6) != 0 ? &dp->table6 : &dp->table4;
}

static inline struct rule_set *
dp_handle_rules(struct dp *dp, uint32_t handle)
{
	return (handle & FLOW_HANDLE_IPV6) != 0 ? &dp->rules6 : &dp->rules4;
}

static inline uint32_t
dp_handle_index(uint32_t handle)
{
	return handle & ~FLOW_HANDLE_IPV6;
}

/* A packet counts as one byte: the rate is one of packets. */
static inline void
packet_police_init(struct police *police, unsigned rate_pps)
{
	police_init(police, &(struct dp_police){
				    .rate_bps = rate_pps * UINT64_C(8),
				    .burst_bytes = RTE_MAX(rate_pps / 8, 1u),
			    });
}

static inline bool
worker_polls(const struct lcore *lc, uint16_t port)
{
	for (uint16_t q = 0; q < lc->n_queues; q++) {
		if (lc->queues[q].port == port)
			return true;
	}
	return false;
}

/* The workers' clock; while none runs, the time of the last round of `lc`. */
static inline uint64_t
dp_now_ns(const struct dp *dp, const struct lcore *lc)
{
	return dp->running ? lcore_ns(lc, rte_rdtsc()) : lc->now_ns;
}

/* Start the ports alone, without workers: dp_start() does, and tests that are the worker. */
static inline int
dp_ports_start(struct dp *dp, char *error, size_t error_size)
{
	for (unsigned p = 0; p < dp->n_ports; p++) {
		int ret = port_start(&dp->ports[p], error, error_size);

		if (ret < 0)
			return ret;
	}
	return 0;
}

#endif
