/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the data plane counts, and the one list of reasons for which it drops. Enum, names, help
 * texts, metrics and docs/counters.md all come from the two lists below.
 *
 * Conservation law. At rest, for each port:
 *
 *	rx_packets    = forwarded + the packet drops, by reason
 *	copies        = tx_packets + the copy drops, by reason
 *
 * and for each flow: every leg's copies = the flow's packets. While packets move, the two sides of
 * an equation are read a moment apart and may differ by what is in flight.
 */
#ifndef DP_STATS_H
#define DP_STATS_H

#include <dp/flow.h>

/* Packet drops: the packet is refused before it has copies. Counted on the ingress port. */
#define DP_PACKET_DROPS(X) \
	X(frame_segmented, "frame spans several packet buffers") \
	X(eth_truncated, "frame shorter than its Ethernet header") \
	X(vlan_truncated, "frame ends inside its 802.1Q tag") \
	X(vlan_stacked, "more than one VLAN tag") \
	X(not_ip, "EtherType is neither IPv4 nor IPv6") \
	X(ip4_truncated, "frame ends inside the IPv4 header") \
	X(ip4_header, "IPv4 version or header length field is wrong (RFC 791)") \
	X(ip4_options, "IPv4 header carries options") \
	X(ip4_length, "IPv4 total length does not fit header and frame (RFC 791)") \
	X(ip4_fragment, "IPv4 fragment") \
	X(ip4_not_udp, "IPv4 protocol is not UDP") \
	X(ip6_truncated, "frame ends inside the IPv6 header") \
	X(ip6_header, "IPv6 version field is wrong (RFC 8200)") \
	X(ip6_length, "IPv6 payload length does not fit the frame (RFC 8200)") \
	X(ip6_extension, "IPv6 extension header") \
	X(ip6_not_udp, "IPv6 next header is not UDP") \
	X(udp_truncated, "datagram ends inside the UDP header") \
	X(udp_length, "UDP length does not fit header and datagram (RFC 768)") \
	X(udp6_no_checksum, "UDP checksum of zero over IPv6 (RFC 8200, 8.1)") \
	X(no_flow, "no flow matches")

/* Copy drops: one leg's copy is not sent. Counted on the egress port and on the leg. */
#define DP_COPY_DROPS(X) \
	X(ttl_expired, "TTL or hop limit would reach zero") \
	X(unresolved, "link-layer address of the next hop is not known") \
	X(too_long, "datagram longer than the MTU of the egress port") \
	X(no_buffer, "no packet buffer left for the copy") \
	X(tx_full, "egress queue full: the NIC did not take the frame")

#define DP_DROP_ENUM(name, help) DP_DROP_##name,
enum dp_drop { DP_PACKET_DROPS(DP_DROP_ENUM) DP_COPY_DROPS(DP_DROP_ENUM) DP_DROP_COUNT };
#undef DP_DROP_ENUM

#define DP_COPY_DROP_FIRST DP_DROP_ttl_expired
#define DP_PACKET_DROP_COUNT ((unsigned)DP_COPY_DROP_FIRST)
#define DP_COPY_DROP_COUNT ((unsigned)DP_DROP_COUNT - DP_PACKET_DROP_COUNT)

/* Name ("ip4_options") and one-line help of a reason. Never NULL for a value below DP_DROP_COUNT.
 */
const char *dp_drop_name(enum dp_drop reason);
const char *dp_drop_help(enum dp_drop reason);

/* One port, since start. Bytes are those of Ethernet frames without FCS. */
struct dp_port_stats {
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t forwarded; /* packets that were given to a flow's legs */
	uint64_t copies; /* copies that legs meant to leave by this port */
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t drops[DP_DROP_COUNT]; /* packet drops of ingress, copy drops of egress */
	/* The NIC's own, outside the conservation law: packets that no worker ever saw. */
	uint64_t nic_missed;
	uint64_t nic_no_buffer;
	uint64_t nic_rx_errors;
	uint64_t nic_tx_errors;
};

/* One flow, since it was installed. Bytes are those of IP datagrams, header included. */
struct dp_flow_stats {
	uint64_t packets;
	uint64_t bytes;
};

/* One leg, since its flow was installed. Sent = copies - the sum of drops. */
struct dp_leg_stats {
	uint64_t copies;
	uint64_t bytes; /* of the copies, those dropped included */
	uint64_t drops[DP_COPY_DROP_COUNT]; /* index: reason - DP_COPY_DROP_FIRST */
};

/* One worker, since start. */
struct dp_worker_stats {
	uint64_t loops; /* rounds over its queues */
	uint64_t busy_loops; /* rounds that found a packet */
	uint64_t rx_packets;
	uint64_t tx_packets;
};

static_assert(
	sizeof(struct dp_port_stats) == (10 + DP_DROP_COUNT) * sizeof(uint64_t), "waist: port");
static_assert(sizeof(struct dp_flow_stats) == 16, "waist: flow");
static_assert(
	sizeof(struct dp_leg_stats) == (2 + DP_COPY_DROP_COUNT) * sizeof(uint64_t), "waist: leg");
static_assert(sizeof(struct dp_worker_stats) == 32, "waist: worker");

#endif
