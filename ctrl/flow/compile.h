/* SPDX-License-Identifier: BSD-3-Clause */
/* Pure: from a flow as it is desired to what the data plane is given. */
#ifndef CTRL_FLOW_COMPILE_H
#define CTRL_FLOW_COMPILE_H

#include <stddef.h>

#include <dp/flow.h>

#include "config/ports.h"
#include "flow/flow_spec.h"

/*
 * A compiled flow and what it points to. Room grows with the largest flow that was compiled into
 * it, so that a request of many flows allocates a few times only.
 */
struct compiled {
	struct dp_flow flow;
	struct dp_rule rule;
	struct dp_leg *legs;
	size_t legs_room;
	struct dp_stream *streams;
	size_t streams_room;
};

void compiled_init(struct compiled *compiled);
void compiled_fini(struct compiled *compiled);

/*
 * Fill compiled->flow from a spec whose ports exist and whose legs have the next hops given, one
 * a leg, those of streams too. It holds until the next call and borrows the spec's allow-list.
 * 0 or -ENOMEM. Any thread.
 */
int flow_compile(const struct flow_spec *spec, const struct ports *ports, const uint16_t *hops,
	struct compiled *compiled);

/*
 * Every port that the flow names must exist, and a leg must be able to find its next hop there: a
 * port without kernel interface has no neighbours. 0, or -1 with *fault set relative to the flow.
 */
int flow_ports_check(const struct flow_spec *spec, const struct ports *ports, struct fault *fault);

/* The same for n legs; *fault points to "/legs/N/...". */
int legs_ports_check(
	const struct flow_leg *legs, size_t n, const struct ports *ports, struct fault *fault);

#endif
