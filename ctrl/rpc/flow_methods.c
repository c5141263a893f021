/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows as they are installed, by the page, and what is the matter with them. counters.get reads
 * all counters at one time, as a collector wants them. counters.top shows the flows, or legs, that
 * carry or drop most; only these become JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "flow/flow_codec.h"
#include "flow/flows.h"
#include "net/netlink.h"
#include "rpc/flow_state.h"
#include "rpc/methods.h"

/* The reply of a call that waited for rates; NULL with *fault set. */
typedef json_t *(*rates_reply_fn)(
	const struct methods_context *context, const json_t *params, struct fault *fault);

struct rates_call {
	struct rates_waiter waiter; /* the first member */
	const struct methods_context *context;
	struct rpc_call *call;
	json_t *params;
	rates_reply_fn reply;
};

static void
rates_answer(struct rates_call *rates, json_t *reply, const struct fault *fault)
{
	if (reply)
		rpc_call_result(rates->call, reply);
	else
		rpc_call_fault(rates->call, fault);
	json_decref(rates->params);
	free(rates);
}

static void
rates_turn(void *arg)
{
	struct rates_call *rates = arg;
	struct fault fault;

	rates_answer(rates, rates->reply(rates->context, rates->params, &fault), &fault);
}

/* Many may wait for the same figures: each is answered in its user's turn. */
static void
rates_known(struct rates_waiter *waiter, const struct fault *fault)
{
	struct rates_call *rates = (struct rates_call *)waiter;

	if (fault)
		rates_answer(rates, NULL, fault);
	else
		rpc_call_in_turn(rates->call, rates_turn, rates);
}

/*
 * Answer the call in a turn of its user when rates of flows, and of legs if asked for, are known
 * for span_ns. Returns what the method is to return.
 */
static json_t *
rates_call(const struct methods_context *context, struct rpc_call *call, json_t *params, bool legs,
	uint64_t span_ns, rates_reply_fn reply, struct fault *fault)
{
	struct rates_call *rates = malloc(sizeof(*rates));

	if (!rates)
		return request_no_memory(fault);
	*rates = (struct rates_call){
		.waiter = {.done = rates_known, .legs = legs, .span_ns = span_ns},
		.context = context,
		.call = call,
		.params = json_incref(params),
		.reply = reply,
	};
	flow_rates_ask(&context->monitor->rates, &rates->waiter);
	return rpc_call_defer(call);
}

#define LEGS_A_SCAN 8 /* legs whose health costs as much as a flow */

#define HOP_GOOD ((1u << NEXT_HOP_RESOLVED) | (1u << NEXT_HOP_STATIC) | (1u << NEXT_HOP_BACKUP))
#define HEALTH_PENDING (1u << NEXT_HOP_PENDING)
#define HEALTH_PORT_DOWN (1u << 15)
#define HEALTH_DOWN (1u << 16)
#define HEALTH_DROPPING (1u << 17)
#define HEALTH_SILENT (1u << 18)

/* In the order in which they are shown. */
static const struct {
	uint32_t bit;
	const char *name;
} health_names[] = {
	{HEALTH_DOWN, "down"},
	{HEALTH_PENDING, "pending"},
	{HEALTH_PORT_DOWN, "port_down"},
	{HEALTH_DROPPING, "dropping"},
	{HEALTH_SILENT, "silent"},
};

#define N_HEALTHS (sizeof(health_names) / sizeof(health_names[0]))

/*
 * What is the matter with a flow, looking back span_ns; *bad is the first leg that is not handed
 * on, n_all_legs for none.
 */
