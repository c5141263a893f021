/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls that change flows. Each becomes a change, which answers it when it is committed or refused.
 *
 * Transactions are changes that are larger than a message, or that are to be planned before they
 * are made. A message that is refused is not in the transaction; the others are. A transaction
 * belongs to the connection that began it, and ends with it.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "flow/commit.h"
#include "flow/flow_codec.h"
#include "flow/plan.h"
#include "flow/relay_change.h"
#include "flow/relay_flows.h"
#include "flow/restore.h"
#include "monitor/idle.h"
#include "rpc/flow_state.h"
#include "rpc/methods.h"

/* What to answer once a change is committed, but for "generation"; an object. */
typedef json_t *(*change_reply_fn)(const struct change *change);

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
			reply, "generation", json_integer((json_int_t)change->generation.number));
		rpc_call_result(call, reply);
	}
}

/* Have the change answer the call. */
static void
change_call_attach(
	struct change *change, struct rpc_call *call, const json_t *params, change_reply_fn reply)
{
	change->done = change_done;
	change->arg = call;
	change->reply = reply;
	change->plan_after = param_number(params, "after");
	change->plan_limit = param_number(params, "limit");
}

/*
 * A change in the name of the caller, with "comment" and "if_generation" of the params, that
 * answers the call when it is committed or refused, or with its plan if it is only planned ("after"
 * and "limit" of the params). NULL with *fault set.
 */
static struct change *
change_call_begin(
	struct rpc_call *call, const json_t *params, change_reply_fn reply, struct fault *fault)
{
	struct change *change = change_create(&rpc_call_session(call)->actor, rpc_call_method(call),
		param_text(params, "comment"), NULL, NULL);

	if (!change)
		return request_no_memory(fault);
	change_call_attach(change, call, params, reply);
	change->conditional = json_object_get(params, "if_generation") != NULL;
	change->if_generation = param_number(params, "if_generation");
	return change;
}

/* Commit the change, or destroy it if rc < 0. Returns what the method is to return. */
static json_t *
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

/* The local ports that pools gave to the change's flows; NULL: none, or more than `limit`. */
static json_t *
given_encode(const struct change *change, size_t limit)
{
	json_t *given = json_array();
	char address[ADDRESS_TEXT_MAX];
	size_t i;

	for (i = 0; i < change->n_items && json_array_size(given) <= limit; i++) {
		const struct change_item *item = change->items[i];
		const struct flow_spec *spec =
			item->op <= OP_SET || item->op == OP_RECEIVE ? item->spec : NULL;

		/* An update of a relay says all ports of it, also of a flow that it leaves as it
		 * is. */
		if (!spec || !spec->pool || item->pruned ||
			(item->effect == CHANGE_NONE && !item->updates))
			continue;
		address_format(spec->match.key.family, spec->match.key.dst, address);
		json_array_append_new(given,
			json_pack("{s:s, s:s, s:s, s:i}", "id", spec->id, "pool", spec->pool->name,
				"dst", address, "dst_port", ntohs(spec->match.key.dst_port)));
	}
	if (json_array_size(given) > 0 && json_array_size(given) <= limit)
		return given;
	json_decref(given);
	return NULL;
}

#define GIVEN_MAX 4096 /* of a transaction; the reply would be as large as flow.list */

/* How many flows were added, changed and removed, until when to confirm it, and their ports. */
static json_t *
change_committed_encode(const struct change *change)
{
	const json_int_t confirm_by_ns = (json_int_t)change->confirm_by_ns;

	return json_pack("{s:I, s:I, s:I, s:o*, s:o*}", "added",
		(json_int_t)change->generation.added, "changed",
		(json_int_t)change->generation.changed, "removed",
		(json_int_t)change->generation.removed, "confirm_by_ns",
		confirm_by_ns ? json_integer(confirm_by_ns) : NULL, "given",
		given_encode(change, GIVEN_MAX));
}

