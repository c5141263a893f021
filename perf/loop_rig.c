/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "loop_frame.h"

#define RING_SLOTS 2048
#define SEED 1 /* the same cycle in every run */
#define ERROR_MAX 256

static int
refuse(const char *what, const char *why)
{
	fprintf(stderr, "closed-loop: %s%s%s\n", what, why[0] != '\0' ? ": " : "", why);
	return -1;
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
		.memory_mb = o->no_huge ? 512 + o->flows / 2048 : 0,
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
	for (unsigned w = 0; w < rig->options->workers; w++) {
		char name[RTE_RING_NAMESIZE];

		snprintf(name, sizeof(name), "loop_%u", w);
		rig->rings[w] = rte_ring_create(
			name, RING_SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (rig->rings[w] == NULL)
			return refuse("no memory for rings", "");
	}
	if (rte_eth_from_rings("loop", rig->rings, rig->options->workers, rig->rings,
		    rig->options->workers, SOCKET_ID_ANY) < 0)
		return refuse("rte_eth_from_rings failed", "");
	return 0;
}

static int
dp_up(struct loop_rig *rig)
{
	const struct loop_options *o = rig->options;
	const struct dp_port_config ports[2] = {
		{.name = "loop", .devargs = "net_ring_loop"},
		{.name = "free", .devargs = "net_null0,no-rx=1"},
	};
	const struct dp_config config = {
		.n_ports = o->legs > 1 ? 2 : 1,
		.ports = ports,
		.max_flows_ipv4 = o->family == 4 ? o->flows : 0,
		.max_flows_ipv6 = o->family == 6 ? o->flows : 0,
	};
	struct dp_port_info info;
	char error[ERROR_MAX];

	rig->dp = dp_create(&config, error, sizeof(error));
	if (rig->dp == NULL)
		return refuse("data plane", error);
	for (uint16_t p = 0; p < config.n_ports; p++) {
		struct dp_next_hop hop = {.dst_mac = {2, 0, 0, 0, 0, 1},
			.src_mac = {2, 0, 0, 0, 0, 2},
			.port = p,
			.mtu = 1500};

		if (dp_next_hop_set(rig->dp, p, &hop) < 0)
			return refuse("next hop", "");
		/* Replicas are to be measured as NICs send them, not as copies. */
		if (dp_port_info_get(rig->dp, p, &info) < 0 || !info.shares_payload)
			return refuse("port does not share payloads", ports[p].name);
	}
	return 0;
}

/*
 * next[i] is the flow into which flow i rewrites: one random cycle (Sattolo) through all flows of
 * a worker, so that packets visit every flow and never meet another worker's.
 */
static unsigned *
cycle_make(unsigned flows, unsigned workers)
{
	unsigned *next = calloc(flows, sizeof(*next));

	if (next == NULL)
		return NULL;
	for (unsigned i = 0; i < flows; i++)
		next[i] = i;
	srandom(SEED);
	for (unsigned i = flows - 1; i >= workers; i--) {
		/* A lower flow of the same worker: i, i - workers, ... */
		unsigned below = i / workers;
		unsigned j = i % workers + workers * ((unsigned)random() % below);
		unsigned swap = next[i];

		next[i] = next[j];
		next[j] = swap;
	}
	return next;
}

static int
flow_add(struct loop_rig *rig, struct dp_txn *txn, unsigned index, unsigned next)
{
	const struct loop_options *o = rig->options;
	struct dp_leg legs[DP_FLOW_LEGS_MAX];
	struct dp_flow flow = {.n_legs = (uint16_t)o->legs, .legs = legs};
	struct dp_flow_key to;

	loop_flow_key(o, index, &flow.key);
	loop_flow_key(o, next, &to);
	memset(legs, 0, sizeof(legs));
	for (unsigned i = 0; i < o->legs; i++) {
		memcpy(legs[i].src, to.src, sizeof(to.src));
		memcpy(legs[i].dst, to.dst, sizeof(to.dst));
		legs[i].src_port = to.src_port;
		legs[i].dst_port = to.dst_port;
		legs[i].vlan = to.vlan;
		legs[i].dscp = DP_DSCP_KEEP;
		legs[i].ttl = 64; /* they circulate for ever */
		legs[i].next_hop = loop_leg_port(o, i); /* next hop p leaves by port p */
	}
	return dp_txn_add(txn, &flow, &rig->handles[index]);
}

static int
flows_install(struct loop_rig *rig)
{
	const struct loop_options *o = rig->options;
	unsigned *next = cycle_make(o->flows, o->workers);
	struct dp_txn *txn = dp_txn_begin(rig->dp);
	int ret = 0;

	rig->handles = calloc(o->flows, sizeof(*rig->handles));
	if (next == NULL || txn == NULL || rig->handles == NULL)
		ret = -1;
	for (unsigned i = 0; i < o->flows && ret == 0; i++)
		ret = flow_add(rig, txn, i, next[i]);
	free(next);
	if (ret == 0)
		ret = dp_txn_commit(txn);
	else if (txn != NULL)
		dp_txn_abort(txn);
	return ret < 0 ? refuse("installing flows", strerror(-ret)) : 0;
}

/* Spread the packets of each worker evenly over its flows. */
static int
packets_seed(struct loop_rig *rig)
{
	const struct loop_options *o = rig->options;
	struct rte_mempool *pool = rte_mempool_lookup("packets_0");

	for (unsigned w = 0; w < o->workers; w++) {
		unsigned flows = (o->flows - w + o->workers - 1) / o->workers;

		for (unsigned i = 0; i < o->inflight; i++) {
			struct rte_mbuf *m = pool == NULL ? NULL : rte_pktmbuf_alloc(pool);

			if (m == NULL)
				return refuse("no packet buffers", "");
			loop_frame_write(o,
				w + o->workers * (unsigned)((uint64_t)i * flows / o->inflight), m);
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
	if (eal_up(options) < 0 || loop_port_make(rig) < 0 || dp_up(rig) < 0 ||
		flows_install(rig) < 0 || packets_seed(rig) < 0)
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

	for (unsigned w = 0; w < rig->options->workers; w++) {
		while (rig->rings[w] != NULL && rte_ring_dequeue(rig->rings[w], &m) == 0)
			rte_pktmbuf_free(m);
	}
	if (rig->dp != NULL)
		dp_destroy(rig->dp);
	free(rig->handles);
	dp_eal_fini();
}
