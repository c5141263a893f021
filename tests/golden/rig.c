/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "dp_private.h"
#include "fastpath.h"

#define RING_PLACES 8192
#define POOL_BUFFERS 8192
#define POOL_BUFFER_BYTES (RTE_PKTMBUF_HEADROOM + 2048)
#define MAX_FLOWS 256
#define MAX_LEGS 16384
#define DRAIN_US 20000000
#define DRAIN_POLL_US 50

int __real_rte_eth_dev_info_get(uint16_t ethdev, struct rte_eth_dev_info *info);
int __wrap_rte_eth_dev_info_get(uint16_t ethdev, struct rte_eth_dev_info *info);

static bool hide_multi_segs;

/* The linker puts this in front of DPDK's: net_ring takes segments, and for WAY_WHOLE must not. */
int
__wrap_rte_eth_dev_info_get(uint16_t ethdev, struct rte_eth_dev_info *info)
{
	int ret = __real_rte_eth_dev_info_get(ethdev, info);

	if (ret == 0 && hide_multi_segs)
		info->tx_offload_capa &= ~(uint64_t)RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	return ret;
}

static struct rte_ring *
ring_create(unsigned port, const char *way, unsigned queue, unsigned places)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "golden_%u_%s_%u", port, way, queue);
	return rte_ring_create(name, places, SOCKET_ID_ANY, 0);
}

/* One receive and one transmit queue a worker, as the data plane will want them. */
static int
port_create(struct rig *rig, unsigned port)
{
	struct rig_port *p = &rig->ports[port];
	unsigned tx_places = rig->c->tx_ring != 0 ? rig->c->tx_ring : RING_PLACES;
	char name[16];

	for (unsigned q = 0; q < rig->n_workers; q++) {
		p->rx[q] = ring_create(port, "rx", q, RING_PLACES);
		p->tx[q] = ring_create(port, "tx", q, tx_places);
		if (p->rx[q] == NULL || p->tx[q] == NULL)
			return -1;
	}
	snprintf(name, sizeof(name), "g%u", port);
	snprintf(p->device, sizeof(p->device), "net_ring_%s", name);
	return rte_eth_from_rings(name, p->rx, rig->n_workers, p->tx, rig->n_workers, 0) < 0 ? -1
											     : 0;
}

static void
warn(void *arg, const char *message)
{
	(void)arg;
	printf("# warning: %s\n", message);
}

static int
dataplane_create(struct rig *rig, const char *level, char *error, size_t error_size)
{
	struct dp_port_config ports[CASE_PORTS] = {0};
	const struct golden_case *c = rig->c;
	struct dp_config config = {
		.n_ports = CASE_PORTS,
		.ports = ports,
		.max_flows_ipv4 = MAX_FLOWS,
		.max_flows_ipv6 = MAX_FLOWS,
		.max_legs = MAX_LEGS,
		.punt_ring = c->punt_ring,
		.punt_rate = c->punt_rate,
		.exception_ring = c->punt_ring,
		.packet_buffers = c->packet_buffers != 0 ? c->packet_buffers : POOL_BUFFERS,
		.cpu_level = level,
		.warn = warn,
	};

	for (unsigned class = 0; class < DP_EXCEPTION_COUNT; class ++)
		config.exception_rate[class] = c->punt_rate;
	for (unsigned p = 0; p < CASE_PORTS; p++) {
		snprintf(ports[p].name, sizeof(ports[p].name), "p%u", p);
		snprintf(ports[p].devargs, sizeof(ports[p].devargs), "%s", rig->ports[p].device);
		ports[p].punt_unmatched = c->ports[p].punt_unmatched;
		ports[p].kernel_path = c->ports[p].kernel_path;
	}
	hide_multi_segs = rig->way == WAY_WHOLE;
	rig->dp = dp_create(&config, error, error_size);
	for (unsigned p = 0; rig->dp != NULL && p < CASE_PORTS; p++)
		dp_port_down_set(rig->dp, p, c->ports[p].down);
	return rig->dp != NULL ? 0 : -1;
}

/* Replicas must go the way that the case is to be run. */
static int
way_is_taken(const struct rig *rig)
{
	struct dp_port_info info;

	for (unsigned p = 0; p < CASE_PORTS; p++) {
		if (dp_port_info_get(rig->dp, p, &info) < 0 ||
			info.shares_payload != (rig->way != WAY_WHOLE))
			return -1;
	}
	return 0;
}

int
rig_init(struct rig *rig, const struct golden_case *c, enum way way, const char *level, char *error,
	size_t error_size)
{
	memset(rig, 0, sizeof(*rig));
	rig->c = c;
	rig->way = way;
	rig->n_workers = rte_lcore_count() - 1;
	rig_time_set(rig, 0);
	snprintf(error, error_size, "the rig's ports, pool or flows cannot be made");
	rig->pool = rte_pktmbuf_pool_create(
		"golden", POOL_BUFFERS, 0, 0, POOL_BUFFER_BYTES, SOCKET_ID_ANY);
	if (rig->pool == NULL)
		return -1;
	for (unsigned p = 0; p < CASE_PORTS; p++) {
		if (port_create(rig, p) < 0)
			return -1;
	}
	if (dataplane_create(rig, level, error, error_size) < 0)
		return -1;
	if (way_is_taken(rig) < 0) {
		snprintf(error, error_size, "ports do not share payload as this way wants it");
		return -1;
	}
	return rig_flows_install(rig, error, error_size);
}