/* A flow of a declaration needs an id. */
static int
declared_check(struct flow_spec *spec, struct fault *fault)
{
	spec->declared = true;
	if (spec->id[0] != '\0')
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/id",
		"found none, expected one, as the flow is declared");
}

/*
 * Add items of one kind out of a list of a request, `member`. 0, or -1 with *fault set
 * ("/MEMBER/N/...").
 */
static int
flows_add(struct change *change, enum op_kind op, const json_t *flows, const char *member,
	struct fault *fault)
{
	json_t *flow;
	size_t i;

	json_array_foreach (flows, i, flow) {
		struct flow_spec *spec = flow_request_decode(flow, fault);

		if (!spec || (op == OP_SET && declared_check(spec, fault) < 0)) {
			free(spec);
			fault_prefix(fault, "/%s/%zu", member, i);
			return -1;
		}
		if (!change_add_spec(change, op, spec, member, (uint32_t)i, fault))
			return -1;
	}
	return 0;
}

static int
removals_add(struct change *change, enum op_kind op, const json_t *ids, const char *member,
	struct fault *fault)
{
	const json_t *id;
	size_t i;

	json_array_foreach (ids, i, id) {
		struct change_item *item = change_add(
			change, op, json_string_value(id), 0, member, (uint32_t)i, fault);

		if (!item)
			return -1;
		item->reports = !change->transaction;
	}
	return 0;
}

static int
relays_add(struct change *change, enum op_kind op, const json_t *relays, const char *member,
	struct fault *fault)
{
	json_t *relay;
	size_t i;

	json_array_foreach (relays, i, relay) {
		if (relay_change_put(change, op, relay, member, (uint32_t)i, fault) == 0)
			continue;
		fault_prefix(fault, "/%s/%zu", member, i);
		return -1;
	}
	return 0;
}

static int
relay_removals_add(struct change *change, enum op_kind op, const json_t *ids, const char *member,
	struct fault *fault)
{
	const json_t *id;
	size_t i;

	(void)op;
	json_array_foreach (ids, i, id) {
		if (relay_change_remove(change, json_string_value(id), !change->transaction, member,
			    (uint32_t)i, fault) < 0)
			return -1;
	}
	return 0;
}

static int
receivers_add(struct change *change, enum op_kind op, const json_t *list, const char *member,
	struct fault *fault)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (list, i, entry) {
		const int rc =
			op == OP_RECEIVE
				? relay_change_join(change, entry, member, (uint32_t)i, fault)
				: relay_change_leave(change, entry, member, (uint32_t)i, fault);

		if (rc == 0)
			continue;
		fault_prefix(fault, "/%s/%zu", member, i);
		return -1;
	}
	return 0;
}

/* Legs that join or leave the flow of an object {"flow", "legs"}; *fault is relative to that. */
static int
legs_add(struct change *change, enum op_kind op, const json_t *params, const char *member,
	uint32_t index, struct fault *fault)
{
	const json_t *legs = json_object_get(params, "legs"), *leg;
	struct change_item *item = change_add(change, op, param_text(params, "flow"),
		(unsigned)json_array_size(legs), member, index, fault);
	size_t i;

	if (!item)
		return -1;
	if (op == OP_JOIN)
		return flow_legs_decode(legs, item->legs, item->n_legs, fault);
	json_array_foreach (legs, i, leg)
		snprintf(item->leg_ids[i], sizeof(item->leg_ids[i]), "%s", json_string_value(leg));
	return 0;
}

static int
leg_changes_add(struct change *change, enum op_kind op, const json_t *list, const char *member,
	struct fault *fault)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (list, i, entry) {
		if (legs_add(change, op, entry, member, (uint32_t)i, fault) == 0)
			continue;
		fault_prefix(fault, "/%s/%zu", member, i);
		return -1;
	}
	return 0;
}