static uint32_t
flow_health(const struct methods_context *context, const struct flow *flow, uint64_t span_ns,
	unsigned *bad)
{
	const struct flow_rates *rates = &context->monitor->rates;
	const struct rate_row *row = flow_rate_row(rates, flow);
	const struct flow_spec *spec = flow->spec;
	const char *ingress = spec->rule ? spec->rule->port : spec->match.port;
	uint32_t health = spec->dp.down ? HEALTH_DOWN : 0;
	struct next_hop_info info;
	struct leg_source source;
	unsigned i;

	*bad = spec->n_all_legs;
	if (!spec->dp.down && ingress[0] &&
		dp_port_is_down(context->dp, (unsigned)ports_find(context->flows->ports, ingress)))
		health |= HEALTH_PORT_DOWN;
	for (i = 0; i < spec->n_all_legs; i++) {
		if (spec->legs[i].dp.down)
			health |= HEALTH_DOWN;
		if (spec->dp.down || spec->legs[i].dp.down)
			continue;
		switch (leg_way_get(
			&context->flows->source_context, spec, flow->sources, i, &source)) {
		case LEG_SIGNALLED:
			next_hops_info_get(context->flows->hops, flow->hops[i], &info);
			break;
		case LEG_KNOWN:
			next_hops_info_get(context->flows->hops, source.next_hop, &info);
			break;
		case LEG_LEARNED:
			info.state = NEXT_HOP_STATIC;
			info.port = source.latched.port;
			break;
		case LEG_NOWHERE:
			continue;
		}
		health |= 1u << info.state;
		if (dp_port_is_down(context->dp, info.port))
			health |= HEALTH_PORT_DOWN;
		if (*bad == spec->n_all_legs && ((1u << info.state) & HOP_GOOD) == 0)
			*bad = i;
	}
	if (row && row->drops_ns && rates->figures_ns - row->drops_ns < span_ns)
		health |= HEALTH_DROPPING;
	if (row && rates->figures_ns - row->packets_ns >= span_ns)
		health |= HEALTH_SILENT;
	return health & ~HOP_GOOD;
}

/* "leg out-1: neighbour 198.51.100.10 on p1 does not answer" */
static json_t *
leg_reason_encode(const struct flows *flows, const struct flow *flow, unsigned leg)
{
	const struct flow_spec *spec = flow->spec;
	char reason[HOP_REASON_MAX];
	unsigned i = 0;

	next_hops_reason(flows->hops, &spec->legs[leg], reason);
	if (reason[0] == '\0')
		return NULL;
	if (leg < spec->n_legs)
		return json_sprintf("leg %s: %s", spec->legs[leg].id, reason);
	while (leg >= spec->streams[i].first_leg + spec->streams[i].dp.n_legs)
		i++;
	return json_sprintf(
		"stream %u, leg %u: %s", i + 1, leg - spec->streams[i].first_leg + 1, reason);
}

static json_t *
health_encode(const struct flows *flows, const struct flow *flow, uint32_t health, unsigned bad)
{
	json_t *states = json_array();
	size_t i;

	for (i = 0; i < N_HEALTHS; i++) {
		if (health & health_names[i].bit)
			json_array_append_new(states, json_string(health_names[i].name));
	}
	return json_pack("{s:o, s:o*}", "states", states, "reason",
		bad < flow->spec->n_all_legs ? leg_reason_encode(flows, flow, bad) : NULL);
}

static uint32_t
only_read(const json_t *only)
{
	const json_t *name;
	uint32_t health = 0;
	size_t i, k;

	json_array_foreach (only, i, name) {
		for (k = 0; k < N_HEALTHS; k++) {
			if (strcmp(json_string_value(name), health_names[k].name) == 0)
				health |= health_names[k].bit;
		}
	}
	return health & HEALTH_DOWN ? health | HEALTH_PORT_DOWN : health;
}

static uint64_t
span_read(const json_t *params)
{
	return param_number(params, "within_s") * NS_PER_S;
}

/* Whether to say how flows do, which takes rates. */
static bool
wants_health(const json_t *params)
{
	return json_array_size(json_object_get(params, "only")) > 0 ||
	       param_is_true(params, "health");
}

