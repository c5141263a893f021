/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane put together and taken apart: ports, pools, tables, and workers as control sees
 * them: which lcore polls which queues from which memory, and how they are started and stopped.
 */
#include <errno.h>
#include <numa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "dp_private.h"
#include "fastpath.h"
#include "level.h"
#include "pool.h"
#include "port.h"
#include "retire.h"
#include "rule_set.h"
#include "warn.h"

/* What drivers keep besides their descriptors (net_af_xdp: 4096 in a fill ring a queue). */
#define PACKETS_A_QUEUE_EXTRA 4096
#define PACKETS_A_WORKER 1024
#define XDP_HEADROOM_BYTES 256 /* which net_af_xdp leaves free in each buffer besides our own */
#define FRAME_OVERHEAD_BYTES \
	(RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN + XDP_HEADROOM_BYTES)
#define FRAME_BYTES_MIN 2048
#define STOP_TIMEOUT_MS 5000

/* Where the memory for a port belongs. */
static int
port_memory_socket(const struct port *port)
{
	return RTE_MAX(port->socket, 0);
}

static int
ports_open(struct dp *dp, char *error, size_t error_size)
{
	for (unsigned p = 0; p < dp->config.n_ports; p++) {
		int ret = port_open(
			&dp->ports[p], &dp->config.ports[p], dp->n_workers, error, error_size);

		if (ret < 0)
			return ret;
		dp->punt_unmatched[p] = dp->config.ports[p].punt_unmatched;
		dp->n_ports++;
	}
	return 0;
}

/* The longest frame of any port: a worker may copy it into a buffer of any socket. */
static unsigned
frame_bytes_max(const struct dp *dp)
{
	unsigned bytes = FRAME_BYTES_MIN;

	for (unsigned p = 0; p < dp->n_ports; p++)
		bytes = RTE_MAX(bytes, (unsigned)dp->ports[p].mtu + (unsigned)FRAME_OVERHEAD_BYTES);
	return bytes;
}

