/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The service checks the tables against the document, so that neither has more than the other. A
 * call that changes flows becomes a change, which answers it when it is committed or refused.
 */
#include "rpc/methods.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "flow/commit.h"
#include "flow/flow_codec.h"
#include "flow/plan.h"
#include "schema/schema.h"

#define METHODS_MAX 64
#define SCANS_MAX 20000 /* flows read for a page, taken or not */

struct rpc_service *
methods_service_create(struct methods_context *context)
{
	static const struct rpc_method *const families[] = {system_methods, flow_methods,
		txn_methods, state_methods, event_methods, trace_methods};
	struct rpc_method all[METHODS_MAX];
	size_t i, n = 0;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct rpc_method *method = families[i];

		for (; method->name && n < METHODS_MAX; method++)
			all[n++] = *method;
	}
	return rpc_service_create(schema_rpc_document(), all, n, context, context->audit);
}

void *
request_no_memory(struct fault *fault)
{
	fault_set(fault, FAULT_NO_ROOM, "", "no memory for the request");
	return NULL;
}

static void
change_done(void *arg, struct change *change, const struct fault *fault)
{
	struct rpc_call *call = arg;
	json_t *reply;

	if (fault) {
		rpc_call_fault(call, fault);
	} else if (change->plans) {
		rpc_call_result(
			call, plan_encode(change->plan, change->plan_after, change->plan_limit));
	} else {
		reply = change->reply(change);
		json_object_set_new(
			reply, "generation", json_integer((json_int_t)change->generation));
		rpc_call_result(call, reply);
	}
}

void
change_call_attach(
	struct change *change, struct rpc_call *call, const json_t *params, change_reply_fn reply)
{
	change->done = change_done;
	change->arg = call;
	change->reply = reply;
	change->plan_after = param_number(params, "after");
	change->plan_limit = param_number(params, "limit");
}

struct change *
change_call_begin(
	struct rpc_call *call, const json_t *params, change_reply_fn reply, struct fault *fault)
{
	struct change *change = change_create(rpc_call_actor(call), rpc_call_method(call),
		param_text(params, "comment"), NULL, NULL);

	if (!change)
		return request_no_memory(fault);
	change_call_attach(change, call, params, reply);
	change->conditional = json_object_get(params, "if_generation") != NULL;
	change->if_generation = param_number(params, "if_generation");
	return change;
}

json_t *
change_call_end(
	const struct methods_context *context, struct rpc_call *call, struct change *change, int rc)
{
	json_t *later;

	if (rc < 0) {
		change_destroy(change);
		return NULL;
	}
	later = rpc_call_defer(call);
	commits_submit(context->flows->commits, change);
	return later;
}

json_t *
change_committed_encode(const struct change *change)
{
	const json_int_t confirm_by_ns = (json_int_t)change->confirm_by_ns;

	return json_pack("{s:I, s:I, s:I, s:o*}", "added", (json_int_t)change->added, "changed",
		(json_int_t)change->changed, "removed", (json_int_t)change->removed,
		"confirm_by_ns", confirm_by_ns ? json_integer(confirm_by_ns) : NULL);
}

int
change_add_flows(struct change *change, enum op_kind op, const json_t *flows, const char *member,
	struct fault *fault)
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
		if (!change_add_spec(change, op, spec, member, (uint32_t)i, fault))
			return -1;
	}
	return 0;
}

int
change_add_removals(struct change *change, const json_t *ids, const char *member, bool reports,
	struct fault *fault)
{
	const json_t *id;
	size_t i;

	json_array_foreach (ids, i, id) {
		struct change_item *item = change_add(
			change, OP_REMOVE, json_string_value(id), 0, member, (uint32_t)i, fault);

		if (!item)
			return -1;
		item->reports = reports;
	}
	return 0;
}

int
change_add_join(struct change *change, const json_t *params, const char *member, uint32_t place,
	struct fault *fault)
{
	const json_t *legs = json_object_get(params, "legs");
	struct change_item *item = change_add(change, OP_JOIN, param_text(params, "flow"),
		(unsigned)json_array_size(legs), member, place, fault);

	return item ? flow_legs_decode(legs, item->legs, item->n_legs, fault) : -1;
}

int
change_add_leave(struct change *change, const json_t *params, const char *member, uint32_t place,
	struct fault *fault)
{
	const json_t *legs = json_object_get(params, "legs"), *leg;
	struct change_item *item = change_add(change, OP_LEAVE, param_text(params, "flow"),
		(unsigned)json_array_size(legs), member, place, fault);
	size_t i;

	if (!item)
		return -1;
	json_array_foreach (legs, i, leg)
		snprintf(item->leg_ids[i], sizeof(item->leg_ids[i]), "%s", json_string_value(leg));
	return 0;
}

/* A cursor is the sequence number of the last flow of a page, which need not be there any more. */
static int
cursor_read(const char *text, uint64_t last, uint64_t *sequence, struct fault *fault)
{
	char canonical[24];

	*sequence = 0;
	if (!text)
		return 0;
	*sequence = strtoull(text, NULL, 10);
	snprintf(canonical, sizeof(canonical), "%" PRIu64, *sequence);
	if (strcmp(text, canonical) != 0 || *sequence == 0 || *sequence > last)
		return fault_set(fault, FAULT_NOT_FOUND, "/cursor",
			"found %s, expected next_cursor of a previous page", text);
	return 0;
}

