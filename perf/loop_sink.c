/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_sink.h"

#include <stdio.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#define RING_SLOTS 2048
#define FREE_FRAMES 256 /* at once: as many as circulate by default */

static int
refuse(const char *what)
{
	fprintf(stderr, "closed-loop: port that frees replicas: %s\n", what);
	return -1;
}

static struct rte_ring *
ring_make(const char *kind, unsigned worker)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s_%u", kind, worker);
	return rte_ring_create(name, RING_SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

int
loop_sinks_init(struct loop_sink *sinks, unsigned n_workers)
{
	struct rte_ring *sent[RTE_MAX_LCORE];
	struct rte_ring *received[RTE_MAX_LCORE]; /* empty: the device does not go without */

	for (unsigned w = 0; w < n_workers; w++) {
		sent[w] = ring_make("sink", w);
		received[w] = ring_make("sink_rx", w);
		if (sent[w] == NULL || received[w] == NULL)
			return refuse("no memory for rings");
		sinks[w] = (struct loop_sink){.ring = sent[w]};
	}
	if (rte_eth_from_rings(
		    LOOP_SINK_NAME, received, n_workers, sent, n_workers, SOCKET_ID_ANY) < 0)
		return refuse("rte_eth_from_rings failed");
	return 0;
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

/* Not inlined: perf/instructions leaves out what happens below this name. */
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
	if (rte_ring_count(sink->ring) >= FREE_FRAMES)
		loop_sink_free(sink);
	return n;
}

int
loop_sinks_attach(struct loop_sink *sinks, unsigned n_workers)
{
	uint16_t port;

	if (rte_eth_dev_get_port_by_name(LOOP_SINK_DEVICE, &port) < 0)
		return refuse("the device is gone");
	for (unsigned w = 0; w < n_workers; w++) {
		if (rte_eth_add_tx_callback(port, (uint16_t)w, before_tx, &sinks[w]) == NULL)
			return refuse("rte_eth_add_tx_callback failed");
	}
	return 0;
}

void
loop_sinks_drain(struct loop_sink *sinks, unsigned n_workers)
{
	for (unsigned w = 0; w < n_workers; w++) {
		while (sinks[w].ring != NULL && !rte_ring_empty(sinks[w].ring))
			loop_sink_free(&sinks[w]);
	}
}

uint64_t
loop_sinks_cycles(const struct loop_sink *sinks, unsigned n_workers)
{
	uint64_t cycles = 0;

	for (unsigned w = 0; w < n_workers; w++)
		cycles += __atomic_load_n(&sinks[w].cycles, __ATOMIC_RELAXED);
	return cycles;
}
