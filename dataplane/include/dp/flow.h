/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a flow is, as plain data: which packets belong to it (an exact key, a listener or a rule),
 * what is done to them on the way, and where its copies leave (the legs). No DPDK type appears
 * here; control fills these structures and the data plane compiles them into what workers read.
 *
 * Addresses and UDP ports are in network byte order, everything else in host order. An IPv4
 * address stands in the first four bytes of an address field, the other twelve are zero.
 * docs/dataplane.md says in which order the steps of a flow are taken.
 */
#ifndef DP_FLOW_H
#define DP_FLOW_H

#include <assert.h>
#include <stdint.h>

#define DP_PORTS_MAX 32 /* ports of one appliance */
#define DP_WORKERS_MAX 32 /* poll-mode lcores of one appliance */
#define DP_FLOW_LEGS_MAX 4096 /* legs of one flow, those of its streams not counted */
#define DP_STREAMS_MAX 256 /* streams of one flow */
#define DP_ALLOW_MAX 32 /* source prefixes that one flow allows */
#define DP_SOURCES_MAX 8 /* sources that one flow chooses from */
#define DP_SOURCE_TIMEOUT_MS_MAX 10000
#define DP_SOURCE_RETURN_MS_MAX 3600000
#define DP_RULES_MAX 4096 /* flows of one family that are matched by rule */
#define DP_RULE_PRIORITY_MAX 1000000
#define DP_NEXT_HOPS_MAX 65535 /* next hops of one appliance */
#define DP_FLOWS_MAX (4u << 20) /* flows of one family */
#define DP_LEGS_MAX (4u << 20) /* legs of one appliance that are not the only one of a flow */
#define DP_DSCP_KEEP UINT8_MAX /* leg: leave the six DSCP bits as they came */
#define DP_TTL_DECREMENT UINT8_C(0) /* leg: one less than it came, as a router does */
#define DP_HANDLE_NONE UINT32_MAX /* no flow's handle */
#define DP_LEG_NEW UINT16_MAX /* replaced flow: a leg that carries none on */
#define DP_LEG_SAME UINT16_C(0x8000) /* with the number of a leg that is carried on: as it is */
#define DP_RULE_ANY UINT16_MAX /* rule: any ingress port, any VLAN */
#define DP_RATE_BPS_MIN 8000
#define DP_RATE_BPS_MAX UINT64_C(400000000000)
#define DP_LATCH_ADOPT_MS 1000 /* silence of a latch's SSRC before another one is adopted */
#define DP_BURST_PER_BPS_MAX 67500 /* bytes: what comes in 540,000 s */

enum dp_family { DP_IPV4 = 4, DP_IPV6 = 6 };

/* What an exact flow or a listener matches. */
struct dp_flow_key {
	uint8_t src[16]; /* all zero when any_source */
	uint8_t dst[16]; /* the local address that the sender was given */
	uint16_t src_port; /* network order; zero when any_source */
	uint16_t dst_port; /* network order */
	uint16_t port; /* index of the ingress port */
	uint16_t vlan; /* VLAN id of the only or inner tag, 1..4094; 0 = none, or a priority tag */
	uint16_t outer_vlan; /* VLAN id of the outer tag (IEEE 802.1ad), 1..4094; 0 = none */
	uint8_t family; /* enum dp_family */
	uint8_t any_source; /* 1: a listener, which any source address and port match */
};

/* What a rule matches: the third stage, for packets that are no exact flow's nor a listener's. */
struct dp_rule {
	uint8_t src[16]; /* prefix; bits behind its length are zero */
	uint8_t dst[16];
	uint32_t priority; /* 1..DP_RULE_PRIORITY_MAX; the greatest wins, then the oldest rule */
	uint16_t src_port_first, src_port_last; /* HOST order, inclusive */
	uint16_t dst_port_first, dst_port_last; /* HOST order, inclusive */
	uint16_t port; /* ingress port, or DP_RULE_ANY */
	uint16_t vlan; /* as in the key, or DP_RULE_ANY */
	uint16_t outer_vlan; /* as in the key, or DP_RULE_ANY */
	uint8_t src_bits; /* prefix lengths; 0 = any */
	uint8_t dst_bits;
	uint8_t family;
	uint8_t reserved[3]; /* zero */
};

