/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Workers as control sees them: which lcore polls which queues from which memory, and how they are
 * started and stopped.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <numa.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "dp_private.h"
#include "fastpath.h"

#define STOP_TIMEOUT_MS 5000

/* NUMA node of a CPU; 0 where the kernel knows none. */
static int
core_socket(unsigned core)
{
	int node = numa_available() < 0 ? 0 : numa_node_of_cpu((int)core);

	return node < 0 ? 0 : node;
}

/* A packet counts as one byte: the rate is one of packets. */
static struct rte_ring *
punt_ring_create(unsigned worker, unsigned frames, int socket)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "punt_%u", worker);
	return rte_ring_create(
		name, frames, socket, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
}

static void
punt_ring_free(struct rte_ring *ring)
{
	void *m;

	while (ring != NULL && rte_ring_sc_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

static void
worker_destroy(struct lcore *lc)
{
	punt_ring_free(lc->punt_ring);
	rte_free(lc->counters);
	rte_free(lc->stages);
	rte_free(lc);
}

static struct lcore *
worker_create(struct dp *dp, unsigned index)
{
	unsigned lcore_id = index + 1; /* as dp_eal_init() mapped them */
	unsigned core = (unsigned)rte_lcore_to_cpu_id((int)lcore_id);
	int socket = core_socket(core);
	struct lcore *lc = rte_zmalloc_socket("lcore", sizeof(*lc), RTE_CACHE_LINE_SIZE, socket);

	if (lc == NULL)
		return NULL;
	lc->counters = rte_zmalloc_socket(
		"port_counters", dp->n_ports * sizeof(*lc->counters), RTE_CACHE_LINE_SIZE, socket);
	lc->stages = rte_zmalloc_socket(
		"tx_stages", dp->n_ports * sizeof(*lc->stages), RTE_CACHE_LINE_SIZE, socket);
	lc->punt_ring = punt_ring_create(index, dp->config.punt_ring, socket);
	if (lc->counters == NULL || lc->stages == NULL || lc->punt_ring == NULL) {
		worker_destroy(lc);
		return NULL;
	}
	police_init(&lc->punt_police, &(struct dp_police){
					      .rate_bps = dp->config.punt_rate * UINT64_C(8),
					      .burst_bytes = RTE_MAX(dp->config.punt_rate / 8, 1u),
				      });
	lc->tsc_start = rte_rdtsc();
	lc->ns_mult = ((uint64_t)NS_PER_S << 32) / rte_get_tsc_hz();
	lc->lcore_id = lcore_id;
	lc->core = core;
	lc->index = (uint8_t)index;
	lc->owner = (uint8_t)(index + 1);
	return lc;
}

/* Everything that the fast path reads through its struct lcore. */
static void
worker_wire(struct dp *dp, struct lcore *lc)
{
	const struct pool_set *pools = &dp->pools[core_socket(lc->core)];

	if (pools->packets == NULL)
		pools = &dp->pools[RTE_MAX(dp->ports[0].socket, 0)];
	lc->packet_pool = pools->packets;
	lc->header_pool = pools->headers;
	lc->reference_pool = pools->references;
	lc->n_ports = dp->n_ports;
	lc->stop = &dp->stop;
	lc->view = &dp->view;
	lc->next_hops = dp->next_hops;
	lc->table4 = &dp->table4;
	lc->table6 = &dp->table6;
	lc->legs = &dp->legs;
	lc->leg_counters = dp->legs.counters[lc->index];
	lc->punt_unmatched = dp->punt_unmatched;
	lc->qsbr = dp->qsbr;
	for (unsigned p = 0; p < dp->n_ports; p++) {
		lc->stages[p].ethdev = dp->ports[p].ethdev;
		lc->stages[p].queue = lc->index;
		lc->stages[p].shares_payload = dp->ports[p].shares_payload;
	}
}

static int
worker_add_queue(struct dp *dp, struct lcore *lc, unsigned port, uint16_t queue, char *error,
	size_t error_size)
{
	const struct port *p = &dp->ports[port];

	if (lc->n_queues == LCORE_QUEUES_MAX) {
		snprintf(error, error_size, "worker on core %u: more than %u receive queues",
			lc->core, LCORE_QUEUES_MAX);
		return -ENOSPC;
	}
	if (p->socket >= 0 && p->socket != core_socket(lc->core))
		dp_warn(dp, "worker on core %u (NUMA node %d) polls port %s of node %d", lc->core,
			core_socket(lc->core), p->config.name, p->socket);
	lc->queues[lc->n_queues++] = (struct rx_queue){
		.ethdev = p->ethdev,
		.queue = queue,
		.port = (uint16_t)port,
	};
	return 0;
}

int
dp_workers_create(struct dp *dp, char *error, size_t error_size)
{
	unsigned next = 0;

	for (unsigned w = 0; w < dp->n_workers; w++) {
		dp->workers[w] = worker_create(dp, w);
		if (dp->workers[w] == NULL) {
			snprintf(error, error_size, "no memory for worker %u", w);
			return -ENOMEM;
		}
		worker_wire(dp, dp->workers[w]);
	}
	for (unsigned p = 0; p < dp->n_ports; p++) {
		for (uint16_t q = 0; q < dp->ports[p].n_rx; q++, next++) {
			struct lcore *lc = dp->workers[next % dp->n_workers];
			int ret = worker_add_queue(dp, lc, p, q, error, error_size);

			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

void
dp_workers_destroy(struct dp *dp)
{
	for (unsigned w = 0; w < dp->n_workers; w++) {
		if (dp->workers[w] == NULL)
			continue;
		worker_destroy(dp->workers[w]);
		dp->workers[w] = NULL;
	}
}

int
dp_workers_start(struct dp *dp, char *error, size_t error_size)
{
	__atomic_store_n(&dp->stop, false, __ATOMIC_RELAXED);
	for (unsigned w = 0; w < dp->n_workers; w++) {
		int ret;

		rte_rcu_qsbr_thread_register(dp->qsbr, w);
		ret = rte_eal_remote_launch(fastpath_run, dp->workers[w], dp->workers[w]->lcore_id);
		if (ret < 0) {
			snprintf(error, error_size, "launching worker %u on core %u: %s", w,
				dp->workers[w]->core, strerror(-ret));
			dp_workers_stop(dp);
			return ret;
		}
	}
	dp->running = true;
	return 0;
}

void
dp_workers_stop(struct dp *dp)
{
	unsigned waited_ms = 0;

	__atomic_store_n(&dp->stop, true, __ATOMIC_RELAXED);
	for (unsigned w = 0; w < dp->n_workers; w++) {
		const struct lcore *lc = dp->workers[w];

		while (rte_eal_get_lcore_state(lc->lcore_id) == RUNNING) {
			if (waited_ms++ == STOP_TIMEOUT_MS) {
				dp_warn(dp, "worker on core %u does not stop", lc->core);
				return;
			}
			rte_delay_us_sleep(1000);
		}
		rte_eal_wait_lcore(lc->lcore_id);
		rte_rcu_qsbr_thread_unregister(dp->qsbr, w);
	}
	dp->running = false;
}

unsigned
dp_worker_count(const struct dp *dp)
{
	return dp->n_workers;
}

int
dp_worker_info_get(const struct dp *dp, unsigned worker, struct dp_worker_info *info)
{
	if (worker >= dp->n_workers)
		return -ENOENT;
	info->core = dp->workers[worker]->core;
	info->socket = core_socket(info->core);
	info->rx_queues = dp->workers[worker]->n_queues;
	return 0;
}