int
rig_start(struct rig *rig, char *error, size_t error_size)
{
	int ret = rig->c->clock ? dp_ports_start(rig->dp, error, error_size)
				: dp_start(rig->dp, error, error_size);

	return ret < 0 ? -1 : 0;
}

/* Time has no origin that counts, so each way has another; one sees a policer's clock wrap. */
void
rig_time_set(struct rig *rig, uint64_t at_ns)
{
	static const uint64_t origins_ns[WAY_COUNT] = {
		[WAY_SHARED] = 0,
		[WAY_WHOLE] = UINT64_C(1000000000000),
		[WAY_INDIRECT] = (UINT64_C(1) << 52) - 300000000,
	};

	rig->now_ns = origins_ns[rig->way] + at_ns;
}

/* Every packet forwarded, punted or dropped, and each copy sent or dropped? */
static bool
all_accounted_for(const struct rig *rig)
{
	uint64_t received = 0, packets_open = 0, copies_open = 0;

	for (unsigned p = 0; p < CASE_PORTS; p++) {
		struct dp_port_stats stats;

		if (dp_port_stats_get(rig->dp, p, &stats) < 0)
			return false;
		received += stats.rx_packets;
		packets_open += stats.rx_packets - stats.forwarded - stats.punted;
		copies_open += stats.copies - stats.tx_packets;
		for (unsigned r = 0; r < DP_PACKET_DROP_COUNT; r++)
			packets_open -= stats.drops[r];
		for (unsigned r = DP_COPY_DROP_FIRST; r < DP_DROP_COUNT; r++)
			copies_open -= stats.drops[r];
	}
	return received == rig->n_sent && packets_open == 0 && copies_open == 0;
}

static int
rounds_take(const struct rig *rig)
{
	unsigned n_came;

	do {
		n_came = 0;
		for (unsigned w = 0; w < rig->n_workers; w++)
			n_came += rig->dp->workers[w]->fastpath->round(
				rig->dp->workers[w], rig->now_ns);
	} while (n_came > 0);
	return all_accounted_for(rig) ? 0 : -1;
}

/* The least that a worker has gone round since `before`. */
static uint64_t
rounds_since(
	const struct rig *rig, const uint64_t before[DP_WORKERS_MAX], uint64_t now[DP_WORKERS_MAX])
{
	uint64_t least = UINT64_MAX;

	for (unsigned w = 0; w < rig->n_workers; w++) {
		struct dp_worker_stats stats = {0};

		dp_worker_stats_get(rig->dp, w, &stats);
		now[w] = stats.loops;
		if (now[w] - before[w] < least)
			least = now[w] - before[w];
	}
	return least;
}

int
rig_drain(const struct rig *rig)
{
	uint64_t before[DP_WORKERS_MAX] = {0}, now[DP_WORKERS_MAX];
	bool was_accounted_for = false;

	if (rig->c->clock)
		return rounds_take(rig);
	/*
	 * A worker that loses its CPU may have counted a packet and not yet its copies: at rest is
	 * what adds up once more when every worker has begun and ended a round since.
	 */
	for (unsigned us = 0; us < DRAIN_US; us += DRAIN_POLL_US) {
		const bool ended = rounds_since(rig, before, now) >= 2;
		const bool accounted_for = all_accounted_for(rig);

		if (accounted_for && was_accounted_for && ended)
			return 0;
		if (!was_accounted_for || !accounted_for)
			memcpy(before, now, sizeof(before));
		was_accounted_for = accounted_for;
		usleep(DRAIN_POLL_US);
	}
	return -1;
}

static void
pool_check(struct rte_mempool *pool, void *all_full)
{
	if (rte_mempool_full(pool))
		return;
	printf("# pool %s: %u buffers are missing\n", pool->name, rte_mempool_in_use_count(pool));
	*(bool *)all_full = false;
}

bool
rig_buffers_are_back(void)
{
	bool all_full = true;

	rte_mempool_walk(pool_check, &all_full);
	return all_full;
}

void
rig_fini(struct rig *rig)
{
	if (rig->dp != NULL)
		dp_destroy(rig->dp);
	for (unsigned p = 0; p < CASE_PORTS; p++) {
		rte_vdev_uninit(rig->ports[p].device);
		for (unsigned q = 0; q < rig->n_workers; q++) {
			rte_ring_free(rig->ports[p].rx[q]);
			rte_ring_free(rig->ports[p].tx[q]);
		}
	}
	rte_mempool_free(rig->pool);
	case_frames_fini(&rig->received);
	case_frames_fini(&rig->punted);
	free(rig->flows);
	memset(rig, 0, sizeof(*rig));
}
