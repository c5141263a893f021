/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flow as the operator asked for it, in plain C: names of ports, addresses as bytes, and how
 * each leg finds its next hop. Decoding is where the rules live that join two fields of one flow;
 * the schema has spoken about single fields before.
 *
 * Addresses and UDP ports are in network order; an IPv4 address stands in the first four bytes.
 */
#ifndef CTRL_STATE_FLOW_SPEC_H
#define CTRL_STATE_FLOW_SPEC_H

#include <assert.h>
#include <jansson.h>
#include <stdint.h>

#include <dp/dp.h>

#include "schema/fault.h"

#define FLOW_ID_MAX 65 /* 64 characters and the end */

/* Compared and hashed as bytes: names are padded with zeros, absent fields are zero. */
struct flow_match {
	char port[DP_NAME_MAX];
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t vlan;
	uint8_t family; /* 4 or 6, of the whole flow */
	uint8_t any_source;
};

static_assert(sizeof(struct flow_match) == 72, "no padding in what is hashed");

enum flow_hop {
	FLOW_HOP_ROUTE, /* as the kernel routes dst out of that port */
	FLOW_HOP_GATEWAY, /* the neighbour that the operator named */
	FLOW_HOP_MAC, /* a link-layer address that the operator named */
};

struct flow_leg {
	char port[DP_NAME_MAX];
	uint8_t src[16];
	uint8_t dst[16];
	uint8_t next_hop[16]; /* FLOW_HOP_GATEWAY */
	uint8_t mac[6]; /* FLOW_HOP_MAC */
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t vlan;
	uint8_t dscp; /* or DP_DSCP_KEEP */
	uint8_t ttl; /* or DP_TTL_DECREMENT */
	uint8_t hop; /* enum flow_hop */
};

struct flow_spec {
	char id[FLOW_ID_MAX]; /* "" = one is to be given */
	struct flow_match match;
	uint16_t n_legs;
	struct flow_leg legs[];
};

/*
 * Decode one flow that has passed the schema, defaults filled in. Returns a new spec, to be given
 * to free(), or NULL with *fault set: pointer relative to the flow. Control thread.
 */
struct flow_spec *flow_spec_decode(const json_t *flow, struct fault *fault);

/* The flow as JSON again, in canonical spelling. New reference, NULL without memory. */
json_t *flow_spec_encode(const struct flow_spec *spec);

#endif
