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
extern const struct rpc_method change_methods[], event_methods[], flow_methods[], inject_methods[],
	relay_methods[], state_methods[], system_methods[], trace_methods[];

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

/*
 * A member of hexadecimal digits as bytes, to be given to free(); NULL with *fault set, which names
 * the member.
 */
uint8_t *param_bytes(const json_t *params, const char *name, size_t *n, struct fault *fault);

/* A string of hexadecimal digits, a new reference; NULL without memory. */
json_t *hex_encode(const uint8_t *bytes, size_t n);

/* Refuse a request for want of memory. Returns NULL. */
void *request_no_memory(struct fault *fault);

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
