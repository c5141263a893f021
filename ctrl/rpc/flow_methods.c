/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows and legs: requests to operations, and what is installed back to JSON. */
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "flow/flow_codec.h"
#include "flow/flows.h"
#include "rpc/methods.h"

#define LEGS_A_SCAN 8 /* legs whose health costs as much as a flow */

static const char *const hop_states[] = {
	[NEXT_HOP_PENDING] = "pending",
	[NEXT_HOP_RESOLVED] = "resolved",
	[NEXT_HOP_STATIC] = "static",
};

#define HOP_GOOD ((1u << NEXT_HOP_RESOLVED) | (1u << NEXT_HOP_STATIC))
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
		next_hops_info_get(context->flows->hops, flow->hops[i], &info);
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
	struct next_hop_info info;
	unsigned i = 0;

	leg_hop_info_get(flows, &spec->legs[leg], flow->hops[leg], &info, reason);
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
next_hop_encode(const struct flows *flows, const struct flow_leg *leg, unsigned index)
{
	char address[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX], netdev[IF_NAMESIZE];
	char reason[HOP_REASON_MAX];
	struct next_hop_info info;

	leg_hop_info_get(flows, leg, index, &info, reason);
	address_format(info.family, info.address, address);
	mac_format(info.mac, mac);
	return json_pack("{s:s?, s:s?, s:s, s:s?, s:s*}", "address", info.family ? address : NULL,
		"mac", info.state == NEXT_HOP_PENDING ? NULL : mac, "state", hop_states[info.state],
		"netdev", info.ifindex ? if_indextoname(info.ifindex, netdev) : NULL, "reason",
		info.state == NEXT_HOP_PENDING ? reason : NULL);
}

/* Counters, links and next hops of n legs, from number `first` of the spec on. */
static json_t *
legs_state_encode(const struct methods_context *context, const struct flow *flow, unsigned first,
	const struct dp_leg_stats *stats, unsigned n)
{
	json_t *list = legs_counters_encode(&flow->spec->legs[first], stats, n), *leg;
	size_t i;

	json_array_foreach (list, i, leg) {
		const struct flow_leg *spec = &flow->spec->legs[first + i];

		json_object_set_new(leg, "next_hop",
			next_hop_encode(context->flows, spec, flow->hops[first + i]));
		json_object_set_new(leg, "link_up",
			json_boolean(!dp_port_is_down(context->dp,
				(unsigned)ports_find(context->flows->ports, spec->port))));
	}
	return list;
}

static json_t *
source_encode(const struct dp *dp, const struct flow *flow)
{
	struct dp_latched latched;

	if (flow->spec->dp.latch == DP_LATCH_OPEN ||
		dp_flow_latched_get(dp, flow->handle, &latched) < 0 || !latched.valid)
		return json_null();
	return latched_encode(flow->spec->match.family, &latched);
}

/* `legs` has room for the legs of any stream of the flow. */
static json_t *
streams_encode(
	const struct methods_context *context, const struct flow *flow, struct dp_leg_stats *legs)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < flow->spec->n_streams; i++) {
		const struct flow_stream *stream = &flow->spec->streams[i];
		struct dp_stream_stats stats;

		if (dp_stream_stats_get(
			    context->dp, flow->handle, i, &stats, legs, stream->dp.n_legs) < 0)
			continue;
		json_array_append_new(
			list, json_pack("{s:I, s:I, s:o}", "packets", (json_int_t)stats.packets,
				      "bytes", (json_int_t)stats.bytes, "legs",
				      legs_state_encode(context, flow, stream->first_leg, legs,
					      stream->dp.n_legs)));
	}
	return list;
}

static json_t *
flow_state_encode(
	const struct methods_context *context, const struct flow *flow, struct fault *fault)
{
	const struct flow_spec *spec = flow->spec;
	struct dp_leg_stats *legs = reallocarray(NULL, spec->n_all_legs + 1, sizeof(*legs));
	struct dp_flow_stats stats;
	json_t *state = NULL;

	if (!legs)
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the reply");
	else if (dp_flow_stats_get(context->dp, flow->handle, &stats, legs, spec->n_legs) < 0)
		fault_set(fault, FAULT_INTERNAL, "/id", "the data plane has no counters of flow %s",
			spec->id);
	else
		state = json_pack("{s:o, s:b, s:o, s:o, s:o}", "flow", flow_spec_encode(spec),
			"declared", spec->declared, "counters", flow_counters_encode(&stats),
			"latched", source_encode(context->dp, flow), "legs",
			legs_state_encode(context, flow, 0, legs, spec->n_legs));
	if (state)
		json_object_set_new(state, "streams", streams_encode(context, flow, legs));
	free(legs);
	return state;
}