static int
admin_add(struct change *change, const json_t *params, struct fault *fault)
{
	const char *leg = param_text(params, "leg");
	struct change_item *item = change_add(
		change, OP_ADMIN, param_text(params, "flow"), leg != NULL, "", UINT32_MAX, fault);

	if (!item)
		return -1;
	item->down = strcmp(param_text(params, "admin"), "down") == 0;
	if (leg)
		snprintf(item->leg_ids[0], sizeof(item->leg_ids[0]), "%s", leg);
	return 0;
}

static int
params_add(struct change *change, enum op_kind op, const json_t *params, struct fault *fault)
{
	switch (op) {
	case OP_REMOVE:
		return removals_add(change, op, json_object_get(params, "ids"), "ids", fault);
	case OP_JOIN:
	case OP_LEAVE:
		return legs_add(change, op, params, "", UINT32_MAX, fault);
	case OP_ADMIN:
		return admin_add(change, params, fault);
	default:
		return flows_add(change, op, json_object_get(params, "flows"), "flows", fault);
	}
}

static json_t *
ids_encode(const struct change *change)
{
	json_t *ids = json_array();
	size_t i;

	for (i = 0; i < change->n_items; i++)
		json_array_append_new(ids, json_string(change->items[i]->spec->id));
	return json_pack("{s:o, s:o*}",
		change->items[0]->op == OP_REPLACE ? "replaced" : "installed", ids, "given",
		given_encode(change, SIZE_MAX - 1));
}

/* A flow that came and went in one commit never ran, and has counted nothing. */
static json_t *
removed_encode(const struct change *change)
{
	static const struct dp_flow_stats nothing;
	json_t *removed = json_array();
	size_t i;

	for (i = 0; i < change->n_items; i++) {
		const struct change_item *item = item_outcome(change->items[i]);
		const struct flow_spec *spec = item->old_spec;
		const struct last_counters *last = spec ? item->last : NULL;

		json_array_append_new(removed,
			json_pack("{s:s, s:o, s:o}", "id", change->items[i]->id, "counters",
				flow_counters_encode(last ? &last->flow : &nothing), "legs",
				last ? legs_counters_encode(spec->legs, last->legs, spec->n_legs)
				     : json_array()));
	}
	return json_pack("{s:o}", "removed", removed);
}

/* The relays of which there are flows. */
static json_t *
relays_encode(const struct change *change)
{
	const bool added = strcmp(change->generation.method, "relay.add") == 0;
	json_t *ids = json_array();
	size_t i;

	for (i = 0; i < change->n_items; i++) {
		const size_t bytes = change->items[i]->relay_bytes;
		const char *id = item_flow(change->items[i]);

		if (!change->items[i]->pruned && relay_flow_find(id, bytes, id) == RELAY_A)
			json_array_append_new(ids, json_stringn(id, bytes));
	}
	return json_pack("{s:o, s:o*}", added ? "added" : "updated", ids, "given",
		given_encode(change, SIZE_MAX - 1));
}

/* The last figures of a side: of the flow of its packets, and of the leg of the other one. */
static json_t *
figures_encode(const struct change_item *from, const struct change_item *to)
{
	static const struct dp_flow_stats nothing;
	static const struct dp_leg_stats no_copies;
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	struct last_counters *last = from->last;
	const bool watched = last && idle_end(&last->idle, from->old_spec, &last->flow, now_ns);

	return json_pack("{s:o, s:o, s:o, s:o*}", "latched",
		last && last->latched.valid
			? latched_encode(from->old_spec->match.key.family, &last->latched)
			: json_null(),
		"received", flow_counters_encode(last ? &last->flow : &nothing), "sent",
		leg_counters_encode(to->last ? &to->last->legs[0] : &no_copies), "last_packet",
		watched ? last_packet_encode(&last->idle, now_ns) : NULL);
}

/*
 * The last figures of a receiver that went: of its flow, and of the leg of the flow that sent to
 * it. Either never ran if it came and went in one commit.
 */
