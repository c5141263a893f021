/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/change_call.h"
#include "flow/flow_codec.h"

#include <stdlib.h>

#include "base/escape.h"
#include "flow/commit.h"

struct change_call {
	struct rpc_call *call;
	change_reply_fn reply;
};

static void
change_done(void *arg, struct proposal *proposal, const struct fault *fault)
{
	struct change_call *change = arg;
	json_t *reply;

	if (fault) {
		rpc_call_fault(change->call, fault);
	} else {
		reply = change->reply(proposal);
		json_object_set_new(
			reply, "generation", json_integer((json_int_t)proposal->generation));
		rpc_call_result(change->call, reply);
	}
	free(change);
}

int
change_call_take(struct proposal *proposal, struct rpc_call *call, change_reply_fn reply,
	struct fault *fault)
{
	struct change_call *change = malloc(sizeof(*change));

	if (!change)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the request");
	*change = (struct change_call){.call = call, .reply = reply};
	proposal->done = change_done;
	proposal->arg = change;
	return 0;
}

struct proposal *
change_call_begin(
	struct rpc_call *call, const json_t *params, change_reply_fn reply, struct fault *fault)
{
	const json_t *generation = json_object_get(params, "if_generation");
	struct proposal *proposal = proposal_create(rpc_call_actor(call), rpc_call_method(call),
		json_string_value(json_object_get(params, "comment")), NULL, NULL);

	if (!proposal) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the request");
		return NULL;
	}
	if (change_call_take(proposal, call, reply, fault) < 0) {
		proposal_destroy(proposal);
		return NULL;
	}
	proposal->conditional = generation != NULL;
	proposal->if_generation = (uint64_t)json_integer_value(generation);
	return proposal;
}

json_t *
change_call_submit(
	const struct methods_context *context, struct rpc_call *call, struct proposal *proposal)
{
	json_t *later = rpc_call_defer(call);

	commits_submit(context->flows->commits, proposal);
	return later;
}

json_t *
change_call_cancel(struct proposal *proposal)
{
	free(proposal->arg);
	proposal_destroy(proposal);
	return NULL;
}

json_t *
change_committed_encode(const struct proposal *proposal)
{
	json_t *reply = json_pack("{s:I, s:I, s:I}", "added", (json_int_t)proposal->added,
		"changed", (json_int_t)proposal->changed, "removed", (json_int_t)proposal->removed);

	if (proposal->confirm_by_ns != 0)
		json_object_set_new(
			reply, "confirm_by_ns", json_integer((json_int_t)proposal->confirm_by_ns));
	return reply;
}

int
change_add_flows(struct proposal *proposal, enum op_kind kind, const json_t *flows,
	const char *member, struct fault *fault)
{
	json_t *flow;
	size_t i;

	json_array_foreach (flows, i, flow) {
		struct flow_spec *spec = flow_spec_decode(flow, fault);

		if (!spec || flow_legs_apart(spec, fault) < 0) {
			free(spec);
			fault_prefix(fault, "/%s/%zu", member, i);
			return -1;
		}
		if (proposal_add(proposal, op_create_spec(kind, spec), member, (uint32_t)i, fault) <
			0)
			return -1;
	}
	return 0;
}

int
change_add_removals(struct proposal *proposal, const json_t *ids, const char *member, bool reports,
	struct fault *fault)
{
	const json_t *id;
	size_t i;

	json_array_foreach (ids, i, id) {
		struct op *op = op_create_remove(json_string_value(id));

		if (op)
			op->reports = reports;
		if (proposal_add(proposal, op, member, (uint32_t)i, fault) < 0)
			return -1;
	}
	return 0;
}

static struct op *
no_memory(size_t n, struct fault *fault)
{
	fault_set(fault, FAULT_NO_ROOM, "/legs", "no memory for %zu leg%s", n, plural_s(n));
	return NULL;
}

struct op *
change_join(const json_t *params, struct fault *fault)
{
	const char *id = json_string_value(json_object_get(params, "flow"));
	const json_t *list = json_object_get(params, "legs");
	const size_t n = json_array_size(list);
	struct flow_leg *legs = calloc(n, sizeof(*legs));
	struct op *op;

	if (!legs)
		return no_memory(n, fault);
	if (flow_legs_decode(list, legs, n, fault) < 0) {
		free(legs);
		return NULL;
	}
	op = op_create_join(id, legs, (unsigned)n);
	return op ? op : no_memory(n, fault);
}

struct op *
change_leave(const json_t *params, struct fault *fault)
{
	const char *id = json_string_value(json_object_get(params, "flow"));
	const json_t *list = json_object_get(params, "legs"), *leg;
	const size_t n = json_array_size(list);
	const char **legs = calloc(n, sizeof(const char *));
	struct op *op;
	size_t i;

	if (!legs)
		return no_memory(n, fault);
	json_array_foreach (list, i, leg)
		legs[i] = json_string_value(leg);
	op = op_create_leave(id, legs, (unsigned)n);
	free(legs);
	return op ? op : no_memory(n, fault);
}
