/* SPDX-License-Identifier: BSD-3-Clause */
/* counters.top */
#ifndef CTRL_RPC_TOP_METHODS_H
#define CTRL_RPC_TOP_METHODS_H

#include <jansson.h>

#include "rpc/call.h"

/* An rpc_method_fn; ctx is a struct methods_context. */
json_t *counters_top(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
