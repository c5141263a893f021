/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Legs to the receivers of a relay's side. The flow of the other side has one for each receiver, at
 * the end of its own legs; each is made of the receiver's flow, and of what the leg to the side
 * itself says of DSCP and TTL. So they are neither requested nor stored, and come and go with the
 * flows of the receivers, whatever removes these. Pure functions.
 */
#ifndef CTRL_FLOW_RECEIVERS_H
#define CTRL_FLOW_RECEIVERS_H

#include <stddef.h>

#include "base/fault.h"
#include "flow/flow_spec.h"

/* A receiver that came, changed or went. */
struct receiver_link {
	const char *id; /* of its flow */
	const struct flow_spec *flow; /* NULL: it went */
};

/*
 * A version of a flow with its own legs, and those to its receivers after n changes; links are
 * sorted by id, each is there once. legs[].from is the leg of `spec` that a leg carries on, or
 * DP_LEG_NEW. For free(); NULL with *fault set, also if there are more than DP_FLOW_LEGS_MAX.
 */
struct flow_spec *receivers_change(const struct flow_spec *spec, const struct receiver_link *links,
	size_t n, struct fault *fault);

/* A copy of `spec` with the legs to the receivers of the version before. NULL without memory. */
struct flow_spec *receivers_keep(const struct flow_spec *spec, const struct flow_spec *before);

/* Remove the legs to receivers. */
void receivers_strip(struct flow_spec *spec);

/* Write the id of the flow of a receiver, to which a leg of `spec` sends. */
void receivers_flow_id(const struct flow_spec *spec, const struct flow_leg *leg, char *id);

#endif
