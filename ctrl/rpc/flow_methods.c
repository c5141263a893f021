/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON to specs and ids, and what state and data plane say of them back to JSON. */
#include "rpc/flow_methods.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/counter_json.h"
#include "rpc/methods.h"
#include "state/address.h"

static json_t *
no_memory(struct fault *fault)
{
	fault_set(fault, FAULT_NO_ROOM, "", "no memory for the request");
	return NULL;
}

static void
specs_free(struct flow_spec **specs, size_t n)
{
	while (n-- > 0)
		free(specs[n]);
	free(specs);
}

static int
specs_decode(const json_t *flows, struct flow_spec **specs, size_t n, struct fault *fault)
{
	size_t i;

	for (i = 0; i < n; i++) {
		specs[i] = flow_spec_decode(json_array_get(flows, i), fault);
		if (!specs[i]) {
			fault_prefix(fault, "/flows/%zu", i);
			return -1;
		}
	}
	return 0;
}

json_t *
flow_install(void *ctx, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const json_t *flows = json_object_get(params, "flows");
	const size_t n = json_array_size(flows);
	struct flow_spec **specs = calloc(n, sizeof(struct flow_spec *));
	json_t *ids;
	size_t i;

	if (!specs)
		return no_memory(fault);
	if (specs_decode(flows, specs, n, fault) < 0 ||
		flows_install(context->flows, specs, n, fault) < 0) {
		specs_free(specs, n);
		return NULL;
	}
	ids = json_array();
	for (i = 0; i < n; i++)
		json_array_append_new(ids, json_string(specs[i]->id));
	free(specs);
	return json_pack("{s:o}", "installed", ids);
}

static void
removed_encode(void *arg, size_t i, const struct flow_spec *spec, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs)
{
	json_array_set_new(arg, i,
		json_pack("{s:s, s:o, s:o}", "id", spec->id, "counters",
			flow_counters_encode(stats), "legs",
			legs_counters_encode(legs, spec->n_legs)));
}

json_t *
flow_remove(void *ctx, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const json_t *list = json_object_get(params, "ids");
	const size_t n = json_array_size(list);
	const char **ids = calloc(n, sizeof(const char *));
	json_t *removed = json_array();
	size_t i;
	int rc;

	if (!ids) {
		json_decref(removed);
		return no_memory(fault);
	}
	for (i = 0; i < n; i++) {
		ids[i] = json_string_value(json_array_get(list, i));
		json_array_append_new(removed, json_null());
	}
	rc = flows_remove(context->flows, ids, n, removed_encode, removed, fault);
	free(ids);
	if (rc < 0) {
		json_decref(removed);
		return NULL;
	}
	return json_pack("{s:o}", "removed", removed);
}

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

json_t *
flow_list(void *ctx, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct desired *desired = &context->flows->desired;
	json_int_t room = json_integer_value(json_object_get(params, "limit"));
	char next_cursor[24];
	const struct flow *flow;
	uint64_t sequence;
	json_t *flows;

	if (cursor_read(json_object_get(params, "cursor"), desired->last_sequence, &sequence,
		    fault) < 0)
		return NULL;
	flows = json_array();
	for (flow = desired_after(desired, sequence); flow && room-- > 0;
		flow = desired_next(flow)) {
		json_array_append_new(flows, flow_spec_encode(flow->spec));
		sequence = flow->sequence;
	}
	snprintf(next_cursor, sizeof(next_cursor), "%" PRIu64, sequence);
	return json_pack("{s:o, s:I, s:s?}", "flows", flows, "total",
		(json_int_t)desired_count(desired), "next_cursor", flow ? next_cursor : NULL);
}

static json_t *
next_hop_encode(const struct next_hops *hops, unsigned index)
{
	static const char *const states[] = {
		[NEXT_HOP_UNRESOLVED] = "unresolved",
		[NEXT_HOP_RESOLVED] = "resolved",
		[NEXT_HOP_STATIC] = "static",
	};
	char address[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX], netdev[IF_NAMESIZE];
	struct next_hop_info info;

	next_hops_info_get(hops, index, &info);
	address_format(info.family, info.address, address);
	mac_format(info.mac, mac);
	return json_pack("{s:s?, s:s?, s:s, s:s?}", "address",
		info.state == NEXT_HOP_STATIC ? NULL : address, "mac",
		info.state == NEXT_HOP_UNRESOLVED ? NULL : mac, "state", states[info.state],
		"netdev", info.ifindex ? if_indextoname(info.ifindex, netdev) : NULL);
}

json_t *
flow_get(void *ctx, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const char *id = json_string_value(json_object_get(params, "id"));
	const struct flow *flow = desired_find(&context->flows->desired, id);
	struct dp_leg_stats legs[DP_FLOW_LEGS_MAX];
	struct dp_flow_stats stats;
	json_t *list, *leg;
	size_t i;

	if (!flow) {
		fault_set(fault, FAULT_NOT_FOUND, "/id",
			"found %s, expected the id of an installed flow", id);
		return NULL;
	}
	if (dp_flow_stats_get(context->dp, flow->handle, &stats, legs, flow->spec->n_legs) < 0) {
		fault_set(fault, FAULT_INTERNAL, "/id", "the data plane has no counters of flow %s",
			id);
		return NULL;
	}
	list = legs_counters_encode(legs, flow->spec->n_legs);
	json_array_foreach (list, i, leg)
		json_object_set_new(
			leg, "next_hop", next_hop_encode(context->flows->hops, flow->hops[i]));
	return json_pack("{s:o, s:o, s:o}", "flow", flow_spec_encode(flow->spec), "counters",
		flow_counters_encode(&stats), "legs", list);
}
