/* SPDX-License-Identifier: BSD-3-Clause */
/* The state as a whole: its generation, what it waits for, and its history. */
#include <stdlib.h>

#include "flow/commit.h"
#include "flow/plan.h"
#include "flow/restore.h"
#include "rpc/methods.h"
#include "store/read.h"

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

static json_t *
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

/* A call that waits for the store. */
struct stored_call {
	struct rpc_call *call;
	json_t *result;
};

static void
stored(void *arg, const struct fault *error)
{
	struct stored_call *stored_call = arg;

	if (error)
		rpc_call_fault(stored_call->call, error);
	else
		rpc_call_result(stored_call->call, json_incref(stored_call->result));
	json_decref(stored_call->result);
	free(stored_call);
}

static json_t *
state_confirm(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	struct stored_call *confirm = calloc(1, sizeof(*confirm));
	struct store_confirm open;

	if (!confirm)
		return request_no_memory(fault);
	confirm_open(context->confirm, &open);
	confirm->call = call;
	confirm->result = json_pack("{s:I}", "generation", (json_int_t)open.generation);
	if (confirm_accept(context->confirm, param_number(params, "generation"), stored, confirm,
		    fault) < 0) {
		json_decref(confirm->result);
		free(confirm);
		return NULL;
	}
	return rpc_call_defer(call);
}

static const char *const outcome_names[] = {
	[STORE_CURRENT] = "current",
	[STORE_UNCONFIRMED] = "open",
	[STORE_CONFIRMED] = "confirmed",
	[STORE_REVERTED] = "reverted",
	[STORE_DONE] = NULL,
};

static json_t *
generation_encode(const struct confirm *confirm, const struct store_generation *generation,
	enum store_outcome outcome)
{
	const bool has_fault = outcome == STORE_UNCONFIRMED && confirm->fault[0] != '\0';

	return json_pack("{s:I, s:I, s:o, s:s, s:I, s:I, s:I, s:s*, s:s*, s:o*, s:o*, s:s*, s:s*}",
		"generation", (json_int_t)generation->number, "time_ns",
		(json_int_t)generation->time_ns, "actor",
		actor_encode(generation->actor.name, generation->actor.via, generation->actor.uid),
		"method", generation->method, "added", (json_int_t)generation->added, "changed",
		(json_int_t)generation->changed, "removed", (json_int_t)generation->removed,
		"comment", generation->comment[0] ? generation->comment : NULL, "state",
		outcome_names[outcome],
		generation->returns == STORE_RETURN_OF ? "takes_back" : "returns_to",
		generation->returns != STORE_RETURN_NONE
			? json_integer((json_int_t)generation->returned)
			: NULL,
		"declared", generation->declared ? json_true() : NULL, "tag",
		generation->tag[0] ? generation->tag : NULL, "fault",
		has_fault ? confirm->fault : NULL);
}

static json_t *
history_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct store_history_filter filter = {
		.before = param_number(params, "before"),
		.name = param_text(params, "actor"),
		.method = param_text(params, "method"),
		.declared = param_is_true(params, "declared"),
		.tagged = param_is_true(params, "tagged"),
	};
	struct store_cursor *cursor =
		store_history_open(context->store, &filter, param_number(params, "limit"), fault);
	json_t *generations = json_array();
	struct store_generation generation;
	enum store_outcome outcome;
	int rc = cursor ? 1 : -1;

	(void)call;
	while (rc == 1 && (rc = store_history_next(cursor, &generation, &outcome, fault)) == 1)
		json_array_append_new(
			generations, generation_encode(context->confirm, &generation, outcome));
	store_cursor_close(cursor);
	if (rc == 0)
		return json_pack("{s:o}", "generations", generations);
	json_decref(generations);
	return NULL;
}

static json_t *
history_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const uint64_t number = param_number(params, "generation");
	const unsigned limit = param_number(params, "limit");
	json_t *entry, *changes = json_array();
	struct store_generation generation;
	struct store_change change = {.index = 0};
	struct store_cursor *cursor = NULL;
	enum store_outcome outcome;
	size_t bytes = 0; /* of the flows that the changes are made of */
	int rc = 1;

	(void)call;
	if (store_history_get(context->store, number, &generation, &outcome, fault) == 0)
		cursor = store_changes_open(
			context->store, number, param_number(params, "after"), limit, fault);
	if (!cursor)
		rc = -1;
	while (rc == 1 && bytes < PLAN_PAGE_BYTES &&
		(rc = store_change_next(cursor, &change, fault)) == 1) {
		bytes += plan_change_bytes(change.before.text, change.after);
		json_array_append_new(changes,
			plan_change_encode(change.before.id, change.before.text, change.after));
	}
	store_cursor_close(cursor);
	if (rc < 0) {
		json_decref(changes);
		return NULL;
	}
	entry = generation_encode(context->confirm, &generation, outcome);
	if (json_array_size(changes) == limit || bytes >= PLAN_PAGE_BYTES)
		json_object_set_new(entry, "next", json_integer((json_int_t)change.index));
	json_object_set_new(entry, "changes", changes);
	return entry;
}

static json_t *
history_tag(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const json_t *generation = json_object_get(params, "generation");
	const char *name = param_text(params, "tag");
	struct store_batch *batch = store_batch_create();
	struct stored_call *tag = calloc(1, sizeof(*tag));

	if (!batch || !tag) {
		free(tag);
		store_batch_destroy(batch);
		return request_no_memory(fault);
	}
	tag->call = call;
	tag->result =
		json_pack("{s:I, s:s*}", "generation", json_integer_value(generation), "tag", name);
	store_batch_tag(batch, (uint64_t)json_integer_value(generation), name ? name : "");
	store_submit(context->store, batch, stored, tag);
	return rpc_call_defer(call);
}

const struct rpc_method state_methods[] = {
	{"state.get", state_get},
	{"state.confirm", state_confirm},
	{"history.list", history_list},
	{"history.get", history_get},
	{"history.tag", history_tag},
	{NULL, NULL},
};