static json_t *
receiver_figures_encode(
	const struct change_item *receiver, const struct change_item *sender, unsigned *hint)
{
	static const struct dp_flow_stats nothing;
	static const struct dp_leg_stats no_copies;
	const struct last_counters *last = receiver->last;
	const struct flow_spec *sent = sender && sender->last ? sender->old_spec : NULL;
	const char *id = item_flow(receiver);
	const size_t relay_bytes = receiver->relay_bytes;
	const unsigned n_legs = sent ? sent->n_legs : 0;
	unsigned leg = 0, i;

	/* Many that go together are in the order of their legs. */
	for (i = 0; i < n_legs; i++) {
		leg = (*hint + i) % n_legs;
		if (strcmp(sent->legs[leg].id, id + relay_bytes + 1) == 0)
			break;
	}
	if (i < n_legs)
		*hint = leg + 1;
	return json_pack("{s:s, s:o, s:o, s:o}", "name", relay_receiver_name(id, relay_bytes),
		"latched",
		last && last->latched.valid
			? latched_encode(receiver->old_spec->match.key.family, &last->latched)
			: json_null(),
		"received", flow_counters_encode(last ? &last->flow : &nothing), "sent",
		leg_counters_encode(i < n_legs ? &sender->last->legs[leg] : &no_copies));
}

#define RECEIVERS_REMOVED_MAX 1000 /* whose figures are in one reply */

/*
 * The receivers that went with the relay of the item, which stand behind all that was requested, in
 * the same order: from *at on.
 */
static void
receivers_removed_add(json_t *relay, const struct change *change,
	struct change_item *const items[RELAY_FLOWS], size_t *at, size_t *room)
{
	json_t *list = json_array();
	json_int_t left_out = 0;
	unsigned hint = 0;

	for (; *at < change->n_items; (*at)++) {
		const struct change_item *item = change->items[*at];
		const enum relay_flow side = item_receives(item);
		json_t *figures;

		if (item->op == OP_LEGS || side == RELAY_FLOWS)
			continue;
		if (item->index != items[0]->index)
			break;
		if (*room == 0) {
			left_out++;
			continue;
		}
		(*room)--;
		figures = receiver_figures_encode(
			item_outcome(item), item_outcome(items[RELAY_OTHER(side)]), &hint);
		json_object_set_new(figures, "side", json_string(relay_flow_name(side)));
		json_array_append_new(list, figures);
	}
	if (json_array_size(list) > 0)
		json_object_set(relay, "receivers", list);
	if (left_out > 0)
		json_object_set_new(relay, "receivers_left_out", json_integer(left_out));
	json_decref(list);
}

/* Of each relay there are RELAY_FLOWS items; those of RTCP are about no flow if it had none. */
static json_t *
relays_removed_encode(const struct change *change)
{
	size_t i, n = 0, at, room = RECEIVERS_REMOVED_MAX;
	json_t *removed = json_array();

	while (n < change->n_items && !change->items[n]->pruned)
		n++;
	for (i = 0, at = n; i < n; i += RELAY_FLOWS) {
		struct change_item *const *items = &change->items[i];
		json_t *relay = json_object();
		unsigned flow;

		json_object_set_new(relay, "id", json_stringn(items[0]->id, items[0]->relay_bytes));
		for (flow = 0; flow < RELAY_FLOWS; flow++) {
			if (flow >= RELAY_FLOWS_LEAST && !items[flow]->flow)
				continue;
			json_object_set_new(relay, relay_flow_member(flow),
				figures_encode(item_outcome(items[flow]),
					item_outcome(items[RELAY_OTHER(flow)])));
		}
		receivers_removed_add(relay, change, items, &at, &room);
		json_array_append_new(removed, relay);
	}
	return json_pack("{s:o}", "removed", removed);
}

