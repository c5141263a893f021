/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dp_private.h"
#include "fastpath.h"
#include "view.h"

#define RX_PLACES 256
#define BUFFERS 8192
#define DATAPLANE_BUFFERS 16384
#define BUFFER_BYTES (RTE_PKTMBUF_HEADROOM + 2432)
/* What lies behind a frame in its buffer: a field read from there shows. */
#define POISON 0xa5

int __real_rte_eth_dev_info_get(uint16_t ethdev, struct rte_eth_dev_info *info);
int __wrap_rte_eth_dev_info_get(uint16_t ethdev, struct rte_eth_dev_info *info);

static const bool *hide_multi_segs; /* [port] */

/* The linker puts this in front of DPDK's: net_ring takes segments, and some ports must not. */
int
__wrap_rte_eth_dev_info_get(uint16_t ethdev, struct rte_eth_dev_info *info)
{
	int ret = __real_rte_eth_dev_info_get(ethdev, info);
	char name[RTE_ETH_NAME_MAX_LEN];

	if (ret != 0 || rte_eth_dev_get_name_by_port(ethdev, name) < 0)
		return ret;
	/* net_ring_m<port> */
	if (hide_multi_segs[name[strlen(name) - 1] - '0'])
		info->tx_offload_capa &= ~(uint64_t)RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	return ret;
}

static void
die(const char *why)
{
	fprintf(stderr, "rig: %s\n", why);
	exit(2);
}

static struct rte_ring *
ring_create(unsigned port, const char *way, unsigned places)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "model_%u_%s", port, way);
	return rte_ring_create(name, places, SOCKET_ID_ANY, RING_F_EXACT_SZ);
}

static int
port_create(struct rig *rig, unsigned port, unsigned tx_places)
{
	struct rig_port *p = &rig->ports[port];
	char name[16];

	p->rx = ring_create(port, "rx", RX_PLACES);
	p->tx = ring_create(port, "tx", tx_places);
	if (p->rx == NULL || p->tx == NULL)
		return -1;
	snprintf(name, sizeof(name), "m%u", port);
	snprintf(p->device, sizeof(p->device), "net_ring_%s", name);
	return rte_eth_from_rings(name, &p->rx, 1, &p->tx, 1, 0) < 0 ? -1 : 0;
}

static void
warn(void *arg, const char *message)
{
	(void)arg;
	printf("# warning: %s\n", message);
}

static int
dataplane_create(struct rig *rig, const struct rig_config *config, char *error, size_t error_size)
{
	struct dp_port_config ports[MODEL_PORTS] = {0};
	const struct dp_config dp_config = {
		.n_ports = MODEL_PORTS,
		.ports = ports,
		.max_flows_ipv4 = RIG_FLOWS,
		.max_flows_ipv6 = RIG_FLOWS,
		.max_legs = RIG_LEGS,
		.punt_ring = config->model.punt_places,
		.punt_rate = config->model.punt_rate,
		.packet_buffers = DATAPLANE_BUFFERS,
		.cpu_level = config->level,
		.warn = warn,
	};

	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		snprintf(ports[p].name, sizeof(ports[p].name), "p%u", p);
		snprintf(ports[p].devargs, sizeof(ports[p].devargs), "%s", rig->ports[p].device);
		ports[p].punt_unmatched = config->model.punt_unmatched[p];
	}
	hide_multi_segs = config->whole_copies;
	rig->dp = dp_create(&dp_config, error, error_size);
	return rig->dp != NULL ? dp_ports_start(rig->dp, error, error_size) : -1;
}

int
rig_init(struct rig *rig, const struct rig_config *config, char *error, size_t error_size)
{
	memset(rig, 0, sizeof(*rig));
	rig->indirect = config->indirect;
	snprintf(error, error_size, "the rig's ports or pool cannot be made");
	rig->pool = rte_pktmbuf_pool_create("model", BUFFERS, 0, 0, BUFFER_BYTES, SOCKET_ID_ANY);
	if (rig->pool == NULL)
		return -1;
	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		if (port_create(rig, p, config->model.tx_places[p]) < 0)
			return -1;
	}
	return dataplane_create(rig, config, error, error_size) < 0 ? -1 : 0;
}

void
rig_fini(struct rig *rig)
{
	if (rig->dp != NULL)
		dp_destroy(rig->dp);
	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		rte_vdev_uninit(rig->ports[p].device);
		rte_ring_free(rig->ports[p].rx);
		rte_ring_free(rig->ports[p].tx);
	}
	rte_mempool_free(rig->pool);
}

static struct rte_mbuf *
buffer_fill(struct rig *rig, const uint8_t *bytes, unsigned n_bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig->pool);
	struct rte_mbuf *clone;

	if (m == NULL)
		die("no packet buffer");
	memset(m->buf_addr, POISON, m->buf_len);
	memcpy(rte_pktmbuf_append(m, (uint16_t)n_bytes), bytes, n_bytes);
	if (!rig->indirect)
		return m;
	clone = rte_pktmbuf_clone(m, rig->pool);
	if (clone == NULL)
		die("no packet buffer");
	rte_pktmbuf_free(m);
	return clone;
}

void
rig_send(struct rig *rig, const struct test_frame *frame)
{
	unsigned first = frame->split != 0 ? frame->split : frame->n_bytes;
	struct rte_mbuf *m = buffer_fill(rig, frame->bytes, first);

	if (first < frame->n_bytes) {
		struct rte_mbuf *rest =
			buffer_fill(rig, frame->bytes + first, frame->n_bytes - first);

		if (rte_pktmbuf_chain(m, rest) < 0)
			die("no chain");
	}
	if (rte_ring_enqueue(rig->ports[frame->port].rx, m) < 0)
		die("receive ring is full");
}

unsigned
rig_round(struct rig *rig, uint64_t now_ns)
{
	return rig->dp->workers[0]->fastpath->round(rig->dp->workers[0], now_ns);
}

bool
rig_is_changed(const struct rig *rig, bool adds, bool *was_old)
{
	const enum view view = view_load(&rig->dp->view);

	*was_old |= view == VIEW_OLD;
	return adds ? *was_old && view != VIEW_OLD : view == VIEW_NEW;
}

unsigned
rig_sent(const struct rig *rig, unsigned port)
{
	return rte_ring_count(rig->ports[port].tx);
}

int
rig_take(struct rig *rig, unsigned port, uint8_t *bytes, unsigned room)
{
	const char *why;
	struct rte_mbuf *m;
	void *frame;
	int n = -1;

	if (rte_ring_dequeue(rig->ports[port].tx, &frame) < 0)
		return -1;
	m = frame;
	if (rte_mbuf_check(m, 1, &why) == 0 && m->pkt_len <= room) {
		const void *data = rte_pktmbuf_read(m, 0, m->pkt_len, bytes);

		n = (int)m->pkt_len;
		if (data != bytes)
			memcpy(bytes, data, m->pkt_len);
	}
	rte_pktmbuf_free(m);
	return n;
}

static void
pool_check(struct rte_mempool *pool, void *all_full)
{
	if (rte_mempool_full(pool))
		return;
	printf("pool %s: %u buffers are missing\n", pool->name, rte_mempool_in_use_count(pool));
	*(bool *)all_full = false;
}

bool
rig_buffers_are_back(void)
{
	bool all_full = true;

	rte_mempool_walk(pool_check, &all_full);
	return all_full;
}
