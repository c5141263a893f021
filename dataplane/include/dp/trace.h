/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why does a packet go there? One frame taken through the stages of the fast path, by the code of
 * the fast path, on copies of what a packet changes: nothing is sent, counted, learned or taken
 * from a bucket.
 *
 * What depends on a worker (sampling, the rate of punts, its clock) is as the first worker that
 * polls the port would find it now. Not foreseen is what depends on the moment of sending: a full
 * transmit queue, no packet buffer left.
 */
#ifndef DP_TRACE_H
#define DP_TRACE_H

#include <assert.h>
#include <stdint.h>

#include <dp/flow.h>
#include <dp/stats.h>

#define DP_TRACE_FRAME_MAX 16384 /* bytes of a frame, link layer included */

struct dp;

/* What matched, or nothing. Looked for in this order, and not further than the first match. */
enum dp_trace_match { DP_TRACE_NONE, DP_TRACE_EXACT, DP_TRACE_LISTENER, DP_TRACE_RULE };

/* Steps in their order; a packet that is dropped or punted ends at one of them. */
enum dp_trace_step {
	DP_TRACE_PARSE,
	DP_TRACE_CLASSIFY,
	DP_TRACE_ADMIN, /* is the flow up */
	DP_TRACE_ALLOW, /* the allow-list */
	DP_TRACE_CLASS, /* by class of payload */
	DP_TRACE_SOURCES, /* is it from the active one */
	DP_TRACE_LATCH,
	DP_TRACE_STREAM,
	DP_TRACE_POLICE,
	DP_TRACE_ACTION, /* the verdict of the flow or of the stream */
	DP_TRACE_STEP_COUNT
};

enum dp_trace_latch {
	DP_TRACE_LATCH_OPEN, /* the flow does not latch */
	DP_TRACE_LATCH_SAME, /* from the source that was learned */
	DP_TRACE_LATCH_LEARNS, /* would be learned, as the first one */
	DP_TRACE_LATCH_MOVES, /* would be learned in place of another */
	DP_TRACE_LATCH_REFUSES, /* is not the source that was learned */
	DP_TRACE_LATCH_NOT_BY, /* nor may such a packet open or move the latch (latch_by) */
	DP_TRACE_LATCH_OTHER_SSRC, /* nor has its SSRC */
};

enum dp_trace_source {
	DP_TRACE_SOURCE_ACTIVE, /* it is from the active source */
	DP_TRACE_SOURCE_TAKES_OVER, /* its source would become active: that one is silent */
	DP_TRACE_SOURCE_RETURNS, /* its source would become active: it is preferred, and back */
	DP_TRACE_SOURCE_STANDBY,
	DP_TRACE_SOURCE_UNLISTED,
};

/* What a policer says to the packet. */
struct dp_trace_police {
	struct dp_police config; /* rate_bps 0: none, and the rest is unused */
	uint64_t left_bytes; /* in the bucket, before the packet */
};

struct dp_trace_request {
	const uint8_t *frame; /* from the Ethernet header on, without FCS; borrowed for the call */
	uint32_t frame_bytes; /* 0..DP_TRACE_FRAME_MAX */
	uint16_t port; /* of ingress */
	uint16_t first_leg; /* legs of the flow, or of its stream, that are looked at */
	uint16_t n_legs; /* at most so many */
};

