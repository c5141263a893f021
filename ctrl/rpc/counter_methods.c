/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * counters.get reads all counters at one time, as a collector wants them. counters.top shows the
 * flows, or legs, that carry or drop most; only these become JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/rates.h"
#include "rpc/encode.h"
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

static json_t *
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
	if (param_is_true(params, "flows")) {
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

struct top {
	struct rates_waiter waiter;
	struct rpc_call *call;
	const struct methods_context *context;
	enum rate_order order;
	size_t limit;
};

static json_int_t
per_second(uint64_t count, uint64_t period_ns)
{
	const unsigned __int128 scaled = (unsigned __int128)count * NS_PER_S;

	return period_ns ? (json_int_t)((scaled + period_ns / 2) / period_ns) : 0;
}

/* The leg of that key; NULL when it has left. */
static const struct flow_leg *
leg_find(const struct flow_spec *spec, uint64_t key)
{
	unsigned i;

	for (i = 0; i < spec->n_legs; i++) {
		if (rate_leg_key(spec->legs[i].id) == key)
			return &spec->legs[i];
	}
	return NULL;
}

/* NULL for what has gone since. */
static json_t *
row_encode(const struct top *top, const struct rate_row *row)
{
	const struct flow_rates *rates = &top->context->monitor->rates;
	const struct flow *flow = rate_row_flow(rates, row);
	const struct flow_leg *leg = NULL;

	if (flow && row->leg)
		leg = leg_find(flow->spec, row->leg);
	if (!flow || (row->leg && !leg))
		return NULL;
	return json_pack("{s:s, s:s*, s:s*, s:I, s:I, s:I, s:I, s:I, s:I}", "flow", flow->spec->id,
		"leg", leg ? leg->id : NULL, "port", leg ? leg->port : NULL, "packets",
		(json_int_t)row->packets, "bytes", (json_int_t)row->bytes, "drops",
		(json_int_t)row->drops, "pps", per_second(row->new_packets, rates->period_ns),
		"bps", per_second(row->new_bytes * 8, rates->period_ns), "drops_ps",
		per_second(row->new_drops, rates->period_ns));
}

static json_t *
top_encode(struct top *top)
{
	const struct flow_rates *rates = &top->context->monitor->rates;
	const struct rate_table *table = &rates->figures[top->waiter.legs];
	const struct rate_best *best = &table->best[top->order];
	json_t *rows = json_array();
	size_t i;

	for (i = 0; i < top->limit && i < best->n; i++)
		json_array_append_new(rows, row_encode(top, &table->rows[best->rows[i]]));
	return json_pack("{s:I, s:I, s:I, s:o}", "time_ns",
		(json_int_t)clock_read_ns(CLOCK_REALTIME), "period_ms",
		(json_int_t)(rates->period_ns / 1000000), "total", (json_int_t)table->n, "rows",
		rows);
}

static void
top_answer(void *arg)
{
	struct top *top = arg;

	rpc_call_result(top->call, top_encode(top));
	free(top);
}

/* Many may wait for the same figures: each is answered in its user's turn. */
static void
rates_known(struct rates_waiter *waiter, const struct fault *fault)
{
	struct top *top = (struct top *)waiter;

	if (!fault) {
		rpc_call_in_turn(top->call, top_answer, top);
		return;
	}
	rpc_call_fault(top->call, fault);
	free(top);
}

static enum rate_order
order_read(const char *by)
{
	static const char *const names[] = {
		[RATE_BY_PPS] = "pps",
		[RATE_BY_BPS] = "bps",
		[RATE_BY_DROPS] = "drops",
		[RATE_BY_PACKETS] = "packets",
	};
	unsigned i = 0;

	while (strcmp(by, names[i]) != 0) /* the schema has checked it */
		i++;
	return (enum rate_order)i;
}

static json_t *
counters_top(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const size_t limit = param_number(params, "limit");
	struct top *top = calloc(1, sizeof(*top));

	if (!top)
		return request_no_memory(fault);
	top->waiter.done = rates_known;
	top->waiter.legs = strcmp(param_text(params, "of"), "legs") == 0;
	top->call = call;
	top->context = context;
	top->limit = limit;
	top->order = order_read(param_text(params, "by"));
	flow_rates_ask(&context->monitor->rates, &top->waiter);
	return rpc_call_defer(call);
}

const struct rpc_method counter_methods[] = {
	{"counters.get", counters_get},
	{"counters.top", counters_top},
	{NULL, NULL},
};
