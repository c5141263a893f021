/* SPDX-License-Identifier: BSD-3-Clause */
/* Between call.c, which takes messages apart, and service.c, which knows the methods. */
#ifndef CTRL_RPC_DISPATCH_H
#define CTRL_RPC_DISPATCH_H

#include <stdbool.h>
#include <sys/queue.h>

#include "rpc/service.h"

/* A method of the document, bound to its function. */
struct bound_method {
	const char *name;
	enum role role; /* that it needs */
	struct schema *params_schema;
	rpc_method_fn call;
	void *ctx;
};

/* A service lives until it is destroyed and its last call has been answered. */
struct rpc_service *rpc_service_ref(struct rpc_service *service);
void rpc_service_unref(struct rpc_service *service);

/* Calls that wait for a turn, or for their client to read. */
LIST_HEAD(call_list, rpc_call);
struct call_list *rpc_service_resting(struct rpc_service *service);

/* Go on with all of them at once; the service has been destroyed, so it does not take long. */
void rpc_calls_finish(struct call_list *resting);

/* NULL: there is none of that name. */
const struct bound_method *rpc_service_find(const struct rpc_service *service, const char *name);

struct audit *rpc_service_log(const struct rpc_service *service); /* NULL: none */
bool rpc_service_stopped(const struct rpc_service *service); /* it has been destroyed */

/*
 * Check the caller's role and the parameters (NULL: none), and run the method. Returns as an
 * rpc_method_fn does.
 */
json_t *rpc_service_run(const struct rpc_service *service, const struct bound_method *method,
	struct rpc_call *call, json_t *params, struct fault *fault);

#endif
