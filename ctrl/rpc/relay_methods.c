/* SPDX-License-Identifier: BSD-3-Clause */
/* Relays as they are set up: both directions side by side, out of what flow.get says of each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_codec.h"
#include "flow/receivers.h"
#include "flow/relay_flows.h"
#include "rpc/flow_state.h"
#include "rpc/methods.h"

#define RELAY_SCANS 200 /* flows whose reading takes as long as showing a relay */
#define RECEIVERS_A_PAGE 500 /* at most: more would take the control thread too long at once */

/* The flows of a relay; those of RTCP may be NULL. false: there is no such relay. */
static bool
relay_flows_find(const struct flow_db *db, const char *relay, struct flow *flows[RELAY_FLOWS])
{
	const size_t bytes = strlen(relay);
	char id[FLOW_ID_MAX];
	unsigned i;

	for (i = 0; i < RELAY_FLOWS; i++) {
		relay_flow_id(relay, i, id, sizeof(id));
		flows[i] = flow_db_find(db, id);
		if (flows[i] && flows[i]->spec->relay_bytes != bytes)
			flows[i] = NULL;
	}
	/* One may be missing after a rollback that left it out. */
	if (!flows[RELAY_A_RTCP] || !flows[RELAY_B_RTCP])
		flows[RELAY_A_RTCP] = flows[RELAY_B_RTCP] = NULL;
	return flows[RELAY_A] && flows[RELAY_B];
}

/* One side: what its flow received, and what the leg of the other flow sent to it. */
static json_t *
direction_encode(const json_t *state, const json_t *other, unsigned n_receivers)
{
	return json_pack("{s:O, s:O, s:O, s:O, s:O*, s:O*, s:o*}", "flow",
		json_object_get(json_object_get(state, "flow"), "id"), "latched",
		json_object_get(state, "latched"), "received", json_object_get(state, "counters"),
		"sent", json_array_get(json_object_get(other, "legs"), 0), "last_packet",
		json_object_get(state, "last_packet"), "media", json_object_get(state, "media"),
		"receivers", n_receivers > 0 ? json_integer(n_receivers) : NULL);
}

static json_t *
relay_state_encode(const struct methods_context *context, struct flow *const flows[RELAY_FLOWS],
	struct fault *fault)
{
	json_t *states[RELAY_FLOWS] = {NULL}, *specs[RELAY_FLOWS] = {NULL}, *relay = NULL;
	const unsigned n = flows[RELAY_A_RTCP] ? RELAY_FLOWS : RELAY_FLOWS_LEAST;
	unsigned i;

	for (i = 0; i < n; i++) {
		states[i] = flow_own_state_encode(context, flows[i], fault);
		if (!states[i])
			break;
		specs[i] = json_object_get(states[i], "flow");
	}
	if (i == n)
		relay = json_pack("{s:o, s:O}", "relay",
			relay_collapse((const json_t *const *)specs), "declared",
			json_object_get(states[RELAY_A], "declared"));
	for (i = 0; relay && i < n; i++)
		json_object_set_new(relay, relay_flow_member(i),
			direction_encode(states[i], states[RELAY_OTHER(i)],
				flows[RELAY_OTHER(i)]->spec->n_receivers));
	for (i = 0; i < n; i++)
		json_decref(states[i]);
	return relay;
}

static json_t *
relay_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	struct flow *flows[RELAY_FLOWS];
	json_t *state;
	unsigned i;

	(void)call;
	if (!relay_flows_find(&context->flows->db, param_text(params, "id"), flows))
		return fault_null(fault, FAULT_NOT_FOUND, "/id",
			"found %s, expected the id of an installed relay",
			param_text(params, "id"));
	state = relay_state_encode(context, flows, fault);
	/* The local addresses of RTCP are those of the sides. */
	for (i = 0; i < RELAY_FLOWS_LEAST; i++)
		json_object_set_new(json_object_get(state, relay_flow_member(i)), "hint",
			local_hint_encode(context, flows[i]));
	return state;
}

/* The relay whose first flow this is, NULL if it is none. */
static json_t *
relay_of_encode(const struct methods_context *context, const struct flow *flow, struct fault *fault)
{
	const struct flow_spec *spec = flow->spec;
	struct flow *flows[RELAY_FLOWS];
	char relay[FLOW_ID_MAX];

	snprintf(relay, sizeof(relay), "%.*s", spec->relay_bytes, spec->id);
	if (!relay_flows_find(&context->flows->db, relay, flows) || flows[RELAY_A] != flow)
		return NULL;
	return relay_state_encode(context, flows, fault);
}

