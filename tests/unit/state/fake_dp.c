/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_dp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct dp_txn {
	struct dp *dp;
	dp_removed_fn removed;
	void *removed_arg;
};

static struct dp the_dp;
static struct dp_txn the_txn;

struct dp *
fake_dp_reset(void)
{
	static const unsigned ifindexes[] = {10, 11, 0};

	memset(&the_dp, 0, sizeof(the_dp));
	for (unsigned i = 0; i < 3; i++) {
		struct dp_port_info *port = &the_dp.ports[i];

		snprintf(port->name, sizeof(port->name), "p%u", i);
		memcpy(port->mac, (uint8_t[]){0x02, 0, 0, 0, 0, (uint8_t)(0xa0 + i)}, 6);
		port->mtu = (uint16_t)(1500 + i);
		port->ifindex = ifindexes[i];
	}
	the_dp.n_ports = 3;
	the_dp.capacity = FAKE_FLOWS_MAX;
	return &the_dp;
}

unsigned
fake_dp_live(const struct dp *dp)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_FLOWS_MAX; i++)
		n += dp->flows[i].state == FAKE_LIVE;
	return n;
}

unsigned
dp_port_count(const struct dp *dp)
{
	return dp->n_ports;
}

int
dp_port_info_get(const struct dp *dp, unsigned port, struct dp_port_info *info)
{
	*info = dp->ports[port];
	return 0;
}

int
dp_next_hop_set(struct dp *dp, unsigned index, const struct dp_next_hop *next_hop)
{
	if (dp->fail_next_hop)
		return dp->fail_next_hop;
	dp->next_hops[index] = *next_hop;
	return 0;
}

struct dp_txn *
dp_txn_begin(struct dp *dp)
{
	if (dp->fail_begin || dp->txn)
		return NULL;
	the_txn = (struct dp_txn){.dp = dp};
	dp->txn = &the_txn;
	return dp->txn;
}

int
dp_txn_add(struct dp_txn *txn, const struct dp_flow *flow, uint32_t *handle)
{
	struct dp *dp = txn->dp;
	unsigned i = 0;

	if (dp->fail_add && dp->adds_before_fail-- == 0)
		return dp->fail_add;
	while (i < dp->capacity && dp->flows[i].state != FAKE_FREE)
		i++;
	if (i == dp->capacity)
		return -ENOSPC;
	dp->flows[i].state = FAKE_ADDED;
	dp->flows[i].key = flow->key;
	dp->flows[i].n_legs = flow->n_legs;
	memcpy(dp->flows[i].legs, flow->legs, flow->n_legs * sizeof(flow->legs[0]));
	*handle = i;
	return 0;
}

int
dp_txn_remove(struct dp_txn *txn, uint32_t handle)
{
	struct fake_flow *flow = &txn->dp->flows[handle];

	if (txn->dp->fail_remove)
		return txn->dp->fail_remove;
	if (flow->state != FAKE_LIVE)
		return -ENOENT;
	flow->state = FAKE_REMOVED;
	return 0;
}

void
dp_txn_on_removed(struct dp_txn *txn, dp_removed_fn fn, void *arg)
{
	txn->removed = fn;
	txn->removed_arg = arg;
}

int
dp_flow_stats_get(const struct dp *dp, uint32_t handle, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs, unsigned n_legs)
{
	if (dp->flows[handle].n_legs != n_legs)
		return -ENOENT;
	*flow = (struct dp_flow_stats){.packets = 100 + handle, .bytes = 1000 + handle};
	memset(legs, 0, n_legs * sizeof(*legs));
	for (unsigned i = 0; i < n_legs; i++) {
		legs[i].copies = flow->packets;
		legs[i].bytes = flow->bytes;
		legs[i].drops[DP_DROP_tx_full - DP_COPY_DROP_FIRST] = i;
	}
	return 0;
}

int
dp_txn_commit(struct dp_txn *txn)
{
	struct dp *dp = txn->dp;
	struct dp_leg_stats legs[DP_FLOW_LEGS_MAX];
	struct dp_flow_stats stats;

	dp->txn = NULL;
	dp->n_commits++;
	for (uint32_t i = 0; i < FAKE_FLOWS_MAX; i++) {
		struct fake_flow *flow = &dp->flows[i];

		if (flow->state == FAKE_ADDED)
			flow->state = FAKE_LIVE;
		if (flow->state != FAKE_REMOVED)
			continue;
		dp_flow_stats_get(dp, i, &stats, legs, flow->n_legs);
		txn->removed(txn->removed_arg, i, &stats, legs, flow->n_legs);
		flow->state = FAKE_FREE;
	}
	return dp->fail_commit;
}

void
dp_txn_abort(struct dp_txn *txn)
{
	struct dp *dp = txn->dp;

	dp->txn = NULL;
	dp->n_aborts++;
	for (unsigned i = 0; i < FAKE_FLOWS_MAX; i++) {
		if (dp->flows[i].state == FAKE_ADDED)
			dp->flows[i].state = FAKE_FREE;
		if (dp->flows[i].state == FAKE_REMOVED)
			dp->flows[i].state = FAKE_LIVE;
	}
}

unsigned
dp_flow_count(const struct dp *dp, enum dp_family family)
{
	return family == DP_IPV4 ? fake_dp_live(dp) : 0;
}

unsigned
dp_flow_capacity(const struct dp *dp, enum dp_family family)
{
	return family == DP_IPV4 ? dp->capacity : 0;
}

unsigned
dp_worker_count(const struct dp *dp)
{
	(void)dp;
	return 1;
}

int
dp_worker_info_get(const struct dp *dp, unsigned worker, struct dp_worker_info *info)
{
	(void)dp;
	*info = (struct dp_worker_info){.core = worker + 1, .socket = -1, .rx_queues = 3};
	return 0;
}

int
dp_worker_stats_get(const struct dp *dp, unsigned worker, struct dp_worker_stats *stats)
{
	(void)dp;
	(void)worker;
	*stats = (struct dp_worker_stats){
		.loops = 4, .busy_loops = 3, .rx_packets = 2, .tx_packets = UINT64_C(1) << 40};
	return 0;
}

int
dp_port_stats_get(const struct dp *dp, unsigned port, struct dp_port_stats *stats)
{
	(void)dp;
	memset(stats, 0, sizeof(*stats));
	stats->rx_packets = 10 + port;
	stats->forwarded = 7 + port;
	stats->drops[DP_DROP_no_flow] = 3;
	stats->nic_missed = 9;
	return 0;
}

const char *
dp_dpdk_version(void)
{
	return "DPDK fake";
}

#define FAKE_DROP_NAME(name, help) #name,
const char *
dp_drop_name(enum dp_drop reason)
{
	static const char *const names[] = {
		DP_PACKET_DROPS(FAKE_DROP_NAME) DP_COPY_DROPS(FAKE_DROP_NAME)};

	return names[reason];
}
