/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The methods of the control socket: what they work on, and what several families of them share.
 * Each family is one file (JSON in, a call into ctrl/flow or the data plane, JSON out) that exports
 * one table. All functions of this header: control thread.
 */
#ifndef CTRL_RPC_METHODS_H
#define CTRL_RPC_METHODS_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/queue.h>

#include <jansson.h>

#include "config/config.h"
#include "flow/change.h"
#include "flow/confirm.h"
#include "flow/flows.h"
#include "flow/restore.h"
#include "monitor/monitor.h"
#include "rpc/dispatch.h"

/*
 * The `ctx` of every method. What it points to is borrowed, for as long as the service lives; the
 * lists end with their sessions.
 */
struct methods_context {
	struct dp *dp;
	const struct config *config;
	struct flows *flows;
	struct monitor *monitor;
	struct store *store;
	struct confirm *confirm;
	const struct restored *restored;
	struct audit *audit; /* NULL: no log */
	uint64_t started_s; /* CLOCK_MONOTONIC */
	LIST_HEAD(, transaction) transactions; /* that clients have open */
	unsigned n_transactions;
	uint64_t last_transaction; /* number of the newest */
	LIST_HEAD(, subscriber) subscribers; /* of events */
};

/*
 * A service of all methods of the RPC document. NULL: no memory, or tables and document do not fit
 * each other.
 */
struct rpc_service *methods_service_create(struct methods_context *context);

/* Each ends with an entry without a name. */
extern const struct rpc_method event_methods[], flow_methods[], state_methods[], system_methods[],
	trace_methods[], txn_methods[];

/* Members of params that fit their schema; 0, NULL and false for one that is absent. */
static inline uint64_t
param_number(const json_t *params, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(params, name));
}

static inline const char *
param_text(const json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

static inline bool
param_is_true(const json_t *params, const char *name)
{
	return json_is_true(json_object_get(params, name));
}

/* Refuse a request for want of memory. Returns NULL. */
void *request_no_memory(struct fault *fault);

/* What to answer once a change is committed, but for "generation"; an object. */
typedef json_t *(*change_reply_fn)(const struct change *change);

/*
 * A change in the name of the caller, with "comment" and "if_generation" of the params, that
 * answers the call when it is committed or refused, or with its plan if it is only planned ("after"
 * and "limit" of the params). NULL with *fault set.
 */
struct change *change_call_begin(
	struct rpc_call *call, const json_t *params, change_reply_fn reply, struct fault *fault);

/* Have an existing change answer the call. */
void change_call_attach(
	struct change *change, struct rpc_call *call, const json_t *params, change_reply_fn reply);

/* Commit the change, or destroy it if rc < 0. Returns what the method is to return. */
json_t *change_call_end(const struct methods_context *context, struct rpc_call *call,
	struct change *change, int rc);

/* A reply: how many flows were added, changed and removed, and until when to confirm it. */
json_t *change_committed_encode(const struct change *change);

/*
 * Add items of one kind out of a list of a request, `member`. 0, or -1 with *fault set
 * ("/MEMBER/N/...").
 */
int change_add_flows(struct change *change, enum op_kind op, const json_t *flows,
	const char *member, struct fault *fault);
int change_add_removals(struct change *change, const json_t *ids, const char *member, bool reports,
	struct fault *fault);

/* Add an item of an object {"flow", "legs"}. 0, or -1 with *fault set relative to that. */
int change_add_join(struct change *change, const json_t *params, const char *member, uint32_t place,
	struct fault *fault);
int change_add_leave(struct change *change, const json_t *params, const char *member,
	uint32_t place, struct fault *fault);

/* A page of flows for one reply: `limit` of them, or as many as have FLOW_PAGE_LEGS legs. */
#define FLOW_PAGE_LEGS 1000

struct flow_page {
	const struct flow *flow; /* the next; NULL: the page ends, or there are no more */
	int64_t room; /* for flows */
	unsigned legs; /* that there is room for */
	unsigned scans; /* of flows, taken or not, that are left */
	char next_cursor[24]; /* "": there are no more */
};

/*
 * Begin a page as params say (limit, cursor). -1 with *fault set when the cursor is none.
 * flow_page_next() goes on behind page->flow; `taken`: it is on the page.
 */
int flow_page_begin(struct flow_page *page, const struct flow_db *desired, const json_t *params,
	struct fault *fault);
void flow_page_next(struct flow_page *page, bool taken);

/* The reply of a call that waited for rates; NULL with *fault set. */
typedef json_t *(*rates_reply_fn)(
	const struct methods_context *context, const json_t *params, struct fault *fault);

/*
 * Answer the call in a turn of its user when rates of flows, and of legs if asked for, are known
 * for span_ns. Returns what the method is to return.
 */
json_t *rates_call(const struct methods_context *context, struct rpc_call *call, json_t *params,
	bool legs, uint64_t span_ns, rates_reply_fn reply, struct fault *fault);

/*
 * {"packets", "bytes", "forwarded", "punted", "drops": {reason: n, none that is zero}}. All return
 * new references, NULL without memory.
 */
json_t *flow_counters_encode(const struct dp_flow_stats *stats);

/* {"copies", "bytes", "sent", "drops": {reason: n, none that is zero}} */
json_t *leg_counters_encode(const struct dp_leg_stats *stats);

/* An array of the above, with the "id" of each leg that has one. */
json_t *legs_counters_encode(
	const struct flow_leg *legs, const struct dp_leg_stats *stats, unsigned n_legs);

/* {"src", "src_port", "moves"} of a source that was learned by a flow of that family. */
json_t *latched_encode(uint8_t family, const struct dp_latched *latched);

/* {"name", "via", "uid"}; UINT32_MAX: without "uid". */
json_t *actor_encode(const char *name, const char *via, uint32_t uid);

#endif