static json_t *
relay_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const bool declared = param_is_true(params, "declared");
	struct flow_page page;
	json_t *relays;

	(void)call;
	if (flow_page_begin(&page, &context->flows->db, params, fault) < 0)
		return NULL;
	relays = json_array();
	while (page.flow) {
		const struct flow_spec *spec = page.flow->spec;
		json_t *relay = spec->relay_bytes && (spec->declared || !declared)
					? relay_of_encode(context, page.flow, fault)
					: NULL;

		if (relay)
			page.scans -= RELAY_SCANS < page.scans ? RELAY_SCANS : page.scans - 1;
		flow_page_next(&page, relay != NULL);
		json_array_append_new(relays, relay);
	}
	return json_pack("{s:o, s:s?}", "relays", relays, "next_cursor",
		page.next_cursor[0] ? page.next_cursor : NULL);
}

/* A receiver, what it has sent, and what was sent to it by leg number `leg` of the sender. */
static json_t *
receiver_encode(const struct methods_context *context, struct flow *flow, const struct flow *sender,
	unsigned leg, const struct dp_leg_stats *stats, struct fault *fault)
{
	json_t *state = flow_own_state_encode(context, flow, fault), *receiver;

	if (!state)
		return NULL;
	receiver = json_pack("{s:o, s:O, s:O, s:O, s:O, s:o}", "receiver",
		relay_receiver_collapse(json_object_get(state, "flow")), "declared",
		json_object_get(state, "declared"), "flow",
		json_object_get(json_object_get(state, "flow"), "id"), "latched",
		json_object_get(state, "latched"), "received", json_object_get(state, "counters"),
		"sent", leg_state_encode(context, sender, leg, stats));
	json_decref(state);
	return receiver;
}

/* A page in the order of names, behind that of the cursor, which need not be there any more. */
static json_t *
receivers_encode(const struct methods_context *context, const struct flow *sender,
	const struct leg_index *index, const struct dp_leg_stats *stats, const json_t *params,
	struct fault *fault)
{
	const bool declared = param_is_true(params, "declared");
	const char *cursor = param_text(params, "cursor");
	const size_t asked = param_number(params, "limit");
	const size_t limit = asked < RECEIVERS_A_PAGE ? asked : RECEIVERS_A_PAGE;
	const size_t side_bytes = strlen("a.");
	json_t *list = json_array();
	const char *last = NULL;
	char id[FLOW_ID_MAX];
	struct flow *flow;
	size_t i;

	for (i = 0; i < index->n && json_array_size(list) < limit; i++) {
		const struct flow_leg *leg = index->order[i];
		const unsigned number = (unsigned)(leg - sender->spec->legs);

		if (cursor && strcmp(leg->id + side_bytes, cursor) <= 0)
			continue;
		last = leg->id + side_bytes;
		receivers_flow_id(sender->spec, leg, id);
		flow = flow_db_find(&context->flows->db, id);
		if (flow && (flow->spec->declared || !declared))
			json_array_append_new(list, receiver_encode(context, flow, sender, number,
							    &stats[number], fault));
	}
	return json_pack("{s:o, s:i, s:s?}", "receivers", list, "total", (int)index->n,
		"next_cursor", i < index->n ? last : NULL);
}

static json_t *
relay_receivers(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const enum relay_flow side =
		strcmp(param_text(params, "side"), "a") == 0 ? RELAY_A : RELAY_B;
	const struct methods_context *context = ctx;
	struct flow *flows[RELAY_FLOWS];
	const struct flow *sender;
	const struct flow_spec *spec;
	struct dp_leg_stats *stats;
	struct leg_index index;
	json_t *page = NULL;

	(void)call;
	if (!relay_flows_find(&context->flows->db, param_text(params, "id"), flows))
		return fault_null(fault, FAULT_NOT_FOUND, "/id",
			"found %s, expected the id of an installed relay",
			param_text(params, "id"));
	sender = flows[RELAY_OTHER(side)];
	spec = sender->spec;
	stats = reallocarray(NULL, spec->n_legs, sizeof(*stats));
	if (!stats || leg_index_init(&index, &spec->legs[spec->n_legs - spec->n_receivers],
			      spec->n_receivers, leg_compare_id) < 0) {
		free(stats);
		return request_no_memory(fault);
	}
	if (dp_flow_stats_get(context->dp, sender->handle, &(struct dp_flow_stats){0}, stats,
		    spec->n_legs) < 0)
		fault_set(fault, FAULT_INTERNAL, "/id", "the data plane has no counters of flow %s",
			spec->id);
	else
		page = receivers_encode(context, sender, &index, stats, params, fault);
	leg_index_fini(&index);
	free(stats);
	return page;
}

const struct rpc_method relay_methods[] = {
	{"relay.receivers", relay_receivers},
	{"relay.get", relay_get},
	{"relay.list", relay_list},
	{NULL, NULL},
};
