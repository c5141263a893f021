/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC 2.0 without a transport: a text or a message in, a reply out. The envelope and the
 * parameters are checked here, against the OpenRPC document, so a method sees only parameters that
 * fit their schema, with defaults filled in.
 *
 * Parameters are taken by name only. Members of the envelope that JSON-RPC does not know are
 * refused. Errors carry data {"name": "CONFLICT", "pointer": "/flows/0/match"}; the pointer is
 * relative to params, and to the request when the error is INVALID_REQUEST.
 */
#ifndef CTRL_RPC_SERVICE_H
#define CTRL_RPC_SERVICE_H

#include <stddef.h>

#include <jansson.h>

#include "rpc/envelope.h"
#include "schema/fault.h"

#define RPC_BATCH_MAX 100 /* requests of one batch: bounds what one text can set going */

/*
 * A method. params is an object that fits the schema, borrowed, the callee may change it. Returns
 * a new reference to the result, or NULL with *fault set.
 */
typedef json_t *(*rpc_method_fn)(void *ctx, json_t *params, struct fault *fault);

struct rpc_method {
	const char *name; /* as in the document; borrowed for as long as the service lives */
	rpc_method_fn call;
};

struct rpc_service;

/*
 * Bind every method of an OpenRPC document to a function. rpc.discover is answered by the service
 * itself and has no entry. document gets a reference of its own. NULL: a method of the document
 * has no entry, an entry has no method or comes twice, or memory is short.
 *
 * All functions of this header: control thread.
 */
struct rpc_service *rpc_service_create(
	json_t *document, const struct rpc_method *methods, size_t n_methods, void *ctx);

/* NULL is allowed. */
void rpc_service_destroy(struct rpc_service *service);

/*
 * Answer one message, a request or a batch. message is borrowed; its params may get defaults.
 * Returns a new reference to the reply, or NULL when nothing is to be sent (notifications).
 */
json_t *rpc_service_call(struct rpc_service *service, json_t *message);

/* The same for a text that is still to be parsed; it need not be JSON. */
json_t *rpc_service_call_text(struct rpc_service *service, const char *text, size_t bytes);

#endif
