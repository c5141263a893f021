/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>
#include <rte_ring.h>

#include "flow.h"

#define RING_SLOTS_MIN 2048
#define SINK_NAME "free"
#define SINK_DEVICE "net_ring_" SINK_NAME
#define LOOP_DEVICE "net_ring_loop"
#define MIX_FRAMES 128 /* of a family at once, at most */
#define FREE_FRAMES 256 /* at once: as many as circulate by default */
#define ERROR_MAX 256
#define MEMORY_BASE_MB 384 /* pools and EAL */
#define FLOW_BYTES 512 /* in tables, the larger family */
#define ACTION_BYTES 768 /* of a flow that is not plain, its policer included */
#define LEG_BYTES 384

/* The end of the child process that measures. */
static void __attribute__((noreturn)) fail(const char *what, const char *why)
{
	fprintf(stderr, "closed-loop: %s: %s\n", what, why);
	_exit(1);
}

unsigned
loop_rig_memory_mb(const struct loop_options *o)
{
	const uint64_t flows = (uint64_t)o->flows + loop_flows_spare(o);
	const bool plain = !o->police && !o->translate && !o->mixed && o->latch == DP_LATCH_OPEN &&
			   o->streams == 0 && o->legs == 1 && o->learned == LOOP_FIXED;
	const uint64_t flow_bytes = plain ? FLOW_BYTES : FLOW_BYTES + ACTION_BYTES;

	return MEMORY_BASE_MB +
	       (unsigned)((flows * flow_bytes + loop_legs_needed(o) * LEG_BYTES) >> 20);
}

/* A net_ring device; rings of ours, so that packets can be put in and taken out. */
static void
device_make(const char *name, struct rte_ring **received, struct rte_ring **sent, unsigned n)
{
	if (rte_eth_from_rings(name, received, n, sent, n, SOCKET_ID_ANY) < 0)
		fail(name, "rte_eth_from_rings failed");
}

/*
 * Rings of two workers lie on different huge pages: side by side, as nothing of a NIC's does, one
 * worker takes lines of the other's away (1.6 instead of 1.8 times the packets of one worker).
 */
static struct rte_ring *
ring_make(const struct loop_options *o, const char *kind, unsigned worker)
{
	/* One slot of a ring stays empty. */
	const unsigned slots = RTE_MAX(RING_SLOTS_MIN, rte_align32pow2(o->inflight + 1));
	const struct rte_memzone *zone;
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "%s_%u", kind, worker);
	zone = rte_memzone_reserve_aligned(
		name, (size_t)rte_ring_get_memsize(slots), SOCKET_ID_ANY, 0, RTE_PGSIZE_2M);
	ring = zone == NULL ? NULL : zone->addr;
	if (ring == NULL || rte_ring_init(ring, name, slots, RING_F_SP_ENQ | RING_F_SC_DEQ) < 0)
		fail(name, "no memory for a ring");
	return ring;
}

static void
devices_make(struct loop_rig *rig)
{
	struct rte_ring *sent[LOOP_WORKERS_MAX];
	const unsigned n = rig->options->workers;

	for (unsigned w = 0; w < n; w++)
		rig->rings[w] = ring_make(rig->options, "loop", w);
	device_make("loop", rig->rings, rig->rings, n);
	if (rig->options->legs == 1)
		return;
	for (unsigned w = 0; w < n; w++) {
		sent[w] = ring_make(rig->options, "sink", w);
		rig->sink_rings[w] = ring_make(rig->options, "sink_rx", w);
		rig->sinks[w] = (struct loop_sink){.ring = sent[w]};
	}
	device_make(SINK_NAME, rig->sink_rings, sent, n);
}

/*
 * Free chains: their first segments, then their second ones and so on, as those that follow each
 * other then lie in one pool and return to it together.
 */
static void
chains_free(struct rte_mbuf **chains, unsigned n)
{
	struct rte_mbuf *rest[FREE_FRAMES];

	while (n > 0) {
		unsigned more = 0;

		for (unsigned i = 0; i < n; i++) {
			if (chains[i]->next == NULL)
				continue;
			rest[more++] = chains[i]->next;
			chains[i]->next = NULL;
			chains[i]->nb_segs = 1;
		}
		rte_pktmbuf_free_bulk(chains, n);
		for (unsigned i = 0; i < more; i++)
			chains[i] = rest[i];
		n = more;
	}
}