/* What becomes of a packet. */
enum dp_verdict {
	DP_FORWARD, /* to the legs */
	DP_DROP, /* counted under flow_drop, or class_drop for a class */
	DP_PUNT, /* to control, through a bounded ring */
	DP_VERDICT_COUNT
};

/* RFC 7983: what the first byte of the UDP payload says. An empty payload is DP_CLASS_OTHER. */
enum dp_class {
	DP_CLASS_STUN, /* 0..3 */
	DP_CLASS_DTLS, /* 20..63 */
	DP_CLASS_RTP, /* 128..191: RTP and RTCP */
	DP_CLASS_OTHER,
	DP_CLASS_COUNT
};

/* Which sources a listener or rule takes, of those that its allow-list lets through. */
enum dp_latch {
	DP_LATCH_OPEN, /* all */
	DP_LATCH_FIRST, /* the first one seen, for ever */
	DP_LATCH_FOLLOW, /* the latest one, but one move an interval at most */
};

/*
 * Which packets may open or move a latch, as their payload says; the learned source's pass all. An
 * SSRC is the learned source's: only packets of that SSRC move the latch elsewhere. What the source
 * changes it to is adopted when it has not sent the former for DP_LATCH_ADOPT_MS, or three quarters
 * of that.
 */
enum dp_latch_by {
	DP_LATCH_BY_ANY, /* all */
	DP_LATCH_BY_SSRC, /* RTP, of one SSRC (RFC 3550, section 5.1); RTCP is none */
	DP_LATCH_BY_RTCP_SSRC, /* RTCP, of one sender (RFC 3550, section 6.4.1), for its own port */
	DP_LATCH_BY_CLASS, /* plus enum dp_class: those of the class */
	DP_LATCH_BY_COUNT = DP_LATCH_BY_CLASS + DP_CLASS_COUNT
};

struct dp_prefix {
	uint8_t address[16]; /* bits behind the length are zero */
	uint8_t bits; /* 0..32 or 0..128 */
};

/*
 * One of the sources that a flow chooses from. Packets of one of them, the active source, go on;
 * those of the others are dropped as standby_source, any other's as source_refused. The first one
 * is active at first.
 */
struct dp_source {
	uint8_t address[16]; /* of the flow's family */
	uint16_t port; /* network order; 0 = any */
};

/*
 * A token bucket over the bytes of IP datagrams, header included; a packet that does not find its
 * own length in tokens is dropped and takes none. The bucket is full at first.
 */
struct dp_police {
	uint64_t rate_bps; /* bits a second, DP_RATE_BPS_MIN..DP_RATE_BPS_MAX; 0 = not policed */
	uint64_t burst_bytes; /* depth, 1..2^32 and at most DP_BURST_PER_BPS_MAX * rate_bps */
};

/*
 * What control knows of the source that a leg sends to: where it is, and how to get there. All zero
 * is nothing.
 */
struct dp_learned {
	uint64_t state; /* dp_latched.state of the latch for which the rest holds */
	uint8_t dst[16];
	uint16_t dst_port; /* network order */
	uint16_t next_hop;
	uint16_t vlan;
	uint16_t outer_vlan;
};

/*
 * Where one copy of the packet goes: the header that it leaves with.
 *
 * With `learned` it goes to the source that another flow has latched to. dst, dst_port, next_hop,
 * vlan and outer_vlan are then the signalled destination, which is used for as long as nothing is
 * learned; with dst_port 0 there is none, and copies are dropped as peer_unknown. Once something is
 * learned, copies are sent there as `known` says if its state is that of the latch. If it is not,
 * they leave by the port, with the VLANs and to the MAC that the learned source came from. src and
 * the learned flow have the family of the leg.
 */
struct dp_leg {
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t src_port; /* network order */
	uint16_t dst_port; /* network order */
	uint16_t next_hop; /* index given to dp_next_hop_set(); it names egress port and MACs */
	uint16_t vlan; /* VLAN id of the only or inner tag to send with, 1..4094; 0 = none */
	uint16_t outer_vlan; /* VLAN id of an 802.1ad tag before that; 0 = none */
	uint8_t family; /* enum dp_family of src and dst; not the flow's: translated (RFC 7915) */
	uint8_t dscp; /* 0..63, or DP_DSCP_KEEP; the two ECN bits are always kept */
	uint8_t ttl; /* TTL or hop limit to send with, 1..255, or DP_TTL_DECREMENT */
	uint8_t down; /* 1: gets no copies for now */
	uint8_t reserved[2]; /* zero */
	uint32_t one_in; /* a copy of every one_in-th packet only, the 1st first; 0 and 1: of all */
	struct dp_police police;
	uint64_t learned; /* latch_cookie of the flow whose learned source it sends to; 0: to dst */
	struct dp_learned known; /* zero unless `learned` */
};

