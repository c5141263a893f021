/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the data plane counts, and the one list of reasons for which it drops. Enum, names, help
 * texts, metrics and docs/counters.md all come from the lists below.
 *
 * Conservation law. At rest, for each port:
 *
 *	rx_packets        = forwarded + punted + the packet drops, by reason
 *	copies + injected = tx_packets + the copy drops, by reason
 *
 * for each flow:
 *
 *	packets           = forwarded + punted + the flow drops, by reason
 *
 * and every leg of the flow that was up all the time and takes every packet has as many copies as
 * the flow (or the stream that the leg belongs to) forwarded packets. While packets move, the two
 * sides of an equation are read a moment apart and may differ by what is in flight.
 */
#ifndef DP_STATS_H
#define DP_STATS_H

#include <dp/flow.h>

/* Packet drops: the packet is refused before it has copies. Counted on the ingress port. */
#define DP_FRAME_DROPS(X) \
	X(frame_segmented, "frame spans several packet buffers") \
	X(eth_truncated, "frame shorter than its Ethernet header") \
	X(vlan_truncated, "frame ends inside its VLAN tags") \
	X(vlan_stacked, "more than two VLAN tags, or an 802.1ad tag inside another") \
	X(not_ip, "EtherType is neither IPv4 nor IPv6") \
	X(ip4_truncated, "frame ends inside the IPv4 header") \
	X(ip4_header, "IPv4 version or header length field is wrong (RFC 791)") \
	X(ip4_options, "IPv4 header carries options (RFC 7126)") \
	X(ip4_length, "IPv4 total length does not fit header and frame (RFC 791)") \
	X(ip4_checksum, "IPv4 header checksum is wrong (RFC 1812, 5.2.2)") \
	X(ip4_fragment, "IPv4 fragment") \
	X(ip4_not_udp, "IPv4 protocol is not UDP") \
	X(ip6_truncated, "frame ends inside the IPv6 header") \
	X(ip6_header, "IPv6 version field is wrong (RFC 8200)") \
	X(ip6_length, "IPv6 payload length does not fit the frame (RFC 8200)") \
	X(ip6_extension, "IPv6 extension headers are malformed, too many or not to be skipped") \
	X(ip6_fragment, "IPv6 fragment header (RFC 8200, 4.5)") \
	X(ip6_not_udp, "IPv6 upper layer is not UDP") \
	X(udp_truncated, "datagram ends inside the UDP header") \
	X(udp_length, "UDP length does not fit header and datagram (RFC 768)") \
	X(udp6_no_checksum, "UDP checksum of zero over IPv6 (RFC 8200, 8.1)") \
	X(martian, "no flow by exact match, and an address that no packet may carry (RFC 6890)") \
	X(no_flow, "no flow matches") \
	X(kernel_limited, "over the rate of what may go to the kernel of this class") \
	X(kernel_full, "ring to the kernel full")

/* Packet drops caused by a flow, or the last two by the default of the port. */
#define DP_FLOW_DROPS(X) \
	X(flow_down, "the flow is administratively down") \
	X(flow_drop, "the action of the flow or its stream is drop, or none of its legs is up") \
	X(source_refused, \
		"source is not on the allow-list, not one of sources, or not the one latched to") \
	X(standby_source, "source is one of the flow's sources, but another one is active") \
	X(class_drop, "the flow drops this class of payload (RFC 7983)") \
	X(policed, "over the rate of the flow") \
	X(punt_limited, "over the rate of what may be punted to control") \
	X(punt_full, "ring to control full")

/*
 * Copy drops: one leg's copy is not sent. Counted on the leg, and on the egress port; peer_unknown
 * on the ingress port, as there is no other. A port also counts injected frames here, as tx_full or
 * port_down.
 */
#define DP_COPY_DROPS(X) \
	X(ttl_expired, "TTL or hop limit would reach zero") \
	X(unresolved, "link-layer address of the next hop is not known") \
	X(too_long, "datagram longer than the MTU of the egress port or VLAN interface") \
	X(tx_full, "egress queue full: the NIC did not take the frame") \
	X(port_down, "egress port has no link") \
	X(no_buffer, "no packet buffer left for the copy") \
	X(leg_policed, "over the rate of the leg") \
	X(peer_unknown, "the leg sends to a learned source, and none is learned or signalled")

/*
 * What the kernel counts on the sockets of a port over AF_XDP (XDP_STATISTICS), outside the
 * conservation law: no worker saw these packets. Not all are losses of their own.
 */