/* Not inlined: callgrind leaves out what happens below this name. */
static __attribute__((noinline)) void
loop_sink_free(struct loop_sink *sink)
{
	struct rte_mbuf *frames[FREE_FRAMES];
	const uint64_t start = rte_rdtsc();
	const unsigned n = rte_ring_dequeue_burst(sink->ring, (void **)frames, FREE_FRAMES, NULL);

	chains_free(frames, n);
	__atomic_store_n(&sink->frames, sink->frames + n, __ATOMIC_RELAXED);
	__atomic_store_n(&sink->cycles, sink->cycles + rte_rdtsc() - start, __ATOMIC_RELAXED);
}

/* Called by rte_eth_tx_burst() on the worker's lcore, before the frames go into the ring. */
static uint16_t
before_tx(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t n, void *arg)
{
	struct loop_sink *sink = arg;

	(void)port;
	(void)queue;
	(void)frames;
	if (rte_ring_count(sink->ring) < FREE_FRAMES)
		return n;
	sink->is_freeing = true;
	loop_sink_free(sink);
	sink->is_freeing = false;
	return n;
}

/* Free from now on what arrives; once the data plane has configured the device. */
static void
sinks_attach(struct loop_sink *sinks, unsigned n_workers)
{
	uint16_t port;

	if (rte_eth_dev_get_port_by_name(SINK_DEVICE, &port) < 0)
		fail(SINK_DEVICE, "the device is gone");
	for (unsigned w = 0; w < n_workers; w++) {
		if (rte_eth_add_tx_callback(port, (uint16_t)w, before_tx, &sinks[w]) == NULL)
			fail(SINK_DEVICE, "rte_eth_add_tx_callback failed");
	}
}

/* Free what is still in the rings; nothing may be sent any more. */
static void
sinks_drain(struct loop_sink *sinks, unsigned n_workers)
{
	for (unsigned w = 0; w < n_workers; w++) {
		while (sinks[w].ring != NULL && !rte_ring_empty(sinks[w].ring))
			loop_sink_free(&sinks[w]);
	}
}

/*
 * Called as before_tx(). The data plane sends the IPv4 packets of a pass in one burst and its IPv6
 * ones in the next: let them come by turns again, each family in another order than before, which
 * no branch predictor learns. The first burst is the last in the ring, which only this worker reads
 * and writes; its slots are behind struct rte_ring. A power of two of frames, as all bursts are
 * that the loop fills.
 */
static uint16_t
mix(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t n, void *arg)
{
	struct loop_mixer *mixer = arg;
	struct rte_ring *ring = mixer->ring;
	struct rte_mbuf *halves[2][MIX_FRAMES];
	void **slots = (void **)(ring + 1), **to;
	const uint32_t first = ring->prod.tail - n;

	(void)port;
	(void)queue;
	if (n > MIX_FRAMES || (n & (n - 1)) != 0 || n != mixer->waiting ||
		rte_ring_count(ring) < n) {
		mixer->waiting = n;
		return n;
	}
	for (unsigned i = 0; i < n; i++) {
		halves[0][i] = slots[(first + i) & ring->mask];
		halves[1][i] = frames[i];
	}
	mixer->stride += 2;
	for (unsigned i = 0, at = 0; i < n; i++, at += mixer->stride) {
		const unsigned turn = 2 * (at & (n - 1u));

		to = turn < n ? &slots[(first + turn) & ring->mask] : (void **)&frames[turn - n];
		*to = halves[0][i];
		to = turn + 1 < n ? &slots[(first + turn + 1) & ring->mask]
				  : (void **)&frames[turn + 1 - n];
		*to = halves[1][i];
	}
	mixer->waiting = 0;
	return n;
}

