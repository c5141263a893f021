/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a leg asks for, as far as its next hop goes: legs that ask for the same have one. Pure, any
 * thread.
 */
#ifndef CTRL_STATE_HOP_REQUEST_H
#define CTRL_STATE_HOP_REQUEST_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/ports.h"
#include "state/flow_spec.h"

/* Hashed as bytes. */
struct hop_request {
	uint32_t ifindex; /* of the port */
	uint16_t port;
	uint16_t vlan;
	uint16_t outer_vlan;
	uint8_t family;
	uint8_t has_gateway; /* `to` is the neighbour that the operator named */
	uint8_t to[16]; /* else where the leg sends */
};

static_assert(sizeof(struct hop_request) == 28, "no padding in what is hashed");

/* What to ask for a leg; false when the leg does not need the kernel (static, or multicast). */
bool hop_request_make(
	const struct flow_leg *leg, const struct ports *ports, struct hop_request *request);

/* The address of such a leg, which the operator named or which the group has by itself. */
void hop_static_mac(const struct flow_leg *leg, uint8_t mac[6]);

#endif
