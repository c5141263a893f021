/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For a packet that no flow matches: the flow that it misses by least, and the fields in which it
 * does. Flows that receive at the same address and port, or take the same pair of ends, on another
 * port or VLAN are found by the index of validation; others, of another source, address or UDP
 * port, among the newest NEAREST_LOOKS_MAX flows, so that a million of them stop nothing. Pure.
 * Control thread.
 */
#ifndef CTRL_STATE_NEAREST_H
#define CTRL_STATE_NEAREST_H

#include "state/desired.h"
#include "state/endpoints.h"

#define NEAREST_LOOKS_MAX 8192 /* some two milliseconds */

enum near_field {
	NEAR_PORT, /* of ingress */
	NEAR_OUTER_VLAN,
	NEAR_VLAN,
	NEAR_SRC,
	NEAR_SRC_PORT,
	NEAR_DST,
	NEAR_DST_PORT,
	NEAR_FIELDS
};

struct nearest {
	const struct flow_spec *spec; /* NULL: none has enough in common with the packet */
	unsigned differs; /* bits 1 << enum near_field */
	size_t n_looked; /* flows that were compared, those of the index not counted */
};

/*
 * Fields of a flow that the packet differs in, bits as above; the packet as an exact match has it.
 * UINT_MAX: it is of another family.
 */
unsigned nearest_differs(const struct flow_spec *spec, const struct flow_match *packet);

/* What is found is borrowed from the flows. */
void nearest_find(const struct desired *desired, const struct endpoints *endpoints,
	const struct flow_match *packet, struct nearest *nearest);

#endif
