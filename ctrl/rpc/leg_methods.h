/* SPDX-License-Identifier: BSD-3-Clause */
/* leg.join, leg.leave, flow.admin */
#ifndef CTRL_RPC_LEG_METHODS_H
#define CTRL_RPC_LEG_METHODS_H

#include <jansson.h>

#include "rpc/call.h"

/* Each an rpc_method_fn; ctx is a struct methods_context. */
json_t *leg_join(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *leg_leave(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);
json_t *flow_admin(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