static json_t *
page_encode(const struct methods_context *context, const json_t *params, struct fault *fault)
{
	const struct flows *flows = context->flows;
	const uint32_t only = only_read(json_object_get(params, "only")); /* 0: all flows */
	const bool declared = param_is_true(params, "declared");
	const bool with_health = wants_health(params);
	json_t *specs, *healths;
	struct flow_page page;

	if (flow_page_begin(&page, &flows->db, params, fault) < 0)
		return NULL;
	specs = json_array();
	healths = with_health ? json_array() : NULL;
	while (page.flow) {
		const struct flow *flow = page.flow;
		bool taken = !declared || flow->spec->declared;
		uint32_t health = 0;
		unsigned bad = 0, cost;

		if (taken && with_health) {
			health = flow_health(context, flow, span_read(params), &bad);
			cost = flow->spec->n_all_legs / LEGS_A_SCAN;
			page.scans -= cost < page.scans ? cost : page.scans - 1;
		}
		taken = taken && (!only || (health & only));
		if (taken)
			json_array_append_new(specs, flow_spec_encode(flow->spec));
		if (taken && with_health)
			json_array_append_new(healths, health_encode(flows, flow, health, bad));
		flow_page_next(&page, taken);
	}
	return json_pack("{s:o, s:I, s:s?, s:o*}", "flows", specs, "total",
		(json_int_t)flow_db_count(&flows->db), "next_cursor",
		page.next_cursor[0] ? page.next_cursor : NULL, "health", healths);
}

static json_t *
flow_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	struct flow_page page;

	if (!wants_health(params))
		return page_encode(context, params, fault);
	/* A cursor that is none is refused at once. */
	if (flow_page_begin(&page, &context->flows->db, params, fault) < 0)
		return NULL;
	return rates_call(context, call, params, false, span_read(params), page_encode, fault);
}

static json_t *
flow_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const char *id = param_text(params, "id");
	struct flow *flow = flow_db_find(&context->flows->db, id);
	json_t *state;

	(void)call;
	if (!flow)
		return fault_null(fault, FAULT_NOT_FOUND, "/id",
			"found %s, expected the id of an installed flow", id);
	state = flow_state_encode(context, flow, fault);
	json_object_set_new(state, "hint", local_hint_encode(context, flow));
	return state;
}

/* The flow of ids[i], which latches. NULL with *fault set. */
static struct flow *
latching_flow(
	const struct methods_context *context, const json_t *id, size_t i, struct fault *fault)
{
	struct flow *flow = flow_db_find(&context->flows->db, json_string_value(id));

	if (!flow)
		fault_set(fault, FAULT_NOT_FOUND, "",
			"found %s, expected the id of an installed flow", json_string_value(id));
	else if (flow->spec->dp.latch == DP_LATCH_OPEN)
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found flow %s, which takes any source, expected one with latch first or "
			"follow",
			flow->spec->id);
	else
		return flow;
	fault_prefix(fault, "/ids/%zu", i);
	return NULL;
}

/* All are found before the first one changes; and packets come again before any source is gone. */
static json_t *
flow_forget(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	struct latches *latches = &context->monitor->latches;
	const json_t *ids = json_object_get(params, "ids"), *id;
	json_t *forgotten;
	struct flow *flow;
	size_t i;

	(void)call;
	json_array_foreach (ids, i, id) {
		if (!latching_flow(context, id, i, fault))
			return NULL;
	}
	json_array_foreach (ids, i, id) {
		flow = flow_db_find(&context->flows->db, json_string_value(id));
		if (latches_widen(latches, flow) < 0)
			return fault_null(fault, FAULT_NO_ROOM, "",
				"port %s cannot be made to take other sources of flow %s",
				flow->spec->match.port, flow->spec->id);
	}
	forgotten = json_array();
	json_array_foreach (ids, i, id) {
		struct dp_latched latched;

		flow = flow_db_find(&context->flows->db, json_string_value(id));
		latches_forget(latches, flow, &latched);
		json_array_append_new(forgotten,
			json_pack("{s:s, s:o}", "id", flow->spec->id, "latched",
				latched.valid
					? latched_encode(flow->spec->match.key.family, &latched)
					: json_null()));
	}
	return json_pack("{s:o}", "forgotten", forgotten);
}

