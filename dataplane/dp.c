/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane put together and taken apart: ports, pools, tables, and workers as control sees
 * them: which lcore polls which queues from which memory, and how they are started and stopped.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "dp_private.h"
#include "exception_path.h"
#include "fastpath.h"
#include "inject.h"
#include "latch.h"
#include "level.h"
#include "memory.h"
#include "pool.h"
#include "port.h"
#include "retire.h"
#include "ring.h"
#include "rule_set.h"
#include "warn.h"

#define XDP_HEADROOM_BYTES 256 /* which net_af_xdp leaves free in each buffer besides our own */
static_assert(DP_FRAME_OVERHEAD_BYTES == RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN +
						 XDP_HEADROOM_BYTES,
	"public API: what a buffer holds besides the MTU");
#define STOP_TIMEOUT_US 5000000
#define PAUSE_TIMEOUT_US 100000 /* all ports wait for a change of one so long */
#define STOP_LOOK_US 20
/* Calls of dp_ports_follow() after a device could not be opened or closed; doubled each time. */
#define RETRY_CALLS_MIN 20
#define RETRY_CALLS_MAX 1200

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

static int
ports_negotiate(struct dp *dp, char *error, size_t error_size)
{
	const int socket = port_memory_socket(&dp->ports[0]);
	struct negotiate_use use = {.replicates = dp->config.max_legs > 0, .one_pool = true};
	int ret = 0;

	for (unsigned p = 1; p < dp->n_ports; p++)
		use.one_pool = use.one_pool && port_memory_socket(&dp->ports[p]) == socket;
	for (unsigned p = 0; p < dp->n_ports && ret == 0; p++) {
		dp->ports[p].use = use;
		ret = port_negotiate(&dp->ports[p], error, error_size);
	}
	return ret;
}

/* The longest frame of any port: a worker may copy it into a buffer of any socket. */
static unsigned
frame_bytes_max(const struct dp *dp)
{
	unsigned bytes = DP_FRAME_BYTES_MIN;

	for (unsigned p = 0; p < dp->n_ports; p++)
		bytes = RTE_MAX(bytes, (unsigned)dp->ports[p].mtu + DP_FRAME_OVERHEAD_BYTES);
	return bytes;
}

static bool
has_kernel_path(const struct dp *dp)
{
	for (unsigned p = 0; p < dp->n_ports; p++) {
		if (dp->ports[p].config.kernel_path)
			return true;
	}
	return false;
}

