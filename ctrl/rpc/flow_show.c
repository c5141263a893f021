/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows that are there, as they were asked for and as they do. */
#include "rpc/flow_methods.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/counter_json.h"
#include "rpc/methods.h"
#include "state/address.h"
#include "state/leg_hops.h"

#define LOOKS_MAX 20000 /* flows a page, those that are not asked for, too */

/* A cursor is the sequence number of the last flow of a page, which need not be there any more. */
static int
cursor_read(const json_t *cursor, uint64_t last, uint64_t *sequence, struct fault *fault)
{
	const char *text = json_string_value(cursor);
	char canonical[24];

	*sequence = 0;
	if (!text)
		return 0;
	*sequence = strtoull(text, NULL, 10);
	snprintf(canonical, sizeof(canonical), "%" PRIu64, *sequence);
	if (strcmp(text, canonical) != 0 || *sequence == 0 || *sequence > last)
		return fault_set(fault, FAULT_NOT_FOUND, "/cursor",
			"found %s, expected next_cursor of a page before", text);
	return 0;
}

int
flow_page_begin(struct flow_page *page, const struct desired *desired, const json_t *params,
	struct fault *fault)
{
	uint64_t sequence;

	if (cursor_read(json_object_get(params, "cursor"), desired->last_sequence, &sequence,
		    fault) < 0)
		return -1;
	*page = (struct flow_page){
		.flow = desired_after(desired, sequence),
		.room = json_integer_value(json_object_get(params, "limit")),
		.looks = LOOKS_MAX,
		.legs = FLOW_PAGE_LEGS,
	};
	return 0;
}

void
flow_page_next(struct flow_page *page, bool taken)
{
	const struct flow *flow = page->flow;
	const unsigned n_legs = flow->spec->n_all_legs;

	page->flow = desired_next(flow);
	page->looks--;
	if (taken) {
		page->room--;
		page->legs -= n_legs < page->legs ? n_legs : page->legs;
	}
	if (!page->flow || (page->room > 0 && page->looks > 0 && page->legs > 0))
		return;
	snprintf(page->next_cursor, sizeof(page->next_cursor), "%" PRIu64, flow->sequence);
	page->flow = NULL;
}

json_t *
flow_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct desired *desired = &context->flows->desired;
	const bool declared = json_is_true(json_object_get(params, "declared"));
	struct flow_page page;
	json_t *flows;

	(void)call;
	if (flow_page_begin(&page, desired, params, fault) < 0)
		return NULL;
	flows = json_array();
	while (page.flow) {
		const struct flow_spec *spec = page.flow->spec;
		const bool taken = !declared || spec->declared;

		if (taken)
			json_array_append_new(flows, flow_spec_encode(spec));
		flow_page_next(&page, taken);
	}
	return json_pack("{s:o, s:I, s:s?}", "flows", flows, "total",
		(json_int_t)desired_count(desired), "next_cursor",
		page.next_cursor[0] ? page.next_cursor : NULL);
}

static json_t *
next_hop_encode(const struct flows *flows, const struct flow_leg *leg, unsigned index)
{
	static const char *const states[] = {
		[NEXT_HOP_PENDING] = "pending",
		[NEXT_HOP_RESOLVED] = "resolved",
		[NEXT_HOP_STATIC] = "static",
	};
	char address[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX], netdev[IF_NAMESIZE];
	char reason[HOP_REASON_MAX];
	struct next_hop_info info;

	leg_hop_info_get(flows, leg, index, &info, reason);
	address_format(info.family, info.address, address);
	mac_format(info.mac, mac);
	return json_pack("{s:s?, s:s?, s:s, s:s?, s:s*}", "address", info.family ? address : NULL,
		"mac", info.state == NEXT_HOP_PENDING ? NULL : mac, "state", states[info.state],
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

	if (flow->spec->latch == DP_LATCH_OPEN ||
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
			    context->dp, flow->handle, i, &stats, legs, stream->n_legs) < 0)
			continue;
		json_array_append_new(
			list, json_pack("{s:I, s:I, s:o}", "packets", (json_int_t)stats.packets,
				      "bytes", (json_int_t)stats.bytes, "legs",
				      legs_state_encode(context, flow, stream->first_leg, legs,
					      stream->n_legs)));
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

json_t *
flow_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const char *id = json_string_value(json_object_get(params, "id"));
	const struct flow *flow = desired_find(&context->flows->desired, id);

	(void)call;
	if (flow)
		return flow_state_encode(context, flow, fault);
	fault_set(fault, FAULT_NOT_FOUND, "/id", "found %s, expected the id of an installed flow",
		id);
	return NULL;
}