/*
 * Packets inside a flow that differ by their RTP header (RFC 3550); RTCP (RFC 5761) has no
 * payload type, so only a stream without one can match it, by the SSRC of the sender. Of several
 * that match, one with both fields goes before one with SSRC, and that before payload type.
 */
struct dp_stream {
	uint32_t ssrc;
	uint8_t has_ssrc;
	uint8_t has_payload_type;
	uint8_t payload_type; /* 0..127 */
	uint8_t verdict; /* enum dp_verdict; DP_FORWARD needs legs */
	uint16_t n_legs; /* 0..DP_FLOW_LEGS_MAX */
	const struct dp_leg *legs;
};

/* A flow as handed to dp_txn_add(); the data plane copies what it needs. */
struct dp_flow {
	struct dp_flow_key key; /* family, when there is a rule */
	const struct dp_rule *rule; /* NULL: the key says what matches */
	uint8_t verdict; /* enum dp_verdict; DP_FORWARD needs legs, or streams that have some */
	uint8_t down; /* 1: its packets are dropped as flow_down */
	uint8_t latch; /* enum dp_latch; listeners and rules only */
	uint8_t n_allow; /* 0 = every source is allowed */
	uint8_t class_verdict[DP_CLASS_COUNT]; /* enum dp_verdict; DP_FORWARD: go on as the flow
						  says */
	uint32_t latch_interval_ms; /* DP_LATCH_FOLLOW: least time between two moves; 0 = none */
	uint8_t latch_by; /* enum dp_latch_by; DP_LATCH_BY_ANY without a latch */
	uint8_t n_sources; /* 0 = no choice, or 2..DP_SOURCES_MAX; listeners without a latch only */
	const struct dp_prefix *allow; /* source prefixes of the flow's family */
	struct dp_police police;
	uint16_t n_streams;
	uint16_t n_legs; /* 0..DP_FLOW_LEGS_MAX */
	const struct dp_stream *streams;
	const struct dp_leg *legs;
	/*
	 * By which dp_latch_poll() and legs name the flow; kept with the latch and the sources.
	 * Flows of the same cookie share their latch; one of cookie 0 has a latch of its own, that
	 * no leg can name.
	 */
	uint64_t latch_cookie;
	/*
	 * The preferred one first. They differ in address or port, and one without a port in its
	 * address. When the active source has sent nothing for source_timeout_ms, the next packet
	 * of another one makes that active; and so does a packet of a source before it that has
	 * sent for source_return_ms without a gap of that length, unless that is 0: never.
	 */
	const struct dp_source *sources;
	uint32_t source_timeout_ms; /* 1..DP_SOURCE_TIMEOUT_MS_MAX */
	uint32_t source_return_ms; /* 0..DP_SOURCE_RETURN_MS_MAX */
};

/* The neighbour that a leg's copies are handed to. Many legs share one. */
struct dp_next_hop {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint16_t port; /* index of the egress port */
	uint16_t mtu; /* longest IP datagram in bytes that may leave; 0 = not resolved, drop */
};

static_assert(sizeof(struct dp_flow_key) == 44, "public API: flow key");
static_assert(sizeof(struct dp_rule) == 56, "public API: rule");
static_assert(sizeof(struct dp_prefix) == 17, "public API: prefix");
static_assert(sizeof(struct dp_source) == 18, "public API: source");
static_assert(sizeof(struct dp_police) == 16, "public API: policer");
static_assert(sizeof(struct dp_learned) == 32, "public API: what is known of a source");
static_assert(sizeof(struct dp_leg) == 112, "public API: leg");
static_assert(sizeof(struct dp_stream) == 24, "public API: stream");
static_assert(sizeof(struct dp_flow) == 144, "public API: flow");
static_assert(sizeof(struct dp_next_hop) == 16, "public API: next hop");

#endif
