/* SPDX-License-Identifier: BSD-3-Clause */
/* The state as a whole: which generation it is, what it waits for, and the way back. */
#include "rpc/state_methods.h"

#include <stdlib.h>

#include "flow/commit.h"
#include "flow/plan.h"
#include "flow/rollback.h"
#include "rpc/change_call.h"

static json_t *
confirm_encode(const struct confirm *confirm)
{
	struct store_confirm open;

	if (!confirm_open(confirm, &open))
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:s*}", "generation", (json_int_t)open.generation,
		"previous", (json_int_t)open.previous, "deadline_ns", (json_int_t)open.deadline_ns,
		"fault", confirm->fault[0] ? confirm->fault : NULL);
}

/* What the store is recovered from, should it be damaged. */
static json_t *
copy_encode(const struct store_state *state)
{
	if (!state->is_durable)
		return json_null();
	return json_pack("{s:I, s:s}", "generation", (json_int_t)state->copy_generation, "fault",
		state->copy_fault);
}

/* What was damaged when sluiced started, and what came of it. */
static json_t *
recovery_encode(const struct store_report *report)
{
	static const char *const sources[] = {
		[STORE_SALVAGED] = "flows",
		[STORE_COPY] = "copy",
		[STORE_LOST] = "nothing",
	};

	if (report->condition <= STORE_OK)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:I}", "from", sources[report->condition], "reason",
		report->reason, "moved_to", report->moved_to, "generation",
		(json_int_t)report->generation);
}

json_t *
state_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	struct store_state state;

	(void)call;
	(void)params;
	(void)fault;
	store_state(context->store, &state);
	return json_pack("{s:I, s:I, s:b, s:s, s:I, s:I, s:o, s:o, s:o}", "generation",
		(json_int_t)commits_generation(context->flows->commits), "oldest",
		(json_int_t)state.oldest, "durable", state.is_durable, "path", state.path, "flows",
		(json_int_t)flow_db_count(&context->flows->db), "left_out",
		(json_int_t)context->restored->left_out, "confirm",
		confirm_encode(context->confirm), "copy", copy_encode(&state), "recovery",
		recovery_encode(state.report));
}

struct confirm_call {
	struct rpc_call *call;
	uint64_t generation;
};

static void
confirmed(void *arg, const struct fault *error)
{
	struct confirm_call *confirm = arg;

	if (error)
		rpc_call_fault(confirm->call, error);
	else
		rpc_call_result(confirm->call,
			json_pack("{s:I}", "generation", (json_int_t)confirm->generation));
	free(confirm);
}

json_t *
state_confirm(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	struct confirm_call *confirm = calloc(1, sizeof(*confirm));
	struct store_confirm open;

	if (!confirm) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the request");
		return NULL;
	}
	confirm_open(context->confirm, &open);
	confirm->call = call;
	confirm->generation = open.generation;
	if (confirm_accept(context->confirm,
		    (uint64_t)json_integer_value(json_object_get(params, "generation")), confirmed,
		    confirm, fault) < 0) {
		free(confirm);
		return NULL;
	}
	return rpc_call_defer(call);
}

/* What a rollback that is only a plan waits for. */
struct rollback_call {
	struct rpc_call *call;
	size_t after, limit;
};

static void
rollback_planned(void *arg, struct proposal *proposal, const struct fault *fault)
{
	struct rollback_call *rollback = arg;

	if (fault)
		rpc_call_fault(rollback->call, fault);
	else
		rpc_call_result(rollback->call,
			plan_encode(proposal->plan, rollback->after, rollback->limit));
	free(rollback);
}

/* Answer with the plan instead of committing. 0, or -1 with *fault set. */
static int
rollback_plan(
	struct rpc_call *call, const json_t *params, struct proposal *proposal, struct fault *fault)
{
	struct rollback_call *rollback = calloc(1, sizeof(*rollback));

	if (!rollback)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the plan");
	*rollback = (struct rollback_call){
		.call = call,
		.after = (size_t)json_integer_value(json_object_get(params, "after")),
		.limit = (size_t)json_integer_value(json_object_get(params, "limit")),
	};
	free(proposal->arg);
	proposal->plans = true;
	proposal->done = rollback_planned;
	proposal->arg = rollback;
	return 0;
}

json_t *
state_rollback(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	struct proposal *proposal = change_call_begin(call, params, change_committed_encode, fault);
	const json_t *generation = json_object_get(params, "generation");

	if (!proposal)
		return NULL;
	proposal->confirm_within_s =
		(uint32_t)json_integer_value(json_object_get(params, "confirm_within_s"));
	if (rollback_to(proposal, context->flows, context->store,
		    (uint64_t)json_integer_value(generation), fault) < 0)
		return change_call_cancel(proposal);
	if (json_is_true(json_object_get(params, "plan")) &&
		rollback_plan(call, params, proposal, fault) < 0)
		return change_call_cancel(proposal);
	return change_call_submit(context, call, proposal);
}
