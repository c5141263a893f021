/* SPDX-License-Identifier: BSD-3-Clause */
/* All counters at one time, as a collector wants them. */
#include "rpc/counter_methods.h"

#include "base/clock.h"
#include "rpc/counter_json.h"
#include "rpc/flow_methods.h"
#include "rpc/methods.h"

/* A port that shares its interface with the kernel has counts of that, too. */
static json_t *
port_encode(const struct methods_context *context, unsigned port, const struct dp_port_stats *stats)
{
	const struct dp_port_info *info = &context->flows->ports->info[port];
	struct interface_losses losses;
	const bool has_losses = info->ifindex && interface_losses_read(info->ifindex, &losses) == 0;
	json_t *json = port_counters_encode(info, stats, has_losses ? &losses : NULL);
	struct steering_count counts[STEERING_COUNTS_MAX];
	const int n = steering_counts(context->flows->steering, port, counts);

	if (n > 0)
		json_object_set_new(json, "steering", steering_counts_encode(counts, (unsigned)n));
	return json;
}

static json_t *
ports_encode(const struct methods_context *context)
{
	const struct ports *ports = context->flows->ports;
	json_t *list = json_array();
	struct dp_port_stats stats;
	unsigned i;

	for (i = 0; i < ports->n; i++) {
		if (dp_port_stats_get(context->dp, i, &stats) == 0)
			json_array_append_new(list, port_encode(context, i, &stats));
	}
	return list;
}

/* `legs` has room for the legs of any flow. */
static json_t *
flow_encode(const struct dp *dp, const struct flow *flow, struct dp_leg_stats *legs)
{
	const struct flow_spec *spec = flow->spec;
	struct dp_flow_stats stats;
	json_t *json;

	if (dp_flow_stats_get(dp, flow->handle, &stats, legs, spec->n_legs) < 0)
		return NULL;
	json = json_pack("{s:s}", "id", spec->id);
	json_object_update_new(json, flow_counters_encode(&stats));
	json_object_set_new(json, "legs", legs_counters_encode(spec->legs, legs, spec->n_legs));
	return json;
}

static json_t *
flows_encode(const struct methods_context *context, struct flow_page *page)
{
	static struct dp_leg_stats legs[DP_FLOW_LEGS_MAX]; /* too large for the stack */
	json_t *list = json_array();

	for (; page->flow; flow_page_next(page, true))
		json_array_append_new(list, flow_encode(context->dp, page->flow, legs));
	return list;
}

json_t *
counters_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct flow_db *desired = &context->flows->db;
	struct flow_page page;
	json_t *reply;

	(void)call;
	if (flow_page_begin(&page, desired, params, fault) < 0)
		return NULL;
	reply = json_pack("{s:I, s:I, s:o}", "time_ns", (json_int_t)clock_read_ns(CLOCK_REALTIME),
		"monotonic_ns", (json_int_t)clock_read_ns(CLOCK_MONOTONIC), "ports",
		ports_encode(context));
	if (json_is_true(json_object_get(params, "flows"))) {
		json_object_set_new(reply, "flows", flows_encode(context, &page));
		json_object_set_new(
			reply, "total", json_integer((json_int_t)flow_db_count(desired)));
		json_object_set_new(reply, "next_cursor",
			page.next_cursor[0] ? json_string(page.next_cursor) : json_null());
	}
	if (!reply)
		fault_set(fault, FAULT_INTERNAL, "", "no memory for the reply");
	return reply;
}