/* The receivers that joined, and where each is heard, which a pool may have chosen. */
static json_t *
receivers_joined_encode(const struct change *change)
{
	json_t *joined = json_array();
	char address[ADDRESS_TEXT_MAX];
	size_t i;

	for (i = 0; i < change->n_items; i++) {
		const struct change_item *item = change->items[i];

		if (item->op != OP_RECEIVE)
			continue;
		address_format(item->spec->match.key.family, item->spec->match.key.dst, address);
		json_array_append_new(joined,
			json_pack("{s:s, s:s, s:i}", "name",
				relay_receiver_name(item->id, item->relay_bytes), "local", address,
				"local_port", ntohs(item->spec->match.key.dst_port)));
	}
	return json_pack("{s:o}", "joined", joined);
}

static json_t *
receivers_left_encode(const struct change *change)
{
	const struct change_item *sender = NULL;
	json_t *left = json_array();
	unsigned hint = 0;
	size_t i;

	for (i = 0; i < change->n_items; i++)
		if (change->items[i]->op == OP_LEGS)
			sender = item_outcome(change->items[i]);
	for (i = 0; i < change->n_items; i++)
		if (change->items[i]->op == OP_REMOVE)
			json_array_append_new(
				left, receiver_figures_encode(
					      item_outcome(change->items[i]), sender, &hint));
	return json_pack("{s:o}", "left", left);
}

static json_t *
joined_encode(const struct change *change)
{
	const struct change_item *item = change->items[0];
	json_t *joined = json_array();
	unsigned i;

	for (i = 0; i < item->n_legs; i++)
		json_array_append_new(joined, json_string(item->legs[i].id));
	return json_pack("{s:o}", "joined", joined);
}

/* A leg that came and went in one commit never ran, and has counted nothing. */
static json_t *
left_encode(const struct change *change)
{
	static const struct dp_leg_stats nothing;
	const struct change_item *item = change->items[0];
	const struct last_counters *last = item_outcome(item)->last;
	json_t *left = json_array();
	unsigned i;

	for (i = 0; i < item->n_legs; i++)
		json_array_append_new(
			left, json_pack("{s:s, s:o}", "id", item->leg_ids[i], "counters",
				      leg_counters_encode(item->left[i] != DP_LEG_NEW && last
								  ? &last->legs[item->left[i]]
								  : &nothing)));
	return json_pack("{s:o}", "left", left);
}

static json_t *
nothing_encode(const struct change *change)
{
	(void)change;
	return json_object();
}

/* A call that is one operation. */
static json_t *
flow_change(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	static const struct {
		const char *method;
		enum op_kind op;
		change_reply_fn reply;
	} operations[] = {
		{"flow.install", OP_INSTALL, ids_encode},
		{"flow.replace", OP_REPLACE, ids_encode},
		{"flow.remove", OP_REMOVE, removed_encode},
		{"flow.admin", OP_ADMIN, nothing_encode},
		{"leg.join", OP_JOIN, joined_encode},
		{"leg.leave", OP_LEAVE, left_encode},
	};
	struct change *change;
	size_t i = 0;

	while (strcmp(operations[i].method, rpc_call_method(call)) != 0)
		i++;
	change = change_call_begin(call, params, operations[i].reply, fault);
	if (!change)
		return NULL;
	return change_call_end(
		ctx, call, change, params_add(change, operations[i].op, params, fault));
}

static json_t *
relay_change(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const bool adds = strcmp(rpc_call_method(call), "relay.add") == 0;
	struct change *change = change_call_begin(call, params, relays_encode, fault);

	if (!change)
		return NULL;
	return change_call_end(ctx, call, change,
		relays_add(change, adds ? OP_INSTALL : OP_REPLACE,
			json_object_get(params, "relays"), "relays", fault));
}

static json_t *
relay_remove(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct change *change = change_call_begin(call, params, relays_removed_encode, fault);

	if (!change)
		return NULL;
	return change_call_end(ctx, call, change,
		relay_removals_add(
			change, OP_REMOVE, json_object_get(params, "ids"), "ids", fault));
}

