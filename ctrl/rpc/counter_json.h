/* SPDX-License-Identifier: BSD-3-Clause */
/* The data plane's counters as JSON, for every method that shows some. */
#ifndef CTRL_RPC_COUNTER_JSON_H
#define CTRL_RPC_COUNTER_JSON_H

#include <jansson.h>

#include <dp/stats.h>

/* {"packets", "bytes"}. All return new references, NULL without memory. */
json_t *flow_counters_encode(const struct dp_flow_stats *stats);

/* {"copies", "bytes", "sent", "drops": {reason: n, none that is zero}} */
json_t *leg_counters_encode(const struct dp_leg_stats *stats);

/* An array of the above. */
json_t *legs_counters_encode(const struct dp_leg_stats *stats, unsigned n_legs);

/* A port's counters with every drop reason. */
json_t *port_counters_encode(const char *name, const struct dp_port_stats *stats);

#endif
