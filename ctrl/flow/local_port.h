/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The local address and UDP port at which a flow receives: its match or rule names them, or a pool
 * gives them. Whichever it is, each version of a flow that is staged or runs holds its place in the
 * pool that has it, if any. Pools NULL: there are none. Control thread.
 */
#ifndef CTRL_FLOW_LOCAL_PORT_H
#define CTRL_FLOW_LOCAL_PORT_H

#include <stdbool.h>

#include "base/fault.h"
#include "flow/flow_spec.h"
#include "flow/pool.h"

/* Whether a pool is to choose, or chose: when it is staged again, it may be another port. */
bool local_port_is_open(const struct flow_spec *spec);

/*
 * A version of a flow that leaves the choice to the same pool keeps what the flow has; that of RTCP
 * if it is still of the pair of `rtp`, as below.
 */
void local_port_keep(
	struct flow_spec *spec, const struct flow_spec *before, const struct flow_spec *rtp);

/*
 * Hold the place of a flow whose id is known; if a pool is to choose, it does so now, and the match
 * is filled in. `before`: the flow so far, NULL if it is new; `rtp`: the flow that pool->rtcp_of
 * names, NULL if there is none; `restores`: the flow was stored, and need not fit the pools as they
 * are configured now. 0, or -1 with *fault set relative to the flow, and nothing is held.
 */
int local_port_hold(struct pools *pools, struct flow_spec *spec, const struct flow_spec *before,
	const struct flow_spec *rtp, bool restores, struct fault *fault);

/*
 * Have a leg send from the place that a flow holds. 0, or -1 with *fault set relative to the leg:
 * its destination is of the other family.
 */
int local_port_source(const struct flow_spec *spec, struct flow_leg *leg, struct fault *fault);

/*
 * Write how the pools name the place that the version `spec` of a flow holds, if `next` (NULL: none
 * comes after it) does not hold it as well. False: it does, or it is of no pool.
 */
bool local_port_ends(const struct pools *pools, const struct flow_spec *spec,
	const struct flow_spec *next, char text[POOL_PLACE_TEXT_MAX]);

/* Give it back; `ran`: the data plane had the flow. */
void local_port_release(struct pools *pools, const struct flow_spec *spec, bool ran);

/* As pools_leave(), pools_stay() and pools_left(), for a flow that runs. */
void local_port_leave(struct pools *pools, const struct flow_spec *spec);
void local_port_stay(struct pools *pools, const struct flow_spec *spec);
void local_port_left(struct pools *pools, const struct flow_spec *spec);

#endif