static json_t *
xdp_encode(const struct dp_port_stats *stats)
{
	json_t *counts = json_object();
	unsigned i;

	for (i = 0; i < DP_XDP_COUNT; i++)
		json_object_set_new(counts, dp_xdp_name((enum dp_xdp)i),
			json_integer((json_int_t)stats->xdp[i]));
	return counts;
}

static json_t *
interface_encode(const struct interface_losses *losses)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "rx_dropped", (json_int_t)losses->rx_dropped,
		"rx_missed", (json_int_t)losses->rx_missed, "rx_errors",
		(json_int_t)losses->rx_errors, "tx_dropped", (json_int_t)losses->tx_dropped,
		"tx_errors", (json_int_t)losses->tx_errors);
}

static json_t *
steering_encode(const struct steering_count *counts, unsigned n)
{
	json_t *passed = json_object(), *dropped = json_object();
	json_int_t steered = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		const json_int_t packets = (json_int_t)counts[i].packets;

		if (!counts[i].cause)
			steered = packets;
		else
			json_object_set_new(
				strcmp(counts[i].verdict, "dropped") == 0 ? dropped : passed,
				counts[i].cause, json_integer(packets));
	}
	return json_pack(
		"{s:I, s:o, s:o}", "steered", steered, "passed", passed, "dropped", dropped);
}

static json_t *
queues_encode(const struct dp *dp, unsigned port)
{
	json_t *list = json_array();
	struct dp_queue_stats stats;
	unsigned i;

	for (i = 0; dp_queue_stats_get(dp, port, i, &stats) == 0; i++)
		json_array_append_new(list,
			json_pack("{s:i, s:i, s:I}", "queue", (int)i, "worker", (int)stats.worker,
				"rx_packets", (json_int_t)stats.rx_packets));
	return list;
}

/* What a port with a TAP exchanges with the kernel. */
static json_t *
kernel_encode(const struct dp_port_stats *stats)
{
	json_t *kernel = json_pack("{s:I, s:I, s:I}", "refused", (json_int_t)stats->kernel_refused,
		"sent", (json_int_t)stats->from_kernel, "lost", (json_int_t)stats->kernel_lost);
	unsigned i;

	for (i = 0; i < DP_EXCEPTION_COUNT; i++)
		json_object_set_new(kernel, dp_exception_name((enum dp_exception)i),
			json_integer((json_int_t)stats->to_kernel[i]));
	return kernel;
}

/*
 * Every drop reason; "kernel" where the port has a TAP; "xdp" where the port is over AF_XDP,
 * "interface" where it shares that with the kernel, and "steering".
 */
