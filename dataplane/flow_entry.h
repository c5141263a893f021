/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The compiled flow that workers read. An IPv4 flow is ONE cache line: key, counters, rewrite,
 * features. An IPv6 flow is two. A plain flow, which does no more than send a packet on to one leg,
 * has all it takes in its rewrite. Any other has features: one word that says where the rest is.
 *
 * Who writes what, once an entry is published:
 *	key, rewrite, features	none: a flow that changes gets another entry
 *	tail.next_hop		of a learned source: whoever moves the latch, once (latch.h)
 *	counters		only the worker that owns the flow (tail.owner)
 *	tail.owner		the first worker that meets the flow, once, from 0
 */
#ifndef DATAPLANE_FLOW_ENTRY_H
#define DATAPLANE_FLOW_ENTRY_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include <dp/flow.h>

/* The packet's own order: source, destination and ports of an option-less datagram are adjacent. */
struct flow_key4 {
	rte_be32_t src;
	rte_be32_t dst;
	rte_be16_t src_port;
	rte_be16_t dst_port;
	uint32_t domain; /* flow_domain() */
} __rte_aligned(16);

struct flow_key6 {
	uint8_t src[16];
	uint8_t dst[16];
	union {
		struct {
			rte_be16_t src_port;
			rte_be16_t dst_port;
			uint32_t domain; /* flow_domain() */
		};
		uint64_t ports_and_domain;
	};
} __rte_aligned(8);

/* Room for a key of either family. */
union flow_key {
	struct flow_key4 v4;
	struct flow_key6 v6;
};

/* In the domain of a listener's key: it is no packet's, not even of one from address and port 0. */
#define FLOW_DOMAIN_LISTENER (UINT32_C(1) << 31)

/* Where a packet came in: port and up to two VLAN ids in one word. */
static inline uint32_t
flow_domain(uint16_t port, uint16_t vlan, uint16_t outer_vlan)
{
	static_assert(DP_PORTS_MAX <= 128, "a port is seven bits");
	return (uint32_t)port << 24 | (uint32_t)outer_vlan << 12 | vlan;
}

struct flow_counters {
	uint64_t packets;
	uint64_t bytes;
};

/* What a rewrite does besides the ordinary: TTL less one, DSCP kept, all old fields in the key. */
#define REWRITE_SET_DSCP UINT8_C(1) /* tos replaces the DSCP bits */
#define REWRITE_SET_TTL UINT8_C(2) /* ttl replaces the packet's */
#define REWRITE_ANY_SOURCE UINT8_C(4) /* deltas lack the old source: take it from the packet */
#define REWRITE_ANY_DESTINATION UINT8_C(8) /* and the old destination */

/*
 * Next hop of a rewrite to a learned source that does not hold any more, or never did. No next hop
 * has this index, so that copies are about to be refused as unresolved when they are sent the slow
 * way: the ordinary packet pays nothing for it.
 */
#define NEXT_HOP_STALE UINT16_MAX
static_assert(NEXT_HOP_STALE == DP_NEXT_HOPS_MAX, "the index behind the last one");

/* What is the same in both families. */
struct rewrite_tail {
	uint16_t next_hop; /* a worker that moves the latch of a learned source makes it stale */
	rte_be16_t vlan_tci; /* 0 = send untagged */
	uint8_t tos; /* DSCP << 2 */
	uint8_t ttl;
	uint8_t flags; /* REWRITE_*; 0 is the ordinary case */
	uint8_t owner; /* in a flow entry: worker + 1 that owns its counters, 0 = none yet */
};

struct rewrite4 {
	rte_be32_t src;
	rte_be32_t dst;
	rte_be16_t src_port;
	rte_be16_t dst_port;
	/*
	 * RFC 1624 change of the header checksum, that of TTL - 1 included; of a datagram that was
	 * IPv6 the sum of the new addresses.
	 */
	uint16_t ip_delta;
	uint16_t udp_delta; /* of the UDP checksum, by addresses and ports */
	struct rewrite_tail tail;
};

struct rewrite6 {
	uint8_t src[16];
	uint8_t dst[16];
	rte_be16_t src_port;
	rte_be16_t dst_port;
	uint16_t udp_delta;
	uint16_t reserved;
	struct rewrite_tail tail;
};

struct flow_action;
struct policer;

/*
 * What a flow does besides sending packets on as its rewrite says: the address of something in
 * one cache line, plus one bit that tells what is there. For what is frequent that is all that a
 * worker needs; for the rest the action, which leads on to others.
 */
#define FLOW_PLAIN UINT64_C(0)
#define FLOW_ACTS UINT64_C(1) /* struct flow_action: any features */
#define FLOW_POLICES UINT64_C(2) /* struct policer, and no other feature */
#define FLOW_TRANSLATES UINT64_C(4) /* the rewrite of the other family, and no other feature */
#define FLOW_LATCHES UINT64_C(8) /* struct latch, and no other feature */
#define FLOW_LATCHES_BY_SSRC UINT64_C(16) /* the same, and the SSRC of its RTP moves it */

static inline uint64_t
flow_features(const void *of, uint64_t kind)
{
	return (uintptr_t)of + kind;
}

/* The address, when `kind` is what is there. */
static __rte_always_inline void *
flow_features_of(uint64_t features, uint64_t kind)
{
	return (void *)(uintptr_t)(features - kind);
}

