/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes to a flow that runs: legs that join and leave, and what is up or down. */
#include "rpc/leg_methods.h"

#include <string.h>

#include "rpc/change_call.h"
#include "rpc/counter_json.h"

/* A request of one operation; NULL: *fault says why there is none. */
static json_t *
op_submit(void *ctx, struct rpc_call *call, const json_t *params, struct op *op,
	change_reply_fn reply, struct fault *fault)
{
	struct proposal *proposal;

	if (!op)
		return NULL;
	proposal = change_call_begin(call, params, reply, fault);
	if (!proposal) {
		op_destroy(op);
		return NULL;
	}
	if (proposal_add(proposal, op, "", UINT32_MAX, fault) < 0)
		return change_call_cancel(proposal);
	return change_call_submit(ctx, call, proposal);
}

static json_t *
joined_encode(const struct proposal *proposal)
{
	const struct op *op = proposal->ops[0];
	json_t *joined = json_array();
	unsigned i;

	for (i = 0; i < op->n_legs; i++)
		json_array_append_new(joined, json_string(op->legs[i].id));
	return json_pack("{s:o}", "joined", joined);
}

json_t *
leg_join(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	return op_submit(ctx, call, params, change_join(params, fault), joined_encode, fault);
}

/* A leg that came and went in one commit never ran, and has counted nothing. */
static json_t *
left_encode(const struct op *op, unsigned i)
{
	static const struct dp_leg_stats nothing;
	const struct change *change = op->change;
	const bool ran = op->left[i] != DP_LEG_NEW && change->last_legs;

	return json_pack("{s:s, s:o}", "id", op->leg_ids[i], "counters",
		leg_counters_encode(ran ? &change->last_legs[op->left[i]] : &nothing));
}

static json_t *
all_left_encode(const struct proposal *proposal)
{
	const struct op *op = proposal->ops[0];
	json_t *left = json_array();
	unsigned i;

	for (i = 0; i < op->n_legs; i++)
		json_array_append_new(left, left_encode(op, i));
	return json_pack("{s:o}", "left", left);
}

json_t *
leg_leave(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	return op_submit(ctx, call, params, change_leave(params, fault), all_left_encode, fault);
}

static json_t *
nothing_encode(const struct proposal *proposal)
{
	(void)proposal;
	return json_object();
}

json_t *
flow_admin(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const char *id = json_string_value(json_object_get(params, "flow"));
	const char *leg = json_string_value(json_object_get(params, "leg"));
	const char *admin = json_string_value(json_object_get(params, "admin"));
	struct op *op = op_create_admin(id, leg, strcmp(admin, "down") == 0);

	if (!op)
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the request");
	return op_submit(ctx, call, params, op, nothing_encode, fault);
}
