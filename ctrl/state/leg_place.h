/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a leg stands in the document that its flow came from. Any thread. */
#ifndef CTRL_STATE_LEG_PLACE_H
#define CTRL_STATE_LEG_PLACE_H

#include "base/fault.h"
#include "state/flow_spec.h"

/*
 * Put "/legs/N", or "/streams/S/legs/N", before the pointer of a fault of the spec's leg number
 * `leg`, as they are counted with those of streams.
 */
static inline void
leg_place_prefix(const struct flow_spec *spec, unsigned leg, struct fault *fault)
{
	const struct flow_stream *stream = spec->streams;

	if (leg < spec->n_legs) {
		fault_prefix(fault, "/legs/%u", leg);
		return;
	}
	while (leg >= stream->first_leg + stream->n_legs)
		stream++;
	fault_prefix(fault, "/streams/%u/legs/%u", (unsigned)(stream - spec->streams),
		leg - stream->first_leg);
}

#endif
