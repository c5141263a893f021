/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes that are larger than a message, or that are to be planned before they are made. A
 * message that is refused is not in the transaction; the others are. A transaction belongs to the
 * connection that began it, and ends with it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/commit.h"
#include "flow/plan.h"
#include "rpc/methods.h"

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

	if (conditional && generation != now) {
		fault_set(fault, FAULT_STALE, "/if_generation",
			"found %" PRIu64 ", expected %" PRIu64 ", the current generation",
			generation, now);
		return NULL;
	}
	if (context->n_transactions == TRANSACTIONS_MAX) {
		fault_set(fault, FAULT_LIMIT, "",
			"found %d open transactions, expected fewer; commit or abort one",
			TRANSACTIONS_MAX);
		return NULL;
	}
	transaction = calloc(1, sizeof(*transaction));
	if (!transaction)
		return request_no_memory(fault);
	transaction->context = context;
	transaction->session = rpc_call_session(call);
	transaction->change = change_create(
		rpc_call_actor(call), "txn.commit", param_text(params, "comment"), NULL, NULL);
	transaction->watch = (struct rpc_watch){.closed = transaction_end, .arg = transaction};
	if (!transaction->change ||
		rpc_session_watch(transaction->session, &transaction->watch) < 0) {
		change_destroy(transaction->change);
		free(transaction);
		return request_no_memory(fault);
	}
	transaction->change->declares = param_is_true(params, "declare");
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
	fault_set(fault, FAULT_NOT_FOUND, "/txn",
		"found %s, expected a transaction that this connection has open; txn.begin begins "
		"one",
		name);
	return NULL;
}

/* What a transaction of that kind does not take. */
static int
members_check(const struct change *change, const json_t *params, struct fault *fault)
{
	static const char *const others[] = {"install", "replace", "remove", "join", "leave"};
	char pointer[32];
	size_t i;

	if (!change->declares && json_object_get(params, "declare"))
		return fault_set(fault, FAULT_INVALID_VALUE, "/declare",
			"found flows to declare, expected none, as the transaction does not "
			"declare; begin one with declare: true");
	for (i = 0; change->declares && i < sizeof(others) / sizeof(others[0]); i++) {
		if (!json_object_get(params, others[i]))
			continue;
		snprintf(pointer, sizeof(pointer), "/%s", others[i]);
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found it in a transaction that declares, expected declare only");
	}
	return 0;
}

typedef int (*leg_item_fn)(struct change *change, const json_t *params, const char *member,
	uint32_t place, struct fault *fault);

static int
leg_items_add(struct change *change, leg_item_fn add, const json_t *list, const char *member,
	struct fault *fault)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (list, i, entry) {
		if (add(change, entry, member, (uint32_t)i, fault) == 0)
			continue;
		fault_prefix(fault, "/%s/%zu", member, i);
		return -1;
	}
	return 0;
}

/* Each flow of a declaration needs an id. */
static int
declared_check(const struct change *change, size_t first, struct fault *fault)
{
	size_t i;

	for (i = first; i < change->n_items; i++) {
		struct flow_spec *spec = change->items[i]->spec;

		spec->declared = true;
		if (spec->id[0] != '\0')
			continue;
		fault_set(fault, FAULT_INVALID_VALUE, "/id",
			"found none, expected one, as the flow is declared");
		fault_prefix(fault, "/declare/%zu", i - first);
		return -1;
	}
	return 0;
}

static int
message_add(struct change *change, const json_t *params, struct fault *fault)
{
	const size_t first = change->n_items;

	if (change_add_flows(
		    change, OP_INSTALL, json_object_get(params, "install"), "install", fault) < 0 ||
		change_add_flows(change, OP_REPLACE, json_object_get(params, "replace"), "replace",
			fault) < 0 ||
		change_add_removals(
			change, json_object_get(params, "remove"), "remove", false, fault) < 0 ||
		leg_items_add(change, change_add_join, json_object_get(params, "join"), "join",
			fault) < 0 ||
		leg_items_add(change, change_add_leave, json_object_get(params, "leave"), "leave",
			fault) < 0 ||
		change_add_flows(
			change, OP_SET, json_object_get(params, "declare"), "declare", fault) < 0)
		return -1;
	return change->declares ? declared_check(change, first, fault) : 0;
}

/* Remove the operations of a message that is refused. */
static void
message_drop(struct change *change, size_t first)
{
	while (change->n_items > first)
		change_remove_last(change);
}

/* The operations that it was made of change. */
static void
plan_discard(struct change *change)
{
	plan_destroy(change->plan);
	change->plan = NULL;
}

static json_t *
txn_put(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	struct transaction *transaction = transaction_of(ctx, call, params, fault);
	struct change *change;
	size_t first, i;

	if (!transaction || members_check(transaction->change, params, fault) < 0)
		return NULL;
	change = transaction->change;
	first = change->n_items;
	if (message_add(change, params, fault) < 0) {
		message_drop(change, first);
		return NULL;
	}
	if (change->n_items > TRANSACTION_OPS_MAX) {
		message_drop(change, first);
		fault_set(fault, FAULT_LIMIT, "", "expected at most %u changes in a transaction",
			TRANSACTION_OPS_MAX);
		return NULL;
	}
	for (i = first; i < change->n_items; i++)
		change->items[i]->message = transaction->n_messages;
	transaction->n_messages++;
	plan_discard(change);
	return json_pack("{s:I}", "held", (json_int_t)change->n_items);
}

static json_t *
page_encode(const struct change *change)
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
		plan_discard(change);
	else
		page = page_encode(change);
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
		return page_encode(change);
	plan_discard(change);
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
		snprintf(change->comment, sizeof(change->comment), "%s", comment);
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

const struct rpc_method txn_methods[] = {
	{"txn.begin", txn_begin},
	{"txn.put", txn_put},
	{"txn.plan", txn_plan},
	{"txn.commit", txn_commit},
	{"txn.abort", txn_abort},
	{NULL, NULL},
};
