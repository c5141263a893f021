/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames on their way into the rig's rings and out of them. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dp_private.h"

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

struct case_frame *
rig_frame_append(struct case_frames *frames, unsigned port, unsigned n_bytes)
{
	struct case_frame *grown = reallocarray(frames->of, frames->n + 1, sizeof(*grown));
	struct case_frame *frame;

	if (grown == NULL)
		return NULL;
	frames->of = grown;
	frame = &grown[frames->n];
	*frame =
		(struct case_frame){.port = port, .n_bytes = n_bytes, .bytes = malloc(n_bytes + 1)};
	if (frame->bytes == NULL)
		return NULL;
	frames->n++;
	return frame;
}

static int
frame_take(struct rig *rig, unsigned port, struct rte_mbuf *m)
{
	struct case_frame *frame = rig_frame_append(&rig->received, port, m->pkt_len);
	const char *why;
	const void *bytes;

	if (frame == NULL || rte_mbuf_check(m, 1, &why) < 0)
		return -1;
	bytes = rte_pktmbuf_read(m, 0, m->pkt_len, frame->bytes);
	if (bytes == NULL)
		return -1;
	if (bytes != frame->bytes)
		memcpy(frame->bytes, bytes, frame->n_bytes);
	if (m->nb_segs > 1)
		rig->n_chained += m->nb_segs == 2 && RTE_MBUF_CLONED(m->next);
	return 0;
}

static int
ring_empty(struct rig *rig, unsigned port, struct rte_ring *ring)
{
	int ret = 0;
	void *m;

	while (rte_ring_dequeue(ring, &m) == 0) {
		if (frame_take(rig, port, m) < 0)
			ret = -1;
		rte_pktmbuf_free(m);
	}
	return ret;
}

int
rig_received_take(struct rig *rig)
{
	int ret = 0;

	for (unsigned port = 0; port < CASE_PORTS; port++) {
		for (unsigned q = 0; q < rig->n_workers; q++) {
			if (ring_empty(rig, port, rig->ports[port].tx[q]) < 0)
				ret = -1;
		}
	}
	return ret;
}

static void
punted_take(void *arg, const struct dp_punted *punted)
{
	struct rig *rig = arg;
	struct case_frame *frame =
		rig_frame_append(&rig->punted, punted->port, punted->frame_bytes);

	if (frame == NULL || punted->worker >= rig->n_workers)
		abort();
	memcpy(frame->bytes, punted->frame, punted->frame_bytes);
	if (punted->handle != DP_HANDLE_NONE)
		frame->flow = rig_flow_name(rig, punted->handle);
}

/* What went to the kernel, in the place of the thread that would write it: the first class first.
 */
static unsigned
kernel_take(struct rig *rig, unsigned max)
{
	unsigned n = 0;
	void *frame;

	for (unsigned i = 0; i < DP_EXCEPTION_COUNT * rig->n_workers; i++) {
		struct rte_ring *ring =
			rig->dp->workers[i % rig->n_workers]->exception_rings[i / rig->n_workers];

		while (ring != NULL && n < max && rte_ring_dequeue(ring, &frame) == 0) {
			struct rte_mbuf *m = frame;

			punted_take(rig, &(struct dp_punted){
						 .frame = rte_pktmbuf_mtod(m, const uint8_t *),
						 .frame_bytes = m->data_len,
						 .port = m->port,
						 .handle = DP_HANDLE_NONE,
					 });
			rte_pktmbuf_free(m);
			n++;
		}
	}
	return n;
}

int
rig_punted_take(struct rig *rig, unsigned max)
{
	size_t before = rig->punted.n;
	unsigned n = dp_punt_poll(rig->dp, max, punted_take, rig);

	n += kernel_take(rig, max - n);

	return n <= max && rig->punted.n - before == n ? 0 : -1;
}

int
rig_stop(struct rig *rig)
{
	int ret;

	if (!rig->c->clock)
		dp_stop(rig->dp);
	ret = rig_received_take(rig);
	return rig_punted_take(rig, UINT32_MAX) < 0 ? -1 : ret;
}
