/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forwarding loops: a leg that sends to where a local flow takes packets, whose legs send on, and
 * so back to the first. Chains of flows that do not lead back are allowed.
 *
 * A datagram that comes back may do so by any port and VLAN, as an address may be reached by any.
 * Where several flows take the same ends, those on the VLANs that it left with are followed if
 * there are any: they are of one network. A multicast group is received by all that listen to it,
 * so a copy to a group comes back only on the port and VLANs that it left by. Rules count when
 * they name one local address. Pure, one thread.
 */
#ifndef CTRL_FLOW_LOOPS_H
#define CTRL_FLOW_LOOPS_H

#include <stdint.h>

#include "base/fault.h"
#include "flow/flow_spec.h"
#include "flow/overlap.h"

#define LOOP_STEPS_MAX 1024 /* flows of one way; a longer way back is not seen */

struct loop_step {
	struct endpoint *at;
	unsigned from; /* index of the step before */
};

struct loop_search {
	const struct endpoints *endpoints;
	uint32_t round; /* never given twice, but once in 2^32 */
	unsigned legs_left; /* to visit in this round */
	unsigned n; /* steps from the leg that is being checked */
	struct loop_step steps[LOOP_STEPS_MAX];
};

/*
 * Whether a leg of this spec, which was put, leads back to it. 0, or -1 with *fault set:
 * FAULT_CONFLICT at "/legs/N/dst" or "/streams/S/legs/N/dst"; the message names the way round.
 */
int loop_check(struct loop_search *search, const struct flow_spec *spec, struct fault *fault);

#endif
