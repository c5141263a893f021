/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "loop_flow.h"
#include "loop_frame.h"

#define RING_SLOTS 2048
#define ERROR_MAX 256
#define MEMORY_BASE_MB 384 /* pools and EAL */
#define FLOW_BYTES 512 /* in tables, the larger family */
#define LEG_BYTES 384

static int
refuse(const char *what, const char *why)
{
	fprintf(stderr, "closed-loop: %s%s%s\n", what, why[0] != '\0' ? ": " : "", why);
	return -1;
}

static bool
has_replicas(const struct loop_options *o)
{
	return o->legs > 1;
}

unsigned
loop_rig_memory_mb(const struct loop_options *o)
{
	const uint64_t flows = (uint64_t)o->flows + loop_flows_spare(o);

	return MEMORY_BASE_MB +
	       (unsigned)((flows * FLOW_BYTES + loop_legs_needed(o) * LEG_BYTES) >> 20);
}

static int
eal_up(const struct loop_options *o)
{
	struct dp_eal_config eal = {
		.program = "closed-loop",
		.file_prefix = "closed-loop",
		.control_core = o->control_core,
		.n_workers = o->workers,
		.no_huge = o->no_huge,
		.memory_mb = o->no_huge ? loop_rig_memory_mb(o) : 0,
		.log_level = "error",
	};
	char error[ERROR_MAX];

	memcpy(eal.worker_cores, o->worker_cores, sizeof(o->worker_cores));
	return dp_eal_init(&eal, error, sizeof(error)) < 0 ? refuse("EAL", error) : 0;
}

/* net_ring with rings of ours, so that packets can be put in: rte_eth_from_rings names it. */
static int
loop_port_make(struct loop_rig *rig)
{
	const unsigned n = rig->options->workers;

	for (unsigned w = 0; w < n; w++) {
		char name[RTE_RING_NAMESIZE];

		snprintf(name, sizeof(name), "loop_%u", w);
		rig->rings[w] = rte_ring_create(
			name, RING_SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (rig->rings[w] == NULL)
			return refuse("no memory for rings", "");
	}
	if (rte_eth_from_rings("loop", rig->rings, n, rig->rings, n, SOCKET_ID_ANY) < 0)
		return refuse("rte_eth_from_rings failed", "");
	return has_replicas(rig->options) ? loop_sinks_init(rig->sinks, n) : 0;
}

static void
warn(void *arg, const char *message)
{
	(void)arg;
	fprintf(stderr, "closed-loop: %s\n", message);
}

static int
dp_make(struct loop_rig *rig)
{
	const struct loop_options *o = rig->options;
	const unsigned flows = o->flows + loop_flows_spare(o);
	const struct dp_port_config ports[LOOP_PORTS_MAX] = {
		{.name = "loop", .devargs = "net_ring_loop"},
		{.name = "free", .devargs = LOOP_SINK_DEVICE},
	};
	const struct dp_config config = {
		.n_ports = has_replicas(o) ? 2 : 1,
		.ports = ports,
		.max_flows_ipv4 = o->family == 4 ? flows : 0,
		.max_flows_ipv6 = o->family == 6 || o->translate ? flows : 0,
		.max_legs = (unsigned)loop_legs_needed(o),
		.warn = warn,
	};
	char error[ERROR_MAX];

	rig->dp = dp_create(&config, error, sizeof(error));
	if (rig->dp == NULL)
		return refuse("data plane", error);
	return has_replicas(o) ? loop_sinks_attach(rig->sinks, o->workers) : 0;
}

/* Next hop p leaves by port p. */
static int
next_hops_set(const struct loop_rig *rig)
{
	for (uint16_t p = 0; p < dp_port_count(rig->dp); p++) {
		const struct dp_next_hop hop = {.dst_mac = {2, 0, 0, 0, 0, 1},
			.src_mac = {2, 0, 0, 0, 0, 2},
			.port = p,
			.mtu = 1500};
		struct dp_port_info info;

		if (dp_next_hop_set(rig->dp, p, &hop) < 0)
			return refuse("next hop", "");
		/* Replicas are to be measured as NICs send them, not as copies. */
		if (dp_port_info_get(rig->dp, p, &info) < 0 || !info.shares_payload)
			return refuse("port does not share payloads", info.name);
	}
	return 0;
}

static int
flows_install(struct loop_rig *rig)
{
	int ret;

	rig->handles = calloc(rig->options->flows, sizeof(*rig->handles));
	if (rig->handles == NULL)
		return refuse("no memory for flows", "");
	ret = loop_flows_install(rig->options, rig->dp, rig->handles);
	return ret < 0 ? refuse("installing flows", strerror(-ret)) : 0;
}

/* The flow that packet i of worker w meets first: evenly spread, families by turns. */
static unsigned
first_flow(const struct loop_options *o, unsigned w, unsigned i)
{
	const unsigned strands = loop_strands(o), strand = w % strands;
	const uint64_t units = (loop_units(o) - strand + strands - 1) / strands;
	const unsigned unit = strand + strands * (unsigned)(i * units / o->inflight);

	return o->translate && i % 2 == 1 ? loop_units(o) + unit : unit;
}

static int
packets_seed(struct loop_rig *rig)
{
	const struct loop_options *o = rig->options;
	struct rte_mempool *pool = rte_mempool_lookup("packets_0");

	for (unsigned w = 0; w < o->workers; w++) {
		for (unsigned i = 0; i < o->inflight; i++) {
			struct rte_mbuf *m = pool == NULL ? NULL : rte_pktmbuf_alloc(pool);

			if (m == NULL)
				return refuse("no packet buffers", "");
			loop_frame_write(
				o, first_flow(o, w, i), o->streams > 0 ? i % o->streams : 0, m);
			if (rte_ring_enqueue(rig->rings[w], m) < 0)
				return refuse("ring full", "");
		}
	}
	return 0;
}

int
loop_rig_create(struct loop_rig *rig, const struct loop_options *options)
{
	memset(rig, 0, sizeof(*rig));
	rig->options = options;
	if (eal_up(options) < 0 || loop_port_make(rig) < 0 || dp_make(rig) < 0 ||
		next_hops_set(rig) < 0 || flows_install(rig) < 0 || packets_seed(rig) < 0)
		return -1;
	return 0;
}

uint64_t
loop_rig_sent(const struct loop_rig *rig)
{
	uint64_t sent = 0;

	for (unsigned w = 0; w < dp_worker_count(rig->dp); w++) {
		struct dp_worker_stats stats;

		if (dp_worker_stats_get(rig->dp, w, &stats) == 0)
			sent += stats.tx_packets;
	}
	return sent;
}

void
loop_rig_destroy(struct loop_rig *rig)
{
	void *m;

	loop_sinks_drain(rig->sinks, rig->options->workers);
	for (unsigned w = 0; w < rig->options->workers; w++) {
		while (rig->rings[w] != NULL && rte_ring_dequeue(rig->rings[w], &m) == 0)
			rte_pktmbuf_free(m);
	}
	if (rig->dp != NULL)
		dp_destroy(rig->dp);
	free(rig->handles);
	dp_eal_fini();
}