static json_t *
relay_join(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct change *change = change_call_begin(call, params, receivers_joined_encode, fault);

	if (!change)
		return NULL;
	return change_call_end(
		ctx, call, change, relay_change_join(change, params, "", UINT32_MAX, fault));
}

static json_t *
relay_leave(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct change *change = change_call_begin(call, params, receivers_left_encode, fault);

	if (!change)
		return NULL;
	return change_call_end(
		ctx, call, change, relay_change_leave(change, params, "", UINT32_MAX, fault));
}

static json_t *
state_rollback(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	struct change *change = change_call_begin(call, params, change_committed_encode, fault);

	if (!change)
		return NULL;
	change->confirm_within_s = (uint32_t)param_number(params, "confirm_within_s");
	change->plans = param_is_true(params, "plan");
	return change_call_end(context, call, change,
		rollback_to(change, context->flows, context->store,
			param_number(params, "generation"), fault));
}

#define TRANSACTIONS_MAX 64 /* open at a time */
#define TRANSACTION_OPS_MAX (16u << 20)
#define TRANSACTION_NAME_MAX 24

struct transaction {
	LIST_ENTRY(transaction) link;
	struct methods_context *context;
	struct rpc_session *session;
	struct rpc_watch watch;
	char name[TRANSACTION_NAME_MAX];
	struct change *change; /* NULL: it is being committed */
	struct rpc_call *call; /* that waits for a plan */
	bool ended; /* while a call waited */
	uint32_t n_messages;
};

/* Discard it, as soon as no call waits. */
static void
transaction_end(void *arg)
{
	struct transaction *transaction = arg;

	if (transaction->call) {
		transaction->ended = true;
		return;
	}
	rpc_session_unwatch(transaction->session, &transaction->watch);
	commits_discard(transaction->context->flows->commits, transaction->change);
	LIST_REMOVE(transaction, link);
	transaction->context->n_transactions--;
	free(transaction);
}

static json_t *
txn_begin(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct methods_context *context = ctx;
	const uint64_t now = commits_generation(context->flows->commits);
	const uint64_t generation = param_number(params, "if_generation");
	const bool conditional = json_object_get(params, "if_generation") != NULL;
	struct transaction *transaction;

	if (conditional && generation != now)
		return fault_null(fault, FAULT_STALE, "/if_generation",
			"found %" PRIu64 ", expected %" PRIu64 ", the current generation",
			generation, now);
	if (context->n_transactions == TRANSACTIONS_MAX)
		return fault_null(fault, FAULT_LIMIT, "",
			"found %d open transactions, expected fewer; commit or abort one",
			TRANSACTIONS_MAX);
	transaction = calloc(1, sizeof(*transaction));
	if (!transaction)
		return request_no_memory(fault);
	transaction->context = context;
	transaction->session = rpc_call_session(call);
	transaction->change = change_create(&rpc_call_session(call)->actor, "txn.commit",
		param_text(params, "comment"), NULL, NULL);
	transaction->watch = (struct rpc_watch){.closed = transaction_end, .arg = transaction};
	if (!transaction->change ||
		rpc_session_watch(transaction->session, &transaction->watch) < 0) {
		change_destroy(transaction->change);
		free(transaction);
		return request_no_memory(fault);
	}
	transaction->change->generation.declared = param_is_true(params, "declare");
	transaction->change->conditional = conditional;
	transaction->change->if_generation = generation;
	transaction->change->keep = true;
	transaction->change->transaction = true;
	snprintf(transaction->name, sizeof(transaction->name), "txn-%" PRIu64,
		++context->last_transaction);
	LIST_INSERT_HEAD(&context->transactions, transaction, link);
	context->n_transactions++;
	return json_pack("{s:s, s:I}", "txn", transaction->name, "generation", (json_int_t)now);
}

/* The transaction of the caller's connection that params name. NULL with *fault set. */
static struct transaction *
transaction_of(const struct methods_context *context, struct rpc_call *call, const json_t *params,
	struct fault *fault)
{
	const char *name = param_text(params, "txn");
	struct transaction *transaction;

