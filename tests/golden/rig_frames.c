/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames on their way into the rig's rings and out of them. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

/* What lies behind a frame in its buffer: a field read from there shows. */
#define POISON 0xa5

static struct rte_mbuf *
buffer_fill(struct rte_mempool *pool, const uint8_t *bytes, unsigned n_bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m == NULL)
		return NULL;
	memset(m->buf_addr, POISON, m->buf_len);
	memcpy(rte_pktmbuf_append(m, (uint16_t)n_bytes), bytes, n_bytes);
	return m;
}

/* The same frame in an mbuf that refers to another one's buffer, and is its only user. */
static struct rte_mbuf *
buffer_make_indirect(struct rte_mempool *pool, struct rte_mbuf *direct)
{
	struct rte_mbuf *clone = rte_pktmbuf_clone(direct, pool);

	rte_pktmbuf_free(direct);
	return clone;
}

static struct rte_mbuf *
frame_build(struct rig *rig, const struct case_frame *frame)
{
	unsigned first = frame->split != 0 ? frame->split : frame->n_bytes;
	struct rte_mbuf *m = buffer_fill(rig->pool, frame->bytes, first);

	if (m != NULL && first < frame->n_bytes) {
		struct rte_mbuf *rest =
			buffer_fill(rig->pool, frame->bytes + first, frame->n_bytes - first);

		if (rest == NULL || rte_pktmbuf_chain(m, rest) < 0) {
			rte_pktmbuf_free(rest);
			rte_pktmbuf_free(m);
			return NULL;
		}
	}
	if (m != NULL && rig->way == WAY_INDIRECT)
		m = buffer_make_indirect(rig->pool, m);
	return m;
}

int
rig_send(struct rig *rig, const struct case_frame *frame)
{
	struct rte_ring *ring = rig->ports[frame->port].rx[rig->n_sent % rig->n_workers];
	struct rte_mbuf *m = frame_build(rig, frame);

	if (m == NULL)
		return -1;
	if (rte_ring_enqueue(ring, m) < 0) {
		rte_pktmbuf_free(m);
		return -1;
	}
	rig->n_sent++;
	rig->sent_packets[frame->port]++;
	rig->sent_bytes[frame->port] += frame->n_bytes;
	return 0;
}

static int
frame_take(struct rig *rig, unsigned port, struct rte_mbuf *m)
{
	struct case_frame *frame = &rig->received[rig->n_received];
	const void *bytes;

	frame->port = port;
	frame->n_bytes = m->pkt_len;
	frame->bytes = malloc(m->pkt_len + 1);
	if (frame->bytes == NULL)
		return -1;
	rig->n_received++;
	bytes = rte_pktmbuf_read(m, 0, m->pkt_len, frame->bytes);
	if (bytes == NULL || rte_mbuf_check(m, 1, &(const char *){NULL}) < 0)
		return -1;
	if (bytes != frame->bytes)
		memcpy(frame->bytes, bytes, frame->n_bytes);
	if (m->nb_segs > 1)
		rig->n_chained += m->nb_segs == 2 && RTE_MBUF_CLONED(m->next);
	return 0;
}

int
rig_stop(struct rig *rig)
{
	size_t n_frames = 0;
	int ret = 0;

	dp_stop(rig->dp);
	for (unsigned i = 0; i < CASE_PORTS * rig->n_workers; i++)
		n_frames += rte_ring_count(rig->ports[i / rig->n_workers].tx[i % rig->n_workers]);
	rig->received = calloc(n_frames + 1, sizeof(*rig->received));
	for (unsigned i = 0; i < CASE_PORTS * rig->n_workers && rig->received != NULL; i++) {
		unsigned port = i / rig->n_workers;
		void *m;

		while (rte_ring_dequeue(rig->ports[port].tx[i % rig->n_workers], &m) == 0) {
			if (frame_take(rig, port, m) < 0)
				ret = -1;
			rte_pktmbuf_free(m);
		}
	}
	return rig->received != NULL ? ret : -1;
}
