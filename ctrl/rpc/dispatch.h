/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC 2.0 without a transport: a text or a message in, a reply out, at once or later. The
 * envelope, the caller's role and the parameters are checked here, against the OpenRPC document, so
 * a method sees only callers that may and parameters that fit their schema, with defaults filled
 * in. A role is checked before the parameters are.
 *
 * A method answers at once, or defers the call and answers it later; meanwhile the client's next
 * requests wait, so that replies stay in order, and those of other clients go on.
 *
 * Parameters are taken by name only. Members of the envelope that JSON-RPC does not know are
 * refused. Errors carry data {"name": "CONFLICT", "pointer": "/flows/0/match"}; the pointer is
 * relative to params, and to the request when the error is INVALID_REQUEST.
 *
 * All functions of this header: control thread.
 */
#ifndef CTRL_RPC_DISPATCH_H
#define CTRL_RPC_DISPATCH_H

#include <jansson.h>
#include <stddef.h>

#include "base/actor.h"
#include "base/fault.h"
#include "rpc/audit.h"
#include "rpc/session.h"

struct rpc_call;

/*
 * A method. params is an object that fits the schema, borrowed; the callee may change it, and
 * increments its reference to keep it beyond its return. Returns a new reference to the result,
 * NULL with *fault set (not set: no memory for the result), or rpc_call_defer(call).
 */
typedef json_t *(*rpc_method_fn)(
	void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

/*
 * What a method returns to answer later. From then on it owes exactly one rpc_call_result() or
 * rpc_call_fault(), also when the connection was closed meanwhile; call is valid until then. They
 * may come before the method returns.
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
struct rpc_session *rpc_call_session(const struct rpc_call *call);

/* The name of the method as the document has it. Static storage. */
const char *rpc_call_method(const struct rpc_call *call);

#define RPC_BATCH_MAX 100 /* requests of one batch: bounds what one text can set going */

struct rpc_method {
	const char *name; /* as in the document; borrowed for as long as the service lives */
	rpc_method_fn call;
};

struct rpc_service;

/*
 * Bind every method of an OpenRPC document to a function. rpc.discover is answered by the service
 * itself and has no entry. document gets a reference of its own. audit logs every call of a method
 * that needs more than the role viewer, and such calls are refused while it cannot be written; it
 * is borrowed until the last call is answered; NULL: no log. Returns NULL if a method of the
 * document has no entry or no "x-role", an entry has no method or comes twice, or memory is short.
 */
struct rpc_service *rpc_service_create(json_t *document, const struct rpc_method *methods,
	size_t n_methods, void *ctx, struct audit *audit);

/*
 * NULL is allowed. Calls that are deferred may still be completed afterwards; what is left of their
 * batches is refused.
 */
void rpc_service_destroy(struct rpc_service *service);

/* An error reply, a new reference; NULL: no memory. id is borrowed, and NULL stands for null. */
json_t *rpc_error_reply(json_t *id, const struct fault *fault);

/*
 * Answer one message of that session, a request or a batch; the text need not be JSON. Replies are
 * written to the session. done(arg) is called once when the message is answered: before this
 * returns, or later when a method defers; not at all when the session is closed by then. Returns
 * the number of requests in the message, at least 1.
 */
size_t rpc_service_call(struct rpc_service *service, struct rpc_session *session, const char *text,
	size_t bytes, rpc_session_fn done, void *arg);

#endif
