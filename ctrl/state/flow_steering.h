/* SPDX-License-Identifier: BSD-3-Clause */
/* Steering of a flow, whichever way its packets are matched. Control thread. */
#ifndef CTRL_STATE_FLOW_STEERING_H
#define CTRL_STATE_FLOW_STEERING_H

#include "state/flows.h"

/* Ask for the packets of a flow. 0, or -1 with *fault set relative to the flow. */
int flow_steer(struct flows *flows, const struct flow_spec *spec, struct fault *fault);

/*
 * Count what the packets of a flow to come would need besides what is in use, one of n_changes that
 * are made together. 0, or -1 with *fault set.
 */
int flow_steer_want(const struct flows *flows, const struct flow_spec *spec, size_t n_changes,
	struct steering_wants *wants, struct fault *fault);

/*
 * No longer; `only` is what flow_narrow() made, or NULL. A key that cannot be taken out does no
 * harm: its packets are dropped as no_flow.
 */
void flow_unsteer(struct flows *flows, const struct flow_spec *spec, const struct steer_end *only);

/*
 * A flow that takes the first source that comes has learned it: where nothing else of the flow
 * concerns other sources, they need not come any more. Sets flow->only if so.
 */
void flow_narrow(struct flows *flows, struct flow *flow, const struct dp_latched *source);

/* The flow has another version now, and its packets were asked for anew. */
void flow_widen(struct flow *flow);

#endif
