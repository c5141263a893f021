/* SPDX-License-Identifier: BSD-3-Clause */
/* A trace as packet.trace tells it. */
#ifndef CTRL_RPC_TRACE_JSON_H
#define CTRL_RPC_TRACE_JSON_H

#include <jansson.h>

#include <dp/trace.h>

#include "config/ports.h"
#include "flow/flow_db.h"
#include "monitor/packet_trace.h"

/*
 * The stages in the order in which the packet met them, up to the one that decided. New reference.
 */
json_t *trace_stages_encode(const struct dp_trace *trace, const struct dp_port_info *port);

/*
 * One leg's copy. spec: NULL when the flow is not known; the leg's id is then left out. New
 * reference, NULL without memory.
 */
json_t *trace_leg_encode(const struct dp_trace *trace, const struct dp_trace_leg *leg,
	const struct flow_spec *spec, const struct dp_port_info *egress);

/*
 * {"flow": id, "differs": [{"field", "packet", "flow"}...], "looked_at", "flows"} of a flow that
 * the packet misses; "flows" is how many there are.
 */
json_t *trace_nearest_encode(
	const struct nearest *nearest, const struct flow_match *packet, size_t n_flows);

#endif
