/* SPDX-License-Identifier: BSD-3-Clause */
#include "learned.h"

#include <string.h>

#include <rte_malloc.h>

#include "flow_compile.h"
#include "latch_table.h"
#include "memory.h"

/* `leg` with this destination, which is not learned. */
static struct dp_leg
leg_to(const struct dp_leg *leg, const struct dp_learned *to)
{
	struct dp_leg fixed = *leg;

	memcpy(fixed.dst, to->dst, sizeof(fixed.dst));
	fixed.dst_port = to->dst_port;
	fixed.next_hop = to->next_hop;
	fixed.vlan = to->vlan;
	fixed.outer_vlan = to->outer_vlan;
	return fixed;
}

static struct dp_learned
leg_signalled(const struct dp_leg *leg)
{
	struct dp_learned signalled = {
		.dst_port = leg->dst_port,
		.next_hop = leg->next_hop,
		.vlan = leg->vlan,
		.outer_vlan = leg->outer_vlan,
	};

	memcpy(signalled.dst, leg->dst, sizeof(signalled.dst));
	return signalled;
}

/* What `leg` is while the latch has `word`. false: control does not know. */
static bool
fast_form(const struct dp_leg *leg, uint64_t word, struct dp_leg *fast)
{
	*fast = leg_to(leg, &leg->known);
	if (latch_word_is_open(word)) {
		*fast = *leg;
		return leg->dst_port != 0;
	}
	return leg->known.state == word;
}

struct learned *
learned_create(struct latch_table *latches, const struct dp_flow *flow, const struct dp_leg *leg,
	void *rewrite, rte_be16_t *outer_tci, int node)
{
	const struct dp_leg nowhere = leg_to(leg, &(struct dp_learned){.next_hop = NEXT_HOP_STALE});
	struct learned *learned = memory_zalloc(1, sizeof(*learned), node);
	struct dp_leg fast;

	if (learned == NULL)
		return NULL;
	learned->latch = latch_table_ref(latches, leg->learned);
	if (learned->latch == NULL || latch_table_reserve(latches, learned->latch) < 0) {
		latch_table_unref(latches, learned->latch);
		rte_free(learned);
		return NULL;
	}
	learned->signalled = leg_signalled(leg);
	learned->family = leg->family;
	learned->user.word = __atomic_load_n(&learned->latch->word, __ATOMIC_ACQUIRE);
	learned->has_fast_form = fast_form(leg, learned->user.word, &fast);
	flow_compile_rewrite(flow, &nowhere, &learned->rewrite6);
	if (!learned->has_fast_form)
		fast = nowhere;
	flow_compile_rewrite(flow, &fast, rewrite);
	if (outer_tci != NULL)
		*outer_tci = rte_cpu_to_be_16(fast.outer_vlan);
	return learned;
}

void
learned_place(struct learned *learned, struct rewrite_tail *tail)
{
	learned->user.next_hop = &tail->next_hop;
}

void
learned_publish(struct learned *learned)
{
	if (learned->n_published++ == 0 && learned->has_fast_form)
		latch_user_add(learned->latch, &learned->user);
}

void
learned_withdraw(struct learned *learned)
{
	if (--learned->n_published > 0 || !learned->has_fast_form)
		return;
	latch_user_make_stale(&learned->user);
	latch_user_remove(learned->latch, &learned->user);
}

void
learned_destroy(struct learned *learned, struct latch_table *latches)
{
	if (learned == NULL)
		return;
	latch_table_unreserve(learned->latch);
	latch_table_unref(latches, learned->latch);
	rte_free(learned);
}

bool
learned_equal(const struct learned *a, const struct learned *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->latch == b->latch && a->family == b->family &&
	       memcmp(&a->signalled, &b->signalled, sizeof(a->signalled)) == 0 &&
	       memcmp(&a->rewrite6, &b->rewrite6, sizeof(a->rewrite6)) == 0;
}

bool
learned_same_state(const struct learned *a, const struct learned *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->has_fast_form == b->has_fast_form &&
	       (!a->has_fast_form || a->user.word == b->user.word);
}