/*
 * A flow from IPv6 to IPv4 has the rewrite in place of its own, so that the tails are the same. One
 * from IPv4 to IPv6 has it in a line of its own, and of its own rewrite only flags and owner.
 */
static_assert(
	offsetof(struct rewrite6, tail) + sizeof(struct rewrite_tail) == sizeof(struct rewrite6),
	"the tail is last");
#define REWRITE4_IN_REWRITE6 (sizeof(struct rewrite6) - sizeof(struct rewrite4))

struct flow_entry4 {
	struct flow_key4 key;
	struct flow_counters counters;
	struct rewrite4 rewrite;
	uint64_t features;
} __rte_cache_min_aligned;

struct flow_entry6 {
	struct flow_key6 key;
	uint64_t features;
	struct flow_counters counters;
	struct rewrite6 rewrite;
} __rte_cache_min_aligned;

static_assert(sizeof(struct flow_key4) == 16, "key compares as one vector");
static_assert(sizeof(struct flow_key6) == 40, "key compares as five words");
static_assert(offsetof(struct flow_key4, src_port) == 8, "the packet's order");
static_assert(offsetof(struct flow_key4, domain) == 12, "what is not the packet's comes last");
static_assert(offsetof(struct flow_key6, src_port) == 32, "the packet's order");
static_assert(offsetof(struct flow_key6, domain) == 36, "what is not the packet's comes last");
static_assert(sizeof(struct flow_counters) == 16, "four to a line");
static_assert(offsetof(struct flow_counters, bytes) == 8, "counters");
static_assert(sizeof(struct rewrite_tail) == 8, "tail");
static_assert(offsetof(struct rewrite_tail, owner) == 7, "tail");
static_assert(sizeof(struct rewrite4) == 24, "rewrite");
static_assert(sizeof(struct rewrite6) == 48, "rewrite");
static_assert(offsetof(struct rewrite4, tail) == 16, "tail at the end");
static_assert(offsetof(struct rewrite6, tail) == 40, "tail at the end");
static_assert(sizeof(struct flow_entry4) == 64, "an IPv4 flow is one line");
static_assert(offsetof(struct flow_entry4, counters) == 16, "entry layout");
static_assert(offsetof(struct flow_entry4, rewrite) == 32, "entry layout");
static_assert(offsetof(struct flow_entry4, features) == 56, "entry layout");
static_assert(sizeof(struct flow_entry6) == 128, "an IPv6 flow is two lines");
static_assert(offsetof(struct flow_entry6, features) == 40, "entry layout");
static_assert(offsetof(struct flow_entry6, counters) == 48, "counters add as one vector");
static_assert(offsetof(struct flow_entry6, rewrite) == 64, "rewrite on the second line");

/*
 * Access by family. Callers pass a constant, so that nothing of the choice is left in the code.
 */
static __rte_always_inline size_t
flow_entry_bytes(enum dp_family family)
{
	return family == DP_IPV4 ? sizeof(struct flow_entry4) : sizeof(struct flow_entry6);
}

static __rte_always_inline size_t
rewrite_bytes(enum dp_family family)
{
	return family == DP_IPV4 ? sizeof(struct rewrite4) : sizeof(struct rewrite6);
}

static __rte_always_inline struct flow_counters *
flow_entry_counters(void *entry, enum dp_family family)
{
	return family == DP_IPV4 ? &((struct flow_entry4 *)entry)->counters
				 : &((struct flow_entry6 *)entry)->counters;
}

static __rte_always_inline uint64_t
flow_entry_features(const void *entry, enum dp_family family)
{
	return family == DP_IPV4 ? ((const struct flow_entry4 *)entry)->features
				 : ((const struct flow_entry6 *)entry)->features;
}

static __rte_always_inline void *
flow_entry_rewrite(void *entry, enum dp_family family)
{
	return family == DP_IPV4 ? (void *)&((struct flow_entry4 *)entry)->rewrite
				 : (void *)&((struct flow_entry6 *)entry)->rewrite;
}

static __rte_always_inline struct rewrite_tail *
rewrite_tail(void *rewrite, enum dp_family family)
{
	return family == DP_IPV4 ? &((struct rewrite4 *)rewrite)->tail
				 : &((struct rewrite6 *)rewrite)->tail;
}

static __rte_always_inline const struct rewrite_tail *
rewrite_tail_const(const void *rewrite, enum dp_family family)
{
	return family == DP_IPV4 ? &((const struct rewrite4 *)rewrite)->tail
				 : &((const struct rewrite6 *)rewrite)->tail;
}

/*
 * GCC 12 keeps less in registers around an atomic load: 11 instructions more for each packet of an
 * IPv4 flow. The thread sanitizer knows no other, though.
 */
static __rte_always_inline uint16_t
rewrite_next_hop(const struct rewrite_tail *tail)
{
#ifdef __SANITIZE_THREAD__
	return __atomic_load_n(&tail->next_hop, __ATOMIC_RELAXED);
#else
	return *(const volatile uint16_t *)&tail->next_hop;
#endif
}

static __rte_always_inline bool
rewrite_is_stale(const struct rewrite_tail *tail)
{
	return rewrite_next_hop(tail) == NEXT_HOP_STALE;
}

#endif
