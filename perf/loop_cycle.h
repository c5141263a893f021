/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The order in which packets visit the flows: see loop_flow.h for cycles, strands and units.
 */
#ifndef PERF_LOOP_CYCLE_H
#define PERF_LOOP_CYCLE_H

#include <stdbool.h>

#include "loop_options.h"

/* What a flow does with its packet. */
struct loop_step {
	unsigned next; /* the flow that the packet meets then */
	bool renews; /* sets the TTL, so that no packet of the cycle dies */
};

/* One step a flow, or NULL without memory; the caller frees it. */
struct loop_step *loop_steps_make(const struct loop_options *options);

#endif
