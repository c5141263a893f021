/* SPDX-License-Identifier: BSD-3-Clause */
/* All counters at one time, as a collector wants them. */
#include "rpc/counter_methods.h"

#include <time.h>

#include "rpc/counter_json.h"
#include "rpc/methods.h"

static json_t *
ports_encode(const struct methods_context *context)
{
	const struct ports *ports = context->flows->ports;
	json_t *list = json_array();
	struct dp_port_stats stats;
	unsigned i;

	for (i = 0; i < ports->n; i++) {
		if (dp_port_stats_get(context->dp, i, &stats) == 0)
			json_array_append_new(
				list, port_counters_encode(ports->info[i].name, &stats));
	}
	return list;
}

static json_t *
flow_encode(const struct dp *dp, const struct flow *flow)
{
	struct dp_leg_stats legs[DP_FLOW_LEGS_MAX];
	const unsigned n_legs = flow->spec->n_legs;
	struct dp_flow_stats stats;

	if (dp_flow_stats_get(dp, flow->handle, &stats, legs, n_legs) < 0)
		return NULL;
	return json_pack("{s:s, s:I, s:I, s:o}", "id", flow->spec->id, "packets",
		(json_int_t)stats.packets, "bytes", (json_int_t)stats.bytes, "legs",
		legs_counters_encode(legs, n_legs));
}

static json_t *
flows_encode(const struct methods_context *context)
{
	const struct flow *flow = desired_after(&context->flows->desired, 0);
	json_t *list = json_array();

	for (; flow; flow = desired_next(flow))
		json_array_append_new(list, flow_encode(context->dp, flow));
	return list;
}

json_t *
counters_get(void *ctx, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	struct timespec now;
	json_t *reply;

	clock_gettime(CLOCK_REALTIME, &now);
	reply = json_pack("{s:I, s:o}", "time_ns",
		(json_int_t)now.tv_sec * 1000000000 + now.tv_nsec, "ports", ports_encode(context));
	if (json_is_true(json_object_get(params, "flows")))
		json_object_set_new(reply, "flows", flows_encode(context));
	if (!reply)
		fault_set(fault, FAULT_INTERNAL, "", "no memory for the reply");
	return reply;
}