int
flow_page_begin(struct flow_page *page, const struct flow_db *desired, const json_t *params,
	struct fault *fault)
{
	uint64_t sequence;

	if (cursor_read(param_text(params, "cursor"), desired->last_sequence, &sequence, fault) < 0)
		return -1;
	*page = (struct flow_page){
		.flow = flow_db_after(desired, sequence),
		.room = (int64_t)param_number(params, "limit"),
		.scans = SCANS_MAX,
		.legs = FLOW_PAGE_LEGS,
	};
	return 0;
}

void
flow_page_next(struct flow_page *page, bool taken)
{
	const struct flow *flow = page->flow;
	const unsigned n_legs = flow->spec->n_all_legs;

	page->flow = flow_db_next(flow);
	page->scans--;
	if (taken) {
		page->room--;
		page->legs -= n_legs < page->legs ? n_legs : page->legs;
	}
	if (!page->flow || (page->room > 0 && page->scans > 0 && page->legs > 0))
		return;
	snprintf(page->next_cursor, sizeof(page->next_cursor), "%" PRIu64, flow->sequence);
	page->flow = NULL;
}

struct rates_call {
	struct rates_waiter waiter; /* the first member */
	const struct methods_context *context;
	struct rpc_call *call;
	json_t *params;
	rates_reply_fn reply;
};

static void
rates_answer(struct rates_call *rates, json_t *reply, const struct fault *fault)
{
	if (reply)
		rpc_call_result(rates->call, reply);
	else
		rpc_call_fault(rates->call, fault);
	json_decref(rates->params);
	free(rates);
}

static void
rates_turn(void *arg)
{
	struct rates_call *rates = arg;
	struct fault fault;

	rates_answer(rates, rates->reply(rates->context, rates->params, &fault), &fault);
}

/* Many may wait for the same figures: each is answered in its user's turn. */
static void
rates_known(struct rates_waiter *waiter, const struct fault *fault)
{
	struct rates_call *rates = (struct rates_call *)waiter;

	if (fault)
		rates_answer(rates, NULL, fault);
	else
		rpc_call_in_turn(rates->call, rates_turn, rates);
}

json_t *
rates_call(const struct methods_context *context, struct rpc_call *call, json_t *params, bool legs,
	uint64_t span_ns, rates_reply_fn reply, struct fault *fault)
{
	struct rates_call *rates = malloc(sizeof(*rates));

	if (!rates)
		return request_no_memory(fault);
	*rates = (struct rates_call){
		.waiter = {.done = rates_known, .legs = legs, .span_ns = span_ns},
		.context = context,
		.call = call,
		.params = json_incref(params),
		.reply = reply,
	};
	flow_rates_ask(&context->monitor->rates, &rates->waiter);
	return rpc_call_defer(call);
}

/* The reasons from `first` on that occurred; *dropped is their sum. */
static json_t *
drops_encode(const uint64_t *counts, unsigned n, enum dp_drop first, uint64_t *dropped)
{
	json_t *drops = json_object();
	unsigned i;

	*dropped = 0;
	for (i = 0; i < n; i++) {
		if (counts[i] == 0)
			continue;
		*dropped += counts[i];
		json_object_set_new(drops, dp_drop_name((enum dp_drop)(first + i)),
			json_integer((json_int_t)counts[i]));
	}
	return drops;
}

json_t *
flow_counters_encode(const struct dp_flow_stats *stats)
{
	uint64_t dropped;
	json_t *drops =
		drops_encode(stats->drops, DP_FLOW_DROP_COUNT, DP_FLOW_DROP_FIRST, &dropped);

	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "packets", (json_int_t)stats->packets,
		"bytes", (json_int_t)stats->bytes, "forwarded", (json_int_t)stats->forwarded,
		"punted", (json_int_t)stats->punted, "drops", drops);
}

json_t *
leg_counters_encode(const struct dp_leg_stats *stats)
{
	uint64_t dropped;
	json_t *drops =
		drops_encode(stats->drops, DP_COPY_DROP_COUNT, DP_COPY_DROP_FIRST, &dropped);

	return json_pack("{s:I, s:I, s:I, s:o}", "copies", (json_int_t)stats->copies, "bytes",
		(json_int_t)stats->bytes, "sent", (json_int_t)(stats->copies - dropped), "drops",
		drops);
}

json_t *
legs_counters_encode(const struct flow_leg *legs, const struct dp_leg_stats *stats, unsigned n_legs)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < n_legs; i++) {
		json_t *leg = json_object();

		if (legs[i].id[0] != '\0')
			json_object_set_new(leg, "id", json_string(legs[i].id));
		json_object_update_new(leg, leg_counters_encode(&stats[i]));
		json_array_append_new(list, leg);
	}
	return list;
}

json_t *
latched_encode(uint8_t family, const struct dp_latched *latched)
{
	char src[ADDRESS_TEXT_MAX];

	address_format(family, latched->src, src);
	return json_pack("{s:s, s:i, s:I}", "src", src, "src_port", ntohs(latched->src_port),
		"moves", (json_int_t)latched->moves);
}

json_t *
actor_encode(const char *name, const char *via, uint32_t uid)
{
	return json_pack("{s:s, s:s, s:o*}", "name", name, "via", via, "uid",
		uid != UINT32_MAX ? json_integer(uid) : NULL);
}
