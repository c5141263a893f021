/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows that come, change and go: JSON to specs and ids, and what became of them back to JSON. */
#include "rpc/flow_methods.h"

#include <stdlib.h>

#include "rpc/counter_json.h"
#include "rpc/methods.h"

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

/* flows_install() or flows_replace() */
typedef int (*specs_fn)(
	struct flows *flows, struct flow_spec *const *specs, size_t n, struct fault *fault);

/* Decode the flows of a request, hand them over, and answer their ids under `member`. */
static json_t *
specs_apply(const struct methods_context *context, const json_t *params, specs_fn apply,
	const char *member, struct fault *fault)
{
	const json_t *flows = json_object_get(params, "flows");
	const size_t n = json_array_size(flows);
	struct flow_spec **specs = calloc(n, sizeof(struct flow_spec *));
	json_t *ids;
	size_t i;

	if (!specs)
		return no_memory(fault);
	if (specs_decode(flows, specs, n, fault) < 0 ||
		apply(context->flows, specs, n, fault) < 0) {
		specs_free(specs, n);
		return NULL;
	}
	ids = json_array();
	for (i = 0; i < n; i++)
		json_array_append_new(ids, json_string(specs[i]->id));
	free(specs);
	return json_pack("{s:o}", member, ids);
}

json_t *
flow_install(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	(void)call;
	return specs_apply(ctx, params, flows_install, "installed", fault);
}

json_t *
flow_replace(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	(void)call;
	return specs_apply(ctx, params, flows_replace, "replaced", fault);
}

static void
removed_encode(void *arg, size_t i, const struct flow_spec *spec, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs)
{
	json_array_set_new(arg, i,
		json_pack("{s:s, s:o, s:o}", "id", spec->id, "counters",
			flow_counters_encode(stats), "legs",
			legs_counters_encode(spec->legs, legs, spec->n_legs)));
}

json_t *
flow_remove(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const json_t *list = json_object_get(params, "ids");
	const size_t n = json_array_size(list);
	const char **ids = calloc(n, sizeof(const char *));
	json_t *removed = json_array();
	size_t i;
	int rc;

	(void)call;
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
