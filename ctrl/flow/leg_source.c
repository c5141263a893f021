/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/leg_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
leg_source_leg(const struct source_context *context, const struct flow_leg *leg,
	const struct leg_source *source, struct flow_leg *made)
{
	const struct dp_latched *latched = &source->latched;
	const struct dp_port_info *port = &context->ports->info[latched->port];

	memset(made, 0, sizeof(*made));
	memcpy(made->port, port->name, strlen(port->name));
	made->dp.family = leg->dp.family;
	made->dp.vlan = latched->vlan;
	made->dp.outer_vlan = latched->outer_vlan;
	made->dp.dscp = leg->dp.dscp;
	made->mark = leg->mark;
	made->dp.src_port = leg->dp.src_port;
	memcpy(made->dp.src, leg->dp.src, sizeof(made->dp.src));
	memcpy(made->dp.dst, latched->src, sizeof(made->dp.dst));
	made->dp.dst_port = latched->src_port;
	if (port->ifindex != 0)
		return;
	/* A port that the kernel knows no neighbours of. */
	made->hop = FLOW_HOP_MAC;
	memcpy(made->mac, latched->mac, sizeof(made->mac));
}

static bool
is_resolved(const struct source_context *context, const struct leg_source *source)
{
	struct next_hop_info info;

	if (!source->held)
		return false;
	next_hops_info_get(context->hops, source->next_hop, &info);
	return info.state != NEXT_HOP_PENDING;
}

static void
source_get(
	const struct source_context *context, const struct flow_leg *leg, struct leg_source *source)
{
	struct flow_leg made;
	int hop;

	/* Before the flow is committed that is to learn it, there is none. */
	if (dp_latch_get(context->dp, leg->dp.learned, &source->latched) < 0)
		source->latched.valid = 0;
	if (!source->latched.valid)
		return;
	leg_source_leg(context, leg, source, &made);
	hop = next_hops_ref(context->hops, &made);
	source->held = hop >= 0;
	source->next_hop = (uint16_t)hop;
	source->known = is_resolved(context, source);
}

int
leg_sources_get(const struct source_context *context, const struct flow_spec *spec,
	const uint16_t *from, const struct leg_source *before, struct leg_source **sources)
{
	unsigned leg;

	*sources = NULL;
	for (leg = 0; leg < spec->n_all_legs; leg++) {
		if (spec->legs[leg].dp.learned == 0)
			continue;
		if (!*sources)
			*sources = calloc(spec->n_all_legs, sizeof(**sources));
		if (!*sources)
			return -ENOMEM;
		if (spec->legs[leg].carried)
			(*sources)[leg] = before[from[leg]];
		else
			source_get(context, &spec->legs[leg], &(*sources)[leg]);
	}
	return 0;
}

void
leg_sources_put(const struct source_context *context, const struct flow_spec *spec,
	struct leg_source *sources, bool seen)
{
	struct flow_leg made;
	unsigned leg;

	for (leg = 0; sources && leg < spec->n_all_legs; leg++) {
		if (!sources[leg].held)
			continue;
		leg_source_leg(context, &spec->legs[leg], &sources[leg], &made);
		next_hops_unref(context->hops, &made, sources[leg].next_hop, seen);
	}
	free(sources);
}

struct dp_learned
leg_source_known(const struct leg_source *source)
{
	const struct dp_latched *latched = &source->latched;
	struct dp_learned known = {0};

	if (!source->known)
		return known;
	known.state = latched->state;
	memcpy(known.dst, latched->src, sizeof(known.dst));
	known.dst_port = latched->src_port;
	known.next_hop = source->next_hop;
	known.vlan = latched->vlan;
	known.outer_vlan = latched->outer_vlan;
	return known;
}

bool
leg_source_is_stale(const struct source_context *context, const struct flow_leg *leg,
	const struct leg_source *source)
{
	struct dp_latched latched;
	struct flow_leg made;

	if (dp_latch_get(context->dp, leg->dp.learned, &latched) < 0)
		latched = (struct dp_latched){.valid = 0};
	if (latched.valid != source->latched.valid || latched.state != source->latched.state)
		return true;
	if (!source->held)
		return false;
	leg_source_leg(context, leg, source, &made);
	return (!source->known && is_resolved(context, source)) ||
	       next_hops_index(context->hops, &made, source->next_hop) != source->next_hop;
}

enum leg_way
leg_way_get(const struct source_context *context, const struct flow_spec *spec,
	const struct leg_source *sources, unsigned leg, struct leg_source *source)
{
	const struct dp_leg *dp = &spec->legs[leg].dp;
	struct dp_latched latched;

	if (dp->learned != 0 && dp_latch_get(context->dp, dp->learned, &latched) == 0 &&
		latched.valid) {
		*source = sources[leg];
		if (source->known && source->latched.state == latched.state)
			return LEG_KNOWN;
		/* It may have moved since its next hop was asked for. */
		source->held &= source->latched.state == latched.state;
		source->latched = latched;
		return LEG_LEARNED;
	}
	return leg_is_signalled(&spec->legs[leg]) ? LEG_SIGNALLED : LEG_NOWHERE;
}
