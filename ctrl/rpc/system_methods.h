/* SPDX-License-Identifier: BSD-3-Clause */
/* system.info, port.list */
#ifndef CTRL_RPC_SYSTEM_METHODS_H
#define CTRL_RPC_SYSTEM_METHODS_H

#include <jansson.h>

#include "rpc/dispatch.h"

/* An rpc_method_fn; ctx is a struct methods_context. */
json_t *system_info(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

/* An rpc_method_fn; ctx is a struct methods_context. */
json_t *port_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault);

#endif
