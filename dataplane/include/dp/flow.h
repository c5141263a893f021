/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a flow is, as plain data: whom a packet must come from and go to (the key), and where its
 * copies leave (the legs). No DPDK type appears here; control fills these structures and the data
 * plane compiles them into the entries that workers read.
 *
 * Addresses and UDP ports are in network byte order, everything else in host order. An IPv4
 * address stands in the first four bytes of an address field, the other twelve are zero.
 */
#ifndef DP_FLOW_H
#define DP_FLOW_H

#include <assert.h>
#include <stdint.h>

#define DP_PORTS_MAX 32 /* ports of one appliance */
#define DP_WORKERS_MAX 32 /* poll-mode lcores of one appliance */
#define DP_FLOW_LEGS_MAX 64 /* legs of one flow */
#define DP_NEXT_HOPS_MAX 4096 /* next hops of one appliance */
#define DP_FLOWS_MAX (4u << 20) /* flows of one family */
#define DP_DSCP_KEEP UINT8_MAX /* leg: leave the six DSCP bits as they came */
#define DP_TTL_DECREMENT UINT8_C(0) /* leg: one less than it came, as a router does */

enum dp_family { DP_IPV4 = 4, DP_IPV6 = 6 };

/* What a packet must carry to belong to a flow. */
struct dp_flow_key {
	uint8_t src[16]; /* all zero when any_source */
	uint8_t dst[16]; /* the local address that the sender was given */
	uint16_t src_port; /* network order; zero when any_source */
	uint16_t dst_port; /* network order */
	uint16_t port; /* index of the ingress port */
	uint16_t vlan; /* 802.1Q VLAN id 1..4094; 0 = untagged or priority-tagged */
	uint8_t family; /* enum dp_family */
	uint8_t any_source; /* 1: a listener, which any source address and port match */
	uint8_t reserved[2]; /* zero */
};

/* Where one copy of the packet goes: the header that it leaves with. */
struct dp_leg {
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t src_port; /* network order */
	uint16_t dst_port; /* network order */
	uint16_t next_hop; /* index given to dp_next_hop_set(); it names egress port and MACs */
	uint16_t vlan; /* 802.1Q VLAN id 1..4094 to send with; 0 = untagged */
	uint8_t dscp; /* 0..63, or DP_DSCP_KEEP; the two ECN bits are always kept */
	uint8_t ttl; /* TTL or hop limit to send with, 1..255, or DP_TTL_DECREMENT */
	uint8_t reserved[2];
};

/* A flow as handed to dp_txn_add(); the data plane copies what it needs. */
struct dp_flow {
	struct dp_flow_key key;
	uint16_t n_legs; /* 1..DP_FLOW_LEGS_MAX */
	const struct dp_leg *legs;
};

/* The neighbour that a leg's copies are handed to. Many legs share one. */
struct dp_next_hop {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint16_t port; /* index of the egress port */
	uint16_t mtu; /* longest IP datagram in bytes that may leave; 0 = not resolved, drop */
};

static_assert(sizeof(struct dp_flow_key) == 44, "waist: flow key");
static_assert(sizeof(struct dp_leg) == 44, "waist: leg");
static_assert(sizeof(struct dp_flow) == 56, "waist: flow");
static_assert(sizeof(struct dp_next_hop) == 16, "waist: next hop");

#endif
