/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the waist's plain flow to what workers read: keys, rewrites with their checksum deltas, leg
 * sets. Pure but for the memory of a leg set.
 */
#ifndef DATAPLANE_FLOW_COMPILE_H
#define DATAPLANE_FLOW_COMPILE_H

#include <dp/flow.h>

#include "flow_entry.h"

/* 0, or -EINVAL when a field is out of the range that dp/flow.h states. */
int flow_check(const struct dp_flow *flow, enum dp_family family);

/* Fill a struct flow_key4 or flow_key6. */
void flow_compile_key(const struct dp_flow_key *key, void *out, enum dp_family family);

/* Fill a struct rewrite4 or rewrite6 for packets of `key`. */
void flow_compile_rewrite(
	const struct dp_flow_key *key, const struct dp_leg *leg, void *out, enum dp_family family);

/* Leg set of a flow with more than one leg; the caller frees it with rte_free(). NULL: no memory.
 */
struct leg_set *flow_compile_legs(const struct dp_flow *flow, unsigned n_workers, int socket);

#endif
