/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a trace works on in place of what packets change: a worker that polls nothing, with
 * counters, transmit stages, buckets and a learned source of its own, and one packet buffer that
 * is in no pool. The stages' own code may then do to it whatever it does. Control thread only.
 */
#ifndef DATAPLANE_SHADOW_H
#define DATAPLANE_SHADOW_H

#include "action.h"
#include "burst.h"
#include "latch.h"
#include "policer.h"

#include <dp/trace.h>

#define SHADOW_OWNER 1 /* the shadow's signature in its copies: that of worker 0 */
#define SHADOW_RING_BYTES 1024

struct dp;

struct shadow {
	struct lcore lc;
	struct port_counters counters[DP_PORTS_MAX];
	struct tx_stage stages[DP_PORTS_MAX];
	/* In place of the flow's own. */
	struct flow_action action;
	struct policer policer;
	uint8_t latch[sizeof(struct latch) + sizeof(struct latch_slots)] __rte_cache_aligned;
	uint64_t nth[1 + DP_STREAMS_MAX];
	struct flow_counters stream_counters[DP_STREAMS_MAX];
	/* In place of the tables: one entry, one leg. */
	struct flow_table table;
	struct leg_table legs;
	struct leg leg;
	struct policer leg_policer;
	struct flow_counters leg_counters;
	uint64_t drops[DP_COPY_DROP_COUNT];
	/* A ring to control with one place. */
	uint8_t ring[SHADOW_RING_BYTES] __rte_cache_aligned;
	/* The packet, and its datagram as it came. */
	struct rte_mbuf m;
	uint8_t buffer[RTE_PKTMBUF_HEADROOM + DP_TRACE_FRAME_MAX];
	uint8_t datagram[DP_TRACE_FRAME_MAX];
};

/* A shadow of worker `worker` of dp at now_ns of its clock. NULL: no memory. */
struct shadow *shadow_create(const struct dp *dp, unsigned worker, uint64_t now_ns);
void shadow_destroy(struct shadow *shadow);

/* The packet is this frame, of at most DP_TRACE_FRAME_MAX bytes, as a worker receives it. */
void shadow_receive(struct shadow *shadow, const uint8_t *frame, uint32_t bytes);

/*
 * Work on copies from now on: of `action` (NULL: the flow is plain), and of nothing else than
 * `entry`. `worker` is the one whose numbering of packets counts.
 */
void shadow_enter(
	struct shadow *shadow, void *entry, const struct flow_action *action, unsigned worker);

/* The one leg is a copy of `leg`, and nothing is dropped yet. */
void shadow_leg_set(struct shadow *shadow, const struct leg *leg);

/* Keep the datagram at `ip`; put it there again for the next leg, nothing dropped yet. */
void shadow_datagram_keep(struct shadow *shadow, const uint8_t *ip, uint16_t bytes);
void shadow_datagram_restore(struct shadow *shadow, uint8_t *ip, uint16_t bytes);

#endif