#define DP_XDP_COUNTS(X) \
	X(rx_ring_full, "packets lost: the worker did not empty the receive ring in time") \
	X(rx_dropped, "packets lost: no buffer in the fill ring, or a frame too long for one") \
	X(rx_fill_ring_empty, "times that the kernel, or the NIC's driver, found no buffer there") \
	X(rx_invalid_descs, "buffers that the kernel refused to receive into: they are lost") \
	X(tx_invalid_descs, "frames that the kernel refused to send: their buffers are lost")

/*
 * Classes of what no flow claims and a port with a path to the kernel hands up: X(name, pps, help).
 * Each has a bucket of its own on each port, of `pps` frames a second unless dp_config says
 * otherwise. In the order in which they are handed up.
 */
#define DP_EXCEPTIONS(X) \
	X(link, 2000, "ARP, Neighbour Discovery, LACP, LLDP, 802.1X and frames of LLC (IS-IS)") \
	X(routing, 10000, "BGP, BFD, OSPF, PIM, VRRP, IGMP and MLD") \
	X(host, 5000, "ICMP, ICMPv6, ssh and DHCP") \
	X(other, 2000, "all else, IP fragments among it")

#define DP_EXCEPTION_ENUM(name, pps, help) DP_EXCEPTION_##name,
enum dp_exception { DP_EXCEPTIONS(DP_EXCEPTION_ENUM) DP_EXCEPTION_COUNT };
#undef DP_EXCEPTION_ENUM

#define DP_XDP_ENUM(name, help) DP_XDP_##name,
enum dp_xdp { DP_XDP_COUNTS(DP_XDP_ENUM) DP_XDP_COUNT };
#undef DP_XDP_ENUM

#define DP_DROP_ENUM(name, help) DP_DROP_##name,
enum dp_drop {
	DP_FRAME_DROPS(DP_DROP_ENUM) DP_FLOW_DROPS(DP_DROP_ENUM) DP_COPY_DROPS(DP_DROP_ENUM)
		DP_DROP_COUNT
};
#undef DP_DROP_ENUM

#define DP_FLOW_DROP_FIRST DP_DROP_flow_down
#define DP_COPY_DROP_FIRST DP_DROP_ttl_expired
#define DP_PACKET_DROP_COUNT ((unsigned)DP_COPY_DROP_FIRST)
#define DP_FLOW_DROP_COUNT ((unsigned)DP_COPY_DROP_FIRST - (unsigned)DP_FLOW_DROP_FIRST)
#define DP_COPY_DROP_COUNT ((unsigned)DP_DROP_COUNT - DP_PACKET_DROP_COUNT)

#define DP_BURST_MAX 32 /* packets that a driver gives a worker in one call */
#define DP_RESIDENCE_BUCKETS 32

/* Name ("ip4_options") and one-line help of a reason. Never NULL for a value below DP_DROP_COUNT.
 */
const char *dp_drop_name(enum dp_drop reason);
const char *dp_drop_help(enum dp_drop reason);

/* Name of a count of AF_XDP sockets; never NULL for a value below DP_XDP_COUNT. */
const char *dp_xdp_name(enum dp_xdp count);

/* Name of a class; never NULL for a value below DP_EXCEPTION_COUNT. */
const char *dp_exception_name(enum dp_exception exception);

/* One port, since start. Bytes are those of Ethernet frames without FCS. */
struct dp_port_stats {
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t forwarded; /* packets that were given to a flow's legs */
	uint64_t punted; /* packets that were given to control, or to the kernel */
	uint64_t copies; /* copies of legs with this egress port */
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t injected; /* frames of control, see dp_inject(), or of the kernel, that a worker
			      has taken to send */
	uint64_t to_kernel[DP_EXCEPTION_COUNT]; /* of the punted ones */
	uint64_t from_kernel; /* of the injected ones */
	/* Outside the conservation law: what a worker never saw, or does not see again. */
	uint64_t kernel_refused; /* given to the kernel, which did not take it: TAP down or gone */
	uint64_t kernel_lost; /* sent by the kernel; no buffer, or no place in the ring */
	uint64_t drops[DP_DROP_COUNT]; /* packet drops of ingress, copy drops of egress */
	/* The NIC's own, outside the conservation law: packets that no worker ever saw. */
	uint64_t nic_missed; /* over AF_XDP: rx_ring_full and rx_dropped */
	uint64_t nic_no_buffer;
	uint64_t nic_rx_errors;
	uint64_t nic_tx_errors;
	uint64_t xdp[DP_XDP_COUNT]; /* of all queues; zero unless the port is over AF_XDP */
};

/*
 * One flow, since it was installed: a flow that is replaced counts on. Bytes are those of IP
 * datagrams as they came, headers included, but for IPv6 extension headers, which are taken out.
 */
