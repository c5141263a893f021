/* SPDX-License-Identifier: BSD-3-Clause */
/* counters.get, counters.top */
#ifndef CTRL_RPC_COUNTER_METHODS_H
#define CTRL_RPC_COUNTER_METHODS_H

#include <jansson.h>

#include "rpc/dispatch.h"

/* An rpc_method_fn; ctx is a struct methods_context. */
json_t *counters_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

/* An rpc_method_fn; ctx is a struct methods_context. */
json_t *counters_top(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
