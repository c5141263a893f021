/* SPDX-License-Identifier: BSD-3-Clause */
/* flow.install, flow.replace, flow.remove (flow_methods.c); flow.list, flow.get (flow_show.c) */
#ifndef CTRL_RPC_FLOW_METHODS_H
#define CTRL_RPC_FLOW_METHODS_H

#include <jansson.h>

#include "rpc/call.h"

/* Each an rpc_method_fn; ctx is a struct methods_context. */
json_t *flow_install(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *flow_replace(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *flow_remove(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *flow_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *flow_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