static json_t *
port_stats_encode(
	const struct methods_context *context, unsigned port, const struct dp_port_stats *stats)
{
	const struct dp_port_info *info = &context->flows->ports->info[port];
	const bool is_af_xdp = strcmp(info->driver, "net_af_xdp") == 0;
	struct steering_count counts[STEERING_COUNTS_MAX];
	const int n_counts = steering_counts(context->flows->steering, port, counts);
	json_t *drops = json_object(), *interface = NULL;
	struct interface_losses losses;
	unsigned i;

	for (i = 0; i < DP_DROP_COUNT; i++)
		json_object_set_new(drops, dp_drop_name((enum dp_drop)i),
			json_integer((json_int_t)stats->drops[i]));
	if (info->ifindex && interface_losses_read(info->ifindex, &losses) == 0)
		interface = interface_encode(&losses);
	return json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I, s:I},"
		" s:o, s:o*, s:o*, s:o*, s:o*}",
		"name", info->name, "rx_packets", (json_int_t)stats->rx_packets, "rx_bytes",
		(json_int_t)stats->rx_bytes, "forwarded", (json_int_t)stats->forwarded, "punted",
		(json_int_t)stats->punted, "copies", (json_int_t)stats->copies, "tx_packets",
		(json_int_t)stats->tx_packets, "tx_bytes", (json_int_t)stats->tx_bytes, "injected",
		(json_int_t)stats->injected, "drops", drops, "nic", "missed",
		(json_int_t)stats->nic_missed, "no_buffer", (json_int_t)stats->nic_no_buffer,
		"rx_errors", (json_int_t)stats->nic_rx_errors, "tx_errors",
		(json_int_t)stats->nic_tx_errors, "queues", queues_encode(context->dp, port),
		"kernel", info->kernel_path ? kernel_encode(stats) : NULL, "xdp",
		is_af_xdp ? xdp_encode(stats) : NULL, "interface", interface, "steering",
		n_counts > 0 ? steering_encode(counts, (unsigned)n_counts) : NULL);
}

static json_t *
ports_stats_encode(const struct methods_context *context)
{
	const struct ports *ports = context->flows->ports;
	json_t *list = json_array();
	struct dp_port_stats stats;
	unsigned i;

	for (i = 0; i < ports->n; i++) {
		if (dp_port_stats_get(context->dp, i, &stats) == 0)
			json_array_append_new(list, port_stats_encode(context, i, &stats));
	}
	return list;
}

/* `legs` has room for the legs of any flow. */
static json_t *
flow_stats_encode(const struct dp *dp, const struct flow *flow, struct dp_leg_stats *legs)
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
flows_stats_encode(const struct methods_context *context, struct flow_page *page)
{
	static struct dp_leg_stats legs[DP_FLOW_LEGS_MAX]; /* too large for the stack */
	json_t *list = json_array();

	for (; page->flow; flow_page_next(page, true))
		json_array_append_new(list, flow_stats_encode(context->dp, page->flow, legs));
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
		ports_stats_encode(context));
	if (param_is_true(params, "flows")) {
		json_object_set_new(reply, "flows", flows_stats_encode(context, &page));
		json_object_set_new(
			reply, "total", json_integer((json_int_t)flow_db_count(desired)));
		json_object_set_new(reply, "next_cursor",
			page.next_cursor[0] ? json_string(page.next_cursor) : json_null());
	}
	return reply;
}

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

/* NULL for what was removed since. */
static json_t *
row_encode(const struct flow_rates *rates, const struct rate_row *row)
{
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

static bool
is_of_legs(const json_t *params)
{
	return strcmp(param_text(params, "of"), "legs") == 0;
}

static json_t *
top_encode(const struct methods_context *context, const json_t *params, struct fault *fault)
{
	const struct flow_rates *rates = &context->monitor->rates;
	const struct rate_table *table = &rates->figures[is_of_legs(params)];
	const struct rate_best *best = &table->best[order_read(param_text(params, "by"))];
	const size_t limit = param_number(params, "limit");
	json_t *rows = json_array();
	size_t i;

	(void)fault;
	for (i = 0; i < limit && i < best->n; i++)
		json_array_append_new(rows, row_encode(rates, &table->rows[best->rows[i]]));
	return json_pack("{s:I, s:I, s:I, s:o}", "time_ns",
		(json_int_t)clock_read_ns(CLOCK_REALTIME), "period_ms",
		(json_int_t)(rates->period_ns / 1000000), "total", (json_int_t)table->n, "rows",
		rows);
}

static json_t *
counters_top(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	return rates_call(ctx, call, params, is_of_legs(params), 0, top_encode, fault);
}

const struct rpc_method flow_methods[] = {
	{"flow.list", flow_list},
	{"flow.get", flow_get},
	{"flow.forget", flow_forget},
	{"counters.get", counters_get},
	{"counters.top", counters_top},
	{NULL, NULL},
};
