/* SPDX-License-Identifier: BSD-3-Clause */
/* What flows learn, and legs that send there. */
#include "model.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct model_latch *
model_latch_find(const struct model *model, uint64_t cookie)
{
	for (unsigned i = 0; i < model->n_latches; i++) {
		if (model->latches[i]->cookie == cookie)
			return model->latches[i];
	}
	return NULL;
}

struct model_latch *
model_latch_ref(struct model *model, uint64_t cookie)
{
	struct model_latch *latch = model_latch_find(model, cookie);

	if (latch == NULL) {
		struct model_latch **latches =
			model_alloc(model->n_latches + 1, sizeof(struct model_latch *));

		latch = model_alloc(1, sizeof(*latch));
		latch->cookie = cookie;
		latch->state = UINT64_MAX;
		latch->changed = true;
		for (unsigned i = 0; i < model->n_latches; i++)
			latches[i] = model->latches[i];
		free(model->latches);
		model->latches = latches;
		latches[model->n_latches++] = latch;
	}
	latch->n_users++;
	return latch;
}

void
model_latch_unref(struct model_latch *latch)
{
	latch->n_users--;
}

void
model_latches_collect(struct model *model)
{
	unsigned n = 0;

	for (unsigned i = 0; i < model->n_latches; i++) {
		if (model->latches[i]->n_users > 0)
			model->latches[n++] = model->latches[i];
		else
			free(model->latches[i]);
	}
	model->n_latches = n;
}

void
model_latch_learn(struct model_latch *latch, const struct model_packet *packet,
	const uint32_t *ssrc, uint64_t now_ns)
{
	struct dp_latched *learned = &latch->learned;

	memcpy(learned->src, packet->src, 16);
	learned->src_port = htons((uint16_t)packet->src_port);
	learned->valid = 1;
	learned->moves++;
	memcpy(learned->mac, packet->macs + 6, 6);
	learned->port = (uint16_t)packet->port;
	learned->vlan = (uint16_t)packet->vlan;
	learned->outer_vlan = (uint16_t)packet->outer_vlan;
	learned->has_ssrc = ssrc != NULL;
	learned->ssrc = ssrc != NULL ? *ssrc : 0;
	memcpy(latch->own_mac, packet->macs, 6);
	latch->learned_ns = now_ns;
	latch->changed = true;
	latch->moved = true;
}

void
model_latch_forget(struct model_latch *latch, struct dp_latched *forgotten)
{
	const uint32_t moves = latch->learned.moves;

	*forgotten = latch->learned;
	if (latch->learned.valid == 0)
		return;
	latch->learned = (struct dp_latched){.moves = moves};
	latch->changed = true;
}

/* Back to where the frame came from by which the source was learned, without help from control. */
static void
answer_resolve(const struct model *model, const struct model_latch *latch, struct dp_leg *to,
	struct dp_next_hop *hop)
{
	const struct dp_latched *learned = &latch->learned;
	const struct model_link *link = &model->links[learned->port];
	const bool to_group = (latch->own_mac[0] & 1) != 0;

	memcpy(to->dst, learned->src, 16);
	to->dst_port = learned->src_port;
	to->vlan = learned->vlan;
	to->outer_vlan = learned->outer_vlan;
	*hop = (struct dp_next_hop){.port = learned->port, .mtu = link->mtu};
	memcpy(hop->dst_mac, learned->mac, 6);
	/* A group is no source (IEEE 802.3, 3.2.3). */
	memcpy(hop->src_mac, to_group ? link->mac : latch->own_mac, 6);
}

bool
model_leg_resolve(const struct model *model, const struct model_leg *leg, struct dp_leg *to,
	struct dp_next_hop *hop)
{
	const struct model_latch *latch = leg->latch;
	const struct dp_learned *known = &leg->spec.known;

	*to = leg->spec;
	*hop = model->hops[to->next_hop];
	if (latch == NULL)
		return true;
	if (latch->learned.valid == 0)
		return to->dst_port != 0;
	if (latch->changed || known->state != latch->state) {
		answer_resolve(model, latch, to, hop);
		return true;
	}
	memcpy(to->dst, known->dst, 16);
	to->dst_port = known->dst_port;
	to->vlan = known->vlan;
	to->outer_vlan = known->outer_vlan;
	*hop = model->hops[known->next_hop];
	return true;
}