struct dp_flow_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t forwarded; /* given to the legs, of the flow or of a stream */
	uint64_t punted;
	uint64_t drops[DP_FLOW_DROP_COUNT]; /* index: reason - DP_FLOW_DROP_FIRST */
};

/* One stream of a flow, since the flow has these streams. What its flow counts too. */
struct dp_stream_stats {
	uint64_t packets; /* that matched and were not policed */
	uint64_t bytes;
};

/* One leg, since it joined its flow. Sent = copies - the sum of drops. */
struct dp_leg_stats {
	uint64_t copies;
	uint64_t bytes; /* of the copies as IP datagrams that leave, those dropped included */
	uint64_t drops[DP_COPY_DROP_COUNT]; /* index: reason - DP_COPY_DROP_FIRST */
};

/* The source that a flow has learned, and what the frame was like by which it was learned. */
struct dp_latched {
	uint8_t src[16];
	uint16_t src_port; /* network order */
	uint16_t valid; /* 0: none yet */
	uint32_t moves; /* times that the source was learned; the first is 1 */
	uint64_t state; /* another one after each move and forget; 0 until something is learned */
	uint8_t mac[6]; /* source MAC of the frame: the neighbour to answer to */
	uint16_t port; /* index of the ingress port */
	uint16_t vlan, outer_vlan; /* VLAN ids that it came with, as in dp_flow_key */
	uint32_t ssrc; /* has_ssrc; changes without a move, when the source adopts another one */
	uint32_t has_ssrc; /* 1: the latch is moved by this SSRC (dp_flow.latch_by), or, read by a
			      cookie, would be if packets of an SSRC moved it */
};

/* One of the sources that a flow chooses from. */
struct dp_source_stats {
	uint64_t packets; /* of it, whether it was active or not */
	uint64_t silent_ns; /* since its last packet; nothing when there was none */
};

/* The sources that a flow chooses from, since they are its sources. */
struct dp_sources {
	uint64_t switches; /* times that another one became active */
	uint64_t active_ns; /* since the last of these; nothing when there was none */
	uint8_t active; /* index */
	uint8_t previous; /* that it was switched from; as active when there was none */
	uint8_t returned; /* 1: for a source before it, 0: as the previous one was silent */
	uint8_t n;
	struct dp_source_stats of[DP_SOURCES_MAX];
};

/* One receive queue of a port, since start. */
struct dp_queue_stats {
	uint64_t rx_packets;
	unsigned worker; /* index of the only one that polls it */
};

/* One worker, since start. */
struct dp_worker_stats {
	uint64_t loops; /* rounds over its queues */
	uint64_t busy_loops; /* rounds that found a packet */
	uint64_t rx_packets;
	uint64_t tx_packets;
	uint64_t busy_ns; /* time in busy rounds; busy share = busy_ns / total_ns */
	uint64_t total_ns;
	uint64_t busy_cycles; /* of the TSC; cycles a packet = busy_cycles / rx_packets */
	uint64_t longest_round_ns; /* longest time between two polls of the queues */
	uint64_t bursts[DP_BURST_MAX + 1]; /* calls by packets that came; [0] stays 0 */
	/* Packets of sampled rounds by time from rx to tx: [i] has 2^i <= ns < 2^(i+1). */
	uint64_t residence[DP_RESIDENCE_BUCKETS];
};

static_assert(sizeof(struct dp_port_stats) ==
		      (15 + DP_DROP_COUNT + DP_XDP_COUNT + DP_EXCEPTION_COUNT) * sizeof(uint64_t),
	"public API: port");
static_assert(sizeof(struct dp_queue_stats) == 16, "public API: queue");
static_assert(sizeof(struct dp_flow_stats) == (4 + DP_FLOW_DROP_COUNT) * sizeof(uint64_t),
	"public API: flow");
static_assert(sizeof(struct dp_stream_stats) == 16, "public API: stream");
static_assert(sizeof(struct dp_leg_stats) == (2 + DP_COPY_DROP_COUNT) * sizeof(uint64_t),
	"public API: leg");
static_assert(sizeof(struct dp_latched) == 56, "public API: latched source");
static_assert(sizeof(struct dp_source_stats) == 16, "public API: source");
static_assert(sizeof(struct dp_sources) == 24 + DP_SOURCES_MAX * sizeof(struct dp_source_stats),
	"public API: sources");
static_assert(sizeof(struct dp_worker_stats) ==
		      (8 + DP_BURST_MAX + 1 + DP_RESIDENCE_BUCKETS) * sizeof(uint64_t),
	"public API: worker");

#endif
