/* SPDX-License-Identifier: BSD-3-Clause */
#include "inject.h"

#include <errno.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "dp_private.h"
#include "exception_path.h"
#include "ring.h"

#define INJECT_BURST 32
#define INJECT_OWNER 1 /* of the bucket: control alone takes from it */

static void
frame_send(struct lcore *lc, struct rte_mbuf *m)
{
	const struct tx_stage *stage = &lc->stages[m->port];
	struct port_counters *counters = &lc->counters[m->port];
	const bool down = __atomic_load_n(&stage->down, __ATOMIC_RELAXED);
	const uint32_t bytes = m->pkt_len;

	count_add(&counters->injected, 1);
	if (!down && rte_eth_tx_burst(stage->ethdev, stage->queue, &m, 1) == 1) {
		count_add(&counters->tx_packets, 1);
		count_add(&counters->tx_bytes, bytes);
		return;
	}
	count_add(&counters->drops[down ? DP_DROP_port_down : DP_DROP_tx_full], 1);
	rte_pktmbuf_free(m);
}

/* What the kernel sends. */
static void
kernel_poll(struct lcore *lc)
{
	void *frames[INJECT_BURST];
	const unsigned n = ring_take(lc->kernel_ring, frames, INJECT_BURST);

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = frames[i];

		count_add(&lc->counters[m->port].from_kernel, 1);
		frame_send(lc, m);
	}
}

void
inject_poll(struct lcore *lc)
{
	void *frames[INJECT_BURST];
	const unsigned n = ring_take(lc->inject_ring, frames, INJECT_BURST);

	for (unsigned i = 0; i < n; i++)
		frame_send(lc, frames[i]);
	if (lc->kernel_ring != NULL)
		kernel_poll(lc);
}

/* The first worker that polls the port. */
static struct lcore *
port_worker(const struct dp *dp, unsigned port)
{
	for (unsigned w = 0; w < dp->n_workers; w++) {
		if (worker_polls(dp->workers[w], (uint16_t)port))
			return dp->workers[w];
	}
	return dp->workers[0];
}

int
dp_inject(
	struct dp *dp, unsigned port, const uint8_t *frame, uint32_t frame_bytes, unsigned *worker)
{
	struct lcore *lc;
	struct rte_mbuf *m;

	if (port >= dp->n_ports || frame_bytes < RTE_ETHER_HDR_LEN)
		return -EINVAL;
	if (frame_bytes > dp->ports[port].mtu + (uint32_t)EXCEPTION_LINK_BYTES)
		return -EMSGSIZE;
	if (dp_port_is_down(dp, port))
		return -ENETDOWN;
	lc = port_worker(dp, port);
	if (rte_ring_full(lc->inject_ring))
		return -ENOBUFS;
	m = rte_pktmbuf_alloc(lc->packet_pool);
	if (m == NULL)
		return -ENOMEM;
	if (!police_take(
		    &dp->inject_police, lcore_ns(dp->workers[0], rte_rdtsc()), 1, INJECT_OWNER)) {
		rte_pktmbuf_free(m);
		return -EDQUOT;
	}
	/* Buffers hold the longest frame of any port, and the ring has a place: control alone
	 * fills it. */
	memcpy(rte_pktmbuf_append(m, (uint16_t)frame_bytes), frame, frame_bytes);
	m->port = (uint16_t)port;
	rte_ring_sp_enqueue(lc->inject_ring, m);
	*worker = lc->index;
	return 0;
}