static void
mixers_attach(struct loop_mixer *mixers, struct rte_ring *const *rings, unsigned n_workers)
{
	uint16_t port;

	if (rte_eth_dev_get_port_by_name(LOOP_DEVICE, &port) < 0)
		fail(LOOP_DEVICE, "no such port");
	for (unsigned w = 0; w < n_workers; w++) {
		mixers[w] = (struct loop_mixer){.ring = rings[w], .stride = 1};
		if (rte_eth_add_tx_callback(port, (uint16_t)w, mix, &mixers[w]) == NULL)
			fail(LOOP_DEVICE, "rte_eth_add_tx_callback failed");
	}
}

static void
warn(void *arg, const char *message)
{
	(void)arg;
	fprintf(stderr, "closed-loop: %s\n", message);
}

static void
dp_make(struct loop_rig *rig)
{
	const struct loop_options *o = rig->options;
	const unsigned flows = o->flows + loop_peers(o) + loop_flows_spare(o);
	const struct dp_port_config ports[LOOP_PORTS_MAX] = {
		{.name = "loop", .devargs = LOOP_DEVICE},
		{.name = "free", .devargs = SINK_DEVICE},
	};
	const struct dp_config config = {
		.n_ports = o->legs > 1 ? 2 : 1,
		.ports = ports,
		.max_flows_ipv4 = o->family == 4 ? flows : 0,
		.max_flows_ipv6 = o->family == 6 || o->translate || o->mixed ? flows : 0,
		.max_legs = (unsigned)loop_legs_needed(o),
		.cpu_level = o->level,
		.warn = warn,
	};
	char error[ERROR_MAX];

	rig->dp = dp_create(&config, error, sizeof(error));
	if (rig->dp == NULL)
		fail("data plane", error);
	if (o->legs > 1)
		sinks_attach(rig->sinks, o->workers);
	if (o->mixed)
		mixers_attach(rig->mixers, rig->rings, o->workers);
}

/* Next hop p leaves by port p. */
static void
next_hops_set(const struct loop_rig *rig)
{
	for (uint16_t p = 0; p < dp_port_count(rig->dp); p++) {
		const struct dp_next_hop hop = {.dst_mac = {2, 0, 0, 0, 0, 1},
			.src_mac = {2, 0, 0, 0, 0, 2},
			.port = p,
			.mtu = 1500};
		struct dp_port_info info;

		if (dp_next_hop_set(rig->dp, p, &hop) < 0)
			fail("next hop", "refused");
		/* Replicas are to be measured as NICs send them, not as copies. */
		if (dp_port_info_get(rig->dp, p, &info) < 0 || !info.shares_payload)
			fail(info.name, "the port does not share payloads");
	}
}

/*
 * The flow that packet i of worker w meets first: evenly spread, families and kinds alternating.
 */
static unsigned
first_flow(const struct loop_options *o, unsigned w, unsigned i)
{
	const unsigned strands = loop_strands(o), kinds = loop_kinds(o);
	const unsigned strand = (w * kinds + i % kinds) % strands;
	const uint64_t units = (loop_units(o) - strand + strands - 1) / strands;
	const unsigned unit = strand + strands * (unsigned)(i * units / o->inflight);

	return o->translate && i % 2 == 1 ? loop_units(o) + unit : unit;
}

/*
 * Packets that circulate, in random order, as a pool that has been in use for a while hands them
 * out. One that is new gives them at equal distances, each worker's side by side: then the
 * hardware's prefetcher runs ahead of one worker into the packets of another, and takes the lines
 * that it writes away from it (1.5 instead of 1.9 times the packets of one worker).
 */
static struct rte_mbuf **
packets_take(unsigned n)
{
	struct rte_mempool *pool = rte_mempool_lookup("packets_0");
	struct rte_mbuf **packets = calloc(n, sizeof(*packets));

	if (pool == NULL || packets == NULL || rte_pktmbuf_alloc_bulk(pool, packets, n) < 0)
		fail("packets", "no packet buffers");
	for (unsigned i = n - 1; i > 0; i--) {
		const unsigned j = (unsigned)random() % (i + 1);
		struct rte_mbuf *swap = packets[i];

		packets[i] = packets[j];
		packets[j] = swap;
	}
	return packets;
}