	LIST_FOREACH (transaction, &context->transactions, link) {
		if (transaction->session == rpc_call_session(call) &&
			strcmp(transaction->name, name) == 0)
			return transaction;
	}
	return fault_null(fault, FAULT_NOT_FOUND, "/txn",
		"found %s, expected a transaction that this connection has open; txn.begin begins "
		"one",
		name);
}

/* In the order in which a message is read. */
static const struct {
	const char *name;
	enum op_kind op;
	int (*add)(struct change *change, enum op_kind op, const json_t *list, const char *member,
		struct fault *fault);
} members[] = {
	{"install", OP_INSTALL, flows_add},
	{"replace", OP_REPLACE, flows_add},
	{"remove", OP_REMOVE, removals_add},
	{"join", OP_JOIN, leg_changes_add},
	{"leave", OP_LEAVE, leg_changes_add},
	{"declare", OP_SET, flows_add},
	{"add_relays", OP_INSTALL, relays_add},
	{"update_relays", OP_REPLACE, relays_add},
	{"remove_relays", OP_REMOVE, relay_removals_add},
	{"join_relays", OP_RECEIVE, receivers_add},
	{"leave_relays", OP_LEAVE, receivers_add},
	{"declare_relays", OP_SET, relays_add},
};

static int
member_add(struct change *change, size_t i, const json_t *params, struct fault *fault)
{
	const json_t *list = json_object_get(params, members[i].name);
	char pointer[32];

	if (!list)
		return 0;
	if (change->generation.declared == (members[i].op == OP_SET))
		return members[i].add(change, members[i].op, list, members[i].name, fault);
	snprintf(pointer, sizeof(pointer), "/%s", members[i].name);
	return fault_set(fault, FAULT_INVALID_VALUE, pointer, "%s",
		change->generation.declared
			? "found it in a transaction that declares, expected declare and "
			  "declare_relays only"
			: "found flows to declare, expected none, as the transaction does not "
			  "declare; begin one with declare: true");
}

static int
message_add(struct change *change, const json_t *params, struct fault *fault)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (member_add(change, i, params, fault) < 0)
			return -1;
	return 0;
}

/* Remove the operations of a message that is refused. */
static void
message_drop(struct change *change, size_t first)
{
	while (change->n_items > first)
		change_remove_last(change);
}

/* The operations that it was made of change. A plan may be as huge as they are many. */
static void
plan_discard(const struct transaction *transaction, struct change *change)
{
	struct change *discarded = change->plan ? change_create(NULL, "", NULL, NULL, NULL) : NULL;

	if (discarded) {
		discarded->plan = change->plan;
		commits_discard(transaction->context->flows->commits, discarded);
	} else {
		plan_destroy(change->plan);
	}
	change->plan = NULL;
}

static json_t *
txn_put(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct transaction *transaction = transaction_of(ctx, call, params, fault);
	struct change *change;
	size_t first, i;

	if (!transaction)
		return NULL;
	change = transaction->change;
	first = change->n_items;
	if (message_add(change, params, fault) < 0) {
		message_drop(change, first);
		return NULL;
	}
	if (change->n_items > TRANSACTION_OPS_MAX) {
		message_drop(change, first);
		return fault_null(fault, FAULT_LIMIT, "",
			"expected at most %u changes in a transaction", TRANSACTION_OPS_MAX);
	}
	for (i = first; i < change->n_items; i++)
		change->items[i]->message = transaction->n_messages;
	transaction->n_messages++;
	plan_discard(transaction, change);
	return json_pack("{s:I}", "held", (json_int_t)change->n_items);
}

static json_t *
plan_page_encode(const struct change *change)
{
	return plan_encode(change->plan, change->plan_after, change->plan_limit);
}

