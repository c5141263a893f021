/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What control reads: sums over the workers' own counters, and the sources that they learn. Workers
 * do not notice.
 */
#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ring.h>

#include "action.h"
#include "dp_private.h"
#include "exception_path.h"
#include "failover.h"
#include "latch.h"
#include "ring.h"

#define LATCH_BURST 32 /* notices taken at once */

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

unsigned
dp_leg_count(const struct dp *dp)
{
	return dp->legs.n_taken;
}

unsigned
dp_leg_capacity(const struct dp *dp)
{
	return dp->legs.capacity;
}

static uint64_t
queue_packets(const struct rx_queue *queue)
{
	return __atomic_load_n(&queue->packets, __ATOMIC_RELAXED);
}

static void
port_stats_add(struct dp_port_stats *sum, const struct port_counters *counters)
{
	sum->rx_bytes += __atomic_load_n(&counters->rx_bytes, __ATOMIC_RELAXED);
	sum->forwarded += __atomic_load_n(&counters->forwarded, __ATOMIC_RELAXED);
	sum->punted += __atomic_load_n(&counters->punted, __ATOMIC_RELAXED);
	sum->copies += __atomic_load_n(&counters->copies, __ATOMIC_RELAXED);
	sum->tx_packets += __atomic_load_n(&counters->tx_packets, __ATOMIC_RELAXED);
	sum->tx_bytes += __atomic_load_n(&counters->tx_bytes, __ATOMIC_RELAXED);
	sum->injected += __atomic_load_n(&counters->injected, __ATOMIC_RELAXED);
	sum->from_kernel += __atomic_load_n(&counters->from_kernel, __ATOMIC_RELAXED);
	for (unsigned class = 0; class < DP_EXCEPTION_COUNT; class ++)
		sum->to_kernel[class] +=
			__atomic_load_n(&counters->to_kernel[class], __ATOMIC_RELAXED);
	for (unsigned r = 0; r < DP_DROP_COUNT; r++)
		sum->drops[r] += __atomic_load_n(&counters->drops[r], __ATOMIC_RELAXED);
}

int
dp_port_stats_get(const struct dp *dp, unsigned port, struct dp_port_stats *stats)
{
	if (port >= dp->n_ports)
		return -ENOENT;
	memset(stats, 0, sizeof(*stats));
	for (unsigned w = 0; w < dp->n_workers; w++) {
		const struct lcore *lc = dp->workers[w];

		port_stats_add(stats, &lc->counters[port]);
		for (unsigned q = 0; q < lc->n_queues_known; q++) {
			if (lc->queues[q].port == port)
				stats->rx_packets += queue_packets(&lc->queues[q]);
		}
	}
	if (dp->exceptions[port] != NULL) {
		stats->kernel_refused =
			__atomic_load_n(&dp->exceptions[port]->refused, __ATOMIC_RELAXED);
		stats->kernel_lost = __atomic_load_n(&dp->exceptions[port]->lost, __ATOMIC_RELAXED);
	}
	port_nic_stats(&dp->ports[port], stats);
	return 0;
}

int
dp_queue_stats_get(const struct dp *dp, unsigned port, unsigned queue, struct dp_queue_stats *stats)
{
	for (unsigned w = 0; w < dp->n_workers; w++) {
		const struct lcore *lc = dp->workers[w];

		for (unsigned q = 0; q < lc->n_queues_known; q++) {
			if (lc->queues[q].port != port || lc->queues[q].queue != queue)
				continue;
			stats->rx_packets = queue_packets(&lc->queues[q]);
			stats->worker = w;
			return 0;
		}
	}
	return -ENOENT;
}

/*
 * The flow is installed: removed or replaced, at most, by a transaction that is still open. Its
 * handle is good for as long as that is not over.
 */
static bool
flow_is_counting(const struct dp *dp, uint32_t handle)
{
	const struct flow_table *table = dp_handle_table_const(dp, handle);
	const uint32_t index = dp_handle_index(handle);

	if (index >= table->n_entries)
		return false;
	switch ((enum flow_state)table->state[index]) {
	case FLOW_LIVE:
	case FLOW_REMOVED:
	case FLOW_REPLACED:
	case FLOW_LEAVING:
	case FLOW_SUPERSEDED:
		return true;
	case FLOW_RETIRED:
	case FLOW_OUTDATED:
		return dp->committing;
	default:
		return false;
	}
}

/* Its action; NULL when the flow is not installed, or plain. */
static const struct flow_action *
flow_action_of(const struct dp *dp, uint32_t handle)
{
	const struct flow_table *table = dp_handle_table_const(dp, handle);

	if (!flow_is_counting(dp, handle))
		return NULL;
	return flow_table_action(table,
		flow_table_entry(table, dp_handle_index(handle), table->family), table->family);
}

int
dp_flow_stats_get(const struct dp *dp, uint32_t handle, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs, unsigned n_legs)
{
	const struct flow_table *table = dp_handle_table_const(dp, handle);
	const uint32_t index = dp_handle_index(handle);

	if (!flow_is_counting(dp, handle))
		return -ENOENT;
	if (legs != NULL && n_legs != flow_table_n_legs(table, index))
		return -EINVAL;
	flow_table_read(table, index, flow, legs);
	return 0;
}

