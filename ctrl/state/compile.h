/* SPDX-License-Identifier: BSD-3-Clause */
/* Pure: from what the operator asked for to what the data plane is given. */
#ifndef CTRL_STATE_COMPILE_H
#define CTRL_STATE_COMPILE_H

#include <dp/flow.h>

#include "state/flow_spec.h"
#include "state/ports.h"

/*
 * Fill *flow and legs (room for DP_FLOW_LEGS_MAX; flow->legs points there) from a spec whose
 * ports exist and whose legs have the next hops given. Any thread.
 */
void flow_compile(const struct flow_spec *spec, const struct ports *ports, const uint16_t *hops,
	struct dp_flow *flow, struct dp_leg *legs);

/*
 * Every port that the flow names must exist, and a leg must be able to find its next hop there: a
 * port without kernel interface has no neighbours. 0, or -1 with *fault set relative to the flow.
 */
int flow_ports_check(const struct flow_spec *spec, const struct ports *ports, struct fault *fault);

#endif