static json_t *
flow_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const char *id = param_text(params, "id");
	const struct flow *flow = flow_db_find(&context->flows->db, id);

	(void)call;
	if (flow)
		return flow_state_encode(context, flow, fault);
	fault_set(fault, FAULT_NOT_FOUND, "/id", "found %s, expected the id of an installed flow",
		id);
	return NULL;
}

static json_t *
ids_encode(const struct change *change)
{
	json_t *ids = json_array();
	size_t i;

	for (i = 0; i < change->n_items; i++)
		json_array_append_new(ids, json_string(change->items[i]->spec->id));
	return json_pack(
		"{s:o}", change->items[0]->op == OP_REPLACE ? "replaced" : "installed", ids);
}

static json_t *
flows_change(const struct methods_context *context, struct rpc_call *call, enum op_kind op,
	const json_t *params, struct fault *fault)
{
	struct change *change = change_call_begin(call, params, ids_encode, fault);

	if (!change)
		return NULL;
	return change_call_end(context, call, change,
		change_add_flows(change, op, json_object_get(params, "flows"), "flows", fault));
}

static json_t *
flow_install(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	return flows_change(ctx, call, OP_INSTALL, params, fault);
}

static json_t *
flow_replace(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	return flows_change(ctx, call, OP_REPLACE, params, fault);
}

/* A flow that came and went in one commit never ran, and has counted nothing. */
static json_t *
removed_encode(const struct change *change)
{
	static const struct dp_flow_stats nothing;
	json_t *removed = json_array();
	size_t i;

	for (i = 0; i < change->n_items; i++) {
		const struct change_item *item = item_outcome(change->items[i]);
		const struct flow_spec *spec = item->old_spec;
		const struct last_counters *last = spec ? item->last : NULL;

		json_array_append_new(removed,
			json_pack("{s:s, s:o, s:o}", "id", change->items[i]->id, "counters",
				flow_counters_encode(last ? &last->flow : &nothing), "legs",
				last ? legs_counters_encode(spec->legs, last->legs, spec->n_legs)
				     : json_array()));
	}
	return json_pack("{s:o}", "removed", removed);
}

static json_t *
flow_remove(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct change *change = change_call_begin(call, params, removed_encode, fault);

	if (!change)
		return NULL;
	return change_call_end(ctx, call, change,
		change_add_removals(change, json_object_get(params, "ids"), "ids", true, fault));
}

static json_t *
joined_encode(const struct change *change)
{
	const struct change_item *item = change->items[0];
	json_t *joined = json_array();
	unsigned i;

	for (i = 0; i < item->n_legs; i++)
		json_array_append_new(joined, json_string(item->legs[i].id));
	return json_pack("{s:o}", "joined", joined);
}

static json_t *
leg_join(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct change *change = change_call_begin(call, params, joined_encode, fault);

	if (!change)
		return NULL;
	return change_call_end(
		ctx, call, change, change_add_join(change, params, "", UINT32_MAX, fault));
}

/* A leg that came and went in one commit never ran, and has counted nothing. */
static json_t *
left_encode(const struct change *change)
{
	static const struct dp_leg_stats nothing;
	const struct change_item *item = change->items[0];
	const struct last_counters *last = item_outcome(item)->last;
	json_t *left = json_array();
	unsigned i;

	for (i = 0; i < item->n_legs; i++)
		json_array_append_new(
			left, json_pack("{s:s, s:o}", "id", item->leg_ids[i], "counters",
				      leg_counters_encode(item->left[i] != DP_LEG_NEW && last
								  ? &last->legs[item->left[i]]
								  : &nothing)));
	return json_pack("{s:o}", "left", left);
}

static json_t *
leg_leave(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct change *change = change_call_begin(call, params, left_encode, fault);

	if (!change)
		return NULL;
	return change_call_end(
		ctx, call, change, change_add_leave(change, params, "", UINT32_MAX, fault));
}

static json_t *
nothing_encode(const struct change *change)
{
	(void)change;
	return json_object();
}

static json_t *
flow_admin(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct change *change = change_call_begin(call, params, nothing_encode, fault);
	const char *leg = param_text(params, "leg");
	struct change_item *item;

	if (!change)
		return NULL;
	item = change_add(
		change, OP_ADMIN, param_text(params, "flow"), leg != NULL, "", UINT32_MAX, fault);
	if (item)
		item->down = strcmp(param_text(params, "admin"), "down") == 0;
	if (item && leg)
		snprintf(item->leg_ids[0], sizeof(item->leg_ids[0]), "%s", leg);
	return change_call_end(ctx, call, change, item ? 0 : -1);
}

const struct rpc_method flow_methods[] = {
	{"flow.install", flow_install},
	{"flow.replace", flow_replace},
	{"flow.remove", flow_remove},
	{"flow.admin", flow_admin},
	{"flow.list", flow_list},
	{"flow.get", flow_get},
	{"leg.join", leg_join},
	{"leg.leave", leg_leave},
	{NULL, NULL},
};
