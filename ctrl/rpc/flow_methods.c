/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows that come, change and go: JSON to operations, and what became of them back to JSON. */
#include "rpc/flow_methods.h"

#include "rpc/change_call.h"
#include "rpc/counter_json.h"

static json_t *
ids_encode(const struct proposal *proposal)
{
	json_t *ids = json_array();
	size_t i;

	for (i = 0; i < proposal->n_ops; i++)
		json_array_append_new(ids, json_string(proposal->ops[i]->spec->id));
	return ids;
}

static json_t *
installed_encode(const struct proposal *proposal)
{
	return json_pack("{s:o}", "installed", ids_encode(proposal));
}

static json_t *
replaced_encode(const struct proposal *proposal)
{
	return json_pack("{s:o}", "replaced", ids_encode(proposal));
}

static json_t *
flows_change(const struct methods_context *context, struct rpc_call *call, enum op_kind kind,
	const json_t *params, change_reply_fn reply, struct fault *fault)
{
	struct proposal *proposal = change_call_begin(call, params, reply, fault);

	if (!proposal)
		return NULL;
	if (change_add_flows(proposal, kind, json_object_get(params, "flows"), "flows", fault) < 0)
		return change_call_cancel(proposal);
	return change_call_submit(context, call, proposal);
}

json_t *
flow_install(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	return flows_change(ctx, call, OP_INSTALL, params, installed_encode, fault);
}

json_t *
flow_replace(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	return flows_change(ctx, call, OP_REPLACE, params, replaced_encode, fault);
}

/* A flow that came and went in one commit never ran, and has counted nothing. */
static json_t *
removed_encode(const struct op *op)
{
	static const struct dp_flow_stats nothing;
	const struct change *change = op->change;
	const struct flow_spec *spec = change->last_legs ? change->old_spec : NULL;

	return json_pack("{s:s, s:o, s:o}", "id", op->id, "counters",
		flow_counters_encode(spec ? &change->last : &nothing), "legs",
		spec ? legs_counters_encode(spec->legs, change->last_legs, spec->n_legs)
		     : json_array());
}

static json_t *
all_removed_encode(const struct proposal *proposal)
{
	json_t *removed = json_array();
	size_t i;

	for (i = 0; i < proposal->n_ops; i++)
		json_array_append_new(removed, removed_encode(proposal->ops[i]));
	return json_pack("{s:o}", "removed", removed);
}

json_t *
flow_remove(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct proposal *proposal = change_call_begin(call, params, all_removed_encode, fault);

	if (!proposal)
		return NULL;
	if (change_add_removals(proposal, json_object_get(params, "ids"), "ids", true, fault) < 0)
		return change_call_cancel(proposal);
	return change_call_submit(ctx, call, proposal);
}
