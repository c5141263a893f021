/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a leg sends to that sends to the source that another flow has learned: the source as it was
 * read last, and the next hop that the kernel has for it, out of the port and VLAN that it was
 * learned by. The data plane is given both once the next hop is resolved; before, it answers to the
 * link-layer address that the source's frame came from, which costs the worker more.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_FLOW_LEG_SOURCE_H
#define CTRL_FLOW_LEG_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <dp/dp.h>

#include "flow/flow_spec.h"
#include "flow/next_hop.h"

struct leg_source {
	struct dp_latched latched; /* not valid: nothing was learned */
	uint16_t next_hop; /* with a reference, if `held` */
	bool held;
	bool known; /* the data plane has it: the next hop was resolved */
};

/* What sources are read from, and what they refer to. Borrowed. */
struct source_context {
	struct dp *dp;
	const struct ports *ports;
	struct next_hops *hops;
};

/*
 * Read the source of each leg of a spec that has one, with a reference on its next hop where there
 * is room for it. *sources is NULL for a spec without such legs, else one entry a leg, those of
 * streams too, for leg_sources_put(). A leg i that is carried has that of leg from[i] of `before`,
 * and they share the reference until leg_sources_part(). 0 or -ENOMEM.
 */
int leg_sources_get(const struct source_context *context, const struct flow_spec *spec,
	const uint16_t *from, const struct leg_source *before, struct leg_source **sources);

/* The reference of this entry stays with the other one that shares it. NULL is allowed. */
static inline void
leg_sources_part(struct leg_source *sources, unsigned leg)
{
	if (sources)
		sources[leg].held = false;
}

/*
 * Give back the references and the memory. `seen`: it was committed. NULL is allowed.
 */
void leg_sources_put(const struct source_context *context, const struct flow_spec *spec,
	struct leg_source *sources, bool seen);

/* What the data plane is to know of it. */
struct dp_learned leg_source_known(const struct leg_source *source);

/*
 * Whether the leg would be given to the data plane otherwise by now: the source has moved, or its
 * next hop has been resolved or is another one.
 */
bool leg_source_is_stale(const struct source_context *context, const struct flow_leg *leg,
	const struct leg_source *source);

/* Whether it waits for its next hop. */
static inline bool
leg_source_waits(const struct leg_source *source)
{
	return source->held && !source->known;
}

/* Whether copies are sent to a source, and by the next hop that the kernel has. */
enum leg_way {
	LEG_SIGNALLED, /* to the leg's own destination: it is not learned, or nothing is yet */
	LEG_KNOWN, /* to the source, by its next hop */
	LEG_LEARNED, /* to the source, and the link-layer address that its frame came from */
	LEG_NOWHERE, /* nothing is learned, and the leg has no destination: dropped as peer_unknown
		      */
};

/*
 * Where a leg sends now. `sources` are those of its flow; *source has the source, with LEG_KNOWN
 * and LEG_LEARNED.
 */
enum leg_way leg_way_get(const struct source_context *context, const struct flow_spec *spec,
	const struct leg_source *sources, unsigned leg, struct leg_source *source);

/* The leg to that source as it would be if its destination had been given; for next_hops_reason. */
void leg_source_leg(const struct source_context *context, const struct flow_leg *leg,
	const struct leg_source *source, struct flow_leg *made);

#endif
