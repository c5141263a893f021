/* SPDX-License-Identifier: BSD-3-Clause */
/* What has been done, by whom, when and what for. */
#include "rpc/state_methods.h"

#include <stdlib.h>

#include "flow/plan.h"
#include "rpc/methods.h"
#include "store/store.h"

static const char *
outcome_name(enum store_outcome outcome)
{
	switch (outcome) {
	case STORE_CURRENT:
		return "current";
	case STORE_UNCONFIRMED:
		return "open";
	case STORE_CONFIRMED:
		return "confirmed";
	case STORE_REVERTED:
		return "reverted";
	case STORE_DONE:
		break;
	}
	return NULL;
}

static json_t *
actor_encode(const struct actor *actor)
{
	return json_pack("{s:s, s:o*, s:s}", "name", actor->name, "uid",
		actor->uid == UINT32_MAX ? NULL : json_integer(actor->uid), "via", actor->via);
}

static json_t *
generation_encode(const struct confirm *confirm, const struct store_generation *generation,
	enum store_outcome outcome)
{
	json_t *entry = json_pack("{s:I, s:I, s:o, s:s, s:I, s:I, s:I, s:s*, s:s*}", "generation",
		(json_int_t)generation->number, "time_ns", (json_int_t)generation->time_ns, "actor",
		actor_encode(&generation->actor), "method", generation->method, "added",
		(json_int_t)generation->added, "changed", (json_int_t)generation->changed,
		"removed", (json_int_t)generation->removed, "comment",
		generation->comment[0] ? generation->comment : NULL, "state",
		outcome_name(outcome));

	if (generation->returns != STORE_RETURN_NONE)
		json_object_set_new(entry,
			generation->returns == STORE_RETURN_OF ? "takes_back" : "returns_to",
			json_integer((json_int_t)generation->returned));
	if (generation->declared)
		json_object_set_new(entry, "declared", json_true());
	if (generation->tag[0] != '\0')
		json_object_set_new(entry, "tag", json_string(generation->tag));
	if (outcome == STORE_UNCONFIRMED && confirm->fault[0] != '\0')
		json_object_set_new(entry, "fault", json_string(confirm->fault));
	return entry;
}

struct list {
	const struct confirm *confirm;
	json_t *generations;
};

static int
entry_add(void *arg, const struct store_generation *generation, enum store_outcome outcome)
{
	const struct list *list = arg;

	return json_array_append_new(
		list->generations, generation_encode(list->confirm, generation, outcome));
}

json_t *
history_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct store_history_filter filter = {
		.before = (uint64_t)json_integer_value(json_object_get(params, "before")),
		.name = json_string_value(json_object_get(params, "actor")),
		.method = json_string_value(json_object_get(params, "method")),
		.declared = json_is_true(json_object_get(params, "declared")),
		.tagged = json_is_true(json_object_get(params, "tagged")),
	};
	struct list list = {context->confirm, json_array()};

	(void)call;
	if (store_history_list(context->store, &filter,
		    (unsigned)json_integer_value(json_object_get(params, "limit")), entry_add,
		    &list, fault) == 0)
		return json_pack("{s:o}", "generations", list.generations);
	json_decref(list.generations);
	return NULL;
}

struct page {
	json_t *changes;
	size_t bytes; /* of the flows that the changes are made of */
	uint64_t last_index;
};

static int
change_encode(void *arg, const struct store_change *change)
{
	struct page *page = arg;

	page->last_index = change->index;
	page->bytes += plan_change_bytes(change->before, change->after);
	if (json_array_append_new(page->changes,
		    plan_change_encode(change->id, change->before, change->after)) < 0)
		return -1;
	return page->bytes >= PLAN_PAGE_BYTES;
}

json_t *
history_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const uint64_t number = (uint64_t)json_integer_value(json_object_get(params, "generation"));
	const unsigned limit = (unsigned)json_integer_value(json_object_get(params, "limit"));
	struct page page = {.changes = json_array()};
	struct store_generation generation;
	enum store_outcome outcome;
	json_t *entry;

	(void)call;
	if (store_history_get(context->store, number, &generation, &outcome, fault) < 0 ||
		store_history_changes(context->store, number,
			(uint64_t)json_integer_value(json_object_get(params, "after")), limit,
			change_encode, &page, fault) < 0) {
		json_decref(page.changes);
		return NULL;
	}
	entry = generation_encode(context->confirm, &generation, outcome);
	if (json_array_size(page.changes) == limit || page.bytes >= PLAN_PAGE_BYTES)
		json_object_set_new(entry, "next", json_integer((json_int_t)page.last_index));
	json_object_set_new(entry, "changes", page.changes);
	return entry;
}

struct tag_call {
	struct rpc_call *call;
	json_t *result;
};

static void
tagged(void *arg, const struct fault *error)
{
	struct tag_call *tag = arg;

	if (error)
		rpc_call_fault(tag->call, error);
	else
		rpc_call_result(tag->call, json_incref(tag->result));
	json_decref(tag->result);
	free(tag);
}

json_t *
history_tag(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const json_t *generation = json_object_get(params, "generation");
	const char *name = json_string_value(json_object_get(params, "tag"));
	struct store_batch *batch = store_batch_create();
	struct tag_call *tag = calloc(1, sizeof(*tag));

	if (!batch || !tag) {
		free(tag);
		store_batch_destroy(batch);
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the request");
		return NULL;
	}
	tag->call = call;
	tag->result =
		json_pack("{s:I, s:s*}", "generation", json_integer_value(generation), "tag", name);
	store_batch_tag(batch, (uint64_t)json_integer_value(generation), name ? name : "");
	store_submit(context->store, batch, tagged, tag);
	return rpc_call_defer(call);
}
