/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters and events as JSON, for every method that shows some. */
#ifndef CTRL_RPC_ENCODE_H
#define CTRL_RPC_ENCODE_H

#include <jansson.h>

#include <dp/dp.h>

#include "config/ports.h"
#include "flow/flow_spec.h"
#include "flow/steering.h"
#include "monitor/events.h"
#include "net/netlink.h"

/*
 * {"packets", "bytes", "forwarded", "punted", "drops": {reason: n, none that is zero}}. All return
 * new references, NULL without memory.
 */
json_t *flow_counters_encode(const struct dp_flow_stats *stats);

/* {"copies", "bytes", "sent", "drops": {reason: n, none that is zero}} */
json_t *leg_counters_encode(const struct dp_leg_stats *stats);

/* An array of the above, with the "id" of each leg that has one. */
json_t *legs_counters_encode(
	const struct flow_leg *legs, const struct dp_leg_stats *stats, unsigned n_legs);

/* {"src", "src_port", "moves"} of a source that was learned by a flow of that family. */
json_t *latched_encode(uint8_t family, const struct dp_latched *latched);

/*
 * A port's counters with every drop reason; "xdp" where it is over AF_XDP, "interface" with
 * `losses`, which may be NULL.
 */
json_t *port_counters_encode(const struct dp_port_info *info, const struct dp_port_stats *stats,
	const struct interface_losses *losses);

/* {"steered": N, "passed": {CAUSE: N, ...}, "dropped": {CAUSE: N, ...}} */
json_t *steering_counts_encode(const struct steering_count *counts, unsigned n);

/* {"name", "via", "uid"}; UINT32_MAX: without "uid". */
json_t *actor_encode(const char *name, const char *via, uint32_t uid);

/*
 * {"sequence", "time_ns", "event"} and what events of that kind say beside it. New reference; NULL
 * without memory.
 */
json_t *event_encode(const struct event_entry *entry, const struct ports *ports);

#endif
