/* SPDX-License-Identifier: BSD-3-Clause */
#include "shadow.h"

#include <stdlib.h>
#include <string.h>

#include "dp_private.h"

/* What the worker would find in its ring to control: room for one, or none. */
static void
ring_set(struct shadow *s, const struct lcore *worker)
{
	struct rte_ring *ring = (struct rte_ring *)(void *)s->ring;

	static_assert(sizeof(struct rte_ring) + 2 * sizeof(void *) <= SHADOW_RING_BYTES, "room");
	rte_ring_init(ring, "trace", 1, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	if (rte_ring_full(worker->punt_ring))
		rte_ring_sp_enqueue(ring, s);
	s->lc.punt_ring = ring;
}

struct shadow *
shadow_create(const struct dp *dp, unsigned worker, uint64_t now_ns)
{
	const struct lcore *like = dp->workers[worker];
	struct shadow *s = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*s));

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->lc.owner = SHADOW_OWNER;
	s->lc.n_ports = dp->n_ports;
	s->lc.now_ns = now_ns;
	s->lc.counters = s->counters;
	s->lc.stages = s->stages;
	s->lc.next_hops = like->next_hops;
	s->lc.punt_unmatched = like->punt_unmatched;
	s->lc.table4 = like->table4;
	s->lc.table6 = like->table6;
	s->lc.legs = like->legs;
	s->lc.leg_counters = like->leg_counters; /* fetched ahead, until shadow_enter() */
	for (unsigned p = 0; p < dp->n_ports; p++)
		s->stages[p].down = like->stages[p].down;
	police_peek(&like->punt_police, SHADOW_OWNER, &s->lc.punt_police);
	ring_set(s, like);
	return s;
}

void
shadow_destroy(struct shadow *s)
{
	free(s);
}

/* The reference count never reaches zero by one free: the buffer is given to no pool. */
static void
mbuf_reset(struct shadow *s, uint16_t data_off, uint32_t bytes)
{
	s->m.buf_addr = s->buffer;
	s->m.buf_len = sizeof(s->buffer);
	s->m.data_off = data_off;
	s->m.data_len = (uint16_t)bytes;
	s->m.pkt_len = bytes;
	s->m.nb_segs = 1;
	s->m.ol_flags = 0;
	s->m.next = NULL;
	rte_mbuf_refcnt_set(&s->m, 2);
}

void
shadow_receive(struct shadow *s, const uint8_t *frame, uint32_t bytes)
{
	static_assert(sizeof(s->buffer) <= UINT16_MAX, "a buffer's length has 16 bits");
	mbuf_reset(s, RTE_PKTMBUF_HEADROOM, bytes);
	memcpy(s->buffer + RTE_PKTMBUF_HEADROOM, frame, bytes);
}

/* A learned source moves on in the copy alone. */
static struct latch *
latch_copy(struct shadow *s, const struct latch *latch)
{
	struct latch *copy = (struct latch *)(void *)s->latch;
	struct latch_slot learned;
	uint64_t word = 0;

	latch_init(copy, 1);
	for (unsigned i = 0; i < LATCH_READ_TRIES; i++) {
		word = __atomic_load_n(&latch->word, __ATOMIC_ACQUIRE);
		if (word == 0)
			return copy;
		if (latch_load(latch, word, &learned))
			break;
	}
	copy->slots[0].of[0] = learned;
	copy->word = (word >> LATCH_SLOT_BITS) << LATCH_SLOT_BITS | 1;
	return copy;
}

static void
action_copy(struct shadow *s, const struct flow_action *action, unsigned worker)
{
	const size_t row = worker * (1u + action->n_streams);

	s->action = *action;
	if (action->policer != NULL) {
		s->policer.config = action->policer->config;
		police_peek(&action->policer->police, SHADOW_OWNER, &s->policer.police);
		s->action.policer = &s->policer;
	}
	if (action->latch != NULL)
		s->action.latch = latch_copy(s, action->latch);
	if (action->nth != NULL) {
		for (unsigned i = 0; i <= action->n_streams; i++)
			s->nth[i] = __atomic_load_n(&action->nth[row + i], __ATOMIC_RELAXED);
		s->action.nth = s->nth;
	}
	s->action.stream_counters = s->stream_counters;
}

void
shadow_enter(struct shadow *s, void *entry, const struct flow_action *action, unsigned worker)
{
	/* The entry is the first one of this table, whose drops are the shadow's. */
	s->table = (struct flow_table){.entries = entry, .drops = s->drops};
	s->legs = (struct leg_table){.legs = &s->leg, .drops = s->drops};
	s->lc.table4 = &s->table;
	s->lc.table6 = &s->table;
	s->lc.legs = &s->legs;
	s->lc.leg_counters = &s->leg_counters;
	if (action != NULL)
		action_copy(s, action, worker);
}

void
shadow_leg_set(struct shadow *s, const struct leg *leg)
{
	s->leg = *leg;
	if (leg->policer == NULL)
		return;
	s->leg_policer.config = leg->policer->config;
	police_peek(&leg->policer->police, SHADOW_OWNER, &s->leg_policer.police);
	s->leg.policer = &s->leg_policer;
}

void
shadow_datagram_keep(struct shadow *s, const uint8_t *ip, uint16_t bytes)
{
	memcpy(s->datagram, ip, bytes);
}

void
shadow_datagram_restore(struct shadow *s, uint8_t *ip, uint16_t bytes)
{
	memset(s->drops, 0, sizeof(s->drops));
	memcpy(ip, s->datagram, bytes);
	mbuf_reset(s, (uint16_t)(ip - s->buffer), bytes);
}