/* Pools on each socket that has a port, big enough for the queues there. */
static int
pools_create(struct dp *dp, char *error, size_t error_size)
{
	const unsigned frame_bytes = frame_bytes_max(dp);

	for (int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
		unsigned n = PACKETS_A_WORKER * dp->n_workers;
		bool wanted = false, registered = false;
		int ret;

		for (unsigned p = 0; p < dp->n_ports; p++) {
			const struct port *port = &dp->ports[p];

			if (port_memory_socket(port) != socket)
				continue;
			wanted = true;
			registered = registered || port->registers_pool;
			n += port->n_rx * (port->n_rx_descriptors + PACKETS_A_QUEUE_EXTRA) +
			     port->n_tx * port->n_tx_descriptors;
		}
		if (!wanted)
			continue;
		if (dp->config.packet_buffers != 0)
			n = dp->config.packet_buffers;
		ret = pool_set_init(
			&dp->pools[socket], socket, n, frame_bytes, registered, error, error_size);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
tables_create(struct dp *dp, char *error, size_t error_size)
{
	int socket = port_memory_socket(&dp->ports[0]);
	int ret = leg_table_init(&dp->legs, dp->config.max_legs, dp->n_workers, socket);

	if (ret == 0)
		ret = flow_table_init(&dp->table4, DP_IPV4, dp->config.max_flows_ipv4,
			dp->n_workers, socket, &dp->legs);
	if (ret == 0)
		ret = flow_table_init(&dp->table6, DP_IPV6, dp->config.max_flows_ipv6,
			dp->n_workers, socket, &dp->legs);
	dp->next_hops = rte_zmalloc_socket("next_hops", DP_NEXT_HOPS_MAX * sizeof(*dp->next_hops),
		RTE_CACHE_LINE_SIZE, socket);
	dp->qsbr = rte_zmalloc_socket(
		"qsbr", rte_rcu_qsbr_get_memsize(dp->n_workers), RTE_CACHE_LINE_SIZE, socket);
	if (ret < 0 || dp->next_hops == NULL || dp->qsbr == NULL) {
		snprintf(error, error_size,
			"no memory for tables of %u IPv4 flows, %u IPv6 flows and %u legs (more"
			" hugepages, or smaller tables)",
			dp->config.max_flows_ipv4, dp->config.max_flows_ipv6, dp->config.max_legs);
		return -ENOMEM;
	}
	return rte_rcu_qsbr_init(dp->qsbr, dp->n_workers) == 0 ? 0 : -EINVAL;
}

static int
ports_configure(struct dp *dp, char *error, size_t error_size)
{
	for (unsigned p = 0; p < dp->n_ports; p++) {
		struct port *port = &dp->ports[p];
		int ret = port_configure(
			port, dp->pools[port_memory_socket(port)].packets, error, error_size);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* NUMA node of a CPU; 0 if the kernel has none. */
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

static int
workers_create(struct dp *dp, char *error, size_t error_size)
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

static void
workers_destroy(struct dp *dp)
{
	for (unsigned w = 0; w < dp->n_workers; w++) {
		if (dp->workers[w] == NULL)
			continue;
		worker_destroy(dp->workers[w]);
		dp->workers[w] = NULL;
	}
}

/* Waits at most a few seconds. */
static void
workers_stop(struct dp *dp)
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

static int
workers_start(struct dp *dp, char *error, size_t error_size)
{
	__atomic_store_n(&dp->stop, false, __ATOMIC_RELAXED);
	for (unsigned w = 0; w < dp->n_workers; w++) {
		int ret;

		rte_rcu_qsbr_thread_register(dp->qsbr, w);
		ret = rte_eal_remote_launch(
			dp->fastpath->run, dp->workers[w], dp->workers[w]->lcore_id);
		if (ret < 0) {
			snprintf(error, error_size, "launching worker %u on core %u: %s", w,
				dp->workers[w]->core, strerror(-ret));
			workers_stop(dp);
			return ret;
		}
	}
	dp->running = true;
	return 0;
}

struct dp *
dp_create(const struct dp_config *config, char *error, size_t error_size)
{
	const struct level_host host = level_host_get();
	const struct fastpath *fastpath;
	struct dp *dp;

	if (config->n_ports == 0 || config->n_ports > DP_PORTS_MAX ||
		config->max_flows_ipv4 > DP_FLOWS_MAX || config->max_flows_ipv6 > DP_FLOWS_MAX ||
		config->max_legs > DP_LEGS_MAX) {
		snprintf(error, error_size,
			"found %u ports, expected 1 to %u; at most %u flows and %u legs",
			config->n_ports, DP_PORTS_MAX, DP_FLOWS_MAX, DP_LEGS_MAX);
		return NULL;
	}
	fastpath = level_choose(&host, config->cpu_level, error, error_size);
	if (fastpath == NULL)
		return NULL;
	dp = calloc(1, sizeof(*dp));
	if (dp == NULL) {
		snprintf(error, error_size, "no memory");
		return NULL;
	}
	STAILQ_INIT(&dp->retired);
	dp->config = *config;
	dp->fastpath = fastpath;
	if (dp->config.punt_ring == 0)
		dp->config.punt_ring = DP_PUNT_RING_DEFAULT;
	if (dp->config.punt_rate == 0)
		dp->config.punt_rate = DP_PUNT_RATE_DEFAULT;
	dp->n_workers = rte_lcore_count() - 1;
	if (ports_open(dp, error, error_size) < 0 || pools_create(dp, error, error_size) < 0 ||
		tables_create(dp, error, error_size) < 0 ||
		ports_configure(dp, error, error_size) < 0 ||
		workers_create(dp, error, error_size) < 0) {
		dp_destroy(dp);
		return NULL;
	}
	return dp;
}

int
dp_start(struct dp *dp, char *error, size_t error_size)
{
	int ret = dp_ports_start(dp, error, error_size);

	if (ret == 0)
		return workers_start(dp, error, error_size);
	dp_stop(dp);
	return ret;
}

void
dp_stop(struct dp *dp)
{
	if (dp->running)
		workers_stop(dp);
	if (dp->running)
		return; /* a worker is stuck: its ports must not go under it */
	for (unsigned p = 0; p < dp->n_ports; p++)
		port_stop(&dp->ports[p]);
}

void
dp_destroy(struct dp *dp)
{
	dp_stop(dp);
	if (dp->running)
		return;
	for (unsigned p = 0; p < dp->n_ports; p++)
		port_close(&dp->ports[p]);
	retired_fini(dp);
	workers_destroy(dp);
	flow_table_fini(&dp->table4);
	flow_table_fini(&dp->table6);
	rule_set_fini(&dp->rules4);
	rule_set_fini(&dp->rules6);
	leg_table_fini(&dp->legs);
	rte_free(dp->next_hops);
	rte_free(dp->qsbr);
	for (int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++)
		pool_set_fini(&dp->pools[socket]);
	free(dp);
}

unsigned
dp_port_count(const struct dp *dp)
{
	return dp->n_ports;
}

int
dp_port_info_get(const struct dp *dp, unsigned port, struct dp_port_info *info)
{
	if (port >= dp->n_ports)
		return -ENOENT;
	port_info(&dp->ports[port], info);
	return 0;
}

int
dp_port_down_set(struct dp *dp, unsigned port, bool down)
{
	if (port >= dp->n_ports)
		return -ENOENT;
	for (unsigned w = 0; w < dp->n_workers; w++)
		__atomic_store_n(&dp->workers[w]->stages[port].down, down, __ATOMIC_RELAXED);
	return 0;
}

bool
dp_port_is_down(const struct dp *dp, unsigned port)
{
	return port < dp->n_ports && dp->workers[0]->stages[port].down;
}

int
dp_next_hop_set(struct dp *dp, unsigned index, const struct dp_next_hop *next_hop)
{
	union next_hop whole = {.fields = *next_hop};

	if (index >= DP_NEXT_HOPS_MAX || next_hop->port >= dp->n_ports ||
		next_hop->mtu > dp->ports[next_hop->port].mtu)
		return -EINVAL;
	vector_store_once(&dp->next_hops[index].whole, whole.whole);
	return 0;
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
	info->cpu_level = dp->fastpath->name;
	return 0;
}
