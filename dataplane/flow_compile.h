/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the public API's plain flow to what workers read: is it in range, is it plain, its key, and
 * the rewrites of its legs with their checksum deltas. Pure.
 */
#ifndef DATAPLANE_FLOW_COMPILE_H
#define DATAPLANE_FLOW_COMPILE_H

#include <stdbool.h>

#include <dp/flow.h>

#include "flow_entry.h"

/* 0, or -EINVAL when a field is out of the range that dp/flow.h states. */
int flow_check(const struct dp_flow *flow, enum dp_family family);

/*
 * Whether the flow does no more than send every packet on to one leg, which is ordinary or
 * translates: it needs no action.
 */
bool flow_is_plain(const struct dp_flow *flow);

/* Whether the flow's only leg is in its entry, not in the leg table. */
bool flow_leg_is_inline(const struct dp_flow *flow);

/* Whether a leg does no more than rewrite: no translation, outer tag, sampling, policing. */
bool leg_is_ordinary(const struct dp_flow *flow, const struct dp_leg *leg);

/* Fill a struct flow_key4 or flow_key6. */
void flow_compile_key(const struct dp_flow_key *key, void *out, enum dp_family family);

/* Which fields the way that the flow is matched leaves open: REWRITE_ANY_*. */
uint8_t flow_match_flags(const struct dp_flow *flow);

/* Fill a struct rewrite4 or rewrite6, as the leg's family says, for packets of `flow`. */
void flow_compile_rewrite(const struct dp_flow *flow, const struct dp_leg *leg, void *out);

#endif