int
dp_stream_stats_get(const struct dp *dp, uint32_t handle, unsigned stream,
	struct dp_stream_stats *stats, struct dp_leg_stats *legs, unsigned n_legs)
{
	const struct flow_action *action = flow_action_of(dp, handle);
	const struct leg_slots *slots;

	if (action == NULL || stream >= action->n_streams)
		return -ENOENT;
	slots = &action->streams[stream].slots;
	if (n_legs != slots->n)
		return -EINVAL;
	memset(stats, 0, sizeof(*stats));
	for (unsigned w = 0; w < dp->n_workers; w++) {
		const struct flow_counters *row =
			&action->stream_counters[w * action_streams_row(action->n_streams) +
						 stream];

		stats->packets += __atomic_load_n(&row->packets, __ATOMIC_RELAXED);
		stats->bytes += __atomic_load_n(&row->bytes, __ATOMIC_RELAXED);
	}
	for (unsigned i = 0; i < n_legs; i++)
		leg_table_read(&dp->legs, slots->of[i], &legs[i]);
	return 0;
}

unsigned
dp_latch_poll(struct dp *dp, unsigned max, dp_latch_moved_fn fn, void *arg, bool *lost)
{
	uint64_t latches_lost = 0;
	unsigned total = 0;

	for (unsigned w = 0; w < dp->n_workers; w++) {
		struct lcore *lc = dp->workers[w];
		void *cookies[LATCH_BURST];
		unsigned n;

		do {
			n = ring_take(lc->latch_ring, cookies,
				RTE_MIN(max - total, (unsigned)LATCH_BURST));
			for (unsigned i = 0; i < n; i++)
				fn(arg, (uintptr_t)cookies[i]);
			total += n;
		} while (n > 0 && total < max);
		latches_lost += __atomic_load_n(&lc->latches_lost, __ATOMIC_ACQUIRE);
	}
	*lost = latches_lost != dp->latches_lost;
	dp->latches_lost = latches_lost;
	return total;
}

int
dp_flow_latched_get(const struct dp *dp, uint32_t handle, struct dp_latched *latched)
{
	const struct flow_action *action = flow_action_of(dp, handle);

	if (action == NULL || action->latch == NULL)
		return -ENOENT;
	latch_unmark(&action->latch->notified);
	latch_read(action->latch, latched);
	latch_tell_flow(latched, (enum dp_latch_by)action->latch_by);
	return 0;
}

int
dp_latch_get(const struct dp *dp, uint64_t cookie, struct dp_latched *latched)
{
	struct latch *latch = latch_table_find(&dp->legs.latches, cookie);

	if (latch == NULL)
		return -ENOENT;
	latch_unmark(&latch->notified);
	latch_read(latch, latched);
	return 0;
}

int
dp_flow_sources_get(const struct dp *dp, uint32_t handle, struct dp_sources *sources)
{
	const struct flow_action *action = flow_action_of(dp, handle);
	const struct lcore *lc = dp->workers[0];

	if (action == NULL || action->failover == NULL)
		return -ENOENT;
	latch_unmark(&action->failover->notified);
	failover_read(action->failover, dp->n_workers, dp_now_ns(dp, lc), sources);
	return 0;
}

int
dp_flow_forget(struct dp *dp, uint32_t handle, struct dp_latched *forgotten)
{
	const struct flow_action *action = flow_action_of(dp, handle);

	if (action == NULL || action->latch == NULL)
		return -ENOENT;
	latch_forget(action->latch, forgotten);
	latch_tell_flow(forgotten, (enum dp_latch_by)action->latch_by);
	return 0;
}

/* TSC cycles as time. */
static uint64_t
cycles_ns(uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * NS_PER_S / rte_get_tsc_hz());
}

static void
worker_time_read(const struct lcore *lc, struct dp_worker_stats *stats)
{
	const struct lcore_stats *own = &lc->stats;

	stats->busy_cycles = __atomic_load_n(&own->busy_cycles, __ATOMIC_RELAXED);
	stats->busy_ns = cycles_ns(stats->busy_cycles);
	stats->total_ns = cycles_ns(__atomic_load_n(&own->total_cycles, __ATOMIC_RELAXED));
	stats->longest_round_ns =
		cycles_ns(__atomic_load_n(&own->longest_round_cycles, __ATOMIC_RELAXED));
	for (unsigned i = 0; i <= DP_BURST_MAX; i++)
		stats->bursts[i] = __atomic_load_n(&own->bursts[i], __ATOMIC_RELAXED);
	for (unsigned i = 0; i < DP_RESIDENCE_BUCKETS; i++)
		stats->residence[i] = __atomic_load_n(&own->residence[i], __ATOMIC_RELAXED);
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
	worker_time_read(lc, stats);
	stats->rx_packets = stats->tx_packets = 0;
	for (unsigned q = 0; q < lc->n_queues_known; q++)
		stats->rx_packets += queue_packets(&lc->queues[q]);
	for (unsigned p = 0; p < dp->n_ports; p++)
		stats->tx_packets += __atomic_load_n(&lc->counters[p].tx_packets, __ATOMIC_RELAXED);
	return 0;
}