static void
planned(void *arg, struct change *change, const struct fault *fault)
{
	struct transaction *transaction = arg;
	struct rpc_call *call = transaction->call;
	json_t *page = NULL;

	transaction->call = NULL;
	if (fault)
		plan_discard(transaction, change);
	else
		page = plan_page_encode(change);
	if (transaction->ended) {
		change->keep = false; /* the caller destroys it */
		transaction->change = NULL;
		transaction_end(transaction);
	}
	/* The session may end with the call. */
	if (fault)
		rpc_call_fault(call, fault);
	else
		rpc_call_result(call, page);
}

static bool
plan_is_current(const struct methods_context *context, const struct change *change, bool prune)
{
	return change->plan && change->prunes == prune &&
	       change->plan->generation == commits_generation(context->flows->commits);
}

static json_t *
txn_plan(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	struct transaction *transaction = transaction_of(context, call, params, fault);
	const bool prune = param_is_true(params, "prune");
	struct change *change;

	if (!transaction)
		return NULL;
	change = transaction->change;
	change->plan_after = param_number(params, "after");
	change->plan_limit = param_number(params, "limit");
	if (plan_is_current(context, change, prune))
		return plan_page_encode(change);
	plan_discard(transaction, change);
	change->prunes = prune;
	change->plans = true;
	change->done = planned;
	change->arg = transaction;
	transaction->call = call;
	return change_call_end(context, call, change, 0);
}

static int
plan_check(const struct change *change, bool if_plan, bool prune, struct fault *fault)
{
	if (!if_plan || (change->plan && change->prunes == prune))
		return 0;
	if (change->plan)
		return fault_set(fault, FAULT_INVALID_VALUE, "/prune",
			"found %s, expected %s as in the last txn.plan, which if_plan is about; "
			"plan it again",
			prune ? "true" : "false", prune ? "false" : "true");
	return fault_set(fault, FAULT_INVALID_VALUE, "/if_plan",
		"found true for a transaction without a plan, expected txn.plan after the last "
		"txn.put");
}

/* What begin said of comment and generation holds unless commit says something else. */
static json_t *
txn_commit(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct transaction *transaction = transaction_of(ctx, call, params, fault);
	const char *comment = param_text(params, "comment");
	const json_t *generation = json_object_get(params, "if_generation");
	const bool if_plan = param_is_true(params, "if_plan");
	const bool prune = param_is_true(params, "prune");
	struct change *change;

	if (!transaction || plan_check(transaction->change, if_plan, prune, fault) < 0)
		return NULL;
	change = transaction->change;
	change_call_attach(change, call, params, change_committed_encode);
	transaction->change = NULL;
	transaction_end(transaction);
	if (comment)
		snprintf(change->generation.comment, sizeof(change->generation.comment), "%s",
			comment);
	if (generation) {
		change->conditional = true;
		change->if_generation = (uint64_t)json_integer_value(generation);
	}
	change->plans = false;
	change->if_plan = if_plan;
	change->keep = false;
	change->prunes = prune;
	change->confirm_within_s = (uint32_t)param_number(params, "confirm_within_s");
	return change_call_end(ctx, call, change, 0);
}

static json_t *
txn_abort(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct transaction *transaction = transaction_of(ctx, call, params, fault);

	if (!transaction)
		return NULL;
	transaction_end(transaction);
	return json_object();
}

const struct rpc_method change_methods[] = {
	{"flow.install", flow_change},
	{"flow.replace", flow_change},
	{"flow.remove", flow_change},
	{"flow.admin", flow_change},
	{"leg.join", flow_change},
	{"leg.leave", flow_change},
	{"relay.add", relay_change},
	{"relay.update", relay_change},
	{"relay.remove", relay_remove},
	{"relay.join", relay_join},
	{"relay.leave", relay_leave},
	{"state.rollback", state_rollback},
	{"txn.begin", txn_begin},
	{"txn.put", txn_put},
	{"txn.plan", txn_plan},
	{"txn.commit", txn_commit},
	{"txn.abort", txn_abort},
	{NULL, NULL},
};