/* What becomes of the packet. Fields of a step that it does not reach are zero. */
struct dp_trace {
	uint8_t verdict; /* enum dp_verdict */
	uint8_t step; /* enum dp_trace_step at which that was decided */
	uint16_t drop; /* enum dp_drop; DP_DROP_COUNT unless the verdict is DP_DROP */
	uint16_t worker; /* that would have met it */
	uint16_t n_workers; /* that poll the port, by its receive queues */
	/* DP_TRACE_PARSE; key.family is 0 when the frame was refused. */
	struct dp_flow_key key; /* as an exact flow would have it */
	uint16_t l2_bytes; /* of the link layer, tags included */
	uint16_t ip_bytes; /* of the datagram, IPv6 extension headers taken out */
	uint16_t extension_bytes; /* that were taken out */
	uint16_t payload_bytes; /* of UDP */
	uint8_t ttl; /* or hop limit */
	uint8_t tos; /* or traffic class */
	/* DP_TRACE_CLASSIFY */
	uint8_t match; /* enum dp_trace_match */
	uint8_t looked; /* bit 1 << enum dp_trace_match: that stage was gone into */
	uint32_t handle; /* DP_HANDLE_NONE: no flow */
	/* The flow's steps. */
	uint8_t down;
	uint8_t n_allow; /* prefixes; 0 = every source is allowed */
	uint8_t has_classes; /* some class is not simply forwarded */
	uint8_t payload_class; /* enum dp_class */
	uint8_t class_verdict; /* enum dp_verdict */
	uint8_t latch_mode; /* enum dp_latch */
	uint8_t latch; /* enum dp_trace_latch */
	uint8_t latch_by; /* enum dp_latch_by */
	uint8_t exception; /* 0, or 1 + enum dp_exception: no flow's, and punted to the kernel */
	uint8_t source; /* enum dp_trace_source */
	uint8_t source_index; /* of the packet's, unless it is unlisted */
	uint8_t has_stream; /* the packet is one's */
	uint16_t stream;
	uint16_t n_streams; /* that the flow has */
	struct dp_latched latched; /* as it is before the packet */
	struct dp_sources sources; /* n 0: none to choose from; as they are before the packet */
	struct dp_trace_police police;
	uint64_t nth; /* packet to these legs, counted from 1; 0: no leg samples */
	uint32_t n_legs; /* of the flow or stream, down ones too; DP_FORWARD */
	uint32_t n_up; /* of these */
};

enum dp_trace_outcome {
	DP_TRACE_SENT,
	DP_TRACE_DOWN, /* the leg is down */
	DP_TRACE_SAMPLED_OUT, /* it takes one in N packets, and not this one */
	DP_TRACE_DROPPED,
};

/* What becomes of one leg's copy. */
struct dp_trace_leg {
	const uint8_t *frame; /* as it would leave, DP_TRACE_SENT; borrowed for the call */
	uint32_t frame_bytes;
	uint32_t one_in; /* 0 or 1: takes every packet */
	uint16_t index; /* among the legs of the flow or stream */
	uint8_t outcome; /* enum dp_trace_outcome */
	uint8_t family; /* enum dp_family of what leaves */
	uint16_t drop; /* enum dp_drop; DP_DROP_COUNT unless DP_TRACE_DROPPED */
	uint16_t next_hop; /* index; DP_NEXT_HOPS_MAX: what the latch says, of a learned source */
	struct dp_next_hop hop; /* as it is now; peer_unknown: the ingress port alone */
	struct dp_trace_police police;
};

static_assert(sizeof(struct dp_trace_police) == 24, "public API: what a policer says");
static_assert(sizeof(struct dp_trace_request) == 24, "public API: what is to be traced");
static_assert(sizeof(struct dp_trace) == 336, "public API: trace");
static_assert(sizeof(struct dp_trace_leg) == 64, "public API: leg of a trace");

typedef void (*dp_trace_leg_fn)(void *arg, const struct dp_trace_leg *leg);

/*
 * Trace one frame; fn is called for each of the legs wanted, in order, when the verdict is
 * DP_FORWARD. Control thread; workers may run or not. -EINVAL: no such port, -EMSGSIZE: the frame
 * is longer than DP_TRACE_FRAME_MAX, -ENOMEM.
 */
int dp_trace(struct dp *dp, const struct dp_trace_request *request, struct dp_trace *trace,
	dp_trace_leg_fn fn, void *arg);

#endif