static void
packets_seed(struct loop_rig *rig)
{
	const struct loop_options *o = rig->options;
	const unsigned peers = loop_peers(o), circulating = o->workers * o->inflight;
	struct rte_mbuf **packets = packets_take(circulating + peers);

	for (unsigned w = 0; w < o->workers; w++) {
		for (unsigned i = 0; i < o->inflight; i++) {
			struct rte_mbuf *m = packets[w * o->inflight + i];

			loop_frame_write(
				o, first_flow(o, w, i), o->streams > 0 ? i % o->streams : 0, m);
			if (rte_ring_enqueue(rig->rings[w], m) < 0)
				fail("packets", "a ring is full");
		}
	}
	for (unsigned p = 0; p < peers; p++) {
		struct rte_mbuf *m = packets[circulating + p];
		struct rte_ring **rings =
			loop_peer_frame_write(o, p, m) == 0 ? rig->rings : rig->sink_rings;

		if (rte_ring_enqueue(rings[0], m) < 0)
			fail("packets", "a ring is full");
	}
	free(packets);
}

void
loop_rig_create(struct loop_rig *rig, const struct loop_options *o)
{
	struct dp_eal_config eal = {
		.program = "closed-loop",
		.file_prefix = "closed-loop",
		.control_core = o->control_core,
		.n_workers = o->workers,
		.no_huge = !o->hugepages,
		.memory_mb = o->hugepages ? 0 : loop_rig_memory_mb(o),
		.log_level = "error",
	};
	char error[ERROR_MAX];
	int ret;

	*rig = (struct loop_rig){.options = o, .handles = calloc(o->flows, sizeof(*rig->handles))};
	if (rig->handles == NULL)
		fail("flows", "no memory");
	memcpy(eal.worker_cores, o->worker_cores, sizeof(o->worker_cores));
	if (dp_eal_init(&eal, error, sizeof(error)) < 0)
		fail("EAL", error);
	devices_make(rig);
	dp_make(rig);
	next_hops_set(rig);
	ret = loop_flows_install(o, rig->dp, rig->handles);
	if (ret < 0)
		fail("installing flows", strerror(-ret));
	packets_seed(rig);
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

	sinks_drain(rig->sinks, rig->options->workers);
	for (unsigned w = 0; w < rig->options->workers; w++) {
		while (rte_ring_dequeue(rig->rings[w], &m) == 0)
			rte_pktmbuf_free(m);
	}
	dp_destroy(rig->dp);
	free(rig->handles);
	dp_eal_fini();
}

uint64_t
loop_rig_freeing_cycles(const struct loop_rig *rig)
{
	uint64_t cycles = 0;

	for (unsigned w = 0; w < rig->options->workers; w++)
		cycles += __atomic_load_n(&rig->sinks[w].cycles, __ATOMIC_RELAXED);
	return cycles;
}

/* One a worker; written before the port's functions are. */
static struct rte_ring *direct_rings[LOOP_WORKERS_MAX];

/* Worker w is EAL lcore w + 1. */
static struct rte_ring *
own_ring(void)
{
	return direct_rings[rte_lcore_id() - 1];
}

static uint16_t
direct_rx(void *queue, struct rte_mbuf **packets, uint16_t n)
{
	(void)queue;
	return (uint16_t)rte_ring_sc_dequeue_burst(own_ring(), (void **)packets, n, NULL);
}

static uint16_t
direct_tx(void *queue, struct rte_mbuf **packets, uint16_t n)
{
	(void)queue;
	return (uint16_t)rte_ring_sp_enqueue_burst(own_ring(), (void **)packets, n, NULL);
}

uint16_t
loop_rig_ethdev(void)
{
	uint16_t port;

	if (rte_eth_dev_get_port_by_name(LOOP_DEVICE, &port) < 0)
		fail(LOOP_DEVICE, "no such port");
	return port;
}

void
loop_rig_direct(const struct loop_rig *rig)
{
	const uint16_t port = loop_rig_ethdev();

	for (unsigned w = 0; w < LOOP_WORKERS_MAX; w++)
		direct_rings[w] = rig->rings[w];
	/* Workers may be at it already: either function does the same to the same ring. */
	__atomic_store_n(&rte_eth_fp_ops[port].rx_pkt_burst, direct_rx, __ATOMIC_RELEASE);
	__atomic_store_n(&rte_eth_fp_ops[port].tx_pkt_burst, direct_tx, __ATOMIC_RELEASE);
}