/* Pools on each socket that has a port, big enough for the queues there. */
static int
pools_create(struct dp *dp, char *error, size_t error_size)
{
	const unsigned frame_bytes = frame_bytes_max(dp);

	for (int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
		unsigned n = DP_WORKER_PACKETS * dp->n_workers;
		bool wanted = false, registered = false;
		int ret;

		for (unsigned p = 0; p < dp->n_ports; p++) {
			struct port *port = &dp->ports[p];

			if (port_memory_socket(port) != socket)
				continue;
			wanted = true;
			registered = registered ||
				     (port->settings.quirks & DP_QUIRK_registers_pool) != 0;
			port->pool_descriptors = port_descriptors(port);
			n += port->pool_descriptors + port->n_rx * DP_QUEUE_PACKETS;
		}
		if (!wanted)
			continue;
		if (has_kernel_path(dp))
			n += dp->n_workers *
			     (DP_EXCEPTION_COUNT * dp->config.exception_ring + INJECT_RING);
		if (dp->config.packet_buffers != 0)
			n = dp->config.packet_buffers;
		ret = pool_set_init(
			&dp->pools[socket], socket, n, frame_bytes, registered, error, error_size);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* A node whose hugepages are taken gives way to another one, which is slower to reach. */
static void
tables_warn_of_node(const struct dp *dp, int node)
{
	const struct dp_memory tables[] = {
		dp_flow_memory(dp, DP_IPV4), dp_flow_memory(dp, DP_IPV6), dp_leg_memory(dp)};

	for (unsigned i = 0; i < RTE_DIM(tables); i++) {
		if (!tables[i].hugepages || tables[i].socket == node)
			continue;
		dp_warn(dp,
			"tables are on NUMA node %d, port %s on node %d: reserve more hugepages "
			"there",
			tables[i].socket, dp->config.ports[0].name, node);
		return;
	}
}

static int
tables_create(struct dp *dp, char *error, size_t error_size)
{
	const int node = port_memory_socket(&dp->ports[0]);
	int ret = leg_table_init(&dp->legs, dp->config.max_legs, dp->n_workers, node);

	if (ret == 0)
		ret = flow_table_init(&dp->table4, DP_IPV4, dp->config.max_flows_ipv4,
			dp->n_workers, node, &dp->legs);
	if (ret == 0)
		ret = flow_table_init(&dp->table6, DP_IPV6, dp->config.max_flows_ipv6,
			dp->n_workers, node, &dp->legs);
	dp->next_hops = memory_zalloc(NEXT_HOP_STALE + 1, sizeof(*dp->next_hops), node);
	dp->qsbr = memory_zalloc(1, rte_rcu_qsbr_get_memsize(dp->n_workers), node);
	if (ret < 0 || dp->next_hops == NULL || dp->qsbr == NULL) {
		snprintf(error, error_size,
			"no memory for tables of %u IPv4 flows, %u IPv6 flows and %u legs (more"
			" hugepages, or smaller tables)",
			dp->config.max_flows_ipv4, dp->config.max_flows_ipv6, dp->config.max_legs);
		return -ENOMEM;
	}
	dp->legs.latches.qsbr = dp->qsbr;
	tables_warn_of_node(dp, node);
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

/* Between a worker and control, in either direction. */
static struct rte_ring *
control_ring_create(const char *what, unsigned worker, unsigned places, int socket)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s_%u", what, worker);
	return rte_ring_create(
		name, places, socket, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
}

/* With the frames that it still holds. */
static void
frame_ring_free(struct rte_ring *ring)
{
	void *m;

	while (ring != NULL && ring_take(ring, &m, 1) == 1)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

static void
worker_destroy(struct lcore *lc)
{
	frame_ring_free(lc->punt_ring);
	frame_ring_free(lc->inject_ring);
	frame_ring_free(lc->kernel_ring);
	for (unsigned class = 0; class < DP_EXCEPTION_COUNT; class ++)
		frame_ring_free(lc->exception_rings[class]);
	rte_ring_free(lc->latch_ring);
	rte_free(lc->counters);
	rte_free(lc->stages);
	rte_free(lc);
}

/* To the kernel and back, where a port has such a path. 0 or -ENOMEM. */
static int
worker_create_kernel_rings(const struct dp *dp, struct lcore *lc, int node)
{
	if (!has_kernel_path(dp))
		return 0;
	for (unsigned class = 0; class < DP_EXCEPTION_COUNT; class ++) {
		lc->exception_rings[class] =
			control_ring_create(dp_exception_name((enum dp_exception) class), lc->index,
				dp->config.exception_ring, node);
		if (lc->exception_rings[class] == NULL)
			return -ENOMEM;
	}
	lc->kernel_ring = control_ring_create("kernel", lc->index, INJECT_RING, node);
	return lc->kernel_ring != NULL ? 0 : -ENOMEM;
}

static struct lcore *
worker_create(struct dp *dp, unsigned index)
{
	unsigned lcore_id = index + 1; /* as dp_eal_init() mapped them */
	unsigned core = memory_worker_core(index);
	const int node = memory_worker_node(index);
	struct lcore *lc = memory_zalloc(1, sizeof(*lc), node);

	if (lc == NULL)
		return NULL;
	lc->counters = memory_zalloc(dp->n_ports, sizeof(*lc->counters), node);
	lc->stages = memory_zalloc(dp->n_ports, sizeof(*lc->stages), node);
	lc->punt_ring = control_ring_create("punt", index, dp->config.punt_ring, node);
	lc->inject_ring = control_ring_create("inject", index, INJECT_RING, node);
	lc->latch_ring = control_ring_create("latch", index, LATCH_RING, node);
	lc->index = (uint8_t)index;
	if (lc->counters == NULL || lc->stages == NULL || lc->punt_ring == NULL ||
		lc->inject_ring == NULL || lc->latch_ring == NULL ||
		worker_create_kernel_rings(dp, lc, node) < 0) {
		worker_destroy(lc);
		return NULL;
	}
	packet_police_init(&lc->punt_police, dp->config.punt_rate);
	/* One clock: workers share the times of policers, latches and sources. */
	lc->tsc_start = index == 0 ? rte_rdtsc() : dp->workers[0]->tsc_start;
	lc->ns_mult = ((uint64_t)NS_PER_S << 32) / rte_get_tsc_hz();
	lc->lcore_id = lcore_id;
	lc->core = core;
	lc->owner = (uint8_t)(index + 1);
	return lc;
}

/* Where a worker sends what leaves by a port. */
static void
worker_wire_port(const struct dp *dp, struct lcore *lc, unsigned port)
{
	const struct port *from = &dp->ports[port];
	struct tx_stage *stage = &lc->stages[port];

	stage->ethdev = from->ethdev;
	stage->queue = lc->index;
	stage->shares_payload = from->shares_payload;
	if (from->bond.is_lacp)
		lc->lacp_ports |= UINT32_C(1) << port;
	stage->mtu = from->mtu;
	rte_eth_macaddr_get(from->ethdev, (struct rte_ether_addr *)(void *)stage->mac);
}

/* Everything that the fast path reads through its struct lcore. */
static void
worker_wire(struct dp *dp, struct lcore *lc)
{
	const struct pool_set *pools = &dp->pools[memory_core_node(lc->core)];

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
	lc->exceptions = dp->exceptions;
	lc->qsbr = dp->qsbr;
	for (unsigned p = 0; p < dp->n_ports; p++)
		worker_wire_port(dp, lc, p);
}

static int
worker_add_queue(const struct dp *dp, struct lcore *lc, unsigned port, uint16_t queue, char *error,
	size_t error_size)
{
	const struct port *p = &dp->ports[port];
	struct rx_queue added = {.port = (uint16_t)port, .queue = queue};
	unsigned at = lc->n_queues;

	while (at < lc->n_queues_known &&
		(lc->queues[at].port != port || lc->queues[at].queue != queue))
		at++;
	if (at == LCORE_QUEUES_MAX) {
		snprintf(error, error_size, "worker on core %u: more than %u receive queues",
			lc->core, LCORE_QUEUES_MAX);
		return -ENOSPC;
	}
	if (at < lc->n_queues_known)
		added.packets = lc->queues[at].packets;
	else
		lc->n_queues_known++;
	added.ethdev = p->ethdev;
	added.burst = (uint16_t)p->settings.burst;
	lc->queues[at] = lc->queues[lc->n_queues];
	lc->queues[lc->n_queues++] = added;
	return 0;
}

/* The receive queues of all ports go round the workers. */
static int
workers_add_queues(struct dp *dp, unsigned port, char *error, size_t error_size)
{
	unsigned next = 0;

	for (unsigned p = 0; p < port; p++)
		next += dp->ports[p].n_rx;
	for (uint16_t q = 0; q < dp->ports[port].n_rx; q++, next++) {
		int ret = worker_add_queue(
			dp, dp->workers[next % dp->n_workers], port, q, error, error_size);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Workers that reach a port's memory slowly. */
static void
workers_warn_of_node(const struct dp *dp, unsigned port)
{
	const struct port *p = &dp->ports[port];

	for (unsigned w = 0; w < dp->n_workers; w++) {
		const struct lcore *lc = dp->workers[w];
		const int node = memory_core_node(lc->core);

		if (p->socket >= 0 && p->socket != node && worker_polls(lc, (uint16_t)port))
			dp_warn(dp, "worker on core %u (NUMA node %d) polls port %s of node %d",
				lc->core, node, p->config.name, p->socket);
	}
}

static int
workers_create(struct dp *dp, const struct fastpath *fastpath, char *error, size_t error_size)
{
	for (unsigned w = 0; w < dp->n_workers; w++) {
		dp->workers[w] = worker_create(dp, w);
		if (dp->workers[w] == NULL) {
			snprintf(error, error_size,
				"no memory for worker %u (more hugepages on NUMA node %d)", w,
				memory_worker_node(w));
			return -ENOMEM;
		}
		dp->workers[w]->fastpath = fastpath;
		worker_wire(dp, dp->workers[w]);
	}
	for (unsigned p = 0; p < dp->n_ports; p++) {
		int ret = workers_add_queues(dp, p, error, error_size);

		if (ret < 0)
			return ret;
		workers_warn_of_node(dp, p);
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

/*
 * Ask all workers to stop, and wait for at most so long. NULL: all have; else one that has not,
 * while the others may have.
 */
static const struct lcore *
workers_stop(struct dp *dp, unsigned timeout_us)
{
	const uint64_t deadline = rte_rdtsc() + timeout_us * rte_get_tsc_hz() / US_PER_S;
	const struct lcore *late = NULL;

	__atomic_store_n(&dp->stop, true, __ATOMIC_RELAXED);
	for (unsigned w = 0; w < dp->n_workers; w++) {
		const struct lcore *lc = dp->workers[w];
		const unsigned id = lc->lcore_id;

		while (rte_eal_get_lcore_state(id) == RUNNING && rte_rdtsc() < deadline)
			rte_delay_us_sleep(STOP_LOOK_US);
		if (rte_eal_get_lcore_state(id) == RUNNING) {
			late = lc;
			continue;
		}
		rte_eal_wait_lcore(id);
		rte_rcu_qsbr_thread_unregister(dp->qsbr, w);
	}
	dp->running = late != NULL;
	return late;
}

static int
worker_launch(const struct lcore *lc, lcore_function_t *function, void *arg, char *error,
	size_t error_size)
{
	int ret = rte_eal_remote_launch(function, arg, lc->lcore_id);

	if (ret < 0)
		snprintf(error, error_size, "launching worker %u on core %u: %s", lc->index,
			lc->core, strerror(-ret));
	return ret;
}

/* What a worker's lcore is asked before it starts, while control waits. */
struct level_choice {
	const char *name; /* cpu_level */
	const struct fastpath *fastpath; /* the answer; NULL: error says why */
	char error[192];
};

/* On the worker's own CPU, as those of one machine may differ. */
static int
worker_choose_level(void *arg)
{
	struct level_choice *choice = arg;
	const struct level_host host = level_host_get();
	const struct fastpath *fastpath =
		level_choose(&host, choice->name, choice->error, sizeof(choice->error));

	__atomic_store_n(&choice->fastpath, fastpath, __ATOMIC_RELEASE);
	return 0;
}

/* Each worker gets its level before any of them runs. */
static int
workers_choose_levels(struct dp *dp, char *error, size_t error_size)
{
	for (unsigned w = 0; w < dp->n_workers; w++) {
		struct lcore *lc = dp->workers[w];
		struct level_choice choice = {.name = dp->config.cpu_level};
		const struct fastpath *fastpath;
		int ret = worker_launch(lc, worker_choose_level, &choice, error, error_size);

		if (ret < 0)
			return ret;
		rte_eal_wait_lcore(lc->lcore_id);
		/* What the EAL synchronizes by is not known to the thread sanitizer. */
		fastpath = __atomic_load_n(&choice.fastpath, __ATOMIC_ACQUIRE);
		if (fastpath == NULL) {
			snprintf(error, error_size, "%s (worker on core %u)", choice.error,
				lc->core);
			return -ENOTSUP;
		}
		lc->fastpath = fastpath;
	}
	return 0;
}

/* Those that do not run. */
static int
workers_start(struct dp *dp, char *error, size_t error_size)
{
	__atomic_store_n(&dp->stop, false, __ATOMIC_RELAXED);
	for (unsigned w = 0; w < dp->n_workers; w++) {
		struct lcore *lc = dp->workers[w];
		int ret;

		if (rte_eal_get_lcore_state(lc->lcore_id) == RUNNING)
			continue;
		rte_rcu_qsbr_thread_register(dp->qsbr, w);
		ret = worker_launch(lc, lc->fastpath->run, lc, error, error_size);
		if (ret < 0) {
			workers_stop(dp, STOP_TIMEOUT_US);
			return ret;
		}
	}
	dp->running = true;
	return 0;
}

static int
paths_create(struct dp *dp, char *error, size_t error_size)
{
	int ret = exceptions_create(dp);

	if (ret < 0)
		snprintf(error, error_size, "no memory for the ports' paths to the kernel");
	return ret;
}

/* Traffic of the kernel's, beside the workers. */
static int
paths_start(struct dp *dp, char *error, size_t error_size)
{
	int ret = exceptions_start(dp);

	if (ret < 0)
		snprintf(error, error_size, "starting the thread of the paths to the kernel: %s",
			strerror(-ret));
	return ret;
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
	dp = memory_zalloc(1, sizeof(*dp), SOCKET_ID_ANY);
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
	if (dp->config.inject_rate == 0)
		dp->config.inject_rate = DP_INJECT_RATE_DEFAULT;
	if (dp->config.exception_ring == 0)
		dp->config.exception_ring = DP_EXCEPTION_RING_DEFAULT;
	packet_police_init(&dp->inject_police, dp->config.inject_rate);
	dp->n_workers = rte_lcore_count() - 1;
	if (ports_open(dp, error, error_size) < 0 || ports_negotiate(dp, error, error_size) < 0 ||
		pools_create(dp, error, error_size) < 0 ||
		tables_create(dp, error, error_size) < 0 ||
		ports_configure(dp, error, error_size) < 0 ||
		workers_create(dp, fastpath, error, error_size) < 0 ||
		paths_create(dp, error, error_size) < 0) {
		dp_destroy(dp);
		return NULL;
	}
	return dp;
}

int
dp_start(struct dp *dp, char *error, size_t error_size)
{
	int ret = workers_choose_levels(dp, error, error_size);

	if (ret == 0)
		ret = dp_ports_start(dp, error, error_size);
	if (ret == 0)
		ret = workers_start(dp, error, error_size);
	if (ret == 0)
		ret = paths_start(dp, error, error_size);
	if (ret < 0)
		dp_stop(dp);
	return ret;
}

void
dp_stop(struct dp *dp)
{
	const struct lcore *late;

	exceptions_stop(dp);
	late = dp->running ? workers_stop(dp, STOP_TIMEOUT_US) : NULL;
	if (late != NULL) {
		/* Its ports must not go under it. */
		dp_warn(dp, "worker on core %u does not stop", late->core);
		return;
	}
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
	exceptions_destroy(dp);
	flow_table_fini(&dp->table4);
	flow_table_fini(&dp->table6);
	rule_set_fini(&dp->rules4);
	rule_set_fini(&dp->rules6);
	leg_table_fini(&dp->legs);
	rte_free(dp->next_hops);
	rte_free(dp->qsbr);
	for (int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++)
		pool_set_fini(&dp->pools[socket]);
	rte_free(dp);
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
dp_bond_member_get(const struct dp *dp, unsigned port, unsigned member, struct dp_bond_member *info)
{
	if (port >= dp->n_ports || member >= dp->ports[port].bond.n_members)
		return -ENOENT;
	bond_member(&dp->ports[port].bond, dp->ports[port].ethdev, member, info);
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

static void
workers_go_on(struct dp *dp)
{
	char error[192];

	if (workers_start(dp, error, sizeof(error)) < 0)
		dp_warn(dp, "%s", error);
}

/*
 * Let all workers stand still for a change of a port, until workers_go_on(). Where one is late,
 * they go on at once. It stops when it finds out that it was asked to, and is started by
 * dp_ports_follow() then.
 */
static int
workers_pause(struct dp *dp, char *error, size_t error_size)
{
	const struct lcore *late = workers_stop(dp, PAUSE_TIMEOUT_US);

	if (late == NULL)
		return 0;
	workers_go_on(dp);
	snprintf(error, error_size, "worker on core %u does not stop for %u ms", late->core,
		PAUSE_TIMEOUT_US / 1000);
	return -ETIMEDOUT;
}

static void
port_unwire(struct dp *dp, unsigned port)
{
	for (unsigned w = 0; w < dp->n_workers; w++) {
		struct lcore *lc = dp->workers[w];

		for (uint16_t q = lc->n_queues; q-- > 0;) {
			const struct rx_queue queue = lc->queues[q];

			if (queue.port != port)
				continue;
			lc->queues[q] = lc->queues[--lc->n_queues];
			lc->queues[lc->n_queues] = queue;
		}
		lc->stages[port].down = true;
	}
}

/* Take the port from the workers, and then close it. */
static int
port_leave(struct dp *dp, unsigned port, char *error, size_t error_size)
{
	struct port *p = &dp->ports[port];

	if (!p->unplugged) {
		int ret = workers_pause(dp, error, error_size);

		if (ret < 0)
			return ret;
		port_unwire(dp, port);
		workers_go_on(dp);
	}
	port_unplug(p);
	return 0;
}

/* Open the port that is back, and give it to the workers again. */
static int
port_return(struct dp *dp, unsigned port, char *error, size_t error_size)
{
	struct port *p = &dp->ports[port];
	int ret = 0;

	if (p->closed)
		ret = port_replug(p, dp->pools[port_memory_socket(p)].packets, error, error_size);
	if (ret == 0)
		ret = workers_pause(dp, error, error_size);
	if (ret < 0)
		return ret;
	for (unsigned w = 0; w < dp->n_workers; w++)
		worker_wire_port(dp, dp->workers[w], port);
	ret = workers_add_queues(dp, port, error, error_size);
	p->unplugged = false;
	workers_go_on(dp);
	workers_warn_of_node(dp, port);
	return ret;
}

/* What failed is reported, unless it is what failed before, and tried again later. */
static void
port_followed(const struct dp *dp, struct port *port, const char *error)
{
	if (error[0] != '\0' && strcmp(error, port->failed) != 0)
		dp_warn(dp, "%s", error);
	snprintf(port->failed, sizeof(port->failed), "%s", error);
	port->retry_pause =
		error[0] == '\0'
			? 0
			: RTE_MIN(RTE_MAX(2 * port->retry_pause, (unsigned)RETRY_CALLS_MIN),
				  (unsigned)RETRY_CALLS_MAX);
	port->retry_wait = port->retry_pause;
}

static bool
port_changes(const struct port *port)
{
	return port->unplugged || port_removal_asked(port);
}

bool
dp_ports_due(const struct dp *dp)
{
	for (unsigned p = 0; p < dp->n_ports; p++) {
		const struct port *port = &dp->ports[p];

		if (port_changes(port) && port->retry_wait == 0 &&
			(!port->closed || port_is_back(port)))
			return true;
	}
	return false;
}

void
dp_ports_follow(struct dp *dp)
{
	if (dp->running)
		workers_go_on(dp);
	for (unsigned p = 0; p < dp->n_ports && dp->running; p++) {
		struct port *port = &dp->ports[p];
		char error[sizeof(port->failed)] = "";

		if (port->closed && !port_is_back(port)) {
			port_followed(dp, port, "");
		} else if (port->retry_wait > 0) {
			port->retry_wait--;
		} else if (port_changes(port)) {
			if (port_removal_asked(port))
				port_leave(dp, p, error, sizeof(error));
			else
				port_return(dp, p, error, sizeof(error));
			port_followed(dp, port, error);
		}
	}
}

int
dp_bond_member_link_set(struct dp *dp, unsigned port, unsigned member, bool up)
{
	struct port *p = &dp->ports[port];
	char error[sizeof(p->failed)] = "";
	int ret = 0;

	if (port >= dp->n_ports || member >= p->bond.n_members)
		return -ENOENT;
	if (!dp->running || p->retry_wait > 0)
		return -EAGAIN;
	/* A member that is not active is not touched by workers. */
	if (!up)
		ret = workers_pause(dp, error, sizeof(error));
	if (ret == 0) {
		ret = bond_member_link_set(&p->bond, p->ethdev, member, up, error, sizeof(error));
		if (!up)
			workers_go_on(dp);
	}
	port_followed(dp, p, error);
	return ret;
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
	info->socket = memory_core_node(info->core);
	info->rx_queues = dp->workers[worker]->n_queues;
	info->cpu_level = dp->workers[worker]->fastpath->name;
	return 0;
}
