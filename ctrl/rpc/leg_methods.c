/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes to a flow that runs: legs that join and leave, and what is up or down. */
#include "rpc/leg_methods.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/counter_json.h"
#include "rpc/methods.h"

static json_t *
no_memory(size_t n, struct fault *fault)
{
	fault_set(fault, FAULT_NO_ROOM, "/legs", "no memory for %zu legs", n);
	return NULL;
}

json_t *
leg_join(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const char *id = json_string_value(json_object_get(params, "flow"));
	const json_t *list = json_object_get(params, "legs");
	const size_t n = json_array_size(list);
	struct flow_leg *legs = calloc(n, sizeof(*legs));
	json_t *joined;
	size_t i;

	(void)call;
	if (!legs)
		return no_memory(n, fault);
	if (flow_legs_decode(list, legs, n, fault) < 0 ||
		flows_join(context->flows, id, legs, n, fault) < 0) {
		free(legs);
		return NULL;
	}
	joined = json_array();
	for (i = 0; i < n; i++)
		json_array_append_new(joined, json_string(legs[i].id));
	free(legs);
	return json_pack("{s:o}", "joined", joined);
}

static void
left_encode(void *arg, size_t i, const char *id, const struct dp_leg_stats *stats)
{
	(void)i; /* they come in the order of the request */
	json_array_append_new(
		arg, json_pack("{s:s, s:o}", "id", id, "counters", leg_counters_encode(stats)));
}

json_t *
leg_leave(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const char *id = json_string_value(json_object_get(params, "flow"));
	const json_t *list = json_object_get(params, "legs");
	const size_t n = json_array_size(list);
	const char **legs = calloc(n, sizeof(const char *));
	json_t *left = json_array();
	size_t i;
	int rc;

	(void)call;
	if (!legs) {
		json_decref(left);
		return no_memory(n, fault);
	}
	for (i = 0; i < n; i++)
		legs[i] = json_string_value(json_array_get(list, i));
	rc = flows_leave(context->flows, id, legs, n, left_encode, left, fault);
	free(legs);
	if (rc < 0) {
		json_decref(left);
		return NULL;
	}
	return json_pack("{s:o}", "left", left);
}

json_t *
flow_admin(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const char *id = json_string_value(json_object_get(params, "flow"));
	const char *leg = json_string_value(json_object_get(params, "leg"));
	const char *admin = json_string_value(json_object_get(params, "admin"));

	(void)call;
	if (flows_admin(context->flows, id, leg, strcmp(admin, "down") == 0, fault) < 0)
		return NULL;
	return json_object();
}
