/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What control reads: sums over the workers' own counters. Workers do not notice.
 */
#include <errno.h>
#include <string.h>

#include "dp_private.h"

unsigned
dp_flow_count(const struct dp *dp, enum dp_family family)
{
	return family == DP_IPV4 ? dp->table4.n_flows : dp->table6.n_flows;
}

unsigned
dp_flow_capacity(const struct dp *dp, enum dp_family family)
{
	return family == DP_IPV4 ? dp->table4.capacity : dp->table6.capacity;
}

static void
port_stats_add(struct dp_port_stats *sum, const struct port_counters *counters)
{
	sum->rx_packets += __atomic_load_n(&counters->rx_packets, __ATOMIC_RELAXED);
	sum->rx_bytes += __atomic_load_n(&counters->rx_bytes, __ATOMIC_RELAXED);
	sum->forwarded += __atomic_load_n(&counters->forwarded, __ATOMIC_RELAXED);
	sum->copies += __atomic_load_n(&counters->copies, __ATOMIC_RELAXED);
	sum->tx_packets += __atomic_load_n(&counters->tx_packets, __ATOMIC_RELAXED);
	sum->tx_bytes += __atomic_load_n(&counters->tx_bytes, __ATOMIC_RELAXED);
	for (unsigned r = 0; r < DP_DROP_COUNT; r++)
		sum->drops[r] += __atomic_load_n(&counters->drops[r], __ATOMIC_RELAXED);
}

int
dp_port_stats_get(const struct dp *dp, unsigned port, struct dp_port_stats *stats)
{
	if (port >= dp->n_ports)
		return -ENOENT;
	memset(stats, 0, sizeof(*stats));
	for (unsigned w = 0; w < dp->n_workers; w++)
		port_stats_add(stats, &dp->workers[w]->counters[port]);
	port_nic_stats(&dp->ports[port], stats);
	return 0;
}

int
dp_flow_stats_get(const struct dp *dp, uint32_t handle, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs, unsigned n_legs)
{
	const struct flow_table *table = (handle & DP_HANDLE_IPV6) != 0 ? &dp->table6 : &dp->table4;
	uint32_t index = dp_handle_index(handle);

	if (index >= table->capacity ||
		(table->state[index] != FLOW_LIVE && table->state[index] != FLOW_REMOVED))
		return -ENOENT;
	if (n_legs != flow_table_n_legs(table, index))
		return -EINVAL;
	flow_table_read(table, index, flow, legs);
	return 0;
}

int
dp_worker_stats_get(const struct dp *dp, unsigned worker, struct dp_worker_stats *stats)
{
	const struct lcore *lc;

	if (worker >= dp->n_workers)
		return -ENOENT;
	lc = dp->workers[worker];
	stats->loops = __atomic_load_n(&lc->stats.loops, __ATOMIC_RELAXED);
	stats->busy_loops = __atomic_load_n(&lc->stats.busy_loops, __ATOMIC_RELAXED);
	stats->rx_packets = stats->tx_packets = 0;
	for (unsigned p = 0; p < dp->n_ports; p++) {
		stats->rx_packets += __atomic_load_n(&lc->counters[p].rx_packets, __ATOMIC_RELAXED);
		stats->tx_packets += __atomic_load_n(&lc->counters[p].tx_packets, __ATOMIC_RELAXED);
	}
	return 0;
}
