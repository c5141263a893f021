/* SPDX-License-Identifier: BSD-3-Clause */
/* The next hops of flows' legs: all of a request referenced together, or none. */
#ifndef CTRL_STATE_LEG_HOPS_H
#define CTRL_STATE_LEG_HOPS_H

#include <stdbool.h>
#include <stddef.h>

#include "state/flows.h"

/* The legs of one flow, those of streams too, and room for a next hop for each. */
struct leg_hops {
	const struct flow_spec *spec;
	uint16_t *hops; /* filled in, whatever stands there */
	unsigned first_leg; /* faults count the flow's own legs from here */
};

/*
 * Take a reference on the next hop of every leg of one entry after the other. Never waits: a hop
 * without a neighbour is taken all the same, and becomes good by itself when it has one. 0, or -1
 * with *fault set ("/legs/M/...", "/streams/S/legs/M/..."), *at the entry at fault, and no
 * reference taken. Control thread.
 */
int leg_hops_get(struct flows *flows, const struct leg_hops *list, size_t n, size_t *at,
	struct fault *fault);

/* Give the references of a flow back. `seen`: they were committed. Control thread. */
void leg_hops_put(
	struct flows *flows, const struct flow_spec *spec, const uint16_t *hops, bool seen);

/*
 * What stands behind the index that a leg holds, and, when it is pending, why. Control thread.
 */
void leg_hop_info_get(const struct flows *flows, const struct flow_leg *leg, unsigned index,
	struct next_hop_info *info, char reason[HOP_REASON_MAX]);

/* Whether two legs are handed to the same next hop, whatever that is. */
bool leg_hops_same(const struct flow_leg *a, const struct flow_leg *b);

#endif
