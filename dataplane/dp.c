/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane put together and taken apart: ports, pools, tables, workers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "dp_private.h"

/* What drivers keep besides their descriptors (net_af_xdp: 4096 in a fill ring a queue). */
#define PACKETS_A_QUEUE_EXTRA 4096
#define PACKETS_A_WORKER 1024
#define XDP_HEADROOM_BYTES 256 /* which net_af_xdp leaves free in each buffer besides our own */
#define FRAME_OVERHEAD_BYTES \
	(RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN + XDP_HEADROOM_BYTES)
#define FRAME_BYTES_MIN 2048

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

struct dp *
dp_create(const struct dp_config *config, char *error, size_t error_size)
{
	struct dp *dp;

	if (config->n_ports == 0 || config->n_ports > DP_PORTS_MAX ||
		config->max_flows_ipv4 > DP_FLOWS_MAX || config->max_flows_ipv6 > DP_FLOWS_MAX ||
		config->max_legs > DP_LEGS_MAX) {
		snprintf(error, error_size,
			"found %u ports, expected 1 to %u; at most %u flows and %u legs",
			config->n_ports, DP_PORTS_MAX, DP_FLOWS_MAX, DP_LEGS_MAX);
		return NULL;
	}
	dp = calloc(1, sizeof(*dp));
	if (dp == NULL) {
		snprintf(error, error_size, "no memory");
		return NULL;
	}
	STAILQ_INIT(&dp->retired);
	dp->config = *config;
	if (dp->config.punt_ring == 0)
		dp->config.punt_ring = DP_PUNT_RING_DEFAULT;
	if (dp->config.punt_rate == 0)
		dp->config.punt_rate = DP_PUNT_RATE_DEFAULT;
	dp->n_workers = rte_lcore_count() - 1;
	if (ports_open(dp, error, error_size) < 0 || pools_create(dp, error, error_size) < 0 ||
		tables_create(dp, error, error_size) < 0 ||
		ports_configure(dp, error, error_size) < 0 ||
		dp_workers_create(dp, error, error_size) < 0) {
		dp_destroy(dp);
		return NULL;
	}
	return dp;
}

int
dp_ports_start(struct dp *dp, char *error, size_t error_size)
{
	for (unsigned p = 0; p < dp->n_ports; p++) {
		int ret = port_start(&dp->ports[p], error, error_size);

		if (ret < 0) {
			dp_stop(dp);
			return ret;
		}
	}
	return 0;
}

int
dp_start(struct dp *dp, char *error, size_t error_size)
{
	int ret = dp_ports_start(dp, error, error_size);

	return ret < 0 ? ret : dp_workers_start(dp, error, error_size);
}

void
dp_stop(struct dp *dp)
{
	if (dp->running)
		dp_workers_stop(dp);
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
	dp_workers_destroy(dp);
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
	/* One aligned 16-byte store: a worker never sees half of it. */
	vector_store(&dp->next_hops[index].whole, whole.whole);
	return 0;
}
