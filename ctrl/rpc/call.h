/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request on its way through a method, as the method sees it. A method answers at once, or defers
 * the call and answers it later; meanwhile the client's next requests wait, so that replies stay in
 * order, and everybody else's go on.
 *
 * All functions of this header: control thread.
 */
#ifndef CTRL_RPC_CALL_H
#define CTRL_RPC_CALL_H

#include <jansson.h>

#include "base/actor.h"
#include "base/fault.h"
#include "rpc/session.h"

struct rpc_call;

/*
 * A method. params is an object that fits the schema, borrowed; the callee may change it, and
 * increments its reference to keep it beyond its return. Returns a new reference to the result,
 * NULL with *fault set, or rpc_call_defer(call).
 */
typedef json_t *(*rpc_method_fn)(
	void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

/*
 * What a method returns to answer later. From then on it owes exactly one rpc_call_result() or
 * rpc_call_fault(), also when the client has gone meanwhile; call is valid until then. They may
 * come before the method returns.
 */
json_t *rpc_call_defer(struct rpc_call *call);

/* Answer a deferred call; takes result over. NULL is an internal error (no memory, mostly). */
void rpc_call_result(struct rpc_call *call, json_t *result);

/* Refuse a deferred call; *fault is copied. */
void rpc_call_fault(struct rpc_call *call, const struct fault *fault);

/*
 * Have run(arg) called in a turn of the caller's user, where a deferred call may do a part of its
 * work: at once if there are no turns (any more). Not again until it has been called.
 */
void rpc_call_in_turn(struct rpc_call *call, rpc_session_fn run, void *arg);

/* Who calls, and through which connection. Borrowed, valid as long as the call is. */
const struct actor *rpc_call_actor(const struct rpc_call *call);
struct rpc_session *rpc_call_session(const struct rpc_call *call);

/* The name of the method as the document has it. Static storage. */
const char *rpc_call_method(const struct rpc_call *call);

#endif
